// SPDX-License-Identifier: Apache-2.0
// IOUserHIDEventService: the reports of an interface as values of elements, and the driver's code
// between them and events.
#include <HIDDriverKit/IOUserHIDEventService.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>
#include <HIDDriverKit/IOHIDDeviceKeys.h>
#include <HIDDriverKit/IOHIDUsageTables.h>

#include <algorithm>

#include "families/hid/driver/event_ivars.h"
#include "families/hid/driver/interface.h"
#include "runtime/family.h"

using opendext::hid::Element;
using opendext::hid::ElementTree;
using opendext::hid::EventService;
using opendext::hid::GameControl;
using opendext::hid::GameState;
using opendext::hid::InputIdentity;
using opendext::hid::Interface;
using opendext::hid::MemoryBytes;
using opendext::hid::report_type_of;
using opendext::hid::ReportType;
namespace family = opendext::family;

struct IOUserHIDEventService_IVars {
    IOHIDInterface* interface = nullptr;  // retained from Start to free
    bool open = false;
    std::vector<opendext::hid::Change> changed;  // by the report that is being handled
};

namespace {

/// How many buffers an opened interface gets for drivers that take reports as memory.
constexpr int kPoolSize = 4;

EventService& events_of(IOHIDEventService* service) {
    return service->IOHIDEventService::ivars->events;
}

uint16_t number_of(OSDictionary* properties, const char* key) {
    auto* number = OSDynamicCast(OSNumber, properties->getObject(key));
    return number == nullptr ? 0 : static_cast<uint16_t>(number->unsigned32BitValue());
}

std::string text_of(OSDictionary* properties, const char* key) {
    auto* text = OSDynamicCast(OSString, properties->getObject(key));
    return text == nullptr ? std::string() : std::string(text->getCStringNoCopy());
}

InputIdentity identity_of(IOService* device) {
    InputIdentity identity;
    OSDictionary* properties = nullptr;
    if (device->CopyProperties(&properties) == kIOReturnSuccess && properties != nullptr) {
        identity.name = text_of(properties, kIOHIDProductKey);
        identity.bus = opendext::hid::bus_of(text_of(properties, kIOHIDTransportKey));
        identity.vendor = number_of(properties, kIOHIDVendorIDKey);
        identity.product = number_of(properties, kIOHIDProductIDKey);
        identity.version = number_of(properties, kIOHIDVersionNumberKey);
    }
    OSSafeReleaseNULL(properties);
    if (identity.name.empty()) identity.name = "HID device";
    return identity;
}

/// Puts a report into the elements and gives it to the driver.
void handle(IOUserHIDEventService* service, ElementTree* tree, uint64_t timestamp, ReportType type,
            uint8_t id, std::span<const uint8_t> bytes) {
    EventService::Report report(events_of(service), timestamp, type, id, bytes);
    auto& changed = service->IOUserHIDEventService::ivars->changed;
    changed.clear();
    if (tree != nullptr) {
        tree->take(timestamp, type, id, bytes, [&](const Element& element, int64_t value) {
            changed.push_back({element.cookie, value});
            report.element(element, value);
        });
    }
    // The bytes lie in memory of ours, whoever changes them.
    service->handleReport(timestamp, const_cast<uint8_t*>(bytes.data()),
                          static_cast<uint32_t>(bytes.size()), static_cast<IOHIDReportType>(type),
                          id);
}

/// The output element of a light; nullptr: the device has none with this usage.
IOHIDElement* find_light(IOUserHIDEventService* service, uint32_t page, uint32_t usage) {
    auto* interface = service->IOUserHIDEventService::ivars->interface;
    ElementTree* const tree = interface == nullptr ? nullptr : Interface::of(interface).tree();
    if (tree == nullptr) return nullptr;
    for (const Element& element : tree->descriptor().elements) {
        if (element.usage_page == page && element.usage == usage &&
            element.type == opendext::hid::ElementType::output) {
            return OSDynamicCast(IOHIDElement, tree->elements()->getObject(element.cookie - 1));
        }
    }
    return nullptr;
}

}  // namespace

