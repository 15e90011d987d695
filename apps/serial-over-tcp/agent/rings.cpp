// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/rings.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace opendext::serial_tcp {
namespace {

constexpr uint32_t kSize = kSerialOverTCPRingSize;
constexpr uint32_t kMask = kSize - 1;

uint32_t load(const uint32_t& index) {
    return __atomic_load_n(&index, __ATOMIC_ACQUIRE);
}
void store(uint32_t& index, uint32_t value) {
    __atomic_store_n(&index, value, __ATOMIC_RELEASE);
}
uint32_t swap(uint32_t& flag, uint32_t value) {
    return __atomic_exchange_n(&flag, value, __ATOMIC_SEQ_CST);
}

Stretch stretch(std::byte* ring, uint32_t position, uint32_t count) {
    Stretch result;
    result.size = count;
    if (count == 0) return result;
    const uint32_t first = std::min(count, kSize - (position & kMask));
    result.pieces[0] = {ring + (position & kMask), first};
    result.count = 1;
    if (first < count) {
        result.pieces[1] = {ring, count - first};
        result.count = 2;
    }
    return result;
}

}  // namespace

std::byte* Rings::transmit_ring() const {
    return reinterpret_cast<std::byte*>(link_) + kSerialOverTCPTransmitOffset;
}
std::byte* Rings::receive_ring() const {
    return reinterpret_cast<std::byte*>(link_) + kSerialOverTCPReceiveOffset;
}

void Rings::attach(void* memory) {
    link_ = static_cast<SerialOverTCPLink*>(memory);
    opening_ = 0;
    receive_news_ = false;
}

void Rings::detach() {
    if (link_ == nullptr) return;
    if (current_) {
        // As far back as the driver may have had it: its successor never begins before that.
        saved_from_ = load(link_->rxConsumed);
        if (receive_put_ - saved_from_ > kSize) saved_from_ = receive_put_;
        const Stretch left = stretch(receive_ring(), saved_from_, receive_put_ - saved_from_);
        for (int i = 0; i < left.count; ++i) {
            const auto* bytes = static_cast<const std::byte*>(left.pieces[i].iov_base);
            saved_.insert(saved_.end(), bytes, bytes + left.pieces[i].iov_len);
        }
    }
    current_ = false;
    link_ = nullptr;
    opening_ = 0;
}

bool Rings::unchanged() const {
    return load(link_->open) == opening_;
}

bool Rings::refresh() {
    const uint32_t opening = load(link_->open);
    if (opening == opening_ || opening == 0) {
        opening_ = opening;
        return opening_ != 0;
    }
    const uint32_t tx_start = load(link_->txStart);
    const uint32_t rx_start = load(link_->rxStart);
    if (!known_) {
        // This program is new to the port: it goes on where a predecessor left off, if there was
        // one.
        transmit_taken_ = transmit_at_ = load(link_->txConsumed);
        // The opening may have begun long before: rx_start says nothing here.
        const uint32_t consumed = load(link_->rxConsumed);
        receive_put_ = load(link_->rxProduced);
        if (receive_put_ - consumed > kSize) receive_put_ = consumed;
        known_ = true;
    } else {
        transmit_at_ = tx_start;
        if (transmit_taken_ - tx_start > kSize) transmit_taken_ = tx_start;
        if (receive_put_ - rx_start > kSize) receive_put_ = rx_start;
        if (!saved_.empty()) {
            for (uint32_t at = rx_start; at != receive_put_; ++at) {
                const uint32_t place = at - saved_from_;
                if (place < saved_.size()) receive_ring()[at & kMask] = saved_[place];
            }
        }
    }
    saved_.clear();
    current_ = true;
    store(link_->rxProduced, receive_put_);
    told_taken_ = transmit_at_;
    // A predecessor may have ended between an index, or a flag that it took, and its ring.
    must_ring_ = true;
    opening_ = opening;
    return true;
}

/// After a driver's restart: bytes that its predecessor had not yet reported as consumed come
/// again.
void Rings::skip_what_was_had() {
    const uint32_t behind = transmit_taken_ - transmit_at_;
    if (behind == 0 || behind > kSize) return;
    const uint32_t there = load(link_->txProduced) - transmit_at_;
    if (there > kSize) return;
    const uint32_t skip = std::min(behind, there);
    transmit_at_ += skip;
    store(link_->txConsumed, transmit_at_);
}

Stretch Rings::transmit() {
    skip_what_was_had();
    if (transmit_taken_ != transmit_at_) return {};
    const uint32_t there = load(link_->txProduced) - transmit_at_;
    return stretch(transmit_ring(), transmit_at_, there <= kSize ? there : 0);
}

void Rings::transmit_done(size_t count) {
    if (count == 0) return;
    transmit_at_ += static_cast<uint32_t>(count);
    transmit_taken_ = transmit_at_;
    store(link_->txConsumed, transmit_at_);
}

Stretch Rings::receive_room() const {
    const uint32_t fill = receive_put_ - load(link_->rxConsumed);
    return stretch(receive_ring(), receive_put_, fill <= kSize ? kSize - fill : 0);
}

void Rings::receive_done(size_t count) {
    receive_put_ += static_cast<uint32_t>(count);
    store(link_->rxProduced, receive_put_);
    receive_news_ = true;
}

bool Rings::sleep_transmit() {
    swap(link_->appWaitsForTx, 1);
    return transmit().size == 0;
}

bool Rings::sleep_receive_room() {
    swap(link_->appWaitsForRxRoom, 1);
    return receive_room().size == 0;
}

bool Rings::doorbell_due(bool acknowledge) {
    bool due = std::exchange(must_ring_, false);
    if (receive_news_) {
        receive_news_ = false;
        due |= swap(link_->driverWaitsForRx, 0) != 0;
    }
    if (unacknowledged()) {
        const uint32_t left = load(link_->txProduced) - transmit_at_;
        if (left <= kSize / 4 && load(link_->driverWaitsForTxRoom) != 0)
            due |= swap(link_->driverWaitsForTxRoom, 0) != 0;
        due |= acknowledge;
    }
    if (due) told_taken_ = transmit_at_;
    return due;
}

}  // namespace opendext::serial_tcp
