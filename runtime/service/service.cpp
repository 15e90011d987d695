// SPDX-License-Identifier: Apache-2.0
// IOService: life cycle, queues, and what an object of this process asks of opendextd.
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOService.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>

#include <cstring>
#include <string_view>

#include "rpc/log_format/return_name.h"
#include "rpc/protocol/driver.h"
#include "runtime/dispatch/queue_ivars.h"
#include "runtime/log/log.h"
#include "runtime/messages/invoke.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/live_services.h"
#include "runtime/service/service_ivars.h"
#include "runtime/service/start_trace.h"
#include "runtime/user_client/user_client_ivars.h"

using namespace opendext;
using namespace opendext::runtime;

namespace opendext::runtime {
namespace {

// The entry of the object that this thread is about to make: init() may already need it.
thread_local uint64_t t_pending_entry = 0;

// Filled from constructors of libraries, which may run before ours: constant-initialised.
struct {
    const char* class_name;
    family::ProxyMethods methods;
} g_proxy_methods[16];
size_t g_proxy_method_count = 0;

const family::ProxyMethods* proxy_methods_of(std::string_view class_name) {
    for (size_t i = 0; i < g_proxy_method_count; ++i) {
        if (class_name == g_proxy_methods[i].class_name) return &g_proxy_methods[i].methods;
    }
    return nullptr;
}

IOService_IVars& ivars_of(const IOService* service) {
    return *service->IOService::ivars;
}

}  // namespace

void set_pending_entry(uint64_t entry) {
    t_pending_entry = entry;
}

uint64_t entry_of(const IOService* service) {
    if (service->IOService::ivars == nullptr) return 0;
    const std::lock_guard lock(ivars_of(service).mutex);
    return ivars_of(service).entry;
}

void set_entry(IOService* service, uint64_t entry) {
    const std::lock_guard lock(ivars_of(service).mutex);
    ivars_of(service).entry = entry;
}

void make_proxy(IOService* service, uint64_t entry) {
    service->reserved |= kObjectIsRemote | kObjectIsService;
    service->IOService::ivars = new IOService_IVars;
    service->IOService::ivars->entry = entry;
    service->IOService::ivars->proxy_methods = proxy_methods_of(service->GetClassName());
}

void set_proxy_methods(const char* class_name, const family::ProxyMethods& methods) {
    if (g_proxy_method_count == std::size(g_proxy_methods))
        panic("no room for the methods of %s", class_name);
    g_proxy_methods[g_proxy_method_count++] = {class_name, methods};
}

std::shared_ptr<Executor> executor_of(const OSObject* object, std::string_view name) {
    if (object == nullptr || (object->reserved & kObjectIsService) == 0) return nullptr;
    return executor_of(static_cast<const IOService*>(object), name);
}

std::shared_ptr<Executor> executor_of(const IOService* service, std::string_view name) {
    if (service == nullptr || service->IOService::ivars == nullptr) return nullptr;
    IOService_IVars& own = ivars_of(service);
    const std::lock_guard lock(own.mutex);
    IODispatchQueue* queue = own.default_queue;
    if (!name.empty()) {
        const auto found = own.queues.find(name);
        if (found != own.queues.end()) queue = found->second;
    }
    return queue == nullptr ? nullptr : queue->ivars->executor;
}

}  // namespace opendext::runtime

bool IOService::init() {
    if (!super::init()) return false;
    ivars = new IOService_IVars;
    reserved |= kObjectIsService;
    LiveServices::shared().initialised(meta);
    ivars->entry = t_pending_entry;
    t_pending_entry = 0;  // an object that init() of a subclass makes is another one
    // A class may make another kind of queue: it overrides this.
    return CreateDefaultDispatchQueue(&ivars->default_queue) == kIOReturnSuccess &&
           ivars->default_queue != nullptr;
}

void IOService::free() {
    if (ivars != nullptr) {
        if ((reserved & kObjectIsRemote) != 0) {
            if (const auto process = Process::current()) {
                process->objects().forget_proxy(ivars->entry, this);
                process->post(encode(protocol::driver::Drop{ivars->entry}));
            }
        } else {
            LiveServices::shared().freed(meta);
        }
        OSSafeReleaseNULL(ivars->provider);
        OSSafeReleaseNULL(ivars->default_queue);
        for (auto& [name, queue] : ivars->queues) queue->release();
        delete ivars;
    }
    super::free();
}

