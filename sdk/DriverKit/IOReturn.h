/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _IOKIT_IORETURN_H
#define _IOKIT_IORETURN_H

/* Result codes: docs/facts/ioreturn.csv. */
#include <mach/error.h>
#include <mach/kern_return.h>

typedef kern_return_t IOReturn;

#ifndef sys_iokit
#define sys_iokit err_system(0x38)
#endif
#define sub_iokit_common err_sub(0x00000000)
#define sub_iokit_usb err_sub(0x1)
#define sub_iokit_firewire err_sub(0x2)
#define sub_iokit_block_storage err_sub(0x4)
#define sub_iokit_graphics err_sub(0x5)
#define sub_iokit_networking err_sub(0x6)
#define sub_iokit_bluetooth err_sub(0x8)
#define sub_iokit_pmu err_sub(0x9)
#define sub_iokit_acpi err_sub(0xa)
#define sub_iokit_smbus err_sub(0xb)
#define sub_iokit_ahci err_sub(0xc)
#define sub_iokit_powermanagement err_sub(0xd)
#define sub_iokit_hidsystem err_sub(0xe)
#define sub_iokit_scsi err_sub(0x10)
#define sub_iokit_usbaudio err_sub(0x11)
#define sub_iokit_wirelesscharging err_sub(0x12)
#define sub_iokit_nvme err_sub(0x1c)
#define sub_iokit_thunderbolt err_sub(0x1d)
#define sub_iokit_graphics_acceleration err_sub(0x1e)
#define sub_iokit_keystore err_sub(0x1f)
#define sub_iokit_smc err_sub(0x20)
#define sub_iokit_apfs err_sub(0x21)
#define sub_iokit_acpiec err_sub(0x22)
#define sub_iokit_timesync_avb err_sub(0x23)
#define sub_iokit_platform err_sub(0x2a)
#define sub_iokit_audio_video err_sub(0x45)
#define sub_iokit_cec err_sub(0x46)
#define sub_iokit_arc err_sub(0x47)
#define sub_iokit_baseband err_sub(0x80)
#define sub_iokit_HDA err_sub(0xfe)
#define sub_iokit_hsic err_sub(0x147)
#define sub_iokit_sdio err_sub(0x174)
#define sub_iokit_wlan err_sub(0x208)
#define sub_iokit_appleembeddedsleepwakehandler err_sub(0x209)
#define sub_iokit_appleppm err_sub(0x20a)
#define sub_iokit_vendor_specific err_sub(0xffe)
#define sub_iokit_reserved err_sub(0xfff)

#define iokit_common_err(return) ((IOReturn)(sys_iokit | sub_iokit_common | (return)))
#define iokit_family_err(sub, return) ((IOReturn)(sys_iokit | (sub) | (return)))
#define iokit_vendor_specific_err(return) \
    ((IOReturn)(sys_iokit | sub_iokit_vendor_specific | (return)))

#define kIOReturnSuccess KERN_SUCCESS /* No error; 0, the same value as KERN_SUCCESS */
#define kIOReturnError                                                                         \
    iokit_common_err(0x2bc) /* Unspecified failure; the usual default when a subclass does not \
                               implement a hook */
#define kIOReturnNoMemory iokit_common_err(0x2bd)    /* An allocation failed */
#define kIOReturnNoResources iokit_common_err(0x2be) /* Some limited resource is used up */
#define kIOReturnIPCError iokit_common_err(0x2bf)    /* The message exchange itself failed */
#define kIOReturnNoDevice iokit_common_err(0x2c0)    /* The device does not exist or is gone */
#define kIOReturnNotPrivileged \
    iokit_common_err(0x2c1) /* The caller lacks the privilege or entitlement */
#define kIOReturnBadArgument \
    iokit_common_err(        \
        0x2c2) /* A parameter is invalid (wrong count, size, range, type or unknown name) */
#define kIOReturnLockedRead iokit_common_err(0x2c3)  /* Device is locked against reading */
#define kIOReturnLockedWrite iokit_common_err(0x2c4) /* Device is locked against writing */
#define kIOReturnExclusiveAccess \
    iokit_common_err(0x2c5) /* Another client holds the device exclusively */
#define kIOReturnBadMessageID \
    iokit_common_err(0x2c6) /* The two sides disagree about a message or method id */
#define kIOReturnUnsupported \
    iokit_common_err(0x2c7) /* Function not implemented, or not allowed in this state */
