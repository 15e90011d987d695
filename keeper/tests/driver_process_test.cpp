// SPDX-License-Identifier: Apache-2.0
// What the keeper does with driver processes, and what these can and cannot do, with every kind of
// sandbox that the machine can show.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "keeper/prepared/sanitized.h"
#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

using DriverProcessTest = KeeperTest;

TEST_F(DriverProcessTest, ReportsTheExitStatus) {
    start_keeper();
    const Driver driver = spawn();
    driver.tell("exit 3");
    const auto exited = event<wire::Exited>();
    EXPECT_EQ(exited.pid, driver.pid);
    EXPECT_TRUE(WIFEXITED(exited.wait_status));
    EXPECT_EQ(WEXITSTATUS(exited.wait_status), 3);
}

TEST_F(DriverProcessTest, ReportsTheSignalOfACrash) {
    start_keeper();
    for (const auto& [order, number] : {std::pair{"crash", SIGSEGV}, std::pair{"abort", SIGABRT}}) {
        const Driver driver = spawn();
        driver.tell(order);
        const auto exited = event<wire::Exited>();
        EXPECT_EQ(exited.pid, driver.pid);
        ASSERT_TRUE(WIFSIGNALED(exited.wait_status)) << order;
        EXPECT_EQ(WTERMSIG(exited.wait_status), number) << order;
    }
}

#ifdef __x86_64__
TEST_F(DriverProcessTest, CallsByAnotherAbiEndTheProcess) {
    start_keeper();
    for (const char* order : {"32-bit call", "x32 call"}) {
        const Driver driver = spawn();
        driver.tell(order);
        const auto exited = event<wire::Exited>();
        EXPECT_EQ(exited.pid, driver.pid);
        // A kernel without the 32-bit ABI faults instead.
        EXPECT_TRUE(WIFSIGNALED(exited.wait_status) && (WTERMSIG(exited.wait_status) == SIGSYS ||
                                                        WTERMSIG(exited.wait_status) == SIGSEGV))
            << order << ": " << exited.wait_status;
    }
}
#endif

TEST_F(DriverProcessTest, ReportsAKillFromOutside) {
    start_keeper();
    const Driver driver = spawn();
    const Driver other = spawn();
    ASSERT_EQ(::kill(driver.pid, SIGKILL), 0);
    const auto exited = event<wire::Exited>();
    EXPECT_EQ(exited.pid, driver.pid);
    EXPECT_EQ(WTERMSIG(exited.wait_status), SIGKILL);
    EXPECT_EQ(other.ask("thread"), "42");
}

TEST_F(DriverProcessTest, EndsWhenItsControlSocketCloses) {
    start_keeper();
    Driver driver = spawn();
    driver.control.close();
    const auto exited = event<wire::Exited>();
    EXPECT_EQ(exited.pid, driver.pid);
    EXPECT_EQ(exited.wait_status, 0);
}

TEST_F(DriverProcessTest, SignalsReachOnlyDriverProcesses) {
    start_keeper();
    const Driver driver = spawn();
    EXPECT_NE(reason(request(wire::Signal{::getpid(), SIGKILL})).find("is no driver process"),
              std::string::npos);
    EXPECT_NE(reason(request(wire::Signal{daemon_, SIGKILL})).find("is no driver process"),
              std::string::npos);
    EXPECT_NE(reason(request(wire::Signal{-1, SIGKILL})).find("is no driver process"),
              std::string::npos);
    EXPECT_EQ(reason(request(wire::Signal{driver.pid, 999})), "there is no signal 999");
    EXPECT_EQ(reason(request(wire::Signal{driver.pid, SIGTERM})), "");
    const auto exited = event<wire::Exited>();
    EXPECT_EQ(exited.pid, driver.pid);
    EXPECT_EQ(WTERMSIG(exited.wait_status), SIGTERM);
    EXPECT_NE(reason(request(wire::Signal{driver.pid, SIGTERM})).find("is no driver process"),
              std::string::npos);
}

