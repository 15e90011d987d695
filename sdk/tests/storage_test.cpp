// SPDX-License-Identifier: Apache-2.0
// The structs of SCSI answers lie as the standards say: bytes as a device sends them, read through
// the structs.
#include <DriverKit/storage/IOStorageDeviceCharacteristics.h>
#include <DriverKit/storage/IOStorageProtocolCharacteristics.h>
#include <DriverKit/storage/SCSICmds_INQUIRY_Definitions.h>
#include <DriverKit/storage/SCSICmds_READ_CAPACITY_Definitions.h>
#include <DriverKit/storage/SCSICmds_REQUEST_SENSE_Defs.h>
#include <DriverKit/storage/SCSICommandOperationCodes.h>
#include <DriverKit/storage/SCSITask.h>
#include <gtest/gtest.h>
#include <libkern/OSByteOrder.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace {

template <typename Struct>
Struct read(const void* bytes, size_t size) {
    EXPECT_GE(size, sizeof(Struct));
    Struct result;
    memcpy(&result, bytes, sizeof result);
    return result;
}

TEST(Inquiry, StandardDataOfADisk) {
    const char bytes[] =
        "\x00\x80\x05\x02\x1f\x30\x40\x02"  // SPC-3, removable, both kinds of port groups, ENCSERV,
                                            // CMDQUE
        "Example Virtual disk    1.07";
    const auto data = read<SCSICmd_INQUIRY_StandardData>(bytes, sizeof bytes - 1);
    EXPECT_EQ(sizeof data, 36u);
    EXPECT_EQ(data.PERIPHERAL_DEVICE_TYPE & kINQUIRY_PERIPHERAL_TYPE_Mask,
              kINQUIRY_PERIPHERAL_TYPE_DirectAccessSBCDevice);
    EXPECT_EQ(data.PERIPHERAL_DEVICE_TYPE & kINQUIRY_PERIPHERAL_QUALIFIER_Mask,
              kINQUIRY_PERIPHERAL_QUALIFIER_Connected);
    EXPECT_EQ(data.RMB & kINQUIRY_PERIPHERAL_RMB_BitMask, kINQUIRY_PERIPHERAL_RMB_MediumRemovable);
    EXPECT_EQ(data.VERSION & kINQUIRY_ANSI_VERSION_Mask,
              kINQUIRY_ANSI_VERSION_SCSI_SPC_3_Compliant);
    EXPECT_EQ(data.RESPONSE_DATA_FORMAT & kINQUIRY_RESPONSE_DATA_FORMAT_Mask, 2);
    EXPECT_EQ(data.ADDITIONAL_LENGTH + kINQUIRY_StandardDataHeaderSize, 36);
    EXPECT_TRUE(data.SCCSReserved & kINQUIRY_Byte5_ExplicitTPGS_Mask);
    EXPECT_TRUE(data.SCCSReserved & kINQUIRY_Byte5_ImplicitTPGS_Mask);
    EXPECT_TRUE(data.flags1 & kINQUIRY_Byte6_ENCSERV_Mask);
    EXPECT_TRUE(data.flags2 & kINQUIRY_Byte7_CMDQUE_Mask);
    EXPECT_EQ(std::string_view(data.VENDOR_IDENTIFICATION, sizeof data.VENDOR_IDENTIFICATION),
              "Example ");
    EXPECT_EQ(std::string_view(data.PRODUCT_IDENTIFICATION, sizeof data.PRODUCT_IDENTIFICATION),
              "Virtual disk    ");
    EXPECT_EQ(std::string_view(data.PRODUCT_REVISION_LEVEL, sizeof data.PRODUCT_REVISION_LEVEL),
              "1.07");
}

