// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOSimpleReporter.h>

#include <cstring>

#include "runtime/reporters/reporter_class.h"

using namespace opendext::runtime;

OSMetaClass* gIOSimpleReporterMetaClass;

namespace {

ContainerRegistration<IOSimpleReporter> g_simple("IOSimpleReporter", "IOReporter",
                                                 &gIOSimpleReporterMetaClass);

/// Changes the value of a channel.
template <typename Change>
IOReturn change(IOReporter_IVars& ivars, uint64_t channel_id, const Change& to) {
    const ReporterLock lock(ivars, ReporterLock::Which::values);
    int element = 0;
    const IOReturn found = ivars.getFirstElementIndex(channel_id, &element);
    if (found != kIOReturnSuccess) return found;
    IOReportElementValues values = *ivars.getElementValues(element);
    IOSimpleReportValues simple;
    static_assert(sizeof simple == sizeof values);
    memcpy(&simple, &values, sizeof simple);
    simple.simple_value = to(simple.simple_value);
    memcpy(&values, &simple, sizeof values);
    return ivars.setElementValues(element, &values, 0);
}

}  // namespace

IOSimpleReporter_IVars::IOSimpleReporter_IVars(IOService* reportingService,
                                               IOReportChannelType type, IOReportUnit reportUnit)
    : IOReporter_IVars(reportingService, type, reportUnit) {}

IOSimpleReporter* IOSimpleReporter::with(IOService* reportingService, IOReportCategories categories,
                                         IOReportUnit unit) {
    auto* reporter = new_reporter<IOSimpleReporter>(gIOSimpleReporterMetaClass);
    if (reporter != nullptr && !reporter->initWith(reportingService, categories, unit))
        OSSafeReleaseNULL(reporter);
    return reporter;
}

bool IOSimpleReporter::initWith(IOService* reportingService, IOReportCategories categories,
                                IOReportUnit unit) {
    const IOReportChannelType type{kIOReportFormatSimple, 0, categories, 1, 0};
    return adopt(new IOSimpleReporter_IVars(reportingService, type, unit));
}

IOReturn IOSimpleReporter::setValue(uint64_t channel_id, int64_t value) {
    return change(*ivars, channel_id, [value](int64_t) { return value; });
}

IOReturn IOSimpleReporter::incrementValue(uint64_t channel_id, int64_t increment) {
    return change(*ivars, channel_id, [increment](int64_t value) {
        // A counter that runs over wraps.
        return static_cast<int64_t>(static_cast<uint64_t>(value) +
                                    static_cast<uint64_t>(increment));
    });
}

int64_t IOSimpleReporter::getValue(uint64_t channel_id) {
    const ReporterLock lock(*ivars, ReporterLock::Which::values);
    int element = 0;
    if (ivars->getFirstElementIndex(channel_id, &element) != kIOReturnSuccess)
        return kIOReportInvalidIntValue;
    return static_cast<int64_t>(ivars->getElementValues(element)->v[0]);
}
