// SPDX-License-Identifier: Apache-2.0
// A driver that sends what no runtime sends: every call still ends, the program goes on, and the
// next connection works. Seeds are fixed; OPENDEXT_TEST_LONG=1 tries many more.
#include <fcntl.h>
#include <mach/vm_map.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "iokit/tests/client_fixture.h"
#include "rpc/protocol/user_client_frames.h"

namespace opendext::fakes {
namespace {

class Liar {
  public:
    explicit Liar(uint32_t seed) : random_(seed) {}

    /// Answers with anything; in the end with something that ends the call.
    void serve(Channel& channel, const Message& message) {
        for (uint32_t lies = pick(4); lies > 0; --lies) lie(channel, message.serial);
        if (pick(3) == 0) {
            channel.close("enough");
            return;
        }
        send(channel, Lane::replies, uc::Kind::outcome, message.serial, outcome(), {},
             Channel::Wait::block);
        // What it asks for may be of another kind.
        send(channel, Lane::replies, uc::Kind::mapped, message.serial, mapped(), {},
             Channel::Wait::block);
        if (pick(8) == 0) channel.close("enough");
    }

  private:
    uint32_t pick(uint32_t below) { return random_() % below; }

    std::vector<std::byte> outcome() {
        uc::OutcomeFrame frame;
        frame.io_return = pick(2) == 0 ? 0 : static_cast<int32_t>(random_());
        frame.scalar_count = static_cast<uint8_t>(pick(17));
        frame.flags = static_cast<uint8_t>(pick(8));
        frame.output_used = pick(2) == 0 ? pick(9000) : random_();
        const std::vector<std::byte> structure(pick(2) == 0 ? 0 : pick(4097), std::byte{0x41});
        frame.structure = structure;
        const std::string reason(pick(100), '\x1b');
        frame.reason = reason;
        const uint64_t scalars[16] = {random_()};
        std::vector<std::byte> bytes(uc::outcome_frame_size(frame));
        uc::write_outcome(bytes, frame, scalars);
        return bytes;
    }
    std::vector<std::byte> mapped() {
        uc::Mapped answer;
        answer.options = pick(4);
        answer.offset = pick(3) * 4096;
        answer.length = pick(3) == 0 ? random_() : 4096;
        answer.data_queue = pick(2) == 0;
        if (pick(2) == 0) answer.more = {{pick(4), pick(3) * 4096U, pick(2) * 4096U}};
        const Message message = encode(answer);
        std::vector<std::byte> bytes(message.body.size());
        std::memcpy(bytes.data(), message.body.data(), bytes.size());
        return bytes;
    }
    std::vector<UniqueFd> descriptors() {
        std::vector<UniqueFd> fds;
        for (uint32_t count = pick(3); count > 0; --count) {
            switch (pick(4)) {
                case 0:
                    fds.push_back(std::move(make_sealed_memory("lie", 8192)).value());
                    break;
                case 1:
                    fds.emplace_back(::open("/dev/zero", O_RDWR | O_CLOEXEC));
                    break;
                case 2: {
                    int ends[2] = {-1, -1};
                    if (::pipe(ends) == 0) ::close(ends[0]);
                    fds.emplace_back(ends[1]);
                    break;
                }
                default:
                    fds.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
            }
        }
        return fds;
    }
    void lie(Channel& channel, uint64_t serial) {
        std::vector<std::byte> bytes = pick(2) == 0 ? outcome() : mapped();
        for (uint32_t changes = pick(6); changes > 0 && !bytes.empty(); --changes)
            bytes[random_() % bytes.size()] = std::byte(random_());
        if (pick(3) == 0) bytes.resize(pick(200));
        const auto kind = static_cast<uc::Kind>(pick(2) == 0 ? 16 + pick(6) : pick(32));
        const uint64_t number = pick(2) == 0 ? serial : pick(2) == 0 ? serial + 1 : random_();
        send(channel, pick(2) == 0 ? Lane::replies : Lane::events, kind, number, bytes,
             pick(4) == 0 ? descriptors() : std::vector<UniqueFd>(),
             // Nobody empties the lane of events before the first asynchronous call.
             Channel::Wait::dont_block);
    }
    static void send(Channel& channel, Lane lane, uc::Kind kind, uint64_t serial,
                     const std::vector<std::byte>& bytes, std::vector<UniqueFd> fds,
                     Channel::Wait wait) {
        auto draft = channel.begin(lane, static_cast<uint16_t>(kind), serial, bytes.size(), wait);
        if (!draft.ok()) return;
        if (!bytes.empty()) std::memcpy(draft->bytes().data(), bytes.data(), bytes.size());
        (void)channel.commit(std::move(draft).value(), Channel::Wake::now, fds);
    }

