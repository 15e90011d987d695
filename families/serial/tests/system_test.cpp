// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/serial_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <set>

#include "SerialDriverKit/IOUserSerial.system.h"
#include "daemon/io_return.h"
#include "families/serial/system/port_name.h"

namespace opendext::serial {
namespace {

using daemon::End;
using daemon::Entry;
using daemon::EntryId;

/// opendextd and the keeper in one object: answers come when run() is called.
class FakeHost final : public daemon::FamilyHost {
  public:
    std::map<EntryId, Entry> entries;
    std::map<EntryId, int32_t> processes;
    std::map<std::string, std::pair<Dictionary, std::vector<UniqueFd>>> held;
    int fetches = 0;
    std::map<std::string, std::string> nodes;
    std::vector<std::string> events;  ///< calls and published entries
    std::vector<daemon::NewEntry> published;
    std::function<void()> timer;
    UniqueFd inotify{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};  ///< the keeper's
    std::function<void(uint32_t)> readable;                       ///< call it when that is
    std::map<EntryId, int> told;  ///< how often a driver was told to look at its terminal
    int32_t attach_result = 0;
    std::set<EntryId> attached;  ///< drivers that have a terminal
    bool hold_attach = false;
    std::function<void(Result<daemon::CallAnswer>)> held_attach;

    void run() {
        while (!queue_.empty()) {
            auto next = std::move(queue_.front());
            queue_.pop_front();
            next();
        }
    }
    const Entry* entry(EntryId id) const override {
        const auto found = entries.find(id);
        return found == entries.end() ? nullptr : &found->second;
    }
    EntryId user_resources() const override { return 1; }
    Result<EntryId> publish(daemon::NewEntry entry) override {
        published.push_back(entry);
        const EntryId id = 1000 + published.size();
        Entry& there = entries[id];
        there.id = id;
        there.classes = {entry.class_name};
        there.providers = {entry.provider};
        there.properties = entry.properties;
        return id;
    }
    std::vector<EntryId> left(std::string_view class_name) const override {
        std::vector<EntryId> found;
        for (const auto& [id, entry] : entries) {
            if (entry.is_kind_of(class_name)) found.push_back(id);
        }
        return found;
    }
    bool successor_expected(EntryId) const override { return false; }
    void register_entry(EntryId) override {}
    void terminate(EntryId id) override { events.push_back("terminate " + std::to_string(id)); }
    void set_property(EntryId id, std::string key, Value value) override {
        entries.at(id).properties[key] = std::move(value);
    }
    void remove_property(EntryId, std::string_view) override {}
    void message_clients(EntryId, uint32_t, uint64_t) override {}
    void call(protocol::Invocation invocation, std::vector<UniqueFd> fds, std::chrono::milliseconds,
              std::string_view, std::function<void(Result<daemon::CallAnswer>)> done) override {
        if (invocation.msgid == system::IOUserSerial__AttachTerminal::kMsgId) {
            EXPECT_EQ(2U, fds.size());
            events.push_back("attach " + std::to_string(invocation.object));
        }
        if (invocation.msgid == system::IOUserSerial__DetachTerminal::kMsgId)
            events.push_back("detach");
        if (invocation.msgid == system::IOUserSerial__TerminalChanged::kMsgId)
            ++told[invocation.object];
        if (!done) return;
        const bool attaches = invocation.msgid == system::IOUserSerial__AttachTerminal::kMsgId;
        if (attaches && hold_attach) {
            held_attach = std::move(done);
            return;
        }
        const bool again = attaches && !attached.insert(invocation.object).second;
        const int32_t result = again ? daemon::kIOReturnExclusiveAccess : attach_result;
        queue_.push_back([done, result] { done(daemon::CallAnswer::error(result)); });
    }
    int32_t process_of(EntryId id) const override {
        const auto found = processes.find(id);
        return found == processes.end() ? 0 : found->second;
    }
    void open(std::string resource, Dictionary,
              std::function<void(Result<daemon::KeeperItem>)> done) override {
        if (resource == "terminal-watch") {
            queue_.push_back([this, done] {
                if (!inotify) return done(Error{Errc::system, EMFILE, "no watch"});
                daemon::KeeperItem item;
                item.fds.push_back(inotify.duplicate().value());
                done(std::move(item));
            });
            return;
        }
        events.push_back("open " + resource);
        queue_.push_back([this, done] {
            daemon::KeeperItem item;
            UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY));
            char path[64];
            ::grantpt(master.get());
            ::unlockpt(master.get());
            ::ptsname_r(master.get(), path, sizeof path);
            item.properties["path"] = Value(std::string(path));
            item.properties["watch"] =
                Value(::inotify_add_watch(inotify.get(), path, IN_OPEN | IN_CLOSE));
            item.fds.push_back(std::move(master));
            done(std::move(item));
        });
    }
    void hold(std::string key, Dictionary notes, std::vector<UniqueFd> fds,
              std::function<void(Status)> done) override {
        held[key] = {std::move(notes), std::move(fds)};
        queue_.push_back([done] { done(success()); });
    }
    void fetch(std::string key, std::function<void(Result<daemon::KeeperItem>)> done) override {
        ++fetches;
        queue_.push_back([this, key, done] {
            const auto found = held.find(key);
            if (found == held.end()) return done(Error{Errc::not_found, 0, "nothing held"});
            daemon::KeeperItem item;
            item.properties = found->second.first;
            for (const auto& fd : found->second.second) item.fds.push_back(fd.duplicate().value());
            done(std::move(item));
        });
    }
    void release(std::string key, std::function<void(Status)> done) override {
        held.erase(key);
        queue_.push_back([done] { done(success()); });
    }
    void publish_node(std::string name, std::string target, std::string group, uint32_t mode,
                      std::function<void(Status)> done) override {
        EXPECT_EQ("dialout", group);
        EXPECT_EQ(0660U, mode);
        const bool fresh = nodes.emplace(name, target).second;
        queue_.push_back([fresh, name, done] {
            if (fresh) return done(success());
            done(Error{Errc::exists, 0, "device node " + name + " exists already"});
        });
    }
    void remove_node(std::string name, std::function<void(Status)> done) override {
        nodes.erase(name);
        queue_.push_back([done] { done(success()); });
    }
    std::string device_directory() const override { return "/realm/dev"; }
    std::unique_ptr<daemon::Handle> after(std::chrono::milliseconds delay,
                                          std::function<void()> fire) override {
        EXPECT_EQ(kQuarantine, delay);
        timer = std::move(fire);
        return std::make_unique<daemon::Handle>();
    }
    std::unique_ptr<daemon::Handle> watch(int, uint32_t,
                                          std::function<void(uint32_t)> ready) override {
        readable = std::move(ready);
        return std::make_unique<daemon::Handle>();
    }
    void log(daemon::LogLevel, EntryId, std::string_view) override {}

