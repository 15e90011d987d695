// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "rpc/data_queue_ring.h"
#include "runtime/dispatch/sources.h"
#include "runtime/dispatch/watcher.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"
#include "runtime/objects/object_table.h"

using namespace opendext;
using namespace opendext::runtime;
using RingStatus = DataQueueRing::Status;

namespace {

struct DataQueueState final : SourceState {
    bool serviced_missed = false;  // due while disabled: told when enabled again
};

/// How a client program that shares the queue's memory says that it put something in or took
/// something out. Rung once for all that happens until it is heard.
class ClientBell final : public WatchClient {
  public:
    ClientBell(IODataQueueDispatchSource* source, DataQueueRing ring, UniqueFd event)
        : source_(source), ring_(ring), event_(std::move(event)) {}

    void readable() override;
    /// The source goes: nothing of it is used after this.
    void source_gone() {
        Watcher::shared().remove(event_.get());
        const std::lock_guard lock(mutex_);
        source_ = nullptr;
    }
    [[nodiscard]] int fd() const { return event_.get(); }

  private:
    std::mutex mutex_;
    IODataQueueDispatchSource* source_;
    const DataQueueRing ring_;
    const UniqueFd event_;
};

}  // namespace

struct IODataQueueDispatchSource_IVars {
    std::shared_ptr<DataQueueState> state = std::make_shared<DataQueueState>();
    IOBufferMemoryDescriptor* memory = nullptr;  // retained
    DataQueueRing ring;
    OSAction* available = nullptr;  // retained
    OSAction* serviced = nullptr;   // retained
    std::mutex bell_mutex;
    std::shared_ptr<ClientBell> bell;  // made when the memory is first given away
};

namespace {

constexpr uint64_t kMaxQueueSize = uint64_t{1} << 30;

void ClientBell::readable() {
    uint64_t count = 0;
    (void)!read(event_.get(), &count, sizeof count);
    IODataQueueDispatchSource* source = nullptr;
    uint32_t rung = 0;
    {
        const std::lock_guard lock(mutex_);
        // The last reference may have just gone: free() waits for the lock.
        if (source_ == nullptr || !try_retain(source_)) return;
        source = source_;
        rung = ring_.take_bell();
    }
    if ((rung & DataQueueRing::kDataAvailable) != 0) source->SendDataAvailable();
    if ((rung & DataQueueRing::kDataServiced) != 0) source->SendDataServiced();
    source->release();
}

/// A client program that maps the memory gets the bell with it (runtime/user_client). Without one
/// the queue works, but the driver is not told.
void make_bell(IODataQueueDispatchSource* source, IODataQueueDispatchSource_IVars& own) {
    const std::lock_guard lock(own.bell_mutex);
    if (own.bell != nullptr) return;
    UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    auto for_clients = event ? event.duplicate() : Error::system("eventfd");
    if (!for_clients.ok()) {
        log(LogType::error, "a data queue has no bell: %s", for_clients.error().text().c_str());
        return;
    }
    auto bell = std::make_shared<ClientBell>(source, own.ring, std::move(event));
    if (!Watcher::shared().add(bell->fd(), bell)) {
        log(LogType::error, "a data queue has no bell: %s", strerror(errno));
        return;
    }
    own.memory->IOMemoryDescriptor::ivars->data_queue_bell =
        std::make_shared<const UniqueFd>(std::move(for_clients).value());
    own.bell = std::move(bell);
}

kern_return_t produce_result(RingStatus status) {
    switch (status) {
        case RingStatus::ok:
            return kIOReturnSuccess;
        case RingStatus::full:
            return kIOReturnOverrun;
        default:
            return kIOReturnUnderrun;
    }
}

kern_return_t consume_result(RingStatus status) {
    switch (status) {
        case RingStatus::ok:
            return kIOReturnSuccess;
        case RingStatus::empty:
            return kIOReturnUnderrun;
        default:
            return kIOReturnError;
    }
}

/// A DataAvailable that waits in a queue. One that the source was disabled before is not kept:
/// SetEnable(true) looks at the ring.
class AvailableCall final : public StateCall {
  public:
    using StateCall::StateCall;
};

class ServicedCall final : public StateCall {
  public:
    explicit ServicedCall(DataQueueState& state) : StateCall(state), queue_(state) {}

  private:
    void held() override { queue_.serviced_missed = true; }
    DataQueueState& queue_;
};

/// The action whose target's queue runs completions.
OSAction* handlers_action(const IODataQueueDispatchSource_IVars& own) {
    OSAction* action = copy_action(*own.state, own.available);
    return action != nullptr ? action : copy_action(*own.state, own.serviced);
}

void run_on_handlers_queue(IODataQueueDispatchSource* source,
                           const IODataQueueDispatchSource_IVars& own, void (^handler)(void)) {
    OSAction* action = handlers_action(own);
    run_after_calls(source, *own.state, action, handler);
    OSSafeReleaseNULL(action);
}

template <typename Call>
SourceCallPtr make_call(DataQueueState& state) {
    const std::lock_guard lock(state.mutex);
    return std::make_unique<Call>(state);
}

}  // namespace

