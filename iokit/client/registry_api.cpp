// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOKitLib.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "iokit/client/reason.h"
#include "iokit/client/registry.h"
#include "iokit/corefoundation/convert.h"
#include "iokit/corefoundation/string.h"

namespace opendext::client {
namespace {

kern_return_t copy_out(std::string_view text, char* to, size_t size) {
    if (text.size() >= size) {
        return fail(kIOReturnNoSpace,
                    "'" + std::string(text) + "' is longer than the caller's buffer");
    }
    std::memcpy(to, text.data(), text.size());
    to[text.size()] = '\0';
    return kIOReturnSuccess;
}

Result<EntrySnapshot> entry_of(io_object_t handle) {
    return read_entry(OD_TRY(entry_id(handle)));
}

Result<std::string> path_of(io_object_t handle, const io_name_t plane) {
    const uint64_t id = OD_TRY(entry_id(handle));
    if (std::string_view(plane) != kIOServicePlane) return OD_TRY(locate(id, plane)).path;
    const EntrySnapshot entry = OD_TRY(read_entry(id));
    Result<std::string> path = entry.path();
    // The root is above every path.
    if (!path.ok() && id == OD_TRY(Daemon::instance().root()))
        return std::string(kIOServicePlane ":/");
    return path;
}

/// Name and location of an entry in a plane; where it is in none, as it has them itself.
Result<EntrySnapshot> entry_in(io_object_t handle, const io_name_t plane) {
    const uint64_t id = OD_TRY(entry_id(handle));
    if (plane[0] != '\0' && std::string_view(plane) != kIOServicePlane) OD_TRY(locate(id, plane));
    return read_entry(id);
}

kern_return_t new_plane_iterator(uint64_t start, const char* plane, IOOptionBits options,
                                 io_iterator_t* iterator) {
    if (plane == nullptr || iterator == nullptr)
        return fail(kIOReturnBadArgument, "no plane or no result");
    *iterator = HandleTable::instance().add(std::make_shared<PlaneIterator>(start, plane, options));
    return kIOReturnSuccess;
}

kern_return_t relatives_iterator(io_registry_entry_t entry, const char* plane, bool parents,
                                 io_iterator_t* iterator) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    if (plane == nullptr || iterator == nullptr)
        return fail(kIOReturnBadArgument, "no plane or no result");
    Result<wire::Entries> entries = get_relatives(*id, plane, parents);
    if (!entries.ok()) return fail(entries.error());
    *iterator =
        HandleTable::instance().add(std::make_shared<ListIterator>(std::move(entries->ids)));
    return kIOReturnSuccess;
}

kern_return_t first_relative(io_registry_entry_t entry, const char* plane, bool parents,
                             io_registry_entry_t* result) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    if (plane == nullptr || result == nullptr)
        return fail(kIOReturnBadArgument, "no plane or no result");
    const Result<wire::Entries> entries = get_relatives(*id, plane, parents);
    if (!entries.ok()) return fail(entries.error());
    if (entries->ids.empty()) {
        return fail(kIOReturnNoDevice,
                    parents ? "the entry has no parent there" : "the entry has no children there");
    }
    *result = HandleTable::instance().entry(entries->ids.front());
    return kIOReturnSuccess;
}

}  // namespace
}  // namespace opendext::client

using namespace opendext;
using namespace opendext::client;

io_registry_entry_t IORegistryGetRootEntry(mach_port_t) {
    const Result<uint64_t> root = Daemon::instance().root();
    if (!root.ok()) {
        fail(root.error());
        return IO_OBJECT_NULL;
    }
    return HandleTable::instance().entry(*root);
}

io_registry_entry_t IORegistryEntryFromPath(mach_port_t, const io_string_t path) {
    if (path == nullptr) {
        fail(kIOReturnBadArgument, "no path");
        return IO_OBJECT_NULL;
    }
    const auto resolved = Daemon::instance().request<wire::Resolved>(wire::Resolve{path});
    if (!resolved.ok()) {
        fail(resolved.error());
        return IO_OBJECT_NULL;
    }
    return HandleTable::instance().entry(resolved->id);
}

io_registry_entry_t IORegistryEntryCopyFromPath(mach_port_t mainPort, CFStringRef path) {
    return IORegistryEntryFromPath(mainPort, std::string(cf::text_of(path)).c_str());
}

kern_return_t IORegistryCreateIterator(mach_port_t, const io_name_t plane, IOOptionBits options,
                                       io_iterator_t* iterator) {
    const Result<uint64_t> root = Daemon::instance().root();
    if (!root.ok()) return fail(root.error());
    return new_plane_iterator(0, plane, options, iterator);
}

kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t entry, const io_name_t plane,
                                            IOOptionBits options, io_iterator_t* iterator) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    return new_plane_iterator(*id, plane, options, iterator);
}

kern_return_t IORegistryIteratorEnterEntry(io_iterator_t iterator) {
    const auto object = HandleTable::instance().find_as<Iterator>(iterator);
    auto* walk = dynamic_cast<PlaneIterator*>(object.get());
    return walk == nullptr ? fail(kIOReturnBadArgument, "not a registry iterator") : walk->enter();
}

kern_return_t IORegistryIteratorExitEntry(io_iterator_t iterator) {
    const auto object = HandleTable::instance().find_as<Iterator>(iterator);
    auto* walk = dynamic_cast<PlaneIterator*>(object.get());
    return walk == nullptr ? fail(kIOReturnBadArgument, "not a registry iterator") : walk->exit();
}

kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name) {
    const Result<EntrySnapshot> found = entry_of(entry);
    return found.ok() ? copy_out((*found)->name, name, sizeof(io_name_t)) : fail(found.error());
}

kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry, const io_name_t plane,
                                            io_name_t name) {
    const Result<EntrySnapshot> found = entry_in(entry, plane);
    return found.ok() ? copy_out((*found)->name, name, sizeof(io_name_t)) : fail(found.error());
}

kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry, const io_name_t plane,
                                                io_name_t location) {
    const Result<EntrySnapshot> found = entry_in(entry, plane);
    if (!found.ok()) return fail(found.error());
    if ((*found)->location.empty()) return fail(kIOReturnNotFound, "the entry has no location");
    return copy_out((*found)->location, location, sizeof(io_name_t));
}

kern_return_t IORegistryEntryGetPath(io_registry_entry_t entry, const io_name_t plane,
                                     io_string_t path) {
    const Result<std::string> found = path_of(entry, plane);
    return found.ok() ? copy_out(*found, path, sizeof(io_string_t)) : fail(found.error());
}

CFStringRef IORegistryEntryCopyPath(io_registry_entry_t entry, const io_name_t plane) {
    const Result<std::string> found = path_of(entry, plane);
    if (found.ok()) return cf::new_string(*found);
    fail(found.error());
    return nullptr;
}

kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t entry, uint64_t* entryID) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    if (entryID == nullptr) return fail(kIOReturnBadArgument, "no result");
    *entryID = *id;
    return kIOReturnSuccess;
}

kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t entry,
                                                CFMutableDictionaryRef* properties, CFAllocatorRef,
                                                IOOptionBits) {
    if (properties == nullptr) return fail(kIOReturnBadArgument, "no result");
    const Result<EntrySnapshot> found = entry_of(entry);
    if (!found.ok()) return fail(found.error());
    const Result<Dictionary> all = (*found)->all_properties();
    if (!all.ok()) return fail(all.error());
    *properties = cf::from_dictionary(*all);
    return kIOReturnSuccess;
}

CFTypeRef IORegistryEntryCreateCFProperty(io_registry_entry_t entry, CFStringRef key,
                                          CFAllocatorRef, IOOptionBits) {
    const Result<EntrySnapshot> found = entry_of(entry);
    if (!found.ok()) {
        fail(found.error());
        return nullptr;
    }
    const std::string_view name = cf::text_of(key);
    const Result<std::optional<Value>> value = (*found)->property(name);
    if (value.ok() && value->has_value()) return cf::from_value(**value);
    if (value.ok()) {
        fail(kIOReturnNotFound, "no property '" + std::string(name) + "'");
    } else {
        fail(value.error());
    }
    return nullptr;
}

CFTypeRef IORegistryEntrySearchCFProperty(io_registry_entry_t entry, const io_name_t plane,
                                          CFStringRef key, CFAllocatorRef allocator,
                                          IOOptionBits options) {
    if ((options & kIORegistryIterateRecursively) == 0)
        return IORegistryEntryCreateCFProperty(entry, key, allocator, 0);
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) {
        fail(id.error());
        return nullptr;
    }
    wire::Search request;
    request.id = *id;
    request.plane = plane;
    request.key = cf::text_of(key);
    request.recursive = true;
    request.parents = (options & kIORegistryIterateParents) != 0;
    const auto found = Daemon::instance().request<wire::Found>(std::move(request));
    if (found.ok()) return cf::from_value(found->value);
    fail(found.error());
    return nullptr;
}

kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry, CFTypeRef properties) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    const Result<Value> value = cf::to_value(properties);
    if (!value.ok()) return fail(value.error());
    const auto set = Daemon::instance().ask<wire::PropertiesSet>(wire::SetProperties{*id, *value});
    return set.ok() ? finish(set->outcome) : fail(set.error());
}

kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry, CFStringRef propertyName,
                                           CFTypeRef property) {
    const Result<uint64_t> id = entry_id(entry);
    if (!id.ok()) return fail(id.error());
    const Result<Value> value = cf::to_value(property);
    if (!value.ok()) return fail(value.error());
    wire::SetProperties request;
    request.entry = *id;
    request.properties = Dictionary{{std::string(cf::text_of(propertyName)), *value}};
    const auto set = Daemon::instance().ask<wire::PropertiesSet>(std::move(request));
    return set.ok() ? finish(set->outcome) : fail(set.error());
}

kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const io_name_t plane,
                                              io_iterator_t* iterator) {
    return relatives_iterator(entry, plane, false, iterator);
}

kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry, const io_name_t plane,
                                               io_iterator_t* iterator) {
    return relatives_iterator(entry, plane, true, iterator);
}

kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry, const io_name_t plane,
                                           io_registry_entry_t* child) {
    return first_relative(entry, plane, false, child);
}

kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry, const io_name_t plane,
                                            io_registry_entry_t* parent) {
    return first_relative(entry, plane, true, parent);
}

boolean_t IORegistryEntryInPlane(io_registry_entry_t entry, const io_name_t plane) {
    const Result<uint64_t> id = entry_id(entry);
    const Result<wire::Located> found = id.ok() ? locate(*id, plane) : id.error();
    if (found.ok()) return TRUE;
    fail(found.error());
    return FALSE;
}
