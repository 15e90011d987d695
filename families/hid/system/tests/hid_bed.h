// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include "daemon/io_return.h"
#include "daemon/tests/testbed.h"
#include "families/hid/link/device_side.h"
#include "families/hid/system/hid_system.h"

/// The HID family in an opendextd whose keeper and programs the test plays.
namespace opendext::hid::testing {

using namespace daemon;
using daemon::testing::FakeClient;
using daemon::testing::FakeDriver;
using daemon::testing::Testbed;
namespace client = protocol::client;

inline const Data kMouse{0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x05, 0x09, 0x19, 0x01, 0x29, 0x03,
                         0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0xc0};

class HidSystemTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.options.families = {{"hid", [](FamilyHost& host) -> std::unique_ptr<Family> {
                                     return std::make_unique<HidSystem>(host, hid_options);
                                 }}};
        bed.outlived = true;
        bed.start();
        program = std::make_unique<FakeClient>(bed);
    }

    /// Of the family, before SetUp().
    static inline HidSystem::Options hid_options;

    struct Reply {
        client::FamilyAnswer answer;
        std::vector<UniqueFd> fds;
        [[nodiscard]] int32_t code() const { return answer.outcome.io_return; }
        [[nodiscard]] const std::string& reason() const { return answer.outcome.reason; }
    };
    Reply ask(client::FamilyRequest request, std::vector<UniqueFd> fds = {}) {
        const uint64_t serial = next_++;
        Message message = encode(std::move(request), serial);
        message.fds = std::move(fds);
        program->send_raw(std::move(message));
        EXPECT_TRUE(bed.run_until([&] { return program->answers.contains(serial); }));
        Message& answer = program->answers.at(serial);
        Reply reply;
        if (auto decoded = decode<client::FamilyAnswer>(answer); decoded.ok())
            reply.answer = std::move(*decoded);
        reply.fds = std::move(answer.fds);
        program->answers.erase(serial);
        return reply;
    }
    struct Plugged {
        EntryId entry = kNoEntry;
        std::unique_ptr<DeviceSide> side;
        Reply reply;
    };
    Plugged plug(Dictionary properties = {{"ReportDescriptor", Value(kMouse)}}) {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        Plugged plugged;
        plugged.side = std::move(DeviceSide::make()).value();
        EXPECT_TRUE(plugged.side->take_control(UniqueFd(fds[0])).ok());
        std::vector<UniqueFd> theirs;
        theirs.emplace_back(fds[1]);
        plugged.reply = ask({0, "IOHIDUserDevice", "plug", {{"properties", Value(properties)}}},
                            std::move(theirs));
        if (const Number* entry = find_number(plugged.reply.answer.result, "entry"))
            plugged.entry = entry->raw;
        return plugged;
    }
    Reply open(EntryId device, bool seize = false) {
        return ask({device, "", "open", {{"options", Value(seize ? 1 : 0)}}});
    }
    bool gone(EntryId entry) {
        return bed.run_until([&] { return bed.daemon->registry().find(entry) == nullptr; });
    }
    [[nodiscard]] size_t held(std::string_view prefix) const {
        size_t count = 0;
        for (const auto& [key, item] : bed.held) count += key.starts_with(prefix) ? 1 : 0;
        return count;
    }

    Testbed bed;
    std::unique_ptr<FakeClient> program;
    uint64_t next_ = 1000;
};

}  // namespace opendext::hid::testing
