/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_STORAGE_SCSICMDS_REQUEST_SENSE_DEFS_H
#define DRIVERKIT_STORAGE_SCSICMDS_REQUEST_SENSE_DEFS_H

/* Sense data of fixed format, as the SCSI primary commands lay it out; constants:
 * docs/facts/driverkit-api.csv (SCSICmds_REQUEST_SENSE_Defs.h). */
#include <libkern/OSTypes.h>

#pragma pack(push, 1)
typedef struct SCSI_Sense_Data {
    UInt8 VALID_RESPONSE_CODE; /* kSENSE_DATA_VALID_Mask, kSENSE_RESPONSE_CODE_Mask */
    UInt8 SEGMENT_NUMBER;      /* obsolete */
    UInt8 SENSE_KEY;           /* kSENSE_KEY_Mask and the bits of filemark, medium and length */
    UInt8 INFORMATION_1;       /* most significant */
    UInt8 INFORMATION_2;
    UInt8 INFORMATION_3;
    UInt8 INFORMATION_4;
    UInt8 ADDITIONAL_SENSE_LENGTH; /* bytes that follow this one */
    UInt8 COMMAND_SPECIFIC_INFORMATION_1;
    UInt8 COMMAND_SPECIFIC_INFORMATION_2;
    UInt8 COMMAND_SPECIFIC_INFORMATION_3;
    UInt8 COMMAND_SPECIFIC_INFORMATION_4;
    UInt8 ADDITIONAL_SENSE_CODE;
    UInt8 ADDITIONAL_SENSE_CODE_QUALIFIER;
    UInt8 FIELD_REPLACEABLE_UNIT_CODE;
    UInt8 SKSV_SENSE_KEY_SPECIFIC_MSB;
    UInt8 SENSE_KEY_SPECIFIC_MID;
    UInt8 SENSE_KEY_SPECIFIC_LSB;
} SCSI_Sense_Data;
#pragma pack(pop)

/* Bytes of the struct. */
enum {
    kSenseDefaultSize = 18,
};

/* VALID_RESPONSE_CODE */
enum {
    kSENSE_NOT_DATA_VALID = 0,
    kSENSE_RESPONSE_CODE_Current_Errors = 0x70,
    kSENSE_RESPONSE_CODE_Deferred_Errors = 0x71,
    kSENSE_RESPONSE_CODE_Mask = 0x7f,
    kSENSE_DATA_VALID = 0x80,
    kSENSE_DATA_VALID_Mask = 0x80,
};

/* SENSE_KEY: the bits */
enum {
    kSENSE_EOM_Not_Set = 0,
    kSENSE_FILEMARK_Not_Set = 0,
    kSENSE_ILI_Not_Set = 0,
    kSENSE_ILI_Mask = 0x20,
    kSENSE_ILI_Set = 0x20,
    kSENSE_EOM_Mask = 0x40,
    kSENSE_EOM_Set = 0x40,
    kSENSE_FILEMARK_Mask = 0x80,
    kSENSE_FILEMARK_Set = 0x80,
};

/* SENSE_KEY: the key */
enum {
    kSENSE_KEY_NO_SENSE = 0,
    kSENSE_KEY_RECOVERED_ERROR = 1,
    kSENSE_KEY_NOT_READY = 2,
    kSENSE_KEY_MEDIUM_ERROR = 3,
    kSENSE_KEY_HARDWARE_ERROR = 4,
    kSENSE_KEY_ILLEGAL_REQUEST = 5,
    kSENSE_KEY_UNIT_ATTENTION = 6,
    kSENSE_KEY_DATA_PROTECT = 7,
    kSENSE_KEY_BLANK_CHECK = 8,
    kSENSE_KEY_VENDOR_SPECIFIC = 9,
    kSENSE_KEY_COPY_ABORTED = 0x0a,
    kSENSE_KEY_ABORTED_COMMAND = 0x0b,
    kSENSE_KEY_VOLUME_OVERFLOW = 0x0d,
    kSENSE_KEY_MISCOMPARE = 0x0e,
    kSENSE_KEY_Mask = 0x0f,
};

#endif /* DRIVERKIT_STORAGE_SCSICMDS_REQUEST_SENSE_DEFS_H */
