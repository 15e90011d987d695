// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "daemon/tests/two_drivers.h"

namespace opendext::daemon::testing {
namespace {

namespace client = protocol::client;
namespace driver = protocol::driver;

constexpr const char* kAllowsPublish = "com.apple.private.driverkit.allows-publish";

class Watching : public TwoDriversTest {
  protected:
    int32_t watch(FakeDriver* process, driver::Watch request) {
        const uint64_t serial = process->ask(std::move(request));
        EXPECT_TRUE(bed.run_until([&] { return process->replies.contains(serial); }));
        return process->replies[serial].io_return;
    }
    static driver::Watch services(const std::string& class_name, uint64_t source = 1) {
        driver::Watch request;
        request.source = source;
        request.matching = {{"IOProviderClass", class_name}};
        return request;
    }
    driver::Notification next(FakeDriver* process, uint64_t source = 1) {
        const uint64_t serial = process->ask(driver::NextNotification{source});
        EXPECT_TRUE(bed.run_until([&] { return process->notifications.contains(serial); }));
        return process->notifications[serial];
    }
};

TEST_F(Watching, ServicesOfTheOwnServerComeAndGo) {
    start();
    ASSERT_EQ(watch(control, services("Gadget")), 0);
    EXPECT_EQ(next(control).type, 0xffffffffU);
    start_gadget();
    ASSERT_TRUE(bed.run_until([&] { return control->ready_sources.size() == 1; }));
    auto notification = next(control);
    EXPECT_EQ(notification.type, 1U);
    ASSERT_EQ(notification.service.size(), 1U);
    EXPECT_EQ(notification.service[0].id, gadget);
    EXPECT_TRUE(control->bound.contains(gadget)) << "it was told what that is";
    EXPECT_EQ(next(control).type, 0xffffffffU);

    port->die(9);
    ASSERT_TRUE(bed.run_until([&] { return control->ready_sources.size() == 2; }));
    EXPECT_EQ(next(control).type, 0U);
    registered("Gadget");
    EXPECT_EQ(next(control).type, 1U) << "the new instance";
    EXPECT_NE(next(control, 2).outcome.io_return, 0) << "there is no such source";

    control->send(encode(driver::Unwatch{1}));
    bed.settle();
    EXPECT_NE(next(control).outcome.io_return, 0);
}

TEST_F(Watching, ServicesThatAreThereAreToldOfFirst) {
    start();
    start_gadget();
    ASSERT_EQ(watch(control, services("Gadget")), 0);
    ASSERT_TRUE(bed.run_until([&] { return control->ready_sources.size() == 1; }));
    EXPECT_EQ(next(control).type, 1U);
    EXPECT_EQ(watch(control, services("Gadget")), kIOReturnBadArgument) << "the number is taken";
}

TEST_F(Watching, OthersHaveToPublishAndTheReaderToBeEntitled) {
    bed.options.policy = PolicyMode::strict;
    start({{"IOUserServerName", "com.example.other"},
           {"IODriverKitPublishEntitlementsKey", Array{"org.example.reader"}}},
          {{"com.apple.developer.driverkit", true}, {kAllowsPublish, true}});
    start_gadget();
    ASSERT_EQ(watch(control, services("Gadget")), 0);
    EXPECT_EQ(next(control).type, 0xffffffffU) << "the reader is not entitled";
    EXPECT_NE(bed.log_text().find("lacks org.example.reader"), std::string::npos);
    ASSERT_EQ(watch(control, services("IOUserResources", 2)), 0);
    EXPECT_EQ(next(control, 2).type, 0xffffffffU) << "it is published to nobody";
}

TEST_F(Watching, APublishedServiceOfAnotherServerIsSeen) {
    bed.options.policy = PolicyMode::strict;
    start({{"IOUserServerName", "com.example.other"},
           {"IODriverKitPublishEntitlementsKey", Array{"org.example.reader"}}},
          {{"com.apple.developer.driverkit", true},
           {kAllowsPublish, true},
           {"org.example.reader", true}});
    start_gadget();
    ASSERT_EQ(watch(control, services("Gadget")), 0);
    EXPECT_EQ(next(control).service.size(), 1U);
}

class Items : public Watching {
  protected:
    int32_t create(FakeDriver* process, EntryId object, const std::string& name,
                   Dictionary schema = {}) {
        system::IOService_StateNotificationItemCreate::In in;
        in.itemName = value(name);
        in.schema = value(std::move(schema));
        return process
            ->call_and_wait(system::IOService_StateNotificationItemCreate::encode(object, in))
            .io_return;
    }
    int32_t set(FakeDriver* process, EntryId object, const std::string& name, Dictionary content) {
        system::IOService_StateNotificationItemSet::In in;
        in.itemName = value(name);
        in.value = value(std::move(content));
        return process
            ->call_and_wait(system::IOService_StateNotificationItemSet::encode(object, in))
            .io_return;
    }
    protocol::InvocationResult copy(FakeDriver* process, EntryId object, const std::string& name) {
        system::IOService_StateNotificationItemCopy::In in;
        in.itemName = value(name);
        return process->call_and_wait(
            system::IOService_StateNotificationItemCopy::encode(object, in));
    }
};

// Facts: IOService.StateNotificationItemCreate, IOService.StateNotificationItemSet
// Facts: IOService.StateNotificationItemCopy, IOService.CopySystemStateNotificationService
TEST_F(Items, AreOfTheWholeSystem) {
    start();
    start_gadget();
    const auto service = control->call_and_wait(
        system::IOService_CopySystemStateNotificationService::encode(widget, {}));
    const auto found = system::IOService_CopySystemStateNotificationService::decode_result(service);
    ASSERT_TRUE(found.ok());
    const EntryId items = found->service.id;
    EXPECT_EQ(bed.daemon->registry().find(items)->class_name(), "IOSystemStateNotification");

    EXPECT_EQ(set(control, items, "org.example.lid", {{"open", true}}), kIOReturnNotFound);
    EXPECT_EQ(create(control, items, "org.example.lid"), 0);
    EXPECT_EQ(copy(control, items, "org.example.lid").io_return, kIOReturnNotReady);
    EXPECT_EQ(set(control, items, "org.example.lid", {{"open", true}}), 0);
    const auto copied = copy(port, gadget, "org.example.lid");
    ASSERT_EQ(copied.io_return, 0) << "from another process, by another object";
    EXPECT_TRUE(*find(*copied.refs[0].value.dictionary(), "open")->boolean());
    EXPECT_EQ(create(control, items, ""), kIOReturnBadArgument);
}

TEST_F(Items, ItsSchemaNamesWhoMayReadAndWrite) {
    bed.options.policy = PolicyMode::strict;
    start({}, {{"com.apple.developer.driverkit", true}});
    ASSERT_EQ(create(control, widget, "a",
                     {{"com.apple.iokit.statenotification.entitlement-get", "org.example.get"},
                      {"com.apple.iokit.statenotification.entitlement-set", "org.example.set"}}),
              0);
    EXPECT_EQ(set(control, widget, "a", {}), kIOReturnNotPermitted);
    EXPECT_EQ(copy(control, widget, "a").io_return, kIOReturnNotPermitted);
    driver::Watch request;
    request.source = 1;
    request.kind = driver::WatchKind::items;
    request.items = {"a"};
    EXPECT_EQ(watch(control, request), kIOReturnNotPermitted);
}

TEST_F(Items, OneCallbackForEachArming) {
    start();
    ASSERT_EQ(create(control, widget, "a"), 0);
    ASSERT_EQ(create(control, widget, "b"), 0);
    driver::Watch request;
    request.source = 3;
    request.kind = driver::WatchKind::items;
    request.items = {"a", "b"};
    ASSERT_EQ(watch(control, request), 0);
    ASSERT_EQ(set(control, widget, "a", {{"n", 1}}), 0);
    bed.settle();
    EXPECT_TRUE(control->ready_sources.empty()) << "not armed";
    control->send(encode(driver::Arm{3}));
    ASSERT_TRUE(bed.run_until([&] { return control->ready_sources.size() == 1; }))
        << "what was set before counts";
    ASSERT_EQ(set(control, widget, "b", {{"n", 1}}), 0);
    ASSERT_EQ(set(control, widget, "b", {{"n", 2}}), 0);
    bed.settle();
    EXPECT_EQ(control->ready_sources.size(), 1U);
    control->send(encode(driver::Arm{3}));
    ASSERT_TRUE(bed.run_until([&] { return control->ready_sources.size() == 2; }));
    control->send(encode(driver::Arm{3}));
    bed.settle();
    EXPECT_EQ(control->ready_sources.size(), 2U) << "nothing changed since";
}

// Facts: IOService.AdjustBusy, IOService.GetBusyState
TEST_F(TwoDriversTest, BusyCountsGoDownToTheRootAndTheirTimeIsKept) {
    start();
    const auto adjust = [&](int32_t delta) {
        system::IOService_AdjustBusy::In in;
        in.delta = delta;
        return control->call_and_wait(system::IOService_AdjustBusy::encode(widget, in)).io_return;
    };
    const auto busy = [&](EntryId id) { return bed.daemon->registry().find(id)->busy; };
    EXPECT_EQ(adjust(-1), kIOReturnBadArgument);
    const auto before = bed.daemon->registry().find(widget)->busy_time();
    EXPECT_EQ(adjust(2), 0);
    EXPECT_EQ(busy(widget), 2U);
    EXPECT_EQ(busy(bed.daemon->registry().root()), 1U);
    const auto state = control->call_and_wait(system::IOService_GetBusyState::encode(widget, {}));
    EXPECT_EQ(system::IOService_GetBusyState::decode_result(state)->busyState, 2U);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(adjust(-3), kIOReturnBadArgument) << "more than it had added";
    EXPECT_EQ(adjust(-2), 0);
    EXPECT_EQ(busy(bed.daemon->registry().root()), 0U);
    FakeClient program(bed);
    const auto entry = program.ask<client::Entry>(client::GetEntry{widget, false});
    EXPECT_GE(entry.busy_ns,
              static_cast<uint64_t>((before + std::chrono::milliseconds(2)).count()));
    EXPECT_EQ(program.ask<client::Entry>(client::GetEntry{widget, false}).busy_ns, entry.busy_ns);
}

TEST_F(TwoDriversTest, EachProcessHasAnIOUserServer) {
    start();
    start_gadget();
    FakeClient program(bed);
    const auto servers =
        program.ask<client::Entries>(client::Match{{{"IOProviderClass", "IOUserServer"}}, 0});
    ASSERT_EQ(servers.ids.size(), 2U);
    const auto server = program.ask<client::Entry>(client::GetEntry{servers.ids[0], true});
    EXPECT_EQ(server.server_pid, control->pid);
    EXPECT_EQ(server.name.rfind("IOUserServer(com.example.widget-0x", 0), 0U) << server.name;
    EXPECT_EQ(*find_string(server.properties, "IOUserServerName"), kBundle);
    EXPECT_EQ(find_number(server.properties, "IOUserServerTag")->raw, widget);
    const Array& living = *find(server.properties, "IOAssociatedServices")->array();
    EXPECT_EQ(living, (Array{Value(widget), Value(nub)}));
    control->die(9);
    ASSERT_TRUE(
        bed.run_until([&] { return bed.daemon->registry().find(servers.ids[0]) == nullptr; }));
}

class PanicLogTest : public TwoDriversTest {
  protected:
    /// The driver has a panic log made; what it gets.
    int32_t add_panic_log(const std::string& id, const std::string& text, bool active) {
        auto memory = make_sealed_memory("log", driver::kPanicLogData + 64);
        auto mapping =
            Mapping::map(memory->get(), 0, driver::kPanicLogData + 64, Mapping::Access::read_write);
        auto* head = mapping->at<driver::PanicLogHead>(0);
        head->active = active ? 1 : 0;
        head->used = static_cast<uint32_t>(text.size());
        std::memcpy(mapping->data() + driver::kPanicLogData, text.data(), text.size());
        driver::PanicLog request;
        request.uuid.assign(16, 0xab);
        request.data_id = id;
        request.length = 64;
        std::vector<UniqueFd> fds;
        fds.push_back(std::move(memory).value());
        const uint64_t serial = control->ask(std::move(request), std::move(fds));
        EXPECT_TRUE(bed.run_until([&] { return control->replies.contains(serial); }));
        return control->replies[serial].io_return;
    }
    std::string crash_report() {
        std::string report;
        EXPECT_TRUE(bed.run_until([&] {
            for (const auto& file :
                 std::filesystem::directory_iterator(bed.options.realm.crashes())) {
                if (file.path().extension() != ".json") continue;
                std::ifstream in(file.path());
                report.assign(std::istreambuf_iterator<char>(in), {});
            }
            return !report.empty();
        }));
        return report;
    }
};

TEST_F(PanicLogTest, TheyOutliveOpendextd) {
    bed.outlived = true;
    start();
    EXPECT_EQ(add_panic_log("registers", "pc=42", true), 0);
    EXPECT_EQ(add_panic_log("other", "pc=43", true), 0);
    bed.succeed();
    control->die(11);
    const std::string report = crash_report();
    EXPECT_NE(report.find("\"id\": \"registers\""), std::string::npos) << report;
    EXPECT_NE(report.find("\"text\": \"pc=42\""), std::string::npos) << report;
    EXPECT_NE(report.find("\"text\": \"pc=43\""), std::string::npos) << report;
    bed.settle();
    EXPECT_TRUE(bed.held.empty()) << bed.held.begin()->first;
}

TEST_F(PanicLogTest, ActiveOnesAreInTheCrashReport) {
    start();
    EXPECT_EQ(add_panic_log("registers", "pc=42", true), 0);
    EXPECT_EQ(add_panic_log("quiet", "not this", false), 0);
    EXPECT_EQ(add_panic_log("binary", std::string("\x01\x02", 2), true), 0);
    driver::PanicLog bad;
    bad.uuid.assign(16, 0);
    bad.length = 64;
    const uint64_t serial = control->ask(bad);
    ASSERT_TRUE(bed.run_until([&] { return control->replies.contains(serial); }));
    EXPECT_EQ(control->replies[serial].io_return, kIOReturnBadArgument) << "without memory";
    control->die(11);
    const std::string report = crash_report();
    EXPECT_NE(report.find("\"id\": \"registers\""), std::string::npos) << report;
    EXPECT_NE(report.find("\"text\": \"pc=42\""), std::string::npos) << report;
    EXPECT_EQ(report.find("not this"), std::string::npos);
    EXPECT_NE(report.find("\"hex\": \"0102\""), std::string::npos);
}

// Facts: IOService.ConfigureReport, IOService.UpdateReport, IOService.SetLegend
TEST_F(TwoDriversTest, ReportsOfADriverAreAskedForByClients) {
    start();
    system::IOService_SetLegend::In legend;
    legend.legend = value(Array{Dictionary{{"IOReportGroupName", "Widgets"}}});
    legend.is_public = true;
    EXPECT_EQ(control->call_and_wait(system::IOService_SetLegend::encode(widget, legend)).io_return,
              0);
    EXPECT_EQ(property(widget, "IOReportLegend")->array()->size(), 1U);
    EXPECT_TRUE(*property(widget, "IOReportLegendPublic")->boolean());

    FakeClient program(bed);
    const std::vector<uint8_t> channels{1, 0, 0, 0};
    const uint64_t asked = program.send(client::Report{widget, false, channels, 2, 0});
    ASSERT_TRUE(bed.run_until([&] { return !control->relayed.empty(); }));
    const auto in = system::IOService_ConfigureReport::decode(control->relayed[0]);
    ASSERT_TRUE(in.ok());
    EXPECT_EQ(in->action, 2U);
    EXPECT_EQ(*in->channels.value.data(), channels);
    ASSERT_TRUE(bed.run_until([&] { return program.answers.contains(asked); }));

    control->relayed.clear();
    const uint64_t update = program.send(client::Report{widget, true, channels, 1, 128});
    ASSERT_TRUE(bed.run_until([&] { return !control->relayed.empty(); }));
    const auto wanted = system::IOService_UpdateReport::decode(control->relayed[0]);
    ASSERT_TRUE(wanted.ok());
    EXPECT_EQ(wanted->capacity, 128U);
    EXPECT_EQ(wanted->buffer.kind, protocol::RefKind::memory);
    EXPECT_EQ(wanted->buffer.length, 128U);
    ASSERT_TRUE(bed.run_until([&] { return program.answers.contains(update); }));
    EXPECT_NE(program.ask<client::Reported>(client::Report{widget, true, channels, 1, 0})
                  .outcome.io_return,
              0);
    // What an override of super gets.
    EXPECT_EQ(control
                  ->call_and_wait(*[&] {
                      system::IOService_ConfigureReport::In own;
                      own.outCount = 3;
                      return std::make_unique<protocol::Invocation>(
                          system::IOService_ConfigureReport::encode(widget, own));
                  }())
                  .io_return,
              0);
}

// Facts: IOService.CoreAnalyticsSendEvent, IOService.SendIOMessageServicePropertyChange
TEST_F(TwoDriversTest, EventsAreLoggedAndPropertyMessagesSent) {
    start();
    system::IOService_CoreAnalyticsSendEvent::In event;
    event.eventName = value("org.example.jam");
    event.eventPayload = value(Dictionary{{"pages", 3}, {"tray", "upper"}});
    EXPECT_EQ(
        control->call_and_wait(system::IOService_CoreAnalyticsSendEvent::encode(widget, event))
            .io_return,
        0);
    EXPECT_NE(
        bed.log_text().find("event org.example.jam {\\\"pages\\\":3,\\\"tray\\\":\\\"upper\\\"}"),
        std::string::npos)
        << bed.log_text();
    event.options = 1;
    EXPECT_EQ(
        control->call_and_wait(system::IOService_CoreAnalyticsSendEvent::encode(widget, event))
            .io_return,
        kIOReturnBadArgument);

    FakeClient program(bed);
    program.ask<client::Entries>(client::Subscribe{1, client::Subscription::interest, {}, widget});
    EXPECT_EQ(control
                  ->call_and_wait(
                      system::IOService_SendIOMessageServicePropertyChange::encode(widget, {}))
                  .io_return,
              0);
    ASSERT_TRUE(bed.run_until([&] { return !program.interests.empty(); }));
    EXPECT_EQ(program.interests[0].message, kIOMessageServicePropertyChange);
}

// Facts: IOService.ClientCrashed
TEST_F(TwoDriversTest, AProviderInAnotherProcessHearsOfACrash) {
    start();
    start_gadget();
    port->die(11);
    ASSERT_TRUE(bed.run_until([&] { return control->said("client crashed"); })) << "ClientCrashed";
    registered("Gadget");
}

}  // namespace
}  // namespace opendext::daemon::testing