TEST_F(DriverProcessTest, ManyAtOnceAreAllReaped) {
    start_keeper();
    std::vector<Driver> drivers;
    for (int i = 0; i < 50; ++i) drivers.push_back(spawn());
    std::set<pid_t> expected;
    for (Driver& driver : drivers) {
        expected.insert(driver.pid);
        driver.control.close();
    }
    EXPECT_EQ(expected.size(), 50u);
    while (!expected.empty()) ASSERT_EQ(expected.erase(event<wire::Exited>().pid), 1u);
}

TEST_F(DriverProcessTest, HundredsOfRequestsAtOnceBlockNobody) {
    start_keeper();
    constexpr uint64_t kMany = 400;
    wire::Spawn spawn;
    spawn.bundle_id = "com.example.Many";
    spawn.bundle_path = bundle_;
    std::vector<Socket> controls;
    // Nothing is read from the keeper meanwhile: its answers have to wait on its side.
    for (uint64_t serial = 1; serial <= kMany; ++serial) {
        auto ends = Socket::pair();
        controls.push_back(std::move(ends->first));
        Message message = encode(spawn, 1000 + serial);
        message.fds.push_back(ends->second.take_fd());
        ASSERT_TRUE(link_.send(message).ok());
    }
    std::set<pid_t> alive;
    std::set<uint64_t> answered;  // in no order: two prepared processes serve while one succeeds
    for (uint64_t i = 0; i < kMany; ++i) {
        const Result<Message> reply = link_.receive_within(kPatience);
        ASSERT_TRUE(reply.ok()) << i << ": " << reply.error().text();
        const auto spawned = decode<wire::Spawned>(*reply);
        ASSERT_TRUE(spawned.ok()) << reason(*reply);
        EXPECT_GT(reply->serial, 1000u);
        EXPECT_LE(reply->serial, 1000 + kMany);
        answered.insert(reply->serial);
        alive.insert(spawned->pid);
    }
    EXPECT_EQ(alive.size(), kMany);
    EXPECT_EQ(answered.size(), kMany);
    controls.clear();
    while (!alive.empty()) ASSERT_EQ(alive.erase(event<wire::Exited>().pid), 1u);
}

TEST_F(DriverProcessTest, PsShowsBundleAndRegistryId) {
    start_keeper();
    const Driver driver = spawn("com.example.SerialPort");
    const std::string process = "/proc/" + std::to_string(driver.pid);
    const std::string line = read_file(process + "/cmdline");
    EXPECT_EQ(line.substr(0, line.find('\0')),
              bundle_.string() + " com.example.SerialPort 0x100000123");
    EXPECT_EQ(read_file(process + "/comm"), "SerialPort\n");
}

TEST_F(DriverProcessTest, HoldsNothingButItsJob) {
    start_keeper();
    const Driver driver = spawn();
    EXPECT_EQ(driver.ask("environment"), "empty");
    EXPECT_EQ(driver.ask("core limit"), "0");
    EXPECT_EQ(driver.ask("step two"), "closed");
    EXPECT_EQ(driver.ask("descriptors"), "4")
        << "standard input, output, error and the control socket";
    const std::string status = read_file("/proc/" + std::to_string(driver.pid) + "/status");
    EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << status;
    EXPECT_NE(status.find("CapPrm:\t0000000000000000"), std::string::npos);
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
    EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos);
}

TEST_F(DriverProcessTest, BootArgumentsReachTheDriverWithoutTheEnvironment) {
    ::setenv("OPENDEXT_BOOT_ARGS", "debug=0x1 -v", 1);
    start_keeper();
    ::unsetenv("OPENDEXT_BOOT_ARGS");
    const Driver driver = spawn();
    EXPECT_EQ(driver.ask("boot arguments"), "debug=0x1 -v");
    EXPECT_EQ(driver.ask("environment"), "empty");
}

