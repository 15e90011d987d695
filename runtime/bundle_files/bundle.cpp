// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSBundle.h>

#include <mutex>
#include <string>

#include "runtime/bundle_files/bundle_path.h"
#include "runtime/containers/container_class.h"
#include "runtime/log/log.h"
#include "runtime/process/process.h"

using namespace opendext::runtime;

OSMetaClass* gOSBundleMetaClass;

struct OSBundle_IVars {
    std::string prefix;  // of its files, below the driver's bundle: "" or "a/b/"
};

namespace {

ContainerRegistration<OSBundle> g_bundle("OSBundle", "OSObject", &gOSBundleMetaClass);

OSBundle* make(std::string prefix) {
    OSObject* object = nullptr;
    if (OSObjectAllocate(gOSBundleMetaClass, &object) != kIOReturnSuccess) return nullptr;
    auto* bundle = static_cast<OSBundle*>(object);
    bundle->ivars->prefix = std::move(prefix);
    return bundle;
}

}  // namespace

OSBundle* OSBundle::mainBundle() {
    static std::mutex mutex;
    static OSBundle* main_bundle;
    if (Process::current() == nullptr) return nullptr;
    const std::lock_guard lock(mutex);
    if (main_bundle == nullptr) main_bundle = make("");
    // One reference for each caller, since some release it and some do not.
    if (main_bundle != nullptr) main_bundle->retain();
    return main_bundle;
}

OSBundle* OSBundle::createFromPath(const char* path) {
    if (path == nullptr) return nullptr;
    std::string prefix;
    if (const kern_return_t result = below_bundle(path, prefix); result != kIOReturnSuccess) {
        log(LogType::error, "OSBundle::createFromPath: %s is not below the driver's bundle", path);
        return nullptr;
    }
    while (prefix.ends_with('/')) prefix.pop_back();
    if (!prefix.empty()) prefix += '/';
    OSMappedFile* list = nullptr;
    if (map_bundle_file(prefix + "Info.plist", 0, 0, &list) != kIOReturnSuccess) return nullptr;
    list->release();
    return make(std::move(prefix));
}

bool OSBundle::init() {
    if (!super::init()) return false;
    ivars = new OSBundle_IVars;
    return true;
}

void OSBundle::free() {
    delete ivars;
    super::free();
}

kern_return_t OSBundle::loadResource(const char* name, uint64_t options, size_t minGuardSize,
                                     OSMappedFile** outputMap) {
    if (outputMap == nullptr) return kIOReturnBadArgument;
    *outputMap = nullptr;
    if (name == nullptr) return kIOReturnBadArgument;
    std::string checked;
    const kern_return_t result = below_bundle(name, checked);
    if (result != kIOReturnSuccess) return result;
    if (*name == '/') return kIOReturnNotPermitted;  // a name, not a path of the system
    return map_bundle_file(ivars->prefix + checked, options, minGuardSize, outputMap);
}
