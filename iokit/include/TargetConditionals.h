/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_TARGETCONDITIONALS_H_
#define OPENDEXT_TARGETCONDITIONALS_H_

/* What client programs ask about their target: a desktop program, not a driver. */
#define TARGET_OS_MAC 1
#define TARGET_OS_OSX 1
#define TARGET_OS_IPHONE 0
#define TARGET_OS_IOS 0
#define TARGET_OS_WATCH 0
#define TARGET_OS_TV 0
#define TARGET_OS_MACCATALYST 0
#define TARGET_OS_SIMULATOR 0
#define TARGET_OS_EMBEDDED 0
#define TARGET_OS_DRIVERKIT 0

#endif
