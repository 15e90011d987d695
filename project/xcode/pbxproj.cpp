// SPDX-License-Identifier: Apache-2.0
// project.pbxproj: objects that refer to each other by identifier, the root being the PBXProject.
#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "project/document/node.h"
#include "project/settings/xcconfig.h"
#include "project/xcode/model.h"
#include "project/xcode/synchronized.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaximumGroups = 100;

/// Reads one project; the objects stay where they are, what is needed is copied out.
class Reader {
  public:
    Reader(Document document, fs::path file) : document_(std::move(document)) {
        project_.file = std::move(file);
        project_.name = project_.file.stem().string();
        project_.folder = project_.file.parent_path();
    }

    Result<Project> read() {
        if (document_.root.kind != Node::Kind::dictionary)
            return document_.error(document_.root, "this is no project file");
        const Node* objects = document_.root.find("objects");
        if (objects == nullptr || objects->kind != Node::Kind::dictionary)
            return document_.error(document_.root, "the project has no objects");
        for (const auto& [id, object] : objects->members) objects_.emplace(id, &object);
        const std::string root_id(document_.root.text_of("rootObject"));
        root_ = OD_TRY(object(root_id, document_.root, "PBXProject"));

        const std::string_view directory = root_->text_of("projectDirPath");
        if (!directory.empty()) project_.folder = (project_.folder / directory).lexically_normal();
        if (!project_.folder.has_filename()) project_.folder = project_.folder.parent_path();
        if (const Node* group = find(root_->text_of("mainGroup")); group != nullptr)
            OD_TRY(read_group(std::string(root_->text_of("mainGroup")), *group,
                              project_.folder.string(), 0));
        project_.configurations = OD_TRY(configurations(*root_));
        const Node* targets = root_->find("targets");
        for (const auto& id : targets != nullptr ? targets->texts() : std::vector<std::string>{}) {
            const Node* target = OD_TRY(object(id, *targets, ""));
            target_ids_.emplace(id, target->text_of("name"));
        }
        for (const auto& id : targets != nullptr ? targets->texts() : std::vector<std::string>{})
            project_.targets.push_back(OD_TRY(read_target(id, *find(id))));
        std::ranges::sort(project_.headers);
        const auto repeated = std::ranges::unique(project_.headers);
        project_.headers.erase(repeated.begin(), repeated.end());
        return std::move(project_);
    }

  private:
    [[nodiscard]] const Node* find(std::string_view id) const {
        const auto found = objects_.find(std::string(id));
        return found == objects_.end() ? nullptr : found->second;
    }

    /// An object that has to be there; `isa` "" takes any.
    Result<const Node*> object(const std::string& id, const Node& from,
                               std::string_view isa) const {
        const Node* found = find(id);
        if (found == nullptr || found->kind != Node::Kind::dictionary) {
            return document_.error(
                from, "refers to the object " + (id.empty() ? std::string("\"\"") : id) +
                          ", which is not in the project: restore it from version control");
        }
        if (!isa.empty() && found->text_of("isa") != isa) {
            return document_.error(*found, id + " is a " + std::string(found->text_of("isa")) +
                                               ", expected a " + std::string(isa));
        }
        return found;
    }

    [[nodiscard]] std::vector<std::string> ids(const Node& node, std::string_view key) const {
        const Node* list = node.find(key);
        return list != nullptr ? list->texts() : std::vector<std::string>{};
    }

    /// The folder or file that `node` names, below `parent`, the path of its group.
    [[nodiscard]] std::string path_of(const Node& node, const std::string& parent) const {
        const std::string_view tree = node.text_of("sourceTree");
        const std::string_view path = node.text_of("path");
        std::string base;
        if (tree == "<group>" || tree.empty()) {
            base = parent;
        } else if (tree == "SOURCE_ROOT") {
            base = project_.folder.string();
        } else if (tree != "<absolute>") {
            base = "$(" + std::string(tree) + ")";
        }
        if (path.empty()) return base.empty() ? std::string("/") : base;
        if (base.empty() || path.starts_with('/')) return std::string(path);
        const bool reference = base.starts_with("$(") || path.starts_with("$");
        const std::string joined = base + "/" + std::string(path);
        return reference ? joined : fs::path(joined).lexically_normal().string();
    }

