/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's end of a data queue of the client library: docs/facts/semantics.md section 11,
 * IODataQueueMemory. */
#ifndef StrainRing_h
#define StrainRing_h

#include <stdint.h>
#include <string.h>

#include "StrainProtocol.h"

enum { kStrainRecordMax = 68 };

struct StrainRing {
    uint32_t queueSize;
    uint32_t head; /* the client's */
    uint32_t tail;
    uint8_t queue[16384 - 12 - 28]; /* no multiple of a record: entries go round the end */
};

/* Record `number`: its number, then bytes that follow from it; 8 to 68 bytes in all. */
static inline uint32_t strain_record(uint64_t number, uint8_t* record) {
    const uint32_t size = 8 + static_cast<uint32_t>(number % 16) * 4;
    memcpy(record, &number, 8);
    for (uint32_t i = 8; i < size; ++i) record[i] = static_cast<uint8_t>(number * 7 + i);
    return size;
}

static inline void strain_put(StrainRing* ring, uint32_t at, const uint8_t* record, uint32_t size) {
    memcpy(ring->queue + at, &size, 4);
    memcpy(ring->queue + at + 4, record, size);
}

/* False if there is no room now. Only a client that writes nonsense makes head what it cannot be.
 */
static inline bool strain_enqueue(StrainRing* ring, const uint8_t* record, uint32_t size) {
    const uint32_t room = sizeof ring->queue;
    const uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    const uint32_t tail = ring->tail;
    const uint32_t entry = size + 4;
    uint32_t at = tail;
    if (head > room || tail > room) return false;
    if (tail >= head) {
        if (tail + entry > room) { /* goes to the beginning, behind which head must stay */
            if (head <= entry) return false;
            if (room - tail >= 4) memcpy(ring->queue + tail, &size, 4);
            at = 0;
        }
    } else if (head - tail <= entry) {
        return false;
    }
    strain_put(ring, at, record, size);
    __atomic_store_n(&ring->tail, at + entry, __ATOMIC_RELEASE);
    return true;
}

#endif
