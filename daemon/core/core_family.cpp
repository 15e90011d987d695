// SPDX-License-Identifier: Apache-2.0
#include "daemon/core/core_family.h"

#include <algorithm>
#include <utility>

#include "DriverKit/IOService.system.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/references.h"

namespace opendext::daemon {

using protocol::Ref;
using protocol::RefKind;

namespace {

constexpr uint64_t kSearchParents = 1;  // kIOServiceSearchPropertyParents
// Power states that ChangePowerState accepts (section 7).
constexpr uint32_t kPowerOff = 0;
constexpr uint32_t kPowerOn = 2;
constexpr uint32_t kPowerLow = 0x10000;

/// Where CopyProviderProperties puts the class names of each provider.
constexpr const char* kClassesKey = "IOServiceClasses";

Ref value_reference(Value value) {
    Ref ref;
    ref.kind = RefKind::value;
    ref.value = std::move(value);
    return ref;
}

const Dictionary* dictionary_of(const Ref& ref) {
    return ref.kind == RefKind::value ? ref.value.dictionary() : nullptr;
}

const std::string* string_of(const Ref& ref) {
    return ref.kind == RefKind::value ? ref.value.string() : nullptr;
}

/// What a dext may keep in the registry for one object; it is our memory.
constexpr size_t kMaxUserProperties = size_t{4} * 1024 * 1024;

bool fits(const Entry& object, const Dictionary& more) {
    Writer writer;
    writer.put(object.user_properties).put(more);
    return writer.bytes().size() <= kMaxUserProperties;
}

/// If the call is Method: decodes its arguments, runs `handle(in, out)` and answers.
template <typename Method, typename Handle>
bool answer(KernelCall& call, Handle handle) {
    if (call.invocation.msgid != Method::kMsgId) return false;
    const auto in = Method::decode(call.invocation);
    if (!in.ok()) {
        call.respond(kIOReturnIPCError);
        return true;
    }
    typename Method::Out out;
    CallAnswer reply;
    reply.result.io_return = handle(in.value(), out);
    if (reply.result.io_return == kIOReturnSuccess) Method::encode_result(out, reply.result);
    call.respond(std::move(reply));
    return true;
}

}  // namespace

std::vector<ClassDeclaration> CoreFamily::classes() const {
    const auto system = [](const char* name, const char* super) {
        return ClassDeclaration{name, super, {}, false};
    };
    return {
        system("IORegistryEntry", ""),
        system("IOService", "IORegistryEntry"),
        system("IOPlatformExpertDevice", "IOService"),
        system("IOResources", "IOService"),
        system("IOUserResources", "IOService"),
        system("IOUserServer", "IOService"),
        system("IOUserClient", "IOService"),
        ClassDeclaration{"IOUserUserClient", "IOUserClient", {}, true},
        ClassDeclaration{"IOUserService", "IOService", {}, true},
    };
}

FamilyVerdict CoreFamily::match(const Entry& nub, const Dictionary& table) {
    if (!nub.is_kind_of("IOResources") && !nub.is_kind_of("IOUserResources")) return {};
    const Value* wanted = find(table, "IOResourceMatch");
    if (wanted == nullptr) return {};
    Array names;
    if (wanted->string() != nullptr) {
        names.push_back(*wanted);
    } else if (wanted->array() != nullptr) {
        names = *wanted->array();
    } else if (wanted->set() != nullptr) {
        names = wanted->set()->members;
    } else {
        return {
            false, 0,
            "IOResourceMatch must be a string or an array of strings, it is " + describe(*wanted)};
    }
    for (const Value& name : names) {
        if (name.string() == nullptr) {
            return {false, 0,
                    "IOResourceMatch: each member must be a string, one is " + describe(name)};
        }
        if (nub.property(*name.string()) == nullptr) {
            return {false, 0, "IOResourceMatch: resource " + *name.string() + " is not published"};
        }
    }
    return {};
}

bool CoreFamily::call(const Entry& object, KernelCall& call) {
    return life_cycle_call(object, call) || property_call(object, call) || state_call(object, call);
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
            context_.loop.post([this, id] { lifecycle_.terminate(id); });
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

const Value* CoreFamily::search(const Entry& from, const std::string& key, bool parents) const {
    for (const Entry* entry = &from; entry != nullptr;
         entry = context_.registry.find(entry->provider())) {
        if (const Value* value = entry->property(key)) return value;
        if (!parents) break;
    }
    return nullptr;
}

bool CoreFamily::property_call(const Entry& object, KernelCall& call) {
    const EntryId id = object.id;
    const bool own = call.from_owner;
    if (answer<system::IOService_SetProperties>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnUnsupported;
            const Dictionary* properties = dictionary_of(in.properties);
            if (properties == nullptr) return kIOReturnBadArgument;
            if (object.is_kind_of("IOUserClient")) return kIOReturnUnsupported;
            if (!fits(object, *properties)) return kIOReturnNoResources;
            context_.registry.merge_user_properties(id, *properties);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_CopyProperties>(call, [&](const auto&, auto& out) {
            out.properties = value_reference(object.merged_properties());
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_RemoveProperty>(call, [&](const auto& in, auto&) {
            const std::string* name = string_of(in.propertyName);
            if (!own) return kIOReturnUnsupported;
            if (name == nullptr) return kIOReturnBadArgument;
            context_.registry.remove_user_property(id, *name);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_SearchProperty>(call, [&](const auto& in, auto& out) {
            if (!in.plane.empty() && in.plane != kServicePlane) return kIOReturnBadArgument;
            const Value* value = search(object, in.name, (in.options & kSearchParents) != 0);
            if (value == nullptr) return kIOReturnNotFound;
            out.property = value_reference(*value);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    return answer<system::IOService_CopyProviderProperties>(call, [&](const auto& in, auto& out) {
        const Array* keys =
            in.propertyKeys.kind == RefKind::value ? in.propertyKeys.value.array() : nullptr;
        Array providers;
        for (const Entry* entry = context_.registry.find(object.provider()); entry != nullptr;
             entry = context_.registry.find(entry->provider())) {
            Dictionary properties = entry->merged_properties();
            if (keys != nullptr) {
                std::erase_if(properties, [&](const auto& property) {
                    return std::find(keys->begin(), keys->end(), Value(property.first)) ==
                           keys->end();
                });
            }
            properties.insert_or_assign(kClassesKey,
                                        Array(entry->classes.begin(), entry->classes.end()));
            providers.emplace_back(std::move(properties));
        }
        out.properties = value_reference(std::move(providers));
        return kIOReturnSuccess;
    });
}

bool CoreFamily::state_call(const Entry& object, KernelCall& call) {
    const EntryId id = object.id;
    const bool own = call.from_owner;
    if (answer<system::IOService_SetName>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            if (in.name.empty()) return kIOReturnBadArgument;
            context_.registry.set_name(id, in.name);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_CopyName>(call, [&](const auto&, auto& out) {
            out.name = value_reference(object.name);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_GetBusyState>(call, [&](const auto&, auto& out) {
            out.busyState = object.busy;
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_AdjustBusy>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            if (int64_t{object.busy} + in.delta < 0) return kIOReturnBadArgument;
            context_.registry.adjust_busy(id, in.delta);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_JoinPMTree>(call, [&](const auto&, auto&) {
            return own ? kIOReturnSuccess : kIOReturnNotPermitted;
        })) {
        return true;
    }
    if (answer<system::IOService_SetPowerState>(call, [&](const auto&, auto&) {
            return own ? kIOReturnSuccess
                       : kIOReturnNotPermitted;  // super's SetPowerState: the acknowledgement
        })) {
        return true;
    }
    return answer<system::IOService_ChangePowerState>(call, [&](const auto& in, auto&) {
        const uint32_t flags = in.powerFlags;
        if (!own) return kIOReturnNotPermitted;
        if (flags != kPowerOff && flags != kPowerOn && flags != kPowerLow)
            return kIOReturnBadArgument;
        system::IOService_SetPowerState::In state;
        state.powerFlags = flags;
        context_.loop.post([this, invocation = system::IOService_SetPowerState::encode(id, state)] {
            lifecycle_.call(invocation, {}, std::chrono::seconds(20), "SetPowerState",
                            [](const Result<CallAnswer>&) {});
        });
        return kIOReturnSuccess;
    });
}

}  // namespace opendext::daemon
