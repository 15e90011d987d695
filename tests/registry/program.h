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
#include <thread>
#include <vector>

#include "tests/registry/live_registry.h"

namespace opendext::testing {

/// This process as the client program of a realm with a bus, two hubs and devices:
///
///     OpenDext/bus/hub@1/head-a (S1), hub@1/head-b (S2), bus/hub@2/tail
class Program : public ::testing::Test {
  protected:
    Program() {
        bus = registry.add(0, {"bus", kHub, {{"Bus Speed", 480}}});
        hub = registry.add(bus, {"hub", kHub, {{"Ports", 4}}, "1"});
        other_hub = registry.add(bus, {"hub", kHub, {}, "2"});
        head_a = registry.add(hub, {"head-a", kHead, {{"Serial", "S1"}, {"Rate", 9600}}});
        head_b = registry.add(hub, {"head-b", kHead, {{"Serial", "S2"}, {"BSD Name", "head0"}}});
        tail = registry.add(other_hub, {"tail", {"TestTail", "IOService", "IORegistryEntry"}});
        EXPECT_EQ(kIOReturnSuccess, opendext_set_realm(registry.realm().c_str()));
    }
    ~Program() override { opendext_set_realm(nullptr); }

    static io_registry_entry_t entry(uint64_t id) {
        return IOServiceGetMatchingService(kIOMainPortDefault, IORegistryEntryIDMatching(id));
    }
    static uint64_t id_of(io_registry_entry_t entry) {
        uint64_t id = 0;
        EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetRegistryEntryID(entry, &id));
        return id;
    }
    /// The same of an object that is released here.
    static uint64_t taken_id(io_registry_entry_t entry) {
        const uint64_t id = id_of(entry);
        IOObjectRelease(entry);
        return id;
    }
    static std::string name_of(io_registry_entry_t entry) {
        io_name_t name = "";
        EXPECT_EQ(kIOReturnSuccess, IORegistryEntryGetName(entry, name))
            << opendext_last_error_reason();
        return name;
    }
    static std::string text_of(io_registry_entry_t entry, CFStringRef key) {
        CFTypeRef value = IORegistryEntryCreateCFProperty(entry, key, kCFAllocatorDefault, 0);
        if (value == nullptr) return "";
        char text[256] = "";
        CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof text,
                           kCFStringEncodingUTF8);
        CFRelease(value);
        return text;
    }
    static std::vector<std::string> names(io_iterator_t iterator) {
        std::vector<std::string> all;
        while (const io_object_t object = IOIteratorNext(iterator)) {
            all.push_back(name_of(object));
            IOObjectRelease(object);
        }
        return all;
    }
    template <typename Done>
    static bool wait_until(Done done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    using Names = std::vector<std::string>;
    inline static const std::vector<std::string> kHub{"TestHub", "IOService", "IORegistryEntry"};
    inline static const std::vector<std::string> kHead{"TestHead", "IOService", "IORegistryEntry"};
    LiveRegistry registry;
    uint64_t bus = 0;
    uint64_t hub = 0;
    uint64_t other_hub = 0;
    uint64_t head_a = 0;
    uint64_t head_b = 0;
    uint64_t tail = 0;
};

}  // namespace opendext::testing
