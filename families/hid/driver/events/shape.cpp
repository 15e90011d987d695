// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/events/shape.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "families/hid/driver/events/key_codes.h"

namespace opendext::hid {
namespace {

constexpr uint32_t kX = 0x30, kY = 0x31, kWheel = 0x38;
constexpr uint32_t kJoystick = 0x04, kGamePad = 0x05;
constexpr uint32_t kMultiAxis = 0x08;
constexpr uint32_t kPan = 0x238;  // of the consumer page
constexpr uint32_t kTouchScreen = 0x04, kTouchPad = 0x05;
constexpr uint32_t kStylus = 0x20, kFinger = 0x22, kConfidence = 0x47;
constexpr uint32_t kPen = 0x02;

/// What libinput takes where a device does not say how large it is, so that it is accepted at all.
constexpr int32_t kAssumedResolution = 300;  // 65535 units over 218 mm

/// The outermost application collection around an element, 0, 0 without one.
UsagePair application_of(const ReportDescriptor& descriptor, const Element& element) {
    UsagePair application;
    for (const Element* at = descriptor.element(element.parent); at != nullptr;
         at = descriptor.element(at->parent)) {
        if (at->collection_type == CollectionType::application)
            application = {at->usage_page, at->usage};
    }
    return application;
}

bool within(const ReportDescriptor& descriptor, const Element& element, uint32_t page,
            uint32_t usage) {
    for (const Element* at = descriptor.element(element.parent); at != nullptr;
         at = descriptor.element(at->parent)) {
        if (at->usage_page == page && at->usage == usage) return true;
    }
    return false;
}

/// Units of the full scale for each millimetre, from the physical extent (HID 1.11, 6.2.2.7).
int32_t resolution_of(const Element& element) {
    const double extent = static_cast<double>(element.physical_max - element.physical_min);
    const uint32_t system = element.unit & 0xf;
    const bool is_length = (element.unit & 0xfffffff0) == 0x10;
    if (!is_length || extent <= 0 || (system != 1 && system != 3)) return kAssumedResolution;
    const double millimetres =
        extent * std::pow(10.0, element.exponent()) * (system == 1 ? 10.0 : 25.4);
    const double resolution = kFullScale / millimetres;
    if (!(resolution >= 1 && resolution <= 100000)) return kAssumedResolution;
    return static_cast<int32_t>(std::lround(resolution));
}

class Reader {
  public:
    explicit Reader(const ReportDescriptor& descriptor) : descriptor_(descriptor) {}

    Shape read() {
        for (const Element& element : descriptor_.elements) {
            if (element.is_collection() || element.kind == ElementKind::array) continue;
            if (element.report_type == ReportType::input) {
                input(element);
            } else if (element.usage_page == kPageLed) {
                if (const auto led = led_of(element.usage)) node(NodeKind::keyboard).leds.set(*led);
            }
        }
        // Lights without keys are no keyboard.
        if (!shape_.present[static_cast<size_t>(NodeKind::keyboard)])
            shape_.node(NodeKind::keyboard) = {};
        for (size_t kind = 0; kind < kNodeKinds; ++kind) {
            if (shape_.present[kind]) shape_.nodes[kind].add(least_of(static_cast<NodeKind>(kind)));
        }
        return std::move(shape_);
    }

  private:
    Capabilities& node(NodeKind kind) { return shape_.node(kind); }
    Capabilities& use(NodeKind kind) {
        shape_.present[static_cast<size_t>(kind)] = true;
        return node(kind);
    }

    void input(const Element& element) {
        const UsagePair application = application_of(descriptor_, element);
        const bool digitizer = application.page == kPageDigitizer;
        const bool game = application.page == kPageGenericDesktop &&
                          (application.usage == kJoystick || application.usage == kGamePad ||
                           application.usage == kMultiAxis);
        if (game) {
            use(NodeKind::game);
        } else if (digitizer) {
            digitizer_element(element, application.usage);
        } else if (element.usage_page == kPageButton) {
            if (const auto key = key_of(kPageButton, element.usage))
                use(NodeKind::pointer).keys.set(*key);
        } else if (element.usage_page == kPageGenericDesktop &&
                   (element.usage == kX || element.usage == kY)) {
            axis(element);
        } else if (element.usage_page == kPageGenericDesktop && element.usage == kWheel) {
            use(NodeKind::pointer).relative.set(REL_WHEEL).set(REL_WHEEL_HI_RES);
        } else if (element.usage_page == kPageConsumer && element.usage == kPan) {
            use(NodeKind::pointer).relative.set(REL_HWHEEL).set(REL_HWHEEL_HI_RES);
        } else if (const auto key = key_of(element.usage_page, element.usage)) {
            use(NodeKind::keyboard).keys.set(*key);
        }
    }

