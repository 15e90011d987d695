// SPDX-License-Identifier: Apache-2.0
#include "daemon/extensions/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <utility>

#include "rpc/fd.h"

namespace opendext::daemon {

namespace fs = std::filesystem;
using bundle::Bundle;

namespace {

constexpr size_t kMaxFiles = 4096;
constexpr uintmax_t kMaxBytes = uintmax_t{512} * 1024 * 1024;
constexpr int kMaxDepth = 16;

Error trouble(const fs::path& path, const std::error_code& error) {
    return Error::system(path.string(), error.value());
}

/// Copies one regular file without following links or waiting for a pipe.
Status copy_file(const fs::path& from, const fs::path& to, uintmax_t& bytes) {
    const UniqueFd source(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!source) return Error::system("cannot read " + from.string());
    struct stat status{};
    if (::fstat(source.get(), &status) != 0) return Error::system(from.string());
    if (!S_ISREG(status.st_mode))
        return Error{Errc::invalid, 0, from.string() + " is not a regular file"};
    bytes += static_cast<uintmax_t>(status.st_size);
    if (bytes > kMaxBytes)
        return Error{Errc::no_space, 0, from.string() + ": the bundle is larger than 512 MiB"};
    const mode_t mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
    const UniqueFd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!target) return Error::system("cannot create " + to.string());
    std::array<char, 64 * 1024> buffer;
    for (;;) {
        const ssize_t count = ::read(source.get(), buffer.data(), buffer.size());
        if (count < 0) return Error::system("cannot read " + from.string());
        if (count == 0) return success();
        if (::write(target.get(), buffer.data(), static_cast<size_t>(count)) != count) {
            return Error::system("cannot write " + to.string());
        }
    }
}

/// What the realm's user may not read may be there for whoever installs it.
Error for_whom(Error error, const fs::path& bundle) {
    if (error.code != Errc::system || error.number != EACCES) return error;
    return Error{Errc::not_permitted, 0,
                 error.text() + ": the realm runs as user " + std::to_string(::geteuid()) +
                     ", who may not read it; give everybody the right to: chmod -R a+rX " +
                     bundle.string()};
}

/// Visits a tree of folders and regular files; anything else is an error.
template <typename Visit>
Status walk(const fs::path& root, const fs::path& below, int depth, size_t& files, Visit visit) {
    if (depth > kMaxDepth)
        return Error{Errc::invalid, 0, (root / below).string() + ": folders are nested too deep"};
    std::error_code error;
    fs::directory_iterator entries(root / below, error);
    if (error) return trouble(root / below, error);
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
        if (error) return trouble(root / below, error);
        const fs::path relative = below / entries->path().filename();
        const fs::file_status status = entries->symlink_status(error);
        if (error) return trouble(entries->path(), error);
        if (++files > kMaxFiles)
            return Error{Errc::no_space, 0, root.string() + ": more than 4096 files"};
        if (fs::is_directory(status)) {
            OD_TRY(visit(relative, true));
            OD_TRY(walk(root, relative, depth + 1, files, visit));
        } else if (fs::is_regular_file(status)) {
            OD_TRY(visit(relative, false));
        } else {
            return Error{Errc::invalid, 0,
                         entries->path().string() +
                             " is neither folder nor regular file; a bundle must not contain links "
                             "or devices"};
        }
        if (error) return trouble(root / below, error);
    }
    return success();
}

Status check_tree(const fs::path& bundle) {
    std::error_code error;
    if (!fs::is_directory(bundle, error)) {
        return Error{Errc::not_found, 0,
                     bundle.string() + " is no folder; give the path of a NAME.dext"};
    }
    size_t files = 0;
    return walk(bundle, {}, 0, files, [](const fs::path&, bool) { return success(); });
}

Status copy_tree(const fs::path& from, const fs::path& to) {
    std::error_code error;
    if (!fs::create_directory(to, error) && error) return trouble(to, error);
    size_t files = 0;
    uintmax_t bytes = 0;
    return walk(from, {}, 0, files, [&](const fs::path& relative, bool folder) -> Status {
        if (!folder) return copy_file(from / relative, to / relative, bytes);
        std::error_code made;
        fs::create_directory(to / relative, made);
        return made ? Status(trouble(to / relative, made)) : success();
    });
}

