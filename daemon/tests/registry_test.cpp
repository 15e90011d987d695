// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "daemon/registry/classes.h"
#include "daemon/registry/termination.h"

namespace opendext::daemon {
namespace {

class RegistryTest : public ::testing::Test {
  protected:
    RegistryTest() {
        root = registry.add({kNoEntry, {"IORegistryEntry"}, "Root", "", {}, false}).id;
        registry.observe([this](Event event, const Entry& entry) {
            events.push_back(std::string(to_string(event)) + " " + entry.name);
        });
    }
    EntryId add(EntryId provider, const std::string& name) {
        const EntryId id =
            registry.add({provider, {"IOService", "IORegistryEntry"}, name, "", {}}).id;
        return id;
    }
    std::vector<std::string> take() { return std::exchange(events, {}); }
    using Events = std::vector<std::string>;
    Registry registry;
    EntryId root = kNoEntry;
    Events events;
};

TEST_F(RegistryTest, EachEventIsAnnouncedOnce) {
    const EntryId a = add(root, "a");
    EXPECT_EQ(take(), (Events{"attached a"}));
    registry.register_service(a);
    EXPECT_EQ(take(), (Events{"published a"}));
    registry.set_matched(a);
    EXPECT_EQ(take(), (Events{"first matched a", "matched a"}));
    registry.register_service(a);
    registry.set_matched(a);
    EXPECT_EQ(take(), (Events{"registered again a", "matched a"}));
    registry.set_property(a, "k", 1);
    registry.remove_property(a, "k");
    registry.remove_property(a, "k");
    EXPECT_EQ(take(), (Events{"property changed a", "property changed a"}));
    registry.set_inactive(a);
    registry.set_inactive(a);
    registry.register_service(a);
    registry.set_matched(a);
    EXPECT_EQ(take(), (Events{"inactive a"})) << "what is going is not published any more";
    registry.detach(a);
    registry.detach(a);
    EXPECT_EQ(take(), (Events{"detached a"}));
}

TEST_F(RegistryTest, IdsAreNeverUsedAgainAndTheDepartedCanBeRead) {
    const EntryId a = add(root, "a");
    registry.detach(a);
    EXPECT_EQ(registry.find(a), nullptr);
    ASSERT_NE(registry.find_departed(a), nullptr);
    EXPECT_EQ(registry.find_departed(a)->name, "a");
    EXPECT_GT(add(root, "b"), a);
    for (int i = 0; i < 300; ++i) registry.detach(add(root, "x"));
    EXPECT_EQ(registry.find_departed(a), nullptr) << "they do not pile up";
}

TEST_F(RegistryTest, BusyGoesDownToTheRootAndBack) {
    const EntryId a = add(root, "a");
    const EntryId b = add(a, "b");
    const EntryId c = add(a, "c");
    take();
    registry.adjust_busy(b, 1);
    EXPECT_EQ(take(), (Events{"busy changed b", "busy changed a", "busy changed Root"}));
    registry.adjust_busy(b, 1);
    registry.adjust_busy(c, 1);
    EXPECT_EQ(take(), (Events{"busy changed c"}));
    EXPECT_EQ(registry.find(a)->busy, 2U);
    registry.adjust_busy(b, -2);
    registry.detach(c);
    EXPECT_EQ(registry.find(root)->busy, 0U) << "a busy entry that goes takes its busy count along";
    registry.adjust_busy(b, -5);
    EXPECT_EQ(registry.find(b)->busy, 0U);
}

TEST_F(RegistryTest, TheDextsPropertiesAreMergedForReaders) {
    const EntryId a = add(root, "a");
    registry.set_property(a, "own", 1);
    registry.set_property(a, "both", "old");
    registry.merge_user_properties(a, {{"both", "new"}, {"user", 2}});
    registry.set_user_classes(a, {"Foo", "IOService"});
    const Dictionary merged = registry.find(a)->merged_properties();
    EXPECT_EQ(*find_string(merged, "both"), "new");
    EXPECT_EQ(find_number(merged, "own")->raw, 1U);
    EXPECT_EQ(find_number(merged, "user")->raw, 2U);
    EXPECT_EQ(find(merged, "IOUserClasses")->array()->size(), 2U);
    EXPECT_EQ(*registry.find(a)->property("both")->string(), "new");
}

TEST_F(RegistryTest, PathsHaveLocations) {
    const EntryId a = registry.add({root, {"IOService"}, "hub", "14", {}}).id;
    EXPECT_EQ(registry.path(add(a, "port")), "IOService:/hub@14/port");
    EXPECT_EQ(registry.path(root), "IOService:/");
}

TEST_F(RegistryTest, EntriesAreFoundByNameAndClassWhateverChanges) {
    const auto named = [&](const char* name) {
        std::vector<EntryId> found;
        registry.visit_named(name, [&](const Entry& entry) {
            found.push_back(entry.id);
            return true;
        });
        return found;
    };
    const auto of_class = [&](const char* name) {
        std::vector<EntryId> found;
        registry.visit_class(name, [&](const Entry& entry) {
            found.push_back(entry.id);
            return true;
        });
        return found;
    };
    using Ids = std::vector<EntryId>;
    const EntryId a = add(root, "a");
    const EntryId b = add(root, "b");
    EXPECT_EQ(named("a"), Ids{a});
    registry.set_name(a, "b");
    EXPECT_EQ(named("a"), Ids{});
    EXPECT_EQ(named("b"), (Ids{a, b}));
    registry.merge_user_properties(b, {{"IOName", "other"}});
    EXPECT_EQ(named("other"), Ids{b}) << "it may have the name; the match looks closer";
    registry.remove_user_property(b, "IOName");
    EXPECT_EQ(named("other"), Ids{});

    EXPECT_EQ(of_class("IOService"), (Ids{a, b}));
    registry.set_user_classes(a, {"Mine", "IOService"});
    EXPECT_EQ(of_class("Mine"), Ids{a});
    EXPECT_EQ(of_class("IOService"), (Ids{a, b})) << "oldest first, of whichever kind";
    registry.detach(a);
    EXPECT_EQ(of_class("Mine"), Ids{});
    EXPECT_EQ(named("b"), Ids{b});
}

TEST_F(RegistryTest, OtherPlanesAreLeftWithTheEntry) {
    const EntryId a = add(root, "a");
    const EntryId b = add(a, "b");
    registry.attach(b, root, "IOPower");
    EXPECT_FALSE(registry.in_plane(*registry.find(b), "IOPower")) << "there is no such plane yet";
    registry.declare_plane("IOPower");
    registry.attach(b, root, "IOPower");
    registry.attach(b, root, "IOPower");
    EXPECT_EQ(registry.relatives(*registry.find(root), "IOPower", false), std::vector<EntryId>{b});
    EXPECT_EQ(registry.path(b, "IOPower"), "IOPower:/b");
    EXPECT_EQ(registry.path(b), "IOService:/a/b");
    EXPECT_TRUE(registry.in_plane(*registry.find(root), "IOPower"));
    EXPECT_FALSE(registry.in_plane(*registry.find(a), "IOPower"));
    registry.detach(b);
    EXPECT_TRUE(registry.relatives(*registry.find(root), "IOPower", false).empty());
}

TEST_F(RegistryTest, EveryChangeThatAReaderCouldSeeIsCounted) {
    auto board = std::move(ChangeBoard::create()).value();
    const auto view = std::move(ChangeView::map(std::move(board->duplicate()).value())).value();
    registry.count_changes(board.get());
    const EntryId a = add(root, "a");
    add(a, "above");
    const auto counted = [&](const std::function<void()>& change) {
        const uint64_t entry = view->entry(a);
        const uint64_t tree = view->tree();
        const uint64_t names = view->names();
        change();
        return std::string(view->entry(a) != entry ? "entry " : "") +
               (view->tree() != tree ? "tree " : "") + (view->names() != names ? "names" : "");
    };
    EXPECT_EQ(counted([&] { registry.set_property(a, "k", 1); }), "entry ");
    EXPECT_EQ(counted([&] { registry.merge_user_properties(a, {{"k", 2}}); }), "entry ");
    EXPECT_EQ(counted([&] { registry.remove_user_property(a, "k"); }), "entry ");
    EXPECT_EQ(counted([&] { registry.remove_property(a, "k"); }), "entry ");
    EXPECT_EQ(counted([&] { registry.set_user_classes(a, {"Mine"}); }), "entry ");
    EXPECT_EQ(counted([&] { registry.set_name(a, "b"); }), "entry tree names");
    EXPECT_EQ(counted([&] { registry.set_name(a, "b"); }), "");
    EXPECT_EQ(counted([&] { registry.adjust_busy(a, 1); }), "") << "asked for each time";
    EXPECT_EQ(counted([&] { add(root, "c"); }), "tree ");
    EXPECT_EQ(counted([&] { registry.detach(a); }), "entry tree ");
    registry.count_changes(nullptr);
}

TEST_F(RegistryTest, AnObserverMayEndTheEntry) {
    bool told_after = false;
    const EntryId a = add(root, "a");
    registry.observe([&](Event event, const Entry& entry) {
        if (event == Event::published) registry.detach(entry.id);
    });
    registry.observe([&](Event event, const Entry&) { told_after |= event == Event::published; });
    registry.register_service(a);
    EXPECT_FALSE(told_after);
    EXPECT_EQ(registry.find(a), nullptr);
}

/// Stops are answered by the test.
class TerminationTest : public RegistryTest {
  protected:
    TerminationTest()
        : termination(registry, {[this](EntryId id, bool active) {
                                     stops.push_back(registry.find(id)->name +
                                                     (active ? " active" : " unplugged"));
                                     if (at_once.contains(id)) termination.stopped(id);
                                 },
                                 [this](EntryId id) { gone.push_back(id); }}) {}
    std::vector<std::string> stops;
    std::vector<EntryId> gone;
    std::set<EntryId> at_once;
    Termination termination;
};

TEST_F(TerminationTest, GoesLeavesUpOneAfterTheOther) {
    const EntryId a = add(root, "a");
    const EntryId b = add(a, "b");
    const EntryId c = add(b, "c");
    const EntryId d = add(a, "d");
    take();
    termination.terminate(a);
    EXPECT_EQ(registry.find(c)->activity, Activity::terminating)
        << "everything is inactive at once";
    EXPECT_EQ(std::set<std::string>(stops.begin(), stops.end()),
              (std::set<std::string>{"c unplugged", "d unplugged"}));
    EXPECT_EQ(*termination.state(b), TerminationState::waiting_for_clients);
    EXPECT_GT(registry.find(root)->busy, 0U);
    stops.clear();
    termination.stopped(a);  // not asked yet: nothing happens
    EXPECT_NE(registry.find(a), nullptr);
    termination.stopped(c);
    EXPECT_EQ(registry.find(c), nullptr);
    EXPECT_EQ(stops, (std::vector<std::string>{"b unplugged"}));
    termination.stopped(d);
    termination.stopped(b);
    EXPECT_EQ(stops.back(), "a active") << "the provider of the first stays";
    termination.stopped(a);
    EXPECT_EQ(gone, (std::vector<EntryId>{c, d, b, a}));
    EXPECT_EQ(termination.count(), 0U);
    EXPECT_EQ(registry.find(root)->busy, 0U);
}

TEST_F(TerminationTest, TwiceIsTheSameAsOnce) {
    const EntryId a = add(root, "a");
    termination.terminate(a);
    termination.terminate(a);
    EXPECT_EQ(stops.size(), 1U);
    termination.stopped(a);
    termination.stopped(a);
    EXPECT_EQ(gone.size(), 1U);
    termination.terminate(a);
    EXPECT_EQ(stops.size(), 1U);
}

TEST_F(TerminationTest, AChildThatIsGoingAlreadyIsWaitedFor) {
    const EntryId a = add(root, "a");
    const EntryId b = add(a, "b");
    termination.terminate(b);
    termination.terminate(a);
    EXPECT_EQ(stops, (std::vector<std::string>{"b active"}));
    termination.stopped(b);
    EXPECT_EQ(stops.back(), "a active");
}

TEST_F(TerminationTest, EntriesWithoutAProcessGoAtOnce) {
    const EntryId a = add(root, "a");
    at_once = {a, add(a, "b"), add(a, "c")};
    termination.terminate(a);
    EXPECT_EQ(gone.size(), 3U);
    EXPECT_EQ(gone.back(), a);
}

TEST(ClassTable, KnowsChainsAndFamilies) {
    ClassTable classes;
    ASSERT_TRUE(classes.declare({"IORegistryEntry", "", {}, false}, nullptr).ok());
    ASSERT_TRUE(
        classes.declare({"IOService", "IORegistryEntry", {{"a", 1}, {"b", 1}}, false}, nullptr)
            .ok());
    ASSERT_TRUE(classes.declare({"Foo", "IOService", {{"a", 2}}, true}, nullptr).ok());
    EXPECT_EQ(classes.chain("Foo"),
              (std::vector<std::string>{"Foo", "IOService", "IORegistryEntry"}));
    EXPECT_TRUE(classes.chain("Bar").empty());
    const Dictionary defaults = classes.default_properties(classes.chain("Foo"));
    EXPECT_EQ(find_number(defaults, "a")->raw, 2U);
    EXPECT_EQ(find_number(defaults, "b")->raw, 1U);
    EXPECT_FALSE(classes.declare({"Foo", "IOService", {}, true}, nullptr).ok())
        << "a name is taken once";
    EXPECT_FALSE(classes.declare({"Baz", "Unknown", {}, true}, nullptr).ok());
    EXPECT_FALSE(classes.declare({"", "IOService", {}, true}, nullptr).ok());
}

}  // namespace
}  // namespace opendext::daemon