TEST_F(DriverProcessTest, MemoryLimitHolds) {
    if (prepared::kSanitized) GTEST_SKIP() << "not limited in builds with sanitizers";
    start_keeper();
    EXPECT_EQ(spawn("com.example.Small", 64u << 20).ask("allocate 256M"), "ENOMEM");
    EXPECT_EQ(spawn("com.example.Large").ask("allocate 256M"), "allowed");
}

TEST_F(DriverProcessTest, ABundleThatIsNotThereIsReported) {
    start_keeper();
    std::filesystem::remove_all(bundle_);
    auto ends = Socket::pair();
    const Message reply = spawn_message("com.example.Gone", 0, ends->second.take_fd());
    const auto spawned = decode<wire::Spawned>(reply);
    ASSERT_TRUE(spawned.ok()) << reason(reply);
    if (spawned->sandbox.find("files: kept away") != std::string::npos)
        GTEST_SKIP() << "nothing looks at the bundle";
    const auto exited = event<wire::Exited>();
    EXPECT_EQ(exited.pid, spawned->pid);
    EXPECT_EQ(WEXITSTATUS(exited.wait_status), 71);
}

TEST_F(DriverProcessTest, MalformedRequestsAreRefused) {
    start_keeper();
    EXPECT_EQ(reason(request(wire::Spawn{})), "Spawn needs one or two descriptors");
    for (const char* path : {"relative.dext", "/", "/tmp/.."}) {
        wire::Spawn spawn;
        spawn.bundle_path = path;
        EXPECT_EQ(reason(request(spawn, UniqueFd(::dup(0)))),
                  "\"" + std::string(path) + "\" is no absolute path of a bundle");
    }
    EXPECT_EQ(reason(request(Order{"what?"})), "the keeper knows no request 1000");
    Message cut = encode(wire::Signal{1, 2}, 77);
    cut.body.resize(3);
    ASSERT_TRUE(link_.send(cut).ok());
    const Result<Message> reply = link_.receive_within(kPatience);
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ(reply->serial, 77u);
    EXPECT_EQ(reason(*reply), "message: message is cut short or malformed");
}

/// Every combination of missing features: the description says so, the doors stay shut.
class SandboxTest : public KeeperTest, public testing::WithParamInterface<const char*> {
  protected:
    void start() {
        start_keeper({"--without", GetParam()});
        driver_ = spawn();
        reports_ = driver_.sandbox.find("refusals reported") != std::string::npos;
    }
    /// The call is refused with EPERM, and reported with this name where there is a listener.
    void expect_refused(const std::string& order, const std::string& call) {
        SCOPED_TRACE(order);
        EXPECT_EQ(driver_.ask(order), "EPERM");
        if (!reports_) return;
        const auto refused = event<wire::Refused>();
        EXPECT_EQ(refused.pid, driver_.pid);
        EXPECT_EQ(refused.call, call);
    }
    bool lacks(const char* feature) const {
        return std::string(GetParam()).find(feature) != std::string::npos;
    }
    Driver driver_;
    bool reports_ = false;
};

TEST_P(SandboxTest, DescriptionNamesWhatIsMissing) {
    start();
    if (lacks("listener"))
        EXPECT_NE(driver_.sandbox.find("refusals are NOT reported"), std::string::npos);
    if (lacks("namespaces")) EXPECT_NE(driver_.sandbox.find("NO namespaces"), std::string::npos);
    if (lacks("landlock"))
        EXPECT_EQ(driver_.sandbox.find("Landlock "), driver_.sandbox.find("Landlock nor"));
}

