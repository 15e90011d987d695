// SPDX-License-Identifier: Apache-2.0
#include "rpc/codec.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

Value sample() {
    return Dictionary{
        {"null", Value()},
        {"yes", true},
        {"byte", Number{0xfe, 8}},
        {"long", Number{0x8000000000000001, 64}},
        {"text", "gr\xc3\xbc\xc3\x9f"},
        {"empty", ""},
        {"zero inside", std::string("a\0b", 3)},
        {"data", Data{0, 255, 1}},
        {"list", Array{1, Array{}, Dictionary{{"deep", "x"}}}},
        {"set", Set{{"a", "b"}}},
    };
}

std::vector<uint8_t> bytes_of(const Value& value) {
    Writer writer;
    writer.put(value);
    return writer.take();
}

TEST(CodecTest, ScalarsAreLittleEndianAndUnpadded) {
    Writer writer;
    writer.put(uint8_t{1}).put(uint32_t{0x04030201}).put("ab");
    EXPECT_EQ(writer.bytes(), (std::vector<uint8_t>{1, 1, 2, 3, 4, 2, 0, 0, 0, 'a', 'b'}));
}

TEST(CodecTest, EveryKindOfValueComesBack) {
    const std::vector<uint8_t> bytes = bytes_of(sample());
    Reader reader(bytes);
    const Value value = reader.get_value();
    EXPECT_TRUE(reader.finish("value").ok());
    EXPECT_EQ(value, sample());
    EXPECT_EQ(value.dictionary()->find("byte")->second.number()->bits, 8u);
    EXPECT_EQ(*value.dictionary()->find("zero inside")->second.string(), std::string("a\0b", 3));
}

TEST(CodecTest, EveryTruncationIsRefused) {
    const std::vector<uint8_t> bytes = bytes_of(sample());
    for (size_t size = 0; size < bytes.size(); ++size) {
        Reader reader(std::span(bytes).first(size));
        reader.get_value();
        EXPECT_TRUE(reader.failed()) << size;
        EXPECT_FALSE(reader.finish("value").ok()) << size;
    }
}

TEST(CodecTest, BytesLeftOverAreRefused) {
    std::vector<uint8_t> bytes = bytes_of(Value(true));
    bytes.push_back(0);
    Reader reader(bytes);
    reader.get_value();
    EXPECT_FALSE(reader.failed());
    const Status finished = reader.finish("thing");
    ASSERT_FALSE(finished.ok());
    EXPECT_EQ(finished.error().code, Errc::malformed);
    EXPECT_EQ(finished.error().text(), "thing: 1 bytes too many");
}

TEST(CodecTest, AReaderThatFailedStaysFailed) {
    const std::vector<uint8_t> bytes{1, 2, 3, 4, 5};
    Reader reader(bytes);
    EXPECT_EQ(reader.get<uint64_t>(), 0u);
    EXPECT_EQ(reader.get<uint8_t>(), 0u) << "although a byte is there";
    EXPECT_EQ(reader.get_string(), "");
    EXPECT_TRUE(reader.get_blob().empty());
    EXPECT_TRUE(reader.get_value().is_null());
    EXPECT_TRUE(reader.failed());
}

TEST(CodecTest, CountsThatCannotFollowAreRefusedBeforeAnythingIsAllocated) {
    for (const Value::Kind kind : {Value::Kind::array, Value::Kind::set, Value::Kind::dictionary,
                                   Value::Kind::string, Value::Kind::data}) {
        Writer writer;
        writer.put(kind).put(uint32_t{0xffffffff}).put(uint64_t{0});
        Reader reader(writer.bytes());
        reader.get_value();
        EXPECT_TRUE(reader.failed()) << to_string(kind);
    }
    Writer writer;
    writer.put(uint32_t{3}).put(uint64_t{0});
    Reader reader(writer.bytes());
    EXPECT_EQ(reader.get_count(4), 0u);
    EXPECT_TRUE(reader.failed());
}

TEST(CodecTest, DeepValuesAreRefused) {
    const auto nested = [](int depth) {
        Writer writer;
        for (int i = 0; i < depth; ++i) writer.put(Value::Kind::array).put(uint32_t{1});
        writer.put(Value::Kind::null);
        return writer.take();
    };
    const std::vector<uint8_t> allowed = nested(kMaxValueDepth);
    Reader good(allowed);
    good.get_value();
    EXPECT_TRUE(good.finish("value").ok());
    const std::vector<uint8_t> too_deep = nested(kMaxValueDepth + 1);
    Reader bad(too_deep);
    bad.get_value();
    EXPECT_TRUE(bad.failed());
    const std::vector<uint8_t> absurd = nested(100000);
    Reader worse(absurd);
    worse.get_value();
    EXPECT_TRUE(worse.failed());
}

TEST(CodecTest, UnknownKindsAndImpossibleWidthsAreRefused) {
    for (const std::vector<uint8_t>& bytes :
         {std::vector<uint8_t>{8}, std::vector<uint8_t>{255},
          std::vector<uint8_t>{2, 0, 1, 0, 0, 0, 0, 0, 0, 0},
          std::vector<uint8_t>{2, 65, 1, 0, 0, 0, 0, 0, 0, 0}}) {
        Reader reader(bytes);
        reader.get_value();
        EXPECT_TRUE(reader.failed());
    }
}

TEST(CodecTest, BitsAboveTheWidthAreDropped) {
    const std::vector<uint8_t> bytes{2, 8, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0};
    Reader reader(bytes);
    EXPECT_EQ(reader.get_value().number()->raw, 0xffu);
}

TEST(CodecTest, TheLastOfEqualKeysCounts) {
    Writer writer;
    writer.put(uint32_t{2}).put("key").put(Value(1)).put("key").put(Value(2));
    Reader reader(writer.bytes());
    const Dictionary dictionary = reader.get_dictionary();
    EXPECT_TRUE(reader.finish("dictionary").ok());
    EXPECT_EQ(dictionary.size(), 1u);
    EXPECT_EQ(find_number(dictionary, "key")->raw, 2u);
}

TEST(CodecTest, ListsOfStringsComeBack) {
    const std::vector<std::string> strings{"", "a", std::string(1000, 'x')};
    Writer writer;
    writer.put_strings(strings);
    Reader reader(writer.bytes());
    EXPECT_EQ(reader.get_strings(), strings);
    EXPECT_TRUE(reader.finish("strings").ok());
}

}  // namespace
}  // namespace opendext
