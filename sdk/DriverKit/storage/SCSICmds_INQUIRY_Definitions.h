/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_STORAGE_SCSICMDS_INQUIRY_DEFINITIONS_H
#define DRIVERKIT_STORAGE_SCSICMDS_INQUIRY_DEFINITIONS_H

/* What INQUIRY answers: standard data and vital product data pages as the SCSI primary and block
 * commands lay them out; numbers are big-endian. Constants and the names of registry properties
 * made of it: docs/facts/driverkit-api.csv (SCSICmds_INQUIRY_Definitions.h). */
#include <libkern/OSTypes.h>

/* Bytes of fields and answers. */
enum {
    kINQUIRY_PRODUCT_REVISION_LEVEL_Length = 4,
    kINQUIRY_StandardDataHeaderSize = 5,
    kINQUIRY_VENDOR_IDENTIFICATION_Length = 8,
    kINQUIRY_PRODUCT_IDENTIFICATION_Length = 16,
    kINQUIRY_MaximumDataSize = 255,
};

#pragma pack(push, 1)
/* The first 36 bytes, which every device gives. */
typedef struct SCSICmd_INQUIRY_StandardData {
    UInt8 PERIPHERAL_DEVICE_TYPE; /* qualifier and type */
    UInt8 RMB;                    /* kINQUIRY_PERIPHERAL_RMB_BitMask */
    UInt8 VERSION;
    UInt8 RESPONSE_DATA_FORMAT; /* and the bits of byte 3 */
    UInt8 ADDITIONAL_LENGTH;    /* bytes that follow this one */
    UInt8 SCCSReserved;         /* byte 5 */
    UInt8 flags1;               /* byte 6 */
    UInt8 flags2;               /* byte 7 */
    char VENDOR_IDENTIFICATION[kINQUIRY_VENDOR_IDENTIFICATION_Length];
    char PRODUCT_IDENTIFICATION[kINQUIRY_PRODUCT_IDENTIFICATION_Length];
    char PRODUCT_REVISION_LEVEL[kINQUIRY_PRODUCT_REVISION_LEVEL_Length];
} SCSICmd_INQUIRY_StandardData;
typedef SCSICmd_INQUIRY_StandardData* SCSICmd_INQUIRY_StandardDataPtr;

#define kINQUIRY_VERSION_DESCRIPTOR_MaxCount 8

/* All that a device may give. */
typedef struct SCSICmd_INQUIRY_StandardDataAll {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 RMB;
    UInt8 VERSION;
    UInt8 RESPONSE_DATA_FORMAT;
    UInt8 ADDITIONAL_LENGTH;
    UInt8 SCCSReserved;
    UInt8 flags1;
    UInt8 flags2;
    char VENDOR_IDENTIFICATION[kINQUIRY_VENDOR_IDENTIFICATION_Length];
    char PRODUCT_IDENTIFICATION[kINQUIRY_PRODUCT_IDENTIFICATION_Length];
    char PRODUCT_REVISION_LEVEL[kINQUIRY_PRODUCT_REVISION_LEVEL_Length];
    UInt8 VendorSpecific1[20];
    UInt8 flags3; /* byte 56 */
    UInt8 Reserved1;
    UInt16 VERSION_DESCRIPTOR[kINQUIRY_VERSION_DESCRIPTOR_MaxCount];
    UInt8 Reserved2[22];
    UInt8 VendorSpecific2[160];
} SCSICmd_INQUIRY_StandardDataAll;
#pragma pack(pop)

/* PERIPHERAL_DEVICE_TYPE: the qualifier */
enum {
    kINQUIRY_PERIPHERAL_QUALIFIER_Connected = 0,
    kINQUIRY_PERIPHERAL_QUALIFIER_SupportedButNotConnected = 0x20,
    kINQUIRY_PERIPHERAL_QUALIFIER_NotSupported = 0x60,
    kINQUIRY_PERIPHERAL_QUALIFIER_Mask = 0xe0,
};

