// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/port.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSDictionary.h>

#include <fcntl.h>

#include <cstdio>
#include <future>
#include <utility>

namespace opendext::serial {
namespace {
/// A queue of less is no queue; a larger one would not be mapped by anybody.
constexpr uint8_t kSmallestQueueLog2 = 4;
constexpr uint8_t kLargestQueueLog2 = 26;

std::string hex(kern_return_t code) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(code));
    return text;
}
}  // namespace

OSDispatchMethod Port::plain_call(IOUserSerial* object, uint64_t msgid) {
    return family::runs_on_default_queue(object, msgid) ? &family::call_here : nullptr;
}

Port::Port(IOUserSerial* object)
    : object_(object),
      calls_(object),
      tell_tx_(plain_call(object, IOUserSerial_TxDataAvailable_ID)),
      tell_rx_(plain_call(object, IOUserSerial_RxFreeSpaceAvailable_ID)) {}

Port::~Port() {
    pump_.reset();
    transmit_.close();
    receive_.close();
    OSSafeReleaseNULL(queue_);
}

void Port::log(std::string_view line) {
    family::log(family::LogType::standard, "serial", "%.*s", static_cast<int>(line.size()),
                line.data());
}

kern_return_t Port::attach(UniqueFd master, UniqueFd memory, Transfers transfers) {
    if (pump_) return kIOReturnExclusiveAccess;
    if (const kern_return_t ret = object_->CopyDispatchQueue(kIOServiceDefaultQueueName, &queue_);
        ret != kIOReturnSuccess) {
        return ret;
    }
    const int terminal = master.get();
    auto port = KeptPort::attach(std::move(master), std::move(memory), transfers);
    if (!port.ok()) {
        log("terminal refused: " + port.error().text());
        return kIOReturnBadArgument;
    }
    const KeptPort::Recovery recovery = port->recovery();
    if (recovery.fresh) {
        if (const Status status = prepare_line(terminal); !status.ok()) {
            log(status.error().text());
            return kIOReturnError;
        }
    } else {
        log("took over the port: " + std::to_string(recovery.offered_again) +
            " bytes offered again, recovered " + std::to_string(recovery.read_recovered) +
            " read and " + std::to_string(recovery.write_recovered) + " written");
    }
    if (!recovery.damage.empty()) log("kept memory: " + recovery.damage);

    pump_ = std::make_unique<Pump>(std::move(*port), *this);
    shown_pump_.store(pump_.get(), std::memory_order_release);
    object_->retain();
    pump_->start([object = object_] { object->release(); });
    return kIOReturnSuccess;
}

void Port::detach() {
    if (!pump_ || !pump_->stop()) return;
    active_ = false;
    object_->HwDeactivate();
    object_->DisconnectQueues();
}

kern_return_t Port::Queue::open(IOMemoryDescriptor* own, uint32_t offset, uint8_t log2) {
    uint64_t length = 0;
    if (log2 < kSmallestQueueLog2 || log2 > kLargestQueueLog2) return kIOReturnBadArgument;
    const uint32_t size = 1U << log2;
    kern_return_t ret = own->GetLength(&length);
    if (ret != kIOReturnSuccess) return ret;
    if (offset > length || size > length - offset) return kIOReturnBadArgument;
    ret = own->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret != kIOReturnSuccess) return ret;
    own->retain();
    memory = own;
    view = {reinterpret_cast<std::byte*>(map->GetAddress()) + offset, size};
    return kIOReturnSuccess;
}

void Port::Queue::close() {
    view = {};
    OSSafeReleaseNULL(map);
    OSSafeReleaseNULL(memory);
}

kern_return_t Port::connect(IOBufferMemoryDescriptor** ifmd, IOMemoryDescriptor** rxqmd,
                            IOMemoryDescriptor** txqmd, IOMemoryDescriptor* in_rxqmd,
                            IOMemoryDescriptor* in_txqmd, uint32_t in_rxqoffset,
                            uint32_t in_txqoffset, uint8_t in_rxqlogsz, uint8_t in_txqlogsz) {
    if (!pump_) return kIOReturnNotReady;
    if (ifmd == nullptr || rxqmd == nullptr || txqmd == nullptr) return kIOReturnBadArgument;
    disconnect();

    const auto kept = [&](uint64_t offset, uint64_t length, IOBufferMemoryDescriptor** result) {
        auto fd = UniqueFd(::fcntl(pump_->port().memory(), F_DUPFD_CLOEXEC, 0));
        auto wrapped = family::wrap_memory(std::move(fd), offset, length, kIOMemoryDirectionInOut);
        if (!wrapped.ok()) {
            log("memory of the port: " + wrapped.error().text());
            return kIOReturnNoMemory;
        }
        *result = *wrapped;
        return kIOReturnSuccess;
    };
    IOBufferMemoryDescriptor* interface = nullptr;
    IOBufferMemoryDescriptor* receive = nullptr;
    IOBufferMemoryDescriptor* transmit = nullptr;
    kern_return_t ret = kept(kInterfaceOffset, kPageSize, &interface);
    if (ret == kIOReturnSuccess) {
        ret = in_rxqmd != nullptr ? receive_.open(in_rxqmd, in_rxqoffset, in_rxqlogsz)
                                  : kept(kReceiveQueueOffset, kDefaultQueueSize, &receive);
    }
    if (ret == kIOReturnSuccess) {
        ret = in_txqmd != nullptr ? transmit_.open(in_txqmd, in_txqoffset, in_txqlogsz)
                                  : kept(kTransmitQueueOffset, kDefaultQueueSize, &transmit);
    }
    if (ret != kIOReturnSuccess) {
        transmit_.close();
        receive_.close();
        OSSafeReleaseNULL(interface);
        OSSafeReleaseNULL(receive);
        OSSafeReleaseNULL(transmit);
        log("ConnectQueues refused, " + hex(ret) + ": each queue has to lie within its memory");
        return ret;
    }
    pump_->connect(transmit_.view, receive_.view, in_txqmd != nullptr ? in_txqoffset : 0,
                   in_rxqmd != nullptr ? in_rxqoffset : 0);
    const auto give = [](IOMemoryDescriptor* own, IOMemoryDescriptor* made) {
        if (own == nullptr) return made;
        own->retain();
        return own;
    };
    *ifmd = interface;
    *rxqmd = give(in_rxqmd, receive);
    *txqmd = give(in_txqmd, transmit);
    return kIOReturnSuccess;
}

