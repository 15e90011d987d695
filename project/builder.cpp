// SPDX-License-Identifier: Apache-2.0
#include "project/builder.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>

#include "bundle/bundle.h"
#include "project/commands.h"
#include "project/explain.h"
#include "project/property_lists.h"
#include "project/variables.h"
#include "rpc/fd.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

std::string find_program(std::initializer_list<const char*> names) {
    const char* path = std::getenv("PATH");
    for (const char* name : names) {
        std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
        while (!rest.empty()) {
            const size_t colon = rest.find(':');
            const fs::path candidate = fs::path(rest.substr(0, colon)) / name;
            if (::access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate))
                return candidate;
            rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
        }
    }
    return {};
}

/// The steps of one build, in order; each leaves its results in members for the next.
class Builder {
  public:
    Builder(const Target& target, const Toolchain& toolchain, const BuildOptions& options)
        : target_(target),
          toolchain_(toolchain),
          options_(options),
          settings_(target.settings ? *target.settings : settings_from(target.variables)),
          work_(options.output / (target.name + ".build")),
          commands_(target, toolchain, work_, options.run.terminal) {}

    Result<BuildResult> run() {
        lists_ = OD_TRY(
            prepare_property_lists(target_, settings_, toolchain_.sdk, options_.provider_classes));
        result_.warnings = lists_.warnings;
        std::error_code error;
        fs::create_directories(work_, error);
        if (error) return Error::system("cannot create " + work_.string(), error.value());

        const UniqueFd lock = OD_TRY(lock_work_folder());
        remove_leftovers();

        OD_TRY(commands_.prepare());
        for (auto& remark : commands_.remarks()) result_.warnings.push_back(std::move(remark));
        const std::vector<Job> interfaces = commands_.interfaces();
        const std::vector<Job> compilations = commands_.compilations();
        progress_.total = interfaces.size() + compilations.size() + 1;
        OD_TRY(write_if_changed(work_ / "compile_commands.json",
                                commands_.compile_commands(compilations)));
        auto outcome = run_jobs(interfaces, options_.run, progress_);
        if (outcome.ok()) outcome = run_jobs(compilations, options_.run, progress_);
        if (outcome.ok()) {
            outcome = run_jobs({commands_.link(compilations, lists_.executable)}, options_.run,
                               progress_);
        }
        if (!outcome.ok()) return explained(outcome.error());
        OD_TRY(assemble());
        return std::move(result_);
    }

  private:
    /// What stands behind a failure, where that can be told from what the compiler said.
    [[nodiscard]] Error explained(Error error) const {
        for (const auto& reason : explain_failure(progress_.printed, target_, toolchain_.sdk))
            error.message += "\n" + reason;
        return error;
    }

    /// One build of a target at a time: a second one waits for the first.
    [[nodiscard]] Result<UniqueFd> lock_work_folder() const {
        const fs::path path = work_ / "lock";
        UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
        if (!fd) return Error::system("cannot write " + path.string());
        while (::flock(fd.get(), LOCK_EX) != 0) {
            if (errno != EINTR) return Error::system("cannot lock " + path.string());
        }
        return fd;
    }

    /// What a build left that was killed while it put the bundle together.
    void remove_leftovers() const {
        std::error_code error;
        std::vector<fs::path> found;
        const std::string prefix = "." + target_.name + "-";
        for (const auto& entry : fs::directory_iterator(options_.output, error)) {
            const std::string name = entry.path().filename().string();
            if (name.starts_with(prefix) && name.size() == prefix.size() + 6 &&
                entry.is_directory(error))
                found.push_back(entry.path());
        }
        for (const auto& path : found) fs::remove_all(path, error);
    }

    /// Puts the bundle together beside its place, opens it as the daemon will, and exchanges it
    /// with the old one.
    Status assemble() {
        const fs::path final = options_.output / (target_.name + ".dext");
        result_.bundle = final;
        const std::string info = OD_TRY(bundle::to_xml(Value(lists_.info)));
        const std::string entitlements = lists_.entitlements.is_null()
                                             ? std::string()
                                             : OD_TRY(bundle::to_xml(lists_.entitlements));
        const fs::path linked = commands_.executable(lists_.executable);
        if (is_current(final, info, entitlements, linked)) return success();

        std::string staging = (options_.output / ("." + target_.name + "-XXXXXX")).string();
        if (::mkdtemp(staging.data()) == nullptr)
            return Error::system("cannot write into " + options_.output.string());
        auto outcome = fill_and_exchange(fs::path(staging), final, info, entitlements, linked);
        std::error_code ignored;
        fs::remove_all(staging, ignored);
        result_.changed = outcome.ok();
        return outcome;
    }

