/* SPDX-License-Identifier: Apache-2.0 */
/* The part of SerialOverTCPPort that is about the line: what the system wants of it goes to the
 * application, what the peer says of it goes to the system. */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>
#include <SerialDriverKit/SerialConstants.h>
#include <string.h>

#include "SerialOverTCPPort.h"

#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/* Each change is one step for who reads it. */
void SerialOverTCPPort::ChangeLine(void (^change)(SerialOverTCPLine* line)) {
    SerialOverTCPLine* line = Line();
    STORE(line->sequence, line->sequence + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    change(line);
    STORE(line->sequence, line->sequence + 1);
    RingApplication();
}

kern_return_t SerialOverTCPPort::HwProgramUART_Impl(uint32_t baudRate, uint8_t nDataBits,
                                                    uint8_t nHalfStopBits, uint8_t parity) {
    kern_return_t ret = HwProgramUART(baudRate, nDataBits, nHalfStopBits, parity, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->baudRate = baudRate;
      line->dataBits = nDataBits;
      line->halfStopBits = nHalfStopBits;
      line->parity = parity;
    });
    return ret;
}

kern_return_t SerialOverTCPPort::HwProgramBaudRate_Impl(uint32_t baudRate) {
    kern_return_t ret = HwProgramBaudRate(baudRate, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->baudRate = baudRate;
    });
    return ret;
}

kern_return_t SerialOverTCPPort::HwProgramFlowControl_Impl(uint32_t arg, uint8_t xon,
                                                           uint8_t xoff) {
    kern_return_t ret = HwProgramFlowControl(arg, xon, xoff, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->flow = arg;
    });
    return ret;
}

kern_return_t SerialOverTCPPort::HwProgramMCR_Impl(bool dtr, bool rts) {
    kern_return_t ret = HwProgramMCR(dtr, rts, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->dtr = dtr;
      line->rts = rts;
    });
    return ret;
}

kern_return_t SerialOverTCPPort::HwSendBreak_Impl(bool sendBreak) {
    kern_return_t ret = HwSendBreak(sendBreak, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->breakOn = sendBreak;
    });
    return ret;
}

kern_return_t SerialOverTCPPort::HwResetFIFO_Impl(bool tx, bool rx) {
    kern_return_t ret = HwResetFIFO(tx, rx, SUPERDISPATCH);
    ChangeLine(^(SerialOverTCPLine* line) {
      line->purgeTransmit += tx;
      line->purgeReceive += rx;
    });
    return ret;
}

/* What the peer says, by the application. */
kern_return_t SerialOverTCPPort::TakeRemoteLine(const SerialOverTCPRemoteLine* remote) {
    if (strnlen(remote->signature, sizeof(remote->signature)) == sizeof(remote->signature)) {
        return kIOReturnBadArgument;
    }
    SetModemStatus((remote->modem & kSerialOverTCPClearToSend) != 0,
                   (remote->modem & kSerialOverTCPDataSetReady) != 0,
                   (remote->modem & kSerialOverTCPRing) != 0,
                   (remote->modem & kSerialOverTCPCarrierDetect) != 0);
    if (remote->errors != 0) {
        RxError((remote->errors & kSerialOverTCPOverrun) != 0,
                (remote->errors & kSerialOverTCPGotBreak) != 0,
                (remote->errors & kSerialOverTCPFramingError) != 0,
                (remote->errors & kSerialOverTCPParityError) != 0);
    }
    OSDictionary* line = OSDictionary::withCapacity(8);
    if (remote->known != 0) {
        const char* const parities[] = {"none", "none", "odd", "even", "mark", "space"};
        const char* const stops[] = {"1", "1.5", "2"};
        OSDictionarySetUInt64Value(line, "BaudRate", remote->baudRate);
        OSDictionarySetUInt64Value(line, "DataBits", remote->dataBits);
        OSDictionarySetStringValue(line, "Parity",
                                   parities[remote->parity <= 5 ? remote->parity : 0]);
        OSDictionarySetStringValue(
            line, "StopBits",
            stops[remote->halfStopBits >= 2 && remote->halfStopBits <= 4 ? remote->halfStopBits - 2
                                                                         : 0]);
        OSDictionarySetStringValue(
            line, "FlowControl",
            (remote->flow & PD_RS232_S_CTS) != 0
                ? "rtscts"
                : ((remote->flow & (PD_RS232_S_TXO | PD_RS232_S_RXO)) != 0 ? "xonxoff" : "none"));
        OSDictionarySetValue(line, "DTR", remote->dtr ? kOSBooleanTrue : kOSBooleanFalse);
        OSDictionarySetValue(line, "RTS", remote->rts ? kOSBooleanTrue : kOSBooleanFalse);
    }
    OSDictionary* properties = OSDictionary::withCapacity(2);
    OSDictionarySetValue(properties, "SerialOverTCPRemoteLine", line);
    OSDictionarySetStringValue(properties, "SerialOverTCPRemoteSignature", remote->signature);
    kern_return_t ret = SetProperties(properties);
    OSSafeReleaseNULL(properties);
    OSSafeReleaseNULL(line);
    return ret;
}
