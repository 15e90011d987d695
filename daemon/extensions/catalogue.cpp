// SPDX-License-Identifier: Apache-2.0
#include "daemon/extensions/catalogue.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "daemon/io_return.h"
#include "rpc/nearest_name.h"
#include "rpc/probe.h"
#include "rpc/whole_file.h"

namespace opendext::daemon {

using bundle::Bundle;

std::string_view to_string(ExtensionState state) {
    switch (state) {
        case ExtensionState::enabled:
            return "activated enabled";
        case ExtensionState::waiting_for_user:
            return "activated waiting for user";
        case ExtensionState::waiting_to_upgrade:
            return "activated waiting to upgrade";
        case ExtensionState::terminating_for_uninstall:
            return "terminating for uninstall";
    }
    return "unknown";
}

Result<std::vector<PersonalityPtr>> Catalogue::read_personalities(
    const Bundle& bundle, uint64_t copy, const std::filesystem::path& shown) const {
    std::vector<PersonalityPtr> personalities;
    for (const auto& [name, table] : bundle.personalities()) {
        Result<Personality> read = Personality::read(bundle.identifier(), name, table);
        if (!read.ok()) return std::move(read).error().in((shown / "Info.plist").string());
        Personality personality = std::move(read).value();
        personality.bundle_path = bundle.path().string();
        personality.version = bundle.version();
        personality.executable = bundle.executable().filename().string();
        personality.executable_stamp = bundle.executable_stamp();
        personality.libraries = bundle.libraries();
        personality.copy = copy;
        personality.entitlements = bundle.entitlements();
        for (const auto& chain : bundle.classes()) personality.classes.push_back(chain.front());
        personalities.push_back(std::make_shared<const Personality>(std::move(personality)));
    }
    return personalities;
}

Status Catalogue::check_classes(const Bundle& bundle,
                                const std::vector<PersonalityPtr>& personalities,
                                const std::filesystem::path& shown) const {
    // A dext built without the list of its classes may name any: what it provides is not known.
    bool complete = !bundle.classes().empty();
    std::set<std::string> provided;
    const auto collect = [&](const Bundle& from) {
        for (const auto& chain : from.classes()) provided.insert(chain.begin(), chain.end());
    };
    collect(bundle);
    for (const auto& [id, extension] : extensions_) {
        complete = complete && !extension.bundle.classes().empty();
        collect(extension.bundle);
    }
    for (const PersonalityPtr& personality : personalities) {
        const std::string where =
            (shown / "Info.plist").string() + ": IOKitPersonalities/" + personality->name + "/";
        const auto fix = [](const std::string& name, const std::set<std::string>& names,
                            std::string else_what) {
            const std::string near = nearest_name(name, names);
            return near.empty() ? std::move(else_what) : "is " + near + " meant?";
        };
        const ClassTable::Known* kernel_class = context_.classes.find(personality->kernel_class);
        if (kernel_class == nullptr || !kernel_class->declaration.for_drivers) {
            const std::vector<std::string> names = context_.classes.names_for_drivers();
            return Error{Errc::invalid, 0,
                         where + "IOClass: " + personality->kernel_class +
                             " is no class that a driver can have here; " +
                             fix(personality->kernel_class, {names.begin(), names.end()},
                                 "write IOUserService, or the class of an installed family")};
        }
        if (complete && context_.classes.find(personality->provider_class) == nullptr &&
            !provided.contains(personality->provider_class)) {
            std::set<std::string> names = context_.classes.names();
            names.merge(std::set<std::string>(provided));
            return Error{Errc::invalid, 0,
                         where + "IOProviderClass: " + personality->provider_class +
                             " is provided neither by the system nor by an installed dext; " +
                             fix(personality->provider_class, names,
                                 "correct the name, or install the dext that provides it first")};
        }
    }
    return success();
}

Status Catalogue::load() {
    ExtensionStore::Loaded loaded = OD_TRY(store_.load());
    for (const std::string& refused : loaded.refused)
        log(LogLevel::error, "passed over: " + refused);
    for (auto& [bundle, notes] : loaded.bundles) {
        const uint64_t copy = next_copy_++;
        Result<std::vector<PersonalityPtr>> personalities =
            read_personalities(bundle, copy, bundle.path());
        if (!personalities.ok()) {
            log(LogLevel::error, "passed over: " + personalities.error().text());
            continue;
        }
        if (!notes.waiting_for_user) {
            for (const PersonalityPtr& personality : personalities.value()) index_.add(personality);
        }
        std::string id = bundle.identifier();
        extensions_.emplace(std::move(id),
                            Extension{std::move(bundle), copy, notes.application,
                                      notes.waiting_for_user ? ExtensionState::waiting_for_user
                                                             : ExtensionState::enabled,
                                      notes.request});
    }
    touch();
    return success();
}

Result<StagedBundle> Catalogue::prepare(const std::filesystem::path& path) {
    if (!path.is_absolute())
        return Error{Errc::invalid, 0, path.string() + ": the path must be absolute"};
    StagedBundle staged = OD_TRY(store_.stage(path));
    // Errors about the keys name the file that the user gave.
    const std::vector<PersonalityPtr> personalities =
        OD_TRY(read_personalities(staged.bundle(), 0, path));
    OD_TRY(check_classes(staged.bundle(), personalities, path));
    return staged;
}

/// The same request once more, from a program whose link was lost: what is under way goes on, and
/// tells this one.
bool Catalogue::is_under_way(const std::string& bundle_id, uint64_t request, Done& done) {
    const auto place = waiting_.find(bundle_id);
    if (request == 0 || place == waiting_.end() || place->second.notes.request != request)
        return false;
    place->second.done = std::move(done);
    return true;
}

void Catalogue::install(const std::filesystem::path& path, Done done, uint64_t request) {
    const auto refuse = [&](Error error) {
        log(LogLevel::error, "not installed: " + error.text());
        done(std::move(error));
    };
    Result<StagedBundle> staged = prepare(path);
    if (!staged.ok()) return refuse(std::move(staged).error());
    const std::string id = staged->bundle().identifier();
    if (is_under_way(id, request, done)) return;
    const auto installed = extensions_.find(id);
    if (request != 0 && installed != extensions_.end() && installed->second.request == request)
        return done(success());
    if (waiting_.contains(id)) {
        return refuse(Error::kern(
            kIOReturnBusy, id + " is being replaced or uninstalled; try again when that is over"));
    }
    if (!would_change(*staged)) {
        log(LogLevel::notice, id + " " + staged->bundle().version() +
                                  " is installed already, and nothing was done; raise "
                                  "CFBundleVersion, or turn developer mode on");
        return done(success());
    }
    put(std::move(staged).value(), ExtensionNotes{"", false, request}, std::move(done));
}

bool Catalogue::would_change(const StagedBundle& staged) const {
    const auto installed = extensions_.find(staged.bundle().identifier());
    if (installed == extensions_.end() || developer_mode()) return true;
    const Extension& extension = installed->second;
    return extension.state == ExtensionState::waiting_for_user ||
           extension.bundle.version() != staged.bundle().version() ||
           extension.bundle.short_version() != staged.bundle().short_version();
}

void Catalogue::put(StagedBundle staged, const std::string& application, Done done) {
    put(std::move(staged), ExtensionNotes{application}, std::move(done));
}

void Catalogue::put(StagedBundle staged, const ExtensionNotes& notes, Done done) {
    const std::string id = staged.bundle().identifier();
    const auto installed = extensions_.find(id);
    if (installed == extensions_.end() ||
        installed->second.state == ExtensionState::waiting_for_user) {
        Status status = put_in_place(std::move(staged), notes);
        if (!status.ok()) log(LogLevel::error, "not installed: " + status.error().text());
        return done(std::move(status));
    }
    log(LogLevel::notice, id + " " + installed->second.bundle.version() + " is being replaced by " +
                              staged.bundle().version());
    begin(id, Operation{std::move(staged), notes, std::move(done), nullptr});
}

Status Catalogue::put_waiting(StagedBundle staged, const std::string& application) {
    return put_in_place(std::move(staged), {application, true, 0});
}

Status Catalogue::approve(const std::string& bundle_id) {
    const auto place = extensions_.find(bundle_id);
    if (place == extensions_.end() || place->second.state != ExtensionState::waiting_for_user)
        return Error{Errc::not_found, 0, bundle_id + " does not wait for approval"};
    Extension& extension = place->second;
    const std::vector<PersonalityPtr> personalities =
        OD_TRY(read_personalities(extension.bundle, extension.copy, extension.bundle.path()));
    OD_TRY(store_.approved(bundle_id));
    tell(Change::will_become_enabled, describe(extension));
    extension.state = ExtensionState::enabled;
    touch();
    for (const PersonalityPtr& personality : personalities) index_.add(personality);
    log(LogLevel::notice, bundle_id + " was approved");
    matcher_.match_nubs_of_new(personalities);
    return success();
}

bool Catalogue::developer_mode() const {
    std::string word;
    std::ifstream(developer_file_) >> word;
    if (word == "on" || word == "off") return word == "on";
    return context_.policy != PolicyMode::strict;
}

Status Catalogue::set_developer_mode(bool on) {
    OD_TRY(write_whole_file(developer_file_, on ? "on\n" : "off\n"));
    log(LogLevel::notice, std::string("developer mode is ") + (on ? "on" : "off"));
    return success();
}

void Catalogue::uninstall(const std::string& bundle_id, Done done, uint64_t request) {
    if (is_under_way(bundle_id, request, done)) return;
    if (!extensions_.contains(bundle_id) && store_.was_removed_by(request)) return done(success());
    if (!extensions_.contains(bundle_id)) {
        std::string installed;
        for (const auto& [id, extension] : extensions_)
            installed += (installed.empty() ? "" : ", ") + id;
        done(Error{Errc::not_found, 0,
                   bundle_id + " is not installed; installed: " +
                       (installed.empty() ? "nothing" : installed)});
        return;
    }
    if (waiting_.contains(bundle_id)) {
        done(Error::kern(kIOReturnBusy, bundle_id + " is being replaced or uninstalled already"));
        return;
    }
    begin(bundle_id, Operation{std::nullopt, {"", false, request}, std::move(done), nullptr});
}

void Catalogue::remove(const std::string& bundle_id, Done done) {
    begin(bundle_id, Operation{std::nullopt, {}, std::move(done), nullptr});
}

void Catalogue::begin(const std::string& bundle_id, Operation operation) {
    Extension& extension = extensions_.at(bundle_id);
    const bool replaced = operation.replacement.has_value();
    if (const auto before = waiting_.find(bundle_id); before != waiting_.end()) {
        const Done told = std::move(before->second.done);
        waiting_.erase(before);
        store_.call_off(bundle_id);
        matcher_.resume(bundle_id);
        if (told)
            told(Error::kern(kIOReturnAborted,
                             "a later request for " + bundle_id + " took the place of this one"));
    }
    tell(replaced ? Change::will_become_disabled : Change::will_become_inactive,
         describe(extension));
    extension.state =
        replaced ? ExtensionState::waiting_to_upgrade : ExtensionState::terminating_for_uninstall;
    matcher_.suspend(bundle_id);
    lifecycle_.processes().spares().discard(bundle_id);
    OPENDEXT_PROBE(daemon_replace);
    operation.timer = context_.loop.after(context_.deadlines.of(Deadline::replace_extension),
                                          [this, bundle_id] { put_off(bundle_id); });
    waiting_.emplace(bundle_id, std::move(operation));
    for (const EntryId id : lifecycle_.instances_of(bundle_id)) lifecycle_.terminate(id);
    check_waiting();
    // So that a successor does it should this opendextd die meanwhile. Where it cannot be kept,
    // only that is lost.
    if (const auto place = waiting_.find(bundle_id); place != waiting_.end())
        (void)keep(bundle_id, place->second).ok();
}

Status Catalogue::keep(const std::string& bundle_id, const Operation& operation) {
    return operation.replacement ? store_.put_off(*operation.replacement, operation.notes)
                                 : store_.put_off_removal(bundle_id, operation.notes.request);
}

void Catalogue::put_off(const std::string& bundle_id) {
    const auto place = waiting_.find(bundle_id);
    if (place == waiting_.end() || !place->second.done) return;
    Operation& operation = place->second;
    const Status kept = keep(bundle_id, operation);
    const std::string words =
        bundle_id +
        ": its instances do not end; it happens when they have, or when the realm starts next time";
    log(LogLevel::error, kept.ok() ? words : words + "; " + kept.error().text());
    const Done told = std::move(operation.done);
    operation.done = nullptr;
    told(Error::kern(kIOReturnBusy, words));
}

void Catalogue::check_waiting() {
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const std::string id = next->first;
        const bool over =
            lifecycle_.instances_of(id).empty() && lifecycle_.processes().of_bundle(id).empty();
        if (!over) {
            ++next;
            continue;
        }
        Operation operation = std::move(next->second);
        next = waiting_.erase(next);
        complete(id, std::move(operation));
    }
}

