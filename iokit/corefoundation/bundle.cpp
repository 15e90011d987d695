// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/bundle.h"

#include <CoreFoundation/CFBundle.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/url.h"

namespace opendext::cf {
namespace {

namespace fs = std::filesystem;

/// Nobody's Info.plist comes near it.
constexpr std::uintmax_t kMaxInfo = 16U << 20;

CFDictionaryRef empty_dictionary() {
    return CFDictionaryCreate(nullptr, nullptr, nullptr, 0, &kCFTypeDictionaryKeyCallBacks,
                              &kCFTypeDictionaryValueCallBacks);
}

class Bundle final : public Object {
  public:
    static constexpr Type kType = Type::bundle;
    explicit Bundle(fs::path folder) : Object(kType), path(std::move(folder)) {
        Result<Owned<CFDictionaryRef>> read = read_dictionary(info_file(path));
        info = read.ok() ? std::move(read).value() : Owned(empty_dictionary());
    }
    [[nodiscard]] std::string describe() const override {
        return "CFBundle <" + path.string() + ">";
    }
    [[nodiscard]] CFTypeRef value(CFStringRef key) const {
        return CFDictionaryGetValue(info.get(), key);
    }
    /// The value below `key` if it is a string.
    [[nodiscard]] CFStringRef text(CFStringRef key) const {
        const CFTypeRef found = value(key);
        return found != nullptr && to_object(found)->type() == Type::string
                   ? static_cast<CFStringRef>(found)
                   : nullptr;
    }
    [[nodiscard]] bool flat() const { return info_file(path).parent_path() == path; }
    [[nodiscard]] fs::path support() const { return flat() ? path : path / "Contents"; }
    [[nodiscard]] fs::path resources() const {
        std::error_code ignored;
        const fs::path folder = support() / "Resources";
        return flat() && !fs::is_directory(folder, ignored) ? path : folder;
    }

    const fs::path path;
    Owned<CFDictionaryRef> info;
};

struct Known {
    std::mutex mutex;
    std::map<std::string, Bundle*> bundles;  ///< by path; each kept until the program ends
    std::string application;                 ///< as it was set
};

Known& known() {
    static auto& known = *new Known;
    return known;
}

fs::path normal(const fs::path& path) {
    std::error_code error;
    fs::path whole = fs::weakly_canonical(path, error);
    if (error) whole = fs::absolute(path, error).lexically_normal();
    return whole.has_filename() ? whole : whole.parent_path();
}

Bundle& bundle_at(const fs::path& folder) {
    const fs::path path = normal(folder);
    const std::lock_guard lock(known().mutex);
    Bundle*& bundle = known().bundles[path.string()];
    if (bundle == nullptr) bundle = new Bundle(path);
    return *bundle;
}

const Bundle& bundle_of(CFBundleRef ref, const char* function) {
    return to<Bundle>(ref, function);
}

/// The URL of something that is there, else NULL.
CFURLRef existing(const fs::path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    return fs::exists(status) ? new_file_url(path.string(), fs::is_directory(status)) : nullptr;
}

fs::path below(const Bundle& bundle, CFStringRef folder) {
    return folder == nullptr ? bundle.resources() : bundle.resources() / text_of(folder);
}

}  // namespace

Result<Owned<CFDictionaryRef>> read_dictionary(const fs::path& file) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error) return Error::system("cannot read " + file.string(), error.value());
    if (size > kMaxInfo) return Error{Errc::malformed, 0, file.string() + " is larger than 16 MiB"};
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    if (!in || !(bytes << in.rdbuf()))
        return Error{Errc::malformed, 0, file.string() + ": the file is empty or cannot be read"};
    CFPropertyListFormat format{};
    Result<plist::Node> list = plist::read(bytes.str(), kCFPropertyListImmutable, format);
    if (!list.ok()) return std::move(list).error().in(file.string());
    if (to_object(list->get())->type() != Type::dictionary)
        return Error{Errc::malformed, 0, file.string() + ": the root is no dictionary"};
    return Owned(static_cast<CFDictionaryRef>(list->release()));
}

