// SPDX-License-Identifier: Apache-2.0
// The conversation with /dev/uhid. A socket pair stands for it: each event is one packet, as one
// read or write is; the kernel itself is in the lab.
#include "families/hid/driver/uhid.h"

#include <gtest/gtest.h>

#include <linux/input.h>
#include <linux/uhid.h>
#include <sys/socket.h>

#include <cstring>

namespace opendext::hid {
namespace {

class Uhid : public testing::Test {
  protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        kernel_.reset(ends[0]);
        node_.emplace(UniqueFd(ends[1]));
    }
    uhid_event from_driver(size_t* size = nullptr) {
        uhid_event event;
        std::memset(&event, 0, sizeof event);
        const ssize_t count = ::recv(kernel_.get(), &event, sizeof event, MSG_DONTWAIT);
        EXPECT_GT(count, 0);
        if (size != nullptr) *size = static_cast<size_t>(count);
        return event;
    }
    void to_driver(const uhid_event& event) {
        ASSERT_EQ(::send(kernel_.get(), &event, sizeof event, 0), ssize_t{sizeof event});
    }

    UniqueFd kernel_;
    std::optional<UhidNode> node_;
};

TEST_F(Uhid, ADeviceIsMadeAsItIsDescribed) {
    const uint8_t descriptor[] = {5, 1, 9, 6};
    ASSERT_TRUE(node_->create({"Name", "S-1", BUS_USB, 0x1209, 1, 2, 33}, descriptor).ok());
    const uhid_event event = from_driver();
    EXPECT_EQ(event.type, static_cast<uint32_t>(UHID_CREATE2));
    const uhid_create2_req& create = event.u.create2;
    EXPECT_STREQ(reinterpret_cast<const char*>(create.name), "Name");
    EXPECT_STREQ(reinterpret_cast<const char*>(create.uniq), "S-1");
    EXPECT_EQ(create.rd_size, 4);
    EXPECT_EQ(std::memcmp(create.rd_data, descriptor, 4), 0);
    EXPECT_EQ(uint32_t{create.vendor}, 0x1209U);
    EXPECT_EQ(uint32_t{create.country}, 33U);
}

TEST_F(Uhid, ALongNameIsCutAndALongDescriptorRefused) {
    const std::string name(1000, 'x');
    ASSERT_TRUE(node_->create({name, name, 0, 0, 0, 0, 0}, {}).ok());
    const uhid_event event = from_driver();
    EXPECT_EQ(std::strlen(reinterpret_cast<const char*>(event.u.create2.name)), 127U);
    const std::vector<uint8_t> descriptor(5000);
    const Status made = node_->create({"x", "", 0, 0, 0, 0, 0}, descriptor);
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().text().find("at most 4096 bytes"), std::string::npos);
}

TEST_F(Uhid, InputGoesOutWithoutWhatIsNotUsed) {
    const uint8_t report[] = {1, 2, 3};
    node_->send_input(report);
    size_t size = 0;
    const uhid_event event = from_driver(&size);
    EXPECT_EQ(event.type, static_cast<uint32_t>(UHID_INPUT2));
    EXPECT_EQ(event.u.input2.size, 3);
    EXPECT_EQ(size, sizeof event.type + sizeof event.u.input2.size + 3);
}

TEST_F(Uhid, RequestsComeAndAreAnswered) {
    EXPECT_FALSE(node_->next());
    uhid_event event;
    std::memset(&event, 0, sizeof event);
    event.type = UHID_OPEN;  // passed over
    to_driver(event);
    event.type = UHID_GET_REPORT;
    event.u.get_report.id = 77;
    event.u.get_report.rnum = 3;
    event.u.get_report.rtype = UHID_FEATURE_REPORT;
    to_driver(event);
    auto request = node_->next();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->kind, UhidNode::Request::Kind::get);
    EXPECT_EQ(request->id, 77U);
    EXPECT_EQ(request->type, ReportType::feature);
    EXPECT_EQ(request->report_id, 3);
    const uint8_t answer[] = {3, 9};
    node_->answer_get(77, true, answer);
    uhid_event reply = from_driver();
    EXPECT_EQ(reply.type, static_cast<uint32_t>(UHID_GET_REPORT_REPLY));
    EXPECT_EQ(uint32_t{reply.u.get_report_reply.id}, 77U);
    EXPECT_EQ(uint16_t{reply.u.get_report_reply.err}, 0);
    EXPECT_EQ(uint16_t{reply.u.get_report_reply.size}, 2);

    std::memset(&event, 0, sizeof event);
    event.type = UHID_SET_REPORT;
    event.u.set_report.id = 78;
    event.u.set_report.rtype = UHID_OUTPUT_REPORT;
    event.u.set_report.size = 2;
    event.u.set_report.data[1] = 7;
    to_driver(event);
    request = node_->next();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->kind, UhidNode::Request::Kind::set);
    EXPECT_EQ(request->bytes, (std::vector<uint8_t>{0, 7}));
    node_->answer_set(78, false);
    reply = from_driver();
    EXPECT_EQ(reply.type, static_cast<uint32_t>(UHID_SET_REPORT_REPLY));
    EXPECT_NE(uint16_t{reply.u.set_report_reply.err}, 0);
}

TEST_F(Uhid, ATypeThatDoesNotExistIsRefusedAtOnce) {
    uhid_event event;
    std::memset(&event, 0, sizeof event);
    event.type = UHID_GET_REPORT;
    event.u.get_report.id = 5;
    event.u.get_report.rtype = 99;
    to_driver(event);
    EXPECT_FALSE(node_->next());
    const uhid_event reply = from_driver();
    EXPECT_EQ(reply.type, static_cast<uint32_t>(UHID_GET_REPORT_REPLY));
    EXPECT_NE(uint16_t{reply.u.get_report_reply.err}, 0);
}

TEST(UhidBytes, TheByteBeforeAReportWithoutIdIsTakenOff) {
    const uint8_t with[] = {0, 2};
    const uint8_t without[] = {2};
    const uint8_t numbered[] = {0, 2};
    EXPECT_EQ(without_hidraw_byte(with, false, 1).size(), 1U);
    EXPECT_EQ(without_hidraw_byte(with, false, 1)[0], 2);
    EXPECT_EQ(without_hidraw_byte(without, false, 1).size(), 1U);
    EXPECT_EQ(without_hidraw_byte(numbered, true, 1).size(), 2U);
    EXPECT_EQ(without_hidraw_byte({}, false, 1).size(), 0U);
}

}  // namespace
}  // namespace opendext::hid
