/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a case a line from standard input, does it, prints what came of it. */
#include <stdarg.h>
#include <time.h>

#include "runner.h"

static struct Object* g_objects;

void say(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

static const char* origin_name(opendext_origin origin) {
    switch (origin) {
        case OPENDEXT_ORIGIN_LIBRARY:
            return "library";
        case OPENDEXT_ORIGIN_DAEMON:
            return "daemon";
        case OPENDEXT_ORIGIN_DRIVER:
            return "driver";
        case OPENDEXT_ORIGIN_DRIVER_DIED:
            return "died";
        case OPENDEXT_ORIGIN_TERMINATED:
            return "terminated";
        default:
            return "nobody";
    }
}

void error_line(char* line, size_t size, kern_return_t code, opendext_origin origin,
                const char* reason) {
    char hexadecimal[16];
    const char* name = opendext_error_name(code);
    if (name == NULL) {
        snprintf(hexadecimal, sizeof hexadecimal, "0x%08x", (unsigned)code);
        name = hexadecimal;
    }
    snprintf(line, size, "error %s %s: %s", name, origin_name(origin), reason);
}

void say_error(kern_return_t code) {
    char line[kLine];
    error_line(line, sizeof line, code, opendext_last_error_origin(), opendext_last_error_reason());
    say("%s", line);
}

uint32_t checksum(const uint8_t* bytes, size_t size) { /* Adler-32 */
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < size; ++i) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

void fill(uint8_t* bytes, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; ++i) bytes[i] = (uint8_t)(i * 31 + seed + (i >> 8));
}

uint64_t number(const char* text) {
    return strtoull(text, NULL, 0);
}

const char* option(const struct Line* line, const char* name, const char* otherwise) {
    const size_t length = strlen(name);
    for (int i = 0; i < line->options; ++i) {
        if (strncmp(line->option[i], name, length) == 0 && line->option[i][length] == '=')
            return line->option[i] + length + 1;
    }
    return otherwise;
}

double patience(void) {
    const char* text = getenv("OPENDEXT_TEST_PATIENCE");
    return 60 * (text != NULL ? atof(text) : 1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool wait_until(struct Port* port, bool (*done)(void*), void* context) {
    const double end = now() + patience();
    while (!done(context)) {
        if (now() > end) return false;
        if (port != NULL && port->kind == kLoop) {
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, true);
        } else if (port != NULL && port->kind == kDescriptor) {
            struct pollfd wait = {opendext_notification_port_fd(port->port), POLLIN, 0};
            if (poll(&wait, 1, 50) > 0) opendext_notification_port_dispatch(port->port);
        } else {
            const struct timespec pause = {0, 2000000};
            nanosleep(&pause, NULL);
        }
    }
    return true;
}

struct Object* object_add(enum Kind kind, const char* name) {
    struct Object* object = calloc(1, sizeof *object);
    object->kind = kind;
    snprintf(object->name, sizeof object->name, "%s", name);
    object->next = g_objects;
    g_objects = object;
    return object;
}

struct Object* object_find(enum Kind kind, const char* name) {
    for (struct Object* object = g_objects; object != NULL; object = object->next) {
        if (object->kind == kind && strcmp(object->name, name) == 0) return object;
    }
    say("there is no %s", name);
    return NULL;
}

static void port_free(struct Port* port) {
    if (port->kind == kOwnThread) {
        close(port->stop[1]);
        pthread_join(port->thread, NULL);
        close(port->stop[0]);
    }
    IONotificationPortDestroy(port->port);
    if (port->queue != NULL) {
        dispatch_release(port->queue);
    }
    free(port);
}

void object_end(struct Object* object) {
    for (struct Object** at = &g_objects; *at != NULL; at = &(*at)->next) {
        if (*at == object) {
            *at = object->next;
            break;
        }
    }
    switch (object->kind) {
        case kService:
            IOObjectRelease(object->handle);
            break;
        case kConnection:
            if (object->handle != IO_OBJECT_NULL) IOServiceClose(object->handle);
            break;
        case kPort:
            port_free(object->port);
            break;
        case kRecord:
        case kWatch:
            record_free(object->record);
            break;
        case kBuffer:
            free((void*)(uintptr_t)object->address);
            break;
        case kThread:
            thread_join(object);
            break;
        case kCalls:
            calls_free(object);
            break;
        case kMapping: /* goes with its connection */
            break;
    }
    free(object);
}

/* Everything of a case goes with it, connections before the records of their completions. */
static void end_case(void) {
    static const enum Kind order[] = {kThread,  kCalls, kMapping, kConnection, kWatch,
                                      kService, kPort,  kRecord,  kBuffer};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; ++i) {
        struct Object* object = g_objects;
        while (object != NULL) {
            struct Object* next = object->next;
            if (object->kind == order[i]) object_end(object);
            object = next;
        }
    }
}

static bool split(struct Line* line) {
    char* rest = line->text;
    line->count = line->options = 0;
    for (char* word = strtok_r(rest, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        if (strchr(word, '=') != NULL && line->options < kWords) {
            line->option[line->options++] = word;
        } else if (line->count < kWords) {
            line->word[line->count++] = word;
        }
    }
    return line->count > 0;
}

static Command find_command(const struct CommandName* commands, const char* name) {
    for (; commands->name != NULL; ++commands) {
        if (strcmp(commands->name, name) == 0) return commands->run;
    }
    return NULL;
}

int main(void) {
    struct Line line;
    while (fgets(line.text, sizeof line.text, stdin) != NULL) {
        if (strncmp(line.text, "case ", 5) == 0) {
            end_case();
            line.text[strcspn(line.text, "\n")] = '\0';
            say("%s", line.text);
            continue;
        }
        if (!split(&line)) continue;
        Command command = find_command(kCallCommands, line.word[0]);
        if (command == NULL) command = find_command(kOtherCommands, line.word[0]);
        if (command == NULL) {
            say("there is no command %s", line.word[0]);
        } else {
            command(&line);
        }
    }
    end_case();
    return 0;
}
