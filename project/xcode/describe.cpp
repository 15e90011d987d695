// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/describe.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "bundle/rules.h"
#include "project/absent.h"
#include "project/document/node.h"
#include "project/xcode/compile_settings.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaximumDependencies = 64;

bool is_compiled(std::string_view kind) {
    return kind == "sourcecode.cpp.cpp" || kind == "sourcecode.c.c" ||
           kind.starts_with("sourcecode.asm");
}

/// Frameworks of Apple's systems that have nothing to do with the code of a dext.
bool is_implied(const std::string& framework, const std::set<std::string>& ours) {
    return ours.contains(framework) || framework == "System" || framework == "Kernel";
}

std::string first_line(const std::string& script) {
    size_t begin = 0;
    while (begin < script.size()) {
        const size_t end = std::min(script.find('\n', begin), script.size());
        const std::string line = script.substr(begin, end - begin);
        const size_t text = line.find_first_not_of(" \t");
        if (text != std::string::npos && line[text] != '#') {
            return line.size() > 100 ? line.substr(0, 100) + "…" : line;
        }
        begin = end + 1;
    }
    return {};
}

/// The sources of one target, sorted out.
struct Sources {
    std::vector<fs::path> interfaces;
    std::vector<fs::path> compiled;
    SourceFlags flags;
    std::vector<fs::path> headers;
};

class Describer {
  public:
    Describer(const Project& project, const Target& target, const DescribeOptions& options)
        : project_(project), target_(target), options_(options) {}

    Result<project::Target> run() {
        Settings settings = OD_TRY(settings_of(project_, target_, options_.environment));
        const std::string product = OD_TRY(settings.value("PRODUCT_NAME"));
        if (product.empty()) {
            return Error{Errc::invalid, 0,
                         target_.where + ": target " + target_.name +
                             " has no product name: set PRODUCT_NAME or PRODUCT_BUNDLE_IDENTIFIER"};
        }
        if (!bundle::is_file_name(product)) {
            return Error{Errc::invalid, 0,
                         target_.where + ": the product name \"" + product + "\" of target " +
                             target_.name +
                             " cannot name a file: set PRODUCT_NAME to one without /"};
        }
        result_.name = product;
        result_.folder = project_.folder;
        result_.framework_name = product;
        for (const auto& name : {target_.name, OD_TRY(settings.value("PRODUCT_MODULE_NAME"))}) {
            const bool known =
                name == product || name.find('/') != std::string::npos ||
                std::ranges::find(result_.header_names, name) != result_.header_names.end();
            if (!known && !name.empty()) result_.header_names.push_back(name);
        }
        Sources sources = OD_TRY(read_sources(project_, target_, settings, true));
        result_.interfaces = std::move(sources.interfaces);
        result_.sources = std::move(sources.compiled);
        result_.source_flags = std::move(sources.flags);
        result_.headers = std::move(sources.headers);
        OD_TRY(check_interfaces());

        Compilation compilation =
            OD_TRY(compile_settings(settings, project_.folder, result_.notes));
        result_.include_folders = std::move(compilation.include_folders);
        for (const auto& folder : options_.include_folders)
            result_.include_folders.push_back(fs::absolute(folder).lexically_normal());
        result_.definitions = std::move(compilation.definitions);
        result_.definitions.insert(result_.definitions.end(), options_.definitions.begin(),
                                   options_.definitions.end());
        result_.compile = std::move(compilation.options);
        result_.link_flags = std::move(compilation.link_flags);
        if (settings.is_on("USE_HEADERMAP")) result_.compile.named_headers = project_.headers;
        if (!result_.compile.prefix_header.empty())
            OD_TRY(present(result_.compile.prefix_header, settings, "GCC_PREFIX_HEADER"));
        for (const auto& folder : compilation.absent_folders) {
            result_.suspects.push_back("the search path " +
                                       folder.lexically_relative(project_.folder).string() +
                                       " is not there: " + why_absent(folder, project_.folder));
        }
        OD_TRY(property_lists(settings));
        OD_TRY(phases(settings));
        OD_TRY(libraries(project_, target_, 0));
        for (const auto& package : target_.packages)
            result_.suspects.push_back("the Swift package product " + package + " is not built");
        result_.settings = std::move(settings);
        return std::move(result_);
    }

  private:
    static Error missing(std::string message) {
        return Error{Errc::not_found, 0, std::move(message)};
    }

