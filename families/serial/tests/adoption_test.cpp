// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/adoption.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <deque>

#include "families/serial/tests/fake_sysfs.h"

namespace opendext::serial {
namespace {

using daemon::EntryId;
using daemon::kNoEntry;

const daemon::ClientProgram kOwner{1, 0};
const daemon::ClientProgram kStranger{1, 54321};

/// opendextd as far as adoption needs it; descriptors and timers are real, run by run_until().
class Host final : public daemon::FamilyHost {
  public:
    struct Published {
        daemon::NewEntry entry;
        bool ended = false;
    };
    std::map<EntryId, Published> published;
    std::map<std::string, Dictionary> held;
    std::vector<std::string> lines;

    /// Entries that are there, of a class.
    [[nodiscard]] std::vector<const daemon::NewEntry*> all(std::string_view class_name) const {
        std::vector<const daemon::NewEntry*> found;
        for (const auto& [id, one] : published) {
            if (one.entry.class_name == class_name && !ended(id)) found.push_back(&one.entry);
        }
        return found;
    }
    [[nodiscard]] std::string names() const {
        std::string text;
        for (const auto* port : all("IOSerialBSDClient"))
            text += *find_string(port->properties, "IOTTYDevice") + " ";
        return text;
    }
    /// Gone, or below something that is.
    [[nodiscard]] bool ended(EntryId id) const {
        const auto found = published.find(id);
        if (found == published.end()) return false;
        return found->second.ended || ended(found->second.entry.provider);
    }

    template <typename Condition>
    bool run_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        for (;;) {
            while (!queue_.empty()) {
                auto next = std::move(queue_.front());
                queue_.pop_front();
                next();
            }
            if (condition()) return true;
            if (std::chrono::steady_clock::now() > end) return false;
            fire_timers();
            if (!watch_ || !*watch_->alive) {
                ::poll(nullptr, 0, 2);
                continue;
            }
            pollfd ready{watch_->fd, POLLIN, 0};
            if (::poll(&ready, 1, 2) > 0) watch_->ready(POLLIN);
        }
    }
    void run() {
        run_until([] { return true; });
    }

    const daemon::Entry* entry(EntryId id) const override {
        const auto found = published.find(id);
        if (found == published.end() || ended(id)) return nullptr;
        const daemon::NewEntry& entry = found->second.entry;
        looked_at_ = {};
        looked_at_.id = id;
        looked_at_.classes = {entry.class_name};
        looked_at_.location = entry.location;
        looked_at_.properties = entry.properties;
        looked_at_.providers = {entry.provider};
        return &looked_at_;
    }
    std::vector<EntryId> left(std::string_view class_name) const override {
        std::vector<EntryId> found;
        for (const auto& [id, one] : published) {
            if (one.entry.class_name == class_name && !ended(id)) found.push_back(id);
        }
        return found;
    }
    EntryId user_resources() const override { return 1; }
    Result<EntryId> publish(daemon::NewEntry entry) override {
        const EntryId id = next_++;
        if (entry.provider != 1 && (!published.contains(entry.provider) || ended(entry.provider)))
            return Error{Errc::not_ready, 0, "the provider is being terminated"};
        published[id].entry = std::move(entry);
        return id;
    }
    void register_entry(EntryId) override {}
    void terminate(EntryId id) override { published.at(id).ended = true; }
    void set_property(EntryId, std::string, Value) override {}
    void remove_property(EntryId, std::string_view) override {}
    void message_clients(EntryId, uint32_t, uint64_t) override {}
    void call(protocol::Invocation, std::vector<UniqueFd>, std::chrono::milliseconds,
              std::string_view, std::function<void(Result<daemon::CallAnswer>)>) override {}
    int32_t process_of(EntryId) const override { return 0; }
    void open(std::string, Dictionary, std::function<void(Result<daemon::KeeperItem>)>) override {}
    void hold(std::string key, Dictionary notes, std::vector<UniqueFd>,
              std::function<void(Status)> done) override {
        held[key] = std::move(notes);
        queue_.push_back([done] { done(success()); });
    }
    void fetch(std::string key, std::function<void(Result<daemon::KeeperItem>)> done) override {
        queue_.push_back([this, key, done] {
            const auto found = held.find(key);
            if (found == held.end()) return done(Error{Errc::not_found, 0, "nothing is held"});
            daemon::KeeperItem item;
            item.properties = found->second;
            done(std::move(item));
        });
    }
    void release(std::string, std::function<void(Status)>) override {}
    void publish_node(std::string, std::string, std::string, uint32_t,
                      std::function<void(Status)>) override {
        ADD_FAILURE() << "an adopted device keeps its own node";
    }
    void remove_node(std::string, std::function<void(Status)>) override {}
    std::string device_directory() const override { return "/dev"; }
    std::unique_ptr<daemon::Handle> after(std::chrono::milliseconds delay,
                                          std::function<void()> fire) override {
        auto timer = std::make_unique<Flag>();
        timers_.push_back(
            {std::chrono::steady_clock::now() + delay, timer->alive, std::move(fire)});
        return timer;
    }
    std::unique_ptr<daemon::Handle> watch(int fd, uint32_t,
                                          std::function<void(uint32_t)> ready) override {
        auto handle = std::make_unique<Flag>();
        watch_ = {fd, std::move(ready), handle->alive};
        return handle;
    }
    void log(daemon::LogLevel, EntryId, std::string_view text) override {
        lines.emplace_back(text);
    }

