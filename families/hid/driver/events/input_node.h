// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/input.h>

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid {

/// One input device of the kernel for each kind of events that a service has, as the kernel's own
/// HID makes one for each application collection: what reads them (libinput) decides by device what
/// it is. The numbers travel (_OpenEventNode).
enum class NodeKind : uint32_t { keyboard = 0, pointer = 1, touch = 2, stylus = 3, game = 4 };
inline constexpr size_t kNodeKinds = 5;
[[nodiscard]] std::string_view to_string(NodeKind kind);

struct AxisRange {
    int32_t minimum = 0;
    int32_t maximum = 0;
    int32_t resolution = 0;  ///< units per millimetre, or per radian; 0: not known
    bool operator==(const AxisRange&) const = default;
};

/// What an input device can say.
struct Capabilities {
    std::bitset<KEY_CNT> keys;
    std::bitset<REL_CNT> relative;
    std::map<uint16_t, AxisRange> absolute;
    std::bitset<LED_CNT> leds;
    std::bitset<INPUT_PROP_CNT> properties;
    bool repeat = false;  ///< the kernel repeats keys that are held

    [[nodiscard]] bool covers(const Capabilities& other) const;
    void add(const Capabilities& other);
};

/// As whom an input device appears.
struct InputIdentity {
    std::string name;
    uint16_t bus = 0;  ///< BUS_USB …
    uint16_t vendor = 0;
    uint16_t product = 0;
    uint16_t version = 0;
};

/// BUS_… of the property Transport.
[[nodiscard]] uint16_t bus_of(std::string_view transport);

/// An input device of the kernel, made on a descriptor of /dev/uinput. One thread at a time.
class InputNode {
  public:
    /// `fresh`: nothing was made on `uinput` yet. Else it is the device of an earlier driver: all
    /// keys that `wanted` has are let go, and the device stays; what it can say is taken to be
    /// `wanted`.
    static Result<InputNode> open(UniqueFd uinput, bool fresh, InputIdentity identity,
                                  const Capabilities& wanted);
    /// Writes events to any descriptor, for tests: nothing is set up.
    static InputNode over(UniqueFd events);

    /// Makes the device anew if it cannot say all of this; programs see another device then.
    Status ensure(const Capabilities& wanted);

    [[nodiscard]] bool has_key(uint16_t code) const { return has_.keys.test(code); }
    [[nodiscard]] bool has_lights() const { return has_.leds.any(); }

    void add(uint16_t type, uint16_t code, int32_t value);
    /// Ends the group of events that were added with SYN_REPORT and writes it, with one system
    /// call. What the kernel does not take is dropped and counted.
    void sync();

    /// LED_… changes that the kernel tells, one after the other; nullopt: none waits.
    struct Light {
        uint16_t led = 0;
        bool on = false;
    };
    [[nodiscard]] std::optional<Light> next_light();
    /// Readable when next_light() has something.
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] uint64_t dropped() const { return dropped_; }

  private:
    explicit InputNode(UniqueFd fd) : fd_(std::move(fd)) {}
    Status make(const Capabilities& capabilities);
    void release_all(const Capabilities& capabilities);

    UniqueFd fd_;
    InputIdentity identity_;
    Capabilities has_;
    bool made_ = false;  ///< there is a device on the descriptor
    std::vector<input_event> waiting_;
    uint64_t dropped_ = 0;
};

}  // namespace opendext::hid
