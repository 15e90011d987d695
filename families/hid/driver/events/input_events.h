// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "families/hid/driver/events/shape.h"
#include "rpc/futex_lock.h"

namespace opendext::hid {

struct TouchContact {
    uint32_t identifier = 0;
    int32_t x = 0, y = 0;  ///< 0 to 65536: from left and top of the surface
    bool touches = false;
    bool meant = true;  ///< no palm
};

struct StylusState {
    int32_t x = 0, y = 0;                       ///< 0 to 65536
    int32_t pressure = 0;                       ///< 0 to 65536
    int32_t tilt_x = 0, tilt_y = 0, twist = 0;  ///< degrees, 16.16
    bool in_range = false, tip = false, barrel = false, eraser = false, invert = false;
};

/// The controls of a game controller, each 0 to 1, sticks -1 to 1 (16.16).
enum class GameControl : uint8_t {
    dpad_up,
    dpad_down,
    dpad_left,
    dpad_right,
    face_x,
    face_y,
    face_a,
    face_b,
    shoulder_l1,
    shoulder_r1,
    shoulder_l2,
    shoulder_r2,
    joystick_x,
    joystick_y,
    joystick_z,
    joystick_rz,  ///< right and up are positive
    thumb_left,
    thumb_right,
    back_l4,
    back_r4,
    back_l5,
    back_r5,
    bottom_m1,
    bottom_m2,
    bottom_m3,
    bottom_m4,
};
inline constexpr size_t kGameControls = 26;
[[nodiscard]] std::string_view to_string(GameControl control);
using GameState = std::array<int32_t, kGameControls>;

/// A service's events as events of the kernel's input devices. Any thread. Each function says
/// whether the kernel got the event.
class InputEvents {
  public:
    struct Opened {
        UniqueFd node;
        bool fresh = true;
    };
    /// Asks for an input device's descriptor; Errc::unsupported where there is none to be had.
    using OpenNode = std::function<Result<Opened>(NodeKind)>;
    /// A line for the log.
    using Log = std::function<void(const std::string&)>;

    InputEvents(InputIdentity identity, Shape shape, OpenNode open, Log log);

    /// Makes the devices that the shape asks for, so that programs see them before the first event.
    void prepare();

    bool keyboard(uint32_t page, uint32_t usage, uint32_t value);
    bool relative_pointer(int32_t dx, int32_t dy, uint32_t buttons);
    bool absolute_pointer(int32_t x, int32_t y, uint32_t buttons);
    bool scroll(int32_t dx, int32_t dy);
    bool touch(std::span<const TouchContact> contacts);
    bool stylus(const StylusState& state);
    bool game(const GameState& state);

    /// Between these the events of one report are gathered: one group for each input device.
    void begin();
    void end();
    /// Lets go of everything that is down.
    void release_all();

    /// The descriptor on which the kernel tells of a keyboard's lights; -1: none.
    [[nodiscard]] int lights_fd() const;
    [[nodiscard]] std::optional<InputNode::Light> next_light();

  private:
    enum class State : uint8_t { untried, open, absent };
    struct Node {
        State state = State::untried;
        std::optional<InputNode> node;
    };
    /// Nothing but for these: the kind's device, made if need be, with `wanted` in it. nullptr:
    /// none to be had.
    InputNode* node(NodeKind kind, const Capabilities& wanted);
    InputNode* node_for_key(NodeKind kind, uint16_t code);
    void buttons(InputNode& pointer, uint32_t buttons);
    void done();

    FutexLock mutex_;
    const InputIdentity identity_;
    Shape shape_;
    const OpenNode open_;
    const Log log_;
    std::array<Node, kNodeKinds> nodes_;
    int gathering_ = 0;
    std::atomic<int> lights_fd_{-1};

    std::bitset<KEY_CNT> keys_down_;
    uint32_t buttons_ = 0;
    int32_t rest_x_ = 0, rest_y_ = 0;           // 16.16 parts of a count not told yet
    int32_t rest_wheel_ = 0, rest_hwheel_ = 0;  // 1/120 of a detent
    struct Slot {
        uint32_t identifier = 0;
        bool used = false;
    };
    std::array<Slot, kMostContacts> slots_{};
    int32_t next_tracking_ = 0;
    bool pen_near_ = false, pen_rubber_ = false;
    GameState game_{};
    bool game_known_ = false;
};

}  // namespace opendext::hid
