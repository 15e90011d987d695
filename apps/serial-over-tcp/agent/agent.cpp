// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "families/serial/system/port_name.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp {
namespace {

/// An agent without ports stays so long for the next one.
constexpr std::chrono::seconds kIdle{5};
constexpr std::chrono::seconds kDriverStart{15};
constexpr std::chrono::seconds kClientPatience{2};

Error taken(const std::string& name, const std::string& by) {
    return Error{Errc::exists, 0, "port name " + name + " is taken" + by + "; choose another name"};
}

}  // namespace

std::filesystem::path agent_socket(const Realm& realm) {
    return realm.socket().parent_path() / "serial-over-tcp.sock";
}

Status Agent::run(const std::function<void()>& ready) {
    const auto path = agent_socket(realm_);
    const auto lock_path = std::filesystem::path(path).replace_extension(".lock");
    lock_.reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_) return Error::system(lock_path.string());
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{Errc::exists, 0, "the realm has an agent already"};
    ::unlink(path.c_str());
    const Listener listener = OD_TRY(Listener::bind(path, 0600));

    const pid_t keeper = tools::keeper_of(realm_);
    const UniqueFd realm_end(keeper > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, keeper, 0))
                                        : -1);
    if (!realm_end) return Error{Errc::peer_gone, 0, "the realm has ended"};
    control_ = std::make_unique<Control>();
    ready();

    auto empty_since = std::chrono::steady_clock::now();
    while (!stop_) {
        control_->dispatch();
        control_->take();
        if (control_->is_new()) restore_ports();
        if (!ports_.empty()) empty_since = std::chrono::steady_clock::now();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            empty_since + kIdle - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        pollfd fds[3] = {
            {realm_end.get(), POLLIN, 0}, {listener.fd(), POLLIN, 0}, {control_->fd(), POLLIN, 0}};
        ::poll(fds, 3, ports_.empty() ? static_cast<int>(left.count()) : -1);
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

Answer Agent::add(const AddRequest& request) {
    const auto attempt = [&]() -> Result<std::string> {
        const std::string name = OD_TRY(serial::make_port_name(request.name, ""));
        const Remote remote = OD_TRY(Remote::parse(request.remote));
        if (ports_.contains(name))
            return taken(name, " by a port with remote " + ports_[name]->remote().text());
        for (const PortInfo& port : list_ports()) {
            if (port.name == name)
                return taken(name, port.bundle_id.empty() ? "" : " by " + port.bundle_id);
        }
        auto connection = std::make_unique<Connection>(remote);
        if (remote.mode == Remote::Mode::listen) OD_TRY(connection->listen());
        OD_TRY(control_->wait_ready(kDriverStart));
        if (control_->is_new()) restore_ports();
        auto port = std::make_unique<Port>(name, std::move(connection));
        OD_TRY(control_->add(name, port->remote()));
        const std::string text = port->remote().text();
        port->start();
        ports_[name] = std::move(port);
        return text;
    };
    auto result = attempt();
    return result.ok() ? Answer{"", *result} : Answer{result.error().text(), ""};
}

Answer Agent::remove(const std::string& name) {
    const auto attempt = [&]() -> Status {
        OD_TRY(control_->wait_ready(kDriverStart));
        if (control_->is_new()) restore_ports();
        const auto port = ports_.find(name);
        // A port that an agent before this one added is the control driver's to know.
        const Status removed = control_->remove(name);
        const bool known = port != ports_.end();
        if (known) ports_.erase(port);
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
            (void)control_->add(name, port->remote());
        }
    }
    // Ports of an agent that was killed: their nubs carry their settings.
    for (const IOHandle& nub : services("SerialOverTCPNub")) {
        const auto name = string_property(nub.get(), "IOTTYBaseName");
        const auto text = string_property(nub.get(), "SerialOverTCPRemote");
        if (!name || !text || ports_.contains(*name)) continue;
        const auto remote = Remote::parse(*text);
        if (!remote.ok()) continue;
        auto connection = std::make_unique<Connection>(*remote);
        if (remote->mode == Remote::Mode::listen && !connection->listen().ok()) continue;
        auto port = std::make_unique<Port>(*name, std::move(connection));
        port->start();
        ports_[*name] = std::move(port);
    }
}

}  // namespace opendext::serial_tcp
