/* SPDX-License-Identifier: Apache-2.0 */
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSCollections.h>
#include <SerialDriverKit/SerialPortInterface.h>
#include <os/log.h>
#include <string.h>

#include "SerialOverTCPPort.h"
#include "SerialOverTCPProtocol.h"

using driverkit::serial::SerialPortInterface;

/* The indexes are read and written by two processes, or by the system and this driver. */
#define LOAD(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)
#define STORE(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)
/* For the flags: between "I set an index" and "does the other side wait", and the reverse, order
 * matters. */
#define SWAP(flag, value) __atomic_exchange_n(&(flag), (value), __ATOMIC_SEQ_CST)

struct SerialOverTCPPort_IVars {
    IOBufferMemoryDescriptor* memory; /* link header and both rings, shared with the application */
    SerialOverTCPLink* link;
    IOBufferMemoryDescriptor* interfaceMemory; /* while the queues are connected */
    SerialPortInterface* interface;
    IOUserClient* client;     /* the application, while it is attached */
    OSAction* doorbell;       /* its completion, called again and again */
    IODispatchQueue* reports; /* where properties are set: bytes move on although nobody answers */
    SerialOverTCPState* unpublished; /* the latest that is still to become properties */
    SerialOverTCPState* published;   /* what the properties say; on the queue of reports */
    uint32_t openings;
    bool streamsStarted;
    char lastError[sizeof(SerialOverTCPState::lastError)]; /* as it stands in the log */
};

bool SerialOverTCPPort::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(SerialOverTCPPort_IVars, 1);
    return ivars != nullptr;
}

void SerialOverTCPPort::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->doorbell);
        OSSafeReleaseNULL(ivars->client);
        IOSafeDeleteNULL(ivars->unpublished, SerialOverTCPState, 1);
        IOSafeDeleteNULL(ivars->published, SerialOverTCPState, 1);
        OSSafeReleaseNULL(ivars->reports);
        OSSafeReleaseNULL(ivars->interfaceMemory);
        OSSafeReleaseNULL(ivars->memory);
    }
    IOSafeDeleteNULL(ivars, SerialOverTCPPort_IVars, 1);
    super::free();
}

kern_return_t SerialOverTCPPort::Start_Impl(IOService* provider) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = IODispatchQueue::Create("reports", 0, 0, &ivars->reports);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, kSerialOverTCPLinkSize, 4096,
                                           &ivars->memory);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->memory->SetLength(kSerialOverTCPLinkSize);
    IOAddressSegment range = {};
    ret = ivars->memory->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->link = reinterpret_cast<SerialOverTCPLink*>(range.address);
    ivars->link->magic = kSerialOverTCPLinkMagic;
    return RegisterService();
}

