// SPDX-License-Identifier: Apache-2.0
// Events as a kernel's input devices get them. A pipe stands for /dev/uinput: making the devices
// needs the kernel and is tested in the lab, what is written to them is tested here.
#include "families/hid/driver/events/input_events.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/input.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "families/hid/driver/events/key_codes.h"

namespace opendext::hid {
namespace {

using Event = std::tuple<int, int, int>;
constexpr int32_t kOne = 1 << 16;

/// Input devices that exist already (not fresh), each a pipe that the test reads.
class Input : public testing::Test {
  protected:
    Input() : events_({"Test", 0, 1, 2, 3}, {}, open(), log()) {}

    InputEvents::OpenNode open() {
        return [this](NodeKind kind) -> Result<InputEvents::Opened> {
            ++asked_[kind];
            if (absent_) return Error{Errc::unsupported, 0, "none"};
            int ends[2];
            if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Error::system("pipe2");
            read_[kind].reset(ends[0]);
            return InputEvents::Opened{UniqueFd(ends[1]), false};
        };
    }
    InputEvents::Log log() {
        return [this](const std::string& line) { lines_.push_back(line); };
    }

    /// What has been written since the last call, without the letting go at the start.
    std::vector<Event> written(NodeKind kind) {
        std::vector<Event> all;
        input_event event;
        while (::read(read_[kind].get(), &event, sizeof event) == ssize_t{sizeof event})
            all.emplace_back(event.type, event.code, event.value);
        return all;
    }
    void begin_with(NodeKind kind) {
        events_.release_all();
        (void)written(kind);
    }

    std::map<NodeKind, UniqueFd> read_;
    std::map<NodeKind, int> asked_;
    std::vector<std::string> lines_;
    bool absent_ = false;
    InputEvents events_;
};

const Event kSync{EV_SYN, SYN_REPORT, 0};

TEST_F(Input, ASuccessorLetsGoOfEverythingThatMayBePressed) {
    EXPECT_TRUE(events_.keyboard(kPageKeyboard, 0x04, 1));
    const auto first = written(NodeKind::keyboard);
    ASSERT_GT(first.size(), 100U);
    EXPECT_TRUE(std::ranges::count(first, Event{EV_KEY, KEY_LEFTSHIFT, 0}) == 1);
    EXPECT_EQ(first[first.size() - 2], (Event{EV_KEY, KEY_A, 1}));
    EXPECT_EQ(first.back(), kSync);
}

TEST_F(Input, KeysOfOneReportAreOneGroup) {
    (void)events_.keyboard(kPageKeyboard, 0x04, 0);
    begin_with(NodeKind::keyboard);
    events_.begin();
    EXPECT_TRUE(events_.keyboard(kPageKeyboard, 0xe1, 1));
    EXPECT_TRUE(events_.keyboard(kPageKeyboard, 0x04, 1));
    EXPECT_TRUE(written(NodeKind::keyboard).empty());
    events_.end();
    EXPECT_EQ(written(NodeKind::keyboard),
              (std::vector<Event>{{EV_KEY, KEY_LEFTSHIFT, 1}, {EV_KEY, KEY_A, 1}, kSync}));
    EXPECT_EQ(asked_[NodeKind::keyboard], 1);
}

TEST_F(Input, AKeyThatLinuxDoesNotKnowIsNotDelivered) {
    EXPECT_FALSE(events_.keyboard(0xff00, 1, 1));
    EXPECT_TRUE(asked_.empty());
}

TEST_F(Input, WhatIsDownIsLetGoAtTheEnd) {
    (void)events_.keyboard(kPageConsumer, 0xe9, 1);
    (void)events_.relative_pointer(0, 0, 5);
    (void)written(NodeKind::keyboard);
    (void)written(NodeKind::pointer);
    events_.release_all();
    EXPECT_EQ(written(NodeKind::keyboard), (std::vector<Event>{{EV_KEY, KEY_VOLUMEUP, 0}, kSync}));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{{EV_KEY, BTN_LEFT, 0}, {EV_KEY, BTN_MIDDLE, 0}, kSync}));
    events_.release_all();
    EXPECT_TRUE(written(NodeKind::pointer).empty());
}

