// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/fifo.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace opendext::runtime {
namespace {

TEST(Fifo, GivesOutInTheOrderOfArrival) {
    Fifo<int> fifo;
    std::deque<int> like;
    std::minstd_rand random(1);
    size_t most = 0;
    for (int i = 0; i < 100'000; ++i) {
        // Long queues and short ones.
        const bool more = random() % 16 < (i / 1000 % 2 == 0 ? 9u : 7u);
        if (more) {
            fifo.push_back(i);
            like.push_back(i);
        } else if (!like.empty()) {
            ASSERT_EQ(fifo.front(), like.front());
            fifo.pop_front();
            like.pop_front();
        }
        ASSERT_EQ(fifo.size(), like.size());
        ASSERT_EQ(fifo.empty(), like.empty());
        if (i % 997 == 0)
            ASSERT_TRUE(std::equal(fifo.begin(), fifo.end(), like.begin(), like.end()));
        most = std::max(most, like.size());
    }
    EXPECT_GT(most, 50u);
}

TEST(Fifo, KeepsNothingThatHasGone) {
    Fifo<std::shared_ptr<int>> fifo;
    const auto item = std::make_shared<int>(1);
    for (int i = 0; i < 3; ++i) fifo.push_back(item);
    fifo.pop_front();
    EXPECT_EQ(item.use_count(), 3);
    fifo.pop_front();
    fifo.pop_front();
    EXPECT_EQ(item.use_count(), 1);
    EXPECT_TRUE(fifo.empty());
}

TEST(Fifo, GivesOutWhatCannotBeCopied) {
    Fifo<std::unique_ptr<int>> fifo;
    for (int i = 0; i < 40; ++i) fifo.push_back(std::make_unique<int>(i));
    for (int i = 0; i < 40; ++i) {
        const auto item = std::move(fifo.front());
        fifo.pop_front();
        EXPECT_EQ(*item, i);
    }
}

}  // namespace
}  // namespace opendext::runtime
