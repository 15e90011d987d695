// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// A client program (libIOKit, tools) -> opendextd, over the realm's socket. Requests are answered
/// by the reply of the same serial; events carry serial 0.
namespace opendext::protocol::client {

inline constexpr uint32_t kVersion = 6;

enum class Kind : uint32_t {
    outcome = 1,
    hello = 2,
    welcome = 3,
    match = 4,
    entries = 5,
    get_entry = 6,
    entry = 7,
    get_relatives = 8,
    subscribe = 9,
    unsubscribe = 10,
    matched = 11,
    interest = 12,
    open = 13,
    opened = 14,
    close = 15,
    connection_died = 16,
    set_properties = 17,
    install = 18,
    uninstall = 19,
    list_extensions = 20,
    extensions = 21,
    stop_realm = 22,
    wait_quiet = 23,
    set_power = 24,
    get_power = 25,
    power = 26,
    report = 27,
    reported = 28,
    developer_mode = 29,
    developer_mode_is = 30,
    get_snapshots = 31,
    snapshots = 32,  ///< rpc/protocol/snapshots.h
    walk = 33,
    walked = 34,
    search = 35,
    found = 36,
    resolve = 37,
    resolved = 38,
    locate = 39,
    located = 40,
    match_one = 41,
    match_verdict = 42,
    get_class = 43,
    class_is = 44,
    request_extension = 45,
    extension_progress = 46,
    answer_replacement = 47,
    approve_extension = 48,
    approval = 49,
    approval_is = 50,
    watch_extensions = 51,
    extension_changed = 52,
    properties_set = 53,
    read_entries = 54,
    entries_read = 55,
    explain = 56,  ///< rpc/protocol/explain.h
    explained = 57,
    get_activity = 58,
    activity_is = 59,
    get_supervision = 60,  ///< rpc/protocol/supervision.h
    supervision_is = 61,
    lift_quarantine = 62,
    quarantine_lifted = 63,
    debug_next = 64,  ///< rpc/protocol/debug.h
    debug_waiting = 65,
    family_request = 66,
    family_answer = 67,
};

struct Reply : Outcome {
    static constexpr auto kKind = Kind::outcome;
};

enum class RefusedBy : uint8_t {
    daemon = 0,
    driver = 1,       ///< its method returned the code
    driver_died = 2,  ///< a driver's process died before it answered
    terminated = 3,   ///< its object ended in order before it answered
};

/// The outcome of what a driver decides.
struct DriverOutcome : Outcome {
    RefusedBy refused_by = RefusedBy::daemon;  ///< if it is refused
    void fields(auto& io) {
        Outcome::fields(io);
        io(refused_by);
    }
};

/// First message. Answered by Welcome, or by Reply where the versions do not fit. With Welcome may
/// come fds[0]: the counters of the registry's changes (rpc/change_board.h).
struct Hello {
    static constexpr auto kKind = Kind::hello;
    uint32_t version = kVersion;
    std::string program;  ///< shown in logs
    /// A number that nobody guesses and that stays the program's for all its links; 0: none. Under
    /// it opendextd, or its successor, gives a new link the connections of the one that was lost.
    uint64_t session = 0;
    std::vector<uint64_t> connections = {};  ///< all that the program has open
    void fields(auto& io) { io(version, program, session, connections); }
};

struct Welcome {
    static constexpr auto kKind = Kind::welcome;
    uint64_t root = 0;  ///< registry entry id of Root
    std::string realm;
    int32_t daemon_pid = 0;
    int32_t keeper_pid = 0;
    std::vector<uint64_t> lost;  ///< connections of Hello that opendextd does not know any more
    void fields(auto& io) { io(root, realm, daemon_pid, keeper_pid, lost); }
};

/// Services that match a matching dictionary (IOServiceMatching and so on). Answered by Entries.
struct Match {
    static constexpr auto kKind = Kind::match;
    Dictionary matching;
    uint32_t limit = 0;  ///< 0 = all
    void fields(auto& io) { io(matching, limit); }
};

struct Entries {
    static constexpr auto kKind = Kind::entries;
    Outcome outcome;
    std::vector<uint64_t> ids;
    uint64_t generation = 0;  ///< changes whenever the registry's tree does
    void fields(auto& io) { io(outcome, ids, generation); }
};

/// Answered by Entry.
struct GetEntry {
    static constexpr auto kKind = Kind::get_entry;
    uint64_t id = 0;
    bool with_properties = false;
    void fields(auto& io) { io(id, with_properties); }
};

enum EntryFlags : uint32_t {
    kEntryRegistered = 1,
    kEntryMatched = 2,
    kEntryActive = 4,
    kEntryService = 8,  ///< an IOService, not a bare registry entry
};

struct Entry {
    static constexpr auto kKind = Kind::entry;
    Outcome outcome;  ///< kIOReturnNotFound-like codes where the entry is gone
    uint64_t id = 0;
    std::string name;
    std::string location;
    std::string class_name;            ///< most derived kernel-side class (IOClass)
    std::vector<std::string> classes;  ///< its chain, most derived first
    uint32_t flags = 0;
    uint32_t busy = 0;
    uint32_t retain_count = 0;
    uint64_t generation = 0;
    Dictionary properties;   ///< IOUserServiceProperties merged in; empty unless asked for
    std::string state;       ///< life-cycle state in words, for people
    int32_t server_pid = 0;  ///< process of the driver object, 0 if none
    uint64_t busy_ns = 0;    ///< how long it has been busy in all
    void fields(auto& io) {
        io(outcome, id, name, location, class_name, classes, flags, busy, retain_count, generation,
           properties, state, server_pid, busy_ns);
    }
};

/// Parents or children in a plane, nearest first. Answered by Entries.
struct GetRelatives {
    static constexpr auto kKind = Kind::get_relatives;
    uint64_t id = 0;
    std::string plane;
    bool parents = false;
    void fields(auto& io) { io(id, plane, parents); }
};

/// GetEntry, with properties, and GetRelatives of many entries at once: for tools that show all
/// there is of them. Answered by EntriesRead.
struct ReadEntries {
    static constexpr auto kKind = Kind::read_entries;
    std::vector<uint64_t> ids;
    std::string plane;
    void fields(auto& io) { io(ids, plane); }
};

struct EntryInPlane {
    Entry entry;
    std::vector<uint64_t> children;  ///< none where there is no such plane
    void fields(auto& io) { io(entry, children); }
};

struct EntriesRead {
    static constexpr auto kKind = Kind::entries_read;
    uint32_t looked_at = 0;  ///< so many of `ids`, at least one: as many as make a large message
    std::vector<EntryInPlane> entries;  ///< those of them that are in the registry, in their order
    void fields(auto& io) { io(looked_at, entries); }
};

/// Names, places, classes and properties of many entries at once (rpc/protocol/snapshots.h).
/// Answered by message kind `snapshots`, which has those of the first entries of `ids` that fit
/// into `max_bytes`, at least one; entries that are not in the registry are left out.
struct GetSnapshots {
    static constexpr auto kKind = Kind::get_snapshots;
    std::vector<uint64_t> ids;
    uint32_t max_bytes = 0;
    void fields(auto& io) { io(ids, max_bytes); }
};

/// Everything below `id` in a plane (or above it), depth first, each entry once. Answered by
/// Walked.
struct Walk {
    static constexpr auto kKind = Kind::walk;
    uint64_t id = 0;
    std::string plane;
    bool parents = false;
    void fields(auto& io) { io(id, plane, parents); }
};

struct Walked {
    static constexpr auto kKind = Kind::walked;
    Outcome outcome;
    std::vector<uint64_t> ids;
    std::vector<uint16_t> depths;  ///< of each: 1 for a child (or parent) of the start
    uint64_t generation = 0;
    void fields(auto& io) { io(outcome, ids, depths, generation); }
};

/// A property of the entry, or of the nearest entry below or above it in the plane that has it.
/// Answered by Found; kIOReturnNotFound if there is none.
struct Search {
    static constexpr auto kKind = Kind::search;
    uint64_t id = 0;
    std::string plane;
    std::string key;
    bool recursive = false;
    bool parents = false;
    void fields(auto& io) { io(id, plane, key, recursive, parents); }
};

struct Found {
    static constexpr auto kKind = Kind::found;
    Outcome outcome;
    Value value;
    void fields(auto& io) { io(outcome, value); }
};

/// The entry at "PLANE:/NAME@LOCATION/…". Answered by Resolved; kIOReturnNotFound names the
/// component that is not there.
struct Resolve {
    static constexpr auto kKind = Kind::resolve;
    std::string path;
    void fields(auto& io) { io(path); }
};

struct Resolved {
    static constexpr auto kKind = Kind::resolved;
    Outcome outcome;
    uint64_t id = 0;
    void fields(auto& io) { io(outcome, id); }
};

/// Where the entry is in a plane. Answered by Located; kIOReturnNotFound if it is not in it,
/// kIOReturnBadArgument if there is no such plane.
struct Locate {
    static constexpr auto kKind = Kind::locate;
    uint64_t id = 0;
    std::string plane;
    void fields(auto& io) { io(id, plane); }
};

struct Located {
    static constexpr auto kKind = Kind::located;
    Outcome outcome;
    std::string name;
    std::string location;
    std::string path;
    void fields(auto& io) { io(outcome, name, location, path); }
};

/// Whether one service, registered or not, fits a matching dictionary. Answered by MatchVerdict.
struct MatchOne {
    static constexpr auto kKind = Kind::match_one;
    uint64_t entry = 0;
    Dictionary matching;
    void fields(auto& io) { io(entry, matching); }
};

struct MatchVerdict {
    static constexpr auto kKind = Kind::match_verdict;
    Outcome outcome;
    bool matches = false;
    std::string reason;  ///< of a mismatch: key, wanted and found value
    void fields(auto& io) { io(outcome, matches, reason); }
};

/// What is known of a class, a kernel-side one or one of a driver that runs. Answered by ClassIs.
struct GetClass {
    static constexpr auto kKind = Kind::get_class;
    std::string name;
    void fields(auto& io) { io(name); }
};

struct ClassIs {
    static constexpr auto kKind = Kind::class_is;
    Outcome outcome;
    std::string super_name;  ///< empty: it has none
    std::string bundle_id;   ///< of the driver that brings it; of a family: org.opendext.NAME
    void fields(auto& io) { io(outcome, super_name, bundle_id); }
};

enum class Subscription : uint8_t {
    publish = 0,      ///< IOServicePublish
    matched = 1,      ///< IOServiceMatched
    first_match = 2,  ///< IOServiceFirstMatch
    terminate = 3,    ///< IOServiceTerminate
    interest = 4,     ///< general interest in one entry
};

/// Answered by Entries with what matches now (none for interest); later services come as Matched or
/// Interest events.
struct Subscribe {
    static constexpr auto kKind = Kind::subscribe;
    uint64_t subscription = 0;  ///< chosen by the client, unique in the connection
    Subscription type = Subscription::publish;
    Dictionary matching;
    uint64_t entry = 0;  ///< for interest
    void fields(auto& io) { io(subscription, type, matching, entry); }
};

/// No answer; events already on their way may still arrive.
struct Unsubscribe {
    static constexpr auto kKind = Kind::unsubscribe;
    uint64_t subscription = 0;
    void fields(auto& io) { io(subscription); }
};

struct Matched {
    static constexpr auto kKind = Kind::matched;
    uint64_t subscription = 0;
    std::vector<uint64_t> ids;
    void fields(auto& io) { io(subscription, ids); }
};

struct Interest {
    static constexpr auto kKind = Kind::interest;
    uint64_t subscription = 0;
    uint64_t entry = 0;
    uint32_t message = 0;  ///< kIOMessageServiceIsTerminated, kIOMessageServicePropertyChange, …
    uint64_t argument = 0;
    void fields(auto& io) { io(subscription, entry, message, argument); }
};

/// IOServiceOpen. Answered by Opened; fds on success: [0] channel memory, [1] side socket.
struct Open {
    static constexpr auto kKind = Kind::open;
    uint64_t entry = 0;
    uint32_t type = 0;
    void fields(auto& io) { io(entry, type); }
};

struct Opened {
    static constexpr auto kKind = Kind::opened;
    DriverOutcome outcome;
    uint64_t connection = 0;
    uint64_t user_client = 0;  ///< its registry entry id
    int32_t driver_pid = 0;
    void fields(auto& io) { io(outcome, connection, user_client, driver_pid); }
};

/// IOServiceClose. Answered by Reply.
struct Close {
    static constexpr auto kKind = Kind::close;
    uint64_t connection = 0;
    void fields(auto& io) { io(connection); }
};

/// Event: the driver side of a connection is gone.
struct ConnectionDied {
    static constexpr auto kKind = Kind::connection_died;
    uint64_t connection = 0;
    std::string reason;
    RefusedBy how = RefusedBy::driver_died;  ///< or terminated
    void fields(auto& io) { io(connection, reason, how); }
};

/// IORegistryEntrySetCFProperties. Answered by PropertiesSet, or by Reply if the driver is not
/// asked.
struct SetProperties {
    static constexpr auto kKind = Kind::set_properties;
    uint64_t entry = 0;
    Value properties;
    void fields(auto& io) { io(entry, properties); }
};

struct PropertiesSet {
    static constexpr auto kKind = Kind::properties_set;
    DriverOutcome outcome;
    void fields(auto& io) { io(outcome); }
};

/// Copy the bundle into the realm's extension database and match its personalities. Answered by
/// Reply.
struct Install {
    static constexpr auto kKind = Kind::install;
    std::string bundle_path;  ///< absolute
    /// A number that nobody guesses and no other request has: one that is made again, since no
    /// answer came, is carried out once. 0: there is none.
    uint64_t request = 0;
    void fields(auto& io) { io(bundle_path, request); }
};

/// Terminate the instances, wait for them, forget the bundle. Answered by Reply when that is over.
struct Uninstall {
    static constexpr auto kKind = Kind::uninstall;
    std::string bundle_id;
    uint64_t request = 0;  ///< as in Install
    void fields(auto& io) { io(bundle_id, request); }
};

struct ListExtensions {
    static constexpr auto kKind = Kind::list_extensions;
    void fields(auto&) {}
};

struct ExtensionInfo {
    std::string bundle_id;
    std::string version;        ///< CFBundleVersion
    std::string short_version;  ///< CFBundleShortVersionString
    std::string name;
    std::string path;
    std::string team;
    std::string state;  ///< "activated enabled", "terminating for uninstall", …
    bool enabled = false;
    bool active = false;
    bool awaiting_approval = false;
    bool uninstalling = false;
    std::string application;  ///< bundle identifier of the application that activated it, if any
    void fields(auto& io) {
        io(bundle_id, version, short_version, name, path, team, state, enabled, active,
           awaiting_approval, uninstalling, application);
    }
};

struct Extensions {
    static constexpr auto kKind = Kind::extensions;
    std::vector<ExtensionInfo> extensions;
    void fields(auto& io) { io(extensions); }
};

/// End the realm. Answered by Reply; then the connection closes.
struct StopRealm {
    static constexpr auto kKind = Kind::stop_realm;
    void fields(auto&) {}
};

/// Answered by Reply once nothing is being matched, started or stopped (IOKitWaitQuiet), or with
/// kIOReturnTimeout after `timeout_ms`.
struct WaitQuiet {
    static constexpr auto kKind = Kind::wait_quiet;
    uint64_t entry = 0;  ///< 0 = whole registry
    uint32_t timeout_ms = 0;
    void fields(auto& io) { io(entry, timeout_ms); }
};

/// Puts the realm to sleep or wakes it. Answered by Reply when every driver has been told and has
/// acknowledged, or its time for that is over.
struct SetPower {
    static constexpr auto kKind = Kind::set_power;
    bool asleep = false;
    void fields(auto& io) { io(asleep); }
};

/// Answered by Power.
struct GetPower {
    static constexpr auto kKind = Kind::get_power;
    void fields(auto&) {}
};

/// One object of the power tree.
struct PowerObject {
    uint64_t id = 0;
    std::string name;
    uint32_t flags = 0;    ///< kIOServicePowerCapability… that it has now
    uint32_t desired = 0;  ///< the same, as it asked for by ChangePowerState
    bool override_ = false;
    bool acknowledging = false;  ///< SetPowerState was sent and is not acknowledged
    void fields(auto& io) { io(id, name, flags, desired, override_, acknowledging); }
};

struct Power {
    static constexpr auto kKind = Kind::power;
    std::string state;  ///< "awake", "falling asleep", "asleep", "waking"
    std::vector<PowerObject> objects;
    Array wake_claims;  ///< dictionaries; newest last
    void fields(auto& io) { io(state, objects, wake_claims); }
};

/// Asks a driver to configure or update reports (IOService::ConfigureReport, UpdateReport).
/// Answered by Reported.
struct Report {
    static constexpr auto kKind = Kind::report;
    uint64_t entry = 0;
    bool update = false;
    std::vector<uint8_t> channels;  ///< IOReportChannelList
    uint32_t action = 0;            ///< IOReportConfigureAction or IOReportUpdateAction
    uint64_t capacity = 0;          ///< update: room for the data
    void fields(auto& io) { io(entry, update, channels, action, capacity); }
};

struct Reported {
    static constexpr auto kKind = Kind::reported;
    Outcome outcome;
    uint32_t count = 0;         ///< outCount or outElementCount
    std::vector<uint8_t> data;  ///< update: `count` elements
    void fields(auto& io) { io(outcome, count, data); }
};

/// Asks for, or sets, developer mode (an installed version may be installed again). Answered by
/// DeveloperModeIs.
struct DeveloperMode {
    static constexpr auto kKind = Kind::developer_mode;
    bool set = false;
    bool on = false;
    void fields(auto& io) { io(set, on); }
};

struct DeveloperModeIs {
    static constexpr auto kKind = Kind::developer_mode_is;
    Outcome outcome;
    bool on = false;
    void fields(auto& io) { io(outcome, on); }
};

/// What an application wants of an extension (OSSystemExtensionRequest).
enum class ExtensionAction : uint8_t {
    activate = 0,
    deactivate = 1,
    properties = 2,
};

/// Answered by ExtensionProgress events only, the last of which is finished or failed; a request of
/// the same number that is under way makes it malformed.
struct RequestExtension {
    static constexpr auto kKind = Kind::request_extension;
    uint64_t request = 0;  ///< chosen by the client, unique in the connection
    ExtensionAction action = ExtensionAction::activate;
    std::string bundle_id;
    std::string bundle_path;       ///< activate: absolute
    std::string application;       ///< the application's bundle identifier; "" if it has none
    std::string application_path;  ///< absolute; "" if the program is in no application
    void fields(auto& io) {
        io(request, action, bundle_id, bundle_path, application, application_path);
    }
};

enum class ExtensionStage : uint8_t {
    needs_approval = 0,
    replacing = 1,  ///< extensions: the installed one, the new one; wants AnswerReplacement
    found = 2,      ///< properties: extensions
    finished = 3,   ///< code: OSSystemExtensionRequestResult
    failed = 4,     ///< code: OSSystemExtensionErrorCode
};

/// Event of a request.
struct ExtensionProgress {
    static constexpr auto kKind = Kind::extension_progress;
    uint64_t request = 0;
    ExtensionStage stage = ExtensionStage::failed;
    std::vector<ExtensionInfo> extensions;
    int32_t code = 0;
    std::string reason;  ///< of a failure, in words
    void fields(auto& io) { io(request, stage, extensions, code, reason); }
};

/// No answer. Not asked for, or a second time: passed over.
struct AnswerReplacement {
    static constexpr auto kKind = Kind::answer_replacement;
    uint64_t request = 0;
    bool replace = false;
    void fields(auto& io) { io(request, replace); }
};

/// Allows or refuses an extension that waits for its user. Answered by Reply.
struct ApproveExtension {
    static constexpr auto kKind = Kind::approve_extension;
    std::string bundle_id;
    bool allow = false;
    void fields(auto& io) { io(bundle_id, allow); }
};

/// Asks for, or sets, what activating an extension for the first time needs. Answered by
/// ApprovalIs.
struct Approval {
    static constexpr auto kKind = Kind::approval;
    std::string mode;  ///< "automatic", "ask", "deny"; "" = only ask
    void fields(auto& io) { io(mode); }
};

struct ApprovalIs {
    static constexpr auto kKind = Kind::approval_is;
    Outcome outcome;
    std::string mode;
    void fields(auto& io) { io(outcome, mode); }
};

/// From now on the connection gets ExtensionChanged events, or none any more. Answered by
/// Extensions.
struct WatchExtensions {
    static constexpr auto kKind = Kind::watch_extensions;
    bool watch = true;
    void fields(auto& io) { io(watch); }
};

enum class ExtensionChange : uint8_t {
    will_become_enabled = 0,
    will_become_disabled = 1,  ///< to be replaced
    will_become_inactive = 2,  ///< to be uninstalled
};

/// Event of a connection that watches.
struct ExtensionChanged {
    static constexpr auto kKind = Kind::extension_changed;
    ExtensionChange change = ExtensionChange::will_become_enabled;
    ExtensionInfo extension;
    void fields(auto& io) { io(change, extension); }
};

/// Something that only a family knows how to do. It goes to the families of the class of `entry`,
/// or of `class_name` where there is no entry yet; what the words, arguments and descriptors mean
/// is theirs. Answered by FamilyAnswer.
struct FamilyRequest {
    static constexpr auto kKind = Kind::family_request;
    uint64_t entry = 0;      ///< 0: there is none
    std::string class_name;  ///< a kernel-side class; used if there is no entry
    std::string what;
    Dictionary arguments;
    void fields(auto& io) { io(entry, class_name, what, arguments); }
};

/// Descriptors only with success.
struct FamilyAnswer {
    static constexpr auto kKind = Kind::family_answer;
    Outcome outcome;
    Dictionary result;
    void fields(auto& io) { io(outcome, result); }
};

}  // namespace opendext::protocol::client
