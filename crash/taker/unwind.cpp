// SPDX-License-Identifier: Apache-2.0
#include "crash/taker/unwind.h"

#include <algorithm>
#include <csignal>
#include <cstring>

#include "crash/limits.h"
#include "crash/taker/symbols.h"

namespace opendext::crash {
namespace {

using std::chrono::steady_clock;

/// What the callbacks of libdwfl work on: one thread.
struct Unwinding {
    const Snapshot& snapshot;
    Symbols& symbols;
    const machine::Registers* registers = nullptr;
    pid_t thread = 0;
    Time deadline;
    size_t room = 0;  ///< for frames, in all threads
    Thread* out = nullptr;
    bool after_trap = false;  ///< the first address is that behind the instruction that trapped
    bool cut = false;         ///< the stack is longer than the copy of it
};

pid_t next_thread(Dwfl*, void* argument, void** thread_argument) {
    auto* unwinding = static_cast<Unwinding*>(argument);
    if (*thread_argument != nullptr) return 0;  // there is one
    *thread_argument = unwinding;
    return unwinding->thread;
}

bool get_thread(Dwfl*, pid_t thread, void* argument, void** thread_argument) {
    *thread_argument = argument;
    return thread == static_cast<Unwinding*>(argument)->thread;
}

bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
    auto& unwinding = *static_cast<Unwinding*>(argument);
    const auto bytes = unwinding.snapshot.read(address, sizeof(uint64_t));
    const uint64_t stack = (*unwinding.registers)[machine::kStackPointer];
    if (bytes.empty()) {
        unwinding.cut |= address > stack && address - stack < 2 * kStackBytes;
        return false;
    }
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    *result = word;
    return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) {
    const machine::Registers& registers = *static_cast<Unwinding*>(argument)->registers;
    Dwarf_Word words[machine::kProgramCounter + 1];
    std::copy_n(registers.begin(), std::size(words), words);
#if defined(__aarch64__)
    ::dwfl_thread_state_register_pc(thread, words[machine::kProgramCounter]);
    constexpr unsigned kCount = machine::kProgramCounter;
#else
    constexpr unsigned kCount = machine::kProgramCounter + 1;
#endif
    return ::dwfl_thread_state_registers(thread, 0, kCount, words);
}

constexpr Dwfl_Thread_Callbacks kCallbacks{next_thread,   get_thread, read_memory,
                                           set_registers, nullptr,    nullptr};

int one_frame(Dwfl_Frame* state, void* argument) {
    auto& unwinding = *static_cast<Unwinding*>(argument);
    Thread& thread = *unwinding.out;
    Dwarf_Addr address = 0;
    bool exact = false;
    if (!::dwfl_frame_pc(state, &address, &exact)) {
        thread.end = "the rest of the stack cannot be read";
        return DWARF_CB_ABORT;
    }
    if (steady_clock::now() >= unwinding.deadline) {
        thread.end = "there was no time for the rest";
        return DWARF_CB_ABORT;
    }
    if (unwinding.after_trap && thread.frames.empty()) exact = false;
    for (Frame& frame : unwinding.symbols.frames_at(address, exact)) {
        if (thread.frames.size() >= kMostFrames || unwinding.room == 0) {
            thread.end = "more frames follow";
            return DWARF_CB_ABORT;
        }
        --unwinding.room;
        thread.frames.push_back(std::move(frame));
    }
    return DWARF_CB_OK;
}

Thread describe(const StoppedThread& from, const machine::Registers* registers) {
    Thread thread;
    thread.id = from.id;
    thread.name = from.name;
    thread.doing = from.doing;
    thread.end = from.why_not;
    if (registers != nullptr) {
        for (size_t i = 0; i < registers->size(); ++i)
            thread.registers.push_back({machine::kNames[i], (*registers)[i]});
    }
    return thread;
}

}  // namespace

Stacks unwind(Snapshot snapshot, const std::optional<Fault>& fault, Time deadline) {
    Stacks stacks;
    stacks.usage = snapshot.usage;
    stacks.notes = std::move(snapshot.notes);
    std::vector<MappedFile> files = std::move(snapshot.files);
    Symbols symbols(files, stacks.notes);
    stacks.modules = symbols.modules();

    machine::Registers at_fault{};
    const bool has_registers = fault && fault->registers.size() == at_fault.size();
    if (has_registers) std::ranges::copy(fault->registers, at_fault.begin());
    const auto crashed = [&](const StoppedThread& thread) {
        return fault && thread.inner == fault->thread;
    };
    const auto first = std::ranges::find_if(snapshot.threads, crashed);
    if (first != snapshot.threads.end())
        std::rotate(snapshot.threads.begin(), first, std::next(first));

    Unwinding unwinding{
        .snapshot = snapshot, .symbols = symbols, .deadline = deadline, .room = kMostFramesInAll};
    bool attached = false;
    for (const StoppedThread& from : snapshot.threads) {
        const bool use_fault = crashed(from) && has_registers;
        unwinding.registers = use_fault ? &at_fault : from.stopped ? &from.registers : nullptr;
        Thread& thread = stacks.threads.emplace_back(describe(from, unwinding.registers));
        thread.faulting = crashed(from);
        if (thread.faulting) thread.doing.clear();  // it waits in the handler
        if (unwinding.registers == nullptr) continue;
        unwinding.thread = from.id;
        unwinding.out = &thread;
        unwinding.cut = false;
        unwinding.after_trap = use_fault && fault->signal == SIGTRAP;
        // Once for all: it says which callbacks there are; the thread is asked for each time.
        if (!attached) {
            attached =
                ::dwfl_attach_state(symbols.dwfl(), nullptr, from.id, &kCallbacks, &unwinding);
        }
        const int result =
            attached ? ::dwfl_getthread_frames(symbols.dwfl(), from.id, one_frame, &unwinding) : -1;
        if (unwinding.cut && thread.end.empty()) thread.end = "more frames follow";
        if (result != 0 && thread.end.empty()) {
            const char* reason = ::dwfl_errmsg(-1);
            thread.end = std::string("the rest of the stack cannot be read: ") +
                         (reason == nullptr ? "no reason given" : reason);
        }
        // Where the first instruction is at least is known without any unwinding.
        if (thread.frames.empty()) {
            thread.frames =
                symbols.frames_at((*unwinding.registers)[machine::kProgramCounter], true);
        }
    }
    stacks.clean();
    return stacks;
}

}  // namespace opendext::crash
