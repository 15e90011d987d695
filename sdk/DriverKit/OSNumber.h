/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _OS_OSNUMBER_H
#define _OS_OSNUMBER_H

#include <DriverKit/OSContainer.h>

struct OSNumber_IVars;
extern __attribute__((visibility("default"))) OSMetaClass* gOSNumberMetaClass;

/* An integer of 1 to 64 bits. Immutable. Equal when the values are. */
class __attribute__((visibility("default"))) OSNumber : public OSContainer {
  public:
    using super = OSContainer;

    /* Bits of `value` above `numberOfBits` are dropped. NULL for more than 64 bits. */
    static OSNumberPtr withNumber(uint64_t value, size_t numberOfBits);
    /* Decimal, 0x… or 0…; NULL if the text is not a number. */
    static OSNumberPtr withNumber(const char* valueString, size_t numberOfBits);

    size_t numberOfBits() const;
    uint8_t unsigned8BitValue() const;
    uint16_t unsigned16BitValue() const;
    uint32_t unsigned32BitValue() const;
    uint64_t unsigned64BitValue() const;
    bool isEqualTo(const OSNumber* aNumber) const;
    bool isEqualTo(const OSMetaClassBase* anObject) const override;
    void free() override;

    OSNumber_IVars* ivars;
};

#endif /* _OS_OSNUMBER_H */
