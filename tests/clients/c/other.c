/* SPDX-License-Identifier: Apache-2.0 */
/* Services, connections, ports, what comes to them, memory, data queues, properties. */
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "runner.h"

static pid_t g_killed; /* the service of this process is not the one that is looked for */

/* find S NAME: a registered service; walk S NAME: one that need not be. */
struct Search {
    const char* name;
    bool walk;
    io_service_t found;
};

static io_service_t walk_to(const char* wanted) {
    io_iterator_t iterator = IO_OBJECT_NULL;
    if (IORegistryCreateIterator(kIOMainPortDefault, kIOServicePlane, kIORegistryIterateRecursively,
                                 &iterator) != KERN_SUCCESS)
        return IO_OBJECT_NULL;
    io_registry_entry_t entry;
    while ((entry = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
        io_name_t name = "";
        if (IORegistryEntryGetName(entry, name) == KERN_SUCCESS && strcmp(name, wanted) == 0) break;
        IOObjectRelease(entry);
    }
    IOObjectRelease(iterator);
    return entry;
}

static bool search(void* context) {
    struct Search* wanted = context;
    wanted->found = wanted->walk ? walk_to(wanted->name)
                                 : IOServiceGetMatchingService(kIOMainPortDefault,
                                                               IOServiceNameMatching(wanted->name));
    if (wanted->found == IO_OBJECT_NULL) return false;
    const pid_t process = opendext_service_process(wanted->found);
    if (process != 0 && process != g_killed) return true;
    IOObjectRelease(wanted->found);
    return false;
}

static void find(const struct Line* line, bool walk) {
    struct Search wanted = {line->word[2], walk, IO_OBJECT_NULL};
    if (!wait_until(NULL, search, &wanted)) {
        say("not found");
        return;
    }
    struct Object* service = object_add(kService, line->word[1]);
    service->handle = wanted.found;
    service->process = opendext_service_process(wanted.found);
    say("found");
}
static void command_find(const struct Line* line) {
    find(line, false);
}
static void command_walk(const struct Line* line) {
    find(line, true);
}

static void command_open(const struct Line* line) {
    const struct Object* service = object_find(kService, line->word[2]);
    if (service == NULL) return;
    io_connect_t connection = IO_OBJECT_NULL;
    const kern_return_t code = IOServiceOpen(service->handle, mach_task_self(),
                                             (uint32_t)number(line->word[3]), &connection);
    if (code != KERN_SUCCESS) {
        say_error(code);
        return;
    }
    object_add(kConnection, line->word[1])->handle = connection;
    say("ok");
}

static void say_outcome(kern_return_t code) {
    if (code != KERN_SUCCESS) {
        say_error(code);
    } else {
        say("ok");
    }
}

/* The name goes on: what calls of a closed connection give is of interest. */
static void command_close(const struct Line* line) {
    struct Object* connection = object_find(kConnection, line->word[1]);
    if (connection != NULL) say_outcome(IOServiceClose(connection->handle));
}

static void command_status(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[1]);
    if (connection != NULL) say_outcome(opendext_connect_status(connection->handle));
}

static bool is_gone(void* process) {
    return kill(*(pid_t*)process, 0) != 0;
}

static void command_kill(const struct Line* line) {
    const struct Object* service = object_find(kService, line->word[1]);
    if (service == NULL) return;
    g_killed = service->process;
    if (g_killed <= 0 || kill(g_killed, SIGKILL) != 0) {
        say("there is nothing to kill");
        return;
    }
    say("%s", wait_until(NULL, is_gone, &g_killed) ? "killed" : "it does not end");
}

/* After the driver's own end. */
static void command_died(const struct Line* line) {
    const struct Object* service = object_find(kService, line->word[1]);
    if (service == NULL) return;
    g_killed = service->process;
    say("%s", wait_until(NULL, is_gone, &g_killed) ? "gone" : "it does not end");
}

