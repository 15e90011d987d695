// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSMappedFile.h>
#include <sys/stat.h>

#include "rpc/mapped_range.h"
#include "rpc/protocol/driver.h"
#include "runtime/bundle_files/bundle_path.h"
#include "runtime/containers/container_class.h"
#include "runtime/log/log.h"
#include "runtime/process/process.h"

using namespace opendext;
using namespace opendext::runtime;
namespace driver = opendext::protocol::driver;

OSMetaClass* gOSMappedFileMetaClass;

struct OSMappedFile_IVars {
    MappedRange mapping;
    size_t size = 0;
};

namespace {

ContainerRegistration<OSMappedFile> g_file("OSMappedFile", "OSObject", &gOSMappedFileMetaClass);

/// Asks opendextd for a file of the bundle.
kern_return_t open_file(const std::string& relative, UniqueFd& file) {
    const auto process = Process::current();
    if (process == nullptr) return kIOReturnNotReady;
    auto reply = process->request(encode(driver::OpenFile{relative}));
    if (!reply) return kIOReturnOffline;
    const auto answer = decode<driver::FileOpened>(*reply);
    if (!answer) return kIOReturnIPCError;
    if (answer->outcome.io_return != kIOReturnSuccess) {
        log(LogType::error, "the file cannot be had: %s", answer->outcome.reason.c_str());
        return answer->outcome.io_return;
    }
    if (reply->fds.size() != 1) return kIOReturnIPCError;
    file = std::move(reply->fds.front());
    return kIOReturnSuccess;
}

}  // namespace

namespace opendext::runtime {

kern_return_t below_bundle(const char* path, std::string& relative) {
    const auto process = Process::current();
    if (process == nullptr || !process->is_loaded()) return kIOReturnNotReady;
    relative = path;
    if (!relative.starts_with('/')) return kIOReturnSuccess;
    const std::string bundle = process->bundle_path();
    if (bundle.empty() || !relative.starts_with(bundle)) return kIOReturnNotPermitted;
    relative.erase(0, bundle.size());
    if (relative.empty()) return kIOReturnSuccess;
    if (relative.front() != '/') return kIOReturnNotPermitted;
    relative.erase(0, 1);
    return kIOReturnSuccess;
}

kern_return_t map_bundle_file(const std::string& relative, uint64_t options, size_t guard,
                              OSMappedFile** file) {
    *file = nullptr;
    if (options != 0) return kIOReturnBadArgument;
    UniqueFd opened;
    if (const kern_return_t result = open_file(relative, opened); result != kIOReturnSuccess)
        return result;
    struct stat status{};
    if (fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode)) return kIOReturnNotReadable;
    const auto size = static_cast<size_t>(status.st_size);
    MappedRange mapping;
    if (size > 0) {
        const MemorySpan whole{opened.get(), 0, size, false};
        auto mapped = MappedRange::map({&whole, 1}, {.guard = guard});
        if (!mapped) {
            log(LogType::error, "%s: %s", relative.c_str(), mapped.error().text().c_str());
            return mapped.error().code == Errc::invalid ? kIOReturnBadArgument : kIOReturnVMError;
        }
        mapping = std::move(mapped).value();
    }
    OSObject* object = nullptr;
    if (const kern_return_t result = OSObjectAllocate(gOSMappedFileMetaClass, &object);
        result != kIOReturnSuccess) {
        return result;
    }
    *file = static_cast<OSMappedFile*>(object);
    (*file)->ivars->mapping = std::move(mapping);
    (*file)->ivars->size = size;
    return kIOReturnSuccess;
}

}  // namespace opendext::runtime

kern_return_t OSMappedFile::createFromPath(const char* path, uint64_t options, size_t minGuardSize,
                                           OSMappedFile** outputMappedFile) {
    if (outputMappedFile == nullptr) return kIOReturnBadArgument;
    *outputMappedFile = nullptr;
    if (path == nullptr) return kIOReturnBadArgument;
    std::string relative;
    const kern_return_t result = below_bundle(path, relative);
    if (result != kIOReturnSuccess) return result;
    return map_bundle_file(relative, options, minGuardSize, outputMappedFile);
}

bool OSMappedFile::init() {
    if (!super::init()) return false;
    ivars = new OSMappedFile_IVars;
    return true;
}

void OSMappedFile::free() {
    delete ivars;
    super::free();
}

const void* OSMappedFile::data() const {
    return ivars->mapping.data();
}
size_t OSMappedFile::size() const {
    return ivars->size;
}
