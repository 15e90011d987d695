// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/synchronized.h"

#include <algorithm>

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

Phase& phase(Target& target, Phase::Kind kind) {
    const auto found =
        std::ranges::find_if(target.phases, [kind](const Phase& one) { return one.kind == kind; });
    if (found != target.phases.end()) return *found;
    Phase fresh;
    fresh.kind = kind;
    fresh.name = to_string(kind);
    fresh.where = target.where;
    target.phases.push_back(std::move(fresh));
    return target.phases.back();
}

/// The name itself or a folder above it is listed.
bool covers(const std::set<std::string, std::less<>>& names, const fs::path& relative) {
    for (fs::path part = relative; !part.empty(); part = part.parent_path()) {
        if (names.contains(part.string())) return true;
    }
    return false;
}

}  // namespace

void SynchronizedFolder::add_to(Target& target) const {
    for (const auto& [into, name] : phase_files) {
        File file;
        file.path = (folder / name).string();
        file.where = where;
        into->files.push_back(std::move(file));
    }
    std::error_code error;
    if (!fs::exists(folder, error)) {
        // Told as a missing source, with the place that names it.
        File missing;
        missing.path = folder.string();
        missing.type = "folder";
        missing.where = where;
        phase(target, Phase::Kind::sources).files.push_back(std::move(missing));
        return;
    }
    for (const auto& path : files_below(folder)) {
        const fs::path relative = path.lexically_relative(folder);
        if (!covers(exceptions, relative)) add(relative, target);
    }
}

void SynchronizedFolder::add(const fs::path& relative, Target& target) const {
    File file;
    file.path = (folder / relative).string();
    file.where = where;
    if (const auto found = flags.find(relative.string()); found != flags.end())
        file.flags = found->second;
    if (const auto found = types.find(relative.string()); found != types.end())
        file.type = found->second;
    Phase::Kind kind = covers(folders, relative) ? Phase::Kind::resources : phase_of(relative);
    if (file.type.starts_with("sourcecode."))
        kind = file.type.ends_with(".h") ? Phase::Kind::headers : Phase::Kind::sources;
    if (kind != Phase::Kind::other) phase(target, kind).files.push_back(std::move(file));
}

}  // namespace opendext::project::xcode
