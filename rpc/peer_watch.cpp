// SPDX-License-Identifier: Apache-2.0
#include "rpc/peer_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

namespace opendext {
namespace {

// To ThreadSanitizer a thread that nobody has joined when the process ends is a leak.
#if __has_feature(thread_sanitizer)
constexpr bool kRests = false;
#else
constexpr bool kRests = true;
#endif

constexpr size_t kStackSize = 512 * 1024;
constexpr uint64_t kEnd = 0;  // the number of what ends the thread

}  // namespace

PeerWatch& PeerWatch::instance() {
    // Its thread may outlive every static object. A child of fork() has no such thread, and must
    // not touch the parent's epoll, which it shares: it gets a watch of its own.
    static std::atomic<PeerWatch*> watch = new PeerWatch;
    [[maybe_unused]] static const int registered =
        ::pthread_atfork(nullptr, nullptr, [] { watch.store(new PeerWatch); });
    return *watch.load();
}

Status PeerWatch::start() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return Error::system("epoll_create1 for the watch of peers");
    epoll_ = std::move(epoll);
    sigset_t all;
    sigset_t old;
    ::sigfillset(&all);  // the program's signals are for its own threads
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    // Not std::thread, which asks for the size of the program's stacks: in a driver process that
    // costs a page of the C library's.
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStackSize);
    ::pthread_attr_setdetachstate(&attributes,
                                  kRests ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
    using Beginning = std::pair<PeerWatch*, int>;
    auto beginning = std::make_unique<Beginning>(this, epoll_.get());
    const int error = ::pthread_create(
        &thread_, &attributes,
        [](void* given) -> void* {
            const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(given));
            beginning->first->run(beginning->second);
            return nullptr;
        },
        beginning.get());
    ::pthread_attr_destroy(&attributes);
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error == 0) {
        static_cast<void>(beginning.release());
        return success();
    }
    epoll_.reset();
    return Error::system("thread for the watch of peers", error);
}

Result<uint64_t> PeerWatch::add(int socket, std::function<void()> gone) {
    const std::lock_guard lock(mutex_);
    if (!epoll_.valid()) OD_TRY(start());
    const uint64_t number = next_number_++;
    watched_.emplace(number, std::move(gone));
    epoll_event event{};
    event.events = EPOLLRDHUP | EPOLLONESHOT;  // EPOLLHUP and EPOLLERR come anyway
    event.data.u64 = number;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) != 0) {
        const Error error = Error::system("epoll_ctl for the watch of peers");
        watched_.erase(number);
        return error;
    }
    return number;
}

void PeerWatch::remove(uint64_t number, int socket) {
    const std::lock_guard lock(mutex_);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
    watched_.erase(number);
}

void PeerWatch::rest() {
    std::unique_lock lock(mutex_);
    if (!kRests || !epoll_.valid() || !watched_.empty()) return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;  // another time
    const UniqueFd hung_up(ends[0]);
    ::close(ends[1]);
    epoll_event event{};
    event.data.u64 = kEnd;  // EPOLLHUP comes anyway
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, hung_up.get(), &event) != 0) return;
    const pthread_t thread = thread_;
    const UniqueFd epoll = std::move(epoll_);
    lock.unlock();  // it may have woken for a socket that has been removed since, and wants it
    ::pthread_join(thread, nullptr);
}

void PeerWatch::run(int epoll) {
    ::pthread_setname_np(::pthread_self(), "od-peers");
    epoll_event events[16];
    for (;;) {
        const int count = ::epoll_wait(epoll, events, 16, -1);
        if (count < 0 && errno != EINTR) return;
        // Nothing was watched then; what is watched since has another thread.
        if (std::any_of(events, events + std::max(count, 0),
                        [](const epoll_event& event) { return event.data.u64 == kEnd; })) {
            return;
        }
        const std::lock_guard lock(mutex_);
        for (int i = 0; i < count; ++i) {
            const uint64_t number = events[i].data.u64;  // the struct is packed
            const auto found = watched_.find(number);
            if (found != watched_.end()) found->second();
        }
    }
}

}  // namespace opendext
