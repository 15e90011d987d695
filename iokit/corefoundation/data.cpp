// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/data.h"

#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>

namespace opendext::cf {

CFHashCode Data::hash() const {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string Data::describe() const {
    std::string text = "<";
    for (const UInt8 byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", byte);
        text += digits;
    }
    return text + ">";
}

namespace {

size_t checked(const Data& data, CFRange range, const char* function) {
    const auto size = static_cast<CFIndex>(data.bytes.size());
    if (range.location < 0 || range.length < 0 || range.location > size ||
        range.length > size - range.location) {
        misuse(function, "range is out of the data");
    }
    return static_cast<size_t>(range.location);
}

std::vector<UInt8> copy_of(const UInt8* bytes, CFIndex length, const char* function) {
    if (length < 0 || (bytes == nullptr && length > 0)) misuse(function, "bad bytes or length");
    return length == 0 ? std::vector<UInt8>() : std::vector<UInt8>(bytes, bytes + length);
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

CFTypeID CFDataGetTypeID(void) {
    return static_cast<CFTypeID>(Type::data);
}

CFDataRef CFDataCreate(CFAllocatorRef, const UInt8* bytes, CFIndex length) {
    return to_ref<CFDataRef>(new Data(copy_of(bytes, length, "CFDataCreate")));
}

CFDataRef CFDataCreateWithBytesNoCopy(CFAllocatorRef, const UInt8* bytes, CFIndex length,
                                      CFAllocatorRef bytesDeallocator) {
    CFDataRef data =
        to_ref<CFDataRef>(new Data(copy_of(bytes, length, "CFDataCreateWithBytesNoCopy")));
    // Copied after all; what is given is ours to free.
    CFAllocatorDeallocate(bytesDeallocator, const_cast<UInt8*>(bytes));
    return data;
}

CFDataRef CFDataCreateCopy(CFAllocatorRef, CFDataRef theData) {
    const auto& data = to<Data>(theData, "CFDataCreateCopy");
    if (data.is_mutable) return to_ref<CFDataRef>(new Data(data.bytes));
    data.retain();
    return theData;
}

CFMutableDataRef CFDataCreateMutable(CFAllocatorRef, CFIndex) {
    return to_ref<CFMutableDataRef>(new Data({}, true));
}

CFMutableDataRef CFDataCreateMutableCopy(CFAllocatorRef, CFIndex, CFDataRef theData) {
    return to_ref<CFMutableDataRef>(
        new Data(to<Data>(theData, "CFDataCreateMutableCopy").bytes, true));
}

CFIndex CFDataGetLength(CFDataRef theData) {
    return static_cast<CFIndex>(to<Data>(theData, "CFDataGetLength").bytes.size());
}

const UInt8* CFDataGetBytePtr(CFDataRef theData) {
    return to<Data>(theData, "CFDataGetBytePtr").bytes.data();
}

UInt8* CFDataGetMutableBytePtr(CFMutableDataRef theData) {
    return to_mutable<Data>(theData, "CFDataGetMutableBytePtr").bytes.data();
}

void CFDataGetBytes(CFDataRef theData, CFRange range, UInt8* buffer) {
    const auto& data = to<Data>(theData, "CFDataGetBytes");
    const size_t at = checked(data, range, "CFDataGetBytes");
    if (range.length > 0)
        std::memcpy(buffer, data.bytes.data() + at, static_cast<size_t>(range.length));
}

void CFDataSetLength(CFMutableDataRef theData, CFIndex length) {
    if (length < 0) misuse("CFDataSetLength", "length is negative");
    to_mutable<Data>(theData, "CFDataSetLength").bytes.resize(static_cast<size_t>(length));
}

void CFDataIncreaseLength(CFMutableDataRef theData, CFIndex extraLength) {
    const CFIndex length = CFDataGetLength(theData);
    if (extraLength < 0 || extraLength > std::numeric_limits<CFIndex>::max() - length)
        misuse("CFDataIncreaseLength", "extra length is negative or too much");
    CFDataSetLength(theData, length + extraLength);
}

void CFDataAppendBytes(CFMutableDataRef theData, const UInt8* bytes, CFIndex length) {
    auto& data = to_mutable<Data>(theData, "CFDataAppendBytes");
    const std::vector<UInt8> added = copy_of(bytes, length, "CFDataAppendBytes");
    data.bytes.insert(data.bytes.end(), added.begin(), added.end());
}

void CFDataReplaceBytes(CFMutableDataRef theData, CFRange range, const UInt8* newBytes,
                        CFIndex newLength) {
    auto& data = to_mutable<Data>(theData, "CFDataReplaceBytes");
    const auto at = static_cast<ptrdiff_t>(checked(data, range, "CFDataReplaceBytes"));
    const std::vector<UInt8> added = copy_of(newBytes, newLength, "CFDataReplaceBytes");
    data.bytes.erase(data.bytes.begin() + at, data.bytes.begin() + at + range.length);
    data.bytes.insert(data.bytes.begin() + at, added.begin(), added.end());
}

void CFDataDeleteBytes(CFMutableDataRef theData, CFRange range) {
    CFDataReplaceBytes(theData, range, nullptr, 0);
}

CFRange CFDataFind(CFDataRef theData, CFDataRef dataToFind, CFRange searchRange,
                   CFDataSearchFlags compareOptions) {
    const auto& data = to<Data>(theData, "CFDataFind");
    const auto& wanted = to<Data>(dataToFind, "CFDataFind");
    const size_t begin = checked(data, searchRange, "CFDataFind");
    const std::string_view text(reinterpret_cast<const char*>(data.bytes.data()) + begin,
                                static_cast<size_t>(searchRange.length));
    const std::string_view what(reinterpret_cast<const char*>(wanted.bytes.data()),
                                wanted.bytes.size());
    const bool backwards = (compareOptions & kCFDataSearchBackwards) != 0;
    const bool anchored = (compareOptions & kCFDataSearchAnchored) != 0;
    size_t at = backwards ? text.rfind(what) : text.find(what);
    if (anchored && at != (backwards ? text.size() - what.size() : 0)) at = std::string_view::npos;
    if (what.empty() || at == std::string_view::npos) return CFRangeMake(kCFNotFound, 0);
    return CFRangeMake(static_cast<CFIndex>(begin + at), static_cast<CFIndex>(what.size()));
}
