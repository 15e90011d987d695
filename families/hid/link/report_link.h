// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "families/hid/link/wire.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid {

/// How long a request may take where its caller names no time: what Linux gives a USB device.
inline constexpr std::chrono::milliseconds kDefaultTimeout{5000};

/// What came of a request.
struct Answer {
    int32_t status = kSuccess;   ///< IOReturn: the device's, or of the link (below)
    std::vector<uint8_t> bytes;  ///< the report of a get, with its id iff the device uses ids
    /// Of a status that the link gave, in words: which request, how long it waited, for what.
    std::string reason;
};

/// The user's end of a device: one for each program or driver that opened it. Any thread may make
/// requests and close; next_input is for one thread at a time, the one that polls fd().
///
/// States: open, gone (the device was unplugged, or its end was closed: requests are answered with
/// kNoDevice) and closed (by close(): kAborted). Statuses of the link itself: kTimeout, kNoDevice,
/// kAborted, kNoResources (1024 requests wait), kBadArgument (a report above kMaxReport); of hidraw
/// also kUnsupported, kIoError and kNotResponding for what the kernel said.
class ReportLink {
  public:
    /// An input report. `bytes` are valid until the next call of next_input.
    struct InputReport {
        uint64_t timestamp = 0;  ///< CLOCK_MONOTONIC, ns
        uint32_t report_id = 0;
        std::span<const uint8_t> bytes;  ///< with its id iff the device uses ids
    };
    using Done = std::function<void(Answer)>;
    /// Starts a detached thread with a name of at most 15 characters.
    using StartThread = std::function<void(const char* name, std::function<void()> work)>;

    /// Over a socket whose other end a DeviceSide (or a program that speaks the protocol) has.
    static Result<std::unique_ptr<ReportLink>> open_socket(UniqueFd socket);

    struct Hidraw {
        bool numbered = false;  ///< whether the device uses report ids
        /// Who has the device for itself (InputGate): input is dropped while it is another user.
        /// Empty: no gate.
        UniqueFd gate;
        uint32_t user = 0;  ///< our number in the gate
        /// For the worker that makes the calls that block, started with the first request. Empty:
        /// an ordinary thread.
        StartThread start_thread;
    };
    /// Over an open /dev/hidrawN; its status flags become non-blocking.
    static Result<std::unique_ptr<ReportLink>> open_hidraw(UniqueFd node, Hidraw options);
    /// The ioctl request numbers that open_hidraw's links use, for a sandbox that lets them pass;
    /// those with a size in them are given with size 0.
    [[nodiscard]] static std::span<const uint32_t> hidraw_ioctls();

    virtual ~ReportLink() = default;
    ReportLink(const ReportLink&) = delete;
    ReportLink& operator=(const ReportLink&) = delete;

    /// Readable (POLLIN) when next_input has something to do: input, answers for `done`, a
    /// time-out, the end. Stays the same as long as the link lives.
    [[nodiscard]] virtual int fd() const = 0;

    struct Ready {
        bool link = false;  ///< next_input has something to do
        bool also = false;
    };
    /// Waits until next_input has something to do, or `also` is readable (-1: only the former). The
    /// same as poll() of fd() and `also`, for less: one wait, no descriptor behind a descriptor.
    /// For one thread, which passes the same `also` as long as that descriptor is open. Neither is
    /// ready if a signal came.
    [[nodiscard]] virtual Ready wait(int also) = 0;

    /// The next input report, nullopt if none waits; never blocks. Calls `done` of requests that
    /// are finished. Errc::peer_gone once the device is gone and every report was taken;
    /// Errc::malformed if the other end broke the protocol (it counts as gone then).
    [[nodiscard]] virtual Result<std::optional<InputReport>> next_input() = 0;

    /// Asks for a report. `room`: at most so many bytes of it, its id included.
    /// `done` is called once: from next_input, or from close(). Never from inside this.
    virtual void get(ReportType type, uint32_t report_id, uint32_t room,
                     std::chrono::milliseconds timeout, Done done) = 0;
    /// Sends a report; `bytes` with its id iff the device uses ids; they are copied.
    virtual void set(ReportType type, uint32_t report_id, std::span<const uint8_t> bytes,
                     std::chrono::milliseconds timeout, Done done) = 0;
    /// The same, waiting for the answer. Nobody has to poll meanwhile. Not from inside a `done`.
    [[nodiscard]] virtual Answer get(ReportType type, uint32_t report_id, uint32_t room,
                                     std::chrono::milliseconds timeout = kDefaultTimeout) = 0;
    [[nodiscard]] virtual Answer set(ReportType type, uint32_t report_id,
                                     std::span<const uint8_t> bytes,
                                     std::chrono::milliseconds timeout = kDefaultTimeout) = 0;

    /// Ends the link: the device sees that this user went. Everything that waits is answered with
    /// kAborted, on this thread; next_input gives peer_gone. Called by the destructor, before which
    /// calls of other threads have to be over. A second call does nothing.
    virtual void close() = 0;

    /// Input reports that came and were dropped: while a blocking request read the link and 1024
    /// waited to be taken, or behind the gate. What a device dropped for a full link it counts
    /// itself.
    [[nodiscard]] virtual uint64_t dropped() const = 0;

  protected:
    ReportLink() = default;
};

/// A memfd with two 32-bit words that says who has a hidraw device for itself; its owner's side
/// (opendextd). The second word, constant, is 1 if gets come without the byte 0 before a report
/// that has no id: devices that a program plays through uhid.
class InputGate {
  public:
    static Result<InputGate> make(bool bare_gets);
    /// Of an earlier owner: found again in the keeper.
    static Result<InputGate> adopt(UniqueFd memory);
    /// 0: everybody gets input.
    void set_exclusive_user(uint32_t user);
    [[nodiscard]] uint32_t exclusive_user() const;
    /// A descriptor for a user's ReportLink::Hidraw; it can only be read through.
    [[nodiscard]] Result<UniqueFd> for_user() const;
    [[nodiscard]] int fd() const { return memory_.get(); }

  private:
    UniqueFd memory_;
    Mapping words_;
};

}  // namespace opendext::hid
