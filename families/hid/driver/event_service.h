// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <HIDDriverKit/IOHIDEventService.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "families/hid/driver/events/input_events.h"
#include "families/hid/driver/trace.h"

namespace opendext::hid {

/// What an IOHIDEventService has in its process: the trace, and the kernel's input devices as far
/// as there are any. Events may come from any thread.
class EventService {
  public:
    explicit EventService(IOHIDEventService* object) : object_(object) {}

    /// Makes the trace and hands it to opendextd.
    kern_return_t start();
    /// What the device says of itself; the input devices that it needs are made.
    void describe(InputIdentity identity, const ReportDescriptor& descriptor);
    /// Lets go of all keys: what the device said of them may have been lost.
    void let_go();
    /// The same; events are refused from now on.
    void stop();

    // kIOReturnNotReady before start() and after stop().
    kern_return_t keyboard(uint64_t timestamp, uint32_t page, uint32_t usage, uint32_t value,
                           bool repeat);
    kern_return_t relative_pointer(uint64_t timestamp, IOFixed dx, IOFixed dy, uint32_t buttons);
    kern_return_t absolute_pointer(uint64_t timestamp, IOFixed x, IOFixed y, uint32_t buttons);
    kern_return_t scroll(uint64_t timestamp, IOFixed dx, IOFixed dy, IOFixed dz);
    kern_return_t stylus(uint64_t timestamp, const IOHIDDigitizerStylusData& data);
    kern_return_t touch(uint64_t timestamp, std::span<const IOHIDDigitizerTouchData> contacts);
    kern_return_t game(uint64_t timestamp, const GameState& state);

    /// Around the handling of one report: its events go to the kernel together.
    class Report {
      public:
        Report(EventService& service, uint64_t timestamp, ReportType type, uint8_t id,
               std::span<const uint8_t> bytes);
        ~Report();
        Report(const Report&) = delete;
        Report& operator=(const Report&) = delete;
        void element(const Element& element, int64_t value);

      private:
        EventService& service_;
        const uint64_t timestamp_;
        const bool gathers_;  ///< there were input devices when it began
    };
    /// A report that went to the device, or came by request.
    void trace_report(ReportType type, uint8_t id, std::span<const uint8_t> bytes);

    /// Readable when the kernel wants lights on or off; -1: no input device of a keyboard.
    [[nodiscard]] int lights_fd();
    /// Calls SetLEDState of the object for each; on its queue.
    void take_lights();

  private:
    enum class State : uint8_t { new_object, running, stopped };
    InputEvents& input();
    Result<InputEvents::Opened> open_node(NodeKind kind);
    /// Traces the event, and wakes readers unless more of the same report follows.
    void told(uint64_t timestamp, EventKind kind, bool delivered,
              std::initializer_list<int64_t> values);

    IOHIDEventService* const object_;
    std::atomic<State> state_{State::new_object};
    std::optional<TraceWriter> trace_;
    std::mutex mutex_;  ///< of the making of input_, and of game_
    std::optional<InputEvents> input_;
    std::atomic<int> in_report_{0};
    GameState game_{};
};

}  // namespace opendext::hid
