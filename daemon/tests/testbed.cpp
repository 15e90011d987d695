// SPDX-License-Identifier: Apache-2.0
#include "daemon/tests/testbed.h"

#include <sstream>

namespace opendext::daemon::testing {

namespace driver = protocol::driver;
namespace keeper = protocol::keeper;
namespace client = protocol::client;
namespace fs = std::filesystem;

namespace {

std::string hex(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return text;
}

/// Some shared object of this process, to stand for a driver's executable.
fs::path some_library() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        const size_t slash = line.find('/');
        if (slash != std::string::npos && line.find("libplist") != std::string::npos)
            return line.substr(slash);
    }
    return {};
}

}  // namespace

// FakeDriver
// ----------------------------------------------------------------------------------------------------------

FakeDriver::FakeDriver(Testbed& bed, keeper::Spawn spawned, int32_t number, Socket socket)
    : spawn(std::move(spawned)), pid(number), bed_(bed) {
    connection_ = std::make_unique<Connection>(
        *bed.loop, std::move(socket), Connection::Limits{},
        [this](Message m) { received(std::move(m)); },
        [this](const Error&) {
            if (!dead) die(0);
        });
}

void FakeDriver::send(Message message) {
    connection_->send(std::move(message));
}

void FakeDriver::check_in(uint64_t token) {
    send(encode(driver::CheckIn{token, "none (test)"}));
}

void FakeDriver::log(const std::string& text) {
    driver::Log line;
    line.time_ns = 1'700'000'000'000'000'000;
    line.subsystem = "test";
    line.text = text;
    send(encode(line));
}

bool FakeDriver::said(const std::string& what) const {
    return std::any_of(trace.begin(), trace.end(),
                       [&](const std::string& line) { return line.starts_with(what); });
}

void FakeDriver::die(int wait_status) {
    dead = true;
    connection_->close();
    bed_.report_exit(pid, wait_status);
}

uint64_t FakeDriver::call(protocol::Invocation invocation, std::vector<UniqueFd> fds) {
    const uint64_t serial = next_++;
    Message message = encode(driver::Call{std::move(invocation)}, serial);
    message.fds = std::move(fds);
    send(std::move(message));
    return serial;
}

protocol::InvocationResult FakeDriver::call_and_wait(protocol::Invocation invocation) {
    const uint64_t serial = call(std::move(invocation));
    EXPECT_TRUE(bed_.run_until([&] { return answers.contains(serial); })) << "no answer to a call";
    return answers[serial];
}

void FakeDriver::finish_start(EntryId object, int32_t result) {
    send(encode(driver::CallResult{{result, {}, {}}}, held_starts_.at(object)));
    held_starts_.erase(object);
}

void FakeDriver::acknowledge_power(EntryId object, uint32_t flags) {
    system::IOService_SetPowerState::In in;
    in.powerFlags = flags;
    call(system::IOService_SetPowerState::encode(object, in));
}

void FakeDriver::super_stop(EntryId object) {
    system::IOService_Stop::In in;
    call(system::IOService_Stop::encode(object, in));
}

