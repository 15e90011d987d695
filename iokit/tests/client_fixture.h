// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOBSD.h>
#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>
#include <mach/mach.h>
#include <opendext/client.h>

#include <chrono>
#include <string>
#include <vector>

#include "iokit/tests/fake_daemon.h"

namespace opendext::fakes {

namespace uc = protocol::user_client;

inline constexpr uint64_t kDevice = 0x100000200;
inline constexpr uint64_t kNub = 0x100000201;
inline constexpr uint64_t kPort = 0x100000202;
inline constexpr uint64_t kNode = 0x100000203;

/// A scripted registry of a machine, a nub, a driver and a node, and this process as its client.
class Client : public ::testing::Test {
  protected:
    Client() {
        daemon.add(kDevice, 0, {"Machine", {"IOPlatformExpertDevice", "IOService"}});
        daemon.add(kNub, kDevice, {"Nub", {"TestNub", "IOService"}, {{"Speed", 9600}}, "1"});
        daemon.add(kPort, kNub, {"Port", {"IOUserService", "IOService"}, {{"Depth", 3}}});
        daemon.add(
            kNode, kPort,
            {"Node",
             {"TestNode", "IOService"},
             {{"Name", "alpha"}, {"Path", "/dev/x"}, {"Data", Data{1, 2}}, {"BSD Name", "x0"}}});
        EXPECT_EQ(kIOReturnSuccess, opendext_set_realm(daemon.realm().root().c_str()));
    }
    ~Client() override { opendext_set_realm(nullptr); }

    static io_service_t service(const char* class_name) {
        return IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching(class_name));
    }
    static std::vector<std::string> names(io_iterator_t iterator) {
        std::vector<std::string> result;
        while (const io_object_t object = IOIteratorNext(iterator)) {
            io_name_t name;
            EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetName(object, name));
            result.emplace_back(name);
            IOObjectRelease(object);
        }
        return result;
    }
    /// Runs the loop until `done` or the time is over.
    template <typename Done>
    static bool run_until(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, TRUE);
        }
        return true;
    }

    FakeDaemon daemon;
};

/// What the driver of Connected does with a message of the channel.
void test_driver(Channel& channel, Message message);

/// With an open user client of the node.
class Connected : public Client {
  protected:
    Connected() {
        daemon.driver = test_driver;
        node = service("TestNode");
        EXPECT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &connect))
            << opendext_last_error_reason();
    }
    ~Connected() override {
        IOServiceClose(connect);
        IOObjectRelease(node);
    }
    io_service_t node = 0;
    io_connect_t connect = 0;
};

}  // namespace opendext::fakes