    /// A file that a setting names has to be there.
    Status present(const fs::path& path, const Settings& settings, const char* setting) const {
        std::error_code error;
        if (fs::exists(path, error)) return success();
        const std::string where = settings.where(setting);
        return missing((where.empty() ? std::string() : where + ": ") + setting + " of target " +
                       target_.name + " names " +
                       path.lexically_relative(project_.folder).string() +
                       ", which is not there: " + why_absent(path, project_.folder));
    }

    /// The path of a listed file, its references resolved.
    static Result<fs::path> resolved(const File& file, const Settings& settings) {
        if (file.path.find('$') == std::string::npos) return fs::path(file.path);
        return fs::path(OD_TRY(settings.expand(file.path))).lexically_normal();
    }

    static Result<bool> is_excluded(const fs::path& path, const Settings& settings) {
        const auto matches = [&](const char* name) -> Result<bool> {
            for (const auto& pattern : OD_TRY(settings.list(name))) {
                const bool hit = ::fnmatch(pattern.c_str(), path.filename().c_str(), 0) == 0 ||
                                 ::fnmatch(pattern.c_str(), path.c_str(), 0) == 0 ||
                                 path.string().ends_with("/" + pattern);
                if (hit) return true;
            }
            return false;
        };
        if (!OD_TRY(matches("EXCLUDED_SOURCE_FILE_NAMES"))) return false;
        return !OD_TRY(matches("INCLUDED_SOURCE_FILE_NAMES"));
    }

    Result<Sources> read_sources(const Project& project, const Target& target,
                                 const Settings& settings, bool dext) {
        Sources result;
        std::vector<fs::path> absent;
        std::vector<std::string> places;
        std::map<std::string, size_t> unknown;
        const std::string derived = OD_TRY(settings.value("DERIVED_FILE_DIR"));
        size_t listed = 0;
        for (const Phase& phase : target.phases) {
            const bool headers = phase.kind == Phase::Kind::headers;
            if (phase.kind != Phase::Kind::sources && !headers) continue;
            for (const File& file : phase.files) {
                const fs::path path = OD_TRY(resolved(file, settings));
                if (OD_TRY(is_excluded(path, settings))) continue;
                const std::string_view kind = file.kind();
                if (const Rule* rule = find_rule(target, path, kind); rule != nullptr) {
                    result_.skipped_steps.push_back(rule->where + ": build rule \"" + rule->name +
                                                    "\" for " + path.filename().string() +
                                                    " is a script that OpenDext does not run");
                    continue;
                }
                const bool interface = kind == "sourcecode.iig";
                const bool compiled = is_compiled(kind) && !headers;
                const bool header = kind.ends_with(".h");
                if (!interface && !compiled && !header && kind != "folder") {
                    ++unknown[path.extension().string()];
                    continue;
                }
                listed += header ? 0 : 1;
                std::error_code error;
                if (!fs::exists(path, error) || kind == "folder") {
                    const bool made = path.string().starts_with(derived);
                    const bool passed = file.optional || made || (header && headers);
                    if (passed) continue;
                    absent.push_back(path);
                    places.push_back(file.where);
                    continue;
                }
                if (interface) {
                    add_once(result.interfaces, path);
                } else if (header) {
                    add_once(result.headers, path);
                } else if (add_once(result.compiled, path)) {
                    OD_TRY(add_flags(file, path, kind, settings, result.flags));
                }
            }
        }
        if (!absent.empty())
            return missing(absent_sources(target.name, absent, places, listed, project.folder));
        for (const auto& [extension, count] : unknown) {
            result_.notes.push_back(
                std::to_string(count) + " " + (extension.empty() ? "file" : extension + " file") +
                (count == 1 ? "" : "s") + " of target " + target.name +
                (count == 1 ? " is" : " are") + " not built: only .iig, C++, C and assembler are");
        }
        const bool empty = result.compiled.empty() && (!dext || result.interfaces.empty());
        if (empty) {
            return missing(target.where + ": target " + target.name +
                           " has no .iig and no C++ file: add the sources to its Sources phase");
        }
        return result;
    }

    static const Rule* find_rule(const Target& target, const fs::path& path,
                                 std::string_view kind) {
        for (const Rule& rule : target.rules) {
            const std::string name = path.filename().string();
            const bool hit = rule.by_type
                                 ? kind == rule.pattern
                                 : ::fnmatch(rule.pattern.c_str(), name.c_str(), 0) == 0 ||
                                       ::fnmatch(rule.pattern.c_str(), path.c_str(), 0) == 0;
            if (hit) return &rule;
        }
        return nullptr;
    }

