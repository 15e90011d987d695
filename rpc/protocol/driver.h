// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/common.h"

/// opendextd <-> a driver process, over one control socket that is there when the process starts.
/// Requests of both sides are answered by the reply of the same serial (each side numbers its own;
/// the top bit set by opendextd).
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
};

/// Serials of requests that opendextd makes have this bit.
inline constexpr uint64_t kDaemonSerial = uint64_t{1} << 63;

struct Reply : Outcome {
    static constexpr auto kKind = Kind::outcome;
};

/// driver -> opendextd, first message; no answer. A wrong token ends the process.
struct CheckIn {
    static constexpr auto kKind = Kind::check_in;
    uint64_t token = 0;
    std::string sandbox;  ///< what closes the process in, in words; empty parts are named
    void fields(auto& io) { io(token, sandbox); }
};

/// opendextd -> driver: load the executable of the bundle. Answered by Loaded.
struct Load {
    static constexpr auto kKind = Kind::load;
    std::string bundle_path;
    std::string executable;
    void fields(auto& io) { io(bundle_path, executable); }
};

struct ClassInfo {
    std::string name;
    std::string super_name;
    uint64_t flags = 0;
    void fields(auto& io) { io(name, super_name, flags); }
};

struct Loaded {
    static constexpr auto kKind = Kind::loaded;
    Outcome outcome;
    std::vector<ClassInfo> classes;  ///< every class the process has registered, framework and dext
    void fields(auto& io) { io(outcome, classes); }
};

/// opendextd -> driver: make an object of `class_name` for registry entry `entry` and call init().
/// Reply. Errors: class not registered -> kIOReturnUnsupported "no user class found"; init() false
/// -> kIOReturnError.
struct Instantiate {
    static constexpr auto kKind = Kind::instantiate;
    uint64_t entry = 0;
    std::string class_name;
    void fields(auto& io) { io(entry, class_name); }
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

}  // namespace opendext::protocol::driver
