// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/events/input_node.h"

#include <linux/uinput.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "rpc/plain_calls.h"

namespace opendext::hid {
namespace {

/// One step of making a device; all of them fail the same way.
Status step(int fd, unsigned long request, const char* what, unsigned long argument) {
    if (::ioctl(fd, request, argument) == 0) return success();
    return Error::system(std::string("uinput: ") + what);
}

template <size_t N>
Status set_bits(int fd, unsigned long request, const char* what, const std::bitset<N>& bits) {
    for (size_t i = 0; i < N; ++i) {
        if (bits.test(i)) OD_TRY(step(fd, request, what, i));
    }
    return success();
}

}  // namespace

std::string_view to_string(NodeKind kind) {
    switch (kind) {
        case NodeKind::keyboard:
            return "keyboard";
        case NodeKind::pointer:
            return "pointer";
        case NodeKind::touch:
            return "touch";
        case NodeKind::stylus:
            return "stylus";
        case NodeKind::game:
            return "game controller";
    }
    return "unknown";
}

uint16_t bus_of(std::string_view transport) {
    if (transport == "USB") return BUS_USB;
    if (transport.starts_with("Bluetooth")) return BUS_BLUETOOTH;
    if (transport == "SPI") return BUS_SPI;
    if (transport == "I2C") return BUS_I2C;
    return BUS_VIRTUAL;
}

bool Capabilities::covers(const Capabilities& other) const {
    return (other.keys & ~keys).none() && (other.relative & ~relative).none() &&
           (other.leds & ~leds).none() && (other.properties & ~properties).none() &&
           std::ranges::all_of(other.absolute,
                               [&](const auto& axis) { return absolute.contains(axis.first); });
}

void Capabilities::add(const Capabilities& other) {
    keys |= other.keys;
    relative |= other.relative;
    leds |= other.leds;
    properties |= other.properties;
    absolute.insert(other.absolute.begin(), other.absolute.end());
    repeat |= other.repeat;
}

Result<InputNode> InputNode::open(UniqueFd uinput, bool fresh, InputIdentity identity,
                                  const Capabilities& wanted) {
    InputNode node(std::move(uinput));
    node.identity_ = std::move(identity);
    if (fresh) {
        OD_TRY(node.make(wanted));
    } else {
        node.has_ = wanted;
        node.made_ = true;
        node.release_all(wanted);
    }
    return node;
}

InputNode InputNode::over(UniqueFd events) {
    return InputNode(std::move(events));
}

Status InputNode::ensure(const Capabilities& wanted) {
    if (has_.covers(wanted)) return success();
    if (identity_.name.empty()) return success();  // over(): whoever reads takes everything
    Capabilities all = has_;
    all.add(wanted);
    if (made_) {
        OD_TRY(step(fd_.get(), UI_DEV_DESTROY, "UI_DEV_DESTROY", 0));
        made_ = false;
    }
    return make(all);
}

Status InputNode::make(const Capabilities& capabilities) {
    const int fd = fd_.get();
    const auto type = [&](unsigned long bit, bool has) {
        return has ? step(fd, UI_SET_EVBIT, "UI_SET_EVBIT", bit) : success();
    };
    OD_TRY(type(EV_KEY, capabilities.keys.any()));
    OD_TRY(type(EV_REL, capabilities.relative.any()));
    OD_TRY(type(EV_ABS, !capabilities.absolute.empty()));
    OD_TRY(type(EV_LED, capabilities.leds.any()));
    OD_TRY(type(EV_REP, capabilities.repeat));
    OD_TRY(set_bits(fd, UI_SET_KEYBIT, "UI_SET_KEYBIT", capabilities.keys));
    OD_TRY(set_bits(fd, UI_SET_RELBIT, "UI_SET_RELBIT", capabilities.relative));
    OD_TRY(set_bits(fd, UI_SET_LEDBIT, "UI_SET_LEDBIT", capabilities.leds));
    OD_TRY(set_bits(fd, UI_SET_PROPBIT, "UI_SET_PROPBIT", capabilities.properties));
    for (const auto& [axis, range] : capabilities.absolute) {
        uinput_abs_setup setup{};
        setup.code = axis;
        setup.absinfo.minimum = range.minimum;
        setup.absinfo.maximum = range.maximum;
        setup.absinfo.resolution = range.resolution;
        OD_TRY(step(fd, UI_ABS_SETUP, "UI_ABS_SETUP", reinterpret_cast<unsigned long>(&setup)));
    }
    uinput_setup setup{};
    setup.id = {identity_.bus, identity_.vendor, identity_.product, identity_.version};
    identity_.name.copy(setup.name, sizeof setup.name - 1);
    OD_TRY(step(fd, UI_DEV_SETUP, "UI_DEV_SETUP", reinterpret_cast<unsigned long>(&setup)));
    OD_TRY(step(fd, UI_DEV_CREATE, "UI_DEV_CREATE", 0));
    has_ = capabilities;
    made_ = true;
    return success();
}

void InputNode::release_all(const Capabilities& capabilities) {
    // The kernel passes on what changes only: letting go of a key that is up is nothing.
    for (size_t key = 0; key < capabilities.keys.size(); ++key) {
        if (capabilities.keys.test(key)) add(EV_KEY, static_cast<uint16_t>(key), 0);
    }
    if (capabilities.absolute.contains(ABS_MT_SLOT)) {
        for (int32_t slot = 0; slot <= capabilities.absolute.at(ABS_MT_SLOT).maximum; ++slot) {
            add(EV_ABS, ABS_MT_SLOT, slot);
            add(EV_ABS, ABS_MT_TRACKING_ID, -1);
        }
    }
    sync();
}

void InputNode::add(uint16_t type, uint16_t code, int32_t value) {
    input_event event{};
    event.type = type;
    event.code = code;
    event.value = value;
    waiting_.push_back(event);
}

void InputNode::sync() {
    if (waiting_.empty()) return;
    add(EV_SYN, SYN_REPORT, 0);
    const size_t bytes = waiting_.size() * sizeof(input_event);
    ssize_t written = 0;
    do {
        written = plain::write(fd_.get(), waiting_.data(), bytes);
    } while (written < 0 && errno == EINTR);
    if (written != static_cast<ssize_t>(bytes)) ++dropped_;
    waiting_.clear();
}

std::optional<InputNode::Light> InputNode::next_light() {
    input_event event;
    while (::read(fd_.get(), &event, sizeof event) == static_cast<ssize_t>(sizeof event)) {
        if (event.type == EV_LED) return Light{event.code, event.value != 0};
    }
    return std::nullopt;
}

}  // namespace opendext::hid
