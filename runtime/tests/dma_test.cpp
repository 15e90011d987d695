// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "runtime/family.h"

namespace {

OSSharedPtr<IOBufferMemoryDescriptor> make_buffer(uint64_t capacity,
                                                  uint64_t direction = kIOMemoryDirectionInOut) {
    IOBufferMemoryDescriptor* buffer = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(direction, capacity, 0, &buffer), kIOReturnSuccess);
    return OSSharedPtr<IOBufferMemoryDescriptor>(buffer, OSNoRetain);
}

char* address_of(IOBufferMemoryDescriptor* buffer) {
    IOAddressSegment range{};
    EXPECT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    return reinterpret_cast<char*>(range.address);
}

class Dma : public testing::Test {
  protected:
    Dma() : device_(OSTypeAlloc(IOService), OSNoRetain) {}

    OSSharedPtr<IODMACommand> make_command(uint64_t bits) {
        const IODMACommandSpecification specification{kIODMACommandSpecificationNoOptions, bits};
        IODMACommand* command = nullptr;
        EXPECT_EQ(IODMACommand::Create(device_.get(), kIODMACommandCreateNoOptions, &specification,
                                       &command),
                  kIOReturnSuccess);
        return OSSharedPtr<IODMACommand>(command, OSNoRetain);
    }
    /// The segments of memory that is prepared as a whole.
    std::vector<IOAddressSegment> prepare(IODMACommand* command, IOMemoryDescriptor* memory) {
        IOAddressSegment segments[32] = {};
        uint32_t count = 32;
        uint64_t flags = 0;
        EXPECT_EQ(command->PrepareForDMA(kIODMACommandPrepareForDMANoOptions, memory, 0, 0, &flags,
                                         &count, segments),
                  kIOReturnSuccess);
        return {segments, segments + count};
    }

    OSSharedPtr<IOService> device_;
};

// Facts: IODMACommand.Create, IODMACommand.PrepareForDMA, IODMACommand.CompleteDMA
TEST_F(Dma, GivesMemoryAnAddressThatTheDeviceCanResolve) {
    const auto buffer = make_buffer(10000, kIOMemoryDirectionOut);
    strcpy(address_of(buffer.get()) + 5000, "packet");
    const IODMACommandSpecification specification{0, 64};
    IODMACommand* made = nullptr;
    ASSERT_EQ(IODMACommand::Create(device_.get(), 0, &specification, &made), kIOReturnSuccess);
    const OSSharedPtr<IODMACommand> command(made, OSNoRetain);

    IOAddressSegment segments[32] = {};
    uint32_t count = 32;
    uint64_t flags = 0;
    ASSERT_EQ(command->PrepareForDMA(0, buffer.get(), 5000, 100, &flags, &count, segments),
              kIOReturnSuccess);
    ASSERT_EQ(count, 1u);
    EXPECT_EQ(segments[0].length, 100u);
    EXPECT_EQ(flags, uint64_t{kIOMemoryDirectionOut});
    EXPECT_GE(segments[0].address, uint64_t{1} << 32);
    EXPECT_EQ(segments[0].address % 4096, 5000u % 4096);

    // The device reads three bytes in.
    const auto found =
        opendext::family::memory_at_bus_address(device_.get(), segments[0].address + 3);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->length, 97u);
    EXPECT_TRUE(found->device_may_read);
    EXPECT_FALSE(found->device_may_write);
    char text[4] = {};
    ASSERT_EQ(pread(found->fd, text, 3, static_cast<off_t>(found->offset)), 3);
    EXPECT_STREQ(text, "ket");

    // Neither before nor behind it, and not when the transfer is over.
    const auto at = [&](uint64_t address) {
        return opendext::family::memory_at_bus_address(device_.get(), address).ok();
    };
    EXPECT_FALSE(at(segments[0].address - 1));
    EXPECT_FALSE(at(segments[0].address + 100));
    EXPECT_FALSE(at(0));
    EXPECT_FALSE(at(UINT64_MAX));
    EXPECT_TRUE(at(segments[0].address));
    EXPECT_EQ(command->CompleteDMA(kIODMACommandCompleteDMANoOptions), kIOReturnSuccess);
    EXPECT_FALSE(at(segments[0].address));
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
}

TEST_F(Dma, ADeviceWritesIntoWhatTheDriverReads) {
    const auto buffer = make_buffer(4096, kIOMemoryDirectionIn);
    const auto command = make_command(40);
    const auto segments = prepare(command.get(), buffer.get());
    const auto found =
        opendext::family::memory_at_bus_address(device_.get(), segments[0].address + 10);
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->device_may_write);
    EXPECT_FALSE(found->device_may_read);
    ASSERT_EQ(pwrite(found->fd, "arrived", 8, static_cast<off_t>(found->offset)), 8);
    EXPECT_STREQ(address_of(buffer.get()) + 10, "arrived");
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
}

