// SPDX-License-Identifier: Apache-2.0
#include "project/cmake_project.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "bundle/bundle.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

/// Runs a program with our own output; its output on standard output goes to standard error, which
/// is where progress belongs.
Status run(const std::vector<std::string>& command, bool verbose, bool quiet) {
    if (verbose) {
        std::string line;
        for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
        std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (quiet) {
        ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    } else {
        ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
    }
    pid_t pid = -1;
    const int result = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (result == ENOENT) {
        return Error{
            Errc::not_found, 0,
            command.front() + " is not installed: install it with: apt install cmake ninja-build"};
    }
    if (result != 0) return Error::system("cannot run " + command.front(), result);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return Error::system("cannot wait for " + command.front());
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return success();
    return Error{Errc::invalid, 0, command.front() + " failed"};
}

bool in_path(const char* name) {
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
    while (!rest.empty()) {
        const size_t colon = rest.find(':');
        if (::access((fs::path(rest.substr(0, colon)) / name).c_str(), X_OK) == 0) return true;
        rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    }
    return false;
}

/// What a bundle holds, in two places: are they the same?
bool same(const fs::path& a, const fs::path& b) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(a, error)) {
        if (!entry.is_regular_file(error)) continue;
        const fs::path other = b / entry.path().lexically_relative(a);
        const bool kept = fs::exists(other, error) &&
                          fs::file_size(other, error) == entry.file_size(error) &&
                          fs::last_write_time(other, error) == entry.last_write_time(error);
        if (!kept) return false;
    }
    return !error && fs::exists(b, error);
}

Result<BuildResult> collect(const fs::path& bundle, const fs::path& output) {
    BuildResult result;
    result.bundle = output / bundle.filename();
    if (same(bundle, result.bundle)) return result;
    const fs::path fresh = output / ("." + bundle.filename().string() + ".new");
    std::error_code error;
    fs::remove_all(fresh, error);
    fs::copy(bundle, fresh, fs::copy_options::recursive, error);
    if (error) return Error::system("cannot copy to " + fresh.string(), error.value());
    for (const auto& entry : fs::recursive_directory_iterator(bundle, error)) {
        if (entry.is_regular_file(error))
            fs::last_write_time(fresh / entry.path().lexically_relative(bundle),
                                entry.last_write_time(error), error);
    }
    fs::remove_all(result.bundle, error);
    fs::rename(fresh, result.bundle, error);
    if (error) return Error::system("cannot write " + result.bundle.string(), error.value());
    result.changed = true;
    return result;
}

}  // namespace

Result<ProjectResult> build_cmake(const Located& located, const ProjectOptions& options,
                                  const fs::path& prefix) {
    const fs::path& source = located.paths.front();
    const fs::path output = options.output.empty() ? located.folder / "build" : options.output;
    const fs::path work = output / (source.filename().string() + ".cmake");
    const fs::path package = prefix / "lib" / "cmake" / "OpenDext";
    std::error_code error;
    if (!fs::exists(package / "OpenDextConfig.cmake", error)) {
        return Error{Errc::not_found, 0,
                     (package / "OpenDextConfig.cmake").string() +
                         " is missing: this OpenDext is incomplete, build it again with ./run"};
    }
    const auto& run_options = options.build.run;
    std::vector<std::string> configure = {
        "cmake",
        "-S",
        source,
        "-B",
        work,
        "-DOpenDext_DIR=" + package.string(),
        "--no-warn-unused-cli",
        "-DCMAKE_BUILD_TYPE=" +
            (options.configuration.empty() ? std::string("Release") : options.configuration)};
    if (!fs::exists(work / "CMakeCache.txt", error)) {
        if (in_path("ninja")) configure.insert(configure.end(), {"-G", "Ninja"});
        if (in_path("clang++-19") && std::getenv("CXX") == nullptr)
            configure.insert(configure.end(),
                             {"-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_C_COMPILER=clang-19"});
    }
    OD_TRY(run(configure, run_options.verbose, true));
    std::vector<std::string> build = {"cmake", "--build", work, "--parallel",
                                      std::to_string(run_options.parallel)};
    if (!options.target.empty()) build.insert(build.end(), {"--target", options.target});
    if (run_options.verbose) build.emplace_back("--verbose");
    OD_TRY(run(build, run_options.verbose, run_options.quiet));

    std::vector<fs::path> bundles;
    for (fs::recursive_directory_iterator it(work, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() != ".dext") continue;
        it.disable_recursion_pending();
        if (fs::exists(it->path() / "Info.plist", error)) bundles.push_back(it->path());
    }
    std::ranges::sort(bundles);
    if (bundles.empty()) {
        return Error{Errc::not_found, 0,
                     source.string() +
                         ": CMake made no dext: call add_dext(NAME SOURCES …) after "
                         "find_package(OpenDext REQUIRED)"};
    }
    ProjectResult result;
    for (const auto& bundle : bundles) result.dexts.push_back(OD_TRY(collect(bundle, output)));
    return result;
}

}  // namespace opendext::project
