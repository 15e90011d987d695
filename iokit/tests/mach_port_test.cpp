// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFMachPort.h>
#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>
#include <mach/mach.h>

#include <thread>

#include "iokit/client/notification_port.h"

namespace {

struct Served {
    IONotificationPortRef port = nullptr;
    int calls = 0;
    int dispatched = 0;
    bool invalidated = false;
};

void serve(CFMachPortRef, void* message, CFIndex, void* info) {
    auto* served = static_cast<Served*>(info);
    ++served->calls;
    IODispatchCalloutFromMessage(nullptr, static_cast<mach_msg_header_t*>(message), served->port);
}

void invalidated(CFMachPortRef, void* info) {
    static_cast<Served*>(info)->invalidated = true;
}

// Facts: CFMachPortCreateWithPort, CFMachPortGetPort, CFMachPortCreateRunLoopSource
// Facts: CFMachPortInvalidate, CFMachPortIsValid, CFMachPortSetInvalidationCallBack
// Facts: CFMachPortGetInvalidationCallBack, CFMachPortGetContext, CFMachPortGetTypeID
// Facts: IODispatchCalloutFromMessage
TEST(CFMachPort, RunsItsCallBackWhenCallBacksWaitAtTheNotificationPort) {
    Served served;
    served.port = IONotificationPortCreate(MACH_PORT_NULL);
    const mach_port_t name = IONotificationPortGetMachPort(served.port);
    CFMachPortContext context{};
    context.info = &served;
    Boolean should_free = TRUE;
    CFMachPortRef port = CFMachPortCreateWithPort(nullptr, name, serve, &context, &should_free);
    ASSERT_NE(nullptr, port);
    EXPECT_FALSE(should_free);
    EXPECT_EQ(CFMachPortGetTypeID(), CFGetTypeID(port));
    EXPECT_EQ(name, CFMachPortGetPort(port));
    CFMachPortContext known{};
    CFMachPortGetContext(port, &known);
    EXPECT_EQ(&served, known.info);
    CFMachPortSetInvalidationCallBack(port, invalidated);
    EXPECT_EQ(&invalidated, CFMachPortGetInvalidationCallBack(port));
    CFRunLoopSourceRef source = CFMachPortCreateRunLoopSource(nullptr, port, 0);
    CFRunLoopAddSource(CFRunLoopGetCurrent(), source, kCFRunLoopDefaultMode);
    std::thread poster([&] {
        for (int i = 0; i < 3; ++i) served.port->port->post([&] { ++served.dispatched; });
    });
    while (served.dispatched < 3)
        EXPECT_EQ(kCFRunLoopRunHandledSource, CFRunLoopRunInMode(kCFRunLoopDefaultMode, 60, TRUE));
    poster.join();
    EXPECT_GE(served.calls, 1);
    CFMachPortInvalidate(port);
    EXPECT_TRUE(served.invalidated);
    EXPECT_FALSE(CFMachPortIsValid(port));
    EXPECT_FALSE(CFRunLoopSourceIsValid(source));
    CFRelease(source);
    EXPECT_EQ(1, CFGetRetainCount(port));
    CFRelease(port);
    IONotificationPortDestroy(served.port);
}

// Facts: CFMachPortCreate, mach_port_deallocate, mach_task_self, mach_error_string
TEST(CFMachPort, MayHaveAPortOfItsOwn) {
    CFMachPortRef port = CFMachPortCreate(nullptr, serve, nullptr, nullptr);
    ASSERT_NE(nullptr, port);
    const mach_port_t name = CFMachPortGetPort(port);
    EXPECT_NE(static_cast<mach_port_t>(MACH_PORT_NULL), name);
    CFRelease(port);
    EXPECT_EQ(nullptr, CFMachPortCreateWithPort(nullptr, name, serve, nullptr, nullptr));
    EXPECT_NE(KERN_SUCCESS, mach_port_deallocate(mach_task_self(), name));
    EXPECT_STRNE("", mach_error_string(KERN_FAILURE));
}

}  // namespace
