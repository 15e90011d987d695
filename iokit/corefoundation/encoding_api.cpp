// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "iokit/corefoundation/string.h"

using namespace opendext::cf;

namespace {

/// Encodings that are converted (encoding.cpp), with their registered names; the first name of one
/// is the one that is given out.
struct Named {
    CFStringEncoding encoding;
    const char* charset;
    const char* name;
};
constexpr std::array kEncodings{
    Named{kCFStringEncodingUTF8, "utf-8", "Unicode (UTF-8)"},
    Named{kCFStringEncodingASCII, "us-ascii", "Western (ASCII)"},
    Named{kCFStringEncodingISOLatin1, "iso-8859-1", "Western (ISO Latin 1)"},
    Named{kCFStringEncodingMacRoman, "macintosh", "Western (Mac OS Roman)"},
    Named{kCFStringEncodingUTF16, "utf-16", "Unicode (UTF-16)"},
    Named{kCFStringEncodingUTF16BE, "utf-16be", "Unicode (UTF-16BE)"},
    Named{kCFStringEncodingUTF16LE, "utf-16le", "Unicode (UTF-16LE)"},
    Named{kCFStringEncodingUTF32, "utf-32", "Unicode (UTF-32)"},
    Named{kCFStringEncodingUTF32BE, "utf-32be", "Unicode (UTF-32BE)"},
    Named{kCFStringEncodingUTF32LE, "utf-32le", "Unicode (UTF-32LE)"},
    Named{kCFStringEncodingNonLossyASCII, nullptr, "Non-lossy ASCII"},
};

const Named* named(CFStringEncoding encoding) {
    const auto* found = std::find_if(kEncodings.begin(), kEncodings.end(),
                                     [&](const Named& one) { return one.encoding == encoding; });
    return found == kEncodings.end() ? nullptr : found;
}

/// A constant string for each name, as the callers of Get functions expect.
CFStringRef constant(const char* text) {
    return text == nullptr ? nullptr : __CFStringMakeConstantString(text);
}

}  // namespace

Boolean CFStringIsEncodingAvailable(CFStringEncoding encoding) {
    return named(encoding) != nullptr;
}

const CFStringEncoding* CFStringGetListOfAvailableEncodings(void) {
    static const auto list = [] {
        std::array<CFStringEncoding, kEncodings.size() + 1> encodings{};
        std::transform(kEncodings.begin(), kEncodings.end(), encodings.begin(),
                       [](const Named& one) { return one.encoding; });
        encodings.back() = kCFStringEncodingInvalidId;
        return encodings;
    }();
    return list.data();
}

CFStringRef CFStringGetNameOfEncoding(CFStringEncoding encoding) {
    const Named* found = named(encoding);
    return found == nullptr ? nullptr : constant(found->name);
}

CFStringEncoding CFStringGetSmallestEncoding(CFStringRef theString) {
    const auto& string = to<String>(theString, "CFStringGetSmallestEncoding");
    if (string.ascii()) return kCFStringEncodingASCII;
    return encode(string.units(), kCFStringEncodingISOLatin1, 0) ? kCFStringEncodingISOLatin1
           : string.text().size() < 2 * static_cast<size_t>(string.length())
               ? kCFStringEncodingUTF8
               : kCFStringEncodingUTF16;
}

CFStringEncoding CFStringGetFastestEncoding(CFStringRef theString) {
    return to<String>(theString, "CFStringGetFastestEncoding").ascii() ? kCFStringEncodingASCII
                                                                       : kCFStringEncodingUTF8;
}

CFStringEncoding CFStringConvertIANACharSetNameToEncoding(CFStringRef theString) {
    std::string name = to<String>(theString, "CFStringConvertIANACharSetNameToEncoding").text();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (name == "ascii") name = "us-ascii";
    if (name == "utf8") name = "utf-8";
    if (name == "latin1" || name == "iso_8859-1") name = "iso-8859-1";
    for (const Named& one : kEncodings) {
        if (one.charset != nullptr && name == one.charset) return one.encoding;
    }
    return kCFStringEncodingInvalidId;
}

CFStringRef CFStringConvertEncodingToIANACharSetName(CFStringEncoding encoding) {
    const Named* found = named(encoding);
    return found == nullptr ? nullptr : constant(found->charset);
}
