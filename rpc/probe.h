// SPDX-License-Identifier: Apache-2.0
#pragma once

/// OPENDEXT_PROBE(name): a place in the code that tools and tests can find by name. It costs one
/// no-op and is always there: a note (.note.stapsdt, the format of SystemTap's static probes) says
/// where it is, so `perf probe`, bpftrace (usdt:LIBRARY:opendext:name) and gdb can stop or count
/// there. tests/userclient/probes.py puts a trap in the place of the no-op in a copy of a library,
/// to end a process exactly there.
///
/// The same name may stand in several places: all of them are meant.
#if defined(__x86_64__) || defined(__aarch64__)
#define OPENDEXT_PROBE(name)                                                 \
    asm volatile(                                                            \
        "990: nop\n"                                                         \
        ".pushsection .note.stapsdt,\"?\",@note\n"                           \
        ".balign 4\n"                                                        \
        ".4byte 992f-991f, 994f-993f, 3\n"                                   \
        "991: .asciz \"stapsdt\"\n"                                          \
        "992: .balign 4\n"                                                   \
        "993: .8byte 990b\n"                                                 \
        ".8byte _.stapsdt.base\n"                                            \
        ".8byte 0\n"                                                         \
        ".asciz \"opendext\"\n"                                              \
        ".asciz \"" #name                                                    \
        "\"\n"                                                               \
        ".asciz \"\"\n"                                                      \
        "994: .balign 4\n"                                                   \
        ".popsection\n"                                                      \
        ".ifndef _.stapsdt.base\n"                                           \
        ".pushsection .stapsdt.base,\"aG\",@progbits,.stapsdt.base,comdat\n" \
        ".weak _.stapsdt.base\n"                                             \
        ".hidden _.stapsdt.base\n"                                           \
        "_.stapsdt.base: .space 1\n"                                         \
        ".size _.stapsdt.base, 1\n"                                          \
        ".popsection\n"                                                      \
        ".endif" ::                                                          \
            : "memory")
#else
#define OPENDEXT_PROBE(name) ((void)0)
#endif
