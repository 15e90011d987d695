// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/compile_settings.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaximumFolders = 2000;
constexpr size_t kMaximumEntries = 100'000;

// Flags of Apple's driver or of languages that a dext is not written in. With the words that
// follow.
struct Foreign {
    std::string_view flag;
    bool prefix;
    int values;
    bool silent;  // says nothing that a Linux build could miss
};
constexpr std::array kForeign = {
    Foreign{"-arch", false, 1, true},
    Foreign{"-Xarch_", true, 1, false},
    Foreign{"-isysroot", false, 1, true},
    Foreign{"-target", false, 1, true},
    Foreign{"--target=", true, 0, true},
    Foreign{"-mmacosx-version-min=", true, 0, true},
    Foreign{"-mmacos-version-min=", true, 0, true},
    Foreign{"-mtargetos=", true, 0, true},
    Foreign{"-framework", false, 1, true},
    Foreign{"-F", true, 0, true},
    Foreign{"-iframework", false, 1, true},
    Foreign{"-fobjc-", true, 0, true},
    Foreign{"-fno-objc-", true, 0, true},
    Foreign{"-fmodules", true, 0, true},
    Foreign{"-fcxx-modules", true, 0, true},
    Foreign{"-fno-modules", true, 0, true},
    Foreign{"-fembed-bitcode", true, 0, true},
    Foreign{"-fapplication-extension", false, 0, true},
    Foreign{"-fapple-", true, 0, true},
    Foreign{"-mkernel", false, 0, false},
    Foreign{"-fasm-blocks", false, 0, true},
    Foreign{"-fpascal-strings", false, 0, true},
    Foreign{"-stdlib=", true, 0, true},
    Foreign{"-index-store-path", false, 1, true},
    Foreign{"-include-pch", false, 1, false},
    // Warnings that another compiler version has made errors would stop a build that is right.
    Foreign{"-Werror", false, 0, true},
    Foreign{"-pedantic-errors", false, 0, true},
    // The SDK decides these: a dext has neither.
    Foreign{"-fexceptions", false, 0, false},
    Foreign{"-frtti", false, 0, false},
};

bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

/// "DIR/**": DIR and every folder below it that no pattern excludes.
void add_recursive(const fs::path& folder, const std::vector<std::string>& excluded,
                   std::vector<fs::path>& folders) {
    folders.push_back(folder);
    std::error_code error;
    std::vector<fs::path> below;
    size_t seen = 0;
    for (fs::recursive_directory_iterator it(folder, error), end;
         !error && it != end && ++seen < kMaximumEntries; it.increment(error)) {
        std::error_code ignored;
        if (!it->is_directory(ignored) || it->is_symlink(ignored)) continue;
        const std::string name = it->path().filename().string();
        const bool left_out =
            name.starts_with('.') || std::ranges::any_of(excluded, [&](const std::string& pattern) {
                return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
            });
        if (left_out) {
            it.disable_recursion_pending();
        } else if (folders.size() + below.size() < kMaximumFolders) {
            below.push_back(it->path());
        }
    }
    std::ranges::sort(below);
    folders.insert(folders.end(), below.begin(), below.end());
}

class Reader {
  public:
    Reader(const Settings& settings, const fs::path& folder, std::vector<std::string>& notes)
        : settings_(settings), folder_(folder), notes_(notes) {}

