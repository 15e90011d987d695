// SPDX-License-Identifier: Apache-2.0
// What a driver process is in the registry, and what its crash report will contain.
#include <utility>

#include "daemon/io_return.h"
#include "daemon/lifecycle/lifecycle.h"

namespace opendext::daemon {

namespace driver = protocol::driver;

namespace {

constexpr const char* kServerClass = "IOUserServer";
constexpr size_t kMaxPanicLogs = 16;  // of one process
constexpr size_t kUuidBytes = 16;

std::string hex(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

}  // namespace

void Lifecycle::server_ready(DriverProcess& process) {
    const Entry* parent = context_.registry.find(servers_);
    if (parent == nullptr || parent->activity != Activity::active) return;
    const LaunchSpec& spec = process.spec();
    Registry::Spec entry;
    entry.provider = servers_;
    entry.classes = context_.classes.chain(kServerClass);
    entry.name = std::string(kServerClass) + "(" + spec.server_name + "-" + hex(spec.tag) + ")";
    entry.properties = {{"IOUserServerName", spec.server_name},
                        {"IOUserServerTag", spec.tag},
                        {"CFBundleIdentifier", spec.bundle_id},
                        {"IOUserServerProcess", uint64_t(process.pid())}};
    if (!process.rights().empty()) entry.properties.emplace("OpenDextRights", process.rights());
    process.server = context_.registry.add(std::move(entry)).id;
    if (process.has_class(kServerClass)) {
        context_.registry.set_user_classes(process.server, process.class_chain(kServerClass));
        process.request(driver::Instantiate{process.server, kServerClass}, {},
                        context_.deadlines.of(Deadline::instantiate),
                        std::string(to_string(Deadline::instantiate)),
                        [](const Result<Message>&) {});  // a driver can do without
    }
    context_.registry.register_service(process.server);
}

void Lifecycle::publish_objects(const DriverProcess& process) {
    if (context_.registry.find(process.server) == nullptr) return;
    Array ids;
    for (const EntryId id : process.objects) ids.emplace_back(id);
    context_.registry.set_property(process.server, "IOAssociatedServices", std::move(ids));
}

void Lifecycle::keep_panic_log(DriverProcess& process, Message message) {
    Result<driver::PanicLog> request = decode<driver::PanicLog>(message);
    if (!request.ok()) return nonsense(process, request.error().text());
    const auto answer = [&](int32_t io_return, std::string reason) {
        driver::Reply reply;
        reply.io_return = io_return;
        reply.reason = std::move(reason);
        process.send(std::move(reply), message.serial);
    };
    if (request->uuid.size() != kUuidBytes || request->length == 0 ||
        request->length > driver::kMaxPanicLog || message.fds.size() != 1) {
        return answer(kIOReturnBadArgument, "a panic log that cannot be");
    }
    const Result<size_t> size = sealed_memory_size(message.fds.front().get());
    if (!size.ok() || *size < driver::kPanicLogData + request->length)
        return answer(kIOReturnBadArgument, "the memory of a panic log is too small");
    if (process.panic_logs.size() >= kMaxPanicLogs)
        return answer(kIOReturnNoResources, "too many panic logs of one process");
    const uint64_t number = process.panic_logs.size();
    process.panic_logs.push_back({number, std::move(request->uuid), std::move(request->data_id),
                                  request->length, std::move(message.fds.front())});
    record_panic_log(process, process.panic_logs.back());
    answer(kIOReturnSuccess, {});
}

}  // namespace opendext::daemon