  private:
    std::deque<std::function<void()>> queue_;
};

class SerialSystemTest : public ::testing::Test {
  protected:
    /// A driver object on a nub; the names are properties of the nub.
    const Entry& add(EntryId id, const std::string& name,
                     const std::string& bundle = "org.example.driver") {
        Entry nub;
        nub.id = id + 1;
        nub.user_classes = {"Nub"};
        nub.properties = {{"IOTTYBaseName", Value(name)}};
        host.entries[nub.id] = nub;
        host.processes[nub.id] = 50;
        Entry object;
        object.id = id;
        object.classes = {"IOUserSerial", "IOService"};
        object.providers = {id + 1};
        object.properties = {{"CFBundleIdentifier", Value(bundle)}, {"IOTTYSuffix", Value("7")}};
        host.processes[id] = 100;
        return host.entries[id] = object;
    }
    Status start(const Entry& object) {
        Status result = Error{Errc::unknown, 0, "no answer"};
        system.object_started(object, [&](Status status) { result = std::move(status); });
        host.run();
        return result;
    }
    void end(const Entry& object, End how) {
        if (how == End::process_died) host.processes[object.id] = 0;
        system.object_terminating(object);
        system.object_ended(object, how);
        host.run();
    }
    FakeHost host;
    SerialSystem system{host, {}, false};
    const std::map<std::string, std::string> kNoNodes;
};