    Result<Compilation> read() {
        derived_ = OD_TRY(settings_.value("DERIVED_FILE_DIR"));
        excluded_ = OD_TRY(settings_.list("EXCLUDED_RECURSIVE_SEARCH_PATH_SUBDIRECTORIES"));
        for (const char* pattern : {"*.nib", "*.lproj", "*.framework", "*.gch", "*.xcode*",
                                    "*.xcassets", "CVS", "*.dext", "*.app", "build"})
            excluded_.emplace_back(pattern);

        const bool always = settings_.is_on("ALWAYS_SEARCH_USER_PATHS");
        OD_TRY(folders("USER_HEADER_SEARCH_PATHS",
                       always ? result_.include_folders : result_.options.quote_folders));
        OD_TRY(folders("HEADER_SEARCH_PATHS", result_.include_folders));
        OD_TRY(folders("SYSTEM_HEADER_SEARCH_PATHS", result_.options.system_folders));
        for (const char* name : {"GCC_PREPROCESSOR_DEFINITIONS",
                                 "GCC_PREPROCESSOR_DEFINITIONS_NOT_USED_IN_PRECOMPS"}) {
            for (auto& definition : OD_TRY(settings_.list(name)))
                result_.definitions.push_back(std::move(definition));
        }
        const std::string prefix = OD_TRY(settings_.value("GCC_PREFIX_HEADER"));
        if (!prefix.empty()) result_.options.prefix_header = absolute(prefix);
        result_.options.cxx_standard = OD_TRY(standard("CLANG_CXX_LANGUAGE_STANDARD"));
        result_.options.c_standard = OD_TRY(standard("GCC_C_LANGUAGE_STANDARD"));
        result_.options.optimization = OD_TRY(settings_.value("GCC_OPTIMIZATION_LEVEL"));
        OD_TRY(flags());
        return std::move(result_);
    }

  private:
    [[nodiscard]] fs::path absolute(const std::string& path) const {
        return (folder_ / path).lexically_normal();
    }

    Status folders(const char* name, std::vector<fs::path>& into) {
        const std::string sdk = OD_TRY(settings_.value("SDKROOT"));
        for (std::string word : OD_TRY(settings_.list(name))) {
            // What lies in Apple's SDK is found without being told.
            const bool in_sdk = (!sdk.empty() && (word == sdk || word.starts_with(sdk + "/"))) ||
                                word.find("/System/DriverKit/") != std::string::npos ||
                                word.starts_with("/Applications/Xcode") || word == "/usr/include";
            if (in_sdk) continue;
            const bool recursive = word.ends_with("/**") || word == "**";
            if (recursive) word.resize(word.size() - 2);
            while (word.size() > 1 && word.ends_with('/')) word.pop_back();
            const fs::path path = absolute(word.empty() ? "." : word);
            if (recursive && is_folder(path)) {
                add_recursive(path, excluded_, into);
            } else if (is_folder(path) || path.string().starts_with(derived_)) {
                into.push_back(path);
            } else {
                result_.absent_folders.push_back(path);
            }
        }
        return success();
    }

    Result<std::string> standard(const char* name) {
        const std::string word = OD_TRY(settings_.value(name));
        if (word.empty() || word == "compiler-default") return std::string();
        const size_t digits = word.find_first_of("0123456789");
        const bool known = (word.starts_with("gnu") || word.starts_with("c") || word == "ansi") &&
                           (word == "ansi" || digits != std::string::npos);
        if (!known) {
            return Error{Errc::invalid, 0,
                         settings_.where(name) + ": " + name + ": \"" + word +
                             "\" is no language standard: write one such as " +
                             (name[0] == 'C' ? "gnu++20" : "gnu17")};
        }
        // Before they had numbers.
        if (word == "gnu++0x") return std::string("gnu++11");
        if (word == "c++0x") return std::string("c++11");
        return word;
    }

