/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _KERN_QUEUE_H_
#define _KERN_QUEUE_H_

/* Doubly linked queues in the element: a ring through a head. Names of the functions and macros:
 * docs/facts/driverkit-api.csv (queue_entry and its neighbours). Not thread-safe. */
#include <stdbool.h>
#include <stddef.h>

#include <DriverKit/macro_help.h>

struct queue_entry {
    struct queue_entry* next;
    struct queue_entry* prev;
};
typedef struct queue_entry* queue_t;
typedef struct queue_entry queue_head_t;
typedef struct queue_entry queue_chain_t;
typedef struct queue_entry* queue_entry_t;

#define QUEUE_HEAD_INITIALIZER(name) {&(name), &(name)}

#define queue_init(q) ((q)->next = (q)->prev = (q))
#define queue_head_init(q) queue_init(&(q))
#define queue_chain_init(q) queue_init(&(q))
#define queue_first(q) ((q)->next)
#define queue_next(qc) ((qc)->next)
#define queue_last(q) ((q)->prev)
#define queue_prev(qc) ((qc)->prev)
#define queue_end(q, qe) ((q) == (qe))
#define queue_empty(q) queue_end((q), queue_first(q))

static inline void insque(queue_entry_t entry, queue_entry_t pred) {
    entry->next = pred->next;
    entry->prev = pred;
    pred->next->prev = entry;
    pred->next = entry;
}
static inline void remqueue(queue_entry_t elt) {
    elt->next->prev = elt->prev;
    elt->prev->next = elt->next;
    elt->next = NULL;
    elt->prev = NULL;
}
static inline void remque(queue_entry_t elt) {
    remqueue(elt);
}
static inline void enqueue_head(queue_t que, queue_entry_t elt) {
    insque(elt, que);
}
static inline void enqueue_tail(queue_t que, queue_entry_t elt) {
    insque(elt, que->prev);
}
static inline queue_entry_t dequeue_head(queue_t que) {
    queue_entry_t elt = NULL;
    if (!queue_empty(que)) {
        elt = que->next;
        remqueue(elt);
    }
    return elt;
}
static inline queue_entry_t dequeue_tail(queue_t que) {
    queue_entry_t elt = NULL;
    if (!queue_empty(que)) {
        elt = que->prev;
        remqueue(elt);
    }
    return elt;
}
static inline void re_queue_head(queue_t que, queue_entry_t elt) {
    remqueue(elt);
    enqueue_head(que, elt);
}
static inline void re_queue_tail(queue_t que, queue_entry_t elt) {
    remqueue(elt);
    enqueue_tail(que, elt);
}
/* All elements of `_old` become those of `_new`; `_old` is empty afterwards. */
static inline void movqueue(queue_t _old, queue_t _new) {
    if (queue_empty(_old)) {
        queue_init(_new);
        return;
    }
    _new->next = _old->next;
    _new->prev = _old->prev;
    _new->next->prev = _new;
    _new->prev->next = _new;
    queue_init(_old);
}

/* First form: the chain is a member `field` of the element, and links point to that member. */
#define qe_element(qe, type, field) ((type*)((void*)((char*)(qe) - offsetof(type, field))))
#define qe_foreach(qe, head) for ((qe) = (head)->next; (qe) != (head); (qe) = (qe)->next)
#define qe_foreach_safe(qe, head)                                      \
    for (queue_entry_t od_next_ = (head)->next->next,                  \
                       *od_once_ = (((qe) = (head)->next), &od_next_); \
         od_once_ && (qe) != (head); (qe) = od_next_, od_next_ = (qe)->next)
#define qe_foreach_element(elt, head, field)                                                   \
    for ((elt) = qe_element((head)->next, __typeof__(*(elt)), field); &(elt)->field != (head); \
         (elt) = qe_element((elt)->field.next, __typeof__(*(elt)), field))
#define qe_foreach_element_safe(elt, head, field)                                                 \
    for (queue_entry_t                                                                            \
             od_next_ = (head)->next->next,                                                       \
             od_start_ = (((elt) = qe_element((head)->next, __typeof__(*(elt)), field)), (head)); \
         &(elt)->field != od_start_;                                                              \
         (elt) = qe_element(od_next_, __typeof__(*(elt)), field), od_next_ = od_next_->next)