  private:
    mutable daemon::Entry looked_at_;
    struct Flag final : daemon::Handle {
        std::shared_ptr<bool> alive = std::make_shared<bool>(true);
        ~Flag() override { *alive = false; }
    };
    struct Due {
        std::chrono::steady_clock::time_point when;
        std::shared_ptr<bool> alive;
        std::function<void()> fire;
    };
    void fire_timers() {
        const auto now = std::chrono::steady_clock::now();
        for (auto& due : std::exchange(timers_, {})) {
            if (!*due.alive) continue;
            if (due.when > now) {
                timers_.push_back(std::move(due));
            } else {
                due.fire();
            }
        }
    }
    struct Watch {
        int fd;
        std::function<void(uint32_t)> ready;
        std::shared_ptr<bool> alive;
    };
    std::optional<Watch> watch_;
    std::vector<Due> timers_;
    std::deque<std::function<void()>> queue_;
    EntryId next_ = 100;
};

/// A pseudo-terminal, as long as its master is open.
struct Pty {
    UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    std::string path;
    Pty() {
        ::grantpt(master.get());
        ::unlockpt(master.get());
        path = ::ptsname(master.get());
    }
};

class AdoptionTest : public ::testing::Test {
  protected:
    std::unique_ptr<Adoption> start(bool scan) {
        auto adoption = std::make_unique<Adoption>(
            host, scan ? system.places() : TtyPlaces{}, scan,
            Adoption::Others{[this](const std::string& name) {
                                 return name == taken_name ? "org.example.driver" : "";
                             },
                             [this](const std::string& path) {
                                 return path == taken_path ? "drivers-port" : "";
                             }});
        adoption->start();
        host.run();
        return adoption;
    }
    static Status adopt(Adoption& adoption, const std::string& path, const std::string& name = "",
                        daemon::ClientProgram program = kOwner) {
        Dictionary wish{{"path", path}};
        if (!name.empty()) wish["name"] = name;
        return adoption.request({{"SerialAdopt", wish}}, program);
    }
    static std::string refusal(const Status& status) {
        return status.ok() ? "not refused" : status.error().text();
    }