    Status flags() {
        std::vector<std::string> left_out;
        const auto add = [&](const char* name, std::vector<std::string>& into) -> Status {
            for (auto& flag : portable_flags(OD_TRY(settings_.list(name)), left_out))
                into.push_back(std::move(flag));
            return success();
        };
        // Switches that change what a program means.
        struct Switch {
            const char* name;
            bool on;
            const char* flag;
        };
        static constexpr std::array kSwitches = {
            Switch{"GCC_CHAR_IS_UNSIGNED_CHAR", true, "-funsigned-char"},
            Switch{"GCC_SHORT_ENUMS", true, "-fshort-enums"},
            Switch{"GCC_STRICT_ALIASING", false, "-fno-strict-aliasing"},
            Switch{"GCC_FAST_MATH", true, "-ffast-math"},
            Switch{"GCC_UNROLL_LOOPS", true, "-funroll-loops"},
            Switch{"GCC_NO_COMMON_BLOCKS", true, "-fno-common"},
            Switch{"CLANG_TRIVIAL_AUTO_VAR_INIT_ZERO", true, "-ftrivial-auto-var-init=zero"},
        };
        auto& options = result_.options;
        for (const auto& one : kSwitches) {
            const bool given = settings_.has(one.name);
            if (!given || settings_.is_on(one.name) != one.on) continue;
            options.c_flags.emplace_back(one.flag);
            options.cxx_flags.emplace_back(one.flag);
        }
        for (auto* into : {&options.c_flags, &options.cxx_flags}) {
            if (settings_.is_on("GCC_WARN_INHIBIT_ALL_WARNINGS")) into->emplace_back("-w");
            OD_TRY(add("WARNING_CFLAGS", *into));
        }
        OD_TRY(add("OTHER_CFLAGS", options.c_flags));
        OD_TRY(add("OTHER_CPLUSPLUSFLAGS", options.cxx_flags));
        OD_TRY(link_flags(left_out));
        std::ranges::sort(left_out);
        const auto repeated = std::ranges::unique(left_out);
        left_out.erase(repeated.begin(), repeated.end());
        for (const auto& flag : left_out)
            notes_.push_back("flag " + flag + " is left out: it does not apply here");
        return success();
    }

    /// Only what means the same on Linux; the SDK's libraries are linked anyhow.
    Status link_flags(std::vector<std::string>& left_out) {
        static constexpr std::array kSilent = {"-ObjC", "-lc++", "-lSystem",
                                               "-lc",   "-lm",   "-dead_strip"};
        const auto words = OD_TRY(settings_.list("OTHER_LDFLAGS"));
        for (size_t i = 0; i < words.size(); ++i) {
            const std::string& word = words[i];
            if (word == "-framework" || word == "-weak_framework" || word == "-Xlinker" ||
                word == "-force_load" || word == "-arch") {
                if (word != "-framework" && word != "-arch" && i + 1 < words.size())
                    left_out.push_back(word + " " + words[i + 1]);
                ++i;
            } else if (word.starts_with("-L") || word.starts_with("-l")) {
                const bool silent = std::ranges::find(kSilent, word) != kSilent.end();
                if (!silent) result_.link_flags.push_back(word);
            } else if (std::ranges::find(kSilent, word) == kSilent.end()) {
                left_out.push_back(word);
            }
        }
        return success();
    }

    const Settings& settings_;
    const fs::path& folder_;
    std::vector<std::string>& notes_;
    std::string derived_;
    std::vector<std::string> excluded_;
    Compilation result_;
};

}  // namespace

std::vector<std::string> portable_flags(const std::vector<std::string>& flags,
                                        std::vector<std::string>& left_out) {
    std::vector<std::string> result;
    for (size_t i = 0; i < flags.size(); ++i) {
        const std::string& flag = flags[i];
        const bool error = flag.starts_with("-Werror=");
        const auto found = std::ranges::find_if(kForeign, [&](const Foreign& foreign) {
            return foreign.prefix ? flag.starts_with(foreign.flag) : flag == foreign.flag;
        });
        if (error) {
            result.push_back("-W" + flag.substr(8));  // stays a warning
        } else if (found == kForeign.end()) {
            result.push_back(flag);
        } else {
            if (!found->silent) left_out.push_back(flag);
            i += static_cast<size_t>(found->values);
            // "-F" stands alone, too: the folder follows.
            if (flag == "-F") ++i;
        }
    }
    return result;
}

Result<Compilation> compile_settings(const Settings& settings, const fs::path& folder,
                                     std::vector<std::string>& notes) {
    return Reader(settings, folder, notes).read();
}

}  // namespace opendext::project::xcode
