// SPDX-License-Identifier: Apache-2.0
// Interrupts of a nub, from the family to the driver process that may have them.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

namespace driver = protocol::driver;

/// A bus with one kind of device: interrupt 0 is an MSI, interrupt 1 a line, 2 cannot be attached.
class InterruptFamily final : public Family {
  public:
    explicit InterruptFamily(FamilyHost& host) : host_(host) { current = this; }
    ~InterruptFamily() override { current = nullptr; }

    [[nodiscard]] std::vector<ClassDeclaration> classes() const override {
        return {{"InterruptTestDevice", "IOService", {}, false}};
    }
    [[nodiscard]] std::optional<uint64_t> interrupt_type(const Entry&, uint32_t index) override {
        constexpr uint64_t kTypes[] = {0x10000, 1, 0};
        return index < 3 ? std::optional(kTypes[index]) : std::nullopt;
    }
    void attach_interrupt(const Entry& nub, uint32_t index,
                          std::function<void(Result<InterruptLine>)> done) override {
        trace.push_back("attach " + nub.name + " " + std::to_string(index));
        if (index == 2) return done(Error::kern(kIOReturnNotReady, "the device is asleep"));
        InterruptLine line;
        line.events.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        events = std::move(line.events.duplicate()).value();
        if (index == 1) line.unmask.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (hold) {
            held = [done = std::move(done), kept = std::make_shared<InterruptLine>(
                                                std::move(line))] { done(std::move(*kept)); };
            return;
        }
        done(std::move(line));
    }
    void interrupt_adopted(const Entry& nub, uint32_t index, InterruptLine line) override {
        trace.push_back("adopted " + nub.name + " " + std::to_string(index) +
                        (line.unmask ? ", to be unmasked" : ""));
        events = std::move(line.events);
    }
    void detach_interrupt(const Entry& nub, uint32_t index) override {
        trace.push_back("detach " + nub.name + " " + std::to_string(index));
    }
    EntryId publish() {
        NewEntry device;
        device.provider = host_.user_resources();
        device.class_name = "InterruptTestDevice";
        device.name = "device";
        const auto id = host_.publish(std::move(device));
        EXPECT_TRUE(id.ok());
        return id.ok() ? *id : kNoEntry;
    }
    FamilyHost& host() { return host_; }

    static InterruptFamily* current;
    std::vector<std::string> trace;
    UniqueFd events;
    bool hold = false;
    std::function<void()> held;

  private:
    FamilyHost& host_;
};
InterruptFamily* InterruptFamily::current = nullptr;

class InterruptTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.classes["Widget"] = "IOService";
        bed.outlived = true;
        bed.options.families.push_back(
            {"interrupt-test", [](FamilyHost& host) -> std::unique_ptr<Family> {
                 return std::make_unique<InterruptFamily>(host);
             }});
        bed.start();
        const Status installed = bed.install(bed.write_bundle(
            "com.example.widget", {{"Widget", Testbed::personality("com.example.widget", "Widget",
                                                                   "InterruptTestDevice")}}));
        ASSERT_TRUE(installed.ok()) << installed.error().text();
        device = family().publish();
        ASSERT_TRUE(bed.run_until([&] {
            widget = bed.find("Widget");
            return widget != kNoEntry && bed.state(widget) == InstanceState::started;
        }));
    }
    static InterruptFamily& family() { return *InterruptFamily::current; }
    FakeDriver& process() { return *bed.driver_of(widget); }
    /// Asks and waits for the answer, whose descriptors are in `fds`.
    driver::Interrupt ask(EntryId provider, uint32_t index, bool attach = true) {
        const uint64_t serial =
            process().send_request(driver::AttachInterrupt{provider, index, attach});
        EXPECT_TRUE(bed.run_until([&] { return process().others.contains(serial); }));
        Message answer = std::move(process().others[serial]);
        fds = std::move(answer.fds);
        auto content = decode<driver::Interrupt>(answer);
        EXPECT_TRUE(content.ok());
        return content.ok() ? *content : driver::Interrupt{};
    }

    Testbed bed;
    EntryId device = kNoEntry;
    EntryId widget = kNoEntry;
    std::vector<UniqueFd> fds;
};

TEST_F(InterruptTest, TheDriverOfTheNubGetsDescriptorsThatCount) {
    const auto edge = ask(device, 0);
    EXPECT_EQ(edge.outcome.io_return, kIOReturnSuccess) << edge.outcome.reason;
    EXPECT_EQ(edge.type, 0x10000U);
    EXPECT_NE(edge.handle, 0U);
    ASSERT_EQ(fds.size(), 1U);
    const uint64_t three = 3;
    ASSERT_EQ(write(family().events.get(), &three, sizeof three), ssize_t{sizeof three});
    uint64_t count = 0;
    ASSERT_EQ(read(fds[0].get(), &count, sizeof count), ssize_t{sizeof count});
    EXPECT_EQ(count, 3U);

    const auto level = ask(device, 1);
    EXPECT_EQ(level.type, 1U);
    EXPECT_EQ(fds.size(), 2U) << "a level-triggered one comes with what unmasks it";
    EXPECT_NE(level.handle, edge.handle);
}

TEST_F(InterruptTest, AskingForTheTypeAttachesNothing) {
    EXPECT_EQ(ask(device, 1, false).type, 1U);
    EXPECT_TRUE(fds.empty());
    EXPECT_TRUE(family().trace.empty());
    EXPECT_EQ(ask(device, 3, false).outcome.io_return, kIOReturnNoInterrupt);
    EXPECT_EQ(ask(device, 3).outcome.io_return, kIOReturnNoInterrupt);
}

