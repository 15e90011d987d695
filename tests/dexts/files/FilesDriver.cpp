/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSBundle.h>
#include <DriverKit/OSMappedFile.h>

#include "Check.h"
#include "FilesDriver.h"

/* While the executable is loaded nothing can be had yet, and nobody waits forever. */
static kern_return_t earlyResult = [] {
    OSMappedFile* file = nullptr;
    return OSMappedFile::createFromPath("firmware.bin", 0, 0, &file);
}();

static kern_return_t open(const char* path) {
    OSMappedFile* file = nullptr;
    const kern_return_t ret = OSMappedFile::createFromPath(path, 0, 0, &file);
    OSSafeReleaseNULL(file);
    return ret;
}

kern_return_t IMPL(FilesDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    Checks checks = {"files", 0, 0};
    CHECK(&checks, earlyResult == kIOReturnNotReady);

    OSBundle* bundle = OSBundle::mainBundle();
    CHECK(&checks, bundle != nullptr);
    OSMappedFile* firmware = nullptr;
    CHECK(&checks, bundle->loadResource("firmware.bin", 0, 4096, &firmware) == kIOReturnSuccess);
    if (firmware != nullptr) {
        CHECK(&checks, firmware->size() == 10000);
        const uint8_t* bytes = (const uint8_t*)firmware->data();
        bool same = true;
        for (size_t i = 0; i < firmware->size(); ++i) same = same && bytes[i] == (uint8_t)(i * 7);
        CHECK(&checks, same);
    }
    OSSafeReleaseNULL(firmware);
    OSMappedFile* empty = nullptr;
    CHECK(&checks, bundle->loadResource("empty.txt", 0, 0, &empty) == kIOReturnSuccess);
    CHECK(&checks, empty != nullptr && empty->size() == 0);
    OSSafeReleaseNULL(empty);
    CHECK(&checks, open("Info.plist") == kIOReturnSuccess);
    CHECK(&checks, open("nested/inner.txt") == kIOReturnSuccess);
    OSBundle* itself = OSBundle::createFromPath("");
    CHECK(&checks, itself != nullptr);
    OSSafeReleaseNULL(itself);
    CHECK(&checks, OSBundle::createFromPath("nested") == nullptr);
    OSSafeReleaseNULL(bundle);

    CHECK(&checks, open("no such file") == kIOReturnNotFound);
    CHECK(&checks, open("/etc/passwd") == kIOReturnNotPermitted);
    CHECK(&checks, open("../Files.dext/firmware.bin") == kIOReturnNotPermitted);
    CHECK(&checks, open("nested/../firmware.bin") == kIOReturnNotPermitted);
    CHECK(&checks, open("nested") == kIOReturnNotPermitted);
    CHECK(&checks, open("nested//inner.txt") == kIOReturnNotPermitted);
    CHECK(&checks, open("firmware.bin/") == kIOReturnNotPermitted);
    /* The test puts links there after the first start. */
    os_log(OS_LOG_DEFAULT, "files: links 0x%x 0x%x", open("link.txt"), open("linked/passwd"));
    CHECK(&checks, open("") == kIOReturnNotPermitted);
    check_done(&checks);
    return RegisterService();
}
