// SPDX-License-Identifier: Apache-2.0
#include "daemon/core/core_family.h"

#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/core/answers.h"
#include "daemon/core/core_rules.h"
#include "daemon/lifecycle/references.h"

namespace opendext::daemon {

std::vector<ClassDeclaration> CoreFamily::classes() const {
    return core_classes();
}

void CoreFamily::realm_started() {
    // What drivers ask for with CopySystemStateNotificationService.
    const Entry* root = context_.registry.find(context_.registry.root());
    if (root == nullptr || root->clients.empty()) return;
    context_.registry.visit_class(kStateServiceClass, [this](const Entry& entry) {
        state_service_ = entry.id;  // of an earlier opendextd
        return false;
    });
    if (state_service_ != kNoEntry) return;
    Registry::Spec spec;
    spec.provider = root->clients.front();
    spec.classes = context_.classes.chain(kStateServiceClass);
    spec.name = kStateServiceClass;
    state_service_ = context_.registry.add(std::move(spec)).id;
    lifecycle_.register_service(state_service_);
}

void CoreFamily::object_started(const Entry& object, std::function<void(Status)> done) {
    // Objects of Create() join the power tree only by JoinPMTree.
    const Instance* instance = lifecycle_.find(object.id);
    if (instance != nullptr && !instance->created) power_.join(object.id);
    done(success());
}

void CoreFamily::object_ended(const Entry& object, End) {
    adjusted_busy_.erase(object.id);
}

FamilyVerdict CoreFamily::match(const Entry& nub, const Dictionary& table) {
    return match_resources(nub, table);
}

bool CoreFamily::call(const Entry& object, KernelCall& call) {
    return life_cycle_call(object, call) || property_call(object, call) ||
           state_call(object, call) || power_call(object, call) || item_call(object, call) ||
           report_call(object, call);
}

bool CoreFamily::life_cycle_call(const Entry& object, KernelCall& call) {
    const EntryId id = object.id;
    const bool own = call.from_owner;
    if (answer<system::IOService_RegisterService>(call, [&](const auto&, auto&) {
            if (!own) return kIOReturnNotPermitted;
            lifecycle_.register_service(id);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_Terminate>(call, [&](const auto& in, auto&) {
            if (in.options != 0) return kIOReturnUnsupported;
            if (!own) return kIOReturnNotPermitted;
            context_.loop.post([this, id] { lifecycle_.terminate_by_driver(id); });
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_Stop>(call, [&](const auto&, auto&) {
            if (!own) return kIOReturnNotPermitted;
            // Later: the answer goes out before what follows from it.
            context_.loop.post([this, id] { lifecycle_.super_stopped(id); });
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_Start>(call, [&](const auto&, auto&) {
            return own ? kIOReturnSuccess
                       : kIOReturnNotPermitted;  // super::Start has nothing to do here
        })) {
        return true;
    }
    if (answer<system::IOService_NewUserClient>(
            call, [](const auto&, auto&) { return kIOReturnError; })) {
        return true;
    }
    return answer<system::IOService_ClientCrashed>(
        call, [](const auto&, auto&) { return kIOReturnUnsupported; });
}

}  // namespace opendext::daemon
