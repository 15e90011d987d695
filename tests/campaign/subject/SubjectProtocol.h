/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver and the programs of the campaign agree on. */
#ifndef SubjectProtocol_h
#define SubjectProtocol_h

#include <stdint.h>

enum {
    kSubjectEcho,   /* a structure in, the same out */
    kSubjectStream, /* asynchronous; in: interval in us; completes without end, numbered from 0 */
    kSubjectArm,    /* in: point, fault: whoever comes to that point next does it */
    kSubjectFault,  /* in: fault, amount: does it at once */
    kSubjectSelectors,
};

/* Points of the driver's own code. */
enum {
    kSubjectNowhere,
    kSubjectInInit,  /* of the service; armed by the file "armed" of the bundle, as the next one */
    kSubjectInStart, /* of the service; likewise */
    kSubjectInSetProperties,
    kSubjectInNewUserClient,
    kSubjectInClientInit,
    kSubjectInClientStart,
    kSubjectInExternalMethod,
    kSubjectInMemory,  /* CopyClientMemoryForType */
    kSubjectInTick,    /* the handler of a timer */
    kSubjectInRecords, /* the handler of a data queue */
    kSubjectInClientStop,
    kSubjectInClientFree,
    kSubjectInServiceStop, /* of a service that the subject makes: kSubjectServices */
    kSubjectInServiceFree,
    kSubjectInSetPowerState, /* kSubjectPower */
    kSubjectInBlock,         /* of a dispatch queue: kSubjectBlock */
    kSubjectInCancel,        /* the handler of a source's Cancel */
    kSubjectPoints,
};

enum {
    kSubjectHang, /* for ever */
    kSubjectSpin, /* for `amount` ms */
    kSubjectNullWrite,
    kSubjectAbort,
    kSubjectTrap,
    kSubjectDivide,
    kSubjectExit,     /* with status `amount` */
    kSubjectOverflow, /* of the stack */
    kSubjectDoubleFree,
    kSubjectMemory,       /* takes all there is, gives it back */
    kSubjectDescriptors,  /* likewise */
    kSubjectThreads,      /* likewise */
    kSubjectLogs,         /* writes `amount` lines */
    kSubjectProperties,   /* sets large properties `amount` times */
    kSubjectServices,     /* makes and ends `amount` services */
    kSubjectCloseControl, /* closes the socket to opendextd */
    kSubjectRawThreads,   /* takes all threads that the system gives, gives them back */
    kSubjectForks,        /* tries to make processes */
    kSubjectPower,        /* changes its power state */
    kSubjectBlock,        /* runs a block on a queue of its own */
    kSubjectFaults,
};

/* Memories: two data queues. What the program puts into one comes out of the other. */
enum { kSubjectRecordsIn, kSubjectRecordsOut, kSubjectQueueSize = 8192 };

#endif
