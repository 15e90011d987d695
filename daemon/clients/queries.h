// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/matcher.h"
#include "rpc/protocol/client.h"
#include "rpc/protocol/snapshots.h"

namespace opendext::daemon {

/// What client programs ask of the registry: answers without states, at once. Every number in a
/// request is a client's and may name nothing.
class RegistryQueries {
  public:
    RegistryQueries(const Context& context, const Lifecycle& lifecycle, const Matcher& matcher)
        : context_(context), lifecycle_(lifecycle), matcher_(matcher) {}

    [[nodiscard]] protocol::client::Entries match(const protocol::client::Match& request) const;
    [[nodiscard]] protocol::client::MatchVerdict match_one(
        const protocol::client::MatchOne& request) const;
    [[nodiscard]] protocol::client::Entry entry(const protocol::client::GetEntry& request) const;
    [[nodiscard]] protocol::client::Entries relatives(
        const protocol::client::GetRelatives& request) const;
    [[nodiscard]] protocol::client::EntriesRead read_entries(
        const protocol::client::ReadEntries& request) const;
    [[nodiscard]] Message snapshots(const protocol::client::GetSnapshots& request,
                                    uint64_t serial) const;
    [[nodiscard]] protocol::client::Walked walk(const protocol::client::Walk& request) const;
    [[nodiscard]] protocol::client::Found search(const protocol::client::Search& request) const;
    [[nodiscard]] protocol::client::Resolved resolve(
        const protocol::client::Resolve& request) const;
    [[nodiscard]] protocol::client::Located locate(const protocol::client::Locate& request) const;
    [[nodiscard]] protocol::client::ClassIs class_of(
        const protocol::client::GetClass& request) const;

    /// A message of many entries gets at most about so large, whatever the client asks for.
    static constexpr size_t kMaxSnapshotBytes = size_t{1} << 20;
    /// A plane deeper than this is not followed.
    static constexpr size_t kMaxDepth = 1024;

  private:
    /// Whether there is such a plane; if not, the outcome says so.
    bool known_plane(const std::string& plane, protocol::Outcome& outcome) const;
    /// Calls visit(entry, depth) for everything below the start, depth first, each entry once,
    /// until it returns false.
    template <typename Visit>
    void walk_from(const Entry& start, const std::string& plane, bool parents, Visit visit) const;

    const Context& context_;
    const Lifecycle& lifecycle_;
    const Matcher& matcher_;
};

}  // namespace opendext::daemon
