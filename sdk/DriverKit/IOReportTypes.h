/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOREPORTTYPES_H
#define DRIVERKIT_IOREPORTTYPES_H

/*
 * What drivers report about themselves: channels, each a number of 64 bits with a type, a unit and
 * one or more elements of four values. docs/facts/driverkit-api.csv (IOReportTypes.h).
 */
#include <stdint.h>

/* A name of up to eight letters as the number of a channel: the first letter is the highest byte.
 */
#define __IOR_lshiftchr(c, chshift) ((uint64_t)(c) << (8 * (chshift)))
#define IOREPORT_MAKEID(A, B, C, D, E, F, G, H)                              \
    (__IOR_lshiftchr(A, 7) | __IOR_lshiftchr(B, 6) | __IOR_lshiftchr(C, 5) | \
     __IOR_lshiftchr(D, 4) | __IOR_lshiftchr(E, 3) | __IOR_lshiftchr(F, 2) | \
     __IOR_lshiftchr(G, 1) | __IOR_lshiftchr(H, 0))

/* How the values of a channel are laid out. */
typedef uint8_t IOReportFormat;
enum {
    kIOReportInvalidFormat = 0,
    kIOReportFormatSimple = 1,      /* IOSimpleReportValues */
    kIOReportFormatState = 2,       /* IOStateReportValues, one element for each state */
    kIOReportFormatHistogram = 3,   /* IOHistogramReportValues, one element for each bucket */
    kIOReportFormatSimpleArray = 4, /* IOSimpleArrayReportValues */
};

/* What a channel tells about: bits. */
typedef uint16_t IOReportCategories;
#define kIOReportCategoryPower (1 << 1)
#define kIOReportCategoryTraffic (1 << 2)
#define kIOReportCategoryPerformance (1 << 3)
#define kIOReportCategoryPeripheral (1 << 4)
#define kIOReportCategoryField (1 << 8)
#define kIOReportCategoryDebug (1 << 15)
#define kIOReportInvalidCategory UINT16_MAX

typedef struct {
    uint8_t report_format; /* kIOReportFormatSimple … */
    uint8_t reserved;
    uint16_t categories;
    uint16_t nelements;  /* of the channel */
    int16_t element_idx; /* which of them, in an element; -1 for the channel as a whole */
} __attribute__((packed)) IOReportChannelType;

typedef struct {
    uint64_t channel_id;
    IOReportChannelType channel_type;
} IOReportChannel;

typedef struct {
    uint32_t nchannels;
    IOReportChannel channels[];
} IOReportChannelList;

typedef struct {
    uint64_t provider_id;
    IOReportChannel channel;
} IOReportInterest;

typedef struct {
    uint32_t ninterests;
    IOReportInterest interests[];
} IOReportInterestList;

#define IOR_VALUES_PER_ELEMENT 4
typedef struct {
    uint64_t v[IOR_VALUES_PER_ELEMENT];
} __attribute__((packed)) IOReportElementValues;

/* One element, as it is given to who asks. `timestamp` is mach_absolute_time. */
typedef struct {
    uint64_t provider_id; /* registry entry id of the service */
    uint64_t channel_id;
    IOReportChannelType channel_type;
    uint64_t timestamp;
    IOReportElementValues values;
} __attribute__((packed)) IOReportElement;

/* A value that is not there. */
#define kIOReportInvalidIntValue INT64_MIN
#define kIOReportInvalidValue (uint64_t)kIOReportInvalidIntValue

/* IOService::ConfigureReport */
typedef uint32_t IOReportConfigureAction;
enum {
    kIOReportDisable = 0,
    kIOReportEnable = 1,
    kIOReportGetDimensions = 2,
    kIOReportNotifyHubOnChange = 0x10,
    kIOReportTraceOnChange = 0x20,
};

/* IOService::UpdateReport */
typedef uint32_t IOReportUpdateAction;
enum {
    kIOReportCopyChannelData = 1,
    kIOReportTraceChannelData = 2,
};

/*
 * A unit: what is counted in the highest byte, and below it by how much. The scale is the product
 * of a cardinal of the machine, a power of 2, a power of 10 and a constant; the exponents are
 * stored with kIOReportExpZeroOffset added, and 0 stands for no factor.
 */
typedef uint64_t IOReportUnit;
typedef uint64_t IOReportUnits; /* the same under an older name */
typedef uint8_t IOReportQuantity;
typedef uint64_t IOReportScaleFactor;

#define __IOR_MAKEUNIT(quantity, scale) (((IOReportUnit)(quantity) << 56) | (uint64_t)(scale))
#define IOREPORT_GETUNIT_QUANTITY(unit) ((IOReportQuantity)((uint64_t)(unit) >> 56))
#define IOREPORT_GETUNIT_SCALE(unit) ((IOReportScaleFactor)(unit) & 0x00ffffffffffffffULL)

