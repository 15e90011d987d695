// SPDX-License-Identifier: Apache-2.0
#include "rpc/value.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

TEST(NumberTest, SignDependsOnTheWidth) {
    EXPECT_EQ((Number{0xff, 8}.as_signed()), -1);
    EXPECT_EQ((Number{0x7f, 8}.as_signed()), 127);
    EXPECT_EQ((Number{0xff, 16}.as_signed()), 255);
    EXPECT_EQ((Number{0xffffffff, 32}.as_signed()), -1);
    EXPECT_EQ((Number{~uint64_t{0}, 64}.as_signed()), -1);
    EXPECT_EQ((Number{1, 1}.as_signed()), -1);
    EXPECT_EQ((Number{5, 0}.as_signed()), 5);
}

TEST(NumberTest, EqualityIgnoresTheWidth) {
    EXPECT_EQ(Value(uint32_t{7}), Value(uint64_t{7}));
    EXPECT_FALSE(Value(uint32_t{7}) == Value(uint64_t{8}));
}

TEST(ValueTest, LiteralsBecomeTheirKind) {
    EXPECT_EQ(Value().kind(), Value::Kind::null);
    EXPECT_EQ(Value(true).kind(), Value::Kind::boolean);
    EXPECT_EQ(Value(3).kind(), Value::Kind::number);
    EXPECT_EQ(Value("text").kind(), Value::Kind::string);
    EXPECT_EQ(Value(Data{1}).kind(), Value::Kind::data);
    EXPECT_EQ(Value(Array{}).kind(), Value::Kind::array);
    EXPECT_EQ(Value(Dictionary{}).kind(), Value::Kind::dictionary);
    EXPECT_EQ(Value(Set{}).kind(), Value::Kind::set);
    EXPECT_EQ(Value(-1).number()->as_signed(), -1);
    EXPECT_EQ(Value(-1).number()->bits, 32u);
    EXPECT_EQ(Value(int64_t{-1}).number()->raw, ~uint64_t{0});
}

TEST(ValueTest, AccessToAnotherKindGivesNull) {
    const Value text("text");
    EXPECT_EQ(text.number(), nullptr);
    EXPECT_EQ(text.boolean(), nullptr);
    EXPECT_EQ(text.dictionary(), nullptr);
    EXPECT_EQ(*text.string(), "text");
}

TEST(ValueTest, DifferentKindsAreNeverEqual) {
    EXPECT_FALSE(Value("1") == Value(1));
    EXPECT_FALSE(Value(true) == Value(1));
    EXPECT_FALSE(Value(Array{}) == Value(Set{}));
    EXPECT_FALSE(Value() == Value(0));
}

TEST(ValueTest, ContainersCompareDeeply) {
    const Dictionary left{{"a", Array{1, "x"}}, {"b", Dictionary{{"c", Data{1, 2}}}}};
    Dictionary right = left;
    EXPECT_EQ(Value(left), Value(right));
    (*right["b"].dictionary())["c"] = Data{1, 3};
    EXPECT_FALSE(Value(left) == Value(right));
}

TEST(ValueTest, SetsCompareWithoutOrder) {
    EXPECT_EQ(Value(Set{{1, "x"}}), Value(Set{{"x", 1}}));
    EXPECT_FALSE(Value(Set{{1, "x"}}) == Value(Set{{1, "y"}}));
    EXPECT_FALSE(Value(Set{{1}}) == Value(Set{{1, 2}}));
}

TEST(ValueTest, CopiesAreDeep) {
    Value original(Dictionary{{"list", Array{1}}});
    Value copy = original;
    copy.dictionary()->find("list")->second.array()->push_back(2);
    EXPECT_EQ(original.dictionary()->find("list")->second.array()->size(), 1u);
}

TEST(FindTest, GivesTheEntryOfTheRightKind) {
    const Dictionary dictionary{{"name", "x"}, {"count", 3}};
    EXPECT_EQ(*find_string(dictionary, "name"), "x");
    EXPECT_EQ(find_string(dictionary, "count"), nullptr);
    EXPECT_EQ(find_number(dictionary, "count")->raw, 3u);
    EXPECT_EQ(find_number(dictionary, "name"), nullptr);
    EXPECT_EQ(find(dictionary, "other"), nullptr);
}

TEST(KindTest, EveryKindHasAWord) {
    EXPECT_EQ(to_string(Value::Kind::dictionary), "dictionary");
    EXPECT_EQ(to_string(Value::Kind::null), "null");
    EXPECT_EQ(to_string(static_cast<Value::Kind>(99)), "unknown");
}

}  // namespace
}  // namespace opendext
