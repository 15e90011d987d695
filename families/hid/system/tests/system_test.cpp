// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <unistd.h>

#include "families/hid/link/report_link.h"
#include "families/hid/system/tests/hid_bed.h"

namespace opendext::hid::testing {
namespace {

TEST_F(HidSystemTest, APluggedDeviceHasAnInterfaceWithTheSameProperties) {
    const Plugged mouse = plug({{"ReportDescriptor", Value(kMouse)}, {"VendorID", Value(0x46d)}});
    ASSERT_EQ(mouse.reply.code(), 0) << mouse.reply.reason();
    const Entry* device = bed.daemon->registry().find(mouse.entry);
    ASSERT_NE(device, nullptr);
    EXPECT_TRUE(device->registered);
    EXPECT_TRUE(device->is_kind_of("IOHIDDevice"));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("IOHIDInterface") != kNoEntry; }));
    const Entry* interface = bed.daemon->registry().find(bed.find("IOHIDInterface"));
    EXPECT_EQ(interface->provider(), mouse.entry);
    for (const char* key : {"VendorID", "DeviceUsagePairs", "PrimaryUsage", "ReportDescriptor",
                            "MaxInputReportSize", "Transport"}) {
        ASSERT_NE(interface->property(key), nullptr) << key;
        EXPECT_EQ(*interface->property(key), *device->property(key)) << key;
    }
    EXPECT_EQ(*interface->property("IOServiceDEXTEntitlements"),
              Value("com.apple.developer.driverkit.transport.hid"));
}

TEST_F(HidSystemTest, WhatAnEarlierOpendextdLeftOfDevicesThatAreGoneIsGivenBack) {
    const Plugged mouse = plug();
    ASSERT_EQ(mouse.reply.code(), 0) << mouse.reply.reason();
    const Reply user = open(mouse.entry);
    ASSERT_EQ(user.code(), 0) << user.reason();
    bed.settle();
    const std::string other = std::to_string(mouse.entry + 1'000'000);
    for (const char* what : {"hid-device:", "hid-gate:", "hid-trace:"}) bed.held[what + other];
    bed.held["hid-user:" + other + ":7"];
    bed.held["hid-user:nonsense"];
    bed.held["not-of-hid:" + other];
    bed.succeed();
    EXPECT_EQ(held("hid-device:"), 1U);
    EXPECT_EQ(held("hid-user:"), 1U) << "the one who has the mouse open";
    EXPECT_EQ(held("hid-gate:") + held("hid-trace:"), 0U);
    EXPECT_EQ(held("not-of-hid:"), 1U);
    EXPECT_NE(bed.daemon->registry().find(mouse.entry), nullptr);
}

TEST_F(HidSystemTest, BuiltInHardwareNeedsOneMoreEntitlement) {
    ASSERT_EQ(plug({{"ReportDescriptor", Value(kMouse)}, {"Built-In", Value(true)}}).reply.code(),
              0);
    ASSERT_TRUE(bed.run_until([&] { return bed.find("IOHIDInterface") != kNoEntry; }));
    const Entry* interface = bed.daemon->registry().find(bed.find("IOHIDInterface"));
    EXPECT_EQ(*interface->property("IOServiceDEXTEntitlements"),
              Value(Array{Value(Array{Value("com.apple.developer.driverkit.transport.hid"),
                                      Value("com.apple.developer.driverkit.builtin")})}));
}

TEST_F(HidSystemTest, BadPlugsAreRefusedWithTheReason) {
    EXPECT_NE(plug({}).reply.reason().find("ReportDescriptor is missing"), std::string::npos);
    EXPECT_NE(plug({{"ReportDescriptor", Value(Data(9, 0xff))}}).reply.reason().find("property"),
              std::string::npos);
    EXPECT_NE(ask({0, "IOHIDUserDevice", "plug", {}}).reason().find("needs \"properties\""),
              std::string::npos);
    const Dictionary good{{"ReportDescriptor", Value(kMouse)}};
    std::vector<UniqueFd> wrong;
    wrong.emplace_back(::dup(2));
    for (const Reply& reply :
         {ask({0, "IOHIDUserDevice", "plug", {{"properties", Value(good)}}}),
          ask({0, "IOHIDUserDevice", "plug", {{"properties", Value(good)}}}, std::move(wrong))}) {
        EXPECT_EQ(reply.code(), kIOReturnBadArgument);
        EXPECT_NE(reply.reason().find("SOCK_SEQPACKET"), std::string::npos) << reply.reason();
    }
    EXPECT_EQ(bed.find("IOHIDUserDevice"), kNoEntry);
    EXPECT_EQ(held("hid-"), 0u);
}

TEST_F(HidSystemTest, ReportsTravelOverTheLinkThatOpenGives) {
    Plugged mouse = plug();
    Reply opened = open(mouse.entry);
    ASSERT_EQ(opened.code(), 0) << opened.reason();
    EXPECT_EQ(*find_string(opened.answer.result, "link"), "socket");
    ASSERT_EQ(opened.fds.size(), 2u);
    ASSERT_TRUE(mouse.side->process().ok());
    ASSERT_EQ(mouse.side->users().size(), 1u);
    EXPECT_EQ(mouse.side->users()[0].pid, ::getpid());
    const auto link = std::move(ReportLink::open_socket(std::move(opened.fds[1]))).value();
    ASSERT_TRUE(mouse.side->send_input(1, 0, Data{5}).ok());
    const auto input = link->next_input();
    ASSERT_TRUE(input.ok() && *input);
    EXPECT_EQ((*input)->bytes[0], 5);
}

