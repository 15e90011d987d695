// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOMemoryMap.h>
#include <SerialDriverKit/IOUserSerial.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "families/serial/driver/line_control.h"
#include "families/serial/driver/pump.h"
#include "runtime/family.h"

namespace opendext::serial {

/// What an IOUserSerial object has in its process: the pump, and the calls of the pump as calls of
/// the object's methods on its default queue. Owned by the object; the pump's thread retains the
/// object while it runs.
class Port final : public PortDriver {
  public:
    explicit Port(IOUserSerial* object);
    ~Port() override;

    /// On the object's queue, all of these.
    kern_return_t attach(UniqueFd master, UniqueFd memory, Transfers transfers);
    void detach();
    kern_return_t connect(IOBufferMemoryDescriptor** ifmd, IOMemoryDescriptor** rxqmd,
                          IOMemoryDescriptor** txqmd, IOMemoryDescriptor* in_rxqmd,
                          IOMemoryDescriptor* in_txqmd, uint32_t in_rxqoffset,
                          uint32_t in_txqoffset, uint8_t in_rxqlogsz, uint8_t in_txqlogsz);
    void disconnect();

    /// nullptr before attach(). Any thread.
    [[nodiscard]] Pump* pump() const { return shown_pump_.load(std::memory_order_acquire); }

    struct Modem {
        bool cts = true, dsr = true, ri = false, dcd = true;
        bool operator==(const Modem&) const = default;
    };
    [[nodiscard]] Modem modem() const { return modem_; }
    /// What the driver says of its line; from any thread. Properties tell it.
    void set_modem(Modem modem);
    void count_errors(bool overrun, bool got_break, bool framing, bool parity);

    /// What the user says of the line; on the object's queue, as is the break.
    void control(const LineControl& control);
    void send_break(bool on);

    Status activate(const LineSettings& line) override;
    void deactivate() override;
    void program(const LineSettings& before, const LineSettings& after) override;
    void reset_fifo(bool tx, bool rx) override;
    void tx_data_available() override;
    void rx_free_space_available() override;
    void tx_data_available_later() override;
    void rx_free_space_available_later() override;
    uint32_t program_cpu() override;
    void log(std::string_view line) override;

  private:
    /// One of the driver's queues: its memory, retained and mapped.
    struct Queue {
        IOMemoryDescriptor* memory = nullptr;
        IOMemoryMap* map = nullptr;
        RingView view;
        kern_return_t open(IOMemoryDescriptor* own, uint32_t offset, uint8_t log2);
        void close();
    };
    /// Runs `work` on the object's queue unless the pump has stopped by then; waits until it has
    /// run.
    void on_queue(const std::function<void()>& work);
    void follow(const LineSettings& line, const LineControl& control);
    static OSDispatchMethod plain_call(IOUserSerial* object, uint64_t msgid);
    void tell_tx();
    void tell_rx();
    void set_modem_lines(bool up);
    void publish_line();

    IOUserSerial* object_;
    IODispatchQueue* queue_ = nullptr;
    std::unique_ptr<Pump> pump_;
    std::atomic<Pump*> shown_pump_{nullptr};
    family::Queue calls_;  ///< the object's queue, for the thread that moves the bytes
    // How the driver is told: on its queue by a plain call, unless its class has the method on
    // another queue.
    const OSDispatchMethod tell_tx_;
    const OSDispatchMethod tell_rx_;
    Queue transmit_;
    Queue receive_;
    // On the object's queue.
    LineSettings line_;    ///< what the application wants
    LineControl control_;  ///< what the user wants
    bool active_ = false;  ///< the driver is activated
    bool dtr_ = false;
    bool rts_ = false;
    bool break_ = false;
    std::atomic<Modem> modem_{Modem{}};
    std::atomic<bool> modem_told_{false};  ///< the property is there
    std::mutex errors_mutex_;
    struct {
        uint64_t overrun = 0, got_break = 0, framing = 0, parity = 0;
    } errors_;
    std::atomic<bool> tx_call_queued_{false};
    std::atomic<bool> rx_call_queued_{false};
    std::atomic<bool> later_tx_queued_{false};
    std::atomic<bool> later_rx_queued_{false};
};

}  // namespace opendext::serial
