/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOHISTOGRAMREPORTER_H
#define DRIVERKIT_IOHISTOGRAMREPORTER_H

#include <DriverKit/IOReporter.h>

struct OPENDEXT_EXPORT IOHistogramReporter_IVars : public IOReporter_IVars {
    IOHistogramReporter_IVars(IOService* reportingService, IOReportChannelType channelType,
                              IOReportUnit unit, const OSString* channelName,
                              IOReportCategories categories, uint64_t channelID, int nSegments,
                              IOHistogramSegmentConfig* config);
    ~IOHistogramReporter_IVars() override;

    /* With kIOReportLegendConfigKey: the segments as they were given (OSData). */
    OSSharedPtr<IOReportLegendEntry> handleCreateLegend() override;

    int segmentCount;
    IOHistogramSegmentConfig* histogramSegmentsConfig;
    int64_t* bucketBounds; /* the largest value of each bucket */
    int bucketCount;
};

extern OPENDEXT_EXPORT OSMetaClass* gIOHistogramReporterMetaClass;

/* One channel that sorts values into buckets. The first bucket of the first segment starts at 0 and
 * is base_bucket_width wide. In a linear segment all buckets are that wide, in an exponential one
 * each is twice as wide as the one before; a segment goes on where the one before ends. Smaller
 * values count in the first bucket, larger ones in the last. */
class OPENDEXT_EXPORT IOHistogramReporter : public IOReporter {
  public:
    using super = IOReporter;

    static IOHistogramReporter* with(IOService* reportingService, IOReportCategories categories,
                                     uint64_t channelID, const char* channelName, IOReportUnit unit,
                                     int nSegments, IOHistogramSegmentConfig* config);
    bool initWith(IOService* reportingService, IOReportCategories categories, uint64_t channelID,
                  const char* channelName, IOReportUnit unit, int nSegments,
                  IOHistogramSegmentConfig* config);

    /* A histogram has the one channel of its creation: kIOReturnUnsupported. */
    IOReturn addChannel(uint64_t channelID, const char* channelName = nullptr) override;

    /* Returns the index of the bucket, or -1. */
    int tallyValue(int64_t value);
    /* For devices that count by themselves. */
    IOReturn overrideBucketValues(unsigned int index, uint64_t bucket_hits, int64_t bucket_min,
                                  int64_t bucket_max, int64_t bucket_sum);
};

static inline IOHistogramReporter_IVars* get_IOHistogramReporter_IVars(IOHistogramReporter* p) {
    return static_cast<IOHistogramReporter_IVars*>(p->ivars);
}
static inline IOHistogramReporter_IVars* get_IOHistogramReporter_IVars(
    IOHistogramReporter_IVars* p) {
    return p;
}

#endif /* DRIVERKIT_IOHISTOGRAMREPORTER_H */
