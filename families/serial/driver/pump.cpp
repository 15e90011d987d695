// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/pump.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "families/serial/driver/cpu.h"
#include "rpc/plain_calls.h"

namespace opendext::serial {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Notices of packet mode (asm-generic/ioctls.h; its header collides with termbits.h elsewhere).
enum Notice : uint8_t { kFlushRead = 1, kFlushWrite = 2, kSettings = 64 };

/// A terminal gives no more at a time: what the kernel's line discipline holds.
constexpr uint32_t kLineBuffer = 4095;
/// The driver is told when this much is new, or the burst is over.
constexpr uint32_t kAnnounce = 64 * 1024;
/// In a sweep less is told of, too, but not more often than this.
constexpr milliseconds kAnnounceAfter{2};
/// A driver whose calls take longer keeps its own thread waiting, not that of all ports.
constexpr milliseconds kSlowDriver{20};
constexpr milliseconds kNoSweep{1000};
/// How long a hot port looks for more bytes before it sleeps.
constexpr microseconds kHotTime{100};
/// A yield that took longer means that somebody else needs the CPU.
constexpr microseconds kYieldShort{5};
/// The reader's turn on this CPU takes less; a longer yield was somebody else's.
constexpr microseconds kReaderTurn{100};
/// Settings that have not changed for so long are left alone by the program that changed them.
constexpr milliseconds kQuiet{2};
constexpr int kQuietTries = 10;
/// How long a port that stays with the terminal's reader does not ask for anything else.
constexpr milliseconds kUntold{1};
/// The terminal can claim room and take nothing; then the next try waits this long, doubled each
/// time.
constexpr milliseconds kFirstBackOff{1};
constexpr milliseconds kLastBackOff{20};

}  // namespace

std::string_view to_string(Pump::State state) {
    switch (state) {
        case Pump::State::closed:
            return "closed";
        case Pump::State::active:
            return "active";
        case Pump::State::draining:
            return "draining";
        case Pump::State::failed:
            return "failed";
        case Pump::State::stopped:
            return "stopped";
    }
    return "unknown";
}

Pump::Pump(KeptPort port, PortDriver& driver, Timing timing)
    : port_(std::move(port)), driver_(driver), timing_(timing) {
    kick_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

Pump::~Pump() {
    stop();
    if (!thread_.joinable()) return;
    if (thread_.get_id() == std::this_thread::get_id()) {
        thread_.detach();
    } else {
        thread_.join();
    }
}

void Pump::start(std::function<void()> ended) {
    thread_ = std::thread([this, ended = std::move(ended)] {
        Sweeper::shared().add_port();
        run();
        leave_sweep();
        Sweeper::shared().remove_port();
        if (ended) ended();
    });
}

bool Pump::stop() {
    const std::lock_guard lock(mutex_);
    const bool was_active = state_ == State::active || state_ == State::draining;
    state_ = State::stopped;
    kick_locked();
    return was_active;
}

void Pump::set_state(State state) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::stopped) state_ = state;
}

void Pump::terminal_changed() {
    const std::lock_guard lock(mutex_);
    look_ = true;
    kick_locked();
}

void Pump::kick_locked() {
    if (!sleeping_) return;
    sleeping_ = false;
    const uint64_t one = 1;
    (void)!::write(kick_.get(), &one, sizeof one);
}

void Pump::connect(RingView transmit, RingView receive, uint32_t transmit_offset,
                   uint32_t receive_offset) {
    const std::lock_guard lock(mutex_);
    const bool kept_receive = receive.base == nullptr;
    transmit_ = transmit.base != nullptr ? transmit : port_.default_transmit_queue();
    receive_ = kept_receive ? port_.default_receive_queue() : receive;
    const auto log2 = [](uint32_t size) { return static_cast<uint8_t>(std::countr_zero(size)); };
    announce_at_ = std::min(kAnnounce, transmit_.size / 2);
    port_.connect(log2(transmit_.size), log2(receive_.size), transmit_offset, receive_offset,
                  kept_receive);
    connected_ = true;
}

void Pump::disconnect() {
    const std::lock_guard lock(mutex_);
    if (connected_) port_.follow_indexes();
    connected_ = false;
    transmit_ = receive_ = {};
}

