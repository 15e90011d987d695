/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into opendextd by its tests (LD_PRELOAD): kills it with SIGKILL at the n-th passing of a
   named place.

   OPENDEXT_TRAP is a file of orders. opendextd carries it out as it starts, and whenever it gets
   SIGUSR2: it renames it to FILE.armed, and FILE.next, which is for its successor, to FILE. In it:
   n, then the offsets of the places in the file of the program (probes.py). There the no-op of the
   probe becomes a breakpoint, which is counted and passed over until the n-th. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char g_orders[512];
static char g_next[520];
static char g_taken[520];
static char g_armed[520];
static volatile int g_left;

#if defined(__x86_64__)
static const unsigned char kTrap[] = {0xcc};
static void pass(void* context) {
    (void)context; /* the processor is behind it already */
}
#else
#include <ucontext.h>
static const unsigned char kTrap[] = {0x00, 0x00, 0x20, 0xd4};
static void pass(void* context) {
    ((ucontext_t*)context)->uc_mcontext.pc += 4;
}
#endif

static void trapped(int number, siginfo_t* info, void* context) {
    (void)number;
    (void)info;
    if (--g_left == 0) kill(getpid(), SIGKILL);
    pass(context);
}

struct place {
    uint64_t offset;
    uint8_t* address;
};

static int find(struct dl_phdr_info* program, size_t size, void* data) {
    (void)size;
    struct place* place = data;
    for (int i = 0; i < program->dlpi_phnum; ++i) {
        const ElfW(Phdr)* part = &program->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || place->offset < part->p_offset ||
            place->offset >= part->p_offset + part->p_filesz)
            continue;
        place->address =
            (uint8_t*)(program->dlpi_addr + part->p_vaddr + place->offset - part->p_offset);
    }
    return 1; /* only the program itself, which comes first */
}

static void arm(uint64_t offset) {
    struct place place = {offset, NULL};
    dl_iterate_phdr(find, &place);
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uint8_t* begin = (uint8_t*)((uintptr_t)place.address & ~(page - 1));
    if (place.address == NULL || mprotect(begin, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        abort();
    memcpy(place.address, kTrap, sizeof kTrap);
    __builtin___clear_cache((char*)place.address, (char*)place.address + sizeof kTrap);
}

static void take_orders(int number) {
    (void)number;
    char text[1024] = "";
    if (rename(g_orders, g_taken) != 0) return;
    const int file = open(g_taken, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) abort();
    close(file);
    char* next = text;
    g_left = (int)strtol(next, &next, 10);
    for (;;) {
        char* end = next;
        const uint64_t offset = strtoull(next, &end, 10);
        if (end == next) break;
        arm(offset);
        next = end;
    }
    rename(g_next, g_orders);
    rename(g_taken, g_armed);
}

__attribute__((constructor)) static void begin(void) {
    char program[512] = "";
    const char* orders = getenv("OPENDEXT_TRAP");
    if (orders == NULL || readlink("/proc/self/exe", program, sizeof program - 1) < 0) return;
    const char* name = strrchr(program, '/');
    if (name == NULL || strcmp(name, "/opendextd") != 0) return;
    snprintf(g_orders, sizeof g_orders, "%s", orders);
    snprintf(g_next, sizeof g_next, "%s.next", orders);
    snprintf(g_taken, sizeof g_taken, "%s.taken", orders);
    snprintf(g_armed, sizeof g_armed, "%s.armed", orders);
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    struct sigaction order = {.sa_handler = take_orders, .sa_flags = SA_RESTART};
    sigaction(SIGUSR2, &order, NULL);
    take_orders(0);
}
