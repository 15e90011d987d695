// SPDX-License-Identifier: Apache-2.0
#include "families/hid/link/device_side.h"
#include "rpc/futex.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

namespace opendext::hid {
namespace {

/// Answers that a user does not take; it has broken the protocol when there are more than requests
/// that a link makes at a time.
constexpr size_t kMaxWaiting = 1024;
/// Packets taken of one user before the others get their turn.
constexpr int kTurn = 64;
/// A packet on a control socket has a header and a name.
constexpr size_t kControlPacket = 512;
/// In epoll's data, beside the numbers of users, which have 32 bits.
constexpr uint64_t kControl = uint64_t{1} << 32;
constexpr uint64_t kNews = kControl + 1;

struct Datagram {
    ssize_t size = -1;  ///< -1: none; 0: the end
    UniqueFd fd;
};

/// Takes the descriptor that came along, and closes what else did.
UniqueFd take_fds(msghdr& message) {
    UniqueFd first;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            UniqueFd owned(fd);
            if (!first) first = std::move(owned);
        }
    }
    return first;
}

Datagram receive(int socket, std::span<uint8_t> buffer) {
    Datagram datagram;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 8)];
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    do {
        datagram.size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
        // The peer closed with packets of ours unread; what it sent before is still there.
    } while (datagram.size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (datagram.size < 0 && errno != EAGAIN && errno != EWOULDBLOCK) datagram.size = 0;
    if (datagram.size >= 0) datagram.fd = take_fds(message);
    return datagram;
}

enum class Sent : uint8_t { yes, full, gone };

