// SPDX-License-Identifier: Apache-2.0
#include "project/lint/lint.h"

#include <stdlib.h>

#include <algorithm>

#include "bundle/bundle.h"
#include "project/builder.h"
#include "project/lint/capture.h"
#include "project/lint/sources.h"
#include "project/lint/subject.h"
#include "project/locate.h"
#include "project/project_build.h"
#include "project/property_lists.h"
#include "project/variables.h"

namespace opendext::lint {
namespace {

namespace fs = std::filesystem;

/// Reads a property list; what is wrong with its syntax is a finding.
std::optional<bundle::Plist> read(const fs::path& path, Findings& findings) {
    auto plist = bundle::read_plist(path);
    if (plist.ok()) return std::move(plist).value();
    // "FILE:LINE:COLUMN: what is wrong: the fix"
    std::string text = plist.error().text();
    Place place{path.string(), 0, 0};
    const std::string prefix = path.string() + ":";
    if (text.starts_with(prefix)) {
        text.erase(0, prefix.size());
        const auto number = [&text]() -> uint32_t {
            size_t used = 0;
            while (used < text.size() && text[used] >= '0' && text[used] <= '9') ++used;
            if (used == 0 || used > 9 || used == text.size() || text[used] != ':') return 0;
            const auto value = static_cast<uint32_t>(std::stoul(text.substr(0, used)));
            text.erase(0, used + 1);
            return value;
        };
        place.line = number();
        place.column = place.line != 0 ? number() : 0;
        text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    }
    const size_t colon = text.rfind(": ");
    findings.add("plist-syntax", place, text.substr(0, colon),
                 colon == std::string::npos ? "" : text.substr(colon + 2));
    return std::nullopt;
}

/// Calls `visit` with the path and text of every string of the value, keys too.
template <typename Visit>
void each_string(const Value& value, const std::string& path, const Visit& visit) {
    const auto below = [&](const std::string& key) {
        return path.empty() ? key : path + "/" + key;
    };
    if (const std::string* text = value.string(); text != nullptr) visit(path, *text);
    if (const Array* array = value.array(); array != nullptr) {
        for (size_t i = 0; i < array->size(); ++i)
            each_string((*array)[i], below(std::to_string(i)), visit);
    }
    if (const Dictionary* dictionary = value.dictionary(); dictionary != nullptr) {
        for (const auto& [key, member] : *dictionary) {
            visit(below(key), key);
            each_string(member, below(key), visit);
        }
    }
}

/// Everything about one property list or one driver goes through here.
class Linter {
  public:
    Linter(const Options& options, const Facts& facts)
        : facts_(facts), findings_(options.ignored) {}

    [[nodiscard]] std::vector<Finding> take() const { return findings_.sorted(); }

    void lint_entitlements(const fs::path& path) {
        Subject subject;
        subject.entitlements = read(path, findings_);
        project::Settings settings = variables_of(project::default_variables("Driver"));
        if (subject.entitlements) expand_in(*subject.entitlements, settings, Missing::filled);
        check(subject, nullptr);
    }

    void lint_info(const fs::path& path) {
        Subject subject;
        subject.info = read(path, findings_);
        project::Target target;
        target.name = "Driver";
        target.variables = project::default_variables(target.name);
        finish_info(subject, target, variables_of(target.variables), Missing::filled);
    }

    /// What is in a built bundle is final: nothing is replaced or added.
    void lint_bundle(const fs::path& path) {
        Subject subject;
        subject.info = read(path / "Info.plist", findings_);
        subject.entitlements_known = true;
        for (const auto& entry : fs::directory_iterator(path)) {
            if (entry.path().extension() == ".entitlements")
                subject.entitlements = read(entry.path(), findings_);
        }
        const Dictionary* root = subject.info ? subject.info->root.dictionary() : nullptr;
        if (root != nullptr) {
            if (const Value* chains = find(*root, bundle::kClassesKey);
                chains != nullptr && chains->array() != nullptr)
                subject.sources = recorded_classes(*chains->array(), subject.info->file);
        }
        const size_t before = findings_.sorted().size();
        check(subject, root);
        const auto opened = bundle::Bundle::open(path);
        const auto found = findings_.sorted();
        const bool told =
            found.size() > before && std::ranges::any_of(found, [](const Finding& finding) {
                return finding.rule->severity == Severity::error;
            });
        if (!opened.ok() && !told)
            findings_.add("bundle-invalid", {path.string(), 0, 0}, opened.error().text(),
                          "build it again: opendext build");
    }

