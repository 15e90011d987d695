// SPDX-License-Identifier: Apache-2.0
// project.yml, from which XcodeGen makes an Xcode project. What it would write becomes our model
// straight away.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "project/document/node.h"
#include "project/settings/xcconfig.h"
#include "project/xcode/glob.h"
#include "project/xcode/model.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaximumIncludes = 32;

bool is_no(std::string_view text) {
    return text == "false" || text == "no" || text == "NO" || text == "off";
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
    return result;
}

/// Later files and targets add to templates and included files: dictionaries member by member,
/// lists at the end, everything else is replaced. "KEY:REPLACE" replaces what it would add to.
void merge(Node& into, const Node& from) {
    if (into.kind == Node::Kind::array && from.kind == Node::Kind::array) {
        into.items.insert(into.items.end(), from.items.begin(), from.items.end());
        return;
    }
    if (into.kind != Node::Kind::dictionary || from.kind != Node::Kind::dictionary) {
        into = from;
        return;
    }
    for (const auto& [key, member] : from.members) {
        constexpr std::string_view replace = ":REPLACE";
        const bool replaced = key.ends_with(replace);
        const std::string name = replaced ? key.substr(0, key.size() - replace.size()) : key;
        const auto old = std::ranges::find_if(
            into.members, [&name](const Node::Member& one) { return one.first == name; });
        if (old == into.members.end() || replaced) {
            into.set(name, member);
        } else {
            merge(old->second, member);
        }
    }
}

/// ${NAME} of the environment, and of the attributes of a template, in all texts.
void substitute(Node& node, const std::map<std::string, std::string>& values, bool environment) {
    for (size_t at = node.text.find("${"); at != std::string::npos; at = node.text.find("${", at)) {
        const size_t end = node.text.find('}', at);
        if (end == std::string::npos) break;
        const std::string name = node.text.substr(at + 2, end - at - 2);
        const auto found = values.find(name);
        const char* value = found != values.end() ? found->second.c_str()
                            : environment         ? std::getenv(name.c_str())
                                                  : nullptr;
        if (value == nullptr) {
            at = end;
            continue;
        }
        const std::string text(value);
        node.text.replace(at, end + 1 - at, text);
        at += text.size();
    }
    for (Node& item : node.items) substitute(item, values, environment);
    for (auto& [key, member] : node.members) substitute(member, values, environment);
}

class Generator {
  public:
    explicit Generator(fs::path file) {
        project_.file = std::move(file);
        project_.folder = project_.file.parent_path();
    }

    Result<Project> run() {
        document_.file = project_.file.string();
        document_.root = OD_TRY(load(project_.file, 0));
        const Node& root = document_.root;
        if (root.kind != Node::Kind::dictionary || root.find("targets") == nullptr)
            return document_.error(root, "this is no project of XcodeGen: it has no targets");
        project_.name = root.text_of("name");
        if (project_.name.empty()) project_.name = project_.folder.filename().string();
        read_configurations(root);
        OD_TRY(add_settings(root, project_.configurations, "project.yml"));
        for (const auto& [name, target] : root.find("targets")->members)
            project_.targets.push_back(OD_TRY(read_target(name, target)));
        std::ranges::sort(project_.headers);
        const auto repeated = std::ranges::unique(project_.headers);
        project_.headers.erase(repeated.begin(), repeated.end());
        return std::move(project_);
    }

  private:
    Result<Node> load(const fs::path& file, unsigned depth) {
        if (depth > kMaximumIncludes)
            return Error{Errc::invalid, 0, file.string() + ": files include each other too deeply"};
        Document document = OD_TRY(parse_yaml(OD_TRY(read_file(file.string())), file.string()));
        substitute(document.root, {}, true);
        Node result;
        result.kind = Node::Kind::dictionary;
        result.position = document.root.position;
        const Node* include = document.root.find("include");
        const auto add = [&](const Node& one) -> Status {
            const std::string_view path = one.kind == Node::Kind::dictionary
                                              ? one.text_of("path")
                                              : std::string_view(one.text);
            if (is_no(one.text_of("enable"))) return success();
            const fs::path full = (file.parent_path() / path).lexically_normal();
            std::error_code error;
            if (!fs::exists(full, error))
                return document.error(one,
                                      "includes " + std::string(path) + ", which is not there");
            merge(result, OD_TRY(load(full, depth + 1)));
            return success();
        };
        if (include != nullptr && include->kind != Node::Kind::array) OD_TRY(add(*include));
        if (include != nullptr) {
            for (const Node& one : include->items) OD_TRY(add(one));
        }
        merge(result, document.root);
        return result;
    }

