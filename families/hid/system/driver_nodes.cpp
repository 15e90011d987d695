// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/driver_nodes.h"

#include <memory>
#include <utility>

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::KeeperItem;
using daemon::LogLevel;

constexpr std::string_view kPrefix = "hid-node:";

std::string bundle_of(const Entry& object) {
    const Value* bundle = object.property("CFBundleIdentifier");
    return bundle != nullptr && bundle->string() != nullptr ? *bundle->string() : "";
}

std::string owner_of(const Entry& object, const std::string& name, uint32_t part) {
    return std::to_string(object.provider()) + ":" + bundle_of(object) + ":" +
           (object.user_classes.empty() ? object.class_name() : object.user_classes.front()) + ":" +
           name + ":" + std::to_string(part);
}

}  // namespace

/// What a predecessor left that is like the one wanted: several drivers of a kind may stand on one
/// nub, and which of their devices is whose shows in what they are.
std::string DriverNodes::left_for(const Kept& wanted) const {
    for (const auto& [key, kept] : kept_) {
        if (kept.owner == wanted.owner && kept.device == wanted.device &&
            is_free(kept, wanted.object))
            return key;
    }
    return {};
}

/// Nobody has it, or `object` itself, whose process asks once more.
bool DriverNodes::is_free(const Kept& kept, EntryId object) const {
    return kept.object == object || host_.entry(kept.object) == nullptr;
}

void DriverNodes::open(const Entry& object, Wanted wanted, Done done) {
    if (!allowed_) {
        return done(Error{Errc::unsupported, 0,
                          "only the system's realm makes input devices of the kernel"});
    }
    Kept kept{object.provider(), bundle_of(object), owner_of(object, wanted.name, wanted.part),
              object.id, std::move(wanted.device)};
    const std::string key = left_for(kept);
    if (key.empty()) return make(wanted.name, std::move(kept), done);
    kept_[key] = std::move(kept);
    host_.fetch(key, [this, key, done = std::move(done)](Result<KeeperItem> item) {
        if (!item.ok() || item->fds.size() != 1) {
            kept_.erase(key);
            return done(Error{Errc::not_found, 0, "the keeper has lost a device of the kernel"});
        }
        hold(key, {std::move(item->fds[0]), false}, done);
    });
}

void DriverNodes::make(const std::string& name, Kept wanted, const Done& done) {
    // What differs is nobody's any more.
    if (release([&](const Kept& kept) {
            return kept.owner == wanted.owner && is_free(kept, wanted.object);
        })) {
        host_.log(LogLevel::notice, wanted.object,
                  "the kernel's device is made anew (" + name +
                      "): the driver describes another one than before");
    }
    std::string key;
    do {
        key = std::string(kPrefix) + wanted.owner + ":" + std::to_string(++last_);
    } while (kept_.contains(key));
    kept_[key] = std::move(wanted);
    host_.open("device", {{"subsystem", "misc"}, {"name", Value(name)}},
               [this, key, name, done](Result<KeeperItem> item) {
                   if (item.ok() && item->fds.size() == 1)
                       return hold(key, {std::move(item->fds[0]), true}, done);
                   kept_.erase(key);
                   done(Error{Errc::unsupported, 0,
                              "/dev/" + name + " cannot be used: " +
                                  (item.ok() ? "the keeper opened nothing" : item.error().text())});
               });
}

/// With the notes of who has it now.
void DriverNodes::hold(const std::string& key, Node node, const Done& done) {
    const auto kept = kept_.find(key);
    if (kept == kept_.end()) return done(Error{Errc::peer_gone, 0, "the driver has gone"});
    auto copy = node.fd.duplicate();
    if (!copy.ok()) {
        kept_.erase(kept);
        host_.release(key, [](const Status&) {});
        return done(std::move(copy).error());
    }
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(*copy));
    const Kept& of = kept->second;
    auto held = std::make_shared<Node>(std::move(node));
    host_.hold(key,
               {{"nub", Value(of.nub)},
                {"bundle", Value(of.bundle_id)},
                {"owner", Value(of.owner)},
                {"object", Value(of.object)},
                {"device", Value(of.device)}},
               std::move(fds), [held, done](Status status) {
                   if (!status.ok()) return done(std::move(status).error());
                   done(std::move(*held));
               });
}

void DriverNodes::realm_started() {
    for (const auto& [key, notes] : host_.held_before(kPrefix)) {
        const Number* nub = find_number(notes, "nub");
        const std::string* bundle = find_string(notes, "bundle");
        const std::string* owner = find_string(notes, "owner");
        const Number* object = find_number(notes, "object");
        const Value* device = opendext::find(notes, "device");
        if (nub == nullptr || bundle == nullptr || owner == nullptr || object == nullptr ||
            device == nullptr || device->dictionary() == nullptr) {
            host_.release(key, [](const Status&) {});
        } else {
            kept_[key] = {nub->raw, *bundle, *owner, object->raw, *device->dictionary()};
        }
    }
}

bool DriverNodes::release(const std::function<bool(const Kept&)>& which) {
    return std::erase_if(kept_, [&](const auto& node) {
               if (!which(node.second)) return false;
               host_.release(node.first, [](const Status&) {});
               return true;
           }) != 0;
}

void DriverNodes::object_ended(const Entry& object, daemon::End end) {
    if (end == daemon::End::process_died) return;
    release([&](const Kept& kept) { return kept.object == object.id; });
}

void DriverNodes::driver_given_up(EntryId nub, const std::string& bundle_id) {
    release([&](const Kept& kept) {
        return kept.nub == nub && kept.bundle_id == bundle_id &&
               host_.entry(kept.object) == nullptr;
    });
}

}  // namespace opendext::hid