    /// Walks the groups once: every file reference and every synchronised folder gets its path.
    Status read_group(const std::string& id, const Node& node, const std::string& parent,
                      unsigned depth) {
        if (depth > kMaximumGroups)
            return document_.error(node, "groups are nested too deeply: one contains itself");
        if (!paths_.emplace(id, path_of(node, parent)).second) return success();
        const std::string& path = paths_.at(id);
        const std::string_view isa = node.text_of("isa");
        if (isa == "PBXFileReference") {
            File file = file_of(node, path);
            const std::string_view kind = file.kind();
            const bool header = kind.ends_with(".h") || kind == "sourcecode.iig";
            if (header && path.starts_with('/')) project_.headers.emplace_back(path);
        }
        if (isa == "PBXFileSystemSynchronizedRootGroup") {
            synchronized_.push_back(id);
            for (auto& file : files_below(path)) {
                const bool header =
                    phase_of(file) == Phase::Kind::headers || file.extension() == ".iig";
                if (header) project_.headers.push_back(std::move(file));
            }
        }
        for (const auto& child : ids(node, "children")) {
            if (const Node* found = find(child); found != nullptr)
                OD_TRY(read_group(child, *found, path, depth + 1));
        }
        return success();
    }

    [[nodiscard]] File file_of(const Node& node, const std::string& path) const {
        File file;
        file.path = path;
        const std::string_view given = node.text_of("explicitFileType");
        file.type = !given.empty() ? given : node.text_of("lastKnownFileType");
        file.where = document_.where(node);
        file.is_product = node.text_of("sourceTree") == "BUILT_PRODUCTS_DIR";
        return file;
    }

    /// The files that one entry of a phase stands for: a variant group has one for each language.
    Status add_files(const std::string& id, const Node& from, std::vector<File>& files) const {
        if (find(id) == nullptr) return success();  // left by a merge: Xcode passes it over, too
        const Node* build_file = OD_TRY(object(id, from, "PBXBuildFile"));
        const std::string reference(build_file->text_of("fileRef"));
        const Node* node = find(reference);
        // A Swift package product, or a reference whose file was deleted.
        if (reference.empty() || node == nullptr || !applies(*build_file)) return success();
        std::vector<File> found;
        const std::string_view isa = node->text_of("isa");
        const auto path = [&](const std::string& of, const Node& what) {
            const auto known = paths_.find(of);
            return known != paths_.end() ? known->second : path_of(what, project_.folder.string());
        };
        if (isa == "PBXVariantGroup" || isa == "XCVersionGroup") {
            for (const auto& child : ids(*node, "children")) {
                if (const Node* variant = find(child); variant != nullptr)
                    found.push_back(file_of(*variant, path(child, *variant)));
            }
        } else if (isa == "PBXReferenceProxy") {
            File file = file_of(*node, path(reference, *node));
            file.type = node->text_of("fileType");
            file.is_product = true;
            found.push_back(std::move(file));
        } else {
            found.push_back(file_of(*node, path(reference, *node)));
        }
        const Node* settings = build_file->find("settings");
        for (File& file : found) {
            if (settings != nullptr) {
                file.flags = settings->text_of("COMPILER_FLAGS");
                const Node* attributes = settings->find("ATTRIBUTES");
                const auto words =
                    attributes != nullptr ? attributes->texts() : std::vector<std::string>{};
                file.optional = std::ranges::find(words, "Weak") != words.end();
            }
            files.push_back(std::move(file));
        }
        return success();
    }

    /// A file for some platforms only counts if DriverKit's or the Mac's is among them.
    [[nodiscard]] static bool names_us(const std::vector<std::string>& filters) {
        return filters.empty() || std::ranges::any_of(filters, [](const std::string& filter) {
                   return filter == "driverkit" || filter == "macos";
               });
    }
    [[nodiscard]] static bool applies(const Node& build_file) {
        std::vector<std::string> filters;
        if (const Node* list = build_file.find("platformFilters"); list != nullptr)
            filters = list->texts();
        const std::string_view one = build_file.text_of("platformFilter");
        if (!one.empty()) filters.emplace_back(one);
        return names_us(filters);
    }

    Result<Phase> read_phase(const Node& node) {
        static constexpr std::array<std::pair<std::string_view, Phase::Kind>, 6> kKinds = {{
            {"PBXSourcesBuildPhase", Phase::Kind::sources},
            {"PBXHeadersBuildPhase", Phase::Kind::headers},
            {"PBXResourcesBuildPhase", Phase::Kind::resources},
            {"PBXFrameworksBuildPhase", Phase::Kind::frameworks},
            {"PBXCopyFilesBuildPhase", Phase::Kind::copy_files},
            {"PBXShellScriptBuildPhase", Phase::Kind::script},
        }};
        Phase phase;
        phase.where = document_.where(node);
        const std::string_view isa = node.text_of("isa");
        for (const auto& [name, kind] : kKinds) {
            if (isa == name) phase.kind = kind;
        }
        phase.name = node.text_of("name");
        if (phase.name.empty())
            phase.name = phase.kind == Phase::Kind::script ? "Run Script" : to_string(phase.kind);
        phase.script = node.text_of("shellScript");
        if (const Node* outputs = node.find("outputPaths"); outputs != nullptr)
            phase.outputs = outputs->texts();
        phase.destination = node.text_of("dstSubfolderSpec");
        phase.destination_path = node.text_of("dstPath");
        for (const auto& id : ids(node, "files")) OD_TRY(add_files(id, node, phase.files));
        return phase;
    }

