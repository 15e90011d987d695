// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "daemon/families.h"
#include "daemon/registry/registry.h"
#include "rpc/protocol/explain.h"

namespace opendext::explain {

/// A registry from a file, of this machine or another, to ask the questions of a live one: the
/// families that are installed here match, as in opendextd, and nothing runs.
class SavedRegistry {
  public:
    /// Reads what `ioreg -l --json` or `ioreg -ali` printed: a tree from its root.
    static Result<std::unique_ptr<SavedRegistry>> read(const std::filesystem::path& path);
    ~SavedRegistry();
    SavedRegistry(const SavedRegistry&) = delete;
    SavedRegistry& operator=(const SavedRegistry&) = delete;

    /// As opendextd answers for personalities that are not installed (Explain::loose).
    [[nodiscard]] protocol::client::Explained explain(
        const protocol::client::Explain& request) const;
    [[nodiscard]] const daemon::Registry& registry() const { return registry_; }
    /// Entries of this id, path, name or class.
    [[nodiscard]] std::vector<const daemon::Entry*> named(const std::string& word) const;

  private:
    class NoHost;
    SavedRegistry();
    Status add(const Value& node, daemon::EntryId provider);
    [[nodiscard]] std::vector<std::string> classes_of(const Dictionary& node,
                                                      const std::string& class_name) const;

    daemon::Registry registry_;
    daemon::ClassTable classes_;
    daemon::Families families_{classes_};
    std::vector<std::unique_ptr<NoHost>> hosts_;
    daemon::EntryId next_made_up_ = 1;  ///< for entries that have no id in the file
};

}  // namespace opendext::explain