    void read_configurations(const Node& root) {
        std::vector<std::string> names = {"Debug", "Release"};
        debug_ = {"Debug"};
        if (const Node* configs = root.find("configs"); configs != nullptr) {
            names.clear();
            debug_.clear();
            for (const auto& [name, kind] : configs->members) {
                names.push_back(name);
                if (kind.text == "debug") debug_.push_back(name);
            }
        }
        for (const auto& name : names) {
            Configuration one;
            one.name = name;
            one.where = document_.file;
            if (std::ranges::find(debug_, name) != debug_.end())
                one.settings = {{"GCC_OPTIMIZATION_LEVEL", {}, "0", {}},
                                {"GCC_PREPROCESSOR_DEFINITIONS", {}, "$(inherited) DEBUG=1", {}}};
            project_.configurations.configurations.push_back(std::move(one));
        }
        const Node* options = root.find("options");
        const std::string_view wanted =
            options != nullptr ? options->text_of("defaultConfig") : std::string_view{};
        // As xcodebuild takes it: the one that is named, else Release.
        project_.configurations.default_name = wanted.empty() ? "Release" : std::string(wanted);
    }

    Status assign(const Node& settings, Level& into) const {
        for (const auto& [key, value] : settings.members) {
            auto assignment = parse_assignment_name(key);
            if (!assignment.ok()) return document_.error(value, assignment.error().message);
            assignment->where = document_.where(value);
            if (value.kind == Node::Kind::array) {
                for (const auto& word : value.texts())
                    assignment->value += (assignment->value.empty() ? "" : " ") + word;
            } else {
                const bool flag = !value.quoted && (value.text == "true" || value.text == "false");
                assignment->value = !flag ? value.text : value.text == "true" ? "YES" : "NO";
            }
            into.push_back(std::move(*assignment));
        }
        return success();
    }

    /// `settings` is a plain dictionary, or groups, base and configs.
    Status settings_for(const Node& settings, const std::string& configuration, Level& into,
                        unsigned depth) const {
        if (depth > kMaximumIncludes)
            return document_.error(settings, "groups of settings contain each other");
        const bool structured = settings.find("base") != nullptr ||
                                settings.find("configs") != nullptr ||
                                settings.find("groups") != nullptr;
        if (!structured) return assign(settings, into);
        if (const Node* groups = settings.find("groups"); groups != nullptr) {
            const Node* all = document_.root.find("settingGroups");
            for (const auto& name : groups->texts()) {
                const Node* group = all != nullptr ? all->find(name) : nullptr;
                if (group == nullptr)
                    return document_.error(*groups, "there is no group of settings " + name);
                OD_TRY(settings_for(*group, configuration, into, depth + 1));
            }
        }
        if (const Node* base = settings.find("base"); base != nullptr) OD_TRY(assign(*base, into));
        if (const Node* configs = settings.find("configs"); configs != nullptr) {
            for (const auto& [name, values] : configs->members) {
                const bool hit = name == configuration ||
                                 lower(configuration).find(lower(name)) != std::string::npos;
                if (hit) OD_TRY(settings_for(values, configuration, into, depth + 1));
            }
        }
        return success();
    }

    /// Settings and .xcconfig files of the project or of a target.
    Status add_settings(const Node& owner, ConfigurationList& list, const std::string&) {
        for (Configuration& one : list.configurations) {
            if (const Node* settings = owner.find("settings"); settings != nullptr)
                OD_TRY(settings_for(*settings, one.name, one.settings, 0));
            const Node* files = owner.find("configFiles");
            const std::string_view file =
                files != nullptr ? files->text_of(one.name) : std::string_view{};
            if (file.empty()) continue;
            const fs::path path = (project_.folder / file).lexically_normal();
            one.where = document_.where(*files);
            std::error_code error;
            if (fs::exists(path, error)) {
                auto read = read_xcconfig(path);
                if (read.ok()) one.base = std::move(read->assignments);
                if (!read.ok()) one.base_problem = read.error().text();
            } else {
                one.missing_base = path.string();
            }
        }
        return success();
    }

    Result<Node> with_templates(const std::string& name, const Node& written) const {
        const Node* templates = written.find("templates");
        if (templates == nullptr) return written;
        std::map<std::string, std::string> values = {{"target_name", name}};
        if (const Node* attributes = written.find("templateAttributes"); attributes != nullptr) {
            for (const auto& [key, value] : attributes->members) values[key] = value.text;
        }
        const Node* all = document_.root.find("targetTemplates");
        Node result;
        result.kind = Node::Kind::dictionary;
        result.position = written.position;
        for (const auto& wanted : templates->texts()) {
            const Node* found = all != nullptr ? all->find(wanted) : nullptr;
            if (found == nullptr)
                return document_.error(*templates, "there is no target template " + wanted);
            merge(result, *found);
        }
        substitute(result, values, false);
        merge(result, written);
        return result;
    }

