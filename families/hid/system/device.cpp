// SPDX-License-Identifier: Apache-2.0
#include "families/hid/system/device.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/io_return.h"

namespace opendext::hid {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::KeeperItem;
using daemon::kNoEntry;
using daemon::LogLevel;

constexpr size_t kMaxUsers = 1024;

std::string in_words(const Visitor& visitor) {
    return visitor.name + (visitor.pid != 0 ? " (pid " + std::to_string(visitor.pid) + ")" : "");
}

/// Users of an earlier opendextd had lower numbers than the time since the machine started.
uint32_t number_after_restart() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const int64_t milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
    return static_cast<uint32_t>(milliseconds & 0x7fffffff) | 1;
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return Error::system("making a report link");
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

std::string_view to_string(Player player) {
    switch (player) {
        case Player::program:
            return "program";
        case Player::driver:
            return "driver";
        case Player::kernel:
            return "kernel";
    }
    return "unknown";
}

std::string Device::control_key(EntryId entry) {
    return "hid-device:" + std::to_string(entry);
}
std::string Device::users_prefix() const {
    return "hid-user:" + std::to_string(make_.entry) + ":";
}
std::string Device::user_key(uint32_t number) const {
    return users_prefix() + std::to_string(number);
}
std::string Device::gate_key() const {
    return "hid-gate:" + std::to_string(make_.entry);
}

Device::Device(daemon::FamilyHost& host, Make make) : host_(host), make_(std::move(make)) {
    if (make_.control) watch_control();
}

Device::~Device() = default;

void Device::watch_control() {
    if (!make_.unplugged) return;
    control_hang_up_ = host_.watch(make_.control.get(), EPOLLRDHUP, [this](uint32_t) {
        control_hang_up_.reset();
        const auto unplugged = make_.unplugged;
        unplugged();
    });
}

void Device::resume(std::function<void()> resumed) {
    when_resumed_ = std::move(resumed);
    next_user_ = number_after_restart();
    users_read_ = false;
    ++resuming_;
    if (make_.player == Player::kernel) return resume_gate([this] { resume_users(); });
    resume_control([this] { resume_users(); });
}

void Device::resume_users() {
    users_read_ = true;
    for (const auto& [key, notes] : host_.held_before(users_prefix())) {
        const Number* number = find_number(notes, "user");
        const Number* pid = find_number(notes, "pid");
        const Number* driver = find_number(notes, "driver");
        const std::string* name = find_string(notes, "name");
        const Value* exclusive = opendext::find(notes, "exclusive");
        if (number == nullptr || pid == nullptr || driver == nullptr || name == nullptr ||
            exclusive == nullptr || exclusive->boolean() == nullptr) {
            host_.release(key, [](const Status&) {});
            continue;
        }
        const auto user = static_cast<uint32_t>(number->raw);
        users_[user].who = {static_cast<int32_t>(pid->raw), *name, driver->raw,
                            *exclusive->boolean()};
        users_[user].left = true;
        if (*exclusive->boolean()) exclusive_ = user;
        if (driver->raw != kNoEntry) {
            // It may have ended, or closed the device, since this opendextd began.
            const Entry* entry = host_.entry(driver->raw);
            if (entry == nullptr || host_.opener(entry->provider()) != entry->id) remove(user);
            continue;
        }
        ++resuming_;
        host_.fetch(key, [this, user, alive = std::weak_ptr(alive_)](Result<KeeperItem> item) {
            if (alive.expired()) return;
            if (!item.ok() || item->fds.size() != 1) {
                remove(user);
            } else if (const auto known = users_.find(user); known != users_.end()) {
                known->second.lease = std::move(item->fds[0]);
                watch_lease(user);
            }
            resumed();
        });
    }
    resumed();
}

void Device::resumed() {
    if (--resuming_ > 0) return;
    if (const auto then = std::exchange(when_resumed_, nullptr)) then();
    for (Waiting& next : std::exchange(waiting_, {}))
        open_now(std::move(next.visitor), std::move(next.done));
}

/// What there is of users and gate, whether it was read or not.
void Device::release_left() {
    for (const auto& [key, notes] : host_.held_before(users_prefix()))
        host_.release(key, [](const Status&) {});
    host_.release(gate_key(), [](const Status&) {});
}

void Device::resume_gate(std::function<void()> done) {
    host_.fetch(gate_key(), [this, done = std::move(done),
                             alive = std::weak_ptr(alive_)](Result<KeeperItem> item) {
        if (alive.expired()) return;
        if (item.ok() && item->fds.size() == 1) {
            if (auto gate = InputGate::adopt(std::move(item->fds[0])); gate.ok())
                gate_ = std::move(*gate);
        }
        done();
    });
}

void Device::resume_control(std::function<void()> done) {
    host_.fetch(control_key(make_.entry), [this, done = std::move(done),
                                           alive = std::weak_ptr(alive_)](Result<KeeperItem> item) {
        if (alive.expired()) return;
        if (item.ok() && item->fds.size() == 1) {
            make_.control = std::move(item->fds[0]);
            watch_control();
        } else if (make_.unplugged) {
            const auto unplugged = make_.unplugged;
            return unplugged();
        }
        done();
    });
}

Status Device::make_gate() {
    if (gate_) return success();
    InputGate gate = OD_TRY(InputGate::make(make_.bare_gets));
    std::vector<UniqueFd> fds;
    fds.emplace_back(::fcntl(gate.fd(), F_DUPFD_CLOEXEC, 0));
    if (!fds.back()) return Error::system("holding a gate");
    host_.hold(gate_key(), {}, std::move(fds), [](const Status&) {});
    gate_ = std::move(gate);
    return success();
}

Status Device::refuse(const Visitor& visitor) const {
    if (exclusive_ && !visitor.again) {
        return Error::kern(daemon::kIOReturnExclusiveAccess,
                           make_.name + " is seized by " + in_words(users_.at(*exclusive_).who) +
                               ", until it closes the device");
    }
    if (users_.size() >= kMaxUsers) {
        return Error::kern(daemon::kIOReturnNoResources,
                           make_.name + " has " + std::to_string(kMaxUsers) + " users already");
    }
    if (visitor.driver != kNoEntry && users_.contains(number_of(visitor.driver)))
        return Error::kern(daemon::kIOReturnExclusiveAccess, "the driver has it open already");
    return success();
}

/// Of a driver's object; 0: it is no user.
uint32_t Device::number_of(EntryId driver) const {
    const auto user = std::find_if(users_.begin(), users_.end(), [&](const auto& known) {
        return known.second.who.driver == driver;
    });
    return user == users_.end() ? 0 : user->first;
}

/// Whether the driver is let in in place of itself: it lost its link, or was let in by an earlier
/// opendextd and asks all the same, since it did not get the answer.
/// What it has of the device stays as it was.
bool Device::takes_its_place(Visitor& visitor) {
    const auto known = users_.find(number_of(visitor.driver));
    if (known == users_.end() || !(visitor.again || known->second.left)) return false;
    visitor.exclusive = known->second.who.exclusive;
    remove(known->first);
    return true;
}

void Device::open(Visitor visitor, std::function<void(Result<Opened>)> done) {
    if (resuming_ == 0) return open_now(std::move(visitor), std::move(done));
    waiting_.push_back({std::move(visitor), std::move(done)});
}

void Device::open_now(Visitor visitor, std::function<void(Result<Opened>)> done) {
    visitor.again = visitor.driver != kNoEntry && takes_its_place(visitor);
    if (Status allowed = refuse(visitor); !allowed.ok()) return done(std::move(allowed).error());
    auto added = add(visitor);
    if (!added.ok()) return done(std::move(added).error());
    // A program opens the node with its own rights; a driver process has none.
    if (make_.player != Player::kernel || visitor.driver == kNoEntry) return done(std::move(added));
    auto opened = std::make_shared<Opened>(std::move(*added));
    host_.open("device", {{"subsystem", "hidraw"}, {"name", make_.hidraw}},
               [this, opened, done = std::move(done),
                alive = std::weak_ptr(alive_)](Result<KeeperItem> item) {
                   if (alive.expired())
                       return done(Error::kern(daemon::kIOReturnNoDevice, "the device is gone"));
                   if (!item.ok() || item->fds.empty() || !users_.contains(opened->user)) {
                       remove(opened->user);
                       const std::string why =
                           item.ok() ? "the driver has gone" : item.error().text();
                       return done(Error::kern(daemon::kIOReturnNotPrivileged,
                                               make_.node + " cannot be opened: " + why));
                   }
                   opened->link = std::move(item->fds[0]);
                   done(std::move(*opened));
               });
}

Result<Device::Opened> Device::add(const Visitor& visitor) {
    Opened opened;
    opened.user = next_user_++;
    if (next_user_ == 0) next_user_ = 1;
    User user;
    user.who = visitor;
    if (visitor.driver == kNoEntry) {
        auto [theirs, ours] = OD_TRY(socket_pair());
        opened.lease = std::move(theirs);
        user.lease = std::move(ours);
    }
    if (make_.player == Player::kernel) {
        OD_TRY(make_gate());
        opened.gate = OD_TRY(gate_->for_user());
        opened.node = make_.node;
        if (visitor.exclusive) gate_->set_exclusive_user(opened.user);
    } else {
        auto [theirs, ours] = OD_TRY(socket_pair());
        OD_TRY(hand_out(encode_opened({opened.user, visitor.pid, visitor.exclusive, visitor.name}),
                        ours.get()));
        opened.link = std::move(theirs);
    }
    users_[opened.user] = std::move(user);
    if (visitor.exclusive) exclusive_ = opened.user;
    if (visitor.driver == kNoEntry) watch_lease(opened.user);
    hold_user(opened.user);
    return opened;
}

/// The device's end of a new link, to whoever plays it.
Status Device::hand_out(const std::vector<uint8_t>& packet, int fd) const {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)]{};
    iovec part{const_cast<uint8_t*>(packet.data()), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(make_.control.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return success();
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return Error::kern(daemon::kIOReturnNoResources,
                           "the " + std::string(to_string(make_.player)) + " that plays " +
                               make_.name + " takes no users: it does not read its control socket");
    }
    return Error::kern(daemon::kIOReturnNoDevice, make_.name + " is gone");
}