    static bool add_once(std::vector<fs::path>& paths, const fs::path& path) {
        if (std::ranges::find(paths, path) != paths.end()) return false;
        paths.push_back(path);
        return true;
    }

    /// The type that the project gives a file counts more than its extension.
    Status add_flags(const File& file, const fs::path& path, std::string_view kind,
                     const Settings& settings, SourceFlags& into) {
        std::vector<std::string> left_out;
        std::vector<std::string> flags =
            portable_flags(split_words(OD_TRY(settings.expand(file.flags))), left_out);
        for (const auto& flag : left_out)
            result_.notes.push_back("flag " + flag + " of " + path.filename().string() +
                                    " is left out: it does not apply here");
        File bare = file;
        bare.type.clear();
        if (bare.kind() != kind) {
            const char* language = kind == "sourcecode.c.c"             ? "c"
                                   : kind.starts_with("sourcecode.asm") ? "assembler-with-cpp"
                                                                        : "c++";
            flags.insert(flags.begin(), {"-x", language});
        }
        if (!flags.empty()) into[path] = std::move(flags);
        return success();
    }

    Status check_interfaces() const {
        std::map<std::string, fs::path> seen;
        for (const auto& path : result_.interfaces) {
            const auto [old, fresh] = seen.emplace(path.stem().string(), path);
            if (!fresh) {
                return Error{Errc::invalid, 0,
                             path.string() + ": has the same name as " + old->second.string() +
                                 ", both would become " + old->first + ".h: rename one"};
            }
        }
        return success();
    }

    Status property_lists(const Settings& settings) {
        const std::string file = OD_TRY(settings.value("INFOPLIST_FILE"));
        const bool generated = settings.is_on("GENERATE_INFOPLIST_FILE");
        if (target_.info) {
            result_.info = bundle::Plist{project_.file.string(), *target_.info, {}};
        } else if (!file.empty()) {
            result_.info_plist = (project_.folder / file).lexically_normal();
            OD_TRY(present(result_.info_plist, settings, "INFOPLIST_FILE"));
        } else if (generated) {
            result_.info = bundle::Plist{
                "the generated Info.plist of target " + target_.name, Value(Dictionary{}), {}};
        } else {
            return missing(target_.where + ": target " + target_.name +
                           " has no Info.plist: set INFOPLIST_FILE to the file that says what the "
                           "driver matches (IOKitPersonalities)");
        }
        if (settings.is_on("INFOPLIST_PREPROCESS"))
            result_.skipped_steps.push_back(
                "INFOPLIST_PREPROCESS: Info.plist is not run through the C preprocessor");
        if (generated) OD_TRY(generated_keys(settings));

        const std::string entitlements = OD_TRY(settings.value("CODE_SIGN_ENTITLEMENTS"));
        if (target_.entitlements) {
            result_.entitlements_plist =
                bundle::Plist{project_.file.string(), *target_.entitlements, {}};
        } else if (!entitlements.empty()) {
            result_.entitlements =
                found_entitlements((project_.folder / entitlements).lexically_normal(), settings);
        }
        return success();
    }

    /// Xcode reads the file only when it signs, so that projects name files that were renamed: the
    /// only other one beside it is meant.
    fs::path found_entitlements(const fs::path& path, const Settings& settings) {
        std::error_code error;
        if (fs::exists(path, error)) return path;
        std::vector<fs::path> others;
        for (const auto& entry : fs::directory_iterator(path.parent_path(), error)) {
            if (entry.path().extension() == ".entitlements") others.push_back(entry.path());
        }
        const std::string missing_file =
            settings.where("CODE_SIGN_ENTITLEMENTS") + ": CODE_SIGN_ENTITLEMENTS of target " +
            target_.name + " names " + path.lexically_relative(project_.folder).string() +
            ", which is not there: ";
        if (others.size() == 1) {
            result_.notes.push_back(missing_file + others.front().filename().string() +
                                    " beside it is taken");
            return others.front();
        }
        result_.notes.push_back(missing_file + "the driver gets no entitlements");
        return {};
    }

    /// INFOPLIST_KEY_X = V becomes the key X.
    Status generated_keys(const Settings& settings) {
        constexpr std::string_view prefix = "INFOPLIST_KEY_";
        for (const auto& name : settings.names(prefix)) {
            const std::string text = OD_TRY(settings.value(name));
            if (text.empty()) continue;
            const std::string key = name.substr(prefix.size());
            if (text == "YES" || text == "NO") {
                result_.info_additions[key] = Value(text == "YES");
            } else {
                result_.info_additions[key] = Value(text);
            }
        }
        return success();
    }

