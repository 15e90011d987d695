// SPDX-License-Identifier: Apache-2.0
#include "daemon/extensions/catalogue.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "daemon/io_return.h"

namespace opendext::daemon {

using bundle::Bundle;

std::string_view to_string(ExtensionState state) {
    switch (state) {
        case ExtensionState::enabled:
            return "activated enabled";
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
        personality.executable = bundle.executable().filename().string();
        personality.copy = copy;
        personality.entitlements = bundle.entitlements();
        personalities.push_back(std::make_shared<const Personality>(std::move(personality)));
    }
    return personalities;
}

Status Catalogue::check_classes(const Bundle& bundle,
                                const std::vector<PersonalityPtr>& personalities) const {
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
        const std::string where = (bundle.path().filename() / "Info.plist").string() +
                                  ": IOKitPersonalities/" + personality->name + "/";
        const ClassTable::Known* kernel_class = context_.classes.find(personality->kernel_class);
        if (kernel_class == nullptr || !kernel_class->declaration.for_drivers) {
            return Error{Errc::invalid, 0,
                         where + "IOClass: " + personality->kernel_class +
                             " is no class that a driver can have here; write IOUserService, or "
                             "the class of an "
                             "installed family"};
        }
        if (complete && context_.classes.find(personality->provider_class) == nullptr &&
            !provided.contains(personality->provider_class)) {
            return Error{Errc::invalid, 0,
                         where + "IOProviderClass: " + personality->provider_class +
                             " is provided neither by the system nor by an installed dext; correct "
                             "the name, or "
                             "install the dext that provides it first"};
        }
    }
    return success();
}

Status Catalogue::load() {
    ExtensionStore::Loaded loaded = OD_TRY(store_.load());
    for (const std::string& refused : loaded.refused)
        log(LogLevel::error, "passed over: " + refused);
    for (Bundle& bundle : loaded.bundles) {
        const uint64_t copy = next_copy_++;
        Result<std::vector<PersonalityPtr>> personalities =
            read_personalities(bundle, copy, bundle.path());
        if (!personalities.ok()) {
            log(LogLevel::error, "passed over: " + personalities.error().text());
            continue;
        }
        for (const PersonalityPtr& personality : personalities.value()) index_.add(personality);
        std::string id = bundle.identifier();
        extensions_.emplace(std::move(id), Extension{std::move(bundle), copy});
    }
    return success();
}

void Catalogue::install(const std::filesystem::path& path, Done done) {
    const auto refuse = [&](Error error) {
        log(LogLevel::error, "not installed: " + error.text());
        done(std::move(error));
    };
    if (!path.is_absolute())
        return refuse(Error{Errc::invalid, 0, path.string() + ": the path must be absolute"});
    Result<StagedBundle> staged = store_.stage(path);
    if (!staged.ok()) return refuse(std::move(staged).error());
    const Bundle& bundle = staged->bundle();
    const std::string id = bundle.identifier();
    // Errors about the keys name the file that the user gave.
    Result<std::vector<PersonalityPtr>> personalities = read_personalities(bundle, 0, path);
    if (!personalities.ok()) return refuse(std::move(personalities).error());
    Status checked = check_classes(bundle, personalities.value());
    if (!checked.ok()) return refuse(std::move(checked).error().in(path.parent_path().string()));
    if (waiting_.contains(id)) {
        return refuse(Error::kern(
            kIOReturnBusy, id + " is being replaced or uninstalled; try again when that is over"));
    }
    const auto installed = extensions_.find(id);
    if (installed == extensions_.end()) {
        Status status = put_in_place(std::move(staged).value());
        if (!status.ok()) return refuse(std::move(status).error());
        done(success());
        return;
    }
    if (!developer_mode() && installed->second.bundle.version() == bundle.version() &&
        installed->second.bundle.short_version() == bundle.short_version()) {
        log(LogLevel::notice, id + " " + bundle.version() +
                                  " is installed already, and nothing was done; raise "
                                  "CFBundleVersion, or turn developer mode on");
        done(success());
        return;
    }
    log(LogLevel::notice, id + " " + installed->second.bundle.version() + " is being replaced by " +
                              bundle.version());
    begin(id, ExtensionState::waiting_to_upgrade,
          Operation{std::move(staged).value(), std::move(done)});
}

bool Catalogue::developer_mode() const {
    std::string word;
    std::ifstream(developer_file_) >> word;
    if (word == "on" || word == "off") return word == "on";
    return context_.policy != PolicyMode::strict;
}

Status Catalogue::set_developer_mode(bool on) {
    std::ofstream file(developer_file_);
    file << (on ? "on" : "off") << "\n";
    if (!file.flush()) return Error::system("cannot write " + developer_file_.string());
    log(LogLevel::notice, std::string("developer mode is ") + (on ? "on" : "off"));
    return success();
}

void Catalogue::uninstall(const std::string& bundle_id, Done done) {
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
    begin(bundle_id, ExtensionState::terminating_for_uninstall,
          Operation{std::nullopt, std::move(done)});
}

void Catalogue::begin(const std::string& bundle_id, ExtensionState state, Operation operation) {
    extensions_.at(bundle_id).state = state;
    matcher_.suspend(bundle_id);
    waiting_.emplace(bundle_id, std::move(operation));
    for (const EntryId id : lifecycle_.instances_of(bundle_id)) lifecycle_.terminate(id);
    check_waiting();
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
    if (operation.replacement) {
        Status status = put_in_place(std::move(*operation.replacement));
        if (!status.ok()) {
            // The old copy is still there and goes on.
            extensions_.at(bundle_id).state = ExtensionState::enabled;
            log(LogLevel::error, "not installed: " + status.error().text());
        }
        operation.done(std::move(status));
        return;
    }
    extensions_.erase(bundle_id);
    const std::vector<PersonalityPtr> removed = index_.remove(bundle_id);
    Status status = store_.remove(bundle_id);
    log(status.ok() ? LogLevel::notice : LogLevel::error,
        bundle_id + (status.ok() ? " uninstalled" : ": " + status.error().text()));
    matcher_.match_nubs_of(removed);
    operation.done(std::move(status));
}

Status Catalogue::put_in_place(StagedBundle staged) {
    const std::string id = staged.bundle().identifier();
    Bundle bundle = OD_TRY(store_.commit(std::move(staged)));
    const uint64_t copy = next_copy_++;
    std::vector<PersonalityPtr> personalities =
        OD_TRY(read_personalities(bundle, copy, bundle.path()));
    std::vector<PersonalityPtr> affected = index_.remove(id);
    for (const PersonalityPtr& personality : personalities) index_.add(personality);
    affected.insert(affected.end(), personalities.begin(), personalities.end());
    log(LogLevel::notice, id + " " + bundle.version() + " installed with " +
                              std::to_string(personalities.size()) + " personalities");
    extensions_.insert_or_assign(id, Extension{std::move(bundle), copy});
    matcher_.match_nubs_of(affected);
    return success();
}

std::vector<protocol::client::ExtensionInfo> Catalogue::list() const {
    std::vector<protocol::client::ExtensionInfo> infos;
    for (const auto& [id, extension] : extensions_) {
        protocol::client::ExtensionInfo info;
        info.bundle_id = id;
        info.version = extension.bundle.version();
        info.short_version = extension.bundle.short_version();
        info.name = extension.bundle.name();
        info.path = extension.bundle.path().string();
        info.state = std::string(to_string(extension.state));
        info.enabled = extension.state == ExtensionState::enabled;
        info.active = true;
        infos.push_back(std::move(info));
    }
    return infos;
}

}  // namespace opendext::daemon