constexpr const char* kApplication = "application";
constexpr const char* kWaiting = "waiting-for-user";
constexpr const char* kRemoval = "removal";
constexpr const char* kRequest = "request";
/// Longer than a program repeats a request.
constexpr std::chrono::minutes kRemovalsKept{15};

Status write_note(const fs::path& file, const std::string& text) {
    std::ofstream out(file);
    out << text << "\n";
    return out.flush() ? success() : Status(Error::system("cannot write " + file.string()));
}

Status write_notes(const fs::path& folder, const ExtensionNotes& notes) {
    if (!notes.application.empty()) OD_TRY(write_note(folder / kApplication, notes.application));
    if (notes.waiting_for_user) OD_TRY(write_note(folder / kWaiting, "yes"));
    if (notes.request != 0) OD_TRY(write_note(folder / kRequest, std::to_string(notes.request)));
    return success();
}

ExtensionNotes read_notes(const fs::path& folder) {
    ExtensionNotes notes;
    std::ifstream(folder / kApplication) >> notes.application;
    std::ifstream(folder / kRequest) >> notes.request;
    std::error_code ignored;
    notes.waiting_for_user = fs::exists(folder / kWaiting, ignored);
    return notes;
}

/// The folder comes into the place of another one, or of nothing, in one step; what was there is at
/// `folder` afterwards.
Status exchange(const fs::path& folder, const fs::path& target) {
    std::error_code error;
    const bool there = fs::exists(target, error);
    if (::renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, target.c_str(),
                    there ? RENAME_EXCHANGE : 0) != 0) {
        return Error::system("cannot " + std::string(there ? "replace " : "install ") +
                             target.string());
    }
    return success();
}

}  // namespace

StagedBundle::~StagedBundle() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Result<fs::path> ExtensionStore::new_staging_folder() {
    std::error_code error;
    fs::create_directories(staging(), error);
    if (error) return trouble(staging(), error);
    fs::path folder = staging() / std::to_string(next_++);
    fs::remove_all(folder, error);
    if (!fs::create_directory(folder, error)) return trouble(folder, error);
    return folder;
}

Result<StagedBundle> ExtensionStore::stage(const fs::path& path) {
    fs::path source = path.lexically_normal();
    if (!source.has_filename()) source = source.parent_path();  // a trailing slash
    if (Status readable = check_tree(source); !readable.ok())
        return for_whom(std::move(readable).error(), source);
    // Messages name the user's file, not our copy.
    if (Result<Bundle> opened = Bundle::open(source); !opened.ok())
        return for_whom(std::move(opened).error(), source);
    const fs::path folder = OD_TRY(new_staging_folder());
    const fs::path copy = folder / source.filename();
    Status copied = copy_tree(source, copy);
    std::error_code ignored;
    if (!copied.ok()) {
        fs::remove_all(folder, ignored);
        return std::move(copied).error();
    }
    // The source may have changed meanwhile: only the copy counts.
    Result<Bundle> opened = Bundle::open(copy);
    if (!opened.ok()) {
        fs::remove_all(folder, ignored);
        return std::move(opened).error();
    }
    return StagedBundle(folder, std::move(opened).value());
}

Result<Bundle> ExtensionStore::commit(StagedBundle staged, const ExtensionNotes& notes) {
    const fs::path target = folder_ / staged.bundle_.identifier();
    const std::string name = staged.bundle_.path().filename().string();
    OD_TRY(write_notes(staged.folder_, notes));
    // There is no moment without a copy. The destructor of `staged` removes the old one.
    OD_TRY(exchange(staged.folder_, target));
    return Bundle::open(target / name);
}

Status ExtensionStore::approved(const std::string& bundle_id) {
    std::error_code error;
    const fs::path note = folder_ / bundle_id / kWaiting;
    fs::remove(note, error);
    return error ? Status(trouble(note, error)) : success();
}

Status ExtensionStore::put_off(const StagedBundle& staged, const ExtensionNotes& notes) {
    const fs::path folder = OD_TRY(new_staging_folder());
    OD_TRY(copy_tree(staged.bundle_.path(), folder / staged.bundle_.path().filename()));
    OD_TRY(write_notes(folder, notes));
    return make_pending(folder, staged.bundle_.identifier());
}

