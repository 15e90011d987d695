/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_DISPATCH_DISPATCH_H_
#define OPENDEXT_DISPATCH_DISPATCH_H_

/* The few dispatch calls that clients of IOKit need to get notifications on a queue: serial queues,
 * one thread each. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dispatch_queue_s* dispatch_queue_t;
typedef struct dispatch_queue_s* dispatch_queue_main_t;
typedef void* dispatch_object_t;
typedef const struct dispatch_queue_attr_s* dispatch_queue_attr_t;
typedef void (*dispatch_function_t)(void* context);
#define DISPATCH_QUEUE_SERIAL ((dispatch_queue_attr_t)0)

#define OPENDEXT_DISPATCH_EXPORT extern __attribute__((visibility("default")))
OPENDEXT_DISPATCH_EXPORT dispatch_queue_t dispatch_queue_create(const char* label,
                                                                dispatch_queue_attr_t attr);
/* Served by dispatch_main() or by the main thread's run loop. */
OPENDEXT_DISPATCH_EXPORT dispatch_queue_main_t dispatch_get_main_queue(void);
OPENDEXT_DISPATCH_EXPORT void dispatch_main(void) __attribute__((noreturn));
OPENDEXT_DISPATCH_EXPORT void dispatch_async_f(dispatch_queue_t queue, void* context,
                                               dispatch_function_t work);
OPENDEXT_DISPATCH_EXPORT void dispatch_sync_f(dispatch_queue_t queue, void* context,
                                              dispatch_function_t work);
OPENDEXT_DISPATCH_EXPORT void dispatch_retain(dispatch_object_t object);
/* What was submitted still runs. */
OPENDEXT_DISPATCH_EXPORT void dispatch_release(dispatch_object_t object);
#if defined(__BLOCKS__)
typedef void (^dispatch_block_t)(void);
OPENDEXT_DISPATCH_EXPORT void dispatch_async(dispatch_queue_t queue, dispatch_block_t block);
OPENDEXT_DISPATCH_EXPORT void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block);
#endif

#ifdef __cplusplus
}
#endif

#endif