    Status phases(const Settings& settings) {
        for (const Phase& phase : target_.phases) {
            if (phase.kind == Phase::Kind::script) {
                const std::string line = first_line(phase.script);
                if (line.empty()) continue;
                result_.skipped_steps.push_back(
                    phase.where + ": step \"" + phase.name +
                    "\" is a script that OpenDext does not run: " + line);
            } else if (phase.kind == Phase::Kind::frameworks) {
                OD_TRY(frameworks(phase, settings));
            } else if (phase.kind == Phase::Kind::resources) {
                OD_TRY(copies(phase, {}, settings));
            } else if (phase.kind == Phase::Kind::copy_files) {
                // Into the wrapper, the executables' folder or the resources: all one in a dext.
                const bool inside = phase.destination == "1" || phase.destination == "6" ||
                                    phase.destination == "7";
                if (inside)
                    OD_TRY(
                        copies(phase, OD_TRY(settings.expand(phase.destination_path)), settings));
            }
        }
        return success();
    }

    Status frameworks(const Phase& phase, const Settings& settings) {
        for (const File& file : phase.files) {
            const fs::path path = OD_TRY(resolved(file, settings));
            const std::string stem = path.stem().string();
            if (file.is_product) continue;  // libraries() finds it
            if (path.extension() == ".framework") {
                if (is_implied(stem, options_.frameworks)) continue;
                result_.missing_frameworks.push_back(stem);
                result_.notes.push_back(
                    "target " + target_.name + " links " + stem + ".framework, which " +
                    (stem.ends_with("DriverKit") ? "this OpenDext does not have yet"
                                                 : "is none of DriverKit's: it is left out"));
            } else if (path.extension() == ".a") {
                return missing(
                    file.where + ": " + path.filename().string() +
                    " is a library that was built for a Mac: add its sources to target " +
                    target_.name);
            }
        }
        return success();
    }

    Status copies(const Phase& phase, const fs::path& folder, const Settings& settings) {
        for (const File& file : phase.files) {
            const fs::path path = OD_TRY(resolved(file, settings));
            const std::string extension = path.extension().string();
            // Only Apple's tools make these, for user interfaces.
            const bool compiled = extension == ".xcassets" || extension == ".storyboard" ||
                                  extension == ".xib" || extension == ".xcstrings";
            std::error_code error;
            if (compiled || file.is_product || phase_of(path) == Phase::Kind::sources) continue;
            if (path.filename() == "Info.plist" || extension == ".entitlements") continue;
            if (!fs::exists(path, error)) {
                if (file.optional) continue;
                return missing(file.where + ": target " + target_.name + " copies " +
                               path.lexically_relative(project_.folder).string() +
                               ", which is not there: " + why_absent(path, project_.folder));
            }
            // A localised file keeps the folder of its language.
            fs::path to = folder;
            if (path.parent_path().extension() == ".lproj") to /= path.parent_path().filename();
            to = (to / path.filename()).lexically_normal();
            if (to.is_absolute() || *to.begin() == "..") {
                return Error{
                    Errc::invalid, 0,
                    phase.where + ": step \"" + phase.name + "\" copies out of the bundle"};
            }
            result_.resources.push_back({path, std::move(to)});
        }
        return success();
    }

    /// Static libraries and frameworks of this and other projects that the target depends on.
    Status libraries(const Project& project, const Target& target, unsigned depth) {
        if (depth > kMaximumDependencies) return success();
        for (const Dependency& dependency : target.dependencies) {
            const Project* owner = &project;
            if (!dependency.project.empty()) {
                auto [place, fresh] = others_.try_emplace(dependency.project.string());
                if (fresh) place->second = OD_TRY(read_project(dependency.project));
                owner = &place->second;
            }
            OD_TRY(add_library(*owner, dependency.target, depth));
        }
        // Linked without being a dependency: found by the name of the product.
        for (const Phase& phase : target.phases) {
            if (phase.kind != Phase::Kind::frameworks) continue;
            for (const File& file : phase.files) {
                const auto made = std::ranges::find_if(project.targets, [&](const Target& one) {
                    return one.is_library() && one.product == file.name();
                });
                if (file.is_product && made != project.targets.end())
                    OD_TRY(add_library(project, made->name, depth));
            }
        }
        return success();
    }

