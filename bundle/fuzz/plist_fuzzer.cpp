// SPDX-License-Identifier: Apache-2.0
// Property lists come with bundles from anywhere: no bytes may crash the reader, and what it
// accepts can be written and read again to the same value.
#include <cstdlib>

#include "bundle/rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace opendext;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto plist = bundle::parse_plist(bytes, "fuzz.plist");
    if (!plist.ok()) {
        if (plist.error().message.find('\n') != std::string::npos &&
            bytes.find('\n') == std::string_view::npos)
            std::abort();
        return 0;
    }
    for (const auto& problem : bundle::check_info(plist.value())) {
        if (problem.message.empty()) std::abort();
    }
    return 0;
}
