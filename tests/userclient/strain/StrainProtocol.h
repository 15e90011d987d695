/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver and its client program agree on. */
#ifndef StrainProtocol_h
#define StrainProtocol_h

#include <stdint.h>

/* Types of user clients. */
enum {
    kStrainOnOwnQueue,    /* its calls run on a queue of its own */
    kStrainOnSharedQueue, /* its calls run on the default queue, as those of all such clients */
    kStrainAlone, /* the only one of its type: another is refused until Stop of this one has run */
};

enum {
    kStrainWho, /* out: number of the user client, addresses of itself, its provider, the service */
    kStrainCounts, /* out: user clients made, started, stopped, freed; streams that run */
    kStrainEcho,   /* a structure in, the same out */
    kStrainAdd,    /* two scalars in, their sum out */
    kStrainStream, /* asynchronous; in: interval in us (0: full speed), count, words each, window */
    kStrainSeen,   /* in: completions taken; full speed goes on to `window` beyond */
    kStrainTooMany,  /* asynchronous; completes with 17 words, which is refused, then with 16 */
    kStrainSpin,     /* in: us in which the driver computes */
    kStrainReach,    /* in: a point where whoever comes there next is held, or none: all go on */
    kStrainRead,     /* in: address, length of program memory; out: the sum of its bytes */
    kStrainRing,     /* asynchronous doorbell; in: records to put into the ring */
    kStrainServiced, /* the ring has room again */
    kStrainSelectors,
};

/* Points of the driver's own code. */
enum {
    kStrainNowhere,
    kStrainInNewUserClient,
    kStrainInStart,
    kStrainInCall,     /* ExternalMethod has begun */
    kStrainInOutput,   /* half of the output memory is written */
    kStrainInMemory,   /* CopyClientMemoryForType */
    kStrainInRead,     /* the program's memory is mapped */
    kStrainAfterAsync, /* a completion was sent, the call has not returned */
    kStrainInStop,
    kStrainPoints,
};

enum {
    kStrainMaxWords = 16,
    kStrainPages = 0,      /* memory: a page that says "strain", shared */
    kStrainPagesRead = 1,  /* another one, read-only */
    kStrainRingMemory = 2, /* memory: a data queue that the driver fills */
    kStrainMemories,
};

/* Word `index` of completion `number`. */
static inline uint64_t strain_word(uint64_t number, uint32_t index) {
    return index == 0 ? number : number * 2654435761u + index;
}

#endif
