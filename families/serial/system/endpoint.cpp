// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/endpoint.h"

#include <algorithm>
#include <utility>

#include "SerialDriverKit/IOUserSerial.system.h"
#include "daemon/io_return.h"
#include "families/serial/driver/kept_port.h"
#include "families/serial/system/port_name.h"

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
// Notes of the keeper, besides "path" and "watch".
constexpr std::string_view kProviders = "providers";
constexpr std::string_view kBaseName = "IOTTYBaseName";
constexpr std::string_view kSuffix = "IOTTYSuffix";
constexpr std::string_view kBundle = "CFBundleIdentifier";
constexpr std::string_view kDialOutGroup = "dialout";
/// Personality or driver: true for plain transfers (docs/design/serial.md, "Exactness").
constexpr std::string_view kPlainTransfersKey = "OpenDextSerialPlainTransfers";
constexpr uint32_t kNodeMode = 0660;

protocol::Ref descriptor(uint32_t index) {
    protocol::Ref ref;
    ref.kind = protocol::RefKind::descriptor;
    ref.fd_index = index;
    return ref;
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

Endpoint::Endpoint(daemon::FamilyHost& host, TerminalWatch& watch, PortIdentity identity,
                   std::function<void()> released)
    : host_(host), watch_(watch), identity_(std::move(identity)), released_(std::move(released)) {}

Endpoint::~Endpoint() {
    ignore_terminal();
}

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
    providers_ = providers_of(object);
    done_ = std::move(done);
    set_state(State::fetching);
    wanted_ = false;
    if (kept_.empty() && !fetching_ && !fetched_) fetch();
    watch_.prepare(current([this](Status ready) {
        if (!ready.ok()) return fail(std::move(ready).error());
        if (std::vector<UniqueFd> fds = kept(); !fds.empty())
            return attach(std::move(fds[0]), std::move(fds[1]));
        wanted_ = true;
        if (!fetching_ && !fetched_) return fetch();
        if (fetched_) take();
    }));
}

/// Asks the keeper for what it holds: where the predecessor of this opendextd opened it.
void Endpoint::fetch() {
    forget_fetched();
    fetching_ = true;
    host_.fetch(identity_.key(), [this, alive = std::weak_ptr<bool>(alive_),
                                  number = fetches_](Result<KeeperItem> item) {
        if (alive.expired() || number != fetches_) return;
        fetching_ = false;
        fetched_ = std::move(item);
        if (wanted_) take();
    });
}

void Endpoint::forget_fetched() {
    ++fetches_;
    fetching_ = wanted_ = false;
    fetched_.reset();
}

void Endpoint::take() {
    Result<KeeperItem> item = *std::move(fetched_);
    forget_fetched();
    if (!item.ok() || item->fds.size() != 2 || !take_notes(item->properties)) return open();
    held_ = true;
    restore_control(item->properties);
    attach(std::move(item->fds[0]), std::move(item->fds[1]));
}

void Endpoint::adopt(daemon::EntryId object, daemon::EntryId client) {
    ++turn_;
    forget_fetched();  // there was no successor to give it to
    object_ = object;
    providers_ = providers_of(object);
    client_ = client;
    nodes_published_ = true;
    nodes_unsure_ = false;
    held_ = true;
    quarantine_.reset();
    set_state(State::serving);
    const auto deaf = [this](const Error& error) {
        host_.log(LogLevel::error, object_,
                  "serial port " + identity_.name +
                      ": its driver will not hear of opens and closes: " + error.text());
    };
    watch_.prepare(current([this, deaf](const Status& ready) {
        if (!ready.ok()) return deaf(ready.error());
        host_.fetch(identity_.key(), current([this, deaf](Result<KeeperItem> item) {
                        if (!item.ok()) return deaf(item.error());
                        if (!take_notes(item->properties))
                            return deaf(Error{Errc::malformed, 0, "the keeper's notes of it"});
                        restore_control(item->properties);
                        watch_terminal();
                        attach_again(std::move(item->fds));
                    }));
    }));
}

/// An opendextd that died may have published the port without having come to hand it over. A driver
/// that has it says so.
void Endpoint::attach_again(std::vector<UniqueFd> fds) {
    if (fds.size() != 2) return;
    keep(fds[0], fds[1]);
    host_.call(attach_call(), std::move(fds), kAttachDeadline, "serial port taken over",
               current([this](Result<CallAnswer> answer) {
                   if (!answer.ok()) return fail(std::move(answer).error());
                   const int32_t code = answer->result.io_return;
                   if (code == daemon::kIOReturnExclusiveAccess) return;
                   if (code != 0)
                       return fail(Error::kern(code, "the driver did not take over its terminal"));
                   if (control_ != LineControl{}) send_control();
               }));
}

