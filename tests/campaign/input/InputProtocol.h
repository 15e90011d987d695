/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of the campaign and the drivers in this folder say to each other in reports.
 * All numbers are little endian. */
#ifndef InputProtocol_h
#define InputProtocol_h

/* Points that a driver comes to. */
enum {
    kInputNowhere,
    /* Of keyboards. */
    kInputInHandleReport,
    kInputInHandleKeyboardReport,
    kInputInSetLED,
    kInputInSetProperties,
    kInputInStop,
    kInputInParseElements,
    kInputInPostProcessElements,
    /* Of pads. */
    kInputInSetReport,
    kInputInGetReport,
    kInputInNewDeviceDescription,
    kInputInNewReportDescriptor,
    /* Of both. */
    kInputInHandleStart,
    kInputInStart,
    kInputPoints,
};

/* What it does there. Keep, Twice and Long are for the points of a pad's reports: the request is
 * never completed, completed twice, completed with more bytes than there are. */
enum {
    kInputHang,
    kInputNullWrite,
    kInputAbort,
    kInputExit,
    kInputSpin,
    kInputKeep,
    kInputTwice,
    kInputLong,
    kInputFaults
};

enum { kInputReportSize = 16, kInputFeatureSize = 8 };

/* What a report has that is to arm a point, so that garbage does not. */
enum { kInputArms = 0x5ca1ab1e };

/* Input of a keyboard: 8 bytes as ever, then sequence (4), point, fault, kind; one that arms has
 * the two lower bytes of kInputArms in its reserved byte and the last one. */
enum {
    kKeysArmsAt = 1,
    kKeysArmsTooAt = 15,
    kKeysSequenceAt = 8,
    kKeysPointAt = 12,
    kKeysFaultAt = 13,
    kKeysKindAt = 14,
};
/* Kinds of it. The driver answers each that is ordinary with a feature report. */
enum { kKeysOrdinary, kKeysNoise };

/* Feature report of a keyboard: kind, 3 unused, sequence (4). */
enum { kKeysFeatureSequenceAt = 4 };
enum { kKeysEcho = 1, kKeysOfProgram = 2, kKeysState = 3 };

/* Reports of a pad: kind, point, fault, count, sequence (4), token (4), total (4). The input has
 * the sequence and the token of the output that it answers, and which it is of all inputs of this
 * process. One that arms has kInputArms for the total. */
enum {
    kPadPointAt = 1,
    kPadFaultAt = 2,
    kPadCountAt = 3,
    kPadSequenceAt = 4,
    kPadTokenAt = 8,
    kPadTotalAt = 12,
};
/* Kinds: answer with an input report, do a fault at a point, send so many inputs. */
enum { kPadEcho = 1, kPadArm = 2, kPadBurst = 3 };
/* First byte of a pad's feature report. */
enum { kPadMagic = 0x5a };

#endif
