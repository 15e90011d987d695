// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/error.h"
#include "iokit/corefoundation/percent.h"
#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/url.h"

using namespace opendext::cf;

namespace {

const Url& url_of(CFURLRef ref, const char* function) {
    return to<Url>(ref, function);
}

CFURLRef made(std::string_view text, CFURLRef base) {
    if (!is_url_text(text) || (text.empty() && base == nullptr)) return nullptr;
    return to_ref<CFURLRef>(new Url(text, Owned<CFURLRef>::share(base)));
}

/// The same URL with another path.
CFURLRef with_path(const Url& url, std::string path) {
    UrlParts parts = url.parts;
    parts.path = std::move(path);
    return to_ref<CFURLRef>(new Url(parts.text(), url.base_ref));
}

CFStringRef optional_string(const std::optional<std::string>& text) {
    return text ? new_string(*text) : nullptr;
}

CFStringRef unescaped(const std::optional<std::string>& text, CFStringRef leave) {
    if (!text) return nullptr;
    if (leave == nullptr) return new_string(*text);
    return optional_string(unescape(*text, text_of(leave)));
}

/// The authority's parts: [user[:password]@]host[:port]
struct Authority {
    std::optional<std::string> user, password, host, port;
    explicit Authority(const Url& url) {
        const UrlParts whole = url.resolved();
        if (!whole.authority) return;
        std::string_view rest = *whole.authority;
        if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
            const std::string_view info = rest.substr(0, at);
            const size_t colon = info.find(':');
            user = unescape(info.substr(0, colon), "");
            if (colon != std::string_view::npos) password = unescape(info.substr(colon + 1), "");
            rest.remove_prefix(at + 1);
        }
        const size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
        const size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
        std::string_view name = rest.substr(0, colon);
        if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
        if (!name.empty()) host = unescape(name, "");
        if (colon != std::string_view::npos) port = std::string(rest.substr(colon + 1));
    }
};

/// Where the last component of a path begins and ends; a '/' at the end does not count.
struct LastComponent {
    size_t begin = 0;
    size_t end = 0;
    explicit LastComponent(std::string_view path) {
        end = path.size();
        while (end > 1 && path[end - 1] == '/') --end;
        const size_t slash = path.substr(0, end).rfind('/');
        begin = slash == std::string_view::npos || end == 1 ? 0 : slash + 1;
    }
    [[nodiscard]] std::string_view in(std::string_view path) const {
        return path.substr(begin, end - begin);
    }
};

/// Where the extension of `name` begins with its '.', or npos: a name that only begins with a dot
/// has none.
size_t extension_of(std::string_view name) {
    const size_t dot = name.rfind('.');
    return dot == 0 || dot == std::string_view::npos || dot + 1 == name.size()
               ? std::string_view::npos
               : dot;
}

}  // namespace

CFTypeID CFURLGetTypeID(void) {
    return static_cast<CFTypeID>(Type::url);
}

CFURLRef CFURLCreateWithBytes(CFAllocatorRef, const UInt8* URLBytes, CFIndex length,
                              CFStringEncoding encoding, CFURLRef baseURL) {
    if (length < 0) return nullptr;
    const std::optional<std::string> text =
        decode({reinterpret_cast<const char*>(URLBytes), static_cast<size_t>(length)}, encoding);
    return text ? made(*text, baseURL) : nullptr;
}

CFDataRef CFURLCreateData(CFAllocatorRef alloc, CFURLRef url, CFStringEncoding encoding, Boolean) {
    // Blanks are escaped in every URL that exists.
    return CFStringCreateExternalRepresentation(alloc, url_of(url, "CFURLCreateData").string.get(),
                                                encoding, 0);
}

CFURLRef CFURLCreateWithString(CFAllocatorRef, CFStringRef URLString, CFURLRef baseURL) {
    return URLString == nullptr
               ? nullptr
               : made(to<String>(URLString, "CFURLCreateWithString").text(), baseURL);
}

CFURLRef CFURLCreateWithFileSystemPath(CFAllocatorRef alloc, CFStringRef filePath,
                                       CFURLPathStyle pathStyle, Boolean isDirectory) {
    return CFURLCreateWithFileSystemPathRelativeToBase(alloc, filePath, pathStyle, isDirectory,
                                                       nullptr);
}

