/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver and its clients agree on. The test reads the enumerators: $Echo in a case is
 * kSuiteEcho. */
#ifndef SuiteProtocol_h
#define SuiteProtocol_h

#include <stdint.h>

/* Types of user clients. */
enum {
    kSuiteTypeOrdinary = 0,
    kSuiteTypeGuarded = 1,   /* its properties ask for an entitlement of the program */
    kSuiteTypeExclusive = 5, /* NewUserClient gives kIOReturnExclusiveAccess */
    kSuiteTypeCrash = 7,     /* NewUserClient does not return */
    kSuiteTypeService = 8,   /* NewUserClient gives an object that is no user client */
    kSuiteTypeNothing = 9,   /* NewUserClient succeeds without an object */
    kSuiteTypeMissing = 10,  /* NewUserClient creates from properties that are not there */
    kSuiteTypeNoStart = 11,  /* the user client's Start gives kIOReturnNoResources */
};

/* Selectors without a dispatch table. */
enum {
    kSuiteEcho =
        0, /* each scalar + 1 (100, 101 ... where none came); the structure's bits inverted */
    kSuiteWho = 1,  /* out: the user client object, the process, the service object, user clients */
    kSuiteFail = 2, /* in: a code; gives it, with scalars and a structure set all the same */
    kSuiteLater = 3,  /* async; in: how many, arguments of each, status, place (SuitePlace) */
    kSuiteKeep = 4,   /* async; keeps the completion */
    kSuiteFire = 5,   /* completes the kept one with the scalars that came */
    kSuiteDrop = 6,   /* lets go of the kept one */
    kSuiteCrash = 7,  /* does not return */
    kSuiteHang = 8,   /* fires the kept completion, then waits for the end of its process */
    kSuiteLarge = 9,  /* in: a size; gives that much in structureOutput whatever the room is */
    kSuiteFewer = 10, /* gives one scalar and four bytes whatever the room is */
    kSuiteMore = 11,  /* claims one more scalar than there is room for */
    kSuitePeek = 12,  /* in: memory type, offset; out: 32 bits there */
    kSuitePoke = 13,  /* in: memory type, offset, 32 bits */
    kSuiteTake = 14,  /* in: options, then address and length of ranges of the program; out: length,
                         sum of the bytes. Keeps the descriptor */
    kSuiteTaken = 15, /* in: what to add to each byte of what was taken; out: its sum before */
    kSuiteCount = 16, /* counts itself; out: how often, the last scalar that came */
    kSuiteFailAsync = 17, /* async; completes, then gives kIOReturnBusy */
    kSuiteBoth = 18,      /* sets structureOutput although there is a structureOutputDescriptor */
    kSuiteClose = 19,     /* terminates the user client */
};

/* Where kSuiteLater completes. */
enum SuitePlace { kSuiteWithin = 0, kSuiteFromQueue = 1, kSuiteFromDefault = 2 };

/* Selectors with a dispatch table: the name says what is checked. */
enum {
    kSuiteTable = 32,
    kSuiteTwoIn = 32,
    kSuiteTwoOut = 33,
    kSuiteSixteenBytesIn = 34,
    kSuiteSixteenBytesOut = 35,
    kSuiteWithCompletion = 36,
    kSuiteWithoutCompletion = 37,
    kSuiteAnything = 38,
    kSuiteNoFunction = 39,    /* two scalars in, no function */
    kSuiteLargeBytesIn = 40,  /* 8192 bytes in: a descriptor */
    kSuiteLargeBytesOut = 41, /* 8192 bytes out: a descriptor */
    kSuiteTableEnd = 42,
};

/* Types of memory. */
enum {
    kSuiteMemory = 0,
    kSuiteMemoryReadOnly = 1,
    kSuiteQueueOut = 2, /* driver to program */
    kSuiteQueueIn = 3,  /* program to driver, which sends each entry back with its bits inverted */
    kSuiteMemoryKinds = 4,
};
enum { kSuiteMemorySize = 8192, kSuiteMark = 0x5017e };

#endif
