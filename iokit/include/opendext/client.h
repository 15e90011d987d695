/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_OPENDEXT_CLIENT_H_
#define OPENDEXT_OPENDEXT_CLIENT_H_

/* What this library has beyond IOKit. For C++ there is <opendext/client.hpp> on top of both. */

#include <sys/types.h>

#include <IOKit/IOKitLib.h>

CF_EXTERN_C_BEGIN

/* Errors in words
 * -----------------------------------------------------------------------------------------------
 */

/* Why the last IOKit call of this thread that failed did so, in words; "" if none did. Valid until
 * the thread's next call. */
IOKIT_EXPORT const char* opendext_last_error_reason(void);

/* Who refused. A code alone does not tell: a driver may answer with any of them. */
typedef enum opendext_origin {
    OPENDEXT_ORIGIN_NONE = 0,        /* no call of this thread failed yet */
    OPENDEXT_ORIGIN_LIBRARY = 1,     /* this library: an argument, a handle, a closed connection */
    OPENDEXT_ORIGIN_DAEMON = 2,      /* opendextd: registry, entitlements, opening; or it is away */
    OPENDEXT_ORIGIN_DRIVER = 3,      /* the driver answered the call with this code */
    OPENDEXT_ORIGIN_DRIVER_DIED = 4, /* a driver's process died before it answered */
    OPENDEXT_ORIGIN_TERMINATED = 5,  /* the driver's object ended in order before it answered: its
                                        device was unplugged, it was uninstalled, or let it go */
    OPENDEXT_ORIGIN_MAX = 0x7fffffff
} opendext_origin;

/* Whose refusal opendext_last_error_reason() tells. */
IOKIT_EXPORT opendext_origin opendext_last_error_origin(void);

/* Why a service ended: the messageArgument of kIOMessageServiceIsTerminated. */
typedef enum opendext_end {
    OPENDEXT_END_TERMINATED = 0,  /* in order: unplugged, uninstalled, let go; or nobody knows */
    OPENDEXT_END_DRIVER_DIED = 1, /* the process of its driver died, or of one that it stood on */
    OPENDEXT_END_MAX = 0x7fffffff
} opendext_end;

/* "kIOReturnBadArgument" and so on; NULL for a number without a name. Constant text. */
IOKIT_EXPORT const char* opendext_error_name(kern_return_t code);

/* Realms and processes
 * ------------------------------------------------------------------------------------------
 */

/* Uses the realm in `directory` from now on (NULL: the default again). Handles of another realm
 * become stale. */
IOKIT_EXPORT kern_return_t opendext_set_realm(const char* directory);

/* The process that runs the driver of `service`, 0 if none does. */
IOKIT_EXPORT pid_t opendext_service_process(io_service_t service);

/* For programs with an event loop of their own: a descriptor that is readable while call-backs
 * wait, owned by the port, and the function that runs them. Use these or a run loop source or a
 * queue, not two of them. */
IOKIT_EXPORT int opendext_notification_port_fd(IONotificationPortRef port);
IOKIT_EXPORT void opendext_notification_port_dispatch(IONotificationPortRef port);

/* Many calls in flight from one thread
 * --------------------------------------------------------------------------
 *
 * IOConnectCallMethod waits for its answer. A program with many small calls submits them instead,
 * does something else, and takes the results in the order in which the driver gave them:
 *
 *     opendext_calls_t calls;
 *     opendext_calls_create(connect, 32, &calls);
 *     for (i = 0; i < 32; ++i) fill(&call[i]);            call[i].user is the program's own word
 *     opendext_calls_submit(calls, call, 32, &submitted);
 *     opendext_calls_wait(calls, result, 32, 1, OPENDEXT_FOREVER, &count);
 *     ...                                                 result[0..count-1] are done
 *     opendext_calls_destroy(calls);
 *
 * A queue of calls belongs to one thread at a time; a connection can have one for each thread.
 * Calls of one queue arrive at the driver in the order in which they were submitted. */

typedef struct opendext_call {
    uint64_t user; /* comes back in opendext_call_result.user; not looked at */
    uint32_t selector;
    uint32_t inputCount;  /* at most 16 */
    uint32_t outputCount; /* room, at most 16 */
    uint32_t reserved;    /* 0 */
    const uint64_t* input;
    const void*
        inputStruct; /* above 4096 bytes it travels as memory, as with IOConnectCallMethod */
    size_t inputStructCnt;
    uint64_t* output;
    void* outputStruct;
    size_t outputStructCnt; /* room; kIOConnectMethodVarOutputSize is not possible here */
} opendext_call;

typedef struct opendext_call_result {
    uint64_t user;
    kern_return_t result;   /* as IOConnectCallMethod would return it */
    opendext_origin origin; /* of a failure; OPENDEXT_ORIGIN_NONE with kIOReturnSuccess */
    uint32_t outputCount;   /* used */
    uint32_t reserved;
    size_t outputStructCnt; /* used */
    const char* reason;     /* in words; "" with kIOReturnSuccess. Valid until the queue's next
                               opendext_calls_wait() or its end */
} opendext_call_result;

typedef struct opendext_calls* opendext_calls_t;

