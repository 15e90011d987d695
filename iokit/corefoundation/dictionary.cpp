// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
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

std::string describe_with(CFDictionaryCopyDescriptionCallBack callback, const void* value) {
    if (callback != nullptr) return cf::describe(value);
    char text[24];
    std::snprintf(text, sizeof text, "%p", value);
    return text;
}

}  // namespace

Dictionary::Dictionary(const CFDictionaryKeyCallBacks* keys,
                       const CFDictionaryValueCallBacks* values, bool is_mutable)
    : Object(kType),
      is_mutable(is_mutable),
      keys_(keys != nullptr ? *keys : CFDictionaryKeyCallBacks{}),
      values_(values != nullptr ? *values : CFDictionaryValueCallBacks{}),
      map_(0, KeyRules{keys_.equal, keys_.hash}, KeyRules{keys_.equal, keys_.hash}) {}

bool Dictionary::same_value(const void* a, const void* b) const {
    return a == b || (values_.equal != nullptr && values_.equal(a, b));
}

bool Dictionary::equals(const Object& other) const {
    const auto& dictionary = static_cast<const Dictionary&>(other);
    if (map_.size() != dictionary.map_.size()) return false;
    return std::all_of(map_.begin(), map_.end(), [&](const auto& entry) {
        const auto [value, present] = dictionary.get(entry.first);
        return present && same_value(entry.second, value);
    });
}

std::string Dictionary::describe() const {
    std::vector<std::string> lines;
    for (const auto& [key, value] : map_) {
        lines.push_back(describe_with(keys_.copyDescription, key) + " = " +
                        describe_with(values_.copyDescription, value));
    }
    std::sort(lines.begin(), lines.end());
    std::string text = "{";
    for (const std::string& line : lines) text += (text.size() > 1 ? ", " : "") + line;
    return text + "}";
}

std::pair<const void*, bool> Dictionary::get(const void* key) const {
    const auto found = map_.find(key);
    return found == map_.end() ? std::pair<const void*, bool>{nullptr, false}
                               : std::pair{found->second, true};
}

void Dictionary::put(const void* key, const void* value, Put when) {
    const auto found = map_.find(key);
    const bool there = found != map_.end();
    if (there ? when == Put::if_new : when == Put::if_there) return;
    if (values_.retain != nullptr) value = values_.retain(nullptr, value);
    if (there) {
        const void* old = std::exchange(found->second, value);
        if (values_.release != nullptr) values_.release(nullptr, old);
        return;
    }
    if (keys_.retain != nullptr) key = keys_.retain(nullptr, key);
    map_.emplace(key, value);
}

void Dictionary::remove(const void* key) {
    const auto found = map_.find(key);
    if (found == map_.end()) return;
    const auto [own_key, value] = *found;
    map_.erase(found);
    if (keys_.release != nullptr) keys_.release(nullptr, own_key);
    if (values_.release != nullptr) values_.release(nullptr, value);
}

void Dictionary::clear() {
    const Map entries = std::exchange(map_, Map(0, map_.hash_function(), map_.key_eq()));
    for (const auto& [key, value] : entries) {
        if (keys_.release != nullptr) keys_.release(nullptr, key);
        if (values_.release != nullptr) values_.release(nullptr, value);
    }
}

