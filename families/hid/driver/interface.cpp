// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/interface.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSArray.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <HIDDriverKit/IOHIDDeviceKeys.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "families/hid/open_options.h"
#include "runtime/family.h"

struct IOHIDInterface_IVars {
    explicit IOHIDInterface_IVars(IOHIDInterface* proxy) : state(proxy) {}
    opendext::hid::Interface state;
};

namespace opendext::hid {
namespace {

/// Buffers that a driver's queue may have at once; what comes beyond that is dropped.
constexpr size_t kMostBuffers = 64;

std::mutex g_states_mutex;

}  // namespace

std::optional<ReportType> report_type_of(IOHIDReportType type) {
    switch (type) {
        case kIOHIDReportTypeInput:
            return ReportType::input;
        case kIOHIDReportTypeOutput:
            return ReportType::output;
        case kIOHIDReportTypeFeature:
            return ReportType::feature;
        default:
            return std::nullopt;
    }
}

std::optional<MemoryBytes> MemoryBytes::of(IOMemoryDescriptor* memory) {
    if (memory == nullptr) return std::nullopt;
    MemoryBytes mapped;
    IOAddressSegment range{};
    auto* buffer = OSDynamicCast(IOBufferMemoryDescriptor, memory);
    if (buffer != nullptr && buffer->GetAddressRange(&range) == kIOReturnSuccess) {
        mapped.bytes_ = {reinterpret_cast<uint8_t*>(range.address), range.length};
        return mapped;
    }
    if (memory->CreateMapping(kIOMemoryMapGuardedNone, 0, 0, 0, 0, &mapped.map_) !=
        kIOReturnSuccess) {
        return std::nullopt;
    }
    mapped.bytes_ = {reinterpret_cast<uint8_t*>(mapped.map_->GetAddress()),
                     mapped.map_->GetLength()};
    return mapped;
}

MemoryBytes::MemoryBytes(MemoryBytes&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}

MemoryBytes::~MemoryBytes() {
    OSSafeReleaseNULL(map_);
}

Interface& Interface::of(IOHIDInterface* proxy) {
    const std::lock_guard lock(g_states_mutex);
    if (proxy->ivars == nullptr) proxy->ivars = new IOHIDInterface_IVars(proxy);
    return proxy->ivars->state;
}

void Interface::forget(IOHIDInterface* proxy) {
    delete std::exchange(proxy->ivars, nullptr);
}

Interface::~Interface() {
    if (reports_) reports_->stop();
    for (IOBufferMemoryDescriptor* memory : pool_) memory->release();
}

ElementTree* Interface::tree() {
    std::call_once(properties_once_, [this] { read_properties(); });
    return tree_.get();
}

void Interface::read_properties() {
    OSDictionary* properties = nullptr;
    if (const kern_return_t ret = proxy_->CopyProperties(&properties); ret != kIOReturnSuccess) {
        family::log(family::LogType::error, "hid", "the device's properties: %s",
                    proxy_->StringFromReturn(ret));
        return;
    }
    // In microseconds.
    if (auto* limit = OSDynamicCast(OSNumber, properties->getObject(kIOHIDRequestTimeoutKey));
        limit != nullptr && limit->unsigned32BitValue() != 0) {
        timeout_ = std::chrono::ceil<std::chrono::milliseconds>(
            std::chrono::microseconds(limit->unsigned32BitValue()));
    }
    if (auto* data = OSDynamicCast(OSData, properties->getObject(kIOHIDReportDescriptorKey))) {
        auto parsed = parse_descriptor(
            {static_cast<const uint8_t*>(data->getBytesNoCopy()), data->getLength()});
        if (parsed.ok()) {
            tree_ = ElementTree::make(std::move(*parsed), *this);
        } else {
            family::log(family::LogType::error, "hid", "the device's report descriptor: %s",
                        parsed.error().text().c_str());
        }
    } else {
        family::log(family::LogType::error, "hid",
                    "the device has no property ReportDescriptor, so it has no elements");
    }
    properties->release();
}

std::shared_ptr<Reports> Interface::reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
}

