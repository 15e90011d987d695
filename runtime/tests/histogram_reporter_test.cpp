// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>

#include "runtime/tests/reporters_fixture.h"

namespace {

constexpr uint64_t kChannel = 60;

class HistogramReporter : public Reporters {
  protected:
    /// 0 to 10, 11 to 20, 21 to 30; then 31 to 35, 36 to 45, 46 to 65.
    IOHistogramSegmentConfig segments_[2] = {{10, kIOHistogramScaleLinear, 0, 3},
                                             {5, kIOHistogramScaleExponential, 1, 3}};
    OSSharedPtr<IOHistogramReporter> make() {
        return OSSharedPtr<IOHistogramReporter>(
            IOHistogramReporter::with(service_.get(), kIOReportCategoryPerformance, kChannel,
                                      "latency", kIOReportUnit_us, 2, segments_),
            OSNoRetain);
    }
};

// Facts: IOHistogramReporter.with, IOHistogramReporter.tallyValue, get_IOHistogramReporter_IVars
TEST_F(HistogramReporter, SortsValuesIntoBuckets) {
    const OSSharedPtr<IOHistogramReporter> reporter(
        IOHistogramReporter::with(service_.get(), kIOReportCategoryPerformance, kChannel, "latency",
                                  kIOReportUnit_us, 2, segments_),
        OSNoRetain);
    IOHistogramReporter_IVars* ivars = get_IOHistogramReporter_IVars(reporter.get());
    EXPECT_EQ(get_IOHistogramReporter_IVars(ivars), ivars);
    EXPECT_EQ(ivars->segmentCount, 2);
    ASSERT_EQ(ivars->bucketCount, 6);
    EXPECT_EQ(std::vector<int64_t>(ivars->bucketBounds, ivars->bucketBounds + 6),
              (std::vector<int64_t>{10, 20, 30, 35, 45, 65}));

    const std::pair<int64_t, int> where[] = {{-3, 0}, {0, 0},  {10, 0}, {11, 1},     {20, 1},
                                             {30, 2}, {31, 3}, {35, 3}, {36, 4},     {45, 4},
                                             {46, 5}, {65, 5}, {66, 5}, {1 << 20, 5}};
    for (const auto& [value, bucket] : where)
        EXPECT_EQ(reporter->tallyValue(value), bucket) << value;

    const auto elements = read(reporter.get(), {kChannel});
    ASSERT_EQ(elements.size(), 6u);
    const auto first = values_of<IOHistogramReportValues>(elements[0]);
    EXPECT_EQ(first.bucket_hits, 3u);
    EXPECT_EQ(first.bucket_min, -3);
    EXPECT_EQ(first.bucket_max, 10);
    EXPECT_EQ(first.bucket_sum, 7);
    const auto last = values_of<IOHistogramReportValues>(elements[5]);
    EXPECT_EQ(last.bucket_hits, 4u);
    EXPECT_EQ(last.bucket_min, 46);
    EXPECT_EQ(last.bucket_max, 1 << 20);
    EXPECT_EQ(elements[5].channel_type.report_format, kIOReportFormatHistogram);
    EXPECT_EQ(elements[5].channel_type.element_idx, 5);
}

// Facts: IOHistogramReporter.overrideBucketValues, IOHistogramReporter.addChannel
TEST_F(HistogramReporter, TakesCountsOfDevicesThatCountThemselves) {
    const auto reporter = make();
    EXPECT_EQ(reporter->overrideBucketValues(2, 5, 21, 29, 120), kIOReturnSuccess);
    const auto bucket = values_of<IOHistogramReportValues>(read(reporter.get(), {kChannel})[2]);
    EXPECT_EQ(bucket.bucket_hits, 5u);
    EXPECT_EQ(bucket.bucket_min, 21);
    EXPECT_EQ(bucket.bucket_max, 29);
    EXPECT_EQ(bucket.bucket_sum, 120);
    EXPECT_EQ(reporter->overrideBucketValues(6, 5, 1, 2, 3), kIOReturnBadArgument);
    EXPECT_EQ(reporter->addChannel(61, "second"), kIOReturnUnsupported);
    EXPECT_EQ(reporter->ivars->nChannels, 1);
}

// Facts: IOHistogramReporter.initWith
TEST_F(HistogramReporter, RefusesSegmentsThatMakeNoSense) {
    const auto make_with = [&](IOHistogramSegmentConfig* config, int count) {
        const OSSharedPtr<IOHistogramReporter> reporter(OSTypeAlloc(IOHistogramReporter),
                                                        OSNoRetain);
        return reporter->initWith(service_.get(), 0, kChannel, nullptr, kIOReportUnitNone, count,
                                  config);
    };
    EXPECT_TRUE(make_with(segments_, 2));
    EXPECT_FALSE(make_with(segments_, 0));
    EXPECT_FALSE(make_with(segments_, -1));
    EXPECT_FALSE(make_with(nullptr, 1));
    IOHistogramSegmentConfig bad = segments_[0];
    bad.base_bucket_width = 0;
    EXPECT_FALSE(make_with(&bad, 1));
    bad = segments_[0];
    bad.segment_bucket_count = 0;
    EXPECT_FALSE(make_with(&bad, 1));
    bad.segment_bucket_count = 40000;
    EXPECT_FALSE(make_with(&bad, 1));
    bad = segments_[0];
    bad.scale_flag = 7;
    EXPECT_FALSE(make_with(&bad, 1));
    bad = {UINT32_MAX, kIOHistogramScaleExponential, 0, 64};  // beyond 63 bits
    EXPECT_FALSE(make_with(&bad, 1));
}

// Facts: IOHistogramReporter_IVars.IOHistogramReporter_IVars,
// Facts: IOHistogramReporter_IVars.~IOHistogramReporter_IVars,
// Facts: IOHistogramReporter_IVars.handleCreateLegend
TEST_F(HistogramReporter, TheLegendHasTheSegments) {
    alignas(IOHistogramReporter_IVars) std::byte storage[sizeof(IOHistogramReporter_IVars)];
    const OSSharedPtr<OSString> name(OSString::withCString("latency"), OSNoRetain);
    const IOReportChannelType type{kIOReportFormatHistogram, 0, 0, 0, 0};
    auto* ivars = new (storage)
        IOHistogramReporter_IVars(service_.get(), type, kIOReportUnit_us, name.get(),
                                  kIOReportCategoryPerformance, kChannel, 2, segments_);
    ASSERT_TRUE(ivars->valid());
    ivars->lockReporterConfig();
    const auto legend = ivars->handleCreateLegend();
    ivars->unlockReporterConfig();
    auto* config = OSDynamicCast(OSData, legend->getObject(kIOReportLegendConfigKey));
    ASSERT_NE(config, nullptr);
    EXPECT_TRUE(config->isEqualTo(segments_, sizeof segments_));
    auto* channels = OSDynamicCast(OSArray, legend->getObject(kIOReportLegendChannelsKey));
    auto* channel = OSDynamicCast(OSArray, channels->getObject(0));
    EXPECT_TRUE(
        OSDynamicCast(OSString, channel->getObject(kIOReportChannelNameIdx))->isEqualTo("latency"));
    ivars->~IOHistogramReporter_IVars();
}

}  // namespace
