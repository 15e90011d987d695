// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/registry.h"

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/serial/IOSerialKeys.h>
#include <mach/mach_error.h>
#include <opendext/client.h>

#include <algorithm>
#include <cstdio>

namespace opendext::serial_tcp {
namespace {

CFTypeRef copy_property(io_registry_entry_t entry, const char* key, bool parents) {
    CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
    CFTypeRef value = parents ? IORegistryEntrySearchCFProperty(
                                    entry, kIOServicePlane, name, nullptr,
                                    kIORegistryIterateRecursively | kIORegistryIterateParents)
                              : IORegistryEntryCreateCFProperty(entry, name, nullptr, 0);
    CFRelease(name);
    return value;
}

}  // namespace

std::optional<std::string> string_property(io_registry_entry_t entry, const char* key,
                                           bool parents) {
    CFTypeRef value = copy_property(entry, key, parents);
    if (value == nullptr) return std::nullopt;
    std::optional<std::string> result;
    if (CFGetTypeID(value) == CFStringGetTypeID()) {
        char text[1024];
        if (CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof text,
                               kCFStringEncodingUTF8)) {
            result = text;
        }
    }
    CFRelease(value);
    return result;
}

std::optional<int64_t> number_property(io_registry_entry_t entry, const char* key, bool parents) {
    CFTypeRef value = copy_property(entry, key, parents);
    if (value == nullptr) return std::nullopt;
    std::optional<int64_t> result;
    int64_t number = 0;
    if (CFGetTypeID(value) == CFNumberGetTypeID() &&
        CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &number)) {
        result = number;
    }
    CFRelease(value);
    return result;
}

std::vector<IOHandle> services(const char* class_name) {
    std::vector<IOHandle> result;
    IOHandle iterator;
    if (IOServiceGetMatchingServices(kIOMainPortDefault, IOServiceMatching(class_name),
                                     iterator.out()) != KERN_SUCCESS) {
        return result;
    }
    while (const io_object_t service = IOIteratorNext(iterator.get())) result.emplace_back(service);
    return result;
}

std::vector<PortInfo> list_ports() {
    std::vector<PortInfo> ports;
    for (const IOHandle& client : services(kIOSerialBSDServiceValue)) {
        PortInfo port;
        port.name = string_property(client.get(), kIOTTYDeviceKey).value_or("");
        if (port.name.empty()) continue;  // gone between the two questions
        port.device = string_property(client.get(), kIOCalloutDeviceKey).value_or("");
        port.dialin = string_property(client.get(), kIODialinDeviceKey).value_or("");
        port.backend = string_property(client.get(), "SerialBackend").value_or("");
        port.remote = string_property(client.get(), "SerialOverTCPRemote", true).value_or("");
        port.state = string_property(client.get(), "SerialOverTCPState", true).value_or("");
        port.peer = string_property(client.get(), "SerialOverTCPPeer", true).value_or("");
        port.bundle_id = string_property(client.get(), "CFBundleIdentifier", true).value_or("");
        port.connections =
            number_property(client.get(), "SerialOverTCPConnections", true).value_or(0);
        IOHandle driver;
        if (IORegistryEntryGetParentEntry(client.get(), kIOServicePlane, driver.out()) ==
            KERN_SUCCESS) {
            port.pid = opendext_service_process(driver.get());
        }
        ports.push_back(std::move(port));
    }
    std::sort(ports.begin(), ports.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return ports;
}

std::string io_error(const char* what, kern_return_t code) {
    const char* reason = opendext_last_error_reason();
    char number[16];
    std::snprintf(number, sizeof number, "0x%08x", static_cast<unsigned>(code));
    return std::string(what) + ": " +
           (reason != nullptr && *reason != 0 ? reason : mach_error_string(code)) + " (" + number +
           ")";
}

}  // namespace opendext::serial_tcp
