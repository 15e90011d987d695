// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

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

// Facts: IOBufferMemoryDescriptor.Create, IOBufferMemoryDescriptor.GetAddressRange,
// Facts: IOBufferMemoryDescriptor.SetLength, IOMemoryDescriptor.GetLength
TEST(Buffer, HasCapacityLengthAndAlignment) {
    IOBufferMemoryDescriptor* made = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 1000, 65536, &made),
              kIOReturnSuccess);
    const OSSharedPtr<IOBufferMemoryDescriptor> buffer(made, OSNoRetain);
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

// Facts: IOMemoryDescriptor.CreateMapping, IOMemoryMap.GetAddress, IOMemoryMap.GetLength,
// Facts: IOMemoryMap.GetOffset
TEST(Map, ShowsTheSameMemory) {
    const auto buffer = make_buffer(10000);
    strcpy(address_of(buffer.get()) + 5000, "hello");
    IOMemoryMap* made = nullptr;
    ASSERT_EQ(buffer->CreateMapping(0, 0, 5000, 100, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IOMemoryMap> mapping(made, OSNoRetain);
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
    EXPECT_EQ(buffer->CreateMapping(0x1000, 0, 0, 0, 0, &made), kIOReturnBadArgument);
    for (const uint64_t guard : {16, 20, 24, 28})
        EXPECT_EQ(buffer->CreateMapping(guard, 0, 0, 0, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(0, 0, 0, 0, UINT64_C(1) << 60, &made), kIOReturnBadArgument);
    EXPECT_EQ(made, nullptr);
    for (const uint64_t mode : {kIOMemoryMapCacheModeInhibit, kIOMemoryMapCacheModeCopyback,
                                kIOMemoryMapCacheModeWriteThrough, kIOMemoryMapCacheModeRealTime}) {
        (void)map(buffer.get(), 0, 0, mode);
    }
}

TEST(Map, LiesAtAFixedAddressIfThatIsFree) {
    const auto buffer = make_buffer(3 * 4096);
    // A place that is free: where something was until just now.
    constexpr size_t kRoom = 64 * 4096;
    void* room = mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(room, MAP_FAILED);
    const uint64_t place = reinterpret_cast<uint64_t>(room) + 20 * 4096;
    constexpr uint64_t kFixed = kIOMemoryMapFixedAddress | kIOMemoryMapGuardedNone;
    IOMemoryMap* made = nullptr;
    EXPECT_EQ(buffer->CreateMapping(kFixed, place, 0, 0, 0, &made), kIOReturnNoSpace);
    ASSERT_EQ(munmap(room, kRoom), 0);
    ASSERT_EQ(buffer->CreateMapping(kFixed, place, 0, 0, 0, &made), kIOReturnSuccess);
    EXPECT_EQ(made->GetAddress(), place);
    strcpy(reinterpret_cast<char*>(place), "here");
    EXPECT_STREQ(address_of(buffer.get()), "here");
    IOMemoryMap* second = nullptr;
    EXPECT_EQ(buffer->CreateMapping(kFixed, place, 0, 0, 0, &second), kIOReturnNoSpace);
    made->release();
    // The same with a part that begins within a page, guards around it.
    made = nullptr;
    ASSERT_EQ(buffer->CreateMapping(kIOMemoryMapFixedAddress, place + 100, 4196, 50, 0, &made),
              kIOReturnSuccess);
    EXPECT_EQ(made->GetAddress(), place + 100);
    made->release();
    made = nullptr;
    EXPECT_EQ(buffer->CreateMapping(kFixed, place + 1, 0, 0, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(buffer->CreateMapping(kFixed, 0, 0, 0, 0, &made), kIOReturnBadArgument);
    EXPECT_EQ(made, nullptr);
}

TEST(Map, IsAlignedAsAskedFor) {
    const auto buffer = make_buffer(10000);
    for (const uint64_t alignment :
         {uint64_t{16}, uint64_t{4096}, uint64_t{1} << 16, uint64_t{1} << 21}) {
        IOMemoryMap* made = nullptr;
        ASSERT_EQ(buffer->CreateMapping(0, 0, 0, 0, alignment, &made), kIOReturnSuccess);
        EXPECT_EQ(made->GetAddress() % alignment, 0u);
        strcpy(reinterpret_cast<char*>(made->GetAddress()) + 9990, "end");
        EXPECT_STREQ(address_of(buffer.get()) + 9990, "end");
        made->release();
    }
}

// Facts: IOMemoryDescriptor.Map
TEST(Map, OfTheShortFormLivesAsLongAsTheDescriptor) {
    const auto buffer = make_buffer(5000);
    strcpy(address_of(buffer.get()), "short");
    uint64_t address = 0;
    uint64_t length = 0;
    ASSERT_EQ(buffer->Map(0, 0, 100, 0, &address, &length), kIOReturnSuccess);
    EXPECT_EQ(length, 100u);
    EXPECT_STREQ(reinterpret_cast<const char*>(address), "short");
    EXPECT_EQ(buffer->Map(0, 0, 5001, 0, &address, &length), kIOReturnBadArgument);
    EXPECT_EQ(buffer->Map(kIOMemoryMapReadOnly, 0, 0, 0, nullptr, nullptr), kIOReturnSuccess);
}

// Facts: IOMemoryDescriptorPrivate._CopyState, IOMemoryMapPrivate._CopyState
TEST(Map, TellsItsState) {
    const auto buffer = make_buffer(9000, 0, kIOMemoryDirectionOut);
    _IOMDPrivateState memory{};
    ASSERT_EQ(buffer->_CopyState(&memory), kIOReturnSuccess);
    EXPECT_EQ(memory.length, 9000u);
    EXPECT_EQ(memory.options, uint64_t{kIOMemoryDirectionOut});
    constexpr uint64_t kOptions = kIOMemoryMapReadOnly | kIOMemoryMapCacheModeInhibit;
    const auto mapping = map(buffer.get(), 100, 200, kOptions);
    _IOMemoryMapPrivateState state{};
    ASSERT_EQ(mapping->_CopyState(&state), kIOReturnSuccess);
    EXPECT_EQ(state.length, 200u);
    EXPECT_EQ(state.offset, 100u);
    EXPECT_EQ(state.options, kOptions);
    EXPECT_EQ(state.address, mapping->GetAddress());
}

// Facts: IOMemoryDescriptor.init, IOMemoryDescriptor.free, IOBufferMemoryDescriptor.init,
// Facts: IOBufferMemoryDescriptor.free, IOMemoryMap.init, IOMemoryMap.free
TEST(Map, OfNothingIsNotMadeAndObjectsCleanUp) {
    // Each object runs init() when it is made and free() with its last release.
    const auto check = [](auto* made) {
        ASSERT_NE(made, nullptr);
        made->release();
    };
    auto* memory = OSTypeAlloc(IOMemoryDescriptor);
    uint64_t length = 1;
    EXPECT_EQ(memory->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 0u);
    IOMemoryMap* none = nullptr;
    EXPECT_EQ(memory->CreateMapping(0, 0, 0, 0, 0, &none), kIOReturnBadArgument);
    check(memory);
    auto* map = OSTypeAlloc(IOMemoryMap);
    EXPECT_EQ(map->GetLength(), 0u);
    check(map);
    auto* buffer = OSTypeAlloc(IOBufferMemoryDescriptor);
    EXPECT_EQ(buffer->SetLength(1), kIOReturnBadArgument);
    check(buffer);
    // free() gives the pages back: the address is not mapped any more.
    uint64_t address = 0;
    {
        const auto gone = make_buffer(4096);
        address = reinterpret_cast<uint64_t>(address_of(gone.get()));
        EXPECT_EQ(msync(reinterpret_cast<void*>(address), 4096, MS_ASYNC), 0);
    }
    EXPECT_EQ(msync(reinterpret_cast<void*>(address), 4096, MS_ASYNC), -1);
}

class GuardDeathTest : public testing::TestWithParam<std::pair<uint64_t, size_t>> {};

TEST_P(GuardDeathTest, AccessesBeyondTheMappingFault) {
    const auto [options, pages] = GetParam();
    const auto buffer = make_buffer(2 * 4096);
    const auto mapping = map(buffer.get(), 0, 0, options);
    auto* first = reinterpret_cast<volatile char*>(mapping->GetAddress());
    volatile char* end = first + 2 * 4096;
    first[0] = 1;
    end[-1] = 1;
    EXPECT_DEATH(first[-1] = 1, "");
    EXPECT_DEATH(*end = 1, "");
    EXPECT_DEATH(first[-static_cast<ptrdiff_t>(pages) * 4096] = 1, "");
    EXPECT_DEATH(end[pages * 4096 - 1] = 1, "");
    EXPECT_DEATH((void)*end, "");
}
INSTANTIATE_TEST_SUITE_P(Kinds, GuardDeathTest,
                         testing::Values(std::pair{uint64_t{kIOMemoryMapGuardedDefault}, 1u},
                                         std::pair{uint64_t{kIOMemoryMapGuardedSmall}, 1u},
                                         std::pair{uint64_t{kIOMemoryMapGuardedLarge}, 16u}));

TEST(Map, WithoutGuardsTakesNoMorePlaceThanItNeeds) {
    const auto buffer = make_buffer(4096);
    // Two neighbours: with guards the second could not lie there.
    const auto below = map(buffer.get(), 0, 0, kIOMemoryMapGuardedNone);
    const uint64_t next = below->GetAddress() - 4096;
    IOMemoryMap* above = nullptr;
    const kern_return_t result = buffer->CreateMapping(
        kIOMemoryMapGuardedNone | kIOMemoryMapFixedAddress, next, 0, 0, 0, &above);
    if (result == kIOReturnNoSpace) GTEST_SKIP() << "something else lies below";
    ASSERT_EQ(result, kIOReturnSuccess);
    EXPECT_EQ(above->GetAddress() + above->GetLength(), below->GetAddress());
    above->release();
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

// Facts: IOMemoryDescriptor.CreateSubMemoryDescriptor
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

// Facts: IOMemoryDescriptor.CreateWithMemoryDescriptors
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

TEST(JoinedDescriptor, WhosePartsEndWithinAPageCannotBeMapped) {
    const auto first = make_buffer(1000);
    const auto second = make_buffer(4096);
    IOMemoryDescriptor* parts[32] = {first.get(), second.get()};
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &joined),
              kIOReturnSuccess);
    IOMemoryMap* made = nullptr;
    EXPECT_EQ(joined->CreateMapping(0, 0, 0, 0, 0, &made), kIOReturnNotAligned);
    // One part of it alone can.
    EXPECT_STREQ((strcpy(address_of(second.get()), "second"),
                  reinterpret_cast<const char*>(map(joined, 1000, 4096)->GetAddress())),
                 "second");
    joined->release();
}

TEST(JoinedDescriptor, OfThirtyTwoPartsIsMappedInOrder) {
    std::vector<OSSharedPtr<IOBufferMemoryDescriptor>> buffers;
    IOMemoryDescriptor* parts[32] = {};
    for (int i = 0; i < 32; ++i) {
        buffers.push_back(make_buffer(4096));
        *address_of(buffers.back().get()) = static_cast<char>(i);
        parts[i] = buffers.back().get();
    }
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionIn, 32, parts, &joined),
        kIOReturnSuccess);
    buffers.clear();  // the joined one keeps their memory
    const auto mapping = map(joined);
    for (int i = 0; i < 32; ++i)
        EXPECT_EQ(reinterpret_cast<const char*>(mapping->GetAddress())[i * 4096], i);
    // A range over a joint, and joined memory in joined memory.
    IOMemoryDescriptor* middle = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 4096 * 3 + 100, 4096 * 2, joined, &middle),
        kIOReturnSuccess);
    EXPECT_EQ(reinterpret_cast<const char*>(map(middle)->GetAddress())[4096 - 100], 4);
    middle->release();
    joined->release();
}

