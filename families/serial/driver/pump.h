// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "families/serial/driver/kept_port.h"
#include "families/serial/driver/line.h"
#include "families/serial/driver/pace.h"
#include "families/serial/driver/sweeper.h"
#include "rpc/futex_lock.h"

namespace opendext::serial {

/// The driver as the pump sees it: an IOUserSerial object, or a fake in tests. Called without any
/// lock of the pump.
class PortDriver {
  public:
    virtual ~PortDriver() = default;
    /// Everything from here on runs on the pump's thread, and blocks it until the driver has
    /// answered. ConnectQueues (which calls Pump::connect), HwActivate, then the Hw calls for
    /// `line`.
    virtual Status activate(const LineSettings& line) = 0;
    virtual void deactivate() = 0;
    virtual void program(const LineSettings& before, const LineSettings& after) = 0;
    virtual void reset_fifo(bool tx, bool rx) = 0;
    virtual void tx_data_available() = 0;
    virtual void rx_free_space_available() = 0;

    /// These two are called inside a call that the driver itself made: they only queue the call and
    /// return.
    virtual void tx_data_available_later() = 0;
    virtual void rx_free_space_available_later() = 0;

    /// 1 + the CPU on which the program runs to which the bytes go and from which they come, as far
    /// as the calling thread has just had to do with it; 0: not known.
    [[nodiscard]] virtual uint32_t program_cpu() { return 0; }

    virtual void log(std::string_view line) = 0;
};

/// Moves the bytes of one port between the terminal and the driver's queues, and tells the driver
/// what happens to the terminal. One thread of its own waits for the terminal; the driver's own
/// calls (tx_free_space, rx_data) move bytes at once on the driver's thread, which saves waking the
/// other.
class Pump final : private SweptPort {
  public:
    struct Timing {
        /// How long bytes of a closed terminal may wait for the driver before they are given up
        /// (and that is said).
        std::chrono::milliseconds drain{30'000};
        /// How often line settings are read while the kernel does line editing and sends no
        /// notices.
        std::chrono::milliseconds settings{50};
    };
    Pump(KeptPort port, PortDriver& driver, Timing timing);
    Pump(KeptPort port, PortDriver& driver) : Pump(std::move(port), driver, Timing{}) {}
    /// The thread has ended or ends here; stop() came first.
    ~Pump() override;
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;

    /// Starts the thread; an open terminal activates the driver at once. `ended` runs on the thread
    /// as its last act and may destroy the pump.
    void start(std::function<void()> ended = {});
    /// No byte moves and no call into the driver begins after this; the thread ends soon. Call it
    /// where calls into the driver run (its queue): then none is under way either. True if the
    /// driver was active and has to be deactivated by the caller.
    bool stop();

    /// Some process opened or closed the terminal (inotify in the system half). Any thread.
    void terminal_changed();

    /// super::ConnectQueues: from now on these are the queues. Empty views = the default queues in
    /// kept memory. The views must stay valid until disconnect().
    void connect(RingView transmit, RingView receive, uint32_t transmit_offset,
                 uint32_t receive_offset);
    void disconnect();
    /// super::TxFreeSpaceAvailable / super::RxDataAvailable. Any thread.
    void tx_free_space();
    void rx_data();

    /// Only before start() or from tests.
    [[nodiscard]] KeptPort& port() { return port_; }

    enum class State : uint8_t {
        closed,    ///< nobody has the terminal open; the driver is not active
        active,    ///< open, the driver is active, bytes move
        draining,  ///< closed again, the driver still gets what was written before
        failed,    ///< the driver refused ConnectQueues or HwActivate; tried again at the next open
        stopped,
    };
    [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }
    [[nodiscard]] bool stopped() const { return state() == State::stopped; }

  private:
    struct Round {  ///< what one turn of the loop did
        uint32_t out = 0;
        uint32_t in = 0;
        bool room = false;  ///< the driver is to be told of room
        uint32_t written = 0;
        bool blocked = false;  ///< the terminal took less than was there
        bool hung_up = false;
        uint8_t notices = 0;
    };
    void run();
    enum class Look : uint8_t {  ///< what is asked of the terminal
        none,                    ///< nothing: poll() would tell
        told,                    ///< poll() told of something: the kernel's worker is waited for
        hot,                     ///< a burst is under way: what is there, again and again
        nap,                     ///< what is there, and if that is much, what is behind it
        sweep,                   ///< what is there, once
    };
    Round move_locked(Look look);
    void join_sweep();
    void leave_sweep();
    Visit visit(Clock::time_point now) override;
    void left() override;
    void wait();
    void woke_locked();
    void stay_hot();
    bool stay_with_reader(uint32_t written, bool bulk, Clock::time_point now);
    void open_or_close();
    void activate(State next);
    void finish_closing();
    void handle_notices(uint8_t notices);
    [[nodiscard]] bool look_is_due() const;
    void look_at_settings();
    void set_state(State state);
    uint32_t move_in_locked();
    bool room_to_tell_locked(uint32_t taken);
    void kick_locked();
    [[nodiscard]] bool terminal_is_open() const;
    [[nodiscard]] bool moving_locked() const {
        return connected_ && (state_ == State::active || state_ == State::draining);
    }

    KeptPort port_;
    PortDriver& driver_;
    const Timing timing_;
    UniqueFd kick_;
    std::thread thread_;

    mutable FutexLock mutex_;                  ///< everything below, and port_
    std::atomic<State> state_{State::closed};  ///< changed under the lock only
    RingView transmit_;
    RingView receive_;
    bool connected_ = false;
    bool look_ = true;            ///< the terminal may have been opened or closed
    bool sleeping_ = false;       ///< the thread is in poll(): it needs a kick
    bool out_full_ = false;       ///< the terminal is not read: no room
    bool news_ = false;           ///< the driver took bytes that the thread may be waiting for
    bool write_blocked_ = false;  ///< the terminal took less than was there
    bool swept_ = false;          ///< the sweeper moves the bytes
    uint8_t notices_ = 0;         ///< that the sweeper has found
    uint32_t untold_room_ = 0;    ///< taken from the receive queue; the driver does not know
    std::chrono::milliseconds back_off_{0};
    std::chrono::steady_clock::time_point closed_at_;

    // The thread's own.
    LineSettings line_;
    std::chrono::steady_clock::time_point looked_at_;  ///< when line_ was read
    Pace out_pace_;
    Pace in_pace_;
    bool hot_ = false;                  ///< a burst from the terminal is under way
    Clock::time_point in_stays_until_;  ///< a burst to the terminal is under way
    uint32_t in_since_ = 0;             ///< written since that was last put off
    bool waited_ = false;               ///< poll() was asked; the loop has not seen the answer
    int ready_ = 0;                     ///< what it said
    pollfd polled_[2]{};                ///< the terminal, the kick
    Clock::time_point waited_at_;       ///< when that was
    bool settle_ = true;                ///< poll() saw something: without bytes it is a notice
    uint32_t unannounced_ = 0;  ///< bytes in the transmit queue that the driver was not told of
    uint32_t announce_at_ = 0;

    // The sweeper's thread's own.
    uint32_t swept_unannounced_ = 0;  ///< as unannounced_
    Clock::time_point announced_at_;
    /// Its driver was too slow. The port's own thread reads it, while it is not swept.
    Clock::time_point no_sweep_until_;
};

[[nodiscard]] std::string_view to_string(Pump::State state);

}  // namespace opendext::serial
