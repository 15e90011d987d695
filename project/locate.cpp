// SPDX-License-Identifier: Apache-2.0
#include "project/locate.h"

#include <algorithm>
#include <fstream>

#include "project/target.h"
#include "project/xcode/model.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;

bool is_there(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

std::vector<fs::path> with_extension(const fs::path& folder, std::string_view extension) {
    std::vector<fs::path> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().extension() == extension) result.push_back(entry.path());
    }
    std::ranges::sort(result);
    return result;
}

std::string names(const std::vector<fs::path>& paths, const fs::path& folder) {
    std::string text;
    for (const auto& path : paths)
        text += (text.empty() ? "" : ", ") + path.lexically_relative(folder).string();
    return text;
}

bool uses_add_dext(const fs::path& list) {
    std::ifstream file(list);
    for (std::string line; std::getline(file, line);) {
        const size_t call = line.find("add_dext");
        if (call != std::string::npos && line.find('#') > call) return true;
    }
    return false;
}

/// Sources of a driver directly in the folder.
bool has_sources(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string extension = entry.path().extension();
        if (extension == ".iig" || extension == ".cpp" || extension == ".cc" ||
            entry.path().filename() == "Info.plist")
            return true;
    }
    return false;
}

/// Projects below a folder that has none itself.
std::vector<fs::path> projects_below(const fs::path& folder) {
    std::vector<fs::path> result;
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (it->path().extension() == ".xcodeproj" && is_there(it->path() / "project.pbxproj"))
            result.push_back(it->path());
        if (name == "project.yml") result.push_back(it->path());
        const bool skipped = name.starts_with('.') || name == "build" || name == "Pods" ||
                             name == "Carthage" || name == "node_modules" ||
                             it->path().extension() == ".xcodeproj" || it.depth() >= kDeepest;
        if (skipped) it.disable_recursion_pending();
    }
    std::ranges::sort(result);
    return result;
}

Result<Located> project_file(const fs::path& path) {
    const std::string name = path.filename().string();
    const std::string extension = path.extension().string();
    if (extension == ".xcodeproj") return Located{Located::Kind::xcode, {path}, path.parent_path()};
    if (name == "project.pbxproj")
        return Located{
            Located::Kind::xcode, {path.parent_path()}, path.parent_path().parent_path()};
    if (extension == ".xcworkspace") {
        Located result{Located::Kind::xcode, {}, path.parent_path()};
        for (const auto& project : OD_TRY(xcode::read_workspace(path))) {
            // Projects of package managers have no dext; they may be absent without harm.
            if (is_there(project / "project.pbxproj")) result.paths.push_back(project);
        }
        if (result.paths.empty())
            return Error{Errc::not_found, 0,
                         path.string() + ": none of the projects that it names is there"};
        return result;
    }
    if (extension == ".yml" || extension == ".yaml")
        return Located{Located::Kind::xcodegen, {path}, path.parent_path()};
    if (name == "CMakeLists.txt")
        return Located{Located::Kind::cmake, {path.parent_path()}, path.parent_path()};
    if (extension == kDescriptionExtension)
        return Located{Located::Kind::description, {path}, path.parent_path()};
    return Error{Errc::invalid, 0,
                 path.string() + (is_there(path) ? ": is a file" : ": is not there") +
                     ": give a folder with a driver's sources, an .xcodeproj or .xcworkspace, a "
                     "project.yml or a CMakeLists.txt"};
}

Error several(const fs::path& folder, const std::vector<fs::path>& found) {
    return Error{Errc::invalid, 0,
                 folder.string() + ": has several projects (" + names(found, folder) +
                     "): give the one to build"};
}

}  // namespace

std::string_view to_string(Located::Kind kind) {
    switch (kind) {
        case Located::Kind::folder:
            return "folder";
        case Located::Kind::description:
            return "target description";
        case Located::Kind::xcode:
            return "Xcode project";
        case Located::Kind::xcodegen:
            return "XcodeGen project";
        case Located::Kind::cmake:
            return "CMake project";
    }
    return "?";
}

Result<Located> locate(const fs::path& given) {
    std::error_code error;
    fs::path path = fs::absolute(given, error).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    const std::string extension = path.extension().string();
    if (!is_folder(path) || extension == ".xcodeproj" || extension == ".xcworkspace")
        return project_file(path);

    const auto projects = with_extension(path, ".xcodeproj");
    std::vector<fs::path> real;
    for (const auto& project : projects) {
        if (is_there(project / "project.pbxproj")) real.push_back(project);
    }
    if (real.size() == 1) return project_file(real.front());
    const auto workspaces = with_extension(path, ".xcworkspace");
    if (workspaces.size() == 1) return project_file(workspaces.front());
    if (real.size() > 1) return several(path, real);
    for (const char* name : {"project.yml", "project.yaml"}) {
        if (is_there(path / name)) return project_file(path / name);
    }
    if (uses_add_dext(path / "CMakeLists.txt")) return project_file(path / "CMakeLists.txt");
    if (!has_sources(path)) {
        const auto below = projects_below(path);
        if (below.size() == 1) return project_file(below.front());
        if (below.size() > 1) return several(path, below);
    }
    return Located{Located::Kind::folder, {path}, path};
}

}  // namespace opendext::project
