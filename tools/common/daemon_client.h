// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "rpc/protocol/client.h"
#include "rpc/realm.h"
#include "rpc/socket.h"

namespace opendext::tools {

/// A tool's connection to opendextd: one request at a time, each waits for its answer. One thread.
///
///     DaemonClient daemon = OD_TRY(DaemonClient::connect(realm, "ioreg"));
///     auto children = OD_TRY(daemon.request<client::Entries>(client::GetRelatives{id, "IOService",
///     false}));
class DaemonClient {
  public:
    static constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(60);

    /// Connects and exchanges Hello and Welcome. Does not start a realm; see ensure_realm().
    static Result<DaemonClient> connect(const Realm& realm, const std::string& program,
                                        std::chrono::milliseconds timeout = kTimeout);

    [[nodiscard]] const protocol::client::Welcome& welcome() const { return welcome_; }

    /// Sends `content` and waits for the answer of kind `Answer`. A refusal (an Outcome in place of
    /// the answer, or an `outcome` in it that is not 0) is an Error of Errc::kern with opendextd's
    /// reason.
    template <typename Answer, typename Request>
    Result<Answer> request(Request content, std::chrono::milliseconds timeout = kTimeout) {
        return answer<Answer>(OD_TRY(send(std::move(content))), timeout);
    }

    /// The two halves of request(), for an answer that may take long: the serial of what was sent,
    /// and the answer to it. Nothing else may be asked in between.
    template <typename Request>
    Result<uint64_t> send(Request content) {
        const uint64_t serial = next_serial_++;
        OD_TRY(socket_.send(encode(std::move(content), serial)));
        return serial;
    }
    template <typename Answer>
    Result<Answer> answer(uint64_t serial, std::chrono::milliseconds timeout) {
        const Message message = OD_TRY(receive(serial, timeout));
        if (message.kind == static_cast<uint32_t>(protocol::client::Kind::outcome)) {
            auto reply = OD_TRY(decode<protocol::client::Reply>(message));
            if constexpr (std::same_as<Answer, protocol::client::Reply>) {
                OD_TRY(check(reply));
                return reply;
            } else {
                OD_TRY(check(reply));
                return Error{Errc::malformed, 0, "opendextd gave no answer"};
            }
        }
        Answer answer = OD_TRY(decode<Answer>(message));
        if constexpr (requires { answer.outcome; }) OD_TRY(check(answer.outcome));
        return answer;
    }

    /// What only a family knows how to do (FamilyRequest), with descriptors both ways.
    struct FamilyReply {
        Dictionary result;
        std::vector<UniqueFd> fds;
    };
    Result<FamilyReply> ask_family(protocol::client::FamilyRequest question,
                                   std::vector<UniqueFd> fds = {},
                                   std::chrono::milliseconds timeout = kTimeout);

    /// The next event (a message with serial 0); Errc::timed_out if none comes within `timeout`.
    Result<Message> next_event(std::chrono::milliseconds timeout);
    [[nodiscard]] int fd() const { return socket_.fd(); }

  private:
    explicit DaemonClient(Socket socket) : socket_(std::move(socket)) {}
    Result<Message> receive(uint64_t serial, std::chrono::milliseconds timeout);
    static Status check(const protocol::Outcome& outcome);

    Socket socket_;
    uint64_t next_serial_ = 1;
    std::deque<Message> events_;
    protocol::client::Welcome welcome_;
};

}  // namespace opendext::tools