/// A program closes by letting go of its lease, or by ending.
void Device::watch_lease(uint32_t number) {
    User& user = users_.at(number);
    user.hang_up =
        host_.watch(user.lease.get(), EPOLLRDHUP, [this, number](uint32_t) { remove(number); });
}

void Device::hold_user(uint32_t number) {
    const User& user = users_.at(number);
    Dictionary notes{{"user", Value(number)},
                     {"pid", Value(user.who.pid)},
                     {"driver", Value(user.who.driver)},
                     {"name", Value(user.who.name)},
                     {"exclusive", Value(user.who.exclusive)}};
    std::vector<UniqueFd> fds;
    if (user.lease) {
        auto copy = user.lease.duplicate();
        if (!copy.ok()) return host_.log(LogLevel::error, make_.entry, copy.error().text());
        fds.push_back(std::move(*copy));
    }
    host_.hold(user_key(number), std::move(notes), std::move(fds),
               [this, alive = std::weak_ptr(alive_)](const Status& status) {
                   if (!alive.expired() && !status.ok())
                       host_.log(LogLevel::error, make_.entry, status.error().text());
               });
}

void Device::remove(uint32_t number) {
    if (users_.erase(number) == 0) return;
    if (exclusive_ == number) {
        exclusive_.reset();
        if (gate_) gate_->set_exclusive_user(0);
    }
    host_.release(user_key(number), [](const Status&) {});
}

void Device::close(EntryId driver) {
    if (const uint32_t user = number_of(driver); user != 0) remove(user);
}

Status Device::close_user(uint32_t user, int32_t pid) {
    const auto known = users_.find(user);
    if (known == users_.end() || known->second.who.driver != kNoEntry ||
        known->second.who.pid != pid) {
        return Error::kern(daemon::kIOReturnNotOpen,
                           make_.name + " has no user " + std::to_string(user));
    }
    remove(user);
    return success();
}

void Device::end() {
    control_hang_up_.reset();
    while (!users_.empty()) remove(users_.begin()->first);
    for (Waiting& next : std::exchange(waiting_, {}))
        next.done(Error::kern(daemon::kIOReturnNoDevice, "the device is gone"));
    if (!users_read_) {
        release_left();
    } else if (gate_) {
        host_.release(gate_key(), [](const Status&) {});
    }
    if (make_.player == Player::kernel) return;
    // The keeper has a duplicate until it has read this.
    if (make_.control) ::shutdown(make_.control.get(), SHUT_RDWR);
    host_.release(control_key(make_.entry), [](const Status&) {});
}

}  // namespace opendext::hid