CFURLRef CFURLCreateFromFileSystemRepresentation(CFAllocatorRef alloc, const UInt8* buffer,
                                                 CFIndex bufLen, Boolean isDirectory) {
    return CFURLCreateFromFileSystemRepresentationRelativeToBase(alloc, buffer, bufLen, isDirectory,
                                                                 nullptr);
}

CFURLRef CFURLCreateWithFileSystemPathRelativeToBase(CFAllocatorRef, CFStringRef filePath,
                                                     CFURLPathStyle pathStyle, Boolean isDirectory,
                                                     CFURLRef baseURL) {
    if (pathStyle != kCFURLPOSIXPathStyle) return nullptr;
    std::string path = to<String>(filePath, "CFURLCreateWithFileSystemPath").text();
    if (path.find('\0') != std::string::npos) return nullptr;
    if (path.starts_with('/')) return new_file_url(path, isDirectory);
    if (path.empty() && !isDirectory) return nullptr;
    Owned<CFURLRef> base = Owned<CFURLRef>::share(baseURL);
    if (!base) {
        const std::unique_ptr<char, decltype(&std::free)> here(::getcwd(nullptr, 0), std::free);
        if (here == nullptr) return nullptr;
        base = Owned(new_file_url(here.get(), true));
    }
    std::string text = escape_path(path);
    // "a:b" would be read as a scheme.
    if (text.substr(0, text.find('/')).find(':') != std::string::npos) text.insert(0, "./");
    if (isDirectory && !text.ends_with('/')) text += text.empty() ? "./" : "/";
    return to_ref<CFURLRef>(new Url(text, std::move(base)));
}

CFURLRef CFURLCreateFromFileSystemRepresentationRelativeToBase(CFAllocatorRef alloc,
                                                               const UInt8* buffer, CFIndex bufLen,
                                                               Boolean isDirectory,
                                                               CFURLRef baseURL) {
    const Owned path(CFStringCreateWithBytes(alloc, buffer, bufLen, kCFStringEncodingUTF8, FALSE));
    return path ? CFURLCreateWithFileSystemPathRelativeToBase(
                      alloc, path.get(), kCFURLPOSIXPathStyle, isDirectory, baseURL)
                : nullptr;
}

Boolean CFURLGetFileSystemRepresentation(CFURLRef url, Boolean resolveAgainstBase, UInt8* buffer,
                                         CFIndex maxBufLen) {
    const Owned relative(
        resolveAgainstBase != FALSE ? nullptr : CFURLCopyFileSystemPath(url, kCFURLPOSIXPathStyle));
    std::optional<std::string> path = path_of(url);
    if (relative) path = std::string(text_of(relative.get()));
    if (!path || buffer == nullptr || maxBufLen <= static_cast<CFIndex>(path->size())) return FALSE;
    std::memcpy(buffer, path->c_str(), path->size() + 1);
    return TRUE;
}

CFURLRef CFURLCopyAbsoluteURL(CFURLRef relativeURL) {
    const Url& url = url_of(relativeURL, "CFURLCopyAbsoluteURL");
    if (!url.base_ref) return static_cast<CFURLRef>(CFRetain(relativeURL));
    return to_ref<CFURLRef>(new Url(url.resolved().text(), {}));
}

CFStringRef CFURLGetString(CFURLRef anURL) {
    return url_of(anURL, "CFURLGetString").string.get();
}

CFURLRef CFURLGetBaseURL(CFURLRef anURL) {
    return url_of(anURL, "CFURLGetBaseURL").base_ref.get();
}

Boolean CFURLCanBeDecomposed(CFURLRef anURL) {
    return url_of(anURL, "CFURLCanBeDecomposed").parts.hierarchical();
}

CFStringRef CFURLCopyScheme(CFURLRef anURL) {
    return optional_string(url_of(anURL, "CFURLCopyScheme").resolved().scheme);
}

CFStringRef CFURLCopyNetLocation(CFURLRef anURL) {
    const std::optional<std::string> authority =
        url_of(anURL, "CFURLCopyNetLocation").resolved().authority;
    return authority && !authority->empty() ? new_string(*authority) : nullptr;
}