    Host host;
    FakeSysfs system;
    std::string taken_name;
    std::string taken_path;
};

TEST_F(AdoptionTest, PseudoTerminalIsPublishedWithTheUsualKeysAndGoesWithItsMaster) {
    auto adoption = start(false);
    auto pty = std::make_unique<Pty>();
    ASSERT_EQ("not refused", refusal(adopt(*adoption, pty->path)));
    const auto ports = host.all("IOSerialBSDClient");
    ASSERT_EQ(1U, ports.size());
    const Dictionary& keys = ports[0]->properties;
    const std::string name = "pts" + pty->path.substr(9);
    EXPECT_EQ("pts", *find_string(keys, "IOTTYBaseName"));
    EXPECT_EQ(pty->path.substr(9), *find_string(keys, "IOTTYSuffix"));
    EXPECT_EQ(name, *find_string(keys, "IOTTYDevice"));
    EXPECT_EQ(pty->path, *find_string(keys, "IOCalloutDevice"));
    EXPECT_EQ(pty->path, *find_string(keys, "IODialinDevice"));
    EXPECT_EQ("IORS232SerialStream", *find_string(keys, "IOSerialBSDClientType"));
    EXPECT_TRUE(ports[0]->register_now);
    EXPECT_TRUE(adoption->has(name));

    pty.reset();
    EXPECT_TRUE(host.run_until([&] { return host.names().empty(); }));
    EXPECT_FALSE(adoption->has(name));
}

TEST_F(AdoptionTest, DeviceIsReleasedByNameOrPathAndCanBeAdoptedAgain) {
    auto adoption = start(false);
    const Pty pty;
    for (const std::string& word : {std::string("bench"), pty.path}) {
        ASSERT_EQ("not refused", refusal(adopt(*adoption, pty.path, "bench")));
        EXPECT_EQ("bench ", host.names());
        ASSERT_EQ("not refused", refusal(adoption->request({{"SerialRelease", word}}, kOwner)));
        EXPECT_EQ("", host.names());
    }
}

TEST_F(AdoptionTest, BadWishesAreRefusedWithReasonAndFixAndChangeNothing) {
    auto adoption = start(false);
    const Pty pty;
    const Pty other;
    const Pty drivers;
    taken_name = "driver0";
    taken_path = drivers.path;
    ASSERT_EQ("not refused", refusal(adopt(*adoption, pty.path, "bench")));
    const std::pair<Status, std::string> cases[] = {
        {adopt(*adoption, pty.path, "other"), "adopted already, as bench"},
        {adopt(*adoption, other.path, "bench"), "taken by " + pty.path + "; choose another"},
        {adopt(*adoption, other.path, "driver0"), "taken by org.example.driver"},
        {adopt(*adoption, drivers.path), "the terminal of port drivers-port"},
        {adopt(*adoption, other.path, "a/b"), "is not allowed"},
        {adopt(*adoption, "/dev/no-such"), "there is no device"},
        {adopt(*adoption, "relative"), "absolute"},
        {adopt(*adoption, ""), "absolute"},
        {adopt(*adoption, other.path, "x", kStranger), "no rights for " + other.path},
        {adoption->request({{"SerialRelease", "bench"}}, kStranger), "no rights"},
        {adoption->request({{"SerialRelease", "nobody"}}, kOwner), "no adopted device"},
        {adoption->request({{"SerialRelease", "driver0"}}, kOwner), "belongs to org.example"},
        {adoption->request({}, kOwner), "SerialAdopt"},
        {adoption->request({{"SerialAdopt", 7}}, kOwner), "SerialAdopt"},
        {adoption->request({{"SerialRelease", 7}}, kOwner), "SerialRelease"},
        {adoption->request({{"SerialRelease", "bench"}, {"more", 1}}, kOwner), "one of"},
    };
    for (const auto& [status, words] : cases)
        EXPECT_NE(std::string::npos, refusal(status).find(words))
            << refusal(status) << " does not say: " << words;
    EXPECT_EQ("bench ", host.names());
}

TEST_F(AdoptionTest, WhoMayWriteToTheDeviceMayAdoptIt) {
    auto adoption = start(false);
    const Pty pty;
    ASSERT_EQ(0, ::chmod(pty.path.c_str(), 0666));
    EXPECT_EQ("not refused", refusal(adopt(*adoption, pty.path, "shared", kStranger)));
}

TEST_F(AdoptionTest, WhatWasAskedForOutlivesOpendextd) {
    const Pty pty;
    auto gone = std::make_unique<Pty>();
    auto adoption = start(false);
    ASSERT_EQ("not refused", refusal(adopt(*adoption, pty.path, "kept")));
    ASSERT_EQ("not refused", refusal(adopt(*adoption, gone->path, "gone")));
    adoption.reset();
    host.published.clear();
    // Its number is taken by something else than a terminal, or by nothing.
    gone.reset();
    adoption = start(false);
    EXPECT_EQ("kept ", host.names());
}

TEST_F(AdoptionTest, AnotherOpendextdGoesOnWithTheEntriesThatAreThere) {
    system.plug("ttyUSB0", "1", "STAYS");
    system.plug("ttyUSB1", "2", "GOES");
    const Pty pty;
    auto adoption = start(true);
    ASSERT_EQ("not refused", refusal(adopt(*adoption, pty.path)));
    ASSERT_EQ(3U, host.all("IOSerialBSDClient").size());
    const size_t entries = host.published.size();
    adoption.reset();
    system.unplug("ttyUSB1");
    system.plug("ttyUSB2", "3", "CAME");

    adoption = start(true);
    const std::string pts = "pts" + pty.path.substr(9);
    EXPECT_EQ("usbserial-STAYS " + pts + " usbserial-CAME ", host.names());
    EXPECT_EQ(entries + 3, host.published.size()) << "the device that came, its interface and port";
    EXPECT_EQ(1U, host.all(Adoption::kClass).size());
    EXPECT_EQ(2U, host.all("IOUSBHostDevice").size());
    EXPECT_EQ(2U, host.all("IOUSBHostInterface").size());
    // What was taken over ends as any other.
    system.unplug("ttyUSB0");
    EXPECT_TRUE(host.run_until([&] { return host.names() == pts + " usbserial-CAME "; }));
    EXPECT_EQ("not refused", refusal(adoption->request({{"SerialRelease", Value(pts)}}, kOwner)));
    EXPECT_EQ("usbserial-CAME ", host.names());
}

TEST_F(AdoptionTest, HardwareAppearsByItselfAndGoes) {
    system.plug("ttyUSB0", "1", "EARLY");
    system.tty("tty1", "");
    auto adoption = start(true);
    EXPECT_EQ("usbserial-EARLY ", host.names());
    // The registry of what the hardware is: found from the port upwards, not matched.
    const auto devices = host.all("IOUSBHostDevice");
    ASSERT_EQ(1U, devices.size());
    EXPECT_FALSE(devices[0]->register_now);
    EXPECT_EQ("FT232R USB UART", devices[0]->name);
    EXPECT_EQ("01100000", devices[0]->location);
    EXPECT_EQ(0x0403U, find_number(devices[0]->properties, "idVendor")->raw);
    EXPECT_EQ(1U, host.all("IOUSBHostInterface").size());

    system.plug("ttyUSB1", "2", "LATE");
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-EARLY usbserial-LATE "; }));
    system.unplug("ttyUSB0");
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-LATE "; }));
    EXPECT_EQ(1U, host.all("IOUSBHostDevice").size());
    system.unplug("ttyUSB1");
    EXPECT_TRUE(host.run_until([&] { return host.names().empty(); }));
    EXPECT_TRUE(host.all("IOUSBHostDevice").empty());
    EXPECT_TRUE(host.all("IOUSBHostInterface").empty());
    EXPECT_TRUE(host.held.empty()) << "what comes by itself is not remembered";
}

TEST_F(AdoptionTest, PortsOfOneDeviceShareItsEntry) {
    system.plug("ttyUSB0", "1", "TWO", {{"bNumInterfaces", "2"}});
    const auto second =
        system.device("usb1/1-1/1-1:1.1", {{"bInterfaceNumber", "01"}}, "usb", "ftdi_sio");
    system.tty("ttyUSB1", second);
    auto adoption = start(true);
    EXPECT_EQ(2U, host.all("IOSerialBSDClient").size());
    EXPECT_TRUE(adoption->has("usbserial-TWO-0"));
    EXPECT_TRUE(adoption->has("usbserial-TWO-1"));
    EXPECT_EQ(1U, host.all("IOUSBHostDevice").size());
    EXPECT_EQ(2U, host.all("IOUSBHostInterface").size());
    system.unplug("ttyUSB0");
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-TWO-1 "; }));
    EXPECT_EQ(1U, host.all("IOUSBHostDevice").size());
    EXPECT_EQ(1U, host.all("IOUSBHostInterface").size());
}

TEST_F(AdoptionTest, TwinsGetNamesOfTheirOwn) {
    system.plug("ttyUSB0", "1", "0001");
    auto adoption = start(true);
    system.plug("ttyUSB1", "2", "0001");
    EXPECT_TRUE(
        host.run_until([&] { return host.names() == "usbserial-0001 usbserial-0001@ttyUSB1 "; }));
}

TEST_F(AdoptionTest, ReleasedHardwareStaysAwayUntilItIsPluggedInAgain) {
    system.plug("ttyUSB0", "1", "X");
    auto adoption = start(true);
    ASSERT_EQ("not refused",
              refusal(adoption->request({{"SerialRelease", "usbserial-X"}}, kOwner)));
    adoption.reset();  // also for a successor of opendextd
    host.published.clear();
    adoption = start(true);
    EXPECT_EQ("", host.names());
    const auto released = [this] {
        return find(host.held.at("serial-adopted"), "released")->array()->size();
    };
    EXPECT_EQ(1U, released());
    system.unplug("ttyUSB0");
    EXPECT_TRUE(host.run_until([&] { return released() == 0; }));
    system.plug("ttyUSB1", "1", "Y");  // in the same stream of events: the first is over by then
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-Y "; }));
    system.plug("ttyUSB0", "1", "X");
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-Y usbserial-X "; }));
}

TEST_F(AdoptionTest, NobodyIsToldOfAPortBeforeUdevHasSetItsRights) {
    std::filesystem::create_directories(system.places().udev / "data");
    std::ofstream(system.places().udev / "control") << "";
    auto adoption = start(true);
    system.plug("ttyUSB0", "1", "X");
    // It is seen, and waits.
    EXPECT_FALSE([&] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
        return host.run_until([&] {
            return !host.names().empty() || std::chrono::steady_clock::now() > end;
        }) && !host.names().empty();
    }());
    std::ofstream(system.places().udev / "data/c1:3") << "";
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-X "; }));
    // One that udev never tells of comes all the same.
    std::filesystem::remove(system.places().udev / "data/c1:3");
    system.plug("ttyUSB1", "2", "Y");
    EXPECT_TRUE(host.run_until([&] { return host.names() == "usbserial-X usbserial-Y "; }));
}

TEST_F(AdoptionTest, SystemWithoutTtysIsNoTrouble) {
    std::filesystem::remove_all(system.places().sysfs);
    std::filesystem::remove_all(system.places().devices);
    auto adoption = start(true);
    EXPECT_EQ("", host.names());
    const Pty pty;
    EXPECT_EQ("not refused", refusal(adopt(*adoption, pty.path, "still")));
}

TEST_F(AdoptionTest, ManyComeAndGoWithoutATrace) {
    auto adoption = start(true);
    for (int round = 0; round < 50; ++round) {
        system.plug("ttyUSB0", "1", "X");
        ASSERT_TRUE(host.run_until([&] { return host.names() == "usbserial-X "; })) << round;
        system.unplug("ttyUSB0");
        ASSERT_TRUE(host.run_until([&] { return host.names().empty(); })) << round;
    }
    size_t ports = 0;
    for (const auto& [id, one] : host.published)
        ports += one.entry.class_name == "IOSerialBSDClient" ? 1 : 0;
    EXPECT_EQ(50U, ports) << "each was published once";
}

}  // namespace
}  // namespace opendext::serial
