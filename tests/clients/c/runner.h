/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of cases in plain C, over IOKitLib and opendext/client.h. */
#ifndef runner_h
#define runner_h

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kWords = 40, kLine = 4096 };

/* A line of a case: words, and options NAME=VALUE behind them. */
struct Line {
    char text[kLine];
    int count;
    char* word[kWords];
    int options;
    char* option[kWords];
};
/* The value of an option, or `otherwise`. */
const char* option(const struct Line* line, const char* name, const char* otherwise);
uint64_t number(const char* text);

/* What the words of a case name. */
enum Kind { kService = 1, kConnection, kPort, kRecord, kMapping, kBuffer, kThread, kCalls, kWatch };

enum PortKind { kLoop, kQueue, kDescriptor, kOwnThread };
struct Port {
    enum PortKind kind;
    IONotificationPortRef port;
    dispatch_queue_t queue;
    pthread_t thread;
    int stop[2]; /* a pipe whose end stops the thread */
};

/* Completions or messages in the order in which they came, one line of text each. */
struct Record {
    struct Port* port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char** lines;
    size_t count, room, read;
    bool ended;
    io_object_t notification;
    char label[64];
};

struct Request {
    uint32_t selector;
    uint64_t in[32], out[32];
    uint32_t in_count, out_count;
    uint8_t *data, *output;
    size_t data_size, output_size;
    bool variable;
    char saves[256];
};

struct Object {
    struct Object* next;
    enum Kind kind;
    char name[32];
    io_object_t handle; /* service, connection */
    pid_t process;      /* service */
    struct Port* port;
    struct Record* record;
    mach_vm_address_t address; /* mapping, buffer */
    mach_vm_size_t size;
    uint32_t type;
    io_connect_t connection;
    struct Call* call; /* thread */
    opendext_calls_t calls;
    struct Request* requests; /* calls: by user word */
};
struct Object* object_add(enum Kind kind, const char* name);
/* NULL, and a line that says so, if there is none. */
struct Object* object_find(enum Kind kind, const char* name);
void object_end(struct Object* object);

/* One line of the result. */
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
/* The failure of a call just made, as every runner prints it. */
void say_error(kern_return_t code);
void error_line(char* line, size_t size, kern_return_t code, opendext_origin origin,
                const char* reason);
uint32_t checksum(const uint8_t* bytes, size_t size);
void fill(uint8_t* bytes, size_t size, unsigned seed);

/* Waits until `done(context)`, serving the port; false when the patience is at its end. */
bool wait_until(struct Port* port, bool (*done)(void*), void* context);
double patience(void);

void request_read(struct Request* request, const struct Line* line, int first);
void request_result(struct Request* request, kern_return_t code, uint32_t out_count, size_t size,
                    char* line, size_t room);
void request_free(struct Request* request);
/* What `save=` kept; false if nothing was kept under that name. */
bool saved(const char* name, uint64_t* value);

struct Record* record_make(struct Port* port);
void record_line(struct Record* record, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void record_wait(const struct Line* line);
void record_free(struct Record* record);
void calls_free(struct Object* object);
void thread_join(struct Object* object);

typedef void (*Command)(const struct Line* line);
struct CommandName {
    const char* name;
    Command run;
};
extern const struct CommandName kCallCommands[];
extern const struct CommandName kOtherCommands[];

#endif
