/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PairProtocol_h
#define PairProtocol_h

/* Both sides' user clients have the same calls; each gives two numbers. */
enum {
    kPairTell,   /* in: a number for the other side; out: what it answered */
    kPairHeard,  /* out: the last number that the other side told, how many there were */
    kPairWhere,  /* out: whether the nub lives in this process */
    kPairReplug, /* control only: the nub goes, and another one comes */
};

/* The nub, in the process where it lives. */
class PairNub;
extern PairNub* gPairNub;

#endif
