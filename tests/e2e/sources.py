# SPDX-License-Identifier: Apache-2.0
"""Sources of a driver and its client, written into a folder with class names made up at run time: nothing in the
repository can know them. The driver:

    PControl   on IOUserResources; publishes a nub PPage with Create() and a property for it
    PReader    on PPage (by the nub's class), in a process of its own; answers user clients
    PClient    the user client: selector 0 adds two numbers and turns a structure round, selector 9 crashes
"""

import os
import random
import subprocess

import harness

FILES = {
    "Control.iig": r"""
#ifndef @P@Control_h
#define @P@Control_h
#include <DriverKit/IOService.iig>

class @P@Control : public IOService
{
public:
    virtual bool init() override;
    virtual kern_return_t Start(IOService * provider) override;
};
#endif
""",
    "Control.cpp": r"""
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>
#include "@P@Control.h"
#include <@P@/@P@Page.h>

bool @P@Control::init()
{
#ifdef CRASH_IN_INIT
    __builtin_trap();
#endif
    return super::init();
}

kern_return_t IMPL(@P@Control, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
#ifdef CRASH_IN_START
    __builtin_trap();
#endif
#ifdef FAIL_IN_START
    return kIOReturnNoResources;
#endif
    IOService * nub = nullptr;
    ret = Create(this, "PageProperties", &nub);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "@P@: no page: 0x%x", ret);
        return ret;
    }
    OSDictionary * properties = OSDictionary::withCapacity(1);
    OSString * word = OSString::withCString("parchment");
    properties->setObject("@P@Kind", word);
    ret = nub->SetProperties(properties);
    OSSafeReleaseNULL(word);
    OSSafeReleaseNULL(properties);
    if (ret == kIOReturnSuccess) ret = nub->RegisterService();
    OSSafeReleaseNULL(nub);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}
""",
    "Page.iig": r"""
#ifndef @P@Page_h
#define @P@Page_h
#include <DriverKit/IOService.iig>

class @P@Page : public IOService
{
public:
    virtual kern_return_t Start(IOService * provider) override;
};
#endif
""",
    "Page.cpp": r"""
#include <DriverKit/IOLib.h>
#include "@P@Page.h"

kern_return_t IMPL(@P@Page, Start)
{
    return Start(provider, SUPERDISPATCH);
}
""",
    "Reader.iig": r"""
#ifndef @P@Reader_h
#define @P@Reader_h
#include <DriverKit/IOService.iig>

class @P@Reader : public IOService
{
public:
    virtual kern_return_t Start(IOService * provider) override;
    virtual kern_return_t NewUserClient(uint32_t type, IOUserClient ** userClient) override;
};
#endif
""",
    "Reader.cpp": r"""
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include "@P@Reader.h"

kern_return_t IMPL(@P@Reader, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    os_log(OS_LOG_DEFAULT, "@P@: a reader has its page");
    return RegisterService();
}

kern_return_t IMPL(@P@Reader, NewUserClient)
{
    IOService * client = nullptr;
    kern_return_t ret = Create(this, "ClientProperties", &client);
    if (ret != kIOReturnSuccess) return ret;
    *userClient = OSDynamicCast(IOUserClient, client);
    if (*userClient == nullptr) {
        client->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}
""",
    "Client.iig": r"""
#ifndef @P@Client_h
#define @P@Client_h
#include <DriverKit/IOUserClient.iig>

class @P@Client : public IOUserClient
{
public:
    virtual kern_return_t Start(IOService * provider) override;
    virtual kern_return_t ExternalMethod(uint64_t selector, IOUserClientMethodArguments * arguments,
                                         const IOUserClientMethodDispatch * dispatch, OSObject * target,
                                         void * reference) override LOCALONLY;
};
#endif
""",
    "Client.cpp": r"""
#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>
#include "@P@Client.h"

kern_return_t IMPL(@P@Client, Start)
{
    return Start(provider, SUPERDISPATCH);
}

static kern_return_t combine(OSObject *, void *, IOUserClientMethodArguments * arguments)
{
    arguments->scalarOutput[0] = arguments->scalarInput[0] + arguments->scalarInput[1];
    const OSData * in = arguments->structureInput;
    const uint8_t * bytes = static_cast<const uint8_t *>(in->getBytesNoCopy());
    uint8_t turned[64];
    const size_t length = in->getLength();
    if (length > sizeof(turned)) return kIOReturnBadArgument;
    for (size_t i = 0; i < length; ++i) turned[i] = bytes[length - 1 - i];
    arguments->structureOutput = OSData::withBytes(turned, length);
    return kIOReturnSuccess;
}

static const IOUserClientMethodDispatch kCombine = {
    .function = &combine,
    .checkCompletionExists = false,
    .checkScalarInputCount = 2,
    .checkStructureInputSize = kIOUserClientVariableStructureSize,
    .checkScalarOutputCount = 1,
    .checkStructureOutputSize = kIOUserClientVariableStructureSize,
};

kern_return_t @P@Client::ExternalMethod(uint64_t selector, IOUserClientMethodArguments * arguments,
                                        const IOUserClientMethodDispatch * dispatch, OSObject * target,
                                        void * reference)
{
    if (selector == 9) __builtin_trap();
    if (selector != 0) return kIOReturnUnsupported;
    return super::ExternalMethod(selector, arguments, &kCombine, this, nullptr);
}
""",
}

