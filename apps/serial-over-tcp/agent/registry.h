// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOKitLib.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/result.h"

/// The registry as this application reads it, through IOKit's client interface.
namespace opendext::serial_tcp {

inline constexpr const char* kBundleId = "org.opendext.SerialOverTCP";

/// Property of an IOSerialBSDClient: serial::LineControl::text().
inline constexpr const char* kLineControlKey = "SerialLineControl";

/// Owns one reference to a registry handle or an iterator.
class IOHandle {
  public:
    IOHandle() = default;
    explicit IOHandle(io_object_t object) : object_(object) {}
    IOHandle(IOHandle&& other) noexcept : object_(std::exchange(other.object_, IO_OBJECT_NULL)) {}
    IOHandle& operator=(IOHandle&& other) noexcept {
        if (this != &other) reset(std::exchange(other.object_, IO_OBJECT_NULL));
        return *this;
    }
    ~IOHandle() { reset(); }
    [[nodiscard]] io_object_t get() const { return object_; }
    explicit operator bool() const { return object_ != IO_OBJECT_NULL; }
    io_object_t* out() {
        reset();
        return &object_;
    }
    void reset(io_object_t object = IO_OBJECT_NULL) {
        if (object_ != IO_OBJECT_NULL) IOObjectRelease(object_);
        object_ = object;
    }

  private:
    io_object_t object_ = IO_OBJECT_NULL;
};

/// A property of `entry` or, with `parents`, of what it stands on.
std::optional<std::string> string_property(io_registry_entry_t entry, const char* key,
                                           bool parents = false);

/// All registered services of a class (kernel-side or of a dext).
std::vector<IOHandle> services(const char* class_name);
/// What IOServiceGetMatchingServices and the notifications take: services of a class that have a
/// property, or that stand on something that has it.
CFMutableDictionaryRef matching(const char* class_name, const char* key, const std::string& value);
CFMutableDictionaryRef matching_parent(const char* class_name, const char* key,
                                       const std::string& value);

/// One serial port of the realm, whatever driver it has. What only a port of this application has
/// is empty or 0 in others.
struct PortInfo {
    std::string name;    ///< IOTTYDevice
    std::string device;  ///< IOCalloutDevice
    std::string dialin;
    std::string remote;   ///< empty: not a port of this application
    std::string options;  ///< LinkOptions::text()
    std::string state;
    std::string peer;
    std::string last_error;
    std::string protocol;  ///< that is spoken now
    std::string backend;   ///< "pty"
    std::string bundle_id;
    int pid = 0;  ///< of the driver
    uint64_t clients = 0;
    uint64_t connections = 0;
    uint64_t refused = 0;
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
    uint64_t bytes_dropped = 0;
    uint64_t bytes_queued = 0;
};
/// In the order of their names.
std::vector<PortInfo> list_ports();
std::optional<PortInfo> find_port(const std::string& name);
/// The IOSerialBSDClient of a port; empty if there is none.
IOHandle find_client(const std::string& name);
/// Sets the line of a port as `opendext serial set` does, by its IOSerialBSDClient.
Status set_line(io_registry_entry_t client, const std::string& words);
/// Calls `visit` with the driver of each port.
void for_each_driver(const std::function<void(io_service_t driver, uint64_t id)>& visit);

/// "IOServiceOpen: text": the last error of this thread in words.
std::string io_error(const char* what, kern_return_t code);

}  // namespace opendext::serial_tcp