kern_return_t SerialOverTCPPort::Stop_Impl(IOService* provider) {
    OSSafeReleaseNULL(ivars->doorbell);
    OSSafeReleaseNULL(ivars->client);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t SerialOverTCPPort::NewUserClient_Impl(uint32_t type, IOUserClient** userClient) {
    (void)type;
    IOService* client = nullptr;
    kern_return_t ret = Create(this, "PortClientProperties", &client);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, client);
    if (*userClient == nullptr) {
        client->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

/* --- The port is opened and closed
 * ------------------------------------------------------------------------------ */

kern_return_t SerialOverTCPPort::ConnectQueues_Impl(
    IOBufferMemoryDescriptor** ifmd, IOMemoryDescriptor** rxqmd, IOMemoryDescriptor** txqmd,
    IOMemoryDescriptor* in_rxqmd, IOMemoryDescriptor* in_txqmd, uint32_t in_rxqoffset,
    uint32_t in_txqoffset, uint8_t in_rxqlogsz, uint8_t in_txqlogsz) {
    /* Both queues are the rings that the application maps. */
    in_rxqmd = in_txqmd = ivars->memory;
    in_rxqoffset = kSerialOverTCPReceiveOffset;
    in_txqoffset = kSerialOverTCPTransmitOffset;
    in_rxqlogsz = in_txqlogsz = kSerialOverTCPRingLog2;
    kern_return_t ret = ConnectQueues(ifmd, rxqmd, txqmd, in_rxqmd, in_txqmd, in_rxqoffset,
                                      in_txqoffset, in_rxqlogsz, in_txqlogsz, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    IOAddressSegment range = {};
    ret = (*ifmd)->GetAddressRange(&range);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->interfaceMemory = *ifmd;
    ivars->interfaceMemory->retain();
    ivars->interface = reinterpret_cast<SerialPortInterface*>(range.address);

    /* After a crash of this driver's predecessor the indexes are not 0: both streams go on where
     * they stood. */
    SerialOverTCPLink* link = ivars->link;
    link->txStart = link->txConsumed = LOAD(ivars->interface->txCI);
    STORE(link->txProduced, LOAD(ivars->interface->txPI));
    link->rxStart = LOAD(ivars->interface->rxCI);
    if (!ivars->streamsStarted) {
        link->rxProduced = link->rxStart;
        ivars->streamsStarted = true;
    }
    STORE(link->rxConsumed, link->rxStart);
    STORE(link->driverWaitsForRx, 1u);
    if (++ivars->openings == 0) {
        ++ivars->openings;
    }
    STORE(link->open, ivars->openings);
    RingApplication();
    return kIOReturnSuccess;
}

kern_return_t SerialOverTCPPort::DisconnectQueues_Impl() {
    STORE(ivars->link->open, 0u);
    ivars->interface = nullptr;
    OSSafeReleaseNULL(ivars->interfaceMemory);
    RingApplication();
    return DisconnectQueues(SUPERDISPATCH);
}

/* --- Bytes
 * ------------------------------------------------------------------------------------------------------
 */

/* The system put bytes into the transmit queue. */
void SerialOverTCPPort::TxDataAvailable_Impl() {
    if (ivars->interface == nullptr) {
        return;
    }
    PublishTransmit();
    TakeConsumed();
    SerialOverTCPLink* link = ivars->link;
    if (LOAD(link->txProduced) - LOAD(link->txConsumed) > kSerialOverTCPRingSize / 2) {
        SWAP(link->driverWaitsForTxRoom, 1u);
        TakeConsumed();
    }
}

void SerialOverTCPPort::PublishTransmit() {
    SerialOverTCPLink* link = ivars->link;
    uint32_t produced = LOAD(ivars->interface->txPI);
    if (produced == LOAD(link->txProduced)) {
        return;
    }
    STORE(link->txProduced, produced);
    if (SWAP(link->appWaitsForTx, 0u) != 0) {
        RingApplication();
    }
}

/* The system took bytes from the receive queue. */
void SerialOverTCPPort::RxFreeSpaceAvailable_Impl() {
    if (ivars->interface == nullptr) {
        return;
    }
    SerialOverTCPLink* link = ivars->link;
    uint32_t consumed = LOAD(ivars->interface->rxCI);
    STORE(link->rxConsumed, consumed);
    uint32_t fill = LOAD(link->rxProduced) - consumed;
    if (fill <= kSerialOverTCPRingSize / 4 && SWAP(link->appWaitsForRxRoom, 0u) != 0) {
        RingApplication();
    }
    ApplicationMoved();
}

/* Tells the system what the application has taken. */
void SerialOverTCPPort::TakeConsumed() {
    SerialPortInterface* interface = ivars->interface;
    uint32_t txCI = LOAD(interface->txCI);
    uint32_t taken = LOAD(ivars->link->txConsumed) - txCI;
    if (taken != 0 && taken <= LOAD(ivars->link->txProduced) - txCI) {
        STORE(interface->txCI, txCI + taken);
        TxFreeSpaceAvailable();
    }
}

/* Offers the system what the application has brought. */
bool SerialOverTCPPort::TakeReceived() {
    uint32_t rxPI = LOAD(ivars->interface->rxPI);
    uint32_t produced = LOAD(ivars->link->rxProduced);
    if (produced == rxPI || produced - LOAD(ivars->interface->rxCI) > kSerialOverTCPRingSize ||
        produced - rxPI > kSerialOverTCPRingSize) {
        return false;
    }
    STORE(ivars->interface->rxPI, produced);
    RxDataAvailable();
    return true;
}

/* The application took bytes, or brought some. What it writes is checked here: an index may only
 * move towards the end of what there is. */
void SerialOverTCPPort::ApplicationMoved() {
    SerialPortInterface* interface = ivars->interface;
    SerialOverTCPLink* link = ivars->link;
    if (interface == nullptr) {
        return;
    }
    TakeConsumed();
    for (;;) {
        while (TakeReceived()) {
        }
        /* While the system has enough it comes back for more by itself (RxFreeSpaceAvailable). */
        if (LOAD(interface->rxPI) - LOAD(interface->rxCI) > kSerialOverTCPRingSize / 4) {
            break;
        }
        SWAP(link->driverWaitsForRx, 1u); /* from now on the application rings when there is more */
        if (!TakeReceived()) {
            break;
        }
    }
    /* The system may have taken bytes at once. */
    STORE(link->rxConsumed, LOAD(interface->rxCI));
}

/* --- The application
 * -------------------------------------------------------------------------------------------- */

kern_return_t SerialOverTCPPort::AttachApplication(IOUserClient* client, OSAction* doorbell) {
    if (ivars->client != nullptr) {
        return kIOReturnExclusiveAccess;
    }
    client->retain();
    doorbell->retain();
    ivars->client = client;
    ivars->doorbell = doorbell;
    return kIOReturnSuccess;
}

void SerialOverTCPPort::DetachApplication(IOUserClient* client) {
    if (ivars->client == client) {
        OSSafeReleaseNULL(ivars->doorbell);
        OSSafeReleaseNULL(ivars->client);
    }
}

void SerialOverTCPPort::RingApplication() {
    if (ivars->client != nullptr) {
        IOUserClientAsyncArgumentsArray nothing = {};
        ivars->client->AsyncCompletion(ivars->doorbell, kIOReturnSuccess, nothing, 0);
    }
}

static bool isTerminated(const char* text, size_t size) {
    return strnlen(text, size) < size;
}

/* What the application says about its connection, as properties of this object. Who asked for
 * notifications of it hears that they changed. */
kern_return_t SerialOverTCPPort::PublishState(const SerialOverTCPState* state) {
    if (!isTerminated(state->state, sizeof(state->state)) ||
        !isTerminated(state->peer, sizeof(state->peer)) ||
        !isTerminated(state->lastError, sizeof(state->lastError)) ||
        !isTerminated(state->protocol, sizeof(state->protocol))) {
        return kIOReturnBadArgument;
    }
    if (state->lastError[0] != 0 && strcmp(state->lastError, ivars->lastError) != 0) {
        os_log(OS_LOG_DEFAULT, "%{public}s", state->lastError);
    }
    strlcpy(ivars->lastError, state->lastError, sizeof(ivars->lastError));
    SerialOverTCPState* latest = IONew(SerialOverTCPState, 1);
    if (latest == nullptr) {
        return kIOReturnNoMemory;
    }
    *latest = *state;
    /* The system may take its time to answer. Only the latest state waits for it. */
    SerialOverTCPState* waiting = SWAP(ivars->unpublished, latest);
    if (waiting != nullptr) {
        IODelete(waiting, SerialOverTCPState, 1);
        return kIOReturnSuccess;
    }
    retain();
    ivars->reports->DispatchAsync(^{
      SetChangedProperties();
      release();
    });
    return kIOReturnSuccess;
}

/* On the queue of reports. While bytes move this happens once a second, so only what has changed is
 * told. */
void SerialOverTCPPort::SetChangedProperties() {
    SerialOverTCPState* state = SWAP(ivars->unpublished, nullptr);
    if (state == nullptr) {
        return;
    }
    const SerialOverTCPState* known = ivars->published;
    OSDictionary* properties = OSDictionary::withCapacity(11);
#define TELL_TEXT(name, field)                                                      \
    if (known == nullptr || strcmp(known->field, state->field) != 0) {              \
        OSDictionarySetStringValue(properties, "SerialOverTCP" name, state->field); \
    }
#define TELL_NUMBER(name, field)                                                    \
    if (known == nullptr || known->field != state->field) {                         \
        OSDictionarySetUInt64Value(properties, "SerialOverTCP" name, state->field); \
    }
    TELL_TEXT("State", state)
    TELL_TEXT("Peer", peer)
    TELL_TEXT("LastError", lastError)
    TELL_TEXT("Protocol", protocol)
    TELL_NUMBER("Clients", clients)
    TELL_NUMBER("Connections", connections)
    TELL_NUMBER("Refused", refused)
    TELL_NUMBER("BytesSent", bytesSent)
    TELL_NUMBER("BytesReceived", bytesReceived)
    TELL_NUMBER("BytesDropped", bytesDropped)
    TELL_NUMBER("BytesQueued", bytesQueued)
#undef TELL_TEXT
#undef TELL_NUMBER
    if (properties->getCount() != 0 && SetProperties(properties) == kIOReturnSuccess) {
        SendIOMessageServicePropertyChange();
        IOSafeDeleteNULL(ivars->published, SerialOverTCPState, 1);
        ivars->published = state;
    } else {
        IODelete(state, SerialOverTCPState, 1);
    }
    properties->release();
}

SerialOverTCPLine* SerialOverTCPPort::Line() {
    return reinterpret_cast<SerialOverTCPLine*>(reinterpret_cast<char*>(ivars->link) +
                                                kSerialOverTCPLineOffset);
}

IOMemoryDescriptor* SerialOverTCPPort::CopyLinkMemory() {
    ivars->memory->retain();
    return ivars->memory;
}
