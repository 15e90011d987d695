/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_DRIVERKIT_H
#define DRIVERKIT_DRIVERKIT_H

/* All of the core framework. */
#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOCommand.h>
#include <DriverKit/IOCommandPool.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IODataQueueDispatchSource.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IODispatchSource.h>
#include <DriverKit/IOEventLink.h>
#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/IOHistogramReporter.h>
#include <DriverKit/IOInterruptDispatchSource.h>
#include <DriverKit/IOKitKeys.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOReportLegend.h>
#include <DriverKit/IOReporter.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/IOService.h>
#include <DriverKit/IOServiceNotificationDispatchSource.h>
#include <DriverKit/IOServiceStateNotificationDispatchSource.h>
#include <DriverKit/IOSimpleReporter.h>
#include <DriverKit/IOStateReporter.h>
#include <DriverKit/IOTimerDispatchSource.h>
#include <DriverKit/IOTypes.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/IOUserServer.h>
#include <DriverKit/IOWorkGroup.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSAllocation.h>
#include <DriverKit/OSBoundedArray.h>
#include <DriverKit/OSBoundedArrayRef.h>
#include <DriverKit/OSBoundedPtr.h>
#include <DriverKit/OSBundle.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSMappedFile.h>
#include <DriverKit/OSObject.h>
#include <DriverKit/OSSharedPtr.h>

#endif /* DRIVERKIT_DRIVERKIT_H */
