// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/virtual_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "iig/parse/interface_text.h"

namespace opendext::iig {

namespace fs = std::filesystem;

namespace {

/// Entries of a directory in the order of their names; none if it cannot be read.
std::vector<fs::directory_entry> entries(const std::string& directory) {
    std::error_code error;
    std::vector<fs::directory_entry> found;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        found.push_back(*it);
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

VirtualFiles::VirtualFiles(const std::string& file, const std::vector<std::string>& interfaces,
                           const std::vector<std::string>& names,
                           const std::vector<std::string>& include_directories) {
    std::error_code ignored;
    file_ = fs::absolute(file, ignored).lexically_normal().string();
    add_own(file, names);
    for (const std::string& interface : interfaces) add_own(interface, names);
    const fs::path folder = fs::path(file).parent_path();
    for (const auto& entry : entries(folder.empty() ? "." : folder.string())) {
        if (entry.path().extension() == ".iig") add_own(entry.path().string(), names);
    }
    for (const std::string& directory : include_directories) {
        for (const auto& entry : entries(directory)) {
            const fs::path& path = entry.path();
            if (path.extension() == ".iig") add_own(path.string(), names);
            std::error_code error;
            if (!entry.is_directory(error)) continue;
            for (const auto& below : entries(path.string())) {
                if (below.path().extension() == ".iig")
                    add(below.path().string(), (path.filename() / below.path().stem()).string());
            }
        }
    }
    follow(file);
}

void VirtualFiles::add_own(const std::string& interface, const std::vector<std::string>& names) {
    const std::string stem = fs::path(interface).stem().string();
    add(interface, stem);
    for (const std::string& name : names) add(interface, name + "/" + stem);
}

void VirtualFiles::add(const std::string& interface, const std::string& name) {
    std::error_code error;
    const std::string absolute = fs::absolute(interface, error).lexically_normal().string();
    if (!interfaces_.emplace(name, absolute).second) return;  // the first include directory wins
    // Imported, so that a file without an include guard is read once, by whatever name; the file
    // that is being read is there already.
    const std::string text = absolute == file_ ? "\n" : "#import \"" + absolute + "\"\n";
    texts_[std::string(kDirectory) + "/" + name + ".h"] = text;
    texts_[std::string(kDirectory) + "/" + name + ".iig"] = text;
}

bool VirtualFiles::look_at(const std::string& path) {
    std::error_code error;
    const std::string absolute = fs::absolute(path, error).lexically_normal().string();
    if (!seen_.insert(absolute).second) return false;
    const std::string text = read_text(path);
    std::string aliased = with_kernel_alias(text);
    if (aliased == text) return false;
    texts_[path] = std::move(aliased);
    return true;
}

/// Looks at what `path` includes, and at what that includes, as far as interface files are found by
/// name: clang then reads each once.
void VirtualFiles::follow(const std::string& path) {
    std::error_code error;
    if (seen_.contains(fs::absolute(path, error).lexically_normal().string())) return;
    (void)look_at(path);
    for (const std::string& include : included_names(read_text(path))) {
        const fs::path name = include.substr(1);
        if (name.extension() != ".iig" && name.extension() != ".h") continue;
        const fs::path beside = fs::path(path).parent_path() / name;
        if (include.front() == '"' && name.extension() == ".iig" &&
            fs::is_regular_file(beside, error)) {
            follow(beside.string());
            continue;
        }
        const auto found = interfaces_.find((name.parent_path() / name.stem()).string());
        if (found != interfaces_.end()) follow(found->second);
    }
}

}  // namespace opendext::iig
