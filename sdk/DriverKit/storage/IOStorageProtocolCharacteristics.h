/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_STORAGE_IOSTORAGEPROTOCOLCHARACTERISTICS_H
#define DRIVERKIT_STORAGE_IOSTORAGEPROTOCOLCHARACTERISTICS_H

/* Registry keys, and values of them, that describe the connection of a storage device:
 * docs/facts/driverkit-api.csv (IOStorageProtocolCharacteristics.h). */
#include <DriverKit/storage/IOStorageControllerCharacteristics.h>

#define kIOPropertyExternalKey "External"
#define kIOPropertyInterconnectFileKey "File"
#define kIOPropertyInterconnectRAMKey "RAM"
#define kIOPropertyInternalExternalKey "Internal/External"
#define kIOPropertyInternalKey "Internal"
#define kIOPropertyPhysicalInterconnectLocationKey "Physical Interconnect Location"
#define kIOPropertyPhysicalInterconnectTypeAppleFabric "Apple Fabric"
#define kIOPropertyPhysicalInterconnectTypeATA "ATA"
#define kIOPropertyPhysicalInterconnectTypeATAPI "ATAPI"
#define kIOPropertyPhysicalInterconnectTypeFibreChannel "Fibre Channel Interface"
#define kIOPropertyPhysicalInterconnectTypeFireWire "FireWire"
#define kIOPropertyPhysicalInterconnectTypeKey "Physical Interconnect"
#define kIOPropertyPhysicalInterconnectTypePCI "PCI"
#define kIOPropertyPhysicalInterconnectTypePCIExpress "PCI-Express"
#define kIOPropertyPhysicalInterconnectTypeSCSIParallel "SCSI Parallel Interface"
#define kIOPropertyPhysicalInterconnectTypeSecureDigital "Secure Digital"
#define kIOPropertyPhysicalInterconnectTypeSerialATA "SATA"
#define kIOPropertyPhysicalInterconnectTypeSerialAttachedSCSI "SAS"
#define kIOPropertyPhysicalInterconnectTypeUSB "USB"
#define kIOPropertyPhysicalInterconnectTypeVirtual "Virtual Interface"
#define kIOPropertyProtocolCharacteristicsKey "Protocol Characteristics"
#define kIOPropertySCSIDomainIdentifierKey "SCSI Domain Identifier"
#define kIOPropertySCSIInitiatorIdentifierKey "SCSI Initiator Identifier"
#define kIOPropertySCSILogicalUnitNumberKey "SCSI Logical Unit Number"
#define kIOPropertySCSIProtocolMultiInitKey "Multiple Initiators"
#define kIOPropertySCSITargetIdentifierKey "SCSI Target Identifier"

#endif /* DRIVERKIT_STORAGE_IOSTORAGEPROTOCOLCHARACTERISTICS_H */
