// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tools/common/daemon_client.h"
#include "tools/crash/reports.h"
#include "tools/explain/saved_registry.h"
#include "tools/explain/subject.h"

namespace opendext::explain {

/// The personalities of a bundle on disk, as questions. Where the bundle breaks a rule, the error
/// names it: then that is the first broken link.
[[nodiscard]] Result<std::vector<protocol::client::LoosePersonality>> read_bundle(
    const std::filesystem::path& path);

/// Answers what words mean in a realm that is up.
class Examiner {
  public:
    static Result<Examiner> begin(const Realm& realm);

    /// A registry id (0x…), a process id, a path, a name or class of an entry, a bundle identifier
    /// or its last part, BUNDLE/PERSONALITY, a personality's name, a program: everything that is
    /// called so. Errc::not_found says what comes near.
    Result<std::vector<Subject>> explain(const std::string& word);
    /// Bundles that are not installed. With `provider` on that one only.
    Result<Subject> bundle(const std::filesystem::path& path, uint64_t provider);
    [[nodiscard]] const std::string& policy() const { return policy_; }
    /// The entry that a word names, if it is one alone.
    [[nodiscard]] Result<uint64_t> entry_named(const std::string& word);

  private:
    Examiner(Realm realm, tools::DaemonClient daemon)
        : realm_(std::move(realm)), daemon_(std::move(daemon)) {}
    Result<protocol::client::Explained> ask(protocol::client::Explain request);
    Result<Subject> personality(const std::string& name);
    Result<Subject> entry(uint64_t id);
    [[nodiscard]] Subject driver(const protocol::client::DriverActivity& driver);
    [[nodiscard]] Subject program(const protocol::client::ClientActivity& client) const;
    [[nodiscard]] std::vector<uint64_t> entries_named(const std::string& word);
    void add_facts(Subject& subject, const protocol::client::Entry& entry) const;
    void add_holders(Subject& subject, uint64_t service) const;
    /// The newest few.
    [[nodiscard]] std::vector<Crash> crashes_of(const std::string& bundle_id);
    [[nodiscard]] Error unknown(const std::string& word) const;

    Realm realm_;
    tools::DaemonClient daemon_;
    tools::RegistryImage image_;
    protocol::client::ActivityIs activity_;
    std::string policy_;
    std::optional<std::vector<crash_tool::Report>> reports_;  ///< read when first asked for
};

/// The same of a saved registry.
Result<Subject> explain_saved(const SavedRegistry& saved, const std::filesystem::path& bundle,
                              const std::string& provider);

}  // namespace opendext::explain