protocol::Invocation Endpoint::attach_call() const {
    const daemon::Entry* entry = host_.entry(object_);
    const Value* plain = entry == nullptr ? nullptr : entry->property(kPlainTransfersKey);
    return system::IOUserSerial__AttachTerminal::encode(
        object_, {descriptor(0), descriptor(1),
                  plain != nullptr && plain->boolean() != nullptr && *plain->boolean()});
}

void Endpoint::await_driver(const Dictionary& notes) {
    nodes_published_ = nodes_unsure_ = true;
    held_ = true;
    if (!take_notes(notes)) return release();
    restore_control(notes);
    orphan();
}

Result<PortIdentity> PortIdentity::from_notes(const Dictionary& notes) {
    PortIdentity identity;
    for (const auto& [key, part] : {std::pair{kBundle, &identity.bundle_id},
                                    {kBaseName, &identity.base_name},
                                    {kSuffix, &identity.suffix}}) {
        const std::string* text = find_string(notes, key);
        if (text == nullptr)
            return Error{Errc::malformed, 0, "a kept terminal without " + std::string(key)};
        *part = *text;
    }
    identity.name = OD_TRY(make_port_name(identity.base_name, identity.suffix));
    return identity;
}

Dictionary Endpoint::notes() const {
    Array providers;
    for (const daemon::EntryId id : providers_) providers.emplace_back(id);
    return {{"path", Value(path_)},
            {"watch", Value(watched_)},
            {std::string(kProviders), Value(std::move(providers))},
            {std::string(kBaseName), Value(identity_.base_name)},
            {std::string(kSuffix), Value(identity_.suffix)},
            {std::string(kBundle), Value(identity_.bundle_id)},
            {std::string(kLineNote), Value(control_.text())}};
}

/// Which terminal it is, as the keeper says when it opens one and for as long as it holds it.
bool Endpoint::take_notes(const Dictionary& notes) {
    const std::string* path = find_string(notes, "path");
    const Number* watched = find_number(notes, "watch");
    if (path == nullptr || watched == nullptr) return false;
    path_ = *path;
    watched_ = static_cast<int>(watched->raw);
    const auto ids = notes.find(kProviders);
    if (!providers_.empty() || ids == notes.end() || ids->second.array() == nullptr) return true;
    for (const Value& id : *ids->second.array()) {
        if (id.number() != nullptr) providers_.push_back(id.number()->raw);
    }
    return true;
}

void Endpoint::open() {
    set_state(State::opening);
    host_.open(
        "pseudo-terminal", {}, current([this](Result<KeeperItem> item) {
            if (!item.ok()) return fail(std::move(item).error());
            if (item->fds.empty() || !take_notes(item->properties)) {
                return fail(Error{Errc::malformed, 0, "the keeper opened no pseudo-terminal"});
            }
            auto memory = make_kept_memory(identity_.name);
            if (!memory.ok()) return fail(std::move(memory).error());
            hold(std::move(item->fds[0]), std::move(*memory));
        }));
}

void Endpoint::hold(UniqueFd master, UniqueFd memory) {
    set_state(State::holding);
    std::vector<UniqueFd> fds;
    for (const UniqueFd* fd : {&master, &memory}) {
        auto duplicate = fd->duplicate();
        if (!duplicate.ok()) return fail(std::move(duplicate).error());
        fds.push_back(std::move(*duplicate));
    }
    auto both =
        std::make_shared<std::pair<UniqueFd, UniqueFd>>(std::move(master), std::move(memory));
    host_.hold(identity_.key(), notes(), std::move(fds), current([this, both](Status status) {
                   if (!status.ok()) return fail(std::move(status).error());
                   held_ = true;
                   attach(std::move(both->first), std::move(both->second));
               }));
}

void Endpoint::keep(const UniqueFd& master, const UniqueFd& memory) {
    kept_.clear();
    for (const UniqueFd* fd : {&master, &memory}) {
        auto duplicate = fd->duplicate();
        if (!duplicate.ok()) return kept_.clear();
        kept_.push_back(std::move(*duplicate));
    }
}

