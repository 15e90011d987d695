// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "families/hid/link/report_link.h"
#include "rpc/futex_lock.h"

namespace opendext::hid {

using Clock = std::chrono::steady_clock;

/// What a request asks for, in words: "get of feature report 3".
[[nodiscard]] std::string describe(PacketKind kind, ReportType type, uint32_t report_id);

/// What every ReportLink does alike: requests, who waits for them, time-outs, and the end. How
/// packets travel is in the derived classes, which call close() in their destructors.
class LinkBase : public ReportLink {
  public:
    [[nodiscard]] int fd() const final { return epoll_.get(); }
    [[nodiscard]] Ready wait(int also) final;
    [[nodiscard]] Result<std::optional<InputReport>> next_input() final;
    void get(ReportType type, uint32_t report_id, uint32_t room, std::chrono::milliseconds timeout,
             Done done) final;
    void set(ReportType type, uint32_t report_id, std::span<const uint8_t> bytes,
             std::chrono::milliseconds timeout, Done done) final;
    [[nodiscard]] Answer get(ReportType type, uint32_t report_id, uint32_t room,
                             std::chrono::milliseconds timeout) final;
    [[nodiscard]] Answer set(ReportType type, uint32_t report_id, std::span<const uint8_t> bytes,
                             std::chrono::milliseconds timeout) final;
    void close() final;
    [[nodiscard]] uint64_t dropped() const final;

  protected:
    struct Received {
        enum class What : uint8_t { nothing, input, answer, end };
        What what = What::nothing;
        InputReport input;    ///< bytes in the buffer that receive() was given
        uint32_t serial = 0;  ///< of an answer
        Answer answer;
        Error error;  ///< of the end
    };

    /// Makes the descriptors that everything waits with.
    [[nodiscard]] Status prepare();
    [[nodiscard]] Status watch(int fd, uint32_t events, bool again = false);
    [[nodiscard]] bool is_pending(uint32_t serial) const { return pending_.contains(serial); }

    // All of these are called with the lock held.
    /// Sends the request, or keeps it until it can be sent. An error: the device is gone.
    virtual Status submit(const Packet& request) = 0;
    /// Nobody waits for its answer any more. What it still waited for then, in words.
    virtual std::string abandon(uint32_t serial) = 0;
    /// Takes one packet if there is one, into `buffer` (kMaxPacket bytes) as needed.
    virtual Received receive(std::span<uint8_t> buffer) = 0;
    /// Only what answers requests; input stays where it is, if the carrier can tell them apart.
    virtual Received receive_answer(std::span<uint8_t> buffer) { return receive(buffer); }
    /// What becomes readable with an answer, and what else is to be waited for there.
    [[nodiscard]] virtual std::pair<int, short> answers_come_at() const = 0;
    /// Sends what had to wait.
    virtual void flush() {}
    virtual void end() = 0;

    mutable FutexLock mutex_;

  private:
    enum class State : uint8_t { open, gone, closed };
    /// A thread that waits for its answer.
    struct Waiter {
        int wake = -1;
        bool finished = false;
        Answer answer;
    };
    struct Pending {
        PacketKind kind = PacketKind::get;
        ReportType type = ReportType::input;
        uint32_t report_id = 0;
        Clock::time_point begun;
        Clock::time_point deadline;
        Done done;                 ///< empty: `waiter` waits
        Waiter* waiter = nullptr;  ///< on the stack of the thread that waits
    };
    using Table = std::map<uint32_t, Pending>;

    /// nullopt: on its way. Else why not.
    std::optional<Answer> begin(Packet& request, std::chrono::milliseconds timeout, Done done,
                                Waiter* waiter);
    void make(Packet request, std::chrono::milliseconds timeout, Done done);
    [[nodiscard]] Answer make_and_wait(Packet request, std::chrono::milliseconds timeout);
    void finish(Table::iterator at, Answer answer);
    void finish_all(int32_t status, std::string_view why);
    [[nodiscard]] Answer timed_out(uint32_t serial, const Pending& pending);
    void expire();
    void arm(Clock::time_point deadline);
    void wake();
    void calm();
    void take_answers(Waiter& waiter);
    void keep_for_later(const InputReport& input);
    void go(State state, Error why);
    void run_finished(std::unique_lock<FutexLock>& lock);

    UniqueFd epoll_;
    int also_ = -1;   ///< what wait() has in it besides
    UniqueFd wake_;   ///< eventfd: `finished_` or `aside_` has something, or the link was closed
    UniqueFd timer_;  ///< the first deadline of a request with `done`
    State state_ = State::open;
    Error end_;
    bool woken_ = false;
    Clock::time_point armed_ = Clock::time_point::max();
    uint32_t next_serial_ = 1;
    const Waiter* at_work_ = nullptr;  ///< its thread runs take_answers and need not be woken
    Table pending_;
    std::deque<std::pair<Done, Answer>> finished_;
    /// Input that a thread came upon which waited for its answer.
    struct Aside {
        uint64_t timestamp;
        uint32_t report_id;
        std::vector<uint8_t> bytes;
    };
    std::deque<Aside> aside_;
    uint64_t dropped_aside_ = 0;
    std::vector<uint8_t> buffer_;   ///< of next_input
    std::vector<uint8_t> scratch_;  ///< of threads that wait
    std::vector<uint8_t> current_;  ///< what next_input gave last, of aside_

  protected:
    uint64_t dropped_ = 0;
};

}  // namespace opendext::hid
