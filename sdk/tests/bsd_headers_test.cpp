// SPDX-License-Identifier: Apache-2.0
// AssertMacros.h and what BSD's lists have more than the C library's.
#include <AssertMacros.h>
#include <gtest/gtest.h>
#include <machine/endian.h>
#include <machine/limits.h>
#include <sys/queue.h>

#include <string>
#include <vector>

namespace {

template <typename Function>
std::string logged(Function function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
}

/// Which label a call with this error ends at, and what it did on the way.
int end_of(int error, int& actions) {
    require_noerr_action(error, failed, actions++);
    return 0;
failed:
    return 1;
}

TEST(AssertMacros, RequireJumpsAfterItsActionAndSaysWhere) {
    int actions = 0;
    EXPECT_EQ(end_of(0, actions), 0);
    EXPECT_EQ(actions, 0);
    const std::string text = logged([&] { EXPECT_EQ(end_of(5, actions), 1); });
    EXPECT_EQ(actions, 1);
    EXPECT_NE(text.find("0 == error"), std::string::npos) << text;
    EXPECT_NE(text.find("bsd_headers_test.cpp"), std::string::npos) << text;
}

bool passes_quietly(const void* pointer) {
    bool passed = false;
    require_quiet(pointer, exit);
    nrequire_quiet(pointer == nullptr, exit);
    passed = true;
exit:
    return passed;
}

TEST(AssertMacros, QuietFormsSayNothing) {
    int object = 0;
    EXPECT_EQ(logged([&] {
                  EXPECT_TRUE(passes_quietly(&object));
                  EXPECT_FALSE(passes_quietly(nullptr));
              }),
              "");
}

TEST(AssertMacros, VerifyGoesOnAndEvaluatesOnce) {
    int evaluated = 0, actions = 0;
    const std::string text = logged([&] {
        verify(++evaluated == 1);
        verify_action(++evaluated == 7, actions++);
        verify_noerr(0);
        nverify_string(true, "words of the author");
    });
    EXPECT_EQ(evaluated, 2);
    EXPECT_EQ(actions, 1);
    EXPECT_NE(text.find("++evaluated == 7"), std::string::npos) << text;
    EXPECT_NE(text.find("words of the author"), std::string::npos) << text;
}

struct Item {
    int number;
    SLIST_ENTRY(Item) single;
    LIST_ENTRY(Item) list;
    STAILQ_ENTRY(Item) tail;
    TAILQ_ENTRY(Item) both;
};

class Lists : public testing::Test {
  protected:
    Lists() {
        for (int i = 0; i < 4; ++i)
            items_.push_back({.number = i, .single = {}, .list = {}, .tail = {}, .both = {}});
    }
    std::vector<Item> items_;
    Item* item_ = nullptr;
    Item* next_ = nullptr;
};

TEST_F(Lists, ElementsMayBeRemovedDuringASafeWalk) {
    SLIST_HEAD(, Item) singles = SLIST_HEAD_INITIALIZER(singles);
    LIST_HEAD(, Item) lists = LIST_HEAD_INITIALIZER(lists);
    STAILQ_HEAD(, Item) tails = STAILQ_HEAD_INITIALIZER(tails);
    TAILQ_HEAD(Both, Item) both = TAILQ_HEAD_INITIALIZER(both);
    for (Item& item : items_) {
        SLIST_INSERT_HEAD(&singles, &item, single);
        LIST_INSERT_HEAD(&lists, &item, list);
        STAILQ_INSERT_TAIL(&tails, &item, tail);
        TAILQ_INSERT_TAIL(&both, &item, both);
    }
    int seen = 0;
    SLIST_FOREACH_SAFE(item_, &singles, single, next_) {
        seen += item_->number;
        SLIST_REMOVE(&singles, item_, Item, single);
        item_->single.sle_next = nullptr;
    }
    LIST_FOREACH_SAFE(item_, &lists, list, next_) {
        seen += item_->number;
        LIST_REMOVE(item_, list);
        item_->list.le_next = nullptr;
    }
    STAILQ_FOREACH_SAFE(item_, &tails, tail, next_) {
        seen += item_->number;
        STAILQ_REMOVE_HEAD(&tails, tail);
        item_->tail.stqe_next = nullptr;
    }
    EXPECT_EQ(seen, 3 * 6);
    EXPECT_TRUE(SLIST_EMPTY(&singles));
    EXPECT_TRUE(LIST_EMPTY(&lists));
    EXPECT_TRUE(STAILQ_EMPTY(&tails));

    std::vector<int> order;
    TAILQ_FOREACH_SAFE(item_, &both, both, next_) {
        if (item_->number == 2) TAILQ_REMOVE(&both, item_, both);
    }
    TAILQ_FOREACH_REVERSE_SAFE(item_, &both, Both, both, next_) {
        order.push_back(item_->number);
        TAILQ_REMOVE(&both, item_, both);
    }
    EXPECT_EQ(order, (std::vector<int>{3, 1, 0}));
}

TEST(Machine, ByteOrderAndLimitsAreThere) {
    EXPECT_EQ(BYTE_ORDER, LITTLE_ENDIAN);
    EXPECT_EQ(UCHAR_MAX, 255);
}

}  // namespace
