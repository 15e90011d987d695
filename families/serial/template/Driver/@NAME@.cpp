/* SPDX-License-Identifier: Apache-2.0 */
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <SerialDriverKit/SerialPortInterface.h>

#include "@NAME@.h"

using driverkit::serial::SerialPortInterface;

struct @NAME@_IVars
{
    /* From ConnectQueues to DisconnectQueues. */
    IOBufferMemoryDescriptor * interfaceMemory;
    IOMemoryMap * rxMap;
    IOMemoryMap * txMap;
    SerialPortInterface * interface;
    uint8_t * rxQueue;
    const uint8_t * txQueue;
};

bool @NAME@::init()
{
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(@NAME@_IVars, 1);
    return ivars != nullptr;
}

void @NAME@::free()
{
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->rxMap);
        OSSafeReleaseNULL(ivars->txMap);
        OSSafeReleaseNULL(ivars->interfaceMemory);
    }
    IOSafeDeleteNULL(ivars, @NAME@_IVars, 1);
    super::free();
}

kern_return_t IMPL(@NAME@, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    os_log(OS_LOG_DEFAULT, "@NAME@: started");
    return RegisterService();
}

kern_return_t IMPL(@NAME@, Stop)
{
    os_log(OS_LOG_DEFAULT, "@NAME@: stopped");
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(@NAME@, ConnectQueues)
{
    kern_return_t ret = ConnectQueues(ifmd, rxqmd, txqmd, in_rxqmd, in_txqmd, in_rxqoffset, in_txqoffset, in_rxqlogsz,
                                      in_txqlogsz, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ret = (*ifmd)->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = (*rxqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->rxMap);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = (*txqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->txMap);
    if (ret != kIOReturnSuccess) {
        OSSafeReleaseNULL(ivars->rxMap);
        return ret;
    }
    ivars->interfaceMemory = *ifmd;
    ivars->interfaceMemory->retain();
    ivars->interface = reinterpret_cast<SerialPortInterface *>(range.address);
    ivars->rxQueue = reinterpret_cast<uint8_t *>(ivars->rxMap->GetAddress()) + ivars->interface->rxqoffset;
    ivars->txQueue = reinterpret_cast<const uint8_t *>(ivars->txMap->GetAddress()) + ivars->interface->txqoffset;
    return kIOReturnSuccess;
}

kern_return_t IMPL(@NAME@, DisconnectQueues)
{
    ivars->interface = nullptr;
    OSSafeReleaseNULL(ivars->rxMap);
    OSSafeReleaseNULL(ivars->txMap);
    OSSafeReleaseNULL(ivars->interfaceMemory);
    return DisconnectQueues(SUPERDISPATCH);
}

kern_return_t IMPL(@NAME@, HwProgramUART)
{
    os_log(OS_LOG_DEFAULT, "@NAME@: %u baud, %u bits", baudRate, nDataBits);
    return HwProgramUART(baudRate, nDataBits, nHalfStopBits, parity, SUPERDISPATCH);
}

void IMPL(@NAME@, TxDataAvailable)
{
    MoveBytes();
}

void IMPL(@NAME@, RxFreeSpaceAvailable)
{
    MoveBytes();
}

/* The line: takes what is to be sent, as far as there is room to receive it. A driver for a device hands the bytes to the
 * device here, and puts what comes from it into the receive queue. */
void @NAME@::MoveBytes()
{
    SerialPortInterface * interface = ivars->interface;
    if (interface == nullptr) {
        return;
    }
    const uint32_t rxMask = (1u << interface->rxqlogsz) - 1;
    const uint32_t txMask = (1u << interface->txqlogsz) - 1;
    uint32_t taken = interface->txCI; /* this driver's own indexes */
    uint32_t received = interface->rxPI;
    const uint32_t produced = __atomic_load_n(&interface->txPI, __ATOMIC_ACQUIRE);
    const uint32_t consumed = __atomic_load_n(&interface->rxCI, __ATOMIC_ACQUIRE);
    uint32_t moved = 0;
    while (taken != produced && received - consumed <= rxMask) {
        ivars->rxQueue[received & rxMask] = ivars->txQueue[taken & txMask];
        ++taken;
        ++received;
        ++moved;
    }
    if (moved == 0) {
        return;
    }
    __atomic_store_n(&interface->rxPI, received, __ATOMIC_RELEASE);
    __atomic_store_n(&interface->txCI, taken, __ATOMIC_RELEASE);
    RxDataAvailable();
    TxFreeSpaceAvailable();
}
