// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/OSAction.h>
#include <HIDDriverKit/IOHIDInterface.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "families/hid/driver/elements/element_tree.h"
#include "families/hid/driver/reports.h"

namespace opendext::hid {

/// What a process has of one IOHIDInterface, beside the proxy that its driver sees: the elements,
/// the link while it is open, the thread that reads it.
class Interface final : public ElementHost {
  public:
    /// That of a proxy; made when it is first asked for, gone with the proxy.
    static Interface& of(IOHIDInterface* proxy);
    static void forget(IOHIDInterface* proxy);

    explicit Interface(IOHIDInterface* proxy) : proxy_(proxy) {}
    ~Interface() override;

    /// nullptr: the device has no usable report descriptor; the log says why.
    [[nodiscard]] ElementTree* tree();

    /// Asks for the link and reads it. The client's `input` runs on its default queue.
    kern_return_t open(IOService* client, IOOptionBits options, Reports::Work work);
    /// The same for a driver's own action; `input` goes into memory of the pool.
    kern_return_t open(IOService* client, IOOptionBits options, OSAction* action);
    /// No report comes afterwards. opendextd is told by the caller.
    void stop();

    kern_return_t add_to_pool(IOBufferMemoryDescriptor* memory);

    /// With a link only; kIOReturnNotOpen without.
    [[nodiscard]] Answer get(ReportType type, uint32_t id, uint32_t room);
    [[nodiscard]] Answer set(ReportType type, uint32_t id, std::span<const uint8_t> bytes);

    /// Called with what goes to the device and comes back by request, for the trace.
    using Watcher = std::function<void(ReportType, uint8_t id, std::span<const uint8_t>)>;
    void watch(Watcher watcher);

    IOReturn exchange(IOHIDElement* element, IOHIDElementCommitDirection direction) override;
    kern_return_t exchange_all(OSArray* elements, IOHIDElementCommitDirection direction);

  private:
    kern_return_t ask_for_link(IOService* client, IOOptionBits options,
                               std::unique_ptr<ReportLink>& made);
    kern_return_t exchange_report(ReportType type, uint8_t id,
                                  IOHIDElementCommitDirection direction);
    [[nodiscard]] std::shared_ptr<Reports> reports();
    void deliver(OSAction* action, const ReportLink::InputReport& report);
    [[nodiscard]] IOBufferMemoryDescriptor* free_memory(size_t size);
    Answer told(Answer answer, const char* what);
    void read_properties();

    IOHIDInterface* const proxy_;
    std::once_flag properties_once_;
    std::unique_ptr<ElementTree> tree_;
    std::chrono::milliseconds timeout_ = kDefaultTimeout;

    std::mutex mutex_;
    std::shared_ptr<Reports> reports_;
    std::vector<IOBufferMemoryDescriptor*> pool_;  // retained
    Watcher watcher_;
    uint64_t without_memory_ = 0;
};

/// The bytes of a memory descriptor in this process; unmapped when it goes.
class MemoryBytes {
  public:
    static std::optional<MemoryBytes> of(IOMemoryDescriptor* memory);
    MemoryBytes(MemoryBytes&& other) noexcept;
    MemoryBytes& operator=(MemoryBytes&&) = delete;
    ~MemoryBytes();
    [[nodiscard]] std::span<uint8_t> bytes() const { return bytes_; }

  private:
    MemoryBytes() = default;
    IOMemoryMap* map_ = nullptr;
    std::span<uint8_t> bytes_;
};

[[nodiscard]] std::optional<ReportType> report_type_of(IOHIDReportType type);

}  // namespace opendext::hid
