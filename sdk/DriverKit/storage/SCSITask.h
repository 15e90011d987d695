/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_STORAGE_SCSITASK_H
#define DRIVERKIT_STORAGE_SCSITASK_H

/* What a SCSI command is sent with and how it ends: docs/facts/driverkit-api.csv (SCSITask.h). */
#include <libkern/OSTypes.h>

typedef UInt64 SCSITaggedTaskIdentifier;
typedef UInt64 SCSIDeviceIdentifier;
typedef SCSIDeviceIdentifier SCSITargetIdentifier;
typedef SCSIDeviceIdentifier SCSIInitiatorIdentifier;

/* A logical unit as a number, and as the eight bytes of SAM. */
typedef UInt64 SCSILogicalUnitNumber;
typedef UInt8 SCSILogicalUnitBytes[8];

/* The command: the first byte is its operation code. */
typedef UInt8 SCSICommandDescriptorBlock[16];

/* The task has no tag. */
enum {
    kSCSIUntaggedTaskIdentifier = 0,
};

/* Bytes of a command. */
enum {
    kSCSICDBSize_6Byte = 6,
    kSCSICDBSize_10Byte = 10,
    kSCSICDBSize_12Byte = 12,
    kSCSICDBSize_16Byte = 16,
    kSCSICDBSize_Maximum = 16,
};

/* Which way the data goes. */
enum {
    kSCSIDataTransfer_NoDataTransfer = 0,
    kSCSIDataTransfer_FromInitiatorToTarget = 1,
    kSCSIDataTransfer_FromTargetToInitiator = 2,
};

/* How the device orders the task among the others. */
typedef enum SCSITaskAttribute : unsigned int {
    kSCSITask_SIMPLE = 0,
    kSCSITask_ORDERED = 1,
    kSCSITask_HEAD_OF_QUEUE = 2,
    kSCSITask_ACA = 3,
} SCSITaskAttribute;

/* Where the task is. */
typedef enum SCSITaskState : unsigned int {
    kSCSITaskState_NEW_TASK = 0,
    kSCSITaskState_ENABLED = 1,
    kSCSITaskState_BLOCKED = 2,
    kSCSITaskState_DORMANT = 3,
    kSCSITaskState_ENDED = 4,
} SCSITaskState;

/* How the delivery went. */
typedef enum SCSIServiceResponse : unsigned int {
    kSCSIServiceResponse_Request_In_Process = 0,
    kSCSIServiceResponse_SERVICE_DELIVERY_OR_TARGET_FAILURE = 1,
    kSCSIServiceResponse_TASK_COMPLETE = 2,
    kSCSIServiceResponse_LINK_COMMAND_COMPLETE = 3,
    kSCSIServiceResponse_FUNCTION_COMPLETE = 4,
    kSCSIServiceResponse_FUNCTION_REJECTED = 5,
} SCSIServiceResponse;

/* What the device answered; those with words in lower case stand for no answer. */
typedef enum SCSITaskStatus : unsigned int {
    kSCSITaskStatus_GOOD = 0,
    kSCSITaskStatus_TaskTimeoutOccurred = 1,
    kSCSITaskStatus_CHECK_CONDITION = 2,
    kSCSITaskStatus_ProtocolTimeoutOccurred = 2,
    kSCSITaskStatus_DeviceNotResponding = 3,
    kSCSITaskStatus_CONDITION_MET = 4,
    kSCSITaskStatus_DeviceNotPresent = 4,
    kSCSITaskStatus_DeliveryFailure = 5,
    kSCSITaskStatus_BUSY = 8,
    kSCSITaskStatus_INTERMEDIATE = 0x10,
    kSCSITaskStatus_INTERMEDIATE_CONDITION_MET = 0x14,
    kSCSITaskStatus_RESERVATION_CONFLICT = 0x18,
    kSCSITaskStatus_TASK_SET_FULL = 0x28,
    kSCSITaskStatus_ACA_ACTIVE = 0x30,
    kSCSITaskStatus_No_Status = 0xff,
} SCSITaskStatus;

#endif /* DRIVERKIT_STORAGE_SCSITASK_H */
