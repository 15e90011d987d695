// SPDX-License-Identifier: Apache-2.0
#include "rpc/channel.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>

// Layout of the shared memory: one page with the control words, then the ring client -> driver,
// then driver -> client.
//
// Positions are free-running 32-bit byte counts. Each side keeps its own positions privately and
// only publishes them, so the other side can change nothing but what it owns, and everything of it
// that we read is copied once and checked.
//
// Sleeping: the waiter reads its doorbell, says "asleep", looks again for what it waits for, and
// sleeps only while the doorbell still has the value it read. Whoever makes progress takes the
// "asleep" mark away and rings; so a wake-up costs a system call only when somebody sleeps, and
// none can be lost. close() rings every doorbell.
namespace opendext {
namespace {

constexpr uint32_t kRingSize = 64 * 1024;
constexpr uint32_t kRingMask = kRingSize - 1;
constexpr size_t kControlSize = 4096;
constexpr size_t kMemorySize = kControlSize + 2 * size_t{kRingSize};
constexpr size_t kLine = 64;
constexpr size_t kReasonSize = 200;

/// A body up to this size lies in the ring; a larger message, or one with descriptors, travels on
/// the side socket and the ring holds a mark in its place, so that order is kept.
constexpr uint32_t kMaxRingBody = kRingSize / 4;
constexpr uint32_t kOnSideSocket = 1;

struct FrameHeader {
    uint32_t body_size;
    uint32_t kind;
    uint64_t serial;
    uint32_t flags;
    uint32_t reserved;
};
static_assert(sizeof(FrameHeader) == 24);

uint32_t frame_size(uint32_t body_size) {
    return sizeof(FrameHeader) + ((body_size + 7) & ~7U);
}

/// A place to sleep for one waiter of one side.
struct Bell {
    std::atomic<uint32_t> count;   ///< the futex
    std::atomic<uint32_t> asleep;  ///< 1 while the waiter may be in the futex
};

/// The control words of one direction. Each line is written by one side in the usual case.
struct Direction {
    alignas(kLine) std::atomic<uint32_t> head;  ///< by the sender: bytes ever queued
    alignas(kLine) std::atomic<uint32_t> tail;  ///< by the receiver: bytes ever taken
    alignas(kLine) Bell data;                   ///< the receiver sleeps here
    alignas(kLine) Bell space;                  ///< the sender sleeps here
};

/// What one side says about itself.
struct SideState {
    alignas(
        kLine) std::atomic<uint32_t> cpu;  ///< 1 + the CPU its last waiter ran on; 0 = not known
    alignas(kLine) std::atomic<uint32_t> closed;  ///< 1 once this side has closed; the reason is
                                                  ///< written before
    char reason[kReasonSize];
};

struct Control {
    Direction directions[2];  ///< [0] client -> driver, [1] driver -> client
    SideState sides[2];       ///< [0] client, [1] driver
};
static_assert(sizeof(Control) <= kControlSize);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

void futex_wait(std::atomic<uint32_t>& word, uint32_t expected, std::chrono::milliseconds limit) {
    const timespec timeout{limit.count() / 1000, (limit.count() % 1000) * 1000000};
    ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word, int count) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
}

void ring(Bell& bell) {
    bell.count.fetch_add(1);
    futex_wake(bell.count, INT_MAX);
}

void ring_if_asleep(Bell& bell) {
    // The position was published just before with the same order as this load, and the waiter does
    // both the other way round: one of the two sees the other.
    if (bell.asleep.load() != 0 && bell.asleep.exchange(0) != 0) ring(bell);
}

/// 1 + the CPU this thread runs on, or 0 where the C library has not registered rseq: a load, no
/// system call.
uint32_t current_cpu() {
    if (__rseq_size == 0) return 0;
    const auto* area = reinterpret_cast<const volatile struct rseq*>(
        static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
    const uint32_t cpu = area->cpu_id;
    return cpu > INT_MAX ? 0 : cpu + 1;
}

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1000000000} + now.tv_nsec;
}

/// Decides whether a wait begins with a spin. Spinning wins two orders of magnitude while both
/// sides run on different CPUs and calls come back to back, and loses one as soon as the peer needs
/// our CPU or is not running.
class SpinPolicy {
  public:
    /// About what waking an idle CPU costs: a longer spin can gain nothing.
    static constexpr int64_t kBudgetNs = 40'000;

