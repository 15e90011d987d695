/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object with what a loader deals with: constructor, data to relocate, thread memory, a
 * versioned import. */
#include <stdio.h>

_Thread_local int elf_sample_calls = 1;
static const char* const kNames[] = {"one", "two", "three"};
const char* const* elf_sample_names = kNames;

__attribute__((constructor)) static void count(void) {
    ++elf_sample_calls;
}

int elf_sample_print(int which) {
    return printf("%s %d\n", elf_sample_names[which], elf_sample_calls);
}