TEST_F(SerialSystemTest, StartedDriverGetsTerminalNodesAndEntry) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    EXPECT_EQ((std::vector<std::string>{"open pseudo-terminal", "attach 10"}), host.events);
    EXPECT_EQ(2U, host.nodes.size());
    EXPECT_EQ(host.nodes["cu.port7"], host.nodes["tty.port7"]);
    ASSERT_EQ(1U, host.published.size());
    const daemon::NewEntry& client = host.published.front();
    EXPECT_EQ("IOSerialBSDClient", client.class_name);
    EXPECT_EQ(10U, client.provider);
    EXPECT_EQ("port7", *find_string(client.properties, "IOTTYDevice"));
    EXPECT_EQ("port", *find_string(client.properties, "IOTTYBaseName"));
    EXPECT_EQ("7", *find_string(client.properties, "IOTTYSuffix"));
    EXPECT_EQ("/realm/dev/cu.port7", *find_string(client.properties, "IOCalloutDevice"));
    EXPECT_EQ("/realm/dev/tty.port7", *find_string(client.properties, "IODialinDevice"));
    EXPECT_TRUE(host.held.contains("serial:org.example.driver:port7"));
}

TEST_F(SerialSystemTest, SuccessorOfADeadDriverGetsTheSameTerminal) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    const auto nodes = host.nodes;
    end(first, End::process_died);
    EXPECT_EQ(nodes, host.nodes) << "the nodes stay over the crash";
    EXPECT_EQ(1U, host.held.size());
    ASSERT_TRUE(start(add(20, "port")).ok());
    EXPECT_EQ((std::vector<std::string>{"open pseudo-terminal", "attach 10", "attach 20"}),
              host.events);
    EXPECT_EQ(nodes, host.nodes);
}

TEST_F(SerialSystemTest, ASuccessorNeedNotWaitForTheKeeper) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    const int asked = host.fetches;
    end(first, End::process_died);
    ASSERT_TRUE(start(add(20, "port")).ok());
    end(*host.entry(20), End::process_died);
    ASSERT_TRUE(start(add(30, "port")).ok()) << "nor one after that";
    EXPECT_EQ(asked, host.fetches);
    EXPECT_EQ("attach 30", host.events.back());
}

TEST_F(SerialSystemTest, ASuccessorIsThereForProgramsBeforeItHasTheTerminal) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    end(first, End::process_died);
    host.hold_attach = true;
    const Entry& second = add(20, "port");
    ASSERT_TRUE(start(second).ok()) << "AttachTerminal has not been answered";
    EXPECT_EQ(2U, host.published.size());
    ASSERT_TRUE(host.held_attach);
    EXPECT_EQ(0, host.told[20]);
    host.held_attach(daemon::CallAnswer::error(0));
    EXPECT_EQ(1, host.told[20]);
    EXPECT_EQ(2U, host.published.size());
}

TEST_F(SerialSystemTest, ASuccessorThatCannotTakeTheTerminalEndsAndTheTerminalStays) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    const auto nodes = host.nodes;
    end(first, End::process_died);
    host.attach_result = static_cast<int32_t>(0xe00002bc);
    const Entry& second = add(20, "port");
    ASSERT_TRUE(start(second).ok());
    EXPECT_EQ("terminate 20", host.events.back());
    end(second, End::terminated);
    EXPECT_EQ(nodes, host.nodes) << "for the next one";
    host.attach_result = 0;
    ASSERT_TRUE(start(add(30, "port")).ok());
    EXPECT_EQ("attach 30", host.events.back());
}

TEST_F(SerialSystemTest, ASuccessorThatDiesBeforeItHasTheTerminalIsNotEndedASecondTime) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    end(first, End::process_died);
    host.hold_attach = true;
    const Entry& second = add(20, "port");
    ASSERT_TRUE(start(second).ok());
    host.processes[second.id] = 0;
    host.held_attach(Error{Errc::peer_gone, 0, "it died"});
    EXPECT_EQ("attach 20", host.events.back());
    end(second, End::process_died);
    EXPECT_EQ(1U, host.held.size());
    host.hold_attach = false;
    ASSERT_TRUE(start(add(30, "port")).ok());
    EXPECT_EQ("attach 30", host.events.back());
}

