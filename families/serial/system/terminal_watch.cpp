// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/terminal_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <set>
#include <utility>

namespace opendext::serial {

void TerminalWatch::prepare(std::function<void(Status)> done) {
    if (inotify_) return done(success());
    waiting_.push_back(std::move(done));
    if (waiting_.size() > 1) return;
    host_.open("terminal-watch", {}, [this](Result<daemon::KeeperItem> item) {
        Status status = success();
        if (!item.ok()) {
            status = std::move(item).error();
        } else if (item->fds.empty()) {
            status = Error{Errc::malformed, 0, "the keeper gave no watch of terminals"};
        } else {
            inotify_ = std::move(item->fds.front());
            handle_ = host_.watch(inotify_.get(), EPOLLIN, [this](uint32_t) { read(); });
        }
        for (const auto& waiter : std::exchange(waiting_, {})) waiter(status);
    });
}

void TerminalWatch::follow(int number, std::function<void()> changed) {
    const auto& kept = followed_[number] = std::move(changed);
    kept();
}

void TerminalWatch::remove(int number) {
    ignore(number);
    if (inotify_) ::inotify_rm_watch(inotify_.get(), number);
}

void TerminalWatch::read() {
    std::set<int> changed;
    bool all = false;
    alignas(inotify_event) char buffer[4096];
    for (ssize_t size; (size = ::read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
        for (ssize_t at = 0; at < size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof *event + event->len);
            // More happened than the kernel keeps.
            all = all || (event->mask & IN_Q_OVERFLOW) != 0;
            changed.insert(event->wd);
        }
    }
    for (const auto& [number, hook] : followed_) {
        if (all || changed.contains(number)) hook();
    }
}

}  // namespace opendext::serial
