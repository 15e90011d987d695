// SPDX-License-Identifier: Apache-2.0
#include "project/property_lists.h"

#include "bundle/bundle.h"
#include "project/classes.h"
#include "project/explain.h"
#include "project/variables.h"

namespace opendext::project {
Status complete_info(Dictionary& root, const Target& target, const Settings& settings) {
    for (const auto& [key, value] : target.info_additions) root.try_emplace(key, value);
    for (const auto& [key, text] :
         {std::pair{"CFBundlePackageType", "$(PRODUCT_BUNDLE_PACKAGE_TYPE)"},
          {"CFBundleExecutable", "$(EXECUTABLE_NAME)"},
          {"CFBundleName", "$(PRODUCT_NAME)"},
          {"CFBundleVersion", "$(CURRENT_PROJECT_VERSION)"},
          {"CFBundleShortVersionString", "$(MARKETING_VERSION)"},
          {"CFBundleInfoDictionaryVersion", "6.0"},
          {"CFBundleDevelopmentRegion", "$(DEVELOPMENT_LANGUAGE)"}}) {
        if (!root.contains(key)) root[key] = OD_TRY(settings.expand(text));
    }
    if (!root.contains("CFBundleIdentifier") && settings.has("PRODUCT_BUNDLE_IDENTIFIER"))
        root["CFBundleIdentifier"] = OD_TRY(settings.value("PRODUCT_BUNDLE_IDENTIFIER"));
    return success();
}

Result<PropertyLists> prepare_property_lists(const Target& target, const Settings& settings,
                                             const std::filesystem::path& sdk,
                                             const std::set<std::string>& provider_classes) {
    PropertyLists result;
    bundle::Plist info = target.info ? *target.info : OD_TRY(bundle::read_plist(target.info_plist));
    info = OD_TRY(expand(std::move(info), settings, &result.warnings));
    Dictionary root = OD_TRY(info.dictionary());
    OD_TRY(complete_info(root, target, settings));
    info.root = root;
    std::vector<bundle::Problem> problems = bundle::check_info(info);

    const ClassMap own = find_classes(target.interfaces);
    for (auto& problem : check_class_names(info, own, find_sdk_classes(sdk / "include"),
                                           provider_classes, api_names(sdk)))
        problems.push_back(std::move(problem));

    if (target.entitlements_plist || !target.entitlements.empty()) {
        bundle::Plist entitlements = target.entitlements_plist
                                         ? *target.entitlements_plist
                                         : OD_TRY(bundle::read_plist(target.entitlements));
        entitlements = OD_TRY(expand(std::move(entitlements), settings));
        for (auto& problem : bundle::check_entitlements(entitlements))
            problems.push_back(std::move(problem));
        result.entitlements = std::move(entitlements.root);
    }
    size_t errors = 0;
    const std::string* first = nullptr;
    for (const auto& problem : problems) {
        if (problem.severity == bundle::Problem::Severity::warning) {
            result.warnings.push_back(problem.message);
            continue;
        }
        if (first == nullptr) first = &problem.message;
        ++errors;
    }
    if (first != nullptr) {
        return Error{Errc::invalid, 0,
                     *first + (errors > 1 ? " (and " + std::to_string(errors - 1) + " more)" : "")};
    }

    root[bundle::kAbiKey] = Value(bundle::kDextAbi);
    Array classes;
    for (const auto& chain : class_chains(own)) classes.emplace_back(chain);
    root[bundle::kClassesKey] = std::move(classes);
    result.executable = *find_string(root, "CFBundleExecutable");
    result.info = std::move(root);
    return result;
}

}  // namespace opendext::project
