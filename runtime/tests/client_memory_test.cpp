// SPDX-License-Identifier: Apache-2.0
// Memory that driver and client program share: docs/facts/semantics.md section 8.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "runtime/tests/user_client_fixture.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

OSSharedPtr<IOBufferMemoryDescriptor> make_buffer(uint64_t capacity) {
    IOBufferMemoryDescriptor* buffer = nullptr;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, capacity, 0, &buffer),
              kIOReturnSuccess);
    return OSSharedPtr<IOBufferMemoryDescriptor>(buffer, OSNoRetain);
}

char* address_of(IOBufferMemoryDescriptor* buffer) {
    IOAddressSegment range{};
    EXPECT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    return reinterpret_cast<char*>(range.address);
}

class ClientMemory : public UserClientTest {
  protected:
    /// The driver gives `memory` for every type.
    void give(IOMemoryDescriptor* memory, bool read_only) {
        Hooks::shared().client_memory = [=](uint64_t, uint64_t* options,
                                            IOMemoryDescriptor** result) -> int {
            EXPECT_EQ(*options, 0u);
            memory->retain();
            *result = memory;
            *options = read_only ? kIOUserClientMemoryReadOnly : 0;
            return kIOReturnSuccess;
        };
    }
    static uc::Mapped mapped(const Message& message) {
        auto decoded = decode<uc::Mapped>(message);
        EXPECT_TRUE(decoded.ok());
        return decoded.ok() ? *decoded : uc::Mapped{};
    }
};

// Facts: IOUserClient.CopyClientMemoryForType
TEST_F(ClientMemory, IsMappedByBothSides) {
    for (int i = 0; i < 2; ++i) {  // the same type gives the same memory
        const Message message = program_->map(5);
        const auto answer = mapped(message);
        ASSERT_EQ(answer.io_return, kIOReturnSuccess) << answer.reason;
        EXPECT_EQ(answer.options, kIOUserClientMemoryReadOnly);
        EXPECT_EQ(answer.length, 8192u);
        ASSERT_EQ(message.fds.size(), 1u);
        auto memory = Mapping::map(message.fds[0].get(), 0, 8192, Mapping::Access::read_only);
        ASSERT_TRUE(memory.ok());
        EXPECT_STREQ(reinterpret_cast<const char*>(memory->data()), "shared");
    }
    EXPECT_EQ(mapped(program_->map(6)).io_return, kIOReturnBadArgument);
    // Asked the driver itself: the same object.
    Hooks::shared().external = [](IOUserClient* client, IOUserClientMethodArguments*) -> int {
        IOMemoryDescriptor* memory[2] = {};
        for (auto& each : memory) {
            uint64_t options = 0;
            EXPECT_EQ(client->CopyClientMemoryForType(5, &options, &each), kIOReturnSuccess);
        }
        EXPECT_EQ(memory[0], memory[1]);
        for (auto& each : memory) OSSafeReleaseNULL(each);
        return kIOReturnSuccess;
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnSuccess);
}

TEST_F(ClientMemory, WritableMemoryIsWrittenByBothSides) {
    const auto buffer = make_buffer(10000);
    give(buffer.get(), false);
    const Message message = program_->map(1);
    ASSERT_EQ(message.fds.size(), 1u);
    EXPECT_EQ(::fcntl(message.fds[0].get(), F_GET_SEALS), kSeals);
    auto view = Mapping::map(message.fds[0].get(), 0, 10000, Mapping::Access::read_write);
    ASSERT_TRUE(view.ok());
    memcpy(view->data() + 9990, "client", 7);
    EXPECT_STREQ(address_of(buffer.get()) + 9990, "client");
}

