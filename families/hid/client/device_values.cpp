// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>

#include "families/hid/client/device.h"
#include "families/hid/parse/report_fields.h"
#include "iokit/client/reason.h"

namespace opendext::hid_client {

using opendext::client::fail;

Result<std::vector<Device::Request>> Device::reports_of(const std::vector<ValueRequest>& values) {
    const hid::ReportDescriptor& layout = descriptor();
    std::map<std::pair<ReportType, uint32_t>, std::vector<uint8_t>> reports;
    for (const ValueRequest& item : values) {
        const hid::Element& what = item.element->what;
        if (what.is_collection() || what.report_type == ReportType::input) {
            return Error::kern(kIOReturnUnsupported,
                               "element " + std::to_string(what.cookie) + " of " + name() + " is " +
                                   (what.is_collection() ? "a collection" : "an input") +
                                   ": only outputs and features can be set");
        }
        const std::pair key(what.report_type, uint32_t{what.report_id});
        std::vector<uint8_t>& bytes = reports[key];
        if (bytes.empty()) {
            // What the other elements of the report had last; 0 before that.
            bytes.resize(layout.report_bytes(what.report_type, what.report_id));
            const std::lock_guard lock(mutex_);
            const auto known = reports_.find(key);
            if (known != reports_.end()) {
                std::copy_n(known->second.bytes.begin(),
                            std::min(bytes.size(), known->second.bytes.size()), bytes.begin());
            }
            if (layout.uses_report_ids && !bytes.empty()) bytes[0] = what.report_id;
        }
        const bool one =
            what.kind == hid::ElementKind::array_item ||
            (what.kind == hid::ElementKind::field && what.count == 1 && what.bits <= 64);
        const bool written = one ? hid::write_value(layout, what, bytes, item.value->integer)
                                 : hid::write_data(what, bytes, item.value->bytes());
        if (!written) {
            return Error::kern(kIOReturnNoSpace, "the value of element " +
                                                     std::to_string(what.cookie) + " of " + name() +
                                                     " has no place in its report");
        }
    }
    std::vector<Request> requests;
    for (auto& [key, bytes] : reports)
        requests.push_back({true, key.first, key.second, 0, std::move(bytes)});
    return requests;
}

/// One after the other where it waits, else all at once; the first failure counts.
IOReturn Device::request_all(std::vector<Request> requests, CFTimeInterval timeout, AllDone done) {
    if (!done) {
        IOReturn first = kIOReturnSuccess;
        for (const Request& request : requests) {
            Answer answer;
            const IOReturn result = this->request(request, answer, timeout);
            if (first == kIOReturnSuccess) first = result;
        }
        return first;
    }
    struct Progress {
        std::mutex mutex;
        size_t left = 0;
        IOReturn result = kIOReturnSuccess;
        std::string reason;
        AllDone done;
    };
    const auto progress = std::make_shared<Progress>();
    progress->left = std::max<size_t>(requests.size(), 1);
    progress->done = std::move(done);
    const auto take = [progress](const Answer& answer) {
        {
            const std::lock_guard lock(progress->mutex);
            if (progress->result == kIOReturnSuccess) {
                progress->result = answer.status;
                progress->reason = answer.reason;
            }
            if (--progress->left > 0) return;
        }
        progress->done(progress->result, progress->reason);
    };
    if (requests.empty()) take(Answer{});
    for (size_t i = 0; i < requests.size(); ++i) {
        const IOReturn result = request(requests[i], timeout, take);
        if (result == kIOReturnSuccess) continue;
        if (i == 0) return result;  // nothing was asked
        take(Answer{result, {}, opendext_last_error_reason()});
    }
    return kIOReturnSuccess;
}

IOReturn Device::set_values(const std::vector<ValueRequest>& values, CFTimeInterval timeout,
                            AllDone done) {
    if (!is_open())
        return fail(kIOReturnNotOpen, name() + " is not open: IOHIDDeviceOpen comes first");
    Result<std::vector<Request>> requests = reports_of(values);
    if (!requests.ok()) return fail(requests.error(), OPENDEXT_ORIGIN_LIBRARY);
    return request_all(std::move(requests).value(), timeout, std::move(done));
}

IOReturn Device::update_values(const std::vector<Element*>& elements, uint32_t options,
                               CFTimeInterval timeout, AllDone done) {
    if (!is_open())
        return fail(kIOReturnNotOpen, name() + " is not open: IOHIDDeviceOpen comes first");
    std::set<std::pair<ReportType, uint32_t>> reports;
    for (const Element* element : elements) {
        const hid::Element& what = element->what;
        if (what.is_collection()) {
            return fail(kIOReturnBadArgument, "element " + std::to_string(what.cookie) + " of " +
                                                  name() + " is a collection and has no value");
        }
        const bool ask = (options & kIOHIDDeviceGetValueWithUpdate) != 0 ||
                         ((options & kIOHIDDeviceGetValueWithoutUpdate) == 0 &&
                          what.report_type == ReportType::feature);
        if (ask) reports.emplace(what.report_type, what.report_id);
    }
    std::vector<Request> requests;
    for (const auto& [type, id] : reports) {
        requests.push_back(
            {false, type, id, descriptor().report_bytes(type, static_cast<uint8_t>(id)), {}});
    }
    return request_all(std::move(requests), timeout, std::move(done));
}

}  // namespace opendext::hid_client
