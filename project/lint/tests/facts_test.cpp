// SPDX-License-Identifier: Apache-2.0
#include "project/lint/facts.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::lint {
namespace {

TEST(TypeFact, ReadsEveryFormOfTheColumn) {
    const Value text("x");
    const Value star("*");
    const Value number(uint64_t{5});
    const Value yes(true);
    const Value no(false);
    const Value strings(Array{text, text});
    const Value lists(Array{Value(Array{text})});
    const Value dictionary(Dictionary{{"a", text}});
    const Value dictionaries(Array{dictionary});

    EXPECT_TRUE(TypeFact("string").fits(text));
    EXPECT_FALSE(TypeFact("string").fits(number));
    EXPECT_TRUE(TypeFact("number (signed 32)").fits(number));
    EXPECT_TRUE(TypeFact("number (or \"*\")").fits(star));
    EXPECT_FALSE(TypeFact("number (or \"*\")").fits(text));
    EXPECT_TRUE(TypeFact("number or \"*\"").fits(star));
    EXPECT_TRUE(TypeFact("array of string or one string").fits(text));
    EXPECT_TRUE(TypeFact("array of string or one string").fits(strings));
    EXPECT_FALSE(TypeFact("array of string or one string").fits(lists));
    EXPECT_TRUE(TypeFact("string or false").fits(no));
    EXPECT_FALSE(TypeFact("string or false").fits(yes));
    EXPECT_TRUE(TypeFact("dictionary or array of dictionary").fits(dictionaries));
    EXPECT_TRUE(TypeFact("dictionary of string").fits(dictionary));
    EXPECT_FALSE(TypeFact("dictionary of dictionary").fits(dictionary));
    EXPECT_TRUE(TypeFact("array of dictionary (true for in-house builds)").fits(yes));
    EXPECT_FALSE(TypeFact("array of dictionary (true for in-house builds)").fits(no));
    EXPECT_TRUE(TypeFact("any").fits(number));
    const TypeFact nested("string, array, or array of array of string");
    EXPECT_TRUE(nested.fits(text));
    EXPECT_TRUE(nested.fits(lists));
    EXPECT_FALSE(nested.fits(number));
}

TEST(TypeFact, SaysWhatItWants) {
    EXPECT_EQ(TypeFact("number (or \"*\")").words(), "a number or \"*\"");
    EXPECT_EQ(TypeFact("array of dictionary").words(), "an array of dictionaries");
    EXPECT_EQ(TypeFact("array of array of string").words(), "an array of arrays of strings");
    EXPECT_EQ(TypeFact("array of string or one string").example(),
              "<array><string>…</string></array>");
}

TEST(Facts, ReadsQuotedFieldsAndRefusesWhatIsNotThere) {
    const project::TemporaryFolder folder;
    folder.write("plist-keys.csv",
                 "key,where,type,meaning\nK1,personality,\"string, array, or array of array of "
                 "string\",\"say \"\"x\"\", y\"\nK2,Info.plist,number,\n");
    folder.write(
        "match-sets.csv",
        "kind,provider,keys,with,without,condition,score,source\nset,P Q,a b,,c,a != 255,90,\n");
    folder.write("family-classes.csv",
                 "class,role,ioclass,kernel_bundle,entitlement,source\nC,provider,,,e,\n");
    EXPECT_FALSE(Facts::load(folder.path()).ok()) << "driverkit-api.csv is missing";
    folder.write("driverkit-api.csv",
                 "framework,class,superclass,member,kind\nF,C,B,C,class\nF,C,B,m,method\n");
    const auto facts = Facts::load(folder.path());
    ASSERT_TRUE(facts.ok()) << facts.error().text();
    ASSERT_NE(facts->key("K1", "personality"), nullptr);
    EXPECT_EQ(facts->key("K1", "personality")->type, "string, array, or array of array of string");
    EXPECT_EQ(facts->key("K1", "Info.plist"), nullptr);
    EXPECT_TRUE(facts->knows_key("K2"));
    ASSERT_EQ(facts->match.size(), 1U);
    EXPECT_EQ(facts->match[0].providers, (std::vector<std::string>{"P", "Q"}));
    EXPECT_EQ(facts->match[0].without, std::vector<std::string>{"c"});
    EXPECT_EQ(facts->superclasses.at("C"), "B");
    EXPECT_EQ(facts->classes.at(0).entitlement, "e");
}

}  // namespace
}  // namespace opendext::lint
