/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOREPORTLEGEND_H
#define DRIVERKIT_IOREPORTLEGEND_H

#include <DriverKit/IOReporter.h>

struct IOReportLegend_IVars;
extern OPENDEXT_EXPORT OSMetaClass* gIOReportLegendMetaClass;

/* The legend of a service: what its reporters offer, in groups. */
class OPENDEXT_EXPORT IOReportLegend : public OSObject {
  public:
    using super = OSObject;

    /* Starts with the entries of `legend`, which may be NULL. */
    static IOReportLegend* with(OSArray* legend);

    /* Appends an entry with its group, and sub-group if there is one. */
    IOReturn addLegendEntry(IOReportLegendEntry* legendEntry, const char* groupName,
                            const char* subGroupName);
    /* Not retained for the caller. */
    OSArray* getLegend();

    /* Adds a reporter to the legend that the service publishes (IOService::SetLegend). */
    static IOReturn addReporterLegend(IOService* reportingService, IOReporter* reporter,
                                      const char* groupName, const char* subGroupName);
    void free() override;

    IOReportLegend_IVars* ivars;
};

#endif /* DRIVERKIT_IOREPORTLEGEND_H */
