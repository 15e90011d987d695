// SPDX-License-Identifier: Apache-2.0
#include "keeper/resources.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "rpc/fields.h"

namespace opendext::keeper {
namespace {

namespace wire = protocol::keeper;

/// A limit of the kernel: its setting, and that of a user namespace if there is one.
struct Limit {
    const char* setting;
    const char* in_namespace;
};
constexpr Limit kTerminals{"kernel.pty.max", nullptr};
constexpr Limit kInstances{"fs.inotify.max_user_instances", "user.max_inotify_instances"};
constexpr Limit kWatches{"fs.inotify.max_user_watches", "user.max_inotify_watches"};

std::optional<long> value_of(const char* setting) {
    std::string path = std::string("/proc/sys/") + setting;
    std::replace(path.begin() + 10, path.end(), '.', '/');
    long value = 0;
    if (std::ifstream(path) >> value) return value;
    return std::nullopt;
}

/// A call failed. If it is because of a limit, `number` is its errno then, the error names limit
/// and way out; if no descriptor is left, that limit.
Error used_up(std::string what, int number, const Limit& limit) {
    Error error = Error::system(std::move(what));
    const auto blame = [&](const std::string& setting, long value, const std::string& fix) {
        error.message += ": the limit " + setting + " = " + std::to_string(value) +
                         " is used up; raise it (" + fix + ")";
        return error;
    };
    if (const UniqueFd probe(::dup(STDIN_FILENO)); !probe && errno == EMFILE) {
        rlimit files{};
        ::getrlimit(RLIMIT_NOFILE, &files);
        return blame("RLIMIT_NOFILE of opendext-keeper", static_cast<long>(files.rlim_cur),
                     "ulimit -n, or LimitNOFILE= of its service");
    }
    if (error.number != number) return error;
    const char* setting = limit.setting;
    long value = value_of(setting).value_or(0);
    const auto narrower =
        limit.in_namespace != nullptr ? value_of(limit.in_namespace) : std::nullopt;
    if (narrower && *narrower < value) {
        setting = limit.in_namespace;
        value = *narrower;
    }
    return blame(setting, value, "sysctl -w " + std::string(setting) + "=N");
}

/// A pseudo-terminal whose user side starts raw: until an application sets it, no byte is changed
/// or echoed.
Result<Message> open_pseudo_terminal(int terminals) {
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (!master) return used_up("cannot open a pseudo-terminal", ENOSPC, kTerminals);
    char path[64];
    if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
        ::ptsname_r(master.get(), path, sizeof path) != 0) {
        return Error::system("cannot set up a pseudo-terminal");
    }
    termios settings{};
    if (::tcgetattr(master.get(), &settings) != 0)
        return Error::system("cannot read terminal settings");
    ::cfmakeraw(&settings);
    if (::tcsetattr(master.get(), TCSANOW, &settings) != 0)
        return Error::system("cannot set terminal settings");
    // Opened once, so that from now on "hung up" means that nobody has it open; and watched from
    // here, where the rights are: an open gives no event on the master.
    UniqueFd(::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)).reset();
    const int watch = ::inotify_add_watch(terminals, path, IN_OPEN | IN_CLOSE);
    if (watch < 0) return used_up("cannot watch a pseudo-terminal", ENOSPC, kWatches);
    Message message = encode(wire::Opened{{{"path", Value(path)}, {"watch", Value(watch)}}});
    message.fds.push_back(std::move(master));
    return message;
}

Result<Message> duplicate_of(int fd) {
    Message message = encode(wire::Opened{});
    message.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!message.fds.front()) return Error::system("cannot hand on a descriptor");
    return message;
}

/// The kernel keeps the processors' latency below this while the descriptor is open.
Result<Message> open_cpu_latency(const wire::Open& request) {
    const Value* wanted = find(request.arguments, "microseconds");
    if (wanted == nullptr || wanted->number() == nullptr || wanted->number()->raw > INT32_MAX)
        return Error{Errc::invalid, 0, "a latency needs a number of microseconds"};
    UniqueFd file(::open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC));
    if (!file) return Error::system("cannot open /dev/cpu_dma_latency");
    const auto microseconds = static_cast<int32_t>(wanted->number()->raw);
    if (::write(file.get(), &microseconds, sizeof microseconds) != sizeof microseconds)
        return Error::system("cannot set the latency of the processors");
    Message message = encode(wire::Opened{});
    message.fds.push_back(std::move(file));
    return message;
}

