// SPDX-License-Identifier: Apache-2.0
// Processes that are up before their driver starts again.
#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

constexpr const char* kBundle = "com.example.widget";

class SpareTest : public ::testing::Test {
  protected:
    void start(uint32_t spares) {
        bed.classes["Widget"] = "IOService";
        bed.options.restart.spare_processes = spares;
        bed.start();
    }
    void install(const char* bundle = kBundle, const std::string& version = "1") {
        const auto status = bed.install(
            bed.write_bundle(bundle,
                             {{"Widget", Testbed::personality(bundle, "Widget", "IOUserResources",
                                                              {{"IOMatchCategory", bundle}})}},
                             version));
        ASSERT_TRUE(status.ok()) << status.error().text();
    }
    /// The process in which the driver of a bundle has started, or nullptr.
    FakeDriver* serving(const char* bundle = kBundle) {
        for (const EntryId id : bed.find_all("Widget")) {
            if (bed.state(id) != InstanceState::started) continue;
            FakeDriver* driver = bed.driver_of(id);
            if (driver != nullptr && driver->spawn.bundle_id == bundle) return driver;
        }
        return nullptr;
    }
    /// Waits until a process is up and has nothing to do; it.
    FakeDriver* spare(const char* bundle = kBundle) {
        FakeDriver* found = nullptr;
        EXPECT_TRUE(bed.run_until([&] {
            found = nullptr;  // what was loading a moment ago serves now
            for (FakeDriver* driver : bed.alive()) {
                if (driver != serving(bundle) && driver->spawn.bundle_id == bundle &&
                    driver->said("load"))
                    found = driver;
            }
            return serving(bundle) != nullptr && found != nullptr;
        }));
        return found;
    }
    /// Waits until a process is up that is for no bundle yet; it.
    FakeDriver* bare() {
        FakeDriver* found = nullptr;
        EXPECT_TRUE(bed.run_until([&] {
            for (FakeDriver* driver : bed.alive()) {
                if (driver->spawn.bundle_path.empty()) found = driver;
            }
            return found != nullptr;
        }));
        bed.settle();
        return found;
    }
    Testbed bed;
};

TEST_F(SpareTest, TheNextStartFindsAProcessThatIsUp) {
    start(1);
    install();
    FakeDriver* waiting = spare();
    ASSERT_NE(waiting, nullptr);
    EXPECT_EQ(waiting->trace, std::vector<std::string>{"load"});
    EXPECT_EQ(waiting->spawn.title.find(kBundle), std::string::npos) << waiting->spawn.title;
    FakeDriver* first = serving();
    ASSERT_NE(first, nullptr);

    first->die(9);
    ASSERT_TRUE(bed.run_until([&] { return serving() == waiting; }));
    ASSERT_EQ(waiting->trace.size(), 4U);
    EXPECT_EQ(waiting->trace[1].find("assign "), 0U) << waiting->trace[1];
    EXPECT_NE(waiting->trace[1].find(kBundle), std::string::npos) << waiting->trace[1];
    EXPECT_EQ(waiting->trace[2], "instantiate Widget");
    EXPECT_NE(spare(), nullptr) << "there is another one for the start after that";
}

TEST_F(SpareTest, ItsEndIsNoCrashOfTheDriver) {
    start(1);
    install();
    FakeDriver* waiting = spare();
    ASSERT_NE(waiting, nullptr);
    FakeDriver* first = serving();
    waiting->die(9);
    ASSERT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("a spare process ended") != std::string::npos; }));
    EXPECT_EQ(serving(), first);
    EXPECT_EQ(bed.log_text().find(" died: "), std::string::npos);

    first->die(9);
    EXPECT_TRUE(bed.run_until([&] { return serving() != nullptr && serving() != first; }))
        << "without a spare one the driver starts in a process of its own";
}

TEST_F(SpareTest, TheFirstStartTakesTheBareProcess) {
    start(1);
    FakeDriver* waiting = bare();
    ASSERT_NE(waiting, nullptr);
    EXPECT_TRUE(waiting->trace.empty()) << "there is nothing to load yet";
    EXPECT_FALSE(waiting->spawn.libraries.empty()) << "it may not make every family's calls";
    install();
    ASSERT_TRUE(bed.run_until([&] { return serving() == waiting; }));
    EXPECT_TRUE(waiting->said(std::string("furnish ") + kBundle));
    EXPECT_TRUE(waiting->said("load"));
    std::string title;
    for (const std::string& line : waiting->trace)
        if (line.starts_with("assign ")) title = line;
    EXPECT_NE(title.find(kBundle), std::string::npos) << title;
    FakeDriver* next = bare();
    EXPECT_NE(next, nullptr) << "there is another one for the next driver";
    EXPECT_NE(next, waiting);
}

TEST_F(SpareTest, ADriverThatMayNotStartTakesNoBareProcess) {
    bed.options.policy = PolicyMode::strict;
    start(1);
    FakeDriver* waiting = bare();
    ASSERT_NE(waiting, nullptr);
    install();
    EXPECT_TRUE(bed.run_until(
        [&] { return bed.log_text().find("entitlement check failed") != std::string::npos; }));
    bed.settle();
    EXPECT_FALSE(waiting->said("load"));
    EXPECT_EQ(serving(), nullptr);
    EXPECT_EQ(bed.log_text().find(" died: "), std::string::npos);
}

TEST_F(SpareTest, ABareProcessThatCannotBeMadeIsTriedAFewTimes) {
    bed.refuse_bare = true;
    start(1);
    for (int driver = 0; driver < 5; ++driver) {
        const std::string bundle = kBundle + std::to_string(driver);
        install(bundle.c_str());
        EXPECT_TRUE(bed.run_until([&] { return serving(bundle.c_str()) != nullptr; })) << bundle;
        EXPECT_NE(spare(bundle.c_str()), nullptr);
    }
    size_t failures = 0;
    const std::string log = bed.log_text();
    for (size_t at = 0; (at = log.find("a spare process ended", at)) != std::string::npos; ++at)
        ++failures;
    EXPECT_EQ(failures, 3U);
}

TEST_F(SpareTest, NoneIsMadeOnceTheRealmEnds) {
    start(1);
    ASSERT_NE(bare(), nullptr);
    install();
    ASSERT_TRUE(bed.run_until([&] { return serving() != nullptr; }));
    bed.daemon->lifecycle().processes().spares().stop();
    const size_t made = bed.drivers.size();
    bool later = false;
    const auto timer = bed.loop->after(std::chrono::milliseconds(100), [&] { later = true; });
    EXPECT_TRUE(bed.run_until([&] { return later; }));
    EXPECT_EQ(bed.drivers.size(), made);
}

TEST_F(SpareTest, NoneIsMadeWhereNoneIsWanted) {
    start(0);
    install();
    ASSERT_TRUE(bed.run_until([&] { return serving() != nullptr; }));
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 1U);
}

}  // namespace
}  // namespace opendext::daemon::testing
