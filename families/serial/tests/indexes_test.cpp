// SPDX-License-Identifier: Apache-2.0
#include "families/serial/driver/indexes.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace opendext::serial {
namespace {

/// Runs a queue for a long time and compares the fill that the rules compute with the true one.
void expect_right_fill(uint32_t size, uint64_t start, bool producer_masked, bool consumer_masked,
                       bool one_byte_stays_free) {
    std::mt19937 random(size + (producer_masked ? 1 : 0) + (consumer_masked ? 2 : 0));
    uint64_t produced = start;
    uint64_t consumed = start;
    const auto index = [&](uint64_t position, bool masked) {
        return static_cast<uint32_t>(masked ? position & (size - 1) : position);
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto fill = static_cast<uint32_t>(produced - consumed);
        const uint32_t room = size - (one_byte_stays_free ? 1 : 0) - fill;
        produced += random() % (room + 1);
        consumed += random() % (produced - consumed + 1);
        const uint32_t computed = one_byte_stays_free
                                      ? transmit_fill(index(produced, producer_masked),
                                                      index(consumed, consumer_masked), size)
                                      : queue_fill(index(produced, producer_masked),
                                                   index(consumed, consumer_masked), size);
        ASSERT_EQ(produced - consumed, computed)
            << "size " << size << " produced " << produced << " consumed " << consumed;
    }
}

TEST(Indexes, TransmitFillIsRightForFreeRunningAndMaskedDrivers) {
    for (uint32_t size : {2U, 16U, 16384U, 65536U}) {
        for (uint64_t start : {uint64_t{0}, uint64_t{size - 1}, uint64_t{5} * size + 3}) {
            expect_right_fill(size, start, false, false, true);
            expect_right_fill(size, start, false, true, true);
            expect_right_fill(size, start, true, true, true);
        }
    }
}

TEST(Indexes, TransmitFillIsRightWhereIndexesWrapAt32Bits) {
    expect_right_fill(1024, 0xffff'f000U, false, false, true);
}

TEST(Indexes, ReceiveFillCountsAFullQueueOfAFreeRunningDriver) {
    for (uint32_t size : {2U, 16U, 16384U}) expect_right_fill(size, 7, false, false, false);
    EXPECT_EQ(16384U, queue_fill(16384, 0, 16384));
    EXPECT_EQ(0U, queue_fill(0, 0, 16384));
}

TEST(Indexes, NoPairOfIndexesGivesMoreThanTheQueueHolds) {
    std::mt19937 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const uint32_t size = 1U << (random() % 20);
        EXPECT_LE(queue_fill(random(), random(), size), size);
        EXPECT_LE(transmit_fill(random(), random(), size), size - 1);
    }
}

TEST(Indexes, CopiesAroundBothEnds) {
    std::array<std::byte, 8> from{};
    std::array<std::byte, 16> to{};
    for (size_t i = 0; i < 8; ++i) from[i] = static_cast<std::byte>(i);
    copy_between({to.data(), 16}, 13, {from.data(), 8}, 6, 7);
    const int expected[] = {6, 7, 0, 1, 2, 3, 4};
    for (size_t i = 0; i < 7; ++i) EXPECT_EQ(expected[i], static_cast<int>(to[(13 + i) % 16]));
}

}  // namespace
}  // namespace opendext::serial