    static Rule read_rule(const Node& node, const Document& document) {
        Rule rule;
        rule.pattern = node.text_of("filePatterns");
        rule.by_type = rule.pattern.empty();
        if (rule.by_type) rule.pattern = node.text_of("fileType");
        rule.name = node.text_of("name");
        rule.where = document.where(node);
        return rule;
    }

    Result<ConfigurationList> configurations(const Node& owner) {
        ConfigurationList result;
        const Node* list = find(owner.text_of("buildConfigurationList"));
        if (list == nullptr) return result;
        result.default_name = list->text_of("defaultConfigurationName");
        for (const auto& id : ids(*list, "buildConfigurations"))
            result.configurations.push_back(
                OD_TRY(configuration(*OD_TRY(object(id, *list, "XCBuildConfiguration")))));
        return result;
    }

    Result<Configuration> configuration(const Node& node) {
        Configuration result;
        result.name = node.text_of("name");
        result.where = document_.where(node);
        std::string base(node.text_of("baseConfigurationReference"));
        if (const auto found = paths_.find(base); found != paths_.end()) base = found->second;
        // Xcode 16: a file of a synchronised folder is named by the folder and the path in it.
        if (const auto anchor =
                paths_.find(std::string(node.text_of("baseConfigurationReferenceAnchor")));
            anchor != paths_.end())
            base = anchor->second + "/" +
                   std::string(node.text_of("baseConfigurationReferenceRelativePath"));
        std::error_code error;
        if (!base.empty() && !base.starts_with('/')) base.clear();
        if (!base.empty()) {
            if (fs::exists(base, error)) {
                auto read = read_xcconfig(base);
                if (read.ok()) result.base = std::move(read->assignments);
                if (!read.ok()) result.base_problem = read.error().text();
            } else {
                result.missing_base = base;
            }
        }
        const Node* settings = node.find("buildSettings");
        if (settings == nullptr) return result;
        // Conditions are more special than the bare name, wherever they stand.
        for (const bool conditional : {false, true}) {
            for (const auto& [key, value] : settings->members) {
                auto assignment = parse_assignment_name(key);
                if (!assignment.ok()) return document_.error(value, assignment.error().message);
                if (assignment->conditions.empty() == conditional) continue;
                assignment->where = document_.where(value);
                for (const auto& word : value.texts())
                    assignment->value += (assignment->value.empty() ? "" : " ") + word;
                result.settings.push_back(std::move(*assignment));
            }
        }
        return result;
    }

    Result<std::optional<Dependency>> dependency(const Node& node) const {
        Dependency result;
        const std::string target(node.text_of("target"));
        const Node* proxy = find(node.text_of("targetProxy"));
        if (const auto found = target_ids_.find(target); found != target_ids_.end()) {
            result.target = found->second;
            return std::optional(result);
        }
        if (proxy == nullptr) return std::optional<Dependency>();
        result.target = proxy->text_of("remoteInfo");
        const std::string portal(proxy->text_of("containerPortal"));
        if (const auto path = paths_.find(portal); path != paths_.end())
            result.project = path->second;
        if (result.target.empty()) return std::optional<Dependency>();
        return std::optional(result);
    }

    Result<Target> read_target(const std::string& id, const Node& node) {
        Target target;
        target.name = node.text_of("name");
        target.where = document_.where(node);
        const std::string_view isa = node.text_of("isa");
        target.type = isa == "PBXLegacyTarget"      ? "legacy"
                      : isa == "PBXAggregateTarget" ? ""
                                                    : node.text_of("productType");
        if (target.name.empty()) return document_.error(node, "this target has no name");
        const std::string product(node.text_of("productReference"));
        if (const Node* reference = find(product); reference != nullptr)
            target.product = fs::path(reference->text_of("path")).filename();
        target.configurations = OD_TRY(configurations(node));
        for (const auto& id_of_phase : ids(node, "buildPhases")) {
            // Published projects name phases that are gone; Xcode opens them.
            const Node* phase = find(id_of_phase);
            if (phase != nullptr) target.phases.push_back(OD_TRY(read_phase(*phase)));
        }
        for (const auto& rule : ids(node, "buildRules"))
            target.rules.push_back(
                read_rule(*OD_TRY(object(rule, node, "PBXBuildRule")), document_));
        for (const auto& wanted : ids(node, "dependencies")) {
            auto found = OD_TRY(dependency(*OD_TRY(object(wanted, node, "PBXTargetDependency"))));
            if (found) target.dependencies.push_back(std::move(*found));
        }
        for (const auto& package : ids(node, "packageProductDependencies")) {
            if (const Node* product_node = find(package); product_node != nullptr)
                target.packages.emplace_back(product_node->text_of("productName"));
        }
        for (const auto& group : ids(node, "fileSystemSynchronizedGroups")) {
            const Node* folder = OD_TRY(object(group, node, "PBXFileSystemSynchronizedRootGroup"));
            OD_TRY(add_synchronized(id, group, *folder, target));
        }
        OD_TRY(add_members_of_others(id, node, target));
        return target;
    }

