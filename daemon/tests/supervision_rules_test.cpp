// SPDX-License-Identifier: Apache-2.0
// The rules of supervision without any process: back-off, quarantine, settings, countdowns.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "daemon/crashes/stack_budget.h"
#include "daemon/deadlines.h"
#include "daemon/supervision/rules.h"
#include "daemon/supervision/settings.h"
#include "daemon/tests/manual_clock.h"

namespace opendext::daemon::testing {
namespace {

using namespace std::chrono_literals;

class StandardPolicy : public ::testing::Test {
  protected:
    Decision crash(Clock::Time at) {
        return history.crashed(rules, RestartPolicy::standard, at, true);
    }
    RestartRules rules;
    CrashHistory history;
    const Clock::Time begin{std::chrono::hours(10)};
};

TEST_F(StandardPolicy, TheFirstRestartIsImmediateAndTheWaitsDoubleFromTheSecondCrashOn) {
    rules.quarantine_after = 100;
    Clock::Time now = begin;
    for (const auto wait : {0s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
        const Decision decision = crash(now);
        EXPECT_EQ(decision.next, Next::restart);
        EXPECT_EQ(decision.wait, wait);
        now += decision.wait + 1s;  // it runs for a second
    }
    EXPECT_EQ(history.total(), 8U);
}

TEST_F(StandardPolicy, ADriverThatRanForAMinuteBeginsAnew) {
    EXPECT_EQ(crash(begin).wait, 0s);
    EXPECT_EQ(crash(begin + 59s).wait, 2s);
    // Up again at 61 s.
    EXPECT_EQ(crash(begin + 61s + 60s).wait, 0s);
    EXPECT_EQ(crash(begin + 61s + 61s).wait, 2s);
}

TEST_F(StandardPolicy, FiveCrashesWithinHalfAnHourAreTheLast) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(crash(begin + i * 7min).next, Next::restart) << i;
    const Decision last = crash(begin + 29min);
    EXPECT_EQ(last.next, Next::quarantine);
    EXPECT_EQ(last.reason, "it crashed 5 times within 30 min");
}

TEST_F(StandardPolicy, CrashesOfMoreThanHalfAnHourAgoDoNotCount) {
    for (int i = 0; i < 20; ++i) {
        const Decision decision = crash(begin + i * 8min);
        EXPECT_EQ(decision.next, Next::restart) << i;
        EXPECT_EQ(decision.wait, 0s) << i;
    }
    EXPECT_EQ(history.recent(rules, begin + 19 * 8min), 4U);
    EXPECT_EQ(history.recent(rules, begin + 24h), 0U);
}

TEST_F(StandardPolicy, TheRealmsNumbersCount) {
    rules.quarantine_after = 2;
    rules.quarantine_window = 10s;
    rules.longest_wait = 1s;
    rules.steady = 5s;
    EXPECT_EQ(crash(begin).wait, 0s);
    EXPECT_EQ(crash(begin + 11s).wait, 0s) << "it had run for longer than 5 s";
    EXPECT_EQ(crash(begin + 12s).next, Next::quarantine);
}

TEST(DriverKitPolicy, RestartsAThousandTimesWithoutAWait) {
    const RestartRules rules;
    CrashHistory history;
    const Clock::Time now{std::chrono::hours(1)};
    for (int i = 0; i < 1000; ++i) {
        const Decision decision = history.crashed(rules, RestartPolicy::driverkit, now, true);
        ASSERT_EQ(decision.next, Next::restart) << i;
        ASSERT_EQ(decision.wait, 0s) << i;
    }
    const Decision last = history.crashed(rules, RestartPolicy::driverkit, now, true);
    EXPECT_EQ(last.next, Next::quarantine);
    EXPECT_EQ(last.reason, "it was relaunched 1000 times");
}

TEST(DriverKitPolicy, DeathsBeforeStartHadFinishedAreRetriedAFewTimes) {
    const RestartRules rules;
    CrashHistory history;
    const Clock::Time now{std::chrono::hours(1)};
    for (const auto wait : {100ms, 200ms, 400ms}) {
        EXPECT_EQ(history.crashed(rules, RestartPolicy::driverkit, now, false).wait, wait);
    }
    history.started();
    for (const auto wait : {100ms, 200ms, 400ms, 800ms, 1600ms}) {
        const Decision decision = history.crashed(rules, RestartPolicy::driverkit, now, false);
        EXPECT_EQ(decision.next, Next::restart);
        EXPECT_EQ(decision.wait, wait) << "a success begins anew";
    }
    EXPECT_EQ(history.crashed(rules, RestartPolicy::driverkit, now, false).next, Next::quarantine);
}

TEST(Durations, AreReadAndWritten) {
    EXPECT_EQ(parse_duration("250 ms"), 250ms);
    EXPECT_EQ(parse_duration("2s"), 2s);
    EXPECT_EQ(parse_duration("30 min"), 30min);
    EXPECT_EQ(parse_duration("1 h"), 1h);
    EXPECT_EQ(parse_duration("0 s"), 0s);
    for (const char* wrong : {"", "5", "s", "-1 s", "1.5 s", "2 days", "2 s x", " 2 s",
                              "99999999999999999999 s", "9223372036854775807 h"}) {
        EXPECT_FALSE(parse_duration(wrong)) << wrong;
    }
    EXPECT_EQ(duration_text(250ms), "250 ms");
    EXPECT_EQ(duration_text(2s), "2 s");
    EXPECT_EQ(duration_text(90s), "90 s");
    EXPECT_EQ(duration_text(30min), "30 min");
    EXPECT_EQ(duration_text(0ms), "0 ms");
}

TEST(Settings, SetDeadlinesAndTheRestartPolicy) {
    Deadlines deadlines;
    RestartRules rules;
    const Status status = parse_settings(
        "# of this realm\n\nrestart.policy = driverkit\n  restart.quarantine-after=7 # often\n"
        "restart.keep-endpoints = 1 min\r\ndeadline.start = 2 s\ndeadline.check-in = 500 ms",
        "realm.conf", deadlines, rules);
    ASSERT_TRUE(status.ok()) << status.error().text();
    EXPECT_EQ(rules.policy, RestartPolicy::driverkit);
    EXPECT_EQ(rules.quarantine_after, 7U);
    EXPECT_EQ(rules.keep_endpoints, 60s);
    EXPECT_EQ(deadlines.of(Deadline::start), 2s);
    EXPECT_EQ(deadlines.of(Deadline::check_in), 500ms);
    EXPECT_EQ(deadlines.of(Deadline::stop), 30s) << "what is not named stays";
}

TEST(Settings, EveryDeadlineHasAKeyOfItsOwn) {
    for (size_t i = 0; i < kDeadlineCount; ++i) {
        const auto deadline = static_cast<Deadline>(i);
        Deadlines deadlines;
        RestartRules rules;
        const std::string line = "deadline." + std::string(deadline_key(deadline)) + " = 1234 ms";
        ASSERT_TRUE(parse_settings(line, "f", deadlines, rules).ok()) << line;
        EXPECT_EQ(deadlines.of(deadline), 1234ms) << line;
    }
}

TEST(Settings, WhatIsWrongIsNamedWithLineAndRemedy) {
    const std::pair<const char*, const char*> cases[] = {
        {"\nrestart.polcy = standard", "f:2: there is no setting \"restart.polcy\"; the settings"},
        {"restart.policy = sometimes", "f:1: restart.policy = sometimes: write standard or"},
        {"deadline.start = 5", "f:1: deadline.start = 5: write a whole number and ms, s, min or h"},
        {"restart.quarantine-after = 0", "write a whole number from 1 on"},
        {"restart.quarantine-after = many", "write a whole number from 1 on"},
        {"deadline.start", "f:1: \"deadline.start\": write `key = value`"},
    };
    for (const auto& [text, expected] : cases) {
        Deadlines deadlines;
        RestartRules rules;
        const Status status = parse_settings(text, "f", deadlines, rules);
        ASSERT_FALSE(status.ok()) << text;
        EXPECT_NE(status.error().text().find(expected), std::string::npos) << status.error().text();
    }
}

TEST(Settings, AFileThatIsNotThereSetsNothingAndOneThatCannotBeReadIsAnError) {
    Deadlines deadlines;
    RestartRules rules;
    const auto folder = std::filesystem::temp_directory_path();
    EXPECT_TRUE(read_settings(folder / "opendext-no-such-realm.conf", deadlines, rules).ok());
    EXPECT_EQ(rules.policy, RestartPolicy::standard);
    std::string name = (folder / "opendext-settings-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const auto file = std::filesystem::path(name) / "realm.conf";
    std::ofstream(file) << "restart.policy = driverkit\n";
    EXPECT_TRUE(read_settings(file, deadlines, rules).ok());
    EXPECT_EQ(rules.policy, RestartPolicy::driverkit);
    EXPECT_FALSE(read_settings(file / "below-a-file", deadlines, rules).ok());
    std::filesystem::remove_all(name);
}

TEST(StackBudget, IsForEachBundleAndComesBackWithTime) {
    StackBudget budget(2);
    const Clock::Time begin{};
    EXPECT_TRUE(budget.take("a", begin));
    EXPECT_TRUE(budget.take("a", begin + 30s));
    EXPECT_FALSE(budget.take("a", begin + 59s));
    EXPECT_TRUE(budget.take("b", begin + 59s));
    EXPECT_TRUE(budget.take("a", begin + 60s));
    EXPECT_FALSE(budget.take("a", begin + 89s));
    EXPECT_TRUE(budget.take("a", begin + 90s));
    EXPECT_FALSE(StackBudget(0).take("a", begin));
}

class CountdownTest : public ::testing::Test {
  protected:
    void start(std::chrono::milliseconds duration) {
        countdown = std::make_unique<Countdown>(
            clock, duration, [this] { return traced; }, [this] { ++fired; });
    }
    ManualClock clock;
    bool traced = false;
    int fired = 0;
    std::unique_ptr<Countdown> countdown;
};

TEST_F(CountdownTest, FiresOnceWhenTheTimeIsOver) {
    start(10s);
    clock.advance(9999ms);
    EXPECT_EQ(fired, 0);
    clock.advance(1ms);
    EXPECT_EQ(fired, 1);
    clock.advance(1h);
    EXPECT_EQ(fired, 1);
}

TEST_F(CountdownTest, StandsStillWhileTheProcessIsTracedAndGoesOnWithWhatWasLeft) {
    start(16s);
    clock.advance(10s);
    traced = true;
    clock.advance(24h);
    EXPECT_EQ(fired, 0);
    EXPECT_EQ(countdown->left(), 6s);
    traced = false;
    clock.advance(5999ms);
    EXPECT_EQ(fired, 0) << "the rest is not cut short";
    clock.advance(1ms);
    EXPECT_EQ(fired, 1) << "and it does not begin anew";
}

TEST_F(CountdownTest, ADebuggerAtTheVeryEndIsSeen) {
    start(10s);
    clock.advance(9999ms);
    traced = true;
    clock.advance(1min);
    EXPECT_EQ(fired, 0);
    traced = false;
    clock.advance(1s);
    EXPECT_EQ(fired, 1);
}

TEST_F(CountdownTest, MayBeDestroyedByWhatItCalls) {
    countdown = std::make_unique<Countdown>(clock, 1s, nullptr, [this] {
        countdown.reset();
        ++fired;
    });
    clock.advance(1s);
    EXPECT_EQ(fired, 1);
}

TEST_F(CountdownTest, OneThatGoesBeforeItsTimeDoesNothing) {
    start(1s);
    countdown.reset();
    clock.advance(1min);
    EXPECT_EQ(fired, 0);
}

}  // namespace
}  // namespace opendext::daemon::testing