TEST_F(Input, PartsOfACountAreKeptUntilTheyAreOne) {
    (void)events_.relative_pointer(0, 0, 0);
    begin_with(NodeKind::pointer);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(events_.relative_pointer(kOne / 2, -kOne / 2, 0));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{{EV_REL, REL_X, 1}, {EV_REL, REL_Y, -1}, kSync}));
    EXPECT_TRUE(events_.relative_pointer(kOne / 2 + 3 * kOne, 0, 1));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{{EV_REL, REL_X, 4}, {EV_KEY, BTN_LEFT, 1}, kSync}));
}

TEST_F(Input, AbsolutePlacesAreScaledAndBounded) {
    (void)events_.absolute_pointer(0, 0, 0);
    begin_with(NodeKind::pointer);
    EXPECT_TRUE(events_.absolute_pointer(kOne, 2 * kOne, 2));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{
                  {EV_ABS, ABS_X, 65535}, {EV_ABS, ABS_Y, 65535}, {EV_KEY, BTN_RIGHT, 1}, kSync}));
    EXPECT_TRUE(events_.absolute_pointer(-5, kOne / 2, 0));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{
                  {EV_ABS, ABS_X, 0}, {EV_ABS, ABS_Y, 32768}, {EV_KEY, BTN_RIGHT, 0}, kSync}));
}

TEST_F(Input, WheelsTurnInDetentsAndInPartsOfThem) {
    (void)events_.scroll(1, 0);  // both wheels from the start, though it turns too little to tell
    begin_with(NodeKind::pointer);
    EXPECT_TRUE(events_.scroll(0, kOne));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{{EV_REL, REL_WHEEL_HI_RES, 120}, {EV_REL, REL_WHEEL, 1}, kSync}));
    EXPECT_TRUE(events_.scroll(-kOne / 2, 0));
    EXPECT_EQ(written(NodeKind::pointer),
              (std::vector<Event>{{EV_REL, REL_HWHEEL_HI_RES, -60}, kSync}));
    EXPECT_TRUE(events_.scroll(-kOne / 2, 0));
    EXPECT_EQ(
        written(NodeKind::pointer),
        (std::vector<Event>{{EV_REL, REL_HWHEEL_HI_RES, -60}, {EV_REL, REL_HWHEEL, -1}, kSync}));
}

TEST_F(Input, ContactsKeepTheirSlots) {
    (void)events_.touch({});
    begin_with(NodeKind::touch);
    const auto has = [](const std::vector<Event>& all, Event one) {
        return std::ranges::find(all, one) != all.end();
    };
    const TouchContact two[] = {{7, 0, 0, true, true}, {9, kOne, kOne, true, true}};
    EXPECT_TRUE(events_.touch(two));
    auto all = written(NodeKind::touch);
    const std::vector<Event> begin = {
        {EV_ABS, ABS_MT_SLOT, 0},           {EV_ABS, ABS_MT_TRACKING_ID, 0},
        {EV_ABS, ABS_MT_POSITION_X, 0},     {EV_ABS, ABS_MT_POSITION_Y, 0},
        {EV_ABS, ABS_MT_SLOT, 1},           {EV_ABS, ABS_MT_TRACKING_ID, 1},
        {EV_ABS, ABS_MT_POSITION_X, 65535}, {EV_ABS, ABS_MT_POSITION_Y, 65535}};
    EXPECT_TRUE(std::ranges::equal(std::span(all).first(begin.size()), begin));
    EXPECT_TRUE(has(all, {EV_KEY, BTN_TOUCH, 1}));
    EXPECT_TRUE(has(all, {EV_KEY, BTN_TOOL_DOUBLETAP, 1}));
    // The first leaves, the second stays in its slot; a third gets the free one.
    const TouchContact left[] = {{7, 0, 0, false, true}, {9, kOne, kOne, true, true}};
    EXPECT_TRUE(events_.touch(left));
    all = written(NodeKind::touch);
    EXPECT_TRUE(has(all, {EV_ABS, ABS_MT_TRACKING_ID, -1}));
    EXPECT_TRUE(has(all, {EV_KEY, BTN_TOOL_FINGER, 1}));
    const TouchContact third[] = {{11, 0, 0, true, true}};
    EXPECT_TRUE(events_.touch(third));
    all = written(NodeKind::touch);
    EXPECT_EQ(all[0], (Event{EV_ABS, ABS_MT_SLOT, 0}));
    EXPECT_EQ(all[1], (Event{EV_ABS, ABS_MT_TRACKING_ID, 2}));
    events_.release_all();
    all = written(NodeKind::touch);
    EXPECT_EQ(std::ranges::count(all, Event{EV_ABS, ABS_MT_TRACKING_ID, -1}), 2);
    EXPECT_TRUE(has(all, {EV_KEY, BTN_TOUCH, 0}));
}

