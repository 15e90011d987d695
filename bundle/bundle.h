// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "bundle/abi.h"
#include "bundle/elf_object.h"
#include "bundle/rules.h"
#include "rpc/result.h"
#include "rpc/value.h"

namespace opendext::bundle {

/// A dext on disk that keeps all rules:
///
///     NAME.dext/Info.plist           what it is and what it matches
///     NAME.dext/EXECUTABLE           ELF shared object (CFBundleExecutable)
///     NAME.dext/NAME.entitlements    what it may do; a bundle without has no entitlement
///
/// A plain value without open descriptors: the files may change after open(), so who loads the
/// executable gets it by path in a folder that only the daemon writes.
///
///     auto bundle = Bundle::open("/path/Foo.dext");
///     if (!bundle.ok()) return std::move(bundle).error();   // one line: file:line:column, key,
///     value, way out for (const auto& [name, personality] : bundle->personalities()) …
class Bundle {
  public:
    /// Reads and checks the bundle: Info.plist (rules.h), the ABI that it was built for, the
    /// executable, the entitlements. The error is that of the first rule that is broken.
    [[nodiscard]] static Result<Bundle> open(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }  ///< absolute
    [[nodiscard]] const std::filesystem::path& executable() const {
        return executable_;
    }  ///< absolute
    /// Which state of the executable was checked.
    [[nodiscard]] const FileStamp& executable_stamp() const { return executable_stamp_; }
    /// That the executable names (DT_NEEDED): all are in a driver process or in the bundle.
    [[nodiscard]] const std::vector<std::string>& libraries() const { return libraries_; }
    [[nodiscard]] const Dictionary& info() const { return info_; }
    [[nodiscard]] const Dictionary& entitlements() const { return entitlements_; }

    [[nodiscard]] const std::string& identifier() const {
        return identifier_;
    }  ///< CFBundleIdentifier
    [[nodiscard]] const std::string& version() const { return version_; }  ///< CFBundleVersion
    [[nodiscard]] const std::string& short_version() const {
        return short_version_;
    }  ///< "" if there is none
    [[nodiscard]] const std::string& name() const {
        return name_;
    }  ///< CFBundleName, else the bundle's file name

    /// IOKitPersonalities as they stand in the file, each with CFBundleIdentifier filled in where
    /// it was absent.
    [[nodiscard]] const std::vector<std::pair<std::string, Dictionary>>& personalities() const {
        return personalities_;
    }
    /// Classes that the dext's sources define, each with its superclasses (nearest first), as the
    /// build recorded them: what IOProviderClass of this and other dexts may name. Empty for a
    /// bundle that records none.
    [[nodiscard]] const std::vector<std::vector<std::string>>& classes() const { return classes_; }

  private:
    Bundle() = default;

    std::filesystem::path path_;
    std::filesystem::path executable_;
    FileStamp executable_stamp_;
    std::vector<std::string> libraries_;
    Dictionary info_;
    Dictionary entitlements_;
    std::string identifier_;
    std::string version_;
    std::string short_version_;
    std::string name_;
    std::vector<std::pair<std::string, Dictionary>> personalities_;
    std::vector<std::vector<std::string>> classes_;
};

}  // namespace opendext::bundle