TEST(JoinedDescriptor, OfNeighboursOfOneMemoryIsOnePiece) {
    const auto buffer = make_buffer(8192);
    IOMemoryDescriptor* parts[32] = {};
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 100, 50, buffer.get(), &parts[0]),
              kIOReturnSuccess);
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 150, 60, buffer.get(), &parts[1]),
              kIOReturnSuccess);
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &joined),
              kIOReturnSuccess);
    const auto where = opendext::family::memory_of(joined);
    ASSERT_TRUE(where.ok());
    EXPECT_EQ(where->offset, 100u);
    EXPECT_EQ(where->length, 110u);
    joined->release();
    parts[0]->release();
    parts[1]->release();
}

TEST(ForeignMemoryDeathTest, WhichOnlyDevicesReadCannotBeWritten) {
    auto memory = opendext::make_sealed_memory("theirs", 8192);
    ASSERT_TRUE(memory.ok());
    auto wrapped =
        opendext::family::wrap_memory(std::move(*memory), 0, 8192, kIOMemoryDirectionOut);
    ASSERT_TRUE(wrapped.ok());
    const OSSharedPtr<IOBufferMemoryDescriptor> theirs(*wrapped, OSNoRetain);
    EXPECT_DEATH(*static_cast<volatile char*>(address_of(theirs.get())) = 1, "");
    // Not by a detour either: part of it, joined with one's own, of another direction.
    const auto own = make_buffer(4096);
    IOMemoryDescriptor* part = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, 0, 4096,
                                                            theirs.get(), &part),
              kIOReturnSuccess);
    IOMemoryDescriptor* parts[32] = {own.get(), part};
    IOMemoryDescriptor* joined = nullptr;
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 2, parts, &joined),
        kIOReturnSuccess);
    const auto mapping = map(joined);
    auto* bytes = reinterpret_cast<volatile char*>(mapping->GetAddress());
    bytes[0] = 1;
    EXPECT_EQ(bytes[4096], 0);
    EXPECT_DEATH(bytes[4096] = 1, "");
    joined->release();
    part->release();
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