enum { OPENDEXT_CALLS_DEPTH_MAX = 1024 };
#define OPENDEXT_FOREVER ((uint32_t)0xffffffff)

/* A queue that has up to `depth` calls (1 to OPENDEXT_CALLS_DEPTH_MAX) submitted and not taken. It
 * keeps a reference to the connection. */
IOKIT_EXPORT kern_return_t opendext_calls_create(io_connect_t connect, uint32_t depth,
                                                 opendext_calls_t* calls);

/* Submits calls[0..count-1] and wakes the driver once. Inputs are copied: the program may use their
 * memory again when this returns. The room for output belongs to the queue until the result was
 * taken. `*submitted` (may be NULL) is how many were: fewer than `count` with kIOReturnNoSpace when
 * the queue is full, or with the error of the first call that could not be sent. What was submitted
 * before it stays submitted. Never waits for the driver to run a call; waits for room in the
 * channel.
 */
IOKIT_EXPORT kern_return_t opendext_calls_submit(opendext_calls_t calls, const opendext_call* call,
                                                 uint32_t count, uint32_t* submitted);

/* Takes up to `room` results; waits until there are `at_least` of them (0: only what is there now;
 * more than are submitted counts as all that are), at most `timeout_ms` milliseconds (or
 * OPENDEXT_FOREVER). `*count` is how many were taken, also with kIOReturnTimeout. The end of the
 * driver or of the connection is the result of every call that was in flight, not of this function.
 */
IOKIT_EXPORT kern_return_t opendext_calls_wait(opendext_calls_t calls,
                                               opendext_call_result* results, uint32_t room,
                                               uint32_t at_least, uint32_t timeout_ms,
                                               uint32_t* count);

/* Calls submitted whose results were not taken yet. */
IOKIT_EXPORT uint32_t opendext_calls_pending(opendext_calls_t calls);

/* Ends the queue; NULL is allowed. Calls in flight are not undone: their results are dropped, and
 * nothing is written to their output any more when this returns. */
IOKIT_EXPORT void opendext_calls_destroy(opendext_calls_t calls);

/* One-way calls: the driver gets them as calls without output and without a completion, in order
 * with the other calls of this thread; what it returns is dropped. They may be lost only with the
 * driver. Only `selector` and the inputs of opendext_call are used; outputCount and outputStructCnt
 * have to be 0. Returns when all are in the channel, which waits while the driver does not keep up;
 * with OPENDEXT_POST_NO_WAIT it gives kIOReturnNoSpace instead. `*posted` (may be NULL) is how many
 * were sent. kIOReturnNotResponding once the driver is gone. */
enum { OPENDEXT_POST_NO_WAIT = 1 };
IOKIT_EXPORT kern_return_t opendext_connect_post(io_connect_t connect, const opendext_call* call,
                                                 uint32_t count, uint32_t options,
                                                 uint32_t* posted);

/* Asynchronous calls for bindings
 * -------------------------------------------------------------------------------
 *
 * IOConnectCallAsyncMethod calls a function whose form depends on how many words the driver sends,
 * and does not tell when the last completion came. What wraps it in another language needs one form
 * and the end. */

typedef void (*opendext_completion_callback)(void* refcon, IOReturn result, const uint64_t* args,
                                             uint32_t numArgs);
typedef void (*opendext_completions_ended)(void* refcon);

/* Calls as IOConnectCallAsyncMethod does; `callback` runs for each completion, where the port's
 * call-backs run. `ended` (may be NULL) runs there once, after the last of them: the driver let go
 * of the completion, the driver died, or the connection was closed; if the port was destroyed
 * before, it runs on the thread that notices. Neither runs before the call has
 * succeeded, nor if it fails. `result` is written
 * as by opendext_calls_wait() and may be NULL; its reason is valid until the thread's next call. */
IOKIT_EXPORT kern_return_t opendext_connect_call_async(io_connect_t connect,
                                                       const opendext_call* call,
                                                       IONotificationPortRef port,
                                                       opendext_completion_callback callback,
                                                       opendext_completions_ended ended,
                                                       void* refcon, opendext_call_result* result);

/* Completions without a thread in between
 * ---------------------------------------------------------------------------
 *
 * The library takes the completions of a connection on a thread of its own and hands them to their
 * port. A program with an event loop, for which a switch of threads is too slow, takes them itself:
 * `*descriptor` (owned by the connection) is readable when there is something for
 * opendext_connect_dispatch(), which calls the functions of the completions on the calling thread.
 * They still need a port, and run there if they came before their call returned. Has to be asked
 * for before the connection's first asynchronous call (else kIOReturnBusy); dispatch once before
 * the first wait. One thread at a time dispatches; its result is kIOReturnSuccess or how the
 * connection ended: then there is nothing to wait for any more. */
IOKIT_EXPORT kern_return_t opendext_connect_completions_fd(io_connect_t connect, int* descriptor);
IOKIT_EXPORT kern_return_t opendext_connect_dispatch(io_connect_t connect);

/* Whether the connection is still of use, without asking the driver: kIOReturnSuccess, or what a
 * call would give now, with its reason and origin. What an `ended` above asks to know why. */
IOKIT_EXPORT kern_return_t opendext_connect_status(io_connect_t connect);

CF_EXTERN_C_END

#endif
