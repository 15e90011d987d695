// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

/// HID usages (HID Usage Tables 1.4) as codes of Linux input events (linux/input-event-codes.h).
namespace opendext::hid {

inline constexpr uint32_t kPageGenericDesktop = 0x01;
inline constexpr uint32_t kPageKeyboard = 0x07;
inline constexpr uint32_t kPageLed = 0x08;
inline constexpr uint32_t kPageButton = 0x09;
inline constexpr uint32_t kPageTelephony = 0x0b;
inline constexpr uint32_t kPageConsumer = 0x0c;
inline constexpr uint32_t kPageDigitizer = 0x0d;

struct KeyOfUsage {
    uint32_t page = 0;
    uint32_t usage = 0;
    uint16_t code = 0;  ///< KEY_… or BTN_…
};

/// The key that a usage is; nullopt: Linux has none for it. Buttons of the button page are a
/// pointer's (BTN_LEFT and so on).
[[nodiscard]] std::optional<uint16_t> key_of(uint32_t page, uint32_t usage);
/// Everything of the keyboard page that key_of() knows: what a keyboard is said to have.
[[nodiscard]] std::span<const KeyOfUsage> keyboard_keys();

/// LED_… of a usage of the LED page, and back.
[[nodiscard]] std::optional<uint16_t> led_of(uint32_t usage);
[[nodiscard]] std::optional<uint32_t> usage_of_led(uint16_t led);

}  // namespace opendext::hid
