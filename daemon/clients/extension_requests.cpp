// SPDX-License-Identifier: Apache-2.0
#include "daemon/clients/extension_requests.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <utility>

#include "daemon/io_return.h"
#include "rpc/whole_file.h"

namespace opendext::daemon {

namespace client = protocol::client;
using client::ExtensionAction;
using client::ExtensionStage;

namespace {

/// OSSystemExtensionErrorCode and OSSystemExtensionRequestResult (docs/facts/iokit-client-api.csv).
enum Code : int32_t {
    kUnknown = 1,
    kMissingEntitlement = 2,
    kUnsupportedParentBundleLocation = 3,
    kExtensionNotFound = 4,
    kExtensionMissingIdentifier = 5,
    kValidationFailed = 9,
    kForbiddenBySystemPolicy = 10,
    kRequestCanceled = 11,
    kRequestSuperseded = 12,
    kAuthorizationRequired = 13,
};
constexpr int32_t kCompleted = 0;
constexpr int32_t kWillCompleteAfterReboot = 1;

constexpr const char* kInstallEntitlement = "com.apple.developer.system-extension.install";

/// Trouble of ours, or a bundle that breaks a rule.
int32_t code_of(const Error& error) {
    const bool ours = error.code == Errc::system || error.code == Errc::kern;
    return ours ? kUnknown : kValidationFailed;
}

/// Where applications are installed, besides the folder `Applications` of the realm's owner.
constexpr std::array kLocations{"/Applications", "/opt", "/usr", "/snap", "/var/lib/flatpak"};

bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder) {
    const auto relative = path.lexically_normal().lexically_relative(folder);
    return !relative.empty() && *relative.begin() != ".." && relative != ".";
}

}  // namespace

std::string_view to_string(ExtensionRequestState state) {
    switch (state) {
        case ExtensionRequestState::asking_replacement:
            return "asking whether to replace";
        case ExtensionRequestState::waiting_for_user:
            return "waiting for user";
        case ExtensionRequestState::working:
            return "working";
    }
    return "unknown";
}

std::string_view to_string(ApprovalMode mode) {
    switch (mode) {
        case ApprovalMode::automatic:
            return "automatic";
        case ApprovalMode::ask:
            return "ask";
        case ApprovalMode::deny:
            return "deny";
    }
    return "unknown";
}

std::optional<ApprovalMode> approval_mode(std::string_view name) {
    for (const auto mode : {ApprovalMode::automatic, ApprovalMode::ask, ApprovalMode::deny}) {
        if (name == to_string(mode)) return mode;
    }
    return std::nullopt;
}

ExtensionRequests::ExtensionRequests(Context& context, Catalogue& catalogue, Send send)
    : context_(context),
      catalogue_(catalogue),
      approval_file_(catalogue.settings() / "approval"),
      send_(std::move(send)),
      guard_(context.log, context.policy) {
    catalogue_.observe(
        [this](Catalogue::Change change, const Catalogue::Info& info) { on_change(change, info); });
}

ApprovalMode ExtensionRequests::approval() const {
    std::string word;
    std::ifstream(approval_file_) >> word;
    if (const auto mode = approval_mode(word)) return *mode;
    return context_.policy == PolicyMode::strict ? ApprovalMode::ask : ApprovalMode::automatic;
}

Status ExtensionRequests::set_approval(ApprovalMode mode) {
    OD_TRY(write_whole_file(approval_file_, std::string(to_string(mode)) + "\n"));
    context_.log.write(LogLevel::notice, "extensions",
                       "approval of extensions is: " + std::string(to_string(mode)));
    return success();
}

void ExtensionRequests::finish(uint64_t client, uint64_t request, int32_t result) {
    send_.progress(client, {request, ExtensionStage::finished, {}, result, ""});
}

void ExtensionRequests::fail(uint64_t client, uint64_t request, int32_t code,
                             const std::string& reason) {
    context_.log.write(LogLevel::error, "extensions", "request refused: " + reason);
    send_.progress(client, {request, ExtensionStage::failed, {}, code, reason});
}