TEST_F(Input, MoreContactsThanThereAreSlotsAreLeftOut) {
    std::vector<TouchContact> crowd;
    for (uint32_t i = 0; i < 40; ++i) crowd.push_back({i, 0, 0, true, true});
    EXPECT_TRUE(events_.touch(crowd));
    (void)written(NodeKind::touch);
    events_.release_all();
    const auto all = written(NodeKind::touch);
    EXPECT_EQ(std::ranges::count(all, Event{EV_ABS, ABS_MT_TRACKING_ID, -1}), kMostContacts);
}

TEST_F(Input, APenThatIsTurnedAroundIsAnotherTool) {
    StylusState pen;
    pen.in_range = true;
    (void)events_.stylus(pen);
    (void)written(NodeKind::stylus);
    pen.tip = true;
    pen.pressure = kOne;
    pen.tilt_x = -45 * kOne;
    EXPECT_TRUE(events_.stylus(pen));
    auto all = written(NodeKind::stylus);
    EXPECT_EQ(std::ranges::count(all, Event{EV_ABS, ABS_PRESSURE, 65535}), 1);
    EXPECT_EQ(std::ranges::count(all, Event{EV_ABS, ABS_TILT_X, -45}), 1);
    EXPECT_EQ(std::ranges::count(all, Event{EV_KEY, BTN_TOUCH, 1}), 1);
    EXPECT_EQ(std::ranges::count(all, Event{EV_KEY, BTN_TOOL_PEN, 1}), 1);
    pen.invert = true;
    pen.tip = false;
    EXPECT_TRUE(events_.stylus(pen));
    all = written(NodeKind::stylus);
    EXPECT_EQ(all[1], (Event{EV_KEY, BTN_TOOL_PEN, 0}));
    EXPECT_EQ(all[2], kSync);
    EXPECT_EQ(std::ranges::count(all, Event{EV_KEY, BTN_TOOL_RUBBER, 1}), 1);
    pen.in_range = false;
    EXPECT_TRUE(events_.stylus(pen));
    all = written(NodeKind::stylus);
    EXPECT_EQ(std::ranges::count(all, Event{EV_KEY, BTN_TOOL_RUBBER, 0}), 1);
}