fs::path info_file(const fs::path& bundle) {
    std::error_code ignored;
    const fs::path inside = bundle / "Contents" / "Info.plist";
    return fs::exists(inside, ignored) || fs::is_directory(bundle / "Contents", ignored)
               ? inside
               : bundle / "Info.plist";
}

fs::path application_folder() {
    {
        const std::lock_guard lock(known().mutex);
        if (!known().application.empty()) return known().application;
    }
    const char* named = std::getenv("OPENDEXT_APPLICATION");
    if (named != nullptr && *named != '\0') return normal(named);
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (fs::path around = folder; around.has_relative_path(); around = around.parent_path()) {
        if (around.extension() == ".app") return around;
    }
    return folder;
}

void set_application_folder(std::string path) {
    const fs::path whole = path.empty() ? fs::path() : normal(path);
    const std::lock_guard lock(known().mutex);
    known().application = whole.string();
}

}  // namespace opendext::cf

using namespace opendext::cf;
namespace fs = std::filesystem;

const CFStringRef kCFBundleInfoDictionaryVersionKey = CFSTR("CFBundleInfoDictionaryVersion");
const CFStringRef kCFBundleExecutableKey = CFSTR("CFBundleExecutable");
const CFStringRef kCFBundleIdentifierKey = CFSTR("CFBundleIdentifier");
const CFStringRef kCFBundleVersionKey = CFSTR("CFBundleVersion");
const CFStringRef kCFBundleDevelopmentRegionKey = CFSTR("CFBundleDevelopmentRegion");
const CFStringRef kCFBundleNameKey = CFSTR("CFBundleName");
const CFStringRef kCFBundleLocalizationsKey = CFSTR("CFBundleLocalizations");

CFTypeID CFBundleGetTypeID(void) {
    return static_cast<CFTypeID>(Type::bundle);
}

CFBundleRef CFBundleGetMainBundle(void) {
    return to_ref<CFBundleRef>(&bundle_at(application_folder()));
}

CFBundleRef CFBundleGetBundleWithIdentifier(CFStringRef bundleID) {
    const CFBundleRef main = CFBundleGetMainBundle();
    if (equal(CFBundleGetIdentifier(main), bundleID)) return main;
    const std::lock_guard lock(known().mutex);
    for (const auto& [path, bundle] : known().bundles) {
        const CFStringRef own = bundle->text(kCFBundleIdentifierKey);
        if (own != nullptr && equal(own, bundleID)) return to_ref<CFBundleRef>(bundle);
    }
    return nullptr;
}

CFArrayRef CFBundleGetAllBundles(void) {
    (void)CFBundleGetMainBundle();  // is one of them
    CFMutableArrayRef all = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    {
        const std::lock_guard lock(known().mutex);
        for (const auto& [path, bundle] : known().bundles) CFArrayAppendValue(all, bundle);
    }
    return static_cast<CFArrayRef>(CFAutorelease(all));
}

CFBundleRef CFBundleCreate(CFAllocatorRef, CFURLRef bundleURL) {
    const std::optional<std::string> path = path_of(bundleURL);
    std::error_code ignored;
    if (!path || !fs::is_directory(*path, ignored)) return nullptr;
    const Bundle& bundle = bundle_at(*path);
    bundle.retain();
    return to_ref<CFBundleRef>(&bundle);
}

CFArrayRef CFBundleCreateBundlesFromDirectory(CFAllocatorRef, CFURLRef directoryURL,
                                              CFStringRef bundleType) {
    const std::optional<std::string> path = path_of(directoryURL);
    std::error_code error;
    if (!path || !fs::is_directory(*path, error)) return nullptr;
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(*path, error)) {
        const bool wanted = bundleType == nullptr || entry.path().extension().string() ==
                                                         "." + std::string(text_of(bundleType));
        if (wanted && entry.is_directory(error)) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    CFMutableArrayRef bundles = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const fs::path& one : found) CFArrayAppendValue(bundles, &bundle_at(one));
    return bundles;
}

CFURLRef CFBundleCopyBundleURL(CFBundleRef bundle) {
    return new_file_url(bundle_of(bundle, "CFBundleCopyBundleURL").path.string(), true);
}