const std::vector<opendext::hid::Change>& opendext::hid::changed_elements(
    IOUserHIDEventService* service) {
    return service->IOUserHIDEventService::ivars->changed;
}

kern_return_t opendext::hid::set_light(IOUserHIDEventService* service, uint32_t page,
                                       uint32_t usage, bool on) {
    IOHIDElement* const light = find_light(service, page, usage);
    if (light == nullptr) return kIOReturnUnsupported;
    light->setValue(on ? 1 : 0);
    return light->commit(kIOHIDElementCommitDirectionOut);
}

bool IOUserHIDEventService::init() {
    if (!super::init()) return false;
    ivars = new IOUserHIDEventService_IVars;
    return true;
}

void IOUserHIDEventService::free() {
    if (ivars != nullptr) OSSafeReleaseNULL(ivars->interface);
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IOUserHIDEventService::Start_Impl(IOService* provider) {
    auto* interface = OSDynamicCast(IOHIDInterface, provider);
    if (interface == nullptr) {
        family::log(family::LogType::error, "hid",
                    "%s: the provider is a %s; an IOUserHIDEventService needs an IOHIDInterface "
                    "(IOProviderClass of the personality)",
                    GetClassName(), provider == nullptr ? "NULL" : provider->GetClassName());
        return kIOReturnUnsupported;
    }
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    interface->retain();
    OSSafeReleaseNULL(ivars->interface);
    ivars->interface = interface;
    if (!handleStart(provider)) {
        family::log(family::LogType::error, "hid", "%s: handleStart gave false", GetClassName());
        return kIOReturnError;
    }
    Interface& state = Interface::of(interface);
    ElementTree* const tree = state.tree();
    events_of(this).describe(identity_of(interface), tree == nullptr
                                                         ? opendext::hid::ReportDescriptor{}
                                                         : tree->descriptor());
    state.watch([this](ReportType type, uint8_t id, std::span<const uint8_t> bytes) {
        events_of(this).trace_report(type, id, bytes);
    });

    opendext::hid::Reports::Work work;
    work.input = [this, tree](const opendext::hid::ReportLink::InputReport& report) {
        handle(this, tree, report.timestamp, ReportType::input,
               static_cast<uint8_t>(report.report_id), report.bytes);
    };
    work.also_fd = [this] { return events_of(this).lights_fd(); };
    work.also = [this] { events_of(this).take_lights(); };
    work.relinked = [this] { events_of(this).let_go(); };
    ret = state.open(this, 0, std::move(work));
    ivars->open = ret == kIOReturnSuccess;
    if (!ivars->open) {
        family::log(family::LogType::error, "hid", "%s: opening the interface: %s", GetClassName(),
                    StringFromReturn(ret));
    }
    return ret;
}

kern_return_t IOUserHIDEventService::Stop_Impl(IOService* provider) {
    if (ivars->open) {
        ivars->open = false;
        Interface::of(ivars->interface).watch({});
        (void)ivars->interface->Close(this, 0);
    }
    return Stop(provider, SUPERDISPATCH);
}

bool IOUserHIDEventService::handleStart(IOService*) {
    return true;
}

/// Only for drivers that open the interface with an action; reports come without memory here.
bool IOUserHIDEventService::createReportPool() {
    if (ivars->interface == nullptr) return false;
    ElementTree* const tree = Interface::of(ivars->interface).tree();
    if (tree == nullptr) return false;
    const uint64_t longest =
        std::max<uint64_t>(tree->descriptor().max_report_size(ReportType::input), 1);
    for (int i = 0; i < kPoolSize; ++i) {
        IOBufferMemoryDescriptor* memory = nullptr;
        if (IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, longest, 0, &memory) !=
            kIOReturnSuccess) {
            return false;
        }
        const kern_return_t ret = ivars->interface->AddReportToPool(memory);
        memory->release();
        if (ret != kIOReturnSuccess) return false;
    }
    return true;
}

