// SPDX-License-Identifier: Apache-2.0
#include "keeper/group_limits.h"

#include <cstdint>
#include <fstream>

namespace opendext::keeper {
namespace {

namespace fs = std::filesystem;

/// The number after `key` in a file of lines "key number"; 0 if there is none.
uint64_t counter(const fs::path& file, const std::string& key) {
    std::ifstream lines(file);
    uint64_t number = 0;
    for (std::string name; lines >> name >> number;) {
        if (name == key) return number;
    }
    return 0;
}

std::string word(const fs::path& file) {
    std::ifstream text(file);
    std::string first;
    text >> first;
    return first;
}

}  // namespace

std::vector<std::string> limits_hit(const fs::path& group) {
    std::vector<std::string> hit;
    if (counter(group / "memory.events", "oom_kill") > 0) {
        hit.push_back("memory: all " + word(group / "memory.max") +
                      " bytes of its control group were in use, and the kernel ended it");
    }
    if (const uint64_t refused = counter(group / "pids.events", "max"); refused > 0) {
        hit.push_back("threads: " + word(group / "pids.max") +
                      " in its control group; refused beyond them: " + std::to_string(refused));
    }
    if (const uint64_t held = counter(group / "cpu.stat", "throttled_usec"); held > 0) {
        hit.push_back("processor time: it had to wait " + std::to_string(held / 1000) +
                      " ms for its control group's share");
    }
    return hit;
}

}  // namespace opendext::keeper