/* Second form: links point to the elements themselves (or to the head), the chain is their member
 * `field`. */
#define queue_field(head, thing, type, field) \
    (((head) == (thing)) ? (head) : &((type)(void*)(thing))->field)
#define queue_enter(head, elt, type, field)                                    \
    do {                                                                       \
        queue_entry_t od_last_ = (head)->prev;                                 \
        if ((head) == od_last_) {                                              \
            (head)->next = (queue_entry_t)(void*)(elt);                        \
        } else {                                                               \
            ((type)(void*)od_last_)->field.next = (queue_entry_t)(void*)(elt); \
        }                                                                      \
        (elt)->field.prev = od_last_;                                          \
        (elt)->field.next = (head);                                            \
        (head)->prev = (queue_entry_t)(void*)(elt);                            \
    } while (0)
#define queue_enter_first(head, elt, type, field)                               \
    do {                                                                        \
        queue_entry_t od_first_ = (head)->next;                                 \
        if ((head) == od_first_) {                                              \
            (head)->prev = (queue_entry_t)(void*)(elt);                         \
        } else {                                                                \
            ((type)(void*)od_first_)->field.prev = (queue_entry_t)(void*)(elt); \
        }                                                                       \
        (elt)->field.next = od_first_;                                          \
        (elt)->field.prev = (head);                                             \
        (head)->next = (queue_entry_t)(void*)(elt);                             \
    } while (0)
#define queue_insert_before(head, elt, cur, type, field)                                \
    do {                                                                                \
        queue_entry_t od_prev_ =                                                        \
            queue_field((head), (queue_entry_t)(void*)(cur), type, field)->prev;        \
        (elt)->field.next = (queue_entry_t)(void*)(cur);                                \
        (elt)->field.prev = od_prev_;                                                   \
        queue_field((head), od_prev_, type, field)->next = (queue_entry_t)(void*)(elt); \
        queue_field((head), (queue_entry_t)(void*)(cur), type, field)->prev =           \
            (queue_entry_t)(void*)(elt);                                                \
    } while (0)
#define queue_insert_after(head, elt, cur, type, field)                                 \
    do {                                                                                \
        queue_entry_t od_next_ =                                                        \
            queue_field((head), (queue_entry_t)(void*)(cur), type, field)->next;        \
        (elt)->field.prev = (queue_entry_t)(void*)(cur);                                \
        (elt)->field.next = od_next_;                                                   \
        queue_field((head), od_next_, type, field)->prev = (queue_entry_t)(void*)(elt); \
        queue_field((head), (queue_entry_t)(void*)(cur), type, field)->next =           \
            (queue_entry_t)(void*)(elt);                                                \
    } while (0)
#define queue_remove(head, elt, type, field)                   \
    do {                                                       \
        queue_entry_t od_n_ = (elt)->field.next;               \
        queue_entry_t od_p_ = (elt)->field.prev;               \
        queue_field((head), od_n_, type, field)->prev = od_p_; \
        queue_field((head), od_p_, type, field)->next = od_n_; \
        (elt)->field.next = NULL;                              \
        (elt)->field.prev = NULL;                              \
    } while (0)
#define queue_remove_first(head, entry, type, field) \
    do {                                             \
        (entry) = (type)(void*)((head)->next);       \
        queue_remove((head), (entry), type, field);  \
    } while (0)
#define queue_remove_last(head, entry, type, field) \
    do {                                            \
        (entry) = (type)(void*)((head)->prev);      \
        queue_remove((head), (entry), type, field); \
    } while (0)
#define queue_assign(to, from, type, field)               \
    do {                                                  \
        ((type)(void*)((from)->prev))->field.next = (to); \
        ((type)(void*)((from)->next))->field.prev = (to); \
        *(to) = *(from);                                  \
    } while (0)
#define queue_new_head(old, new, type, field)        \
    do {                                             \
        if (!queue_empty(old)) {                     \
            queue_assign((new), (old), type, field); \
        } else {                                     \
            queue_init(new);                         \
        }                                            \
    } while (0)
#define queue_iterate(head, elt, type, field)                                                     \
    for ((elt) = (type)(void*)queue_first(head); !queue_end((head), (queue_entry_t)(void*)(elt)); \
         (elt) = (type)(void*)queue_next(&(elt)->field))

#endif /* _KERN_QUEUE_H_ */
