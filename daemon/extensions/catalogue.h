// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
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
    waiting_for_user,           ///< installed, but matched only once the user has approved it
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
          lifecycle_(lifecycle) {
        describe_records();
    }

    using Done = std::function<void(Status)>;
    using Change = protocol::client::ExtensionChange;
    using Info = protocol::client::ExtensionInfo;
    /// Who is told before an extension is matched, replaced or uninstalled.
    void observe(std::function<void(Change, const Info&)> observer) {
        observers_.push_back(std::move(observer));
    }

    /// Reads what is installed. Bad folders are logged and passed over.
    Status load();
    /// For a successor of opendextd: matches again where the predecessor did not come to it.
    void resume(const Ledger& ledger);
    /// What the realm's owner says counts as approved. A `request` that is not 0 is carried out
    /// once however often it is made (protocol::client::Install).
    void install(const std::filesystem::path& path, Done done, uint64_t request = 0);
    void uninstall(const std::string& bundle_id, Done done, uint64_t request = 0);

    // For requests of applications. `done` of these may get kIOReturnBusy: the instances do not end
    // now, and the work is done when they have, or when the realm starts next time. An operation
    // that is under way is superseded: its `done` gets kIOReturnAborted.

    /// Copies the bundle and checks all that can be checked before it is put in place.
    Result<StagedBundle> prepare(const std::filesystem::path& path);
    [[nodiscard]] Info describe(const StagedBundle& staged) const;
    [[nodiscard]] std::optional<Info> find(const std::string& bundle_id) const;
    /// Whether installing it would change anything: another version is there, or developer mode is
    /// on.
    [[nodiscard]] bool would_change(const StagedBundle& staged) const;
    void put(StagedBundle staged, const std::string& application, Done done);
    /// Puts it in place to wait for the user.
    Status put_waiting(StagedBundle staged, const std::string& application);
    Status approve(const std::string& bundle_id);
    void remove(const std::string& bundle_id, Done done);

    [[nodiscard]] std::vector<Info> list() const;
    /// Every one that is installed: those that are matched in the order of installation, then those
    /// of extensions that are not enabled.
    [[nodiscard]] std::vector<PersonalityPtr> personalities() const;
    /// Whether a version that is installed may be installed again. On unless the policy is strict,
    /// until somebody says otherwise; kept in the realm.
    [[nodiscard]] bool developer_mode() const;
    [[nodiscard]] Status set_developer_mode(bool on);
    /// The folder where the realm keeps what it was told.
    [[nodiscard]] std::filesystem::path settings() const { return developer_file_.parent_path(); }
    /// Something ended that an operation may wait for.
    void check_waiting();

  private:
    struct Extension {
        bundle::Bundle bundle;
        uint64_t copy = 0;
        std::string application;
        ExtensionState state = ExtensionState::enabled;
        uint64_t request = 0;  ///< that installed it
    };
    struct Operation {
        std::optional<StagedBundle> replacement;  ///< empty: uninstall
        ExtensionNotes notes;                     ///< of the replacement; `request` also without
        Done done;                                ///< empty: told already
        std::unique_ptr<Handle> timer;
    };
    Result<std::vector<PersonalityPtr>> read_personalities(
        const bundle::Bundle& bundle, uint64_t copy, const std::filesystem::path& shown) const;
    void put(StagedBundle staged, const ExtensionNotes& notes, Done done);
    [[nodiscard]] bool is_under_way(const std::string& bundle_id, uint64_t request, Done& done);
    [[nodiscard]] Status check_classes(const bundle::Bundle& bundle,
                                       const std::vector<PersonalityPtr>& personalities,
                                       const std::filesystem::path& shown) const;
    void begin(const std::string& bundle_id, Operation operation);
    void complete(const std::string& bundle_id, Operation operation);
    void put_off(const std::string& bundle_id);
    /// Has the next load() do it.
    Status keep(const std::string& bundle_id, const Operation& operation);
    Status put_in_place(StagedBundle staged, const ExtensionNotes& notes);
    void tell(Change change, const Info& info);
    void describe_records();
    [[nodiscard]] std::vector<uint8_t> record() const;
    /// What is installed changed.
    void touch();
    [[nodiscard]] static Info describe(const bundle::Bundle& bundle);
    [[nodiscard]] static Info describe(const Extension& extension);
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
    std::vector<std::function<void(Change, const Info&)>> observers_;
};

}  // namespace opendext::daemon
