// SPDX-License-Identifier: Apache-2.0
// What drivers ask of the system half (docs/design/hid-links.md).
#include <memory>
#include <utility>

#include "HIDDriverKit/IOHIDDevice.system.h"
#include "HIDDriverKit/IOHIDEventService.system.h"
#include "HIDDriverKit/IOHIDInterface.system.h"
#include "daemon/io_return.h"
#include "families/hid/open_options.h"
#include "families/hid/system/description.h"
#include "families/hid/system/hid_system.h"

namespace opendext::hid {
namespace {

using daemon::CallAnswer;
using daemon::Entry;
using daemon::EntryId;
using daemon::KernelCall;
using daemon::kNoEntry;
using daemon::LogLevel;

constexpr uint32_t kSeize = 1;
constexpr uint32_t kEventNodes = 16;

/// Puts a descriptor into an answer.
protocol::Ref attach(CallAnswer& answer, UniqueFd fd) {
    protocol::Ref ref;
    if (!fd) return ref;
    ref.kind = protocol::RefKind::descriptor;
    ref.fd_index = static_cast<uint32_t>(answer.fds.size());
    answer.fds.push_back(std::move(fd));
    return ref;
}

/// What the kernel is told of a device that is made on uhid.
Dictionary kernels_view(const Dictionary& properties) {
    Dictionary view;
    for (const char* key : {"ReportDescriptor", "Product", "SerialNumber", "Transport", "VendorID",
                            "ProductID", "VersionNumber", "CountryCode"}) {
        if (const Value* value = opendext::find(properties, key)) view.emplace(key, *value);
    }
    return view;
}

int32_t code_of(const Error& error) {
    return error.code == Errc::kern ? static_cast<int32_t>(error.number) : daemon::kIOReturnError;
}

}  // namespace

bool HidSystem::call(const Entry& object, KernelCall& call) {
    switch (call.invocation.msgid) {
        case system::IOHIDInterface__OpenLink::kMsgId:
            open_link(object, std::move(call));
            return true;
        case system::IOHIDInterface_Close::kMsgId:
            close_interface(object, call);
            return true;
        case system::IOHIDDevice__Publish::kMsgId:
            publish_virtual(object, std::move(call));
            return true;
        case system::IOHIDEventService__OpenEvents::kMsgId:
            open_events(object, std::move(call));
            return true;
        case system::IOHIDEventService__OpenEventNode::kMsgId:
            open_event_node(object, std::move(call));
            return true;
        default:
            return false;
    }
}

void HidSystem::open_link(const Entry& interface, KernelCall call) {
    const auto in = system::IOHIDInterface__OpenLink::decode(call.invocation);
    Device* device = device_below(interface);
    if (!in.ok() || in->forClient.kind != protocol::RefKind::object)
        return call.respond(daemon::kIOReturnBadArgument);
    if (device == nullptr) return call.respond(daemon::kIOReturnNoDevice);
    const EntryId client = in->forClient.id;
    const EntryId id = interface.id;
    const auto refuse = [&](int32_t code, const std::string& why) {
        host_.log(LogLevel::notice, client, "Open of " + interface.name + ": " + why);
        call.respond(code);
    };
    const Entry* driver = host_.entry(client);
    const bool had_it = host_.opener(id) == client;
    // It may have closed the interface meanwhile.
    const bool again = (in->options & kOpenAgain) != 0;
    if (again && !had_it) return call.respond(daemon::kIOReturnNotOpen);
    if (const int32_t opened = host_.open_provider(id, client);
        opened != daemon::kIOReturnSuccess) {
        const Entry* other = host_.entry(host_.opener(id));
        return refuse(opened, other != nullptr && other->id != client
                                  ? other->name + " has it open"
                                  : "it cannot be opened by this object");
    }
    Visitor visitor;
    visitor.pid = host_.process_of(client);
    visitor.name = driver != nullptr ? driver->name : "driver";
    visitor.driver = client;
    visitor.exclusive = (in->options & kSeize) != 0;
    visitor.again = again;
    device->open(std::move(visitor),
                 [this, id, client, had_it, again, numbered = device->numbered(),
                  respond = call.respond](Result<Device::Opened> opened) {
                     if (!opened.ok()) {
                         if (!had_it) (void)host_.close_provider(id, client);
                         const int32_t code = code_of(opened.error());
                         // A link that broke because the device went is no news.
                         if (!again || code != daemon::kIOReturnNoDevice)
                             host_.log(LogLevel::notice, client, "Open: " + opened.error().text());
                         return respond(code);
                     }
                     CallAnswer answer;
                     system::IOHIDInterface__OpenLink::Out out;
                     out.hidraw = opened->gate.valid();
                     out.numbered = numbered;
                     out.user = opened->user;
                     out.link = attach(answer, std::move(opened->link));
                     out.gate = attach(answer, std::move(opened->gate));
                     system::IOHIDInterface__OpenLink::encode_result(out, answer.result);
                     respond(std::move(answer));
                 });
}

void HidSystem::close_interface(const Entry& interface, const KernelCall& call) {
    const auto in = system::IOHIDInterface_Close::decode(call.invocation);
    if (!in.ok() || in->forClient.kind != protocol::RefKind::object)
        return call.respond(daemon::kIOReturnBadArgument);
    // provider_closed does the rest.
    call.respond(host_.close_provider(interface.id, in->forClient.id));
}

void HidSystem::provider_closed(const Entry& provider, EntryId client, bool) {
    if (Device* device = device_below(provider); device != nullptr) device->close(client);
}

void HidSystem::publish_virtual(const Entry& object, KernelCall call) {
    const auto in = system::IOHIDDevice__Publish::decode(call.invocation);
    if (!in.ok() || !call.from_owner || in->description.kind != protocol::RefKind::value ||
        in->description.value.dictionary() == nullptr || device_of(object.id) != nullptr)
        return call.respond(daemon::kIOReturnBadArgument);
    auto described = describe_device(*in->description.value.dictionary(), "Virtual");
    if (!described.ok()) {
        host_.log(LogLevel::error, object.id,
                  "the device that the driver describes: " + described.error().text());
        return call.respond(daemon::kIOReturnBadArgument);
    }
    for (const std::string& key : described->left_out)
        host_.log(LogLevel::notice, object.id, "property " + key + " is not a device's to set");
    const EntryId id = object.id;
    auto control = socket_pair();
    auto copy = control.ok() ? control->second.duplicate() : Result<UniqueFd>(control.error());
    if (!copy.ok()) {
        host_.log(LogLevel::error, id, copy.error().text());
        return call.respond(daemon::kIOReturnNoResources);
    }
    std::vector<UniqueFd> kept;
    kept.push_back(std::move(*copy));
    for (auto& [key, value] : described->properties) host_.set_property(id, key, value);
    Device::Make make;
    make.entry = id;
    make.player = Player::driver;
    make.numbered = described->numbered;
    make.name = described->name;
    make.control = std::move(control->second);
    add(std::move(make));
    host_.hold(Device::control_key(id), {}, std::move(kept), [this, id](const Status& held) {
        if (!held.ok()) host_.log(LogLevel::error, id, held.error().text());
    });
    auto users = std::make_shared<UniqueFd>(std::move(control->first));
    nodes_.open(object, {"uhid", 0, kernels_view(described->properties)},
                [this, id, users, respond = call.respond](Result<DriverNodes::Node> node) {
                    CallAnswer answer;
                    system::IOHIDDevice__Publish::Out out;
                    out.control = attach(answer, std::move(*users));
                    if (node.ok()) {
                        out.uhid = attach(answer, std::move(node->fd));
                    } else if (kernel_) {
                        host_.log(LogLevel::notice, id,
                                  "the kernel does not see the device: " + node.error().text());
                    }
                    system::IOHIDDevice__Publish::encode_result(out, answer.result);
                    respond(std::move(answer));
                });
}

void HidSystem::open_events(const Entry& object, KernelCall call) {
    const auto in = system::IOHIDEventService__OpenEvents::decode(call.invocation);
    if (!in.ok() || !call.from_owner || in->trace.kind != protocol::RefKind::descriptor ||
        in->trace.fd_index >= call.fds.size() ||
        !sealed_memory_size(call.fds[in->trace.fd_index].get()).ok())
        return call.respond(daemon::kIOReturnBadArgument);
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(call.fds[in->trace.fd_index]));
    // The keeper's, so that a new opendextd can show it too.
    host_.hold("hid-trace:" + std::to_string(object.id), {}, std::move(fds),
               [respond = call.respond](const Status& held) {
                   respond(held.ok() ? daemon::kIOReturnSuccess : daemon::kIOReturnNoResources);
               });
}

void HidSystem::open_event_node(const Entry& object, KernelCall call) {
    const auto in = system::IOHIDEventService__OpenEventNode::decode(call.invocation);
    if (!in.ok() || !call.from_owner || in->kind >= kEventNodes)
        return call.respond(daemon::kIOReturnBadArgument);
    nodes_.open(object, {"uinput", in->kind},
                [this, id = object.id, respond = call.respond](Result<DriverNodes::Node> node) {
                    if (!node.ok()) {
                        if (kernel_) host_.log(LogLevel::notice, id, node.error().text());
                        return respond(daemon::kIOReturnUnsupported);
                    }
                    CallAnswer answer;
                    system::IOHIDEventService__OpenEventNode::Out out;
                    out.node = attach(answer, std::move(node->fd));
                    out.fresh = node->fresh;
                    system::IOHIDEventService__OpenEventNode::encode_result(out, answer.result);
                    respond(std::move(answer));
                });
}

}  // namespace opendext::hid