/* Ports. */
static void* serve(void* context) {
    struct Port* port = context;
    for (;;) {
        struct pollfd wait[2] = {{opendext_notification_port_fd(port->port), POLLIN, 0},
                                 {port->stop[0], POLLIN, 0}};
        poll(wait, 2, -1);
        if (wait[1].revents != 0) return NULL;
        if (wait[0].revents != 0) opendext_notification_port_dispatch(port->port);
    }
}

static void command_port(const struct Line* line) {
    struct Port* port = calloc(1, sizeof *port);
    port->port = IONotificationPortCreate(kIOMainPortDefault);
    const char* kind = line->word[2];
    if (strcmp(kind, "loop") == 0) {
        port->kind = kLoop;
        CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port->port),
                           kCFRunLoopDefaultMode);
    } else if (strcmp(kind, "queue") == 0) {
        port->kind = kQueue;
        port->queue = dispatch_queue_create("suite", DISPATCH_QUEUE_SERIAL);
        IONotificationPortSetDispatchQueue(port->port, port->queue);
    } else if (strcmp(kind, "thread") == 0 && pipe(port->stop) == 0) {
        port->kind = kOwnThread;
        pthread_create(&port->thread, NULL, serve, port);
    } else {
        port->kind = kDescriptor;
    }
    object_add(kPort, line->word[1])->port = port;
    say("ok");
}

/* Records. */
struct Record* record_make(struct Port* port) {
    struct Record* record = calloc(1, sizeof *record);
    record->port = port;
    pthread_mutex_init(&record->mutex, NULL);
    return record;
}

void record_free(struct Record* record) {
    if (record->notification != IO_OBJECT_NULL) IOObjectRelease(record->notification);
    for (size_t i = 0; i < record->count; ++i) free(record->lines[i]);
    free(record->lines);
    pthread_mutex_destroy(&record->mutex);
    free(record);
}

void record_line(struct Record* record, const char* format, ...) {
    char text[kLine];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&record->mutex);
    if (record->count == record->room) {
        record->room = record->room * 2 + 16;
        record->lines = realloc(record->lines, record->room * sizeof *record->lines);
    }
    record->lines[record->count++] = strdup(text);
    pthread_mutex_unlock(&record->mutex);
}

struct Wanted {
    struct Record* record;
    size_t count;
};

static bool has_come(void* context) {
    const struct Wanted* wanted = context;
    pthread_mutex_lock(&wanted->record->mutex);
    const bool come = wanted->record->count - wanted->record->read >= wanted->count;
    pthread_mutex_unlock(&wanted->record->mutex);
    return come;
}

static bool has_ended(void* context) {
    struct Record* record = context;
    pthread_mutex_lock(&record->mutex);
    const bool ended = record->ended;
    pthread_mutex_unlock(&record->mutex);
    return ended;
}

static struct Record* find_record(const struct Line* line) {
    const struct Object* object = object_find(
        line->word[0][0] == 'e' && line->word[0][1] == 'v' ? kWatch : kRecord, line->word[1]);
    return object != NULL ? object->record : NULL;
}

/* completions A COUNT, events W COUNT: waits for so many and prints them. */
static void command_wait(const struct Line* line) {
    struct Record* record = find_record(line);
    if (record == NULL) return;
    struct Wanted wanted = {record, (size_t)number(line->word[2])};
    if (!wait_until(record->port, has_come, &wanted)) say("only %zu came", record->count);
    pthread_mutex_lock(&record->mutex);
    for (size_t i = 0; i < wanted.count && record->read < record->count; ++i)
        say("%s", record->lines[record->read++]);
    pthread_mutex_unlock(&record->mutex);
}

/* order A COUNT: waits for so many, whose first words have to be 0, 1, 2 … */
static void command_order(const struct Line* line) {
    struct Record* record = find_record(line);
    if (record == NULL) return;
    struct Wanted wanted = {record, (size_t)number(line->word[2])};
    if (!wait_until(record->port, has_come, &wanted)) say("only %zu came", record->count);
    pthread_mutex_lock(&record->mutex);
    size_t good = 0;
    for (size_t i = 0; i < wanted.count && record->read < record->count; ++i) {
        const char* text = record->lines[record->read++];
        const char* word = strrchr(text, ' ');
        if (word != NULL && number(word + 1) == i) ++good;
    }
    pthread_mutex_unlock(&record->mutex);
    say("%zu in order", good);
}

