// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle.h"

#include <sstream>

#include "bundle/elf.h"
#include "rpc/driver_libraries.h"

namespace opendext::bundle {
namespace {

namespace fs = std::filesystem;

std::string string_or(const Dictionary& d, std::string_view key, std::string fallback) {
    const std::string* text = find_string(d, key);
    return text != nullptr ? *text : std::move(fallback);
}

Status check_abi(const Plist& info, const Dictionary& root) {
    const Value* recorded = find(root, kAbiKey);
    const std::string where = info.where(kAbiKey) + ": " + kAbiKey + ": ";
    const std::string rebuild = ": rebuild it from its sources with: opendext build SOURCE_FOLDER";
    if (recorded == nullptr)
        return Error{Errc::invalid, 0,
                     where + "is missing, the bundle was not built for OpenDext" + rebuild};
    if (recorded->number() == nullptr || recorded->number()->as_signed() != kDextAbi) {
        return Error{Errc::unsupported, 0,
                     where + describe(*recorded) + ", this OpenDext runs ABI " +
                         std::to_string(kDextAbi) + rebuild};
    }
    return success();
}

/// No library of the system can be loaded within the sandbox.
Status check_libraries(const fs::path& executable, const std::vector<std::string>& libraries) {
    std::error_code none;
    for (const std::string& name : libraries) {
        if (is_driver_library(name) || fs::exists(executable.parent_path() / name, none)) continue;
        return Error{Errc::unsupported, 0,
                     executable.string() + ": needs the library " + name +
                         ", which no driver process has: link it statically, or put it into the "
                         "bundle and link with -Wl,-rpath,'$ORIGIN'"};
    }
    return success();
}

/// NAME.entitlements, or the only *.entitlements there is (an installed copy may lie in a folder of
/// another name).
Result<fs::path> find_entitlements(const fs::path& bundle) {
    std::error_code error;
    fs::path named = bundle / bundle.stem();
    named += ".entitlements";
    if (fs::exists(named, error)) return named;
    fs::path found;
    for (fs::directory_iterator it(bundle, error), end; !error && it != end; it.increment(error)) {
        if (it->path().extension() != ".entitlements") continue;
        if (!found.empty()) {
            return Error{Errc::invalid, 0,
                         bundle.string() + ": has both " + found.filename().string() + " and " +
                             it->path().filename().string() + ": keep one, named " +
                             named.filename().string()};
        }
        found = it->path();
    }
    if (error) return Error::system("cannot read " + bundle.string(), error.value());
    return found;
}

}  // namespace

Result<Bundle> Bundle::open(const fs::path& given) {
    std::error_code error;
    Bundle bundle;
    bundle.path_ = fs::absolute(given, error).lexically_normal();
    if (!bundle.path_.has_filename()) bundle.path_ = bundle.path_.parent_path();
    const std::string shown = given.string();
    if (!fs::is_directory(bundle.path_, error)) {
        const bool there = fs::exists(bundle.path_, error);
        return Error{there ? Errc::invalid : Errc::not_found, 0,
                     shown + (there ? ": is a file" : ": is not there") +
                         ", must be the folder of a bundle: give the path of a NAME.dext"};
    }
    if (bundle.path_.extension() != ".dext") {
        return Error{Errc::invalid, 0,
                     shown +
                         ": the name does not end in .dext: give the path of a built bundle, or "
                         "build one from sources with: opendext build " +
                         shown};
    }
    const fs::path info_path = bundle.path_ / "Info.plist";
    if (!fs::exists(info_path, error)) {
        return Error{Errc::invalid, 0,
                     shown + ": has no Info.plist: build the bundle again with: opendext build"};
    }
    const Plist info = OD_TRY(read_plist(info_path));
    OD_TRY(first_error(check_info(info)));
    bundle.info_ = *info.root.dictionary();
    const Dictionary& root = bundle.info_;
    OD_TRY(check_abi(info, root));

    bundle.identifier_ = *find_string(root, "CFBundleIdentifier");
    bundle.version_ = *find_string(root, "CFBundleVersion");
    bundle.short_version_ = string_or(root, "CFBundleShortVersionString", "");
    bundle.name_ = string_or(root, "CFBundleName", bundle.path_.stem().string());
    bundle.executable_ = bundle.path_ / *find_string(root, "CFBundleExecutable");
    bundle.executable_stamp_ = stamp_of(bundle.executable_);
    bundle.libraries_ = OD_TRY(read_shared_object(bundle.executable_)).libraries;
    OD_TRY(check_libraries(bundle.executable_, bundle.libraries_));

    for (const auto& [name, value] : *find(root, "IOKitPersonalities")->dictionary()) {
        Dictionary personality = *value.dictionary();
        personality.try_emplace("CFBundleIdentifier", bundle.identifier_);
        bundle.personalities_.emplace_back(name, std::move(personality));
    }
    if (const Value* classes = find(root, kClassesKey);
        classes != nullptr && classes->array() != nullptr) {
        for (const Value& line : *classes->array()) {
            if (line.string() == nullptr) continue;
            std::istringstream words(*line.string());
            std::vector<std::string> chain;
            for (std::string word; words >> word;) chain.push_back(word);
            if (!chain.empty()) bundle.classes_.push_back(std::move(chain));
        }
    }

    const fs::path entitlements_path = OD_TRY(find_entitlements(bundle.path_));
    if (!entitlements_path.empty()) {
        const Plist entitlements = OD_TRY(read_plist(entitlements_path));
        OD_TRY(first_error(check_entitlements(entitlements)));
        bundle.entitlements_ = *entitlements.root.dictionary();
    }
    return bundle;
}

}  // namespace opendext::bundle
