/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_AVAILABILITY_H
#define OPENDEXT_PLATFORM_AVAILABILITY_H

/* Availability words of driver sources. Every interface that the SDK has is available, so the words
 * say nothing here; the version numbers let `#if __DRIVERKIT_VERSION_MIN_REQUIRED >= ...` choose
 * the newest form. */
#define __DRIVERKIT_19_0 190000
#define __DRIVERKIT_20_0 200000
#define __DRIVERKIT_21_0 210000
#define __DRIVERKIT_22_0 220000
#define __DRIVERKIT_23_0 230000
#define __DRIVERKIT_24_0 240000
#ifndef __DRIVERKIT_VERSION_MIN_REQUIRED
#define __DRIVERKIT_VERSION_MIN_REQUIRED __DRIVERKIT_24_0
#endif
#ifndef __DRIVERKIT_VERSION_MAX_ALLOWED
#define __DRIVERKIT_VERSION_MAX_ALLOWED __DRIVERKIT_24_0
#endif
#define API_AVAILABLE(...)
#define API_AVAILABLE_BEGIN(...)
#define API_AVAILABLE_END
#define API_DEPRECATED(...)
#define API_DEPRECATED_BEGIN(...)
#define API_DEPRECATED_END
#define API_DEPRECATED_WITH_REPLACEMENT(...)
#define API_UNAVAILABLE(...)
#define API_UNAVAILABLE_BEGIN(...)
#define API_UNAVAILABLE_END
#define SPI_AVAILABLE(...)
#define SPI_DEPRECATED(...)
#define __API_AVAILABLE(...)
#define __API_DEPRECATED(...)
#define __API_UNAVAILABLE(...)
#define __OSX_AVAILABLE(...)
#define __OSX_DEPRECATED(...)
#define __OSX_AVAILABLE_STARTING(...)
#define __OSX_AVAILABLE_BUT_DEPRECATED(...)
#define __IOS_AVAILABLE(...)
#define __DRIVERKIT_AVAILABLE(...)
#define __DRIVERKIT_AVAILABLE_STARTING(...)
#define __DRIVERKIT_DEPRECATED(...)
#define DRIVERKIT_AVAILABLE(...)

#endif /* OPENDEXT_PLATFORM_AVAILABILITY_H */
