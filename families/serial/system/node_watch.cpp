// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/node_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace opendext::serial {

Status NodeWatch::add(const std::string& folder) {
    Folder& watched = folders_[folder];
    if (watched.users > 0) {
        ++watched.users;
        return success();
    }
    const auto fail = [&](const std::string& what) {
        const int number = errno;
        folders_.erase(folder);
        return Error::system(what, number);
    };
    if (!inotify_) {
        inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (!inotify_) return fail("watching device nodes (raise fs.inotify.max_user_instances)");
        handle_ = host_.watch(inotify_.get(), EPOLLIN, [this](uint32_t) { read(); });
    }
    watched.number =
        ::inotify_add_watch(inotify_.get(), folder.c_str(),
                            IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
    if (watched.number < 0)
        return fail("watching " + folder + " (raise fs.inotify.max_user_watches)");
    watched.users = 1;
    return success();
}

void NodeWatch::remove(const std::string& folder) {
    const auto watched = folders_.find(folder);
    if (watched == folders_.end() || --watched->second.users > 0) return;
    ::inotify_rm_watch(inotify_.get(), watched->second.number);
    folders_.erase(watched);
}

void NodeWatch::read() {
    // Gathered first: a hook may add and remove folders.
    std::vector<std::pair<bool, std::string>> events;
    bool lost = false;
    alignas(inotify_event) char buffer[16384];
    for (ssize_t size; (size = ::read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
        for (ssize_t at = 0; at < size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof *event + event->len);
            // The folder itself may have gone: then so has everything in it.
            lost = lost || (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0;
            if (event->len == 0) continue;
            for (const auto& [folder, watched] : folders_) {
                if (watched.number != event->wd) continue;
                events.emplace_back((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0,
                                    folder + "/" + event->name);
            }
        }
    }
    for (const auto& [came, path] : events) (came ? hooks_.came : hooks_.went)(path);
    if (lost) hooks_.lost();
}

}  // namespace opendext::serial
