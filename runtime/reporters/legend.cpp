// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOReportLegend.h>
#include <DriverKit/IOService.h>
#include <DriverKit/OSCollections.h>

#include "runtime/reporters/reporter_class.h"

using namespace opendext::runtime;

OSMetaClass* gIOReportLegendMetaClass;

struct IOReportLegend_IVars {
    OSSharedPtr<OSArray> entries;
};

namespace {
ContainerRegistration<IOReportLegend> g_legend("IOReportLegend", "OSObject",
                                               &gIOReportLegendMetaClass);
}

IOReportLegend* IOReportLegend::with(OSArray* legend) {
    auto* made = new_reporter<IOReportLegend>(gIOReportLegendMetaClass);
    if (made == nullptr) return nullptr;
    made->ivars = new IOReportLegend_IVars;
    made->ivars->entries = OSSharedPtr<OSArray>(
        legend == nullptr ? OSArray::withCapacity(1) : OSArray::withArray(legend), OSNoRetain);
    return made;
}

void IOReportLegend::free() {
    delete ivars;
    super::free();
}

OSArray* IOReportLegend::getLegend() {
    return ivars->entries.get();
}

IOReturn IOReportLegend::addLegendEntry(IOReportLegendEntry* legendEntry, const char* groupName,
                                        const char* subGroupName) {
    if (legendEntry == nullptr || groupName == nullptr) return kIOReturnBadArgument;
    const OSSharedPtr<OSString> group(OSString::withCString(groupName), OSNoRetain);
    legendEntry->setObject(kIOReportLegendGroupNameKey, group.get());
    if (subGroupName != nullptr) {
        const OSSharedPtr<OSString> sub_group(OSString::withCString(subGroupName), OSNoRetain);
        legendEntry->setObject(kIOReportLegendSubGroupNameKey, sub_group.get());
    }
    return ivars->entries->setObject(legendEntry) ? kIOReturnSuccess : kIOReturnNoMemory;
}

IOReturn IOReportLegend::addReporterLegend(IOService* reportingService, IOReporter* reporter,
                                           const char* groupName, const char* subGroupName) {
    if (reportingService == nullptr || reporter == nullptr || groupName == nullptr)
        return kIOReturnBadArgument;
    OSDictionary* published = nullptr;
    IOReturn result = reportingService->CopyProperties(&published);
    if (result != kIOReturnSuccess) return result;
    const OSSharedPtr<OSDictionary> properties(published, OSNoRetain);
    const OSSharedPtr<IOReportLegend> legend(
        IOReportLegend::with(OSDynamicCast(OSArray, properties->getObject(kIOReportLegendKey))),
        OSNoRetain);
    const OSSharedPtr<IOReportLegendEntry> entry(reporter->createLegend(), OSNoRetain);
    if (!legend || !entry) return kIOReturnNoMemory;
    result = legend->addLegendEntry(entry.get(), groupName, subGroupName);
    if (result != kIOReturnSuccess) return result;
    return reportingService->SetLegend(legend->getLegend(), true);
}