void Port::disconnect() {
    if (pump_) pump_->disconnect();
    transmit_.close();
    receive_.close();
}

void Port::on_queue(const std::function<void()>& work) {
    std::promise<void> ran;
    const auto outcome = family::run_on_queue(object_, nullptr, [&] {
        if (!pump_->stopped()) work();
        ran.set_value();
    });
    if (outcome != family::Ran::cancelled) ran.get_future().wait();
}

Status Port::activate(const LineSettings& line) {
    Status status = success();
    on_queue([&] {
        IOBufferMemoryDescriptor* interface = nullptr;
        IOMemoryDescriptor* receive = nullptr;
        IOMemoryDescriptor* transmit = nullptr;
        kern_return_t ret =
            object_->ConnectQueues(&interface, &receive, &transmit, nullptr, nullptr, 0, 0, 0, 0);
        OSSafeReleaseNULL(interface);
        OSSafeReleaseNULL(receive);
        OSSafeReleaseNULL(transmit);
        if (ret != kIOReturnSuccess) {
            status = Error::kern(ret, "ConnectQueues failed");
            return;
        }
        ret = object_->HwActivate();
        if (ret != kIOReturnSuccess) {
            status = Error::kern(ret, "HwActivate failed");
            object_->DisconnectQueues();
            return;
        }
        const LineSettings wanted = control_.over(line);
        line_ = line;
        active_ = true;
        object_->HwProgramUART(wanted.baud, wanted.data_bits, wanted.half_stop_bits, wanted.parity);
        object_->HwProgramFlowControl(wanted.flow_bits(), wanted.xon, wanted.xoff);
        set_modem_lines(line.baud != 0);
        publish_line();
    });
    return status;
}

void Port::deactivate() {
    on_queue([&] {
        if (break_) send_break(false);
        set_modem_lines(false);
        active_ = false;
        object_->HwDeactivate();
        object_->DisconnectQueues();
        publish_line();
    });
}

void Port::program(const LineSettings&, const LineSettings& after) {
    on_queue([&] { follow(after, control_); });
}

void Port::reset_fifo(bool tx, bool rx) {
    on_queue([&] { object_->HwResetFIFO(tx, rx); });
}

void Port::tell_tx() {
    if (!pump_->stopped()) object_->TxDataAvailable(tell_tx_);
}

void Port::tell_rx() {
    if (!pump_->stopped()) object_->RxFreeSpaceAvailable(tell_rx_);
}

// The pump does not wait for these two; one call on its way is enough, however often there is news.
void Port::tx_data_available() {
    if (tx_call_queued_.load()) return;
    if (calls_.run_if_idle([](void* own) { static_cast<Port*>(own)->tell_tx(); }, this)) return;
    tx_call_queued_ = true;
    calls_.run_on_queue(
        [](void* context) {
            auto* own = static_cast<Port*>(context);
            own->tx_call_queued_ = false;
            own->tell_tx();
        },
        this);
}

void Port::rx_free_space_available() {
    if (rx_call_queued_.load()) return;
    if (calls_.run_if_idle([](void* own) { static_cast<Port*>(own)->tell_rx(); }, this)) return;
    rx_call_queued_ = true;
    calls_.run_on_queue(
        [](void* context) {
            auto* own = static_cast<Port*>(context);
            own->rx_call_queued_ = false;
            own->tell_rx();
        },
        this);
}

void Port::tx_data_available_later() {
    if (later_tx_queued_.exchange(true)) return;
    family::run_after(
        object_, nullptr,
        [](void* context) {
            auto* own = static_cast<Port*>(context);
            own->later_tx_queued_ = false;
            own->tell_tx();
        },
        this);
}

void Port::rx_free_space_available_later() {
    if (later_rx_queued_.exchange(true)) return;
    family::run_after(
        object_, nullptr,
        [](void* context) {
            auto* own = static_cast<Port*>(context);
            own->later_rx_queued_ = false;
            own->tell_rx();
        },
        this);
}

uint32_t Port::program_cpu() {
    return family::client_cpu();
}

}  // namespace opendext::serial