/// A character device, or an attribute of a device in sysfs for writing, by subsystem and name as
/// the kernel has them: never by a path of the caller's.
Result<Message> open_device(const wire::Open& request) {
    std::string words[3];
    const char* keys[] = {"subsystem", "name", "attribute"};
    for (size_t i = 0; i < std::size(keys); ++i) {
        const std::string* word = find_string(request.arguments, keys[i]);
        if (word != nullptr) words[i] = *word;
        const bool needed = word != nullptr || i < 2;
        if (needed &&
            (words[i].empty() || words[i][0] == '.' || words[i].find('/') != std::string::npos))
            return Error{Errc::invalid, 0, std::string("a device needs a name as its ") + keys[i]};
    }
    const auto& [subsystem, name, attribute] = words;
    // Memory and disks are nobody's business here.
    if (subsystem == "mem" || subsystem == "block")
        return Error{Errc::not_permitted, 0, "devices of " + subsystem + " are not opened"};
    const std::string place = "/sys/class/" + subsystem + "/" + name + "/";
    Message message = encode(wire::Opened{});
    if (!attribute.empty()) {
        message.fds.emplace_back(
            ::open((place + attribute).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!message.fds[0]) return Error::system("cannot open " + place + attribute);
        return message;
    }
    std::string number, line, node;
    if (!std::getline(std::ifstream(place + "dev"), number))
        return Error{Errc::not_found, 0, "the kernel has no device " + subsystem + "/" + name};
    for (std::ifstream event(place + "uevent"); std::getline(event, line);) {
        if (line.starts_with("DEVNAME=")) node = "/dev/" + line.substr(8);
    }
    UniqueFd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) return Error::system("cannot open " + node);
    struct stat found{};
    if (::fstat(fd.get(), &found) != 0 || !S_ISCHR(found.st_mode) ||
        std::to_string(major(found.st_rdev)) + ":" + std::to_string(minor(found.st_rdev)) != number)
        return Error{Errc::not_permitted, 0, node + " is not the device " + number};
    message.fds.push_back(std::move(fd));
    return message;
}

Result<Message> open_resource(const wire::Open& request, int terminals) {
    if (request.resource == "pseudo-terminal") return open_pseudo_terminal(terminals);
    if (request.resource == "terminal-watch") return duplicate_of(terminals);
    if (request.resource == "cpu-latency") return open_cpu_latency(request);
    if (request.resource == "device") return open_device(request);
    return Error{Errc::unsupported, 0, "the keeper knows no resource \"" + request.resource + "\""};
}

}  // namespace

void Resources::open(const wire::Open& request, std::function<void(Result<Message>)> done) {
    if (request.resource == "pseudo-terminal" || request.resource == "terminal-watch") {
        if (const Status made = make_watch(); !made.ok()) return done(made.error());
    }
    auto ends = Socket::pair();
    if (!ends.ok()) return done(std::move(ends).error());
    const Socket& theirs = ends->second;
    Result<Child> child = fork_child([&] {
        const Result<Message> opened = open_resource(request, terminals_.get());
        const Status sent = opened.ok() ? theirs.send(opened.value()) : theirs.send(encode([&] {
            wire::Reply reply;
            reply.reason = opened.error().text();
            return reply;
        }()));
        return sent.ok() ? 0 : 1;
    });
    if (!child.ok()) return done(std::move(child).error());

    const uint64_t number = next_++;
    Opening& opening = openings_[number];
    opening.child = std::move(child).value();
    opening.socket = std::move(ends->first);
    opening.done = std::move(done);
    opening.answer = loop_.readable(opening.socket.fd(), [this, number] {
        Result<std::optional<Message>> received =
            openings_[number].socket.receive(Socket::Wait::dont_block);
        if (!received.ok())
            return finish(number, Error{Errc::system, ECHILD, "the opening process ended early"});
        if (!received.value()) return;
        if (const auto refused = decode<wire::Reply>(**received); refused.ok()) {
            return finish(number, Error{Errc::not_permitted, 0, refused.value().reason});
        }
        finish(number, std::move(**received));
    });
    opening.deadline = loop_.after(deadline_, [this, number, name = request.resource] {
        static_cast<void>(openings_[number].child.signal(SIGKILL));
        finish(number, Error{Errc::timed_out, 0, "opening a " + name + " took too long"});
    });
    // Kept until the child is reaped, so that none stays a zombie.
    opening.end = loop_.ended(opening.child.pidfd.get(), [this, number](int) {
        Opening& over = openings_[number];
        over.end = {};
        if (!over.done) openings_.erase(number);
    });
}

/// Before the fork: the children put terminals into it.
Status Resources::make_watch() {
    if (terminals_) return success();
    terminals_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!terminals_) return used_up("cannot watch terminals", EMFILE, kInstances);
    return success();
}

void Resources::finish(uint64_t number, Result<Message> result) {
    Opening& opening = openings_[number];
    opening.answer = {};
    opening.deadline = {};
    const auto done = std::exchange(opening.done, nullptr);
    if (!opening.end) openings_.erase(number);
    done(std::move(result));
}

}  // namespace opendext::keeper
