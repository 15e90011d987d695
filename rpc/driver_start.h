/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_RPC_DRIVER_START_H
#define OPENDEXT_RPC_DRIVER_START_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the prepared process hands to libDriverKit in a fresh driver process. Plain C, found by name
 * (dlsym), so that the prepared process needs no header of the runtime. Fields are only ever
 * appended; `size` says which exist. */
typedef struct opendext_driver_start {
    uint32_t size; /* sizeof(opendext_driver_start) of the caller */
    int32_t
        control_fd; /* this process's end of the control socket (seqpacket); owned by the callee */
    uint64_t token; /* to show in CheckIn */
    const char* bundle_path; /* absolute path of NAME.dext, as the process sees it; may be NULL
                                (then Load says it) */
    const char* bundle_id;   /* for log lines; may be NULL */
    const char* sandbox; /* what closes the process in, in words; sent in CheckIn; may be NULL */
    /* Closes the second step of the sandbox. Called once on the main thread, after the dext's
     * executable is loaded and before any object is made; other threads of the process do not exist
     * then unless a static constructor of the dext made them. Returns 0, or an errno value: the
     * process then ends. May be NULL (tests). */
    int (*close_second_step)(void* context);
    void* context;
    const char*
        boot_arguments; /* for IOParseBootArgNumber and …String: "debug=1 -v"; may be NULL */
    /* Has `ps` show another text for this process, and another short name unless `bundle_id` is
     * empty. On the main thread. May be NULL. */
    void (*set_title)(void* context, const char* title, const char* bundle_id);
} opendext_driver_start;

/* The entry point of libDriverKit.so.0. Runs the driver process until opendextd sends Exit or
 * closes the control socket. Returns the exit status of the process: 0 in order, 70 (EX_SOFTWARE)
 * when opendextd broke the protocol, 71 (EX_OSERR) when the system refused something that the
 * runtime cannot do without; the reason is then on stderr and, while the socket lives, in the log.
 * The caller ends the process with _exit(status). */
#define OPENDEXT_DRIVER_MAIN "opendext_driver_main"
typedef int (*opendext_driver_main_t)(const opendext_driver_start* start);

/* Called once in the prepared process, before any driver is forked: makes there what would
 * otherwise be made, or looked up, in each driver. */
#define OPENDEXT_DRIVER_PREPARE "opendext_driver_prepare"
typedef void (*opendext_driver_prepare_t)(void);

#ifdef __cplusplus
}
#endif

#endif