TEST_F(Dma, AddressesFitTheBitsOfTheDevice) {
    const auto buffer = make_buffer(100000);
    for (const uint64_t bits : {20, 24, 32, 33, 40, 64, 0}) {
        const auto command = make_command(bits);
        const auto segments = prepare(command.get(), buffer.get());
        ASSERT_EQ(segments.size(), 1u);
        const uint64_t last = segments[0].address + segments[0].length - 1;
        if (bits > 0 && bits < 64) EXPECT_LT(last, uint64_t{1} << bits) << bits;
        if (bits > 32) EXPECT_GE(segments[0].address, uint64_t{1} << 32) << bits;
        EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    }
    // 16 bits: nothing above the first 64 KiB, which are nobody's.
    const auto command = make_command(16);
    IOAddressSegment segments[32] = {};
    uint32_t count = 32;
    EXPECT_EQ(command->PrepareForDMA(0, buffer.get(), 0, 0, nullptr, &count, segments),
              kIOReturnNoResources);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnNotReady);
}

TEST_F(Dma, AddressesOfFewBitsRunOutAndComeBack) {
    const auto buffer = make_buffer(64 * 1024);
    std::vector<OSSharedPtr<IODMACommand>> commands;
    IOAddressSegment segments[32] = {};
    uint32_t count = 1;
    kern_return_t result = kIOReturnSuccess;
    while (result == kIOReturnSuccess) {
        commands.push_back(make_command(20));
        result = commands.back()->PrepareForDMA(0, buffer.get(), 0, 0, nullptr, &count, segments);
        ASSERT_LT(commands.size(), 17u);
    }
    EXPECT_EQ(result, kIOReturnNoResources);
    ASSERT_GT(commands.size(), 3u);
    EXPECT_EQ(commands[1]->CompleteDMA(0), kIOReturnSuccess);
    EXPECT_EQ(commands.back()->PrepareForDMA(0, buffer.get(), 0, 0, nullptr, &count, segments),
              kIOReturnSuccess);
    for (const auto& command : commands)
        EXPECT_EQ(command->CompleteDMA(0),
                  command.get() == commands[1].get() ? kIOReturnNotReady : kIOReturnSuccess);
}

TEST_F(Dma, JoinedMemoryHasASegmentForEachPart) {
    const auto first = make_buffer(4096);
    const auto second = make_buffer(1000);
    const auto third = make_buffer(300);
    IOMemoryDescriptor* parts[32] = {first.get(), second.get(), third.get()};
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 3, parts, &joined),
              kIOReturnSuccess);
    const auto command = make_command(64);
    IOAddressSegment segments[32] = {};
    uint32_t count = 2;
    EXPECT_EQ(command->PrepareForDMA(0, joined, 0, 0, nullptr, &count, segments), kIOReturnNoSpace);
    // From the middle of the first to the middle of the third.
    count = 3;
    ASSERT_EQ(command->PrepareForDMA(0, joined, 4000, 1196, nullptr, &count, segments),
              kIOReturnSuccess);
    ASSERT_EQ(count, 3u);
    EXPECT_EQ(segments[0].length, 96u);
    EXPECT_EQ(segments[1].length, 1000u);
    EXPECT_EQ(segments[2].length, 100u);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    joined->release();
}

// Facts: IODMACommand.GetPreparation
TEST_F(Dma, TellsWhatIsPrepared) {
    const auto buffer = make_buffer(1000);
    const auto command = make_command(64);
    uint64_t offset = 0;
    uint64_t length = 0;
    IOMemoryDescriptor* memory = nullptr;
    EXPECT_EQ(command->GetPreparation(&offset, &length, &memory), kIOReturnNotReady);
    IOAddressSegment segments[32] = {};
    uint32_t count = 1;
    ASSERT_EQ(command->PrepareForDMA(0, buffer.get(), 10, 0, nullptr, &count, segments),
              kIOReturnSuccess);
    ASSERT_EQ(command->GetPreparation(&offset, &length, &memory), kIOReturnSuccess);
    EXPECT_EQ(offset, 10u);
    EXPECT_EQ(length, 990u);
    EXPECT_EQ(memory, buffer.get());
    OSSafeReleaseNULL(memory);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
}

