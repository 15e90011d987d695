// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/state_items.h"

#include <utility>

#include "daemon/io_return.h"
#include "rpc/codec.h"

namespace opendext::daemon {
namespace {

// docs/facts/driverkit-api.csv, IOKitKeys.h
constexpr std::string_view kGetKey = "com.apple.iokit.statenotification.entitlement-get";
constexpr std::string_view kSetKey = "com.apple.iokit.statenotification.entitlement-set";

bool small_enough(const Dictionary& dictionary) {
    Writer writer;
    writer.put(dictionary);
    return writer.bytes().size() <= StateItems::kMaxItemBytes;
}

}  // namespace

bool StateItems::permitted(const std::string& name, const Item& item, std::string_view key,
                           const Caller& caller) {
    const auto missing = missing_entitlement(find(item.schema, key), caller.entitlements);
    if (!missing) return true;
    return guard_.allowed("state item " + name + ": " + caller.bundle_id + " lacks " + *missing +
                          " (" + std::string(key) + ")");
}

int32_t StateItems::create(const std::string& name, Dictionary schema, const Caller& caller) {
    if (name.empty() || !small_enough(schema)) return kIOReturnBadArgument;
    const auto present = items_.find(name);
    if (present == items_.end()) {
        if (items_.size() >= kMaxItems) return kIOReturnNoResources;
        const Item item{std::move(schema), caller.bundle_id, std::nullopt, 0, next_++};
        touch(items_.emplace(name, item).first->second);
        return kIOReturnSuccess;
    }
    if (present->second.bundle_id != caller.bundle_id) return kIOReturnExclusiveAccess;
    present->second.schema = std::move(schema);
    touch(present->second);
    return kIOReturnSuccess;
}

int32_t StateItems::set(const std::string& name, Dictionary value, const Caller& caller) {
    const auto item = items_.find(name);
    if (item == items_.end()) return kIOReturnNotFound;
    if (!small_enough(value)) return kIOReturnBadArgument;
    if (!permitted(name, item->second, kSetKey, caller)) return kIOReturnNotPermitted;
    item->second.value = std::move(value);
    ++item->second.generation;
    touch(item->second);
    if (changed_) changed_(name);
    return kIOReturnSuccess;
}

int32_t StateItems::copy(const std::string& name, const Caller& caller, Dictionary& value) {
    const auto item = items_.find(name);
    if (item == items_.end()) return kIOReturnNotFound;
    if (!permitted(name, item->second, kGetKey, caller)) return kIOReturnNotPermitted;
    if (!item->second.value) return kIOReturnNotReady;
    value = *item->second.value;
    return kIOReturnSuccess;
}

bool StateItems::may_watch(const std::string& name, const Caller& caller) {
    const auto item = items_.find(name);
    return item == items_.end() || permitted(name, item->second, kGetKey, caller);
}

uint64_t StateItems::generation(const std::string& name) const {
    const auto item = items_.find(name);
    return item == items_.end() ? 0 : item->second.generation;
}

}  // namespace opendext::daemon
