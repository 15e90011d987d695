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
#include "project/classes.h"
#include "project/variables.h"
#include "rpc/fd.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

Error invalid(std::string message) {
    return Error{Errc::invalid, 0, std::move(message)};
}

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

std::string json_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + "\"";
}

/// The steps of one build, in order; each leaves its results in members for the next.
class Builder {
  public:
    Builder(const Target& target, const Toolchain& toolchain, const BuildOptions& options)
        : target_(target),
          toolchain_(toolchain),
          options_(options),
          work_(options.output / (target.name + ".build")),
          generated_(work_ / "generated") {}

    Result<BuildResult> run() {
        OD_TRY(prepare_property_lists());
        std::ifstream flags(toolchain_.sdk / "dext-flags.rsp");
        for (std::string word; flags >> word;) flags_file_.push_back(word);
        std::error_code error;
        fs::create_directories(work_, error);
        if (error) return Error::system("cannot create " + work_.string(), error.value());

        const UniqueFd lock = OD_TRY(lock_work_folder());
        remove_leftovers();

        const std::vector<Job> interfaces = interface_jobs();
        const std::vector<Job> compilations = compile_jobs();
        progress_.total = interfaces.size() + compilations.size() + 1;
        OD_TRY(write_if_changed(work_ / "compile_commands.json", compile_commands(compilations)));
        OD_TRY(run_jobs(interfaces, options_.run, progress_));
        OD_TRY(run_jobs(compilations, options_.run, progress_));
        OD_TRY(run_jobs({link_job(compilations)}, options_.run, progress_));
        OD_TRY(assemble());
        return std::move(result_);
    }

  private:
    /// Info.plist and entitlements, expanded, completed and checked, before any compiler runs.
    Status prepare_property_lists() {
        bundle::Plist info =
            OD_TRY(expand(OD_TRY(bundle::read_plist(target_.info_plist)), target_.variables));
        Dictionary root = OD_TRY(info.dictionary());
        const auto complete = [&](const char* key, std::string_view value) -> Status {
            if (root.contains(key)) return success();
            root[key] = OD_TRY(expand(value, target_.variables));
            return success();
        };
        // What Xcode adds too when a project leaves it out.
        OD_TRY(complete("CFBundlePackageType", "$(PRODUCT_BUNDLE_PACKAGE_TYPE)"));
        OD_TRY(complete("CFBundleExecutable", "$(EXECUTABLE_NAME)"));
        OD_TRY(complete("CFBundleName", "$(PRODUCT_NAME)"));
        OD_TRY(complete("CFBundleVersion", "$(CURRENT_PROJECT_VERSION)"));
        OD_TRY(complete("CFBundleShortVersionString", "$(MARKETING_VERSION)"));
        OD_TRY(complete("CFBundleInfoDictionaryVersion", "6.0"));
        OD_TRY(complete("CFBundleDevelopmentRegion", "$(DEVELOPMENT_LANGUAGE)"));
        if (target_.variables.contains("PRODUCT_BUNDLE_IDENTIFIER")) {
            OD_TRY(complete("CFBundleIdentifier", "$(PRODUCT_BUNDLE_IDENTIFIER)"));
        }
        info.root = root;
        std::vector<bundle::Problem> problems = bundle::check_info(info);

        const ClassMap own = find_classes(target_.interfaces);
        const ClassMap sdk = find_sdk_classes(toolchain_.sdk / "include");
        for (auto& problem : check_class_names(info, own, sdk, options_.provider_classes))
            problems.push_back(std::move(problem));

        if (!target_.entitlements.empty()) {
            bundle::Plist entitlements =
                OD_TRY(expand(OD_TRY(bundle::read_plist(target_.entitlements)), target_.variables));
            for (auto& problem : bundle::check_entitlements(entitlements))
                problems.push_back(std::move(problem));
            entitlements_ = std::move(entitlements.root);
        }
        size_t errors = 0;
        const std::string* first = nullptr;
        for (const auto& problem : problems) {
            if (problem.severity == bundle::Problem::Severity::warning) {
                result_.warnings.push_back(problem.message);
                continue;
            }
            if (first == nullptr) first = &problem.message;
            ++errors;
        }
        if (first != nullptr)
            return invalid(*first +
                           (errors > 1 ? " (and " + std::to_string(errors - 1) + " more)" : ""));

        root[bundle::kAbiKey] = Value(bundle::kDextAbi);
        Array classes;
        for (const auto& chain : class_chains(own)) classes.emplace_back(chain);
        root[bundle::kClassesKey] = std::move(classes);
        executable_ = *find_string(root, "CFBundleExecutable");
        info_ = std::move(root);
        return success();
    }

