// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/user.h>
#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>

/// The general registers of a thread of this machine, in the order of its DWARF numbers: what the
/// crash handler of a driver process sends and opendext-stacks reads. No function here allocates or
/// calls anything: they run in a signal handler.
namespace opendext::machine {

#if defined(__x86_64__)

inline constexpr std::array kNames = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                      "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                      "r12", "r13", "r14", "r15", "rip", "eflags"};
inline constexpr size_t kStackPointer = 7;
inline constexpr size_t kProgramCounter = 16;
using Registers = std::array<uint64_t, kNames.size()>;

inline void read(const mcontext_t& from, Registers& to) {
    constexpr int kOrder[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                              REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL};
    for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<uint64_t>(from.gregs[kOrder[i]]);
}
inline void read(const user_regs_struct& from, Registers& to) {
    to = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi,
          from.rbp, from.rsp, from.r8,  from.r9,  from.r10, from.r11,
          from.r12, from.r13, from.r14, from.r15, from.rip, from.eflags};
}

#elif defined(__aarch64__)

inline constexpr std::array kNames = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",
                                      "x9",  "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                                      "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                                      "x27", "x28", "x29", "x30", "sp",  "pc"};
inline constexpr size_t kStackPointer = 31;
inline constexpr size_t kProgramCounter = 32;
using Registers = std::array<uint64_t, kNames.size()>;

inline void read(const mcontext_t& from, Registers& to) {
    for (size_t i = 0; i < 31; ++i) to[i] = from.regs[i];
    to[31] = from.sp;
    to[32] = from.pc;
}
inline void read(const user_regs_struct& from, Registers& to) {
    for (size_t i = 0; i < 31; ++i) to[i] = from.regs[i];
    to[31] = from.sp;
    to[32] = from.pc;
}

#else
#error "opendext knows the registers of x86-64 and aarch64"
#endif

}  // namespace opendext::machine
