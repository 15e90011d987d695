// SPDX-License-Identifier: Apache-2.0
#include "iig/model.h"

#include <algorithm>

namespace opendext::iig {

bool Class::can_be_remote() const {
    if (native || local || local_only) return false;
    if (kernel) return true;
    return std::any_of(methods.begin(), methods.end(), [](const Method& method) {
        return method.is_new() && !method.is_static && !method.implements_callback();
    });
}

std::vector<std::string> Class::queues() const {
    std::vector<std::string> names = {""};
    for (const Method& method : methods) {
        if (!method.dispatched() || method.queue.empty()) continue;
        if (std::find(names.begin(), names.end(), method.queue) == names.end())
            names.push_back(method.queue);
    }
    return names;
}

uint64_t message_id(const std::string& class_name, const std::string& method, bool kernel) {
    constexpr uint64_t kTop = uint64_t{1} << 63;
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
    for (const char c : class_name + "::" + method) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    }
    return kernel ? hash | kTop : hash & ~kTop;
}

}  // namespace opendext::iig
