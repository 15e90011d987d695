// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "bundle/plist.h"
#include "bundle/rules.h"
#include "project/target.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 10> kKeys = {
    "name",        "folder",     "interfaces",   "sources",  "headers", "include_folders",
    "definitions", "info_plist", "entitlements", "variables"};

/// A description without lists stands for all that lies in its folder.
bool names_files(const Dictionary& root) {
    return std::ranges::any_of(
        std::array{"interfaces", "sources", "headers", "info_plist", "entitlements"},
        [&](const char* key) { return find(root, key) != nullptr; });
}

/// Reads the fields one by one; the first thing that is wrong becomes the error.
class Description {
  public:
    Description(const bundle::Plist& plist, const Dictionary& root, fs::path base)
        : plist_(plist), root_(root), base_(std::move(base)) {}

    Result<Target> read() {
        for (const auto& [key, value] : root_) {
            if (std::ranges::find(kKeys, key) == kKeys.end())
                return wrong(key, "is no field of a target description: remove it");
        }
        Target target;
        if (!names_files(root_)) {
            TargetOptions found;
            found.name = OD_TRY(text("name"));
            target = OD_TRY(find_folder_target(OD_TRY(optional_path("folder", base_)), found));
            OD_TRY(add_common(target));
            return target;
        }
        target.name = OD_TRY(text("name"));
        if (!bundle::is_identifier(target.name))
            return wrong("name", "\"" + target.name + "\" cannot name a bundle");
        target.folder = OD_TRY(optional_path("folder", base_));
        target.interfaces = OD_TRY(paths("interfaces"));
        target.sources = OD_TRY(paths("sources"));
        target.headers = OD_TRY(paths("headers"));
        target.info_plist = absolute(OD_TRY(text("info_plist")));
        target.entitlements = OD_TRY(optional_path("entitlements", {}));
        target.variables = default_variables(target.name);
        OD_TRY(add_common(target));
        if (target.interfaces.empty() && target.sources.empty())
            return wrong("sources", "has no .iig and no .cpp file");
        return target;
    }

  private:
    /// What both kinds of description may hold.
    Status add_common(Target& target) const {
        const std::vector<fs::path> folders = OD_TRY(paths("include_folders"));
        target.include_folders.insert(target.include_folders.end(), folders.begin(), folders.end());
        target.definitions = OD_TRY(texts("definitions"));
        const Value* variables = find(root_, "variables");
        if (variables == nullptr) return success();
        if (variables->dictionary() == nullptr) return wrong("variables", "must be a dictionary");
        for (const auto& [name, value] : *variables->dictionary()) {
            if (value.string() == nullptr) return wrong("variables/" + name, "must be a string");
            target.variables[name] = *value.string();
        }
        return success();
    }
    [[nodiscard]] Error wrong(const std::string& key, const std::string& what) const {
        return Error{Errc::invalid, 0, plist_.where(key) + ": " + key + ": " + what};
    }
    [[nodiscard]] fs::path absolute(const std::string& path) const {
        return (base_ / path).lexically_normal();
    }
    Result<std::string> text(const std::string& key) const {
        const std::string* value = find_string(root_, key);
        if (value == nullptr || value->empty())
            return wrong(key, "is missing: add <key>" + key + "</key><string>…</string>");
        return *value;
    }
    Result<fs::path> optional_path(const std::string& key, const fs::path& otherwise) const {
        if (find(root_, key) == nullptr) return otherwise;
        return absolute(OD_TRY(text(key)));
    }
    Result<std::vector<std::string>> texts(const std::string& key) const {
        std::vector<std::string> found;
        const Value* value = find(root_, key);
        if (value == nullptr) return found;
        if (value->array() == nullptr) return wrong(key, "must be an array of strings");
        for (const Value& member : *value->array()) {
            if (member.string() == nullptr) return wrong(key, "must be an array of strings");
            found.push_back(*member.string());
        }
        return found;
    }
    Result<std::vector<fs::path>> paths(const std::string& key) const {
        std::vector<fs::path> found;
        const std::vector<std::string> words = OD_TRY(texts(key));
        for (const auto& word : words) found.push_back(absolute(word));
        return found;
    }

    const bundle::Plist& plist_;
    const Dictionary& root_;
    const fs::path base_;
};

}  // namespace

Result<Target> read_target_description(const fs::path& file, const TargetOptions& options) {
    std::error_code error;
    const fs::path path = fs::absolute(file, error).lexically_normal();
    const bundle::Plist plist = OD_TRY(bundle::read_plist(path));
    const Dictionary root = OD_TRY(plist.dictionary());
    Target target = OD_TRY(Description(plist, root, path.parent_path()).read());
    if (!options.name.empty()) {
        target.name = options.name;
        target.variables["TARGET_NAME"] = options.name;
    }
    if (!options.bundle_id.empty())
        target.variables["PRODUCT_BUNDLE_IDENTIFIER"] = options.bundle_id;
    for (const auto& [name, value] : options.variables) target.variables[name] = value;
    for (const auto& folder : options.include_folders)
        target.include_folders.push_back(fs::absolute(folder, error).lexically_normal());
    target.definitions.insert(target.definitions.end(), options.definitions.begin(),
                              options.definitions.end());
    return target;
}

}  // namespace opendext::project
