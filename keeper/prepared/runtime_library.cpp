// SPDX-License-Identifier: Apache-2.0
#include "keeper/prepared/runtime_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rpc/driver_libraries.h"

namespace opendext::prepared {
namespace {

constexpr const char* kRuntimeName = "libDriverKit.so.0";

Result<void*> load(const std::string& file) {
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (library == nullptr)
        return Error{Errc::not_found, 0, std::string("cannot load ") + ::dlerror()};
    return library;
}

/// libXDriverKit.so.N, as installed; the development link without N and other libraries are left
/// alone.
bool is_family_library(const std::string& name) {
    return name.starts_with("lib") && name.find("DriverKit.so.") != std::string::npos &&
           name != kRuntimeName;
}

/// Of the families, in a fixed order.
std::vector<std::filesystem::path> family_libraries(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
        if (is_family_library(file.path().filename())) files.push_back(file.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::filesystem::path library_folder() {
    return installation_prefix() / "lib";
}

}  // namespace

std::string preloaded_libraries() {
    std::string list;
    std::vector<std::filesystem::path> files = family_libraries(library_folder());
    files.insert(files.begin(), library_folder() / kRuntimeName);
    for (const std::filesystem::path& file : files) {
        const std::string& name = file.native();
        std::error_code none;
        if (!std::filesystem::exists(file, none)) continue;
        if (name.find_first_of(": ") != std::string::npos) return "";
        list += (list.empty() ? "" : ":") + name;
    }
    // What is loaded later is noted down where drivers have nothing else to write.
    for (const char* name : kSystemLibraries) list += (list.empty() ? "" : ":") + std::string(name);
    return list;
}

Result<Libraries> load_libraries(const std::filesystem::path& runtime) {
    for (const char* name : kSystemLibraries)
        ::dlopen(name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    const std::filesystem::path folder = library_folder();
    void* library =
        OD_TRY(load(runtime.empty() ? (folder / kRuntimeName).string() : runtime.string()));
    auto* entry = reinterpret_cast<opendext_driver_main_t>(::dlsym(library, OPENDEXT_DRIVER_MAIN));
    if (entry == nullptr)
        return Error{Errc::unsupported, 0,
                     std::string("the runtime has no ") + OPENDEXT_DRIVER_MAIN};
    Libraries libraries{entry, {}};
    libraries.prepare =
        reinterpret_cast<opendext_driver_prepare_t>(::dlsym(library, OPENDEXT_DRIVER_PREPARE));
    if (!runtime.empty()) return libraries;

    for (const std::filesystem::path& file : family_libraries(folder)) {
        void* family = OD_TRY(load(file));
        const auto* calls = static_cast<const SandboxCalls*>(::dlsym(family, kSandboxCallsSymbol));
        if (calls == nullptr) continue;
        if (calls->size != sizeof(SandboxCalls)) {
            return Error{Errc::unsupported, 0,
                         file.string() + " was built for another version of OpenDext"};
        }
        libraries.families.push_back({file.filename(), *calls});
    }
    return libraries;
}

}  // namespace opendext::prepared
