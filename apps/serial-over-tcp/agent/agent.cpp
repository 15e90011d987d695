// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/serial-over-tcp/agent/wire_setup.h"
#include "families/serial/system/port_name.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp {
namespace {

/// An agent without ports stays so long for the next one.
constexpr std::chrono::seconds kIdle{5};
constexpr std::chrono::seconds kDriverStart{15};
constexpr std::chrono::seconds kClientPatience{2};
/// How often it is looked whether a saved port whose line is to be set has come up: at first, and
/// at last.
constexpr std::chrono::milliseconds kFirstLook{50};
constexpr std::chrono::milliseconds kLastLook{5000};

Error taken(const std::string& name, const std::string& by) {
    return Error{Errc::exists, 0, "port name " + name + " is taken" + by + "; choose another name"};
}

/// The file whose lock the agent of the realm has.
UniqueFd open_lock(const Realm& realm) {
    const auto path = agent_socket(realm).replace_extension(".lock");
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace

std::filesystem::path agent_socket(const Realm& realm) {
    return realm.socket().parent_path() / "serial-over-tcp.sock";
}

bool agent_runs(const Realm& realm) {
    const UniqueFd lock = open_lock(realm);
    return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

Status Agent::run(const std::function<void()>& ready) {
    const auto path = agent_socket(realm_);
    lock_ = open_lock(realm_);
    if (!lock_) return Error::system("cannot open the lock of " + path.string());
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{Errc::exists, 0, "the realm has an agent already"};
    ::unlink(path.c_str());
    const Listener listener = OD_TRY(Listener::bind(path, 0600));

    const pid_t keeper = tools::keeper_of(realm_);
    const UniqueFd realm_end(keeper > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, keeper, 0))
                                        : -1);
    if (!realm_end) return Error{Errc::peer_gone, 0, "the realm has ended"};
    control_ = std::make_unique<Control>();
    SavedPorts::Loaded saved = saved_.load();
    for (const std::string& problem : saved.problems)
        std::fprintf(stderr, "opendext serial: %s\n", problem.c_str());
    waiting_ = std::move(saved.ports);
    ready();

    auto empty_since = std::chrono::steady_clock::now();
    std::chrono::milliseconds look = kFirstLook;
    while (!stop_) {
        control_->dispatch();
        control_->take();
        if (control_->is_new()) restore_ports();
        set_lines();
        look = lines_.empty() ? kFirstLook : std::min(look * 2, kLastLook);
        const bool needed = !ports_.empty() || !waiting_.empty();
        if (needed) empty_since = std::chrono::steady_clock::now();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            empty_since + kIdle - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        pollfd fds[3] = {
            {realm_end.get(), POLLIN, 0}, {listener.fd(), POLLIN, 0}, {control_->fd(), POLLIN, 0}};
        const int timeout = needed ? -1 : static_cast<int>(left.count());
        ::poll(fds, 3, lines_.empty() ? timeout : static_cast<int>(look.count()));
        if (fds[0].revents != 0) break;
        if (fds[1].revents != 0) {
            auto client = listener.accept();
            if (client.ok() && client->has_value()) serve(**client);
        }
    }
    ports_.clear();
    ::unlink(path.c_str());
    return success();
}

void Agent::serve(const Socket& client) {
    auto message = client.receive_within(kClientPatience);
    if (!message.ok()) return;
    Answer answer;
    if (auto request = decode<AddRequest>(*message); request.ok()) {
        answer = add(*request);
    } else if (auto removal = decode<RemoveRequest>(*message); removal.ok()) {
        answer = remove(removal->name);
    } else if (decode<StopRequest>(*message).ok()) {
        stop_ = true;
    } else {
        answer.error = "unknown request";
    }
    (void)client.send(encode(answer), Socket::Wait::dont_block);
}

std::filesystem::path Agent::backlog_file(const std::string& name) const {
    return agent_socket(realm_).parent_path() / "serial-over-tcp" / (name + ".buffer");
}

/// `must_listen`: an address that cannot be had is an error; otherwise the port tries again.
Result<std::unique_ptr<Port>> Agent::make_port(const std::string& name, const Remote& remote,
                                               const LinkOptions& options, Backlog::Use use,
                                               bool must_listen) {
    WireSetup setup = OD_TRY(make_wire_setup(remote, options));
    auto connection = std::make_unique<Connection>(remote, options);
    if (remote.mode == Remote::Mode::listen) {
        const Status listening = connection->listen();
        if (!listening.ok() && must_listen) return listening.error();
    }
    std::optional<Backlog> backlog;
    uint64_t size = options.buffer;
    if (size == 0 && options.when_full == WhenFull::drop_oldest) size = kDefaultBuffer;
    if (size != 0)
        backlog = OD_TRY(Backlog::open(backlog_file(name), size, options.when_full, use));
    return std::make_unique<Port>(name, std::move(connection), std::move(setup),
                                  std::move(backlog));
}

Answer Agent::add(const AddRequest& request) {
    const auto attempt = [&]() -> Result<std::string> {
        const std::string name = OD_TRY(serial::make_port_name(request.name, ""));
        const Remote remote = OD_TRY(Remote::parse(request.remote));
        const LinkOptions options = OD_TRY(LinkOptions::parse(request.options));
        if (ports_.contains(name))
            return taken(name, " by a port with remote " + ports_[name]->remote().text());
        for (const SavedPort& port : waiting_) {
            if (port.name == name) return taken(name, " by a saved port");
        }
        if (const auto port = find_port(name))
            return taken(name, port->bundle_id.empty() ? "" : " by " + port->bundle_id);
        auto port = OD_TRY(make_port(name, remote, options, Backlog::Use::fresh, true));
        OD_TRY(control_->wait_ready(kDriverStart));
        if (control_->is_new()) restore_ports();
        const Remote taken_remote = port->remote();
        if (options.saved) OD_TRY(saved_.add({name, taken_remote, options}));
        if (const Status added = control_->add(name, taken_remote, options); !added.ok()) {
            if (options.saved) (void)saved_.remove(name);
            return added.error();
        }
        port->start();
        ports_[name] = std::move(port);
        return taken_remote.text();
    };
    auto result = attempt();
    return result.ok() ? Answer{"", *result} : Answer{result.error().text(), ""};
}

Answer Agent::remove(const std::string& name) {
    const auto attempt = [&]() -> Status {
        // What is saved goes first: a port that came back after it was removed would be worse than
        // one that is still there.
        bool known = OD_TRY(saved_.remove(name));
        known |= std::erase_if(waiting_, [&](const auto& port) { return port.name == name; }) != 0;
        if (known && !ports_.contains(name)) return success();
        OD_TRY(control_->wait_ready(kDriverStart));
        if (control_->is_new()) restore_ports();
        // A port that an agent before this one added is the control driver's to know.
        const Status removed = control_->remove(name);
        known |= ports_.erase(name) != 0;
        lines_.erase(name);
        std::error_code error;
        std::filesystem::remove(backlog_file(name), error);
        if (!removed.ok() && !(known && removed.error().code == Errc::not_found))
            return removed.error();
        return success();
    };
    const auto result = attempt();
    return result.ok() ? Answer{} : Answer{result.error().text(), ""};
}

/// The control driver is new, or this agent is: what one knows and the other does not is added.
void Agent::restore_ports() {
    auto names = control_->list();
    if (!names.ok()) return;
    for (const auto& [name, port] : ports_) {
        if (std::find(names->begin(), names->end(), name) == names->end()) {
            (void)control_->add(name, port->remote(), port->options());
        }
    }
    adopt_nubs();
    restore_saved();
}

/// Ports of an agent that was killed: their nubs carry their settings.
void Agent::adopt_nubs() {
    for (const IOHandle& nub : services("SerialOverTCPNub")) {
        const auto name = string_property(nub.get(), "IOTTYBaseName");
        const auto text = string_property(nub.get(), "SerialOverTCPRemote");
        if (!name || !text || ports_.contains(*name)) continue;
        const auto remote = Remote::parse(*text);
        const auto options =
            LinkOptions::parse(string_property(nub.get(), "SerialOverTCPOptions").value_or(""));
        if (!remote.ok() || !options.ok()) continue;
        auto port = make_port(*name, *remote, *options, Backlog::Use::keep, false);
        if (!port.ok()) continue;
        if (const auto counted = find_port(*name)) (*port)->count_on(*counted);
        (*port)->start();
        ports_[*name] = std::move(*port);
    }
}

void Agent::restore_saved() {
    for (const SavedPort& saved : std::exchange(waiting_, {})) {
        if (ports_.contains(saved.name)) continue;
        auto port = make_port(saved.name, saved.remote, saved.options, Backlog::Use::fresh, false);
        const Status added =
            port.ok() ? control_->add(saved.name, saved.remote, saved.options) : port.error();
        if (!added.ok()) {
            std::fprintf(stderr, "opendext serial: saved port %s: %s\n", saved.name.c_str(),
                         added.error().text().c_str());
            waiting_.push_back(saved);  // with the next control driver
            continue;
        }
        (*port)->start();
        ports_[saved.name] = std::move(*port);
        if (!saved.line.empty()) lines_[saved.name] = saved.line;
    }
}

/// Of saved ports whose terminal is there by now.
void Agent::set_lines() {
    std::erase_if(lines_, [](const auto& one) {
        const IOHandle client = find_client(one.first);
        if (!client) return false;
        if (const Status set = set_line(client.get(), one.second); !set.ok())
            std::fprintf(stderr, "opendext serial: saved port %s: line %s: %s\n", one.first.c_str(),
                         one.second.c_str(), set.error().text().c_str());
        return true;
    });
}

}  // namespace opendext::serial_tcp
