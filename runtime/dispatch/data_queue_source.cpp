// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>

#include <utility>

#include "runtime/dispatch/data_queue_ring.h"
#include "runtime/dispatch/sources.h"
#include "runtime/objects/class_registry.h"

using namespace opendext::runtime;
using Status = DataQueueRing::Status;

namespace {

struct DataQueueState final : SourceState {
    bool serviced_missed = false;  // due while disabled: told when enabled again
};

}  // namespace

struct IODataQueueDispatchSource_IVars {
    std::shared_ptr<DataQueueState> state = std::make_shared<DataQueueState>();
    IOBufferMemoryDescriptor* memory = nullptr;  // retained
    DataQueueRing ring;
    OSAction* available = nullptr;  // retained
    OSAction* serviced = nullptr;   // retained
};

namespace {

constexpr uint64_t kMaxQueueSize = uint64_t{1} << 30;

kern_return_t produce_result(Status status) {
    switch (status) {
        case Status::ok:
            return kIOReturnSuccess;
        case Status::full:
            return kIOReturnOverrun;
        default:
            return kIOReturnUnderrun;
    }
}

kern_return_t consume_result(Status status) {
    switch (status) {
        case Status::ok:
            return kIOReturnSuccess;
        case Status::empty:
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
    if (entry.status == Status::ok) callback(entry.data, entry.size);
    return consume_result(entry.status);
}

kern_return_t IODataQueueDispatchSource::DequeueWithCoalesce(
    bool* sendDataServiced, IODataQueueClientDequeueEntryBlock callback) {
    if (callback == nullptr) return kIOReturnBadArgument;
    if (!ivars->ring.valid()) return kIOReturnNoMemory;
    const auto entry = ivars->ring.first();
    if (entry.status == Status::ok) {
        callback(entry.data, entry.size);
        ivars->ring.consume(entry);
    }
    if ((entry.status == Status::ok || entry.status == Status::empty) &&
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
    if (entry.status == Status::full) {
        ivars->ring.want_serviced();
        if (sendDataAvailable != nullptr) *sendDataAvailable = true;
    }
    if (entry.status != Status::ok) return produce_result(entry.status);
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
