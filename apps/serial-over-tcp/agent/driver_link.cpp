// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/driver_link.h"

#include <IOKit/serial/IOSerialKeys.h>
#include <opendext/client.h>

namespace opendext::serial_tcp {
DriverLink::DriverLink(std::string port_name) : port_name_(std::move(port_name)) {
    notifications_ = IONotificationPortCreate(kIOMainPortDefault);
    if (IOServiceAddMatchingNotification(
            notifications_, kIOFirstMatchNotification,
            matching_parent("SerialOverTCPPort", kIOTTYBaseNameKey, port_name_), &on_match, this,
            matching_.out()) == KERN_SUCCESS) {
        look(matching_.get());
    }
}

DriverLink::~DriverLink() {
    lose();
    matching_.reset();
    IONotificationPortDestroy(notifications_);
}

int DriverLink::fd() const {
    return opendext_notification_port_fd(notifications_);
}
void DriverLink::dispatch() {
    opendext_notification_port_dispatch(notifications_);
}

void DriverLink::on_match(void* self, io_iterator_t iterator) {
    static_cast<DriverLink*>(self)->look(iterator);
}

/// Emptying the iterator arms the notification again.
void DriverLink::look(io_iterator_t iterator) {
    while (const io_object_t service = IOIteratorNext(iterator)) {
        candidate_ = IOHandle(service);
    }
}

void DriverLink::on_interest(void* self, io_service_t, uint32_t message, void*) {
    if (message == kIOMessageServiceIsTerminated) static_cast<DriverLink*>(self)->gone_ = true;
}

void DriverLink::on_doorbell(void*, IOReturn, void**, uint32_t) {
    // The descriptor woke the loop; what there is to do stands in the shared memory.
}

void DriverLink::hear() {
    if (bell_ >= 0) check(opendext_connect_dispatch(connect_));
}

bool DriverLink::take() {
    retry_ = false;
    if (memory_ != nullptr || !candidate_) return false;
    kern_return_t ret = IOServiceOpen(candidate_.get(), mach_task_self(), 0, &connect_);
    if (ret != KERN_SUCCESS) {
        retry_ = true;  // it may still be starting, or a predecessor of this program may just be
                        // leaving it
        return false;
    }
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ret = opendext_connect_completions_fd(connect_, &bell_);
    if (ret == KERN_SUCCESS)
        ret = IOConnectMapMemory64(connect_, kSerialOverTCPLinkMemory, mach_task_self(), &address,
                                   &size, kIOMapAnywhere);
    if (ret == KERN_SUCCESS && size >= kSerialOverTCPLinkSize &&
        reinterpret_cast<SerialOverTCPLink*>(address)->magic == kSerialOverTCPLinkMagic) {
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&on_doorbell);
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(this);
        uint32_t outputs = 0;
        ret = IOConnectCallAsyncScalarMethod(
            connect_, kSerialOverTCPAttach, IONotificationPortGetMachPort(notifications_),
            reference, kIOAsyncCalloutCount, nullptr, 0, nullptr, &outputs);
    } else if (ret == KERN_SUCCESS) {
        ret = kIOReturnError;
    }
    if (ret != KERN_SUCCESS) {
        IOServiceClose(connect_);
        connect_ = IO_OBJECT_NULL;
        bell_ = -1;
        retry_ = true;
        return false;
    }
    memory_ = reinterpret_cast<void*>(address);
    ++instance_;
    gone_ = false;
    hear();
    return true;
}

/// Not in take(): bytes that wait since the driver before are not to wait for this, too.
void DriverLink::watch() {
    if (memory_ == nullptr || !candidate_ || interest_) return;
    check(IOServiceAddInterestNotification(notifications_, candidate_.get(), kIOGeneralInterest,
                                           &on_interest, this, interest_.out()));
    candidate_.reset();
}

void DriverLink::lose() {
    interest_.reset();
    memory_ = nullptr;
    bell_ = -1;
    gone_ = false;
    if (connect_ != IO_OBJECT_NULL) IOServiceClose(connect_);
    connect_ = IO_OBJECT_NULL;
}

void DriverLink::check(kern_return_t code) {
    if (code != KERN_SUCCESS && code != kIOReturnBusy) gone_ = true;
}

void DriverLink::doorbell() {
    if (memory_ == nullptr || gone_) return;
    opendext_call call{};
    call.selector = kSerialOverTCPDoorbell;
    const kern_return_t code =
        opendext_connect_post(connect_, &call, 1, OPENDEXT_POST_NO_WAIT, nullptr);
    // No room: so many rings are on their way that this one is not missed.
    if (code != kIOReturnNoSpace) check(code);
}

void DriverLink::send(uint32_t selector, const void* structure, size_t size) {
    if (memory_ == nullptr || gone_) return;
    size_t outputs = 0;
    check(IOConnectCallStructMethod(connect_, selector, structure, size, nullptr, &outputs));
}

void DriverLink::set_state(const SerialOverTCPState& state) {
    send(kSerialOverTCPSetState, &state, sizeof state);
}

void DriverLink::set_line(const SerialOverTCPRemoteLine& line) {
    send(kSerialOverTCPSetLine, &line, sizeof line);
}

}  // namespace opendext::serial_tcp