void Catalogue::complete(const std::string& bundle_id, Operation operation) {
    matcher_.resume(bundle_id);
    const auto finished = [&](Status status) {
        store_.call_off(bundle_id);
        if (operation.done) operation.done(std::move(status));
    };
    if (operation.replacement) {
        Status status = put_in_place(std::move(*operation.replacement), operation.notes);
        if (!status.ok()) {
            // The old copy is still there and goes on.
            extensions_.at(bundle_id).state = ExtensionState::enabled;
            log(LogLevel::error, "not installed: " + status.error().text());
        }
        return finished(std::move(status));
    }
    OPENDEXT_PROBE(daemon_uninstall);
    extensions_.erase(bundle_id);
    touch();
    const std::vector<PersonalityPtr> removed = index_.remove(bundle_id);
    matcher_.removed(removed);
    Status status = store_.remove(bundle_id, operation.notes.request);
    log(status.ok() ? LogLevel::notice : LogLevel::error,
        bundle_id + (status.ok() ? " uninstalled" : ": " + status.error().text()));
    OPENDEXT_PROBE(daemon_uninstalled);
    matcher_.match_nubs_of(removed);
    finished(std::move(status));
}

Status Catalogue::put_in_place(StagedBundle staged, const ExtensionNotes& notes) {
    const std::string id = staged.bundle().identifier();
    OPENDEXT_PROBE(daemon_install);
    Bundle bundle = OD_TRY(store_.commit(std::move(staged), notes));
    const uint64_t copy = next_copy_++;
    std::vector<PersonalityPtr> personalities =
        OD_TRY(read_personalities(bundle, copy, bundle.path()));
    const ExtensionState state =
        notes.waiting_for_user ? ExtensionState::waiting_for_user : ExtensionState::enabled;
    Extension extension{std::move(bundle), copy, notes.application, state, notes.request};
    if (!notes.waiting_for_user) tell(Change::will_become_enabled, describe(extension));
    std::vector<PersonalityPtr> affected = index_.remove(id);
    matcher_.removed(affected);
    if (!notes.waiting_for_user) {
        for (const PersonalityPtr& personality : personalities) index_.add(personality);
    }
    log(LogLevel::notice, id + " " + extension.bundle.version() + " installed with " +
                              std::to_string(personalities.size()) + " personalities" +
                              (notes.waiting_for_user ? "; it waits for its user's approval" : ""));
    OPENDEXT_PROBE(daemon_installed);
    extensions_.insert_or_assign(id, std::move(extension));
    touch();
    if (!notes.waiting_for_user) matcher_.match_nubs_of_new(personalities);
    matcher_.match_nubs_of(affected);
    return success();
}

