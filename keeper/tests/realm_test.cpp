// SPDX-License-Identifier: Apache-2.0
// The life of a realm: start, second keepers, crashes of opendextd, of the prepared process and of
// the keeper, the end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

using RealmTest = KeeperTest;
namespace fs = std::filesystem;

testing::AssertionResult all_gone(const std::vector<pid_t>& pids) {
    const bool gone = eventually([&] {
        for (const pid_t pid : pids) {
            ::waitpid(pid, nullptr, WNOHANG);  // an orphan is ours to reap, as an init would
        }
        for (const pid_t pid : pids) {
            if (is_alive(pid)) return false;
        }
        return true;
    });
    if (gone) return testing::AssertionSuccess();
    testing::AssertionResult result = testing::AssertionFailure() << "still there:";
    for (const pid_t pid : pids) {
        result << "\n" << pid << " " << read_file("/proc/" + std::to_string(pid) + "/stat");
    }
    return result;
}

TEST_F(RealmTest, DetachesOnceOpendextdIsReady) {
    std::thread daemon([&] {
        accept_daemon();
        ASSERT_FALSE(HasFatalFailure());
        EXPECT_TRUE(link_.send(encode(wire::Ready{})).ok());
    });
    const Ended ended = run_keeper();
    daemon.join();
    EXPECT_EQ(ended.status, 0) << ended.messages;
    EXPECT_EQ(ended.messages, "");
    // The prepared process comes up beside opendextd, and is succeeded by another one at first.
    std::vector<pid_t> pids;
    ASSERT_TRUE(eventually([&] {
        pids = family();
        return pids.size() >= 3;
    })) << "keeper, opendextd, prepared process";
    EXPECT_TRUE(is_alive(pids[0]));
    EXPECT_TRUE(is_alive(daemon_));
    EXPECT_TRUE(fs::exists(root_ / "daemon.err"));

    // A second keeper finds the realm served and leaves it alone.
    const Ended second = run_keeper();
    EXPECT_EQ(second.status, 0);
    EXPECT_EQ(second.messages, "");
    EXPECT_EQ(family()[0], pids[0]);
    EXPECT_TRUE(is_alive(daemon_));

    shut_down();
    EXPECT_TRUE(all_gone(pids));
    EXPECT_TRUE(eventually([&] { return fs::is_empty(root_ / "run"); }));
    EXPECT_TRUE(fs::is_empty(root_ / "dev"));
}

TEST_F(RealmTest, OfTwoKeepersThatRaceOneServesAndBothSucceed) {
    Ended ended[2];
    std::thread daemon([&] {
        accept_daemon();
        EXPECT_TRUE(link_.send(encode(wire::Ready{})).ok());
    });
    const fs::path first_messages = folder_ / "messages";
    std::thread first([&] { ended[0] = run_keeper(); });
    std::thread second([&] { ended[1] = run_keeper(); });
    first.join();
    second.join();
    daemon.join();
    EXPECT_EQ(ended[0].status, 0) << ended[0].messages;
    EXPECT_EQ(ended[1].status, 0) << ended[1].messages;
    const std::vector<pid_t> pids = family();
    shut_down();
    EXPECT_TRUE(all_gone(pids));
}

TEST_F(RealmTest, SaysWhyItDidNotComeUp) {
    ::setenv("OPENDEXT_TEST_DAEMON", "exit 3", 1);
    const Ended ended = run_keeper();
    EXPECT_EQ(ended.status, 1);
    EXPECT_NE(ended.messages.find("opendextd ended with exit status 3 before it was ready"),
              std::string::npos)
        << ended.messages;
    EXPECT_TRUE(eventually([&] { return fs::is_empty(root_ / "run"); }))
        << "pid file and socket are left";
}

TEST_F(RealmTest, ARealmThatEndsWhileItStartsLeavesNothing) {
    ::setenv("OPENDEXT_TEST_DAEMON", "exit 3", 1);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(run_keeper().status, 1);
    // TearDown looks for processes that are left.
}

