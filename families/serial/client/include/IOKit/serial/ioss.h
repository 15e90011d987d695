/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_SERIAL_IOSS_H_
#define OPENDEXT_IOKIT_SERIAL_IOSS_H_

/* Controls of a serial device node beyond termios. Which of them a node carries out depends on what
 * backs it. */

#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

/* Latency of received data, in microseconds */
#define IOSSDATALAT _IOW('T', 0, unsigned long)
#define IOSSPREEMPT _IOW('T', 1, int)
/* Any speed, not only those of termios */
#define IOSSIOSPEED _IOW('T', 2, speed_t)

#endif