namespace {

Dictionary* copy_of(CFDictionaryRef ref, bool is_mutable, const char* function) {
    const auto& from = to<Dictionary>(ref, function);
    auto* copy = new Dictionary(&from.key_callbacks(), &from.value_callbacks(), is_mutable);
    for (const auto& [key, value] : from.map()) copy->put(key, value, Dictionary::Put::always);
    return copy;
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFDictionaryKeyCallBacks kCFTypeDictionaryKeyCallBacks = {
    0, retain_value, release_value, CFCopyDescription, CFEqual, CFHash};
const CFDictionaryKeyCallBacks kCFCopyStringDictionaryKeyCallBacks = {
    0, copy_string, release_value, CFCopyDescription, CFEqual, CFHash};
const CFDictionaryValueCallBacks kCFTypeDictionaryValueCallBacks = {0, retain_value, release_value,
                                                                    CFCopyDescription, CFEqual};

CFTypeID CFDictionaryGetTypeID(void) {
    return static_cast<CFTypeID>(Type::dictionary);
}

CFDictionaryRef CFDictionaryCreate(CFAllocatorRef, const void** keys, const void** values,
                                   CFIndex numValues, const CFDictionaryKeyCallBacks* keyCallBacks,
                                   const CFDictionaryValueCallBacks* valueCallBacks) {
    auto* dictionary = new Dictionary(keyCallBacks, valueCallBacks, false);
    for (CFIndex i = 0; i < numValues; ++i)
        dictionary->put(keys[i], values[i], Dictionary::Put::always);
    return to_ref<CFDictionaryRef>(dictionary);
}

CFDictionaryRef CFDictionaryCreateCopy(CFAllocatorRef, CFDictionaryRef theDict) {
    return to_ref<CFDictionaryRef>(copy_of(theDict, false, "CFDictionaryCreateCopy"));
}

CFMutableDictionaryRef CFDictionaryCreateMutable(CFAllocatorRef, CFIndex,
                                                 const CFDictionaryKeyCallBacks* keyCallBacks,
                                                 const CFDictionaryValueCallBacks* valueCallBacks) {
    return to_ref<CFMutableDictionaryRef>(new Dictionary(keyCallBacks, valueCallBacks, true));
}

CFMutableDictionaryRef CFDictionaryCreateMutableCopy(CFAllocatorRef, CFIndex,
                                                     CFDictionaryRef theDict) {
    return to_ref<CFMutableDictionaryRef>(copy_of(theDict, true, "CFDictionaryCreateMutableCopy"));
}

CFIndex CFDictionaryGetCount(CFDictionaryRef theDict) {
    return static_cast<CFIndex>(to<Dictionary>(theDict, "CFDictionaryGetCount").map().size());
}

CFIndex CFDictionaryGetCountOfKey(CFDictionaryRef theDict, const void* key) {
    return CFDictionaryContainsKey(theDict, key) ? 1 : 0;
}

CFIndex CFDictionaryGetCountOfValue(CFDictionaryRef theDict, const void* value) {
    const auto& dictionary = to<Dictionary>(theDict, "CFDictionaryGetCountOfValue");
    return std::count_if(dictionary.map().begin(), dictionary.map().end(), [&](const auto& entry) {
        return dictionary.same_value(entry.second, value);
    });
}

Boolean CFDictionaryContainsKey(CFDictionaryRef theDict, const void* key) {
    return to<Dictionary>(theDict, "CFDictionaryContainsKey").get(key).second;
}

Boolean CFDictionaryContainsValue(CFDictionaryRef theDict, const void* value) {
    return CFDictionaryGetCountOfValue(theDict, value) > 0;
}

const void* CFDictionaryGetValue(CFDictionaryRef theDict, const void* key) {
    return to<Dictionary>(theDict, "CFDictionaryGetValue").get(key).first;
}

Boolean CFDictionaryGetValueIfPresent(CFDictionaryRef theDict, const void* key,
                                      const void** value) {
    const auto [found, present] = to<Dictionary>(theDict, "CFDictionaryGetValueIfPresent").get(key);
    if (present && value != nullptr) *value = found;
    return present;
}

void CFDictionaryGetKeysAndValues(CFDictionaryRef theDict, const void** keys, const void** values) {
    size_t i = 0;
    for (const auto& [key, value] : to<Dictionary>(theDict, "CFDictionaryGetKeysAndValues").map()) {
        if (keys != nullptr) keys[i] = key;
        if (values != nullptr) values[i] = value;
        ++i;
    }
}

void CFDictionaryApplyFunction(CFDictionaryRef theDict, CFDictionaryApplierFunction applier,
                               void* context) {
    for (const auto& [key, value] : to<Dictionary>(theDict, "CFDictionaryApplyFunction").map()) {
        applier(key, value, context);
    }
}

void CFDictionaryAddValue(CFMutableDictionaryRef theDict, const void* key, const void* value) {
    to_mutable<Dictionary>(theDict, "CFDictionaryAddValue")
        .put(key, value, Dictionary::Put::if_new);
}

void CFDictionarySetValue(CFMutableDictionaryRef theDict, const void* key, const void* value) {
    to_mutable<Dictionary>(theDict, "CFDictionarySetValue")
        .put(key, value, Dictionary::Put::always);
}

void CFDictionaryReplaceValue(CFMutableDictionaryRef theDict, const void* key, const void* value) {
    to_mutable<Dictionary>(theDict, "CFDictionaryReplaceValue")
        .put(key, value, Dictionary::Put::if_there);
}

void CFDictionaryRemoveValue(CFMutableDictionaryRef theDict, const void* key) {
    to_mutable<Dictionary>(theDict, "CFDictionaryRemoveValue").remove(key);
}

void CFDictionaryRemoveAllValues(CFMutableDictionaryRef theDict) {
    to_mutable<Dictionary>(theDict, "CFDictionaryRemoveAllValues").clear();
}