TEST_F(Dma, RefusesWhatTheFactsRefuse) {
    const auto buffer = make_buffer(1000);
    const IODMACommandSpecification good{0, 64};
    const IODMACommandSpecification options{1, 64};
    const IODMACommandSpecification bits{0, 65};
    IODMACommand* none = nullptr;
    EXPECT_EQ(IODMACommand::Create(device_.get(), 1, &good, &none), kIOReturnBadArgument);
    EXPECT_EQ(IODMACommand::Create(nullptr, 0, &good, &none), kIOReturnBadArgument);
    EXPECT_EQ(IODMACommand::Create(device_.get(), 0, &options, &none), kIOReturnBadArgument);
    EXPECT_EQ(IODMACommand::Create(device_.get(), 0, &bits, &none), kIOReturnBadArgument);
    EXPECT_EQ(none, nullptr);

    const auto command = make_command(64);
    IOAddressSegment segments[32] = {};
    const auto prepare = [&](uint64_t option, IOMemoryDescriptor* memory, uint64_t offset,
                             uint64_t length, uint32_t count) {
        return command->PrepareForDMA(option, memory, offset, length, nullptr, &count, segments);
    };
    EXPECT_EQ(prepare(0, nullptr, 0, 0, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(1, buffer.get(), 0, 0, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 1001, 0, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 1000, 0, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 1, 1000, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), UINT64_MAX, 2, 1), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 0, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 0, 0, 33), kIOReturnBadArgument);
    EXPECT_EQ(prepare(0, buffer.get(), 0, 0, 1), kIOReturnSuccess);
    EXPECT_EQ(prepare(0, buffer.get(), 0, 0, 1), kIOReturnBusy);
    EXPECT_EQ(command->CompleteDMA(1), kIOReturnBadArgument);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
}

// Facts: IODMACommand.PerformOperation
TEST_F(Dma, CopiesBetweenABufferAndThePreparedMemory) {
    const auto prepared = make_buffer(200000);
    const auto data = make_buffer(200000);
    const auto command = make_command(64);
    const auto perform = [&](uint64_t options, uint64_t at, uint64_t length, uint64_t from,
                             IOMemoryDescriptor* memory) {
        return command->PerformOperation(options, at, length, from, memory);
    };
    constexpr uint64_t kRead = kIODMACommandPerformOperationOptionRead;
    constexpr uint64_t kWrite = kIODMACommandPerformOperationOptionWrite;
    constexpr uint64_t kZero = kIODMACommandPerformOperationOptionZero;
    EXPECT_EQ(perform(kRead, 0, 1, 0, data.get()), kIOReturnNotReady);
    IOAddressSegment segments[32] = {};
    uint32_t count = 1;
    ASSERT_EQ(command->PrepareForDMA(0, prepared.get(), 1000, 150000, nullptr, &count, segments),
              kIOReturnSuccess);

    for (int i = 0; i < 200000; ++i) address_of(data.get())[i] = static_cast<char>(i % 251);
    EXPECT_EQ(perform(kWrite, 10, 149990, 5, data.get()), kIOReturnSuccess);
    EXPECT_EQ(memcmp(address_of(prepared.get()) + 1010, address_of(data.get()) + 5, 149990), 0);
    EXPECT_EQ(address_of(prepared.get())[1009], 0);
    EXPECT_EQ(address_of(prepared.get())[151000], 0);

    memset(address_of(data.get()), 0, 200000);
    EXPECT_EQ(perform(kRead, 100, 70000, 7, data.get()), kIOReturnSuccess);
    EXPECT_EQ(memcmp(address_of(data.get()) + 7, address_of(prepared.get()) + 1100, 70000), 0);
    EXPECT_EQ(address_of(data.get())[70007], 0);

    EXPECT_EQ(perform(kZero, 100, 10, 0, nullptr), kIOReturnSuccess);
    EXPECT_EQ(address_of(prepared.get())[1100], 0);
    EXPECT_EQ(address_of(prepared.get())[1109], 0);
    EXPECT_NE(address_of(prepared.get())[1110], 0);

    EXPECT_EQ(perform(kRead, 0, 150001, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(perform(kRead, 149999, 2, 0, data.get()), kIOReturnUnderrun);
    EXPECT_EQ(perform(kRead, UINT64_MAX, 2, 0, data.get()), kIOReturnUnderrun);
    EXPECT_EQ(perform(kWrite, 0, 2, 199999, data.get()), kIOReturnUnderrun);
    EXPECT_EQ(perform(kWrite, 0, 2, UINT64_MAX, data.get()), kIOReturnUnderrun);
    EXPECT_EQ(perform(kRead, 0, 2, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(perform(kRead | kWrite, 0, 2, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(perform(0, 0, 2, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(perform(8, 0, 2, 0, data.get()), kIOReturnBadArgument);
    EXPECT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
}

// Facts: IODMACommand.init, IODMACommand.free
TEST_F(Dma, ACommandThatIsFreedWhilePreparedGivesItsAddressesBack) {
    // init() ran in Create; free() runs with the last reference.
    const auto buffer = make_buffer(4096);
    auto command = make_command(64);
    const auto segments = prepare(command.get(), buffer.get());
    EXPECT_TRUE(opendext::family::memory_at_bus_address(device_.get(), segments[0].address).ok());
    testing::internal::CaptureStderr();
    command.reset();
    EXPECT_NE(testing::internal::GetCapturedStderr().find("before CompleteDMA"), std::string::npos);
    EXPECT_FALSE(opendext::family::memory_at_bus_address(device_.get(), segments[0].address).ok());
}

}  // namespace
