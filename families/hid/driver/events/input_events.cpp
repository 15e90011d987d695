// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/events/input_events.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "families/hid/driver/events/key_codes.h"

namespace opendext::hid {
namespace {

constexpr int32_t kOne = 1 << 16;  // 16.16
constexpr int32_t kDetent = 120;   // REL_WHEEL_HI_RES
constexpr uint32_t kMostButtons = 16;

/// 0 to 1 in 16.16 as 0 to `full`.
int32_t scaled(int32_t fixed, int32_t full) {
    const int64_t clamped = std::clamp<int64_t>(fixed, 0, kOne);
    return static_cast<int32_t>((clamped * full + kOne / 2) / kOne);
}
/// -1 to 1 as a stick's axis.
int32_t stick(int32_t fixed) {
    const int64_t clamped = std::clamp<int64_t>(fixed, -kOne, kOne);
    return static_cast<int32_t>(std::min<int64_t>(clamped * 32768 / kOne, 32767));
}
int32_t degrees(int32_t fixed) {
    return (fixed + (fixed >= 0 ? kOne / 2 : -kOne / 2)) / kOne;
}
/// Whole counts of a sum, of which the rest stays.
int32_t whole(int32_t& rest, int64_t more, int32_t unit) {
    const int64_t sum = std::clamp<int64_t>(rest + more, INT32_MIN, INT32_MAX);
    rest = static_cast<int32_t>(sum % unit);
    return static_cast<int32_t>(sum / unit);
}

Capabilities relative_axes(std::initializer_list<int> axes) {
    Capabilities wanted;
    for (const int axis : axes) wanted.relative.set(static_cast<size_t>(axis));
    return wanted;
}

struct GameKey {
    GameControl control;
    uint16_t code;
};
// By place, as the kernel's gamepad specification has them.
constexpr GameKey kGameKeys[] = {
    {GameControl::face_x, BTN_WEST},
    {GameControl::face_y, BTN_NORTH},
    {GameControl::face_a, BTN_SOUTH},
    {GameControl::face_b, BTN_EAST},
    {GameControl::shoulder_l1, BTN_TL},
    {GameControl::shoulder_r1, BTN_TR},
    {GameControl::shoulder_l2, BTN_TL2},
    {GameControl::shoulder_r2, BTN_TR2},
    {GameControl::thumb_left, BTN_THUMBL},
    {GameControl::thumb_right, BTN_THUMBR},
    {GameControl::back_l4, BTN_TRIGGER_HAPPY1},
    {GameControl::back_r4, BTN_TRIGGER_HAPPY2},
    {GameControl::back_l5, BTN_TRIGGER_HAPPY3},
    {GameControl::back_r5, BTN_TRIGGER_HAPPY4},
    {GameControl::bottom_m1, BTN_TRIGGER_HAPPY5},
    {GameControl::bottom_m2, BTN_TRIGGER_HAPPY6},
    {GameControl::bottom_m3, BTN_TRIGGER_HAPPY7},
    {GameControl::bottom_m4, BTN_TRIGGER_HAPPY8},
};

}  // namespace

std::string_view to_string(GameControl control) {
    static constexpr std::string_view names[kGameControls] = {
        "dpad-up",    "dpad-down",  "dpad-left",   "dpad-right",  "face-x",      "face-y",
        "face-a",     "face-b",     "shoulder-l1", "shoulder-r1", "shoulder-l2", "shoulder-r2",
        "joystick-x", "joystick-y", "joystick-z",  "joystick-rz", "thumb-left",  "thumb-right",
        "back-l4",    "back-r4",    "back-l5",     "back-r5",     "bottom-m1",   "bottom-m2",
        "bottom-m3",  "bottom-m4"};
    const auto index = static_cast<size_t>(control);
    return index < kGameControls ? names[index] : "unknown";
}

InputEvents::InputEvents(InputIdentity identity, Shape shape, OpenNode open, Log log)
    : identity_(std::move(identity)),
      shape_(std::move(shape)),
      open_(std::move(open)),
      log_(std::move(log)) {}

void InputEvents::prepare() {
    const std::lock_guard lock(mutex_);
    for (size_t kind = 0; kind < kNodeKinds; ++kind) {
        if (shape_.present[kind]) (void)node(static_cast<NodeKind>(kind), {});
    }
}

InputNode* InputEvents::node(NodeKind kind, const Capabilities& wanted) {
    Node& place = nodes_[static_cast<size_t>(kind)];
    if (place.state == State::absent) return nullptr;
    if (place.state == State::open) {
        const Status status = place.node->ensure(wanted);
        if (status.ok()) return &*place.node;
        log_("no more events go to the kernel's " + std::string(to_string(kind)) + ": " +
             status.error().text());
        if (kind == NodeKind::keyboard) lights_fd_ = -1;
        place.node.reset();
        place.state = State::absent;
        return nullptr;
    }
    place.state = State::absent;
    auto opened = open_(kind);
    if (!opened.ok()) {
        if (opened.error().code != Errc::unsupported)
            log_("input device for a " + std::string(to_string(kind)) + ": " +
                 opened.error().text());
        return nullptr;
    }
    Capabilities all = shape_.node(kind);
    all.add(least_of(kind));
    all.add(wanted);
    auto node = InputNode::open(std::move(opened->node), opened->fresh, identity_, all);
    if (!node.ok()) {
        log_("input device for a " + std::string(to_string(kind)) + ": " + node.error().text());
        return nullptr;
    }
    place.node.emplace(std::move(*node));
    place.state = State::open;
    if (kind == NodeKind::keyboard && place.node->has_lights()) lights_fd_ = place.node->fd();
    return &*place.node;
}

InputNode* InputEvents::node_for_key(NodeKind kind, uint16_t code) {
    Node& place = nodes_[static_cast<size_t>(kind)];
    if (place.node && place.node->has_key(code)) return &*place.node;
    Capabilities wanted;
    wanted.keys.set(code);
    return node(kind, wanted);
}

void InputEvents::begin() {
    const std::lock_guard lock(mutex_);
    ++gathering_;
}

void InputEvents::end() {
    const std::lock_guard lock(mutex_);
    --gathering_;
    done();
}

void InputEvents::done() {
    if (gathering_ > 0) return;
    for (Node& place : nodes_) {
        if (place.node) place.node->sync();
    }
}

bool InputEvents::keyboard(uint32_t page, uint32_t usage, uint32_t value) {
    const auto code = key_of(page, usage);
    if (!code) return false;
    const std::lock_guard lock(mutex_);
    InputNode* keyboard =
        node_for_key(page == kPageButton ? NodeKind::pointer : NodeKind::keyboard, *code);
    if (keyboard == nullptr) return false;
    keyboard->add(EV_KEY, *code, value != 0 ? 1 : 0);
    keys_down_.set(*code, value != 0);
    done();
    return true;
}

void InputEvents::buttons(InputNode& pointer, uint32_t buttons) {
    for (uint32_t i = 0; i < kMostButtons; ++i) {
        const uint32_t bit = 1U << i;
        if (((buttons ^ buttons_) & bit) != 0)
            pointer.add(EV_KEY, static_cast<uint16_t>(BTN_MOUSE + i), (buttons & bit) != 0 ? 1 : 0);
    }
    buttons_ = buttons;
}

namespace {
Capabilities with_buttons(Capabilities wanted, uint32_t buttons) {
    for (uint32_t i = 0; i < kMostButtons; ++i) {
        if ((buttons & (1U << i)) != 0) wanted.keys.set(BTN_MOUSE + i);
    }
    return wanted;
}
}  // namespace

bool InputEvents::relative_pointer(int32_t dx, int32_t dy, uint32_t buttons) {
    static const Capabilities axes = relative_axes({REL_X, REL_Y});
    const std::lock_guard lock(mutex_);
    InputNode* pointer = node(NodeKind::pointer, with_buttons(axes, buttons));
    if (pointer == nullptr) return false;
    if (const int32_t x = whole(rest_x_, dx, kOne)) pointer->add(EV_REL, REL_X, x);
    if (const int32_t y = whole(rest_y_, dy, kOne)) pointer->add(EV_REL, REL_Y, y);
    this->buttons(*pointer, buttons);
    done();
    return true;
}

bool InputEvents::absolute_pointer(int32_t x, int32_t y, uint32_t buttons) {
    static const Capabilities axes = [] {
        Capabilities wanted;
        wanted.absolute = {{ABS_X, {0, kFullScale, 0}}, {ABS_Y, {0, kFullScale, 0}}};
        return wanted;
    }();
    const std::lock_guard lock(mutex_);
    InputNode* pointer = node(NodeKind::pointer, with_buttons(axes, buttons));
    if (pointer == nullptr) return false;
    pointer->add(EV_ABS, ABS_X, scaled(x, kFullScale));
    pointer->add(EV_ABS, ABS_Y, scaled(y, kFullScale));
    this->buttons(*pointer, buttons);
    done();
    return true;
}

bool InputEvents::scroll(int32_t dx, int32_t dy) {
    static const Capabilities vertical = relative_axes({REL_WHEEL, REL_WHEEL_HI_RES});
    static const Capabilities both =
        relative_axes({REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL, REL_HWHEEL_HI_RES});
    const std::lock_guard lock(mutex_);
    InputNode* pointer = node(NodeKind::pointer, dx != 0 ? both : vertical);
    if (pointer == nullptr) return false;
    const auto wheel = [&](int32_t fixed, int32_t& rest, uint16_t low, uint16_t high) {
        const auto parts = static_cast<int32_t>(int64_t{fixed} * kDetent / kOne);
        if (parts == 0) return;
        pointer->add(EV_REL, high, parts);
        if (const int32_t detents = whole(rest, parts, kDetent)) pointer->add(EV_REL, low, detents);
    };
    wheel(dy, rest_wheel_, REL_WHEEL, REL_WHEEL_HI_RES);
    wheel(dx, rest_hwheel_, REL_HWHEEL, REL_HWHEEL_HI_RES);
    done();
    return true;
}

bool InputEvents::touch(std::span<const TouchContact> contacts) {
    const std::lock_guard lock(mutex_);
    InputNode* surface = node(NodeKind::touch, {});
    if (surface == nullptr) return false;
    for (const TouchContact& contact : contacts) {
        const bool touches = contact.touches && (contact.meant || !shape_.has_confidence);
        auto slot = std::ranges::find_if(slots_, [&](const Slot& one) {
            return one.used && one.identifier == contact.identifier;
        });
        const bool fresh = slot == slots_.end();
        if (fresh) {
            if (!touches) continue;
            slot = std::ranges::find(slots_, false, &Slot::used);
            if (slot == slots_.end()) continue;  // more fingers than anybody has
            *slot = {contact.identifier, true};
        }
        surface->add(EV_ABS, ABS_MT_SLOT, static_cast<int32_t>(slot - slots_.begin()));
        if (!touches) {
            surface->add(EV_ABS, ABS_MT_TRACKING_ID, -1);
            slot->used = false;
            continue;
        }
        if (fresh) {
            surface->add(EV_ABS, ABS_MT_TRACKING_ID, next_tracking_);
            next_tracking_ = (next_tracking_ + 1) & kFullScale;
        }
        surface->add(EV_ABS, ABS_MT_POSITION_X, scaled(contact.x, kFullScale));
        surface->add(EV_ABS, ABS_MT_POSITION_Y, scaled(contact.y, kFullScale));
    }
    // What programs without slots look at: the first contact, and how many there are.
    const auto first = std::ranges::find_if(contacts, &TouchContact::touches);
    if (first != contacts.end()) {
        surface->add(EV_ABS, ABS_X, scaled(first->x, kFullScale));
        surface->add(EV_ABS, ABS_Y, scaled(first->y, kFullScale));
    }
    const auto count = std::ranges::count(slots_, true, &Slot::used);
    surface->add(EV_KEY, BTN_TOUCH, count > 0 ? 1 : 0);
    static constexpr uint16_t tools[] = {BTN_TOOL_FINGER, BTN_TOOL_DOUBLETAP, BTN_TOOL_TRIPLETAP,
                                         BTN_TOOL_QUADTAP, BTN_TOOL_QUINTTAP};
    for (size_t i = 0; i < std::size(tools); ++i)
        surface->add(EV_KEY, tools[i], count == static_cast<std::ptrdiff_t>(i) + 1 ? 1 : 0);
    done();
    return true;
}

bool InputEvents::stylus(const StylusState& state) {
    const std::lock_guard lock(mutex_);
    InputNode* pen = node(NodeKind::stylus, {});
    if (pen == nullptr) return false;
    const bool near = state.in_range || state.tip || state.eraser;
    const bool rubber = near ? state.invert || state.eraser : pen_rubber_;
    if (pen_near_ && near && rubber != pen_rubber_) {
        // Turned around: one tool goes before the other comes, in a group of its own.
        pen->add(EV_KEY, BTN_TOUCH, 0);
        pen->add(EV_KEY, pen_rubber_ ? BTN_TOOL_RUBBER : BTN_TOOL_PEN, 0);
        pen->sync();
    }
    if (near) {
        pen->add(EV_ABS, ABS_X, scaled(state.x, kFullScale));
        pen->add(EV_ABS, ABS_Y, scaled(state.y, kFullScale));
        pen->add(EV_ABS, ABS_TILT_X, std::clamp(degrees(state.tilt_x), -90, 90));
        pen->add(EV_ABS, ABS_TILT_Y, std::clamp(degrees(state.tilt_y), -90, 90));
        pen->add(EV_ABS, ABS_Z, std::clamp(degrees(state.twist), -180, 360));
    }
    const bool touches = state.tip || state.eraser;
    pen->add(EV_ABS, ABS_PRESSURE, near ? scaled(state.pressure, kFullScale) : 0);
    pen->add(EV_KEY, BTN_TOUCH, touches ? 1 : 0);
    pen->add(EV_KEY, BTN_STYLUS, state.barrel ? 1 : 0);
    pen->add(EV_KEY, rubber ? BTN_TOOL_RUBBER : BTN_TOOL_PEN, near ? 1 : 0);
    pen_near_ = near;
    pen_rubber_ = rubber;
    done();
    return true;
}

bool InputEvents::game(const GameState& state) {
    const std::lock_guard lock(mutex_);
    InputNode* pad = node(NodeKind::game, {});
    if (pad == nullptr) return false;
    const auto at = [&](GameControl control) { return state[static_cast<size_t>(control)]; };
    const auto pressed = [](int32_t fixed) { return fixed >= kOne / 2 ? 1 : 0; };
    for (const auto& [control, code] : kGameKeys) {
        const auto index = static_cast<size_t>(control);
        const int32_t now = pressed(state[index]);
        if (!game_known_ || now != pressed(game_[index])) pad->add(EV_KEY, code, now);
    }
    pad->add(EV_ABS, ABS_HAT0X,
             pressed(at(GameControl::dpad_right)) - pressed(at(GameControl::dpad_left)));
    pad->add(EV_ABS, ABS_HAT0Y,
             pressed(at(GameControl::dpad_down)) - pressed(at(GameControl::dpad_up)));
    // Up is positive for drivers, negative for Linux.
    pad->add(EV_ABS, ABS_X, stick(at(GameControl::joystick_x)));
    pad->add(EV_ABS, ABS_Y, stick(-at(GameControl::joystick_y)));
    pad->add(EV_ABS, ABS_RX, stick(at(GameControl::joystick_z)));
    pad->add(EV_ABS, ABS_RY, stick(-at(GameControl::joystick_rz)));
    pad->add(EV_ABS, ABS_Z, scaled(at(GameControl::shoulder_l2), 1023));
    pad->add(EV_ABS, ABS_RZ, scaled(at(GameControl::shoulder_r2), 1023));
    game_ = state;
    game_known_ = true;
    done();
    return true;
}

void InputEvents::release_all() {
    const std::lock_guard lock(mutex_);
    const auto open = [&](NodeKind kind) -> InputNode* {
        auto& place = nodes_[static_cast<size_t>(kind)];
        return place.node ? &*place.node : nullptr;
    };
    for (size_t code = 0; code < keys_down_.size(); ++code) {
        if (!keys_down_.test(code)) continue;
        const NodeKind kind =
            code >= BTN_MOUSE && code < BTN_JOYSTICK ? NodeKind::pointer : NodeKind::keyboard;
        if (auto* keyboard = open(kind)) keyboard->add(EV_KEY, static_cast<uint16_t>(code), 0);
    }
    keys_down_.reset();
    if (auto* pointer = open(NodeKind::pointer)) buttons(*pointer, 0);
    if (auto* surface = open(NodeKind::touch)) {
        for (Slot& slot : slots_) {
            if (!std::exchange(slot.used, false)) continue;
            surface->add(EV_ABS, ABS_MT_SLOT, static_cast<int32_t>(&slot - slots_.data()));
            surface->add(EV_ABS, ABS_MT_TRACKING_ID, -1);
            surface->add(EV_KEY, BTN_TOUCH, 0);
        }
    }
    if (auto* pen = open(NodeKind::stylus); pen != nullptr && pen_near_) {
        pen->add(EV_KEY, BTN_TOUCH, 0);
        pen->add(EV_KEY, BTN_STYLUS, 0);
        pen->add(EV_KEY, pen_rubber_ ? BTN_TOOL_RUBBER : BTN_TOOL_PEN, 0);
        pen_near_ = false;
    }
    if (auto* pad = open(NodeKind::game); pad != nullptr && game_known_) {
        for (const auto& [control, code] : kGameKeys) pad->add(EV_KEY, code, 0);
        for (const uint16_t axis :
             {ABS_X, ABS_Y, ABS_RX, ABS_RY, ABS_Z, ABS_RZ, ABS_HAT0X, ABS_HAT0Y})
            pad->add(EV_ABS, axis, 0);
        game_known_ = false;
    }
    for (Node& place : nodes_) {
        if (place.node) place.node->sync();
    }
}

int InputEvents::lights_fd() const {
    return lights_fd_.load(std::memory_order_acquire);
}

std::optional<InputNode::Light> InputEvents::next_light() {
    const std::lock_guard lock(mutex_);
    auto& keyboard = nodes_[static_cast<size_t>(NodeKind::keyboard)];
    return keyboard.node ? keyboard.node->next_light() : std::nullopt;
}

}  // namespace opendext::hid