    [[nodiscard]] bool may_spin(uint32_t own_cpu, uint32_t peer_cpu, int64_t now_ns) {
        if (own_cpu == 0 || peer_cpu == 0 || own_cpu == peer_cpu) return false;
        // Back to back: the wait before this one was short, and so was the time in between.
        if (last_wait_ns_ > kBackToBackNs || now_ns - last_end_ns_ > kBackToBackNs) return false;
        if (skip_ > 0) {
            --skip_;
            return false;
        }
        return true;
    }
    void waited(int64_t from_ns, int64_t to_ns) {
        last_wait_ns_ = to_ns - from_ns;
        last_end_ns_ = to_ns;
    }
    void spin_paid() { penalty_ = 1; }
    void spin_failed() {
        skip_ = penalty_;
        penalty_ = std::min(penalty_ * 2, 256);
    }

  private:
    static constexpr int64_t kBackToBackNs = 200'000;
    int64_t last_wait_ns_ = INT64_MAX;
    int64_t last_end_ns_ = 0;
    int skip_ = 0;
    int penalty_ = 1;
};

/// A sleeper looks this often whether its peer is still there, so that the death of a peer is
/// noticed even where nobody reports it. It starts with the first and doubles up to the second.
constexpr std::chrono::milliseconds kFirstSlice{100};
constexpr std::chrono::milliseconds kLongestSlice{2000};

}  // namespace

class Channel::Impl {
  public:
    Impl(Mapping memory, Socket side_socket, Side side)
        : memory_(std::move(memory)),
          side_socket_(std::move(side_socket)),
          control_(*memory_.at<Control>(0)),
          own_(side == Side::client ? 0 : 1),
          out_(control_.directions[own_]),
          in_(control_.directions[1 - own_]),
          out_bytes_(memory_.data() + kControlSize + size_t{kRingSize} * own_),
          in_bytes_(memory_.data() + kControlSize + size_t{kRingSize} * (1 - own_)) {}

    Status send(const Message& message, Socket::Wait wait);
    Result<Message> receive();
    void close(std::string reason);
    [[nodiscard]] bool closed() const {
        return closed_.load() || control_.sides[1 - own_].closed.load() != 0;
    }

  private:
    Status wait_for_space(uint32_t needed);
    Status send_on_side_socket(const Message& message);
    Result<Message> take_frame(uint32_t available);
    /// Sleeps (perhaps after a spin) on `bell` until `ready()`, or the channel is closed or the
    /// peer dead.
    template <typename Ready>
    void wait(Bell& bell, SpinPolicy* spin, Ready ready);
    template <typename Ready>
    bool spin(SpinPolicy& policy, int64_t start, Ready ready);
    void publish_cpu();
    [[nodiscard]] bool peer_is_gone() const;
    Error closed_error();
    Error corrupt(const std::string& what);
    void write_ring(uint32_t position, const void* from, size_t size);
    void read_ring(uint32_t position, void* to, size_t size) const;

    Mapping memory_;
    Socket side_socket_;
    Control& control_;
    const size_t own_;
    Direction& out_;
    Direction& in_;
    std::byte* const out_bytes_;
    std::byte* const in_bytes_;

    std::mutex send_mutex_;
    uint32_t head_ = 0;  // of out_, under send_mutex_
    uint32_t tail_ = 0;  // of in_, receiver only
    SpinPolicy receive_spin_;
    uint32_t published_cpu_ = 0;

    std::atomic<bool> closed_ = false;
    std::mutex reason_mutex_;
    std::string reason_;
};

void Channel::Impl::write_ring(uint32_t position, const void* from, size_t size) {
    if (size == 0) return;  // an empty body has no address
    const uint32_t offset = position & kRingMask;
    const size_t first = std::min<size_t>(size, kRingSize - offset);
    std::memcpy(out_bytes_ + offset, from, first);
    std::memcpy(out_bytes_, static_cast<const std::byte*>(from) + first, size - first);
}

void Channel::Impl::read_ring(uint32_t position, void* to, size_t size) const {
    if (size == 0) return;
    const uint32_t offset = position & kRingMask;
    const size_t first = std::min<size_t>(size, kRingSize - offset);
    std::memcpy(to, in_bytes_ + offset, first);
    std::memcpy(static_cast<std::byte*>(to) + first, in_bytes_, size - first);
}

