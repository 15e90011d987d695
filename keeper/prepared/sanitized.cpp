// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/sanitized.h"

#if OPENDEXT_SANITIZED

#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

namespace opendext::prepared {

UniqueFd open_sanitizer_reports(const std::string& folder, const std::string& bundle_id) {
    if (folder.empty() || bundle_id.find('/') != std::string::npos) return {};
    const std::string file = folder + "/driver." + bundle_id;
    return UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
}

void announce_sandbox() {
    __sanitizer_sandbox_arguments none{};
    none.coverage_fd = -1;
    __sanitizer_sandbox_on_notify(&none);
    __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<intptr_t>(STDERR_FILENO)));
}

}  // namespace opendext::prepared

#else

namespace opendext::prepared {

UniqueFd open_sanitizer_reports(const std::string&, const std::string&) {
    return {};
}

void announce_sandbox() {}

}  // namespace opendext::prepared

#endif