kern_return_t IODataQueueDispatchSource::Create_Impl(uint64_t queueByteCount,
                                                     IODispatchQueue* queue,
                                                     IODataQueueDispatchSource** source) {
    if (source == nullptr) return kIOReturnBadArgument;
    *source = nullptr;
    if (queueByteCount == 0 || queueByteCount % 4 != 0 || queueByteCount > kMaxQueueSize)
        return kIOReturnBadArgument;
    IOBufferMemoryDescriptor* memory = nullptr;
    kern_return_t result = IOBufferMemoryDescriptor::Create(
        kIOMemoryDirectionInOut, DataQueueRing::kHeaderSize + queueByteCount, 0, &memory);
    if (result != kIOReturnSuccess) return result;
    OSObject* object = nullptr;
    result = OSObjectAllocate(gIODataQueueDispatchSourceMetaClass, &object);
    if (result != kIOReturnSuccess) {
        memory->release();
        return result;
    }
    auto* made = static_cast<IODataQueueDispatchSource*>(object);
    IOAddressSegment range{};
    (void)memory->GetAddressRange(&range);
    made->ivars->memory = memory;
    made->ivars->ring = DataQueueRing(reinterpret_cast<void*>(range.address), range.length);
    made->ivars->state->set_queue(queue);
    *source = made;
    return kIOReturnSuccess;
}

bool IODataQueueDispatchSource::init() {
    if (!super::init()) return false;
    ivars = new IODataQueueDispatchSource_IVars;
    return true;
}

void IODataQueueDispatchSource::free() {
    if (ivars != nullptr) {
        if (ivars->bell != nullptr) ivars->bell->source_gone();
        OSSafeReleaseNULL(ivars->memory);
        OSSafeReleaseNULL(ivars->available);
        OSSafeReleaseNULL(ivars->serviced);
        delete ivars;
    }
    super::free();
}

kern_return_t IODataQueueDispatchSource::SetDataAvailableHandler_Impl(OSAction* action) {
    if (!action_fits(action, IODataQueueDispatchSource_DataAvailable_ID,
                     "IODataQueueDispatchSource::SetDataAvailableHandler",
                     "IODataQueueDispatchSource::DataAvailable")) {
        return kIOReturnBadArgument;
    }
    exchange_action(*ivars->state, ivars->available, action);
    if (action != nullptr && IsDataAvailable()) SendDataAvailable();
    return kIOReturnSuccess;
}
kern_return_t IODataQueueDispatchSource::SetDataServicedHandler_Impl(OSAction* action) {
    if (!action_fits(action, IODataQueueDispatchSource_DataServiced_ID,
                     "IODataQueueDispatchSource::SetDataServicedHandler",
                     "IODataQueueDispatchSource::DataServiced")) {
        return kIOReturnBadArgument;
    }
    exchange_action(*ivars->state, ivars->serviced, action);
    return kIOReturnSuccess;
}
kern_return_t IODataQueueDispatchSource::CopyMemory_Impl(IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    if (ivars->memory == nullptr) return kIOReturnNoMemory;
    make_bell(this, *ivars);
    ivars->memory->retain();
    *memory = ivars->memory;
    return kIOReturnSuccess;
}
kern_return_t IODataQueueDispatchSource::CopyDataAvailableHandler_Impl(OSAction** action) {
    if (action == nullptr) return kIOReturnBadArgument;
    *action = copy_action(*ivars->state, ivars->available);
    return *action == nullptr ? kIOReturnNotFound : kIOReturnSuccess;
}
kern_return_t IODataQueueDispatchSource::CopyDataServicedHandler_Impl(OSAction** action) {
    if (action == nullptr) return kIOReturnBadArgument;
    *action = copy_action(*ivars->state, ivars->serviced);
    return *action == nullptr ? kIOReturnNotFound : kIOReturnSuccess;
}

size_t IODataQueueDispatchSource::GetDataQueueEntryHeaderSize() {
    return DataQueueRing::kEntryHeaderSize;
}
bool IODataQueueDispatchSource::IsDataAvailable() {
    return ivars->ring.valid() && !ivars->ring.empty();
}