INFO = harness.info_plist({
    "Control": {
        "IOUserClass": "@P@Control",
        "PageProperties": {"IOClass": "IOUserService", "IOUserClass": "@P@Page"},
    },
    "Reader": {
        "IOProviderClass": "@P@Page",
        "IOPropertyMatch": {"@P@Kind": "parchment"},
        "IOUserClass": "@P@Reader",
        "ClientProperties": {"IOClass": "IOUserUserClient", "IOUserClass": "@P@Client"},
    },
})

ENTITLEMENTS = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
\t<key>com.apple.developer.driverkit</key>
\t<true/>
\t<key>com.apple.developer.driverkit.allow-any-userclient-access</key>
\t<true/>
</dict>
</plist>
"""

CLIENT = r"""
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* usage: client CLASS SELECTOR */
int main(int argc, char ** argv)
{
    if (argc != 3) return 2;
    io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching(argv[1]));
    if (service == IO_OBJECT_NULL) { printf("no service\n"); return 3; }
    io_connect_t connection = IO_OBJECT_NULL;
    kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection);
    if (ret != KERN_SUCCESS) { printf("open 0x%08x\n", ret); return 4; }
    const uint64_t numbers[2] = {40, 2};
    const char text[] = "drawer";
    uint64_t sum = 0;
    uint32_t sums = 1;
    char turned[64] = "";
    size_t length = sizeof turned;
    ret = IOConnectCallMethod(connection, (uint32_t)atoi(argv[2]), numbers, 2, text, strlen(text), &sum, &sums, turned, &length);
    printf("call 0x%08x\n", ret);
    if (ret == KERN_SUCCESS) printf("sum %llu, turned %.*s\n", (unsigned long long)sum, (int)length, turned);
    IOServiceClose(connection);
    IOObjectRelease(service);
    return ret == KERN_SUCCESS ? 0 : 5;
}
"""


def random_prefix():
    """A class prefix that nobody has written down."""
    return "Q" + "".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9))


def write_dext(folder, prefix):
    """Writes the driver's sources into folder/PREFIX; gives that path."""
    path = os.path.join(folder, prefix)
    os.makedirs(path)
    for name, text in FILES.items():
        with open(os.path.join(path, prefix + name), "w", encoding="utf-8") as file:
            file.write(text.replace("@P@", prefix).lstrip())
    for name, text in (("Info.plist", INFO), (prefix + ".entitlements", ENTITLEMENTS)):
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(text.replace("@P@", prefix))
    return path


def edit(path, old, new):
    """Replaces a text that occurs in a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, f"{old!r} is not in {path}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


def build_client(folder):
    """Compiles the client program as an application author does; gives its path."""
    source = os.path.join(folder, "client.c")
    output = os.path.join(folder, "client")
    with open(source, "w", encoding="utf-8") as file:
        file.write(CLIENT)
    library = os.path.join(harness.PREFIX, "lib")
    subprocess.run(["clang-19", "-std=gnu17", "-fblocks", "-Wall", "-Werror", "-isystem", client_headers(), source, "-o", output,
                    "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)
    return output


def client_headers():
    """Where the client library's headers are."""
    for path in (os.path.join(harness.PREFIX, "sdk", "client", "include"), os.path.join(harness.SOURCE, "iokit", "include")):
        if os.path.isdir(os.path.join(path, "IOKit")):
            return path
    raise FileNotFoundError("IOKit headers are not built")
