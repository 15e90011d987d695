// SPDX-License-Identifier: Apache-2.0
#include "rpc/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "rpc/datagram.h"

#include "rpc/socket_peek.h"

namespace opendext {
namespace {

constexpr uint32_t kBodyInMemory = 1;  // the last descriptor is a sealed memfd with the body

using Header = DatagramHeader;

Error gone() {
    return Error{Errc::peer_gone, 0, "the other end closed the connection"};
}

/// sun_path holds 108 bytes; a longer path is reached through its directory's descriptor.
class SocketAddress {
  public:
    static Result<SocketAddress> of(const std::filesystem::path& path) {
        SocketAddress result;
        result.address_.sun_family = AF_UNIX;
        std::string text = path.string();
        if (text.size() >= sizeof result.address_.sun_path) {
            const std::filesystem::path parent = path.parent_path();
            result.directory_ = UniqueFd(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
            if (!result.directory_) return Error::system("cannot open " + parent.string());
            text = "/proc/self/fd/" + std::to_string(result.directory_.get()) + "/" +
                   path.filename().string();
            if (text.size() >= sizeof result.address_.sun_path) {
                return Error{Errc::invalid, 0, "socket name is too long: " + path.string()};
            }
        }
        std::memcpy(result.address_.sun_path, text.c_str(), text.size() + 1);
        return result;
    }
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&address_);
    }
    static constexpr socklen_t size() { return sizeof(sockaddr_un); }

  private:
    sockaddr_un address_{};
    UniqueFd directory_;
};

Result<UniqueFd> new_socket() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd) return Error::system("cannot create a socket");
    return fd;
}

Result<std::vector<uint8_t>> read_body(const UniqueFd& memory, size_t size) {
    if (size > OD_TRY(sealed_memory_size(memory.get()))) {
        return Error{Errc::malformed, 0, "message body is larger than its memory"};
    }
    std::vector<uint8_t> body(size);
    size_t done = 0;
    while (done < size) {
        const ssize_t count =
            ::pread(memory.get(), body.data() + done, size - done, static_cast<off_t>(done));
        if (count <= 0) return Error::system("cannot read a message body");
        done += static_cast<size_t>(count);
    }
    return body;
}

Result<UniqueFd> write_body(const std::vector<uint8_t>& body) {
    UniqueFd memory = OD_TRY(make_sealed_memory("opendext-message", body.size()));
    size_t done = 0;
    while (done < body.size()) {
        const ssize_t count = ::pwrite(memory.get(), body.data() + done, body.size() - done,
                                       static_cast<off_t>(done));
        if (count <= 0) return Error::system("cannot write a message body");
        done += static_cast<size_t>(count);
    }
    return memory;
}

/// Takes the descriptors out of the control data, so that none leaks whatever is wrong with the
/// message.
std::vector<UniqueFd> collect_fds(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            fds.emplace_back(fd);
        }
    }
    return fds;
}

}  // namespace

namespace {
Result<std::optional<Message>> receive_with(int fd, int more_flags);
}

Result<std::pair<Socket, Socket>> Socket::pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return Error::system("cannot create a socket pair");
    }
    return std::pair{Socket(UniqueFd(ends[0])), Socket(UniqueFd(ends[1]))};
}

Result<Socket> Socket::connect(const std::filesystem::path& path) {
    const SocketAddress address = OD_TRY(SocketAddress::of(path));
    UniqueFd fd = OD_TRY(new_socket());
    // Of a process that is stopped the queue fills up, and then connecting waits.
    const timeval patience{5, 0}, for_ever{};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd.get(), address.get(), SocketAddress::size()) != 0) {
        if (errno == EAGAIN) {
            return Error{Errc::timed_out, 0,
                         path.string() +
                             " takes no more connections: its process is stopped, or "
                             "has too much to do"};
        }
        return Error::system("cannot connect to " + path.string());
    }
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &for_ever, sizeof for_ever);
    return Socket(std::move(fd));
}

Status Socket::send(const Message& message, Wait wait) const {
    if (message.body.size() > kMaxBody || message.fds.size() > kMaxMessageFds) {
        return Error{Errc::invalid, 0, "message is too large to send"};
    }
    Header header{kDatagramMagic, message.kind, message.serial, 0,
                  static_cast<uint32_t>(message.body.size())};
    std::array<iovec, 2> parts{{{&header, sizeof header},
                                {const_cast<uint8_t*>(message.body.data()), message.body.size()}}};
    std::vector<int> fds;
    for (const UniqueFd& fd : message.fds) fds.push_back(fd.get());
    UniqueFd memory;
    if (message.body.size() > kMaxInlineBody) {
        memory = OD_TRY(write_body(message.body));
        fds.push_back(memory.get());
        header.flags |= kBodyInMemory;
        parts[1].iov_len = 0;
    }
    msghdr datagram{};
    datagram.msg_iov = parts.data();
    datagram.msg_iovlen = parts.size();
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * (kMaxMessageFds + 1))> control{};
    if (!fds.empty()) {
        datagram.msg_control = control.data();
        datagram.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
        cmsghdr* part = CMSG_FIRSTHDR(&datagram);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
        std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * fds.size());
    }
    const int flags = MSG_NOSIGNAL | (wait == Wait::dont_block ? MSG_DONTWAIT : 0);
    for (;;) {
        if (::sendmsg(fd_.get(), &datagram, flags) >= 0) return success();
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return Error{Errc::no_space, 0, "the other end's queue is full"};
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return gone();
        return Error::system("cannot send a message");
    }
}

