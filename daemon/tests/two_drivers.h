// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {

inline constexpr const char* kBundle = "com.example.widget";

/// A control driver with a nub that a second driver matches, each in a process of its own.
class TwoDriversTest : public ::testing::Test {
  protected:
    void start(Dictionary more = {}, const Dictionary& entitlements = {}) {
        bed.classes["Widget"] = "IOService";
        bed.classes["Gadget"] = "IOService";
        bed.classes["WidgetNub"] = "IOService";
        for (const char* each : {"Widget", "Gadget"}) bed.scripts[each].register_in_start = true;
        bed.start();
        Dictionary port = Testbed::personality(kBundle, "Gadget", "WidgetNub", std::move(more));
        const Status status = bed.install(bed.write_bundle(
            kBundle,
            {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources",
                                             {{"Nub", Dictionary{{"IOClass", "IOUserService"},
                                                                 {"IOUserClass", "WidgetNub"}}}})},
             {"Gadget", std::move(port)}},
            "1", entitlements));
        ASSERT_TRUE(status.ok()) << status.error().text();
        widget = registered("Widget");
        control = bed.driver_of(widget);
        control->send(encode(protocol::driver::Create{widget, "Nub"}, 1000));
        ASSERT_TRUE(bed.run_until([&] { return control->created.contains(1000); }));
        nub = control->created[1000].entry;
    }
    void start_gadget() {
        ASSERT_EQ(
            control->call_and_wait(system::IOService_RegisterService::encode(nub, {})).io_return,
            0);
        gadget = registered("Gadget");
        port = bed.driver_of(gadget);
    }
    EntryId registered(const std::string& name) {
        EntryId found = kNoEntry;
        EXPECT_TRUE(bed.run_until([&] {
            found = bed.find(name);
            return found != kNoEntry && bed.state(found) == InstanceState::registered;
        })) << name;
        bed.settle();
        return found;
    }
    const Value* property(EntryId id, std::string_view key) {
        return bed.daemon->registry().find(id)->property(key);
    }
    static protocol::Ref value(Value content) {
        protocol::Ref ref;
        ref.kind = protocol::RefKind::value;
        ref.value = std::move(content);
        return ref;
    }
    Testbed bed;
    EntryId widget = kNoEntry;
    EntryId nub = kNoEntry;
    EntryId gadget = kNoEntry;
    FakeDriver* control = nullptr;
    FakeDriver* port = nullptr;
};

}  // namespace opendext::daemon::testing