Sent send(int socket, std::span<const uint8_t> header, std::span<const uint8_t> bytes) {
    iovec parts[2] = {{const_cast<uint8_t*>(header.data()), header.size()},
                      {const_cast<uint8_t*>(bytes.data()), bytes.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = bytes.empty() ? 1 : 2;
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return Sent::yes;
    // ENOBUFS and ENOMEM pass as well.
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? Sent::gone : Sent::full;
}

class Device final : public DeviceSide {
  public:
    Status start() {
        epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
        if (!epoll_) return Error::system("epoll_create1");
        news_come_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!news_come_) return Error::system("eventfd");
        buffer_.resize(kMaxPacket);
        return watch(EPOLL_CTL_ADD, news_come_.get(), EPOLLIN, kNews);
    }

    [[nodiscard]] int fd() const override { return epoll_.get(); }
    void on_request(std::function<void(const Request&)> handler) override {
        request_ = std::move(handler);
    }
    void on_user(std::function<void(const User&, bool)> handler) override {
        user_changed_ = std::move(handler);
    }

    Status take_control(UniqueFd control) override {
        const std::lock_guard lock(control_mutex_);
        control_ = std::move(control);
        return watch(EPOLL_CTL_ADD, control_.get(), EPOLLIN, kControl);
    }

    Status add_user(const UserOpened& who, UniqueFd link) override {
        const std::lock_guard lock(mutex_);
        if (users_.contains(who.user)) {
            return Error{Errc::exists, 0,
                         "the device has a user " + std::to_string(who.user) + " already"};
        }
        OD_TRY(watch(EPOLL_CTL_ADD, link.get(), EPOLLIN, who.user));
        Link& user = users_[who.user];
        user.about = {who.user, who.pid, who.exclusive, std::string(who.name)};
        user.socket = std::move(link);
        if (who.exclusive) exclusive_ = who.user;
        add_news(user.about, true);
        return success();
    }

    void remove_user(uint32_t user) override {
        const std::lock_guard lock(mutex_);
        remove(user);
    }

    Status process() override {
        tell_news();
        epoll_event events[16];
        int count = 0;
        do {
            count = ::epoll_wait(epoll_.get(), events, 16, 0);
        } while (count < 0 && errno == EINTR);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == kNews) {
                uint64_t news = 0;
                (void)!::read(news_come_.get(), &news, sizeof news);
            } else if (events[i].data.u64 == kControl) {
                take_users();
            } else {
                serve(static_cast<uint32_t>(events[i].data.u64), events[i].events);
            }
        }
        tell_news();
        const std::lock_guard lock(control_mutex_);
        return std::exchange(control_ended_, success());
    }

    Status send_input(uint64_t timestamp, uint32_t report_id,
                      std::span<const uint8_t> bytes) override {
        if (bytes.size() > kMaxReport || report_id > 0xff) {
            return Error{Errc::invalid, 0,
                         "an input report has at most 65,535 bytes and an id of at most 255"};
        }
        Packet packet;
        packet.report_id = report_id;
        packet.timestamp = timestamp != 0 ? timestamp : static_cast<uint64_t>(now_ns());
        packet.bytes = bytes;
        const auto header = encode_header(packet);
        take_users();  // who has the device open by now gets the report
        const std::lock_guard lock(mutex_);
        if (exclusive_) {
            send_to(users_.at(*exclusive_), header, bytes);
        } else {
            for (auto& [number, user] : users_) send_to(user, header, bytes);
        }
        return success();
    }

    void answer(const Request& request, int32_t status, std::span<const uint8_t> bytes) override {
        const std::lock_guard lock(mutex_);
        const auto user = users_.find(request.user);
        if (user == users_.end()) return;
        Packet packet{
            PacketKind::answer, request.type, request.report_id, request.serial, 0, status, 0, {}};
        if (request.kind == PacketKind::get && status == kSuccess)
            packet.bytes = bytes.first(std::min<size_t>(bytes.size(), request.room));
        auto& waiting = user->second.waiting;
        if (waiting.empty() &&
            send(user->second.socket.get(), encode_header(packet), packet.bytes) != Sent::full)
            return;
        if (waiting.size() >= kMaxWaiting) return remove(request.user);
        waiting.push_back(encode_packet(packet));
        (void)watch(EPOLL_CTL_MOD, user->second.socket.get(), EPOLLIN | EPOLLOUT, request.user);
    }

    [[nodiscard]] std::vector<User> users() const override {
        const std::lock_guard lock(mutex_);
        std::vector<User> all;
        for (const auto& [number, user] : users_) all.push_back(user.about);
        return all;
    }

  private:
    struct Link {
        User about;
        UniqueFd socket;
        std::deque<std::vector<uint8_t>> waiting;  ///< answers
    };

    Status watch(int operation, int fd, uint32_t events, uint64_t data) const {
        epoll_event event{};
        event.events = events;
        event.data.u64 = data;
        if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0)
            return Error::system("epoll_ctl");
        return success();
    }

    static void send_to(Link& user, std::span<const uint8_t> header,
                        std::span<const uint8_t> bytes) {
        ++(send(user.socket.get(), header, bytes) == Sent::full ? user.about.dropped
                                                                : user.about.sent);
    }

    void remove(uint32_t number) {
        const auto user = users_.find(number);
        if (user == users_.end()) return;
        if (exclusive_ == number) exclusive_.reset();
        add_news(user->second.about, false);
        users_.erase(user);  // epoll forgets a descriptor that is closed
    }

    void wake_process() const {
        const uint64_t one = 1;
        (void)!::write(news_come_.get(), &one, sizeof one);
    }

    void add_news(const User& user, bool present) {
        if (news_.empty()) wake_process();
        news_.emplace_back(user, present);
    }

    void tell_news() {
        for (;;) {
            std::pair<User, bool> first;
            {
                const std::lock_guard lock(mutex_);
                if (news_.empty()) return;
                first = std::move(news_.front());
                news_.pop_front();
            }
            if (user_changed_) user_changed_(first.first, first.second);
        }
    }

    /// New users, from the control socket. Whoever finds none there, on whatever thread, knows that
    /// all have been added: they are received and added under one lock.
    void take_users() {
        const std::lock_guard taking(control_mutex_);
        std::array<uint8_t, kControlPacket> buffer;
        while (control_) {
            Datagram datagram = receive(control_.get(), buffer);
            if (datagram.size < 0) return;
            const Status added = add_opened(std::move(datagram), buffer);
            if (added.ok()) continue;
            control_.reset();
            control_ended_ = added;
            wake_process();
        }
    }

    Status add_opened(Datagram datagram, std::span<const uint8_t> buffer) {
        const auto size = static_cast<size_t>(datagram.size);
        if (size == 0) return Error{Errc::peer_gone, 0, "opendextd ended the device"};
        if (size > buffer.size()) {
            return Error{Errc::malformed, 0,
                         "packet of a control socket: it has " + std::to_string(size) + " bytes"};
        }
        const Packet packet = OD_TRY(decode_packet(buffer.first(size)));
        const UserOpened who = OD_TRY(opened_of(packet));
        if (!datagram.fd) {
            return Error{Errc::malformed, 0, "packet of a control socket: it brings no descriptor"};
        }
        return add_user(who, std::move(datagram.fd));
    }

    /// What a user sent, and what waits for it.
    void serve(uint32_t number, uint32_t events) {
        if ((events & EPOLLOUT) != 0) send_waiting(number);
        for (int turn = 0; turn < kTurn; turn++) {
            Datagram datagram;
            {
                const std::lock_guard lock(mutex_);
                const auto user = users_.find(number);
                if (user == users_.end()) return;
                datagram = receive(user->second.socket.get(), buffer_);
                if (datagram.size < 0) return;
            }
            const size_t size = static_cast<size_t>(datagram.size);
            const auto packet = size > buffer_.size()
                                    ? Result<Packet>(Error{Errc::malformed, 0, "too long"})
                                    : decode_packet(std::span(buffer_).first(size));
            if (!packet.ok() ||
                (packet->kind != PacketKind::get && packet->kind != PacketKind::set))
                return remove_user(number);
            const Request request{packet->kind,   packet->type,   packet->report_id, number,
                                  packet->serial, packet->length, packet->bytes};
            if (request_) {
                request_(request);
            } else {
                answer(request, kUnsupported, {});
            }
        }
    }

    void send_waiting(uint32_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = users_.find(number);
        if (found == users_.end()) return;
        Link& user = found->second;
        while (!user.waiting.empty()) {
            if (send(user.socket.get(), user.waiting.front(), {}) == Sent::full) return;
            user.waiting.pop_front();
        }
        (void)watch(EPOLL_CTL_MOD, user.socket.get(), EPOLLIN, number);
    }

    UniqueFd epoll_;
    UniqueFd news_come_;  ///< eventfd
    std::function<void(const Request&)> request_;
    std::function<void(const User&, bool)> user_changed_;
    std::vector<uint8_t> buffer_;  ///< of the thread in process()
    std::mutex control_mutex_;     ///< taken before mutex_
    UniqueFd control_;
    Status control_ended_ = success();  ///< for process() to return
    mutable std::mutex mutex_;
    std::map<uint32_t, Link> users_;
    std::optional<uint32_t> exclusive_;
    std::deque<std::pair<User, bool>> news_;  ///< for on_user
};

}  // namespace

Result<std::unique_ptr<DeviceSide>> DeviceSide::make() {
    auto device = std::make_unique<Device>();
    OD_TRY(device->start());
    return std::unique_ptr<DeviceSide>(std::move(device));
}

}  // namespace opendext::hid
