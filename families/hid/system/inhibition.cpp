// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/inhibition.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace opendext::hid {
namespace {

using daemon::EntryId;
using daemon::KeeperItem;
using daemon::LogLevel;

constexpr std::string_view kPrefix = "hid-inhibited:";

std::string key_of(EntryId nub) {
    return std::string(kPrefix) + std::to_string(nub);
}

Status write_state(const UniqueFd& inhibited, char value) {
    const char text[2] = {value, '\n'};
    if (::pwrite(inhibited.get(), text, sizeof text, 0) == sizeof text) return success();
    return Error::system("writing inhibited");
}

}  // namespace

Inhibition::~Inhibition() {
    for (const auto& [nub, taken] : taken_) {
        for (const Input& input : taken.inputs) (void)write_state(input.inhibited, '0');
    }
}

void Inhibition::take(EntryId nub, std::vector<std::string> inputs,
                      std::function<void(Status)> done) {
    std::erase_if(inputs, [&](const std::string& input) {
        char state = '0';
        std::ifstream(places_.sysfs / "class/input" / input / "inhibited") >> state;
        return state == '1';
    });
    if (inputs.empty()) return done(success());
    taken_[nub] = {};
    open_next(nub, std::move(inputs), 0, std::move(done));
}

void Inhibition::open_next(EntryId nub, std::vector<std::string> names, size_t at,
                           std::function<void(Status)> done) {
    if (at == names.size()) return hold(nub, std::move(done));
    Dictionary wanted{
        {"subsystem", "input"}, {"name", Value(names[at])}, {"attribute", "inhibited"}};
    host_.open(
        "device", std::move(wanted),
        [this, nub, names = std::move(names), at, done = std::move(done)](Result<KeeperItem> item) {
            const auto taken = taken_.find(nub);
            if (taken == taken_.end()) return done(Error{Errc::peer_gone, 0, "the device is gone"});
            if (!item.ok() || item->fds.size() != 1) {
                taken_.erase(taken);
                Error why = item.ok() ? Error{Errc::malformed, 0, "nothing was opened"}
                                      : std::move(item).error();
                return done(std::move(why).in("holding off the kernel's " + names[at]));
            }
            taken->second.inputs.push_back({names[at], std::move(item->fds[0])});
            open_next(nub, names, at + 1, done);
        });
}

/// With the keeper before they are written: whatever happens, somebody can give them back.
void Inhibition::hold(EntryId nub, std::function<void(Status)> done) {
    Array names;
    std::vector<UniqueFd> fds;
    for (const Input& input : taken_.at(nub).inputs) {
        names.emplace_back(input.name);
        auto copy = input.inhibited.duplicate();
        if (!copy.ok()) {
            taken_.erase(nub);
            return done(std::move(copy).error());
        }
        fds.push_back(std::move(*copy));
    }
    host_.hold(
        key_of(nub), {{"nub", Value(nub)}, {"inputs", Value(std::move(names))}}, std::move(fds),
        [this, nub, done = std::move(done)](Status status) {
            const auto taken = taken_.find(nub);
            if (taken == taken_.end()) return done(Error{Errc::peer_gone, 0, "the device is gone"});
            if (!status.ok()) {
                taken_.erase(taken);
                return done(std::move(status));
            }
            for (const Input& input : taken->second.inputs) {
                Status written = write_state(input.inhibited, '1');
                if (written.ok()) continue;
                const std::string name = input.name;
                give_back(nub);
                return done(std::move(written).error().in("holding off the kernel's " + name));
            }
            done(success());
        });
}

void Inhibition::let_go(const Input& input) {
    const Status written = write_state(input.inhibited, '0');
    // Unplugged devices have nothing to be given back.
    if (written.ok() || written.error().number == ENODEV) return;
    host_.log(LogLevel::error, daemon::kNoEntry,
              "the kernel's " + input.name + " could not be given back (" + written.error().text() +
                  "): write 0 to /sys/class/input/" + input.name + "/inhibited");
}

void Inhibition::give_back(EntryId nub) {
    const auto found = taken_.find(nub);
    if (found == taken_.end()) return;
    if (found->second.fetching) {
        found->second.unwanted = true;
        return;
    }
    for (const Input& input : found->second.inputs) let_go(input);
    taken_.erase(found);
    host_.release(key_of(nub), [](const Status&) {});
}

void Inhibition::realm_started() {
    for (const auto& [key, notes] : host_.held_before(kPrefix)) {
        const Number* number = find_number(notes, "nub");
        const Value* inputs = opendext::find(notes, "inputs");
        if (number == nullptr || inputs == nullptr || inputs->array() == nullptr) {
            host_.release(key, [](const Status&) {});
            continue;
        }
        const EntryId nub = number->raw;
        // Its device may have gone while there was no opendextd.
        taken_[nub] = {{}, true, host_.entry(nub) == nullptr};
        host_.fetch(key, [this, nub, names = *inputs->array()](Result<KeeperItem> item) {
            Taken& taken = taken_[nub];
            taken.fetching = false;
            for (size_t i = 0; item.ok() && i < item->fds.size() && i < names.size(); i++) {
                if (names[i].string() != nullptr)
                    taken.inputs.push_back({*names[i].string(), std::move(item->fds[i])});
            }
            if (taken.unwanted) give_back(nub);
        });
    }
}

}  // namespace opendext::hid
