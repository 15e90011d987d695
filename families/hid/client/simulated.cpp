// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/simulated.h"

#include <IOKit/IOReturn.h>
#include <IOKit/hid/IOHIDDeviceKeys.h>
#include <sys/socket.h>

#include "iokit/client/family_request.h"

namespace opendext::hid_client {

Result<std::unique_ptr<SimulatedDevice>> SimulatedDevice::make(opendext::Dictionary properties) {
    const opendext::Value* descriptor = find(properties, kIOHIDReportDescriptorKey);
    if (descriptor == nullptr || descriptor->data() == nullptr) {
        return Error::kern(kIOReturnBadArgument,
                           "a HID device needs its report descriptor: the property "
                           "ReportDescriptor, as data");
    }
    auto parsed = hid::parse_descriptor(*descriptor->data());
    if (!parsed.ok()) {
        const IOReturn code =
            parsed.error().code == Errc::unsupported ? kIOReturnUnsupported : kIOReturnBadArgument;
        return Error::kern(code, "the report descriptor: " + parsed.error().message);
    }
    auto side = OD_TRY(hid::DeviceSide::make());
    return std::unique_ptr<SimulatedDevice>(
        new SimulatedDevice(std::move(properties), parsed->uses_report_ids, std::move(side)));
}

Status SimulatedDevice::plug() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return Error::system("cannot make the device's control socket");
    UniqueFd own(ends[0]);
    std::vector<UniqueFd> passed;
    passed.emplace_back(ends[1]);
    const auto reply = OD_TRY(opendext::client::request_of_class(
        "IOHIDUserDevice", "plug", {{"properties", properties_}}, std::move(passed)));
    const Number* entry = find_number(reply.result, "entry");
    if (entry == nullptr)
        return Error{Errc::malformed, 0, "opendextd plugged the device in and does not say where"};
    entry_ = entry->raw;
    return side_->take_control(std::move(own));
}

Status SimulatedDevice::send(uint64_t timestamp, std::span<const uint8_t> report) {
    if (report.empty()) return Error::kern(kIOReturnBadArgument, "a report has one byte at least");
    return side_->send_input(timestamp, numbered_ ? report[0] : 0, report);
}

}  // namespace opendext::hid_client
