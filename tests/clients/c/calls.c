/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: one at a time, asynchronous, in another thread, many in flight, one-way. */
#include "runner.h"

/* Scalars kept by save=, to be compared. */
struct Saved {
    struct Saved* next;
    char name[32];
    uint64_t value;
};
static struct Saved* g_saved;

bool saved(const char* name, uint64_t* value) {
    for (const struct Saved* at = g_saved; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            *value = at->value;
            return true;
        }
    }
    return false;
}

static void save(const char* name, uint64_t value) {
    struct Saved* made = calloc(1, sizeof *made);
    snprintf(made->name, sizeof made->name, "%s", name);
    made->value = value;
    made->next = g_saved;
    g_saved = made;
}

/* 1,2,0x3; &B is the address of the buffer B, &B+N so many bytes behind it. */
static uint32_t read_scalars(const char* text, uint64_t* values, uint32_t room) {
    char copy[kLine];
    snprintf(copy, sizeof copy, "%s", text);
    uint32_t count = 0;
    char* rest = copy;
    for (char* word = strtok_r(rest, ",", &rest); word != NULL && count < room;
         word = strtok_r(NULL, ",", &rest)) {
        if (word[0] != '&') {
            values[count++] = number(word);
            continue;
        }
        char* plus = strchr(word, '+');
        if (plus != NULL) *plus++ = '\0';
        const struct Object* buffer = object_find(kBuffer, word + 1);
        values[count++] =
            (buffer != NULL ? buffer->address : 0) + (plus != NULL ? number(plus) : 0);
    }
    return count;
}

void request_read(struct Request* request, const struct Line* line, int first) {
    memset(request, 0, sizeof *request);
    request->selector = line->count > first ? (uint32_t)number(line->word[first]) : 0;
    request->in_count = read_scalars(option(line, "in", ""), request->in, 32);
    request->out_count = (uint32_t)number(option(line, "out", "0"));
    const char* text = option(line, "text", NULL);
    const char* data = option(line, "data", NULL);
    if (text != NULL) {
        request->data_size = strlen(text);
        request->data = (uint8_t*)strdup(text);
    } else if (data != NULL) {
        const char* seed = strchr(data, ':');
        request->data_size = (size_t)number(data);
        request->data = malloc(request->data_size + 1);
        fill(request->data, request->data_size, seed != NULL ? (unsigned)number(seed + 1) : 0);
    }
    const char* room = option(line, "room", "0");
    request->variable = strcmp(room, "variable") == 0;
    request->output_size = request->variable ? 0 : (size_t)number(room);
    if (request->output_size > 0) request->output = calloc(1, request->output_size);
    snprintf(request->saves, sizeof request->saves, "%s", option(line, "save", ""));
}

void request_free(struct Request* request) {
    free(request->data);
    if (!request->variable) {
        free(request->output);
    } else if (request->output != NULL) {
        vm_deallocate(mach_task_self(), (vm_address_t)request->output, request->output_size);
    }
}

void request_result(struct Request* request, kern_return_t code, uint32_t out_count, size_t size,
                    char* line, size_t room) {
    if (code != kIOReturnSuccess) {
        error_line(line, room, code, opendext_last_error_origin(), opendext_last_error_reason());
        return;
    }
    size_t at = (size_t)snprintf(line, room, "ok");
    if (request->saves[0] != '\0') {
        char* rest = request->saves;
        uint32_t i = 0;
        for (char* name = strtok_r(rest, ",", &rest); name != NULL && i < out_count;
             name = strtok_r(NULL, ",", &rest)) {
            save(name, request->out[i++]);
        }
        return;
    }
    for (uint32_t i = 0; i < out_count; ++i) {
        at += (size_t)snprintf(line + at, room - at, "%s%llu", i == 0 ? " out=" : ",",
                               (unsigned long long)request->out[i]);
    }
    if (request->output_size > 0 || request->variable) {
        snprintf(line + at, room - at, " data=%zu:%08x", size, checksum(request->output, size));
    }
}

