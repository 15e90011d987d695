// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/driver_nodes.h"

#include <memory>
#include <utility>

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::KeeperItem;

constexpr std::string_view kPrefix = "hid-node:";

std::string bundle_of(const Entry& object) {
    const Value* bundle = object.property("CFBundleIdentifier");
    return bundle != nullptr && bundle->string() != nullptr ? *bundle->string() : "";
}

}  // namespace

/// The same for a driver and its successor.
std::string DriverNodes::owner_of(const Entry& object) {
    return std::string(kPrefix) + std::to_string(object.provider()) + ":" + bundle_of(object) +
           ":" + (object.user_classes.empty() ? object.class_name() : object.user_classes.front()) +
           ":";
}

void DriverNodes::open(const Entry& object, const std::string& name, uint32_t part,
                       std::function<void(Result<Node>)> done) {
    if (!allowed_) {
        return done(Error{Errc::unsupported, 0,
                          "only the system's realm makes input devices of the kernel"});
    }
    const std::string owner = owner_of(object);
    const std::string key = owner + name + ":" + std::to_string(part);
    if (kept_.contains(key)) {
        return host_.fetch(key, [done = std::move(done)](Result<KeeperItem> item) {
            if (!item.ok() || item->fds.size() != 1)
                return done(
                    Error{Errc::not_found, 0, "the keeper has lost a device of the kernel"});
            done(Node{std::move(item->fds[0]), false});
        });
    }
    kept_[key] = {object.provider(), bundle_of(object), owner};
    host_.open("device", {{"subsystem", "misc"}, {"name", name}},
               [this, key, name, done = std::move(done)](Result<KeeperItem> item) {
                   const auto refused = [&](std::string why) {
                       kept_.erase(key);
                       done(Error{Errc::unsupported, 0,
                                  "/dev/" + name + " cannot be used: " + std::move(why)});
                   };
                   if (!item.ok()) return refused(item.error().text());
                   if (item->fds.size() != 1) return refused("the keeper opened nothing");
                   auto copy = item->fds[0].duplicate();
                   if (!copy.ok()) return refused(copy.error().text());
                   const auto kept = kept_.find(key);
                   if (kept == kept_.end())
                       return done(Error{Errc::peer_gone, 0, "the driver has gone"});
                   std::vector<UniqueFd> fds;
                   fds.push_back(std::move(*copy));
                   auto node = std::make_shared<Node>(Node{std::move(item->fds[0]), true});
                   host_.hold(key,
                              {{"nub", Value(kept->second.nub)},
                               {"bundle", Value(kept->second.bundle_id)},
                               {"owner", Value(kept->second.owner)}},
                              std::move(fds), [node, done](Status status) {
                                  if (!status.ok()) return done(std::move(status).error());
                                  done(std::move(*node));
                              });
               });
}

void DriverNodes::realm_started() {
    for (const auto& [key, notes] : host_.held_before(kPrefix)) {
        const Number* nub = find_number(notes, "nub");
        const std::string* bundle = find_string(notes, "bundle");
        const std::string* owner = find_string(notes, "owner");
        if (nub == nullptr || bundle == nullptr || owner == nullptr) {
            host_.release(key, [](const Status&) {});
        } else {
            kept_[key] = {nub->raw, *bundle, *owner};
        }
    }
}

void DriverNodes::release(const std::function<bool(const Kept&)>& which) {
    for (auto at = kept_.begin(); at != kept_.end();) {
        const auto here = at++;
        if (!which(here->second)) continue;
        host_.release(here->first, [](const Status&) {});
        kept_.erase(here);
    }
}

void DriverNodes::object_ended(const Entry& object, daemon::End end) {
    if (end == daemon::End::process_died) return;
    const std::string owner = owner_of(object);
    release([&](const Kept& kept) { return kept.owner == owner; });
}

void DriverNodes::driver_given_up(EntryId nub, const std::string& bundle_id) {
    release([&](const Kept& kept) { return kept.nub == nub && kept.bundle_id == bundle_id; });
}

}  // namespace opendext::hid
