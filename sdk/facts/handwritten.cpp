// SPDX-License-Identifier: Apache-2.0
// Checks of the rows that no rule of checks.py covers: templates whose arguments the facts lost, operators, constructors,
// variables. `// Row: NAME: SIGNATURE` (as in the CSV), below it the C++ that compiles only if the row is declared so.

// The clocks that C's library has too keep its numbers: its own headers use the names in inline code. What drivers compare
// or store is never one of these.
// Row: clockid_t.CLOCK_MONOTONIC: CLOCK_MONOTONIC = 6
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_MONOTONIC, 1));
// Row: clockid_t.CLOCK_PROCESS_CPUTIME_ID: CLOCK_PROCESS_CPUTIME_ID = 12
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_PROCESS_CPUTIME_ID, 2));
// Row: clockid_t.CLOCK_THREAD_CPUTIME_ID: CLOCK_THREAD_CPUTIME_ID = 16
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_THREAD_CPUTIME_ID, 3));