void IODataQueueDispatchSource::SendDataAvailable() {
    if (!ivars->state->active()) return;
    if (ivars->ring.valid()) ivars->ring.wake_consumer();  // a client program
    OSAction* action = copy_action(*ivars->state, ivars->available);
    if (action != nullptr) {
        const SourceCallScope scope(make_call<AvailableCall>(*ivars->state));
        DataAvailable(action);
    }
    OSSafeReleaseNULL(action);
}
void IODataQueueDispatchSource::SendDataServiced() {
    {
        const std::lock_guard lock(ivars->state->mutex);
        if (ivars->state->cancelled) return;
        if (!ivars->state->enabled) {
            ivars->state->serviced_missed = true;
            return;
        }
    }
    OSAction* action = copy_action(*ivars->state, ivars->serviced);
    if (action != nullptr) {
        const SourceCallScope scope(make_call<ServicedCall>(*ivars->state));
        DataServiced(action);
    }
    OSSafeReleaseNULL(action);
}

kern_return_t IODataQueueDispatchSource::Peek(IODataQueueClientDequeueEntryBlock callback) {
    if (callback == nullptr) return kIOReturnBadArgument;
    if (!ivars->ring.valid()) return kIOReturnNoMemory;
    const auto entry = ivars->ring.first();
    if (entry.status == RingStatus::ok) callback(entry.data, entry.size);
    return consume_result(entry.status);
}

kern_return_t IODataQueueDispatchSource::DequeueWithCoalesce(
    bool* sendDataServiced, IODataQueueClientDequeueEntryBlock callback) {
    if (callback == nullptr) return kIOReturnBadArgument;
    if (!ivars->ring.valid()) return kIOReturnNoMemory;
    const auto entry = ivars->ring.first();
    if (entry.status == RingStatus::ok) {
        callback(entry.data, entry.size);
        ivars->ring.consume(entry);
    }
    if ((entry.status == RingStatus::ok || entry.status == RingStatus::empty) &&
        ivars->ring.take_want_serviced() && sendDataServiced != nullptr) {
        *sendDataServiced = true;
    }
    return consume_result(entry.status);
}

kern_return_t IODataQueueDispatchSource::Dequeue(IODataQueueClientDequeueEntryBlock callback) {
    bool serviced = false;
    const kern_return_t result = DequeueWithCoalesce(&serviced, callback);
    if (serviced) SendDataServiced();
    return result;
}

kern_return_t IODataQueueDispatchSource::EnqueueWithCoalesce(
    uint32_t dataSize, bool* sendDataAvailable, IODataQueueClientEnqueueEntryBlock callback) {
    if (callback == nullptr) return kIOReturnBadArgument;
    if (!ivars->ring.valid()) return kIOReturnNoMemory;
    const auto entry = ivars->ring.reserve(dataSize);
    if (entry.status == RingStatus::full) {
        ivars->ring.want_serviced();
        if (sendDataAvailable != nullptr) *sendDataAvailable = true;
    }
    if (entry.status != RingStatus::ok) return produce_result(entry.status);
    callback(entry.data, dataSize);
    if (ivars->ring.publish(entry) && sendDataAvailable != nullptr) *sendDataAvailable = true;
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::Enqueue(uint32_t dataSize,
                                                 IODataQueueClientEnqueueEntryBlock callback) {
    bool available = false;
    const kern_return_t result = EnqueueWithCoalesce(dataSize, &available, callback);
    if (available) SendDataAvailable();
    return result;
}

kern_return_t IODataQueueDispatchSource::CanEnqueueData(uint32_t dataSize) {
    return CanEnqueueData(dataSize, 1);
}
kern_return_t IODataQueueDispatchSource::CanEnqueueData(uint32_t dataSize, uint32_t entryCount) {
    if (!ivars->ring.valid()) return kIOReturnNoMemory;
    return produce_result(ivars->ring.can_enqueue(dataSize, entryCount));
}

kern_return_t IODataQueueDispatchSource::Cancel_Impl(IODispatchSourceCancelHandler handler) {
    {
        const std::lock_guard lock(ivars->state->mutex);
        ivars->state->cancelled = true;  // notifications that wait in a queue do not run either
    }
    run_on_handlers_queue(this, *ivars, handler);
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::SetEnableWithCompletion_Impl(
    bool enable, IODispatchSourceCancelHandler handler) {
    bool serviced_missed = false;
    {
        const std::lock_guard lock(ivars->state->mutex);
        if (ivars->state->cancelled) return kIOReturnAborted;
        ivars->state->enabled = enable;
        if (enable) serviced_missed = std::exchange(ivars->state->serviced_missed, false);
    }
    // What came while it was disabled.
    if (enable && IsDataAvailable()) SendDataAvailable();
    if (serviced_missed) SendDataServiced();
    if (!enable && handler == nullptr) {
        OSAction* action = handlers_action(*ivars);
        wait_for_handlers(*ivars->state, action);
        OSSafeReleaseNULL(action);
    }
    run_on_handlers_queue(this, *ivars, handler);
    return kIOReturnSuccess;
}

kern_return_t IODataQueueDispatchSource::CheckForWork_Impl(bool) {
    if (IsDataAvailable()) SendDataAvailable();
    return kIOReturnSuccess;
}
