// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/leftovers.h"

#include <array>
#include <charconv>
#include <string_view>

namespace opendext::hid {
namespace {

/// Keys are one of these, the entry's id, and perhaps a colon and more.
constexpr std::array<std::string_view, 4> kPrefixes{
    "hid-device:", "hid-user:", "hid-gate:", "hid-trace:"};

}  // namespace

void release_left_of(daemon::FamilyHost& host, const std::function<bool(daemon::EntryId)>& gone) {
    for (const std::string_view prefix : kPrefixes) {
        for (const auto& [key, notes] : host.held_before(prefix)) {
            daemon::EntryId id = daemon::kNoEntry;
            std::from_chars(key.data() + prefix.size(), key.data() + key.size(), id);
            if (gone(id)) host.release(key, [](const Status&) {});
        }
    }
}

}  // namespace opendext::hid