TEST_F(Input, AGameControllerIsAsTheKernelsGamepadsAre) {
    GameState state{};
    (void)events_.game(state);
    (void)written(NodeKind::game);
    const auto set = [&](GameControl control, int32_t value) {
        state[static_cast<size_t>(control)] = value;
    };
    set(GameControl::face_a, kOne);
    set(GameControl::dpad_left, kOne);
    set(GameControl::joystick_y, kOne);  // up
    set(GameControl::shoulder_r2, kOne / 2);
    EXPECT_TRUE(events_.game(state));
    const auto all = written(NodeKind::game);
    for (const Event& one : std::vector<Event>{{EV_KEY, BTN_SOUTH, 1},
                                               {EV_KEY, BTN_TR2, 1},
                                               {EV_ABS, ABS_HAT0X, -1},
                                               {EV_ABS, ABS_HAT0Y, 0},
                                               {EV_ABS, ABS_Y, -32768},
                                               {EV_ABS, ABS_RZ, 512}}) {
        EXPECT_EQ(std::ranges::count(all, one), 1) << std::get<1>(one);
    }
    EXPECT_EQ(std::ranges::count(all, Event{EV_KEY, BTN_EAST, 0}), 0);  // did not change
}

TEST_F(Input, WithoutUinputEventsAreRefusedAndNobodyIsAskedTwice) {
    absent_ = true;
    EXPECT_FALSE(events_.keyboard(kPageKeyboard, 0x04, 1));
    EXPECT_FALSE(events_.keyboard(kPageKeyboard, 0x04, 0));
    EXPECT_EQ(asked_[NodeKind::keyboard], 1);
    EXPECT_EQ(events_.lights_fd(), -1);
    EXPECT_TRUE(lines_.empty());
    events_.release_all();
}

TEST_F(Input, ADescriptorThatIsNoUinputIsLeftAloneWithTheReason) {
    InputEvents fresh(
        {"Test", 0, 0, 0, 0}, {},
        [](NodeKind) -> Result<InputEvents::Opened> {
            return InputEvents::Opened{UniqueFd(::open("/dev/null", O_RDWR)), true};
        },
        log());
    EXPECT_FALSE(fresh.keyboard(kPageKeyboard, 0x04, 1));
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_NE(lines_[0].find("input device for a keyboard: uinput: UI_SET_EVBIT"),
              std::string::npos)
        << lines_[0];
}

TEST(KeyCodes, TheKeyboardPageIsAsTheKernelHasIt) {
    EXPECT_EQ(key_of(kPageKeyboard, 0x04), KEY_A);
    EXPECT_EQ(key_of(kPageKeyboard, 0x1d), KEY_Z);
    EXPECT_EQ(key_of(kPageKeyboard, 0x1e), KEY_1);
    EXPECT_EQ(key_of(kPageKeyboard, 0x27), KEY_0);
    EXPECT_EQ(key_of(kPageKeyboard, 0x45), KEY_F12);
    EXPECT_EQ(key_of(kPageKeyboard, 0x73), KEY_F24);
    EXPECT_EQ(key_of(kPageKeyboard, 0x62), KEY_KP0);
    EXPECT_EQ(key_of(kPageKeyboard, 0xe7), KEY_RIGHTMETA);
    EXPECT_EQ(key_of(kPageKeyboard, 0x00), std::nullopt);
    EXPECT_EQ(key_of(kPageKeyboard, 0x01), std::nullopt);
    EXPECT_EQ(key_of(kPageKeyboard, 0xffffffff), std::nullopt);
    EXPECT_EQ(key_of(kPageConsumer, 0xcd), KEY_PLAYPAUSE);
    EXPECT_EQ(key_of(kPageButton, 1), BTN_LEFT);
    EXPECT_EQ(key_of(kPageButton, 16), BTN_MOUSE + 15);
    EXPECT_EQ(key_of(kPageButton, 17), std::nullopt);
    EXPECT_EQ(key_of(kPageButton, 0), std::nullopt);
    for (const KeyOfUsage& key : keyboard_keys()) EXPECT_EQ(key_of(key.page, key.usage), key.code);
}

TEST(KeyCodes, LightsGoBothWays) {
    EXPECT_EQ(led_of(2), LED_CAPSL);
    EXPECT_EQ(usage_of_led(LED_CAPSL), 2U);
    EXPECT_EQ(led_of(0xff), std::nullopt);
    EXPECT_EQ(usage_of_led(99), std::nullopt);
}

