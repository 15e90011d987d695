// SPDX-License-Identifier: Apache-2.0
// Names, busy state, power, state items, reports and events: docs/facts/semantics.md sections 7
// and 11.
#include "DriverKit/IOService.system.h"
#include "daemon/core/answers.h"
#include "daemon/core/core_family.h"
#include "daemon/lifecycle/references.h"
#include "daemon/log/log.h"

namespace opendext::daemon {
namespace {

constexpr size_t kMaxEvent = 4096;  // characters of an event in the log
constexpr uint64_t kMaxNanoseconds = uint64_t{1} << 40;

/// A value as JSON; data in hexadecimal.
std::string json(const Value& value) {
    if (value.string() != nullptr) return json_string(*value.string());
    std::string text;
    const auto separate = [&] {
        if (text.size() > 1) text += ",";
    };
    if (const Dictionary* dictionary = value.dictionary()) {
        text = "{";
        for (const auto& [key, member] : *dictionary) {
            separate();
            text += json_string(key) + ":" + json(member);
        }
        return text + "}";
    }
    if (const Array* array = value.array()) {
        text = "[";
        for (const Value& member : *array) {
            separate();
            text += json(member);
        }
        return text + "]";
    }
    if (value.number() != nullptr) return std::to_string(value.number()->as_signed());
    if (value.boolean() != nullptr) return *value.boolean() ? "true" : "false";
    return json_string(describe(value));
}

}  // namespace

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
            // A driver takes back what it has added, not what matching or its clients have.
            int64_t& adjusted = adjusted_busy_[id];
            if (adjusted + in.delta < 0 || adjusted + in.delta > kMaxBusy)
                return kIOReturnBadArgument;
            adjusted += in.delta;
            context_.registry.adjust_busy(id, in.delta);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    return answer<system::IOService_CoreAnalyticsSendEvent>(call, [&](const auto& in, auto&) {
        const std::string* name = string_of(in.eventName);
        const Dictionary* payload = dictionary_of(in.eventPayload);
        if (!own) return kIOReturnNotPermitted;
        if (in.options != 0 || name == nullptr || name->empty() || payload == nullptr)
            return kIOReturnBadArgument;
        std::string text = "event " + *name + " " + json(*payload);
        if (text.size() > kMaxEvent) return kIOReturnBadArgument;
        LogLine line;
        line.level = LogLevel::notice;
        line.subsystem = "opendext";
        line.category = "analytics";
        line.message = std::move(text);
        if (const Instance* instance = lifecycle_.find(id)) {
            line.bundle = instance->personality->bundle_id;
            line.process = instance->personality->server_name;
            line.pid = instance->process->pid();
        }
        context_.log.write(std::move(line));
        return kIOReturnSuccess;
    });
}

bool CoreFamily::power_call(const Entry& object, KernelCall& call) {
    const EntryId id = object.id;
    const bool own = call.from_owner;
    if (answer<system::IOService_JoinPMTree>(call, [&](const auto&, auto&) {
            if (!own) return kIOReturnNotPermitted;
            power_.join(id);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_SetPowerState>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            power_.acknowledged(id, in.powerFlags);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_ChangePowerState>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            if (!PowerTree::is_state(in.powerFlags)) return kIOReturnBadArgument;
            power_.change(id, in.powerFlags);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_SetPowerOverride>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            power_.set_override(id, in.enable);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_RequireMaxBusStall>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            if (in.maxBusStall > kMaxNanoseconds) return kIOReturnBadArgument;
            power_.require_latency(id, in.maxBusStall);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    return answer<system::IOService__ClaimSystemWakeEvent>(call, [&](const auto& in, auto&) {
        if (!own) return kIOReturnNotPermitted;
        const Entry* device = in.device.kind == protocol::RefKind::object
                                  ? context_.registry.find(in.device.id)
                                  : nullptr;
        if (device == nullptr || in.reason.empty()) return kIOReturnBadArgument;
        Value details;
        if (in.details.kind == protocol::RefKind::value) details = in.details.value;
        power_.claim_wake(id, device->id, in.flags, in.reason, std::move(details));
        return kIOReturnSuccess;
    });
}

bool CoreFamily::item_call(const Entry&, KernelCall& call) {
    if (answer<system::IOService_CopySystemStateNotificationService>(
            call, [&](const auto&, auto& out) {
                if (context_.registry.find(state_service_) == nullptr) return kIOReturnNotFound;
                out.service = object_reference(state_service_);
                return kIOReturnSuccess;
            })) {
        return true;
    }
    const ProcessPtr process = lifecycle_.processes().find(call.process);
    if (!process) return false;
    const StateItems::Caller caller{process->spec().bundle_id, process->spec().entitlements};
    StateItems& items = lifecycle_.state_items();
    if (answer<system::IOService_StateNotificationItemCreate>(call, [&](const auto& in, auto&) {
            const std::string* name = string_of(in.itemName);
            const Dictionary* schema = dictionary_of(in.schema);
            if (name == nullptr || schema == nullptr) return kIOReturnBadArgument;
            return items.create(*name, *schema, caller);
        })) {
        return true;
    }
    if (answer<system::IOService_StateNotificationItemSet>(call, [&](const auto& in, auto&) {
            const std::string* name = string_of(in.itemName);
            const Dictionary* value = dictionary_of(in.value);
            if (name == nullptr || value == nullptr) return kIOReturnBadArgument;
            return items.set(*name, *value, caller);
        })) {
        return true;
    }
    return answer<system::IOService_StateNotificationItemCopy>(
        call, [&](const auto& in, auto& out) {
            const std::string* name = string_of(in.itemName);
            if (name == nullptr) return kIOReturnBadArgument;
            Dictionary value;
            const int32_t result = items.copy(*name, caller, value);
            if (result == kIOReturnSuccess) out.value = value_reference(std::move(value));
            return result;
        });
}

bool CoreFamily::report_call(const Entry& object, KernelCall& call) {
    const EntryId id = object.id;
    const bool own = call.from_owner;
    if (answer<system::IOService_SetLegend>(call, [&](const auto& in, auto&) {
            if (!own) return kIOReturnNotPermitted;
            if (in.legend.kind != protocol::RefKind::value || in.legend.value.array() == nullptr)
                return kIOReturnBadArgument;
            context_.registry.set_property(id, "IOReportLegend", in.legend.value);
            context_.registry.set_property(id, "IOReportLegendPublic", in.is_public);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    // An override calls super for what it does not know: there is nothing to add here.
    if (answer<system::IOService_ConfigureReport>(call, [&](const auto& in, auto& out) {
            if (!own) return kIOReturnNotPermitted;
            out.outCount = in.outCount;
            return kIOReturnSuccess;
        })) {
        return true;
    }
    return answer<system::IOService_UpdateReport>(call, [&](const auto& in, auto& out) {
        if (!own) return kIOReturnNotPermitted;
        out.outElementCount = in.outElementCount;
        return kIOReturnSuccess;
    });
}

}  // namespace opendext::daemon
