/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IORETURN_H_
#define OPENDEXT_IOKIT_IORETURN_H_

/* Results of IOKit calls. opendext_last_error_reason() in <opendext/client.h> says in words what
 * happened. */

#include <mach/error.h>
#include <mach/kern_return.h>

typedef kern_return_t IOReturn;

#define kIOReturnSuccess ((IOReturn)0x00000000) /* No error; 0, the same value as KERN_SUCCESS */
#define kIOReturnError                                                                        \
    ((IOReturn)0xe00002bc) /* Unspecified failure; the usual default when a subclass does not \
                              implement a hook */
#define kIOReturnNoMemory ((IOReturn)0xe00002bd)    /* An allocation failed */
#define kIOReturnNoResources ((IOReturn)0xe00002be) /* Some limited resource is used up */
#define kIOReturnIPCError ((IOReturn)0xe00002bf)    /* The message exchange itself failed */
#define kIOReturnNoDevice ((IOReturn)0xe00002c0)    /* The device does not exist or is gone */
#define kIOReturnNotPrivileged \
    ((IOReturn)0xe00002c1) /* The caller lacks the privilege or entitlement */
#define kIOReturnBadArgument                                                                    \
    ((IOReturn)0xe00002c2) /* A parameter is invalid (wrong count, size, range, type or unknown \
                              name) */
#define kIOReturnLockedRead ((IOReturn)0xe00002c3)  /* Device is locked against reading */
#define kIOReturnLockedWrite ((IOReturn)0xe00002c4) /* Device is locked against writing */
#define kIOReturnExclusiveAccess \
    ((IOReturn)0xe00002c5) /* Another client holds the device exclusively */
#define kIOReturnBadMessageID \
    ((IOReturn)0xe00002c6) /* The two sides disagree about a message or method id */
#define kIOReturnUnsupported \
    ((IOReturn)0xe00002c7) /* Function not implemented, or not allowed in this state */
#define kIOReturnVMError ((IOReturn)0xe00002c8)       /* Virtual memory failure */
#define kIOReturnInternalError ((IOReturn)0xe00002c9) /* Internal inconsistency */
#define kIOReturnIOError ((IOReturn)0xe00002ca)       /* Generic I/O failure */
#define kIOReturnCannotLock ((IOReturn)0xe00002cc)    /* A lock could not be taken */
#define kIOReturnNotOpen ((IOReturn)0xe00002cd)       /* The device or session is not open */
#define kIOReturnNotReadable ((IOReturn)0xe00002ce)   /* Reading is not supported */
#define kIOReturnNotWritable \
    ((IOReturn)0xe00002cf) /* Writing is not supported; also a property that may not be set */
#define kIOReturnNotAligned ((IOReturn)0xe00002d0) /* Address or length is misaligned */
#define kIOReturnBadMedia ((IOReturn)0xe00002d1)   /* Media error */
#define kIOReturnStillOpen \
    ((IOReturn)0xe00002d2) /* Something is still open that must be closed first */
#define kIOReturnRLDError ((IOReturn)0xe00002d3) /* Dynamic-loader error (historic) */
#define kIOReturnDMAError ((IOReturn)0xe00002d4) /* DMA failure */
#define kIOReturnBusy ((IOReturn)0xe00002d5)     /* Busy now; retry later */
#define kIOReturnTimeout ((IOReturn)0xe00002d6)  /* Time limit reached */
#define kIOReturnOffline ((IOReturn)0xe00002d7)  /* Device or its driver is off line */
#define kIOReturnNotReady \
    ((IOReturn)0xe00002d8) /* Not ready for this operation (also: object already stopped) */
#define kIOReturnNotAttached ((IOReturn)0xe00002d9) /* Device not attached */
#define kIOReturnNoChannels ((IOReturn)0xe00002da)  /* No DMA channel left */
#define kIOReturnNoSpace ((IOReturn)0xe00002db)     /* No room for the data */
#define kIOReturnPortExists ((IOReturn)0xe00002dd)  /* Port already exists */
#define kIOReturnCannotWire ((IOReturn)0xe00002de)  /* Physical memory cannot be wired */
#define kIOReturnNoInterrupt ((IOReturn)0xe00002df) /* No interrupt available or attached */
#define kIOReturnNoFrames ((IOReturn)0xe00002e0)    /* No DMA frames queued */
#define kIOReturnMessageTooLarge \
    ((IOReturn)0xe00002e1) /* Message too large for the interrupt-time buffer */
#define kIOReturnNotPermitted \
    ((IOReturn)0xe00002e2) /* Refused by policy (entitlement checks return this) */
#define kIOReturnNoPower ((IOReturn)0xe00002e3)          /* Device has no power */
#define kIOReturnNoMedia ((IOReturn)0xe00002e4)          /* No media in the drive */
#define kIOReturnUnformattedMedia ((IOReturn)0xe00002e5) /* Media is not formatted */
#define kIOReturnUnsupportedMode ((IOReturn)0xe00002e6)  /* Mode not supported */
#define kIOReturnUnderrun \
    ((IOReturn)0xe00002e7) /* Less data than asked for (empty queue, short transfer) */
#define kIOReturnOverrun \
    ((IOReturn)0xe00002e8) /* More data than room (full queue, long transfer) */
#define kIOReturnDeviceError ((IOReturn)0xe00002e9) /* The device reported an error */
#define kIOReturnNoCompletion                                                                     \
    ((IOReturn)0xe00002ea) /* A completion routine is needed and missing; also the dispatch check \
                              with a NULL function */
#define kIOReturnAborted ((IOReturn)0xe00002eb)       /* Operation was aborted */
#define kIOReturnNoBandwidth ((IOReturn)0xe00002ec)   /* Not enough bus bandwidth */
#define kIOReturnNotResponding ((IOReturn)0xe00002ed) /* Device does not answer */
#define kIOReturnIsoTooOld ((IOReturn)0xe00002ee)     /* Isochronous request too far in the past */
#define kIOReturnIsoTooNew ((IOReturn)0xe00002ef) /* Isochronous request too far in the future */
#define kIOReturnNotFound ((IOReturn)0xe00002f0)  /* Item not found */
#define kIOReturnInvalid ((IOReturn)0xe0000001)   /* Must never be seen; marks an unset result */

#endif
