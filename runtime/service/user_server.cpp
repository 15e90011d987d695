// SPDX-License-Identifier: Apache-2.0
// IOUserServer: the class of the process itself. Nothing of ours makes one; drivers only name it.
#include <DriverKit/IOUserServer.h>

#include "runtime/process/process.h"

kern_return_t IOUserServer::Create_Impl(const char*, uint64_t, uint64_t, OSString*,
                                        IOUserServer**) {
    return kIOReturnUnsupported;
}
bool IOUserServer::init() {
    return super::init();
}
void IOUserServer::free() {
    super::free();
}
kern_return_t IOUserServer::Exit_Impl(const char* reason) {
    const auto process = opendext::runtime::Process::current();
    if (process == nullptr) return kIOReturnOffline;
    process->end(0, reason);
    return kIOReturnSuccess;
}
kern_return_t IOUserServer::LoadModule_Impl(const char*) {
    return kIOReturnUnsupported;
}
