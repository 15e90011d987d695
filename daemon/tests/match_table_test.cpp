// SPDX-License-Identifier: Apache-2.0
// Which driver wins (A40): the rules of docs/facts/semantics.md section 3 as a table.
#include <gtest/gtest.h>

#include <random>

#include "daemon/matching/index.h"

namespace opendext::daemon {
namespace {

/// A device as a family publishes it: Bus (IOService) below, Device with properties above, and a
/// dext nub.
class MatchTable : public ::testing::Test {
  protected:
    MatchTable() {
        const EntryId root =
            registry.add({kNoEntry, {"IORegistryEntry"}, "Root", "", {}, false}).id;
        bus = registry
                  .add({root, {"TestBus", "IOService", "IORegistryEntry"}, "bus", "", {{"Bus", 3}}})
                  .id;
        device = registry
                     .add({bus,
                           {"TestDevice", "IOService", "IORegistryEntry"},
                           "widget",
                           "1a",
                           {{"idVendor", 0x1234},
                            {"idProduct", 0x5678},
                            {"Speed", "fast"},
                            {"compatible", Array{"acme,widget2", "acme,widget"}}}})
                     .id;
        registry.merge_user_properties(device, {{"Set", "by the driver"}, {"Speed", "very fast"}});
        nub = registry
                  .add({device, {"IOUserService", "IOService", "IORegistryEntry"}, "MyNub", "", {}})
                  .id;
        registry.set_user_classes(nub, {"MyNub", "MyBase", "IOService"});
    }
    /// A family whose test knows idVendor and idProduct, as USB does.
    static FamilyVerdict family(const Entry& entry, const Dictionary& table) {
        if (!entry.is_kind_of("TestDevice")) return {};
        FamilyVerdict verdict;
        const std::pair<const char*, int64_t> keys[] = {{"idVendor", 5000}, {"idProduct", 1000}};
        for (const auto& [key, score] : keys) {
            const Value* wanted = find(table, key);
            if (wanted == nullptr) continue;
            if (!(*wanted == *entry.property(key)))
                return {false, 0, std::string(key) + " differs"};
            verdict.score += score;
        }
        return verdict;
    }
    Verdict test(EntryId entry, const Dictionary& table) const {
        return match(*registry.find(entry), table, {registry, family});
    }
    Registry registry;
    EntryId bus = kNoEntry;
    EntryId device = kNoEntry;
    EntryId nub = kNoEntry;
};

struct Case {
    const char* what;
    Dictionary table;
    bool matches;
    int64_t score;
    const char* reason;  ///< a part of the explanation of a mismatch
};

TEST_F(MatchTable, OnADevice) {
    const Case cases[] = {
        {"an empty table fits everything", {}, true, 0, ""},
        {"the class itself", {{"IOProviderClass", "TestDevice"}}, true, 0, ""},
        {"a super class", {{"IOProviderClass", "IOService"}}, true, 0, ""},
        {"another class", {{"IOProviderClass", "TestBus"}}, false, 0, "TestBus"},
        {"a class of the wrong type", {{"IOProviderClass", 7}}, false, 0, "must be a string"},
        {"the name", {{"IONameMatch", "widget"}}, true, 0, ""},
        {"one of several names", {{"IONameMatch", Array{"x", "widget"}}}, true, 0, ""},
        {"a compatible name", {{"IONameMatch", "acme,widget"}}, true, 0, ""},
        {"another name", {{"IONameMatch", Array{"x", "y"}}}, false, 0, "IONameMatch"},
        {"names that are numbers", {{"IONameMatch", Array{1, 2}}}, false, 0, "array of strings"},
        {"the location", {{"IOLocationMatch", "1a"}}, true, 0, ""},
        {"another location", {{"IOLocationMatch", "2"}}, false, 0, "\"1a\""},
        {"a location table for the provider",
         {{"IOLocationMatch", Dictionary{{"IONameMatch", "bus"}}}},
         true,
         0,
         ""},
        {"a location table that does not fit",
         {{"IOLocationMatch", Dictionary{{"IONameMatch", "wagon"}}}},
         false,
         0,
         "wagon"},
        {"one property", {{"IOPropertyMatch", Dictionary{{"idVendor", 0x1234}}}}, true, 0, ""},
        {"a number of another width",
         {{"IOPropertyMatch", Dictionary{{"idVendor", uint64_t{0x1234}}}}},
         true,
         0,
         ""},
        {"a property that the dext set",
         {{"IOPropertyMatch", Dictionary{{"Set", "by the driver"}}}},
         true,
         0,
         ""},
        {"the dext's value hides the older",
         {{"IOPropertyMatch", Dictionary{{"Speed", "fast"}}}},
         false,
         0,
         "Speed is \"very fast\", wanted \"fast\""},
        {"one property of two differs",
         {{"IOPropertyMatch", Dictionary{{"idVendor", 0x1234}, {"idProduct", 1}}}},
         false,
         0,
         "idProduct"},
        {"a property that is not there",
         {{"IOPropertyMatch", Dictionary{{"Colour", "red"}}}},
         false,
         0,
         "no property Colour"},
        {"any of several dictionaries",
         {{"IOPropertyMatch",
           Array{Dictionary{{"idVendor", 1}}, Dictionary{{"idVendor", 0x1234}}}}},
         true,
         0,
         ""},
        {"none of several dictionaries",
         {{"IOPropertyMatch", Array{Dictionary{{"idVendor", 1}}, Dictionary{{"idVendor", 2}}}}},
         false,
         0,
         "wanted 1; "},
        {"an empty choice", {{"IOPropertyMatch", Array{}}}, false, 0, "empty"},
        {"a property match of the wrong type",
         {{"IOPropertyMatch", "idVendor"}},
         false,
         0,
         "must be a dictionary"},
        {"a property exists", {{"IOPropertyExistsMatch", "Set"}}, true, 0, ""},
        {"any of several exists", {{"IOPropertyExistsMatch", Array{"Colour", "Set"}}}, true, 0, ""},
        {"none exists", {{"IOPropertyExistsMatch", Array{"Colour", "Size"}}}, false, 0, "Colour"},
        {"the path", {{"IOPathMatch", "IOService:/bus/widget@1a"}}, true, 0, ""},
        {"another path", {{"IOPathMatch", "IOService:/bus"}}, false, 0, "widget@1a"},
        {"an ancestor",
         {{"IOParentMatch", Dictionary{{"IOPropertyMatch", Dictionary{{"Bus", 3}}}}}},
         true,
         0,
         ""},
        {"no such ancestor",
         {{"IOParentMatch", Dictionary{{"IOProviderClass", "Moon"}}}},
         false,
         0,
         "IOParentMatch"},
        {"the entry itself is no ancestor",
         {{"IOParentMatch", Dictionary{{"IOProviderClass", "TestDevice"}}}},
         false,
         0,
         "IOParentMatch"},
        {"the id", {{"IORegistryEntryID", Value(uint64_t{device})}}, true, 0, ""},
        {"another id",
         {{"IORegistryEntryID", Value(uint64_t{bus})}},
         false,
         0,
         "IORegistryEntryID"},
        {"a count of matched clients", {{"IOMatchedServiceCountMatch", 0}}, true, 0, ""},
        {"too high a count",
         {{"IOMatchedServiceCountMatch", 2}},
         false,
         0,
         "IOMatchedServiceCountMatch"},
        {"a BSD name that is not there", {{"BSD Name", "en0"}}, false, 0, "BSD Name"},
        {"the probe score", {{"IOProbeScore", 250}}, true, 250, ""},
        {"a negative probe score", {{"IOProbeScore", int64_t{-7}}}, true, -7, ""},
        {"a probe score of the wrong type", {{"IOProbeScore", "high"}}, false, 0, "IOProbeScore"},
        {"the family adds",
         {{"IOProbeScore", 1}, {"idVendor", 0x1234}, {"idProduct", 0x5678}},
         true,
         6001,
         ""},
        {"the family refuses",
         {{"idVendor", 0x1234}, {"idProduct", 1}},
         false,
         0,
         "idProduct differs"},
        {"general keys come before the family",
         {{"IONameMatch", "x"}, {"idProduct", 1}},
         false,
         0,
         "IONameMatch"},
        {"keys that nobody knows",
         {{"CFBundleIdentifier", "com.example"}, {"Whatever", 1}},
         true,
         0,
         ""},
    };
    for (const Case& each : cases) {
        const Verdict verdict = test(device, each.table);
        EXPECT_EQ(verdict.matches, each.matches) << each.what << ": " << verdict.reason;
        if (each.matches) {
            EXPECT_EQ(verdict.score, each.score) << each.what;
            EXPECT_EQ(verdict.reason, "") << each.what;
        } else {
            EXPECT_NE(verdict.reason.find(each.reason), std::string::npos)
                << each.what << ": " << verdict.reason;
        }
    }
}

TEST_F(MatchTable, ANubOfADextClassIsNamedByItsOwnClasses) {
    EXPECT_TRUE(test(nub, {{"IOProviderClass", "MyNub"}}).matches);
    EXPECT_TRUE(test(nub, {{"IOProviderClass", "MyBase"}}).matches);
    EXPECT_TRUE(test(nub, {{"IOProviderClass", "IOUserService"}}).matches);
    EXPECT_FALSE(test(nub, {{"IOProviderClass", "YourNub"}}).matches);
    EXPECT_EQ(test(nub, {{"IONameMatch", Array{"a", "MyNub"}}}).name_matched, "MyNub");
}

class Candidates : public MatchTable {
  protected:
    void add(const std::string& name, Dictionary more, const std::string& provider = "TestDevice") {
        Dictionary table{{"IOProviderClass", provider},
                         {"IOClass", "IOUserService"},
                         {"IOUserClass", name},
                         {"IOUserServerName", "com.example." + name}};
        for (auto& [key, value] : more) table.insert_or_assign(key, std::move(value));
        auto read = Personality::read("com.example." + name, name, std::move(table));
        ASSERT_TRUE(read.ok()) << read.error().text();
        index.add(std::make_shared<const Personality>(std::move(read).value()));
    }
    CandidateList list(EntryId entry) const {
        const Entry& found = *registry.find(entry);
        return find_candidates(found, index.for_nub(found), {registry, family});
    }
    static std::vector<std::string> names(const CandidateList::Category& category) {
        std::vector<std::string> names;
        for (const Candidate& candidate : category.candidates)
            names.push_back(candidate.personality->name);
        return names;
    }
    PersonalityIndex index;
};

TEST_F(Candidates, TheMostSpecificGoesFirst) {
    add("generic", {}, "IOService");
    add("vendor", {{"idVendor", 0x1234}});
    add("both", {{"idVendor", 0x1234}, {"idProduct", 0x5678}});
    add("other", {{"idVendor", 1}});
    add("high", {{"IOProbeScore", 5500}});
    const CandidateList found = list(device);
    ASSERT_EQ(found.categories.size(), 1U);
    EXPECT_EQ(names(found.categories[0]),
              (std::vector<std::string>{"both", "high", "vendor", "generic"}));
    ASSERT_EQ(found.trace.size(), 5U);
    EXPECT_EQ(found.trace[3].verdict.reason, "idVendor differs");
}

TEST_F(Candidates, EqualScoresGoInTheOrderOfInstallation) {
    add("b", {});
    add("a", {}, "IOService");
    add("c", {});
    EXPECT_EQ(names(list(device).categories.at(0)), (std::vector<std::string>{"b", "a", "c"}));
}

TEST_F(Candidates, CategoriesAreListedApart) {
    add("a", {{"IOMatchCategory", "X"}});
    add("b", {});
    add("c", {{"IOMatchCategory", "X"}, {"IOProbeScore", 1}});
    const CandidateList found = list(device);
    ASSERT_EQ(found.categories.size(), 2U);
    EXPECT_EQ(found.categories[0].name, "X");
    EXPECT_EQ(names(found.categories[0]), (std::vector<std::string>{"c", "a"}));
    EXPECT_EQ(found.categories[1].name, "IODefaultMatchCategory");
}

TEST_F(Candidates, TheIndexFindsEachPersonalityOnce) {
    add("a", {}, "IOService");  // in both chains of the dext nub
    add("b", {}, "MyBase");
    EXPECT_EQ(names(list(nub).categories.at(0)), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(index.remove("com.example.a").size(), 1U);
    EXPECT_EQ(names(list(nub).categories.at(0)), (std::vector<std::string>{"b"}));
}

TEST_F(Candidates, TheIndexRulesOutOnlyWhatDoesNotFit) {
    // Every way to be filed, each once with a table that fits and once with one that does not.
    const std::pair<const char*, Dictionary> tables[] = {
        {"name", {{"IONameMatch", "widget"}}},
        {"no name", {{"IONameMatch", "gadget"}}},
        {"compatible", {{"IONameMatch", Array{"x", "acme,widget"}}}},
        {"not compatible", {{"IONameMatch", Array{"x", "y"}}}},
        {"names of the wrong type", {{"IONameMatch", Array{1}}}},
        {"property", {{"IOPropertyMatch", Dictionary{{"idVendor", 0x1234}}}}},
        {"same value, other width",
         {{"IOPropertyMatch", Dictionary{{"idVendor", uint64_t{0x1234}}}}}},
        {"other value", {{"IOPropertyMatch", Dictionary{{"idVendor", 1}}}}},
        {"other type", {{"IOPropertyMatch", Dictionary{{"idVendor", "4660"}}}}},
        {"of two", {{"IOPropertyMatch", Dictionary{{"idVendor", 0x1234}, {"idProduct", 0x5678}}}}},
        {"set by the dext", {{"IOPropertyMatch", Dictionary{{"Speed", "very fast"}}}}},
        {"hidden by the dext", {{"IOPropertyMatch", Dictionary{{"Speed", "fast"}}}}},
        {"value that is no key",
         {{"IOPropertyMatch", Dictionary{{"compatible", Array{"acme,widget2", "acme,widget"}}}}}},
        {"any of two",
         {{"IOPropertyMatch",
           Array{Dictionary{{"idVendor", 1}}, Dictionary{{"idProduct", 0x5678}}}}}},
        {"both of two",
         {{"IOPropertyMatch",
           Array{Dictionary{{"idVendor", 0x1234}}, Dictionary{{"idProduct", 0x5678}}}}}},
        {"none of two",
         {{"IOPropertyMatch", Array{Dictionary{{"idVendor", 1}}, Dictionary{{"idVendor", 2}}}}}},
        {"an empty table", {{"IOPropertyMatch", Dictionary{}}}},
        {"an empty list", {{"IOPropertyMatch", Array{}}}},
        {"a list of numbers", {{"IOPropertyMatch", Array{1}}}},
        {"a number", {{"IOPropertyMatch", 1}}},
        {"of the family", {{"idVendor", 0x1234}}},
    };
    for (const auto& [name, table] : tables) add(name, table);
    for (const EntryId entry : {device, nub, bus}) {
        const Entry& found = *registry.find(entry);
        const MatchContext context{registry, family};
        const CandidateList all = find_candidates(found, index.of_classes(found), context);
        const CandidateList filed = find_candidates(found, index.for_nub(found), context);
        ASSERT_EQ(all.categories.size(), filed.categories.size()) << found.name;
        for (size_t i = 0; i < all.categories.size(); ++i)
            EXPECT_EQ(names(all.categories[i]), names(filed.categories[i])) << found.name;
    }
    // It is of use, too: "other type", "other value" and so on are not looked at.
    EXPECT_EQ(index.of_classes(*registry.find(device)).size(), std::size(tables));
    EXPECT_LE(index.for_nub(*registry.find(device)).size(), 15U);
    EXPECT_EQ(index.all().size(), std::size(tables));
    EXPECT_EQ(index.remove("com.example.property").size(), 1U);
    EXPECT_EQ(index.all().size(), std::size(tables) - 1);
    for (const PersonalityPtr& left : index.for_nub(*registry.find(device)))
        EXPECT_NE(left->name, "property");
}

TEST_F(Candidates, TheIndexFollowsEveryChangeOfANub) {
    add("by name", {{"IONameMatch", "gadget"}});
    add("by property", {{"IOPropertyMatch", Dictionary{{"Colour", "red"}}}});
    add("by the dext's", {{"IOPropertyMatch", Dictionary{{"Shade", 7}}}});
    add("by class", {}, "MyWidget");
    const auto found = [&] {
        std::vector<std::string> names;
        for (const auto& personality : index.for_nub(*registry.find(device)))
            names.push_back(personality->name);
        return names;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(found(), Names{});
    registry.set_name(device, "gadget");
    EXPECT_EQ(found(), Names{"by name"});
    registry.set_name(device, "widget");
    registry.set_property(device, "Colour", "red");
    EXPECT_EQ(found(), Names{"by property"});
    registry.remove_property(device, "Colour");
    registry.merge_user_properties(device, {{"Shade", 7}});
    EXPECT_EQ(found(), Names{"by the dext's"});
    registry.remove_user_property(device, "Shade");
    EXPECT_EQ(found(), Names{});
    registry.set_user_classes(device, {"MyWidget"});
    EXPECT_EQ(found(), Names{"by class"});
    registry.set_property(device, "compatible", "gadget");
    EXPECT_EQ(found(), (Names{"by name", "by class"}));
}

TEST_F(Candidates, TheIndexAgreesWithTestingEveryPersonality) {
    std::mt19937 random(20260115);
    const auto up_to = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
    const std::string classes[] = {"TestDevice", "TestBus", "IOService", "MyBase", "NoSuchClass"};
    const std::string names[] = {"widget", "bus", "acme,widget", "gadget"};
    const auto property = [&]() -> Dictionary {
        Dictionary wanted;
        if (up_to(2) == 0) wanted["idVendor"] = up_to(2) == 0 ? 0x1234 : 1;
        if (up_to(2) == 0) wanted["idProduct"] = up_to(2) == 0 ? 0x5678 : 2;
        if (up_to(4) == 0) wanted["Speed"] = up_to(2) == 0 ? "very fast" : "fast";
        return wanted;
    };
    for (int i = 0; i < 500; ++i) {
        Dictionary more;
        if (up_to(3) == 0) more["IONameMatch"] = names[up_to(4)];
        if (up_to(6) == 0) more["IONameMatch"] = Array{names[up_to(4)], names[up_to(4)]};
        if (up_to(2) == 0) more["IOPropertyMatch"] = property();
        if (up_to(6) == 0) more["IOPropertyMatch"] = Array{property(), property()};
        add(std::to_string(i), std::move(more), classes[up_to(5)]);
        // Which personalities are filed together depends on what was taken out.
        if (up_to(4) == 0) (void)index.remove("com.example." + std::to_string(up_to(i + 1)));
    }
    const MatchContext context{registry, family};
    for (const EntryId entry : {device, nub, bus}) {
        const Entry& found = *registry.find(entry);
        std::vector<std::string> fit;
        for (const PersonalityPtr& personality : index.all()) {
            if (personality->query().fits(found, context)) fit.push_back(personality->name);
        }
        std::vector<std::string> by_index;
        size_t looked_at = 0;
        for (const PersonalityPtr& personality : index.for_nub(found)) {
            ++looked_at;
            if (personality->query().fits(found, context)) by_index.push_back(personality->name);
        }
        EXPECT_EQ(by_index, fit) << found.name;
        EXPECT_FALSE(fit.empty()) << found.name;
        EXPECT_LT(looked_at, fit.size() * 2) << found.name;
    }
}

TEST_F(MatchTable, EveryKeyIsExamined) {
    const Dictionary table{
        {"IOProviderClass", "TestDevise"},
        {"IONameMatch", "Widget"},
        {"IOPropertyMatch",
         Dictionary{{"idVendor", "0x1234"}, {"idProduct", 0x5678}, {"speed", "fast"}}},
        {"IOParentMatch", Dictionary{{"IONameMatch", "bus"}}}};
    const MatchQuery query(table);
    const MatchContext context{registry, family};
    const Verdict verdict = query.examine(*registry.find(device), context);
    EXPECT_FALSE(verdict.matches);
    // The first that does not fit is the reason, in the words of the decision itself.
    EXPECT_EQ(verdict.reason, query.verdict(*registry.find(device), context).reason);
    ASSERT_EQ(verdict.checks.size(), 6U);
    const auto expect = [&](size_t i, const char* key, bool fits, const char* hint) {
        EXPECT_EQ(verdict.checks[i].key, key);
        EXPECT_EQ(verdict.checks[i].fits, fits) << key;
        EXPECT_EQ(verdict.checks[i].hint, hint) << key;
        EXPECT_EQ(verdict.checks[i].text.empty(), fits) << key;
    };
    expect(0, "IOProviderClass", false, "is \"TestDevice\" meant?");
    expect(1, "IONameMatch", false, "is \"widget\" meant? They differ in upper and lower case");
    expect(2, "IOPropertyMatch/idProduct", true, "");
    expect(3, "IOPropertyMatch/idVendor", false, "write a number: <integer>4660</integer>");
    expect(4, "IOPropertyMatch/speed", false, "is Speed meant? It is \"very fast\"");
    expect(5, "IOParentMatch", true, "");
    EXPECT_EQ(verdict.checks[3].text,
              "IOPropertyMatch: idVendor is the number 4660, wanted the string \"0x1234\"");
    EXPECT_EQ(verdict.checks[3].found, Value(0x1234));
    EXPECT_EQ(verdict.checks[4].found, std::nullopt);
}

TEST(Personality, RefusesWhatCannotBeStarted) {
    const Dictionary good{{"IOProviderClass", "IOUserResources"},
                          {"IOClass", "IOUserService"},
                          {"IOUserClass", "Foo"},
                          {"IOUserServerName", "com.example.foo"}};
    EXPECT_TRUE(Personality::read("com.example.foo", "Foo", good).ok());
    for (const char* key : {"IOProviderClass", "IOClass", "IOUserClass", "IOUserServerName"}) {
        Dictionary bad = good;
        bad.erase(key);
        const auto without = Personality::read("com.example.foo", "Foo", bad);
        ASSERT_FALSE(without.ok()) << key;
        EXPECT_NE(without.error().text().find("IOKitPersonalities/Foo/" + std::string(key)),
                  std::string::npos);
        bad[key] = 7;
        EXPECT_FALSE(Personality::read("com.example.foo", "Foo", bad).ok()) << key;
    }
    Dictionary resources = good;
    resources["IOProviderClass"] = "IOResources";
    const auto refused = Personality::read("com.example.foo", "Foo", resources);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text().find("write IOUserResources"), std::string::npos);
}

}  // namespace
}  // namespace opendext::daemon
