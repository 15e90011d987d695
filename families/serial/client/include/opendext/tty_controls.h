/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_TTY_CONTROLS_H_
#define OPENDEXT_TTY_CONTROLS_H_

/* What programs written for BSD's terminals ask of a serial port, in Linux's words.
 * <IOKit/serial/ioss.h> includes it, so that such a program needs no change:
 *
 *   CCTS_OFLOW, CRTS_IFLOW      CRTSCTS; Linux has one flag for both directions
 *   ioctl(fd, IOSSIOSPEED, &s)  any speed, for both directions (TCSETS2 with BOTHER)
 *   ioctl(fd, IOSSDATALAT, &us) the low-latency setting of a serial chip: on up to 1000 us, else
 * off ioctl(fd, TIOCSDTR), TIOCCDTR, TIOCDRAIN TIOCMBIS and TIOCMBIC with TIOCM_DTR; tcdrain
 *
 * Where a device cannot, ioctl fails with what Linux says: a port whose backend is a
 * pseudo-terminal has no modem lines and no latency (ENOTTY). IOSSPREEMPT is passed on, and fails
 * the same way. Names that Linux has nothing for (CDTR_IFLOW, CDSR_OFLOW, CCAR_OFLOW) are not
 * defined. cfsetspeed takes a plain number; what cfgetispeed gives is a constant of <termios.h>,
 * which on Linux is not the speed itself.
 *
 * For this, calls of ioctl go through opendext_tty_ioctl below, in the files that include this
 * header only. -DOPENDEXT_PLAIN_IOCTL keeps ioctl as it is; then the requests above fail with
 * ENOTTY. */

#include <linux/serial.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef CCTS_OFLOW
#define CCTS_OFLOW CRTSCTS
#endif
#ifndef CRTS_IFLOW
#define CRTS_IFLOW CRTSCTS
#endif

#ifndef TIOCSDTR
#define TIOCSDTR _IO('t', 121)
#define TIOCCDTR _IO('t', 120)
#endif
#ifndef TIOCDRAIN
#define TIOCDRAIN _IO('t', 94)
#endif

#ifndef OPENDEXT_PLAIN_IOCTL

#define OPENDEXT_LOW_LATENCY_US 1000

/* The kernel's struct termios2; <asm/termbits.h> and <termios.h> do not go together. */
struct opendext_termios2 {
    uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
    unsigned char c_line, c_cc[19];
    uint32_t c_ispeed, c_ospeed;
};

static inline int opendext_tty_set_speed(int fd, uint64_t speed) {
    const uint32_t any_speed = 0010000; /* BOTHER */
    const uint32_t mask = 0010017;      /* CBAUD; the input speed's bits (<< 16) 0: the same */
    struct opendext_termios2 settings;
    if (ioctl(fd, _IOR('T', 0x2A, struct opendext_termios2), &settings) != 0) return -1;
    settings.c_cflag = (settings.c_cflag & ~(mask | (mask << 16))) | any_speed;
    settings.c_ispeed = settings.c_ospeed = (uint32_t)speed;
    return ioctl(fd, _IOW('T', 0x2B, struct opendext_termios2), &settings);
}

static inline int opendext_tty_set_latency(int fd, uint64_t microseconds) {
    struct serial_struct settings;
    if (ioctl(fd, TIOCGSERIAL, &settings) != 0) return -1;
    settings.flags &= ~ASYNC_LOW_LATENCY;
    if (microseconds <= OPENDEXT_LOW_LATENCY_US) settings.flags |= ASYNC_LOW_LATENCY;
    return ioctl(fd, TIOCSSERIAL, &settings);
}

/* ioctl(2) with BSD's requests in Linux's words. */
static inline int opendext_tty_ioctl(int fd, unsigned long request, ...) {
    int dtr = TIOCM_DTR;
    void* argument;
    va_list arguments;
    va_start(arguments, request);
    argument = va_arg(arguments, void*); /* the macro below adds one where there is none */
    va_end(arguments);
    if (request == _IOW('T', 2, uint32_t)) /* IOSSIOSPEED, IOSSIOSPEED_32 */
        return opendext_tty_set_speed(fd, *(const uint32_t*)argument);
    if (request == _IOW('T', 2, uint64_t))
        return opendext_tty_set_speed(fd, *(const uint64_t*)argument);
    if (request == _IOW('T', 0, uint32_t)) /* IOSSDATALAT_32 */
        return opendext_tty_set_latency(fd, *(const uint32_t*)argument);
    if (request == _IOW('T', 0, uint64_t)) /* IOSSDATALAT, where long has 64 bits; IOSSDATALAT_64 */
        return opendext_tty_set_latency(fd, *(const uint64_t*)argument);
    if (request == TIOCSDTR) return ioctl(fd, TIOCMBIS, &dtr);
    if (request == TIOCCDTR) return ioctl(fd, TIOCMBIC, &dtr);
    if (request == TIOCDRAIN) return tcdrain(fd);
    return ioctl(fd, request, argument);
}

#define ioctl(...) opendext_tty_ioctl(__VA_ARGS__, (void*)0)

#endif
#endif
