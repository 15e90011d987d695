// SPDX-License-Identifier: Apache-2.0
#include "project/project_build.h"

#include <algorithm>
#include <cstdio>
#include <regex>

#include "bundle/plist.h"
#include "project/document/node.h"
#include "project/explain.h"
#include "project/xcode/describe.h"
#include "project/xcode/model.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

Result<std::vector<xcode::Project>> read_projects(const Located& located) {
    std::vector<xcode::Project> projects;
    for (const auto& path : located.paths) {
        projects.push_back(located.kind == Located::Kind::xcodegen
                               ? OD_TRY(xcode::read_xcodegen(path))
                               : OD_TRY(xcode::read_project(path)));
    }
    return projects;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// A target of one of the projects.
struct Chosen {
    const xcode::Project* project;
    const xcode::Target* target;
};

/// The dexts that are to be built: of --target the target itself or what it embeds, else all.
Result<std::vector<Chosen>> choose(const std::vector<xcode::Project>& projects,
                                   const std::string& wanted) {
    std::vector<Chosen> dexts;
    std::vector<std::string> names;
    std::vector<std::string> dext_names;
    bool found = false;
    for (const auto& project : projects) {
        std::vector<std::string> carried;
        for (const auto& target : project.targets) {
            names.push_back(target.name);
            if (target.name != wanted) continue;
            found = true;
            if (!is_dext(project, target)) carried = xcode::embedded(project, target);
        }
        for (const auto& target : project.targets) {
            if (!is_dext(project, target)) continue;
            dext_names.push_back(target.name);
            const bool meant = wanted.empty() || target.name == wanted ||
                               std::ranges::find(carried, target.name) != carried.end();
            if (meant) dexts.push_back({&project, &target});
        }
    }
    if (!dexts.empty()) return dexts;
    const std::string file = projects.front().file.string();
    if (!wanted.empty() && !found) {
        return Error{Errc::not_found, 0,
                     file + ": has no target " + wanted + ": it has " + joined(names)};
    }
    if (found) {
        return Error{
            Errc::unsupported, 0,
            file + ": target " + wanted + " is no driver extension and embeds none: " +
                (dext_names.empty() ? "the project has none" : "give " + joined(dext_names))};
    }
    return Error{Errc::not_found, 0,
                 file + ": has no driver extension: its targets are " +
                     (names.empty() ? "none" : joined(names)) +
                     ": give the project whose product type is driver-extension"};
}

/// APP.app/Contents/Library/SystemExtensions/NAME.dext, as macOS wants it, and an Info.plist that
/// says whose it is. The program of the application is not built.
Result<fs::path> fill_application(const xcode::Application& application, const fs::path& output,
                                  const std::vector<fs::path>& bundles) {
    const fs::path contents = output / application.wrapper / "Contents";
    const fs::path folder = contents / "Library" / "SystemExtensions";
    std::error_code error;
    fs::create_directories(folder, error);
    for (const auto& bundle : bundles) {
        const fs::path place = folder / bundle.filename();
        const fs::path fresh = folder / ("." + bundle.filename().string() + ".new");
        fs::remove_all(fresh, error);
        fs::copy(bundle, fresh, fs::copy_options::recursive, error);
        if (error) return Error::system("cannot copy to " + fresh.string(), error.value());
        fs::remove_all(place, error);
        fs::rename(fresh, place, error);
        if (error) return Error::system("cannot write " + place.string(), error.value());
    }
    OD_TRY(
        write_if_changed(contents / "Info.plist", OD_TRY(bundle::to_xml(Value(application.info)))));
    return output / application.wrapper;
}

xcode::Environment environment_of(const ProjectOptions& options, const std::string& configuration,
                                  const fs::path& output) {
    xcode::Environment environment;
    environment.configuration = configuration;
    environment.products = output;
    environment.overrides = options.common.variables;
    if (!options.common.bundle_id.empty())
        environment.overrides["PRODUCT_BUNDLE_IDENTIFIER"] = options.common.bundle_id;
    if (!options.common.name.empty()) environment.overrides["PRODUCT_NAME"] = options.common.name;
    return environment;
}

/// One file for editors, with the entries of all dexts.
Status merge_compile_commands(const fs::path& output, const ProjectResult& result) {
    std::string text;
    for (const auto& dext : result.dexts) {
        const fs::path file =
            xcode::work_folder(output, dext.bundle.stem()) / "compile_commands.json";
        std::string one = OD_TRY(read_file(file.string()));
        // "[ entries ]": the brackets go, a comma comes between.
        one = one.substr(1, one.rfind(']') - 1);
        text += (text.empty() ? "" : ",") + one.substr(0, one.find_last_not_of(" \n") + 1);
    }
    return write_if_changed(output / "compile_commands.json", "[" + text + "\n]\n");
}

/// Applications belong to one project and get the dexts of that project.
Status embed(const std::vector<xcode::Project>& projects, const ProjectOptions& options,
             const std::map<const xcode::Target*, fs::path>& built,
             const xcode::Environment& environment, ProjectResult& result) {
    for (const auto& project : projects) {
        auto found = xcode::applications(project, environment);
        // An application that cannot be told does not harm the dext.
        if (!found.ok()) {
            result.notes.push_back("no application is made: " + found.error().text());
            continue;
        }
        for (const auto& application : *found) {
            if (!options.target.empty() && options.target != application.target &&
                std::ranges::find(application.dexts, options.target) == application.dexts.end())
                continue;
            std::vector<fs::path> bundles;
            for (const auto& name : application.dexts) {
                const auto bundle = built.find(project.find(name));
                if (bundle != built.end()) bundles.push_back(bundle->second);
            }
            if (bundles.empty()) continue;
            result.applications.push_back(
                OD_TRY(fill_application(application, environment.products, bundles)));
            result.notes.push_back("the program of application " + application.target +
                                   " is not built: only driver extensions are");
        }
    }
    return success();
}

/// A dext of a project, ready to be built.
struct Described {
    xcode::Environment environment;
    Target description;
};

Result<Described> describe_chosen(const Located& located, const ProjectOptions& options,
                                  const fs::path& sdk, const Chosen& chosen) {
    const std::string configuration =
        OD_TRY(xcode::choose_configuration(*chosen.project, *chosen.target, options.configuration));
    const fs::path output =
        options.output.empty() ? located.folder / "build" / configuration : options.output;
    xcode::DescribeOptions describe_options;
    describe_options.environment = environment_of(options, configuration, output);
    for (auto& name : sdk_frameworks(sdk)) describe_options.frameworks.insert(std::move(name));
    describe_options.include_folders = options.common.include_folders;
    describe_options.definitions = options.common.definitions;
    return Described{describe_options.environment,
                     OD_TRY(xcode::describe(*chosen.project, *chosen.target, describe_options))};
}

std::string list_head(std::string_view what, const fs::path& path) {
    return std::string(what) + " " + path.string() + "\ntargets:\n";
}

/// The drivers that the top CMakeLists.txt adds; only CMake itself knows those of further files.
Result<std::string> list_cmake(const Located& located) {
    static const std::regex kCall(R"re((^|\n)[ \t]*add_dext[ \t]*\(\s*"?([^\s")]+))re");
    const fs::path file = located.paths.front() / "CMakeLists.txt";
    const std::string lists = OD_TRY(read_file(file.string()));
    std::string text = list_head(to_string(located.kind), located.paths.front());
    for (std::sregex_iterator it(lists.begin(), lists.end(), kCall), end; it != end; ++it)
        text += "  " + (*it)[2].str() + "_dext  driver-extension\n";
    return text;
}

}  // namespace

Result<std::vector<Target>> describe_dexts(const Located& located, const ProjectOptions& options,
                                           const fs::path& sdk) {
    const std::vector<xcode::Project> projects = OD_TRY(read_projects(located));
    const std::vector<Chosen> chosen = OD_TRY(choose(projects, options.target));
    std::vector<Target> targets;
    for (const Chosen& one : chosen)
        targets.push_back(OD_TRY(describe_chosen(located, options, sdk, one)).description);
    return targets;
}

Result<ProjectResult> build_project(const Located& located, const ProjectOptions& options,
                                    const Toolchain& toolchain) {
    const std::vector<xcode::Project> projects = OD_TRY(read_projects(located));
    const std::vector<Chosen> chosen = OD_TRY(choose(projects, options.target));
    ProjectResult result;
    std::map<const xcode::Target*, fs::path> built;
    xcode::Environment environment;
    for (const auto& [project, target] : chosen) {
        const Described described =
            OD_TRY(describe_chosen(located, options, toolchain.sdk, {project, target}));
        const Target& description = described.description;
        environment = described.environment;
        if (!options.build.run.quiet) {
            for (const auto& notes : {description.notes, description.skipped_steps}) {
                for (const auto& note : notes) std::fprintf(stderr, "note: %s\n", note.c_str());
            }
        }
        BuildOptions build_options = options.build;
        build_options.output = environment.products;
        result.dexts.push_back(OD_TRY(build(description, toolchain, build_options)));
        built.emplace(target, result.dexts.back().bundle);
    }
    OD_TRY(embed(projects, options, built, environment, result));
    OD_TRY(merge_compile_commands(environment.products, result));
    return result;
}

Result<std::string> list_project(const Located& located, const ProjectOptions& options) {
    switch (located.kind) {
        case Located::Kind::xcode:
        case Located::Kind::xcodegen:
            break;
        case Located::Kind::cmake:
            return list_cmake(located);
        case Located::Kind::folder:
        case Located::Kind::description: {
            const Target target =
                located.kind == Located::Kind::folder
                    ? OD_TRY(find_folder_target(located.paths.front(), options.common))
                    : OD_TRY(read_target_description(located.paths.front(), options.common));
            return list_head(to_string(located.kind), located.paths.front()) + "  " + target.name +
                   "  driver-extension\n";
        }
    }
    std::string text;
    for (const auto& project : OD_TRY(read_projects(located))) {
        text += "project " + project.name + " (" + project.file.string() + ")\n";
        text += "targets:\n";
        size_t width = 0;
        for (const auto& target : project.targets) width = std::max(width, target.name.size());
        for (const auto& target : project.targets) {
            const std::string type(target.short_type());
            std::string line = "  " + target.name +
                               std::string(width - target.name.size() + 2, ' ') +
                               (type.empty() ? "aggregate" : type);
            if (is_dext(project, target)) {
                const auto settings = xcode::settings_of(
                    project, target,
                    environment_of(options, options.configuration, located.folder));
                if (settings.ok()) {
                    const auto id = settings->value("PRODUCT_BUNDLE_IDENTIFIER");
                    if (id.ok() && !id->empty()) line += " " + *id;
                }
            } else if (const auto dexts = xcode::embedded(project, target); !dexts.empty()) {
                line += ", embeds " + joined(dexts);
            }
            text += line + "\n";
        }
        const auto names = project.configuration_names();
        std::string standard;
        if (!project.targets.empty()) {
            auto chosen = xcode::choose_configuration(project, project.targets.front(), "");
            if (chosen.ok()) standard = *chosen;
        }
        text += "configurations:\n";
        for (const auto& name : names)
            text += "  " + name + (name == standard ? " (default)" : "") + "\n";
    }
    return text;
}

}  // namespace opendext::project