Result<std::optional<Message>> Socket::receive(Wait wait) const {
    return receive_with(fd_.get(), wait == Wait::dont_block ? MSG_DONTWAIT : 0);
}

Result<std::optional<Message>> peek(const Socket& socket) {
    return receive_with(socket.fd(), MSG_DONTWAIT | MSG_PEEK);
}

void discard(const Socket& socket) {
    char byte = 0;
    while (::recv(socket.fd(), &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) < 0 &&
           errno == EINTR) {
    }
}

namespace {
Result<std::optional<Message>> receive_with(int fd, int more_flags) {
    Header header{};
    // Not initialised: a message touches as many pages as it has, also in drivers that are idle
    // ever after.
    std::array<uint8_t, kMaxInlineBody> body;
    std::array<iovec, 2> parts{{{&header, sizeof header}, {body.data(), body.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * (kMaxMessageFds + 1))> control{};
    msghdr datagram{};
    datagram.msg_iov = parts.data();
    datagram.msg_iovlen = parts.size();
    datagram.msg_control = control.data();
    datagram.msg_controllen = control.size();
    const int flags = MSG_CMSG_CLOEXEC | more_flags;
    ssize_t size = -1;
    do {
        size = ::recvmsg(fd, &datagram, flags);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        if (errno == EAGAIN) return std::optional<Message>{};
        if (errno == ECONNRESET) return gone();
        return Error::system("cannot receive a message");
    }
    Message message;
    message.fds = collect_fds(datagram);
    if (size == 0) return gone();
    const bool whole = (datagram.msg_flags & MSG_TRUNC) == 0;
    if (!whole || static_cast<size_t>(size) < sizeof header || header.magic != kDatagramMagic ||
        header.body_size > kMaxBody) {
        return Error{Errc::malformed, 0, "received bytes are not a message"};
    }
    if ((datagram.msg_flags & MSG_CTRUNC) != 0 && message.fds.size() <= kMaxMessageFds) {
        // This process is at its limit of descriptors. That is no reason to end the connection:
        // whoever wants those of this message finds none.
        message.fds.clear();
    }
    message.kind = header.kind;
    message.serial = header.serial;
    const size_t inline_size = static_cast<size_t>(size) - sizeof header;
    if ((header.flags & kBodyInMemory) != 0) {
        if (message.fds.empty() || inline_size != 0) {
            return Error{Errc::malformed, 0, "message has no memory for its body"};
        }
        const UniqueFd memory = std::move(message.fds.back());
        message.fds.pop_back();
        message.body = OD_TRY(read_body(memory, header.body_size));
    } else {
        if (inline_size != header.body_size) {
            return Error{Errc::malformed, 0, "message size does not match its header"};
        }
        message.body.assign(body.data(), body.data() + inline_size);
    }
    if (message.fds.size() > kMaxMessageFds) {
        return Error{Errc::malformed, 0, "message carries too many descriptors"};
    }
    return std::optional(std::move(message));
}
}  // namespace

Result<Message> Socket::receive_within(std::chrono::milliseconds timeout) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        std::optional<Message> message = OD_TRY(receive(Wait::dont_block));
        if (message) return std::move(*message);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return Error{Errc::timed_out, 0, "no answer in time"};
        pollfd waiter{fd_.get(), POLLIN, 0};
        if (::poll(&waiter, 1, static_cast<int>(left.count()) + 1) < 0 && errno != EINTR) {
            return Error::system("cannot wait for a message");
        }
    }
}

Result<Listener> Listener::bind(const std::filesystem::path& path, mode_t mode) {
    const SocketAddress address = OD_TRY(SocketAddress::of(path));
    UniqueFd fd = OD_TRY(new_socket());
    if (::bind(fd.get(), address.get(), SocketAddress::size()) != 0) {
        return Error::system("cannot bind " + path.string());
    }
    if (::chmod(path.c_str(), mode) != 0)
        return Error::system("cannot set the mode of " + path.string());
    if (::listen(fd.get(), 128) != 0) return Error::system("cannot listen on " + path.string());
    return Listener(std::move(fd));
}

Result<std::optional<Socket>> Listener::accept() const {
    pollfd waiter{fd_.get(), POLLIN, 0};
    if (::poll(&waiter, 1, 0) <= 0) return std::optional<Socket>{};
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return std::optional<Socket>{};
        return Error::system("cannot accept a connection");
    }
    return std::optional(Socket(std::move(fd)));
}

Result<PeerCredentials> peer_credentials(const Socket& socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return Error::system("cannot tell who is at the other end");
    }
    return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace opendext