    /// The flags file is for C++; C sources get it without what clang refuses for C.
    [[nodiscard]] std::vector<std::string> flags_for(const fs::path& source) const {
        std::vector<std::string> flags;
        if (source.extension() == ".c") flags = {"-x", "c", "-std=gnu17"};
        for (const auto& word : flags_file_) {
            const bool only_cxx =
                word.starts_with("-std=") || word == "-fno-rtti" || word.starts_with("-stdlib=");
            if (source.extension() != ".c" || !only_cxx) flags.push_back(word);
        }
        for (const auto& definition : target_.definitions) flags.push_back("-D" + definition);
        return flags;
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

    [[nodiscard]] std::vector<std::string> sdk_includes() const {
        return {"-isystem", toolchain_.sdk / "platform", "-isystem", toolchain_.sdk / "include"};
    }
    template <typename... Lists>
    static std::vector<std::string> joined(const Lists&... lists) {
        std::vector<std::string> result;
        (result.insert(result.end(), lists.begin(), lists.end()), ...);
        return result;
    }

    /// X.h lies in generated/NAME/, so that both "X.h" and <NAME/X.h> find it.
    [[nodiscard]] fs::path header_folder() const { return generated_ / target_.name; }

    /// iig writes its outputs in one step and leaves alone what would not change.
    [[nodiscard]] std::vector<Job> interface_jobs() const {
        std::vector<std::string> arguments;
        for (const auto& word : flags_file_) {
            if (word.starts_with("-D") || word.starts_with("-std=")) arguments.push_back(word);
        }
        for (const auto& definition : target_.definitions) arguments.push_back("-D" + definition);
        for (const auto& folder : target_.include_folders)
            arguments.push_back("-I" + folder.string());
        std::vector<Job> jobs;
        for (const auto& interface : target_.interfaces) {
            const std::string stem = interface.stem().string();
            Job job;
            job.title = "generate " + stem + ".h from " + interface.filename().string();
            job.outputs = {header_folder() / (stem + ".h"), generated_ / (stem + ".iig.cpp")};
            job.depfile = generated_ / (stem + ".iig.d");
            job.command =
                joined(std::vector<std::string>{toolchain_.iig, "--no-sdk", "--framework-name",
                                                target_.name, "--def", interface, "--header",
                                                job.outputs[0], "--impl", job.outputs[1],
                                                "--depfile", job.depfile, "--"},
                       arguments, sdk_includes());
            job.inputs = {interface, toolchain_.iig};
            jobs.push_back(std::move(job));
        }
        return jobs;
    }

    [[nodiscard]] std::vector<Job> compile_jobs() const {
        std::vector<std::string> includes;
        for (const auto& folder : target_.include_folders)
            includes.push_back("-I" + folder.string());
        includes.push_back("-I" + header_folder().string());
        includes.push_back("-I" + generated_.string());

        std::vector<fs::path> sources = target_.sources;
        for (const auto& interface : target_.interfaces)
            sources.push_back(generated_ / (interface.stem().string() + ".iig.cpp"));
        std::vector<Job> jobs;
        for (const auto& source : sources) {
            const bool own = source.parent_path() == generated_;
            // The path below the folder keeps a/Driver.cpp and b/Driver.cpp apart.
            fs::path relative = own ? source.filename() : source.lexically_relative(target_.folder);
            const fs::path object = work_ / "objects" / (relative.string() + ".o");
            Job job;
            job.title = "compile " + relative.string();
            job.outputs = {object};
            job.temporaries = {object.string() + ".new"};
            job.depfile = object.string() + ".d";
            job.inputs = {source};
            std::vector<std::string> command = {toolchain_.compiler};
            if (options_.run.terminal) command.emplace_back("-fcolor-diagnostics");
            job.command =
                joined(command, flags_for(source), includes, sdk_includes(),
                       std::vector<std::string>{"-MD", "-MF", job.depfile, "-MT", "object", "-c",
                                                source, "-o", job.temporaries.front()});
            jobs.push_back(std::move(job));
        }
        return jobs;
    }

    [[nodiscard]] Job link_job(const std::vector<Job>& compilations) const {
        Job job;
        const fs::path output = work_ / "linked" / executable_;
        job.title = "link " + executable_;
        job.outputs = {output};
        job.temporaries = {output.string() + ".new"};
        job.command = {toolchain_.compiler,
                       "-shared",
                       "-fuse-ld=lld",
                       "-Wl,-soname," + executable_,
                       "-Wl,-z,defs",
                       "-Wl,-z,relro,-z,now",
                       "-Wl,--build-id",
                       "-Wl,--as-needed",
                       "-o",
                       job.temporaries.front()};
        for (const auto& compilation : compilations) {
            job.command.push_back(compilation.outputs.front());
            job.inputs.push_back(compilation.outputs.front());
        }
        for (const auto& library : toolchain_.libraries) {
            job.command.push_back(library);
            job.inputs.push_back(library);
        }
        // Their own dependencies are found here at link time; the bundle itself gets no search
        // path.
        job.command.push_back("-Wl,-rpath-link," + toolchain_.lib_folder.string());
        job.command.push_back("-lBlocksRuntime");
        return job;
    }

    [[nodiscard]] std::string compile_commands(const std::vector<Job>& jobs) const {
        std::string text = "[";
        for (const auto& job : jobs) {
            text += text.size() > 1 ? ",\n " : "\n ";
            text += "{\"directory\": " + json_text(target_.folder.string()) +
                    ", \"file\": " + json_text(job.inputs.front().string()) + ", \"arguments\": [";
            for (size_t i = 0; i < job.command.size(); ++i)
                text += (i == 0 ? "" : ", ") + json_text(job.command[i]);
            text += "]}";
        }
        return text + "\n]\n";
    }

    /// Puts the bundle together beside its place, opens it as the daemon will, and exchanges it
    /// with the old one.
    Status assemble() {
        const fs::path final = options_.output / (target_.name + ".dext");
        result_.bundle = final;
        const std::string info = OD_TRY(bundle::to_xml(Value(info_)));
        const std::string entitlements =
            entitlements_.is_null() ? std::string() : OD_TRY(bundle::to_xml(entitlements_));
        const fs::path linked = work_ / "linked" / executable_;
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
        fs::copy_file(linked, fresh / executable_, error);
        if (error)
            return Error::system("cannot write " + (fresh / executable_).string(), error.value());
        // The copy's time says which link it comes from.
        fs::last_write_time(fresh / executable_, fs::last_write_time(linked, error), error);
        OD_TRY(write_if_changed(fresh / "Info.plist", info));
        if (!entitlements.empty())
            OD_TRY(write_if_changed(fresh / (target_.name + ".entitlements"), entitlements));
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
        const fs::path executable = final / executable_;
        const bool fresh =
            fs::exists(executable, error) &&
            fs::file_size(executable, error) == fs::file_size(linked, error) &&
            fs::last_write_time(executable, error) == fs::last_write_time(linked, error);
        const fs::path entitlements_path = final / (target_.name + ".entitlements");
        return fresh && !error && same(final / "Info.plist", info) &&
               (entitlements.empty() ? !fs::exists(entitlements_path, error)
                                     : same(entitlements_path, entitlements));
    }

    const Target& target_;
    const Toolchain& toolchain_;
    const BuildOptions& options_;
    fs::path work_;
    fs::path generated_;
    std::vector<std::string> flags_file_;
    std::string executable_;
    Dictionary info_;
    Value entitlements_;
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