#define kIOReturnVMError iokit_common_err(0x2c8)       /* Virtual memory failure */
#define kIOReturnInternalError iokit_common_err(0x2c9) /* Internal inconsistency */
#define kIOReturnIOError iokit_common_err(0x2ca)       /* Generic I/O failure */
#define kIOReturnCannotLock iokit_common_err(0x2cc)    /* A lock could not be taken */
#define kIOReturnNotOpen iokit_common_err(0x2cd)       /* The device or session is not open */
#define kIOReturnNotReadable iokit_common_err(0x2ce)   /* Reading is not supported */
#define kIOReturnNotWritable \
    iokit_common_err(0x2cf) /* Writing is not supported; also a property that may not be set */
#define kIOReturnNotAligned iokit_common_err(0x2d0) /* Address or length is misaligned */
#define kIOReturnBadMedia iokit_common_err(0x2d1)   /* Media error */
#define kIOReturnStillOpen \
    iokit_common_err(0x2d2) /* Something is still open that must be closed first */
#define kIOReturnRLDError iokit_common_err(0x2d3) /* Dynamic-loader error (historic) */
#define kIOReturnDMAError iokit_common_err(0x2d4) /* DMA failure */
#define kIOReturnBusy iokit_common_err(0x2d5)     /* Busy now; retry later */
#define kIOReturnTimeout iokit_common_err(0x2d6)  /* Time limit reached */
#define kIOReturnOffline iokit_common_err(0x2d7)  /* Device or its driver is off line */
#define kIOReturnNotReady \
    iokit_common_err(0x2d8) /* Not ready for this operation (also: object already stopped) */
#define kIOReturnNotAttached iokit_common_err(0x2d9) /* Device not attached */
#define kIOReturnNoChannels iokit_common_err(0x2da)  /* No DMA channel left */
#define kIOReturnNoSpace iokit_common_err(0x2db)     /* No room for the data */
#define kIOReturnPortExists iokit_common_err(0x2dd)  /* Port already exists */
#define kIOReturnCannotWire iokit_common_err(0x2de)  /* Physical memory cannot be wired */
#define kIOReturnNoInterrupt iokit_common_err(0x2df) /* No interrupt available or attached */
#define kIOReturnNoFrames iokit_common_err(0x2e0)    /* No DMA frames queued */
#define kIOReturnMessageTooLarge \
    iokit_common_err(0x2e1) /* Message too large for the interrupt-time buffer */
#define kIOReturnNotPermitted \
    iokit_common_err(0x2e2) /* Refused by policy (entitlement checks return this) */
#define kIOReturnNoPower iokit_common_err(0x2e3)          /* Device has no power */
#define kIOReturnNoMedia iokit_common_err(0x2e4)          /* No media in the drive */
#define kIOReturnUnformattedMedia iokit_common_err(0x2e5) /* Media is not formatted */
#define kIOReturnUnsupportedMode iokit_common_err(0x2e6)  /* Mode not supported */
#define kIOReturnUnderrun \
    iokit_common_err(0x2e7) /* Less data than asked for (empty queue, short transfer) */
#define kIOReturnOverrun \
    iokit_common_err(0x2e8) /* More data than room (full queue, long transfer) */
#define kIOReturnDeviceError iokit_common_err(0x2e9) /* The device reported an error */
#define kIOReturnNoCompletion                                                                      \
    iokit_common_err(0x2ea) /* A completion routine is needed and missing; also the dispatch check \
                               with a NULL function */
#define kIOReturnAborted iokit_common_err(0x2eb)       /* Operation was aborted */
#define kIOReturnNoBandwidth iokit_common_err(0x2ec)   /* Not enough bus bandwidth */
#define kIOReturnNotResponding iokit_common_err(0x2ed) /* Device does not answer */
#define kIOReturnIsoTooOld iokit_common_err(0x2ee)     /* Isochronous request too far in the past */
#define kIOReturnIsoTooNew iokit_common_err(0x2ef) /* Isochronous request too far in the future */
#define kIOReturnNotFound iokit_common_err(0x2f0)  /* Item not found */
#define kIOReturnInvalid iokit_common_err(0x1)     /* Must never be seen; marks an unset result */

/* The interface generator's errors, which a malformed message gives. */
#define MIG_TYPE_ERROR -300
#define MIG_REPLY_MISMATCH -301
#define MIG_REMOTE_ERROR -302
#define MIG_BAD_ID -303
#define MIG_BAD_ARGUMENTS -304
#define MIG_NO_REPLY -305
#define MIG_EXCEPTION -306
#define MIG_ARRAY_TOO_LARGE -307
#define MIG_SERVER_DIED -308
#define MIG_TRAILER_ERROR -309

#endif /* _IOKIT_IORETURN_H */
