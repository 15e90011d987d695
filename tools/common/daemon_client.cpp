// SPDX-License-Identifier: Apache-2.0
#include "tools/common/daemon_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace opendext::tools {

using namespace protocol::client;

namespace {

/// After this, one looks why there is no answer: a process that is stopped gives none.
constexpr std::chrono::milliseconds kPatience{3000};

struct Peer {
    std::string pid;  ///< empty: the kernel does not say
    char state = '?';
};

Peer peer_of(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return {};
    const std::string pid = std::to_string(peer.pid);
    std::ifstream file("/proc/" + pid + "/stat");
    std::string stat;
    std::getline(file, stat);
    const size_t name_end = stat.rfind(") ");
    return {pid, name_end == std::string::npos ? '?' : stat[name_end + 2]};
}

bool is_stopped(int fd) {
    return peer_of(fd).state == 'T';
}

/// Why the process at the other end may not answer, as far as the kernel tells.
std::string silence_of(int fd) {
    const auto [pid, state] = peer_of(fd);
    if (pid.empty()) return "opendextd";
    const std::string process = "opendextd (process " + pid + ")";
    switch (state) {
        case 'T':
            return process + " is stopped; kill -CONT " + pid + " has it go on";
        case 't':
            return process + " is held by a debugger";
        case 'R':
            return process + " is busy, or gets no processor time";
        case 'D':
            return process + " waits for the kernel: a disk or file server, perhaps";
        default:
            return process;
    }
}

}  // namespace

Result<DaemonClient> DaemonClient::connect(const Realm& realm, const std::string& program,
                                           std::chrono::milliseconds timeout) {
    Result<Socket> socket = Socket::connect(realm.socket());
    if (!socket.ok()) {
        return std::move(socket).error().in("no realm is up in " + realm.root().string() +
                                            " ('opendext start' starts it)");
    }
    DaemonClient client(std::move(socket).value());
    client.welcome_ = OD_TRY(client.request<Welcome>(Hello{kVersion, program}, timeout));
    return client;
}

Status DaemonClient::check(const protocol::Outcome& outcome) {
    if (outcome.io_return == 0) return success();
    return Error::kern(static_cast<uint32_t>(outcome.io_return),
                       outcome.reason.empty() ? "opendextd refused the request" : outcome.reason);
}

Result<DaemonClient::FamilyReply> DaemonClient::ask_family(FamilyRequest question,
                                                           std::vector<UniqueFd> fds,
                                                           std::chrono::milliseconds timeout) {
    const uint64_t serial = next_serial_++;
    Message message = encode(std::move(question), serial);
    message.fds = std::move(fds);
    OD_TRY(socket_.send(message));
    Message reply = OD_TRY(receive(serial, timeout));
    if (reply.kind == static_cast<uint32_t>(Kind::outcome)) {
        OD_TRY(check(OD_TRY(decode<Reply>(reply))));
        return Error{Errc::malformed, 0, "opendextd gave no answer"};
    }
    auto answer = OD_TRY(decode<FamilyAnswer>(reply));
    OD_TRY(check(answer.outcome));
    return FamilyReply{std::move(answer.result), std::move(reply.fds)};
}

Result<Message> DaemonClient::receive(uint64_t serial, std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        Result<Message> message =
            socket_.receive_within(std::clamp(left, std::chrono::milliseconds(0), kPatience));
        if (!message.ok()) {
            const bool silent = message.error().code == Errc::timed_out;
            if (silent && left > kPatience && !is_stopped(socket_.fd())) continue;
            return std::move(message).error().in(silent ? silence_of(socket_.fd()) : "opendextd");
        }
        if (message->serial == serial) return message;
        if (message->serial == 0) events_.push_back(std::move(message).value());
        // The late answer to a request that timed out is dropped.
    }
}

Result<Message> DaemonClient::next_event(std::chrono::milliseconds timeout) {
    if (!events_.empty()) {
        Message event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        Message message =
            OD_TRY(socket_.receive_within(std::max(left, std::chrono::milliseconds(0))));
        if (message.serial == 0) return message;
    }
}

}  // namespace opendext::tools
