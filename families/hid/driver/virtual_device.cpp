// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/virtual_device.h"

#include <DriverKit/IOLib.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "families/hid/driver/interface.h"
#include "runtime/family.h"

namespace opendext::hid {
namespace {

using Clock = std::chrono::steady_clock;

/// Requests that a driver may have at once without completing them.
constexpr size_t kMostPending = 1024;

}  // namespace

VirtualDevice::VirtualDevice(IOHIDDevice* object, Description description,
                             std::unique_ptr<DeviceSide> side)
    : object_(object), description_(std::move(description)), side_(std::move(side)) {}

VirtualDevice::~VirtualDevice() {
    for (Pending& pending : pending_) {
        OSSafeReleaseNULL(pending.action);
        OSSafeReleaseNULL(pending.memory);
    }
}

Result<std::shared_ptr<VirtualDevice>> VirtualDevice::start(IOHIDDevice* object, UniqueFd control,
                                                            Description description) {
    auto side = OD_TRY(DeviceSide::make());
    std::shared_ptr<VirtualDevice> device(
        new VirtualDevice(object, std::move(description), std::move(side)));
    device->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!device->wake_) return Error::system("eventfd");
    device->side_->on_request([own = device.get()](const DeviceSide::Request& request) {
        const bool is_get = request.kind == PacketKind::get;
        const auto id = static_cast<uint8_t>(request.report_id);
        DeviceSide::Request kept = request;
        kept.bytes = {};
        own->take(kept, is_get, request.type, id, is_get ? request.room : request.bytes.size(),
                  request.bytes);
    });
    OD_TRY(device->side_->take_control(std::move(control)));
    object->retain();
    family::start_thread("hid-device", [device, object] {
        device->run();
        object->release();
    });
    return device;
}

void VirtualDevice::run() {
    const int uhid = description_.uhid ? description_.uhid->fd() : -1;
    for (;;) {
        pollfd fds[3] = {{side_->fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}, {uhid, POLLIN, 0}};
        (void)::poll(fds, 3, expire());
        {
            const std::lock_guard lock(mutex_);
            if (stopped_) return;
        }
        if (fds[1].revents != 0) {
            uint64_t count = 0;
            (void)!::read(wake_.get(), &count, sizeof count);
        }
        if (fds[0].revents != 0) (void)side_->process();
        if ((fds[2].revents & POLLIN) != 0) {
            while (auto request = description_.uhid->next()) {
                const bool is_get = request->kind == UhidNode::Request::Kind::get;
                const size_t length =
                    description_.descriptor.report_bytes(request->type, request->report_id);
                const std::vector<uint8_t> all = std::exchange(request->bytes, {});
                const auto bytes =
                    without_hidraw_byte(all, description_.descriptor.uses_report_ids, length);
                if (request->kind == UhidNode::Request::Kind::output)
                    request->report_id = description_.descriptor.id_of(bytes);
                const uint8_t id = request->report_id;
                const ReportType type = request->type;
                take(std::move(*request), is_get, type, id, is_get ? length : bytes.size(), bytes);
            }
        }
    }
}

void VirtualDevice::take(Asker asker, bool is_get, ReportType type, uint8_t id, size_t room,
                         std::span<const uint8_t> bytes) {
    Pending pending;
    pending.asker = std::move(asker);
    pending.is_get = is_get;
    pending.what = std::string(is_get ? "get" : "set") + " of " + std::string(to_string(type)) +
                   " report " + std::to_string(id);
    pending.deadline = Clock::now() + description_.timeout;
    IOBufferMemoryDescriptor* memory = nullptr;
    OSAction* action = nullptr;
    kern_return_t ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                                         std::max<size_t>(room, 1), 0, &memory);
    if (ret == kIOReturnSuccess) ret = object_->CreateAction_CompleteReport(0, &action);
    if (ret == kIOReturnSuccess) {
        const std::lock_guard lock(mutex_);
        if (pending_.size() >= kMostPending) ret = kIOReturnNoResources;
    }
    if (ret != kIOReturnSuccess) {
        answer(pending.asker, ret, {});
        OSSafeReleaseNULL(memory);
        OSSafeReleaseNULL(action);
        return;
    }
    if (const auto mapped = MemoryBytes::of(memory))
        std::ranges::copy(bytes, mapped->bytes().begin());
    if (room == 0) (void)memory->SetLength(0);
    pending.action = action;
    pending.memory = memory;
    // The call has references of its own: the request may be given up while it runs.
    action->retain();
    memory->retain();
    {
        const std::lock_guard lock(mutex_);
        pending_.push_back(std::move(pending));
    }
    const auto limit = static_cast<uint32_t>(description_.timeout.count());
    const family::Ran ran = family::run_on_queue(
        object_, nullptr, [self = shared_from_this(), memory, action, is_get, type, id, limit] {
            const auto kind = static_cast<IOHIDReportType>(type);
            const kern_return_t ret =
                is_get ? self->object_->getReport(memory, kind, id, limit, action)
                       : self->object_->setReport(memory, kind, id, limit, action);
            if (ret != kIOReturnSuccess) {
                if (auto refused = self->take_out(action))
                    self->finish(std::move(*refused), ret, 0);
            }
            memory->release();
            action->release();
        });
    if (ran == family::Ran::cancelled) {
        memory->release();
        action->release();
    }
}

