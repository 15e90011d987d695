// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/completions.h"

#include <utility>

#include "rpc/probe.h"

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// Completions that go to a port as one.
constexpr size_t kMaxBatch = 512;
/// A driver that streams completions would wake this thread for each of them: after it has emptied
/// the lane it sleeps this long, or until a good many are there. One that comes after a rest is not
/// delayed.
constexpr Patience kPatience{.wanted = 64, .linger = std::chrono::microseconds(50)};

}  // namespace

void CompletionTarget::call(IOReturn status, const uint64_t* arguments, uint32_t count) const {
    if (any != nullptr) return any(refcon, status, arguments, count);
    if (function == nullptr) return;
    std::array<void*, uc::kMaxAsyncArguments> words;
    for (uint32_t i = 0; i < count; ++i) words[i] = reinterpret_cast<void*>(arguments[i]);
    switch (count) {
        case 0:
            return reinterpret_cast<IOAsyncCallback0>(function)(refcon, status);
        case 1:
            return reinterpret_cast<IOAsyncCallback1>(function)(refcon, status, words[0]);
        case 2:
            return reinterpret_cast<IOAsyncCallback2>(function)(refcon, status, words[0], words[1]);
        default:
            return reinterpret_cast<IOAsyncCallback>(function)(refcon, status, words.data(), count);
    }
}

/// Completions for one port, in order.
class Completions::Batch {
  public:
    explicit Batch(std::weak_ptr<Port> port) : port_(std::move(port)) {}

    void add(const std::shared_ptr<const CompletionTarget>& target, IOReturn status,
             const uint64_t* arguments, uint32_t count) {
        if (targets_.empty() || targets_.back() != target) targets_.push_back(target);
        records_.push_back({static_cast<uint32_t>(targets_.size() - 1), status, count});
        arguments_.insert(arguments_.end(), arguments, arguments + count);
    }
    [[nodiscard]] size_t size() const { return records_.size(); }
    [[nodiscard]] bool is_for(const std::weak_ptr<Port>& port) const {
        return !port_.owner_before(port) && !port.owner_before(port_);
    }
    [[nodiscard]] std::shared_ptr<Port> port() const { return port_.lock(); }
    void run(const std::atomic<bool>& closed) const {
        const std::shared_ptr<Port> port = port_.lock();
        if (port == nullptr) return;
        const uint64_t* arguments = arguments_.data();
        for (const Record& record : records_) {
            // Once the program has closed the connection or the port, its context may be gone.
            if (closed.load(std::memory_order_acquire) || port->closed()) return;
            targets_[record.target]->call(record.status, arguments, record.count);
            arguments += record.count;
        }
    }

  private:
    struct Record {
        uint32_t target;
        IOReturn status;
        uint32_t count;
    };
    const std::weak_ptr<Port> port_;
    std::vector<std::shared_ptr<const CompletionTarget>> targets_;
    std::vector<Record> records_;
    std::vector<uint64_t> arguments_;
};

