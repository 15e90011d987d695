// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/client.h"

/// Questions of `opendext explain` and `opendext stuck`, beside those of rpc/protocol/client.h: why
/// a driver does or does not run, and who waits on what.
namespace opendext::protocol::client {

/// One key of a personality's conditions, put to one provider.
struct MatchCheck {
    std::string key;  ///< as people write it: "IONameMatch", "IOPropertyMatch/Color"
    bool fits = false;
    Value wanted;
    bool there = false;  ///< the provider has something to compare
    Value found;
    std::string text;  ///< of one that does not fit: a sentence with both
    std::string hint;  ///< what may be meant instead; empty if nothing comes near
    void fields(auto& io) { io(key, fits, wanted, there, found, text, hint); }
};

/// How far a personality gets on a provider; the first that holds.
enum class StandingState : uint8_t {
    mismatched = 0,  ///< a key does not fit
    disabled = 1,    ///< its extension is not matched: not approved, being replaced, on its way out
    refused = 2,     ///< it could not be started here: a class or an entitlement is missing
    runs = 3,        ///< its driver is on the provider
    starting = 4,    ///< it is being started, or its turn comes in the round that runs
    outranked = 5,   ///< another driver has the category
    failed = 6,      ///< it was started and did not come up
    crashed = 7,     ///< its process ended
    barred = 8,      ///< it ended too often and is not started again for now
    fits = 9,        ///< every key fits, and nothing is known to keep it away
};

struct EntitlementCheck {
    std::string asked_by;  ///< "the provider NAME", "the class CLASS"
    Value required;        ///< the value of IOServiceDEXTEntitlements
    std::string missing;   ///< empty: fulfilled
    void fields(auto& io) { io(asked_by, required, missing); }
};

/// What came of starting a personality on a provider.
struct StartRecord {
    uint32_t attempts = 0;  ///< 0: it was never started there
    uint32_t failures = 0;  ///< of them, also those in which the process ended
    uint32_t crashes = 0;   ///< ends of its process, during Start and later
    int32_t io_return = 0;  ///< of the last attempt
    std::string text;       ///< of the last failure or crash, in words
    uint64_t age_ms = 0;    ///< since the last attempt or crash
    void fields(auto& io) { io(attempts, failures, crashes, io_return, text, age_ms); }
};

/// One personality and one provider.
struct Standing {
    uint64_t provider = 0;
    std::string provider_name;
    std::string provider_class;
    std::string bundle_id;
    std::string personality;  ///< its key in IOKitPersonalities
    std::string user_class;
    std::string category;
    StandingState state = StandingState::mismatched;
    int64_t score = 0;  ///< IOProbeScore and what the family added, if all keys fit
    uint32_t rank = 0;  ///< 1: the best of its category on the provider; 0: it does not fit
    std::vector<MatchCheck> checks;  ///< in the order of the tests
    std::vector<EntitlementCheck> entitlements;
    uint64_t driver = 0;       ///< the entry on the provider that has the category, 0 if none
    std::string driver_label;  ///< its bundle and personality
    StartRecord last;
    std::string reason;              ///< the first broken link, in a sentence
    std::string fix;                 ///< what to do about it; empty where nothing is to be done
    std::vector<std::string> notes;  ///< what decides nothing and may not be meant: misspelt keys
    void fields(auto& io) {
        io(provider, provider_name, provider_class, bundle_id, personality, user_class, category,
           state, score, rank, checks, entitlements, driver, driver_label, last, reason, fix,
           notes);
    }
};

/// A personality that is not installed.
struct LoosePersonality {
    std::string bundle_id;
    std::string name;
    Dictionary table;
    Dictionary entitlements;
    std::vector<std::string> classes;  ///< that its executable has; empty: not known
    void fields(auto& io) { io(bundle_id, name, table, entitlements, classes); }
};

/// Why drivers do or do not run on a provider, or why a personality does or does not run.
/// Answered by Explained.
struct Explain {
    static constexpr auto kKind = Kind::explain;
    uint64_t provider = 0;  ///< 0: those that the personality fits, or else comes near
    /// "BUNDLE/NAME", or "BUNDLE" for all of one; "": all that name a class of the provider.
    std::string personality;
    std::vector<LoosePersonality> loose;  ///< put in place of installed ones
    uint32_t nearest = 3;                 ///< so many providers where none fits
    void fields(auto& io) { io(provider, personality, loose, nearest); }
};

struct Explained {
    static constexpr auto kKind = Kind::explained;
    Outcome outcome;
    std::vector<Standing> standings;  ///< by personality and category, best first
    std::string policy;               ///< what a missing entitlement costs: strict, dev, off
    bool truncated = false;           ///< there are more than are told
    void fields(auto& io) { io(outcome, standings, policy, truncated); }
};

/// Everything that waits. Answered by ActivityIs.
struct GetActivity {
    static constexpr auto kKind = Kind::get_activity;
    void fields(auto&) {}
};

/// Something that waits for somebody.
struct Wait {
    std::string who;   ///< who waits: "opendextd", a program with its pid
    std::string what;  ///< for what, by the name of its deadline where it has one
    std::string on;    ///< for whom: an entry, a process
    uint64_t entry = 0;
    int32_t pid = 0;  ///< the process that is waited for, 0 if none
    uint64_t age_ms = 0;
    bool limited = false;    ///< it has a deadline
    uint64_t left_ms = 0;    ///< until that
    bool frozen = false;     ///< the process is being debugged: the deadline stands still
    std::string queue = {};  ///< of the driver, "" if it is about none
    /// A deadlock: each of these queues is held by a thread that waits for the next, the last for
    /// the first.
    std::vector<std::string> circle = {};
    bool call = false;      ///< it is a call of a client, …
    uint64_t selector = 0;  ///< … with this selector
    void fields(auto& io) {
        io(who, what, on, entry, pid, age_ms, limited, left_ms, frozen, queue, circle, call,
           selector);
    }
};

/// A driver process.
struct DriverActivity {
    int32_t pid = 0;
    std::string server_name;
    std::string bundle_id;
    std::string state;
    std::string sandbox;  ///< what closes it in, as it says itself
    std::vector<uint64_t> objects;
    uint32_t pending = 0;  ///< calls of opendextd that it has not answered
    bool debugged = false;
    void fields(auto& io) {
        io(pid, server_name, bundle_id, state, sandbox, objects, pending, debugged);
    }
};

/// A connection of a program to a user client, or an open on its way there.
struct ConnectionActivity {
    uint64_t service = 0;
    uint64_t user_client = 0;  ///< 0: not made yet
    uint32_t type = 0;
    std::string state;
    uint64_t age_ms = 0;  ///< since it was asked for
    void fields(auto& io) { io(service, user_client, type, state, age_ms); }
};

/// An IOServiceOpen that was refused.
struct RefusedOpen {
    std::string service;
    uint64_t entry = 0;
    uint32_t type = 0;
    int32_t io_return = 0;
    std::string reason;
    uint64_t age_ms = 0;
    void fields(auto& io) { io(service, entry, type, io_return, reason, age_ms); }
};

struct ClientActivity {
    int32_t pid = 0;
    uint32_t uid = 0;
    std::string program;
    bool connected = false;  ///< false: it has gone, and only its refused opens are known
    Dictionary entitlements;
    std::string unseen;  ///< why it may have fewer than it should
    uint32_t waits = 0;  ///< requests of it that are not answered yet
    std::vector<ConnectionActivity> connections;
    std::vector<RefusedOpen> refused;  ///< newest last
    void fields(auto& io) {
        io(pid, uid, program, connected, entitlements, unseen, waits, connections, refused);
    }
};

struct BusyEntry {
    uint64_t entry = 0;
    std::string name;
    std::string state;
    uint32_t count = 0;  ///< its own reasons and those of entries on it
    uint64_t age_ms = 0;
    void fields(auto& io) { io(entry, name, state, count, age_ms); }
};

struct ActivityIs {
    static constexpr auto kKind = Kind::activity_is;
    Outcome outcome;
    std::vector<Wait> waits;  ///< oldest first
    std::vector<DriverActivity> drivers;
    std::vector<ClientActivity> clients;
    std::vector<BusyEntry> busy;
    void fields(auto& io) { io(outcome, waits, drivers, clients, busy); }
};

}  // namespace opendext::protocol::client
