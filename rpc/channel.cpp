// SPDX-License-Identifier: Apache-2.0
#include "rpc/channel.h"

#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "rpc/age.h"
#include "rpc/channel_impl.h"
#include "rpc/peer_watch.h"
#include "rpc/probe.h"
#include "rpc/shared_bytes.h"

namespace opendext {

using channel_layout::FrameHeader;
using channel_layout::kLanes;
using channel_layout::kReasonSize;
using channel_layout::kRingSizes;
namespace frame_flags = channel_layout::frame_flags;

namespace {

std::byte* ring_of(const Mapping& memory, Lane lane) {
    return memory.data() + channel_layout::ring_offset(static_cast<size_t>(lane));
}
channel_layout::LaneControl& control_of(const Mapping& memory, Lane lane) {
    return memory.at<channel_layout::Control>(0)->lanes[static_cast<size_t>(lane)];
}

/// So often a spin looks before it reads the clock: about two microseconds.
constexpr int kSpinRound = 64;
constexpr uint32_t kMaxPauses = 8;
/// One lets the peer run if it can; another task of that CPU may have been in between.
constexpr int kYields = 2;

void end_sleep(std::atomic<uint32_t>& sleep_word) {
    sleep_word.exchange(0);
    futex_wake(sleep_word);
}

}  // namespace

// -- Draft and Frame

void Draft::abandon() {
    std::exchange(channel_, nullptr)->impl_->abandon(lane_);
}

std::vector<UniqueFd> Frame::take_fds() {
    return channel_ == nullptr ? std::vector<UniqueFd>() : channel_->impl_->take_fds(lane_);
}

Message Frame::message() {
    Message made;
    made.kind = kind_;
    made.serial = serial_;
    const auto* bytes = reinterpret_cast<const uint8_t*>(bytes_.data());
    made.body.assign(bytes, bytes + bytes_.size());
    made.fds = take_fds();
    return made;
}

void Frame::give_back() {
    std::exchange(channel_, nullptr)->impl_->done(lane_);
}

// -- Making and ending it

Channel::Impl::Sending::Sending(const Mapping& memory, Lane lane)
    : control(control_of(memory, lane)),
      ring(control, ring_of(memory, lane), kRingSizes[static_cast<size_t>(lane)]) {}

Channel::Impl::Receiving::Receiving(const Mapping& memory, Lane lane)
    : control(control_of(memory, lane)),
      ring(control, ring_of(memory, lane), kRingSizes[static_cast<size_t>(lane)]) {}

Channel::Impl::Impl(Mapping memory, Socket side_socket, Side side)
    : memory_(std::move(memory)),
      side_socket_(std::move(side_socket)),
      control_(*memory_.at<channel_layout::Control>(0)),
      side_(static_cast<size_t>(side)),
      sending_{Sending(memory_, Lane::calls), Sending(memory_, Lane::replies),
               Sending(memory_, Lane::events)},
      receiving_{Receiving(memory_, Lane::calls), Receiving(memory_, Lane::replies),
                 Receiving(memory_, Lane::events)} {}

Channel::Impl::~Impl() {
    close("the other side ended");
    if (watch_number_ != 0) PeerWatch::instance().remove(watch_number_, side_socket_.fd());
}

Status Channel::Impl::watch_peer() {
    watch_number_ = OD_TRY(PeerWatch::instance().add(side_socket_.fd(), [this] { peer_ended(); }));
    return success();
}

/// Who waits looks once more for what the peer sent before it ended, and then closes.
void Channel::Impl::peer_ended() {
    peer_gone_.store(true);
    wake_own_sleepers();
}

void Channel::Impl::wake_own_sleepers() {
    for (size_t i = 0; i < kLanes; ++i) {
        channel_layout::LaneControl& lane = control_.lanes[i];
        end_sleep(sends_on(static_cast<Lane>(i)) ? lane.sender_sleep : lane.receiver_sleep);
    }
}

void Channel::Impl::close(std::string reason) {
    {
        const std::lock_guard lock(reason_mutex_);
        if (closed_.load()) return;
        std::memset(own().reason, 0, kReasonSize);
        std::memcpy(own().reason, reason.data(), std::min(reason.size(), kReasonSize - 1));
        reason_ = std::move(reason);
        closed_.store(true);
        OPENDEXT_PROBE(channel_close);
        own().closed.store(1);
    }
    for (channel_layout::LaneControl& lane : control_.lanes) {
        end_sleep(lane.receiver_sleep);
        end_sleep(lane.sender_sleep);
    }
    for (const Sending& to : sending_) {
        if (to.bell.load(std::memory_order_acquire) >= 0) to.wake();
    }
}

Error Channel::Impl::closed_error() {
    const std::lock_guard lock(reason_mutex_);
    if (closed_.load()) return Error{Errc::peer_gone, 0, reason_};
    if (peer().closed.load() == 0) return Error{Errc::peer_gone, 0, "the other side ended"};
    // The peer's words come from memory that it may still change: copied once, then cleaned.
    std::string words(kReasonSize, '\0');
    copy_shared(words.data(), reinterpret_cast<const std::byte*>(peer().reason), kReasonSize);
    words.resize(std::min(words.find('\0'), words.size()));
    std::replace_if(
        words.begin(), words.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    return Error{Errc::peer_gone, 0,
                 words.empty() ? "the other side closed the channel" : std::move(words)};
}

Error Channel::Impl::corrupt(const std::string& what) {
    const bool by_driver = side_ == static_cast<size_t>(Side::client);
    close(std::string(by_driver ? "the driver" : "the program") +
          " corrupted the channel: " + what);
    Error error = closed_error();
    error.code = Errc::malformed;  // whoever finds it; peer_gone from now on
    return error;
}

// -- Sending

// begin_at_once(), commit() and receive_at_once() are most of what a call costs that does not wait.

inline std::byte* Channel::Impl::begin_at_once(Lane lane, size_t size) {
    if (!sends_on(lane) || size > kMaxFrameBody) [[unlikely]]
        return nullptr;
    Sending& to = sending(lane);
    if (!to.mutex.try_lock()) [[unlikely]]
        return nullptr;
    if (!closed() && to.ring.look(static_cast<uint32_t>(size)) == RingSender::Room::yes)
        [[likely]] {
        OPENDEXT_PROBE(channel_send);
        return to.ring.body();
    }
    to.mutex.unlock();
    return nullptr;
}

Result<std::byte*> Channel::Impl::begin(Lane lane, size_t size, Wait wait) {
    if (!sends_on(lane)) return Error{Errc::invalid, 0, "this side does not send on that lane"};
    if (size > kMaxFrameBody) return Error{Errc::invalid, 0, "the frame is too large for a ring"};
    OPENDEXT_PROBE(channel_send);
    Sending& to = sending(lane);
    if (wait == Wait::block) {
        to.mutex.lock();
    } else if (!to.mutex.try_lock()) {
        return Error{Errc::no_space, 0, "another thread is sending"};
    }
    std::unique_lock lock(to.mutex, std::adopt_lock);
    if (closed()) return closed_error();
    RingSender::Room room = to.ring.look(static_cast<uint32_t>(size));
    if (room != RingSender::Room::yes) {
        if (room == RingSender::Room::no && wait == Wait::dont_block)
            return Error{Errc::no_space, 0, "the ring has no room"};
        OD_TRY(wait_for_room(lane, to, static_cast<uint32_t>(size)));
    }
    lock.release();  // until commit() or abandon()
    return to.ring.body();
}

Status Channel::Impl::wait_for_room(Lane lane, Sending& to, uint32_t size) {
    for (;;) {
        const RingSender::Room room = to.ring.look(size);
        if (room == RingSender::Room::corrupt) return corrupt(to.ring.why());
        if (room == RingSender::Room::yes) return success();
        if (closed()) return closed_error();
        to.ring.publish(std::memory_order_seq_cst);
        wake_receiver(lane, to, true);  // it may want more than there is room for
        sleep(to.control.sender_sleep, to.ring.wanted_tail() | 1, -1,
              [&] { return to.ring.look(size) != RingSender::Room::no; });
    }
}

void Channel::Impl::commit(Lane lane, FrameHeader header, Wake wake) {
    Sending& to = sending(lane);
    OPENDEXT_PROBE(channel_filled);
    to.ring.write(header);
    if (wake == Wake::later) {
        to.ring.publish_some();
        to.mutex.unlock();
        return;
    }
    publish_cpu(lane);
    to.ring.publish(std::memory_order_release);
    OPENDEXT_PROBE(channel_published);
    to.mutex.unlock();  // a full barrier, as the look at the sleep word wants
    if (to.control.receiver_sleep.load() == 0) return;
    const std::lock_guard lock(to.mutex);
    wake_receiver(lane, to, wake == Wake::at_once);
}

Status Channel::Impl::commit(Lane lane, FrameHeader header, Wake wake, const Aside& aside,
                             Wait wait) {
    header = {header.size(), header.kind(), frame_flags::aside, header.serial};
    Status sent = send_aside(lane, header.serial, aside, wait);
    if (!sent.ok()) {
        abandon(lane);
        return sent;
    }
    OPENDEXT_PROBE(channel_aside);
    commit(lane, header, wake);
    return success();
}

void Channel::Impl::flush(Lane lane) {
    Sending& to = sending(lane);
    const std::lock_guard lock(to.mutex);
    publish_cpu(lane);
    to.ring.publish(std::memory_order_seq_cst);
    wake_receiver(lane, to, false);
}

void Channel::Impl::Sending::wake() const {
    const int socket = bell.load(std::memory_order_acquire);
    if (socket < 0) [[likely]]
        return futex_wake(control.receiver_sleep);
    // A socket that is full is readable anyway; what is no socket of a peer of ours harms nobody.
    (void)::send(socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool Channel::Impl::set_bell(Lane lane, UniqueFd bell) {
    Sending& to = sending(lane);
    const std::lock_guard lock(to.mutex);
    if (to.bell.load() >= 0) return false;
    to.bell_owner = std::move(bell);
    to.bell.store(to.bell_owner.get(), std::memory_order_release);
    to.wake();  // it may have been armed before we knew of the bell
    return true;
}

bool Channel::Impl::arm(Lane lane) {
    Receiving& from = receiving(lane);
    from.control.receiver_sleep.store((from.ring.count() + 1) << 1 | 1);
    if (!from.ring.ready() && !closed()) return true;
    from.control.receiver_sleep.store(0);
    return false;
}

void Channel::Impl::wake_receiver(Lane lane, Sending& to, bool always) {
    const uint32_t wanted = to.control.receiver_sleep.load();
    if (wanted == 0) return;
    const bool enough = static_cast<int32_t>((to.ring.count() << 1) - (wanted & ~1U)) >= 0;
    if (!enough && !always && !to.ring.crowded()) [[unlikely]]
        return;
    if (to.control.receiver_sleep.exchange(0) == 0) return;
    to.wake();
    conversation(lane).woke_peer.store(true, std::memory_order_relaxed);
}

// -- Receiving

inline bool Channel::Impl::receive_at_once(Lane lane) {
    if (sends_on(lane) || closed_.load(std::memory_order_acquire)) return false;
    Receiving& from = receiving(lane);
    if (from.ring.drained()) publish_cpu(lane);  // once for all that have come together
    if (from.ring.look() != RingReceiver::Look::frame ||
        (from.ring.header().flags() & frame_flags::aside) != 0)
        return false;
    OPENDEXT_PROBE(channel_taken);
    return true;
}

Status Channel::Impl::receive(Lane lane, const Patience& patience) {
    if (sends_on(lane)) return Error{Errc::invalid, 0, "this side does not receive on that lane"};
    Receiving& from = receiving(lane);
    const int64_t deadline_ns = patience.limit.count() > 0 ? now_ns() + patience.limit.count() : -1;
    for (;;) {
        if (closed_.load(std::memory_order_acquire)) return closed_error();
        switch (from.ring.look()) {
            case RingReceiver::Look::frame: {
                OPENDEXT_PROBE(channel_taken);
                publish_cpu(lane);
                if ((from.ring.header().flags() & frame_flags::aside) != 0)
                    OD_TRY(receive_aside(lane, from));
                return success();
            }
            case RingReceiver::Look::corrupt:
                return corrupt(from.ring.why());
            case RingReceiver::Look::nothing:
                break;
        }
        publish_tail(from);
        if (closed()) {
            if (from.ring.ready()) continue;  // what the peer sent before is there by now
            return closed_error();
        }
        if (patience.limit.count() == 0) return Error{Errc::timed_out, 0, "nothing is there"};
        OD_TRY(wait_for_frame(lane, from, patience, deadline_ns));
    }
}

std::span<const std::byte> Channel::Impl::body(Lane lane) {
    const Receiving& from = receiving(lane);
    const uint32_t size = from.ring.header().size();
    if (size == 0 && from.has_aside) return std::as_bytes(std::span(from.aside.body));
    return {from.ring.body(), size};
}

void Channel::Impl::done(Lane lane) {
    Receiving& from = receiving(lane);
    if (from.has_aside) [[unlikely]]
        drop_aside(from);
    OPENDEXT_PROBE(channel_done);
    if (from.ring.take()) publish_tail(from);
}

void Channel::Impl::drop_aside(Receiving& from) {
    from.aside = {};
    from.has_aside = false;
}

void Channel::Impl::publish_tail(Receiving& from) {
    if (!from.ring.publish()) return;
    const uint32_t wanted = from.control.sender_sleep.load();
    if (wanted == 0 || static_cast<int32_t>(from.ring.tail() - (wanted & ~1U)) < 0) return;
    if (from.control.sender_sleep.exchange(0) != 0) futex_wake(from.control.sender_sleep);
}

template <typename Ready>
bool Channel::Impl::sleep(std::atomic<uint32_t>& word, uint32_t value, int64_t until_ns,
                          Ready ready) {
    for (;;) {
        word.store(value);
        int64_t limit_ns = -1;
        bool over = ready() || closed();
        if (!over && until_ns >= 0) {
            limit_ns = until_ns - now_ns();
            if (limit_ns <= 0) {
                word.store(0);
                return false;
            }
        }
        if (!over) {
            OPENDEXT_PROBE(channel_sleep);
            futex_sleep(word, value, limit_ns);
            over = ready() || closed();
        }
        if (over) {
            word.store(0);
            return true;
        }
    }
}

bool Channel::Impl::spin(Lane lane, Receiving& from, uint32_t wanted) {
    const std::atomic<uint32_t>& peer_cpu = peer().cpu[conversation_of(lane)];
    int64_t start_ns = 0;
    for (;;) {
        for (int i = 0; i < kSpinRound; ++i) {
            if (from.ring.ready()) {
                from.spin.spin_paid();
                return true;
            }
            // Who wants many looks less often: more will have gathered.
            for (uint32_t pauses = std::min(wanted, kMaxPauses); pauses > 0; --pauses) pause_cpu();
        }
        if (closed()) return true;
        OPENDEXT_PROBE(channel_spin);
        const int64_t now = now_ns();
        if (start_ns == 0) start_ns = now;
        publish_cpu(lane);
        if (now - start_ns > from.spin.budget_ns() ||
            current_cpu() == peer_cpu.load(std::memory_order_relaxed)) {  // it may need our CPU
            from.spin.spin_failed(start_ns);
            return false;
        }
    }
}

bool Channel::Impl::yield(Receiving& from) {
    const int64_t start_ns = rough_ns();
    bool came = false;
    for (int i = 0; i < kYields && !came; ++i) {
        yield_cpu();
        came = from.ring.ready();
    }
    from.spin.yielded(came, rough_ns() - start_ns, now_ns);
    return came;
}

Status Channel::Impl::wait_for_frame(Lane lane, Receiving& from, const Patience& patience,
                                     int64_t deadline_ns) {
    std::atomic<bool>& woke_peer = conversation(lane).woke_peer;
    const bool peer_slept = woke_peer.load(std::memory_order_relaxed) &&
                            woke_peer.exchange(false, std::memory_order_relaxed);
    switch (from.spin.begin(current_cpu(), peer_cpu(lane), peer_slept, now_ns)) {
        case SpinPolicy::Begin::spin:
            if (spin(lane, from, std::max(patience.wanted, 1U))) return success();
            break;
        case SpinPolicy::Begin::yield:
            if (yield(from)) return success();
            break;
        case SpinPolicy::Begin::sleep:
            break;
    }

    const auto sleep_for = [&](uint32_t frames, int64_t until_ns) {
        return sleep(from.control.receiver_sleep, (from.ring.count() + frames) << 1 | 1, until_ns,
                     [&] { return from.ring.ready(); });
    };
    from.control.receiver_since.store(begun_now(), std::memory_order_relaxed);
    bool woken = false;
    if (patience.wanted > 1 && patience.linger.count() > 0) {
        const int64_t linger_ns = now_ns() + std::chrono::nanoseconds(patience.linger).count();
        const bool limited = deadline_ns >= 0 && deadline_ns < linger_ns;
        woken = sleep_for(patience.wanted, limited ? deadline_ns : linger_ns);
        if (!woken && !limited) woken = sleep_for(1, deadline_ns);
    } else {
        woken = sleep_for(std::max(patience.wanted, 1U), deadline_ns);
    }
    from.spin.slept(now_ns);
    // What came without being enough to wake us is there all the same.
    if (!woken && !from.ring.ready()) return Error{Errc::timed_out, 0, "nothing came in time"};
    return success();
}

void Channel::Impl::publish_cpu(Lane lane) {
    const uint32_t cpu = current_cpu();
    std::atomic<uint32_t>& published = conversation(lane).published_cpu;
    if (cpu == published.load(std::memory_order_relaxed)) [[likely]]
        return;
    published.store(cpu, std::memory_order_relaxed);
    own().cpu[conversation_of(lane)].store(cpu, std::memory_order_relaxed);
}

// -- Channel

Result<UniqueFd> Channel::create_memory() {
    return make_sealed_memory("opendext-channel", channel_layout::kMemorySize);
}

Result<std::unique_ptr<Channel>> Channel::attach(UniqueFd memory, Socket side_socket, Side side) {
    if (OD_TRY(sealed_memory_size(memory.get())) < channel_layout::kMemorySize) {
        return Error{Errc::malformed, 0, "channel memory is too small"};
    }
    if (!side_socket.valid()) return Error{Errc::invalid, 0, "a channel needs its side socket"};
    Mapping mapping = OD_TRY(
        Mapping::map(memory.get(), 0, channel_layout::kMemorySize, Mapping::Access::read_write));
    auto impl = std::make_unique<Impl>(std::move(mapping), std::move(side_socket), side);
    OD_TRY(impl->watch_peer());
    return std::unique_ptr<Channel>(new Channel(std::move(impl), side));
}

Channel::Channel(std::unique_ptr<Impl> impl, Side side) : impl_(std::move(impl)), side_(side) {}
Channel::~Channel() = default;

Result<Draft> Channel::begin(Lane lane, uint16_t kind, uint64_t serial, size_t size, Wait wait) {
    std::byte* body = impl_->begin_at_once(lane, size);
    if (body == nullptr) [[unlikely]]
        body = OD_TRY(impl_->begin(lane, size, wait));
    return {std::in_place, Draft::Key(), this, lane, kind, serial, std::span(body, size)};
}

Status Channel::commit(Draft&& draft, Wake wake, std::span<const UniqueFd> fds) {
    draft.channel_ = nullptr;  // it is not to be abandoned any more
    const FrameHeader header{static_cast<uint32_t>(draft.bytes_.size()), draft.kind_, 0,
                             draft.serial_};
    if (!fds.empty()) [[unlikely]]
        return impl_->commit(draft.lane_, header, wake, {{}, fds});
    impl_->commit(draft.lane_, header, wake);
    return success();
}

void Channel::flush(Lane lane) {
    impl_->flush(lane);
}

Result<Frame> Channel::receive(Lane lane, const Patience& patience) {
    if (!impl_->receive_at_once(lane)) OD_TRY(impl_->receive(lane, patience));
    const FrameHeader header = impl_->header(lane);
    return {std::in_place, Frame::Key(),     this, lane, header.kind(),
            header.serial, impl_->body(lane)};
}

bool Channel::ready(Lane lane) const {
    return impl_->ready(lane);
}

bool Channel::set_bell(Lane lane, UniqueFd bell) {
    return impl_->set_bell(lane, std::move(bell));
}

bool Channel::arm(Lane lane) {
    return impl_->arm(lane);
}

void Channel::peer_ended() {
    impl_->peer_ended();
}

Channel::PeerState Channel::Impl::peer_state(Lane lane) const {
    const auto index = static_cast<size_t>(lane);
    const channel_layout::LaneControl& control = control_.lanes[index];
    PeerState state;
    if (control.receiver_sleep.load() != 0) state.sleeps_since = control.receiver_since.load();
    const uint32_t unread = control.head.load() - control.tail.load();
    state.unread = std::min(unread, channel_layout::kRingSizes[index]);
    return state;
}

Channel::PeerState Channel::peer_state(Lane lane) const {
    return impl_->peer_state(lane);
}

uint32_t Channel::peer_cpu(Lane lane) const {
    return impl_->peer_cpu(lane);
}

Status Channel::send(const Message& message, Lane lane, Wake wake) {
    return impl_->send(message, lane, wake, Wait::block);
}

Status Channel::try_send(const Message& message, Lane lane) {
    return impl_->send(message, lane, Wake::now, Wait::dont_block);
}

Result<Message> Channel::receive() {
    Frame frame = OD_TRY(receive(side_ == Side::client ? Lane::replies : Lane::calls));
    return frame.message();
}

void Channel::close(std::string reason) {
    impl_->close(std::move(reason));
}

bool Channel::closed() const {
    return impl_->closed();
}

}  // namespace opendext