OSArray* IOUserHIDEventService::getElements() {
    return ivars->interface == nullptr ? nullptr : ivars->interface->getElements();
}

bool IOUserHIDEventService::conformsTo(uint32_t usagePage, uint32_t usage) {
    ElementTree* const tree =
        ivars->interface == nullptr ? nullptr : Interface::of(ivars->interface).tree();
    if (tree == nullptr) return false;
    return std::ranges::find(tree->descriptor().usage_pairs,
                             opendext::hid::UsagePair{usagePage, usage}) !=
           tree->descriptor().usage_pairs.end();
}

void IOUserHIDEventService::handleReport(uint64_t, uint8_t*, uint32_t, IOHIDReportType, uint32_t) {}

kern_return_t IOUserHIDEventService::processReport(uint64_t timestamp, uint64_t report,
                                                   uint32_t reportLength, IOHIDReportType type,
                                                   uint32_t reportID) {
    const auto known = report_type_of(type);
    if (!known || report == 0 || reportID > 0xff) return kIOReturnBadArgument;
    if (ivars->interface == nullptr) return kIOReturnNotReady;
    handle(this, Interface::of(ivars->interface).tree(), timestamp, *known,
           static_cast<uint8_t>(reportID),
           {reinterpret_cast<const uint8_t*>(report), reportLength});
    return kIOReturnSuccess;
}

void IOUserHIDEventService::ReportAvailable_Impl(uint64_t timestamp, uint32_t reportID,
                                                 uint32_t reportLength, IOHIDReportType type,
                                                 IOMemoryDescriptor* report, OSAction*) {
    const auto memory = MemoryBytes::of(report);
    if (!memory || reportLength > memory->bytes().size()) return;
    (void)processReport(timestamp, reinterpret_cast<uint64_t>(memory->bytes().data()), reportLength,
                        type, reportID);
}

kern_return_t IOUserHIDEventService::SetProperties_Impl(OSDictionary* properties) {
    return SetProperties(properties, SUPERDISPATCH);
}

kern_return_t IOUserHIDEventService::SetLEDState_Impl(uint32_t usagePage, uint32_t usage, bool on) {
    if (find_light(this, usagePage, usage) == nullptr) return kIOReturnUnsupported;
    if (usagePage != kHIDPage_LEDs) return opendext::hid::set_light(this, usagePage, usage, on);
    SetLED(usage, on);  // a driver may have its own; the default is set_light()
    return kIOReturnSuccess;
}

void IOUserHIDEventService::dispatchEvent(IOHIDEvent* event) {
    super::dispatchEvent(event);
}

kern_return_t IOUserHIDEventService::dispatchDigitizerStylusEvent(
    uint64_t timeStamp, IOHIDDigitizerStylusData* stylusData) {
    return super::dispatchDigitizerStylusEvent(timeStamp, stylusData);
}

kern_return_t IOUserHIDEventService::dispatchDigitizerTouchEvent(uint64_t timeStamp,
                                                                 IOHIDDigitizerTouchData* touchData,
                                                                 uint32_t touchDataCount) {
    return super::dispatchDigitizerTouchEvent(timeStamp, touchData, touchDataCount);
}

namespace {

constexpr IOFixed kOne = 1 << 16;

struct GameSetter {
    GameState state{};
    GameSetter& set(GameControl control, IOFixed value) {
        state[static_cast<size_t>(control)] = value;
        return *this;
    }
};

}  // namespace

