// SPDX-License-Identifier: Apache-2.0
// An interrupt from a family's eventfd to the handler of a driver, with everything in between.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "daemon/tests/testbed.h"
#include "rpc/protocol/exit_status.h"
#include "runtime/tests/events.h"
#include "tests/together/interrupt_driver.h"

namespace opendext::daemon::testing {
namespace {

/// A bus of devices with an edge-triggered interrupt 0 and a level-triggered interrupt 1.
class SimulatedBus final : public Family {
  public:
    SimulatedBus(FamilyHost& host, SimulatedBus*& self) : host_(host) { self = this; }

    [[nodiscard]] std::vector<ClassDeclaration> classes() const override {
        return {{"SimulatedDevice", "IOService", {}, false}};
    }
    [[nodiscard]] std::optional<uint64_t> interrupt_type(const Entry&, uint32_t index) override {
        return index < 2 ? std::optional<uint64_t>(index) : std::nullopt;
    }
    void attach_interrupt(const Entry&, uint32_t index,
                          std::function<void(Result<InterruptLine>)> done) override {
        InterruptLine line;
        line.events.reset(eventfd(0, EFD_CLOEXEC));
        events = std::move(line.events.duplicate()).value();
        if (index == 1) {
            line.unmask.reset(eventfd(0, EFD_CLOEXEC));
            unmask = std::move(line.unmask.duplicate()).value();
        }
        ++attached;
        done(std::move(line));
    }
    void detach_interrupt(const Entry&, uint32_t) override { --attached; }
    void publish() {
        NewEntry device;
        device.provider = host_.user_resources();
        device.class_name = "SimulatedDevice";
        EXPECT_TRUE(host_.publish(std::move(device)).ok());
    }
    void raise() const {
        const uint64_t one = 1;
        ASSERT_EQ(write(events.get(), &one, sizeof one), ssize_t{sizeof one});
    }

    UniqueFd events;
    UniqueFd unmask;
    int attached = 0;

  private:
    FamilyHost& host_;
};

class InterruptPath : public ::testing::Test {
  protected:
    void SetUp() override {
        Events::shared().clear();
        bed.options.families.push_back({"simulated-bus", nullptr});
        bed.options.families.back().make = [](FamilyHost& host) -> std::unique_ptr<Family> {
            return std::make_unique<SimulatedBus>(host, bus);
        };
        bed.real_driver = [this](const protocol::keeper::Spawn& spawn, Socket socket) {
            driver_ = std::thread([fd = socket.take_fd().release(), token = spawn.token] {
                EXPECT_EQ(run_driver(fd, token), protocol::driver::kExitHungUp);
            });
        };
        bed.start();
        const Status installed = bed.install(bed.write_bundle(
            "com.example.widget",
            {{"Widget", Testbed::personality("com.example.widget", "RuntimeTestDriver",
                                             "SimulatedDevice")}}));
        ASSERT_TRUE(installed.ok()) << installed.error().text();
        bus->publish();
        ASSERT_TRUE(bed.run_until([&] {
            const EntryId id = bed.find("RuntimeTestDriver");
            return id != kNoEntry && bed.state(id) == InstanceState::registered;
        }));
    }
    ~InterruptPath() override {
        bed.daemon.reset();  // closes the control socket: the runtime ends
        if (driver_.joinable()) driver_.join();
    }
    /// Runs driver code that waits for opendextd, and opendextd meanwhile.
    template <typename Work>
    int32_t in_driver(Work work) {
        std::atomic<bool> done{false};
        int32_t result = -1;
        std::thread thread([&] {
            result = work();
            done = true;
        });
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (!done && std::chrono::steady_clock::now() < end) {
            if (!bed.loop->turn()) std::this_thread::yield();
        }
        EXPECT_TRUE(done);
        thread.join();
        return result;
    }

    static SimulatedBus* bus;
    Testbed bed;
    std::thread driver_;
};
SimulatedBus* InterruptPath::bus = nullptr;

TEST_F(InterruptPath, FromTheFamilysDescriptorToTheHandler) {
    uint64_t type = 99;
    EXPECT_EQ(in_driver([&] { return interrupt_type(1, &type); }), kIOReturnSuccess);
    EXPECT_EQ(type, 1U);
    EXPECT_EQ(in_driver([&] { return interrupt_type(2, &type); }), kIOReturnNoInterrupt);
    EXPECT_EQ(bus->attached, 0);

    ASSERT_EQ(in_driver([] { return attach_source(0); }), kIOReturnSuccess);
    EXPECT_EQ(bus->attached, 1);
    // opendextd does not turn meanwhile: no interrupt passes through it.
    for (size_t i = 1; i <= 3; ++i) {
        bus->raise();
        ASSERT_TRUE(Events::shared().wait_for("interrupt 1", i));
    }
    cancel_source();
    EXPECT_TRUE(Events::shared().wait_for("source cancelled"));
    EXPECT_TRUE(bed.run_until([] { return bus->attached == 0; }));
}

TEST_F(InterruptPath, ALevelTriggeredOneIsUnmaskedByTheRuntime) {
    ASSERT_EQ(in_driver([] { return attach_source(1); }), kIOReturnSuccess);
    for (size_t i = 1; i <= 3; ++i) {
        bus->raise();
        ASSERT_TRUE(Events::shared().wait_for("interrupt 1", i));
        pollfd unmasked{bus->unmask.get(), POLLIN, 0};
        ASSERT_EQ(poll(&unmasked, 1, 30000), 1);
        uint64_t count = 0;
        ASSERT_EQ(read(bus->unmask.get(), &count, sizeof count), ssize_t{sizeof count});
        EXPECT_EQ(count, 1U);
    }
    cancel_source();
    EXPECT_TRUE(Events::shared().wait_for("source cancelled"));
}

TEST_F(InterruptPath, ACancelledSourceMakesRoomForTheNext) {
    ASSERT_EQ(in_driver([] { return attach_source(0); }), kIOReturnSuccess);
    cancel_source();
    // The old attachment ends before the new one is asked for: one socket, in order.
    ASSERT_EQ(in_driver([] { return attach_source(0); }), kIOReturnSuccess);
    EXPECT_EQ(bus->attached, 1);
    bus->raise();
    EXPECT_TRUE(Events::shared().wait_for("interrupt 1"));
    cancel_source();
    EXPECT_TRUE(Events::shared().wait_for("source cancelled", 2));
}

}  // namespace
}  // namespace opendext::daemon::testing
