// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "runtime/family.h"

namespace {

OSSharedPtr<IOBufferMemoryDescriptor> make_buffer(uint64_t capacity, uint64_t alignment = 0,
                                                  uint64_t options = kIOMemoryDirectionInOut) {
    IOBufferMemoryDescriptor* buffer = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(options, capacity, alignment, &buffer),
              kIOReturnSuccess);
    return OSSharedPtr<IOBufferMemoryDescriptor>(buffer, OSNoRetain);
}

char* address_of(IOBufferMemoryDescriptor* buffer) {
    IOAddressSegment range{};
    EXPECT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    return reinterpret_cast<char*>(range.address);
}

OSSharedPtr<IOMemoryMap> map(IOMemoryDescriptor* memory, uint64_t offset = 0, uint64_t length = 0,
                             uint64_t options = 0) {
    IOMemoryMap* made = nullptr;
    EXPECT_EQ(memory->CreateMapping(options, 0, offset, length, 0, &made), kIOReturnSuccess);
    return OSSharedPtr<IOMemoryMap>(made, OSNoRetain);
}

TEST(Buffer, HasCapacityLengthAndAlignment) {
    const auto buffer = make_buffer(1000, 65536);
    IOAddressSegment range{};
    ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    EXPECT_EQ(range.length, 1000u);
    EXPECT_EQ(range.address % 65536, 0u);
    EXPECT_EQ(buffer->SetLength(10), kIOReturnSuccess);
    uint64_t length = 0;
    EXPECT_EQ(buffer->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 10u);
    EXPECT_EQ(buffer->SetLength(1001), kIOReturnBadArgument);
    EXPECT_EQ(buffer->SetLength(1000), kIOReturnSuccess);
    memset(reinterpret_cast<void*>(range.address), 1, 1000);
}

TEST(Buffer, RefusesWhatIsNoDirectionOrNoSize) {
    IOBufferMemoryDescriptor* buffer = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(0x10, 100, 0, &buffer), kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, 0, 0, &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, 100, 3, &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, UINT64_MAX, 0, &buffer),
              kIOReturnBadArgument);
    EXPECT_EQ(buffer, nullptr);
}

TEST(Map, ShowsTheSameMemory) {
    const auto buffer = make_buffer(10000);
    strcpy(address_of(buffer.get()) + 5000, "hello");
    const auto mapping = map(buffer.get(), 5000, 100);
    EXPECT_EQ(mapping->GetLength(), 100u);
    EXPECT_EQ(mapping->GetOffset(), 5000u);
    auto* text = reinterpret_cast<char*>(mapping->GetAddress());
    EXPECT_STREQ(text, "hello");
    text[0] = 'j';
    EXPECT_EQ(address_of(buffer.get())[5000], 'j');
}

TEST(Map, ChecksRangesAndModes) {
    const auto buffer = make_buffer(10000);
    IOMemoryMap* made = nullptr;
    EXPECT_EQ(buffer->CreateMapping(0, 0, 10000, 0, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(0, 0, 9999, 2, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(0, 0, UINT64_MAX, 2, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(0x700, 0, 0, 0, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(0, 0, 0, 0, 3, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(kIOMemoryMapFixedAddress, 0x10000, 0, 0, 0, &made),
              kIOReturnUnsupported);
    EXPECT_EQ(made, nullptr);
    for (const uint64_t mode : {kIOMemoryMapCacheModeInhibit, kIOMemoryMapCacheModeCopyback,
                                kIOMemoryMapCacheModeWriteThrough, kIOMemoryMapCacheModeRealTime}) {
        (void)map(buffer.get(), 0, 0, mode);
    }
}

TEST(Map, OutlivesTheDescriptorsOwner) {
    auto buffer = make_buffer(100);
    strcpy(address_of(buffer.get()), "still here");
    const auto mapping = map(buffer.get());
    buffer.reset();
    EXPECT_STREQ(reinterpret_cast<const char*>(mapping->GetAddress()), "still here");
}

TEST(MapDeathTest, ReadOnlyMappingsCannotBeWritten) {
    const auto buffer = make_buffer(100);
    const auto mapping = map(buffer.get(), 0, 0, kIOMemoryMapReadOnly);
    EXPECT_DEATH(*reinterpret_cast<volatile char*>(mapping->GetAddress()) = 1, "");
}

TEST(SubDescriptor, ShowsARangeAndChecksIt) {
    const auto buffer = make_buffer(10000);
    strcpy(address_of(buffer.get()) + 4100, "part");
    IOMemoryDescriptor* part = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionIn, 4100, 50,
                                                            buffer.get(), &part),
              kIOReturnSuccess);
    uint64_t length = 0;
    EXPECT_EQ(part->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 50u);
    EXPECT_STREQ(reinterpret_cast<const char*>(map(part)->GetAddress()), "part");
    IOMemoryDescriptor* none = nullptr;
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 40, 11, part, &none),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 51, 0, part, &none),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 0, 1, nullptr, &none),
              kIOReturnBadArgument);
    part->release();
}