Shape shape(std::initializer_list<uint8_t> bytes) {
    auto parsed = parse_descriptor(std::span(bytes.begin(), bytes.size()));
    EXPECT_TRUE(parsed.ok()) << parsed.error().text();
    return shape_of(*parsed);
}

TEST(Shape, AMouseIsAPointerAndNothingElse) {
    Shape mouse = shape({0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x05, 0x09, 0x19, 0x01, 0x29, 0x05,
                         0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x05, 0x81, 0x02, 0x95, 0x03,
                         0x81, 0x01, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, 0x15, 0x81,
                         0x25, 0x7f, 0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0});
    EXPECT_EQ(mouse.present, (std::array<bool, kNodeKinds>{false, true, false, false, false}));
    const Capabilities& pointer = mouse.node(NodeKind::pointer);
    EXPECT_TRUE(pointer.keys.test(BTN_LEFT));
    EXPECT_TRUE(pointer.keys.test(BTN_EXTRA));
    EXPECT_FALSE(pointer.keys.test(BTN_FORWARD));
    EXPECT_TRUE(pointer.relative.test(REL_X));
    EXPECT_TRUE(pointer.relative.test(REL_WHEEL_HI_RES));
    EXPECT_FALSE(pointer.relative.test(REL_HWHEEL));
    EXPECT_TRUE(pointer.absolute.empty());
}

TEST(Shape, ATouchScreenKnowsHowLargeItIs) {
    // X: 0 to 4095 is 0 to 200 mm (20.0 cm, exponent -1).
    Shape screen =
        shape({0x05, 0x0d, 0x09, 0x04, 0xa1, 0x01, 0x09, 0x22, 0xa1, 0x02, 0x09, 0x42, 0x15, 0x00,
               0x25, 0x01, 0x75, 0x08, 0x95, 0x01, 0x81, 0x02, 0x05, 0x01, 0x26, 0xff, 0x0f, 0x75,
               0x10, 0x46, 0xc8, 0x00, 0x55, 0x0f, 0x65, 0x11, 0x09, 0x30, 0x81, 0x02, 0xc0, 0xc0});
    EXPECT_EQ(screen.present, (std::array<bool, kNodeKinds>{false, false, true, false, false}));
    const Capabilities& touch = screen.node(NodeKind::touch);
    EXPECT_TRUE(touch.properties.test(INPUT_PROP_DIRECT));
    ASSERT_TRUE(touch.absolute.contains(ABS_MT_POSITION_X));
    EXPECT_EQ(touch.absolute.at(ABS_MT_POSITION_X).resolution, 328);  // 65535 over 200 mm
    EXPECT_EQ(touch.absolute.at(ABS_MT_SLOT).maximum, kMostContacts - 1);
}

TEST(Shape, AKeyboardHasItsLights) {
    Shape keyboard =
        shape({0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15,
               0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x05, 0x08, 0x19, 0x01,
               0x29, 0x03, 0x95, 0x03, 0x91, 0x02, 0x95, 0x05, 0x91, 0x01, 0xc0});
    EXPECT_EQ(keyboard.present, (std::array<bool, kNodeKinds>{true, false, false, false, false}));
    EXPECT_TRUE(keyboard.node(NodeKind::keyboard).leds.test(LED_SCROLLL));
    EXPECT_FALSE(keyboard.node(NodeKind::keyboard).leds.test(LED_KANA));
    EXPECT_TRUE(keyboard.node(NodeKind::keyboard).keys.test(KEY_A));
    EXPECT_TRUE(keyboard.node(NodeKind::keyboard).repeat);
}

TEST(Shape, AVendorsDeviceNeedsNoInputDeviceUntilItsDriverMakesEvents) {
    EXPECT_EQ(shape({0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x01, 0x75, 0x08, 0x95, 0x04,
                     0x81, 0x02, 0xc0})
                  .present,
              (std::array<bool, kNodeKinds>{}));
}

}  // namespace
}  // namespace opendext::hid
