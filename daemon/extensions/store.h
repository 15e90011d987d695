// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "rpc/result.h"

namespace opendext::daemon {

/// What is known of an installed bundle beside its contents.
struct ExtensionNotes {
    std::string application;  ///< bundle identifier of the application that activated it, or ""
    bool waiting_for_user = false;
    uint64_t request = 0;  ///< that put it there (protocol::client::Install), or 0
};

/// A bundle that was copied into the store's staging area and found good; removed again unless
/// committed.
class StagedBundle {
  public:
    StagedBundle(StagedBundle&&) noexcept = default;
    StagedBundle& operator=(StagedBundle&&) noexcept = default;
    ~StagedBundle();
    [[nodiscard]] const bundle::Bundle& bundle() const { return bundle_; }

  private:
    friend class ExtensionStore;
    StagedBundle(std::filesystem::path folder, bundle::Bundle bundle)
        : folder_(std::move(folder)), bundle_(std::move(bundle)) {}
    std::filesystem::path folder_;
    bundle::Bundle bundle_;
};

/// The installed bundles on disk: FOLDER/BUNDLE_ID/NAME.dext, and beside it the notes
/// `application`, `waiting-for-user` and `request`. A bundle is there as a whole or not at all;
/// what an interrupted installation left in FOLDER/.staging is removed by load(), which also does
/// what was put off into FOLDER/.pending.
class ExtensionStore {
  public:
    explicit ExtensionStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Checks the bundle at `path`, copies it and checks the copy. Refuses everything but folders
    /// and regular files, and more of them than a dext can need.
    Result<StagedBundle> stage(const std::filesystem::path& path);
    /// Puts the staged bundle in its place, instead of an older copy; gives the bundle as it lies
    /// there.
    Result<bundle::Bundle> commit(StagedBundle staged, const ExtensionNotes& notes);
    /// `request`: that asked for it; 0: none.
    Status remove(const std::string& bundle_id, uint64_t request);
    /// Whether the request has begun to remove what it was to remove.
    [[nodiscard]] bool was_removed_by(uint64_t request) const;
    /// The user has allowed it.
    Status approved(const std::string& bundle_id);

    /// The next load() commits a copy of the staged bundle, or removes the bundle, unless it is
    /// called off.
    Status put_off(const StagedBundle& staged, const ExtensionNotes& notes);
    Status put_off_removal(const std::string& bundle_id, uint64_t request);
    void call_off(const std::string& bundle_id);

    struct Installed {
        bundle::Bundle bundle;
        ExtensionNotes notes;
    };
    struct Loaded {
        std::vector<Installed> bundles;
        std::vector<std::string> refused;  ///< one line each: why a folder was passed over
    };
    Result<Loaded> load();

  private:
    [[nodiscard]] std::filesystem::path staging() const { return folder_ / ".staging"; }
    [[nodiscard]] std::filesystem::path pending() const { return folder_ / ".pending"; }
    /// A file for each request that has removed something, for a quarter of an hour.
    [[nodiscard]] std::filesystem::path removals() const { return folder_ / ".removals"; }
    Status note_removal(uint64_t request);
    Result<std::filesystem::path> new_staging_folder();
    Status make_pending(const std::filesystem::path& folder, const std::string& bundle_id);
    Status do_what_was_put_off();
    std::filesystem::path folder_;
    uint64_t next_ = 0;
};

}  // namespace opendext::daemon
