/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_STORAGE_SCSICMDS_READ_CAPACITY_DEFINITIONS_H
#define DRIVERKIT_STORAGE_SCSICMDS_READ_CAPACITY_DEFINITIONS_H

/* What READ CAPACITY (10) and (16) answer, as the SCSI block commands lay it out; numbers are
 * big-endian. Constants: docs/facts/driverkit-api.csv (SCSICmds_READ_CAPACITY_Definitions.h). */
#include <libkern/OSTypes.h>

#pragma pack(push, 1)
typedef struct SCSI_Capacity_Data {
    UInt32 RETURNED_LOGICAL_BLOCK_ADDRESS; /* of the last block */
    UInt32 BLOCK_LENGTH_IN_BYTES;
} SCSI_Capacity_Data;

typedef struct SCSI_Capacity_Data_Long {
    UInt64 RETURNED_LOGICAL_BLOCK_ADDRESS;
    UInt32 BLOCK_LENGTH_IN_BYTES;
    UInt8 RTO_EN_PROT_EN; /* kREAD_CAPACITY_RTO_Mask, kREAD_CAPACITY_PROT_Mask */
    UInt8 Reserved[19];
} SCSI_Capacity_Data_Long;
#pragma pack(pop)

/* Bytes of the structs. */
enum {
    kREPORT_CAPACITY_DataSize = 8,
    kREPORT_CAPACITY_16_DataSize = 32,
};

/* RTO_EN_PROT_EN */
enum {
    kREAD_CAPACITY_PROT_Disabled = 0,
    kREAD_CAPACITY_RTO_Disabled = 0,
    kREAD_CAPACITY_PROT_Enabled = 1,
    kREAD_CAPACITY_PROT_Mask = 1,
    kREAD_CAPACITY_RTO_Enabled = 2,
    kREAD_CAPACITY_RTO_Mask = 2,
};

/* The last block that the command can name. */
#define kREPORT_CAPACITY_MaximumLBA 0xffffffffu
#define kREPORT_CAPACITY_16_MaximumLBA 0xffffffffffffffffull

#endif /* DRIVERKIT_STORAGE_SCSICMDS_READ_CAPACITY_DEFINITIONS_H */
