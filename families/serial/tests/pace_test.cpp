// SPDX-License-Identifier: Apache-2.0
// How a stream's thread waits, on a clock of the test's own.
#include "families/serial/driver/pace.h"

#include <gtest/gtest.h>

namespace opendext::serial {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Wait = Pace::Wait;

class PaceTest : public ::testing::Test {
  protected:
    /// A turn that moved `bytes`, `later` after the one before.
    Wait turn(uint32_t bytes, microseconds later) {
        now_ += later;
        return pace_.turn(bytes, now_);
    }
    /// The turn at the end of the nap that is under way.
    Wait wake(uint32_t bytes) {
        now_ = pace_.due();
        return pace_.turn(bytes, now_);
    }
    microseconds left() const {
        return std::chrono::duration_cast<microseconds>(pace_.due() - now_);
    }
    /// A stream of 4 KiB every `gap` until the pace has measured it.
    Wait stream(microseconds gap) {
        Wait last = Wait::event;
        for (int i = 0; i < 16 && last != Wait::nap; ++i) last = turn(4096, gap);
        return last;
    }

    Pace pace_;
    Pace::Clock::time_point now_ = Pace::Clock::time_point() + std::chrono::hours(1);
};

TEST_F(PaceTest, SmallPiecesWaitForTheKernel) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(turn(64, milliseconds(1)), Wait::event);
    EXPECT_FALSE(pace_.napping());
}

TEST_F(PaceTest, ASingleBatchWaitsForTheKernel) {
    EXPECT_EQ(turn(4096, milliseconds(0)), Wait::event);
    EXPECT_EQ(turn(4096, milliseconds(50)), Wait::event);
    EXPECT_EQ(turn(0, microseconds(1)), Wait::event);
}

TEST_F(PaceTest, AFastStreamStays) {
    turn(4096, microseconds(0));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(turn(4096, microseconds(30)), Wait::stay);
}

TEST_F(PaceTest, AStreamThatSharesTheMachineNaps) {
    EXPECT_EQ(stream(microseconds(500)), Wait::nap);
    EXPECT_TRUE(pace_.napping());
    EXPECT_GT(left(), microseconds(200));
}

TEST_F(PaceTest, APacedStreamDoesNotNap) {
    EXPECT_EQ(stream(milliseconds(9)), Wait::event);
}

TEST_F(PaceTest, TurnsWithinANapDoNotChangeIt) {
    stream(microseconds(500));
    const auto due = pace_.due();
    EXPECT_EQ(turn(3000, microseconds(10)), Wait::nap);
    EXPECT_EQ(turn(0, microseconds(10)), Wait::nap);
    EXPECT_EQ(pace_.due(), due);
}

TEST_F(PaceTest, NapsGrowUntilTheyBringAGoodBatchAndShrinkWhenTheTerminalWasFull) {
    stream(microseconds(500));
    const microseconds length(768);
    EXPECT_LE(left(), length * 3 / 2);
    EXPECT_EQ(wake(2000), Wait::nap);
    EXPECT_LE(left(), length * 3) << "two steps up: 1536";
    EXPECT_EQ(wake(4000), Wait::nap);
    EXPECT_EQ(wake(6000), Wait::nap);
    EXPECT_EQ(left(), microseconds(2048)) << "from one common moment to the next";
    EXPECT_EQ(wake(8192), Wait::nap);
    EXPECT_EQ(wake(6000), Wait::nap);
    EXPECT_EQ(left(), microseconds(1536)) << "the terminal was full";
    for (int i = 0; i < 10; ++i) EXPECT_EQ(wake(Pace::kBulk), Wait::nap);
    EXPECT_EQ(left(), microseconds(4096)) << "the end of a burst waits no longer";
    EXPECT_EQ(wake(Pace::kBulk - 1), Wait::event) << "what comes this slowly is told by the kernel";
}

TEST_F(PaceTest, NapsOfSeveralPortsEndTogether) {
    stream(microseconds(500));
    Pace other;
    Pace::Clock::time_point later = now_ + microseconds(37);
    while (other.turn(4096, later) != Wait::nap) later += microseconds(500);
    const auto apart = (pace_.due() - other.due()) % microseconds(768);
    EXPECT_EQ(apart.count(), 0);
}

TEST_F(PaceTest, ANapIsNeverMuchShorterThanItsLength) {
    for (int offset = 0; offset < 512; offset += 31) {
        pace_ = Pace();
        now_ += milliseconds(100) + microseconds(offset);
        EXPECT_EQ(stream(microseconds(500)), Wait::nap);
        EXPECT_GE(left(), microseconds(256));
    }
}

TEST_F(PaceTest, ASecondNapThatBroughtNothingIsTheLast) {
    stream(microseconds(500));
    EXPECT_EQ(wake(6000), Wait::nap);
    EXPECT_EQ(wake(0), Wait::nap) << "the other side may serve many ports in turn";
    EXPECT_EQ(wake(6000), Wait::nap);
    EXPECT_EQ(wake(0), Wait::nap);
    EXPECT_EQ(wake(0), Wait::event);
    EXPECT_FALSE(pace_.napping());
    EXPECT_EQ(turn(4096, microseconds(10)), Wait::event) << "a new burst";
}

TEST_F(PaceTest, AStreamThatHasTheMachineToItselfAgainStopsNapping) {
    stream(microseconds(500));
    for (int i = 0; i < 20 && pace_.napping(); ++i) wake(64 * 1024);
    EXPECT_FALSE(pace_.napping());
    EXPECT_EQ(turn(4096, microseconds(30)), Wait::stay);
}

TEST_F(PaceTest, NobodyStaysForAWhileAfterOthersWantedTheCpu) {
    turn(4096, microseconds(0));
    EXPECT_EQ(turn(4096, microseconds(30)), Wait::stay);
    pace_.crowded(now_);
    EXPECT_EQ(turn(4096, microseconds(30)), Wait::event);
    for (int i = 0; i < 100; ++i) turn(4096, microseconds(100));
    EXPECT_EQ(turn(4096, microseconds(30)), Wait::stay);
}

}  // namespace
}  // namespace opendext::serial