/* PERIPHERAL_DEVICE_TYPE: the type */
enum {
    kINQUIRY_PERIPHERAL_TYPE_DirectAccessSBCDevice = 0,
    kINQUIRY_PERIPHERAL_TYPE_SequentialAccessSSCDevice = 1,
    kINQUIRY_PERIPHERAL_TYPE_PrinterSSCDevice = 2,
    kINQUIRY_PERIPHERAL_TYPE_ProcessorSPCDevice = 3,
    kINQUIRY_PERIPHERAL_TYPE_WriteOnceSBCDevice = 4,
    kINQUIRY_PERIPHERAL_TYPE_CDROM_MMCDevice = 5,
    kINQUIRY_PERIPHERAL_TYPE_ScannerSCSI2Device = 6,
    kINQUIRY_PERIPHERAL_TYPE_OpticalMemorySBCDevice = 7,
    kINQUIRY_PERIPHERAL_TYPE_MediumChangerSMCDevice = 8,
    kINQUIRY_PERIPHERAL_TYPE_CommunicationsSSCDevice = 9,
    kINQUIRY_PERIPHERAL_TYPE_StorageArrayControllerSCC2Device = 0x0c,
    kINQUIRY_PERIPHERAL_TYPE_EnclosureServicesSESDevice = 0x0d,
    kINQUIRY_PERIPHERAL_TYPE_SimplifiedDirectAccessRBCDevice = 0x0e,
    kINQUIRY_PERIPHERAL_TYPE_OpticalCardReaderOCRWDevice = 0x0f,
    kINQUIRY_PERIPHERAL_TYPE_ObjectBasedStorageDevice = 0x11,
    kINQUIRY_PERIPHERAL_TYPE_AutomationDriveInterface = 0x12,
    kINQUIRY_PERIPHERAL_TYPE_WellKnownLogicalUnit = 0x1e,
    kINQUIRY_PERIPHERAL_TYPE_Mask = 0x1f,
    kINQUIRY_PERIPHERAL_TYPE_UnknownOrNoDeviceType = 0x1f,
};

/* RMB */
enum {
    kINQUIRY_PERIPHERAL_RMB_MediumFixed = 0,
    kINQUIRY_PERIPHERAL_RMB_BitMask = 0x80,
    kINQUIRY_PERIPHERAL_RMB_MediumRemovable = 0x80,
};

/* VERSION */
enum {
    kINQUIRY_ANSI_VERSION_NoClaimedConformance = 0,
    kINQUIRY_ANSI_VERSION_SCSI_1_Compliant = 1,
    kINQUIRY_ANSI_VERSION_SCSI_2_Compliant = 2,
    kINQUIRY_ANSI_VERSION_SCSI_SPC_Compliant = 3,
    kINQUIRY_ANSI_VERSION_SCSI_SPC_2_Compliant = 4,
    kINQUIRY_ANSI_VERSION_SCSI_SPC_3_Compliant = 5,
    kINQUIRY_ANSI_VERSION_Mask = 7,
    kINQUIRY_ECMA_VERSION_Mask = 0x38,
    kINQUIRY_ISO_IEC_VERSION_Mask = 0xc0,
};

/* RESPONSE_DATA_FORMAT */
enum {
    kINQUIRY_Byte3_HISUP_Bit = 4,
    kINQUIRY_Byte3_NORMACA_Bit = 5,
    kINQUIRY_Byte3_AERC_Bit = 7,
    kINQUIRY_RESPONSE_DATA_FORMAT_Mask = 0x0f,
    kINQUIRY_Byte3_HISUP_Mask = 0x10,
    kINQUIRY_Byte3_NORMACA_Mask = 0x20,
    kINQUIRY_Byte3_AERC_Mask = 0x80,
};

/* SCCSReserved */
enum {
    kINQUIRY_Byte5_PROTECT_Bit = 0,
    kINQUIRY_Byte5_PROTECT_Mask = 1,
    kINQUIRY_Byte5_3PC_Bit = 3,
    kINQUIRY_Byte5_ImplicitTPGS_Bit = 4,
    kINQUIRY_Byte5_ExplicitTPGS_Bit = 5,
    kINQUIRY_Byte5_ACC_Bit = 6,
    kINQUIRY_Byte5_SCCS_Bit = 7,
    kINQUIRY_Byte5_3PC_Mask = 8,
    kINQUIRY_Byte5_ImplicitTPGS_Mask = 0x10,
    kINQUIRY_Byte5_ExplicitTPGS_Mask = 0x20,
    kINQUIRY_Byte5_ACC_Mask = 0x40,
    kINQUIRY_Byte5_SCCS_Mask = 0x80,
};

