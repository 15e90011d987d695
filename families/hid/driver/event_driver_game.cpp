// SPDX-License-Identifier: Apache-2.0
// IOUserHIDEventDriver: game controllers.
#include <HIDDriverKit/IOUserHIDEventDriver.h>

#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <HIDDriverKit/IOHIDUsageTables.h>

#include <algorithm>
#include <optional>

#include "families/hid/driver/event_driver.h"
#include "families/hid/driver/interface.h"

using opendext::hid::application_of;
using opendext::hid::GameControl;
using opendext::hid::is_in_report;
using opendext::hid::is_input;
using opendext::hid::part_of_extent;

namespace {

constexpr IOFixed kOne = 1 << 16;
/// Of the range at its ends, for sticks and triggers that are worn.
constexpr int32_t kRemoval = 5;

bool is_stick(GameControl control) {
    return control >= GameControl::joystick_x && control <= GameControl::joystick_rz;
}
bool is_trigger(GameControl control) {
    return control == GameControl::shoulder_l2 || control == GameControl::shoulder_r2;
}

/// What an element of a game controller is: buttons in the order that most have.
std::optional<GameControl> control_of(IOHIDElement* element) {
    const uint32_t usage = element->getUsage();
    switch (element->getUsagePage()) {
        case kHIDPage_GenericDesktop:
            switch (usage) {
                case kHIDUsage_GD_X:
                    return GameControl::joystick_x;
                case kHIDUsage_GD_Y:
                    return GameControl::joystick_y;
                case kHIDUsage_GD_Z:
                    return GameControl::joystick_z;
                case kHIDUsage_GD_Rz:
                    return GameControl::joystick_rz;
                case kHIDUsage_GD_Rx:
                    return GameControl::shoulder_l2;
                case kHIDUsage_GD_Ry:
                    return GameControl::shoulder_r2;
                case kHIDUsage_GD_DPadUp:
                    return GameControl::dpad_up;
                case kHIDUsage_GD_DPadDown:
                    return GameControl::dpad_down;
                case kHIDUsage_GD_DPadLeft:
                    return GameControl::dpad_left;
                case kHIDUsage_GD_DPadRight:
                    return GameControl::dpad_right;
                default:
                    return std::nullopt;
            }
        case kHIDPage_Simulation:
            if (usage == kHIDUsage_Sim_Brake) return GameControl::shoulder_l2;
            if (usage == kHIDUsage_Sim_Accelerator) return GameControl::shoulder_r2;
            return std::nullopt;
        case kHIDPage_Button:
            switch (usage) {
                case 1:
                    return GameControl::face_a;
                case 2:
                    return GameControl::face_b;
                case 3:
                    return GameControl::face_x;
                case 4:
                    return GameControl::face_y;
                case 5:
                    return GameControl::shoulder_l1;
                case 6:
                    return GameControl::shoulder_r1;
                case 7:
                    return GameControl::shoulder_l2;
                case 8:
                    return GameControl::shoulder_r2;
                case 11:
                    return GameControl::thumb_left;
                case 12:
                    return GameControl::thumb_right;
                default:
                    return std::nullopt;
            }
        default:
            return std::nullopt;
    }
}

/// The part of an element's extent that counts, without `percent` at each end that `both` or the
/// upper end has.
void calibrate(IOHIDElement* element, IOHIDInterface* interface, IOFixed low, int32_t percent,
               bool both) {
    opendext::hid::ElementTree* const tree =
        interface == nullptr ? nullptr : opendext::hid::Interface::of(interface).tree();
    const opendext::hid::Element* const what = tree == nullptr ? nullptr : tree->find(element);
    if (what == nullptr) return;
    const int64_t extent = what->logical_max - what->logical_min;
    const int64_t removed = extent * std::clamp(percent, 0, 49) / 100;
    tree->calibrate(element, low, kOne, what->logical_min + (both ? removed : 0),
                    what->logical_max - removed);
}

}  // namespace

void IOUserHIDEventDriver::calibrateCenteredPreferredStateElement(IOHIDElement* element,
                                                                  int32_t removalPercentage) {
    calibrate(element, OSDynamicCast(IOHIDInterface, GetProvider()), -kOne, removalPercentage,
              true);
}

void IOUserHIDEventDriver::calibrateJustifiedPreferredStateElement(IOHIDElement* element,
                                                                   int32_t removalPercentage) {
    calibrate(element, OSDynamicCast(IOHIDInterface, GetProvider()), 0, removalPercentage, false);
}

uint32_t IOUserHIDEventDriver::checkGameControllerElement(IOHIDElement* element) {
    IOHIDElement* const application =
        element == nullptr || !is_input(element) ? nullptr : application_of(element);
    if (application == nullptr || application->getUsagePage() != kHIDPage_GenericDesktop) return 0;
    const uint32_t usage = application->getUsage();
    if (usage != kHIDUsage_GD_GamePad && usage != kHIDUsage_GD_Joystick &&
        usage != kHIDUsage_GD_MultiAxisController) {
        return 0;
    }
    const bool hat = element->getUsagePage() == kHIDPage_GenericDesktop &&
                     element->getUsage() == kHIDUsage_GD_Hatswitch;
    return hat || control_of(element) ? 1 : 0;
}

