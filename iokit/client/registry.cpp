// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/registry.h"

#include <IOKit/IOKitLib.h>

#include <utility>

#include "iokit/client/connection.h"
#include "iokit/client/reason.h"

namespace opendext::client {
namespace {

/// A registry deeper than this is not one: a reply that names an entry its own ancestor must not
/// keep us.
constexpr size_t kMaxDepth = 256;

}  // namespace

Result<wire::Entry> get_entry(uint64_t id, bool with_properties) {
    return Daemon::instance().request<wire::Entry>(wire::GetEntry{id, with_properties});
}

Result<wire::Entries> get_relatives(uint64_t id, const std::string& plane, bool parents) {
    return Daemon::instance().request<wire::Entries>(wire::GetRelatives{id, plane, parents});
}

Result<uint64_t> entry_id(io_object_t handle) {
    const std::shared_ptr<HandleObject> object = HandleTable::instance().find(handle);
    if (object != nullptr && object->kind == HandleObject::Kind::entry) {
        return static_cast<const EntryHandle&>(*object).id;
    }
    if (object != nullptr && object->kind == HandleObject::Kind::connection) {
        return static_cast<const Connection&>(*object).user_client();
    }
    return Error{Errc::invalid, 0, object == nullptr ? "no such object" : "not a registry entry"};
}

std::string path_component(const wire::Entry& entry) {
    return entry.location.empty() ? entry.name : entry.name + "@" + entry.location;
}

Result<std::string> path_of(uint64_t id, const std::string& plane) {
    const uint64_t root = OD_TRY(Daemon::instance().root());
    std::string path;
    for (size_t depth = 0; id != root; ++depth) {
        const wire::Entries parents = OD_TRY(get_relatives(id, plane, true));
        if (parents.ids.empty() || depth > kMaxDepth) {
            return Error{Errc::not_found, 0, "the entry is not in the plane " + plane};
        }
        path.insert(0, "/" + path_component(OD_TRY(get_entry(id))));
        id = parents.ids.front();
    }
    return plane + ":" + (path.empty() ? "/" : path);
}

Result<uint64_t> entry_at(const std::string& path) {
    const size_t colon = path.find(":/");
    if (colon == std::string::npos)
        return Error{Errc::invalid, 0, "a path begins with a plane, as IOService:/"};
    const std::string plane = path.substr(0, colon);
    uint64_t id = OD_TRY(Daemon::instance().root());
    size_t begin = colon + 2;
    while (begin < path.size()) {
        const size_t end = std::min(path.find('/', begin), path.size());
        const std::string component = path.substr(begin, end - begin);
        begin = end + 1;
        if (component.empty()) continue;
        uint64_t found = 0;
        for (const uint64_t child : OD_TRY(get_relatives(id, plane, false)).ids) {
            const Result<wire::Entry> entry = get_entry(child);
            if (!entry.ok()) continue;  // it went while we looked
            // The full component first; a name without its location is enough if nothing fits
            // better.
            if (path_component(*entry) == component) {
                found = child;
                break;
            }
            if (found == 0 && entry->name == component) found = child;
        }
        if (found == 0)
            return Error{Errc::not_found, 0, "no '" + component + "' in " + path.substr(0, end)};
        id = found;
    }
    return id;
}

uint64_t ListIterator::next() {
    const std::lock_guard lock(mutex_);
    return position_ < ids_.size() ? ids_[position_++] : 0;
}

void ListIterator::reset() {
    const std::lock_guard lock(mutex_);
    position_ = 0;
}

bool PlaneIterator::push(uint64_t id) {
    Result<wire::Entries> relatives =
        get_relatives(id, plane_, (options_ & kIORegistryIterateParents) != 0);
    if (!relatives.ok()) {
        fail(relatives.error());
        return valid_ = false;
    }
    if (generation_ == 0) generation_ = relatives->generation;
    if (relatives->generation != generation_) {
        fail(kIOReturnNotReady, "the registry changed during the walk; reset the iterator");
        return valid_ = false;
    }
    levels_.push_back({std::move(relatives->ids), 0});
    return true;
}

bool PlaneIterator::begin() {
    if (begun_) return valid_;
    begun_ = true;
    visited_.insert(start_);
    return push(start_);
}

uint64_t PlaneIterator::next() {
    const std::lock_guard lock(mutex_);
    if (!begin() || !valid_) return 0;
    const bool recursive = (options_ & kIORegistryIterateRecursively) != 0;
    if (recursive && last_ != 0 && levels_.size() < kMaxDepth && !push(last_)) return 0;
    last_ = 0;
    while (!levels_.empty()) {
        Level& level = levels_.back();
        while (level.position < level.ids.size()) {
            const uint64_t id = level.ids[level.position++];
            if (recursive && !visited_.insert(id).second) continue;
            return last_ = id;
        }
        if (!recursive || levels_.size() == 1) return 0;
        levels_.pop_back();
    }
    return 0;
}

void PlaneIterator::reset() {
    const std::lock_guard lock(mutex_);
    levels_.clear();
    visited_.clear();
    last_ = 0;
    generation_ = 0;
    begun_ = false;
    valid_ = true;
}

bool PlaneIterator::valid() {
    const std::lock_guard lock(mutex_);
    if (!valid_ || generation_ == 0) return valid_;
    const Result<wire::Entries> now =
        get_relatives(start_, plane_, (options_ & kIORegistryIterateParents) != 0);
    return valid_ = now.ok() && now->generation == generation_;
}

kern_return_t PlaneIterator::enter() {
    const std::lock_guard lock(mutex_);
    if (last_ == 0) return fail(kIOReturnNotFound, "the iterator has no present entry");
    if (!push(last_)) return kIOReturnNotReady;
    last_ = 0;
    return kIOReturnSuccess;
}

kern_return_t PlaneIterator::exit() {
    const std::lock_guard lock(mutex_);
    if (levels_.size() <= 1) return fail(kIOReturnNoDevice, "the iterator is where it began");
    levels_.pop_back();
    last_ = 0;
    return kIOReturnSuccess;
}

}  // namespace opendext::client
