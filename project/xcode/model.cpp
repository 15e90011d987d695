// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/model.h"

#include <algorithm>
#include <array>
#include <set>

namespace opendext::project::xcode {

namespace fs = std::filesystem;

namespace {

// More is no folder of sources.
constexpr size_t kMaximumFiles = 50'000;

struct Extension {
    std::string_view extension;
    std::string_view type;
    Phase::Kind phase;
};

// What Xcode takes a file for by its extension.
constexpr std::array kExtensions = {
    Extension{".iig", "sourcecode.iig", Phase::Kind::sources},
    Extension{".cpp", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".cc", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".cxx", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".cp", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".c++", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".C", "sourcecode.cpp.cpp", Phase::Kind::sources},
    Extension{".c", "sourcecode.c.c", Phase::Kind::sources},
    Extension{".m", "sourcecode.c.objc", Phase::Kind::sources},
    Extension{".mm", "sourcecode.cpp.objcpp", Phase::Kind::sources},
    Extension{".s", "sourcecode.asm", Phase::Kind::sources},
    Extension{".S", "sourcecode.asm", Phase::Kind::sources},
    Extension{".swift", "sourcecode.swift", Phase::Kind::sources},
    Extension{".metal", "sourcecode.metal", Phase::Kind::sources},
    Extension{".intentdefinition", "file.intentdefinition", Phase::Kind::sources},
    Extension{".xcdatamodeld", "wrapper.xcdatamodel", Phase::Kind::sources},
    Extension{".h", "sourcecode.c.h", Phase::Kind::headers},
    Extension{".hpp", "sourcecode.cpp.h", Phase::Kind::headers},
    Extension{".hh", "sourcecode.cpp.h", Phase::Kind::headers},
    Extension{".hxx", "sourcecode.cpp.h", Phase::Kind::headers},
    Extension{".inc", "sourcecode.c.h", Phase::Kind::headers},
    Extension{".ipp", "sourcecode.cpp.h", Phase::Kind::headers},
    Extension{".pch", "sourcecode.c.h", Phase::Kind::headers},
    Extension{".framework", "wrapper.framework", Phase::Kind::frameworks},
    Extension{".xcframework", "wrapper.xcframework", Phase::Kind::frameworks},
    Extension{".a", "archive.ar", Phase::Kind::frameworks},
    Extension{".dylib", "compiled.mach-o.dylib", Phase::Kind::frameworks},
    Extension{".tbd", "sourcecode.text-based-dylib-definition", Phase::Kind::frameworks},
    Extension{".entitlements", "text.plist.entitlements", Phase::Kind::other},
    Extension{".xcconfig", "text.xcconfig", Phase::Kind::other},
    Extension{".md", "net.daringfireball.markdown", Phase::Kind::other},
    Extension{".modulemap", "sourcecode.module", Phase::Kind::other},
    Extension{".gyb", "text", Phase::Kind::other},
    Extension{".in", "text", Phase::Kind::other},
    Extension{".app", "wrapper.application", Phase::Kind::other},
    Extension{".dext", "wrapper.driver-extension", Phase::Kind::other},
};

const Extension* find_extension(const fs::path& path) {
    const std::string extension = path.extension().string();
    const auto found = std::ranges::find_if(
        kExtensions, [&](const Extension& known) { return known.extension == extension; });
    return found == kExtensions.end() ? nullptr : &*found;
}

/// Folders that Xcode shows as one thing.
bool is_wrapper(const fs::path& path) {
    static constexpr std::array kWrappers = {
        ".xcassets", ".lproj",     ".framework",    ".xcframework", ".bundle",    ".app",
        ".dext",     ".scnassets", ".xcdatamodeld", ".docc",        ".xcodeproj", ".xcworkspace"};
    const std::string extension = path.extension().string();
    return std::ranges::find(kWrappers, extension) != kWrappers.end();
}

}  // namespace

std::string File::name() const {
    return fs::path(path).filename().string();
}

std::string_view File::kind() const {
    // A text or file without a type of its own is what its name says.
    if (!type.empty() && type != "text" && type != "file") return type;
    const Extension* known = find_extension(path);
    return known != nullptr ? known->type : std::string_view("file");
}

std::string_view to_string(Phase::Kind kind) {
    switch (kind) {
        case Phase::Kind::sources:
            return "sources";
        case Phase::Kind::headers:
            return "headers";
        case Phase::Kind::resources:
            return "resources";
        case Phase::Kind::frameworks:
            return "frameworks";
        case Phase::Kind::copy_files:
            return "copy files";
        case Phase::Kind::script:
            return "script";
        case Phase::Kind::other:
            return "other";
    }
    return "?";
}

const Configuration* ConfigurationList::find(std::string_view name) const {
    const auto found = std::ranges::find_if(
        configurations, [name](const Configuration& one) { return one.name == name; });
    return found == configurations.end() ? nullptr : &*found;
}

std::string_view Target::short_type() const {
    const std::string_view text = type;
    constexpr std::string_view prefix = "com.apple.product-type.";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

bool Target::is_application() const {
    return short_type() == "application" || short_type().starts_with("application.");
}

bool Target::is_library() const {
    return short_type().starts_with("library.") || short_type() == "framework" ||
           short_type() == "framework.static" || short_type() == "objfile";
}

const Target* Project::find(std::string_view wanted) const {
    const auto found = std::ranges::find_if(
        targets, [wanted](const Target& target) { return target.name == wanted; });
    return found == targets.end() ? nullptr : &*found;
}

std::vector<std::string> Project::configuration_names() const {
    std::vector<std::string> names;
    const auto add = [&names](const ConfigurationList& list) {
        for (const auto& one : list.configurations) {
            if (std::ranges::find(names, one.name) == names.end()) names.push_back(one.name);
        }
    };
    add(configurations);
    for (const auto& target : targets) add(target.configurations);
    return names;
}

Phase::Kind phase_of(const fs::path& file) {
    const std::string name = file.filename().string();
    if (name == "Info.plist" || name.ends_with("-Info.plist") || name == "project.yml")
        return Phase::Kind::other;
    const Extension* known = find_extension(file);
    return known != nullptr ? known->phase : Phase::Kind::resources;
}

std::vector<fs::path> files_below(const fs::path& folder) {
    std::vector<fs::path> result;
    std::error_code error;
    const fs::path root = fs::canonical(folder, error);
    std::set<fs::path> folders = {root};
    fs::recursive_directory_iterator it(folder,
                                        fs::directory_options::skip_permission_denied |
                                            fs::directory_options::follow_directory_symlink,
                                        error);
    for (const fs::recursive_directory_iterator end;
         !error && it != end && result.size() < kMaximumFiles; it.increment(error)) {
        std::error_code ignored;
        const bool hidden = it->path().filename().string().starts_with('.');
        const bool is_folder = it->is_directory(ignored);
        // A link to a folder above, or to one that was seen, would give its files twice.
        const fs::path real = is_folder ? fs::canonical(it->path(), ignored) : fs::path();
        const bool seen = is_folder && (root.string().starts_with(real.string() + "/") ||
                                        !folders.insert(real).second);
        if (is_folder && (hidden || seen || is_wrapper(it->path()))) it.disable_recursion_pending();
        if (!hidden && (!is_folder || is_wrapper(it->path()))) result.push_back(it->path());
    }
    std::ranges::sort(result);
    return result;
}

}  // namespace opendext::project::xcode
