// SPDX-License-Identifier: Apache-2.0
#include "rpc/arena.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>

namespace opendext {
namespace {

using protocol::user_client::Slot;
using protocol::user_client::SlotFreed;
using namespace arena_limits;

/// Both sides; what the client announces the driver adds.
class ArenaTest : public testing::Test {
  protected:
    ArenaPool pool_{[this](uint32_t number, uint64_t size, const UniqueFd& memory) -> Status {
        ++announced_;
        return view_.add({number, size}, OD_TRY(memory.duplicate()));
    }};
    ArenaView view_;
    int announced_ = 0;

    ArenaPool::Lease take(uint64_t length) {
        auto lease = pool_.take(length);
        EXPECT_TRUE(lease.ok()) << lease.error().text();
        return std::move(lease).value();
    }
    static SlotFreed freed(const Slot& slot) { return {slot.arena, 0, slot.offset}; }
};

TEST_F(ArenaTest, BothSidesSeeTheSameBytes) {
    ArenaPool::Lease lease = take(100'000);
    ASSERT_TRUE(lease.valid());
    std::memset(lease.data(), 0x5a, 100'000);
    const auto range = view_.at(lease.slot());
    ASSERT_TRUE(range.ok()) << range.error().text();
    EXPECT_EQ(100'000U, range->length);
    EXPECT_EQ(std::byte{0x5a}, range->data[99'999]);
    range->data[0] = std::byte{7};
    EXPECT_EQ(std::byte{7}, lease.data()[0]);
}

TEST_F(ArenaTest, IsMadeWithTheFirstSlotAndToldOnce) {
    EXPECT_EQ(0, announced_);
    for (int i = 0; i < 1000; ++i) (void)take(64 * 1024);
    EXPECT_EQ(1, announced_);
}

TEST_F(ArenaTest, TheSlotUsedLastIsUsedNext) {
    ArenaPool::Lease first = take(64 * 1024);
    const ArenaPool::Lease second = take(64 * 1024);
    const uint64_t offset = first.slot().offset;
    first.release();
    EXPECT_FALSE(first.valid());
    EXPECT_EQ(offset, take(40 * 1024).slot().offset);
}

TEST_F(ArenaTest, SlotsDoNotOverlapAndMemoryIsBounded) {
    std::vector<ArenaPool::Lease> leases;
    std::set<std::pair<uint32_t, uint64_t>> seen;
    const uint64_t sizes[] = {1, 8192, 8193, 65536, 100'000, kLargestSlot};
    for (size_t i = 0;; ++i) {
        auto lease = pool_.take(sizes[i % 6]);
        if (!lease.ok()) {
            EXPECT_EQ(Errc::no_space, lease.error().code);
            break;
        }
        ASSERT_LT(i, 100'000U);
        std::memset(lease->data(), static_cast<int>(i), lease->slot().length);
        leases.push_back(std::move(lease).value());
    }
    EXPECT_EQ(static_cast<int>(kMaxArenas), announced_);
    for (size_t i = 0; i < leases.size(); ++i) {
        EXPECT_TRUE(seen.insert({leases[i].slot().arena, leases[i].slot().offset}).second);
        const auto range = std::move(view_.at(leases[i].slot())).value();
        EXPECT_EQ(static_cast<std::byte>(i), range.data[0]) << i;
        EXPECT_EQ(static_cast<std::byte>(i), range.data[range.length - 1]) << i;
    }
    leases.clear();
    // Afterwards everything can be had again, also where only larger slots are left.
    for (int i = 0; i < 20; ++i) leases.push_back(take(8192));
}

TEST_F(ArenaTest, RefusesSizesWithoutASlot) {
    EXPECT_EQ(Errc::no_space, pool_.take(0).error().code);
    EXPECT_EQ(Errc::no_space, pool_.take(kLargestSlot + 1).error().code);
    EXPECT_EQ(0, announced_);
}

TEST_F(ArenaTest, ASlotThatTheDriverKeepsComesBackWhenItIsFreed) {
    ArenaPool::Lease lease = take(9000);
    const Slot slot = lease.slot();
    lease.leave_to_driver();
    EXPECT_NE(slot.offset, take(9000).slot().offset);
    ASSERT_TRUE(pool_.freed(freed(slot)).ok());
    EXPECT_EQ(slot.offset, take(9000).slot().offset);
}

TEST_F(ArenaTest, AFreedSlotMayOvertakeTheOutcome) {
    ArenaPool::Lease lease = take(9000);
    const Slot slot = lease.slot();
    ASSERT_TRUE(pool_.freed(freed(slot)).ok());
    const ArenaPool::Lease other = take(9000);
    EXPECT_NE(slot.offset, other.slot().offset);  // the call still uses it
    lease.leave_to_driver();
    EXPECT_EQ(slot.offset, take(9000).slot().offset);
}

TEST_F(ArenaTest, ADriverCannotFreeWhatItDoesNotHave) {
    ArenaPool::Lease lease = take(64 * 1024);
    const Slot slot = lease.slot();
    const SlotFreed wrong[] = {{1, 0, 0},
                               {0, 0, kArenaSize},
                               {0, 0, UINT64_MAX},
                               {UINT32_MAX, 0, 0},
                               {0, 0, slot.offset + 1},
                               {0, 0, slot.offset + kSmallestSlot},
                               {0, 0, kArenaSize - kSmallestSlot}};
    for (const SlotFreed& one : wrong) EXPECT_EQ(Errc::malformed, pool_.freed(one).error().code);
    ASSERT_TRUE(pool_.freed(freed(slot)).ok());
    EXPECT_EQ(Errc::malformed, pool_.freed(freed(slot)).error().code);
    lease.release();
    EXPECT_EQ(Errc::malformed, pool_.freed(freed(slot)).error().code);
}

TEST_F(ArenaTest, ADriverRefusesRangesOutsideOfTheMemory) {
    (void)take(8192);
    const Slot wrong[] = {{1, 0, 0, 1},
                          {Slot::kOwnMemory, 0, 0, 1},
                          {0, 0, 0, 0},
                          {0, 0, 0, kArenaSize + 1},
                          {0, 0, kArenaSize, 1},
                          {0, 0, kArenaSize - kSmallestSlot, kSmallestSlot + 1},
                          {0, 0, kSmallestSlot, UINT64_MAX},
                          {0, 0, UINT64_MAX - kSmallestSlot + 1, kSmallestSlot},
                          {0, 0, 1, 1}};
    for (const Slot& slot : wrong) EXPECT_EQ(Errc::malformed, view_.at(slot).error().code);
    EXPECT_TRUE(view_.at({0, 0, 0, kArenaSize}).ok());
}

TEST_F(ArenaTest, ADriverRefusesMemoryThatCouldBeTakenFromUnderIt) {
    const auto sealed = [] { return std::move(make_sealed_memory("test", 65536)).value(); };
    UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
    ASSERT_EQ(0, ::ftruncate(unsealed.get(), 65536));
    EXPECT_FALSE(view_.add({0, 65536}, std::move(unsealed)).ok());
    EXPECT_FALSE(view_.add({1, 65536}, sealed()).ok());
    EXPECT_FALSE(view_.add({0, 0}, sealed()).ok());
    EXPECT_FALSE(view_.add({0, 65537}, sealed()).ok());
    EXPECT_FALSE(view_.add({0, kArenaSize * 2}, sealed()).ok());
    EXPECT_FALSE(view_.add({0, 65536}, UniqueFd()).ok());
    EXPECT_TRUE(view_.add({0, 65536}, sealed()).ok());
    for (uint32_t i = 1; i < kMaxArenas; ++i) EXPECT_TRUE(view_.add({i, 65536}, sealed()).ok());
    EXPECT_FALSE(view_.add({kMaxArenas, 65536}, sealed()).ok());
}

TEST_F(ArenaTest, MemoryOutlivesTheViewWhileItIsUsed) {
    ArenaView::Range range;
    {
        ArenaView view;
        ASSERT_TRUE(
            view.add({0, 65536}, std::move(make_sealed_memory("test", 65536)).value()).ok());
        range = std::move(view.at({0, 0, 8192, 8192})).value();
    }
    std::memset(range.data, 1, range.length);
    EXPECT_EQ(std::byte{1}, range.data[8191]);
}

TEST_F(ArenaTest, NothingIsGivenOutThatCouldNotBeTold) {
    ArenaPool silent([](uint32_t, uint64_t, const UniqueFd&) -> Status {
        return Error{Errc::peer_gone, 0, "the driver ended"};
    });
    EXPECT_EQ(Errc::peer_gone, silent.take(8192).error().code);
}

}  // namespace
}  // namespace opendext