TEST_F(RealmTest, GivesUpOnAnOpendextdThatNeverGetsReady) {
    ::setenv("OPENDEXT_TEST_DAEMON", "hang", 1);
    const Ended ended = run_keeper({"--start-deadline", "300"});
    EXPECT_EQ(ended.status, 1);
    EXPECT_NE(ended.messages.find("opendextd was not ready in time"), std::string::npos)
        << ended.messages;
    EXPECT_TRUE(eventually([&] { return fs::is_empty(root_ / "run"); }));
}

TEST_F(RealmTest, SaysThatTheDaemonProgramIsMissing) {
    const Ended ended = run_keeper({"--daemon", "/nonexistent/opendextd"});
    EXPECT_EQ(ended.status, 1);
    EXPECT_NE(ended.messages.find("/nonexistent/opendextd"), std::string::npos) << ended.messages;
}

TEST_F(RealmTest, RefusesUnknownOptions) {
    const Ended ended = run_keeper({"--frobnicate", "1"});
    EXPECT_EQ(ended.status, 64);
    EXPECT_NE(ended.messages.find("usage:"), std::string::npos);
}

TEST_F(RealmTest, WorksBelowALongPath) {
    root_ = folder_ / std::string(120, 'a') / std::string(120, 'b');
    start_keeper();
    const Driver driver = spawn();
    EXPECT_EQ(driver.ask("thread"), "42");
    EXPECT_TRUE(Socket::connect(Realm(root_).socket()).ok());
    const std::vector<pid_t> pids = family();
    shut_down();
    EXPECT_EQ(wait_for_keeper(), 0);
    EXPECT_TRUE(all_gone(pids));
}

TEST_F(RealmTest, OpendextdHasNoPrivilege) {
    start_keeper();
    const std::string status = read_file("/proc/" + std::to_string(daemon_) + "/status");
    EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << status;
    EXPECT_NE(status.find("CapPrm:\t0000000000000000"), std::string::npos);
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
}

TEST_F(RealmTest, RestartsOpendextdAndKeepsHeldDescriptors) {
    start_keeper();
    const Driver driver = spawn();
    UniqueFd memory = std::move(make_sealed_memory("held", 4096)).value();
    EXPECT_EQ(
        reason(request(wire::Hold{"port 1", {{"ring", Value(uint64_t{4096})}}}, std::move(memory))),
        "");
    EXPECT_EQ(reason(request(wire::PublishNode{"cu.one", "/dev/null", "", 0})), "");
    const pid_t first = daemon_;

    EXPECT_TRUE(daemon_orders_.send(encode(Order{"abort"})).ok());
    accept_daemon();
    ASSERT_TRUE(link_.send(encode(wire::Ready{})).ok());
    EXPECT_NE(daemon_, first);
    EXPECT_TRUE(fs::exists(fs::symlink_status(root_ / "dev" / "cu.one"))) << "nodes stay";
    const auto left = decode<wire::Inherited>(request(wire::Inherit{}));
    ASSERT_TRUE(left.ok());
    EXPECT_EQ(left->starts, 2u);
    EXPECT_EQ(reason(request(wire::Abandon{})), "");
    EXPECT_FALSE(is_alive(driver.pid)) << "what is abandoned has ended when that is answered";
    EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "dev" / "cu.one")));

    const Message held = request(wire::Fetch{"port 1"});
    const auto content = decode<wire::Held>(held);
    ASSERT_TRUE(content.ok()) << reason(held);
    EXPECT_EQ(*find_number(content->notes, "ring"), (Number{4096, 64}));
    ASSERT_EQ(held.fds.size(), 1u);
    EXPECT_EQ(sealed_memory_size(held.fds[0].get()).value(), 4096u);

    EXPECT_EQ(reason(request(wire::Release{"port 1"})), "");
    EXPECT_EQ(reason(request(wire::Fetch{"port 1"})), "nothing is held as port 1");
    EXPECT_EQ(reason(request(wire::Release{"port 1"})), "nothing is held as port 1");
    const Driver next = spawn();
    EXPECT_EQ(next.ask("thread"), "42");
}