/* The function of IOKitLib that a program would take for these arguments. */
static void call_now(io_connect_t connection, struct Request* request, char* line, size_t room) {
    uint32_t out_count = request->out_count;
    size_t size = request->variable ? (size_t)kIOConnectMethodVarOutputSize : request->output_size;
    void* output = request->variable ? (void*)&request->output : (void*)request->output;
    const bool scalars = request->in_count > 0 || request->out_count > 0;
    const bool structures = request->data_size > 0 || size > 0;
    kern_return_t code;
    if (scalars && !structures) {
        code = IOConnectCallScalarMethod(connection, request->selector, request->in,
                                         request->in_count, request->out, &out_count);
    } else if (structures && !scalars) {
        code = IOConnectCallStructMethod(connection, request->selector, request->data,
                                         request->data_size, output, &size);
    } else {
        code = IOConnectCallMethod(connection, request->selector, request->in, request->in_count,
                                   request->data, request->data_size, request->out, &out_count,
                                   output, &size);
    }
    if (request->variable) request->output_size = code == kIOReturnSuccess ? size : 0;
    request_result(request, code, out_count, size, line, room);
}

static void command_call(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[1]);
    if (connection == NULL) return;
    struct Request request;
    char result[kLine];
    request_read(&request, line, 2);
    call_now(connection->handle, &request, result, sizeof result);
    say("%s", result);
    request_free(&request);
}

static void command_same(const struct Line* line) {
    uint64_t a = 0, b = 0;
    const bool known = saved(line->word[1], &a) && saved(line->word[2], &b);
    say("%s", !known ? "not saved" : a == b ? "same" : "different");
}

/* until C SELECTOR INDEX NAME …: makes the call until its scalar INDEX is what was saved. What a
 * driver does at the end of a connection comes soon, not at once. */
struct Until {
    io_connect_t connection;
    struct Request request;
    uint64_t index, value;
};

static bool is_so(void* context) {
    struct Until* until = context;
    char result[kLine];
    call_now(until->connection, &until->request, result, sizeof result);
    return until->request.out[until->index] == until->value;
}

static void command_until(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[1]);
    struct Until until;
    if (connection == NULL || !saved(line->word[4], &until.value)) return;
    until.connection = connection->handle;
    until.index = number(line->word[3]);
    request_read(&until.request, line, 2);
    say("%s", wait_until(NULL, is_so, &until) ? "same" : "different");
    request_free(&until.request);
}

/* Completions: the form of the function goes by the number of words that the driver sends. */
static void completed(struct Record* record, IOReturn status, const uint64_t* words,
                      uint32_t count) {
    const char* name = opendext_error_name(status);
    char text[kLine];
    size_t at = name != NULL ? (size_t)snprintf(text, sizeof text, "done %s", name)
                             : (size_t)snprintf(text, sizeof text, "done 0x%08x", (unsigned)status);
    for (uint32_t i = 0; i < count; ++i) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu", i == 0 ? " " : ",",
                               (unsigned long long)words[i]);
    }
    record_line(record, "%s", text);
}
static void completed_0(void* refcon, IOReturn status) {
    completed(refcon, status, NULL, 0);
}
static void completed_1(void* refcon, IOReturn status, void* first) {
    const uint64_t words[] = {(uint64_t)first};
    completed(refcon, status, words, 1);
}
static void completed_2(void* refcon, IOReturn status, void* first, void* second) {
    const uint64_t words[] = {(uint64_t)first, (uint64_t)second};
    completed(refcon, status, words, 2);
}
static void completed_many(void* refcon, IOReturn status, void** arguments, uint32_t count) {
    uint64_t words[16];
    for (uint32_t i = 0; i < count; ++i) words[i] = (uint64_t)arguments[i];
    completed(refcon, status, words, count);
}
static void completed_binding(void* refcon, IOReturn status, const uint64_t* words,
                              uint32_t count) {
    completed(refcon, status, words, count);
}
static void completions_ended(void* refcon) {
    struct Record* record = refcon;
    pthread_mutex_lock(&record->mutex);
    record->ended = true;
    pthread_mutex_unlock(&record->mutex);
}