void Pump::tx_free_space() {
    bool more = false;
    {
        const std::lock_guard lock(mutex_);
        if (!moving_locked()) return;
        port_.follow_indexes();
        more = port_.fill_transmit(transmit_) > 0;
        if ((out_full_ && !swept_) || state_ == State::draining) {
            news_ = true;
            kick_locked();
        }
    }
    if (more) driver_.tx_data_available_later();
}

void Pump::rx_data() {
    bool room = false;
    {
        const std::lock_guard lock(mutex_);
        if (!moving_locked() || state_ != State::active) return;
        port_.follow_indexes();
        const bool was_blocked = write_blocked_;
        room = room_to_tell_locked(move_in_locked());
        if (write_blocked_ && !was_blocked && !swept_) kick_locked();
    }
    if (room) driver_.rx_free_space_available_later();
}

/// The driver hears of room in the receive queue when that is empty or has an eighth more.
bool Pump::room_to_tell_locked(uint32_t taken) {
    untold_room_ += taken;
    if (untold_room_ == 0) return false;
    if (untold_room_ < receive_.size / 8 && port_.receive_pending(receive_) > 0) return false;
    untold_room_ = 0;
    return true;
}

/// Receive queue -> in ring -> terminal, until one of them stops. Gives what left the queue.
uint32_t Pump::move_in_locked() {
    uint32_t total = 0;
    for (;;) {
        const uint32_t taken = port_.drain_receive(receive_);
        total += taken;
        const auto outcome = port_.write_terminal();
        write_blocked_ = port_.in_pending() > 0;
        const bool progress = outcome == KeptPort::Write::progress;
        if (progress) back_off_ = milliseconds{0};
        // Writing may have made the room that draining lacked: both must have stopped.
        if (write_blocked_ || (taken == 0 && !progress)) return total;
    }
}

Pump::Round Pump::move_locked(Look look) {
    Round round;
    port_.follow_indexes();
    out_full_ = false;
    news_ = false;
    // A few batches at most, so that the other direction and the driver get their turn.
    int batches = look == Look::none ? 0 : look == Look::sweep ? 1 : 4;
    bool settle = look == Look::told;
    while (batches-- > 0) {
        const uint64_t before = port_.bytes_out();
        const auto outcome = port_.read_terminal(settle);
        if (outcome == KeptPort::Read::control) round.notices |= port_.control();
        if (outcome == KeptPort::Read::full) {
            out_full_ = true;
            if (port_.read_control() == KeptPort::Read::control) round.notices |= port_.control();
        }
        round.hung_up = outcome == KeptPort::Read::hung_up;
        // An unanswered flush must take effect before bytes that were written after it are read.
        if (outcome != KeptPort::Read::data || round.notices != 0) break;
        // What fills the line discipline's buffer has more behind it, which its worker brings when
        // it is waited for; after less, poll() would tell.
        const bool filled = port_.bytes_out() - before >= kLineBuffer;
        if (!filled && look != Look::hot) break;
        settle = look != Look::hot;
    }
    if ((round.notices & kFlushWrite) != 0) port_.discard_out();
    round.out = port_.fill_transmit(transmit_);
    if (state_ == State::active) {
        const uint64_t written = port_.bytes_in();
        round.in = move_in_locked();
        round.room = room_to_tell_locked(round.in);
        round.blocked = write_blocked_;
        round.written = static_cast<uint32_t>(port_.bytes_in() - written);
    }
    return round;
}

