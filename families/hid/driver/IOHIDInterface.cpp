// SPDX-License-Identifier: Apache-2.0
// What a driver calls on its IOHIDInterface. The object is opendextd's, a proxy here; reports go
// straight over the link, so the methods with data are answered in this process.
#include <HIDDriverKit/IOHIDInterface.h>

#include <algorithm>

#include "families/hid/driver/interface.h"
#include "runtime/family.h"

using opendext::hid::Answer;
using opendext::hid::Interface;
using opendext::hid::MemoryBytes;
using opendext::hid::report_type_of;
namespace family = opendext::family;

namespace {

Interface& state_of(OSMetaClassBase* target) {
    return Interface::of(static_cast<IOHIDInterface*>(target));
}

kern_return_t get_report(OSMetaClassBase* target, IOMemoryDescriptor* report,
                         IOHIDReportType reportType, uint32_t reportID, IOOptionBits) {
    const auto type = report_type_of(reportType);
    const auto memory = MemoryBytes::of(report);
    if (!type || !memory || reportID > 0xff) return kIOReturnBadArgument;
    const auto room =
        static_cast<uint32_t>(std::min<size_t>(memory->bytes().size(), opendext::hid::kMaxReport));
    const Answer answer = state_of(target).get(*type, reportID, room);
    if (answer.status != kIOReturnSuccess) return answer.status;
    const size_t length = std::min(answer.bytes.size(), memory->bytes().size());
    std::copy_n(answer.bytes.begin(), length, memory->bytes().begin());
    if (auto* buffer = OSDynamicCast(IOBufferMemoryDescriptor, report))
        return buffer->SetLength(length);
    return kIOReturnSuccess;
}

kern_return_t set_report(OSMetaClassBase* target, IOMemoryDescriptor* report,
                         IOHIDReportType reportType, uint32_t reportID, IOOptionBits) {
    const auto type = report_type_of(reportType);
    const auto memory = MemoryBytes::of(report);
    if (!type || !memory || reportID > 0xff) return kIOReturnBadArgument;
    return state_of(target).set(*type, reportID, memory->bytes()).status;
}

std::optional<int32_t> call(OSObject* proxy, const IORPC& rpc) {
    switch (IORPCMessageFromMach(rpc.message, false)->msgid) {
        case IOHIDInterface_Open_ID:
            return IOHIDInterface::Open_Invoke(
                rpc, proxy,
                [](OSMetaClassBase* target, IOService* client, IOOptionBits options,
                   OSAction* action) { return state_of(target).open(client, options, action); });
        case IOHIDInterface_Close_ID:
            state_of(proxy).stop();
            return std::nullopt;  // opendextd has to know as well
        case IOHIDInterface_AddReportToPool_ID:
            return IOHIDInterface::AddReportToPool_Invoke(
                rpc, proxy, [](OSMetaClassBase* target, IOBufferMemoryDescriptor* report) {
                    return state_of(target).add_to_pool(report);
                });
        case IOHIDInterface_GetReport_ID:
            return IOHIDInterface::GetReport_Invoke(rpc, proxy, get_report);
        case IOHIDInterface_SetReport_ID:
            return IOHIDInterface::SetReport_Invoke(rpc, proxy, set_report);
        default:
            return std::nullopt;
    }
}

void forget(OSObject* proxy) {
    Interface::forget(static_cast<IOHIDInterface*>(proxy));
}

[[gnu::constructor]] void handle_interfaces() {
    family::handle_proxies("IOHIDInterface", {call, forget});
}

}  // namespace

bool IOHIDInterface::init() {
    return super::init();
}

void IOHIDInterface::free() {
    Interface::forget(this);
    super::free();
}

OSArray* IOHIDInterface::getElements() {
    opendext::hid::ElementTree* const tree = Interface::of(this).tree();
    return tree == nullptr ? nullptr : tree->elements();
}

bool IOHIDInterface::createElements() {
    return getElements() != nullptr;
}

void IOHIDInterface::processReport(uint64_t timestamp, uint8_t* report, uint32_t reportLength,
                                   IOHIDReportType type, uint32_t reportID) {
    opendext::hid::ElementTree* const tree = Interface::of(this).tree();
    const auto known = report_type_of(type);
    if (tree == nullptr || !known || reportID > 0xff || report == nullptr) return;
    tree->take(timestamp, *known, static_cast<uint8_t>(reportID), {report, reportLength}, {});
}

kern_return_t IOHIDInterface::commitElements(OSArray* elements,
                                             IOHIDElementCommitDirection direction) {
    return Interface::of(this).exchange_all(elements, direction);
}

kern_return_t IOHIDInterface::getElementValues(OSArray* elements) {
    return commitElements(elements, kIOHIDElementCommitDirectionIn);
}

kern_return_t IOHIDInterface::setElementValues(OSArray* elements) {
    return commitElements(elements, kIOHIDElementCommitDirectionOut);
}
