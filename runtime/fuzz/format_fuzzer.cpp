// SPDX-License-Identifier: Apache-2.0
// Formats of os_log from anybody, with arguments that fit whatever the format reads: every general
// argument is the address of a readable, terminated block, which is a fine number too.
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "rpc/log_format/format.h"

namespace {

constexpr size_t kArguments = 192;
/// A conversion takes at most three arguments and two bytes of the format at the least.
constexpr size_t kMaxFormat = 96;
constexpr size_t kBlock = size_t{64} * 1024;

std::string call(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = opendext::format_os_log(format, arguments, 2);
    va_end(arguments);
    return text;
}

template <size_t... index>
std::string call_with_many(const char* format, const char* block, std::index_sequence<index...>) {
    return call(format, 0.5, -1.0, 1e300, 2.0, 3.0, 4.0, 5.0, 6.0, (void(index), block)...);
}

const char* readable_block() {
    static char* const block = [] {
        auto* bytes = static_cast<char*>(aligned_alloc(16, kBlock));
        memset(bytes, 'a', kBlock);
        memset(bytes + kBlock - 16, 0, 16);  // ends a string and a wide one
        return bytes;
    }();
    return block;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string format(reinterpret_cast<const char*>(data),
                             size < kMaxFormat ? size : kMaxFormat);
    const std::string text =
        call_with_many(format.c_str(), readable_block(), std::make_index_sequence<kArguments>());
    if (text.size() > opendext::kMaxLogLine + 64) abort();
    if (format.find('%') == std::string::npos && text != format.c_str()) abort();
    return 0;
}
