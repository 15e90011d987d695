// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "apps/serial-over-tcp/agent/registry.h"
#include "apps/serial-over-tcp/dext/SerialOverTCPProtocol.h"

namespace opendext::serial_tcp {

/// The connection to the driver of one port, whichever instance of it is there: finds it in the
/// registry, opens it, maps its memory, and does so again when a successor comes. One thread: that
/// which calls dispatch().
class DriverLink {
  public:
    explicit DriverLink(std::string port_name);
    ~DriverLink();
    DriverLink(const DriverLink&) = delete;
    DriverLink& operator=(const DriverLink&) = delete;

    /// Readable while there is something to dispatch(): a driver came or went.
    [[nodiscard]] int fd() const;
    void dispatch();
    /// Readable when the driver rang, -1 without an instance; hear() before the next wait.
    [[nodiscard]] int bell() const { return bell_; }
    void hear();

    /// The memory of the present instance, nullptr while there is none. When it went, lose() has to
    /// be called before the next instance is taken.
    [[nodiscard]] void* memory() const { return memory_; }
    [[nodiscard]] bool gone() const { return gone_; }
    /// Another number for each instance.
    [[nodiscard]] uint64_t instance() const { return instance_; }
    /// Closes the connection of an instance that is gone; its memory goes.
    void lose();
    /// Takes an instance that waits; true if there is a new one.
    bool take();
    /// Hears of the end of the instance from here on, if it does not yet: before each wait.
    void watch();
    /// Whether take() failed in a way that may be over soon: call it again a little later.
    [[nodiscard]] bool retry() const { return retry_; }

    /// All three: nothing happens without an instance; a driver that does not answer counts as
    /// gone.
    void doorbell();
    void set_state(const SerialOverTCPState& state);
    void set_line(const SerialOverTCPRemoteLine& line);

  private:
    static void on_match(void* self, io_iterator_t iterator);
    static void on_interest(void* self, io_service_t service, uint32_t message, void* argument);
    static void on_doorbell(void* self, IOReturn result, void** arguments, uint32_t count);
    void look(io_iterator_t iterator);
    void check(kern_return_t code);
    void send(uint32_t selector, const void* structure, size_t size);

    std::string port_name_;
    IONotificationPortRef notifications_ = nullptr;
    IOHandle matching_;
    IOHandle candidate_;  ///< the driver's entry, found and not yet opened and watched
    IOHandle interest_;
    io_connect_t connect_ = IO_OBJECT_NULL;
    int bell_ = -1;
    uint64_t instance_ = 0;
    void* memory_ = nullptr;
    bool gone_ = false;
    bool retry_ = false;
};

}  // namespace opendext::serial_tcp
