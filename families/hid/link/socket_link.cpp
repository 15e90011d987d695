// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "families/hid/link/link_base.h"

namespace opendext::hid {
namespace {

class SocketLink final : public LinkBase {
  public:
    explicit SocketLink(UniqueFd socket) : socket_(std::move(socket)) {}
    ~SocketLink() override { close(); }

    Status start() {
        OD_TRY(prepare());
        return watch(socket_.get(), EPOLLIN);
    }

  private:
    Status submit(const Packet& request) override {
        if (waiting_.empty()) {
            const auto sent = send(encode_packet(request));
            if (!sent.ok() || *sent) return sent.ok() ? success() : Status(sent.error());
        }
        waiting_.emplace_back(request.serial, encode_packet(request));
        return watch(socket_.get(), EPOLLIN | EPOLLOUT, true);
    }

    std::string abandon(uint32_t serial) override {
        for (const auto& [number, packet] : waiting_) {
            if (number == serial)
                return "it could not even be sent: the device has not taken the requests before it";
        }
        return "the device has it and does not answer";
    }

    void flush() override {
        if (waiting_.empty()) return;
        while (!waiting_.empty()) {
            // One that was given up meanwhile is not sent.
            if (is_pending(waiting_.front().first)) {
                const auto sent = send(waiting_.front().second);
                if (sent.ok() && !*sent) return;
            }
            waiting_.pop_front();
        }
        (void)watch(socket_.get(), EPOLLIN, true);
    }

    /// False: the socket is full.
    Result<bool> send(const std::vector<uint8_t>& packet) {
        ssize_t sent = 0;
        do {
            sent = ::send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        if (sent >= 0) return true;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return gone();
        return Error::system("sending on a report link");
    }

    static Error gone() { return Error{Errc::peer_gone, 0, "the device is gone"}; }

    Received receive(std::span<uint8_t> buffer) override {
        Received received;
        ssize_t count = 0;
        do {
            count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
            // The peer closed with packets of ours unread; what it sent before is still there.
        } while (count < 0 && (errno == EINTR || errno == ECONNRESET));
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return received;
        received.what = Received::What::end;
        if (count <= 0) {
            received.error = gone();
            return received;
        }
        if (static_cast<size_t>(count) > buffer.size()) {
            received.error =
                Error{Errc::malformed, 0,
                      "packet of a report link: it has " + std::to_string(count) +
                          " bytes, at most " + std::to_string(kMaxPacket) + " are allowed"};
            return received;
        }
        auto packet = decode_packet(buffer.first(static_cast<size_t>(count)));
        if (!packet.ok()) {
            received.error = std::move(packet).error();
        } else if (packet->kind == PacketKind::input) {
            received.what = Received::What::input;
            received.input = {packet->timestamp, packet->report_id, packet->bytes};
        } else if (packet->kind == PacketKind::answer) {
            received.what = Received::What::answer;
            received.serial = packet->serial;
            received.answer = {packet->status, {packet->bytes.begin(), packet->bytes.end()}, {}};
        } else {
            received.error = Error{Errc::malformed, 0,
                                   "packet of a report link: a device sends no " +
                                       std::string(to_string(packet->kind))};
        }
        return received;
    }

    std::pair<int, short> answers_come_at() const override {
        return {socket_.get(), static_cast<short>(waiting_.empty() ? POLLIN : POLLIN | POLLOUT)};
    }

    /// The descriptor stays: a thread may be waiting for it.
    void end() override { ::shutdown(socket_.get(), SHUT_RDWR); }

    UniqueFd socket_;
    std::deque<std::pair<uint32_t, std::vector<uint8_t>>> waiting_;  ///< with their serials
};

}  // namespace

Result<std::unique_ptr<ReportLink>> ReportLink::open_socket(UniqueFd socket) {
    auto link = std::make_unique<SocketLink>(std::move(socket));
    OD_TRY(link->start());
    return std::unique_ptr<ReportLink>(std::move(link));
}

}  // namespace opendext::hid