bool IOUserHIDEventDriver::parseGameControllerElement(IOHIDElement* element) {
    if (checkGameControllerElement(element) == 0) return false;
    const auto control = control_of(element);
    if (!control) {
        ivars->hat = element;
        return true;
    }
    // Devices count downwards on vertical axes.
    const bool negated =
        *control == GameControl::joystick_y || *control == GameControl::joystick_rz;
    ivars->controls.push_back({element, *control, negated});
    return true;
}

void IOUserHIDEventDriver::processGameControllerElements() {
    // Where a trigger is a button and an axis, the axis tells more.
    const auto has_axis = [this](GameControl control) {
        return std::ranges::any_of(ivars->controls, [&](const auto& one) {
            return one.control == control && one.element->getUsagePage() != kHIDPage_Button;
        });
    };
    std::erase_if(ivars->controls, [&](const auto& one) {
        return is_trigger(one.control) && one.element->getUsagePage() == kHIDPage_Button &&
               has_axis(one.control);
    });
    for (const auto& one : ivars->controls) {
        if (is_stick(one.control)) {
            calibrateCenteredPreferredStateElement(one.element, kRemoval);
        } else if (is_trigger(one.control)) {
            calibrateJustifiedPreferredStateElement(one.element, kRemoval);
        }
    }
}

void IOUserHIDEventDriver::setGameControllerProperties(OSDictionary* properties) {
    if (properties == nullptr || (ivars->controls.empty() && ivars->hat == nullptr)) return;
    OSDictionary* about = OSDictionary::withCapacity(1);
    OSNumber* count =
        OSNumber::withNumber(ivars->controls.size() + (ivars->hat == nullptr ? 0 : 1), 32);
    (void)about->setObject("Controls", count);
    (void)properties->setObject("GameController", about);
    OSSafeReleaseNULL(count);
    OSSafeReleaseNULL(about);
}

void IOUserHIDEventDriver::handleGameControllerReport(uint64_t timestamp, uint32_t reportID) {
    if (ivars->controls.empty() && ivars->hat == nullptr) return;
    bool here = false;
    opendext::hid::GameState state = ivars->game;
    const auto set = [&](GameControl control, IOFixed value) {
        state[static_cast<size_t>(control)] = value;
    };
    for (const auto& one : ivars->controls) {
        if (!is_in_report(one.element, timestamp, reportID)) continue;
        here = true;
        IOFixed value = 0;
        if (is_stick(one.control) ||
            (is_trigger(one.control) && one.element->getUsagePage() != kHIDPage_Button)) {
            value = one.element->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated);
        } else {
            value = one.element->getValue(0) != 0 ? kOne : 0;
        }
        set(one.control, one.negated ? -value : value);
    }
    if (ivars->hat != nullptr && is_in_report(ivars->hat, timestamp, reportID)) {
        here = true;
        // Eight directions clockwise from up (four where there are no more); others: let go.
        const auto low = static_cast<int32_t>(ivars->hat->getLogicalMin());
        const auto steps = static_cast<int32_t>(ivars->hat->getLogicalMax()) - low + 1;
        int32_t direction = static_cast<int32_t>(ivars->hat->getValue(0)) - low;
        const bool held = direction >= 0 && direction < steps;
        if (steps == 4) direction *= 2;
        const auto points = [&](std::initializer_list<int32_t> to) {
            return held && std::ranges::find(to, direction) != to.end() ? kOne : 0;
        };
        set(GameControl::dpad_up, points({7, 0, 1}));
        set(GameControl::dpad_right, points({1, 2, 3}));
        set(GameControl::dpad_down, points({3, 4, 5}));
        set(GameControl::dpad_left, points({5, 6, 7}));
    }
    if (!here || state == ivars->game) return;
    ivars->game = state;
    const auto at = [&](GameControl control) { return state[static_cast<size_t>(control)]; };
    (void)dispatchStandardGameControllerEvent(
        timestamp, at(GameControl::dpad_up), at(GameControl::dpad_down), at(GameControl::dpad_left),
        at(GameControl::dpad_right), at(GameControl::face_x), at(GameControl::face_y),
        at(GameControl::face_a), at(GameControl::face_b), at(GameControl::shoulder_l1),
        at(GameControl::shoulder_r1), at(GameControl::shoulder_l2), at(GameControl::shoulder_r2),
        at(GameControl::joystick_x), at(GameControl::joystick_y), at(GameControl::joystick_z),
        at(GameControl::joystick_rz), at(GameControl::thumb_left) != 0,
        at(GameControl::thumb_right) != 0, 0);
}
