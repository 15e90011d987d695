// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "rpc/protocol/driver.h"
#include "rpc/socket.h"

/// opendextd's end of a control socket, with the runtime at the other end, in one process. Every
/// wait has a time-out.
class FakeDaemon {
  public:
    FakeDaemon();
    ~FakeDaemon();

    /// Waits for CheckIn and sends Load without an executable.
    opendext::protocol::driver::Loaded load();
    int32_t instantiate(uint64_t entry, const std::string& class_name);
    /// Calls a method and waits for the answer; descriptors that come with it are in `result_fds`.
    opendext::protocol::InvocationResult call(opendext::protocol::Invocation invocation,
                                              std::vector<opendext::UniqueFd> fds = {});
    void call_oneway(opendext::protocol::Invocation invocation);
    int32_t start(uint64_t entry, uint64_t provider, const std::string& provider_class);
    int32_t stop(uint64_t entry, uint64_t provider);
    void send(const opendext::Message& message);
    opendext::Message request(opendext::Message message);
    /// Closes the socket and gives opendext_driver_main's result.
    int finish();
    /// The result after the runtime ended by itself.
    int wait_for_end();

    using Answer =
        std::function<opendext::protocol::InvocationResult(const opendext::protocol::Invocation&)>;
    /// What calls of this method by the driver are answered with; others get kIOReturnUnsupported.
    void on(uint64_t msgid, Answer answer);
    void on_create(std::function<
                   opendext::protocol::driver::Created(const opendext::protocol::driver::Create&)>
                       make);

    /// What requests for interrupts are answered with; the descriptors go along. Without it every
    /// one is kIOReturnNoInterrupt.
    using InterruptAnswer = std::function<opendext::protocol::driver::Interrupt(
        const opendext::protocol::driver::AttachInterrupt&, std::vector<opendext::UniqueFd>&)>;
    void on_interrupt(InterruptAnswer answer);
    bool wait_for_detach(uint64_t handle);

    /// What requests for files of the bundle are answered with; the descriptors go along.
    using FileAnswer = std::function<opendext::protocol::driver::FileOpened(
        const std::string& path, std::vector<opendext::UniqueFd>&)>;
    void on_open_file(FileAnswer answer);

    /// What other messages of this kind are answered with, if with anything. Runs on the thread
    /// that receives.
    using Other = std::function<std::optional<opendext::Message>(const opendext::Message&)>;
    void on_message(opendext::protocol::driver::Kind kind, Other other) {
        const std::lock_guard lock(mutex_);
        others_[static_cast<uint32_t>(kind)] = std::move(other);
    }

    /// Calls of this method are answered only by `let_go`.
    void hold(uint64_t msgid);
    /// Waits for a held call and answers it.
    bool let_go(uint64_t msgid, opendext::protocol::InvocationResult result);
    bool wait_for_call(uint64_t msgid);
    std::vector<opendext::protocol::Invocation> calls_of(uint64_t msgid);
    bool wait_for_log(const std::string& part);
    std::vector<opendext::protocol::driver::Log> logs();
    bool wait_for_drop(uint64_t entry);

    opendext::protocol::driver::CheckIn check_in;
    std::vector<opendext::UniqueFd> result_fds;
    int second_step_calls = 0;

    static constexpr uint64_t kToken = 0x1234;

  private:
    void receive();
    void handle(opendext::Message message);
    template <typename Predicate>
    bool wait(Predicate predicate);

    opendext::Socket socket_;
    std::thread runtime_;
    std::thread receiver_;
    int status_ = -1;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool closed_ = false;
    bool ended_ = false;
    bool checked_in_ = false;
    uint64_t next_serial_ = 1;
    std::map<uint64_t, opendext::Message> replies_;
    std::vector<opendext::protocol::Invocation> calls_;
    std::vector<opendext::protocol::driver::Log> logs_;
    std::vector<uint64_t> drops_;
    InterruptAnswer interrupt_answer_;
    FileAnswer file_answer_;
    std::vector<uint64_t> detached_;
    std::map<uint64_t, Answer> answers_;
    std::map<uint32_t, Other> others_;
    std::map<uint64_t, uint64_t> held_;  // method -> serial of the call, 0 before it came
    std::function<opendext::protocol::driver::Created(const opendext::protocol::driver::Create&)>
        create_;
};

/// Reference of a registry object.
opendext::protocol::Ref object_ref(uint64_t id, const std::string& class_name);
/// `value` as plain bytes, appended.
template <typename T>
void put_plain(std::vector<uint8_t>& plain, T value) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
    plain.insert(plain.end(), bytes, bytes + sizeof value);
}
