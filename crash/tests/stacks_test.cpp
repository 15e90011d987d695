// SPDX-License-Identifier: Apache-2.0
// What is said of stacks and signals, and what is made of answers that nobody can trust.
#include "crash/stacks.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "crash/limits.h"
#include "crash/signals.h"
#include "crash/taker/snapshot.h"
#include "crash/taker/symbols.h"
#include "rpc/machine_registers.h"

namespace opendext::crash {
namespace {

using std::chrono::steady_clock;

Fault fault_of(int signal, int code, uint64_t address) {
    Fault fault;
    fault.signal = signal;
    fault.code = code;
    fault.address = address;
    fault.registers.resize(std::tuple_size_v<machine::Registers>);
    fault.registers[machine::kStackPointer] = 0x7fff00000000;
    return fault;
}

TEST(SignalsTest, WordsSayWhatHappened) {
    EXPECT_EQ(explain(fault_of(SIGSEGV, SEGV_MAPERR, 0x10)),
              "it used the address 0x10, where nothing is mapped");
    EXPECT_NE(explain(fault_of(SIGSEGV, SEGV_MAPERR, 0x7fff00000000 - 8)).find("stack overflowed"),
              std::string::npos);
    EXPECT_EQ(explain(fault_of(SIGSEGV, SEGV_MAPERR, 0x7fff00000000 + 65536)).find("overflow"),
              std::string::npos);
    Fault aborted = fault_of(SIGABRT, SI_TKILL, 0);
    EXPECT_NE(explain(aborted).find("abort()"), std::string::npos);
    aborted.message = "free(): invalid pointer";
    EXPECT_EQ(explain(aborted), "free(): invalid pointer");
    EXPECT_EQ(explain(fault_of(SIGFPE, 4711, 0)), "");
    EXPECT_EQ(code_name(SIGFPE, 4711), "4711");
    EXPECT_EQ(signal_name(SIGBUS), "SIGBUS");
    EXPECT_EQ(signal_name(4711), "signal 4711");
}

TEST(SymbolsTest, NamesAreReadable) {
    EXPECT_EQ(readable_name("_ZN7MyClass5StartEi"), "MyClass::Start(int)");
    EXPECT_EQ(readable_name("___ZN7MyClass5StartEi_block_invoke_2"),
              "block in MyClass::Start(int)");
    EXPECT_EQ(readable_name("main"), "main");
    EXPECT_EQ(readable_name("_Z"), "_Z");
    EXPECT_LE(readable_name("_Z" + std::string(1 << 16, 'N')).size(), kLongestName);
    EXPECT_EQ(readable_name(""), "");
}

TEST(StacksTest, AnswersAreCleanedAndBounded) {
    Stacks stacks;
    stacks.threads.resize(kMostThreads + 10);
    stacks.threads[0].name = "\x1b[31mred\n";
    stacks.threads[0].frames.resize(kMostFrames + 5);
    stacks.threads[0].frames[0].function = std::string(10000, 'f');
    stacks.modules.resize(kMostModules + 1);
    stacks.notes = {"a\nb"};
    stacks.clean();
    EXPECT_EQ(stacks.threads.size(), kMostThreads);
    EXPECT_EQ(stacks.threads[0].frames.size(), kMostFrames);
    EXPECT_EQ(stacks.threads[0].name, "?[31mred?");
    EXPECT_EQ(stacks.threads[0].frames[0].function.size(), kLongestName);
    EXPECT_EQ(stacks.modules.size(), kMostModules);
    EXPECT_EQ(stacks.notes[0], "a?b");
    EXPECT_EQ(stacks.to_text().find('\x1b'), std::string::npos);
}

TEST(StacksTest, AnAnswerOfAnyBytesIsReadOrRefused) {
    Answer answer;
    answer.stacks.threads.resize(2);
    Frame& frame = answer.stacks.threads[1].frames.emplace_back();
    frame.function = "f";
    frame.line = 3;
    answer.stacks.modules.push_back({"/lib/x", "ab", 1, 2});
    const std::vector<uint8_t> good = to_bytes(answer);
    ASSERT_TRUE(from_bytes<Answer>(good, "test").ok());
    std::mt19937 chance(1);  // NOLINT: the same every time
    for (int round = 0; round < 20000; ++round) {
        std::vector<uint8_t> bad = good;
        bad.resize(chance() % (good.size() + 1));
        for (int i = 0; i < 4 && !bad.empty(); ++i)
            bad[chance() % bad.size()] = static_cast<uint8_t>(chance());
        auto read = from_bytes<Answer>(bad, "test");
        if (!read.ok()) continue;
        read->stacks.clean();
        EXPECT_LE(read->stacks.to_text().size(), kLargestAnswer);
        static_cast<void>(read->stacks.to_dictionary());
    }
}

TEST(SnapshotTest, AProcessThatIsGoneOrSomebodyElsesIsRefused) {
    const Time deadline = steady_clock::now() + std::chrono::seconds(10);
    EXPECT_EQ(take_snapshot(0x3ffffff, 0, {}, deadline).error().code, Errc::not_found);
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) ::pause();
    }
    EXPECT_EQ(take_snapshot(child, 1, {}, deadline).error().code, Errc::not_found)
        << "the child of another process";
    const auto snapshot = take_snapshot(child, ::getpid(), {}, deadline);
    ASSERT_TRUE(snapshot.ok()) << snapshot.error().text();
    ASSERT_EQ(snapshot->threads.size(), 1U);
    EXPECT_EQ(snapshot->threads[0].id, child);
    EXPECT_TRUE(snapshot->threads[0].stopped);
    EXPECT_FALSE(snapshot->memory.empty());
    EXPECT_FALSE(snapshot->files.empty());
    EXPECT_GT(snapshot->usage.descriptors, 2U);
    // It goes on as before: nothing holds it, and a signal reaches it.
    ::kill(child, SIGTERM);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(SnapshotTest, AStoppedProcessStaysStopped) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) ::pause();
    }
    ::kill(child, SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    const Time deadline = steady_clock::now() + std::chrono::seconds(10);
    EXPECT_TRUE(take_snapshot(child, ::getpid(), {}, deadline).ok());
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WCONTINUED | WNOHANG), 0);
    EXPECT_EQ(info.si_pid, 0) << "it was continued";
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
}

}  // namespace
}  // namespace opendext::crash
