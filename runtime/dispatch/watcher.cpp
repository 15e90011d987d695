// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/watcher.h"

#include <sys/epoll.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/dispatch/thread_pool.h"
#include "runtime/log/log.h"

namespace opendext::runtime {

Watcher& Watcher::shared() {
    static auto& watcher = *new Watcher;  // its thread never ends
    return watcher;
}

bool Watcher::add(int fd, std::shared_ptr<WatchClient> client) {
    std::unique_lock lock(mutex_);
    bool start = false;
    if (!epoll_) {
        epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
        if (!epoll_) return false;
        start = true;
    }
    const uint64_t number = next_++;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    watched_[fd] = {number, std::move(client)};
    descriptors_[number] = fd;
    const bool added = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
    if (!added) {
        const int error = errno;
        watched_.erase(fd);
        descriptors_.erase(number);
        errno = error;
    }
    lock.unlock();
    if (start) start_thread("events", make_task([this] { run(); }));
    return added;
}

void Watcher::remove(int fd) {
    std::shared_ptr<WatchClient> client;  // may be the last reference: released without the lock
    const std::lock_guard lock(mutex_);
    const auto place = watched_.find(fd);
    if (place == watched_.end()) return;
    (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    client = std::move(place->second.client);
    descriptors_.erase(place->second.number);
    watched_.erase(place);
}

void Watcher::run() {
    const int epoll = epoll_.get();
    for (;;) {
        epoll_event events[16];
        const int count = epoll_wait(epoll, events, 16, -1);
        if (count < 0) {
            if (errno == EINTR) continue;
            log(LogType::fault, "event thread: %s", strerror(errno));
            abort();
        }
        for (int i = 0; i < count; ++i) {
            std::shared_ptr<WatchClient> client;
            {
                const std::lock_guard lock(mutex_);
                const uint64_t number = events[i].data.u64;  // the struct is packed
                const auto place = descriptors_.find(number);
                if (place == descriptors_.end()) continue;
                client = watched_.at(place->second).client;
            }
            client->readable();
        }
    }
}

}  // namespace opendext::runtime