    Status lint_target(const project::Target& target, const project::Toolchain& toolchain) {
        Subject subject;
        subject.sources = OD_TRY(read_sources(target, toolchain, findings_));
        subject.entitlements_known = true;
        if (target.entitlements_plist)
            subject.entitlements = target.entitlements_plist;
        else if (!target.entitlements.empty())
            subject.entitlements = read(target.entitlements, findings_);
        // A file that cannot be read has been told of: nothing is missing for that.
        if (!subject.entitlements && !target.entitlements.empty())
            subject.entitlements_known = false;
        subject.info = target.info ? target.info : read(target.info_plist, findings_);
        project::Settings settings =
            target.settings ? *target.settings : variables_of(target.variables);
        if (!settings.has("PRODUCT_BUNDLE_IDENTIFIER"))
            settings.push("PRODUCT_BUNDLE_IDENTIFIER", "org.example." + target.name);
        const Missing missing = target.settings ? Missing::dropped : Missing::told;
        if (subject.entitlements) expand_in(*subject.entitlements, settings, missing);
        finish_info(subject, target, settings, missing);
        return success();
    }

  private:
    static project::Settings variables_of(const project::Variables& variables) {
        project::Settings settings(project::Settings::Unknown::empty);
        for (const auto& [name, value] : variables) settings.push(name, value);
        return settings;
    }

    static SourceFacts recorded_classes(const Array& chains, const std::string& file) {
        SourceFacts facts;
        for (const Value& chain : chains) {
            if (chain.string() == nullptr) continue;
            const std::string& text = *chain.string();
            const size_t first = text.find(' ');
            if (first == std::string::npos) continue;
            facts.classes.push_back({text.substr(0, first),
                                     text.substr(first + 1, text.find(' ', first + 1) - first - 1),
                                     {file, 0, 0}});
        }
        return facts;
    }

    /// What becomes of a build variable without a value.
    enum class Missing {
        filled,   ///< gets a value that is as good as any: the project is not known
        told,     ///< that, and is told of: the build would refuse it
        dropped,  ///< is told of, and replaced by nothing, as Xcode does
    };

    /// Replaces the variables of `plist`.
    void expand_in(bundle::Plist& plist, project::Settings settings, Missing missing) {
        each_string(plist.root, "", [&](const std::string& path, const std::string& text) {
            for (const auto& name : settings.missing(text)) {
                if (missing != Missing::filled) {
                    findings_.add(
                        "plist-variable", place_of(plist, path),
                        path + ": $(" + name + ") has no value",
                        "set it in the project, or give it with --set " + name + "=VALUE");
                }
                if (missing != Missing::dropped) settings.push(name, "org.example.value");
            }
        });
        auto expanded = project::expand(plist, settings);
        if (expanded.ok())
            plist = std::move(expanded).value();
        else
            findings_.add("plist-value", {plist.file, 0, 0}, expanded.error().text(),
                          "write the reference anew");
    }

    void finish_info(Subject& subject, const project::Target& target,
                     const project::Settings& given, Missing missing) {
        if (!subject.info) {
            check(subject, nullptr);
            return;
        }
        project::Settings settings = given;
        if (!settings.has("PRODUCT_BUNDLE_IDENTIFIER"))
            settings.push("PRODUCT_BUNDLE_IDENTIFIER", "org.example." + target.name);
        const Value written = subject.info->root;
        expand_in(*subject.info, settings, missing);
        if (subject.info->root.dictionary() == nullptr) {
            check(subject, nullptr);
            return;
        }
        Dictionary root = *subject.info->root.dictionary();
        Dictionary as_written;
        if (written.dictionary() != nullptr) as_written = *written.dictionary();
        for (const auto& [key, value] : target.info_additions) as_written.try_emplace(key, value);
        // A generated property list gets its versions from the settings.
        if (target.settings && settings.is_on("GENERATE_INFOPLIST_FILE")) {
            for (const auto& [key, name] : {std::pair{"CFBundleVersion", "CURRENT_PROJECT_VERSION"},
                                            {"CFBundleShortVersionString", "MARKETING_VERSION"}}) {
                if (settings.has(name))
                    as_written.try_emplace(key, Value(std::string("$(") + name + ")"));
            }
        }
        const Status completed = project::complete_info(root, target, settings);
        if (completed.ok()) subject.info->root = Value(std::move(root));
        check(subject, &as_written);
    }

