// SPDX-License-Identifier: Apache-2.0
// What people are told of a personality and a nub: the decision of matching with all its keys, and
// what keeps a driver from being started. End to end: tests/why.
#include "daemon/matching/standing.h"

#include <gtest/gtest.h>

#include "daemon/core/core_rules.h"
#include "daemon/io_return.h"
#include "daemon/matching/history.h"

namespace opendext::daemon {
namespace {

namespace client = protocol::client;
using client::StandingState;

class StandingTest : public ::testing::Test {
  protected:
    StandingTest() {
        for (ClassDeclaration& declaration : core_classes()) {
            if (!classes.declare(std::move(declaration), nullptr).ok()) ADD_FAILURE();
        }
        const EntryId root =
            registry.add({kNoEntry, classes.chain("IORegistryEntry"), "Root", "", {}, false}).id;
        old = nub(root, "old", {{"Color", "red"}, {"Size", 3}});
        young = nub(root, "young", {{"Color", "blue"}, {"Size", 4}});
        guarded = nub(root, "guarded",
                      {{"IOServiceDEXTEntitlements", Array{"com.example.a", "com.example.b"}}});
    }
    EntryId nub(EntryId below, const char* name, Dictionary properties) {
        const EntryId id =
            registry.add({below, classes.chain("IOUserResources"), name, "", std::move(properties)})
                .id;
        registry.register_service(id);
        return id;
    }
    static Personality personality(const std::string& name, Dictionary more = {}) {
        Dictionary table{{"IOProviderClass", "IOUserResources"},
                         {"IOClass", "IOUserService"},
                         {"IOUserClass", "Driver"},
                         {"IOUserServerName", "com.example.driver"}};
        for (auto& [key, value] : more) table.insert_or_assign(key, std::move(value));
        auto read = Personality::read("com.example.driver", name, std::move(table));
        EXPECT_TRUE(read.ok());
        Personality made = std::move(read).value();
        made.entitlements = {{"com.apple.developer.driverkit", true}};
        return made;
    }
    client::Standing on(EntryId id, const Personality& personality,
                        PolicyMode policy = PolicyMode::strict) const {
        return stand(*registry.find(id), personality, {match(), classes, policy});
    }
    MatchContext match() const { return {registry, match_resources}; }

