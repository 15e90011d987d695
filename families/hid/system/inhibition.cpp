// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/inhibition.h"

#include <unistd.h>

#include <algorithm>
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

bool is_input(const std::string& name) {
    constexpr std::string_view kInput = "input";
    return name.starts_with(kInput) && name.size() > kInput.size() &&
           name.find_first_not_of("0123456789", kInput.size()) == std::string::npos;
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
    taken_.clear();
    note();
}

void Inhibition::take(EntryId nub, std::vector<std::string> inputs,
                      std::function<void(Status)> done) {
    std::erase_if(inputs, [&](const std::string& input) {
        char state = '0';
        std::ifstream(places_.sysfs / "class/input" / input / "inhibited") >> state;
        // One that a realm held off which was killed is ours as if it had been given back.
        return state == '1' && noted_.erase(input) == 0;
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
            note();
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
    note();
    host_.release(key_of(nub), [](const Status&) {});
}

/// One name a line, replaced as a whole.
void Inhibition::note() const {
    if (notes_.empty()) return;
    std::set<std::string> names = noted_;
    for (const auto& [nub, taken] : taken_) {
        for (const Input& input : taken.inputs) names.insert(input.name);
    }
    std::error_code error;
    if (names.empty()) {
        std::filesystem::remove(notes_, error);
        return;
    }
    const std::filesystem::path fresh = notes_.string() + ".new";
    {
        std::ofstream file(fresh);
        for (const std::string& name : names) file << name << '\n';
        file.flush();
        if (!file) error = std::make_error_code(std::errc::io_error);
    }
    if (!error) std::filesystem::rename(fresh, notes_, error);
    if (error) {
        host_.log(LogLevel::error, daemon::kNoEntry,
                  "cannot note in " + notes_.string() +
                      " which input devices are held off: " + error.message());
    }
}

/// Numbers of input devices are not used twice before the next start of the machine, which has no
/// such file.
void Inhibition::undo_noted() {
    std::ifstream file(notes_);
    for (std::string name; std::getline(file, name);) {
        if (is_input(name)) noted_.insert(name);
    }
    for (const auto& [nub, taken] : taken_) {
        for (const Input& input : taken.inputs) noted_.erase(input.name);
    }
    for (const std::string& name : std::set(noted_)) {
        host_.open("device",
                   {{"subsystem", "input"}, {"name", Value(name)}, {"attribute", "inhibited"}},
                   [this, name](Result<KeeperItem> item) {
                       // A driver may have taken it meanwhile. One that cannot be opened is
                       // unplugged.
                       if (noted_.erase(name) == 0) return;
                       if (item.ok() && item->fds.size() == 1) {
                           let_go({name, std::move(item->fds[0])});
                           host_.log(LogLevel::notice, daemon::kNoEntry,
                                     "the kernel's " + name +
                                         " is given back: a realm that was killed held it off");
                       }
                       note();
                   });
    }
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
        Taken& taken = taken_[nub];
        taken = {{}, true, host_.entry(nub) == nullptr};
        for (const Value& name : *inputs->array())
            taken.inputs.push_back({name.string() != nullptr ? *name.string() : "", {}});
        host_.fetch(key, [this, nub](Result<KeeperItem> item) {
            Taken& mine = taken_[nub];
            mine.fetching = false;
            const size_t there = item.ok() ? std::min(item->fds.size(), mine.inputs.size()) : 0;
            mine.inputs.resize(there);
            for (size_t i = 0; i < there; i++) mine.inputs[i].inhibited = std::move(item->fds[i]);
            if (mine.unwanted) give_back(nub);
        });
    }
    if (!notes_.empty()) undo_noted();
}

}  // namespace opendext::hid
