/* SPDX-License-Identifier: Apache-2.0 */
/* A program that sends records through the driver of records/ and back.
 *     program pass N      N records there and back by two threads, in order; prints N, then how
 * often the driver was told of records and of room program fill        puts records until both
 * queues are full, says "full" and how many; then takes all and says "empty" and how many program
 * wait        waits for a record, says "waiting" before and the result after */
#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOKitLib.h>
#include <opendext/client.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records/RecordsProtocol.h"

static io_connect_t connection;
static IODataQueueMemory* to_driver;
static IODataQueueMemory* to_program;

static void check(kern_return_t code, const char* what) {
    if (code == kIOReturnSuccess) return;
    printf("failed %s: 0x%08x %s\n", what, (unsigned)code, opendext_last_error_reason());
    exit(1);
}

static IODataQueueMemory* map(uint32_t type) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    check(IOConnectMapMemory64(connection, type, mach_task_self(), &address, &size, kIOMapAnywhere),
          "IOConnectMapMemory64");
    return (IODataQueueMemory*)(uintptr_t)address;
}

static uint32_t size_of(uint64_t number) {
    return 8 + (uint32_t)(number * 7 % (kRecordsLargest - 8));
}

static IOReturn put(uint64_t number) {
    uint8_t record[kRecordsLargest];
    memset(record, (int)number, sizeof record);
    memcpy(record, &number, sizeof number);
    return IODataQueueEnqueue(to_driver, record, size_of(number));
}

/* Takes one and checks it. */
static IOReturn take(uint64_t expected) {
    uint8_t record[kRecordsLargest];
    uint32_t size = sizeof record;
    const IOReturn result = IODataQueueDequeue(to_program, record, &size);
    if (result != kIOReturnSuccess) return result;
    uint64_t number = 0;
    memcpy(&number, record, sizeof number);
    const int last_is_right = size == 8 || record[size - 1] == (uint8_t)expected;
    if (number != expected || size != size_of(expected) || !last_is_right) {
        printf("failed: record %llu of %u bytes instead of %llu\n", (unsigned long long)number,
               size, (unsigned long long)expected);
        exit(1);
    }
    return result;
}

static void* put_all(void* count) {
    for (uint64_t i = 0; i < *(uint64_t*)count; ++i) {
        IOReturn result;
        while ((result = put(i)) == kIOReturnOverrun) sched_yield();
        check(result, "IODataQueueEnqueue");
    }
    return NULL;
}

static void pass(uint64_t count, mach_port_t port) {
    pthread_t writer;
    pthread_create(&writer, NULL, put_all, &count);
    for (uint64_t i = 0; i < count;) {
        check(IODataQueueWaitForAvailableData(to_program, port), "IODataQueueWaitForAvailableData");
        IOReturn result;
        while (i < count && (result = take(i)) == kIOReturnSuccess) ++i;
        if (i < count && result != kIOReturnUnderrun) check(result, "IODataQueueDequeue");
    }
    pthread_join(writer, NULL);
    uint64_t counts[3] = {0};
    uint32_t room = 3;
    check(IOConnectCallScalarMethod(connection, kRecordsCounts, NULL, 0, counts, &room), "counts");
    printf("%llu %llu %llu\n", (unsigned long long)counts[2], (unsigned long long)counts[0],
           (unsigned long long)counts[1]);
}

static void fill(mach_port_t port) {
    uint64_t total = 0;
    for (int still_full = 0; still_full < 200;) { /* the driver moves them on meanwhile */
        if (put(total) == kIOReturnSuccess) {
            ++total;
            still_full = 0;
        } else {
            ++still_full;
            usleep(1000);
        }
    }
    printf("full %llu\n", (unsigned long long)total);
    for (uint64_t i = 0; i < total;) {
        check(IODataQueueWaitForAvailableData(to_program, port), "IODataQueueWaitForAvailableData");
        while (i < total && take(i) == kIOReturnSuccess) ++i;
    }
    printf("empty %llu\n", (unsigned long long)total);
}

static io_connect_t open_driver(void) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("records"));
    io_connect_t opened = IO_OBJECT_NULL;
    check(IOServiceOpen(service, mach_task_self(), 0, &opened), "IOServiceOpen");
    IOObjectRelease(service);
    return opened;
}

static kern_return_t call(io_connect_t on) {
    uint64_t counts[3] = {0};
    uint32_t room = 3;
    return IOConnectCallScalarMethod(on, kRecordsCounts, NULL, 0, counts, &room);
}

static void fork_and_use(void) {
    check(call(connection), "a call before fork");
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        const kern_return_t old = call(connection);
        const kern_return_t closed = IOServiceClose(connection);
        const io_connect_t own = open_driver();
        const kern_return_t anew = call(own);
        printf("child 0x%08x 0x%08x 0x%08x\n", (unsigned)old, (unsigned)closed, (unsigned)anew);
        IOServiceClose(own);
        exit(0);
    }
    waitpid(child, NULL, 0);
    printf("parent 0x%08x\n", (unsigned)call(connection));
}

int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    connection = open_driver();
    to_driver = map(kRecordsToDriver);
    to_program = map(kRecordsToProgram);
    const mach_port_t port = IODataQueueAllocateNotificationPort();
    check(IOConnectSetNotificationPort(connection, kRecordsToProgram, port, 0),
          "IOConnectSetNotificationPort");
    if (argc == 3 && strcmp(argv[1], "pass") == 0) pass(strtoull(argv[2], NULL, 10), port);
    if (argc == 2 && strcmp(argv[1], "fill") == 0) fill(port);
    if (argc == 2 && strcmp(argv[1], "fork") == 0) fork_and_use();
    if (argc == 2 && strcmp(argv[1], "wait") == 0) {
        printf("waiting\n");
        const IOReturn result = IODataQueueWaitForAvailableData(to_program, port);
        printf("0x%08x %s\n", (unsigned)result, opendext_last_error_reason());
    }
    mach_port_deallocate(mach_task_self(), port);
    IOServiceClose(connection);
    return 0;
}
