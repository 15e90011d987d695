// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>
#include <sys/syscall.h>
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
/// Without a time limit.
inline int epoll_wait(int fd, epoll_event* events, int most) {
#ifdef SYS_epoll_wait
    return static_cast<int>(::syscall(SYS_epoll_wait, fd, events, most, -1));
#else
    return static_cast<int>(::syscall(SYS_epoll_pwait, fd, events, most, -1, nullptr, size_t{8}));
#endif
}

}  // namespace opendext::plain
