// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "rpc/protocol/driver.h"

/// What waits inside a driver process, for `opendext stuck`: asked for when somebody wants to know
/// it. Nothing is counted or timed for it on the way of a call.
namespace opendext::protocol::driver {

/// opendextd -> driver: answered by Examined, at once and without any code of the driver, by the
/// thread that receives, which there is however many others hang.
struct Examine {
    static constexpr auto kKind = Kind::examine;
    void fields(auto&) {}
};

/// A dispatch queue that runs something. Ages are in ms and good to 4 ms; 0: not known.
struct QueueActivity {
    std::string name;
    uint64_t age_ms = 0;         ///< of the work that runs; not known of a client's call
    uint32_t behind = 0;         ///< pieces of work that wait for it
    uint64_t behind_age_ms = 0;  ///< of the first of them
    bool cancelled = false;
    void fields(auto& io) { io(name, age_ms, behind, behind_age_ms, cancelled); }
};

/// A thread that runs work of one queue and waits for its turn on another.
struct QueueWait {
    std::string holds;
    std::string waits_for;
    uint64_t age_ms = 0;
    /// It can never end: each of these queues is held by a thread that waits for the next, the last
    /// for the first.
    std::vector<std::string> circle;
    void fields(auto& io) { io(holds, waits_for, age_ms, circle); }
};

/// A call of a client program that has not been answered.
struct ClientCall {
    std::string client;  ///< NAME[PID]
    uint64_t entry = 0;  ///< of the user client
    uint64_t selector = 0;
    std::string queue;     ///< that ExternalMethod runs on
    bool running = false;  ///< else it is in line for the queue
    uint64_t age_ms = 0;   ///< since the client went to sleep for it, or it was put in line
    void fields(auto& io) { io(client, entry, selector, queue, running, age_ms); }
};

/// A client program that does not take what the driver sends it.
struct ClientLag {
    std::string client;
    uint64_t entry = 0;
    bool replies = false;  ///< it does not take answers either
    uint64_t unread = 0;   ///< bytes in the ring
    uint64_t kept = 0;     ///< messages behind those, which have no room in it
    uint64_t age_ms = 0;   ///< since messages have had to wait
    void fields(auto& io) { io(client, entry, replies, unread, kept, age_ms); }
};

/// A request of the process that opendextd has not answered.
struct SystemWait {
    uint32_t kind = 0;    ///< Kind
    uint64_t object = 0;  ///< of a call
    uint64_t method = 0;  ///< of a call
    uint64_t age_ms = 0;
    void fields(auto& io) { io(kind, object, method, age_ms); }
};

/// Not more than kMost of a kind.
struct Examined {
    static constexpr auto kKind = Kind::examined;
    static constexpr size_t kMost = 64;
    std::vector<QueueActivity> queues;
    std::vector<QueueWait> queue_waits;
    std::vector<ClientCall> calls;
    std::vector<ClientLag> lags;
    std::vector<SystemWait> system_waits;
    void fields(auto& io) { io(queues, queue_waits, calls, lags, system_waits); }
};

}  // namespace opendext::protocol::driver