enum {
    kIOReportQuantityUndefined = 0,
    kIOReportQuantityTime = 1,         /* seconds */
    kIOReportQuantityPower = 2,        /* watts */
    kIOReportQuantityEnergy = 3,       /* joules */
    kIOReportQuantityCurrent = 4,      /* amperes */
    kIOReportQuantityVoltage = 5,      /* volts */
    kIOReportQuantityCapacitance = 6,  /* farads */
    kIOReportQuantityInductance = 7,   /* henries */
    kIOReportQuantityFrequency = 8,    /* hertz */
    kIOReportQuantityData = 9,         /* bits */
    kIOReportQuantityTemperature = 10, /* degrees Celsius */
    kIOReportQuantityEventCount = 100,
    kIOReportQuantityPacketCount = 101,
    kIOReportQuantityCPUInstrs = 102,
};

#define kIOReportExpBase (-127)
#define kIOReportExpZeroOffset (-(kIOReportExpBase))

#define kIOReportScaleConstMask 0x000000007fffffffULL
#define kIOReportScaleOneOver (1ULL << 31) /* divide by the constant instead */
#define kIOReportScaleSIShift 32
#define kIOReportScaleSIMask 0x000000ff00000000ULL
#define kIOReportScaleIECShift 40
#define kIOReportScaleIECMask 0x0000ff0000000000ULL
#define kIOReportCardinalShift 48
#define kIOReportCardinalMask 0x00ff000000000000ULL

#define OPENDEXT_IOR_SI(exponent) \
    ((uint64_t)((exponent) + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define OPENDEXT_IOR_IEC(exponent) \
    ((uint64_t)((exponent) + kIOReportExpZeroOffset) << kIOReportScaleIECShift)

#define kIOReportScaleUnity 0ULL
#define kIOReportScalePico OPENDEXT_IOR_SI(-12)
#define kIOReportScaleNano OPENDEXT_IOR_SI(-9)
#define kIOReportScaleMicro OPENDEXT_IOR_SI(-6)
#define kIOReportScaleMilli OPENDEXT_IOR_SI(-3)
#define kIOReportScaleKilo OPENDEXT_IOR_SI(3)
#define kIOReportScaleMega OPENDEXT_IOR_SI(6)
#define kIOReportScaleGiga OPENDEXT_IOR_SI(9)
#define kIOReportScaleTera OPENDEXT_IOR_SI(12)

/* Data counts bits: a byte is 2^3 of them. */
#define kIOReportScaleBits kIOReportScaleUnity
#define kIOReportScaleBytes OPENDEXT_IOR_IEC(3)
#define kIOReportScaleKibi OPENDEXT_IOR_IEC(10)
#define kIOReportScaleKiBytes OPENDEXT_IOR_IEC(13)
#define kIOReportScaleMebi OPENDEXT_IOR_IEC(20)
#define kIOReportScaleMiBytes OPENDEXT_IOR_IEC(23)
#define kIOReportScaleGibi OPENDEXT_IOR_IEC(30)
#define kIOReportScaleGiBytes OPENDEXT_IOR_IEC(33)
#define kIOReportScaleTebi OPENDEXT_IOR_IEC(40)
#define kIOReportScaleTiBytes OPENDEXT_IOR_IEC(43)

#define kIOReportScaleMachHWTicks (1ULL << kIOReportCardinalShift)
#define kIOReportScaleHWPageSize (2ULL << kIOReportCardinalShift)

#define kIOReportScale4KiB (4 | kIOReportScaleKiBytes)
#define kIOReportScale8KiB (8 | kIOReportScaleKiBytes)
#define kIOReportScale16KiB (16 | kIOReportScaleKiBytes)

/* Ticks of clocks, as fractions of a second. */
#define kIOReportScale1GHz (1 | kIOReportScaleNano)
#define kIOReportScale24MHz (kIOReportScaleOneOver | 24 | kIOReportScaleMicro)

#define kIOReportUnitNone __IOR_MAKEUNIT(kIOReportQuantityUndefined, kIOReportScaleUnity)

#define kIOReportUnit_s __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleUnity)
#define kIOReportUnit_ms __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMilli)
#define kIOReportUnit_us __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMicro)
#define kIOReportUnit_ns __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleNano)
#define kIOReportUnit1GHzTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScale1GHz)
#define kIOReportUnit24MHzTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScale24MHz)
#define kIOReportUnitHWTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMachHWTicks)

#define kIOReportUnit_J __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleUnity)
#define kIOReportUnit_mJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleMilli)
#define kIOReportUnit_uJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleMicro)
#define kIOReportUnit_nJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleNano)
#define kIOReportUnit_pJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScalePico)

#define kIOReportUnitBits __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleBits)
#define kIOReportUnitBytes __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleBytes)
#define kIOReportUnit_KiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleKiBytes)
#define kIOReportUnit_MiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleMiBytes)
#define kIOReportUnit_GiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleGiBytes)
#define kIOReportUnit_TiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleTiBytes)

#define kIOReportUnitEvents __IOR_MAKEUNIT(kIOReportQuantityEventCount, kIOReportScaleUnity)
#define kIOReportUnitPackets __IOR_MAKEUNIT(kIOReportQuantityPacketCount, kIOReportScaleUnity)
#define kIOReportUnitInstrs __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleUnity)
#define kIOReportUnit_KI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleKilo)
#define kIOReportUnit_MI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleMega)
#define kIOReportUnit_GI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleGiga)

#endif /* DRIVERKIT_IOREPORTTYPES_H */
