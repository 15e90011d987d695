// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "families/hid/link/wire.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::hid {

/// Who plays a device: the other ends of its users' links, which come over the device's control
/// socket (take_control). opendextd puts a user's link there before the user learns that its open
/// succeeded, so no report is missed that was sent because somebody has the device open.
///
/// Any thread may add users, send input and answer; process() is for one thread at a time, the one
/// that polls fd(). The functions that are set have to be set before the first user is added, and
/// are called from process() only.
class DeviceSide {
  public:
    /// Which get or set an answer is for; may be kept as long as the DeviceSide lives.
    struct Request {
        PacketKind kind = PacketKind::get;  ///< get or set
        ReportType type = ReportType::input;
        uint32_t report_id = 0;
        uint32_t user = 0;    ///< who asks
        uint32_t serial = 0;  ///< the user's number of it
        uint32_t room = 0;    ///< of a get: an answer has at most so many bytes
        /// Of a set: the report, with its id iff the device uses ids. Valid during the call only.
        std::span<const uint8_t> bytes;
    };
    struct User {
        uint32_t number = 0;
        int32_t pid = 0;
        bool exclusive = false;
        std::string name;
        uint64_t sent = 0;     ///< input reports
        uint64_t dropped = 0;  ///< input reports, for its link was full
    };

    static Result<std::unique_ptr<DeviceSide>> make();
    virtual ~DeviceSide() = default;
    DeviceSide(const DeviceSide&) = delete;
    DeviceSide& operator=(const DeviceSide&) = delete;

    /// Readable (POLLIN) when process() has something to do.
    [[nodiscard]] virtual int fd() const = 0;

    /// A get or set came; answer() at once or later. Without one every request is answered with
    /// kUnsupported.
    virtual void on_request(std::function<void(const Request&)> handler) = 0;
    /// A user came or went (`present` false), after the fact.
    virtual void on_user(std::function<void(const User&, bool present)> handler) = 0;

    /// Gets its users over this socket from now on: the other end is opendextd's.
    virtual Status take_control(UniqueFd control) = 0;
    /// `link`: the device's end. Errc::exists if there is a user with this number.
    virtual Status add_user(const UserOpened& who, UniqueFd link) = 0;
    /// Closes that user's link.
    virtual void remove_user(uint32_t user) = 0;

    /// Handles everything that waits; never blocks. A user that breaks the protocol loses its link,
    /// which `on_user` tells. Errc::peer_gone, once, when the control socket has hung up: opendextd
    /// ended the device (the users' links go on). Another error, once, when what came over it made
    /// no sense: it was closed, which ends the device too.
    [[nodiscard]] virtual Status process() = 0;

    /// Sends an input report to every user, or to the exclusive one while there is one. A user
    /// whose link is full does not get it; that is counted. `timestamp` 0: now. Errc::invalid for a
    /// report above kMaxReport.
    virtual Status send_input(uint64_t timestamp, uint32_t report_id,
                              std::span<const uint8_t> bytes) = 0;
    /// Answers a request, once; a second answer, or one to a user that has gone, is dropped.
    /// `bytes`: the report of a get, cut to its room.
    virtual void answer(const Request& request, int32_t status,
                        std::span<const uint8_t> bytes = {}) = 0;

    [[nodiscard]] virtual std::vector<User> users() const = 0;

  protected:
    DeviceSide() = default;
};

}  // namespace opendext::hid