    Result<Target> read_target(const std::string& name, const Node& written) {
        const Node node = OD_TRY(with_templates(name, written));
        Target target;
        target.name = name;
        target.where = document_.where(written);
        const std::string_view type = node.text_of("type");
        if (type.empty() && node.text_of("toolPath").empty())
            return document_.error(written,
                                   "target " + name + " has no type: add type: driver-extension");
        target.type = type.empty() ? "legacy" : "com.apple.product-type." + std::string(type);
        const std::string_view product = node.text_of("productName");
        target.configurations = project_.configurations;
        for (Configuration& one : target.configurations.configurations) {
            one.base.clear();
            one.missing_base.clear();
            one.settings.clear();
            if (const Node* options = document_.root.find("options");
                options != nullptr && !options->text_of("bundleIdPrefix").empty()) {
                one.settings.push_back({"PRODUCT_BUNDLE_IDENTIFIER",
                                        {},
                                        std::string(options->text_of("bundleIdPrefix")) + "." +
                                            apply_modifier(name, "rfc1034identifier").value(),
                                        {}});
            }
            // XcodeGen leaves PRODUCT_NAME to the target's name.
            one.settings.push_back({"PRODUCT_NAME", {}, "$(TARGET_NAME)", {}});
            if (!product.empty())
                one.settings.push_back({"PRODUCT_NAME", {}, std::string(product), {}});
        }
        OD_TRY(property_lists(node, target));
        OD_TRY(add_settings(node, target.configurations, name));
        found_info_.clear();
        const Node* sources = node.find("sources");
        if (sources != nullptr && sources->kind != Node::Kind::array)
            OD_TRY(add_source(*sources, target));
        if (sources != nullptr) {
            for (const Node& source : sources->items) OD_TRY(add_source(source, target));
        }
        use_found_info(target);
        for (const char* scripts : {"preBuildScripts", "prebuildScripts", "postCompileScripts",
                                    "postBuildScripts", "postbuildScripts"})
            add_scripts(node, scripts, target);
        if (const Node* dependencies = node.find("dependencies"); dependencies != nullptr) {
            for (const Node& one : dependencies->items) add_dependency(one, target);
        }
        const std::string_view ending = target.short_type() == "driver-extension" ? ".dext"
                                        : target.is_application()                 ? ".app"
                                        : target.short_type() == "library.static" ? ".a"
                                                                                  : "";
        target.product = (product.empty() ? name : std::string(product)) + std::string(ending);
        return target;
    }

    /// `info` and `entitlements` hold what XcodeGen writes into files.
    Status property_lists(const Node& node, Target& target) const {
        if (const Node* info = node.find("info"); info != nullptr) {
            Dictionary dictionary = {{"CFBundleIdentifier", Value("$(PRODUCT_BUNDLE_IDENTIFIER)")},
                                     {"CFBundleInfoDictionaryVersion", Value("6.0")},
                                     {"CFBundleExecutable", Value("$(EXECUTABLE_NAME)")},
                                     {"CFBundleName", Value("$(PRODUCT_NAME)")},
                                     {"CFBundleShortVersionString", Value("1.0")},
                                     {"CFBundleVersion", Value("1")}};
            if (const Node* properties = info->find("properties"); properties != nullptr) {
                const Value given = to_value(*properties);
                if (given.dictionary() == nullptr)
                    return document_.error(*properties, "properties have to be a dictionary");
                for (const auto& [key, value] : *given.dictionary()) dictionary[key] = value;
                target.info = Value(std::move(dictionary));
            } else if (std::error_code error;
                       !fs::exists(project_.folder / info->text_of("path"), error)) {
                target.info = Value(std::move(dictionary));
            }
            use_file(target, "INFOPLIST_FILE", info->text_of("path"), *info);
        }
        if (const Node* entitlements = node.find("entitlements"); entitlements != nullptr) {
            if (const Node* properties = entitlements->find("properties"); properties != nullptr)
                target.entitlements = to_value(*properties);
            use_file(target, "CODE_SIGN_ENTITLEMENTS", entitlements->text_of("path"),
                     *entitlements);
        }
        return success();
    }

    void use_file(Target& target, const char* setting, std::string_view path,
                  const Node& node) const {
        if (path.empty()) return;
        for (Configuration& one : target.configurations.configurations)
            one.settings.push_back({setting, {}, std::string(path), document_.where(node)});
    }

    /// Without a word about it, XcodeGen takes the Info.plist that lies among the sources.
    void use_found_info(Target& target) const {
        if (target.info || found_info_.empty()) return;
        for (Configuration& one : target.configurations.configurations) {
            const bool given = std::ranges::any_of(one.settings, [](const Assignment& assignment) {
                return assignment.name == "INFOPLIST_FILE";
            });
            if (!given)
                one.settings.push_back({"INFOPLIST_FILE", {}, found_info_.string(), target.where});
        }
    }

