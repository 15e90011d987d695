// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/clients/connections.h"
#include "daemon/context.h"
#include "daemon/entitlements/guard.h"
#include "daemon/extensions/catalogue.h"
#include "rpc/protocol/client.h"

namespace opendext::daemon {

/// How far a request of an application about an extension is.
enum class ExtensionRequestState : uint8_t {
    asking_replacement,  ///< the application's delegate is asked
    waiting_for_user,    ///< systemextensionsctl approve or deny
    working,             ///< instances of the old copy end
};
[[nodiscard]] std::string_view to_string(ExtensionRequestState state);

/// What activating an extension for the first time needs.
enum class ApprovalMode : uint8_t {
    automatic,  ///< nothing
    ask,        ///< the realm's owner says yes
    deny,       ///< nothing is activated
};
[[nodiscard]] std::string_view to_string(ApprovalMode mode);
[[nodiscard]] std::optional<ApprovalMode> approval_mode(std::string_view name);

/// The requests of applications about extensions (OSSystemExtensionRequest): one for each extension
/// at a time; a later one takes its place. Rules: docs/facts/semantics.md section 2, and
/// docs/design/extension-requests.md for what the facts leave open.
class ExtensionRequests {
  public:
    using Request = protocol::client::RequestExtension;
    using Progress = protocol::client::ExtensionProgress;
    using Changed = protocol::client::ExtensionChanged;
    struct Who {
        uint64_t client = 0;
        const ClientIdentity& identity;
        bool administrator = false;  ///< of the realm
    };
    struct Send {
        std::function<void(uint64_t client, Progress)> progress;
        std::function<void(uint64_t client, Changed)> changed;
    };
    ExtensionRequests(Context& context, Catalogue& catalogue, Send send);

    /// False: the client uses a number twice.
    [[nodiscard]] bool submit(const Who& who, const Request& request);
    void answer(uint64_t client, uint64_t request, bool replace);
    Status approve(const std::string& bundle_id, bool allow);
    /// Kept in the realm; `ask` under the strict policy and `automatic` otherwise until it is set.
    [[nodiscard]] ApprovalMode approval() const;
    Status set_approval(ApprovalMode mode);
    void watch(uint64_t client, bool on);
    void client_gone(uint64_t client);

  private:
    struct Pending {
        uint64_t number = 0;  ///< unique; a done call-back of an older one finds nothing
        uint64_t client = 0;
        uint64_t request = 0;
        ExtensionRequestState state = ExtensionRequestState::working;
        std::optional<StagedBundle> staged;
        std::string application;
    };
    using Refusal = std::optional<std::pair<int32_t, std::string>>;

    [[nodiscard]] Refusal check(const Who& who, const Request& request);
    [[nodiscard]] Refusal check_location(const Request& request) const;
    void activate(const Who& who, const Request& request);
    void deactivate(const Who& who, const Request& request);
    void supersede(const std::string& bundle_id);
    Pending& add(const Who& who, const Request& request, ExtensionRequestState state);
    Catalogue::Done done(const std::string& bundle_id, uint64_t number);
    void on_change(Catalogue::Change change, const Catalogue::Info& info);
    void finish(uint64_t client, uint64_t request, int32_t result);
    void fail(uint64_t client, uint64_t request, int32_t code, const std::string& reason);

    Context& context_;
    Catalogue& catalogue_;
    std::filesystem::path approval_file_;
    Send send_;
    PolicyGuard guard_;
    uint64_t next_ = 1;
    std::map<std::string, Pending> pending_;  ///< by bundle identifier
    std::set<uint64_t> watching_;
    bool denying_ = false;  ///< approve(…, false) is at work
};

}  // namespace opendext::daemon