TEST_F(HidSystemTest, ASeizedDeviceIsOpenedByNobodyElseUntilItsLeaseEnds) {
    const Plugged mouse = plug();
    Reply before = open(mouse.entry);
    EXPECT_EQ(before.code(), 0);
    Reply seized = open(mouse.entry, true);
    ASSERT_EQ(seized.code(), 0) << seized.reason();
    for (const bool seize : {false, true}) {
        const Reply refused = open(mouse.entry, seize);
        EXPECT_EQ(refused.code(), kIOReturnExclusiveAccess);
        EXPECT_NE(refused.reason().find("is seized by"), std::string::npos) << refused.reason();
    }
    seized.fds.clear();
    EXPECT_TRUE(bed.run_until([&] { return held("hid-user:") == 1; }));
    const Reply again = open(mouse.entry, true);
    EXPECT_EQ(again.code(), 0) << again.reason();
    const Number* user = find_number(again.answer.result, "user");
    EXPECT_EQ(ask({mouse.entry, "", "close", {{"user", Value(user->raw)}}}).code(), 0);
    EXPECT_EQ(ask({mouse.entry, "", "close", {{"user", Value(user->raw)}}}).code(),
              kIOReturnNotOpen);
    EXPECT_EQ(open(mouse.entry).code(), 0);
}

TEST_F(HidSystemTest, TheEndOfTheControlSocketUnplugs) {
    Plugged mouse = plug();
    const Reply opened = open(mouse.entry);
    ASSERT_TRUE(bed.run_until([&] { return held("hid-user:") == 1; }));
    mouse.side.reset();
    EXPECT_TRUE(gone(mouse.entry));
    EXPECT_EQ(bed.find("IOHIDInterface"), kNoEntry);
    EXPECT_TRUE(bed.run_until([&] { return held("hid-") == 0; }));
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnNotFound);
}

TEST_F(HidSystemTest, UnplugHangsUpAtTheProgram) {
    Plugged mouse = plug();
    EXPECT_EQ(ask({mouse.entry, "", "unplug", {}}).code(), 0);
    EXPECT_TRUE(gone(mouse.entry));
    const Status end = mouse.side->process();
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code, Errc::peer_gone);
}

TEST_F(HidSystemTest, ThousandsOfDevicesComeAndGoAndLeaveNothing) {
    const auto next_descriptor = [] { return UniqueFd(::dup(0)).get(); };
    const auto cycle = [&] {
        Plugged mouse = plug();
        const Reply opened = open(mouse.entry);
        EXPECT_EQ(opened.code(), 0);
        mouse.side.reset();
        EXPECT_TRUE(gone(mouse.entry));
    };
    cycle();
    bed.settle();
    const int before = next_descriptor();
    for (int i = 0; i < 2000; i++) cycle();
    bed.settle();
    EXPECT_EQ(next_descriptor(), before);
    EXPECT_EQ(held("hid-"), 0u);
    EXPECT_TRUE(bed.find_all("IOHIDInterface").empty());
}

TEST_F(HidSystemTest, DevicesAndUsersOutliveOpendextd) {
    Plugged mouse = plug();
    Reply seized = open(mouse.entry, true);
    ASSERT_EQ(seized.code(), 0);
    bed.settle();
    bed.succeed();
    program = std::make_unique<FakeClient>(bed);
    bed.settle();
    EXPECT_NE(bed.daemon->registry().find(mouse.entry), nullptr);
    EXPECT_EQ(open(mouse.entry).code(), kIOReturnExclusiveAccess);
    seized.fds.clear();
    EXPECT_TRUE(bed.run_until([&] { return held("hid-user:") == 0; }));
    const Reply opened = open(mouse.entry);
    EXPECT_EQ(opened.code(), 0) << opened.reason();
    EXPECT_NE(find_number(opened.answer.result, "user")->raw, 1u) << "numbers are not used again";
    ASSERT_TRUE(mouse.side->process().ok());
    mouse.side.reset();
    EXPECT_TRUE(gone(mouse.entry));
    EXPECT_TRUE(bed.run_until([&] { return held("hid-") == 0; }));
}

TEST_F(HidSystemTest, ADeviceWhoseProgramEndedMeanwhileIsGoneAfterwards) {
    Plugged mouse = plug();
    bed.settle();
    mouse.side.reset();
    bed.succeed();
    EXPECT_TRUE(gone(mouse.entry));
}

TEST_F(HidSystemTest, IOServiceOpenOfAnInterfaceNamesWhatCanBeOpened) {
    const Plugged mouse = plug();
    ASSERT_TRUE(bed.run_until([&] { return bed.find("IOHIDInterface") != kNoEntry; }));
    const auto opened = program->ask<client::Opened>(client::Open{bed.find("IOHIDInterface"), 0});
    EXPECT_EQ(opened.outcome.io_return, kIOReturnUnsupported);
    EXPECT_NE(opened.outcome.reason.find("class IOHIDInterface has no user client; the nearest "
                                         "entry that can be opened is IOHIDUserDevice"),
              std::string::npos)
        << opened.outcome.reason;
    EXPECT_NE(opened.outcome.reason.find("with IOHIDDeviceOpen"), std::string::npos);
    EXPECT_NE(bed.log_text().find("IOServiceOpen of IOHIDInterface is refused"), std::string::npos);
}

}  // namespace
}  // namespace opendext::hid::testing
