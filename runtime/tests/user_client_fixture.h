// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "RuntimeTestDriver.h"
#include "rpc/channel.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/user_client_frames.h"
#include "runtime/tests/events.h"
#include "runtime/tests/fake_daemon.h"

/// What the client program says in one call.
struct Request {
    uint64_t selector = 0;
    std::vector<uint64_t> scalars;
    uint32_t outputs = 0;
    std::optional<std::vector<uint8_t>> structure;
    uint32_t room = 0;
    uint64_t completion = 0;  ///< 0: synchronous
    uint8_t flags = 0;        ///< further ones
    opendext::protocol::user_client::Slot input;
    opendext::protocol::user_client::Slot output;
};

struct Answer {
    int32_t io_return = -1;
    std::vector<uint64_t> scalars;
    std::vector<uint8_t> structure;
    std::string reason;
    uint64_t output_used = 0;
    uint8_t flags = 0;
    std::vector<opendext::UniqueFd> fds;
};

/// What comes without being asked for.
struct Unasked {
    opendext::protocol::user_client::Kind kind{};
    uint64_t completion = 0;
    int32_t status = 0;
    std::vector<uint64_t> arguments;
    opendext::protocol::user_client::SlotFreed slot;
    opendext::Message message;  ///< of copy_memory
};

/// A client program, seen from its end of the channel.
class Program {
  public:
    explicit Program(std::unique_ptr<opendext::Channel> channel) : channel_(std::move(channel)) {}

    [[nodiscard]] opendext::Channel& channel() { return *channel_; }
    uint64_t send(const Request& request, std::vector<opendext::UniqueFd> fds = {});
    Answer receive(uint64_t serial);
    Answer call(const Request& request, std::vector<opendext::UniqueFd> fds = {}) {
        return receive(send(request, std::move(fds)));
    }
    Unasked next_event(opendext::Lane lane = opendext::Lane::events);
    opendext::Message map(uint64_t type);
    /// Waits until the driver has closed the channel; why.
    std::string closed_because();
    /// Whether the driver still answers.
    bool works();

  private:
    static constexpr std::chrono::seconds kPatience{60};
    std::unique_ptr<opendext::Channel> channel_;
    uint64_t serial_ = 0;
};

/// A driver with user clients in this process, and client programs.
class UserClientTest : public testing::Test {
  protected:
    static constexpr uint64_t kDriver = 100;
    static constexpr uint64_t kClient = 200;  ///< the first user client; others follow
    /// Calls with this selector or a higher one run Hooks::external.
    static constexpr uint64_t kHook = 100;

    UserClientTest();
    ~UserClientTest() override;

    /// IOServiceOpen: NewUserClient and the channel. Connections have the numbers of their user
    /// clients.
    std::unique_ptr<Program> open();
    /// Ends a user client as opendextd does after IOServiceClose or the death of the program, and
    /// waits until it is free.
    void end(uint64_t client);

    FakeDaemon daemon_;
    uint64_t next_client_ = kClient;
    std::unique_ptr<Program> program_;
    bool first_ended_ = false;
    opendext::UniqueFd shared_;  ///< the channel's memory of the program that was opened last
};

enum Selector : uint64_t {
    kSum,
    kReverse,
    kLarge,
    kKeepCompletion,
    kComplete,
    kTooMuch,
    kNoFunction,
    kUnknown
};

inline Request make_call(uint64_t selector, std::vector<uint64_t> scalars, uint32_t outputs) {
    Request request;
    request.selector = selector;
    request.scalars = std::move(scalars);
    request.outputs = outputs;
    return request;
}