TEST_P(SandboxTest, RefusesNetworkProcessesAndSignals) {
    start();
    for (const char* step : {"loading", "closed"}) {
        SCOPED_TRACE(step);
        expect_refused("socket", "socket");
        expect_refused("socketpair", "socketpair");
        expect_refused("connect", "connect");
        expect_refused("ptrace", "ptrace");
        expect_refused("fork", "clone");
        expect_refused("exec", "execve");
        expect_refused("kill", "kill");
        expect_refused("kill itself", "kill");
        expect_refused("tgkill other", "tgkill");
        expect_refused("io_uring", "io_uring_setup");
        expect_refused("unshare", "unshare");
        expect_refused("prctl dumpable", "prctl");
        EXPECT_EQ(driver_.ask("system"), "127");
        if (reports_) EXPECT_EQ(event<wire::Refused>().call, "clone");
        if (step == std::string("loading")) EXPECT_EQ(driver_.ask("step two"), "closed");
    }
    EXPECT_EQ(driver_.ask("clone3"), "ENOSYS");
    expect_refused("seccomp", "seccomp");
}

TEST_P(SandboxTest, OnlyTheBundleCanBeReadWhileLoading) {
    start();
    EXPECT_EQ(driver_.ask("read bundle"), "allowed");
    for (const char* order : {"write bundle", "climb", "open", "relative open"}) {
        if (reports_) {
            expect_refused(order, "openat");
        } else if (driver_.sandbox.find("list of calls alone (") == std::string::npos) {
            EXPECT_NE(driver_.ask(order), "allowed") << order;
        }
    }
    if (reports_) {
        expect_refused("stat", "newfstatat");
        expect_refused("stat with the empty-path flag", "newfstatat");
    }
}

TEST_P(SandboxTest, NoPathCanBeOpenedAfterTheSecondStep) {
    start();
    EXPECT_EQ(driver_.ask("map executable"), "allowed");
    EXPECT_EQ(driver_.ask("step two"), "closed");
    expect_refused("read bundle", "openat");
    expect_refused("open", "openat");
    expect_refused("map executable", "mmap");
}

TEST_P(SandboxTest, LeavesADriverItsMeans) {
    start();
    for (int step = 1; step <= 2; ++step) {
        EXPECT_EQ(driver_.ask("thread"), "42");
        EXPECT_EQ(driver_.ask("unwind"), "7");
        EXPECT_EQ(driver_.ask("fstat"), "4711");
        EXPECT_EQ(driver_.ask("fstat of nothing"), "EBADF");
        if (step == 1) EXPECT_EQ(driver_.ask("step two"), "closed");
    }
    driver_.tell("abort");
    EXPECT_EQ(WTERMSIG(event<wire::Exited>().wait_status), SIGABRT);
}

TEST_P(SandboxTest, AFloodOfRefusedCallsIsSummedUp) {
    start();
    if (!reports_) GTEST_SKIP() << "refusals are not reported";
    const Driver other = spawn("com.example.Other");
    driver_.tell("flood");
    EXPECT_EQ(other.ask("thread"), "42");
    uint64_t reported = 0;
    uint64_t suppressed = 0;
    EXPECT_TRUE(
        eventually([&] { return driver_.control.receive(Socket::Wait::dont_block)->has_value(); }));
    // One more call after the window of a second says how many were left out.
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(driver_.ask("socket"), "EPERM");
        while (auto message = link_.receive(Socket::Wait::dont_block).value()) {
            const auto refused = decode<wire::Refused>(*message);
            if (!refused.ok()) continue;
            ++reported;
            suppressed += refused->suppressed;
        }
        return suppressed > 0;
    }));
    EXPECT_GE(reported + suppressed, 500u);
    EXPECT_GT(suppressed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Features, SandboxTest,
                         testing::Values("", "landlock", "namespaces", "listener", "landlock,mount",
                                         "namespaces,landlock", "namespaces,landlock,listener"),
                         [](const auto& info) {
                             std::string name =
                                 *info.param == '\0' ? "all" : std::string("without_") + info.param;
                             std::replace(name.begin(), name.end(), ',', '_');
                             return name;
                         });

}  // namespace
}  // namespace opendext::keeper::tests
