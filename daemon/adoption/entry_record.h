// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/registry/entry.h"

namespace opendext::daemon::records {

struct Place {
    std::string plane;
    std::vector<uint64_t> parents;
    void fields(auto& io) { io(plane, parents); }
};

struct Entry {
    std::string name;
    std::string location;
    std::vector<std::string> classes;
    std::vector<std::string> user_classes;
    Dictionary properties;
    Dictionary user_properties;
    bool service = false;
    bool registered = false;
    bool matched = false;
    Activity activity = Activity::active;
    std::vector<uint64_t> providers;
    std::vector<Place> places;  ///< in other planes
    void fields(auto& io) {
        io(name, location, classes, user_classes, properties, user_properties, service, registered,
           matched, activity, providers, places);
    }
};

}  // namespace opendext::daemon::records
