/* SPDX-License-Identifier: Apache-2.0 */
#include "Port.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <SerialDriverKit/SerialPortInterface.h>
#include <stdlib.h>

#include "PortProtocol.h"

using driverkit::serial::SerialPortInterface;

#define LOAD(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)
#define STORE(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)

extern "C" void _exit(int) __attribute__((noreturn));

struct Port_IVars {
    IOBufferMemoryDescriptor* memory;
    IOMemoryMap* rx;
    IOMemoryMap* tx;
    SerialPortInterface* interface;
    uint8_t named; /* a point whose fault comes next; kPortArm + point */
    _Atomic(uint8_t) point;
    _Atomic(uint8_t) fault;
};

bool Port::init() {
    if (!super::init()) return false;
    ivars = IONewZero(Port_IVars, 1);
    return ivars != nullptr;
}

void Port::free() {
    IOSafeDeleteNULL(ivars, Port_IVars, 1);
    super::free();
}

void Port::Reach(uint8_t point) {
    if (ivars->point != point) return;
    ivars->point = kPortNowhere;
    switch (ivars->fault) {
        case kPortHang:
            for (;;) IOSleep(1000);
        case kPortNullWrite: {
            static volatile uintptr_t nothing = 0;
            *reinterpret_cast<volatile int*>(nothing) = 1;
            return;
        }
        case kPortAbort:
            abort();
        default:
            _exit(3);
    }
}

kern_return_t IMPL(Port, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(Port, ConnectQueues) {
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

kern_return_t IMPL(Port, DisconnectQueues) {
    ivars->interface = nullptr;
    OSSafeReleaseNULL(ivars->rx);
    OSSafeReleaseNULL(ivars->tx);
    OSSafeReleaseNULL(ivars->memory);
    return DisconnectQueues(SUPERDISPATCH);
}

/* A byte is in one ring or in the other whenever a fault happens here. */
void Port::Loop() {
    SerialPortInterface* port = ivars->interface;
    if (port == nullptr) return;
    const uint8_t* from =
        reinterpret_cast<const uint8_t*>(ivars->tx->GetAddress()) + port->txqoffset;
    uint8_t* to = reinterpret_cast<uint8_t*>(ivars->rx->GetAddress()) + port->rxqoffset;
    const uint32_t txSize = 1u << port->txqlogsz;
    const uint32_t rxSize = 1u << port->rxqlogsz;
    uint32_t txCI = LOAD(port->txCI);
    uint32_t rxPI = LOAD(port->rxPI);
    const uint32_t txPI = LOAD(port->txPI);
    const uint32_t rxCI = LOAD(port->rxCI);
    bool moved = false;
    while (txCI != txPI && rxPI - rxCI < rxSize) {
        const uint8_t byte = from[txCI++ & (txSize - 1)];
        moved = true;
        if (byte < kPortArm) {
            to[rxPI++ & (rxSize - 1)] = byte;
        } else if (ivars->named == 0) {
            ivars->named = byte;
        } else {
            ivars->fault = byte - kPortArm;
            ivars->point = ivars->named - kPortArm;
            ivars->named = 0;
            /* "It is armed", for the program. */
            to[rxPI++ & (rxSize - 1)] = byte;
            break;
        }
    }
    if (!moved) return;
    STORE(port->rxPI, rxPI);
    STORE(port->txCI, txCI);
    RxDataAvailable();
    TxFreeSpaceAvailable();
    if (txCI != txPI) Loop();
}

void IMPL(Port, TxDataAvailable) {
    Reach(kPortInTxDataAvailable);
    Loop();
}

void IMPL(Port, RxFreeSpaceAvailable) {
    Reach(kPortInRxFreeSpaceAvailable);
    Loop();
}

kern_return_t IMPL(Port, HwActivate) {
    return HwActivate(SUPERDISPATCH);
}

kern_return_t IMPL(Port, HwDeactivate) {
    Reach(kPortInDeactivate);
    return HwDeactivate(SUPERDISPATCH);
}

kern_return_t IMPL(Port, HwProgramUART) {
    Reach(kPortInProgramUART);
    return HwProgramUART(baudRate, nDataBits, nHalfStopBits, parity, SUPERDISPATCH);
}

kern_return_t IMPL(Port, HwProgramBaudRate) {
    Reach(kPortInProgramBaudRate);
    return HwProgramBaudRate(baudRate, SUPERDISPATCH);
}

kern_return_t IMPL(Port, HwProgramMCR) {
    Reach(kPortInProgramMCR);
    return HwProgramMCR(dtr, rts, SUPERDISPATCH);
}

kern_return_t IMPL(Port, HwSendBreak) {
    Reach(kPortInSendBreak);
    return HwSendBreak(sendBreak, SUPERDISPATCH);
}
