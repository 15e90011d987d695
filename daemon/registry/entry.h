// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/registry/traits.h"
#include "rpc/value.h"

namespace opendext::daemon {

/// Names a registry entry everywhere: registry, messages, tools. Never 0, never reused in a realm.
using EntryId = uint64_t;
inline constexpr EntryId kNoEntry = 0;

/// The plane that matching and life cycle work on.
inline constexpr std::string_view kServicePlane = "IOService";

/// The place of an entry in a plane other than kServicePlane.
struct PlaneLinks {
    std::vector<EntryId> parents;
    std::vector<EntryId> children;
};

/// How far an entry is on its way out. Removal goes leaves up (registry/termination.h).
enum class Activity : uint8_t {
    active,
    terminating,  ///< inactive: refuses opens and matches, waits for its clients and its driver to
                  ///< let go
    detached,     ///< out of every plane; the entry is gone after this event
};
[[nodiscard]] std::string_view to_string(Activity activity);

/// One object of the registry. Read it freely; only the Registry changes it. A pointer is valid
/// until the event loop turns: keep the id across events, not the pointer.
struct Entry {
    static constexpr std::string_view kUserClassesKey = "IOUserClasses";

    EntryId id = kNoEntry;
    /// What personalities are looked up by; PersonalityIndex makes it when it needs it, the
    /// registry clears it with every change. First, because a nub that fits nothing is not read
    /// further.
    mutable std::vector<Trait> traits;
    std::string name;      ///< what the tree shows; the user class for dext objects until SetName
    std::string location;  ///< after the @, may be empty
    /// Kernel-side class chain, most derived first, ending with IORegistryEntry (OSObject is left
    /// out).
    std::vector<std::string> classes;
    /// Chain of a dext object (IOUserClasses), most derived first; empty for kernel-only entries.
    std::vector<std::string> user_classes;
    Dictionary properties;       ///< own properties: personality, family, system
    Dictionary user_properties;  ///< set by the dext with SetProperties (IOUserServiceProperties)

    bool service = true;      ///< an IOService, not a bare registry entry
    bool registered = false;  ///< can be found by clients and matched
    bool matched = false;     ///< its first round of matching is over
    Activity activity = Activity::active;
    uint32_t busy = 0;  ///< own reasons to be busy plus one for each busy client
    std::chrono::steady_clock::time_point busy_since;  ///< while `busy` is not 0
    std::chrono::nanoseconds busy_before{0};           ///< how long it was busy before that
    /// Providers and clients in kServicePlane, in the order of attachment.
    std::vector<EntryId> providers;
    std::vector<EntryId> clients;
    /// The other planes that it is in, by name.
    std::map<std::string, PlaneLinks, std::less<>> planes;

    [[nodiscard]] const std::string& class_name() const { return classes.front(); }
    /// Whether `class_name` is in the kernel-side chain or in IOUserClasses.
    [[nodiscard]] bool is_kind_of(std::string_view class_name) const;
    /// The first provider, or kNoEntry.
    [[nodiscard]] EntryId provider() const {
        return providers.empty() ? kNoEntry : providers.front();
    }
    /// The property that readers and matching see: the dext's own value wins over the entry's.
    /// nullptr if none.
    [[nodiscard]] const Value* property(std::string_view key) const;
    /// Calls visit(key, value) for all properties as readers see them, IOUserServiceProperties
    /// merged in, IOUserClasses included; each key once.
    template <typename Visit>
    void visit_properties(Visit visit) const {
        const bool with_classes = !user_classes.empty();
        const auto overruled = [&](const std::string& key) {
            return user_properties.contains(key) || (with_classes && key == kUserClassesKey);
        };
        for (const auto& [key, value] : properties) {
            if (!overruled(key)) visit(key, value);
        }
        for (const auto& [key, value] : user_properties) {
            if (!with_classes || key != kUserClassesKey) visit(key, value);
        }
        if (with_classes)
            visit(kUserClassesKey, Value(Array(user_classes.begin(), user_classes.end())));
    }
    /// The same as a dictionary.
    [[nodiscard]] Dictionary merged_properties() const;
    /// How long the entry has been busy in all.
    [[nodiscard]] std::chrono::nanoseconds busy_time() const;
};

}  // namespace opendext::daemon
