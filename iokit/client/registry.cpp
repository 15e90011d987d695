// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/registry.h"

#include <IOKit/IOKitLib.h>

#include <utility>

#include "iokit/client/connection.h"
#include "iokit/client/reason.h"

namespace opendext::client {

Result<wire::Entry> get_entry(uint64_t id) {
    return Daemon::instance().request<wire::Entry>(wire::GetEntry{id, false});
}

Result<EntrySnapshot> read_entry(uint64_t id) {
    return ReadAhead::of_thread().get(id);
}

Result<wire::Entries> get_relatives(uint64_t id, const std::string& plane, bool parents) {
    return Daemon::instance().request<wire::Entries>(wire::GetRelatives{id, plane, parents});
}

Result<wire::Located> locate(uint64_t id, const std::string& plane) {
    return Daemon::instance().request<wire::Located>(wire::Locate{id, plane});
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

uint64_t ListIterator::next() {
    const std::lock_guard lock(mutex_);
    if (position_ >= ids_->size()) return 0;
    ReadAhead::of_thread().at(ids_, position_);
    return (*ids_)[position_++];
}

void ListIterator::reset() {
    const std::lock_guard lock(mutex_);
    position_ = 0;
}

bool PlaneIterator::push(uint64_t id) {
    Level level;
    wire::Walked walked;
    if (recursive()) {
        auto answer = Daemon::instance().request<wire::Walked>(wire::Walk{id, plane_, parents()});
        if (!answer.ok()) {
            fail(answer.error());
            return valid_ = false;
        }
        walked = std::move(answer).value();
    } else {
        Result<wire::Entries> relatives = get_relatives(id, plane_, parents());
        if (!relatives.ok()) {
            fail(relatives.error());
            return valid_ = false;
        }
        walked.ids = std::move(relatives->ids);
        walked.depths.assign(walked.ids.size(), 1);
        walked.generation = relatives->generation;
    }
    if (walked.depths.size() != walked.ids.size()) {
        fail(kIOReturnIPCError, "opendextd told of entries without their depths");
        return valid_ = false;
    }
    if (generation_ == 0) generation_ = walked.generation;
    if (walked.generation != generation_) {
        fail(kIOReturnNotReady, "the registry changed during the walk; reset the iterator");
        return valid_ = false;
    }
    level.ids = std::make_shared<const std::vector<uint64_t>>(std::move(walked.ids));
    level.depths = std::make_shared<const std::vector<uint16_t>>(std::move(walked.depths));
    levels_.push_back(std::move(level));
    return true;
}

bool PlaneIterator::begin() {
    if (begun_) return valid_;
    begun_ = true;
    // Before the first question: a change in between makes the walk look invalid, never valid.
    auto changes = Daemon::instance().changes();
    if (!changes.ok()) {
        fail(changes.error());
        return valid_ = false;
    }
    changes_ = std::move(changes).value();
    if (changes_ != nullptr) tree_ = changes_->tree();
    from_ = start_;
    if (from_ == 0) {
        const Result<uint64_t> root = Daemon::instance().root();
        if (!root.ok()) {
            fail(root.error());
            return valid_ = false;
        }
        from_ = *root;
    }
    return push(from_);
}

bool PlaneIterator::still_valid() {
    if (valid_ && changes_ != nullptr && (changes_->ended() || changes_->tree() != tree_)) {
        fail(kIOReturnNotReady, "the registry changed during the walk; reset the iterator");
        valid_ = false;
    }
    return valid_;
}

uint64_t PlaneIterator::next() {
    const std::lock_guard lock(mutex_);
    if (!begin() || !still_valid()) return 0;
    last_ = 0;
    Level& level = levels_.back();
    if (level.position >= level.ids->size() || (*level.depths)[level.position] < level.floor)
        return 0;
    ReadAhead::of_thread().at(level.ids, level.position);
    return last_ = (*level.ids)[level.position++];
}

void PlaneIterator::reset() {
    const std::lock_guard lock(mutex_);
    levels_.clear();
    last_ = 0;
    generation_ = 0;
    changes_.reset();
    begun_ = false;
    valid_ = true;
}

bool PlaneIterator::valid() {
    const std::lock_guard lock(mutex_);
    if (!still_valid() || generation_ == 0 || changes_ != nullptr) return valid_;
    const Result<wire::Entries> now = get_relatives(from_, plane_, parents());
    return valid_ = now.ok() && now->generation == generation_;
}

kern_return_t PlaneIterator::enter() {
    const std::lock_guard lock(mutex_);
    if (last_ == 0) return fail(kIOReturnNotFound, "the iterator has no present entry");
    if (!still_valid()) return kIOReturnNotReady;
    if (!recursive()) {
        if (!push(last_)) return kIOReturnNotReady;
    } else {
        // What is below the entry follows it in the list: a level of its own that ends with it.
        Level below = levels_.back();
        below.floor = static_cast<uint16_t>((*below.depths)[below.position - 1] + 1);
        levels_.push_back(std::move(below));
    }
    last_ = 0;
    return kIOReturnSuccess;
}

kern_return_t PlaneIterator::exit() {
    const std::lock_guard lock(mutex_);
    if (levels_.size() <= 1) return fail(kIOReturnNoDevice, "the iterator is where it began");
    const uint16_t floor = levels_.back().floor;
    levels_.pop_back();
    last_ = 0;
    if (!recursive()) return kIOReturnSuccess;
    // What was not visited below the entry is left out.
    Level& level = levels_.back();
    while (level.position < level.ids->size() && (*level.depths)[level.position] >= floor)
        ++level.position;
    return kIOReturnSuccess;
}

}  // namespace opendext::client