    Registry registry;
    ClassTable classes;
    EntryId old = kNoEntry;
    EntryId young = kNoEntry;
    EntryId guarded = kNoEntry;
};

TEST_F(StandingTest, TheFirstKeyThatDiffersIsTheReason) {
    const client::Standing standing = on(
        old, personality("A", {{"IOPropertyMatch", Dictionary{{"Color", "blue"}, {"Size", 4}}}}));
    EXPECT_EQ(standing.state, StandingState::mismatched);
    EXPECT_EQ(standing.reason, "IOPropertyMatch: Color is \"red\", wanted \"blue\"");
    ASSERT_EQ(standing.checks.size(), 3U);
    EXPECT_EQ(standing.checks[2].key, "IOPropertyMatch/Size");
    EXPECT_EQ(standing.checks[2].wanted, Value(4));
    EXPECT_EQ(standing.checks[2].found, Value(3));
    EXPECT_EQ(standing.rank, 0U);
}

TEST_F(StandingTest, WhatKeepsADriverFromBeingStarted) {
    client::Standing standing = on(old, personality("A", {{"IOClass", "IOUserServise"}}));
    EXPECT_EQ(standing.state, StandingState::refused);
    EXPECT_EQ(standing.reason, "IOClass \"IOUserServise\" is no class of this system");
    EXPECT_EQ(standing.fix, "is \"IOUserService\" meant?");
    standing = on(old, personality("A", {{"IOClass", "IOResources"}}));
    EXPECT_EQ(standing.reason, "IOClass \"IOResources\" is a class that no driver can have");
    Personality other = personality("A");
    other.classes = {"Drivel", "Helper"};
    standing = on(old, other);
    EXPECT_EQ(standing.reason,
              "IOUserClass \"Driver\": the executable has no such class, it has Drivel, Helper");
    EXPECT_EQ(standing.fix, "is \"Drivel\" meant?");
    other.classes = {"Driver"};
    EXPECT_EQ(on(old, other).state, StandingState::fits);
}

TEST_F(StandingTest, EntitlementsCountAsThePolicySays) {
    const Personality lacking = personality("A");
    client::Standing standing = on(guarded, lacking);
    EXPECT_EQ(standing.state, StandingState::refused);
    EXPECT_EQ(standing.reason,
              "the provider guarded asks for the entitlement com.example.a, or com.example.b, "
              "which the dext lacks");
    ASSERT_EQ(standing.entitlements.size(), 2U);
    EXPECT_EQ(standing.entitlements[0].asked_by, "every driver");
    EXPECT_TRUE(standing.entitlements[0].missing.empty());
    EXPECT_EQ(standing.entitlements[1].missing, "com.example.a, or com.example.b");
    standing = on(guarded, lacking, PolicyMode::dev);
    EXPECT_EQ(standing.state, StandingState::fits);
    ASSERT_EQ(standing.notes.size(), 1U);
    EXPECT_NE(standing.notes[0].find("refused in strict"), std::string::npos);
    standing = on(guarded, lacking, PolicyMode::off);
    EXPECT_TRUE(standing.notes.empty());
    Personality having = lacking;
    having.entitlements["com.example.b"] = false;  // presence counts
    EXPECT_EQ(on(guarded, having).state, StandingState::fits);
}

TEST_F(StandingTest, KeysThatNobodyReadsAreNoted) {
    const client::Standing standing =
        on(old, personality("A", {{"IOPropertyMatsh", Dictionary{}}, {"OwnSetting", 1}}));
    EXPECT_EQ(standing.state, StandingState::fits);
    ASSERT_EQ(standing.notes.size(), 1U);
    EXPECT_EQ(standing.notes[0], "nobody reads the key IOPropertyMatsh; is IOPropertyMatch meant?");
}

TEST_F(StandingTest, RanksAreByProviderAndCategory) {
    std::vector<client::Standing> standings;
    standings.push_back(on(old, personality("Low", {{"IOProbeScore", 1}})));
    standings.push_back(on(old, personality("No", {{"IONameMatch", "young"}})));
    standings.push_back(on(old, personality("High", {{"IOProbeScore", 7}})));
    standings.push_back(on(old, personality("Own", {{"IOMatchCategory", "Own"}})));
    standings.push_back(on(old, personality("Late", {{"IOProbeScore", 7}})));
    rank(standings);
    std::vector<std::pair<std::string, uint32_t>> order;
    for (const client::Standing& one : standings) order.emplace_back(one.personality, one.rank);
    EXPECT_EQ(order, (std::vector<std::pair<std::string, uint32_t>>{
                         {"High", 1}, {"Late", 2}, {"Low", 3}, {"Own", 1}, {"No", 0}}));
}

TEST_F(StandingTest, ProvidersThatFitOrComeNear) {
    const auto ids = [&](const Personality& personality, size_t nearest) {
        std::vector<EntryId> found;
        for (const Entry* entry : providers_for(personality, match(), nearest))
            found.push_back(entry->id);
        return found;
    };
    EXPECT_EQ(ids(personality("A"), 1), (std::vector<EntryId>{old, young, guarded}));
    const Personality one_off =
        personality("B", {{"IOPropertyMatch", Dictionary{{"Color", "blue"}, {"Size", 5}}}});
    EXPECT_EQ(ids(one_off, 1), (std::vector<EntryId>{young}));
    EXPECT_EQ(ids(one_off, 2).size(), 2U);
    EXPECT_TRUE(ids(one_off, 0).empty());
    // Of a class that there is not, those of the class that is meant.
    EXPECT_EQ(ids(personality("C", {{"IOProviderClass", "IOUserResource"}}), 1),
              (std::vector<EntryId>{old}));
}

TEST_F(StandingTest, OneThatCannotBeReadIsExplainedByTheRule) {
    client::LoosePersonality loose{
        "com.example.driver", "A", {{"IOProviderClas", "IOService"}}, {}, {}};
    const auto read = read_loose(loose);
    ASSERT_FALSE(read.ok());
    const client::Standing standing = unreadable(loose, read.error());
    EXPECT_EQ(standing.state, StandingState::refused);
    EXPECT_NE(standing.reason.find("IOProviderClass: is missing"), std::string::npos);
    ASSERT_EQ(standing.notes.size(), 1U);
    EXPECT_NE(standing.notes[0].find("is IOProviderClass meant?"), std::string::npos);
}

TEST(StartHistory, KeepsTheLastOutcomeOfEachPersonality) {
    StartHistory history;
    const StartHistory::Time then{};
    EXPECT_EQ(history.find(1, "a/A"), nullptr);
    history.note(1, "a/A", Error::kern(0xe00002c0, "Start returned an error"), then);
    history.note(1, "a/A", Error{Errc::timed_out, 0, "Start: no answer"}, then);
    history.note(2, "a/A", success(), then);
    ASSERT_NE(history.find(1, "a/A"), nullptr);
    EXPECT_EQ(history.find(1, "a/A")->attempts, 2U);
    EXPECT_EQ(history.find(1, "a/A")->failures, 2U);
    EXPECT_EQ(history.find(1, "a/A")->text, "Start: no answer");
    history.note(1, "a/A", Error::kern(kIOReturnNoDevice, "Start returned an error"), then);
    EXPECT_EQ(history.find(1, "a/A")->io_return, kIOReturnNoDevice);
    history.note(1, "a/A", Error{Errc::not_ready, 0, "words of a driver (0xe00002c0)"}, then);
    EXPECT_EQ(history.find(1, "a/A")->io_return, kIOReturnNotReady) << "words are no code";
    history.note(1, "a/A", success(), then);
    EXPECT_EQ(history.find(1, "a/A")->text, "");
    history.forget(1);
    EXPECT_EQ(history.find(1, "a/A"), nullptr);
    EXPECT_EQ(history.find(2, "a/A")->failures, 0U);
}

}  // namespace
}  // namespace opendext::daemon
