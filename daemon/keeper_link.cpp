// SPDX-License-Identifier: Apache-2.0
#include "daemon/keeper_link.h"
#include "rpc/probe.h"

#include <utility>

namespace opendext::daemon {

namespace keeper = protocol::keeper;

namespace {

/// The keeper's refusal as an Error; its text is for people.
Error refusal(const Message& message) {
    Result<keeper::Reply> reply = decode<keeper::Reply>(message);
    if (!reply.ok()) return std::move(reply).error().in("keeper");
    if (reply->io_return == 0)
        return Error{Errc::malformed, 0, "keeper: answered without a result"};
    return Error::kern(reply->io_return,
                       reply->reason.empty() ? "the keeper refused" : reply->reason);
}

template <typename T>
Result<T> expect(const Result<Message>& message) {
    if (!message.ok()) return Error{message.error()};
    if (message.value().kind != static_cast<uint32_t>(T::kKind)) return refusal(message.value());
    return decode<T>(message.value());
}

}  // namespace

KeeperLink::KeeperLink(EventLoop& loop, const Deadlines& deadlines, Socket socket, Hooks hooks)
    : deadlines_(deadlines),
      hooks_(std::move(hooks)),
      requests_(loop, 0),
      connection_(
          loop, std::move(socket), {.goes_first = true},
          [this](Message message) { received(std::move(message)); },
          [this](const Error& error) {
              requests_.fail_all(error);
              hooks_.gone(error);
          }) {}

void KeeperLink::received(Message message) {
    if (message.kind == static_cast<uint32_t>(keeper::Kind::exited)) {
        OPENDEXT_PROBE(daemon_exited);
        Result<keeper::Exited> exited = decode<keeper::Exited>(message);
        if (exited.ok()) hooks_.exited(exited->pid, exited->wait_status);
        return;
    }
    if (message.kind == static_cast<uint32_t>(keeper::Kind::refused)) {
        const Result<keeper::Refused> refused = decode<keeper::Refused>(message);
        if (refused.ok()) hooks_.refused(refused.value());
        return;
    }
    if (message.kind == static_cast<uint32_t>(keeper::Kind::limits_hit)) {
        const Result<keeper::LimitsHit> hit = decode<keeper::LimitsHit>(message);
        if (hit.ok()) hooks_.limits_hit(hit.value());
        return;
    }
    OPENDEXT_PROBE(daemon_keeper_answered);
    requests_.complete(message);  // the reply to a request that timed out is dropped
}

template <typename T>
void KeeperLink::request(T content, std::vector<UniqueFd> fds, Deadline deadline,
                         Requests::Done done) {
    const uint64_t serial =
        requests_.add(deadlines_.of(deadline), std::string(to_string(deadline)), std::move(done));
    Message message = encode(std::move(content), serial);
    message.fds = std::move(fds);
    OPENDEXT_PROBE(daemon_ask_keeper);
    connection_.send(std::move(message));
}

template <typename T>
void KeeperLink::simple_request(T content, std::vector<UniqueFd> fds,
                                std::function<void(Status)> done) {
    request(std::move(content), std::move(fds), Deadline::keeper_request,
            [done = std::move(done)](Result<Message> message) {
                if (!done) return;
                Result<keeper::Reply> reply = expect<keeper::Reply>(message);
                if (!reply.ok()) {
                    done(std::move(reply).error());
                } else if (reply->io_return != 0) {
                    done(refusal(message.value()));
                } else {
                    done(success());
                }
            });
}

void KeeperLink::spawn(keeper::Spawn content, std::vector<UniqueFd> control,
                       std::function<void(Result<Spawned>)> done) {
    request(std::move(content), std::move(control), Deadline::spawn,
            [done = std::move(done)](Result<Message> message) {
                Result<keeper::Spawned> spawned = expect<keeper::Spawned>(message);
                if (!spawned.ok()) {
                    done(std::move(spawned).error());
                } else if (spawned->pid <= 0) {
                    done(Error{Errc::malformed, 0, "keeper: a process without a pid"});
                } else {
                    done(Spawned{spawned->pid, spawned->sandbox, std::move(spawned->rights)});
                }
            });
}

void KeeperLink::furnish(int32_t pid, std::string bundle_id, std::string bundle_path) {
    simple_request(keeper::Furnish{pid, std::move(bundle_id), std::move(bundle_path)}, {}, {});
}

void KeeperLink::signal(int32_t pid, int32_t number) {
    simple_request(keeper::Signal{pid, number}, {}, {});
}

void KeeperLink::open(std::string resource, Dictionary arguments,
                      std::function<void(Result<KeeperItem>)> done) {
    request(keeper::Open{std::move(resource), std::move(arguments)}, {}, Deadline::keeper_request,
            [done = std::move(done)](Result<Message> message) {
                Result<keeper::Opened> opened = expect<keeper::Opened>(message);
                if (!opened.ok()) {
                    done(std::move(opened).error());
                } else {
                    done(KeeperItem{std::move(opened->properties), std::move(message.value().fds)});
                }
            });
}

void KeeperLink::hold(std::string key, Dictionary notes, std::vector<UniqueFd> fds,
                      std::function<void(Status)> done) {
    simple_request(keeper::Hold{std::move(key), std::move(notes)}, std::move(fds), std::move(done));
}

void KeeperLink::fetch(std::string key, std::function<void(Result<KeeperItem>)> done) {
    request(keeper::Fetch{std::move(key)}, {}, Deadline::keeper_request,
            [done = std::move(done)](Result<Message> message) {
                Result<keeper::Held> held = expect<keeper::Held>(message);
                if (!held.ok()) {
                    done(std::move(held).error());
                } else {
                    done(KeeperItem{std::move(held->notes), std::move(message.value().fds)});
                }
            });
}

void KeeperLink::release(std::string key, std::function<void(Status)> done) {
    simple_request(keeper::Release{std::move(key)}, {}, std::move(done));
}

void KeeperLink::publish_node(std::string name, std::string target, std::string group,
                              uint32_t mode, std::function<void(Status)> done) {
    simple_request(keeper::PublishNode{std::move(name), std::move(target), std::move(group), mode},
                   {}, std::move(done));
}

void KeeperLink::remove_node(std::string name, std::function<void(Status)> done) {
    simple_request(keeper::RemoveNode{std::move(name)}, {}, std::move(done));
}

const Message* KeeperLink::unsent(uint64_t number) const {
    const Message* message = connection_.waiting(number);
    if (message == nullptr) return nullptr;
    const auto kind = static_cast<keeper::Kind>(message->kind);
    return kind == keeper::Kind::release || kind == keeper::Kind::remove_node ? message : nullptr;
}

void KeeperLink::send_again(Message message) {
    message.serial = requests_.take_serial();
    connection_.send(std::move(message));
}

void KeeperLink::ready() {
    connection_.send(encode(keeper::Ready{}));
}

void KeeperLink::shut_down() {
    connection_.send(encode(keeper::ShutDown{}));
}

}  // namespace opendext::daemon