kern_return_t IOService::Start_Impl(IOService* provider) {
    if (provider != nullptr) provider->retain();
    {
        const std::lock_guard lock(ivars->mutex);
        std::swap(ivars->provider, provider);
        ivars->stopped = false;
    }
    OSSafeReleaseNULL(provider);
    return kIOReturnSuccess;
}

/// "I am done": opendextd detaches the object and drops it. docs/facts/semantics.md section 6.
kern_return_t IOService::Stop_Impl(IOService* provider) {
    uint64_t entry = 0;
    {
        const std::lock_guard lock(ivars->mutex);
        if (std::exchange(ivars->stopped, true)) return kIOReturnSuccess;
        entry = ivars->entry;
    }
    const auto process = Process::current();
    if (entry == 0 || process == nullptr) return kIOReturnSuccess;
    protocol::Invocation done;
    done.object = entry;
    done.msgid = IOService_Stop_ID;
    std::vector<UniqueFd> fds;
    auto ref = to_ref(process->objects(), provider, fds);
    done.refs.push_back(ref ? std::move(ref).value() : protocol::Ref{});
    auto reply = process->request(encode(protocol::driver::Call{std::move(done)}));
    if (!reply) return kIOReturnSuccess;  // the process ends: nobody waits for the object any more
    const auto result = decode<protocol::driver::CallResult>(*reply);
    if (!result) {
        process->end(70, "malformed answer from opendextd: " + result.error().text());
        return kIOReturnIPCError;
    }
    return result->result.io_return;
}

void IOService::Stop_async_Impl(IOService* provider) {
    (void)Stop(provider);
}

IOService* IOService::GetProvider() const {
    if (ivars == nullptr) return nullptr;
    const std::lock_guard lock(ivars->mutex);
    return ivars->provider;
}

kern_return_t IOService::GetRegistryEntryID_Impl(uint64_t* registryEntryID) {
    if (registryEntryID == nullptr) return kIOReturnBadArgument;
    *registryEntryID = entry_of(this);
    return *registryEntryID == 0 ? kIOReturnNotReady : kIOReturnSuccess;
}

kern_return_t IOService::SetDispatchQueue_Impl(const IODispatchQueueName name,
                                               IODispatchQueue* queue) {
    if (queue == nullptr) return kIOReturnBadArgument;
    const std::string_view wanted(name, strnlen(name, sizeof(IODispatchQueueName)));
    const bool is_default = wanted == kIOServiceDefaultQueueName;
    if (!is_default && !declares_queue(meta, wanted)) {
        log_driver_bug(
            "SetDispatchQueue(\"%s\"): %s declares no method with QUEUENAME of that name", name,
            GetClassName());
        return kIOReturnBadArgument;
    }
    queue->retain();
    IODispatchQueue* old = queue;
    {
        const std::lock_guard lock(ivars->mutex);
        ivars->queue_changes.fetch_add(1);
        if (is_default) {
            std::swap(ivars->default_queue, old);
        } else {
            const auto [place, inserted] = ivars->queues.emplace(wanted, queue);
            if (inserted) {
                old = nullptr;
            } else {
                std::swap(place->second, old);
            }
        }
    }
    OSSafeReleaseNULL(old);
    return kIOReturnSuccess;
}

kern_return_t IOService::CopyDispatchQueue_Impl(const IODispatchQueueName name,
                                                IODispatchQueue** queue) {
    if (queue == nullptr) return kIOReturnBadArgument;
    *queue = nullptr;
    const std::string_view wanted(name, strnlen(name, sizeof(IODispatchQueueName)));
    IOService* provider = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        if (wanted == kIOServiceDefaultQueueName) {
            *queue = ivars->default_queue;
        } else if (const auto found = ivars->queues.find(wanted); found != ivars->queues.end()) {
            *queue = found->second;
        }
        if (*queue != nullptr) {
            (*queue)->retain();
            return kIOReturnSuccess;
        }
        provider = ivars->provider;
        if (provider != nullptr) provider->retain();
    }
    if (provider == nullptr) return kIOReturnNotFound;
    const kern_return_t result = provider->CopyDispatchQueue(name, queue);
    provider->release();
    return result;
}