static opendext_call as_call(const struct Request* request, uint64_t user) {
    opendext_call call;
    memset(&call, 0, sizeof call);
    call.user = user;
    call.selector = request->selector;
    call.input = request->in;
    call.inputCount = request->in_count;
    call.inputStruct = request->data;
    call.inputStructCnt = request->data_size;
    call.output = (uint64_t*)request->out;
    call.outputCount = request->out_count;
    call.outputStruct = request->output;
    call.outputStructCnt = request->output_size;
    return call;
}

static kern_return_t call_async(io_connect_t connection, struct Request* request,
                                struct Record* record, const struct Line* line, uint32_t* out_count,
                                size_t* size) {
    const char* form = option(line, "form", "binding");
    if (strcmp(form, "binding") == 0) {
        opendext_call_result result;
        const opendext_call call = as_call(request, 0);
        const kern_return_t code =
            opendext_connect_call_async(connection, &call, record->port->port, completed_binding,
                                        completions_ended, record, &result);
        *out_count = code == kIOReturnSuccess ? result.outputCount : 0;
        *size = code == kIOReturnSuccess ? result.outputStructCnt : 0;
        return code;
    }
    uint64_t reference[16] = {0};
    reference[kIOAsyncCalloutFuncIndex] = form[0] == '0'   ? (uint64_t)completed_0
                                          : form[0] == '1' ? (uint64_t)completed_1
                                          : form[0] == '2' ? (uint64_t)completed_2
                                                           : (uint64_t)completed_many;
    reference[kIOAsyncCalloutRefconIndex] = (uint64_t)record;
    const uint32_t words = (uint32_t)number(option(line, "reference", "3"));
    const mach_port_t wake = IONotificationPortGetMachPort(record->port->port);
    const bool scalars = request->in_count > 0 || request->out_count > 0;
    const bool structures = request->data_size > 0 || request->output_size > 0;
    if (scalars && !structures) {
        return IOConnectCallAsyncScalarMethod(connection, request->selector, wake, reference, words,
                                              request->in, request->in_count, request->out,
                                              out_count);
    }
    if (structures && !scalars) {
        return IOConnectCallAsyncStructMethod(connection, request->selector, wake, reference, words,
                                              request->data, request->data_size, request->output,
                                              size);
    }
    return IOConnectCallAsyncMethod(
        connection, request->selector, wake, reference, words, request->in, request->in_count,
        request->data, request->data_size, request->out, out_count, request->output, size);
}

static void command_async(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[2]);
    const struct Object* port = object_find(kPort, line->word[3]);
    if (connection == NULL || port == NULL) return;
    struct Request request;
    char result[kLine];
    request_read(&request, line, 4);
    struct Object* object = object_add(kRecord, line->word[1]);
    object->record = record_make(port->port);
    uint32_t out_count = request.out_count;
    size_t size = request.output_size;
    const kern_return_t code =
        call_async(connection->handle, &request, object->record, line, &out_count, &size);
    request_result(&request, code, out_count, size, result, sizeof result);
    say("%s", result);
    request_free(&request);
}

/* A call in another thread: start T C SELECTOR …, join T. */
struct Call {
    pthread_t thread;
    io_connect_t connection;
    struct Request request;
    char result[kLine];
};

static void* call_in_thread(void* context) {
    struct Call* call = context;
    call_now(call->connection, &call->request, call->result, sizeof call->result);
    return NULL;
}

static void command_start(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[2]);
    if (connection == NULL) return;
    struct Call* call = calloc(1, sizeof *call);
    call->connection = connection->handle;
    request_read(&call->request, line, 3);
    object_add(kThread, line->word[1])->call = call;
    pthread_create(&call->thread, NULL, call_in_thread, call);
    say("started");
}

void thread_join(struct Object* object) {
    if (object->call == NULL) return;
    pthread_join(object->call->thread, NULL);
    request_free(&object->call->request);
    free(object->call);
    object->call = NULL;
}

static void command_join(const struct Line* line) {
    struct Object* object = object_find(kThread, line->word[1]);
    if (object == NULL) return;
    struct Call* call = object->call;
    pthread_join(call->thread, NULL);
    say("%s", call->result);
    request_free(&call->request);
    free(call);
    object->call = NULL;
    object_end(object);
}

