/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOKERNELREPORTSTRUCTS_H
#define DRIVERKIT_IOKERNELREPORTSTRUCTS_H

/* What reporters write into elements, and the keys of the legend that a service publishes about its
 * channels. docs/facts/driverkit-api.csv (IOKernelReportStructs.h). */
#include <stdint.h>

#include <DriverKit/IOReportTypes.h>

#define kIOReportLegendPublicKey "IOReportLegendPublic"
#define kIOReportLegendKey "IOReportLegend"
#define kIOReportLegendChannelsKey "IOReportChannels"
#define kIOReportLegendGroupNameKey "IOReportGroupName"
#define kIOReportLegendSubGroupNameKey "IOReportSubGroupName"
#define kIOReportLegendInfoKey "IOReportChannelInfo"
#define kIOReportLegendUnitKey "IOReportChannelUnit"
#define kIOReportLegendConfigKey "IOReportChannelConfig"
#define kIOReportLegendStateNamesKey "IOReportChannelStateNames"

/* A channel in the legend is an array: id, type, name. */
#define kIOReportChannelIDIdx 0
#define kIOReportChannelTypeIdx 1
#define kIOReportChannelNameIdx 2

/* kIOReportFormatSimple */
typedef struct {
    int64_t simple_value;
    uint64_t reserved1;
    uint64_t reserved2;
    uint64_t reserved3;
} __attribute__((packed)) IOSimpleReportValues;

/* kIOReportFormatSimpleArray */
typedef struct {
    int64_t simple_values[4];
} __attribute__((packed)) IOSimpleArrayReportValues;

/* kIOReportFormatState */
typedef struct {
    uint64_t state_id;          /* number, or a name made by IOREPORT_MAKEID */
    uint64_t intransitions;     /* how often the state was entered */
    uint64_t upticks;           /* ticks spent in it */
    uint64_t last_intransition; /* when it was entered last, in ticks */
} __attribute__((packed)) IOStateReportValues;

/* kIOReportFormatHistogram */
typedef struct {
    uint64_t bucket_hits;
    int64_t bucket_min;
    int64_t bucket_max;
    int64_t bucket_sum;
} __attribute__((packed)) IOHistogramReportValues;

/* A run of buckets of a histogram. */
typedef struct {
    uint32_t base_bucket_width;    /* of the first bucket */
    uint32_t scale_flag;           /* kIOHistogramScaleLinear, kIOHistogramScaleExponential */
    uint32_t segment_idx;          /* which segment this is, from 0 */
    uint32_t segment_bucket_count; /* how many buckets it has */
} __attribute__((packed)) IOHistogramSegmentConfig;

#define kIOHistogramScaleLinear 0
#define kIOHistogramScaleExponential 1

/* A normal distribution. */
typedef struct {
    uint64_t samples;
    uint64_t mean;
    uint64_t variance;
    uint64_t reserved;
} __attribute__((packed)) IONormDistReportValues;

#endif /* DRIVERKIT_IOKERNELREPORTSTRUCTS_H */