void Pump::run() {
    for (;;) {
        Round round;
        bool look = false;
        bool swept = false;
        bool woke = false;
        if (look_is_due()) look_at_settings();
        {
            const std::lock_guard lock(mutex_);
            if (state_ == State::stopped) return;
            woke = std::exchange(waited_, false);
            if (woke) woke_locked();
            look = std::exchange(look_, false);
            const bool told = std::exchange(settle_, false) || state_ == State::draining;
            if (!look && moving_locked()) {
                round = move_locked(told                  ? Look::told
                                    : swept_              ? Look::none
                                    : hot_                ? Look::hot
                                    : out_pace_.napping() ? Look::nap
                                                          : Look::none);
            }
            round.notices |= std::exchange(notices_, uint8_t{0});
            swept = swept_;
        }
        if (swept && (look || round.notices != 0)) leave_sweep();
        if (look) {
            open_or_close();
            continue;
        }
        if (round.room) driver_.rx_free_space_available();
        if (round.notices != 0) handle_notices(round.notices);

        const auto now = clock_now();
        if (woke) waited_at_ = now;
        if (round.out > 0) closed_at_ = now;  // a closing port may take long while it progresses
        const Pace::Wait out = out_pace_.turn(round.out, now);
        const Pace::Wait in = in_pace_.turn(round.written, now);
        hot_ = out == Pace::Wait::stay;
        unannounced_ += round.out;
        if (hot_ && unannounced_ < announce_at_) stay_hot();
        // In a burst the driver hears of larger batches: each call may wake somebody.
        const bool burst = round.out > 0 && (hot_ || out == Pace::Wait::nap);
        if (unannounced_ > 0 && (!burst || unannounced_ >= announce_at_)) {
            unannounced_ = 0;
            driver_.tx_data_available();
            if (round.written < Pace::kBulk) follow_cpu(driver_.program_cpu());
            // Behind a small piece there is most likely nothing; poll() would tell.
            if (round.out < Pace::kBulk && round.in == 0 && !round.blocked && !swept &&
                out == Pace::Wait::event && round.notices == 0 && state() == State::active) {
                wait();
                continue;
            }
            if (out != Pace::Wait::nap) continue;
        }
        if (round.written >= Pace::kBulk) follow_cpu(0);
        const bool stuck = round.out == 0 && round.notices == 0 && round.blocked;
        const bool naps = out_pace_.napping() || in == Pace::Wait::nap;
        if (naps && !swept && Sweeper::shared().has_company()) join_sweep();
        if (stuck && !naps && !swept &&
            stay_with_reader(round.written, in == Pace::Wait::stay, now)) {
            continue;
        }
        if (naps || (round.written > 0 && stuck)) {
            wait();
            continue;
        }
        if (round.out > 0 || round.in > 0 || round.notices != 0) continue;
        const State now_in = state();
        if (now_in == State::draining) {
            bool done = round.hung_up;
            if (done) {
                const std::lock_guard lock(mutex_);
                done = port_.out_pending(transmit_.size) == 0;
            }
            if (done || clock_now() - closed_at_ >= timing_.drain) {
                finish_closing();
                continue;
            }
        } else if (now_in == State::active && round.hung_up) {
            terminal_changed();
            continue;
        }
        wait();
    }
}

void Pump::join_sweep() {
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::active || clock_now() < no_sweep_until_) return;
        swept_ = true;
    }
    out_pace_ = in_pace_ = {};
    Sweeper::shared().join(*this);
}

/// What the driver hears next it hears from the port's own thread, and nothing else at the same
/// time.
void Pump::leave_sweep() {
    Sweeper::shared().leave(*this);
    unannounced_ += std::exchange(swept_unannounced_, 0);
    const std::lock_guard lock(mutex_);
    swept_ = false;
}

SweptPort::Visit Pump::visit(Clock::time_point now) {
    Round round;
    Visit visit;
    {
        const std::lock_guard lock(mutex_);
        visit.stay = state_ == State::active && connected_ && !look_ && notices_ == 0;
        if (visit.stay) {
            round = move_locked(Look::sweep);
            notices_ = round.notices;
            visit.stay = notices_ == 0 && !round.hung_up;
        }
    }
    visit.out = round.out;
    visit.in = round.written;
    swept_unannounced_ += round.out;
    const bool pause = round.out == 0 && now - announced_at_ >= kAnnounceAfter;
    const bool tell =
        swept_unannounced_ > 0 && (pause || !visit.stay || swept_unannounced_ >= announce_at_);
    if (!tell && !round.room) return visit;

    const auto before = clock_now();
    if (round.room) driver_.rx_free_space_available();
    if (tell) {
        swept_unannounced_ = 0;
        announced_at_ = now;
        driver_.tx_data_available();
    }
    // All ports of the process wait for this thread.
    const auto after = clock_now();
    if (after - before > kSlowDriver) {
        visit.stay = false;
        no_sweep_until_ = after + kNoSweep;
    }
    return visit;
}