TEST_F(RealmTest, GivesUpOnAnOpendextdThatKeepsCrashing) {
    start_keeper();
    for (int crash = 1; crash <= 6; ++crash) {
        EXPECT_TRUE(daemon_orders_.send(encode(Order{"exit 1"})).ok());
        if (crash == 6) break;
        accept_daemon();
        ASSERT_TRUE(link_.send(encode(wire::Ready{})).ok());
    }
    const int status = wait_for_keeper();
    EXPECT_EQ(WEXITSTATUS(status), 1);
    EXPECT_TRUE(fs::is_empty(root_ / "run"));
}

TEST_F(RealmTest, DriversOutliveThePreparedProcess) {
    start_keeper();
    const Driver driver = spawn();
    pid_t prepared = 0;
    for (const pid_t pid : family()) {
        // A namespace's init shares the memory of the prepared process, and so its command line.
        const std::string process = "/proc/" + std::to_string(pid);
        if (read_file(process + "/cmdline").starts_with("opendext-driver: prepared") &&
            read_file(process + "/comm") != "driver-init\n")
            prepared = pid;
    }
    ASSERT_GT(prepared, 0);
    ASSERT_EQ(::kill(prepared, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] { return !is_alive(prepared); }));
    EXPECT_EQ(driver.ask("thread"), "42");
    // The next Spawn may still meet the end of the old one; then it fails with that reason, and the
    // one after works.
    auto ends = Socket::pair();
    const Message reply = spawn_message("com.example.Tester", 0, ends->second.take_fd());
    if (const auto refused = decode<wire::Reply>(reply); refused.ok()) {
        EXPECT_EQ(refused->reason, "the prepared driver process died");
    }
    const Driver next = spawn();
    EXPECT_EQ(next.ask("thread"), "42");
    EXPECT_EQ(driver.ask("thread"), "42");
}

TEST_F(RealmTest, NothingOutlivesAKeeperKilledWithMinusNine) {
    start_keeper();
    const Driver quiet = spawn("com.example.Quiet");
    const Driver hanging = spawn("com.example.Hanging");
    hanging.tell("hang");
    EXPECT_EQ(reason(request(wire::PublishNode{"cu.left", "/dev/null", "", 0})), "");
    const std::vector<pid_t> pids = family();
    ASSERT_GE(pids.size(), 5u);
    ASSERT_EQ(::kill(keeper_, SIGKILL), 0);
    wait_for_keeper();
    EXPECT_TRUE(all_gone(pids));

    // The next keeper takes over what lies about.
    EXPECT_TRUE(fs::exists(fs::symlink_status(root_ / "dev" / "cu.left")));
    start_keeper();
    EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "dev" / "cu.left")));
    EXPECT_EQ(spawn().ask("thread"), "42");
}

TEST_F(RealmTest, SignalsLetOpendextdEndTheRealm) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        start_keeper();
        {
            const Driver driver = spawn();
        }
        const std::vector<pid_t> pids = family();
        ASSERT_EQ(::kill(keeper_, number), 0);
        // The stand-in dies of the signal that is passed on, without ShutDown: the keeper ends the
        // realm all the same.
        EXPECT_EQ(wait_for_keeper(), 0);
        EXPECT_TRUE(all_gone(pids));
        EXPECT_TRUE(fs::is_empty(root_ / "run"));
    }
}

TEST_F(RealmTest, ADriverThatDoesNotLeaveIsKilledAtTheEnd) {
    start_keeper({"--driver-deadline", "200"});
    const Driver driver = spawn();
    driver.tell("hang");
    const std::vector<pid_t> pids = family();
    shut_down();
    EXPECT_EQ(wait_for_keeper(), 0);
    EXPECT_TRUE(all_gone(pids));
}

TEST_F(RealmTest, AnOpendextdThatHangsAtTheEndIsKilled) {
    start_keeper({"--stop-deadline", "200"});
    const std::vector<pid_t> pids = family();
    ASSERT_TRUE(link_.send(encode(wire::ShutDown{})).ok());
    EXPECT_EQ(wait_for_keeper(), 0);
    EXPECT_TRUE(all_gone(pids));
}

}  // namespace
}  // namespace opendext::keeper::tests