    /// Targets that only run something may make files that the dext needs.
    Status other_dependency(const Target& target) {
        if (target.type == "legacy") {
            result_.skipped_steps.push_back(target.where + ": the target " + target.name +
                                            ", which this one depends on, runs another build tool: "
                                            "OpenDext does not");
        }
        for (const Phase& phase : target.phases) {
            const std::string line = first_line(phase.script);
            if (phase.kind != Phase::Kind::script || line.empty() || target.is_application())
                continue;
            result_.skipped_steps.push_back(phase.where + ": step \"" + phase.name +
                                            "\" of target " + target.name +
                                            " is a script that OpenDext does not run: " + line);
        }
        return success();
    }

    Status add_library(const Project& owner, const std::string& name, unsigned depth) {
        const Target* target = owner.find(name);
        if (target == nullptr || !known_.insert(owner.name + "/" + name).second) return success();
        if (!target->is_library()) return other_dependency(*target);
        const Settings settings = OD_TRY(settings_of(owner, *target, options_.environment));
        Library library;
        library.name = name;
        std::ranges::replace(library.name, '/', '_');
        library.folder = owner.folder;
        Sources sources = OD_TRY(read_sources(owner, *target, settings, false));
        library.sources = std::move(sources.compiled);
        library.source_flags = std::move(sources.flags);
        Compilation compilation = OD_TRY(compile_settings(settings, owner.folder, result_.notes));
        library.include_folders = std::move(compilation.include_folders);
        library.definitions = std::move(compilation.definitions);
        library.compile = std::move(compilation.options);
        if (settings.is_on("USE_HEADERMAP")) library.compile.named_headers = owner.headers;
        library.headers = sources.headers;
        // Its headers are found by users of the library as if they were installed.
        for (const auto& header : sources.headers) add_once(result_.compile.named_headers, header);
        result_.libraries.push_back(std::move(library));
        return libraries(owner, *target, depth + 1);
    }

    const Project& project_;
    const Target& target_;
    const DescribeOptions& options_;
    project::Target result_;
    std::set<std::string> known_;
    std::map<std::string, Project> others_;
};

}  // namespace

Result<project::Target> describe(const Project& project, const Target& target,
                                 const DescribeOptions& options) {
    return Describer(project, target, options).run();
}

bool is_dext(const Project& project, const Target& target) {
    if (target.short_type() == "driver-extension") return true;
    if (target.short_type() != "system-extension") return false;
    const auto settings = settings_of(project, target, {});
    const auto sdk =
        settings.ok() ? settings->value("SDKROOT") : Result<std::string>(std::string());
    return sdk.ok() && sdk->starts_with("driverkit");
}

std::vector<std::string> embedded(const Project& project, const Target& application) {
    std::vector<std::string> names;
    const auto add = [&](const Target& target) {
        if (!is_dext(project, target)) return;
        if (std::ranges::find(names, target.name) == names.end()) names.push_back(target.name);
    };
    for (const Phase& phase : application.phases) {
        if (phase.kind != Phase::Kind::copy_files) continue;
        for (const File& file : phase.files) {
            for (const Target& target : project.targets) {
                if (!target.product.empty() && target.product == file.name()) add(target);
            }
        }
    }
    for (const Dependency& dependency : application.dependencies) {
        const Target* target = project.find(dependency.target);
        if (target != nullptr && dependency.project.empty()) add(*target);
    }
    return names;
}

Result<std::vector<Application>> applications(const Project& project,
                                              const Environment& environment) {
    std::vector<Application> result;
    for (const Target& target : project.targets) {
        if (!target.is_application()) continue;
        Application application;
        application.target = target.name;
        application.dexts = embedded(project, target);
        if (application.dexts.empty()) continue;
        const Settings settings = OD_TRY(settings_of(project, target, environment));
        application.wrapper = OD_TRY(settings.value("WRAPPER_NAME"));
        if (!bundle::is_file_name(application.wrapper)) {
            return Error{Errc::invalid, 0,
                         target.where + ": \"" + application.wrapper +
                             "\" cannot name the application " + target.name};
        }
        for (const auto& [key, text] :
             {std::pair{"CFBundleIdentifier", "$(PRODUCT_BUNDLE_IDENTIFIER)"},
              {"CFBundleName", "$(PRODUCT_NAME)"},
              {"CFBundlePackageType", "APPL"},
              {"CFBundleShortVersionString", "$(MARKETING_VERSION)"},
              {"CFBundleVersion", "$(CURRENT_PROJECT_VERSION)"}}) {
            application.info[key] = Value(OD_TRY(settings.expand(text)));
        }
        result.push_back(std::move(application));
    }
    return result;
}

}  // namespace opendext::project::xcode
