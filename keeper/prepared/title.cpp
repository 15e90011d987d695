// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/title.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

namespace opendext::prepared {

Title::Title(int argc, char** argv) : start_(argv[0]), size_(0) {
    // The arguments lie one behind the other.
    const char* last = argv[argc - 1];
    size_ = static_cast<size_t>(last + std::strlen(last) - start_);
}

void Title::set(std::string_view text) const {
    const size_t length = std::min(text.size(), size_ - 1);
    std::memcpy(start_, text.data(), length);
    std::memset(start_ + length, 0, size_ - length);
}

void set_short_name(const std::string& bundle_id) {
    const size_t dot = bundle_id.rfind('.');
    const std::string name = bundle_id.substr(dot == std::string::npos ? 0 : dot + 1);
    ::prctl(PR_SET_NAME, name.empty() ? "driver" : name.c_str(), 0, 0, 0);
}

}  // namespace opendext::prepared
