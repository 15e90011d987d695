// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/family.h"
#include "families/hid/system/hidraw.h"
#include "rpc/fd.h"

namespace opendext::hid {

/// Holds the kernel's input devices off while a driver of ours has their HID device
/// (/sys/class/input/inputN/inhibited): what is typed goes to the driver only. The keeper has the
/// descriptors, so that a new opendextd gives back what its predecessor took; for the case that the
/// keeper ends too there is a file of notes, and the next realm begins by giving back. Input
/// devices that somebody else has inhibited are left as they are.
class Inhibition {
  public:
    /// `notes`: the file; empty: none.
    Inhibition(daemon::FamilyHost& host, HidrawPlaces places, std::filesystem::path notes)
        : host_(host), places_(std::move(places)), notes_(std::move(notes)) {}
    /// The realm ends.
    ~Inhibition();
    Inhibition(const Inhibition&) = delete;
    Inhibition& operator=(const Inhibition&) = delete;

    /// `nub`: whose device it is. An error: an input device could not be inhibited, and none is.
    void take(daemon::EntryId nub, std::vector<std::string> inputs,
              std::function<void(Status)> done);
    /// Does nothing for a nub that has none.
    void give_back(daemon::EntryId nub);
    void realm_started();

  private:
    struct Input {
        std::string name;
        UniqueFd inhibited;  ///< its attribute in sysfs
    };
    struct Taken {
        std::vector<Input> inputs;
        bool fetching = false;  ///< the keeper is asked for the descriptors
        bool unwanted = false;  ///< to be given back as soon as they are there
    };
    void open_next(daemon::EntryId nub, std::vector<std::string> names, size_t at,
                   std::function<void(Status)> done);
    void hold(daemon::EntryId nub, std::function<void(Status)> done);
    void let_go(const Input& input);
    void undo_noted();
    void note() const;

    daemon::FamilyHost& host_;
    const HidrawPlaces places_;
    const std::filesystem::path notes_;
    std::map<daemon::EntryId, Taken> taken_;
    std::set<std::string> noted_;  ///< of a realm that was killed, to be given back
};

}  // namespace opendext::hid