TEST(JoinedDescriptor, ShowsItsPartsOneBehindTheOther) {
    const auto first = make_buffer(4096);
    const auto second = make_buffer(4096);
    memset(address_of(first.get()), 1, 4096);
    memset(address_of(second.get()), 2, 4096);
    IOMemoryDescriptor* parts[32] = {first.get(), second.get()};
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 2, parts, &joined),
        kIOReturnSuccess);
    uint64_t length = 0;
    EXPECT_EQ(joined->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 8192u);
    const auto mapping = map(joined);
    const auto* bytes = reinterpret_cast<const uint8_t*>(mapping->GetAddress());
    EXPECT_EQ(bytes[4095], 1);
    EXPECT_EQ(bytes[4096], 2);
    EXPECT_FALSE(opendext::family::memory_of(joined).ok());
    joined->release();
    EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 33, parts, &joined),
              kIOReturnBadArgument);
    EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 3, parts, &joined),
              kIOReturnBadArgument);
}

TEST(Family, WrapsMemoryThatExists) {
    auto memory = opendext::make_sealed_memory("ring", 16384);
    ASSERT_TRUE(memory.ok());
    auto view =
        opendext::Mapping::map(memory->get(), 0, 16384, opendext::Mapping::Access::read_write);
    ASSERT_TRUE(view.ok());
    strcpy(reinterpret_cast<char*>(view->data()) + 4096, "shared");
    auto wrapped = opendext::family::wrap_memory(std::move(memory->duplicate().value()), 4096, 8192,
                                                 kIOMemoryDirectionInOut);
    ASSERT_TRUE(wrapped.ok());
    EXPECT_STREQ(address_of(*wrapped), "shared");
    const auto where = opendext::family::memory_of(*wrapped);
    ASSERT_TRUE(where.ok());
    EXPECT_EQ(where->offset, 4096u);
    EXPECT_EQ(where->length, 8192u);
    (*wrapped)->release();
    auto beyond =
        opendext::family::wrap_memory(std::move(*memory), 4096, 16384, kIOMemoryDirectionInOut);
    ASSERT_FALSE(beyond.ok());
    EXPECT_EQ(beyond.error().code, opendext::Errc::malformed);
}

TEST(Family, UnsealedMemoryIsRefused) {
    opendext::UniqueFd fd(memfd_create("loose", MFD_CLOEXEC));
    ASSERT_EQ(ftruncate(fd.get(), 4096), 0);
    EXPECT_FALSE(opendext::family::wrap_memory(std::move(fd), 0, 4096, kIOMemoryDirectionIn).ok());
}

TEST(Family, DescriptorsAreTakenOnce) {
    opendext::UniqueFd fd(memfd_create("x", MFD_CLOEXEC));
    const int number = fd.get();
    OSObject* object = opendext::family::make_descriptor(std::move(fd));
    auto taken = opendext::family::take_descriptor(object);
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(taken->get(), number);
    EXPECT_FALSE(opendext::family::take_descriptor(object).ok());
    object->release();
    EXPECT_FALSE(opendext::family::take_descriptor(kOSBooleanTrue).ok());
}

}  // namespace