void Pump::left() {
    const std::lock_guard lock(mutex_);
    swept_ = false;
    kick_locked();
}

/// A burst is under way: FIONREAD tells of more bytes without sleeping, and yielding costs less
/// than a sleep.
void Pump::stay_hot() {
    const auto end = clock_now() + kHotTime;
    int long_yields = 0;
    for (;;) {
        int available = 0;
        if (plain::ioctl(port_.master(), FIONREAD, &available) != 0 ||
            available >= static_cast<int>(Pace::kBulk)) {
            return;
        }
        const auto before = clock_now();
        if (before >= end) break;
        ::sched_yield();
        if (clock_now() - before > kYieldShort && ++long_yields == 2) {
            out_pace_.crowded(clock_now());
            return;
        }
    }
    hot_ = false;
}

/// The terminal is full and its reader is at work: there is room sooner than a sleep would end.
/// False: wait() is to tell, of room or of anything else.
bool Pump::stay_with_reader(uint32_t written, bool bulk, Clock::time_point now) {
    in_since_ += written;
    if (bulk || (now < in_stays_until_ && in_since_ >= Pace::kBulk)) {
        in_since_ = 0;
        in_stays_until_ = now + kHotTime;
    }
    if (now >= in_stays_until_ || now - waited_at_ > kUntold) return false;
    const auto before = clock_now();
    ::sched_yield();
    if (const auto after = clock_now(); after - before > kReaderTurn) {
        in_pace_.crowded(after);
        in_stays_until_ = {};
    }
    return true;
}

/// Until the terminal, the driver or the system half has something, or a nap is over. A direction
/// that naps is not asked for: its other side goes on meanwhile, and there will be more at once.
void Pump::wait() {
    pollfd* const fds = polled_;
    fds[0] = {-1, 0, 0};
    fds[1] = {kick_.get(), POLLIN, 0};
    std::optional<Clock::time_point> end;
    const auto at_most = [&](Clock::time_point limit) {
        end = end ? std::min(*end, limit) : limit;
    };
    {
        const std::lock_guard lock(mutex_);
        if (look_ || news_ || notices_ != 0 || state_ == State::stopped) return;
        if (swept_) {
            fds[0] = {port_.master(), POLLPRI, 0};
            if (line_.cooked) at_most(looked_at_ + timing_.settings);
        } else if (state_ == State::active && connected_) {
            short events = 0;
            if (out_pace_.napping()) {
                at_most(out_pace_.due());
            } else {
                events = static_cast<short>(out_full_ ? POLLPRI : POLLIN | POLLPRI);
            }
            if (in_pace_.napping()) {
                at_most(in_pace_.due());
            } else if (write_blocked_ && back_off_.count() == 0) {
                events |= POLLOUT;
            } else if (write_blocked_) {
                at_most(clock_now() + back_off_);
            }
            if (events != 0) fds[0] = {port_.master(), events, 0};
            if (line_.cooked) at_most(looked_at_ + timing_.settings);
        } else if (state_ == State::draining) {
            at_most(closed_at_ + timing_.drain);
        }
        sleeping_ = true;
    }
    timespec length{};
    if (end) {
        using std::chrono::nanoseconds;
        const nanoseconds left = std::max(nanoseconds(*end - clock_now()), nanoseconds(0));
        const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
        length = {seconds.count(), (left - seconds).count()};
    }
    ready_ = plain::ppoll(fds, 2, end ? &length : nullptr);
    waited_ = true;
}

/// The thread is awake again: takes note of what poll() said.
void Pump::woke_locked() {
    sleeping_ = false;
    const short terminal = polled_[0].revents;
    uint64_t count = 0;
    if ((polled_[1].revents & POLLIN) != 0) (void)!::read(kick_.get(), &count, sizeof count);
    if ((terminal & POLLHUP) != 0) look_ = true;
    settle_ = (terminal & ~POLLOUT) != 0;
    // POLLOUT lies now and then: try, and if nothing goes, wait longer each time.
    if ((terminal & POLLOUT) != 0 || (ready_ == 0 && back_off_.count() > 0)) {
        back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLastBackOff);
    }
}