CFStringRef CFURLCopyPath(CFURLRef anURL) {
    const UrlParts& parts = url_of(anURL, "CFURLCopyPath").parts;
    return parts.hierarchical() ? new_string(parts.path) : nullptr;
}

CFStringRef CFURLCopyStrictPath(CFURLRef anURL, Boolean* isAbsolute) {
    const UrlParts& parts = url_of(anURL, "CFURLCopyStrictPath").parts;
    if (!parts.hierarchical()) return nullptr;
    const bool absolute = parts.path.starts_with('/');
    if (isAbsolute != nullptr) *isAbsolute = absolute;
    return new_string(std::string_view(parts.path).substr(absolute ? 1 : 0));
}

CFStringRef CFURLCopyFileSystemPath(CFURLRef anURL, CFURLPathStyle pathStyle) {
    const UrlParts& parts = url_of(anURL, "CFURLCopyFileSystemPath").parts;
    if (pathStyle != kCFURLPOSIXPathStyle || !parts.hierarchical()) return nullptr;
    std::optional<std::string> path = unescape(parts.path, "");
    while (path && path->size() > 1 && path->ends_with('/')) path->pop_back();
    return optional_string(path);
}

Boolean CFURLHasDirectoryPath(CFURLRef anURL) {
    const UrlParts parts = url_of(anURL, "CFURLHasDirectoryPath").resolved();
    const std::string_view last = LastComponent(parts.path).in(parts.path);
    return parts.hierarchical() && (parts.path.ends_with('/') || last == "." || last == "..");
}

CFStringRef CFURLCopyResourceSpecifier(CFURLRef anURL) {
    UrlParts rest = url_of(anURL, "CFURLCopyResourceSpecifier").parts;
    const bool hierarchical = rest.hierarchical();
    rest.scheme.reset();
    if (hierarchical) {
        rest.authority.reset();
        rest.path.clear();
    }
    const std::string text = rest.text();
    return text.empty() ? nullptr : new_string(text);
}

CFStringRef CFURLCopyHostName(CFURLRef anURL) {
    return optional_string(Authority(url_of(anURL, "CFURLCopyHostName")).host);
}

SInt32 CFURLGetPortNumber(CFURLRef anURL) {
    const std::optional<std::string> port = Authority(url_of(anURL, "CFURLGetPortNumber")).port;
    if (!port || port->empty() || port->find_first_not_of("0123456789") != std::string::npos ||
        port->size() > 5) {
        return -1;
    }
    return static_cast<SInt32>(std::strtol(port->c_str(), nullptr, 10));
}

CFStringRef CFURLCopyUserName(CFURLRef anURL) {
    return optional_string(Authority(url_of(anURL, "CFURLCopyUserName")).user);
}

CFStringRef CFURLCopyPassword(CFURLRef anURL) {
    return optional_string(Authority(url_of(anURL, "CFURLCopyPassword")).password);
}

CFStringRef CFURLCopyQueryString(CFURLRef anURL, CFStringRef charactersToLeaveEscaped) {
    return unescaped(url_of(anURL, "CFURLCopyQueryString").parts.query, charactersToLeaveEscaped);
}

CFStringRef CFURLCopyFragment(CFURLRef anURL, CFStringRef charactersToLeaveEscaped) {
    return unescaped(url_of(anURL, "CFURLCopyFragment").parts.fragment, charactersToLeaveEscaped);
}

CFStringRef CFURLCopyLastPathComponent(CFURLRef url) {
    const std::string path = url_of(url, "CFURLCopyLastPathComponent").resolved().path;
    return optional_string(unescape(LastComponent(path).in(path), ""));
}

CFStringRef CFURLCopyPathExtension(CFURLRef url) {
    const std::string path = url_of(url, "CFURLCopyPathExtension").resolved().path;
    const std::string_view name = LastComponent(path).in(path);
    const size_t dot = extension_of(name);
    return dot == std::string_view::npos ? nullptr
                                         : optional_string(unescape(name.substr(dot + 1), ""));
}

