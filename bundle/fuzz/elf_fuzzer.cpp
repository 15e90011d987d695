// SPDX-License-Identifier: Apache-2.0
// Executables come with bundles from anywhere: no bytes may crash who checks them, and what is
// refused is refused for a reason.
#include <cstdlib>
#include <vector>

#include "bundle/elf_object.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using opendext::bundle::ElfObject;
    const std::vector<char> bytes(data, data + size);
    const auto object = ElfObject::parse(bytes);
    if (!object.ok() && object.error().message.empty()) std::abort();
    if (object.ok()) {
        for (const std::string& name : object->libraries) {
            if (name.empty()) std::abort();
        }
    }
    return 0;
}
