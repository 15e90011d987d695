// SPDX-License-Identifier: Apache-2.0
// queue.h: both forms of queues.
#include <DriverKit/queue.h>
#include <gtest/gtest.h>

#include <vector>

namespace {

struct Element {
    int value;
    queue_chain_t chain;
};
using Values = std::vector<int>;

/// The values of a queue whose links point to the chains, checked in both directions.
Values values_of(queue_t head) {
    Values values, backwards;
    queue_entry_t entry = nullptr;
    qe_foreach(entry, head) values.push_back(qe_element(entry, Element, chain)->value);
    for (entry = queue_last(head); !queue_end(head, entry); entry = queue_prev(entry))
        backwards.insert(backwards.begin(), qe_element(entry, Element, chain)->value);
    EXPECT_EQ(values, backwards);
    return values;
}
/// The same where they point to the elements.
Values values_of_elements(queue_t head) {
    Values values;
    Element* each = nullptr;
    queue_iterate(head, each, Element*, chain) values.push_back(each->value);
    return values;
}

// Facts: enqueue_head, enqueue_tail, dequeue_head, dequeue_tail, queue_init, queue_empty
TEST(QueueEntries, EnterAndLeaveAtBothEnds) {
    queue_head_t head;
    queue_init(&head);
    EXPECT_TRUE(queue_empty(&head));
    EXPECT_EQ(dequeue_head(&head), nullptr);
    EXPECT_EQ(dequeue_tail(&head), nullptr);
    Element elements[3] = {{1, {}}, {2, {}}, {3, {}}};
    enqueue_tail(&head, &elements[1].chain);
    enqueue_tail(&head, &elements[2].chain);
    enqueue_head(&head, &elements[0].chain);
    EXPECT_FALSE(queue_empty(&head));
    EXPECT_EQ(values_of(&head), (Values{1, 2, 3}));
    EXPECT_EQ(dequeue_head(&head), &elements[0].chain);
    EXPECT_EQ(dequeue_tail(&head), &elements[2].chain);
    EXPECT_EQ(values_of(&head), (Values{2}));
    EXPECT_EQ(elements[0].chain.next, nullptr) << "out of any queue";
}

// Facts: insque, remque, remqueue, re_queue_head, re_queue_tail, movqueue
TEST(QueueEntries, MoveWithinAndBetweenQueues) {
    queue_head_t head, other;
    queue_init(&head);
    queue_init(&other);
    Element elements[3] = {{1, {}}, {2, {}}, {3, {}}};
    insque(&elements[0].chain, &head);
    insque(&elements[2].chain, &elements[0].chain);
    insque(&elements[1].chain, &elements[0].chain);
    EXPECT_EQ(values_of(&head), (Values{1, 2, 3}));
    re_queue_tail(&head, &elements[0].chain);
    EXPECT_EQ(values_of(&head), (Values{2, 3, 1}));
    re_queue_head(&head, &elements[2].chain);
    EXPECT_EQ(values_of(&head), (Values{3, 2, 1}));
    remque(&elements[1].chain);
    EXPECT_EQ(values_of(&head), (Values{3, 1}));
    movqueue(&head, &other);
    EXPECT_TRUE(queue_empty(&head));
    EXPECT_EQ(values_of(&other), (Values{3, 1}));
    remqueue(&elements[2].chain);
    remqueue(&elements[0].chain);
    EXPECT_TRUE(queue_empty(&other));
    movqueue(&head, &other);  // nothing
    EXPECT_TRUE(queue_empty(&other));
}

// Facts: qe_element, qe_foreach, qe_foreach_safe, qe_foreach_element, qe_foreach_element_safe
TEST(QueueEntries, AreIteratedWhileTheyLeave) {
    queue_head_t head;
    queue_init(&head);
    Element elements[3] = {{1, {}}, {2, {}}, {3, {}}};
    const auto fill = [&] {
        for (Element& element : elements) enqueue_tail(&head, &element.chain);
    };
    fill();
    int sum = 0;
    queue_entry_t entry = nullptr;
    qe_foreach(entry, &head) {
        sum += qe_element(entry, Element, chain)->value;
    }
    EXPECT_EQ(sum, 6);
    Element* each = nullptr;
    qe_foreach_element(each, &head, chain) {
        sum += each->value;
    }
    EXPECT_EQ(sum, 12);
    qe_foreach_safe(entry, &head) {
        remqueue(entry);
        ++sum;
    }
    EXPECT_EQ(sum, 15);
    EXPECT_TRUE(queue_empty(&head));
    fill();
    Values seen;
    qe_foreach_element_safe(each, &head, chain) {
        seen.push_back(each->value);
        remqueue(&each->chain);
    }
    EXPECT_EQ(seen, (Values{1, 2, 3}));
    EXPECT_TRUE(queue_empty(&head));
    qe_foreach_safe(entry, &head) {
        ADD_FAILURE();
    }
    qe_foreach_element_safe(each, &head, chain) {
        ADD_FAILURE();
    }
}

// Facts: queue_enter, queue_enter_first, queue_iterate, queue_remove, queue_remove_first
// Facts: queue_remove_last, queue_field
TEST(QueueElements, InsertIterateAndRemove) {
    queue_head_t head;
    queue_init(&head);
    Element elements[3] = {{1, {}}, {2, {}}, {3, {}}};
    queue_enter(&head, &elements[1], Element*, chain);
    queue_enter(&head, &elements[2], Element*, chain);
    queue_enter_first(&head, &elements[0], Element*, chain);
    Values seen;
    Element* each = nullptr;
    queue_iterate(&head, each, Element*, chain) {
        seen.push_back(each->value);
    }
    EXPECT_EQ(seen, (Values{1, 2, 3}));
    auto* second = reinterpret_cast<queue_entry_t>(&elements[1]);
    EXPECT_EQ(queue_field(&head, second, Element*, chain), &elements[1].chain);
    EXPECT_EQ(queue_field(&head, &head, Element*, chain), &head);
    queue_remove(&head, &elements[1], Element*, chain);
    EXPECT_EQ(elements[1].chain.next, nullptr);
    queue_remove_first(&head, each, Element*, chain);
    EXPECT_EQ(each, &elements[0]);
    queue_remove_last(&head, each, Element*, chain);
    EXPECT_EQ(each, &elements[2]);
    EXPECT_TRUE(queue_empty(&head));
    queue_enter_first(&head, &elements[1], Element*, chain);
    EXPECT_EQ(values_of_elements(&head), (Values{2}));
}

// Facts: queue_insert_before, queue_insert_after, queue_assign, queue_new_head
TEST(QueueElements, AreInsertedInTheMiddleAndGetANewHead) {
    queue_head_t head, assigned, moved, none;
    queue_init(&head);
    Element elements[5] = {{1, {}}, {2, {}}, {3, {}}, {4, {}}, {5, {}}};
    queue_enter(&head, &elements[1], Element*, chain);
    queue_enter(&head, &elements[3], Element*, chain);
    queue_insert_before(&head, &elements[0], &elements[1], Element*, chain);
    queue_insert_after(&head, &elements[2], &elements[1], Element*, chain);
    queue_insert_after(&head, &elements[4], &elements[3], Element*, chain);
    EXPECT_EQ(values_of_elements(&head), (Values{1, 2, 3, 4, 5}));
    queue_assign(&assigned, &head, Element*, chain);
    EXPECT_EQ(values_of_elements(&assigned), (Values{1, 2, 3, 4, 5}));
    queue_new_head(&assigned, &moved, Element*, chain);
    EXPECT_EQ(values_of_elements(&moved), (Values{1, 2, 3, 4, 5}));
    queue_init(&none);
    queue_new_head(&none, &head, Element*, chain);
    EXPECT_TRUE(queue_empty(&head));
}

// Facts: queue_head_init, queue_chain_init, QUEUE_HEAD_INITIALIZER, queue_first, queue_last
// Facts: queue_next, queue_prev, queue_end
TEST(QueueEntries, StartEmpty) {
    queue_head_t head;
    queue_head_init(head);
    EXPECT_EQ(queue_first(&head), &head);
    EXPECT_EQ(queue_last(&head), &head);
    queue_chain_t chain;
    queue_chain_init(chain);
    EXPECT_EQ(queue_next(&chain), &chain);
    EXPECT_EQ(queue_prev(&chain), &chain);
    static queue_head_t fixed = QUEUE_HEAD_INITIALIZER(fixed);
    EXPECT_TRUE(queue_empty(&fixed));
    enqueue_tail(&fixed, &chain);
    EXPECT_EQ(queue_first(&fixed), &chain);
    EXPECT_EQ(queue_next(&chain), &fixed);
    EXPECT_TRUE(queue_end(&fixed, queue_next(queue_first(&fixed))));
    remqueue(&chain);
}

}  // namespace