/* flags1 */
enum {
    kINQUIRY_Byte6_ADDR16_Bit = 0,
    kINQUIRY_Byte6_ADDR16_Mask = 1,
    kINQUIRY_Byte6_MCHNGR_Bit = 3,
    kINQUIRY_Byte6_MULTIP_Bit = 4,
    kINQUIRY_Byte6_VS_Bit = 5,
    kINQUIRY_Byte6_ENCSERV_Bit = 6,
    kINQUIRY_Byte6_Offset = 6,
    kINQUIRY_Byte6_BQUE_Bit = 7,
    kINQUIRY_Byte6_MCHNGR_Mask = 8,
    kINQUIRY_Byte6_MULTIP_Mask = 0x10,
    kINQUIRY_Byte6_VS_Mask = 0x20,
    kINQUIRY_Byte6_ENCSERV_Mask = 0x40,
    kINQUIRY_Byte6_BQUE_Mask = 0x80,
};

/* flags2 */
enum {
    kINQUIRY_Byte7_VS_Bit = 0,
    kINQUIRY_Byte7_CMDQUE_Bit = 1,
    kINQUIRY_Byte7_VS_Mask = 1,
    kINQUIRY_Byte7_CMDQUE_Mask = 2,
    kINQUIRY_Byte7_TRANDIS_Bit = 2,
    kINQUIRY_Byte7_LINKED_Bit = 3,
    kINQUIRY_Byte7_SYNC_Bit = 4,
    kINQUIRY_Byte7_TRANDIS_Mask = 4,
    kINQUIRY_Byte7_WBUS16_Bit = 5,
    kINQUIRY_Byte7_Offset = 7,
    kINQUIRY_Byte7_RELADR_Bit = 7,
    kINQUIRY_Byte7_LINKED_Mask = 8,
    kINQUIRY_Byte7_SYNC_Mask = 0x10,
    kINQUIRY_Byte7_WBUS16_Mask = 0x20,
    kINQUIRY_Byte7_RELADR_Mask = 0x80,
};

/* flags3 */
enum {
    kINQUIRY_Byte56_CLOCKING_ONLY_ST = 0,
    kINQUIRY_Byte56_IUS_Bit = 0,
    kINQUIRY_Byte56_IUS_Mask = 1,
    kINQUIRY_Byte56_QAS_Bit = 1,
    kINQUIRY_Byte56_QAS_Mask = 2,
    kINQUIRY_Byte56_CLOCKING_ONLY_DT = 4,
    kINQUIRY_Byte56_CLOCKING_Mask = 0x0c,
    kINQUIRY_Byte56_CLOCKING_ST_AND_DT = 0x0c,
    kINQUIRY_Byte56_Offset = 56,
};

/* VERSION_DESCRIPTOR */
enum {
    kINQUIRY_VERSION_DESCRIPTOR_SAT = 0x1ea0,
    kINQUIRY_VERSION_DESCRIPTOR_NVME = 0x8080,
};

/* Codes of the vital product data pages. */
enum {
    kINQUIRY_Page00_PageCode = 0,
    kINQUIRY_Page80_PageCode = 0x80,
    kINQUIRY_Page83_PageCode = 0x83,
    kINQUIRY_Page89_PageCode = 0x89,
    kINQUIRY_PageB0_PageCode = 0xb0,
    kINQUIRY_PageB1_PageCode = 0xb1,
    kINQUIRY_PageB2_PageCode = 0xb2,
    kINQUIRY_PageC0_PageCode = 0xc0,
    kINQUIRY_PageC1_PageCode = 0xc1,
};

#pragma pack(push, 1)
/* Page 0x00: the codes of the pages follow. */
typedef struct SCSICmd_INQUIRY_Page00_Header {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt8 RESERVED;
    UInt8 PAGE_LENGTH; /* bytes that follow the header */
} SCSICmd_INQUIRY_Page00_Header;