void Catalogue::tell(Change change, const Info& info) {
    for (const auto& observer : observers_) observer(change, info);
}

Catalogue::Info Catalogue::describe(const Bundle& bundle) {
    Info info;
    info.bundle_id = bundle.identifier();
    info.version = bundle.version();
    info.short_version = bundle.short_version();
    info.name = bundle.name();
    info.path = bundle.path().string();
    return info;
}

Catalogue::Info Catalogue::describe(const Extension& extension) {
    Info info = describe(extension.bundle);
    info.state = std::string(to_string(extension.state));
    info.enabled = extension.state == ExtensionState::enabled;
    info.active = true;
    info.awaiting_approval = extension.state == ExtensionState::waiting_for_user;
    info.uninstalling = extension.state == ExtensionState::terminating_for_uninstall;
    info.application = extension.application;
    return info;
}

Catalogue::Info Catalogue::describe(const StagedBundle& staged) const {
    return describe(staged.bundle());
}

std::optional<Catalogue::Info> Catalogue::find(const std::string& bundle_id) const {
    const auto place = extensions_.find(bundle_id);
    if (place == extensions_.end()) return std::nullopt;
    return describe(place->second);
}

std::vector<PersonalityPtr> Catalogue::personalities() const {
    std::vector<PersonalityPtr> found = index_.all();
    for (const auto& [id, extension] : extensions_) {
        if (extension.state != ExtensionState::waiting_for_user) continue;
        auto read = read_personalities(extension.bundle, extension.copy, extension.bundle.path());
        if (!read.ok()) continue;  // it was readable when it was put there
        found.insert(found.end(), read->begin(), read->end());
    }
    return found;
}

std::vector<Catalogue::Info> Catalogue::list() const {
    std::vector<Info> infos;
    for (const auto& [id, extension] : extensions_) infos.push_back(describe(extension));
    return infos;
}

}  // namespace opendext::daemon
