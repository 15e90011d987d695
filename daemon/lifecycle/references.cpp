// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/references.h"

#include <string>
#include <utility>

#include "rpc/protocol/memory_part.h"

namespace opendext::daemon {

using protocol::Ref;
using protocol::RefKind;

namespace {

Error bad(size_t index, std::string_view what) {
    return Error{Errc::malformed, 0,
                 "reference " + std::to_string(index) + ": " + std::string(what)};
}

const Entry* find_any(const Registry& registry, EntryId id) {
    const Entry* entry = registry.find(id);
    return entry != nullptr ? entry : registry.find_departed(id);
}

}  // namespace

Status accept_references(std::vector<Ref>& refs, const std::vector<UniqueFd>& fds,
                         const DriverProcess& from, ActionTable& actions) {
    for (size_t i = 0; i < refs.size(); ++i) {
        Ref& ref = refs[i];
        switch (ref.kind) {
            case RefKind::null:
            case RefKind::value:
                break;
            case RefKind::action:
                if ((ref.id & ActionTable::kForeignAction) != 0) {
                    if (!actions.holds(from.number(), ref.id))
                        return bad(i, "an action that it was never given");
                } else if ((ref.id & ActionTable::kDriverAction) != 0) {
                    ref.id = actions.import(from.number(), ref.id);
                    if (ref.id == 0) return bad(i, "too many actions of one process");
                } else {
                    return bad(i, "no action number");
                }
                break;
            case RefKind::object:
                if (!from.objects.contains(ref.id) && !from.known.contains(ref.id)) {
                    return bad(i, "an object that the process was never told of");
                }
                break;
            case RefKind::memory: {
                const auto parts =
                    protocol::checked_parts({ref.fd_index, ref.offset, ref.length}, ref.more, fds);
                if (!parts.ok()) return bad(i, parts.error().message);
                break;
            }
            case RefKind::descriptor:
                if (ref.fd_index >= fds.size()) return bad(i, "no such descriptor");
                break;
            default:
                return bad(i, "unknown kind");
        }
    }
    return success();
}

namespace {

/// False if the entry is gone.
bool introduce_entry(EntryId id, DriverProcess& to, const Registry& registry) {
    const Entry* entry = find_any(registry, id);
    if (entry == nullptr) return false;
    if (to.objects.contains(id) || to.known.contains(id)) return true;
    protocol::driver::Bind bind;
    bind.entry = id;
    bind.classes = entry->user_classes;
    bind.classes.insert(bind.classes.end(), entry->classes.begin(), entry->classes.end());
    to.known.insert(id);
    to.send(std::move(bind));
    return true;
}

std::string nearest_class(const Entry& entry, const DriverProcess& to) {
    for (const auto* chain : {&entry.user_classes, &entry.classes}) {
        for (const std::string& name : *chain) {
            if (to.has_class(name)) return name;
        }
    }
    return {};
}

}  // namespace

void introduce(std::vector<Ref>& refs, DriverProcess& to, const Registry& registry,
               ActionTable& actions) {
    for (Ref& ref : refs) {
        if (ref.kind == RefKind::object) {
            if (introduce_entry(ref.id, to, registry)) {
                ref.class_name = nearest_class(*find_any(registry, ref.id), to);
            } else {
                ref = Ref{};
            }
        } else if (ref.kind == RefKind::action) {
            const ActionTable::Owner* owner = actions.find(ref.id);
            if (owner == nullptr) {
                ref = Ref{};
            } else if (owner->process == to.number()) {
                ref.id = owner->number;
            } else {
                actions.hand_out(ref.id, to.number());
            }
        }
    }
}

Ref object_reference(EntryId entry) {
    Ref ref;
    ref.kind = RefKind::object;
    ref.id = entry;
    return ref;
}

}  // namespace opendext::daemon
