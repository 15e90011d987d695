// SPDX-License-Identifier: Apache-2.0
#include <opendext/client.h>

#include <cstdio>

#include "families/hid/client/device.h"
#include "families/hid/client/times.h"
#include "iokit/client/reason.h"
#include "rpc/futex.h"

namespace opendext::hid_client {

using opendext::client::fail;

namespace {

std::string text_of(const Device::Request& request) {
    return std::string(request.set ? "set" : "get") + " of " +
           std::string(to_string(request.type)) + " report " + std::to_string(request.id);
}

}  // namespace

std::chrono::milliseconds Device::timeout_of(CFTimeInterval seconds) {
    if (seconds > 0) {
        const auto exact = std::chrono::ceil<std::chrono::milliseconds>(nanoseconds_of(seconds));
        return exact;
    }
    const auto own = integer_of(property(CFSTR(kIOHIDRequestTimeoutKey)));  // microseconds
    if (!own || *own <= 0) return hid::kDefaultTimeout;
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::microseconds(*own));
}

IOReturn Device::finish(const Request& request, const Answer& answer) {
    if (answer.status == kIOReturnSuccess) return kIOReturnSuccess;
    if (!answer.reason.empty()) {
        const bool gone = answer.status == kIOReturnNoDevice;
        return fail(answer.status, name() + ": " + answer.reason,
                    gone ? OPENDEXT_ORIGIN_TERMINATED : OPENDEXT_ORIGIN_LIBRARY);
    }
    const char* code = opendext_error_name(answer.status);
    char number[16];
    std::snprintf(number, sizeof number, "0x%x", static_cast<unsigned>(answer.status));
    return fail(
        answer.status,
        name() + " answered the " + text_of(request) + " with " + (code != nullptr ? code : number),
        OPENDEXT_ORIGIN_DRIVER);
}

IOReturn Device::request(const Request& request, Answer& answer, CFTimeInterval seconds) {
    const std::shared_ptr<Session> open = session();
    if (open == nullptr)
        return fail(kIOReturnNotOpen, name() + " is not open: IOHIDDeviceOpen comes first");
    const std::chrono::milliseconds timeout = timeout_of(seconds);
    answer = request.set ? open->link->set(request.type, request.id, request.report, timeout)
                         : open->link->get(request.type, request.id, request.room, timeout);
    const IOReturn result = finish(request, answer);
    if (result == kIOReturnSuccess)
        take_report(request.type, request.id, request.set ? request.report : answer.bytes);
    return result;
}

IOReturn Device::request(const Request& request, CFTimeInterval timeout, Done done) {
    const std::shared_ptr<Session> open = session();
    if (open == nullptr)
        return fail(kIOReturnNotOpen, name() + " is not open: IOHIDDeviceOpen comes first");
    const auto take = [weak = weak_, request, done = std::move(done)](Answer answer) {
        if (answer.status == kIOReturnSuccess) {
            if (const auto device = weak.lock())
                device.get()->take_report(request.type, request.id,
                                          request.set ? request.report : answer.bytes);
        }
        done(std::move(answer));
    };
    if (request.set) {
        open->link->set(request.type, request.id, request.report, timeout_of(timeout), take);
    } else {
        open->link->get(request.type, request.id, request.room, timeout_of(timeout), take);
    }
    return kIOReturnSuccess;
}

void Device::take_report(ReportType type, uint32_t id, std::vector<uint8_t> bytes) {
    if (bytes.empty()) return;
    const auto time = static_cast<uint64_t>(opendext::now_ns());
    const std::lock_guard lock(mutex_);
    reports_[{type, id}] = {time, std::move(bytes)};
}

}  // namespace opendext::hid_client
