// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOHistogramReporter.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <cstring>
#include <vector>

#include "runtime/reporters/reporter_class.h"

using namespace opendext::runtime;

OSMetaClass* gIOHistogramReporterMetaClass;

namespace {

ContainerRegistration<IOHistogramReporter> g_histogram("IOHistogramReporter", "IOReporter",
                                                       &gIOHistogramReporterMetaClass);

static_assert(sizeof(IOHistogramReportValues) == sizeof(IOReportElementValues));

/// The largest value of each bucket; empty if the segments make no sense.
std::vector<int64_t> bounds_of(const IOHistogramSegmentConfig* config, int count) {
    std::vector<int64_t> bounds;
    int64_t bound = 0;
    for (int i = 0; config != nullptr && i < count; ++i) {
        const IOHistogramSegmentConfig& segment = config[i];
        const bool exponential = segment.scale_flag == kIOHistogramScaleExponential;
        if (segment.base_bucket_width == 0 || segment.segment_bucket_count == 0 ||
            segment.segment_bucket_count > INT16_MAX - bounds.size() ||
            (!exponential && segment.scale_flag != kIOHistogramScaleLinear)) {
            return {};
        }
        int64_t width = segment.base_bucket_width;
        for (uint32_t bucket = 0; bucket < segment.segment_bucket_count; ++bucket) {
            if (__builtin_add_overflow(bound, width, &bound)) return {};
            bounds.push_back(bound);
            if (exponential && __builtin_add_overflow(width, width, &width)) width = INT64_MAX;
        }
    }
    return bounds;
}

uint16_t buckets_of(const IOHistogramSegmentConfig* config, int count) {
    return static_cast<uint16_t>(bounds_of(config, count).size());
}

}  // namespace

IOHistogramReporter_IVars::IOHistogramReporter_IVars(
    IOService* reportingService, IOReportChannelType type, IOReportUnit reportUnit,
    const OSString* channelName, IOReportCategories categories, uint64_t channelID, int nSegments,
    IOHistogramSegmentConfig* config)
    : IOReporter_IVars(reportingService,
                       {type.report_format, 0, categories, buckets_of(config, nSegments), 0},
                       reportUnit),
      segmentCount(0),
      histogramSegmentsConfig(nullptr),
      bucketBounds(nullptr),
      bucketCount(0) {
    if (!valid()) return;
    IVarsInvalidator invalidator(*this);
    const std::vector<int64_t> bounds = bounds_of(config, nSegments);
    histogramSegmentsConfig = IONewZero(IOHistogramSegmentConfig, static_cast<size_t>(nSegments));
    bucketBounds = IONewZero(int64_t, bounds.size());
    segmentCount = nSegments;
    bucketCount = static_cast<int>(bounds.size());
    if (histogramSegmentsConfig == nullptr || bucketBounds == nullptr) return;
    memcpy(histogramSegmentsConfig, config,
           static_cast<size_t>(nSegments) * sizeof *histogramSegmentsConfig);
    memcpy(bucketBounds, bounds.data(), bounds.size() * sizeof *bucketBounds);
    if (add_channel(*this, channelID, channelName) == kIOReturnSuccess) invalidator.disarm();
}

IOHistogramReporter_IVars::~IOHistogramReporter_IVars() {
    IOSafeDeleteNULL(histogramSegmentsConfig, IOHistogramSegmentConfig,
                     static_cast<size_t>(segmentCount));
    IOSafeDeleteNULL(bucketBounds, int64_t, static_cast<size_t>(bucketCount));
}

OSSharedPtr<IOReportLegendEntry> IOHistogramReporter_IVars::handleCreateLegend() {
    auto entry = IOReporter_IVars::handleCreateLegend();
    if (!entry) return entry;
    const OSSharedPtr<OSData> config(
        OSData::withBytes(histogramSegmentsConfig,
                          static_cast<size_t>(segmentCount) * sizeof *histogramSegmentsConfig),
        OSNoRetain);
    entry->setObject(kIOReportLegendConfigKey, config.get());
    return entry;
}

IOHistogramReporter* IOHistogramReporter::with(IOService* reportingService,
                                               IOReportCategories categories, uint64_t channelID,
                                               const char* channelName, IOReportUnit unit,
                                               int nSegments, IOHistogramSegmentConfig* config) {
    auto* reporter = new_reporter<IOHistogramReporter>(gIOHistogramReporterMetaClass);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, channelID,
                                                   channelName, unit, nSegments, config)) {
        OSSafeReleaseNULL(reporter);
    }
    return reporter;
}

bool IOHistogramReporter::initWith(IOService* reportingService, IOReportCategories categories,
                                   uint64_t channelID, const char* channelName, IOReportUnit unit,
                                   int nSegments, IOHistogramSegmentConfig* config) {
    const OSSharedPtr<OSString> name(OSString::withCString(channelName), OSNoRetain);
    const IOReportChannelType type{kIOReportFormatHistogram, 0, categories, 0, 0};
    return adopt(new IOHistogramReporter_IVars(reportingService, type, unit, name.get(), categories,
                                               channelID, nSegments, config));
}

IOReturn IOHistogramReporter::addChannel(uint64_t, const char*) {
    return kIOReturnUnsupported;
}

int IOHistogramReporter::tallyValue(int64_t value) {
    IOHistogramReporter_IVars& own = *get_IOHistogramReporter_IVars(this);
    const ReporterLock lock(own, ReporterLock::Which::values);
    int bucket = 0;
    while (bucket < own.bucketCount - 1 && value > own.bucketBounds[bucket]) ++bucket;
    IOReportElementValues values = *own.getElementValues(bucket);
    IOHistogramReportValues tally;
    memcpy(&tally, &values, sizeof tally);
    if (tally.bucket_hits == 0 || value < tally.bucket_min) tally.bucket_min = value;
    if (tally.bucket_hits == 0 || value > tally.bucket_max) tally.bucket_max = value;
    ++tally.bucket_hits;
    tally.bucket_sum = static_cast<int64_t>(static_cast<uint64_t>(tally.bucket_sum) +
                                            static_cast<uint64_t>(value));
    memcpy(&values, &tally, sizeof values);
    return own.setElementValues(bucket, &values, 0) == kIOReturnSuccess ? bucket : -1;
}

IOReturn IOHistogramReporter::overrideBucketValues(unsigned int index, uint64_t bucket_hits,
                                                   int64_t bucket_min, int64_t bucket_max,
                                                   int64_t bucket_sum) {
    IOHistogramReporter_IVars& own = *get_IOHistogramReporter_IVars(this);
    const ReporterLock lock(own, ReporterLock::Which::values);
    if (index >= static_cast<unsigned int>(own.bucketCount)) return kIOReturnBadArgument;
    const IOHistogramReportValues tally{bucket_hits, bucket_min, bucket_max, bucket_sum};
    IOReportElementValues values;
    memcpy(&values, &tally, sizeof values);
    return own.setElementValues(static_cast<int>(index), &values, 0);
}
