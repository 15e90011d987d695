// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

const void* retain_value(CFAllocatorRef, const void* value) {
    return CFRetain(value);
}
void release_value(CFAllocatorRef, const void* value) {
    CFRelease(value);
}

}  // namespace

Array::Array(const CFArrayCallBacks* callbacks, bool is_mutable)
    : Object(kType), is_mutable(is_mutable) {
    if (callbacks != nullptr) callbacks_ = *callbacks;
}

bool Array::same(const void* a, const void* b) const {
    return a == b || (callbacks_.equal != nullptr && callbacks_.equal(a, b));
}

bool Array::equals(const Object& other) const {
    const auto& array = static_cast<const Array&>(other);
    return std::equal(values_.begin(), values_.end(), array.values_.begin(), array.values_.end(),
                      [this](const void* a, const void* b) { return same(a, b); });
}

std::string Array::describe() const {
    std::string text = "(";
    for (const void* value : values_) {
        if (text.size() > 1) text += ", ";
        if (callbacks_.copyDescription == nullptr) {
            char pointer[24];
            std::snprintf(pointer, sizeof pointer, "%p", value);
            text += pointer;
        } else {
            text += cf::describe(value);
        }
    }
    return text + ")";
}

void Array::insert(CFIndex index, const void* value) {
    if (callbacks_.retain != nullptr) value = callbacks_.retain(nullptr, value);
    values_.insert(values_.begin() + index, value);
}

void Array::remove(CFIndex index) {
    const void* value = values_[static_cast<size_t>(index)];
    values_.erase(values_.begin() + index);
    if (callbacks_.release != nullptr) callbacks_.release(nullptr, value);
}

void Array::clear() {
    while (!values_.empty()) remove(static_cast<CFIndex>(values_.size()) - 1);
}

