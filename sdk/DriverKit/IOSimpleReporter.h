/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOSIMPLEREPORTER_H
#define DRIVERKIT_IOSIMPLEREPORTER_H

#include <DriverKit/IOReporter.h>

struct OPENDEXT_EXPORT IOSimpleReporter_IVars : public IOReporter_IVars {
    IOSimpleReporter_IVars(IOService* reportingService, IOReportChannelType channelType,
                           IOReportUnit unit);
};

extern OPENDEXT_EXPORT OSMetaClass* gIOSimpleReporterMetaClass;

/* One number for each channel. */
class OPENDEXT_EXPORT IOSimpleReporter : public IOReporter {
  public:
    using super = IOReporter;

    static IOSimpleReporter* with(IOService* reportingService, IOReportCategories categories,
                                  IOReportUnit unit);
    bool initWith(IOService* reportingService, IOReportCategories categories, IOReportUnit unit);

    IOReturn setValue(uint64_t channel_id, int64_t value);
    IOReturn incrementValue(uint64_t channel_id, int64_t increment);
    /* kIOReportInvalidIntValue for a channel that does not exist. */
    int64_t getValue(uint64_t channel_id);
};

#endif /* DRIVERKIT_IOSIMPLEREPORTER_H */
