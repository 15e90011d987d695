/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOMESSAGE_H_
#define OPENDEXT_IOKIT_IOMESSAGE_H_

/* What an interest notification may say (argument messageType of IOServiceInterestCallback). */

#include <IOKit/IOReturn.h>

#include <stdint.h>

#define kIOMessageServiceIsTerminated ((uint32_t)0xe0000010) /* Service has been terminated */
#define kIOMessageServiceIsSuspended ((uint32_t)0xe0000020)  /* Service is suspended */
#define kIOMessageServiceIsResumed ((uint32_t)0xe0000030)    /* Service resumed */
#define kIOMessageServiceIsRequestingClose \
    ((uint32_t)0xe0000100) /* Provider asks its clients to close it */
#define kIOMessageServiceIsAttemptingOpen \
    ((uint32_t)0xe0000101) /* Another client tries to open the provider */
#define kIOMessageServiceWasClosed ((uint32_t)0xe0000110) /* Provider was closed by its opener */
#define kIOMessageServiceBusyStateChange \
    ((uint32_t)0xe0000120) /* Busy state went to or left zero; the argument is the new state */
#define kIOMessageConsoleSecurityChange \
    ((uint32_t)0xe0000128) /* Console user or lock state changed */
#define kIOMessageServicePropertyChange \
    ((uint32_t)0xe0000130) /* Properties of the service changed */
#define kIOMessageCopyClientID \
    ((uint32_t)0xe0000330) /* Power management asks for a client identifier */
#define kIOMessageSystemCapabilityChange \
    ((uint32_t)0xe0000340)                                    /* System power capabilities change */
#define kIOMessageDeviceSignaledWakeup ((uint32_t)0xe0000350) /* Device caused the wake */
#define kIOMessageDeviceWillPowerOff ((uint32_t)0xe0000210)   /* Device is about to lose power */
#define kIOMessageDeviceHasPoweredOn ((uint32_t)0xe0000230)   /* Device has power again */
#define kIOMessageSystemWillPowerOff ((uint32_t)0xe0000250)   /* Shutdown has begun */
#define kIOMessageSystemWillRestart ((uint32_t)0xe0000310)    /* Restart has begun */
#define kIOMessageSystemPagingOff ((uint32_t)0xe0000255)      /* Paging is about to be turned off */
#define kIOMessageCanSystemSleep ((uint32_t)0xe0000270) /* Question: may the system idle-sleep */
#define kIOMessageSystemWillNotSleep ((uint32_t)0xe0000290) /* A client vetoed the sleep */
#define kIOMessageSystemWillSleep                                   \
    ((uint32_t)0xe0000280) /* Sleep is about to happen; acknowledge \
                            */
#define kIOMessageSystemWillPowerOn ((uint32_t)0xe0000320)  /* Early wake notice */
#define kIOMessageSystemHasPoweredOn ((uint32_t)0xe0000300) /* Wake complete */
#define kIOMessageCanDevicePowerOff                              \
    ((uint32_t)0xe0000200) /* Question: may the device power off \
                            */
#define kIOMessageDeviceWillNotPowerOff ((uint32_t)0xe0000220) /* Device power-off was vetoed */
#define kIOMessageSystemWillNotPowerOff ((uint32_t)0xe0000260) /* System power-off was vetoed */
#define kIOMessageCanSystemPowerOff                                                                \
    ((uint32_t)0xe0000240)                                   /* Question: may the system power off \
                                                              */
#define kIOMessageDeviceWillPowerOn ((uint32_t)0xe0000215)   /* Device is about to be powered */
#define kIOMessageDeviceHasPoweredOff ((uint32_t)0xe0000225) /* Device has lost power */

#endif
