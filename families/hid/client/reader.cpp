// SPDX-License-Identifier: Apache-2.0
#include "families/hid/client/reader.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <csignal>

namespace opendext::hid_client {

Reader& Reader::instance() {
    static std::mutex mutex;
    static Reader* reader = nullptr;  // never destroyed: its thread runs until the process ends
    const std::lock_guard lock(mutex);
    if (reader == nullptr || reader->process_ != ::getpid()) reader = new Reader;
    return *reader;
}

Reader::Reader() : process_(::getpid()), poll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Result<uint64_t> Reader::watch(int fd, std::function<void()> ready) {
    const std::lock_guard lock(mutex_);
    if (!poll_)
        return Error{Errc::system, EMFILE, "cannot wait for devices: no descriptor is free"};
    const uint64_t number = next_++;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    watched_.emplace(number, std::make_shared<const Watched>(Watched{fd, std::move(ready)}));
    if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        watched_.erase(number);
        return Error::system("cannot wait for a device");
    }
    if (!started_) {
        started_ = true;
        sigset_t all;
        sigset_t old;
        ::sigfillset(&all);  // the program's signals are for its own threads
        ::pthread_sigmask(SIG_SETMASK, &all, &old);
        std::thread thread(&Reader::run, this);
        ::pthread_setname_np(thread.native_handle(), "opendext-hid");
        thread.detach();
        ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }
    return number;
}

void Reader::forget(uint64_t watch) {
    if (watch == 0) return;
    std::unique_lock lock(mutex_);
    const auto found = watched_.find(watch);
    if (found != watched_.end()) {
        ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, found->second->fd, nullptr);
        watched_.erase(found);
    }
    if (thread_ == std::this_thread::get_id()) return;
    changed_.wait(lock, [&] { return running_ != watch; });
}

void Reader::run() {
    std::unique_lock lock(mutex_);
    thread_ = std::this_thread::get_id();
    for (;;) {
        lock.unlock();
        epoll_event event{};
        const int count = ::epoll_wait(poll_.get(), &event, 1, -1);
        lock.lock();
        if (count != 1) continue;
        const uint64_t number = event.data.u64;  // a copy: epoll_event is packed
        const auto found = watched_.find(number);
        if (found == watched_.end()) continue;
        const std::shared_ptr<const Watched> watched = found->second;
        running_ = number;
        lock.unlock();
        watched->ready();
        lock.lock();
        running_ = 0;
        changed_.notify_all();
    }
}

}  // namespace opendext::hid_client
