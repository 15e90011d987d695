// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>

/// System calls without what the C library does around them so that a thread can be cancelled
/// there: nobody cancels threads of ours. For ways on which every page of code counts. Result and
/// errno are those of the calls.
namespace opendext::plain {

inline ssize_t read(int fd, void* to, size_t size) {
    return ::syscall(SYS_read, fd, to, size);
}
inline ssize_t write(int fd, const void* from, size_t size) {
    return ::syscall(SYS_write, fd, from, size);
}
inline ssize_t readv(int fd, const iovec* to, int count) {
    return ::syscall(SYS_readv, fd, to, count);
}
/// `from` is read at its position, which moves.
inline ssize_t sendfile(int to, int from, size_t size) {
    return ::syscall(SYS_sendfile, to, from, nullptr, size);
}
inline ssize_t sendmsg(int socket, const msghdr* message, int flags) {
    return ::syscall(SYS_sendmsg, socket, message, flags);
}
inline ssize_t recvmsg(int socket, msghdr* message, int flags) {
    return ::syscall(SYS_recvmsg, socket, message, flags);
}
template <typename Argument>
int ioctl(int fd, unsigned long request, Argument* argument) {
    return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}
/// `limit`: nullptr = none. What is left of it is stored there.
inline int ppoll(pollfd* fds, nfds_t count, timespec* limit) {
    return static_cast<int>(::syscall(SYS_ppoll, fds, count, limit, nullptr, size_t{8}));
}
/// Without a time limit.
inline int epoll_wait(int fd, epoll_event* events, int most) {
#ifdef SYS_epoll_wait
    return static_cast<int>(::syscall(SYS_epoll_wait, fd, events, most, -1));
#else
    return static_cast<int>(::syscall(SYS_epoll_pwait, fd, events, most, -1, nullptr, size_t{8}));
#endif
}

}  // namespace opendext::plain
