/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SerialOverTCPProtocol_h
#define SerialOverTCPProtocol_h

/* What the driver and its application say to each other. Both are compiled against this file. */

#include <stdint.h>

/* --- User client of SerialOverTCPControl
 * ------------------------------------------------------------------------ */

enum {
    kSerialOverTCPAddPort = 0,    /* structure in: SerialOverTCPPortSettings */
    kSerialOverTCPRemovePort = 1, /* structure in: SerialOverTCPPortName */
    kSerialOverTCPListPorts = 2,  /* structure out: SerialOverTCPPortName [n] */
};

/* Their names fill the 4096 bytes of an inline structure. */
#define kSerialOverTCPMaxPorts 64

struct SerialOverTCPPortName {
    char name[64]; /* zero-terminated */
};

struct SerialOverTCPPortSettings {
    struct SerialOverTCPPortName port;
    char remote[320]; /* "connect HOST:PORT" or "listen [ADDRESS:]PORT": property
                         SerialOverTCPRemote of the nub */
};

/* --- User client of SerialOverTCPPort
 * --------------------------------------------------------------------------- */

enum {
    kSerialOverTCPAttach = 0,   /* asynchronous: each completion is a doorbell; scalars out: none */
    kSerialOverTCPDoorbell = 1, /* the application moved an index that the driver waits for */
    kSerialOverTCPSetState = 2, /* structure in: SerialOverTCPState */
};

struct SerialOverTCPState {
    char state[64]; /* in words: "connected", "retry in 4 s" …; property SerialOverTCPState of the
                       port */
    char peer[128]; /* address of the peer, or empty */
    uint64_t connections;   /* made so far */
    uint64_t bytesSent;     /* to the network, up to now */
    uint64_t bytesReceived; /* from the network */
};

/* The memory of kSerialOverTCPLinkMemory: this header and two rings.
 *
 * Indexes run freely over 32 bits and are those of the serial port itself (txPI, txCI, rxPI, rxCI):
 * they go on where they stood when a driver dies and its successor takes over. So the two streams
 * survive the driver's death without loss or repetition:
 *
 *  - to the network: the new driver's stream begins at txStart = txCI, what the port knows to be
 * consumed. The application remembers how far it has read; what lies before that it has had
 * already, and skips.
 *  - from the network: the port took everything before rxStart = rxCI. The application remembers
 * what it has written, has saved the old ring, and writes the part from rxStart on once more.
 *
 * `open` says whether a program has the port open. The start indexes are valid while it is not 0,
 * and the application moves bytes only then. It changes with every opening; the application then
 * rings once if it has something.
 *
 * Doorbells ring only where the other side said that it waits: a side that finds nothing to do sets
 * its flag, looks once more, and sleeps; the side that changes an index swaps the flag with 0
 * afterwards and rings if it was set. */
#define kSerialOverTCPLinkMemory 0
#define kSerialOverTCPLinkMagic 0x4c435453
#define kSerialOverTCPRingLog2 16
#define kSerialOverTCPRingSize (1u << kSerialOverTCPRingLog2)
#define kSerialOverTCPTransmitOffset 4096u
#define kSerialOverTCPReceiveOffset (kSerialOverTCPTransmitOffset + kSerialOverTCPRingSize)
#define kSerialOverTCPLinkSize (kSerialOverTCPReceiveOffset + kSerialOverTCPRingSize)

struct SerialOverTCPLink {
    uint32_t magic;
    uint32_t open;
    uint32_t txStart;
    uint32_t rxStart;
    uint32_t reserved0[12];

    uint32_t txProduced; /* driver: end of the bytes for the network */
    uint32_t reserved1[15];
    uint32_t txConsumed; /* application: up to here it has them */
    uint32_t appWaitsForTx;
    uint32_t reserved2[14];

    uint32_t rxProduced; /* application: end of the bytes from the network */
    uint32_t appWaitsForRxRoom;
    uint32_t reserved3[14];
    uint32_t rxConsumed; /* driver: up to here the port took them */
    uint32_t driverWaitsForRx;
    uint32_t reserved4[14];
};

#endif /* SerialOverTCPProtocol_h */
