// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFPropertyList.h>

#include <array>
#include <optional>

#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/error.h"
#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

using namespace opendext;
using namespace opendext::cf;

namespace {

void tell(CFErrorRef* error, CFIndex code, const std::string& words) {
    if (error != nullptr) *error = new_error(kCFErrorDomainCocoa, code, words);
}

CFPropertyListRef read(std::string_view bytes, CFOptionFlags options, CFPropertyListFormat* format,
                       CFErrorRef* error) {
    CFPropertyListFormat found{};
    Result<plist::Node> list = plist::read(bytes, options, found);
    if (!list.ok()) {
        tell(error,
             list.error().code == Errc::unsupported ? kCFPropertyListReadUnknownVersionError
                                                    : kCFPropertyListReadCorruptError,
             list.error().message);
        return nullptr;
    }
    if (format != nullptr) *format = found;
    return list->release();
}

/// All of the stream, or `length` bytes of it.
std::optional<std::string> read_stream(CFReadStreamRef stream, CFIndex length, CFErrorRef* error) {
    std::string bytes;
    std::array<UInt8, 16384> buffer;
    for (;;) {
        CFIndex room = static_cast<CFIndex>(buffer.size());
        if (length > 0) room = std::min(room, length - static_cast<CFIndex>(bytes.size()));
        if (room == 0) return bytes;
        const CFIndex count = CFReadStreamRead(stream, buffer.data(), room);
        if (count == 0) return bytes;
        if (count < 0) {
            const Owned cause(CFReadStreamCopyError(stream));
            tell(error, kCFPropertyListReadStreamError,
                 cause ? describe(cause.get()) : "the stream is not open");
            return std::nullopt;
        }
        bytes.append(buffer.begin(), buffer.begin() + count);
    }
}

/// The bytes of `list` in that form.
std::optional<std::string> write(CFPropertyListRef list, CFPropertyListFormat format,
                                 CFErrorRef* error) {
    if (format != kCFPropertyListXMLFormat_v1_0 && format != kCFPropertyListBinaryFormat_v1_0) {
        tell(error, kCFPropertyListWriteStreamError,
             "property lists are written as XML or binary only");
        return std::nullopt;
    }
    const Status checked = plist::check(list, format);
    if (!checked.ok()) {
        tell(error, kCFPropertyListWriteStreamError, checked.error().message);
        return std::nullopt;
    }
    return format == kCFPropertyListXMLFormat_v1_0 ? plist::write_xml(list)
                                                   : plist::write_binary(list);
}

/// Calls a function that gives an error, for one that gives its words.
template <typename Call>
auto with_words(CFStringRef* words, Call call) {
    CFErrorRef raw = nullptr;
    const auto result = call(words != nullptr ? &raw : nullptr);
    const Owned error(raw);
    if (words != nullptr) *words = error ? CFErrorCopyDescription(raw) : nullptr;
    return result;
}

}  // namespace

CFPropertyListRef CFPropertyListCreateDeepCopy(CFAllocatorRef, CFPropertyListRef propertyList,
                                               CFOptionFlags mutabilityOption) {
    return plist::deep_copy(propertyList, mutabilityOption);
}

Boolean CFPropertyListIsValid(CFPropertyListRef plist, CFPropertyListFormat format) {
    return plist::check(plist, format).ok();
}

CFPropertyListRef CFPropertyListCreateWithData(CFAllocatorRef, CFDataRef data,
                                               CFOptionFlags options, CFPropertyListFormat* format,
                                               CFErrorRef* error) {
    const std::vector<UInt8>& bytes = to<Data>(data, "CFPropertyListCreateWithData").bytes;
    return read({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, options, format,
                error);
}

CFPropertyListRef CFPropertyListCreateWithStream(CFAllocatorRef, CFReadStreamRef stream,
                                                 CFIndex streamLength, CFOptionFlags options,
                                                 CFPropertyListFormat* format, CFErrorRef* error) {
    const std::optional<std::string> bytes = read_stream(stream, streamLength, error);
    return bytes ? read(*bytes, options, format, error) : nullptr;
}

CFIndex CFPropertyListWrite(CFPropertyListRef propertyList, CFWriteStreamRef stream,
                            CFPropertyListFormat format, CFOptionFlags, CFErrorRef* error) {
    const std::optional<std::string> bytes = write(propertyList, format, error);
    if (!bytes) return 0;
    size_t done = 0;
    while (done < bytes->size()) {
        const CFIndex count =
            CFWriteStreamWrite(stream, reinterpret_cast<const UInt8*>(bytes->data()) + done,
                               static_cast<CFIndex>(bytes->size() - done));
        if (count <= 0) {
            const Owned cause(CFWriteStreamCopyError(stream));
            tell(error, kCFPropertyListWriteStreamError,
                 cause ? describe(cause.get()) : "the stream is not open");
            return 0;
        }
        done += static_cast<size_t>(count);
    }
    return static_cast<CFIndex>(done);
}

CFDataRef CFPropertyListCreateData(CFAllocatorRef, CFPropertyListRef propertyList,
                                   CFPropertyListFormat format, CFOptionFlags, CFErrorRef* error) {
    const std::optional<std::string> bytes = write(propertyList, format, error);
    return bytes ? CFDataCreate(nullptr, reinterpret_cast<const UInt8*>(bytes->data()),
                                static_cast<CFIndex>(bytes->size()))
                 : nullptr;
}

CFPropertyListRef CFPropertyListCreateFromXMLData(CFAllocatorRef allocator, CFDataRef xmlData,
                                                  CFOptionFlags mutabilityOption,
                                                  CFStringRef* errorString) {
    return with_words(errorString, [&](CFErrorRef* error) {
        return CFPropertyListCreateWithData(allocator, xmlData, mutabilityOption, nullptr, error);
    });
}

CFDataRef CFPropertyListCreateXMLData(CFAllocatorRef allocator, CFPropertyListRef propertyList) {
    return CFPropertyListCreateData(allocator, propertyList, kCFPropertyListXMLFormat_v1_0, 0,
                                    nullptr);
}

CFIndex CFPropertyListWriteToStream(CFPropertyListRef propertyList, CFWriteStreamRef stream,
                                    CFPropertyListFormat format, CFStringRef* errorString) {
    return with_words(errorString, [&](CFErrorRef* error) {
        return CFPropertyListWrite(propertyList, stream, format, 0, error);
    });
}

CFPropertyListRef CFPropertyListCreateFromStream(CFAllocatorRef allocator, CFReadStreamRef stream,
                                                 CFIndex streamLength,
                                                 CFOptionFlags mutabilityOption,
                                                 CFPropertyListFormat* format,
                                                 CFStringRef* errorString) {
    return with_words(errorString, [&](CFErrorRef* error) {
        return CFPropertyListCreateWithStream(allocator, stream, streamLength, mutabilityOption,
                                              format, error);
    });
}
