// SPDX-License-Identifier: Apache-2.0
// Devices that Linux has a driver for.
#include <algorithm>
#include <utility>

#include "families/hid/system/description.h"
#include "families/hid/system/hid_system.h"

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::LogLevel;

constexpr std::string_view kSysfsKey = "OpenDextSysfs";
constexpr std::string_view kNodeKey = "OpenDextNode";

std::string text_of(const Entry& entry, std::string_view key) {
    const Value* value = entry.property(key);
    return value != nullptr && value->string() != nullptr ? *value->string() : "";
}

}  // namespace

/// Nubs of an earlier opendextd; hidraw_appeared goes on with those whose device is still there.
void HidSystem::resume_raw() {
    for (const EntryId id : host_.left("IOHIDDevice")) {
        const Entry* entry = host_.entry(id);
        if (entry == nullptr || entry->class_name() != "IOHIDDevice") continue;
        left_raw_[text_of(*entry, kSysfsKey) + " " + text_of(*entry, kNodeKey)] = id;
    }
}

void HidSystem::hidraw_appeared(const HidrawDevice& found) {
    const auto left = left_raw_.extract(found.sysfs + " " + found.node);
    EntryId id = left.empty() ? daemon::kNoEntry : left.mapped();
    auto described = describe_device(found.properties, "Other");
    if (!described.ok()) {
        host_.log(LogLevel::notice, daemon::kNoEntry,
                  found.node + " is not published: " + described.error().text());
        return;
    }
    if (left.empty()) {
        daemon::NewEntry entry;
        entry.provider = host_.user_resources();
        entry.class_name = "IOHIDDevice";
        entry.location = found.name;
        entry.properties = std::move(described->properties);
        entry.properties.insert_or_assign(std::string(kSysfsKey), Value(found.sysfs));
        entry.properties.insert_or_assign(std::string(kNodeKey), Value(found.node));
        entry.register_now = false;
        const auto published = host_.publish(std::move(entry));
        if (!published.ok())
            return host_.log(LogLevel::error, daemon::kNoEntry, published.error().text());
        id = *published;
    }
    Device::Make make;
    make.entry = id;
    make.player = Player::kernel;
    make.numbered = described->numbered;
    make.name = described->name;
    make.hidraw = found.name;
    make.node = found.node;
    make.bare_gets = found.played_by_uhid;
    Device& device = add(std::move(make));
    if (left.empty()) {
        host_.register_entry(id);
    } else {
        device.resume();
    }
}

void HidSystem::hidraw_gone(const std::string& name) {
    const auto device = std::find_if(devices_.begin(), devices_.end(), [&](const auto& known) {
        return known.second->player() == Player::kernel && known.second->hidraw() == name;
    });
    if (device != devices_.end()) host_.terminate(device->first);
}

void HidSystem::claim_device(const Entry& nub, std::function<void(Status)> done) {
    const Entry* device = host_.entry(nub.provider());
    const std::string sysfs = device == nullptr ? "" : text_of(*device, kSysfsKey);
    if (!nub.is_kind_of("IOHIDInterface") || sysfs.empty()) return done(success());
    inhibition_.take(nub.id, inputs_of(sysfs), std::move(done));
}

void HidSystem::give_back_device(const Entry& nub, std::string_view) {
    inhibition_.give_back(nub.id);
}

}  // namespace opendext::hid
