// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/start_trace.h"

#include <DriverKit/IOService.h>

#include <string>

#include "runtime/log/log.h"
#include "runtime/objects/class_registry.h"
#include "runtime/process/process.h"
#include "runtime/service/service_ivars.h"

namespace opendext::runtime {
namespace {

thread_local StartTrace* t_trace = nullptr;

}  // namespace

StartTrace::StartTrace(OSObject* object, OSObject* provider)
    : object_(object), provider_(provider), outer_(t_trace) {
    if (provider_ != nullptr) t_trace = this;
}

StartTrace::~StartTrace() {
    if (provider_ != nullptr) t_trace = outer_;
}

void StartTrace::cast_failed(const OSMetaClassBase* object, const OSMetaClass* wanted) {
    // Casts to other classes are the runtime's own questions about an argument.
    if (t_trace != nullptr && object == t_trace->provider_ && t_trace->wanted_ == nullptr &&
        is_kind_of(wanted, gIOServiceMetaClass)) {
        t_trace->wanted_ = wanted;
    }
}

void StartTrace::ended(kern_return_t result) const {
    if (result != kIOReturnSuccess && wanted_ != nullptr) log();
}

void StartTrace::log() const {
    // A proxy is of the nearest class that this process has; the registry knows the real one.
    std::string is = provider_->GetClassName();
    const auto process = Process::current();
    const auto* service = OSDynamicCast(IOService, provider_);
    if (process != nullptr && service != nullptr) {
        const std::string name = process->objects().class_of(entry_of(service));
        if (!name.empty()) is = name;
    }
    log_driver_bug("Start of %s: provider is %s, not %s; second personality/user client?",
                   object_->GetClassName(), is.c_str(), class_name(wanted_));
}

}  // namespace opendext::runtime
