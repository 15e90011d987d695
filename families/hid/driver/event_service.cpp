// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/event_service.h"

#include <DriverKit/IOLib.h>

#include <utility>
#include <vector>

#include "families/hid/driver/events/key_codes.h"
#include "runtime/family.h"

namespace opendext::hid {

kern_return_t EventService::start() {
    auto trace = TraceWriter::make();
    if (!trace.ok()) {
        family::log(family::LogType::error, "hid", "memory of the trace: %s",
                    trace.error().text().c_str());
        return kIOReturnNoMemory;
    }
    trace_.emplace(std::move(*trace));
    if (auto memory = trace_->duplicate(); memory.ok()) {
        OSObject* descriptor = family::make_descriptor(std::move(*memory));
        const kern_return_t ret = object_->_OpenEvents(descriptor);
        OSSafeReleaseNULL(descriptor);
        if (ret != kIOReturnSuccess) {
            family::log(family::LogType::error, "hid", "nobody can read the trace of events: %s",
                        object_->StringFromReturn(ret));
        }
    }
    state_ = State::running;
    return kIOReturnSuccess;
}

void EventService::describe(InputIdentity identity, const ReportDescriptor& descriptor) {
    {
        const std::lock_guard lock(mutex_);
        if (input_) return;
        input_.emplace(
            std::move(identity), shape_of(descriptor),
            [this](NodeKind kind) { return open_node(kind); },
            [](const std::string& line) {
                family::log(family::LogType::error, "hid", "%s", line.c_str());
            });
    }
    input_->prepare();
}

InputEvents& EventService::input() {
    // A service without a HID device below it: what it is shows with the first event.
    if (!input_) describe({"HID event service", 0x06, 0, 0, 0}, {});
    return *input_;
}

Result<InputEvents::Opened> EventService::open_node(NodeKind kind) {
    OSObject* object = nullptr;
    InputEvents::Opened opened;
    const kern_return_t ret =
        object_->_OpenEventNode(static_cast<uint32_t>(kind), &object, &opened.fresh);
    if (ret == kIOReturnUnsupported || (ret == kIOReturnSuccess && object == nullptr))
        return Error{Errc::unsupported, 0, "there is no uinput"};
    if (ret != kIOReturnSuccess) return Error::kern(ret, object_->StringFromReturn(ret));
    auto node = family::take_descriptor(object);
    OSSafeReleaseNULL(object);
    opened.node = OD_TRY(std::move(node));
    return opened;
}

void EventService::stop() {
    if (state_.exchange(State::stopped) == State::running) let_go();
}

void EventService::let_go() {
    const std::lock_guard lock(mutex_);
    if (input_) input_->release_all();
}

void EventService::told(uint64_t timestamp, EventKind kind, bool delivered,
                        std::initializer_list<int64_t> values) {
    trace_->event(timestamp, kind, delivered, std::span(values.begin(), values.size()));
    if (in_report_.load(std::memory_order_relaxed) == 0) trace_->flush();
}

kern_return_t EventService::keyboard(uint64_t timestamp, uint32_t page, uint32_t usage,
                                     uint32_t value, bool repeat) {
    if (state_ != State::running) return kIOReturnNotReady;
    const bool delivered = input().keyboard(page, usage, value);
    told(timestamp, EventKind::keyboard, delivered, {page, usage, value, repeat});
    return kIOReturnSuccess;
}

kern_return_t EventService::relative_pointer(uint64_t timestamp, IOFixed dx, IOFixed dy,
                                             uint32_t buttons) {
    if (state_ != State::running) return kIOReturnNotReady;
    const bool delivered = input().relative_pointer(dx, dy, buttons);
    told(timestamp, EventKind::relative_pointer, delivered, {dx, dy, buttons});
    return kIOReturnSuccess;
}

kern_return_t EventService::absolute_pointer(uint64_t timestamp, IOFixed x, IOFixed y,
                                             uint32_t buttons) {
    if (state_ != State::running) return kIOReturnNotReady;
    const bool delivered = input().absolute_pointer(x, y, buttons);
    told(timestamp, EventKind::absolute_pointer, delivered, {x, y, buttons});
    return kIOReturnSuccess;
}

kern_return_t EventService::scroll(uint64_t timestamp, IOFixed dx, IOFixed dy, IOFixed dz) {
    if (state_ != State::running) return kIOReturnNotReady;
    const bool delivered = input().scroll(dx, dy);
    told(timestamp, EventKind::scroll, delivered, {dx, dy, dz});
    return kIOReturnSuccess;
}

kern_return_t EventService::stylus(uint64_t timestamp, const IOHIDDigitizerStylusData& data) {
    if (state_ != State::running) return kIOReturnNotReady;
    StylusState state;
    state.x = data.x;
    state.y = data.y;
    state.pressure = data.tipPressure;
    state.tilt_x = data.tiltX;
    state.tilt_y = data.tiltY;
    state.twist = data.twist;
    state.in_range = data.inRange != 0;
    state.tip = data.tip != 0;
    state.barrel = data.barrelSwitch != 0;
    state.eraser = data.eraser != 0;
    state.invert = data.invert != 0;
    const bool delivered = input().stylus(state);
    const int64_t bits = (state.in_range ? kStateInRange : 0) | (state.tip ? kStateTouch : 0) |
                         (state.barrel ? kStateBarrel : 0) | (state.eraser ? kStateEraser : 0) |
                         (state.invert ? kStateInvert : 0);
    told(timestamp, EventKind::stylus, delivered,
         {data.identifier, bits, data.x, data.y, data.tipPressure, data.tiltX, data.tiltY,
          data.twist});
    return kIOReturnSuccess;
}

kern_return_t EventService::touch(uint64_t timestamp,
                                  std::span<const IOHIDDigitizerTouchData> contacts) {
    if (state_ != State::running) return kIOReturnNotReady;
    std::vector<TouchContact> fingers;
    fingers.reserve(contacts.size());
    for (const IOHIDDigitizerTouchData& contact : contacts) {
        fingers.push_back({contact.identifier, contact.x, contact.y, contact.touch != 0,
                           contact.touchValid != 0});
    }
    const bool delivered = input().touch(fingers);
    for (const IOHIDDigitizerTouchData& contact : contacts) {
        const int64_t bits =
            (contact.inRange != 0 ? kStateInRange : 0) | (contact.touch != 0 ? kStateTouch : 0);
        told(timestamp, EventKind::touch, delivered,
             {contact.identifier, bits, contact.x, contact.y});
    }
    return kIOReturnSuccess;
}

kern_return_t EventService::game(uint64_t timestamp, const GameState& state) {
    if (state_ != State::running) return kIOReturnNotReady;
    const bool delivered = input().game(state);
    const std::lock_guard lock(mutex_);
    for (size_t control = 0; control < state.size(); ++control) {
        if (state[control] == game_[control]) continue;
        told(timestamp, EventKind::game_control, delivered,
             {static_cast<int64_t>(control), state[control]});
    }
    game_ = state;
    return kIOReturnSuccess;
}

EventService::Report::Report(EventService& service, uint64_t timestamp, ReportType type, uint8_t id,
                             std::span<const uint8_t> bytes)
    : service_(service), timestamp_(timestamp), gathers_(service.input_.has_value()) {
    service_.in_report_.fetch_add(1, std::memory_order_relaxed);
    if (service_.trace_) service_.trace_->report(timestamp, static_cast<uint8_t>(type), id, bytes);
    if (gathers_) service_.input_->begin();
}

EventService::Report::~Report() {
    if (gathers_) service_.input_->end();
    service_.in_report_.fetch_sub(1, std::memory_order_relaxed);
    if (service_.trace_) service_.trace_->flush();
}

void EventService::Report::element(const Element& element, int64_t value) {
    if (!service_.trace_) return;
    service_.trace_->element(timestamp_, static_cast<uint8_t>(element.report_type),
                             element.report_id, element.usage_page, element.usage, element.cookie,
                             value);
}

void EventService::trace_report(ReportType type, uint8_t id, std::span<const uint8_t> bytes) {
    if (!trace_) return;
    trace_->report(mach_absolute_time(), static_cast<uint8_t>(type), id, bytes);
    if (in_report_.load(std::memory_order_relaxed) == 0) trace_->flush();
}

int EventService::lights_fd() {
    return input_ ? input_->lights_fd() : -1;
}

void EventService::take_lights() {
    while (const auto light = input_->next_light()) {
        const auto usage = usage_of_led(light->led);
        if (!usage) continue;
        told(mach_absolute_time(), EventKind::led, true, {kPageLed, *usage, light->on});
        (void)object_->SetLEDState(kPageLed, *usage, light->on);
    }
}

}  // namespace opendext::hid
