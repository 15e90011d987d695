/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSMAPPEDFILE_H
#define DRIVERKIT_OSMAPPEDFILE_H

#include <DriverKit/OSObject.h>

struct OSMappedFile_IVars;
extern OPENDEXT_EXPORT OSMetaClass* gOSMappedFileMetaClass;

/* A file in memory, read-only. A driver can read the files of its own bundle and no others.
 * Signatures: docs/facts/driverkit-api.csv. */
class OPENDEXT_EXPORT OSMappedFile : public OSObject {
  public:
    using super = OSObject;

    /* `path`: absolute and below the bundle, or relative to the bundle; without "." and "..", and
     * no part of it a symbolic link (kIOReturnNotPermitted). There are no options yet (0, else
     * kIOReturnBadArgument). Accesses up to `minGuardSize` bytes before and behind the pages of the
     * file fault. kIOReturnNotReady while the driver is being loaded. The caller releases the
     * result. */
    static kern_return_t createFromPath(const char* path, uint64_t options, size_t minGuardSize,
                                        OSMappedFile** outputMappedFile);

    bool init() override;
    void free() override;

    /* Valid as long as the object; NULL for an empty file. */
    const void* data() const;
    size_t size() const;

    OSMappedFile_IVars* ivars;
};

#endif /* DRIVERKIT_OSMAPPEDFILE_H */