CFURLRef CFURLCreateCopyAppendingPathComponent(CFAllocatorRef, CFURLRef ref,
                                               CFStringRef pathComponent, Boolean isDirectory) {
    const Url& url = url_of(ref, "CFURLCreateCopyAppendingPathComponent");
    if (!url.parts.hierarchical()) return nullptr;
    std::string path = url.parts.path;
    if (!path.empty() && !path.ends_with('/')) path += '/';
    path += escape_path(to<String>(pathComponent, "CFURLCreateCopyAppendingPathComponent").text());
    if (isDirectory && !path.ends_with('/')) path += '/';
    return with_path(url, std::move(path));
}

CFURLRef CFURLCreateCopyDeletingLastPathComponent(CFAllocatorRef, CFURLRef ref) {
    const Url& url = url_of(ref, "CFURLCreateCopyDeletingLastPathComponent");
    if (!url.parts.hierarchical()) return nullptr;
    const std::string& path = url.parts.path;
    const std::string_view last = LastComponent(path).in(path);
    if (last.empty() || last == "." || last == ".." || path == "/") {
        return with_path(url, path + (path.empty() || path.ends_with('/') ? "../" : "/../"));
    }
    const std::string rest = path.substr(0, LastComponent(path).begin);
    return with_path(url, rest.empty() ? "./" : rest);
}

CFURLRef CFURLCreateCopyAppendingPathExtension(CFAllocatorRef, CFURLRef ref,
                                               CFStringRef extension) {
    const Url& url = url_of(ref, "CFURLCreateCopyAppendingPathExtension");
    if (!url.parts.hierarchical() || url.parts.path.empty()) return nullptr;
    std::string path = url.parts.path;
    path.insert(
        LastComponent(path).end,
        "." + escape_path(to<String>(extension, "CFURLCreateCopyAppendingPathExtension").text()));
    return with_path(url, std::move(path));
}

CFURLRef CFURLCreateCopyDeletingPathExtension(CFAllocatorRef, CFURLRef ref) {
    const Url& url = url_of(ref, "CFURLCreateCopyDeletingPathExtension");
    if (!url.parts.hierarchical()) return nullptr;
    std::string path = url.parts.path;
    const LastComponent last(path);
    const size_t dot = extension_of(last.in(path));
    if (dot != std::string_view::npos) path.erase(last.begin + dot, last.end - last.begin - dot);
    return with_path(url, std::move(path));
}

CFIndex CFURLGetBytes(CFURLRef url, UInt8* buffer, CFIndex bufferLength) {
    const std::string_view text = text_of(url_of(url, "CFURLGetBytes").string.get());
    const auto size = static_cast<CFIndex>(text.size());
    if (buffer == nullptr) return size;
    if (bufferLength < size) return -1;
    std::memcpy(buffer, text.data(), text.size());
    return size;
}

CFStringRef CFURLCreateStringByReplacingPercentEscapes(CFAllocatorRef alloc,
                                                       CFStringRef originalString,
                                                       CFStringRef charactersToLeaveEscaped) {
    const auto& original = to<String>(originalString, "CFURLCreateStringByReplacingPercentEscapes");
    if (charactersToLeaveEscaped == nullptr) return CFStringCreateCopy(alloc, originalString);
    const std::optional<std::string> text =
        unescape(original.text(), text_of(charactersToLeaveEscaped));
    return text && is_utf8(*text) ? new_string(*text) : nullptr;
}

CFStringRef CFURLCreateStringByAddingPercentEscapes(CFAllocatorRef, CFStringRef originalString,
                                                    CFStringRef charactersToLeaveUnescaped,
                                                    CFStringRef legalURLCharactersToBeEscaped,
                                                    CFStringEncoding encoding) {
    const auto& original = to<String>(originalString, "CFURLCreateStringByAddingPercentEscapes");
    const std::optional<std::string> bytes = encode(original.units(), encoding, 0);
    return bytes ? new_string(escape(*bytes, text_of(charactersToLeaveUnescaped),
                                     text_of(legalURLCharactersToBeEscaped)))
                 : nullptr;
}

Boolean CFURLResourceIsReachable(CFURLRef url, CFErrorRef* error) {
    const std::optional<std::string> path = path_of(url);
    if (!path) {
        hand_out(error, new_error(kCFErrorDomainPOSIX, EINVAL, "the URL is not of a file"));
        return FALSE;
    }
    if (::access(path->c_str(), F_OK) == 0) return TRUE;
    hand_out(error, new_posix_error(errno, *path));
    return FALSE;
}