// What the three game controller calls have in common, under their common names.
#define STANDARD_GAME_STATE                                            \
    GameSetter()                                                       \
        .set(GameControl::dpad_up, dpadUp)                             \
        .set(GameControl::dpad_down, dpadDown)                         \
        .set(GameControl::dpad_left, dpadLeft)                         \
        .set(GameControl::dpad_right, dpadRight)                       \
        .set(GameControl::face_x, faceX)                               \
        .set(GameControl::face_y, faceY)                               \
        .set(GameControl::face_a, faceA)                               \
        .set(GameControl::face_b, faceB)                               \
        .set(GameControl::shoulder_l1, shoulderL1)                     \
        .set(GameControl::shoulder_r1, shoulderR1)                     \
        .set(GameControl::shoulder_l2, shoulderL2)                     \
        .set(GameControl::shoulder_r2, shoulderR2)                     \
        .set(GameControl::joystick_x, joystickX)                       \
        .set(GameControl::joystick_y, joystickY)                       \
        .set(GameControl::joystick_z, joystickZ)                       \
        .set(GameControl::joystick_rz, joystickRz)                     \
        .set(GameControl::thumb_left, thumbstickButtonLeft ? kOne : 0) \
        .set(GameControl::thumb_right, thumbstickButtonRight ? kOne : 0)

kern_return_t IOUserHIDEventService::dispatchStandardGameControllerEvent(
    uint64_t timeStamp, IOFixed dpadUp, IOFixed dpadDown, IOFixed dpadLeft, IOFixed dpadRight,
    IOFixed faceX, IOFixed faceY, IOFixed faceA, IOFixed faceB, IOFixed shoulderL1,
    IOFixed shoulderR1, IOFixed shoulderL2, IOFixed shoulderR2, IOFixed joystickX,
    IOFixed joystickY, IOFixed joystickZ, IOFixed joystickRz, bool thumbstickButtonLeft,
    bool thumbstickButtonRight, IOOptionBits) {
    return events_of(this).game(timeStamp, STANDARD_GAME_STATE.state);
}

kern_return_t IOUserHIDEventService::dispatchExtendedGameControllerEvent(
    uint64_t timeStamp, IOFixed dpadUp, IOFixed dpadDown, IOFixed dpadLeft, IOFixed dpadRight,
    IOFixed faceX, IOFixed faceY, IOFixed faceA, IOFixed faceB, IOFixed shoulderL1,
    IOFixed shoulderR1, IOFixed shoulderL2, IOFixed shoulderR2, IOFixed joystickX,
    IOFixed joystickY, IOFixed joystickZ, IOFixed joystickRz, bool thumbstickButtonLeft,
    bool thumbstickButtonRight, IOFixed buttonL4, IOFixed buttonR4, IOFixed buttonL5,
    IOFixed buttonR5, IOOptionBits) {
    return events_of(this).game(timeStamp, STANDARD_GAME_STATE.set(GameControl::back_l4, buttonL4)
                                               .set(GameControl::back_r4, buttonR4)
                                               .set(GameControl::back_l5, buttonL5)
                                               .set(GameControl::back_r5, buttonR5)
                                               .state);
}

kern_return_t IOUserHIDEventService::dispatchExtendedGameControllerEventWithOptionalButtons(
    uint64_t timeStamp, IOFixed dpadUp, IOFixed dpadDown, IOFixed dpadLeft, IOFixed dpadRight,
    IOFixed faceX, IOFixed faceY, IOFixed faceA, IOFixed faceB, IOFixed shoulderL1,
    IOFixed shoulderR1, IOFixed shoulderL2, IOFixed shoulderR2, IOFixed joystickX,
    IOFixed joystickY, IOFixed joystickZ, IOFixed joystickRz, bool thumbstickButtonLeft,
    bool thumbstickButtonRight, IOFixed shoulderL4, IOFixed shoulderR4, IOFixed bottomM1,
    IOFixed bottomM2, IOFixed bottomM3, IOFixed bottomM4, IOOptionBits) {
    return events_of(this).game(timeStamp, STANDARD_GAME_STATE.set(GameControl::back_l4, shoulderL4)
                                               .set(GameControl::back_r4, shoulderR4)
                                               .set(GameControl::bottom_m1, bottomM1)
                                               .set(GameControl::bottom_m2, bottomM2)
                                               .set(GameControl::bottom_m3, bottomM3)
                                               .set(GameControl::bottom_m4, bottomM4)
                                               .state);
}
