// SPDX-License-Identifier: Apache-2.0
// Memory that driver and client program share. CreateMemoryDescriptorFromClient: the client library
// gives it, since a driver may not look into another process.
#include <DriverKit/IOUserClient.h>

#include "runtime/log/log.h"
#include "runtime/memory/memory_ivars.h"
#include "runtime/user_client/connection.h"
#include "runtime/user_client/user_client_ivars.h"

using namespace opendext;
using namespace opendext::runtime;
namespace uc = protocol::user_client;

namespace {

constexpr uint64_t kDirections = kIOMemoryDirectionInOut;

kern_return_t check(uint64_t options, uint32_t count, const IOAddressSegment* segments) {
    if ((options & ~(kDirections | kIOMemoryDisableCopyOnWrite)) != 0 ||
        (options & kDirections) == 0 || segments == nullptr || count == 0 ||
        count > uc::kMaxSegments) {
        return kIOReturnBadArgument;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; ++i) {
        if (segments[i].length == 0 || __builtin_add_overflow(total, segments[i].length, &total))
            return kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}

/// The client's answer has to be as long as what was asked for: it is another program.
bool fits(const uc::MemoryCopied& answer, uint32_t count, const IOAddressSegment* segments) {
    if (answer.parts.empty() || answer.parts.size() > count) return false;
    uint64_t missing = 0;
    for (uint32_t i = 0; i < count; ++i) missing += segments[i].length;
    for (const protocol::MemoryPart& part : answer.parts) {
        if (part.length == 0 || part.length > missing) return false;
        missing -= part.length;
    }
    return missing == 0;
}

}  // namespace

namespace opendext::runtime {

Message client_memory(IOUserClient* client, uint64_t type, uint64_t serial) {
    uc::Mapped answer;
    std::vector<UniqueFd> fds;
    uint64_t options = 0;
    IOMemoryDescriptor* memory = nullptr;
    answer.io_return = client->CopyClientMemoryForType(type, &options, &memory);
    if (answer.io_return == kIOReturnSuccess && memory == nullptr) {
        answer.io_return = kIOReturnError;
        answer.reason = "CopyClientMemoryForType gave no memory";
    }
    if (answer.io_return == kIOReturnSuccess) {
        const bool read_only = (options & kIOUserClientMemoryReadOnly) != 0;
        const auto parts = to_parts(memory, fds, read_only ? Leaves::read_only : Leaves::writable);
        if (!parts.ok()) {
            const bool refused = parts.error().code == Errc::not_permitted;
            answer.io_return = refused ? kIOReturnNotPermitted : kIOReturnUnsupported;
            answer.reason = parts.error().text();
            fds.clear();
            log(LogType::error, "memory of type %llu: %s", static_cast<unsigned long long>(type),
                answer.reason.c_str());
        } else {
            answer.options = options;
            answer.offset = parts->front().offset;
            answer.length = parts->front().length;
            answer.more.assign(parts->begin() + 1, parts->end());
            const auto& bell = memory->IOMemoryDescriptor::ivars->data_queue_bell;
            auto rung = bell != nullptr ? bell->duplicate() : Error{Errc::not_found, 0, ""};
            answer.data_queue = rung.ok();
            if (rung.ok()) fds.push_back(std::move(rung).value());
        }
    }
    OSSafeReleaseNULL(memory);
    Message message = encode(std::move(answer), serial);
    message.fds = std::move(fds);
    return message;
}

}  // namespace opendext::runtime

kern_return_t IOUserClient::CreateMemoryDescriptorFromClient_Impl(
    uint64_t memoryDescriptorCreateOptions, uint32_t segmentsCount,
    const IOAddressSegment* segments, IOMemoryDescriptor** memory) {
    if (memory == nullptr) return kIOReturnBadArgument;
    *memory = nullptr;
    const kern_return_t checked = check(memoryDescriptorCreateOptions, segmentsCount, segments);
    if (checked != kIOReturnSuccess) return checked;
    std::shared_ptr<ClientConnection> connection;
    {
        const std::lock_guard lock(ivars->mutex);
        connection = ivars->connection.lock();
    }
    if (connection == nullptr) return kIOReturnNotReady;
    uc::CopyMemory request;
    request.share = (memoryDescriptorCreateOptions & kIOMemoryDisableCopyOnWrite) != 0;
    for (uint32_t i = 0; i < segmentsCount; ++i)
        request.segments.push_back({segments[i].address, segments[i].length});
    auto reply = connection->request(encode(std::move(request)));
    if (!reply) {
        return reply.error().code == Errc::timed_out ? kIOReturnTimeout : kIOReturnNotResponding;
    }
    const auto answer = decode<uc::MemoryCopied>(*reply);
    if (!answer ||
        (answer->io_return == kIOReturnSuccess && !fits(*answer, segmentsCount, segments))) {
        connection->close("the client's answer about its memory makes no sense");
        return kIOReturnIPCError;
    }
    if (answer->io_return != kIOReturnSuccess) {
        log(LogType::error, "CreateMemoryDescriptorFromClient: %s", answer->reason.c_str());
        return answer->io_return;
    }
    auto made = from_parts(answer->parts.front(), {answer->parts.begin() + 1, answer->parts.end()},
                           memoryDescriptorCreateOptions & kDirections, reply->fds);
    if (!made) {
        connection->close("the client's memory: " + made.error().text());
        return kIOReturnIPCError;
    }
    *memory = *made;
    return kIOReturnSuccess;
}