/* Calls in flight: calls Q C DEPTH; add Q USER SELECTOR …; submit Q; take Q COUNT. */
enum { kMaxUser = 256 };
struct Row {
    opendext_call calls[kMaxUser];
    uint32_t count;
};
static struct Row g_row;

static void command_calls(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[2]);
    if (connection == NULL) return;
    opendext_calls_t calls = NULL;
    const kern_return_t code =
        opendext_calls_create(connection->handle, (uint32_t)number(line->word[3]), &calls);
    if (code != kIOReturnSuccess) {
        say_error(code);
        return;
    }
    struct Object* object = object_add(kCalls, line->word[1]);
    object->calls = calls;
    object->requests = calloc(kMaxUser, sizeof *object->requests);
    g_row.count = 0;
    say("ok");
}

void calls_free(struct Object* object) {
    opendext_calls_destroy(object->calls);
    for (int i = 0; i < kMaxUser; ++i) request_free(&object->requests[i]);
    free(object->requests);
}

static void command_add(const struct Line* line) {
    struct Object* object = object_find(kCalls, line->word[1]);
    const uint64_t user = number(line->word[2]);
    if (object == NULL || user >= kMaxUser) return;
    struct Request* request = &object->requests[user];
    request_free(request);
    request_read(request, line, 3);
    g_row.calls[g_row.count++] = as_call(request, user);
}

static void command_submit(const struct Line* line) {
    struct Object* object = object_find(kCalls, line->word[1]);
    if (object == NULL) return;
    uint32_t sent = 0;
    const kern_return_t code =
        opendext_calls_submit(object->calls, g_row.calls, g_row.count, &sent);
    const uint32_t left = g_row.count - sent;
    g_row.count = 0;
    if (code != kIOReturnSuccess) {
        say("sent %u, left %u", sent, left);
        say_error(code);
    } else {
        say("sent %u", sent);
    }
}

static void command_take(const struct Line* line) {
    struct Object* object = object_find(kCalls, line->word[1]);
    if (object == NULL) return;
    const uint32_t wanted = (uint32_t)number(line->word[2]);
    opendext_call_result results[kMaxUser];
    uint32_t count = 0;
    const kern_return_t code =
        opendext_calls_wait(object->calls, results, kMaxUser, wanted,
                            (uint32_t)number(option(line, "timeout", "600000")), &count);
    if (code != kIOReturnSuccess) say_error(code);
    say("took %u", count);
    for (uint32_t i = 0; i < count; ++i) {
        char text[kLine];
        struct Request* request = &object->requests[results[i].user];
        if (results[i].result != kIOReturnSuccess) {
            error_line(text, sizeof text, results[i].result, results[i].origin, results[i].reason);
        } else {
            request_result(request, kIOReturnSuccess, results[i].outputCount,
                           results[i].outputStructCnt, text, sizeof text);
        }
        say("%llu %s", (unsigned long long)results[i].user, text);
    }
}

static void command_pending(const struct Line* line) {
    struct Object* object = object_find(kCalls, line->word[1]);
    if (object != NULL) say("%u", opendext_calls_pending(object->calls));
}

static void command_post(const struct Line* line) {
    const struct Object* connection = object_find(kConnection, line->word[1]);
    if (connection == NULL) return;
    struct Request request;
    request_read(&request, line, 2);
    const opendext_call call = as_call(&request, 0);
    const uint64_t times = number(option(line, "times", "1"));
    kern_return_t code = kIOReturnSuccess;
    for (uint64_t i = 0; i < times && code == kIOReturnSuccess; ++i) {
        code = opendext_connect_post(connection->handle, &call, 1, 0, NULL);
    }
    if (code != kIOReturnSuccess) {
        say_error(code);
    } else {
        say("ok");
    }
    request_free(&request);
}

const struct CommandName kCallCommands[] = {
    {"call", command_call},
    {"same", command_same},
    {"until", command_until},
    {"async", command_async},
    {"start", command_start},
    {"join", command_join},
    {"calls", command_calls},
    {"add", command_add},
    {"submit", command_submit},
    {"take", command_take},
    {"post", command_post},
    {"pending", command_pending},
    {NULL, NULL},
};
