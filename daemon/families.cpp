// SPDX-License-Identifier: Apache-2.0
#include "daemon/families.h"

#include <utility>

namespace opendext::daemon {

Status Families::add(std::unique_ptr<Family> family) {
    for (ClassDeclaration& declaration : family->classes()) {
        OD_TRY(classes_.declare(std::move(declaration), family.get()));
    }
    families_.push_back(std::move(family));
    return success();
}

void Families::realm_started() {
    for (const auto& family : families_) family->realm_started();
}

FamilyVerdict Families::match(const Entry& nub, const Dictionary& table) const {
    const std::vector<Family*> families = classes_.families(nub.classes);
    return families.empty() ? FamilyVerdict{} : families.front()->match(nub, table);
}

void Families::attached(const Entry& object) const {
    for (Family* family : classes_.families(object.classes)) family->object_attached(object);
}

namespace {
void start_next(const Registry& registry, EntryId object, std::vector<Family*> families,
                size_t next, std::function<void(Status)> done) {
    const Entry* entry = registry.find(object);
    if (next == families.size() || entry == nullptr) {
        done(entry == nullptr ? Status(Error{Errc::not_found, 0, "the object is gone"})
                              : success());
        return;
    }
    Family* family = families[next];
    family->object_started(*entry, [&registry, object, families = std::move(families), next,
                                    done = std::move(done)](Status status) {
        if (!status.ok()) {
            done(std::move(status));
        } else {
            start_next(registry, object, families, next + 1, done);
        }
    });
}
}  // namespace

void Families::started(const Registry& registry, EntryId object,
                       std::function<void(Status)> done) const {
    const Entry* entry = registry.find(object);
    start_next(registry, object,
               entry == nullptr ? std::vector<Family*>{} : classes_.families(entry->classes), 0,
               std::move(done));
}

void Families::adopted(const Entry& object) const {
    for (Family* family : classes_.families(object.classes)) family->object_adopted(object);
}

void Families::registered(const Entry& object) const {
    for (Family* family : classes_.families(object.classes)) family->object_registered(object);
}

void Families::terminating(const Entry& object) const {
    for (Family* family : classes_.families(object.classes)) family->object_terminating(object);
}

void Families::ended(const Entry& object, End end) const {
    for (Family* family : classes_.families(object.classes)) family->object_ended(object, end);
}

void Families::claim(const Entry& nub, std::function<void(Status)> done) const {
    const std::vector<Family*> families = classes_.families(nub.classes);
    if (families.empty()) return done(success());
    families.front()->claim_device(nub, std::move(done));
}

void Families::give_back(const Entry& nub, std::string_view why) const {
    const std::vector<Family*> families = classes_.families(nub.classes);
    if (!families.empty()) families.front()->give_back_device(nub, why);
}

void Families::closed(const Entry& provider, EntryId client, bool forced) const {
    const std::vector<Family*> families = classes_.families(provider.classes);
    if (!families.empty()) families.front()->provider_closed(provider, client, forced);
}

void Families::given_up(EntryId nub, const std::string& bundle_id) const {
    // What is kept may be another family's than the nub's.
    for (const auto& family : families_) family->driver_given_up(nub, bundle_id);
}

bool Families::call(const Entry& object, KernelCall& call) const {
    for (Family* family : classes_.families(object.classes)) {
        if (family->call(object, call)) return true;
    }
    return false;
}

std::optional<Status> Families::set_properties(const Entry& entry, const Dictionary& properties,
                                               const ClientProgram& program) const {
    for (Family* family : classes_.families(entry.classes)) {
        if (auto status = family->set_properties(entry, properties, program)) return status;
    }
    return std::nullopt;
}

bool Families::program_request(const std::vector<std::string>& classes,
                               ProgramRequest& request) const {
    for (Family* family : classes_.families(classes)) {
        if (family->program_request(request)) return true;
    }
    return false;
}

Families::InterruptOwner Families::interrupt_owner(const Entry& nub, uint32_t index) const {
    for (Family* family : classes_.families(nub.classes)) {
        if (const auto type = family->interrupt_type(nub, index)) return {family, *type};
    }
    return {};
}

}  // namespace opendext::daemon
