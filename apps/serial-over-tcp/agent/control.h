// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/registry.h"
#include "apps/serial-over-tcp/agent/remote.h"
#include "rpc/result.h"

namespace opendext::serial_tcp {

/// The connection to the control driver, which makes and removes port nubs. Found again when its
/// process was replaced. One thread: that which calls dispatch().
class Control {
  public:
    Control();
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    [[nodiscard]] int fd() const;
    void dispatch();
    /// Waits until the control driver is there and opened.
    Status wait_ready(std::chrono::milliseconds timeout);
    /// Opens a control driver that waits.
    void take();
    /// Once true for each control driver that was opened: it may not know the ports.
    bool is_new() { return std::exchange(new_, false); }

    Status add(const std::string& name, const Remote& remote, const LinkOptions& options);
    Status remove(const std::string& name);
    Result<std::vector<std::string>> list();

  private:
    static void on_match(void* self, io_iterator_t iterator);
    static void on_interest(void* self, io_service_t service, uint32_t message, void* argument);
    void look(io_iterator_t iterator);
    void lose();

    IONotificationPortRef notifications_ = nullptr;
    IOHandle matching_;
    IOHandle candidate_;
    IOHandle interest_;
    io_connect_t connect_ = IO_OBJECT_NULL;
    bool gone_ = false;
    bool new_ = false;
};

}  // namespace opendext::serial_tcp
