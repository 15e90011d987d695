/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_OPENDEXT_CLIENT_H_
#define OPENDEXT_OPENDEXT_CLIENT_H_

/* What this library has beyond IOKit. */

#include <sys/types.h>

#include <IOKit/IOKitLib.h>

CF_EXTERN_C_BEGIN

/* Why the last IOKit call of this thread that failed did so, in words; "" if none did. Valid until
 * the thread's next call. */
IOKIT_EXPORT const char* opendext_last_error_reason(void);

/* Uses the realm in `directory` from now on (NULL: the default again). Handles of another realm
 * become stale. */
IOKIT_EXPORT kern_return_t opendext_set_realm(const char* directory);

/* For programs with an event loop of their own: a descriptor that is readable while call-backs
 * wait, owned by the port, and the function that runs them. Use these or a run loop source or a
 * queue, not two of them. */
IOKIT_EXPORT int opendext_notification_port_fd(IONotificationPortRef port);
IOKIT_EXPORT void opendext_notification_port_dispatch(IONotificationPortRef port);

/* The process that runs the driver of `service`, 0 if none does. */
IOKIT_EXPORT pid_t opendext_service_process(io_service_t service);

CF_EXTERN_C_END

#endif
