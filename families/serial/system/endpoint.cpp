// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/endpoint.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <utility>

#include "SerialDriverKit/IOUserSerial.system.h"
#include "families/serial/driver/kept_port.h"

namespace opendext::serial {
namespace {

using daemon::CallAnswer;
using daemon::KeeperItem;
using daemon::kNoEntry;
using daemon::LogLevel;
using std::chrono::milliseconds;

/// How long a driver may take to take over its terminal: recovery and, if it is open, the driver's
/// own HwActivate.
constexpr milliseconds kAttachDeadline{10'000};
constexpr std::string_view kDialOutGroup = "dialout";
constexpr uint32_t kNodeMode = 0660;

protocol::Ref descriptor(uint32_t index) {
    protocol::Ref ref;
    ref.kind = protocol::RefKind::descriptor;
    ref.fd_index = index;
    return ref;
}

/// Made here only where the keeper's answer has none (it watches with its own rights).
Result<UniqueFd> watch_of(const std::string& path) {
    UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch || ::inotify_add_watch(watch.get(), path.c_str(), IN_OPEN | IN_CLOSE) < 0) {
        return Error::system("watching " + path);
    }
    return watch;
}

}  // namespace

std::string_view to_string(Endpoint::State state) {
    switch (state) {
        case Endpoint::State::empty:
            return "empty";
        case Endpoint::State::fetching:
            return "fetching";
        case Endpoint::State::opening:
            return "opening";
        case Endpoint::State::holding:
            return "holding";
        case Endpoint::State::attaching:
            return "attaching";
        case Endpoint::State::publishing:
            return "publishing";
        case Endpoint::State::serving:
            return "serving";
        case Endpoint::State::orphaned:
            return "orphaned";
        case Endpoint::State::releasing:
            return "releasing";
        case Endpoint::State::released:
            return "released";
    }
    return "unknown";
}

Endpoint::Endpoint(daemon::FamilyHost& host, PortIdentity identity, std::function<void()> released)
    : host_(host), identity_(std::move(identity)), released_(std::move(released)) {}

void Endpoint::set_state(State state) {
    state_ = state;
    host_.log(LogLevel::debug, object_,
              "serial port " + identity_.name + ": " + std::string(to_string(state)));
}

std::string Endpoint::node(std::string_view prefix) const {
    return std::string(prefix) + identity_.name;
}

void Endpoint::serve(daemon::EntryId object, std::function<void(Status)> done) {
    ++turn_;
    quarantine_.reset();
    object_ = object;
    done_ = std::move(done);
    set_state(State::fetching);
    host_.fetch(identity_.key(), current([this](Result<KeeperItem> item) {
                    const std::string* path =
                        item.ok() ? find_string(item->properties, "path") : nullptr;
                    if (path == nullptr || item->fds.size() != 3) return open();
                    path_ = *path;
                    held_ = true;
                    restore_control(item->properties);
                    watch_ = std::move(item->fds[2]);
                    attach(std::move(item->fds[0]), std::move(item->fds[1]));
                }));
}

void Endpoint::open() {
    set_state(State::opening);
    host_.open(
        "pseudo-terminal", {}, current([this](Result<KeeperItem> item) {
            if (!item.ok()) return fail(std::move(item).error());
            const std::string* path = find_string(item->properties, "path");
            if (path == nullptr || item->fds.empty()) {
                return fail(Error{Errc::malformed, 0, "the keeper opened no pseudo-terminal"});
            }
            path_ = *path;
            auto memory = make_kept_memory(identity_.name);
            if (!memory.ok()) return fail(std::move(memory).error());
            UniqueFd watch;
            if (item->fds.size() > 1) {
                watch = std::move(item->fds[1]);
            } else {
                // Opened once, so that from now on "hung up" means "nobody has it open".
                UniqueFd(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)).reset();
                auto made = watch_of(path_);
                if (!made.ok()) return fail(std::move(made).error());
                watch = std::move(*made);
            }
            hold(std::move(item->fds[0]), std::move(*memory), std::move(watch));
        }));
}

void Endpoint::hold(UniqueFd master, UniqueFd memory, UniqueFd watch) {
    set_state(State::holding);
    std::vector<UniqueFd> fds;
    for (const UniqueFd* fd : {&master, &memory, &watch}) {
        auto duplicate = fd->duplicate();
        if (!duplicate.ok()) return fail(std::move(duplicate).error());
        fds.push_back(std::move(*duplicate));
    }
    watch_ = std::move(watch);
    auto both =
        std::make_shared<std::pair<UniqueFd, UniqueFd>>(std::move(master), std::move(memory));
    host_.hold(identity_.key(), notes(), std::move(fds), current([this, both](Status status) {
                   if (!status.ok()) return fail(std::move(status).error());
                   held_ = true;
                   attach(std::move(both->first), std::move(both->second));
               }));
}

