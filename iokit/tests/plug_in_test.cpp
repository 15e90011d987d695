// SPDX-License-Identifier: Apache-2.0
#include <IOKit/IOCFPlugIn.h>
#include <IOKit/IOKitKeys.h>

#include <cstring>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {
namespace {

CFUUIDRef some_type() {
    return CFUUIDGetConstantUUIDWithBytes(nullptr, 0x9d, 0xc7, 0xb7, 0x80, 0x9e, 0xc0, 0x11, 0xd4,
                                          0xa5, 0x4f, 0x00, 0x0a, 0x27, 0x05, 0x28, 0x61);
}

class PlugIns : public Client {
  protected:
    kern_return_t create(io_service_t of, CFUUIDRef type, CFUUIDRef interface_type) {
        plug_in = reinterpret_cast<IOCFPlugInInterface**>(this);
        score = 99;
        return IOCreatePlugInInterfaceForService(of, type, interface_type, &plug_in, &score);
    }
    IOCFPlugInInterface** plug_in = nullptr;
    SInt32 score = 0;
};

// Facts: IOCreatePlugInInterfaceForService, kIOCFPlugInInterfaceID
TEST_F(PlugIns, AreNotThereAndTheReasonSaysSo) {
    const io_service_t node = service("TestNode");
    EXPECT_EQ(kIOReturnNoResources, create(node, some_type(), kIOCFPlugInInterfaceID));
    EXPECT_EQ(nullptr, plug_in);
    EXPECT_EQ(0, score);
    EXPECT_STREQ(
        "Node has no plug-in of type 9DC7B780-9EC0-11D4-A54F-000A27052861; use "
        "IOServiceOpen",
        opendext_last_error_reason());
    EXPECT_EQ(OPENDEXT_ORIGIN_LIBRARY, opendext_last_error_origin());
    EXPECT_EQ(kIOReturnNoResources,
              IOCreatePlugInInterfaceForService(node, some_type(), kIOCFPlugInInterfaceID, &plug_in,
                                                nullptr));
    IOObjectRelease(node);
}

// Facts: IOCreatePlugInInterfaceForService, kIOCFPlugInTypesKey
TEST_F(PlugIns, OneThatTheServiceNamesIsNamed) {
    constexpr uint64_t kCamera = 0x100000204;
    daemon.add(kCamera, kDevice,
               {"Camera",
                {"TestCamera", "IOService"},
                {{kIOCFPlugInTypesKey,
                  Dictionary{{"9DC7B780-9EC0-11D4-A54F-000A27052861", "Camera.plugin"}}}}});
    const io_service_t camera = service("TestCamera");
    EXPECT_EQ(kIOReturnNoResources, create(camera, some_type(), kIOCFPlugInInterfaceID));
    EXPECT_STREQ(
        "the plug-in Camera.plugin of Camera is not loaded: OpenDext loads none into "
        "programs; use IOServiceOpen",
        opendext_last_error_reason());
    EXPECT_EQ(kIOReturnNoResources, create(camera, kIOCFPlugInInterfaceID, some_type()));
    EXPECT_NE(nullptr, strstr(opendext_last_error_reason(), "Camera has no plug-in of type C244"));
    IOObjectRelease(camera);
}

// Facts: IOCreatePlugInInterfaceForService, IODestroyPlugInInterface
TEST_F(PlugIns, WrongArgumentsAreRefused) {
    const io_service_t node = service("TestNode");
    EXPECT_EQ(kIOReturnBadArgument, create(node, nullptr, kIOCFPlugInInterfaceID));
    EXPECT_EQ(nullptr, plug_in);
    EXPECT_EQ(kIOReturnBadArgument, create(node, some_type(), nullptr));
    EXPECT_EQ(kIOReturnBadArgument,
              IOCreatePlugInInterfaceForService(node, some_type(), some_type(), nullptr, nullptr));
    EXPECT_EQ(kIOReturnBadArgument, create(IO_OBJECT_NULL, some_type(), kIOCFPlugInInterfaceID));
    EXPECT_EQ(kIOReturnBadArgument, IODestroyPlugInInterface(nullptr));
    IOCFPlugInInterface* none = nullptr;
    EXPECT_EQ(kIOReturnBadArgument, IODestroyPlugInInterface(&none));
    IOObjectRelease(node);
}

/// An interface that a program makes itself.
struct OwnPlugIn {
    IOCFPlugInInterface* functions;
    IOReturn stop_result = kIOReturnSuccess;
    std::string trace;
};

// Facts: IODestroyPlugInInterface, IOCFPlugInInterface, IUNKNOWN_C_GUTS, IOCFPLUGINBASE
TEST_F(PlugIns, AnInterfaceIsStoppedAndReleased) {
    IOCFPlugInInterface functions{};
    functions.version = 1;
    functions.Stop = [](void* self) {
        static_cast<OwnPlugIn*>(self)->trace += "stop ";
        return static_cast<OwnPlugIn*>(self)->stop_result;
    };
    functions.Release = [](void* self) -> ULONG {
        static_cast<OwnPlugIn*>(self)->trace += "release ";
        return 0;
    };
    OwnPlugIn own{&functions, kIOReturnSuccess, {}};
    EXPECT_EQ(kIOReturnSuccess, IODestroyPlugInInterface(&own.functions));
    EXPECT_EQ("stop release ", own.trace);
    own = {&functions, kIOReturnBusy, {}};
    EXPECT_EQ(kIOReturnBusy, IODestroyPlugInInterface(&own.functions));
    EXPECT_EQ("stop release ", own.trace) << "the reference is given back all the same";
}

}  // namespace
}  // namespace opendext::fakes