kern_return_t Interface::ask_for_link(IOService* client, IOOptionBits options,
                                      std::unique_ptr<ReportLink>& made) {
    bool hidraw = false;
    bool numbered = false;
    uint32_t user = 0;
    OSObject* link_object = nullptr;
    OSObject* gate_object = nullptr;
    const kern_return_t ret =
        proxy_->_OpenLink(client, options, &hidraw, &numbered, &user, &link_object, &gate_object);
    if (ret != kIOReturnSuccess) return ret;

    auto link_fd = family::take_descriptor(link_object);
    OSSafeReleaseNULL(link_object);
    ReportLink::Hidraw how;
    how.numbered = numbered;
    how.user = user;
    how.start_thread = [](const char* name, std::function<void()> run) {
        family::start_thread(name, std::move(run));
    };
    if (gate_object != nullptr) {
        auto gate = family::take_descriptor(gate_object);
        OSSafeReleaseNULL(gate_object);
        if (gate.ok()) how.gate = std::move(*gate);
    }
    auto link = !link_fd.ok() ? Result<std::unique_ptr<ReportLink>>(link_fd.error())
                : hidraw      ? ReportLink::open_hidraw(std::move(*link_fd), std::move(how))
                              : ReportLink::open_socket(std::move(*link_fd));
    if (!link.ok()) {
        family::log(family::LogType::error, "hid", "the device's report link: %s",
                    link.error().text().c_str());
        return kIOReturnIOError;
    }
    made = std::move(*link);
    return kIOReturnSuccess;
}

kern_return_t Interface::open(IOService* client, IOOptionBits options, Reports::Work work) {
    (void)tree();
    options &= ~kOpenAgain;
    std::unique_ptr<ReportLink> link;
    if (const kern_return_t ret = ask_for_link(client, options, link); ret != kIOReturnSuccess) {
        if (ret == kIOReturnIOError) (void)proxy_->Close(client, 0);
        return ret;
    }
    work.relink = [this, client, options](std::unique_ptr<ReportLink>& another) {
        return ask_for_link(client, options | kOpenAgain, another);
    };
    const std::lock_guard lock(mutex_);
    reports_ = Reports::start(client, proxy_, std::move(link), std::move(work));
    return kIOReturnSuccess;
}

kern_return_t Interface::open(IOService* client, IOOptionBits options, OSAction* action) {
    if (action == nullptr) return kIOReturnBadArgument;
    action->retain();
    const std::shared_ptr<OSAction> kept(action, [](OSAction* own) { own->release(); });
    Reports::Work work;
    work.input = [this, kept](const ReportLink::InputReport& report) {
        deliver(kept.get(), report);
    };
    return open(client, options, std::move(work));
}

void Interface::stop() {
    std::shared_ptr<Reports> reports;
    {
        const std::lock_guard lock(mutex_);
        reports = std::exchange(reports_, nullptr);
    }
    if (reports) reports->stop();
}

kern_return_t Interface::add_to_pool(IOBufferMemoryDescriptor* memory) {
    const auto mapped = MemoryBytes::of(memory);
    if (!mapped) return kIOReturnBadArgument;
    ElementTree* const tree = this->tree();
    if (tree != nullptr &&
        mapped->bytes().size() < tree->descriptor().max_report_size(ReportType::input)) {
        return kIOReturnNoSpace;
    }
    const std::lock_guard lock(mutex_);
    if (std::ranges::find(pool_, memory) != pool_.end()) return kIOReturnSuccess;
    if (pool_.size() >= kMostBuffers) return kIOReturnNoResources;
    memory->retain();
    pool_.push_back(memory);
    return kIOReturnSuccess;
}

/// A buffer that nobody else holds: a call that carries one retains it until the driver's method
/// has returned.
IOBufferMemoryDescriptor* Interface::free_memory(size_t size) {
    const std::lock_guard lock(mutex_);
    for (IOBufferMemoryDescriptor* memory : pool_) {
        const auto mapped = MemoryBytes::of(memory);
        if (memory->getRetainCount() == 1 && mapped && mapped->bytes().size() >= size)
            return memory;
    }
    if (pool_.size() >= kMostBuffers) return nullptr;
    const size_t longest =
        tree_ == nullptr ? 0 : tree_->descriptor().max_report_size(ReportType::input);
    IOBufferMemoryDescriptor* memory = nullptr;
    if (IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut,
                                         std::max({size, longest, size_t{1}}), 0,
                                         &memory) != kIOReturnSuccess) {
        return nullptr;
    }
    pool_.push_back(memory);
    return memory;
}

