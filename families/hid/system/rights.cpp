// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/rights.h"

#include <sys/stat.h>

#include <algorithm>

#include "daemon/io_return.h"

namespace opendext::hid {
namespace {

constexpr uint64_t kGenericDesktop = 1;
constexpr uint64_t kKeyboard = 6;
constexpr uint64_t kKeypad = 7;

bool is_keyboard(const Value& pair) {
    if (pair.dictionary() == nullptr) return false;
    const Number* page = find_number(*pair.dictionary(), "DeviceUsagePage");
    const Number* usage = find_number(*pair.dictionary(), "DeviceUsage");
    return page != nullptr && usage != nullptr && page->raw == kGenericDesktop &&
           (usage->raw == kKeyboard || usage->raw == kKeypad);
}

}  // namespace

Status may_use_virtual(const daemon::Entry& device) {
    const Value* pairs = device.property("DeviceUsagePairs");
    if (pairs == nullptr || pairs->array() == nullptr ||
        std::ranges::none_of(*pairs->array(), is_keyboard))
        return success();
    return Error::kern(daemon::kIOReturnNotPermitted,
                       device.name +
                           " is a keyboard that a driver plays: only root and the user who runs "
                           "the realm may open it");
}

Status may_seize(const std::string& path, std::span<const UniqueFd> shown) {
    struct stat node{};
    if (::stat(path.c_str(), &node) != 0) return Error::system("cannot look at " + path);
    const bool can_open = std::ranges::any_of(shown, [&](const UniqueFd& fd) {
        struct stat open{};
        return ::fstat(fd.get(), &open) == 0 && S_ISCHR(open.st_mode) && S_ISCHR(node.st_mode) &&
               open.st_rdev == node.st_rdev;
    });
    if (can_open) return success();
    return Error::kern(daemon::kIOReturnNotPermitted,
                       "whoever seizes a device has to show that it may open " + path +
                           ": its descriptor goes with the request");
}

}  // namespace opendext::hid