CFTypeRef CFBundleGetValueForInfoDictionaryKey(CFBundleRef bundle, CFStringRef key) {
    return bundle_of(bundle, "CFBundleGetValueForInfoDictionaryKey").value(key);
}

CFDictionaryRef CFBundleGetInfoDictionary(CFBundleRef bundle) {
    return bundle_of(bundle, "CFBundleGetInfoDictionary").info.get();
}

CFStringRef CFBundleGetIdentifier(CFBundleRef bundle) {
    return bundle_of(bundle, "CFBundleGetIdentifier").text(kCFBundleIdentifierKey);
}

CFStringRef CFBundleGetDevelopmentRegion(CFBundleRef bundle) {
    return bundle_of(bundle, "CFBundleGetDevelopmentRegion").text(kCFBundleDevelopmentRegionKey);
}

CFURLRef CFBundleCopySupportFilesDirectoryURL(CFBundleRef bundle) {
    return new_file_url(
        bundle_of(bundle, "CFBundleCopySupportFilesDirectoryURL").support().string(), true);
}

CFURLRef CFBundleCopyResourcesDirectoryURL(CFBundleRef bundle) {
    return new_file_url(bundle_of(bundle, "CFBundleCopyResourcesDirectoryURL").resources().string(),
                        true);
}

CFURLRef CFBundleCopyBuiltInPlugInsURL(CFBundleRef bundle) {
    return existing(bundle_of(bundle, "CFBundleCopyBuiltInPlugInsURL").support() / "PlugIns");
}

CFDictionaryRef CFBundleCopyInfoDictionaryInDirectory(CFURLRef bundleURL) {
    const std::optional<std::string> path = path_of(bundleURL);
    if (!path) return nullptr;
    opendext::Result<Owned<CFDictionaryRef>> read = read_dictionary(info_file(*path));
    return read.ok() ? read->release() : nullptr;
}

CFURLRef CFBundleCopyResourceURL(CFBundleRef bundle, CFStringRef resourceName,
                                 CFStringRef resourceType, CFStringRef subDirName) {
    std::string name(text_of(resourceName));
    if (resourceType != nullptr && CFStringGetLength(resourceType) > 0)
        name += "." + std::string(text_of(resourceType));
    if (name.empty()) return nullptr;
    return existing(below(bundle_of(bundle, "CFBundleCopyResourceURL"), subDirName) / name);
}

CFArrayRef CFBundleCopyResourceURLsOfType(CFBundleRef bundle, CFStringRef resourceType,
                                          CFStringRef subDirName) {
    const fs::path folder = below(bundle_of(bundle, "CFBundleCopyResourceURLsOfType"), subDirName);
    std::vector<fs::path> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        if (resourceType == nullptr ||
            entry.path().extension().string() == "." + std::string(text_of(resourceType)))
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    CFMutableArrayRef urls = CFArrayCreateMutable(nullptr, 0, &kCFTypeArrayCallBacks);
    for (const fs::path& one : found) {
        const Owned url(existing(one));
        if (url) CFArrayAppendValue(urls, url.get());
    }
    return urls;
}

CFDictionaryRef CFBundleCopyInfoDictionaryForURL(CFURLRef url) {
    const std::optional<std::string> path = path_of(url);
    std::error_code ignored;
    if (!path) return nullptr;
    if (fs::is_directory(*path, ignored)) return CFBundleCopyInfoDictionaryInDirectory(url);
    opendext::Result<Owned<CFDictionaryRef>> read = read_dictionary(*path);
    return read.ok() ? read->release() : nullptr;
}

CFURLRef CFBundleCopyExecutableURL(CFBundleRef ref) {
    const Bundle& bundle = bundle_of(ref, "CFBundleCopyExecutableURL");
    if (ref == CFBundleGetMainBundle()) {
        std::error_code error;
        const fs::path program = fs::read_symlink("/proc/self/exe", error);
        if (!error) return existing(program);
    }
    const CFStringRef name = bundle.text(kCFBundleExecutableKey);
    if (name == nullptr) return nullptr;
    for (const char* folder : {"", "Linux", "MacOS"}) {
        if (CFURLRef found = existing(bundle.support() / folder / text_of(name))) return found;
    }
    return nullptr;
}