    Status fill_and_exchange(const fs::path& staging, const fs::path& final,
                             const std::string& info, const std::string& entitlements,
                             const fs::path& linked) {
        const fs::path fresh = staging / final.filename();
        std::error_code error;
        fs::create_directory(fresh, error);
        fs::permissions(fresh, fs::perms{0755}, error);
        fs::copy_file(linked, fresh / lists_.executable, error);
        if (error)
            return Error::system("cannot write " + (fresh / lists_.executable).string(),
                                 error.value());
        // The copy's time says which link it comes from.
        fs::last_write_time(fresh / lists_.executable, fs::last_write_time(linked, error), error);
        OD_TRY(write_if_changed(fresh / "Info.plist", info));
        if (!entitlements.empty())
            OD_TRY(write_if_changed(fresh / (target_.name + ".entitlements"), entitlements));
        for (const auto& resource : target_.resources) {
            const fs::path to = fresh / resource.to;
            fs::create_directories(to.parent_path(), error);
            fs::copy(resource.from, to,
                     fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
            if (error)
                return Error::system("cannot copy " + resource.from.string() + " to " + to.string(),
                                     error.value());
            if (fs::is_regular_file(to, error))
                fs::last_write_time(to, fs::last_write_time(resource.from, error), error);
        }
        OD_TRY(bundle::Bundle::open(fresh));

        if (::syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, final.c_str(),
                      RENAME_EXCHANGE) == 0)
            return success();
        if (errno == EINVAL || errno == ENOSYS) {
            // A file system that cannot exchange: the old bundle goes first.
            const fs::path old = staging / "old.dext";
            if (::rename(final.c_str(), old.c_str()) != 0 && errno != ENOENT)
                return Error::system("cannot replace " + final.string());
        } else if (errno != ENOENT) {
            return Error::system("cannot replace " + final.string());
        }
        if (::rename(fresh.c_str(), final.c_str()) != 0)
            return Error::system("cannot write " + final.string());
        return success();
    }

    [[nodiscard]] bool is_current(const fs::path& final, const std::string& info,
                                  const std::string& entitlements, const fs::path& linked) const {
        std::error_code error;
        const auto same = [&](const fs::path& path, const std::string& wanted) {
            std::ifstream file(path, std::ios::binary);
            return std::string(std::istreambuf_iterator<char>(file), {}) == wanted;
        };
        const fs::path executable = final / lists_.executable;
        const bool fresh =
            fs::exists(executable, error) &&
            fs::file_size(executable, error) == fs::file_size(linked, error) &&
            fs::last_write_time(executable, error) == fs::last_write_time(linked, error);
        for (const auto& [from, to] : target_.resources) {
            const bool kept =
                fs::is_regular_file(from, error) && fs::exists(final / to, error) &&
                fs::file_size(final / to, error) == fs::file_size(from, error) &&
                fs::last_write_time(final / to, error) == fs::last_write_time(from, error);
            if (!kept) return false;
        }
        const fs::path entitlements_path = final / (target_.name + ".entitlements");
        return fresh && !error && same(final / "Info.plist", info) &&
               (entitlements.empty() ? !fs::exists(entitlements_path, error)
                                     : same(entitlements_path, entitlements));
    }

    const Target& target_;
    const Toolchain& toolchain_;
    const BuildOptions& options_;
    Settings settings_;
    fs::path work_;
    Commands commands_;
    PropertyLists lists_;
    Progress progress_;
    BuildResult result_;
};

}  // namespace

Result<Toolchain> Toolchain::find(const fs::path& prefix) {
    Toolchain found;
    const char* override = std::getenv("OPENDEXT_CXX");
    found.compiler = override != nullptr && *override != '\0'
                         ? override
                         : find_program({"clang++-19", "clang++-20", "clang++-21", "clang++"});
    if (found.compiler.empty()) {
        return Error{Errc::not_found, 0,
                     "clang++ is not installed: install it with: apt install clang-19 lld-19 "
                     "libblocksruntime-dev"};
    }
    found.iig = prefix / "bin" / "iig";
    found.sdk = prefix / "sdk";
    found.lib_folder = prefix / "lib";
    for (const fs::path& needed :
         {found.iig, found.sdk / "dext-flags.rsp", found.lib_folder / "libDriverKit.so.0"}) {
        std::error_code error;
        if (!fs::exists(needed, error)) {
            return Error{Errc::not_found, 0,
                         needed.string() +
                             " is missing: this OpenDext is incomplete, build it again with ./run"};
        }
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(found.lib_folder, error)) {
        const std::string name = entry.path().filename().string();
        const size_t mark = name.find("DriverKit.so.");
        if (!name.starts_with("lib") || mark == std::string::npos) continue;
        const std::string version = name.substr(mark + 13);
        const bool soname =
            !version.empty() && std::all_of(version.begin(), version.end(),
                                            [](unsigned char c) { return std::isdigit(c) != 0; });
        if (soname) found.libraries.push_back(entry.path());
    }
    std::sort(found.libraries.begin(), found.libraries.end());
    return found;
}

Result<BuildResult> build(const Target& target, const Toolchain& toolchain,
                          const BuildOptions& options) {
    return Builder(target, toolchain, options).run();
}

}  // namespace opendext::project
