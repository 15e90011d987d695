/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_SERIAL_IOSS_H_
#define OPENDEXT_IOKIT_SERIAL_IOSS_H_

/* Controls of a serial device node beyond termios. Which of them a node carries out depends on what
 * backs it; <opendext/tty_controls.h> says how they are put to Linux. */

#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

/* The argument as programs of either word size pass it */
typedef uint64_t user_ul_t;
typedef uint64_t user_speed_t;
typedef uint32_t user_us_t;
typedef uint32_t user_shspeed_t;

/* Latency of received data, in microseconds */
#define IOSSDATALAT _IOW('T', 0, unsigned long)
#define IOSSDATALAT_32 _IOW('T', 0, user_us_t)
#define IOSSDATALAT_64 _IOW('T', 0, user_ul_t)
#define IOSSPREEMPT _IOW('T', 1, int)
/* Any speed, not only those of termios */
#define IOSSIOSPEED _IOW('T', 2, speed_t)
#define IOSSIOSPEED_32 _IOW('T', 2, user_shspeed_t)
#define IOSSIOSPEED_64 _IOW('T', 2, user_speed_t)

/* Speeds that ask a driver for a multiple of the standard ones; odd, so that no real speed is one
 * of them */
#define _MAKE_EXT(x) (((x) << 1) | 1)
#define BEXT1 _MAKE_EXT(1)
#define BEXT2 _MAKE_EXT(2)
#define BEXT4 _MAKE_EXT(4)
#define BEXT8 _MAKE_EXT(8)
#define BEXT16 _MAKE_EXT(16)
#define BEXT32 _MAKE_EXT(32)
#define BEXT64 _MAKE_EXT(64)
#define BEXT128 _MAKE_EXT(128)
#define BEXT256 _MAKE_EXT(256)

#include <opendext/tty_controls.h>

#endif