void Channel::Impl::publish_cpu() {
    const uint32_t cpu = current_cpu();
    if (cpu == published_cpu_) return;
    published_cpu_ = cpu;
    control_.sides[own_].cpu.store(cpu, std::memory_order_relaxed);
}

bool Channel::Impl::peer_is_gone() const {
    pollfd state{side_socket_.fd(), POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0 &&
           (state.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

void Channel::Impl::close(std::string reason) {
    {
        const std::lock_guard lock(reason_mutex_);
        if (closed_.load()) return;
        SideState& side = control_.sides[own_];
        std::memset(side.reason, 0, kReasonSize);
        std::memcpy(side.reason, reason.data(), std::min(reason.size(), kReasonSize - 1));
        reason_ = std::move(reason);
        closed_.store(true);
        side.closed.store(1);
    }
    for (Direction& direction : control_.directions) {
        ring(direction.data);
        ring(direction.space);
    }
}

Error Channel::Impl::closed_error() {
    const std::lock_guard lock(reason_mutex_);
    if (closed_.load()) return Error{Errc::peer_gone, 0, reason_};
    // The peer's words come from memory that it may still change: copied once, then cleaned.
    std::string words(kReasonSize, '\0');
    std::memcpy(words.data(), control_.sides[1 - own_].reason, kReasonSize);
    words.resize(std::min(words.find('\0'), words.size()));
    std::replace_if(
        words.begin(), words.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    return Error{Errc::peer_gone, 0,
                 words.empty() ? "the other side closed the channel" : std::move(words)};
}

Error Channel::Impl::corrupt(const std::string& what) {
    close("the other side corrupted the channel: " + what);
    return closed_error();
}

template <typename Ready>
bool Channel::Impl::spin(SpinPolicy& policy, int64_t start, Ready ready) {
    const std::atomic<uint32_t>& peer_cpu = control_.sides[1 - own_].cpu;
    if (!policy.may_spin(current_cpu(), peer_cpu.load(std::memory_order_relaxed), start))
        return false;
    for (;;) {
        for (int i = 0; i < 32; ++i) {
            if (ready()) {
                policy.spin_paid();
                return true;
            }
            pause_cpu();
        }
        if (closed()) return true;
        publish_cpu();
        if (current_cpu() == peer_cpu.load(std::memory_order_relaxed))
            break;  // it may need our CPU
        if (now_ns() - start > SpinPolicy::kBudgetNs) break;
    }
    policy.spin_failed();
    return false;
}

template <typename Ready>
void Channel::Impl::wait(Bell& bell, SpinPolicy* policy, Ready ready) {
    const int64_t start = policy != nullptr ? now_ns() : 0;
    if (policy == nullptr || !spin(*policy, start, ready)) {
        std::chrono::milliseconds slice = kFirstSlice;
        for (;;) {
            const uint32_t count = bell.count.load();
            bell.asleep.store(1);
            if (ready() || closed()) break;
            futex_wait(bell.count, count, slice);
            if (ready() || closed()) break;
            if (bell.asleep.load() == 0) continue;  // rung, but for what we have had already
            // Nobody rang within the slice. What the peer sent before it ended is there by now:
            // look once more after.
            if (peer_is_gone() && !ready()) {
                close("the other side ended");
                break;
            }
            slice = std::min(slice * 2, kLongestSlice);
        }
        bell.asleep.store(0);
    }
    if (policy != nullptr) policy->waited(start, now_ns());
}

Status Channel::Impl::wait_for_space(uint32_t needed) {
    const auto room = [&] {
        return kRingSize - (head_ - out_.tail.load());
    };  // > kRingSize: corrupt
    for (;;) {
        const uint32_t free = room();
        if (free > kRingSize) return corrupt("ring position out of range");
        if (free >= needed) return success();
        if (closed()) return closed_error();
        wait(out_.space, nullptr, [&] { return room() >= needed; });
    }
}

Status Channel::Impl::send_on_side_socket(const Message& message) {
    for (;;) {
        Status sent = side_socket_.send(message, Socket::Wait::dont_block);
        if (sent.ok()) return success();
        if (sent.error().code != Errc::no_space) {
            if (sent.error().code == Errc::peer_gone) close("the other side ended");
            return sent;
        }
        // The peer does not read: bounded waits, so that a close on our side is seen.
        pollfd writable{side_socket_.fd(), POLLOUT, 0};
        ::poll(&writable, 1, static_cast<int>(kFirstSlice.count()));
        if (closed()) return closed_error();
    }
}

Status Channel::Impl::send(const Message& message, Socket::Wait wait) {
    if (message.body.size() > kMaxBody || message.fds.size() > kMaxMessageFds) {
        return Error{Errc::invalid, 0, "message is too large to send"};
    }
    const bool may_wait = wait == Socket::Wait::block;
    std::unique_lock lock(send_mutex_, std::defer_lock);
    if (may_wait) {
        lock.lock();
    } else if (!lock.try_lock()) {
        return Error{Errc::no_space, 0, "another message waits for room"};
    }
    if (closed()) return closed_error();
    const bool aside = !message.fds.empty() || message.body.size() > kMaxRingBody;
    const auto body_size = aside ? uint32_t{0} : static_cast<uint32_t>(message.body.size());
    const FrameHeader header{body_size, message.kind, message.serial, aside ? kOnSideSocket : 0, 0};
    const uint32_t free = kRingSize - (head_ - out_.tail.load());
    if (!may_wait && (aside || (free <= kRingSize && free < frame_size(body_size)))) {
        return Error{Errc::no_space, 0, "the ring has no room"};
    }
    OD_TRY(wait_for_space(frame_size(body_size)));
    if (aside) OD_TRY(send_on_side_socket(message));
    write_ring(head_, &header, sizeof header);
    write_ring(head_ + sizeof header, message.body.data(), body_size);
    head_ += frame_size(body_size);
    out_.head.store(head_);
    ring_if_asleep(out_.data);
    return success();
}

Result<Message> Channel::Impl::take_frame(uint32_t available) {
    if (available > kRingSize) return corrupt("ring position out of range");
    FrameHeader header{};
    if (available < sizeof header) return corrupt("frame is cut short");
    read_ring(tail_, &header, sizeof header);
    if (header.body_size > kMaxRingBody || frame_size(header.body_size) > available) {
        return corrupt("frame is larger than the ring's content");
    }
    Message message;
    if ((header.flags & kOnSideSocket) != 0) {
        Result<std::optional<Message>> received = side_socket_.receive(Socket::Wait::dont_block);
        if (!received.ok()) return corrupt(received.error().text());
        if (!received.value()) return corrupt("a message on the side socket is missing");
        message = std::move(**received);
    } else {
        message.kind = header.kind;
        message.serial = header.serial;
        message.body.resize(header.body_size);
        read_ring(tail_ + sizeof header, message.body.data(), header.body_size);
    }
    tail_ += frame_size(header.body_size);
    in_.tail.store(tail_);
    ring_if_asleep(in_.space);
    return message;
}

Result<Message> Channel::Impl::receive() {
    for (;;) {
        if (closed_.load()) return closed_error();
        publish_cpu();
        const uint32_t available = in_.head.load() - tail_;
        if (available != 0) return take_frame(available);
        if (closed()) {
            // Everything the peer sent before it closed is there by now.
            if (in_.head.load() == tail_) return closed_error();
            continue;
        }
        wait(in_.data, &receive_spin_, [this] { return in_.head.load() != tail_; });
    }
}

Result<UniqueFd> Channel::create_memory() {
    return make_sealed_memory("opendext-channel", kMemorySize);
}

Result<std::unique_ptr<Channel>> Channel::attach(UniqueFd memory, Socket side_socket, Side side) {
    if (OD_TRY(sealed_memory_size(memory.get())) < kMemorySize) {
        return Error{Errc::malformed, 0, "channel memory is too small"};
    }
    if (!side_socket.valid()) return Error{Errc::invalid, 0, "a channel needs its side socket"};
    Mapping mapping =
        OD_TRY(Mapping::map(memory.get(), 0, kMemorySize, Mapping::Access::read_write));
    return std::unique_ptr<Channel>(
        new Channel(std::make_unique<Impl>(std::move(mapping), std::move(side_socket), side)));
}

Channel::Channel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Channel::~Channel() {
    close("the other side ended");
}
Status Channel::send(const Message& message) {
    return impl_->send(message, Socket::Wait::block);
}
Status Channel::try_send(const Message& message) {
    return impl_->send(message, Socket::Wait::dont_block);
}
Result<Message> Channel::receive() {
    return impl_->receive();
}
void Channel::close(std::string reason) {
    impl_->close(std::move(reason));
}
bool Channel::closed() const {
    return impl_->closed();
}

}  // namespace opendext
