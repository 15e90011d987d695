/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SerialOverTCPLine_h
#define SerialOverTCPLine_h

/* What the driver and its application say to each other about the line. Part of
 * SerialOverTCPProtocol.h. */

#include <stdint.h>

/* How the line should be, as the system says: the driver writes it into the link memory, at
 * kSerialOverTCPLineOffset, and rings. `sequence` is odd while it is being written and changes with
 * every change; a reader that finds it odd, or changed meanwhile, reads again. */
#define kSerialOverTCPLineOffset 1024u

struct SerialOverTCPLine {
    uint32_t sequence;
    uint32_t baudRate;
    uint8_t dataBits;
    uint8_t halfStopBits;
    uint8_t parity; /* PD_RS232_PARITY_* */
    uint8_t dtr;
    uint8_t rts;
    uint8_t breakOn;
    uint8_t reserved[2];
    uint32_t flow;          /* PD_RS232_S_* bits of HwProgramFlowControl */
    uint32_t purgeReceive;  /* counts the HwResetFIFO(rx) */
    uint32_t purgeTransmit; /* counts the HwResetFIFO(tx) */
};

/* How the line at the other end is, as far as the peer says: structure in of
 * kSerialOverTCPSetLine. */
#define kSerialOverTCPSetLine 3u

enum {
    kSerialOverTCPClearToSend = 1,
    kSerialOverTCPDataSetReady = 2,
    kSerialOverTCPRing = 4,
    kSerialOverTCPCarrierDetect = 8,
};
enum {
    kSerialOverTCPOverrun = 1,
    kSerialOverTCPGotBreak = 2,
    kSerialOverTCPFramingError = 4,
    kSerialOverTCPParityError = 8,
};

struct SerialOverTCPRemoteLine {
    uint8_t modem;  /* kSerialOverTCPClearToSend … */
    uint8_t errors; /* since the last time, kSerialOverTCPOverrun … */
    uint8_t known;  /* the settings below are what the peer confirmed, or wants */
    uint8_t dataBits;
    uint8_t halfStopBits;
    uint8_t parity;
    uint8_t dtr;
    uint8_t rts;
    uint32_t flow;
    uint32_t baudRate;
    char signature[64]; /* what the peer says that it is, or empty */
};

#endif /* SerialOverTCPLine_h */
