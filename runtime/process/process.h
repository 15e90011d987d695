// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "rpc/driver_start.h"
#include "rpc/result.h"
#include "rpc/socket.h"
#include "runtime/log/log.h"
#include "runtime/objects/object_table.h"
#include "runtime/service/watches.h"

namespace opendext::protocol::driver {
struct ClassInfo;
}

namespace opendext::runtime {

class Connections;

/// The driver process as opendextd sees it: its control socket, the objects that the two speak of,
/// and the threads that serve messages.
///
/// One thread at a time, the leader, waits for the socket. A leader that is about to run code of
/// the driver first lets another thread lead, so a message can run at once on the thread that
/// received it and none ever waits for a busy thread. A thread that waits for an answer of
/// opendextd leads meanwhile if nobody does; calls that it receives then go to threads of the pool.
class Process : public LogSink, public std::enable_shared_from_this<Process> {
  public:
    explicit Process(const opendext_driver_start& start);
    ~Process() override;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// The process that messages of this library belong to; null before opendext_driver_main.
    static std::shared_ptr<Process> current();
    static void set_current(std::shared_ptr<Process> process);

    /// Checks in and serves until the end. The exit status.
    int run();

    ObjectTable& objects() { return objects_; }
    Connections& connections() { return *connections_; }
    Watches& watches() { return watches_; }

    /// Sends a request and waits for the reply of the same serial. Errc::peer_gone when the process
    /// is ending.
    Result<Message> request(Message message);
    /// Sends without a reply. Lost when the process is ending.
    void post(Message message);
    /// Ends the process: the first reason counts.
    void end(int status, std::string reason);
    [[nodiscard]] bool ending();

    /// The bundle as the process sees it, "" before Load.
    [[nodiscard]] std::string bundle_path();
    /// The executable of the bundle is loaded: before that only the thread that loads it may talk
    /// to opendextd.
    [[nodiscard]] bool is_loaded();

    void write(const LogLine& line) override;

  private:
    struct Pending {
        std::condition_variable changed;
        const Message* request = nullptr;
        bool sent = false;
        bool done = false;
        int64_t since = 0;
        Message reply;
    };

    void check_in();
    void send(const Message& message);
    void serve(bool main_thread);
    [[nodiscard]] bool main_thread_suffices() const {
        return quiet_ && (main_is_idle_ || main_leads_);
    }
    void await_quiet(std::unique_lock<std::mutex>& lock);
    void lead(std::unique_lock<std::mutex>& lock, bool may_run_here);
    void stop_leading();
    void add_follower();
    void end_by_force();
    void handle(Message message, bool may_run_here);
    [[nodiscard]] bool is_repeated(const Message& message);
    void complete(Message message);

    void load(const Message& message);
    bool handle_at_once(const Message& message);
    void handle_call(Message message, bool may_run_here);
    void handle_other(Message message);
    void instantiate(const Message& message);
    /// Those that opendextd has not been told of.
    std::vector<protocol::driver::ClassInfo> classes_to_tell();
    void call_now(const protocol::Invocation& invocation, uint64_t serial);
    void drop(const Message& message);
    void attach_client(Message message);
    void resume(uint64_t serial);
    void repeat(const Message& message);
    void examine(uint64_t serial);
    void reply(uint64_t serial, int32_t io_return, std::string reason = {});
    template <typename T>
    Result<T> parse(const Message& message);

    const uint64_t token_;
    const std::string sandbox_;
    int (*const close_second_step_)(void*);
    void* const step_context_;
    void (*const set_title_)(void*, const char*, const char*);
    Socket socket_;
    ObjectTable objects_;
    std::unique_ptr<Connections> connections_;
    Watches watches_;

    std::mutex mutex_;
    std::condition_variable follower_wanted_;
    std::map<uint64_t, Pending*> pending_;
    std::atomic<uint64_t> next_serial_ = 1;
    uint64_t last_serial_ = 0;  // of opendextd's messages, but for the named ones
    size_t classes_told_ = 0;
    std::set<uint64_t> named_serials_;  // that have come, of entries that have not been dropped
    bool leader_present_ = false;
    bool main_is_idle_ = false;
    std::atomic<bool> used_ = false;        // there is, or was, an object
    std::atomic<bool> waited_ = false;      // longer than one that is needed at once does
    std::atomic<bool> quiet_ = false;       // nothing has come for a while
    std::atomic<bool> main_leads_ = false;  // and the main thread waits for what comes next
    size_t idle_followers_ = 0;
    size_t threads_serving_ = 0;
    std::string bundle_path_;
    bool loaded_ = false;            // Load has come
    bool executable_there_ = false;  // and is carried out
    bool ending_ = false;
    bool finished_ = false;  // run() is about to return
    int status_ = 0;
};

}  // namespace opendext::runtime
