/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SerialOverTCPProtocol_h
#define SerialOverTCPProtocol_h

/* What the driver and its application say to each other. Both are compiled against this file. */

#include <stdint.h>

#include "SerialOverTCPLine.h"

/* --- User client of SerialOverTCPControl
 * ------------------------------------------------------------------------ */

enum {
    kSerialOverTCPAddPort = 0,    /* structure in: SerialOverTCPPortSettings */
    kSerialOverTCPRemovePort = 1, /* structure in: SerialOverTCPPortName */
    kSerialOverTCPListPorts = 2,  /* scalar in: how many to leave out; structure out:
                                     SerialOverTCPPortName [n], n at most
                                     kSerialOverTCPListedPorts; fewer: it was the last */
};

#define kSerialOverTCPMaxPorts 1024
/* Their names fill the 4096 bytes of an inline structure. */
#define kSerialOverTCPListedPorts 64

struct SerialOverTCPPortName {
    char name[64]; /* zero-terminated */
};

struct SerialOverTCPPortSettings {
    struct SerialOverTCPPortName port;
    char remote[320];   /* "connect HOST:PORT", "listen [ADDRESS:]PORT", "listen unix:/PATH":
                           property SerialOverTCPRemote of the nub */
    char options[2048]; /* "KEY=VALUE KEY=VALUE": property SerialOverTCPOptions; the driver does not
                           look at it */
};

/* --- User client of SerialOverTCPPort
 * --------------------------------------------------------------------------- */

enum {
    kSerialOverTCPAttach = 0,   /* asynchronous: each completion is a doorbell; scalars out: none */
    kSerialOverTCPDoorbell = 1, /* the application moved an index that the driver waits for */
    kSerialOverTCPSetState = 2, /* structure in: SerialOverTCPState */
                                /* 3: kSerialOverTCPSetLine, SerialOverTCPLine.h */
};

/* Each is the property of the port with the name in the comment, behind "SerialOverTCP". */
struct SerialOverTCPState {
    char state[160];        /* State, in words: "connected", "Connection refused, retry in 4 s" … */
    char peer[256];         /* Peer: addresses of the peers, or empty */
    char lastError[192];    /* LastError, or empty; a new one goes into the log */
    char protocol[16];      /* Protocol that is spoken; empty without a peer */
    uint64_t clients;       /* Clients that are connected */
    uint64_t connections;   /* Connections made so far */
    uint64_t refused;       /* Refused: callers that were turned away */
    uint64_t bytesSent;     /* BytesSent to the network, up to now */
    uint64_t bytesReceived; /* BytesReceived from the network */
    uint64_t bytesDropped;  /* BytesDropped: the buffer was full */
    uint64_t bytesQueued;   /* BytesQueued: written by the application, not yet sent */
};

/* The memory of kSerialOverTCPLinkMemory: this header, SerialOverTCPLine behind it, and two rings.
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
 * afterwards and rings if it was set. For room each rings only once the ring is a quarter full: the
 * other side then has something to do for a while.
 *
 * The application's doorbell is a call that nobody waits for. The driver's is a completion; the
 * application dispatches its connection's completions itself where the platform lets it. */
#define kSerialOverTCPLinkMemory 0
#define kSerialOverTCPLinkMagic 0x4c435453
#define kSerialOverTCPRingLog2 18
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
    uint32_t driverWaitsForTxRoom;
    uint32_t reserved1[14];
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