void FakeDriver::received(Message message) {
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::load: {
            trace.emplace_back("load");
            driver::Loaded loaded;
            for (const auto& [name, super] : bed_.classes)
                loaded.classes.push_back({name, super, 0});
            send(encode(loaded, message.serial));
            return;
        }
        case driver::Kind::assign:
            trace.push_back("assign " + decode<driver::Assign>(message)->title);
            return;
        case driver::Kind::instantiate: {
            const auto request = decode<driver::Instantiate>(message);
            const std::string& name = request->class_name;
            trace.push_back("instantiate " + name);
            objects[request->entry] = name;
            const Script& script = bed_.scripts[name];
            if (script.hold_init) return;
            driver::Reply reply;
            reply.io_return = script.init_result;
            send(encode(reply, message.serial));
            if (reply.io_return == 0 && request->start_serial != 0)
                called(encode(driver::Call{request->start}, request->start_serial));
            return;
        }
        case driver::Kind::call:
            called(message);
            return;
        case driver::Kind::interrupt: {
            const uint64_t serial = message.serial;
            others.insert_or_assign(serial, std::move(message));
            return;
        }
        case driver::Kind::call_result:
            answers[message.serial] = decode<driver::CallResult>(message)->result;
            answered_fds = std::move(message.fds);
            return;
        case driver::Kind::created: {
            const auto made = decode<driver::Created>(message);
            created[message.serial] = *made;
            if (made->outcome.io_return == 0) objects[made->entry] = made->user_class;
            const auto asked = creating_.find(message.serial);
            if (asked == creating_.end()) return;
            protocol::InvocationResult result;
            result.io_return = made->outcome.io_return;
            if (result.io_return == 0) {
                system::IOService__NewUserClient::Out out;
                out.userClient = object_reference(made->entry);
                system::IOService__NewUserClient::encode_result(out, result);
            }
            send(encode(driver::CallResult{std::move(result)}, asked->second.first));
            return;
        }
        case driver::Kind::outcome:
            replies[message.serial] = *decode<driver::Reply>(message);
            return;
        case driver::Kind::source_ready:
            ready_sources.push_back(decode<driver::SourceReady>(message)->source);
            return;
        case driver::Kind::notification:
            notifications[message.serial] = *decode<driver::Notification>(message);
            return;
        case driver::Kind::system_power:
            trace.emplace_back(decode<driver::SystemPower>(message)->asleep ? "asleep" : "awake");
            return;
        case driver::Kind::bind: {
            const auto bind = decode<driver::Bind>(message);
            bound[bind->entry] = bind->classes;
            return;
        }
        case driver::Kind::attach_client: {
            const auto attach = decode<driver::AttachClient>(message);
            const Script& script = bed_.scripts[objects[attach->entry]];
            attached_clients.push_back(attach->connection);
            EXPECT_EQ(message.fds.size(), 2U);
            driver::Reply reply;
            reply.io_return = script.attach_result;
            if (!script.hold_attach) send(encode(reply, message.serial));
            return;
        }
        case driver::Kind::detach_client:
            detached_clients.push_back(decode<driver::DetachClient>(message)->connection);
            return;
        case driver::Kind::drop:
            trace.push_back("drop " + hex(decode<driver::Drop>(message)->entry));
            objects.erase(decode<driver::Drop>(message)->entry);
            return;
        case driver::Kind::resume:
            send(encode(driver::Resumed{}, message.serial));
            return;
        case driver::Kind::exit:
            trace.emplace_back("exit");
            bed_.loop->post([this] {
                if (!dead) die(0);
            });
            return;
        default:
            ADD_FAILURE() << "opendextd sent a driver kind " << message.kind;
    }
}

void FakeDriver::called(const Message& message) {
    const auto call_message = decode<driver::Call>(message);
    const protocol::Invocation& invocation = call_message->invocation;
    const EntryId object = invocation.object;
    const Script& script = bed_.scripts[objects[object]];
    const auto answer = [&](int32_t result) {
        send(encode(driver::CallResult{{result, {}, {}}}, message.serial));
    };
    if (invocation.msgid == system::IOService_Start::kMsgId) {
        trace.push_back("start " + objects[object]);
        if (script.register_in_start) call(system::IOService_RegisterService::encode(object, {}));
        if (script.die_in_start) return bed_.loop->post([this] { die(11); });
        if (script.hold_start) {
            held_starts_[object] = message.serial;
        } else {
            answer(script.start_result);
        }
    } else if (invocation.msgid == system::IOService_Stop::kMsgId) {
        trace.push_back("stop " + objects[object]);
        if (!script.hold_super_stop && script.stop_result == 0) super_stop(object);
        answer(script.stop_result);
    } else if (invocation.msgid == system::IOService__NewUserClient::kMsgId) {
        trace.push_back("new user client " + objects[object]);
        if (script.die_in_new_user_client) return bed_.loop->post([this] { die(11); });
        if (script.user_client_key.empty()) return answer(kIOReturnError);
        const uint64_t serial = next_++;
        creating_[serial] = {message.serial, object};
        send(encode(driver::Create{object, script.user_client_key}, serial));
    } else if (invocation.msgid == system::IOService_ClientCrashed::kMsgId) {
        trace.push_back("client crashed");
        answer(0);
    } else if (invocation.msgid == system::IOService_SetPowerState::kMsgId) {
        const auto in = system::IOService_SetPowerState::decode(invocation);
        trace.push_back("power " + std::to_string(in->powerFlags) + " " + objects[object]);
        if (!script.hold_power) acknowledge_power(object, in->powerFlags);
        answer(script.power_result);
    } else {
        relayed.push_back(invocation);
        if ((invocation.flags & 8) == 0 && !bed_.hold_relayed) answer(relayed_result);
    }
}