TEST_F(ClientMemory, ReadOnlyMemoryCannotBeWrittenByAHostileProgram) {
    const auto buffer = make_buffer(8192);
    give(buffer.get(), true);
    const Message message = program_->map(1);
    ASSERT_EQ(message.fds.size(), 1u);
    const int fd = message.fds[0].get();
    EXPECT_EQ(::fcntl(fd, F_GET_SEALS), kSeals | F_SEAL_FUTURE_WRITE);
    // Each way to write that a program has, also one of root.
    EXPECT_EQ(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    void* view = ::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(view, MAP_FAILED);
    EXPECT_NE(::mprotect(view, 8192, PROT_READ | PROT_WRITE), 0);
    EXPECT_LT(::pwrite(fd, "x", 1, 0), 0);
    EXPECT_LT(::write(fd, "x", 1), 0);
    EXPECT_NE(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
    EXPECT_NE(::ftruncate(fd, 0), 0);
    EXPECT_NE(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0) << "it can add no seal either";
    (void)::fchmod(fd, 0777);
    const UniqueFd again(
        ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
    if (again.valid()) {
        EXPECT_EQ(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0),
                  MAP_FAILED);
        EXPECT_LT(::pwrite(again.get(), "x", 1, 0), 0);
    }
    void* moved = ::mremap(view, 0, 8192, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
        EXPECT_NE(::mprotect(moved, 8192, PROT_READ | PROT_WRITE), 0);
        ::munmap(moved, 8192);
    }
    // The driver writes it as before, in the mapping that it has and in new ones.
    strcpy(address_of(buffer.get()), "driver");
    EXPECT_STREQ(static_cast<const char*>(view), "driver");
    IOMemoryMap* made = nullptr;
    ASSERT_EQ(buffer->CreateMapping(0, 0, 4096, 100, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IOMemoryMap> map(made, OSNoRetain);
    strcpy(reinterpret_cast<char*>(map->GetAddress()), "mapped later");
    EXPECT_STREQ(static_cast<const char*>(view) + 4096, "mapped later");
    ::munmap(view, 8192);
}

TEST_F(ClientMemory, HasOneModeForAllPrograms) {
    const auto shown = make_buffer(4096);
    give(shown.get(), true);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(mapped(program_->map(1)).io_return, kIOReturnSuccess);
    give(shown.get(), false);
    auto refused = mapped(program_->map(1));
    EXPECT_EQ(refused.io_return, kIOReturnNotPermitted);
    EXPECT_NE(refused.reason.find("for reading only"), std::string::npos) << refused.reason;
    const auto written = make_buffer(4096);
    give(written.get(), false);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(mapped(program_->map(2)).io_return, kIOReturnSuccess);
    give(written.get(), true);
    const Message message = program_->map(2);
    EXPECT_EQ(mapped(message).io_return, kIOReturnNotPermitted);
    EXPECT_TRUE(message.fds.empty());
    EXPECT_TRUE(daemon_.wait_for_log("cannot be given for reading only"));
}

// Facts: IOMemoryDescriptor.CreateWithMemoryDescriptors
TEST_F(ClientMemory, MayBeJoined) {
    const OSSharedPtr<IOBufferMemoryDescriptor> parts[] = {make_buffer(4096), make_buffer(8192)};
    strcpy(address_of(parts[0].get()), "one");
    strcpy(address_of(parts[1].get()), "two");
    IOMemoryDescriptor* raw[32] = {parts[0].get(), parts[1].get()};
    IOMemoryDescriptor* made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, raw, &made), kIOReturnSuccess);
    const OSSharedPtr<IOMemoryDescriptor> joined(made, OSNoRetain);
    give(joined.get(), true);
    const Message message = program_->map(3);
    const auto answer = mapped(message);
    ASSERT_EQ(answer.io_return, kIOReturnSuccess) << answer.reason;
    ASSERT_EQ(message.fds.size(), 2u);
    EXPECT_EQ(answer.length, 4096u);
    ASSERT_EQ(answer.more.size(), 1u);
    EXPECT_EQ(answer.more[0].length, 8192u);
    for (const UniqueFd& fd : message.fds) {
        EXPECT_EQ(::fcntl(fd.get(), F_GET_SEALS), kSeals | F_SEAL_FUTURE_WRITE);
        EXPECT_EQ(::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
    }
}

TEST_F(ClientMemory, IsAskedForOnItsQueueAndHoldsUpNoCalls) {
    IODispatchQueue* made = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Calls", 0, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> calls(made, OSNoRetain);
    IODispatchQueue* own = nullptr;
    Hooks::shared().external = [&](IOUserClient* client, IOUserClientMethodArguments*) {
        EXPECT_EQ(client->CopyDispatchQueue(kIOServiceDefaultQueueName, &own), kIOReturnSuccess);
        return client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, calls.get());
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> usual(own, OSNoRetain);
    std::atomic<bool> asked{false};
    std::atomic<bool> go{false};
    Hooks::shared().client_memory = [&](uint64_t, uint64_t*, IOMemoryDescriptor**) -> int {
        EXPECT_TRUE(usual->OnQueue());
        asked = true;
        while (!go) IOSleep(1);
        return kIOReturnNoResources;
    };
    Hooks::pass_through_channel();
    ASSERT_TRUE(program_->channel().send(encode(uc::MapMemory{1, 0}, 500)).ok());
    while (!asked) IOSleep(1);
    EXPECT_TRUE(program_->works());
    go = true;
    auto message = program_->channel().receive();
    ASSERT_TRUE(message.ok());
    EXPECT_EQ(message->serial, 500u);
    EXPECT_EQ(mapped(*message).io_return, kIOReturnNoResources);
}

/// Memory of the program that the driver asks for during a call.
class ProgramMemory : public UserClientTest {
  protected:
    /// The driver asks for these ranges with each call.
    void ask(uint64_t options, std::vector<IOAddressSegment> segments) {
        Hooks::shared().external = [this, options, segments](IOUserClient* client,
                                                             IOUserClientMethodArguments*) -> int {
            IOAddressSegment all[32] = {};
            std::copy_n(segments.begin(), std::min<size_t>(segments.size(), 32), all);
            IOMemoryDescriptor* memory = nullptr;
            const kern_return_t result = client->CreateMemoryDescriptorFromClient(
                options, static_cast<uint32_t>(segments.size()), all, &memory);
            memory_ = OSSharedPtr(memory, OSNoRetain);
            return result;
        };
    }
    /// Sends a call; the driver's request for memory is the first thing that comes.
    Message request() {
        serial_ = program_->send(make_call(kHook, {}, 0));
        Unasked asked = program_->next_event(Lane::replies);
        EXPECT_EQ(asked.kind, uc::Kind::copy_memory);
        return std::move(asked.message);
    }
    /// Answers it with memory of that size, sealed or not.
    Answer give(const Message& asked, std::vector<uint64_t> lengths, UniqueFd memory) {
        uc::MemoryCopied copied;
        uint64_t offset = 0;
        for (const uint64_t length : lengths) {
            copied.parts.push_back({0, offset, length});
            offset += length;
        }
        Message message = encode(std::move(copied), asked.serial);
        message.fds.push_back(std::move(memory));
        EXPECT_TRUE(program_->channel().send(message).ok());
        return program_->receive(serial_);
    }
    static UniqueFd sealed(uint64_t size) {
        return std::move(make_sealed_memory("client", size)).value();
    }
    uint64_t serial_ = 0;
    OSSharedPtr<IOMemoryDescriptor> memory_;
};

TEST_F(ProgramMemory, IsNamedByOneToThirtyTwoRanges) {
    std::vector<IOAddressSegment> segments;
    for (uint64_t i = 0; i < 32; ++i) segments.push_back({0x10000 * (i + 1), 100});
    ask(kIOMemoryDirectionIn, segments);
    const Message asked = request();
    const auto wanted = decode<uc::CopyMemory>(asked);
    ASSERT_TRUE(wanted.ok());
    EXPECT_FALSE(wanted->share);
    ASSERT_EQ(wanted->segments.size(), 32u);
    EXPECT_EQ(wanted->segments[31].address, 0x200000u);
    EXPECT_EQ(wanted->segments[31].length, 100u);
    EXPECT_EQ(give(asked, {3200}, sealed(4096)).io_return, kIOReturnSuccess);
    uint64_t length = 0;
    EXPECT_EQ(memory_->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 3200u);
    EXPECT_TRUE(program_->works());
    // What cannot be does not reach the client.
    for (const auto& [options, ranges] :
         {std::pair<uint64_t, std::vector<IOAddressSegment>>{kIOMemoryDirectionIn, {}},
          {kIOMemoryDirectionIn, std::vector<IOAddressSegment>(33, {4096, 1})},
          {kIOMemoryDirectionIn, {{4096, 0}}},
          {kIOMemoryDirectionIn, {{4096, UINT64_MAX}, {8192, 1}}},
          {0, {{4096, 1}}},
          {kIOMemoryDirectionIn | 0x40, {{4096, 1}}}}) {
        ask(options, ranges);
        EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnBadArgument);
        EXPECT_FALSE(memory_);
    }
}

TEST_F(ProgramMemory, IsSharedIfTheDriverSaysSo) {
    ask(kIOMemoryDirectionInOut | kIOMemoryDisableCopyOnWrite, {{0x10000, 8192}});
    const Message asked = request();
    EXPECT_TRUE(decode<uc::CopyMemory>(asked)->share);
    UniqueFd memory = sealed(8192);
    auto view = std::move(Mapping::map(memory.get(), 0, 8192, Mapping::Access::read_write)).value();
    ASSERT_EQ(give(asked, {8192}, std::move(memory)).io_return, kIOReturnSuccess);
    IOMemoryMap* made = nullptr;
    ASSERT_EQ(memory_->CreateMapping(0, 0, 0, 0, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IOMemoryMap> map(made, OSNoRetain);
    memcpy(view.data() + 5000, "client", 7);
    EXPECT_STREQ(reinterpret_cast<const char*>(map->GetAddress() + 5000), "client");
    strcpy(reinterpret_cast<char*>(map->GetAddress()), "driver");
    EXPECT_STREQ(reinterpret_cast<const char*>(view.data()), "driver");
}

TEST_F(ProgramMemory, MayBeRefused) {
    ask(kIOMemoryDirectionIn, {{0x10000, 100}});
    const Message asked = request();
    uc::MemoryCopied refusal;
    refusal.io_return = kIOReturnVMError;
    refusal.reason = "the program has no such memory";
    ASSERT_TRUE(program_->channel().send(encode(std::move(refusal), asked.serial)).ok());
    EXPECT_EQ(program_->receive(serial_).io_return, kIOReturnVMError);
    EXPECT_FALSE(memory_);
    EXPECT_TRUE(daemon_.wait_for_log("the program has no such memory"));
    EXPECT_TRUE(program_->works());
}

TEST_F(ProgramMemory, AClientThatLiesLosesTheConnectionAndTheDriverGoesOn) {
    const auto other = open();
    uint64_t client = kClient + 1;
    const auto lie = [&](std::vector<uint64_t> lengths, UniqueFd memory) {
        auto next = open();
        ++client;
        program_.swap(next);
        ask(kIOMemoryDirectionIn, {{0x10000, 8192}});
        const Message asked = request();
        uc::MemoryCopied copied;
        for (const uint64_t length : lengths) copied.parts.push_back({0, 0, length});
        Message message = encode(std::move(copied), asked.serial);
        if (memory.valid()) message.fds.push_back(std::move(memory));
        EXPECT_TRUE(program_->channel().send(message).ok());
        EXPECT_FALSE(program_->closed_because().empty());
        program_.swap(next);
        end(client);
        EXPECT_FALSE(memory_);
    };
    lie({4096}, sealed(4096));              // less than asked for
    lie({8192, 1}, sealed(16384));          // more
    lie({}, {});                            // nothing
    lie({8192}, {});                        // no memory
    lie({8192}, sealed(4096));              // smaller memory
    lie({UINT64_MAX, 8193}, sealed(8192));  // wraps
    UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(unsealed.get(), 8192), 0);
    lie({8192}, std::move(unsealed));
    EXPECT_TRUE(other->works());
    end(kClient + 1);
}

TEST_F(ProgramMemory, AClientThatEndsInsteadOfAnsweringHoldsUpNobody) {
    std::atomic<int> result{0};
    ask(kIOMemoryDirectionIn, {{0x10000, 100}});
    const auto inner = Hooks::shared().external;
    Hooks::shared().external = [&](IOUserClient* client, IOUserClientMethodArguments* arguments) {
        return result = inner(client, arguments);
    };
    (void)request();
    program_->channel().close("the program was killed");
    end(kClient);
    EXPECT_EQ(result, kIOReturnNotResponding);
}

}  // namespace
