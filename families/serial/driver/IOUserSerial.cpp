// SPDX-License-Identifier: Apache-2.0
// The implementations that IOUserSerial itself has: what a driver reaches with SUPERDISPATCH or
// does not override.
#include <SerialDriverKit/IOUserSerial.h>

#include <DriverKit/IOLib.h>

#include <memory>

#include "families/serial/driver/port.h"
#include "runtime/family.h"

using opendext::serial::Port;
using opendext::serial::Transfers;
namespace family = opendext::family;

struct IOUserSerial_IVars {
    std::unique_ptr<Port> port;
};

namespace {

/// What these two do needs no queue: bytes move on the thread of the driver that offers them.
__attribute__((constructor)) void register_calls() {
    family::run_at_once("IOUserSerial", IOUserSerial_TxFreeSpaceAvailable_ID);
    family::run_at_once("IOUserSerial", IOUserSerial_RxDataAvailable_ID);
}

}  // namespace

bool IOUserSerial::init() {
    if (!super::init()) return false;
    ivars = new IOUserSerial_IVars;
    ivars->port = std::make_unique<Port>(this);
    return true;
}

bool IOUserSerial::initWith(IOBufferMemoryDescriptor* ifmd) {
    (void)ifmd;
    return init();
}

void IOUserSerial::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOUserSerial::Start_Impl(IOService* provider) {
    return Start(provider, SUPERDISPATCH);
}

kern_return_t IOUserSerial::Stop_Impl(IOService* provider) {
    // The system half says it earlier, before the driver's own Stop; this is for objects that stop
    // without it.
    ivars->port->detach();
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IOUserSerial::ConnectQueues_Impl(
    IOBufferMemoryDescriptor** ifmd, IOMemoryDescriptor** rxqmd, IOMemoryDescriptor** txqmd,
    IOMemoryDescriptor* in_rxqmd, IOMemoryDescriptor* in_txqmd, uint32_t in_rxqoffset,
    uint32_t in_txqoffset, uint8_t in_rxqlogsz, uint8_t in_txqlogsz) {
    return ivars->port->connect(ifmd, rxqmd, txqmd, in_rxqmd, in_txqmd, in_rxqoffset, in_txqoffset,
                                in_rxqlogsz, in_txqlogsz);
}

kern_return_t IOUserSerial::DisconnectQueues_Impl() {
    ivars->port->disconnect();
    return kIOReturnSuccess;
}

void IOUserSerial::TxDataAvailable_Impl() {}

void IOUserSerial::RxFreeSpaceAvailable_Impl() {}

void IOUserSerial::TxFreeSpaceAvailable_Impl() {
    if (auto* pump = ivars->port->pump()) pump->tx_free_space();
}

void IOUserSerial::RxDataAvailable_Impl() {
    if (auto* pump = ivars->port->pump()) pump->rx_data();
}

kern_return_t IOUserSerial::RxError_Impl(bool overrun, bool gotBreak, bool framingError,
                                         bool parityError) {
    family::log(family::LogType::info, "serial", "receive error:%s%s%s%s",
                overrun ? " overrun" : "", gotBreak ? " break" : "", framingError ? " framing" : "",
                parityError ? " parity" : "");
    ivars->port->count_errors(overrun, gotBreak, framingError, parityError);
    return kIOReturnSuccess;
}

kern_return_t IOUserSerial::SetModemStatus_Impl(bool cts, bool dsr, bool ri, bool dcd) {
    ivars->port->set_modem({cts, dsr, ri, dcd});
    return kIOReturnSuccess;
}

kern_return_t IOUserSerial::HwGetModemStatus_Impl(bool* cts, bool* dsr, bool* ri, bool* dcd) {
    const Port::Modem modem = ivars->port->modem();
    if (cts != nullptr) *cts = modem.cts;
    if (dsr != nullptr) *dsr = modem.dsr;
    if (ri != nullptr) *ri = modem.ri;
    if (dcd != nullptr) *dcd = modem.dcd;
    return kIOReturnSuccess;
}

kern_return_t IOUserSerial::HwActivate_Impl() {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwDeactivate_Impl() {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwResetFIFO_Impl(bool, bool) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwSendBreak_Impl(bool) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwProgramUART_Impl(uint32_t, uint8_t, uint8_t, uint8_t) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwProgramBaudRate_Impl(uint32_t) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwProgramMCR_Impl(bool, bool) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwProgramLatencyTimer_Impl(uint32_t) {
    return kIOReturnSuccess;
}
kern_return_t IOUserSerial::HwProgramFlowControl_Impl(uint32_t, uint8_t, uint8_t) {
    return kIOReturnSuccess;
}

kern_return_t IOUserSerial::_AttachTerminal_Impl(OSObject* master, OSObject* memory, bool plain) {
    auto terminal = family::take_descriptor(master);
    auto kept = family::take_descriptor(memory);
    if (!terminal.ok() || !kept.ok()) return kIOReturnBadArgument;
    return ivars->port->attach(std::move(*terminal), std::move(*kept),
                               plain ? Transfers::plain : Transfers::exact);
}

void IOUserSerial::_TerminalChanged_Impl() {
    if (auto* pump = ivars->port->pump()) pump->terminal_changed();
}

void IOUserSerial::_ControlLine_Impl(uint8_t dataBits, uint8_t parity, uint8_t halfStopBits,
                                     uint8_t flow, uint8_t dtr, uint8_t rts) {
    ivars->port->control(
        opendext::serial::LineControl::unpacked({dataBits, parity, halfStopBits, flow, dtr, rts}));
}

void IOUserSerial::_SendBreak_Impl(bool on) {
    ivars->port->send_break(on);
}

kern_return_t IOUserSerial::_DetachTerminal_Impl() {
    ivars->port->detach();
    return kIOReturnSuccess;
}