bool Pump::terminal_is_open() const {
    pollfd query{port_.master(), 0, 0};
    return ::poll(&query, 1, 0) >= 0 && (query.revents & POLLHUP) == 0;
}

void Pump::open_or_close() {
    const bool open = terminal_is_open();
    switch (state()) {
        case State::closed:
        case State::failed: {
            if (open) {
                activate(State::active);
                break;
            }
            set_state(State::closed);
            // Opened, written to and closed again before we looked: the bytes are still there.
            // Notices of a terminal that nobody has open tell nothing: settings are read at the
            // next open.
            KeptPort::Read outcome;
            {
                const std::lock_guard lock(mutex_);
                while ((outcome = port_.read_control()) == KeptPort::Read::control) {
                }
                if (port_.out_pending(kRingSize) > 0) outcome = KeptPort::Read::data;
            }
            if (outcome == KeptPort::Read::data) activate(State::draining);
            break;
        }
        case State::active:
            if (!open) {
                closed_at_ = clock_now();
                set_state(State::draining);
            }
            break;
        case State::draining:
            if (open) set_state(State::active);
            break;
        case State::stopped:
            break;
    }
}

void Pump::activate(State next) {
    looked_at_ = clock_now();
    if (auto line = read_line(port_.master()); line.ok()) line_ = *line;
    if (const auto status = set_notices(port_.master(), !line_.cooked); !status.ok()) {
        driver_.log(status.error().text());
    }
    const Status status = driver_.activate(line_);
    std::string problem;
    {
        const std::lock_guard lock(mutex_);
        if (state_ == State::stopped) return;
        if (!status.ok()) {
            problem = status.error().text();
        } else if (!connected_) {
            problem = "ConnectQueues did not call super";
        }
        state_ = problem.empty() ? next : State::failed;
        closed_at_ = clock_now();
    }
    if (!problem.empty()) driver_.log("the port cannot be opened: " + problem);
}

void Pump::finish_closing() {
    uint32_t lost = 0;
    {
        const std::lock_guard lock(mutex_);
        lost = port_.out_pending(transmit_.size);
        port_.discard_out();
    }
    if (lost > 0) {
        driver_.log("terminal closed and the driver took no more: " + std::to_string(lost) +
                    " bytes given up");
    }
    driver_.deactivate();
    set_state(State::closed);
    terminal_changed();  // somebody may have opened it meanwhile
}

void Pump::handle_notices(uint8_t notices) {
    if ((notices & (kFlushRead | kFlushWrite)) != 0) {
        // The kernel has dropped what lay in the terminal. What the driver received later is kept:
        // it may have come after the flush.
        driver_.reset_fifo((notices & kFlushWrite) != 0, (notices & kFlushRead) != 0);
        const std::lock_guard lock(mutex_);
        port_.follow_indexes();
    }
    if ((notices & kSettings) != 0) look_at_settings();
}

/// The kernel does line editing and sends no notices. Not only when nothing else happens: a stream
/// that never pauses must not hide a change.
bool Pump::look_is_due() const {
    return line_.cooked && clock_now() - looked_at_ >= timing_.settings && state() == State::active;
}

void Pump::look_at_settings() {
    looked_at_ = clock_now();
    auto line = read_line(port_.master());
    if (!line.ok()) return;
    // Switching notices writes all settings back, and what a program sets between our reading and
    // writing would be lost. Programs make their changes one after the other: wait for the last.
    for (int tries = 0; tries < kQuietTries; ++tries) {
        const auto notices = has_notices(port_.master());
        if (!notices.ok() || *notices != line->cooked) break;  // they are as they should be
        std::this_thread::sleep_for(kQuiet);
        auto again = read_line(port_.master());
        if (!again.ok()) return;
        const bool quiet = *again == *line;
        line = std::move(again);
        if (quiet) break;
    }
    if (const auto status = set_notices(port_.master(), !line->cooked); !status.ok()) {
        driver_.log(status.error().text());
    }
    if (*line == line_) return;
    const LineSettings before = std::exchange(line_, *line);
    driver_.program(before, line_);
}

}  // namespace opendext::serial
