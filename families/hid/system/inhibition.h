// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/family.h"
#include "families/hid/system/hidraw.h"
#include "rpc/fd.h"

namespace opendext::hid {

/// Holds the kernel's input devices off while a driver of ours has their HID device
/// (/sys/class/input/inputN/inhibited): what is typed goes to the driver only. The keeper has the
/// descriptors, so that a new opendextd gives back what its predecessor took. Input devices that
/// somebody else has inhibited are left as they are.
class Inhibition {
  public:
    Inhibition(daemon::FamilyHost& host, HidrawPlaces places)
        : host_(host), places_(std::move(places)) {}
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

    daemon::FamilyHost& host_;
    const HidrawPlaces places_;
    std::map<daemon::EntryId, Taken> taken_;
};

}  // namespace opendext::hid