TEST_F(InterruptTest, OnlyAProviderOfOwnObjectsHasInterruptsForAProcess) {
    EXPECT_EQ(ask(bed.daemon->user_resources(), 0).outcome.io_return, kIOReturnNotPermitted);
    EXPECT_EQ(ask(widget, 0).outcome.io_return, kIOReturnNotPermitted);
    EXPECT_EQ(ask(987654321, 0).outcome.io_return, kIOReturnNotPermitted);
    EXPECT_TRUE(family().trace.empty());
}

TEST_F(InterruptTest, OneSourceAtATimeAndAgainAfterDetach) {
    const auto first = ask(device, 0);
    ASSERT_EQ(first.outcome.io_return, kIOReturnSuccess);
    EXPECT_EQ(ask(device, 0).outcome.io_return, kIOReturnNoResources);
    process().send(encode(driver::DetachInterrupt{first.handle + 1}));  // not its own: nothing
    process().send(encode(driver::DetachInterrupt{first.handle}));
    EXPECT_EQ(ask(device, 0).outcome.io_return, kIOReturnSuccess);
    EXPECT_EQ(family().trace,
              (std::vector<std::string>{"attach device 0", "detach device 0", "attach device 0"}));
}

TEST_F(InterruptTest, TheFamilysErrorIsTheDriversResult) {
    const auto refused = ask(device, 2);
    EXPECT_EQ(refused.outcome.io_return, kIOReturnNotReady);
    EXPECT_NE(refused.outcome.reason.find("the device is asleep"), std::string::npos);
    EXPECT_EQ(ask(device, 2).outcome.io_return, kIOReturnNotReady) << "nothing is left attached";
}

TEST_F(InterruptTest, TheEndOfTheProcessDetachesWhatItHad) {
    ASSERT_EQ(ask(device, 0).outcome.io_return, kIOReturnSuccess);
    ASSERT_EQ(ask(device, 1).outcome.io_return, kIOReturnSuccess);
    family().trace.clear();
    process().die(11);
    ASSERT_TRUE(bed.run_until([&] { return family().trace.size() == 2; }));
    EXPECT_EQ(family().trace, (std::vector<std::string>{"detach device 0", "detach device 1"}));
}

TEST_F(InterruptTest, AnAnswerThatComesAfterTheEndOfTheProcessIsUndone) {
    family().hold = true;
    process().send_request(driver::AttachInterrupt{device, 0, true});
    ASSERT_TRUE(bed.run_until([&] { return family().held != nullptr; }));
    process().die(11);
    bed.settle();
    EXPECT_EQ(family().trace, (std::vector<std::string>{"attach device 0"}));
    family().held();
    EXPECT_EQ(family().trace, (std::vector<std::string>{"attach device 0", "detach device 0"}));
}

TEST_F(InterruptTest, ANubThatEndsTakesItsInterruptsAlong) {
    ASSERT_EQ(ask(device, 0).outcome.io_return, kIOReturnSuccess);
    family().trace.clear();
    family().host().terminate(device);
    ASSERT_TRUE(bed.run_until([&] { return bed.daemon->registry().find(device) == nullptr; }));
    bed.settle();
    for (const std::string& line : family().trace) EXPECT_EQ(line, "detach device 0");
    EXPECT_LE(family().trace.size(), 1U);
}

TEST_F(InterruptTest, ASuccessorOfOpendextdGoesOnGivingThem) {
    const auto level = ask(device, 1);
    ASSERT_EQ(fds.size(), 2U);
    const UniqueFd events = std::move(fds[0]);
    EXPECT_EQ(bed.held.size(), 1U);
    bed.succeed();
    EXPECT_EQ(family().trace, std::vector<std::string>{"adopted device 1, to be unmasked"});
    const uint64_t three = 3;
    ASSERT_EQ(write(family().events.get(), &three, sizeof three), ssize_t{sizeof three});
    uint64_t count = 0;
    ASSERT_EQ(read(events.get(), &count, sizeof count), ssize_t{sizeof count});
    EXPECT_EQ(count, 3U);
    EXPECT_EQ(ask(device, 1).outcome.io_return, kIOReturnNoResources) << "it has a source";
    EXPECT_EQ(ask(device, 0).outcome.io_return, kIOReturnSuccess);
    bed.succeed();
    family().trace.clear();
    process().send(encode(driver::DetachInterrupt{level.handle}));
    ASSERT_TRUE(bed.run_until([&] { return !family().trace.empty(); }));
    EXPECT_EQ(family().trace, std::vector<std::string>{"detach device 1"});
    process().die(11);
    ASSERT_TRUE(bed.run_until([&] { return family().trace.size() > 1; }));
    EXPECT_EQ(family().trace.back(), "detach device 0");
    bed.settle();
    EXPECT_TRUE(bed.held.empty()) << bed.held.begin()->first;
}

TEST_F(InterruptTest, NonsenseIsRefused) {
    Message message = encode(driver::AttachInterrupt{device, 0, true});
    message.body.resize(3);
    process().send(std::move(message));
    bed.settle();
    EXPECT_NE(bed.log_text().find("nonsense"), std::string::npos);
    EXPECT_TRUE(family().trace.empty());
}

}  // namespace
}  // namespace opendext::daemon::testing