// A number is a place in `slots_` and how often the place was used before.
uint64_t Completions::add(std::shared_ptr<const CompletionTarget> target) {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
        free_.push_back(static_cast<uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    Slot& slot = slots_[place];
    slot.target = std::move(target);
    slot.calling = true;
    slot.ended = false;
    return uint64_t{slots_[place].generation} << 32 | place;
}

Completions::Slot* Completions::find(uint64_t number) {
    const auto place = static_cast<uint32_t>(number);
    if (place >= slots_.size()) return nullptr;
    Slot& slot = slots_[place];
    return slot.target != nullptr && slot.generation == number >> 32 ? &slot : nullptr;
}

std::shared_ptr<const CompletionTarget> Completions::take(uint64_t number) {
    const std::lock_guard lock(mutex_);
    Slot* slot = find(number);
    return slot == nullptr ? nullptr : take_slot(*slot, number);
}

std::shared_ptr<const CompletionTarget> Completions::take_slot(Slot& slot, uint64_t number) {
    ++slot.generation;
    slot.held = nullptr;
    free_.push_back(static_cast<uint32_t>(number));
    return std::move(slot.target);
}

void Completions::accept(uint64_t number) {
    bool given = true;
    std::shared_ptr<const CompletionTarget> ended;
    {
        // The lock is held until what waited is at the port: later completions wait for it.
        const std::lock_guard lock(mutex_);
        Slot* slot = find(number);
        if (slot == nullptr) return;
        slot->calling = false;
        const std::shared_ptr<const Batch> held = std::exchange(slot->held, nullptr);
        if (held != nullptr) given = give(held);
        if (slot->ended) ended = take_slot(*slot, number);
    }
    end(std::move(ended));
    if (!given) channel_.close("the application does not run its notification port");
}

void Completions::forget(uint64_t number) {
    (void)take(number);
}

void Completions::run() {
    for (;;) {
        Result<Frame> frame = channel_.receive(Lane::events, kPatience);
        if (!frame.ok()) break;
        take_batch(std::move(frame));
    }
    end_all();
}

bool Completions::dispatch() {
    here_.store(true, std::memory_order_relaxed);
    do {
        while (channel_.ready(Lane::events)) {
            Result<Frame> frame = channel_.receive(Lane::events, {.limit = {}});
            if (!frame.ok()) break;
            take_batch(std::move(frame));
        }
        if (channel_.closed()) {
            end_all();
            return false;
        }
    } while (!channel_.arm(Lane::events));
    return true;
}

void Completions::take_batch(Result<Frame> first) {
    std::unique_ptr<Batch> batch;
    receive(*first, batch);
    while (channel_.ready(Lane::events) && (batch == nullptr || batch->size() < kMaxBatch)) {
        Result<Frame> next = channel_.receive(Lane::events, {.limit = {}});
        if (!next.ok()) break;  // the caller finds it out again
        receive(*next, batch);
    }
    post(std::move(batch));
}

void Completions::receive(Frame& frame, std::unique_ptr<Batch>& batch) {
    const auto kind = static_cast<uc::Kind>(frame.kind());
    if (kind == uc::Kind::completion) {
        OPENDEXT_PROBE(client_completion);
        uc::CompletionHeader header;
        std::array<uint64_t, uc::kMaxAsyncArguments> arguments;
        const Status parsed = uc::parse_completion(frame.bytes(), header, arguments);
        frame.done();
        if (!parsed.ok()) return channel_.close("the driver sent: " + parsed.error().message);
        std::shared_ptr<const CompletionTarget> target;
        {
            const std::lock_guard lock(mutex_);
            Slot* slot = find(header.completion);
            if (slot == nullptr || slot->ended) return;  // after its end nothing comes
            if (slot->calling) return hold(*slot, header, arguments.data());
            target = slot->target;
        }
        if (here_.load(std::memory_order_relaxed)) {
            const std::shared_ptr<Port> port = target->port.lock();
            // Once the program has closed the connection or the port, its context may be gone.
            if (port != nullptr && !closed_->load(std::memory_order_acquire) && !port->closed())
                target->call(header.status, arguments.data(), header.argument_count);
            return;
        }
        if (batch != nullptr && !batch->is_for(target->port)) post(std::move(batch));
        if (batch == nullptr) batch = std::make_unique<Batch>(target->port);
        batch->add(target, header.status, arguments.data(), header.argument_count);
        return;
    }
    post(std::move(batch));  // what follows was sent after
    if (kind == uc::Kind::completion_released) {
        uc::CompletionReleased released;
        const Status parsed = uc::parse_struct(frame.bytes(), released);
        frame.done();
        if (!parsed.ok()) return channel_.close("the driver sent: " + parsed.error().message);
        end(take_ended(released.completion));
        return;
    }
    other_(frame);
    frame.done();
}

/// Keeps a completion of a call that has not returned.
void Completions::hold(Slot& slot, const uc::CompletionHeader& header, const uint64_t* arguments) {
    if (slot.held == nullptr) slot.held = std::make_shared<Batch>(slot.target->port);
    if (slot.held->size() < Port::kMaxWaiting) {
        slot.held->add(slot.target, header.status, arguments, header.argument_count);
    } else {
        channel_.close("the driver completes a call without end before it returns");
    }
}

/// The target of a completion that the driver let go of, unless its call has not returned.
std::shared_ptr<const CompletionTarget> Completions::take_ended(uint64_t number) {
    const std::lock_guard lock(mutex_);
    Slot* slot = find(number);
    if (slot == nullptr) return nullptr;
    if (!slot->calling) return take_slot(*slot, number);
    slot->ended = true;
    return nullptr;
}

bool Completions::give(const std::shared_ptr<const Batch>& batch) const {
    const std::shared_ptr<Port> port = batch->port();
    return port == nullptr ||
           port->post([closed = closed_, batch] { batch->run(*closed); }, batch->size());
}

void Completions::post(std::shared_ptr<const Batch> batch) {
    if (batch == nullptr) return;
    if (here_.load(std::memory_order_relaxed)) return batch->run(*closed_);
    if (!give(batch)) channel_.close("the application does not run its notification port");
}

void Completions::end(std::shared_ptr<const CompletionTarget> target) {
    if (target == nullptr || target->ended == nullptr) return;
    // Called when nobody holds it any more: after the port has run it behind the completions, or at
    // once where no port does.
    struct End {
        explicit End(std::shared_ptr<const CompletionTarget> of) : target(std::move(of)) {}
        ~End() { target->ended(target->refcon); }
        const std::shared_ptr<const CompletionTarget> target;
    };
    const std::shared_ptr<Port> port = target->port.lock();
    auto end = std::make_shared<End>(std::move(target));
    if (port != nullptr) (void)port->post([end = std::move(end)] {});
}

void Completions::end_all() {
    std::vector<std::shared_ptr<const CompletionTarget>> targets;
    {
        const std::lock_guard lock(mutex_);
        for (uint32_t place = 0; place < slots_.size(); ++place) {
            Slot& slot = slots_[place];
            if (slot.target == nullptr) continue;
            if (slot.calling) {
                slot.ended = true;  // accept() or forget() comes
            } else {
                targets.push_back(take_slot(slot, place));
            }
        }
    }
    for (auto& target : targets) end(std::move(target));
}

void Completions::close() {
    closed_->store(true, std::memory_order_release);
    end_all();
}

}  // namespace opendext::client