bool ExtensionRequests::submit(const Who& who, const Request& request) {
    const bool used = std::any_of(pending_.begin(), pending_.end(), [&](const auto& pending) {
        return pending.second.client == who.client && pending.second.request == request.request;
    });
    if (used) return false;
    if (const Refusal refusal = check(who, request)) {
        fail(who.client, request.request, refusal->first, refusal->second);
        return true;
    }
    switch (request.action) {
        case ExtensionAction::activate:
            activate(who, request);
            return true;
        case ExtensionAction::deactivate:
            deactivate(who, request);
            return true;
        case ExtensionAction::properties: {
            std::vector<client::ExtensionInfo> found;
            if (auto info = catalogue_.find(request.bundle_id)) found.push_back(std::move(*info));
            send_.progress(who.client,
                           {request.request, ExtensionStage::found, std::move(found), 0, ""});
            finish(who.client, request.request, kCompleted);
            return true;
        }
    }
    return false;
}

ExtensionRequests::Refusal ExtensionRequests::check(const Who& who, const Request& request) {
    const auto refuse = [](int32_t code, std::string reason) {
        return std::pair(code, std::move(reason));
    };
    if (request.bundle_id.empty())
        return refuse(kExtensionMissingIdentifier, "the request names no extension");
    if (request.action == ExtensionAction::properties) return std::nullopt;
    if (!who.administrator) {
        return refuse(
            kAuthorizationRequired,
            request.bundle_id +
                ": only the realm's owner and root may activate or deactivate extensions; "
                "use a realm of your own, or run as root");
    }
    if (!who.identity.entitlements.contains(kInstallEntitlement) &&
        !guard_.allowed(who.identity.program + " lacks " + kInstallEntitlement)) {
        return refuse(kMissingEntitlement,
                      who.identity.program + " lacks the entitlement " + kInstallEntitlement +
                          ", which the strict policy asks for; grant it in the realm's folder "
                          "programs, or use the policy dev");
    }
    if (request.action == ExtensionAction::activate) {
        if (approval() == ApprovalMode::deny) {
            return refuse(kForbiddenBySystemPolicy,
                          request.bundle_id +
                              ": this realm activates no extensions; systemextensionsctl approval "
                              "ask changes that");
        }
        return check_location(request);
    }
    if (!catalogue_.find(request.bundle_id))
        return refuse(kExtensionNotFound, request.bundle_id + " is not installed");
    return std::nullopt;
}

ExtensionRequests::Refusal ExtensionRequests::check_location(const Request& request) const {
    if (catalogue_.developer_mode()) return std::nullopt;
    const std::filesystem::path path =
        request.application_path.empty() ? request.bundle_path : request.application_path;
    const char* home = std::getenv("HOME");
    const std::string own = home == nullptr ? "" : std::string(home) + "/Applications";
    const bool installed =
        (!own.empty() && lies_in(path, own)) ||
        std::any_of(kLocations.begin(), kLocations.end(),
                    [&](const char* location) { return lies_in(path, location); });
    if (installed) return std::nullopt;
    std::string places = own;
    for (const char* location : kLocations)
        places += (places.empty() ? "" : ", ") + std::string(location);
    return std::pair(kUnsupportedParentBundleLocation,
                     path.string() + " is not where applications are installed (" + places +
                         "); move it there, or turn developer mode on");
}

void ExtensionRequests::supersede(const std::string& bundle_id) {
    const auto place = pending_.find(bundle_id);
    if (place == pending_.end()) return;
    const Pending before = std::move(place->second);
    pending_.erase(place);
    fail(before.client, before.request, kRequestSuperseded,
         "a later request for " + bundle_id + " took the place of this one");
}

ExtensionRequests::Pending& ExtensionRequests::add(const Who& who, const Request& request,
                                                   ExtensionRequestState state) {
    Pending& pending = pending_[request.bundle_id];
    pending.number = next_++;
    pending.client = who.client;
    pending.request = request.request;
    pending.state = state;
    pending.application = request.application;
    return pending;
}

Catalogue::Done ExtensionRequests::done(const std::string& bundle_id, uint64_t number) {
    return [this, bundle_id, number](const Status& status) {
        const auto place = pending_.find(bundle_id);
        if (place == pending_.end() || place->second.number != number) return;
        const Pending over = std::move(place->second);
        pending_.erase(place);
        if (status.ok()) return finish(over.client, over.request, kCompleted);
        const Error& error = status.error();
        const bool kern = error.code == Errc::kern;
        if (kern && error.number == kIOReturnBusy)
            return finish(over.client, over.request, kWillCompleteAfterReboot);
        fail(over.client, over.request,
             kern && error.number == kIOReturnAborted ? kRequestSuperseded : code_of(error),
             error.text());
    };
}