/* Since SPC-4 the length of a page has 16 bits. */
typedef struct SCSICmd_INQUIRY_Page00_Header_SPC_16 {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
} SCSICmd_INQUIRY_Page00_Header_SPC_16;

/* Page 0x80: the serial number of the unit. */
typedef struct SCSICmd_INQUIRY_Page80_Header {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt8 RESERVED;
    UInt8 PAGE_LENGTH;
    UInt8 PRODUCT_SERIAL_NUMBER; /* the first byte of it */
} SCSICmd_INQUIRY_Page80_Header;

typedef struct SCSICmd_INQUIRY_Page80_Header_SPC_16 {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
    UInt8 PRODUCT_SERIAL_NUMBER;
} SCSICmd_INQUIRY_Page80_Header_SPC_16;

/* Page 0x83: identification descriptors follow. */
typedef struct SCSICmd_INQUIRY_Page83_Header {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt8 RESERVED;
    UInt8 PAGE_LENGTH;
} SCSICmd_INQUIRY_Page83_Header;

typedef struct SCSICmd_INQUIRY_Page83_Header_SPC_16 {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
} SCSICmd_INQUIRY_Page83_Header_SPC_16;

typedef struct SCSICmd_INQUIRY_Page83_Identification_Descriptor {
    UInt8 CODE_SET;        /* and the protocol in the high half */
    UInt8 IDENTIFIER_TYPE; /* and whose it is: kINQUIRY_Page83_AssociationMask */
    UInt8 RESERVED;
    UInt8 IDENTIFIER_LENGTH;
    UInt8 IDENTIFIER; /* the first byte of it */
} SCSICmd_INQUIRY_Page83_Identification_Descriptor;

typedef struct SCSICmd_INQUIRY_Page83_RelativeTargetPort_Identifier {
    UInt16 OBSOLETE;
    UInt16 RELATIVE_TARGET_PORT_IDENTIFIER;
} SCSICmd_INQUIRY_Page83_RelativeTargetPort_Identifier;

typedef struct SCSICmd_INQUIRY_Page83_TargetPortGroup_Identifier {
    UInt16 RESERVED;
    UInt16 TARGET_PORT_GROUP;
} SCSICmd_INQUIRY_Page83_TargetPortGroup_Identifier;

typedef struct SCSICmd_INQUIRY_Page83_LogicalUnitGroup_Identifier {
    UInt16 RESERVED;
    UInt16 LOGICAL_UNIT_GROUP;
} SCSICmd_INQUIRY_Page83_LogicalUnitGroup_Identifier;

/* Page 0x89: an ATA device behind a translation. */
typedef struct SCSICmd_INQUIRY_Page89_Data {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
    UInt32 Reserved;
    UInt8 SAT_VENDOR_IDENTIFICATION[kINQUIRY_VENDOR_IDENTIFICATION_Length];
    UInt8 SAT_PRODUCT_IDENTIFICATION[kINQUIRY_PRODUCT_IDENTIFICATION_Length];
    UInt8 SAT_PRODUCT_REVISION_LEVEL[kINQUIRY_PRODUCT_REVISION_LEVEL_Length];
    UInt8 ATA_DEVICE_SIGNATURE[20];
    UInt8 COMMAND_CODE;
    UInt8 Reserved2[3];
    UInt8 IDENTIFY_DATA[512];
} SCSICmd_INQUIRY_Page89_Data;

/* Page 0xb0: block limits. */
typedef struct SCSICmd_INQUIRY_PageB0_Data {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
    UInt8 WSNZ;
    UInt8 MAXIMUM_COMPARE_AND_WRITE_LENGTH;
    UInt16 OPTIMAL_TRANSFER_LENGTH_GRANULARITY;
    UInt32 MAXIMUM_TRANSFER_LENGTH;
    UInt32 OPTIMAL_TRANSFER_LENGTH;
    UInt32 MAXIMUM_PREFETCH_LENGTH;
    UInt32 MAXIMUM_UNMAP_LBA_COUNT;
    UInt32 MAXIMUM_UNMAP_BLOCK_DESCRIPTOR_COUNT;
    UInt32 OPTIMAL_UNMAP_GRANULARITY;
    UInt32 UNMAP_GRANULARITY_ALIGNMENT;
    UInt64 MAXIMUM_WRITE_SAME_LENGTH;
    UInt32 MAXIMUM_ATOMIC_TRANSFER_LENGTH;
    UInt32 ATOMIC_ALIGNMENT;
    UInt32 ATOMIC_TRANSFER_LENGTH_GRANULARITY;
    UInt32 MAXIMUM_ATOMIC_TRANSFER_LENGTH_WITH_ATOMIC_BOUNDARY;
    UInt32 MAXIMUM_ATOMIC_BOUNDARY_SIZE;
} SCSICmd_INQUIRY_PageB0_Data;

