// SPDX-License-Identifier: Apache-2.0
// IOUserServer: the object of the process itself. opendextd makes its registry entry and has it
// instantiated once the bundle is loaded.
#include <DriverKit/IOUserServer.h>
#include <DriverKit/OSCollections.h>
#include <dlfcn.h>

#include <cstring>
#include <string>
#include <string_view>

#include "runtime/log/log.h"
#include "runtime/process/process.h"

using namespace opendext::runtime;

namespace {

/// The server object of this process, retained; nullptr before opendextd has had it made.
IOUserServer* copy_server() {
    const auto process = Process::current();
    if (process == nullptr) return nullptr;
    IOUserServer* server = nullptr;
    for (OSObject* object : process->objects().copy_all_own()) {
        auto* found = OSDynamicCast(IOUserServer, object);
        if (found != nullptr && server == nullptr) {
            server = found;
        } else {
            object->release();
        }
    }
    return server;
}

bool has_string(OSDictionary* properties, const char* key, std::string_view wanted) {
    auto* string = OSDynamicCast(OSString, properties->getObject(key));
    return string != nullptr && wanted == string->getCStringNoCopy();
}

/// Whether these are the name, tag and bundle that the process was launched for.
kern_return_t check(IOUserServer* server, std::string_view name, uint64_t tag, OSString* bundle) {
    OSDictionary* properties = nullptr;
    const kern_return_t copied = server->CopyProperties(&properties);
    if (copied != kIOReturnSuccess) return copied;
    auto* number = OSDynamicCast(OSNumber, properties->getObject("IOUserServerTag"));
    const bool fits = has_string(properties, "IOUserServerName", name) && number != nullptr &&
                      number->unsigned64BitValue() == tag &&
                      (bundle == nullptr ||
                       has_string(properties, "CFBundleIdentifier", bundle->getCStringNoCopy()));
    properties->release();
    return fits ? kIOReturnSuccess : kIOReturnNotPermitted;
}

}  // namespace

/// A process has one server, that which it was launched for: gives it to who knows its name, tag
/// and bundle.
kern_return_t IOUserServer::Create_Impl(const char* name, uint64_t tag, uint64_t options,
                                        OSString* bundleID, IOUserServer** server) {
    if (server == nullptr) return kIOReturnBadArgument;
    *server = nullptr;
    if (name == nullptr || options != 0) return kIOReturnBadArgument;
    IOUserServer* own = copy_server();
    if (own == nullptr) return kIOReturnNotReady;
    const kern_return_t checked =
        check(own, std::string_view(name, strnlen(name, 64)), tag, bundleID);
    if (checked != kIOReturnSuccess) {
        own->release();
        return checked;
    }
    *server = own;
    return kIOReturnSuccess;
}

bool IOUserServer::init() {
    return super::init();
}

void IOUserServer::free() {
    super::free();
}

kern_return_t IOUserServer::Exit_Impl(const char* reason) {
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnOffline;
    process->end(0, std::string(reason, strnlen(reason, 1024)));
    return kIOReturnSuccess;
}

/// Loads a library that the process may read; its classes are registered afterwards.
kern_return_t IOUserServer::LoadModule_Impl(const char* path) {
    const std::string file(path, strnlen(path, 1024));
    if (file.empty()) return kIOReturnBadArgument;
    // Never unloaded, as everything of a driver.
    if (dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return kIOReturnSuccess;
    const char* reason = dlerror();
    opendext::runtime::log(LogType::error, "LoadModule: %s", reason ? reason : "dlopen failed");
    return kIOReturnRLDError;
}