TEST_F(SerialSystemTest, OnlyTheDriverOfATerminalHearsOfItsOpensAndCloses) {
    const Entry& first = add(10, "first");
    ASSERT_TRUE(start(first).ok());
    ASSERT_TRUE(start(add(20, "second")).ok());
    EXPECT_EQ(host.told, (std::map<EntryId, int>{{10, 1}, {20, 1}})) << "each looks once at first";
    const auto open = [&](const std::string& node) {
        return UniqueFd(::open(host.nodes.at(node).c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    };
    UniqueFd user = open("cu.second7");
    ASSERT_TRUE(user) << "masters are held";
    host.readable(EPOLLIN);
    EXPECT_EQ(host.told, (std::map<EntryId, int>{{10, 1}, {20, 2}}));
    user.reset();
    user = open("cu.second7");
    host.readable(EPOLLIN);
    EXPECT_EQ(host.told, (std::map<EntryId, int>{{10, 1}, {20, 3}})) << "once for many events";

    // What happens while there is no driver is told to its successor.
    end(first, End::process_died);
    open("cu.first7").reset();
    host.readable(EPOLLIN);
    EXPECT_EQ(host.told[10], 1);
    ASSERT_TRUE(start(add(30, "first")).ok());
    EXPECT_EQ(host.told[30], 1);
    open("cu.first7").reset();
    host.readable(EPOLLIN);
    EXPECT_EQ(host.told[30], 2);
}

TEST_F(SerialSystemTest, AnotherOpendextdGoesOnWithThePortsThatAreThere) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    Entry& client = host.entries.at(1001);
    const daemon::ClientProgram root{1, 0};
    ASSERT_TRUE(
        system.set_properties(client, {{"SerialLineControl", Value("parity=even")}}, root)->ok());
    host.run();
    const auto nodes = host.nodes;
    auto events = host.events;

    SerialSystem again{host, {}, false};
    again.object_adopted(object);
    host.run();
    events.emplace_back("attach 10");  // which it has, as it says
    EXPECT_EQ(host.events, events) << "the driver keeps its terminal";
    EXPECT_EQ(host.nodes, nodes);
    EXPECT_EQ(host.published.size(), 1U);
    EXPECT_EQ(host.told[10], 2) << "it may have missed an opening";
    const UniqueFd user(::open(nodes.at("cu.port7").c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    host.readable(EPOLLIN);
    EXPECT_EQ(host.told[10], 3);
    // What was set before is known, and what is set now reaches the entry that is there.
    ASSERT_TRUE(again.set_properties(client, {{"SerialLineControl", Value("bits=7")}}, root)->ok());
    EXPECT_EQ(*find_string(client.properties, "SerialLineControl"), "bits=7 parity=even");
    // It ends as any other.
    again.object_terminating(object);
    again.object_ended(object, End::terminated);
    host.run();
    EXPECT_EQ(host.nodes, kNoNodes);
    EXPECT_TRUE(host.held.empty());
}

TEST_F(SerialSystemTest, AnotherOpendextdHandsOverWhatTheOneBeforeHadNotComeTo) {
    const Entry& first = add(10, "port");
    ASSERT_TRUE(start(first).ok());
    end(first, End::process_died);
    host.hold_attach = true;  // it dies before that leaves
    const Entry& second = add(20, "port");
    ASSERT_TRUE(start(second).ok());
    host.hold_attach = false;
    SerialSystem again{host, {}, false};
    again.object_adopted(second);
    host.run();
    EXPECT_EQ("attach 20", host.events.back());
    EXPECT_TRUE(host.attached.contains(20));
    EXPECT_EQ(1, host.told[20]);
}

TEST_F(SerialSystemTest, ATerminalThatGoesIsNotWatchedAnyMore) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    const auto watched = [&] {
        std::ifstream file("/proc/self/fdinfo/" + std::to_string(host.inotify.get()));
        size_t count = 0;
        for (std::string line; std::getline(file, line);) count += line.starts_with("inotify wd:");
        return count;
    };
    EXPECT_EQ(watched(), 1U);
    end(object, End::terminated);
    EXPECT_EQ(watched(), 0U);
    host.readable(EPOLLIN);  // "it is not watched any more" is no news of anybody
}

TEST_F(SerialSystemTest, WithoutAWatchADriverDoesNotStartAndTheNextTriesAgain) {
    UniqueFd kept = std::exchange(host.inotify, UniqueFd());
    const Status refused = start(add(10, "port"));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text().find("port7"), std::string::npos);
    EXPECT_NE(refused.error().text().find("no watch"), std::string::npos);
    EXPECT_TRUE(host.held.empty());
    host.inotify = std::move(kept);
    EXPECT_TRUE(start(add(20, "port")).ok());
}

TEST_F(SerialSystemTest, RemovalHangsUpAndLeavesNothing) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    end(object, End::terminated);
    EXPECT_EQ("detach", host.events.back()) << "before the driver's Stop";
    EXPECT_EQ(kNoNodes, host.nodes);
    EXPECT_TRUE(host.held.empty());
    ASSERT_TRUE(start(add(20, "port")).ok()) << "the name is free again";
}