/* Page 0xb1: characteristics of a block device. */
typedef struct SCSICmd_INQUIRY_PageB1_Data {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt8 Reserved;
    UInt8 PAGE_LENGTH; /* kINQUIRY_PageB1_Page_Length */
    UInt16 MEDIUM_ROTATION_RATE;
    UInt8 Reserved2[58];
} SCSICmd_INQUIRY_PageB1_Data;

/* Page 0xb2: provisioning of logical blocks. */
typedef struct SCSICmd_INQUIRY_PageB2_Data {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt16 PAGE_LENGTH;
    UInt8 THRESHOLD_EXPONENT;
    UInt8 LBP_FLAGS;
    UInt8 MINIMUM_PERCENTAGE;
    UInt8 THRESHOLD_PERCENTAGE;
} SCSICmd_INQUIRY_PageB2_Data;

typedef struct SCSICmd_INQUIRY_PageB2_Provisioning_Group_Descriptor {
    UInt8 DESIGNATION_DESCRIPTOR[20];
    UInt8 RESERVED[18];
} SCSICmd_INQUIRY_PageB2_Provisioning_Group_Descriptor;

/* Pages 0xc0 and 0xc1 are those of a computer in target disk mode. No public text gives the order
 * of their fields: it is the one that leaves no gaps. */
typedef struct SCSICmd_INQUIRY_PageCx_Header {
    UInt8 PERIPHERAL_DEVICE_TYPE;
    UInt8 PAGE_CODE;
    UInt8 RESERVED;
    UInt8 PAGE_LENGTH;
} SCSICmd_INQUIRY_PageCx_Header;
typedef struct SCSICmd_INQUIRY_PageCx_Header SCSICmd_INQUIRY_PAGECx_Header;

enum { kC0DataMaxStringLen = 32 };

typedef struct SCSICmd_INQUIRY_PageC0_Data {
    SCSICmd_INQUIRY_PAGECx_Header fHeader;
    UInt8 fTdmPageVersion;
    UInt8 fTdmProtocolVersion;
    UInt8 fReserved1;
    UInt8 fReserved2;
    UInt8 fSerialNumber[kC0DataMaxStringLen];
    UInt8 fMacModelId[kC0DataMaxStringLen];
    UInt64 fFeatures;
    UInt64 fWorkArounds;
    UInt64 fInstalledRAMSize;
    UInt32 fPreferredIOSize;
    UInt32 fMaxReadSize;
    UInt32 fMaxWriteSize;
    UInt32 fNativeBlockSize;
    UInt16 fEncryptionType;
    UInt8 fReserved3[2];
} SCSICmd_INQUIRY_PageC0_Data;

typedef struct SCSICmd_INQUIRY_PageC1_Data {
    SCSICmd_INQUIRY_PAGECx_Header fHeader;
    UInt8 fTdmPowerRequirementsPageVersion;
    UInt8 fReserved1;
    UInt16 fReserved2;
    UInt32 fPowerRequired;
} SCSICmd_INQUIRY_PageC1_Data;
#pragma pack(pop)

/* Identification descriptors: the code set */
enum {
    kINQUIRY_Page83_CodeSetReserved = 0,
    kINQUIRY_Page83_CodeSetBinaryData = 1,
    kINQUIRY_Page83_CodeSetASCIIData = 2,
    kINQUIRY_Page83_CodeSetUTF8Data = 3,
    kINQUIRY_Page83_CodeSetMask = 0x0f,
};