std::vector<UniqueFd> Endpoint::kept() const {
    std::vector<UniqueFd> fds;
    for (const UniqueFd& fd : kept_) {
        auto duplicate = fd.duplicate();
        if (!duplicate.ok()) return {};
        fds.push_back(std::move(*duplicate));
    }
    return fds;
}

void Endpoint::attach(UniqueFd master, UniqueFd memory) {
    set_state(State::attaching);
    if (kept_.empty()) keep(master, memory);
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(master));
    fds.push_back(std::move(memory));
    // Before the terminal: an open one activates the driver at once.
    if (control_ != LineControl{}) send_control();
    host_.call(attach_call(), std::move(fds), kAttachDeadline, "serial port taken over",
               current([this](Result<CallAnswer> answer) {
                   if (!answer.ok()) return fail(std::move(answer).error());
                   if (answer->result.io_return != 0) {
                       return fail(Error::kern(answer->result.io_return,
                                               "the driver did not take over its terminal"));
                   }
                   watch_terminal();
                   if (state_ == State::attaching) publish_nodes();
               }));
    // Whoever had the port before goes on: nobody has to wait until the driver has it.
    if (nodes_published_ && !nodes_unsure_) publish_client();
}

/// Tells the driver half to look after every open and close.
void Endpoint::watch_terminal() {
    watch_.follow(watched_, [this] {
        host_.call(system::IOUserSerial__TerminalChanged::encode(object_, {}), {}, milliseconds{0},
                   "", {});
    });
}

/// No driver has to know.
void Endpoint::ignore_terminal() {
    if (watched_ >= 0) watch_.ignore(watched_);
}

void Endpoint::publish_nodes() {
    if (nodes_published_ && !nodes_unsure_) return publish_client();
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
            nodes_unsure_ = false;
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

/// The driver cannot serve: its start fails, or if that was over, it ends. A terminal that no
/// application can have opened yet goes at once.
void Endpoint::fail(Error error) {
    ++turn_;
    forget_fetched();
    ignore_terminal();
    auto done = std::exchange(done_, nullptr);
    const daemon::EntryId object = std::exchange(object_, kNoEntry);
    Error reason = std::move(error).in("serial port " + identity_.name);
    if (nodes_published_) {
        orphan();
    } else {
        release();
    }
    if (done) return done(std::move(reason));
    if (host_.process_of(object) == 0) return;  // its end is told by itself
    host_.log(LogLevel::error, object, reason.text());
    host_.terminate(object);
}

/// What the object stands on, the nearest first.
std::vector<daemon::EntryId> Endpoint::providers_of(daemon::EntryId object) const {
    std::vector<daemon::EntryId> providers;
    for (const daemon::Entry* above = host_.entry(object); above != nullptr;) {
        above = host_.entry(above->provider());
        if (above != nullptr) providers.push_back(above->id);
    }
    return providers;
}

void Endpoint::orphan() {
    ++turn_;
    ignore_terminal();
    object_ = kNoEntry;
    done_ = nullptr;
    set_state(State::orphaned);
    if (kept_.empty()) fetch();
    wait_for_successor();
}

void Endpoint::wait_for_successor() {
    quarantine_ = host_.after(kQuarantine, [this] {
        const bool expected = std::any_of(
            providers_.begin(), providers_.end(),
            [this](daemon::EntryId provider) { return host_.successor_expected(provider); });
        if (expected) return wait_for_successor();
        hang_up("no driver came back within " + std::to_string(kQuarantine.count()) + " s");
    });
}

void Endpoint::driver_given_up(daemon::EntryId provider, const std::string& bundle_id) {
    if (state_ != State::orphaned || bundle_id != identity_.bundle_id ||
        std::find(providers_.begin(), providers_.end(), provider) == providers_.end()) {
        return;
    }
    // Another one that it stands on may come back all the same.
    if (host_.successor_expected(providers_.front())) return;
    hang_up("its driver does not come back");
}

void Endpoint::hang_up(const std::string& why) {
    host_.log(LogLevel::notice, kNoEntry,
              "serial port " + identity_.name + ": " + why + ", the terminal is hung up");
    release();
}

void Endpoint::release() {
    ++turn_;
    forget_fetched();  // the application sees a hang-up when nobody has it any more
    kept_.clear();
    quarantine_.reset();
    if (watched_ >= 0) watch_.remove(std::exchange(watched_, -1));
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