void Interface::deliver(OSAction* action, const ReportLink::InputReport& report) {
    IOBufferMemoryDescriptor* const memory = free_memory(report.bytes.size());
    const auto mapped = MemoryBytes::of(memory);
    if (!mapped) {
        if (++without_memory_ == 1) {
            family::log(family::LogType::error, "hid",
                        "input reports are dropped: the driver holds all %zu buffers of the pool",
                        kMostBuffers);
        }
        return;
    }
    std::ranges::copy(report.bytes, mapped->bytes().begin());
    proxy_->ReportAvailable(report.timestamp, report.report_id,
                            static_cast<uint32_t>(report.bytes.size()), kIOHIDReportTypeInput,
                            memory, action);
}

Answer Interface::told(Answer answer, const char* what) {
    if (answer.status != kIOReturnSuccess && !answer.reason.empty()) {
        family::log(family::LogType::error, "hid", "%s: %s (%s)", what, answer.reason.c_str(),
                    proxy_->StringFromReturn(answer.status));
    }
    return answer;
}

Answer Interface::get(ReportType type, uint32_t id, uint32_t room) {
    const auto reports = this->reports();
    if (!reports) return {kIOReturnNotOpen, {}, {}};
    Answer answer = told(reports->link()->get(type, id, room, timeout_), "GetReport");
    if (answer.status == kIOReturnSuccess && watcher_)
        watcher_(type, static_cast<uint8_t>(id), answer.bytes);
    return answer;
}

Answer Interface::set(ReportType type, uint32_t id, std::span<const uint8_t> bytes) {
    const auto reports = this->reports();
    if (!reports) return {kIOReturnNotOpen, {}, {}};
    if (watcher_) watcher_(type, static_cast<uint8_t>(id), bytes);
    return told(reports->link()->set(type, id, bytes, timeout_), "SetReport");
}

void Interface::watch(Watcher watcher) {
    watcher_ = std::move(watcher);
}

kern_return_t Interface::exchange_report(ReportType type, uint8_t id,
                                         IOHIDElementCommitDirection direction) {
    if (direction == kIOHIDElementCommitDirectionOut) {
        if (type == ReportType::input) return kIOReturnNotWritable;
        return set(type, id, tree_->give(type, id)).status;
    }
    const Answer answer = get(type, id, tree_->descriptor().report_bytes(type, id));
    if (answer.status != kIOReturnSuccess) return answer.status;
    tree_->take(mach_absolute_time(), type, id, answer.bytes, {});
    return kIOReturnSuccess;
}

IOReturn Interface::exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) {
    const Element* const what = tree_ == nullptr ? nullptr : tree_->find(element);
    if (what == nullptr || what->is_collection()) return kIOReturnBadArgument;
    return exchange_report(what->report_type, what->report_id, direction);
}

kern_return_t Interface::exchange_all(OSArray* elements, IOHIDElementCommitDirection direction) {
    if (elements == nullptr || tree() == nullptr) return kIOReturnBadArgument;
    std::set<std::pair<ReportType, uint8_t>> reports;
    for (uint32_t i = 0; i < elements->getCount(); ++i) {
        auto* element = OSDynamicCast(IOHIDElement, elements->getObject(i));
        const Element* const what = element == nullptr ? nullptr : tree_->find(element);
        if (what == nullptr || what->is_collection()) return kIOReturnBadArgument;
        reports.emplace(what->report_type, what->report_id);
    }
    for (const auto& [type, id] : reports) {
        if (const kern_return_t ret = exchange_report(type, id, direction);
            ret != kIOReturnSuccess) {
            return ret;
        }
    }
    return kIOReturnSuccess;
}

}  // namespace opendext::hid
