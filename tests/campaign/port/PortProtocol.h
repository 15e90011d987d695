/* SPDX-License-Identifier: Apache-2.0 */
/* Ordinary bytes are below kPortArm. kPortArm + point, then kPortArm + fault: whoever comes to that
 * point next does it. These are consumed before anything happens, so that they happen once; the
 * second one comes back. */
#ifndef PortProtocol_h
#define PortProtocol_h

enum { kPortArm = 0xe0 };

/* Points. */
enum {
    kPortNowhere,
    kPortInTxDataAvailable,
    kPortInRxFreeSpaceAvailable,
    kPortInProgramUART,
    kPortInProgramBaudRate,
    kPortInProgramMCR,
    kPortInSendBreak,
    kPortInDeactivate,
    kPortPoints,
};

enum { kPortHang, kPortNullWrite, kPortAbort, kPortExit, kPortFaults };

#endif
