// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "iokit/corefoundation/collections.h"

namespace opendext::cf {
namespace {

const void* retain_value(CFAllocatorRef, const void* value) {
    return CFRetain(value);
}
void release_value(CFAllocatorRef, const void* value) {
    CFRelease(value);
}
const void* copy_string(CFAllocatorRef allocator, const void* value) {
    return CFStringCreateCopy(allocator, static_cast<CFStringRef>(value));
}

}  // namespace

Set::Set(const CFSetCallBacks* callbacks, bool is_mutable)
    : Object(kType),
      is_mutable(is_mutable),
      callbacks_(callbacks != nullptr ? *callbacks : CFSetCallBacks{}),
      members_(0, KeyRules{callbacks_.equal, callbacks_.hash},
               KeyRules{callbacks_.equal, callbacks_.hash}) {}

bool Set::equals(const Object& other) const {
    const auto& set = static_cast<const Set&>(other);
    return members_.size() == set.members_.size() &&
           std::all_of(members_.begin(), members_.end(),
                       [&](const void* member) { return set.members_.contains(member); });
}

std::string Set::describe() const {
    std::vector<std::string> lines;
    if (callbacks_.copyDescription != nullptr) {
        for (const void* member : members_) lines.push_back(cf::describe(member));
    }
    std::sort(lines.begin(), lines.end());
    std::string text = "[";
    for (const std::string& line : lines) text += (text.size() > 1 ? ", " : "") + line;
    return text + "]";
}

void Set::put(const void* value, Dictionary::Put when) {
    const auto found = members_.find(value);
    const bool there = found != members_.end();
    if (there ? when == Dictionary::Put::if_new : when == Dictionary::Put::if_there) return;
    if (callbacks_.retain != nullptr) value = callbacks_.retain(nullptr, value);
    if (there) {
        const void* old = *found;
        members_.erase(found);
        if (callbacks_.release != nullptr) callbacks_.release(nullptr, old);
    }
    members_.insert(value);
}

void Set::remove(const void* value) {
    const auto found = members_.find(value);
    if (found == members_.end()) return;
    const void* own = *found;
    members_.erase(found);
    if (callbacks_.release != nullptr) callbacks_.release(nullptr, own);
}

void Set::clear() {
    const Members members =
        std::exchange(members_, Members(0, members_.hash_function(), members_.key_eq()));
    if (callbacks_.release == nullptr) return;
    for (const void* member : members) callbacks_.release(nullptr, member);
}

namespace {

Set* copy_of(CFSetRef ref, bool is_mutable, const char* function) {
    const auto& from = to<Set>(ref, function);
    auto* copy = new Set(&from.callbacks(), is_mutable);
    for (const void* member : from.members()) copy->put(member, Dictionary::Put::always);
    return copy;
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFSetCallBacks kCFTypeSetCallBacks = {0,       retain_value, release_value, CFCopyDescription,
                                            CFEqual, CFHash};
const CFSetCallBacks kCFCopyStringSetCallBacks = {
    0, copy_string, release_value, CFCopyDescription, CFEqual, CFHash};

CFTypeID CFSetGetTypeID(void) {
    return static_cast<CFTypeID>(Type::set);
}

CFSetRef CFSetCreate(CFAllocatorRef, const void** values, CFIndex numValues,
                     const CFSetCallBacks* callBacks) {
    auto* set = new Set(callBacks, false);
    for (CFIndex i = 0; i < numValues; ++i) set->put(values[i], Dictionary::Put::if_new);
    return to_ref<CFSetRef>(set);
}

CFSetRef CFSetCreateCopy(CFAllocatorRef, CFSetRef theSet) {
    return to_ref<CFSetRef>(copy_of(theSet, false, "CFSetCreateCopy"));
}

CFMutableSetRef CFSetCreateMutable(CFAllocatorRef, CFIndex, const CFSetCallBacks* callBacks) {
    return to_ref<CFMutableSetRef>(new Set(callBacks, true));
}

CFMutableSetRef CFSetCreateMutableCopy(CFAllocatorRef, CFIndex, CFSetRef theSet) {
    return to_ref<CFMutableSetRef>(copy_of(theSet, true, "CFSetCreateMutableCopy"));
}

CFIndex CFSetGetCount(CFSetRef theSet) {
    return static_cast<CFIndex>(to<Set>(theSet, "CFSetGetCount").members().size());
}

CFIndex CFSetGetCountOfValue(CFSetRef theSet, const void* value) {
    return CFSetContainsValue(theSet, value) ? 1 : 0;
}

Boolean CFSetContainsValue(CFSetRef theSet, const void* value) {
    return to<Set>(theSet, "CFSetContainsValue").members().contains(value);
}

const void* CFSetGetValue(CFSetRef theSet, const void* value) {
    const void* found = nullptr;
    return CFSetGetValueIfPresent(theSet, value, &found) ? found : nullptr;
}

Boolean CFSetGetValueIfPresent(CFSetRef theSet, const void* candidate, const void** value) {
    const auto& set = to<Set>(theSet, "CFSetGetValueIfPresent");
    const auto found = set.members().find(candidate);
    if (found == set.members().end()) return FALSE;
    if (value != nullptr) *value = *found;
    return TRUE;
}

void CFSetGetValues(CFSetRef theSet, const void** values) {
    const auto& set = to<Set>(theSet, "CFSetGetValues");
    std::copy(set.members().begin(), set.members().end(), values);
}

void CFSetApplyFunction(CFSetRef theSet, CFSetApplierFunction applier, void* context) {
    for (const void* member : to<Set>(theSet, "CFSetApplyFunction").members())
        applier(member, context);
}

void CFSetAddValue(CFMutableSetRef theSet, const void* value) {
    to_mutable<Set>(theSet, "CFSetAddValue").put(value, Dictionary::Put::if_new);
}

void CFSetReplaceValue(CFMutableSetRef theSet, const void* value) {
    to_mutable<Set>(theSet, "CFSetReplaceValue").put(value, Dictionary::Put::if_there);
}

void CFSetSetValue(CFMutableSetRef theSet, const void* value) {
    to_mutable<Set>(theSet, "CFSetSetValue").put(value, Dictionary::Put::always);
}

void CFSetRemoveValue(CFMutableSetRef theSet, const void* value) {
    to_mutable<Set>(theSet, "CFSetRemoveValue").remove(value);
}

void CFSetRemoveAllValues(CFMutableSetRef theSet) {
    to_mutable<Set>(theSet, "CFSetRemoveAllValues").clear();
}
