// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "rpc/protocol/explain.h"
#include "rpc/realm.h"
#include "tools/common/registry.h"
#include "tools/doctor/machine.h"

/// What `opendext explain` says of one thing that it was asked about. What is true opendextd (or,
/// of a saved registry, its code) says; here it is put together.
namespace opendext::explain {

enum class SubjectKind : uint8_t { entry, personality, driver, client, bundle };
[[nodiscard]] std::string_view to_string(SubjectKind kind);

/// A crash report that belongs to a subject.
struct Crash {
    std::string path;
    std::string time;
    std::string text;
};

struct Subject {
    SubjectKind kind = SubjectKind::entry;
    std::string title;
    std::vector<std::string> facts;  ///< sentences about it
    std::vector<protocol::client::Standing> standings;
    bool truncated = false;
    std::vector<protocol::client::DriverActivity> drivers;
    std::vector<protocol::client::ClientActivity> clients;
    std::vector<protocol::client::Wait> waits;
    Dictionary rights;  ///< of a driver, as its entry has them
    std::vector<Crash> crashes;
    std::vector<doctor::Feature> lacking;  ///< of this machine
};

struct Answer {
    std::string source;  ///< the realm, or the file of a saved registry
    std::string policy;
    std::vector<Subject> subjects;
};

[[nodiscard]] std::string to_text(const Answer& answer, bool all_keys);
[[nodiscard]] Value to_value(const Answer& answer);

// Shared with opendext stuck.
[[nodiscard]] Value to_value(const protocol::client::Wait& wait);
[[nodiscard]] Value to_value(const protocol::client::DriverActivity& driver);
[[nodiscard]] Value to_value(const protocol::client::ClientActivity& client);
/// "1.5 s", "3 min": an age.
[[nodiscard]] std::string duration_text(uint64_t milliseconds);
[[nodiscard]] std::string to_text(const protocol::client::Wait& wait);

}  // namespace opendext::explain