    /// Single files of a synchronised folder that belongs to other targets.
    Status add_members_of_others(const std::string& target_id, const Node& node, Target& target) {
        const auto own = ids(node, "fileSystemSynchronizedGroups");
        for (const auto& group : synchronized_) {
            if (std::ranges::find(own, group) != own.end()) continue;
            const Node* folder = find(group);
            for (const auto& id : ids(*folder, "exceptions")) {
                const Node* set = OD_TRY(object(id, *folder, ""));
                if (set->text_of("target") != target_id) continue;
                SynchronizedFolder members;
                members.folder = paths_.at(group);
                members.where = document_.where(*set);
                for (const auto& name : ids(*set, "membershipExceptions"))
                    members.add(name, target);
            }
        }
        return success();
    }

    /// Files of a synchronised folder belong to the targets that list it, save for the exceptions.
    Status add_synchronized(const std::string& target_id, const std::string& group_id,
                            const Node& folder, Target& target) {
        const auto known = paths_.find(group_id);
        SynchronizedFolder result;
        result.folder =
            known != paths_.end() ? known->second : path_of(folder, project_.folder.string());
        result.where = document_.where(folder);
        for (const auto& id : ids(folder, "exceptions")) {
            const Node* set = OD_TRY(object(id, folder, ""));
            const std::string phase(set->text_of("buildPhase"));
            if (!phase.empty()) {
                // Files for a copy phase; which target it belongs to shows in the phase list.
                if (const Node* copy = find(phase); copy != nullptr) {
                    const std::string place = document_.where(*copy);
                    for (Phase& own : target.phases) {
                        if (own.where != place) continue;
                        for (const auto& name : ids(*set, "membershipExceptions"))
                            result.phase_files.push_back({&own, name});
                    }
                }
                continue;
            }
            if (set->text_of("target") != target_id) continue;
            for (auto& name : ids(*set, "membershipExceptions"))
                result.exceptions.insert(std::move(name));
            if (const Node* filters = set->find("platformFiltersByRelativePath");
                filters != nullptr) {
                for (const auto& [name, value] : filters->members) {
                    if (!names_us(value.texts())) result.exceptions.insert(name);
                }
            }
            if (const Node* flags = set->find("additionalCompilerFlagsByRelativePath");
                flags != nullptr) {
                for (const auto& [name, value] : flags->members) result.flags[name] = value.text;
            }
        }
        if (const Node* types = folder.find("explicitFileTypes"); types != nullptr) {
            for (const auto& [name, value] : types->members) result.types[name] = value.text;
        }
        for (const auto& name : ids(folder, "explicitFolders")) result.folders.insert(name);
        result.add_to(target);
        return success();
    }

    Document document_;
    Project project_;
    std::unordered_map<std::string, const Node*> objects_;
    std::unordered_map<std::string, std::string> paths_;
    std::unordered_map<std::string, std::string> target_ids_;
    std::vector<std::string> synchronized_;
    const Node* root_ = nullptr;
};

}  // namespace

Result<Project> parse_project(std::string_view text, const fs::path& file) {
    const std::string name = (file / "project.pbxproj").string();
    return Reader(OD_TRY(parse_project_file(text, name)), file).read();
}

Result<Project> read_project(const fs::path& file) {
    const fs::path inner = file / "project.pbxproj";
    std::error_code error;
    if (!fs::exists(inner, error)) {
        return Error{
            Errc::not_found, 0,
            inner.string() +
                ": is not there: a generated project? Make it first (project.yml: XcodeGen, "
                "or give project.yml to opendext build; CMakeLists.txt: cmake)"};
    }
    return parse_project(OD_TRY(read_file(inner.string())), file);
}

}  // namespace opendext::project::xcode
