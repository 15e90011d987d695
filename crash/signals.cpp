// SPDX-License-Identifier: Apache-2.0
#include "crash/signals.h"

#include <signal.h>
#include <string.h>

#include <cstdio>

#include "rpc/machine_registers.h"

namespace opendext::crash {
namespace {

struct Code {
    int signal;  ///< 0: of any signal
    int code;
    const char* name;
    const char* words;
};

constexpr Code kCodes[] = {
    {0, SI_USER, "SI_USER", "it was sent the signal by kill()"},
    {0, SI_TKILL, "SI_TKILL", "a thread of it sent itself the signal"},
    {0, SI_QUEUE, "SI_QUEUE", "it was sent the signal by sigqueue()"},
    {SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR", "it used the address %s, where nothing is mapped"},
    {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR",
     "it used the address %s in a way that is not allowed there"},
    {SIGSEGV, SI_KERNEL, "SI_KERNEL",
     "it used an address that no program can have, or an instruction not for programs"},
    {SIGBUS, BUS_ADRALN, "BUS_ADRALN", "it used the address %s, which is not aligned"},
    {SIGBUS, BUS_ADRERR, "BUS_ADRERR",
     "it used the address %s, which is mapped beyond the end of its file"},
    {SIGBUS, BUS_OBJERR, "BUS_OBJERR", "the memory at %s could not be had"},
    {SIGILL, ILL_ILLOPC, "ILL_ILLOPC", "the instruction at %s does not exist"},
    {SIGILL, ILL_ILLOPN, "ILL_ILLOPN",
     "the instruction at %s does not exist (__builtin_trap, or the end of a function that returns "
     "nothing)"},
    {SIGILL, ILL_PRVOPC, "ILL_PRVOPC", "the instruction at %s is not for programs"},
    {SIGFPE, FPE_INTDIV, "FPE_INTDIV", "it divided an integer by zero, at %s"},
    {SIGFPE, FPE_INTOVF, "FPE_INTOVF", "an integer overflowed, at %s"},
    {SIGFPE, FPE_FLTDIV, "FPE_FLTDIV", "it divided by zero, at %s"},
    {SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT", "it ran into a breakpoint instruction"},
    {SIGTRAP, SI_KERNEL, "SI_KERNEL", "it ran into a breakpoint instruction"},
    {SIGTRAP, TRAP_TRACE, "TRAP_TRACE", "a single step was over"},
};

const Code* find_code(int signal, int code) {
    for (const Code& each : kCodes) {
        if ((each.signal == 0 || each.signal == signal) && each.code == code) return &each;
    }
    return nullptr;
}

/// A stack that is used up ends in the page below it: what is touched there is near the stack
/// pointer.
bool is_overflow(const Fault& fault) {
    constexpr uint64_t kNear = 64 * 1024;
    if (fault.signal != SIGSEGV || fault.code <= 0 ||
        fault.registers.size() != std::tuple_size_v<machine::Registers>) {
        return false;
    }
    const uint64_t pointer = fault.registers[machine::kStackPointer];
    return fault.address + kNear > pointer && fault.address < pointer + 4096;
}

}  // namespace

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name == nullptr ? "signal " + std::to_string(number) : std::string("SIG") + name;
}

std::string code_name(int number, int code) {
    const Code* known = find_code(number, code);
    return known == nullptr ? std::to_string(code) : known->name;
}

std::string explain(const Fault& fault) {
    if (!fault.message.empty()) return fault.message;
    if (is_overflow(fault)) {
        return "its stack overflowed: a recursion without end, or a local variable that is too "
               "large";
    }
    if (fault.signal == SIGABRT && fault.code == SI_TKILL)
        return "it called abort(), or a check of the runtime failed: its last log lines say why";
    const Code* known = find_code(fault.signal, fault.code);
    if (known == nullptr) return "";
    char address[32];
    std::snprintf(address, sizeof address, "0x%llx",
                  static_cast<unsigned long long>(fault.address));
    std::string words = known->words;
    if (const size_t at = words.find("%s"); at != std::string::npos) words.replace(at, 2, address);
    return words;
}

}  // namespace opendext::crash