void Endpoint::attach(UniqueFd master, UniqueFd memory) {
    set_state(State::attaching);
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(master));
    fds.push_back(std::move(memory));
    // Before the terminal: an open one activates the driver at once.
    if (control_ != LineControl{}) send_control();
    auto invocation =
        system::IOUserSerial__AttachTerminal::encode(object_, {descriptor(0), descriptor(1)});
    host_.call(std::move(invocation), std::move(fds), kAttachDeadline, "serial port taken over",
               current([this](Result<CallAnswer> answer) {
                   if (!answer.ok()) return fail(std::move(answer).error());
                   if (answer->result.io_return != 0) {
                       return fail(Error::kern(answer->result.io_return,
                                               "the driver did not take over its terminal"));
                   }
                   watch_terminal();
                   publish_nodes();
               }));
}

/// Tells the driver half of every open and close; an open gives no event on the master.
void Endpoint::watch_terminal() {
    watch_handle_ = host_.watch(watch_.get(), EPOLLIN, [this](uint32_t) {
        alignas(inotify_event) char events[4096];
        while (::read(watch_.get(), events, sizeof events) > 0) {
        }
        if (object_ == kNoEntry || state_ == State::releasing) return;
        host_.call(system::IOUserSerial__TerminalChanged::encode(object_, {}), {}, milliseconds{0},
                   "", {});
    });
    // What happened before the watch stood.
    host_.call(system::IOUserSerial__TerminalChanged::encode(object_, {}), {}, milliseconds{0}, "",
               {});
}

void Endpoint::publish_nodes() {
    if (nodes_published_) return publish_client();
    set_state(State::publishing);
    const auto publish = [this](std::string_view prefix, auto next) {
        host_.publish_node(node(prefix), path_, std::string(kDialOutGroup), kNodeMode,
                           current(std::move(next)));
    };
    publish("cu.", [this, publish](Status callout) {
        if (!callout.ok()) return fail(std::move(callout).error());
        publish("tty.", [this](Status dialin) {
            if (!dialin.ok()) {
                host_.remove_node(node("cu."), [](Status) {});
                return fail(std::move(dialin).error());
            }
            nodes_published_ = true;
            publish_client();
        });
    });
}

void Endpoint::publish_client() {
    const std::string directory = host_.device_directory() + "/";
    daemon::NewEntry client;
    client.provider = object_;
    client.class_name = "IOSerialBSDClient";
    client.properties = {
        {"IOTTYBaseName", Value(identity_.base_name)},
        {"IOTTYSuffix", Value(identity_.suffix)},
        {"IOTTYDevice", Value(identity_.name)},
        {"IOCalloutDevice", Value(directory + node("cu."))},
        {"IODialinDevice", Value(directory + node("tty."))},
        {"IOSerialBSDClientType", Value("IORS232SerialStream")},
        {"SerialBackend", Value("pty")},  // what the node is made of, for `opendext serial ls`
    };
    auto published = host_.publish(std::move(client));
    if (!published.ok()) return fail(std::move(published).error());
    client_ = *published;
    if (control_ != LineControl{}) publish_control();
    set_state(State::serving);
    if (auto done = std::exchange(done_, nullptr)) done(success());
}

/// The driver cannot serve: its start fails. A terminal that no application can have opened yet
/// goes at once.
void Endpoint::fail(Error error) {
    ++turn_;
    watch_handle_.reset();
    auto done = std::exchange(done_, nullptr);
    object_ = kNoEntry;
    Error reason = std::move(error).in("serial port " + identity_.name);
    if (nodes_published_) {
        orphan();
    } else {
        release();
    }
    if (done) done(std::move(reason));
}

void Endpoint::orphan() {
    ++turn_;
    watch_handle_.reset();
    object_ = kNoEntry;
    done_ = nullptr;
    set_state(State::orphaned);
    quarantine_ = host_.after(kQuarantine, [this] {
        host_.log(LogLevel::notice, kNoEntry,
                  "serial port " + identity_.name + ": no driver came back within " +
                      std::to_string(kQuarantine.count()) + " s, the terminal is hung up");
        release();
    });
}

void Endpoint::release() {
    ++turn_;
    quarantine_.reset();
    watch_handle_.reset();
    watch_.reset();
    object_ = kNoEntry;
    set_state(State::releasing);
    if (std::exchange(nodes_published_, false)) {
        host_.remove_node(node("cu."), [](Status) {});
        host_.remove_node(node("tty."), [](Status) {});
    }
    if (!std::exchange(held_, false)) return finish_release();
    host_.release(identity_.key(), current([this](Status status) {
                      if (!status.ok()) host_.log(LogLevel::error, kNoEntry, status.error().text());
                      finish_release();
                  }));
}

void Endpoint::finish_release() {
    set_state(State::released);
    // The callback destroys this object.
    if (auto released = std::exchange(released_, nullptr)) released();
}

}  // namespace opendext::serial
