// SPDX-License-Identifier: Apache-2.0
#include "LoopLine.h"
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <SerialDriverKit/SerialPortInterface.h>
#include <os/log.h>

using driverkit::serial::SerialPortInterface;

#define CALL(...) os_log(OS_LOG_DEFAULT, "call: " __VA_ARGS__)
#define LOAD(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)
#define STORE(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)

struct LoopLine_IVars {
    IOBufferMemoryDescriptor* memory;
    IOMemoryMap* rx;
    IOMemoryMap* tx;
    SerialPortInterface* interface;
    bool holding;
};

// At this speed the driver takes nothing: what is written stays on its way.
static const uint32_t kHoldingSpeed = 110;

bool LoopLine::init() {
    if (!super::init()) return false;
    ivars = IONewZero(LoopLine_IVars, 1);
    return ivars != nullptr;
}

void LoopLine::free() {
    IOSafeDeleteNULL(ivars, LoopLine_IVars, 1);
    super::free();
}

kern_return_t IMPL(LoopLine, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(LoopLine, ConnectQueues) {
    kern_return_t ret = ConnectQueues(ifmd, rxqmd, txqmd, in_rxqmd, in_txqmd, in_rxqoffset,
                                      in_txqoffset, in_rxqlogsz, in_txqlogsz, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    IOAddressSegment range = {};
    ret = (*ifmd)->GetAddressRange(&range);
    if (ret == kIOReturnSuccess) ret = (*rxqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->rx);
    if (ret == kIOReturnSuccess) ret = (*txqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->tx);
    if (ret != kIOReturnSuccess) return ret;
    ivars->memory = *ifmd;
    ivars->memory->retain();
    ivars->interface = reinterpret_cast<SerialPortInterface*>(range.address);
    return kIOReturnSuccess;
}

kern_return_t IMPL(LoopLine, DisconnectQueues) {
    ivars->interface = nullptr;
    OSSafeReleaseNULL(ivars->rx);
    OSSafeReleaseNULL(ivars->tx);
    OSSafeReleaseNULL(ivars->memory);
    return DisconnectQueues(SUPERDISPATCH);
}

void LoopLine::Loop() {
    SerialPortInterface* port = ivars->interface;
    if (port == nullptr || ivars->holding) return;
    const uint8_t* from =
        reinterpret_cast<const uint8_t*>(ivars->tx->GetAddress()) + port->txqoffset;
    uint8_t* to = reinterpret_cast<uint8_t*>(ivars->rx->GetAddress()) + port->rxqoffset;
    const uint32_t txSize = 1u << port->txqlogsz;
    const uint32_t rxSize = 1u << port->rxqlogsz;
    uint32_t txCI = LOAD(port->txCI);
    uint32_t rxPI = LOAD(port->rxPI);
    uint32_t count = LOAD(port->txPI) - txCI;
    const uint32_t room = rxSize - (rxPI - LOAD(port->rxCI));
    if (count > room) count = room;
    if (count == 0) return;
    for (uint32_t i = 0; i < count; ++i)
        to[(rxPI + i) & (rxSize - 1)] = from[(txCI + i) & (txSize - 1)];
    STORE(port->rxPI, rxPI + count);
    STORE(port->txCI, txCI + count);
    RxDataAvailable();
    TxFreeSpaceAvailable();
}

void LoopLine::Hold(uint32_t baudRate) {
    ivars->holding = baudRate == kHoldingSpeed;
    Loop();
}

void IMPL(LoopLine, TxDataAvailable) {
    Loop();
}
void IMPL(LoopLine, RxFreeSpaceAvailable) {
    Loop();
}

kern_return_t IMPL(LoopLine, HwActivate) {
    kern_return_t ret = HwActivate(SUPERDISPATCH);
    CALL("activate");
    return ret;
}

kern_return_t IMPL(LoopLine, HwDeactivate) {
    kern_return_t ret = HwDeactivate(SUPERDISPATCH);
    CALL("deactivate");
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramUART) {
    kern_return_t ret = HwProgramUART(baudRate, nDataBits, nHalfStopBits, parity, SUPERDISPATCH);
    CALL("uart %u %u %u %u", baudRate, nDataBits, nHalfStopBits, parity);
    Hold(baudRate);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramBaudRate) {
    kern_return_t ret = HwProgramBaudRate(baudRate, SUPERDISPATCH);
    CALL("baud %u", baudRate);
    Hold(baudRate);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramFlowControl) {
    kern_return_t ret = HwProgramFlowControl(arg, xon, xoff, SUPERDISPATCH);
    CALL("flow 0x%x %u %u", arg, xon, xoff);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramMCR) {
    kern_return_t ret = HwProgramMCR(dtr, rts, SUPERDISPATCH);
    CALL("mcr %d %d", dtr, rts);
    return ret;
}

// What the driver itself holds goes too.
kern_return_t IMPL(LoopLine, HwResetFIFO) {
    kern_return_t ret = HwResetFIFO(tx, rx, SUPERDISPATCH);
    SerialPortInterface* port = ivars->interface;
    if (tx && port != nullptr) {
        STORE(port->txCI, LOAD(port->txPI));
        TxFreeSpaceAvailable();
    }
    CALL("fifo %d %d", tx, rx);
    return ret;
}

kern_return_t IMPL(LoopLine, HwSendBreak) {
    kern_return_t ret = HwSendBreak(sendBreak, SUPERDISPATCH);
    CALL("break %d", sendBreak);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramLatencyTimer) {
    kern_return_t ret = HwProgramLatencyTimer(latency, SUPERDISPATCH);
    CALL("latency %u", latency);
    return ret;
}
