// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "daemon/tests/testbed.h"

namespace opendext::daemon::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBundle = "com.example.widget";

class CatalogueTest : public ::testing::Test {
  protected:
    void SetUp() override {
        bed.classes["Widget"] = "IOService";
        bed.start();
    }
    fs::path good(const std::string& version = "1", Dictionary more = {}) {
        return bed.write_bundle(
            kBundle,
            {{"Widget",
              Testbed::personality(kBundle, "Widget", "IOUserResources", std::move(more))}},
            version);
    }
    /// Refused with a text that holds all of `parts`, and nothing is left behind.
    void expect_refused(const fs::path& path, const std::vector<std::string>& parts) {
        const std::set<std::string> before = installed_files();
        const Status status = bed.install(path);
        ASSERT_FALSE(status.ok());
        const std::string text = status.error().text();
        for (const std::string& part : parts)
            EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
        EXPECT_EQ(text.find('\n'), std::string::npos) << text;
        EXPECT_EQ(installed_files(), before) << "nothing half-made stays behind";
    }
    std::set<std::string> installed_files() const {
        std::set<std::string> files;
        for (const auto& file : fs::recursive_directory_iterator(bed.options.realm.extensions())) {
            if (file.path().filename() != ".staging") files.insert(file.path().string());
        }
        return files;
    }
    Testbed bed;
};

TEST_F(CatalogueTest, CopiesTheBundleAndListsIt) {
    const Status status = bed.install(good());
    ASSERT_TRUE(status.ok()) << status.error().text();
    const fs::path copy = bed.options.realm.extensions() / kBundle / "widget.dext";
    EXPECT_TRUE(fs::exists(copy / "Info.plist"));
    EXPECT_TRUE(fs::exists(copy / "widget"));
    const auto list = bed.daemon->catalogue().list();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].bundle_id, kBundle);
    EXPECT_EQ(list[0].version, "1");
    EXPECT_EQ(list[0].state, "activated enabled");
    EXPECT_EQ(list[0].path, copy.string());
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") != kNoEntry; }));
}

TEST_F(CatalogueTest, RefusesWhatIsNoBundle) {
    expect_refused(bed.folder / "nothing.dext", {"nothing.dext"});
    expect_refused("relative.dext", {"absolute"});
    const fs::path bundle = good();
    fs::remove(bundle / "Info.plist");
    expect_refused(bundle, {"Info.plist"});
    std::ofstream(bundle / "Info.plist") << "<plist><dict><key>x</key>";
    expect_refused(bundle, {"Info.plist"});
}

TEST_F(CatalogueTest, RefusesKeysWithTheirNameAndTheWayOut) {
    expect_refused(good("1", {{"IOProviderClass", "IOResources"}}),
                   {"IOProviderClass", "IOUserResources"});
    expect_refused(good("1", {{"IOClass", "IOUserMoon"}}),
                   {"IOClass", "IOUserMoon", "write IOUserService"});
    expect_refused(good("1", {{"IOClass", "IOService"}}), {"IOClass"});
    expect_refused(good("1", {{"IOPropertyMatch", 7}}), {"IOPropertyMatch"});
    expect_refused(good("1", {{"IOUserClass", 7}}), {"IOUserClass"});
}

TEST_F(CatalogueTest, RefusesLinksAndPipes) {
    const fs::path bundle = good();
    fs::create_symlink("/etc/passwd", bundle / "data");
    expect_refused(bundle, {"data", "links"});
    fs::remove(bundle / "data");
    ASSERT_EQ(::mkfifo((bundle / "pipe").c_str(), 0600), 0);
    expect_refused(bundle, {"pipe"});
}

TEST_F(CatalogueTest, AProviderClassThatNobodyHasIsRefusedWhereClassesAreRecorded) {
    const fs::path bundle = good("1", {{"IOProviderClass", "MoonNub"}});
    auto info = bundle::read_plist(bundle / "Info.plist");
    ASSERT_TRUE(info.ok());
    Dictionary root = *info->root.dictionary();
    root[bundle::kClassesKey] = Array{"Widget IOService"};
    ASSERT_TRUE(bundle::write_plist(bundle / "Info.plist", root).ok());
    expect_refused(bundle,
                   {"IOProviderClass", "MoonNub", "install the dext that provides it first"});
    root[bundle::kClassesKey] = Array{"Widget IOService", "MoonNub IOService"};
    ASSERT_TRUE(bundle::write_plist(bundle / "Info.plist", root).ok());
    EXPECT_TRUE(bed.install(bundle).ok());
}

TEST_F(CatalogueTest, ABadReplacementLeavesTheOldCopyRunning) {
    ASSERT_TRUE(bed.install(good()).ok());
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId id = bed.find("Widget");
        return id != kNoEntry && bed.state(id) == InstanceState::started;
    }));
    expect_refused(good("2", {{"IOClass", "IOUserMoon"}}), {"IOUserMoon"});
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).version, "1");
    EXPECT_EQ(bed.state(bed.find("Widget")), InstanceState::started);
}

