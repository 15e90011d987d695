// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// opendextd <-> a driver process, over one control socket that is there when the process starts.
/// Requests of both sides are answered by the reply of the same serial (each side numbers its own;
/// the top bit set by opendextd). Messages that have no answer have serials too, and none is ever
/// used again: an opendextd that adopts the process sends again what may not have arrived, and the
/// process takes each once; what is left in the socket from a predecessor is seen to once.
namespace opendext::protocol::driver {

enum class Kind : uint32_t {
    outcome = 1,
    check_in = 2,
    load = 3,
    loaded = 4,
    instantiate = 5,
    call = 6,
    call_result = 7,
    drop = 8,
    create = 9,
    created = 10,
    attach_client = 11,
    detach_client = 12,
    log = 13,
    exit = 14,
    bind = 15,
    attach_interrupt = 24,
    interrupt = 25,
    detach_interrupt = 26,
    watch = 16,
    unwatch = 17,
    arm = 18,
    source_ready = 19,
    next_notification = 20,
    notification = 21,
    panic_log = 22,
    system_power = 23,
    open_file = 27,
    file_opened = 28,
    resume = 29,
    resumed = 30,
    repeat = 31,
    crashed = 32,
    examine = 34,
    examined = 35,
    assign = 33,
};

/// Serials of requests that opendextd makes have this bit.
inline constexpr uint64_t kDaemonSerial = uint64_t{1} << 63;
/// What an object is asked once at a time has a serial that follows from its registry entry id, so
/// that an opendextd that adopts the process knows the reply to what its predecessor asked. Other
/// serials are below all of these.
enum class Named : uint64_t {
    instantiate = uint64_t{1} << 60,
    start = uint64_t{2} << 60,
    stop = uint64_t{3} << 60,
};
[[nodiscard]] constexpr uint64_t named_serial(Named name, uint64_t entry) {
    return kDaemonSerial | static_cast<uint64_t>(name) | entry;
}
[[nodiscard]] constexpr bool is_named(uint64_t serial) {
    return ((serial & ~kDaemonSerial) >> 60) != 0;
}

struct Reply : Outcome {
    static constexpr auto kKind = Kind::outcome;
};

struct ClassInfo {
    std::string name;
    std::string super_name;
    uint64_t flags = 0;
    void fields(auto& io) { io(name, super_name, flags); }
};

/// driver -> opendextd, first message; no answer. A wrong token ends the process.
struct CheckIn {
    static constexpr auto kKind = Kind::check_in;
    uint64_t token = 0;
    std::string sandbox;  ///< what closes the process in, in words; empty parts are named
    std::vector<ClassInfo> classes = {};  ///< that the process has registered, of frameworks
    void fields(auto& io) { io(token, sandbox, classes); }
};

/// opendextd -> driver: load the executable of the bundle. Answered by Loaded.
struct Load {
    static constexpr auto kKind = Kind::load;
    std::string bundle_path;
    std::string executable;
    void fields(auto& io) { io(bundle_path, executable); }
};

/// opendextd -> driver, no answer: a process that was made before anybody needed it has a driver's
/// work to do now. `title`: what `ps` is to show. `bundle_id`: before Load, of a process that was
/// made for no bundle; else empty.
struct Assign {
    static constexpr auto kKind = Kind::assign;
    std::string title;
    std::string bundle_id = {};
    void fields(auto& io) { io(title, bundle_id); }
};

struct Loaded {
    static constexpr auto kKind = Kind::loaded;
    Outcome outcome;
    std::vector<ClassInfo> classes;  ///< registered since CheckIn: the dext's
    void fields(auto& io) { io(outcome, classes); }
};

/// opendextd -> driver: make an object of `class_name` for registry entry `entry` and call init().
/// Reply. Errors: class not registered -> kIOReturnUnsupported "no user class found"; init() false
/// -> kIOReturnError. With `start_serial`: a Call of that serial follows at once, if that succeeds;
/// the Reply comes before its CallResult.
struct Instantiate {
    static constexpr auto kKind = Kind::instantiate;
    uint64_t entry = 0;
    std::string class_name;
    uint64_t start_serial = 0;
    Invocation start = {};
    void fields(auto& io) { io(entry, class_name, start_serial, start); }
};

/// Either direction: call a method. Answered by CallResult unless the one-way flag is set. fds as
/// the refs say.
struct Call {
    static constexpr auto kKind = Kind::call;
    Invocation invocation;
    void fields(auto& io) { io(invocation); }
};

struct CallResult {
    static constexpr auto kKind = Kind::call_result;
    InvocationResult result;
    void fields(auto& io) { io(result); }
};

/// Either direction, no answer. From opendextd: the registry no longer needs the object; the
/// process releases it (free() follows when the driver has let go too). From the driver: the proxy
/// of `entry` is gone.
struct Drop {
    static constexpr auto kKind = Kind::drop;
    uint64_t entry = 0;
    void fields(auto& io) { io(entry); }
};

/// driver -> opendextd: IOService::Create. Answered by Created. The runtime then allocates
/// `user_class`, calls init() and Start(provider), and returns the object.
struct Create {
    static constexpr auto kKind = Kind::create;
    uint64_t provider = 0;
    std::string properties_key;
    void fields(auto& io) { io(provider, properties_key); }
};

struct Created {
    static constexpr auto kKind = Kind::created;
    Outcome outcome;
    uint64_t entry = 0;
    std::string user_class;    ///< IOUserClass of the dictionary
    std::string kernel_class;  ///< IOClass of the dictionary
    void fields(auto& io) { io(outcome, entry, user_class, kernel_class); }
};

/// opendextd -> driver: a client program opened user client `entry`. fds: [0] channel memory, [1]
/// side socket. Answered by Reply; from then on the two talk without opendextd.
struct AttachClient {
    static constexpr auto kKind = Kind::attach_client;
    uint64_t entry = 0;
    uint64_t connection = 0;
    int32_t client_pid = 0;
    std::string client_name;
    Dictionary entitlements;
    void fields(auto& io) { io(entry, connection, client_pid, client_name, entitlements); }
};

/// opendextd -> driver: the client closed or died; the runtime closes the channel. Stop follows as
/// a Call. No answer.
struct DetachClient {
    static constexpr auto kKind = Kind::detach_client;
    uint64_t connection = 0;
    void fields(auto& io) { io(connection); }
};

/// driver -> opendextd, no answer: one line of os_log or of the runtime.
struct Log {
    static constexpr auto kKind = Kind::log;
    uint8_t type = 0;      ///< os_log_type_t
    uint64_t time_ns = 0;  ///< CLOCK_REALTIME
    uint32_t thread = 0;
    std::string subsystem;
    std::string category;
    std::string text;
    void fields(auto& io) { io(type, time_ns, thread, subsystem, category, text); }
};

/// opendextd -> driver: end the process in order (all objects are gone). No answer.
struct Exit {
    static constexpr auto kKind = Kind::exit;
    std::string reason;
    void fields(auto& io) { io(reason); }
};

/// opendextd -> driver, before the first mention of a foreign entry needs it and whenever it
/// changes: nothing yet depends on it beyond the classes of a proxy. `classes` most derived first.
struct Bind {
    static constexpr auto kKind = Kind::bind;
    uint64_t entry = 0;
    std::vector<std::string> classes;
    void fields(auto& io) { io(entry, classes); }
};

/// driver -> opendextd: a file of the process's own bundle, for reading. `path` is relative to the
/// bundle; it has no "." and ".." in it, and no part of it is a symbolic link. Answered by
/// FileOpened.
struct OpenFile {
    static constexpr auto kKind = Kind::open_file;
    std::string path;
    void fields(auto& io) { io(path); }
};

/// fds: [0] the file, read-only, if the outcome is success.
struct FileOpened {
    static constexpr auto kKind = Kind::file_opened;
    Outcome outcome;
    void fields(auto& io) { io(outcome); }
};

/// opendextd -> driver: another opendextd has this end of the socket now (docs/design/adoption.md).
/// Answered by Resumed.
struct Resume {
    static constexpr auto kKind = Kind::resume;
    void fields(auto&) {}
};

struct Resumed {
    static constexpr auto kKind = Kind::resumed;
    std::vector<uint64_t> waiting;  ///< serials of the driver's requests that have no answer
    void fields(auto& io) { io(waiting); }
};

/// opendextd -> driver, no answer: sends these requests again, as they were; the earlier opendextd
/// took them and has not answered.
struct Repeat {
    static constexpr auto kKind = Kind::repeat;
    std::vector<uint64_t> serials;
    void fields(auto& io) { io(serials); }
};

/// What a dispatch source of the driver watches.
enum class WatchKind : uint8_t {
    services = 0,  ///< services that fit `matching` come and go
    items = 1,     ///< the named state items change
};

/// driver -> opendextd: a source begins to watch. Answered by Reply. `source` is chosen by the
/// driver, unique in its process.
struct Watch {
    static constexpr auto kKind = Kind::watch;
    uint64_t source = 0;
    WatchKind kind = WatchKind::services;
    Dictionary matching;             ///< for services
    std::vector<std::string> items;  ///< for items
    void fields(auto& io) { io(source, kind, matching, items); }
};

/// driver -> opendextd, no answer: the source is gone or cancelled.
struct Unwatch {
    static constexpr auto kKind = Kind::unwatch;
    uint64_t source = 0;
    void fields(auto& io) { io(source); }
};

/// driver -> opendextd, no answer: the next change of an item is to be told (once).
struct Arm {
    static constexpr auto kKind = Kind::arm;
    uint64_t source = 0;
    void fields(auto& io) { io(source); }
};

/// opendextd -> driver, no answer: there are notifications to fetch, or an armed item changed.
struct SourceReady {
    static constexpr auto kKind = Kind::source_ready;
    uint64_t source = 0;
    void fields(auto& io) { io(source); }
};

/// driver -> opendextd: takes the oldest notification of a source. Answered by Notification.
struct NextNotification {
    static constexpr auto kKind = Kind::next_notification;
    uint64_t source = 0;
    void fields(auto& io) { io(source); }
};

struct Notification {
    static constexpr auto kKind = Kind::notification;
    Outcome outcome;
    uint32_t type = 0xffffffff;  ///< kIOServiceNotificationType…; None where nothing waits
    std::vector<Ref> service;    ///< one reference, or none with None
    void fields(auto& io) { io(outcome, type, service); }
};

/// driver -> opendextd: text that is to be in the crash report should the driver die. Answered by
/// Reply. fds: [0] memory: a head (PanicLogHead) and from kPanicLogData on `length` bytes.
struct PanicLog {
    static constexpr auto kKind = Kind::panic_log;
    std::vector<uint8_t> uuid;
    std::string data_id;
    uint64_t length = 0;
    void fields(auto& io) { io(uuid, data_id, length); }
};

/// The beginning of the memory of a PanicLog; the driver writes it at any time.
struct PanicLogHead {
    uint32_t active = 0;  ///< 1: the data goes into the report
    uint32_t used = 0;    ///< valid bytes
};
inline constexpr uint64_t kPanicLogData = 4096;
inline constexpr uint64_t kMaxPanicLog = uint64_t{1} << 20;

/// opendextd -> driver, no answer: the system goes to sleep (calls of client programs wait from now
/// on) or is awake again.
struct SystemPower {
    static constexpr auto kKind = Kind::system_power;
    bool asleep = false;
    void fields(auto& io) { io(asleep); }
};

/// driver -> opendextd: interrupt `index` of `provider`, a provider of one of the process's
/// objects. Answered by Interrupt. With `attach` false only the type is asked for.
struct AttachInterrupt {
    static constexpr auto kKind = Kind::attach_interrupt;
    uint64_t provider = 0;
    uint32_t index = 0;
    bool attach = false;
    void fields(auto& io) { io(provider, index, attach); }
};

/// fds, if attached: [0] an eventfd whose counter grows by one for each interrupt; [1] for
/// level-triggered ones, an eventfd that the driver process writes 1 to when the handler is
/// through: until then the interrupt is masked.
struct Interrupt {
    static constexpr auto kKind = Kind::interrupt;
    Outcome outcome;
    uint64_t type = 0;    ///< as IOInterruptDispatchSource::GetInterruptType gives it
    uint64_t handle = 0;  ///< names the attachment; 0 if none was asked for
    void fields(auto& io) { io(outcome, type, handle); }
};

/// driver -> opendextd, no answer: the source of `handle` has ended. The end of the process does
/// the same for all that it had.
struct DetachInterrupt {
    static constexpr auto kKind = Kind::detach_interrupt;
    uint64_t handle = 0;
    void fields(auto& io) { io(handle); }
};

/// driver -> opendextd, no answer: the process dies of a signal. fds: [0] it waits, some seconds at
/// most, until every copy of this descriptor is closed; meanwhile its stacks can be taken. Written
/// by a signal handler, byte by byte (runtime/crash).
struct Crashed {
    static constexpr auto kKind = Kind::crashed;
    int32_t thread = 0;  ///< its id as the process itself sees it (its process id namespace)
    int32_t signal = 0;
    int32_t code = 0;      ///< si_code
    uint64_t address = 0;  ///< si_addr where the signal has one
    int32_t sender = 0;    ///< si_pid where somebody sent it
    /// At the fault, in the order of rpc/machine_registers.h; empty: not known.
    std::vector<uint64_t> registers;
    std::string message;  ///< what abort() was called for: an assertion, the heap's complaint
    void fields(auto& io) { io(thread, signal, code, address, sender, registers, message); }
};

}  // namespace opendext::protocol::driver
