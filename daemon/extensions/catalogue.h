// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/context.h"
#include "daemon/extensions/store.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/matcher.h"
#include "daemon/matching/index.h"
#include "rpc/protocol/client.h"

namespace opendext::daemon {

enum class ExtensionState : uint8_t {
    enabled,
    waiting_to_upgrade,         ///< a newer copy waits for the instances of this one to end
    terminating_for_uninstall,  ///< its instances are being ended
};
[[nodiscard]] std::string_view to_string(ExtensionState state);

/// What is installed, and the order of events when that changes: a replaced bundle's instances end
/// first, then files and personalities are exchanged, then the nubs are matched again
/// (docs/facts/semantics.md section 2).
class Catalogue {
  public:
    Catalogue(Context& context, std::filesystem::path folder, PersonalityIndex& index,
              Matcher& matcher, Lifecycle& lifecycle)
        : context_(context),
          developer_file_(folder.parent_path() / "developer-mode"),
          store_(std::move(folder)),
          index_(index),
          matcher_(matcher),
          lifecycle_(lifecycle) {}

    using Done = std::function<void(Status)>;
    /// Reads what is installed. Bad folders are logged and passed over.
    Status load();
    void install(const std::filesystem::path& path, Done done);
    void uninstall(const std::string& bundle_id, Done done);
    [[nodiscard]] std::vector<protocol::client::ExtensionInfo> list() const;
    /// Whether a version that is installed may be installed again. On unless the policy is strict,
    /// until somebody says otherwise; kept in the realm.
    [[nodiscard]] bool developer_mode() const;
    [[nodiscard]] Status set_developer_mode(bool on);
    /// Something ended that an operation may wait for.
    void check_waiting();

  private:
    struct Extension {
        bundle::Bundle bundle;
        uint64_t copy = 0;
        ExtensionState state = ExtensionState::enabled;
    };
    struct Operation {
        std::optional<StagedBundle> replacement;  ///< empty: uninstall
        Done done;
    };
    Result<std::vector<PersonalityPtr>> read_personalities(
        const bundle::Bundle& bundle, uint64_t copy, const std::filesystem::path& shown) const;
    [[nodiscard]] Status check_classes(const bundle::Bundle& bundle,
                                       const std::vector<PersonalityPtr>& personalities) const;
    void begin(const std::string& bundle_id, ExtensionState state, Operation operation);
    void complete(const std::string& bundle_id, Operation operation);
    Status put_in_place(StagedBundle staged);
    void log(LogLevel level, const std::string& text) {
        context_.log.write(level, "extensions", text);
    }

    Context& context_;
    std::filesystem::path developer_file_;
    ExtensionStore store_;
    PersonalityIndex& index_;
    Matcher& matcher_;
    Lifecycle& lifecycle_;
    std::map<std::string, Extension> extensions_;
    std::map<std::string, Operation> waiting_;
    uint64_t next_copy_ = 1;
};

}  // namespace opendext::daemon