TEST_F(SerialSystemTest, DeathOfTheProvidersProcessKeepsTheTerminal) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    host.processes[11] = 0;
    end(object, End::terminated);
    EXPECT_EQ(2U, host.nodes.size());
    ASSERT_TRUE(start(add(20, "port")).ok());
    EXPECT_EQ("attach 20", host.events.back());
}

TEST_F(SerialSystemTest, QuarantineEndsInAHangUp) {
    const Entry& object = add(10, "port");
    ASSERT_TRUE(start(object).ok());
    end(object, End::process_died);
    ASSERT_TRUE(host.timer);
    host.timer();
    host.run();
    EXPECT_EQ(kNoNodes, host.nodes);
    EXPECT_TRUE(host.held.empty());
}

TEST_F(SerialSystemTest, TakenNameIsRefusedWithItsOwner) {
    ASSERT_TRUE(start(add(10, "port")).ok());
    const Status refused = start(add(20, "port", "org.example.other"));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(std::string::npos,
              refused.error().message.find("port7 is taken by org.example.driver"));
    EXPECT_EQ(2U, host.nodes.size());
}

TEST_F(SerialSystemTest, NodeOfSomebodyElseIsRefusedAndNothingStays) {
    host.nodes["tty.port7"] = "elsewhere";
    const Status refused = start(add(10, "port"));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(std::string::npos, refused.error().message.find("tty.port7"));
    EXPECT_EQ((std::map<std::string, std::string>{{"tty.port7", "elsewhere"}}), host.nodes);
    EXPECT_TRUE(host.held.empty());
}

TEST_F(SerialSystemTest, DriverThatDoesNotTakeOverFailsItsStart) {
    host.attach_result = static_cast<int32_t>(0xe00002bc);
    const Status refused = start(add(10, "port"));
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(std::string::npos, refused.error().message.find("port7"));
    EXPECT_EQ(kNoNodes, host.nodes);
    EXPECT_TRUE(host.held.empty());
}

TEST_F(SerialSystemTest, IllegalAndMissingNamesAreRefused) {
    for (const char* name : {"a/b", "..", "-x", "a b", "a\nb", "\xc3\xa9"}) {
        const Status refused = start(add(10, name));
        ASSERT_FALSE(refused.ok()) << name;
        EXPECT_NE(std::string::npos, refused.error().message.find("IOTTYBaseName"))
            << refused.error().message;
    }
    EXPECT_FALSE(make_port_name("", "").ok());
    EXPECT_FALSE(make_port_name(std::string(65, 'a'), "").ok());
    EXPECT_EQ("usbserial-A1", *make_port_name("usbserial-", "A1"));
    EXPECT_TRUE(host.events.empty());
}

TEST_F(SerialSystemTest, ClientsFindPortsByType) {
    Entry client;
    client.classes = {"IOSerialBSDClient", "IOService"};
    client.properties = {{"IOSerialBSDClientType", Value("IORS232SerialStream")}};
    EXPECT_TRUE(system.match(client, {}).matches);
    EXPECT_TRUE(system.match(client, {{"IOSerialBSDClientType", Value("IOSerialStream")}}).matches);
    EXPECT_TRUE(
        system.match(client, {{"IOSerialBSDClientType", Value("IORS232SerialStream")}}).matches);
    const auto modem =
        system.match(client, {{"IOSerialBSDClientType", Value("IOModemSerialStream")}});
    EXPECT_FALSE(modem.matches);
    EXPECT_NE(std::string::npos, modem.reason.find("IOModemSerialStream"));
}

}  // namespace
}  // namespace opendext::serial