TEST_F(CatalogueTest, UninstallOfWhatIsNotThereSaysWhatIs) {
    ASSERT_TRUE(bed.install(good()).ok());
    std::optional<Status> outcome;
    bed.daemon->catalogue().uninstall("com.example.moon",
                                      [&](const Status& status) { outcome = status; });
    ASSERT_TRUE(outcome && !outcome->ok());
    EXPECT_NE(outcome->error().text().find(kBundle), std::string::npos);
}

TEST_F(CatalogueTest, ARequestThatIsMadeAgainIsCarriedOutOnce) {
    const auto install = [&](const fs::path& bundle, uint64_t request) {
        std::optional<Status> outcome;
        bed.daemon->catalogue().install(
            bundle, [&](const Status& status) { outcome = status; }, request);
        EXPECT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
        EXPECT_TRUE(outcome->ok()) << outcome->error().text();
    };
    const auto uninstall = [&](uint64_t request) {
        std::optional<Status> outcome;
        bed.daemon->catalogue().uninstall(
            kBundle, [&](const Status& status) { outcome = status; }, request);
        EXPECT_TRUE(bed.run_until([&] { return outcome.has_value(); }));
        return outcome->ok();
    };
    const auto successor = [&] {
        bed.daemon.reset();
        bed.drivers.clear();
        bed.start();
    };
    const auto copy = [&] {
        return bundle::stamp_of(bed.options.realm.extensions() / kBundle / "request").inode;
    };
    install(good(), 42);
    const uint64_t first = copy();
    install(good(), 42);
    successor();
    install(good(), 42);
    EXPECT_EQ(copy(), first) << "it was not put there again";
    install(good(), 43);
    EXPECT_NE(copy(), first) << "another request is another";
    EXPECT_TRUE(uninstall(44));
    EXPECT_TRUE(uninstall(44));
    successor();
    EXPECT_TRUE(uninstall(44));
    EXPECT_FALSE(uninstall(45));
    install(good(), 46);
    EXPECT_TRUE(uninstall(44)) << "what it was to remove is there again";
    EXPECT_TRUE(bed.daemon->catalogue().list().empty());
}

TEST_F(CatalogueTest, IsReadAgainAtTheNextStart) {
    ASSERT_TRUE(bed.install(good()).ok());
    fs::create_directories(bed.options.realm.extensions() / ".staging" / "0" / "half.dext");
    fs::create_directories(bed.options.realm.extensions() / "com.example.broken" / "broken.dext");
    bed.daemon.reset();
    bed.drivers.clear();
    bed.start();
    ASSERT_EQ(bed.daemon->catalogue().list().size(), 1U);
    EXPECT_FALSE(fs::exists(bed.options.realm.extensions() / ".staging"));
    EXPECT_NE(bed.log_text().find("passed over"), std::string::npos);
    EXPECT_NE(bed.log_text().find("broken.dext"), std::string::npos);
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId id = bed.find("Widget");
        return id != kNoEntry && bed.state(id) == InstanceState::started;
    })) << "what is installed is matched";
}

TEST_F(CatalogueTest, TheSameVersionReplacesOnlyInDeveloperMode) {
    ASSERT_TRUE(bed.install(good()).ok());
    const auto running = [&](size_t processes) {
        return bed.run_until([&] {
            const EntryId id = bed.find("Widget");
            return id != kNoEntry && bed.state(id) == InstanceState::started &&
                   bed.drivers.size() == processes;
        });
    };
    ASSERT_TRUE(running(1));
    EXPECT_TRUE(bed.daemon->catalogue().developer_mode()) << "the policy is not strict";
    EXPECT_TRUE(bed.install(good()).ok());
    ASSERT_TRUE(running(2)) << "the first instance ended, the second runs";

    ASSERT_TRUE(bed.daemon->catalogue().set_developer_mode(false).ok());
    EXPECT_TRUE(bed.install(good()).ok());
    bed.settle();
    EXPECT_EQ(bed.drivers.size(), 2U) << "the same version does nothing";
    EXPECT_NE(bed.log_text().find("is installed already, and nothing was done"), std::string::npos);

    // Another version drains the old instances.
    const auto newer = bed.write_bundle(
        kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}}, "2");
    EXPECT_TRUE(bed.install(newer).ok());
    ASSERT_TRUE(running(3));
    EXPECT_TRUE(bed.drivers.begin()->dead);
    EXPECT_EQ(bed.daemon->catalogue().list().front().version, "2");
}

TEST_F(CatalogueTest, DeveloperModeIsKeptInTheRealm) {
    ASSERT_TRUE(bed.daemon->catalogue().set_developer_mode(false).ok());
    bed.daemon.reset();
    bed.start();
    EXPECT_FALSE(bed.daemon->catalogue().developer_mode());
    FakeClient program(bed);
    const auto is =
        program.ask<protocol::client::DeveloperModeIs>(protocol::client::DeveloperMode{true, true});
    EXPECT_TRUE(is.on);
    bed.daemon.reset();
    bed.options.policy = PolicyMode::strict;
    bed.start();
    EXPECT_TRUE(bed.daemon->catalogue().developer_mode()) << "what was said wins over the policy";
}

