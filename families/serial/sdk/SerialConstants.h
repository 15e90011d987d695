// SPDX-License-Identifier: Apache-2.0
#ifndef SERIALDRIVERKIT_SERIALCONSTANTS_H
#define SERIALDRIVERKIT_SERIALCONSTANTS_H

/// Names and numbers of the serial family. Facts: docs/facts/driverkit-api.csv, rows of
/// SerialDriverKit; values that are published nowhere (kIOSerial…) are our own and are not stored
/// or compared with anybody else's.

#define kIOTTYBaseNameKey "IOTTYBaseName"
#define kIOTTYSuffixKey "IOTTYSuffix"

/// Parity argument of IOUserSerial::HwProgramUART.
#define PD_RS232_PARITY_DEFAULT 0
#define PD_RS232_PARITY_NONE 1
#define PD_RS232_PARITY_ODD 2
#define PD_RS232_PARITY_EVEN 3
#define PD_RS232_PARITY_MARK 4
#define PD_RS232_PARITY_SPACE 5
#define PD_RS232_PARITY_ANY 6

/// State bits of a line; the flow control argument is made of them (RTS|CTS hardware, TXO and RXO
/// software).
#define PD_RS232_S_LE 0x1
#define PD_RS232_S_DTR 0x2
#define PD_RS232_S_RTS 0x4
#define PD_RS232_S_TXO 0x8
#define PD_RS232_S_RXO 0x10
#define PD_RS232_S_CTS 0x20
#define PD_RS232_S_DCD 0x40
#define PD_RS232_S_RNG 0x80
#define PD_RS232_S_DSR 0x100

/// Memory types and selectors of the system's own connection to a serial driver; drivers do not use
/// them.
enum {
    kIOSerialMemoryArena = 0,
    kIOSerialMemoryRxBuf = 1,
    kIOSerialMemoryTxBuf = 2,
    kIOSerialPTYMaster = 3,
};
enum {
    kIOSerialUserClient = 0,
    kIOSerialUserClientOpen = 0,
    kIOSerialUserClientIoctl = 1,
    kIOSerialUserClientPoll = 2,
};

#endif /* SERIALDRIVERKIT_SERIALCONSTANTS_H */
