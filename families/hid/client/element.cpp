// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/element.h"

#include <cstdio>

#include "families/hid/client/device.h"
#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/number.h"
#include "iokit/corefoundation/string.h"

namespace opendext::hid_client {

const cf::Type Element::kType = cf::add_type("IOHIDElement");

cf::Owned<CFNumberRef> new_number(int64_t value) {
    return cf::Owned(cf::to_ref<CFNumberRef>(new cf::Number(kCFNumberSInt64Type, value)));
}

std::optional<int64_t> integer_of(CFTypeRef number) {
    if (number == nullptr || cf::to_object(number)->type() != cf::Type::number) return std::nullopt;
    const auto& own = static_cast<const cf::Number&>(*cf::to_object(number));
    return own.is_float() ? static_cast<int64_t>(own.floating) : own.integer;
}

namespace {

cf::Owned<CFMutableDictionaryRef> new_dictionary() {
    return cf::Owned(CFDictionaryCreateMutable(nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                                               &kCFTypeDictionaryValueCallBacks));
}

void put(CFMutableDictionaryRef into, CFStringRef key, int64_t value) {
    CFDictionarySetValue(into, key, new_number(value).get());
}

/// What programs may match by, below the keys of IOHIDKeys.h.
cf::Owned<CFDictionaryRef> described(const hid::Element& what) {
    cf::Owned<CFMutableDictionaryRef> made = new_dictionary();
    CFMutableDictionaryRef into = made.get();
    put(into, CFSTR(kIOHIDElementCookieKey), what.cookie);
    put(into, CFSTR(kIOHIDElementTypeKey), static_cast<int64_t>(what.type));
    put(into, CFSTR(kIOHIDElementUsagePageKey), what.usage_page);
    put(into, CFSTR(kIOHIDElementUsageKey), what.usage);
    if (what.is_collection()) {
        put(into, CFSTR(kIOHIDElementCollectionTypeKey),
            static_cast<int64_t>(what.collection_type));
    } else {
        put(into, CFSTR(kIOHIDElementReportIDKey), what.report_id);
        put(into, CFSTR(kIOHIDElementSizeKey), static_cast<int64_t>(what.total_bits()));
        put(into, CFSTR(kIOHIDElementReportSizeKey), what.bits);
        put(into, CFSTR(kIOHIDElementReportCountKey), what.count);
        put(into, CFSTR(kIOHIDElementMinKey), what.logical_min);
        put(into, CFSTR(kIOHIDElementMaxKey), what.logical_max);
        put(into, CFSTR(kIOHIDElementScaledMinKey), what.physical_min);
        put(into, CFSTR(kIOHIDElementScaledMaxKey), what.physical_max);
        put(into, CFSTR(kIOHIDElementUnitKey), what.unit);
        put(into, CFSTR(kIOHIDElementUnitExponentKey), what.unit_exponent);
        put(into, CFSTR(kIOHIDElementFlagsKey), what.flags);
        const auto flag = [&](CFStringRef key, bool is) {
            CFDictionarySetValue(into, key, is ? kCFBooleanTrue : kCFBooleanFalse);
        };
        flag(CFSTR(kIOHIDElementIsArrayKey), (what.flags & hid::flag_variable) == 0);
        flag(CFSTR(kIOHIDElementIsRelativeKey), what.is_relative());
        flag(CFSTR(kIOHIDElementIsWrappingKey), (what.flags & hid::flag_wrap) != 0);
        flag(CFSTR(kIOHIDElementIsNonLinearKey), (what.flags & hid::flag_nonlinear) != 0);
        flag(CFSTR(kIOHIDElementHasPreferredStateKey), (what.flags & hid::flag_no_preferred) == 0);
        flag(CFSTR(kIOHIDElementHasNullStateKey), (what.flags & hid::flag_null_state) != 0);
    }
    if (what.parent != hid::no_cookie)
        put(into, CFSTR(kIOHIDElementParentCollectionKey), what.parent);
    return cf::Owned<CFDictionaryRef>(made.release());
}

/// Keys that give a range in place of a value.
struct RangeKey {
    const char* key;
    int64_t (*value)(const hid::Element&);
    bool at_least;
};
constexpr RangeKey kRangeKeys[] = {
    {kIOHIDElementCookieMinKey, [](const hid::Element& e) { return int64_t{e.cookie}; }, true},
    {kIOHIDElementCookieMaxKey, [](const hid::Element& e) { return int64_t{e.cookie}; }, false},
    {kIOHIDElementUsageMinKey, [](const hid::Element& e) { return int64_t{e.usage}; }, true},
    {kIOHIDElementUsageMaxKey, [](const hid::Element& e) { return int64_t{e.usage}; }, false},
};

const RangeKey* range_key(std::string_view name) {
    for (const RangeKey& known : kRangeKeys) {
        if (name == known.key) return &known;
    }
    return nullptr;
}

/// Numbers and booleans by their value, whatever type the program gave them; numbers of 32 bits
/// with and without sign are the same.
bool same(CFTypeRef wanted, CFTypeRef have) {
    if (cf::equal(wanted, have)) return true;
    const auto as_integer = [](CFTypeRef ref) -> std::optional<int64_t> {
        if (ref == kCFBooleanTrue || ref == kCFBooleanFalse) return ref == kCFBooleanTrue ? 1 : 0;
        return integer_of(ref);
    };
    const std::optional<int64_t> left = as_integer(wanted);
    const std::optional<int64_t> right = as_integer(have);
    if (!left || !right) return false;
    return *left == *right || (*left < 0 && static_cast<uint32_t>(*left) == *right);
}

}  // namespace

Element::Element(const hid::Element& what, cf::Weak<Device> device, cf::Owned<Element*> parent)
    : Object(kType),
      what(what),
      device(std::move(device)),
      is_virtual(false),
      parent_(std::move(parent)) {}

Element::Element(const hid::Element& what, cf::Owned<CFDictionaryRef> description)
    : Object(kType), what(what), is_virtual(true), description_(std::move(description)) {}

std::string Element::describe() const {
    char text[160];
    std::snprintf(text, sizeof text, "<IOHIDElement %p cookie %u, %s, usage 0x%x/0x%x, report %u>",
                  static_cast<const void*>(this), what.cookie,
                  std::string(to_string(what.type)).c_str(), what.usage_page, what.usage,
                  what.report_id);
    return text;
}

CFDictionaryRef Element::description() const {
    // Under the lock: made when first asked for, since most elements are never matched.
    if (!description_) description_ = described(what);
    return description_.get();
}

bool Element::fits(CFDictionaryRef matching) const {
    if (matching == nullptr) return true;
    const auto& wanted = cf::to<cf::Dictionary>(matching, "matching of elements");
    for (const auto& [key, value] : wanted.map()) {
        if (const RangeKey* range = range_key(cf::text_of(key))) {
            const std::optional<int64_t> bound = integer_of(value);
            const int64_t own = range->value(what);
            if (!bound || (range->at_least ? own < *bound : own > *bound)) return false;
            continue;
        }
        CFTypeRef have = property(static_cast<CFStringRef>(key));
        if (have == nullptr || !same(value, have)) return false;
    }
    return true;
}

CFTypeRef Element::property(CFStringRef key) const {
    const std::lock_guard lock(mutex_);
    if (set_) {
        if (CFTypeRef value = CFDictionaryGetValue(set_.get(), key)) return value;
    }
    return CFDictionaryGetValue(description(), key);
}

void Element::set_property(CFStringRef key, CFTypeRef value) {
    const std::lock_guard lock(mutex_);
    if (!set_) set_ = new_dictionary();
    if (value == nullptr) {
        CFDictionaryRemoveValue(set_.get(), key);
    } else {
        CFDictionarySetValue(set_.get(), key, value);
    }
}

std::optional<double> Element::number_property(CFStringRef key) const {
    const std::lock_guard lock(mutex_);
    CFTypeRef value = set_ ? CFDictionaryGetValue(set_.get(), key) : nullptr;
    if (value == nullptr || cf::to_object(value)->type() != cf::Type::number) return std::nullopt;
    return static_cast<const cf::Number&>(*cf::to_object(value)).as_double();
}

void Element::set_children(CFArrayRef children) {
    const std::lock_guard lock(mutex_);
    children_ = cf::Owned<CFArrayRef>::share(children);
}

CFArrayRef Element::children() const {
    const std::lock_guard lock(mutex_);
    return children_.get();
}

Element* Element::parent() const {
    const std::lock_guard lock(mutex_);
    return parent_.get();
}

void Element::orphan() {
    cf::Owned<CFArrayRef> children;  // released without the lock
    std::vector<cf::Owned<Element*>> attached;
    const std::lock_guard lock(mutex_);
    std::swap(children, children_);
    attached.swap(attached_);
}

void Element::attach(Element& other) {
    const std::lock_guard lock(mutex_);
    for (const auto& known : attached_) {
        if (known.get() == &other) return;
    }
    attached_.push_back(cf::Owned<Element*>::share(&other));
}

void Element::detach(Element& other) {
    const auto kept = cf::Owned<Element*>::share(&other);
    const std::lock_guard lock(mutex_);
    std::erase_if(attached_, [&](const auto& known) { return known.get() == &other; });
}

CFArrayRef Element::copy_attached() const {
    const std::lock_guard lock(mutex_);
    if (attached_.empty()) return nullptr;
    CFMutableArrayRef made = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const auto& known : attached_) CFArrayAppendValue(made, known.get());
    return made;
}

}  // namespace opendext::hid_client
