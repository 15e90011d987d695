// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/hid/IOHIDElement.h>

#include <mutex>
#include <string>
#include <vector>

#include "families/hid/parse/report_descriptor.h"
#include "iokit/corefoundation/object.h"

namespace opendext::hid_client {

class Device;

/// An IOHIDElement: an element of a device's descriptor, or one that the program made.
class Element final : public cf::Object {
  public:
    static const cf::Type kType;
    /// Of a device. `parent` may be empty.
    Element(const hid::Element& what, cf::Weak<Device> device, cf::Owned<Element*> parent);
    /// A virtual one.
    Element(const hid::Element& what, cf::Owned<CFDictionaryRef> description);
    [[nodiscard]] bool equals(const Object& other) const override { return this == &other; }
    [[nodiscard]] std::string describe() const override;

    /// Whether it has everything that the dictionary names (NULL: nothing); keys that no element
    /// has do not fit.
    [[nodiscard]] bool fits(CFDictionaryRef matching) const;
    /// What was set, else what the descriptor says. Valid as long as the property is not set again.
    [[nodiscard]] CFTypeRef property(CFStringRef key) const;
    void set_property(CFStringRef key, CFTypeRef value);
    /// A number among the properties that were set.
    [[nodiscard]] std::optional<double> number_property(CFStringRef key) const;

    /// Told once, by the device: what is directly in it.
    void set_children(CFArrayRef children);
    [[nodiscard]] CFArrayRef children() const;
    /// The device goes: its elements do not keep each other any more.
    void orphan();

    void attach(Element& other);
    void detach(Element& other);
    [[nodiscard]] CFArrayRef copy_attached() const;

    const hid::Element what;
    const cf::Weak<Device> device;
    const bool is_virtual;
    [[nodiscard]] Element* parent() const;

  private:
    [[nodiscard]] CFDictionaryRef description() const;

    mutable std::mutex mutex_;
    cf::Owned<Element*> parent_;
    mutable cf::Owned<CFDictionaryRef> description_;
    cf::Owned<CFMutableDictionaryRef> set_;
    cf::Owned<CFArrayRef> children_;
    std::vector<cf::Owned<Element*>> attached_;
};

[[nodiscard]] inline IOHIDElementRef ref_of(const Element* element) {
    return cf::to_ref<IOHIDElementRef>(element);
}
/// The element behind a reference of the program; anything else is misuse.
[[nodiscard]] inline Element& element_of(const void* ref, const char* function) {
    return const_cast<Element&>(cf::to<Element>(ref, function));
}

[[nodiscard]] cf::Owned<CFNumberRef> new_number(int64_t value);
/// nullopt for what is no number.
[[nodiscard]] std::optional<int64_t> integer_of(CFTypeRef number);

}  // namespace opendext::hid_client
