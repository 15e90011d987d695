// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/control.h"

#include <opendext/client.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

#include "apps/serial-over-tcp/dext/SerialOverTCPProtocol.h"

namespace opendext::serial_tcp {
namespace {

template <size_t size>
Status put(char (&place)[size], const char* what, const std::string& text) {
    if (text.size() >= size) {
        return Error{Errc::invalid, 0,
                     std::string(what) + " may have at most " + std::to_string(size - 1) +
                         " bytes, not " + std::to_string(text.size())};
    }
    std::memcpy(place, text.data(), text.size());
    return success();
}

}  // namespace

Control::Control() {
    notifications_ = IONotificationPortCreate(kIOMainPortDefault);
    if (IOServiceAddMatchingNotification(notifications_, kIOFirstMatchNotification,
                                         IOServiceMatching("SerialOverTCPControl"), &on_match, this,
                                         matching_.out()) == KERN_SUCCESS) {
        look(matching_.get());
    }
}

Control::~Control() {
    lose();
    matching_.reset();
    IONotificationPortDestroy(notifications_);
}

int Control::fd() const {
    return opendext_notification_port_fd(notifications_);
}
void Control::dispatch() {
    opendext_notification_port_dispatch(notifications_);
}

void Control::on_match(void* self, io_iterator_t iterator) {
    static_cast<Control*>(self)->look(iterator);
}

void Control::look(io_iterator_t iterator) {
    while (const io_object_t service = IOIteratorNext(iterator)) candidate_.reset(service);
}

void Control::on_interest(void* self, io_service_t, uint32_t message, void*) {
    if (message == kIOMessageServiceIsTerminated) static_cast<Control*>(self)->gone_ = true;
}

void Control::lose() {
    interest_.reset();
    gone_ = false;
    if (connect_ != IO_OBJECT_NULL) IOServiceClose(connect_);
    connect_ = IO_OBJECT_NULL;
}

void Control::take() {
    if (gone_) lose();
    if (connect_ != IO_OBJECT_NULL || !candidate_) return;
    if (IOServiceOpen(candidate_.get(), mach_task_self(), 0, &connect_) != KERN_SUCCESS) {
        connect_ = IO_OBJECT_NULL;
        return;
    }
    (void)IOServiceAddInterestNotification(notifications_, candidate_.get(), kIOGeneralInterest,
                                           &on_interest, this, interest_.out());
    candidate_.reset();
    new_ = true;
}

Status Control::wait_ready(std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        dispatch();
        take();
        if (connect_ != IO_OBJECT_NULL && !gone_) return success();
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return Error{Errc::timed_out, 0,
                         std::string("the driver ") + kBundleId +
                             " did not start; see `opendext logs` for the reason"};
        }
        pollfd wait{fd(), POLLIN, 0};
        ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left.count(), 100)));
    }
}

Status Control::add(const std::string& name, const Remote& remote, const LinkOptions& options) {
    SerialOverTCPPortSettings settings{};
    OD_TRY(put(settings.port.name, "the name of the port", name));
    OD_TRY(put(settings.remote, "the remote", remote.text()));
    OD_TRY(put(settings.options, "the options together, as text,", options.text()));
    size_t outputs = 0;
    const kern_return_t ret = IOConnectCallStructMethod(connect_, kSerialOverTCPAddPort, &settings,
                                                        sizeof settings, nullptr, &outputs);
    if (ret == kIOReturnExclusiveAccess)
        return Error{Errc::exists, 0, "port " + name + " exists already"};
    if (ret == kIOReturnNoResources) {
        return Error{Errc::no_space, 0,
                     "there are " + std::to_string(kSerialOverTCPMaxPorts) + " ports already"};
    }
    if (ret != KERN_SUCCESS) return Error{Errc::kern, ret, io_error("adding the port", ret)};
    return success();
}

Status Control::remove(const std::string& name) {
    SerialOverTCPPortName port{};
    std::memcpy(port.name, name.data(), std::min(name.size(), sizeof port.name - 1));
    size_t outputs = 0;
    const kern_return_t ret = IOConnectCallStructMethod(connect_, kSerialOverTCPRemovePort, &port,
                                                        sizeof port, nullptr, &outputs);
    if (ret == kIOReturnNotFound) return Error{Errc::not_found, 0, "there is no port " + name};
    if (ret != KERN_SUCCESS) return Error{Errc::kern, ret, io_error("removing the port", ret)};
    return success();
}

Result<std::vector<std::string>> Control::list() {
    std::vector<std::string> result;
    for (;;) {
        SerialOverTCPPortName names[kSerialOverTCPListedPorts];
        const uint64_t skip = result.size();
        size_t size = sizeof names;
        uint32_t outputs = 0;
        const kern_return_t ret = IOConnectCallMethod(connect_, kSerialOverTCPListPorts, &skip, 1,
                                                      nullptr, 0, nullptr, &outputs, names, &size);
        if (ret != KERN_SUCCESS) return Error{Errc::kern, ret, io_error("listing the ports", ret)};
        const size_t count = size / sizeof names[0];
        for (size_t i = 0; i < count; ++i) {
            result.emplace_back(names[i].name, ::strnlen(names[i].name, sizeof names[i].name));
        }
        if (count < kSerialOverTCPListedPorts) return result;
    }
}

}  // namespace opendext::serial_tcp
