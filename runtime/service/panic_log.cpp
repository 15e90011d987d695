// SPDX-License-Identifier: Apache-2.0
// IOExtensiblePaniclog: bytes in memory that opendextd holds too; it puts what is active into the
// crash report when the process dies.
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <atomic>
#include <cstring>
#include <mutex>

#include "rpc/fd.h"
#include "rpc/protocol/driver.h"
#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"

using namespace opendext;
using namespace opendext::runtime;
namespace driver = protocol::driver;

struct IOExtensiblePaniclog_IVars {
    std::mutex mutex;
    UniqueFd memory;
    Mapping mapping;
    uint32_t room = 0;
    bool with_buffer = false;
    bool claimed = false;

    driver::PanicLogHead* head() const { return mapping.at<driver::PanicLogHead>(0); }
    char* data() const { return mapping.at<char>(driver::kPanicLogData); }
    uint32_t used() const { return std::atomic_ref(head()->used).load(std::memory_order_acquire); }
    /// What lies there has to be there before the length says so.
    void set_used(uint32_t used) const {
        std::atomic_ref(head()->used).store(used, std::memory_order_release);
    }
    void set_active(bool active) const {
        std::atomic_ref(head()->active).store(active ? 1 : 0, std::memory_order_release);
    }
};

namespace {

constexpr size_t kUuidBytes = 16;

kern_return_t announce(IOExtensiblePaniclog_IVars& own, OSData* uuid, OSString* data_id) {
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnNotReady;
    driver::PanicLog request;
    const auto* bytes = static_cast<const uint8_t*>(uuid->getBytesNoCopy());
    request.uuid.assign(bytes, bytes + uuid->getLength());
    request.data_id = data_id->getCStringNoCopy();
    request.length = own.room;
    auto copy = own.memory.duplicate();
    if (!copy) return kIOReturnNoResources;
    Message message = encode(std::move(request));
    message.fds.push_back(std::move(copy).value());
    auto reply = process->request(std::move(message));
    if (!reply) return kIOReturnOffline;
    const auto outcome = decode<driver::Reply>(*reply);
    if (!outcome) {
        process->end(70, "malformed answer from opendextd: " + outcome.error().text());
        return kIOReturnIPCError;
    }
    if (outcome->io_return != kIOReturnSuccess)
        log(LogType::error, "IOExtensiblePaniclog::Create: %s", outcome->reason.c_str());
    return outcome->io_return;
}

}  // namespace

kern_return_t IOExtensiblePaniclog::Create_Impl(OSData* uuid, OSString* data_id, uint32_t max_len,
                                                uint32_t options, IOExtensiblePaniclog** out) {
    if (out == nullptr) return kIOReturnBadArgument;
    *out = nullptr;
    if (uuid == nullptr || uuid->getLength() != kUuidBytes || data_id == nullptr || max_len == 0 ||
        max_len > driver::kMaxPanicLog ||
        (options & ~uint32_t{kIOExtensiblePaniclogOptionsWithBuffer}) != 0) {
        return kIOReturnBadArgument;
    }
    OSObject* object = nullptr;
    kern_return_t result = OSObjectAllocate(gIOExtensiblePaniclogMetaClass, &object);
    if (result != kIOReturnSuccess) return result;
    auto* made = static_cast<IOExtensiblePaniclog*>(object);
    IOExtensiblePaniclog_IVars& own = *made->ivars;
    const size_t size = driver::kPanicLogData + max_len;
    auto memory = make_sealed_memory("opendext-panic-log", size);
    auto mapping = memory ? Mapping::map(memory->get(), 0, size, Mapping::Access::read_write)
                          : Result<Mapping>(memory.error());
    if (!mapping) {
        log(LogType::error, "IOExtensiblePaniclog::Create: %s", mapping.error().text().c_str());
        made->release();
        return kIOReturnNoMemory;
    }
    own.memory = std::move(memory).value();
    own.mapping = std::move(mapping).value();
    own.room = max_len;
    own.with_buffer = (options & kIOExtensiblePaniclogOptionsWithBuffer) != 0;
    result = announce(own, uuid, data_id);
    if (result != kIOReturnSuccess) {
        made->release();
        return result;
    }
    *out = made;
    return kIOReturnSuccess;
}

bool IOExtensiblePaniclog::init() {
    if (!super::init()) return false;
    ivars = new IOExtensiblePaniclog_IVars;
    return true;
}

void IOExtensiblePaniclog::free() {
    if (ivars != nullptr) {
        if (ivars->mapping.size() > 0) ivars->set_active(false);
        delete ivars;
    }
    super::free();
}

kern_return_t IOExtensiblePaniclog::SetActive_Impl() {
    ivars->set_active(true);
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::SetInactive_Impl() {
    ivars->set_active(false);
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::InsertData_Impl(OSData* data) {
    if (data == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    if (ivars->claimed) return kIOReturnBusy;
    if (data->getLength() > ivars->room) return kIOReturnNoSpace;
    ivars->set_used(0);
    if (data->getLength() > 0) memcpy(ivars->data(), data->getBytesNoCopy(), data->getLength());
    ivars->set_used(static_cast<uint32_t>(data->getLength()));
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::AppendData_Impl(OSData* data) {
    if (data == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    if (ivars->claimed) return kIOReturnBusy;
    const uint32_t used = ivars->used();
    if (used > ivars->room || data->getLength() > ivars->room - used) return kIOReturnNoSpace;
    if (data->getLength() > 0)
        memcpy(ivars->data() + used, data->getBytesNoCopy(), data->getLength());
    ivars->set_used(used + static_cast<uint32_t>(data->getLength()));
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::CopyMemoryDescriptor_Impl(IOBufferMemoryDescriptor** mem) {
    if (mem == nullptr) return kIOReturnBadArgument;
    *mem = nullptr;
    auto copy = ivars->memory.duplicate();
    if (!copy) return kIOReturnNoResources;
    auto made = make_foreign_memory(std::move(copy).value(), driver::kPanicLogData, ivars->room,
                                    kIOMemoryDirectionInOut);
    if (!made) return kIOReturnNoMemory;
    *mem = *made;
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::SetUsedLen_Impl(uint32_t used_len) {
    if (used_len > ivars->room) return kIOReturnBadArgument;
    ivars->set_used(used_len);
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::ClaimBuffer(uint64_t* addr, uint64_t* len) {
    if (addr == nullptr || len == nullptr) return kIOReturnBadArgument;
    const std::lock_guard lock(ivars->mutex);
    if (!ivars->with_buffer) return kIOReturnUnsupported;
    if (ivars->claimed) return kIOReturnBusy;
    ivars->claimed = true;
    *addr = reinterpret_cast<uint64_t>(ivars->data());
    *len = ivars->room;
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::YieldBuffer(uint32_t used_len) {
    const std::lock_guard lock(ivars->mutex);
    if (!ivars->claimed) return kIOReturnNotOpen;
    if (used_len > ivars->room) return kIOReturnBadArgument;
    ivars->claimed = false;
    ivars->set_used(used_len);
    return kIOReturnSuccess;
}