    std::mt19937 random_;
};

class HostileDriver : public Client {
  protected:
    /// One connection, used in every way, with a driver that lies by `seed`.
    void use(uint32_t seed) {
        daemon.driver = [liar = std::make_shared<Liar>(seed)](Channel& channel, Message message) {
            liar->serve(channel, message);
        };
        const io_service_t node = service("TestNode");
        io_connect_t connect = 0;
        ASSERT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &connect))
            << opendext_last_error_reason();
        IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
        std::vector<uint8_t> large(9000);
        for (int i = 0; i < 4; ++i) {
            uint64_t scalars[4] = {1, 2, 3, 4};
            uint32_t count = 4;
            size_t size = large.size();
            (void)IOConnectCallMethod(connect, 1, scalars, 4, large.data(), i % 2 == 0 ? 64 : 9000,
                                      scalars, &count, large.data(), &size);
            EXPECT_LE(count, 4U);
            EXPECT_LE(size, large.size());
            uint64_t reference[8] = {};
            (void)IOConnectCallAsyncScalarMethod(connect, 2, IONotificationPortGetMachPort(port),
                                                 reference, 8, nullptr, 0, nullptr, nullptr);
            void* output = nullptr;
            size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
            if (IOConnectCallStructMethod(connect, 3, nullptr, 0, &output, &size) ==
                    kIOReturnSuccess &&
                size > 0) {
                vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(output), size);
            }
            mach_vm_address_t address = 0;
            mach_vm_size_t length = 0;
            (void)IOConnectMapMemory64(connect, 0, mach_task_self(), &address, &length,
                                       kIOMapAnywhere);
            opendext_notification_port_dispatch(port);
        }
        opendext_calls_t calls = nullptr;
        ASSERT_EQ(kIOReturnSuccess, opendext_calls_create(connect, 4, &calls));
        opendext_call call{};
        call.outputStruct = large.data();
        call.outputStructCnt = large.size();
        const opendext_call batch[] = {call, call, call};
        opendext_call_result results[4];
        uint32_t count = 0;
        (void)opendext_calls_submit(calls, batch, 3, nullptr);
        (void)opendext_calls_wait(calls, results, 4, 2, 60'000, &count);
        opendext_calls_destroy(calls);
        EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
        IONotificationPortDestroy(port);
        IOObjectRelease(node);
    }
};

// Facts: IOConnectCallMethod, IOConnectCallAsyncScalarMethod, IOConnectMapMemory64
TEST_F(HostileDriver, CannotHarmTheProgram) {
    const uint32_t rounds = std::getenv("OPENDEXT_TEST_LONG") != nullptr ? 20'000 : 100;
    for (uint32_t seed = 1; seed <= rounds && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        use(seed);
    }
    daemon.driver = test_driver;
    const io_service_t node = service("TestNode");
    io_connect_t connect = 0;
    ASSERT_EQ(kIOReturnSuccess, IOServiceOpen(node, mach_task_self(), 0, &connect));
    const uint64_t input[] = {20, 22};
    uint64_t output = 0;
    uint32_t count = 1;
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 1, input, 2, &output, &count));
    EXPECT_EQ(42U, output);
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    IOObjectRelease(node);
}

}  // namespace
}  // namespace opendext::fakes