TEST_F(CatalogueTest, StrictModeAsksForTheDriverKitEntitlement) {
    bed.daemon.reset();
    bed.options.policy = PolicyMode::strict;
    bed.start();
    ASSERT_TRUE(bed.install(good()).ok());
    ASSERT_TRUE(bed.run_until([&] {
        return bed.log_text().find("driverkit entitlement check failed for") != std::string::npos;
    }));
    ASSERT_TRUE(bed.run_until([&] { return bed.find("Widget") == kNoEntry; }));
    ASSERT_TRUE(bed.run_until([&] { return bed.daemon->lifecycle().processes().all().empty(); }));
    EXPECT_EQ(bed.drivers.size(), 1U) << "it is not started again";
    EXPECT_EQ(bed.log_text().find(" died: "), std::string::npos) << "and did not crash";
    const fs::path entitled = bed.write_bundle(
        kBundle, {{"Widget", Testbed::personality(kBundle, "Widget", "IOUserResources")}}, "2",
        {{"com.apple.developer.driverkit", true}});
    ASSERT_TRUE(bed.install(entitled).ok());
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId id = bed.find("Widget");
        return id != kNoEntry && bed.state(id) == InstanceState::started;
    }));
}

/// A request of an application, with the code of its end.
class ExtensionRequest {
  public:
    ExtensionRequest(Testbed& bed, FakeClient& program, protocol::client::ExtensionAction action,
                     const fs::path& bundle)
        : bed_(bed), program_(program) {
        program.send(protocol::client::RequestExtension{7, action, kBundle, bundle.string(),
                                                        "com.example.app", ""});
    }
    /// The next stage that is told.
    protocol::client::ExtensionProgress next() {
        EXPECT_TRUE(bed_.run_until([&] { return seen_ < program_.extension_progress.size(); }));
        return program_.extension_progress.at(seen_++);
    }

  private:
    Testbed& bed_;
    FakeClient& program_;
    size_t seen_ = 0;
};

TEST_F(CatalogueTest, WhatCannotBeReplacedNowIsReplacedAtTheNextStart) {
    using protocol::client::ExtensionAction;
    using protocol::client::ExtensionStage;
    bed.daemon.reset();
    bed.options.deadlines.set(Deadline::replace_extension, std::chrono::milliseconds(1));
    bed.start();
    ASSERT_TRUE(bed.install(good()).ok());
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId id = bed.find("Widget");
        return id != kNoEntry && bed.state(id) == InstanceState::started;
    }));
    bed.scripts["Widget"].hold_super_stop = true;
    FakeClient program(bed);
    ExtensionRequest request(bed, program, ExtensionAction::activate, good("2"));
    const auto question = request.next();
    EXPECT_EQ(question.stage, ExtensionStage::replacing);
    ASSERT_EQ(question.extensions.size(), 2U);
    EXPECT_EQ(question.extensions[0].version, "1");
    EXPECT_EQ(question.extensions[1].version, "2");
    program.send(protocol::client::AnswerReplacement{7, true});
    const auto end = request.next();
    EXPECT_EQ(end.stage, ExtensionStage::finished) << end.reason;
    EXPECT_EQ(end.code, 1) << "will complete after reboot";
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).version, "1");
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).state, "activated waiting to upgrade");

    bed.daemon.reset();
    bed.drivers.clear();
    bed.start();
    ASSERT_EQ(bed.daemon->catalogue().list().size(), 1U);
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).version, "2");
    EXPECT_EQ(bed.daemon->catalogue().list().at(0).application, "com.example.app");
}

TEST_F(CatalogueTest, ALaterRequestTakesThePlaceOfOneThatIsAtWork) {
    using protocol::client::ExtensionAction;
    using protocol::client::ExtensionStage;
    ASSERT_TRUE(bed.install(good()).ok());
    ASSERT_TRUE(bed.run_until([&] {
        const EntryId id = bed.find("Widget");
        return id != kNoEntry && bed.state(id) == InstanceState::started;
    }));
    const EntryId widget = bed.find("Widget");
    bed.scripts["Widget"].hold_super_stop = true;
    FakeClient first(bed);
    ExtensionRequest replacing(bed, first, ExtensionAction::activate, good("2"));
    EXPECT_EQ(replacing.next().stage, ExtensionStage::replacing);
    first.send(protocol::client::AnswerReplacement{7, true});
    ASSERT_TRUE(bed.run_until([&] {
        return bed.daemon->catalogue().list().at(0).state == "activated waiting to upgrade";
    }));
    FakeClient second(bed);
    ExtensionRequest removing(bed, second, ExtensionAction::deactivate, "");
    const auto superseded = replacing.next();
    EXPECT_EQ(superseded.stage, ExtensionStage::failed);
    EXPECT_EQ(superseded.code, 12);
    bed.drivers.begin()->super_stop(widget);
    const auto end = removing.next();
    EXPECT_EQ(end.stage, ExtensionStage::finished) << end.reason;
    EXPECT_EQ(end.code, 0);
    EXPECT_TRUE(bed.daemon->catalogue().list().empty());
}

}  // namespace
}  // namespace opendext::daemon::testing