/// Makes the queue that init() installs; the caller owns it.
kern_return_t IOService::CreateDefaultDispatchQueue_Impl(IODispatchQueue** queue) {
    if (queue == nullptr) return kIOReturnBadArgument;
    return IODispatchQueue::Create(kIOServiceDefaultQueueName, 0, 0, queue);
}

/// Properties that somebody else wants to set: SetProperties decides, where a class of the driver
/// has one. The one of the registry is for the object's own use.
const char* IOService::StringFromReturn(IOReturn code) {
    const char* name = return_name(code);
    return name != nullptr ? name : "unknown result code";
}
kern_return_t IOService::UserSetProperties_Impl(OSContainer* properties) {
    auto* dictionary = OSDynamicCast(OSDictionary, properties);
    if (dictionary == nullptr) return kIOReturnBadArgument;
    if (!queue_name_of(meta, IOService_SetProperties_ID)) return kIOReturnUnsupported;
    return SetProperties(dictionary);
}

/// The override ends with this: it is the acknowledgement.
kern_return_t IOService::SetPowerState_Impl(uint32_t powerFlags) {
    const uint64_t entry = entry_of(this);
    const auto process = Process::current();
    if (entry == 0 || process == nullptr) return kIOReturnSuccess;
    protocol::Invocation done;
    done.object = entry;
    done.msgid = IOService_SetPowerState_ID;
    done.flags = kIORPCMessageOneway;
    done.plain.resize(8);
    memcpy(done.plain.data(), &powerFlags, sizeof powerFlags);
    process->post(encode(protocol::driver::Call{std::move(done)}));
    return kIOReturnSuccess;
}

/// What opendextd calls for an open: the entitlements are those of the client program. The user
/// client that NewUserClient makes has them from its init() on.
kern_return_t IOService::_NewUserClient_Impl(uint32_t type, OSDictionary* entitlements,
                                             IOUserClient** userClient) {
    const PendingEntitlements pending(entitlements);
    return NewUserClient(type, userClient);
}

kern_return_t IOService::Create_Impl(IOService* provider, const IOPropertyName propertiesKey,
                                     IOService** result) {
    if (result == nullptr) return kIOReturnBadArgument;
    *result = nullptr;
    if (provider != this) return kIOReturnUnsupported;
    const auto process = Process::current();
    const uint64_t entry = entry_of(this);
    if (process == nullptr || entry == 0) return kIOReturnNotReady;

    protocol::driver::Create create;
    create.provider = entry;
    create.properties_key =
        std::string(propertiesKey, strnlen(propertiesKey, sizeof(IOPropertyName)));
    auto reply = process->request(encode(std::move(create)));
    if (!reply) return kIOReturnOffline;
    auto created = decode<protocol::driver::Created>(*reply);
    if (!created) {
        process->end(70, "malformed answer from opendextd: " + created.error().text());
        return kIOReturnIPCError;
    }
    if (created->outcome.io_return != kIOReturnSuccess) {
        runtime::log(LogType::error, "Create(\"%s\"): %s", propertiesKey,
                     created->outcome.reason.c_str());
        return created->outcome.io_return;
    }
    const auto give_back = [&](const char* reason) {
        runtime::log(LogType::error, "Create(\"%s\"): %s: %s", propertiesKey,
                     created->user_class.c_str(), reason);
        process->post(encode(protocol::driver::Drop{created->entry}));
    };
    OSMetaClass* made_class = find_class(created->user_class);
    if (made_class == nullptr || !is_kind_of(made_class, gIOServiceMetaClass)) {
        give_back("no user class found");
        return kIOReturnUnsupported;
    }
    OSObject* object = nullptr;
    set_pending_entry(created->entry);
    const kern_return_t allocated = OSObjectAllocate(made_class, &object);
    set_pending_entry(0);
    if (allocated != kIOReturnSuccess) {
        give_back("init failed");
        return kIOReturnUnsupported;
    }
    auto* service = static_cast<IOService*>(object);
    set_entry(service, created->entry);
    if (!process->objects().bind(created->entry, service)) {
        service->release();
        return kIOReturnInternalError;
    }
    const StartTrace trace(service, this);
    const kern_return_t started = service->Start(this);
    trace.ended(started);
    if (started != kIOReturnSuccess) {
        if (OSObject* held = process->objects().take(created->entry)) held->release();
        give_back("Start failed");
        service->release();
        return started;
    }
    *result = service;
    return kIOReturnSuccess;
}
