// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/kept_port.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "rpc/plain_calls.h"

namespace opendext::serial {
namespace {

static_assert(sizeof(KeptHeader) <= kPageSize);
/// A larger queue than this is damage: no driver could have mapped it.
constexpr uint8_t kMaxQueueLog2 = 28;

/// Bytes of one sendfile.
constexpr uint32_t kWritePiece = 12288;
/// Bytes of one read that is not announced: more than a terminal gives at a time.
constexpr int kPlainRead = 4096;
static_assert(kWritePiece <= kRingSize / 2);

uint32_t low(uint64_t position) {
    return static_cast<uint32_t>(position);
}

template <typename T>
T load(const T& field) {
    return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}
template <typename T>
void store(T& field, T value) {
    __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}

void note(std::string& damage, std::string_view text) {
    if (!damage.empty()) damage += "; ";
    damage += text;
}

}  // namespace

Result<UniqueFd> make_kept_memory(std::string_view port_name) {
    return make_sealed_memory("serial-port:" + std::string(port_name), kKeptSize);
}

Result<KeptPort> KeptPort::attach(UniqueFd master, UniqueFd memory, Transfers transfers) {
    if (OD_TRY(sealed_memory_size(memory.get())) != kKeptSize) {
        return Error{Errc::malformed, 0, "kept memory of a serial port has the wrong size"};
    }
    KeptPort port;
    port.mapping_ = OD_TRY(Mapping::map(memory.get(), 0, kKeptSize, Mapping::Access::read_write));
    port.master_ = std::move(master);
    port.memory_ = std::move(memory);
    port.header_ = port.mapping_.at<KeptHeader>(0);
    port.interface_ = port.mapping_.at<SerialPortInterface>(kInterfaceOffset);
    port.out_ = {port.mapping_.data() + kOutRingOffset, kRingSize};
    port.in_ = {port.mapping_.data() + kInRingOffset, kRingSize};
    if (load(port.header_->magic) == kKeptMagic && load(port.header_->version) == kKeptVersion) {
        port.recover();
    } else {
        if (load(port.header_->magic) != 0) {
            port.recovery_.damage = "kept memory is not of this version; bytes in it are lost";
        }
        port.lay_out();
    }
    port.transfers_ = transfers;
    store(port.header_->read_length, uint32_t{0});
    const uint32_t flags = load(port.header_->flags) & ~uint32_t{kKeptPlainWrites};
    store(port.header_->flags,
          flags | (transfers == Transfers::plain ? uint32_t{kKeptPlainWrites} : 0U));
    return port;
}

void KeptPort::lay_out() {
    *header_ = {};
    *interface_ = {};
    header_->read_flag = 0xff;
    ::lseek(memory_.get(), kInRingOffset, SEEK_SET);
    store(header_->version, kKeptVersion);
    store(header_->magic, kKeptMagic);
}

void KeptPort::recover() {
    recovery_.fresh = false;
    out_head_ = load(header_->out_head);
    in_tail_ = load(header_->in_tail);

    // A read that the kernel finished and nobody published: its journal entry names the present
    // head, and the kernel wrote the packet flag. Publishing makes the entry stale, so a kill right
    // here is harmless too.
    const uint32_t read_length = load(header_->read_length);
    if (load(header_->read_position) == out_head_ && load(header_->read_flag) == 0 &&
        read_length > 0 && read_length <= kRingSize) {
        out_head_ += read_length;
        store(header_->out_head, out_head_);
        recovery_.read_recovered = read_length;
    }

    rx_consumed_ = load_index(interface_->rxCI);
    const uint32_t in_pending = rx_consumed_ + load(header_->rx_bias) - low(in_tail_);
    if (in_pending <= kRingSize) {
        in_head_ = in_tail_ + in_pending;
    } else {
        note(recovery_.damage, "receive indexes are inconsistent; bytes for the terminal are lost");
        in_head_ = in_tail_;
        store(header_->rx_bias, low(in_head_) - rx_consumed_);
    }
    // The kernel's file position says how much the terminal has taken; "at the end" is the same as
    // "at the start".
    const bool plain = (load(header_->flags) & kKeptPlainWrites) != 0;
    const off_t position = plain ? off_t{in_.offset(in_tail_)}
                                 : ::lseek(memory_.get(), 0, SEEK_CUR) - off_t{kInRingOffset};
    const uint32_t taken =
        (static_cast<uint32_t>(position) - in_.offset(in_tail_)) & (kRingSize - 1);
    if (position < 0 || position > off_t{kRingSize} || taken > in_head_ - in_tail_) {
        note(recovery_.damage, "file position is inconsistent; bytes for the terminal may repeat");
    } else {
        in_tail_ += taken;
        store(header_->in_tail, in_tail_);
        recovery_.write_recovered = taken;
    }
    ::lseek(memory_.get(), kInRingOffset + in_.offset(in_tail_), SEEK_SET);

    tx_produced_ = load_index(interface_->txPI);
    const uint32_t uncopied = low(out_head_) - (tx_produced_ + load(header_->tx_bias));
    if (uncopied <= kRingSize) {
        copied_ = out_head_ - uncopied;
    } else {
        note(recovery_.damage, "transmit indexes are inconsistent; bytes for the driver are lost");
        copied_ = out_head_;
        store(header_->tx_bias, low(copied_) - tx_produced_);
    }
    const uint8_t log2 = load(interface_->txqlogsz);
    if (log2 > kMaxQueueLog2) {
        note(recovery_.damage, "size of the transmit queue is inconsistent");
        store(interface_->txqlogsz, uint8_t{0});
    } else {
        const uint64_t before = copied_;
        rewind_transmit(1U << log2);
        recovery_.offered_again = low(before - copied_);
    }
}

/// txPI := txCI: what the driver was given and has not consumed is offered again from the out ring.
void KeptPort::rewind_transmit(uint32_t queue_size) {
    const uint32_t consumed = load_index(interface_->txCI);
    const uint32_t fill = transmit_fill(tx_produced_, consumed, queue_size);
    if (out_head_ - copied_ + fill > kRingSize) {  // such bytes were never in the ring together
        note(recovery_.damage, "txCI is inconsistent; bytes for the driver may be lost");
        store(header_->tx_bias, low(copied_) - consumed);
    } else {
        copied_ -= fill;
        // For free-running indexes the bias is the same as before, and the store of txPI is the
        // only change.
        const uint32_t bias = low(copied_) - consumed;
        if (bias != load(header_->tx_bias)) store(header_->tx_bias, bias);
    }
    tx_produced_ = consumed;
    store_index(interface_->txPI, consumed);
}

KeptPort::Read KeptPort::read_control() {
    uint8_t flag = 0;
    // In packet mode one byte of room holds the flag and no data.
    const ssize_t got = plain::read(master_.get(), &flag, 1);
    if (got == 1) {
        control_ = flag;
        return flag == 0 ? Read::data : Read::control;
    }
    if (got == 0 || errno == EIO) return Read::hung_up;
    error_ = errno;
    return errno == EAGAIN || errno == EINTR ? Read::empty : Read::failed;
}

KeptPort::Read KeptPort::read_terminal(bool settle) {
    const uint32_t pending = out_pending(1U << (load(interface_->txqlogsz) & 31));
    const uint32_t room = kRingSize - std::min(pending, kRingSize);
    if (room == 0) return Read::full;
    int available = kPlainRead;
    const bool ask = transfers_ == Transfers::exact || !settle;
    if (ask && plain::ioctl(master_.get(), FIONREAD, &available) != 0) {
        error_ = errno;
        return errno == EIO ? Read::hung_up : Read::failed;
    }
    if (available <= 0) {
        if (!settle) return Read::empty;
        const Read outcome = read_control();
        if (outcome != Read::data) return outcome;
        if (plain::ioctl(master_.get(), FIONREAD, &available) != 0 || available <= 0)
            return Read::empty;
    }
    const uint32_t count = std::min(static_cast<uint32_t>(available), room);
    store(header_->read_flag, uint8_t{0xff});
    if (transfers_ == Transfers::exact) {
        store(header_->read_length, count);
        store(header_->read_position, out_head_);
    }

    const uint32_t first = out_.contiguous(out_head_, count);
    const iovec pieces[3] = {{&header_->read_flag, 1},
                             {out_.base + out_.offset(out_head_), first},
                             {out_.base, count - first}};
    const ssize_t got = plain::readv(master_.get(), pieces, first < count ? 3 : 2);
    if (got > 1) {
        // Less than FIONREAD said happens when the application flushed in between.
        out_head_ += static_cast<uint64_t>(got - 1);
        store(header_->out_head, out_head_);
        return Read::data;
    }
    if (got == 1) {
        control_ = load(header_->read_flag);
        store(header_->read_flag, uint8_t{0xff});
        return control_ == 0 ? Read::empty : Read::control;
    }
    if (got == 0 || errno == EIO) return Read::hung_up;
    error_ = errno;
    return errno == EAGAIN || errno == EINTR ? Read::empty : Read::failed;
}

uint32_t KeptPort::out_pending(uint32_t queue_size) const {
    const uint32_t fill = transmit_fill(tx_produced_, load_index(interface_->txCI), queue_size);
    return std::min(low(out_head_ - copied_) + fill, kRingSize);
}

uint32_t KeptPort::fill_transmit(const RingView& queue) {
    const uint32_t fill = transmit_fill(tx_produced_, load_index(interface_->txCI), queue.size);
    const uint32_t room = queue.size - 1 - std::min(fill, queue.size - 1);
    const uint32_t count = std::min(room, low(out_head_ - copied_));
    if (count == 0) return 0;
    copy_between(queue, tx_produced_, out_, copied_, count);
    copied_ += count;
    tx_produced_ += count;
    store_index(interface_->txPI, tx_produced_);
    return count;
}

uint32_t KeptPort::discard_out() {
    const uint32_t dropped = low(out_head_ - copied_);
    copied_ = out_head_;
    store(header_->tx_bias, low(copied_) - tx_produced_);
    return dropped;
}

uint32_t KeptPort::receive_pending(const RingView& queue) const {
    return queue_fill(load_index(interface_->rxPI), rx_consumed_, queue.size);
}

uint32_t KeptPort::drain_receive(const RingView& queue) {
    const uint32_t fill = receive_pending(queue);
    const uint32_t room = kRingSize - low(in_head_ - in_tail_);
    const uint32_t count = std::min(fill, room);
    if (count == 0) return 0;
    copy_between(in_, in_head_, queue, rx_consumed_, count);
    in_head_ += count;
    rx_consumed_ += count;
    store_index(interface_->rxCI,
                rx_consumed_);  // commits both: the bytes left the queue and are in the ring
    return count;
}

uint32_t KeptPort::in_pending() const {
    return low(in_head_ - in_tail_);
}

/// sendfile moves the position of the memory in the call that hands the bytes over.
ssize_t KeptPort::hand_over(uint32_t count) {
    const uint32_t offset = in_.offset(in_tail_);
    if (transfers_ == Transfers::plain)
        return plain::write(master_.get(), in_.base + offset, count);
    if (offset == 0) ::lseek(memory_.get(), kInRingOffset, SEEK_SET);
    return plain::sendfile(master_.get(), memory_.get(), count);
}

KeptPort::Write KeptPort::write_terminal() {
    bool progress = false;
    while (in_pending() > 0) {
        // At most half a ring per call: then the position always tells how much was taken. Less is
        // better still: what the terminal does not take was prepared for nothing.
        const uint32_t count = in_.contiguous(in_tail_, std::min(in_pending(), kWritePiece));
        const ssize_t taken = hand_over(count);
        if (taken < 0) {
            if (errno == EINTR) continue;
            error_ = errno;
            if (errno != EAGAIN) return Write::failed;
            return progress ? Write::progress : Write::blocked;
        }
        if (taken == 0) return progress ? Write::progress : Write::blocked;
        in_tail_ += static_cast<uint64_t>(taken);
        store(header_->in_tail, in_tail_);
        progress = true;
        // Full: asking once more would cost as much as writing.
        if (static_cast<uint32_t>(taken) < count) break;
    }
    return progress ? Write::progress : Write::idle;
}

void KeptPort::follow_indexes() {
    const uint32_t produced = load_index(interface_->txPI);
    if (produced != tx_produced_) {
        store(header_->tx_bias, low(copied_) - produced);
        tx_produced_ = produced;
    }
    const uint32_t consumed = load_index(interface_->rxCI);
    if (consumed != rx_consumed_) {
        store(header_->rx_bias, low(in_head_) - consumed);
        rx_consumed_ = consumed;
    }
}

void KeptPort::connect(uint8_t tx_log2, uint8_t rx_log2, uint32_t tx_offset, uint32_t rx_offset,
                       bool kept_receive_queue) {
    follow_indexes();
    rewind_transmit(1U << (load(interface_->txqlogsz) & 31));
    const bool was_kept = (load(header_->flags) & kKeptReceiveQueue) != 0;
    if (!kept_receive_queue || !was_kept || load(interface_->rxqlogsz) != rx_log2) {
        store_index(interface_->rxPI, rx_consumed_);
    }
    store(interface_->txqlogsz, tx_log2);
    store(interface_->rxqlogsz, rx_log2);
    store(interface_->txqoffset, tx_offset);
    store(interface_->rxqoffset, rx_offset);
    const uint32_t others = load(header_->flags) & ~uint32_t{kKeptReceiveQueue};
    store(header_->flags, others | (kept_receive_queue ? uint32_t{kKeptReceiveQueue} : 0U));
}

RingView KeptPort::default_transmit_queue() const {
    return {mapping_.data() + kTransmitQueueOffset, kDefaultQueueSize};
}
RingView KeptPort::default_receive_queue() const {
    return {mapping_.data() + kReceiveQueueOffset, kDefaultQueueSize};
}

}  // namespace opendext::serial
