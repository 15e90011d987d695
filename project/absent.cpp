// SPDX-License-Identifier: Apache-2.0
#include "project/absent.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

constexpr int kFoldersAbove = 5;
constexpr int kDeepest = 6;

bool has_part(const fs::path& path, std::string_view part) {
    return std::ranges::any_of(path, [part](const fs::path& one) { return one == part; });
}

/// The folder itself and those above it, as far as a repository reaches.
std::vector<fs::path> upwards(fs::path folder) {
    std::vector<fs::path> result;
    std::error_code error;
    for (int i = 0; i < kFoldersAbove && !folder.empty(); ++i) {
        result.push_back(folder);
        if (fs::exists(folder / ".git", error) || folder == folder.parent_path()) break;
        folder = folder.parent_path();
    }
    return result;
}

bool mentions(const fs::path& file, std::string_view word) {
    std::ifstream text(file, std::ios::binary);
    for (std::string line; std::getline(text, line);) {
        if (line.find(word) != std::string::npos) return true;
    }
    return false;
}

/// `path = X` of .gitmodules that lies above the file.
std::string submodule(const fs::path& file, const std::vector<fs::path>& folders) {
    for (const auto& folder : folders) {
        std::ifstream text(folder / ".gitmodules");
        for (std::string line; std::getline(text, line);) {
            const size_t equals = line.find('=');
            const size_t key = line.find("path");
            if (equals == std::string::npos || key == std::string::npos || key > equals) continue;
            const size_t begin = line.find_first_not_of(" \t", equals + 1);
            if (begin == std::string::npos) continue;
            const std::string path = line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
            const std::string relative = file.lexically_relative(folder / path).string();
            if (!relative.empty() && !relative.starts_with("..")) return path;
        }
    }
    return {};
}

/// The makefile or script near the project that speaks of making files, to name the step.
std::string maker(const fs::path& folder, const std::string& name, const fs::path& project_folder) {
    for (const auto& place : upwards(project_folder)) {
        std::error_code error;
        std::vector<fs::path> candidates;
        for (const auto& entry : fs::directory_iterator(place, error)) {
            const std::string file = entry.path().filename().string();
            const std::string extension = entry.path().extension().string();
            const bool script = extension == ".sh" || extension == ".py" || extension == ".rb";
            if (file == "Makefile" || file == "makefile" || file == "CMakeLists.txt" || script)
                candidates.push_back(entry.path());
        }
        std::ranges::sort(candidates);
        for (const auto& candidate : candidates) {
            if (mentions(candidate, name)) return candidate.string();
        }
        if (fs::exists(place / "Makefile", error)) return (place / "Makefile").string();
    }
    return folder.string();
}

/// A template that the file is made from: Info.plist.in, Version.h.template …
fs::path template_of(const fs::path& file) {
    static constexpr std::array kEndings = {".in", ".template", ".tmpl",   ".erb",
                                            ".j2", ".sample",   ".example"};
    std::error_code error;
    for (const char* ending : kEndings) {
        const fs::path candidate = file.string() + ending;
        if (fs::exists(candidate, error)) return candidate;
    }
    return {};
}

/// The same name in other letters: fine on a Mac, another file on Linux.
fs::path other_case(const fs::path& file) {
    const auto lower = [](std::string text) {
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
        return text;
    };
    std::error_code error;
    const std::string wanted = lower(file.filename().string());
    for (const auto& entry : fs::directory_iterator(file.parent_path(), error)) {
        if (lower(entry.path().filename().string()) == wanted) return entry.path();
    }
    return {};
}

/// A line of a .gitignore above the file that means it.
bool is_ignored(const fs::path& file, const std::vector<fs::path>& folders) {
    for (const auto& folder : folders) {
        std::ifstream text(folder / ".gitignore");
        for (std::string line; std::getline(text, line);) {
            while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
                line.pop_back();
            if (line.empty() || line.front() == '#' || line.front() == '!') continue;
            const size_t slash = line.rfind('/');
            const std::string pattern = slash == std::string::npos ? line : line.substr(slash + 1);
            if (pattern.empty() || pattern == "*" || pattern == "**") continue;
            if (::fnmatch(pattern.c_str(), file.filename().c_str(), 0) == 0) return true;
        }
    }
    return false;
}

/// A file of the same name in another folder of the project.
fs::path elsewhere(const fs::path& file, const fs::path& project_folder) {
    std::error_code error;
    fs::recursive_directory_iterator it(project_folder, error);
    for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with('.') || name == "build" || it.depth() > kDeepest)
            it.disable_recursion_pending();
        if (name == file.filename().string() && it->path() != file) return it->path();
    }
    return {};
}

}  // namespace

std::string why_absent(const fs::path& file, const fs::path& project_folder) {
    if (has_part(file, "Pods"))
        return "CocoaPods makes it: run `pod install` in " + project_folder.string() + " first";
    if (has_part(file, "Carthage"))
        return "Carthage fetches it: run `carthage bootstrap` in " + project_folder.string() +
               " first";
    if (has_part(file, "DerivedData") || has_part(file, "SourcePackages"))
        return "Xcode's Swift package manager puts it there: resolve the packages first";
    const auto folders = upwards(project_folder);
    if (const std::string path = submodule(file, folders); !path.empty())
        return path + " is a git submodule: run `git submodule update --init` first";
    if (const fs::path made_from = template_of(file); !made_from.empty()) {
        return "a step before the build makes it from " + made_from.filename().string() +
               " beside it (see " +
               maker(file.parent_path(), file.filename().string(), project_folder) +
               "): take that step first";
    }
    if (const fs::path other = other_case(file); !other.empty())
        return "there is " + other.filename().string() +
               ", which is another name on Linux: name it the same in both places";
    if (const fs::path other = elsewhere(file, project_folder); !other.empty()) {
        return "there is " + other.lexically_relative(project_folder).string() +
               ": correct the path in the project, or move the file";
    }
    if (is_ignored(file, folders)) {
        return "it is left out of version control (.gitignore), so each developer makes it: see "
               "the "
               "project's README";
    }
    return "restore it from version control, take the step that generates it, or remove it from "
           "the "
           "project";
}

std::string absent_sources(const std::string& target, const std::vector<fs::path>& files,
                           const std::vector<std::string>& places, size_t listed,
                           const fs::path& project_folder) {
    const std::string name = files.front().lexically_relative(project_folder).string();
    std::string text = places.front() + ": ";
    if (files.size() == listed && listed > 1) {
        text += "the sources of target " + target + " are absent: none of its " +
                std::to_string(listed) + " files is there, the first is " + name + ": ";
    } else if (files.size() > 1) {
        text += "target " + target + " lists " + std::to_string(files.size()) +
                " files that are not there, the first is " + name + ": ";
    } else {
        text += "target " + target + " lists " + name + ", which is not there: ";
    }
    return text + why_absent(files.front(), project_folder);
}

}  // namespace opendext::project