    void axis(const Element& element) {
        Capabilities& pointer = use(NodeKind::pointer);
        const bool x = element.usage == kX;
        if (element.is_relative()) {
            pointer.relative.set(x ? REL_X : REL_Y);
        } else {
            pointer.absolute[x ? ABS_X : ABS_Y] = {0, kFullScale, 0};
        }
    }

    void digitizer_element(const Element& element, uint32_t application) {
        const bool stylus =
            application == kPen || within(descriptor_, element, kPageDigitizer, kStylus);
        const bool finger = application == kTouchScreen || application == kTouchPad ||
                            within(descriptor_, element, kPageDigitizer, kFinger);
        if (stylus || finger) {
            Capabilities& surface = use(stylus ? NodeKind::stylus : NodeKind::touch);
            if (!stylus)
                surface.properties.set(application == kTouchPad ? INPUT_PROP_POINTER
                                                                : INPUT_PROP_DIRECT);
            if (element.usage_page == kPageGenericDesktop &&
                (element.usage == kX || element.usage == kY)) {
                const bool x = element.usage == kX;
                const AxisRange range = {0, kFullScale, resolution_of(element)};
                surface.absolute.try_emplace(x ? ABS_X : ABS_Y, range);
                if (!stylus)
                    surface.absolute.try_emplace(x ? ABS_MT_POSITION_X : ABS_MT_POSITION_Y, range);
            }
            if (element.usage_page == kPageButton && !stylus) surface.keys.set(BTN_LEFT);
        }
        if (element.usage_page == kPageDigitizer && element.usage == kConfidence)
            shape_.has_confidence = true;
    }

    const ReportDescriptor& descriptor_;
    Shape shape_;
};

}  // namespace

Shape shape_of(const ReportDescriptor& descriptor) {
    return Reader(descriptor).read();
}

Capabilities least_of(NodeKind kind) {
    Capabilities least;
    const auto keys = [&](std::initializer_list<int> codes) {
        for (const int code : codes) least.keys.set(static_cast<size_t>(code));
    };
    const AxisRange surface = {0, kFullScale, kAssumedResolution};
    switch (kind) {
        case NodeKind::keyboard:
            // A driver may translate: any key of a keyboard.
            for (const KeyOfUsage& key : keyboard_keys()) least.keys.set(key.code);
            least.repeat = true;
            break;
        case NodeKind::pointer:
            keys({BTN_LEFT, BTN_RIGHT, BTN_MIDDLE});
            break;
        case NodeKind::touch:
            keys({BTN_TOUCH, BTN_TOOL_FINGER, BTN_TOOL_DOUBLETAP, BTN_TOOL_TRIPLETAP,
                  BTN_TOOL_QUADTAP, BTN_TOOL_QUINTTAP});
            least.absolute = {{ABS_X, surface},
                              {ABS_Y, surface},
                              {ABS_MT_SLOT, {0, kMostContacts - 1, 0}},
                              {ABS_MT_TRACKING_ID, {0, kFullScale, 0}},
                              {ABS_MT_POSITION_X, surface},
                              {ABS_MT_POSITION_Y, surface}};
            break;
        case NodeKind::stylus:
            keys({BTN_TOUCH, BTN_TOOL_PEN, BTN_TOOL_RUBBER, BTN_STYLUS, BTN_STYLUS2});
            least.absolute = {{ABS_X, surface},
                              {ABS_Y, surface},
                              {ABS_PRESSURE, {0, kFullScale, 0}},
                              {ABS_TILT_X, {-90, 90, 57}},
                              {ABS_TILT_Y, {-90, 90, 57}},
                              {ABS_Z, {-180, 360, 0}}};
            break;
        case NodeKind::game:
            keys({BTN_SOUTH, BTN_EAST, BTN_NORTH, BTN_WEST, BTN_TL, BTN_TR, BTN_TL2, BTN_TR2,
                  BTN_THUMBL, BTN_THUMBR, BTN_TRIGGER_HAPPY1, BTN_TRIGGER_HAPPY2,
                  BTN_TRIGGER_HAPPY3, BTN_TRIGGER_HAPPY4, BTN_TRIGGER_HAPPY5, BTN_TRIGGER_HAPPY6,
                  BTN_TRIGGER_HAPPY7, BTN_TRIGGER_HAPPY8});
            least.absolute = {{ABS_X, {-32768, 32767, 0}},  {ABS_Y, {-32768, 32767, 0}},
                              {ABS_RX, {-32768, 32767, 0}}, {ABS_RY, {-32768, 32767, 0}},
                              {ABS_Z, {0, 1023, 0}},        {ABS_RZ, {0, 1023, 0}},
                              {ABS_HAT0X, {-1, 1, 0}},      {ABS_HAT0Y, {-1, 1, 0}}};
            break;
    }
    return least;
}

}  // namespace opendext::hid
