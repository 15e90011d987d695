// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/uhid.h"

#include <fcntl.h>
#include <linux/uhid.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "families/hid/own_devices.h"

namespace opendext::hid {
namespace {

/// Writes `size` bytes of an event: the kernel takes the rest as zeros.
bool put(int fd, const uhid_event& event, size_t size) {
    ssize_t written = 0;
    do {
        written = ::write(fd, &event, size);
    } while (written < 0 && errno == EINTR);
    return written == static_cast<ssize_t>(size);
}

std::optional<ReportType> type_of(uint8_t type) {
    switch (type) {
        case UHID_FEATURE_REPORT:
            return ReportType::feature;
        case UHID_OUTPUT_REPORT:
            return ReportType::output;
        case UHID_INPUT_REPORT:
            return ReportType::input;
        default:
            return std::nullopt;
    }
}

template <size_t N>
void copy_text(__u8 (&to)[N], const std::string& from) {
    std::copy_n(from.begin(), std::min(from.size(), N - 1), to);
}

}  // namespace

Status UhidNode::create(const UhidIdentity& identity,
                        std::span<const uint8_t> report_descriptor) const {
    const auto event = std::make_unique<uhid_event>();
    std::memset(event.get(), 0, sizeof *event);
    uhid_create2_req& create = event->u.create2;
    if (report_descriptor.size() > sizeof create.rd_data) {
        return Error{Errc::unsupported, 0,
                     "uhid: the kernel takes report descriptors of at most " +
                         std::to_string(sizeof create.rd_data) + " bytes"};
    }
    event->type = UHID_CREATE2;
    copy_text(create.name, identity.name);
    copy_text(create.phys, std::string(kOwnPlace));
    copy_text(create.uniq, identity.unique);
    create.bus = identity.bus;
    create.vendor = identity.vendor;
    create.product = identity.product;
    create.version = identity.version;
    create.country = identity.country;
    create.rd_size = static_cast<uint16_t>(report_descriptor.size());
    std::ranges::copy(report_descriptor, create.rd_data);
    if (!put(fd_.get(), *event, sizeof *event) && errno != EALREADY)
        return Error::system("uhid: UHID_CREATE2");
    return success();
}

void UhidNode::send_input(std::span<const uint8_t> report) const {
    uhid_event event;
    uhid_input2_req& input = event.u.input2;
    if (report.size() > sizeof input.data) return;
    event.type = UHID_INPUT2;
    input.size = static_cast<uint16_t>(report.size());
    std::ranges::copy(report, input.data);
    (void)put(fd_.get(), event, offsetof(uhid_event, u.input2.data) + report.size());
}

std::optional<UhidNode::Request> UhidNode::next() const {
    uhid_event event;
    for (;;) {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return std::nullopt;
        std::memset(&event, 0, sizeof event);
        const ssize_t count = ::read(fd_.get(), &event, sizeof event);
        if (count < 0 && errno == EINTR) continue;
        if (count < static_cast<ssize_t>(sizeof event.type)) return std::nullopt;
        Request request;
        const auto bytes = [](const __u8* data, size_t size, size_t room) {
            return std::vector<uint8_t>(data, data + std::min(size, room));
        };
        switch (event.type) {
            case UHID_OUTPUT: {
                const auto type = type_of(event.u.output.rtype);
                if (!type) break;
                request = {
                    Request::Kind::output, 0, *type, 0,
                    bytes(event.u.output.data, event.u.output.size, sizeof event.u.output.data)};
                return request;
            }
            case UHID_GET_REPORT: {
                const auto type = type_of(event.u.get_report.rtype);
                if (!type) {
                    answer_get(event.u.get_report.id, false, {});
                    break;
                }
                request = {
                    Request::Kind::get, event.u.get_report.id, *type, event.u.get_report.rnum, {}};
                return request;
            }
            case UHID_SET_REPORT: {
                const auto type = type_of(event.u.set_report.rtype);
                if (!type) {
                    answer_set(event.u.set_report.id, false);
                    break;
                }
                request = {Request::Kind::set, event.u.set_report.id, *type,
                           event.u.set_report.rnum,
                           bytes(event.u.set_report.data, event.u.set_report.size,
                                 sizeof event.u.set_report.data)};
                return request;
            }
            default:
                break;  // START, STOP, OPEN, CLOSE: nothing to do
        }
    }
}

void UhidNode::answer_get(uint32_t id, bool ok, std::span<const uint8_t> report) const {
    uhid_event event;
    uhid_get_report_reply_req& reply = event.u.get_report_reply;
    const size_t size = std::min(report.size(), sizeof reply.data);
    event.type = UHID_GET_REPORT_REPLY;
    reply.id = id;
    reply.err = ok ? 0 : EIO;
    reply.size = static_cast<uint16_t>(size);
    std::ranges::copy(report.first(size), reply.data);
    (void)put(fd_.get(), event, offsetof(uhid_event, u.get_report_reply.data) + size);
}

void UhidNode::answer_set(uint32_t id, bool ok) const {
    uhid_event event;
    event.type = UHID_SET_REPORT_REPLY;
    event.u.set_report_reply.id = id;
    event.u.set_report_reply.err = ok ? 0 : EIO;
    (void)put(fd_.get(), event,
              offsetof(uhid_event, u.set_report_reply) + sizeof event.u.set_report_reply);
}

std::span<const uint8_t> without_hidraw_byte(std::span<const uint8_t> bytes, bool numbered,
                                             size_t expected) {
    if (numbered || bytes.size() != expected + 1 || bytes[0] != 0) return bytes;
    return bytes.subspan(1);
}

}  // namespace opendext::hid