static void command_unread(const struct Line* line) {
    const struct Object* object = object_find(kRecord, line->word[1]);
    if (object == NULL) return;
    pthread_mutex_lock(&object->record->mutex);
    say("%zu", object->record->count - object->record->read);
    pthread_mutex_unlock(&object->record->mutex);
}

static void command_ended(const struct Line* line) {
    const struct Object* object = object_find(kRecord, line->word[1]);
    if (object == NULL) return;
    say("%s", wait_until(object->record->port, has_ended, object->record) ? "ended" : "not ended");
}

/* Notifications: published W P NAME, terminated W P NAME, interest W P S. */
static void matched(void* refcon, io_iterator_t iterator) {
    struct Record* record = refcon;
    io_service_t service;
    while ((service = IOIteratorNext(iterator)) != IO_OBJECT_NULL) {
        io_name_t name = "";
        IORegistryEntryGetName(service, name);
        record_line(record, "%s %s", record->label, name);
        IOObjectRelease(service);
    }
}

static void interested(void* refcon, io_service_t service, uint32_t type, void* argument) {
    (void)service;
    (void)argument;
    if (type == kIOMessageServiceIsTerminated) record_line(refcon, "is terminated");
}

static struct Record* add_watch(const struct Line* line) {
    const struct Object* port = object_find(kPort, line->word[2]);
    if (port == NULL) return NULL;
    struct Object* object = object_add(kWatch, line->word[1]);
    object->record = record_make(port->port);
    snprintf(object->record->label, sizeof object->record->label, "%s", line->word[0]);
    return object->record;
}

static void command_watch(const struct Line* line) {
    struct Record* record = add_watch(line);
    if (record == NULL) return;
    const bool published = strcmp(line->word[0], "published") == 0;
    const kern_return_t code = IOServiceAddMatchingNotification(
        record->port->port, published ? kIOPublishNotification : kIOTerminatedNotification,
        IOServiceNameMatching(line->word[3]), matched, record, &record->notification);
    if (code == KERN_SUCCESS) matched(record, record->notification);
    say_outcome(code);
}

static void command_interest(const struct Line* line) {
    const struct Object* service = object_find(kService, line->word[3]);
    struct Record* record = add_watch(line);
    if (record == NULL || service == NULL) return;
    say_outcome(IOServiceAddInterestNotification(record->port->port, service->handle,
                                                 kIOGeneralInterest, interested, record,
                                                 &record->notification));
}

/* Memory: map M C TYPE [options=read-only], peek, poke, fault, unmap; buffer B SIZE SEED. */
static void command_map(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[2]);
    if (connection == NULL) return;
    IOOptionBits options = kIOMapAnywhere;
    if (strcmp(option(line, "options", ""), "read-only") == 0) options |= kIOMapReadOnly;
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    const uint32_t type = (uint32_t)number(line->word[3]);
    const kern_return_t code =
        IOConnectMapMemory64(connection->handle, type, mach_task_self(), &address, &size, options);
    if (code != KERN_SUCCESS) {
        say_error(code);
        return;
    }
    struct Object* mapping = object_add(kMapping, line->word[1]);
    mapping->connection = connection->handle;
    mapping->address = address;
    mapping->size = size;
    mapping->type = type;
    say("ok");
}

static void command_size(const struct Line* line) {
    const struct Object* mapping = object_find(kMapping, line->word[1]);
    if (mapping != NULL) say("%llu", (unsigned long long)mapping->size);
}

static struct Object* find_memory(const char* name) {
    return object_find(name[0] == 'b' ? kBuffer : kMapping, name); /* names of buffers begin so */
}

static void command_peek(const struct Line* line) {
    const struct Object* memory = find_memory(line->word[1]);
    if (memory == NULL) return;
    say("%u", *(volatile uint32_t*)(uintptr_t)(memory->address + number(line->word[2])));
}

