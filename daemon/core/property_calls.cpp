// SPDX-License-Identifier: Apache-2.0
// Properties: docs/facts/semantics.md section 7.
#include <algorithm>

#include "DriverKit/IOService.system.h"
#include "daemon/core/answers.h"
#include "daemon/core/core_family.h"
#include "rpc/codec.h"

namespace opendext::daemon {
namespace {

constexpr uint64_t kSearchParents = 1;  // kIOServiceSearchPropertyParents

/// Where CopyProviderProperties puts the class names of each provider.
constexpr const char* kClassesKey = "IOServiceClasses";

/// What a dext may keep in the registry for one object; it is our memory.
constexpr size_t kMaxUserProperties = size_t{4} * 1024 * 1024;

bool fits(const Entry& object, const Dictionary& more) {
    Writer writer;
    writer.put(object.user_properties).put(more);
    return writer.bytes().size() <= kMaxUserProperties;
}

}  // namespace

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
            // The only plane there is (IORegistryPlanes of the root).
            if (in.name.empty() || (!in.plane.empty() && in.plane != kServicePlane))
                return kIOReturnBadArgument;
            const Value* value = search(object, in.name, (in.options & kSearchParents) != 0);
            if (value == nullptr) return kIOReturnNotFound;
            out.property = value_reference(*value);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    if (answer<system::IOService_SendIOMessageServicePropertyChange>(call, [&](const auto&, auto&) {
            if (!own) return kIOReturnNotPermitted;
            tell_(id, kIOMessageServicePropertyChange, 0);
            return kIOReturnSuccess;
        })) {
        return true;
    }
    return answer<system::IOService_CopyProviderProperties>(call, [&](const auto& in, auto& out) {
        const Array* keys = in.propertyKeys.kind == protocol::RefKind::value
                                ? in.propertyKeys.value.array()
                                : nullptr;
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

}  // namespace opendext::daemon