void ExtensionRequests::activate(const Who& who, const Request& request) {
    const std::string& id = request.bundle_id;
    Result<StagedBundle> staged = catalogue_.prepare(request.bundle_path);
    if (!staged.ok()) {
        return fail(who.client, request.request, code_of(staged.error()), staged.error().text());
    }
    if (staged->bundle().identifier() != id) {
        return fail(who.client, request.request, kValidationFailed,
                    request.bundle_path + ": CFBundleIdentifier is " +
                        staged->bundle().identifier() + ", the request names " + id);
    }
    supersede(id);
    const auto installed = catalogue_.find(id);
    if (installed && !installed->awaiting_approval) {
        if (!catalogue_.would_change(*staged))
            return finish(who.client, request.request, kCompleted);
        client::ExtensionInfo fresh = catalogue_.describe(*staged);
        fresh.path = request.bundle_path;
        fresh.application = request.application;
        Pending& pending = add(who, request, ExtensionRequestState::asking_replacement);
        pending.staged = std::move(staged).value();
        return send_.progress(
            who.client,
            {request.request, ExtensionStage::replacing, {*installed, std::move(fresh)}, 0, ""});
    }
    if (approval() == ApprovalMode::automatic) {
        const uint64_t number = add(who, request, ExtensionRequestState::working).number;
        return catalogue_.put(std::move(staged).value(), request.application, done(id, number));
    }
    const Status parked = catalogue_.put_waiting(std::move(staged).value(), request.application);
    if (!parked.ok()) {
        return fail(who.client, request.request, code_of(parked.error()), parked.error().text());
    }
    add(who, request, ExtensionRequestState::waiting_for_user);
    send_.progress(who.client, {request.request, ExtensionStage::needs_approval, {}, 0, ""});
}

void ExtensionRequests::deactivate(const Who& who, const Request& request) {
    supersede(request.bundle_id);
    const uint64_t number = add(who, request, ExtensionRequestState::working).number;
    catalogue_.remove(request.bundle_id, done(request.bundle_id, number));
}

void ExtensionRequests::answer(uint64_t client, uint64_t request, bool replace) {
    const auto place = std::find_if(pending_.begin(), pending_.end(), [&](const auto& pending) {
        return pending.second.client == client && pending.second.request == request;
    });
    if (place == pending_.end() ||
        place->second.state != ExtensionRequestState::asking_replacement) {
        return;
    }
    const std::string id = place->first;
    if (!replace) {
        pending_.erase(place);
        return fail(client, request, kRequestCanceled,
                    id + ": the application chose to keep the installed version");
    }
    Pending& pending = place->second;
    pending.state = ExtensionRequestState::working;
    StagedBundle staged = std::move(*pending.staged);
    pending.staged.reset();
    catalogue_.put(std::move(staged), pending.application, done(id, pending.number));
}

Status ExtensionRequests::approve(const std::string& bundle_id, bool allow) {
    const auto info = catalogue_.find(bundle_id);
    if (!info || !info->awaiting_approval)
        return Error{Errc::not_found, 0, bundle_id + " does not wait for approval"};
    if (allow) return catalogue_.approve(bundle_id);
    const auto removed = std::make_shared<Status>(success());
    denying_ = true;
    catalogue_.remove(bundle_id, [removed](Status status) { *removed = std::move(status); });
    denying_ = false;
    return *removed;
}

void ExtensionRequests::on_change(Catalogue::Change change, const Catalogue::Info& info) {
    const auto place = pending_.find(info.bundle_id);
    if (place != pending_.end() && place->second.state == ExtensionRequestState::waiting_for_user) {
        const Pending over = std::move(place->second);
        pending_.erase(place);
        if (change == Catalogue::Change::will_become_enabled) {
            finish(over.client, over.request, kCompleted);
        } else if (denying_) {
            fail(over.client, over.request, kForbiddenBySystemPolicy,
                 info.bundle_id + " was refused by the realm's owner");
        } else {
            fail(over.client, over.request, kRequestCanceled, info.bundle_id + " was uninstalled");
        }
    }
    for (const uint64_t client : watching_) send_.changed(client, {change, info});
}

void ExtensionRequests::watch(uint64_t client, bool on) {
    if (on) {
        watching_.insert(client);
    } else {
        watching_.erase(client);
    }
}

void ExtensionRequests::client_gone(uint64_t client) {
    watching_.erase(client);
    // What waits for the user, and what is at work, goes on without it; a question is not answered.
    std::erase_if(pending_, [&](const auto& pending) { return pending.second.client == client; });
}

}  // namespace opendext::daemon