    static Phase& phase(Target& target, Phase::Kind kind) {
        const auto found = std::ranges::find_if(
            target.phases, [kind](const Phase& one) { return one.kind == kind; });
        if (found != target.phases.end()) return *found;
        Phase fresh;
        fresh.kind = kind;
        fresh.name = to_string(kind);
        fresh.where = target.where;
        target.phases.push_back(std::move(fresh));
        return target.phases.back();
    }

    static std::string flags_of(const Node& source) {
        const Node* flags = source.find("compilerFlags");
        std::string text;
        for (const auto& word : flags != nullptr ? flags->texts() : std::vector<std::string>{})
            text += (text.empty() ? "" : " ") + word;
        return text;
    }

    Status add_source(const Node& source, Target& target) {
        const bool plain = source.kind == Node::Kind::text;
        const std::string_view name =
            plain ? std::string_view(source.text) : source.text_of("path");
        if (name.empty()) return document_.error(source, "a source needs a path");
        const fs::path base = (project_.folder / name).lexically_normal();
        const std::string_view wanted = source.text_of("buildPhase");
        const Node* excludes = source.find("excludes");
        const Node* includes = source.find("includes");
        std::error_code error;
        std::vector<fs::path> files;
        if (!fs::is_directory(base, error) || source.text_of("type") == "folder") {
            files.push_back(base);
        } else {
            for (auto& file : files_below(base)) {
                const std::string relative = file.lexically_relative(base).string();
                if (excludes != nullptr && glob_matches_any(excludes->texts(), relative)) continue;
                if (includes != nullptr && !glob_matches_any(includes->texts(), relative)) continue;
                files.push_back(std::move(file));
            }
        }
        for (const auto& path : files) {
            if (path.filename() == "Info.plist" && found_info_.empty()) found_info_ = path;
            File file;
            file.path = path.string();
            file.where = document_.where(source);
            file.flags = flags_of(source);
            file.optional = source.text_of("optional") == "true";
            Phase::Kind kind = phase_of(path);
            if (kind == Phase::Kind::headers || path.extension() == ".iig")
                project_.headers.push_back(path);
            if (wanted == "none") continue;
            if (wanted == "sources") kind = Phase::Kind::sources;
            if (wanted == "headers") kind = Phase::Kind::headers;
            if (wanted == "resources") kind = Phase::Kind::resources;
            if (!fs::exists(path, error) && kind != Phase::Kind::headers)
                kind = Phase::Kind::sources;
            if (kind != Phase::Kind::other) phase(target, kind).files.push_back(std::move(file));
        }
        return success();
    }

    void add_scripts(const Node& node, const char* key, Target& target) const {
        const Node* scripts = node.find(key);
        if (scripts == nullptr) return;
        for (const Node& one : scripts->items) {
            Phase script;
            script.kind = Phase::Kind::script;
            script.name =
                one.text_of("name").empty() ? "Run Script" : std::string(one.text_of("name"));
            script.script = one.text_of("script");
            if (script.script.empty()) script.script = one.text_of("path");
            script.where = document_.where(one);
            target.phases.push_back(std::move(script));
        }
    }

    void add_dependency(const Node& one, Target& target) const {
        const std::string_view name = one.text_of("target");
        if (!name.empty()) {
            Dependency dependency;
            const size_t slash = name.find('/');
            dependency.target = slash == std::string_view::npos ? name : name.substr(slash + 1);
            const Node* references = document_.root.find("projectReferences");
            if (slash != std::string_view::npos && references != nullptr) {
                const Node* reference = references->find(name.substr(0, slash));
                if (reference != nullptr)
                    dependency.project =
                        (project_.folder / reference->text_of("path")).lexically_normal();
            }
            target.dependencies.push_back(std::move(dependency));
        }
        for (const char* key : {"sdk", "framework", "carthage"}) {
            const std::string_view framework = one.text_of(key);
            if (framework.empty()) continue;
            File file;
            file.path = std::string(framework);
            if (fs::path(file.path).extension().empty()) file.path += ".framework";
            file.where = document_.where(one);
            phase(target, Phase::Kind::frameworks).files.push_back(std::move(file));
        }
        const std::string_view package = one.text_of("package");
        if (!package.empty()) target.packages.emplace_back(package);
    }

    Project project_;
    Document document_;
    std::vector<std::string> debug_;
    fs::path found_info_;
};

}  // namespace

Result<Project> read_xcodegen(const fs::path& file) {
    return Generator(file).run();
}

}  // namespace opendext::project::xcode