static void command_poke(const struct Line* line) {
    const struct Object* memory = find_memory(line->word[1]);
    if (memory == NULL) return;
    *(volatile uint32_t*)(uintptr_t)(memory->address + number(line->word[2])) =
        (uint32_t)number(line->word[3]);
    say("ok");
}

/* A write in a child: how that ends. */
static void command_fault(const struct Line* line) {
    const struct Object* memory = find_memory(line->word[1]);
    if (memory == NULL) return;
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would catch it */
        *(volatile uint32_t*)(uintptr_t)memory->address = 1;
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        say("signal %d", WTERMSIG(status));
    } else {
        say("exit %d", WEXITSTATUS(status));
    }
}

static void command_unmap(const struct Line* line) {
    const struct Object* mapping = object_find(kMapping, line->word[1]);
    if (mapping == NULL) return;
    say_outcome(IOConnectUnmapMemory64(mapping->connection, mapping->type, mach_task_self(),
                                       mapping->address));
}

static void command_buffer(const struct Line* line) {
    struct Object* buffer = object_add(kBuffer, line->word[1]);
    void* memory = NULL;
    buffer->size = number(line->word[2]);
    if (posix_memalign(&memory, 4096, (buffer->size + 4095) & ~(size_t)4095) != 0) abort();
    fill(memory, buffer->size, (unsigned)number(line->word[3]));
    buffer->address = (uint64_t)(uintptr_t)memory;
    say("ok");
}

static void command_sum(const struct Line* line) {
    const struct Object* memory = find_memory(line->word[1]);
    if (memory == NULL) return;
    say("%08x", checksum((const uint8_t*)(uintptr_t)memory->address, memory->size));
}

/* Data queues, in mapped memory. */
static void command_enqueue(const struct Line* line) {
    const struct Object* memory = object_find(kMapping, line->word[1]);
    if (memory == NULL) return;
    struct Request request;
    request_read(&request, line, 2);
    say_outcome(IODataQueueEnqueue((IODataQueueMemory*)(uintptr_t)memory->address, request.data,
                                   (uint32_t)request.data_size));
    request_free(&request);
}

static void command_dequeue(const struct Line* line) {
    const struct Object* memory = object_find(kMapping, line->word[1]);
    if (memory == NULL) return;
    IODataQueueMemory* queue = (IODataQueueMemory*)(uintptr_t)memory->address;
    kern_return_t code = KERN_SUCCESS;
    if (strcmp(option(line, "wait", "no"), "yes") == 0) {
        const mach_port_t port = IODataQueueAllocateNotificationPort();
        code = IODataQueueWaitForAvailableData(queue, port);
        mach_port_deallocate(mach_task_self(), port);
    }
    uint8_t data[8192];
    uint32_t size = (uint32_t)number(option(line, "room", "8192"));
    if (code == KERN_SUCCESS) code = IODataQueueDequeue(queue, data, &size);
    if (code != KERN_SUCCESS) {
        say_error(code);
    } else {
        say("ok data=%u:%08x", size, checksum(data, size));
    }
}

static void command_available(const struct Line* line) {
    const struct Object* memory = object_find(kMapping, line->word[1]);
    if (memory == NULL) return;
    say("%s",
        IODataQueueDataAvailable((IODataQueueMemory*)(uintptr_t)memory->address) ? "yes" : "no");
}

const struct CommandName kOtherCommands[] = {
    {"find", command_find},
    {"walk", command_walk},
    {"open", command_open},
    {"close", command_close},
    {"status", command_status},
    {"kill", command_kill},
    {"died", command_died},
    {"port", command_port},
    {"completions", command_wait},
    {"events", command_wait},
    {"order", command_order},
    {"unread", command_unread},
    {"ended", command_ended},
    {"published", command_watch},
    {"terminated", command_watch},
    {"interest", command_interest},
    {"map", command_map},
    {"size", command_size},
    {"peek", command_peek},
    {"poke", command_poke},
    {"fault", command_fault},
    {"unmap", command_unmap},
    {"buffer", command_buffer},
    {"sum", command_sum},
    {"enqueue", command_enqueue},
    {"dequeue", command_dequeue},
    {"available", command_available},
    {NULL, NULL},
};