std::optional<VirtualDevice::Pending> VirtualDevice::take_out(const OSAction* action) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(pending_, action, &Pending::action);
    if (found == pending_.end()) return std::nullopt;
    std::optional<Pending> pending(std::move(*found));
    pending_.erase(found);
    return pending;
}

bool VirtualDevice::complete(OSAction* action, IOReturn status, uint32_t count) {
    auto pending = take_out(action);
    if (!pending) return false;
    finish(std::move(*pending), status, count);
    return true;
}

void VirtualDevice::finish(Pending pending, IOReturn status, uint32_t count) {
    const auto mapped = MemoryBytes::of(pending.memory);
    std::span<const uint8_t> bytes;
    if (pending.is_get && status == kIOReturnSuccess && mapped)
        bytes = mapped->bytes().first(std::min<size_t>(count, mapped->bytes().size()));
    answer(pending.asker, status, bytes);
    pending.action->release();
    pending.memory->release();
}

void VirtualDevice::answer(const Asker& asker, IOReturn status, std::span<const uint8_t> bytes) {
    if (const auto* request = std::get_if<DeviceSide::Request>(&asker)) {
        side_->answer(*request, status, bytes);
        return;
    }
    const auto& request = std::get<UhidNode::Request>(asker);
    const bool ok = status == kIOReturnSuccess;
    if (request.kind == UhidNode::Request::Kind::get) {
        description_.uhid->answer_get(request.id, ok, bytes);
    } else if (request.kind == UhidNode::Request::Kind::set) {
        description_.uhid->answer_set(request.id, ok);
    }
}

int VirtualDevice::expire() {
    std::vector<Pending> late;
    int next = -1;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        // All have the same time, so they are due in their order.
        while (!pending_.empty() && pending_.front().deadline <= now) {
            late.push_back(std::move(pending_.front()));
            pending_.pop_front();
        }
        if (!pending_.empty()) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(pending_.front().deadline - now);
            next = static_cast<int>(left.count());
        }
    }
    for (Pending& pending : late) {
        family::log(family::LogType::error, "hid",
                    "%s: the driver did not call CompleteReport within %lld ms; the user gets "
                    "kIOReturnTimeout",
                    pending.what.c_str(), static_cast<long long>(description_.timeout.count()));
        finish(std::move(pending), kIOReturnTimeout, 0);
    }
    return next;
}

kern_return_t VirtualDevice::handle_report(uint64_t timestamp, std::span<const uint8_t> bytes) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return kIOReturnOffline;
    }
    if (bytes.size() > kMaxReport) return kIOReturnBadArgument;
    const uint8_t id = description_.descriptor.id_of(bytes);
    if (!side_->send_input(timestamp, id, bytes).ok()) return kIOReturnBadArgument;
    if (description_.uhid) description_.uhid->send_input(bytes);
    return kIOReturnSuccess;
}

void VirtualDevice::stop() {
    Table pending;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopped_, true)) return;
        pending.swap(pending_);
    }
    for (Pending& request : pending) finish(std::move(request), kIOReturnAborted, 0);
    for (const DeviceSide::User& user : side_->users()) side_->remove_user(user.number);
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
}

}  // namespace opendext::hid
