// SPDX-License-Identifier: Apache-2.0
#include "project/xcode/environment.h"

#include <sys/utsname.h>

#include "project/absent.h"

namespace opendext::project::xcode {
namespace {

namespace fs = std::filesystem;

std::string machine() {
    struct utsname name = {};
    if (::uname(&name) != 0) return "x86_64";
    const std::string word = name.machine;
    return word == "aarch64" ? "arm64" : word;
}

std::string default_name(const ConfigurationList& list) {
    if (list.find(list.default_name) != nullptr) return list.default_name;
    return {};
}

/// What Xcode sets before it reads a project. Lowest of all.
Level built_in(const Project& project, const Target& target, const std::string& configuration,
               const fs::path& products) {
    const bool driver = target.short_type() == "driver-extension";
    const std::string work = "$(CONFIGURATION_BUILD_DIR)/$(PRODUCT_NAME).build";
    const Variables values = {
        {"ACTION", "build"},
        {"ARCHS", "$(ARCHS_STANDARD)"},
        {"ARCHS_STANDARD", machine()},
        {"ARCHS_STANDARD_64_BIT", machine()},
        {"CURRENT_ARCH", machine()},
        {"NATIVE_ARCH", machine()},
        {"CURRENT_VARIANT", "normal"},
        {"BUILD_VARIANTS", "normal"},
        {"CONFIGURATION", configuration},
        {"CONFIGURATION_BUILD_DIR", products.string()},
        {"BUILT_PRODUCTS_DIR", "$(CONFIGURATION_BUILD_DIR)"},
        {"TARGET_BUILD_DIR", "$(CONFIGURATION_BUILD_DIR)"},
        {"BUILD_DIR", products.parent_path().string()},
        {"BUILD_ROOT", "$(BUILD_DIR)"},
        {"SYMROOT", "$(BUILD_DIR)"},
        {"OBJROOT", "$(BUILD_DIR)"},
        {"TARGET_TEMP_DIR", work},
        {"CONFIGURATION_TEMP_DIR", "$(TARGET_TEMP_DIR)"},
        {"PROJECT_TEMP_DIR", "$(TARGET_TEMP_DIR)"},
        {"TEMP_DIR", "$(TARGET_TEMP_DIR)"},
        {"DERIVED_FILE_DIR", work + "/generated"},
        {"DERIVED_FILES_DIR", "$(DERIVED_FILE_DIR)"},
        {"DERIVED_SOURCES_DIR", "$(DERIVED_FILE_DIR)"},
        {"PROJECT", project.name},
        {"PROJECT_NAME", project.name},
        {"PROJECT_DIR", project.folder.string()},
        {"PROJECT_FILE_PATH", project.file.string()},
        {"SRCROOT", project.folder.string()},
        {"SOURCE_ROOT", project.folder.string()},
        {"TARGET_NAME", target.name},
        {"TARGETNAME", target.name},
        {"PRODUCT_TYPE", target.type},
        {"PRODUCT_NAME",
         driver ? "$(PRODUCT_BUNDLE_IDENTIFIER:default=$(TARGET_NAME))" : "$(TARGET_NAME)"},
        {"PRODUCT_MODULE_NAME", "$(PRODUCT_NAME:c99extidentifier)"},
        {"PRODUCT_BUNDLE_PACKAGE_TYPE", driver ? "DEXT" : "APPL"},
        {"EXECUTABLE_NAME", "$(EXECUTABLE_PREFIX)$(PRODUCT_NAME)$(EXECUTABLE_SUFFIX)"},
        {"EXECUTABLE_PATH", "$(EXECUTABLE_FOLDER_PATH)/$(EXECUTABLE_NAME)"},
        {"EXECUTABLE_FOLDER_PATH", driver ? "$(WRAPPER_NAME)" : "$(CONTENTS_FOLDER_PATH)/MacOS"},
        {"WRAPPER_EXTENSION", driver                    ? "dext"
                              : target.is_application() ? "app"
                                                        : ""},
        {"WRAPPER_SUFFIX", ".$(WRAPPER_EXTENSION)"},
        {"WRAPPER_NAME", "$(WRAPPER_PREFIX)$(PRODUCT_NAME)$(WRAPPER_SUFFIX)"},
        {"FULL_PRODUCT_NAME", "$(WRAPPER_NAME)"},
        {"CONTENTS_FOLDER_PATH", driver ? "$(WRAPPER_NAME)" : "$(WRAPPER_NAME)/Contents"},
        {"SYSTEM_EXTENSIONS_FOLDER_PATH", "$(CONTENTS_FOLDER_PATH)/Library/SystemExtensions"},
        {"UNLOCALIZED_RESOURCES_FOLDER_PATH",
         driver ? "$(CONTENTS_FOLDER_PATH)" : "$(CONTENTS_FOLDER_PATH)/Resources"},
        {"INFOPLIST_PATH", "$(CONTENTS_FOLDER_PATH)/Info.plist"},
        {"MARKETING_VERSION", "1.0"},
        {"CURRENT_PROJECT_VERSION", "1"},
        {"DEVELOPMENT_LANGUAGE", "en"},
        {"DEVELOPMENT_TEAM", ""},
        {"EXECUTABLE_PREFIX", ""},
        {"EXECUTABLE_SUFFIX", ""},
        {"WRAPPER_PREFIX", ""},
        {"PRODUCT_BUNDLE_IDENTIFIER", ""},
        {"AppIdentifierPrefix", ""},
        {"TeamIdentifierPrefix", ""},
        {"PLATFORM_NAME", driver ? "driverkit" : "macosx"},
        {"SDK_NAME", driver ? "driverkit25.0" : "macosx26.0"},
        {"SDKROOT", driver ? "driverkit" : "macosx"},
        {"USE_HEADERMAP", "YES"},
        {"OTHER_CPLUSPLUSFLAGS", "$(OTHER_CFLAGS)"},
    };
    Level level;
    for (const auto& [name, value] : values) level.push_back({name, {}, value, {}});
    return level;
}

Status push(const ConfigurationList& list, const std::string& name, const std::string& owner,
            const fs::path& folder, Settings& settings) {
    const Configuration* configuration = list.find(name);
    if (configuration == nullptr) return success();
    if (!configuration->missing_base.empty()) {
        return Error{Errc::not_found, 0,
                     configuration->where + ": configuration " + name + " of " + owner + " names " +
                         configuration->missing_base + ", which is not there: " +
                         why_absent(configuration->missing_base, folder)};
    }
    if (!configuration->base_problem.empty())
        return Error{Errc::invalid, 0, configuration->base_problem};
    settings.push(configuration->base);
    settings.push(configuration->settings);
    return success();
}

}  // namespace

fs::path work_folder(const fs::path& products, const std::string& name) {
    return products / (name + ".build");
}

Result<std::string> choose_configuration(const Project& project, const Target& target,
                                         const std::string& wanted) {
    const auto names = project.configuration_names();
    if (!wanted.empty()) {
        for (const auto& name : names) {
            if (name == wanted) return wanted;
        }
        std::string all;
        for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
        return Error{Errc::not_found, 0,
                     project.file.string() + ": has no configuration " + wanted + ": it has " +
                         (all.empty() ? "none" : all)};
    }
    std::string name = default_name(target.configurations);
    if (name.empty()) name = default_name(project.configurations);
    if (name.empty()) {
        for (const auto& one : names) {
            if (name.empty() || one == "Release") name = one;
        }
    }
    return name.empty() ? std::string("Release") : name;
}

Result<Settings> settings_of(const Project& project, const Target& target,
                             const Environment& environment) {
    const std::string configuration =
        OD_TRY(choose_configuration(project, target, environment.configuration));
    Settings settings;
    const bool application = target.is_application() || target.short_type() == "tool";
    settings.set_context("sdk", application ? "macosx26.0" : "driverkit25.0");
    settings.set_context("arch", machine());
    settings.set_context("config", configuration);
    settings.set_context("variant", "normal");
    settings.push(built_in(project, target, configuration, environment.products));
    OD_TRY(push(project.configurations, configuration, "the project", project.folder, settings));
    OD_TRY(push(target.configurations, configuration, "target " + target.name, project.folder,
                settings));
    for (const auto& [name, value] : environment.overrides) settings.push(name, value);
    return settings;
}

}  // namespace opendext::project::xcode
