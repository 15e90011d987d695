// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "bundle/rules.h"
#include "project/target.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

bool one_of(const fs::path& extension, std::initializer_list<std::string_view> wanted) {
    return std::find(wanted.begin(), wanted.end(), extension.string()) != wanted.end();
}

bool is_skipped_folder(const fs::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with('.') || name == "build" || name == "DerivedData" ||
           one_of(path.extension(),
                  {".dext", ".app", ".xcodeproj", ".xcworkspace", ".xcassets", ".lproj", ".build"});
}

Error invalid(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

std::string names(const std::vector<fs::path>& paths, const fs::path& folder) {
    std::string text;
    for (const auto& path : paths)
        text += (text.empty() ? "" : ", ") + path.lexically_relative(folder).string();
    return text;
}

/// Info.plist beside the sources wins; else the only file that ends so.
Result<fs::path> choose_info(const fs::path& folder, const std::vector<fs::path>& found) {
    if (found.empty()) {
        return invalid(
            folder.string() +
            ": has no Info.plist: add one that says what the driver matches (IOKitPersonalities)");
    }
    for (const auto& path : found) {
        if (path == folder / "Info.plist") return path;
    }
    if (found.size() > 1) {
        return invalid(folder.string() + ": has several property lists (" + names(found, folder) +
                       "): give the folder of the driver, the one with its Info.plist");
    }
    return found.front();
}

/// Two sources of one stem would compile into one object.
Status check_stems(const std::vector<fs::path>& interfaces) {
    std::map<std::string, fs::path> seen;
    for (const auto& path : interfaces) {
        const auto [old, fresh] = seen.emplace(path.stem().string(), path);
        if (!fresh) {
            return invalid(path.string() + ": has the same name as " + old->second.string() +
                           ", both would become " + old->first + ".h: rename one");
        }
    }
    return success();
}

}  // namespace

Variables default_variables(const std::string& name) {
    return {
        {"TARGET_NAME", name},
        {"PRODUCT_NAME", "$(TARGET_NAME)"},
        {"EXECUTABLE_NAME", "$(PRODUCT_NAME)"},
        {"PRODUCT_MODULE_NAME", "$(PRODUCT_NAME:c99extidentifier)"},
        {"PRODUCT_BUNDLE_PACKAGE_TYPE", "DEXT"},
        {"MARKETING_VERSION", "1.0"},
        {"CURRENT_PROJECT_VERSION", "1"},
        {"DEVELOPMENT_LANGUAGE", "en"},
        {"CONFIGURATION", "Release"},
    };
}

Result<Target> find_folder_target(const fs::path& given, const TargetOptions& options) {
    std::error_code error;
    Target target;
    target.folder = fs::absolute(given, error).lexically_normal();
    if (!target.folder.has_filename()) target.folder = target.folder.parent_path();
    if (!fs::is_directory(target.folder, error)) {
        return invalid(given.string() +
                       (fs::exists(target.folder, error) ? ": is a file" : ": is not there") +
                       ": give the folder that holds the driver's .iig, .cpp and Info.plist");
    }

    std::vector<fs::path> infos;
    std::vector<fs::path> entitlements;
    fs::recursive_directory_iterator it(target.folder,
                                        fs::directory_options::skip_permission_denied, error);
    for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
        const fs::path& path = it->path();
        std::error_code ignored;
        if (it->is_directory(ignored)) {
            if (is_skipped_folder(path) || path == options.output) it.disable_recursion_pending();
            continue;
        }
        const fs::path extension = path.extension();
        if (path.filename().string().starts_with('.')) continue;
        if (extension == ".iig")
            target.interfaces.push_back(path);
        else if (one_of(extension, {".cpp", ".cc", ".cxx", ".c"}))
            target.sources.push_back(path);
        else if (one_of(extension, {".h", ".hpp", ".hh"}))
            target.headers.push_back(path);
        else if (extension == ".entitlements")
            entitlements.push_back(path);
        else if (path.filename().string().ends_with("Info.plist"))
            infos.push_back(path);
    }
    if (error) return Error::system("cannot read " + target.folder.string(), error.value());
    for (auto* list :
         {&target.interfaces, &target.sources, &target.headers, &entitlements, &infos}) {
        std::sort(list->begin(), list->end());
    }

    if (target.interfaces.empty() && target.sources.empty()) {
        return invalid(
            given.string() +
            ": has no .iig and no .cpp file: give the folder that holds the driver's sources");
    }
    OD_TRY(check_stems(target.interfaces));
    target.info_plist = OD_TRY(choose_info(target.folder, infos));
    if (entitlements.size() > 1) {
        return invalid(target.folder.string() + ": has several entitlements files (" +
                       names(entitlements, target.folder) + "): keep that of the driver");
    }
    if (!entitlements.empty()) target.entitlements = entitlements.front();

    target.name = !options.name.empty()          ? options.name
                  : !target.entitlements.empty() ? target.entitlements.stem().string()
                                                 : target.folder.filename().string();
    if (!bundle::is_identifier(target.name)) {
        return invalid(
            "\"" + target.name +
            "\" cannot name a bundle: choose one of letters, digits, '.', '-' and '_' with --name");
    }

    target.include_folders = {target.folder};
    for (const auto& path : options.include_folders)
        target.include_folders.push_back(fs::absolute(path, error).lexically_normal());
    target.definitions = options.definitions;
    target.variables = default_variables(target.name);
    if (!options.bundle_id.empty())
        target.variables["PRODUCT_BUNDLE_IDENTIFIER"] = options.bundle_id;
    for (const auto& [name, value] : options.variables) target.variables[name] = value;
    return target;
}

}  // namespace opendext::project
