// SPDX-License-Identifier: Apache-2.0
#include "iokit/system_extensions/application.h"

#include <CoreFoundation/CFBundle.h>

#include <algorithm>
#include <set>
#include <vector>

#include "iokit/corefoundation/bundle.h"
#include "iokit/corefoundation/string.h"

namespace opendext::system_extensions {
namespace {

namespace fs = std::filesystem;

std::string text_below(CFDictionaryRef info, CFStringRef key) {
    return std::string(cf::text_of(CFDictionaryGetValue(info, key)));
}

/// The folders below `application` where extensions may lie.
std::vector<fs::path> extension_folders(const fs::path& application) {
    const fs::path inside = fs::path("Library") / "SystemExtensions";
    std::vector<fs::path> folders{application / "Contents" / inside, application / inside,
                                  application};
    if (application.extension() != ".app") {
        // An executable beside its APP.app, as a build leaves them.
        std::error_code error;
        for (const fs::directory_entry& entry : fs::directory_iterator(application, error)) {
            if (entry.path().extension() == ".app")
                folders.push_back(entry.path() / "Contents" / inside);
        }
    }
    return folders;
}

std::set<fs::path> bundles_in(const fs::path& application) {
    std::set<fs::path> bundles;
    for (const fs::path& folder : extension_folders(application)) {
        std::error_code error;
        for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
            const fs::path extension = entry.path().extension();
            if (extension == ".dext" || extension == ".systemextension")
                bundles.insert(entry.path());
        }
    }
    return bundles;
}

std::string listed(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

Application current_application() {
    Application application{cf::application_folder(), ""};
    const auto info = cf::read_dictionary(cf::info_file(application.folder));
    if (info.ok()) application.identifier = text_below(info->get(), kCFBundleIdentifierKey);
    return application;
}

std::variant<fs::path, Refusal> find_extension(const Application& application,
                                               const std::string& identifier) {
    if (identifier.empty())
        return Refusal{OSSystemExtensionErrorExtensionMissingIdentifier,
                       "the request names no extension"};
    std::vector<fs::path> fitting;
    std::set<std::string> others;
    fs::path nameless;
    std::string category;
    std::string broken;
    for (const fs::path& bundle : bundles_in(application.folder)) {
        const auto info = cf::read_dictionary(cf::info_file(bundle));
        if (!info.ok()) {
            // By its name it is the one that is meant.
            if (bundle.stem() == identifier) broken = info.error().text();
            continue;
        }
        const std::string own = text_below(info->get(), kCFBundleIdentifierKey);
        if (own.empty()) {
            nameless = bundle;
        } else if (own != identifier) {
            others.insert(own);
        } else {
            fitting.push_back(bundle);
            const std::string type = text_below(info->get(), CFSTR("CFBundlePackageType"));
            const bool driver = bundle.extension() == ".dext" && (type.empty() || type == "DEXT");
            category = driver ? "" : type.empty() ? bundle.extension().string() : type;
        }
    }
    if (fitting.size() > 1) {
        return Refusal{OSSystemExtensionErrorDuplicateExtensionIdentifer,
                       fitting[0].string() + " and " + fitting[1].string() +
                           " have the same CFBundleIdentifier, " + identifier};
    }
    if (fitting.empty() && !broken.empty())
        return Refusal{OSSystemExtensionErrorValidationFailed, broken};
    if (fitting.empty() && !nameless.empty()) {
        return Refusal{OSSystemExtensionErrorExtensionMissingIdentifier,
                       cf::info_file(nameless).string() + " has no CFBundleIdentifier"};
    }
    if (fitting.empty()) {
        return Refusal{OSSystemExtensionErrorExtensionNotFound,
                       identifier + " is not in " + application.folder.string() +
                           (others.empty() ? ", which has no extensions; name the application with "
                                             "OPENDEXT_APPLICATION if this is not it"
                                           : "; it has " + listed(others))};
    }
    if (!category.empty()) {
        return Refusal{OSSystemExtensionErrorUnknownExtensionCategory,
                       fitting[0].string() + " is of the category " + category +
                           "; only driver extensions (NAME.dext, CFBundlePackageType DEXT) exist "
                           "here"};
    }
    return fitting[0];
}

}  // namespace opendext::system_extensions

void opendext_set_application(const char* path) {
    opendext::cf::set_application_folder(path == nullptr ? "" : path);
}