/* The type of the identifier */
enum {
    kINQUIRY_Page83_IdentifierTypeVendorSpecific = 0,
    kINQUIRY_Page83_IdentifierTypeVendorID = 1,
    kINQUIRY_Page83_IdentifierTypeIEEE_EUI64 = 2,
    kINQUIRY_Page83_IdentifierTypeNAAIdentifier = 3,
    kINQUIRY_Page83_IdentifierTypeRelativePortIdentifier = 4,
    kINQUIRY_Page83_IdentifierTypeTargetPortGroup = 5,
    kINQUIRY_Page83_IdentifierTypeLogicalUnitGroup = 6,
    kINQUIRY_Page83_IdentifierTypeMD5LogicalUnitIdentifier = 7,
    kINQUIRY_Page83_IdentifierTypeSCSINameString = 8,
    kINQUIRY_Page83_IdentifierTypeMask = 0x0f,
};
#define kINQUIRY_Page83_IdentifierTypeUndefined kINQUIRY_Page83_IdentifierTypeVendorSpecific
#define kINQUIRY_Page83_IdentifierTypeFCNameIdentifier kINQUIRY_Page83_IdentifierTypeNAAIdentifier

/* Whose identifier it is, and whether CODE_SET names a protocol */
enum {
    kINQUIRY_Page83_AssociationDevice = 0,
    kINQUIRY_Page83_AssociationLogicalUnit = 0,
    kINQUIRY_Page83_AssociationShift = 4,
    kINQUIRY_Page83_ProtocolIdentifierValidBit = 7,
    kINQUIRY_Page83_AssociationTargetPort = 0x10,
    kINQUIRY_Page83_AssociationTargetDevice = 0x20,
    kINQUIRY_Page83_AssociationMask = 0x30,
    kINQUIRY_Page83_ProtocolIdentifierValidMask = 0x80,
};

/* The protocol */
enum {
    kSCSIProtocolIdentifier_FibreChannel = 0,
    kSCSIProtocolIdentifier_ParallelSCSI = 1,
    kSCSIProtocolIdentifier_SSA = 2,
    kSCSIProtocolIdentifier_FireWire = 3,
    kSCSIProtocolIdentifier_RDMA = 4,
    kSCSIProtocolIdentifier_iSCSI = 5,
    kSCSIProtocolIdentifier_SAS = 6,
    kSCSIProtocolIdentifier_ADT = 7,
    kSCSIProtocolIdentifier_ATAPI = 8,
    kSCSIProtocolIdentifier_None = 0x0f,
};

/* Page 0xb1: its length; page 0xc0: fFeatures */
enum {
    kINQUIRY_PageC0_Features_HasSEP_LUN = 8,
    kINQUIRY_PageB1_Page_Length = 60,
};

/* Registry properties. */
#define kIOPropertyHiSup "Hierarchical LUN Support"
#define kIOPropertySATProductIdentification "SAT Product Identification"
#define kIOPropertySATProductRevisonLevel "SAT Product Revision Level"
#define kIOPropertySATVendorIdentification "SAT Vendor Identification"
#define kIOPropertySCSIINQUIRYDeviceIdAssociation "Association"
#define kIOPropertySCSIINQUIRYDeviceIdCodeSet "Code Set"
#define kIOPropertySCSIINQUIRYDeviceIdentification "INQUIRY Device Identification"
#define kIOPropertySCSIINQUIRYDeviceIdentifier "Identifier"
#define kIOPropertySCSIINQUIRYDeviceIdType "Identifier Type"
#define kIOPropertySCSIINQUIRYUnitSerialNumber "INQUIRY Unit Serial Number"
#define kIOPropertySCSIPeripheralDeviceType "Peripheral Device Type"
#define kIOPropertySCSIPeripheralDeviceTypeSize 8
#define kIOPropertySCSIProductIdentification "Product Identification"
#define kIOPropertySCSIProductRevisionLevel "Product Revision Level"
#define kIOPropertySCSIVendorIdentification "Vendor Identification"
#define kIOPropertyTPGSInfo "TPGS Information"
#define kIOPropertyTPGSInfoSize 8

#endif /* DRIVERKIT_STORAGE_SCSICMDS_INQUIRY_DEFINITIONS_H */