    void check(const Subject& subject, const Dictionary* as_written) {
        if (subject.info) {
            static const Dictionary kNothing;
            check_info_keys(*subject.info, as_written != nullptr ? *as_written : kNothing, facts_,
                            findings_);
        }
        if (subject.entitlements) check_entitlement_keys(*subject.entitlements, facts_, findings_);
        check_matching(subject, facts_, findings_);
        check_classes(subject, facts_, findings_);
        check_needed_entitlements(subject, facts_, findings_);
    }

    const Facts& facts_;
    Findings findings_;
};

/// NAME.dext with Info.plist and without sources.
bool is_built_bundle(const fs::path& path) {
    std::error_code error;
    if (path.extension() != ".dext" || !fs::exists(path / "Info.plist", error)) return false;
    return std::none_of(
        fs::directory_iterator(path, error), fs::directory_iterator(), [](const auto& entry) {
            return entry.path().extension() == ".iig" || entry.path().extension() == ".cpp";
        });
}

/// A CMake project describes its drivers when it is configured.
Result<std::vector<project::Target>> cmake_targets(const fs::path& folder, const Options& options) {
    std::string work = (fs::temp_directory_path() / "opendext-lint-XXXXXX").string();
    if (::mkdtemp(work.data()) == nullptr) return Error::system("cannot make a temporary folder");
    const auto configured =
        capture({"cmake", "-S", folder, "-B", work,
                 "-DOpenDext_DIR=" + (options.prefix / "lib" / "cmake" / "OpenDext").string()});
    std::vector<project::Target> targets;
    Status status = success();
    if (!configured.ok()) {
        status = configured.error();
    } else if (configured->status != 0) {
        status = Error{Errc::invalid, 0,
                       folder.string() + ": cmake cannot configure it:\n" + configured->text};
    } else {
        std::error_code error;
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(fs::path(work) / "opendext-targets", error))
            files.push_back(entry.path());
        std::ranges::sort(files);
        for (const auto& file : files) {
            auto target = project::read_target_description(file, options.common);
            if (!target.ok()) {
                status = target.error();
                break;
            }
            targets.push_back(std::move(target).value());
        }
    }
    std::error_code error;
    fs::remove_all(work, error);
    if (!status.ok()) return std::move(status).error();
    return targets;
}

Result<std::vector<project::Target>> find_targets(const fs::path& path, const Options& options) {
    const project::Located located = OD_TRY(project::locate(path));
    std::vector<project::Target> targets;
    switch (located.kind) {
        case project::Located::Kind::xcode:
        case project::Located::Kind::xcodegen: {
            project::ProjectOptions project_options;
            project_options.target = options.target;
            project_options.configuration = options.configuration;
            project_options.common = options.common;
            return project::describe_dexts(located, project_options, options.prefix / "sdk");
        }
        case project::Located::Kind::cmake:
            return cmake_targets(located.paths.front(), options);
        case project::Located::Kind::description:
            targets.push_back(
                OD_TRY(project::read_target_description(located.paths.front(), options.common)));
            break;
        case project::Located::Kind::folder:
            targets.push_back(
                OD_TRY(project::find_folder_target(located.paths.front(), options.common)));
            break;
    }
    return targets;
}

}  // namespace

Result<std::vector<Finding>> lint(const fs::path& path, const Options& options) {
    const Facts facts = OD_TRY(Facts::load(options.prefix / "share" / "opendext" / "facts"));
    Linter linter(options, facts);
    std::error_code error;
    if (!fs::exists(path, error))
        return Error{Errc::not_found, 0, path.string() + ": is not there"};
    if (!fs::is_directory(path, error) && path.extension() == ".entitlements") {
        linter.lint_entitlements(path);
    } else if (!fs::is_directory(path, error) && path.extension() == ".plist") {
        linter.lint_info(path);
    } else if (is_built_bundle(path)) {
        linter.lint_bundle(path);
    } else {
        const project::Toolchain toolchain = OD_TRY(project::Toolchain::find(options.prefix));
        const std::vector<project::Target> targets = OD_TRY(find_targets(path, options));
        for (const auto& target : targets) OD_TRY(linter.lint_target(target, toolchain));
    }
    return linter.take();
}

}  // namespace opendext::lint
