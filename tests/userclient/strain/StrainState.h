/* SPDX-License-Identifier: Apache-2.0 */
#ifndef StrainState_h
#define StrainState_h

#include <stdint.h>

class StrainService;

/* What all objects of the process share. */
struct StrainState {
    _Atomic(uint64_t) made;
    _Atomic(uint64_t) started;
    _Atomic(uint64_t) stopped;
    _Atomic(uint64_t) freed;
    _Atomic(uint64_t) streams;
    _Atomic(uint64_t) point; /* where the next one is held */
    _Atomic(uint64_t) held;  /* somebody is */
    _Atomic(bool) alone;     /* there is a client of type kStrainAlone */
};

extern StrainState gStrain;
extern StrainService* gStrainService;

/* Stays here, once, if the test asked for it: until it is let go, or the process is killed. */
void StrainReach(uint64_t point);

#endif