// FakeClient
// ----------------------------------------------------------------------------------------------------------

FakeClient::FakeClient(Testbed& bed, bool greet) : bed_(bed) {
    auto ends = Socket::pair();
    bed.daemon->clients().add(std::move(ends->first));
    connection_ = std::make_unique<Connection>(
        *bed.loop, std::move(ends->second), Connection::Limits{},
        [this](Message message) {
            if (message.serial != 0) {
                const uint64_t serial = message.serial;
                answers.insert_or_assign(serial, std::move(message));
                return;
            }
            if (auto event = decode<client::Matched>(message); event.ok())
                matched.push_back(*event);
            if (auto event = decode<client::Interest>(message); event.ok())
                interests.push_back(*event);
            if (auto event = decode<client::ConnectionDied>(message); event.ok())
                died.push_back(*event);
            if (auto event = decode<client::ExtensionProgress>(message); event.ok())
                extension_progress.push_back(*event);
        },
        [this](const Error&) { closed = true; });
    if (greet) {
        const auto welcome = ask<client::Welcome>(client::Hello{client::kVersion, "test"});
        EXPECT_EQ(welcome.root, bed.daemon->registry().root());
    }
}

// Testbed
// -------------------------------------------------------------------------------------------------------------

namespace {
Daemon::Options default_options(const fs::path& folder) {
    Daemon::Options options{Realm(folder / "realm"), {}, {}, PolicyMode::off, {}, 1, {}, {}};
    options.restart.start_crash_wait = std::chrono::milliseconds(1);
    return options;
}

fs::path make_folder() {
    std::string pattern = (fs::temp_directory_path() / "opendextd-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    return pattern;
}
}  // namespace

Testbed::Testbed()
    : folder(make_folder()),
      loop(std::move(EventLoop::create()).value()),
      options(default_options(folder)) {
    classes = {{"OSObject", ""}, {"IOService", "OSObject"}, {"IOUserClient", "IOService"}};
    options.restart.spare_processes = 0;  // processes are counted
}

Testbed::~Testbed() {
    daemon.reset();
    keeper_.reset();
    drivers.clear();
    fs::remove_all(folder);
}

void Testbed::start() {
    ASSERT_TRUE(options.realm.create().ok());
    if (!outlived) return start_daemon(std::nullopt);
    Inheritance first;
    first.ledger = std::make_unique<Ledger>(std::move(Ledger::create()).value());
    ledger_ = std::move(first.ledger->duplicate()).value();
    start_daemon(std::move(first));
}

void Testbed::succeed() {
    settle();
    daemon.reset();
    keeper_.reset();
    held_spawned_.clear();  // nobody hears of them any more
    held_fetched_.clear();
    ready = false;
    Inheritance left;
    left.starts = ++starts_;
    left.adopts = true;
    left.ledger = std::make_unique<Ledger>(
        std::move(Ledger::open(std::move(ledger_.duplicate()).value())).value());
    for (const FakeDriver* each : alive())
        left.controls.emplace(each->pid,
                              Socket(std::move(controls_.at(each->pid).duplicate()).value()));
    for (const auto& [key, item] : held) {
        KeeperItem& copy = left.held[key];
        copy.properties = item.properties;
        for (const UniqueFd& fd : item.fds) copy.fds.push_back(std::move(fd.duplicate()).value());
    }
    start_daemon(std::move(left));
}

void Testbed::start_daemon(std::optional<Inheritance> inheritance) {
    auto ends = Socket::pair();
    keeper_ = std::make_unique<Connection>(
        *loop, std::move(ends->first), Connection::Limits{},
        [this](Message m) { keeper_message(std::move(m)); }, [](const Error&) {});
    // `options` stay for tests to read.
    Daemon::Options used{options.realm,    options.deadlines,      options.restart,
                         options.policy,   options.client_limits,  options.keeper_pid,
                         options.families, std::move(inheritance), options.clock};
    daemon = std::make_unique<Daemon>(*loop, std::move(used), std::move(ends->second));
    const Status started = daemon->start();
    ASSERT_TRUE(started.ok()) << started.error().text();
    ASSERT_TRUE(run_until([&] { return ready; }));
    settle();
}

void Testbed::settle() {
    // Everybody lives on this loop, so when it has nothing to deliver, all wait for the test or for
    // a deadline.
    int quiet = 0;
    while (quiet < 3) quiet = loop->turn() ? 0 : quiet + 1;
}

void Testbed::report_exit(int32_t pid, int wait_status) {
    keeper_->send(encode(keeper::Exited{pid, wait_status}));
}

void Testbed::keeper_message(Message message) {
    const auto kind = static_cast<keeper::Kind>(message.kind);
    keeper_requests.push_back(kind);
    switch (kind) {
        case keeper::Kind::ready:
            ready = true;
            return;
        case keeper::Kind::shut_down:
            shut_down = true;
            return;
        case keeper::Kind::spawn: {
            if (refuse_spawn ||
                (refuse_bare && decode<keeper::Spawn>(message)->bundle_path.empty())) {
                keeper::Reply reply;
                reply.io_return = kIOReturnNoResources;
                reply.reason = "no more processes";
                keeper_->send(encode(reply, message.serial));
                return;
            }
            const auto spawn = decode<keeper::Spawn>(message);
            ASSERT_GE(message.fds.size(), 1U);
            if (real_driver) {
                keeper_->send(encode(keeper::Spawned{next_pid_++, "none (test)"}, message.serial));
                real_driver(*spawn, Socket(std::move(message.fds[0])));
                return;
            }
            if (message.fds.size() > 1) controls_[next_pid_] = std::move(message.fds[1]);
            FakeDriver& made =
                drivers.emplace_back(*this, *spawn, next_pid_++, Socket(std::move(message.fds[0])));
            Message spawned = encode(keeper::Spawned{made.pid, "none (test)"}, message.serial);
            if (hold_spawned) {
                held_spawned_.push_back(std::move(spawned));
            } else {
                keeper_->send(std::move(spawned));
            }
            if (auto_check_in) made.check_in();
            return;
        }
        case keeper::Kind::furnish: {
            const auto furnish = decode<keeper::Furnish>(message);
            for (FakeDriver& each : drivers) {
                if (each.pid != furnish->pid || each.dead) continue;
                each.spawn.bundle_id = furnish->bundle_id;
                each.spawn.bundle_path = furnish->bundle_path;
                each.trace.push_back("furnish " + furnish->bundle_id);
            }
            keeper_->send(encode(keeper::Reply{}, message.serial));
            return;
        }
        case keeper::Kind::signal: {
            const auto signal = decode<keeper::Signal>(message);
            for (FakeDriver& each : drivers) {
                if (each.pid == signal->pid && !each.dead) each.die(signal->number);
            }
            keeper_->send(encode(keeper::Reply{}, message.serial));
            return;
        }
        case keeper::Kind::open: {
            const auto open = decode<keeper::Open>(message);
            UniqueFd fd = open_resource ? open_resource(*open) : UniqueFd();
            Message reply = fd ? encode(keeper::Opened{}, message.serial)
                               : encode(keeper::Reply{}, message.serial);
            if (fd) reply.fds.push_back(std::move(fd));
            keeper_->send(std::move(reply));
            return;
        }
        case keeper::Kind::hold: {
            auto hold = decode<keeper::Hold>(message);
            if (hold->key != kLedgerKey)
                held[hold->key] = {std::move(hold->notes), std::move(message.fds)};
            keeper_->send(encode(keeper::Reply{}, message.serial));
            return;
        }
        case keeper::Kind::fetch: {
            const auto item = held.find(decode<keeper::Fetch>(message)->key);
            if (item == held.end()) {
                keeper_->send(encode(keeper::Reply{}, message.serial));
                return;
            }
            Message reply = encode(keeper::Held{item->second.properties}, message.serial);
            for (const UniqueFd& fd : item->second.fds)
                reply.fds.push_back(std::move(fd.duplicate()).value());
            if (hold_fetched) {
                held_fetched_.push_back(std::move(reply));
            } else {
                keeper_->send(std::move(reply));
            }
            return;
        }
        case keeper::Kind::release:
            held.erase(decode<keeper::Release>(message)->key);
            keeper_->send(encode(keeper::Reply{}, message.serial));
            return;
        default:
            keeper_->send(encode(keeper::Reply{}, message.serial));
            return;
    }
}

void Testbed::tell_spawned() {
    hold_spawned = false;
    for (Message& spawned : std::exchange(held_spawned_, {})) keeper_->send(std::move(spawned));
}

void Testbed::tell_fetched() {
    hold_fetched = false;
    for (Message& fetched : std::exchange(held_fetched_, {})) keeper_->send(std::move(fetched));
}

fs::path Testbed::write_bundle(const std::string& id, Dictionary personalities,
                               const std::string& version, Dictionary entitlements) {
    const std::string name = id.substr(id.rfind('.') + 1);
    const fs::path path = folder / "source" / (name + ".dext");
    fs::remove_all(path);
    fs::create_directories(path);
    fs::copy_file(some_library(), path / name);
    const Dictionary info{{"CFBundlePackageType", "DEXT"},
                          {"CFBundleIdentifier", id},
                          {"CFBundleExecutable", name},
                          {"CFBundleName", name},
                          {"CFBundleVersion", version},
                          {"CFBundleShortVersionString", "1.0"},
                          {bundle::kAbiKey, Value(bundle::kDextAbi)},
                          {"IOKitPersonalities", std::move(personalities)}};
    EXPECT_TRUE(bundle::write_plist(path / "Info.plist", info).ok());
    if (!entitlements.empty()) {
        EXPECT_TRUE(
            bundle::write_plist(path / (name + ".entitlements"), std::move(entitlements)).ok());
    }
    return path;
}

Dictionary Testbed::personality(const std::string& bundle, const std::string& user_class,
                                const std::string& provider_class, Dictionary more) {
    Dictionary table{{"CFBundleIdentifier", bundle},
                     {"IOClass", "IOUserService"},
                     {"IOUserClass", user_class},
                     {"IOProviderClass", provider_class},
                     {"IOUserServerName", bundle}};
    for (auto& [key, value] : more) table.insert_or_assign(key, std::move(value));
    return table;
}

Status Testbed::install(const fs::path& bundle) {
    std::optional<Status> outcome;
    daemon->catalogue().install(bundle, [&](const Status& status) { outcome = status; });
    EXPECT_TRUE(run_until([&] { return outcome.has_value(); })) << "install gave no answer";
    return outcome ? *outcome : Status(Error{});
}

FakeDriver* Testbed::driver_of(EntryId entry) {
    const Instance* instance = daemon->lifecycle().find(entry);
    if (instance == nullptr || !instance->process) return nullptr;
    for (FakeDriver& each : drivers) {
        if (each.pid == instance->process->pid()) return &each;
    }
    return nullptr;
}

std::vector<FakeDriver*> Testbed::alive() {
    std::vector<FakeDriver*> living;
    for (FakeDriver& each : drivers) {
        if (!each.dead) living.push_back(&each);
    }
    return living;
}

std::vector<EntryId> Testbed::find_all(const std::string& name) const {
    std::vector<EntryId> found;
    for (const EntryId id : daemon->registry().all()) {
        if (daemon->registry().find(id)->name == name) found.push_back(id);
    }
    return found;
}

EntryId Testbed::find(const std::string& name) const {
    const std::vector<EntryId> all = find_all(name);
    return all.empty() ? kNoEntry : all.front();
}

std::string Testbed::log_text() const {
    std::ifstream file(options.realm.log());
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace opendext::daemon::testing