Status ExtensionStore::put_off_removal(const std::string& bundle_id, uint64_t request) {
    const fs::path folder = OD_TRY(new_staging_folder());
    OD_TRY(write_note(folder / kRemoval, std::to_string(request)));
    return make_pending(folder, bundle_id);
}

/// Before it is removed: who asks again is told of success only if nothing is there any more.
Status ExtensionStore::note_removal(uint64_t request) {
    if (request == 0) return success();
    std::error_code error;
    fs::create_directories(removals(), error);
    if (error) return trouble(removals(), error);
    const auto oldest = fs::file_time_type::clock::now() - kRemovalsKept;
    for (const fs::directory_entry& file : fs::directory_iterator(removals(), error)) {
        std::error_code ignored;
        if (file.last_write_time(ignored) < oldest) fs::remove(file.path(), ignored);
    }
    return write_note(removals() / std::to_string(request), "yes");
}

bool ExtensionStore::was_removed_by(uint64_t request) const {
    std::error_code ignored;
    return request != 0 && fs::exists(removals() / std::to_string(request), ignored);
}

/// In one step: what is half written must never be carried out.
Status ExtensionStore::make_pending(const fs::path& folder, const std::string& bundle_id) {
    std::error_code error;
    fs::create_directories(pending(), error);
    if (error) return trouble(pending(), error);
    OD_TRY(exchange(folder, pending() / bundle_id));
    fs::remove_all(folder, error);
    return success();
}

void ExtensionStore::call_off(const std::string& bundle_id) {
    std::error_code ignored;
    fs::remove_all(pending() / bundle_id, ignored);
}

Status ExtensionStore::do_what_was_put_off() {
    std::error_code error;
    fs::directory_iterator waiting(pending(), error);
    if (error == std::errc::no_such_file_or_directory) return success();
    if (error) return trouble(pending(), error);
    for (const fs::directory_entry& entry : waiting) {
        const fs::path target = folder_ / entry.path().filename();
        if (fs::exists(entry.path() / kRemoval, error)) {
            uint64_t request = 0;
            std::ifstream(entry.path() / kRemoval) >> request;
            OD_TRY(note_removal(request));
            fs::remove_all(target, error);
        } else {
            // Whoever comes back after a kill in between finds it waiting, or in its place.
            const fs::path old = OD_TRY(new_staging_folder()) / "replaced";
            fs::rename(target, old, error);
            fs::rename(entry.path(), target, error);
            if (error) return trouble(target, error);
        }
        fs::remove_all(entry.path(), error);
    }
    fs::remove_all(pending(), error);
    return error ? Status(trouble(pending(), error)) : success();
}

Status ExtensionStore::remove(const std::string& bundle_id, uint64_t request) {
    OD_TRY(note_removal(request));
    // Out of sight first, in one step; then file by file.
    const fs::path folder = OD_TRY(new_staging_folder());
    const fs::path target = folder_ / bundle_id;
    if (::rename(target.c_str(), (folder / "removed").c_str()) != 0) {
        return Error::system("cannot remove " + target.string());
    }
    std::error_code error;
    fs::remove_all(folder, error);
    return error ? Status(trouble(folder, error)) : success();
}

Result<ExtensionStore::Loaded> ExtensionStore::load() {
    std::error_code error;
    fs::remove_all(staging(), error);
    OD_TRY(do_what_was_put_off());
    Loaded loaded;
    fs::directory_iterator folders(folder_, error);
    if (error == std::errc::no_such_file_or_directory) return loaded;
    if (error) return trouble(folder_, error);
    std::vector<fs::path> found;
    for (const fs::directory_entry& folder : folders) {
        if (folder.path().filename().string().starts_with(".")) continue;
        if (!folder.is_directory(error)) continue;
        for (const fs::directory_entry& inside : fs::directory_iterator(folder.path(), error)) {
            if (inside.path().extension() == ".dext") found.push_back(inside.path());
        }
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) {
        Result<Bundle> opened = Bundle::open(path);
        if (!opened.ok()) {
            loaded.refused.push_back(opened.error().text());
        } else if (opened->identifier() != path.parent_path().filename()) {
            loaded.refused.push_back(path.string() + ": the folder is not named " +
                                     opened->identifier());
        } else {
            loaded.bundles.push_back({std::move(opened).value(), read_notes(path.parent_path())});
        }
    }
    return loaded;
}

}  // namespace opendext::daemon
