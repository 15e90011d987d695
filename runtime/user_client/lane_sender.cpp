// SPDX-License-Identifier: Apache-2.0
#include "runtime/user_client/lane_sender.h"

#include "runtime/dispatch/blocking.h"
#include "runtime/dispatch/thread_pool.h"

namespace opendext::runtime {

void LaneSender::failed(Lock& lock, const Error& error) {
    lock.unlock();
    owner_.fail(error);
}

void LaneSender::send(Message message) {
    Lock lock(mutex_);
    if (!sending_kept_) {
        const Status sent = channel_.try_send(message, lane_);
        if (sent.ok()) return;
        if (sent.error().code != Errc::no_space) return failed(lock, sent.error());
    }
    keep(lock, std::move(message));
}

void LaneSender::keep(Lock& lock, Message message) {
    kept_bytes_ += message.body.size() + sizeof message;
    if (kept_bytes_ > kMaxKept)
        return failed(lock, {Errc::no_space, 0, "the client does not read its messages"});
    kept_.push_back(std::move(message));
    if (kept_bytes_ > kCrowded && !stalled_) crowded_.store(true, std::memory_order_relaxed);
    if (sending_kept_.exchange(true)) return;
    kept_since_ = begun_now();
    lock.unlock();
    start_thread("client sender", make_task([this, self = owner_.keep()] { send_kept(); }));
}

void LaneSender::send_kept() {
    Lock lock(mutex_);
    while (!kept_.empty()) {
        const Message message = std::move(kept_.front());
        kept_.pop_front();
        const size_t size = message.body.size() + sizeof message;
        lock.unlock();
        const Status sent = channel_.send(message, lane_);
        if (!sent.ok()) owner_.fail(sent.error());
        lock.lock();
        kept_bytes_ -= size;
        taken_bytes_ += size;
        if (!sent.ok()) {
            kept_.clear();
            kept_bytes_ = 0;
        }
        if (kept_bytes_ <= kCrowded) crowded_.store(false, std::memory_order_relaxed);
        room_.notify_all();
    }
    sending_kept_.store(false, std::memory_order_release);
    stalled_ = false;
}

void LaneSender::wait_while_crowded() {
    about_to_block();
    Lock lock(mutex_);
    while (crowded_.load(std::memory_order_relaxed)) {
        const size_t before = taken_bytes_;
        const bool taken = room_.wait_for(lock, kPatience, [&] {
            return !crowded_.load(std::memory_order_relaxed) ||
                   taken_bytes_ - before >= kLeastTaken;
        });
        if (taken) continue;
        stalled_ = true;
        crowded_.store(false, std::memory_order_relaxed);
        room_.notify_all();
    }
}

}  // namespace opendext::runtime
