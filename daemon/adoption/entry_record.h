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

/// Of a record, or straight of the registry's own, which is not copied for it.
void entry_fields(auto& io, auto& entry, std::vector<Place>& places) {
    io(entry.name, entry.location, entry.classes, entry.user_classes, entry.properties,
       entry.user_properties, entry.service, entry.registered, entry.matched, entry.activity,
       entry.providers, places);
}

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
    void fields(auto& io) { entry_fields(io, *this, places); }
};

}  // namespace opendext::daemon::records
