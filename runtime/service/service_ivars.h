// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOService.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rpc/futex_lock.h"
#include "runtime/dispatch/executor.h"
#include "runtime/family.h"

class IODispatchQueue;

/// The runtime's part of every IOService, own object or proxy.
struct IOService_IVars {
    opendext::FutexLock mutex;
    uint64_t entry = 0;             // registry entry id; 0 before the object is bound
    IOService* provider = nullptr;  // retained from Start to free
    IODispatchQueue* default_queue = nullptr;
    std::map<std::string, IODispatchQueue*, std::less<>> queues;  // retained; by SetDispatchQueue
    std::atomic<uint32_t> queue_changes{0};
    bool stopped = false;  // super::Stop has run
    // Of a proxy: what a family does for its class in this process, or nullptr.
    const opendext::family::ProxyMethods* proxy_methods = nullptr;
};

namespace opendext::runtime {

/// Registry entry id of an IOService or proxy; 0 if it has none.
uint64_t entry_of(const IOService* service);
/// Called before init().
void set_pending_entry(uint64_t entry);
void set_entry(IOService* service, uint64_t entry);
/// Makes a proxy of an allocated, uninitialised IOService.
void make_proxy(IOService* service, uint64_t entry);
/// For proxies of this class that are made from now on. From constructors of libraries.
void set_proxy_methods(const char* class_name, const family::ProxyMethods& methods);

/// The executor of the named queue ("" = default) or, where that is not set, of the default queue.
/// nullptr for an object without queues. Shared so that it outlives the object's own reference.
std::shared_ptr<Executor> executor_of(const OSObject* object, std::string_view queue);
std::shared_ptr<Executor> executor_of(const IOService* service, std::string_view queue);

}  // namespace opendext::runtime
