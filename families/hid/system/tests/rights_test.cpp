// SPDX-License-Identifier: Apache-2.0
// What programs of other users may do with a realm's devices.
#include "families/hid/system/rights.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "daemon/io_return.h"

namespace opendext::hid {
namespace {

daemon::Entry device(uint64_t page, uint64_t usage) {
    daemon::Entry entry;
    entry.name = "Typewriter";
    entry.properties.insert_or_assign(
        "DeviceUsagePairs",
        Value(Array{Dictionary{{"DeviceUsagePage", uint64_t{12}}, {"DeviceUsage", uint64_t{1}}},
                    Dictionary{{"DeviceUsagePage", page}, {"DeviceUsage", usage}}}));
    return entry;
}

std::vector<UniqueFd> opened(const char* path) {
    std::vector<UniqueFd> fds;
    fds.emplace_back(::open(path, O_RDWR | O_CLOEXEC));
    return fds;
}

TEST(HidRights, KeyboardsThatADriverPlaysAreForTheRealmsUser) {
    for (const uint64_t usage : {6, 7}) {
        const Status refused = may_use_virtual(device(1, usage));
        ASSERT_FALSE(refused.ok()) << usage;
        EXPECT_EQ(static_cast<int32_t>(refused.error().number), daemon::kIOReturnNotPermitted);
        EXPECT_TRUE(refused.error().message.starts_with("Typewriter is a keyboard"))
            << refused.error().message;
    }
    EXPECT_TRUE(may_use_virtual(device(1, 2)).ok()) << "a mouse";
    EXPECT_TRUE(may_use_virtual(device(12, 6)).ok()) << "another page's usage 6";
    EXPECT_TRUE(may_use_virtual(daemon::Entry()).ok()) << "nothing is said of usages";
}

TEST(HidRights, WhoSeizesADeviceOfTheKernelShowsThatItMayOpenIt) {
    EXPECT_TRUE(may_seize("/dev/null", opened("/dev/null")).ok());
    for (const auto& shown :
         {std::vector<UniqueFd>(), opened("/dev/zero"), opened("/proc/self/mem")}) {
        const Status refused = may_seize("/dev/null", shown);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(static_cast<int32_t>(refused.error().number), daemon::kIOReturnNotPermitted);
        EXPECT_NE(refused.error().message.find("may open /dev/null"), std::string::npos);
    }
    EXPECT_FALSE(may_seize("/dev/no-such-node", opened("/dev/null")).ok());
    EXPECT_FALSE(may_seize("/etc/hostname", opened("/etc/hostname")).ok()) << "a file is no device";
}

}  // namespace
}  // namespace opendext::hid