TEST(Inquiry, FieldsLieWhereTheStandardPutsThem) {
    using All = SCSICmd_INQUIRY_StandardDataAll;
    EXPECT_EQ(sizeof(All), 256u);
    EXPECT_EQ(offsetof(All, flags3), static_cast<size_t>(kINQUIRY_Byte56_Offset));
    EXPECT_EQ(offsetof(All, flags1), static_cast<size_t>(kINQUIRY_Byte6_Offset));
    EXPECT_EQ(offsetof(All, flags2), static_cast<size_t>(kINQUIRY_Byte7_Offset));
    EXPECT_EQ(offsetof(All, VERSION_DESCRIPTOR), 58u);
    EXPECT_EQ(offsetof(All, VendorSpecific2), 96u);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_Page00_Header), 4u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page00_Header_SPC_16, PAGE_LENGTH), 2u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page80_Header, PRODUCT_SERIAL_NUMBER), 4u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page80_Header_SPC_16, PRODUCT_SERIAL_NUMBER), 4u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page83_Identification_Descriptor, IDENTIFIER), 4u);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_Page83_TargetPortGroup_Identifier), 4u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page89_Data, ATA_DEVICE_SIGNATURE), 36u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_Page89_Data, IDENTIFY_DATA), 60u);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_Page89_Data), 572u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_PageB0_Data, MAXIMUM_WRITE_SAME_LENGTH), 36u);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_PageB0_Data), 64u);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_PageB1_Data), 4u + kINQUIRY_PageB1_Page_Length);
    EXPECT_EQ(sizeof(SCSICmd_INQUIRY_PageB2_Data), 8u);
    EXPECT_EQ(offsetof(SCSICmd_INQUIRY_PageB2_Data, LBP_FLAGS), 5u);
}

TEST(Inquiry, IdentificationDescriptorsFollowOneAnother) {
    const uint8_t page[] = {0x00, 0x83, 0x00, 0x14,  // 20 bytes follow
                            0x61, 0x93, 0x00, 0x08, 0x50, 0x01, 2,    3,
                            4,    5,    6,    7,  // SAS, NAA of the port
                            0x01, 0x15, 0x00, 0x04, 0x00, 0x00, 0x12, 0x34};  // its group
    const auto header = read<SCSICmd_INQUIRY_Page83_Header>(page, sizeof page);
    EXPECT_EQ(header.PAGE_CODE, kINQUIRY_Page83_PageCode);
    size_t at = sizeof header;
    const auto first =
        read<SCSICmd_INQUIRY_Page83_Identification_Descriptor>(page + at, sizeof page - at);
    EXPECT_EQ(first.CODE_SET & kINQUIRY_Page83_CodeSetMask, kINQUIRY_Page83_CodeSetBinaryData);
    EXPECT_EQ(first.CODE_SET >> 4, kSCSIProtocolIdentifier_SAS);
    EXPECT_TRUE(first.IDENTIFIER_TYPE & kINQUIRY_Page83_ProtocolIdentifierValidMask);
    EXPECT_EQ(first.IDENTIFIER_TYPE & kINQUIRY_Page83_IdentifierTypeMask,
              kINQUIRY_Page83_IdentifierTypeNAAIdentifier);
    EXPECT_EQ(first.IDENTIFIER_TYPE & kINQUIRY_Page83_AssociationMask,
              kINQUIRY_Page83_AssociationTargetPort);
    at += offsetof(SCSICmd_INQUIRY_Page83_Identification_Descriptor, IDENTIFIER) +
          first.IDENTIFIER_LENGTH;
    EXPECT_EQ(page[at + 1] & kINQUIRY_Page83_IdentifierTypeMask,
              kINQUIRY_Page83_IdentifierTypeTargetPortGroup);
    at += offsetof(SCSICmd_INQUIRY_Page83_Identification_Descriptor, IDENTIFIER);
    const auto group =
        read<SCSICmd_INQUIRY_Page83_TargetPortGroup_Identifier>(page + at, sizeof page - at);
    EXPECT_EQ(OSSwapBigToHostInt16(group.TARGET_PORT_GROUP), 0x1234);
}