namespace {

void check_index(const Array& array, CFIndex index, CFIndex limit, const char* function) {
    if (index < 0 || index >= limit) {
        misuse(function, "index " + std::to_string(index) + " is out of an array of " +
                             std::to_string(array.values().size()));
    }
}

void check_range(const Array& array, CFRange range, const char* function) {
    const auto count = static_cast<CFIndex>(array.values().size());
    if (range.location < 0 || range.length < 0 || range.location > count ||
        range.length > count - range.location) {
        misuse(function, "range is out of the array");
    }
}

Array* filled(const void* const* values, CFIndex count, const CFArrayCallBacks* callbacks,
              bool is_mutable) {
    auto* array = new Array(callbacks, is_mutable);
    for (CFIndex i = 0; i < count; ++i) array->append(values[i]);
    return array;
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFArrayCallBacks kCFTypeArrayCallBacks = {0, retain_value, release_value, CFCopyDescription,
                                                CFEqual};

CFTypeID CFArrayGetTypeID(void) {
    return static_cast<CFTypeID>(Type::array);
}

CFArrayRef CFArrayCreate(CFAllocatorRef, const void** values, CFIndex numValues,
                         const CFArrayCallBacks* callBacks) {
    return to_ref<CFArrayRef>(filled(values, numValues, callBacks, false));
}

CFArrayRef CFArrayCreateCopy(CFAllocatorRef, CFArrayRef theArray) {
    const auto& array = to<Array>(theArray, "CFArrayCreateCopy");
    return to_ref<CFArrayRef>(filled(array.values().data(),
                                     static_cast<CFIndex>(array.values().size()),
                                     &array.callbacks(), false));
}

CFMutableArrayRef CFArrayCreateMutable(CFAllocatorRef, CFIndex, const CFArrayCallBacks* callBacks) {
    return to_ref<CFMutableArrayRef>(new Array(callBacks, true));
}

CFMutableArrayRef CFArrayCreateMutableCopy(CFAllocatorRef, CFIndex, CFArrayRef theArray) {
    const auto& array = to<Array>(theArray, "CFArrayCreateMutableCopy");
    return to_ref<CFMutableArrayRef>(filled(array.values().data(),
                                            static_cast<CFIndex>(array.values().size()),
                                            &array.callbacks(), true));
}

CFIndex CFArrayGetCount(CFArrayRef theArray) {
    return static_cast<CFIndex>(to<Array>(theArray, "CFArrayGetCount").values().size());
}

CFIndex CFArrayGetCountOfValue(CFArrayRef theArray, CFRange range, const void* value) {
    const auto& array = to<Array>(theArray, "CFArrayGetCountOfValue");
    check_range(array, range, "CFArrayGetCountOfValue");
    const auto begin = array.values().begin() + range.location;
    return std::count_if(begin, begin + range.length,
                         [&](const void* own) { return array.same(own, value); });
}

Boolean CFArrayContainsValue(CFArrayRef theArray, CFRange range, const void* value) {
    return CFArrayGetCountOfValue(theArray, range, value) > 0;
}

const void* CFArrayGetValueAtIndex(CFArrayRef theArray, CFIndex idx) {
    const auto& array = to<Array>(theArray, "CFArrayGetValueAtIndex");
    check_index(array, idx, static_cast<CFIndex>(array.values().size()), "CFArrayGetValueAtIndex");
    return array.values()[static_cast<size_t>(idx)];
}

void CFArrayGetValues(CFArrayRef theArray, CFRange range, const void** values) {
    const auto& array = to<Array>(theArray, "CFArrayGetValues");
    check_range(array, range, "CFArrayGetValues");
    std::copy_n(array.values().begin() + range.location, range.length, values);
}

void CFArrayApplyFunction(CFArrayRef theArray, CFRange range, CFArrayApplierFunction applier,
                          void* context) {
    check_range(to<Array>(theArray, "CFArrayApplyFunction"), range, "CFArrayApplyFunction");
    for (CFIndex i = 0; i < range.length; ++i)
        applier(CFArrayGetValueAtIndex(theArray, range.location + i), context);
}

CFIndex CFArrayGetFirstIndexOfValue(CFArrayRef theArray, CFRange range, const void* value) {
    const auto& array = to<Array>(theArray, "CFArrayGetFirstIndexOfValue");
    check_range(array, range, "CFArrayGetFirstIndexOfValue");
    for (CFIndex i = range.location; i < range.location + range.length; ++i) {
        if (array.same(array.values()[static_cast<size_t>(i)], value)) return i;
    }
    return kCFNotFound;
}

CFIndex CFArrayGetLastIndexOfValue(CFArrayRef theArray, CFRange range, const void* value) {
    const auto& array = to<Array>(theArray, "CFArrayGetLastIndexOfValue");
    check_range(array, range, "CFArrayGetLastIndexOfValue");
    for (CFIndex i = range.location + range.length - 1; i >= range.location; --i) {
        if (array.same(array.values()[static_cast<size_t>(i)], value)) return i;
    }
    return kCFNotFound;
}

void CFArrayAppendValue(CFMutableArrayRef theArray, const void* value) {
    to_mutable<Array>(theArray, "CFArrayAppendValue").append(value);
}

void CFArrayInsertValueAtIndex(CFMutableArrayRef theArray, CFIndex idx, const void* value) {
    auto& array = to_mutable<Array>(theArray, "CFArrayInsertValueAtIndex");
    check_index(array, idx, static_cast<CFIndex>(array.values().size()) + 1,
                "CFArrayInsertValueAtIndex");
    array.insert(idx, value);
}

void CFArraySetValueAtIndex(CFMutableArrayRef theArray, CFIndex idx, const void* value) {
    auto& array = to_mutable<Array>(theArray, "CFArraySetValueAtIndex");
    const auto count = static_cast<CFIndex>(array.values().size());
    check_index(array, idx, count + 1, "CFArraySetValueAtIndex");
    array.insert(idx, value);
    if (idx < count) array.remove(idx + 1);
}

void CFArrayRemoveValueAtIndex(CFMutableArrayRef theArray, CFIndex idx) {
    auto& array = to_mutable<Array>(theArray, "CFArrayRemoveValueAtIndex");
    check_index(array, idx, static_cast<CFIndex>(array.values().size()),
                "CFArrayRemoveValueAtIndex");
    array.remove(idx);
}

void CFArrayRemoveAllValues(CFMutableArrayRef theArray) {
    to_mutable<Array>(theArray, "CFArrayRemoveAllValues").clear();
}

void CFArrayExchangeValuesAtIndices(CFMutableArrayRef theArray, CFIndex idx1, CFIndex idx2) {
    auto& array = to_mutable<Array>(theArray, "CFArrayExchangeValuesAtIndices");
    const auto count = static_cast<CFIndex>(array.values().size());
    check_index(array, idx1, count, "CFArrayExchangeValuesAtIndices");
    check_index(array, idx2, count, "CFArrayExchangeValuesAtIndices");
    std::swap(array.raw()[static_cast<size_t>(idx1)], array.raw()[static_cast<size_t>(idx2)]);
}

void CFArraySortValues(CFMutableArrayRef theArray, CFRange range, CFComparatorFunction comparator,
                       void* context) {
    auto& array = to_mutable<Array>(theArray, "CFArraySortValues");
    check_range(array, range, "CFArraySortValues");
    const auto begin = array.raw().begin() + range.location;
    std::stable_sort(begin, begin + range.length, [&](const void* a, const void* b) {
        return comparator(a, b, context) == kCFCompareLessThan;
    });
}

void CFArrayAppendArray(CFMutableArrayRef theArray, CFArrayRef otherArray, CFRange otherRange) {
    auto& array = to_mutable<Array>(theArray, "CFArrayAppendArray");
    const auto& other = to<Array>(otherArray, "CFArrayAppendArray");
    check_range(other, otherRange, "CFArrayAppendArray");
    for (CFIndex i = 0; i < otherRange.length; ++i) {
        array.append(other.values()[static_cast<size_t>(otherRange.location + i)]);
    }
}

CFIndex CFArrayBSearchValues(CFArrayRef theArray, CFRange range, const void* value,
                             CFComparatorFunction comparator, void* context) {
    const auto& array = to<Array>(theArray, "CFArrayBSearchValues");
    check_range(array, range, "CFArrayBSearchValues");
    const auto begin = array.values().begin();
    const auto first = begin + range.location;
    return std::lower_bound(first, first + range.length, value,
                            [&](const void* own, const void* wanted) {
                                return comparator(own, wanted, context) == kCFCompareLessThan;
                            }) -
           begin;
}

void CFArrayReplaceValues(CFMutableArrayRef theArray, CFRange range, const void** newValues,
                          CFIndex newCount) {
    auto& array = to_mutable<Array>(theArray, "CFArrayReplaceValues");
    check_range(array, range, "CFArrayReplaceValues");
    // In first, so that what is in both is never without a reference.
    for (CFIndex i = 0; i < newCount; ++i)
        array.insert(range.location + range.length + i, newValues[i]);
    for (CFIndex i = 0; i < range.length; ++i) array.remove(range.location);
}