TEST(Sense, FixedFormatOfAMediumThatIsNotThere) {
    const uint8_t bytes[18] = {0xf0, 0, 0x22, 0,    0,    1, 2,    10, 0,
                               0,    0, 0,    0x3a, 0x01, 0, 0xc0, 0,  5};
    const auto sense = read<SCSI_Sense_Data>(bytes, sizeof bytes);
    EXPECT_EQ(sizeof sense, static_cast<size_t>(kSenseDefaultSize));
    EXPECT_EQ(sense.VALID_RESPONSE_CODE & kSENSE_DATA_VALID_Mask, kSENSE_DATA_VALID);
    EXPECT_EQ(sense.VALID_RESPONSE_CODE & kSENSE_RESPONSE_CODE_Mask,
              kSENSE_RESPONSE_CODE_Current_Errors);
    EXPECT_EQ(sense.SENSE_KEY & kSENSE_KEY_Mask, kSENSE_KEY_NOT_READY);
    EXPECT_EQ(sense.SENSE_KEY & kSENSE_ILI_Mask, kSENSE_ILI_Set);
    EXPECT_EQ(sense.INFORMATION_3, 1);
    EXPECT_EQ(sense.INFORMATION_4, 2);
    EXPECT_EQ(sense.ADDITIONAL_SENSE_LENGTH, 10);
    EXPECT_EQ(sense.ADDITIONAL_SENSE_CODE, 0x3a);
    EXPECT_EQ(sense.ADDITIONAL_SENSE_CODE_QUALIFIER, 1);
    EXPECT_EQ(sense.SKSV_SENSE_KEY_SPECIFIC_MSB, 0xc0);
    EXPECT_EQ(sense.SENSE_KEY_SPECIFIC_LSB, 5);
}

TEST(Capacity, ShortAndLongAnswersAreBigEndian) {
    const uint8_t small[8] = {0, 0x0f, 0xff, 0xff, 0, 0, 2, 0};
    const auto data = read<SCSI_Capacity_Data>(small, sizeof small);
    EXPECT_EQ(sizeof data, static_cast<size_t>(kREPORT_CAPACITY_DataSize));
    EXPECT_EQ(OSSwapBigToHostInt32(data.RETURNED_LOGICAL_BLOCK_ADDRESS), 0xfffffu);
    EXPECT_EQ(OSSwapBigToHostInt32(data.BLOCK_LENGTH_IN_BYTES), 512u);
    uint8_t large[32] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x03};
    const auto more = read<SCSI_Capacity_Data_Long>(large, sizeof large);
    EXPECT_EQ(sizeof more, static_cast<size_t>(kREPORT_CAPACITY_16_DataSize));
    const UInt64 last = more.RETURNED_LOGICAL_BLOCK_ADDRESS;
    EXPECT_GT(OSSwapBigToHostInt64(last), uint64_t{kREPORT_CAPACITY_MaximumLBA});
    EXPECT_EQ(OSSwapBigToHostInt32(more.BLOCK_LENGTH_IN_BYTES), 4096u);
    EXPECT_EQ(more.RTO_EN_PROT_EN & kREAD_CAPACITY_PROT_Mask, kREAD_CAPACITY_PROT_Enabled);
    EXPECT_EQ(more.RTO_EN_PROT_EN & kREAD_CAPACITY_RTO_Mask, kREAD_CAPACITY_RTO_Enabled);
}

TEST(Task, ACommandFitsItsBlock) {
    SCSICommandDescriptorBlock command = {kSCSICmd_READ_16};
    EXPECT_EQ(sizeof command, static_cast<size_t>(kSCSICDBSize_Maximum));
    EXPECT_EQ(command[0], 0x88);
    EXPECT_EQ(kSBCCmd_READ_10, kSCSICmd_READ_10);
    EXPECT_EQ(kMMCCmd_READ_DISC_INFORMATION, 0x51);
    EXPECT_EQ(sizeof(SCSILogicalUnitBytes), sizeof(SCSILogicalUnitNumber));
}

}  // namespace
