// SPDX-License-Identifier: Apache-2.0
#include "rpc/fields.h"

#include <gtest/gtest.h>

#include "rpc/protocol/client.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/keeper.h"

namespace opendext {
namespace {

enum class Kind : uint32_t { everything = 9, other = 10 };
enum class Colour : uint8_t { red = 1, green = 2 };

struct Part {
    int16_t number = 0;
    std::string name;
    void fields(auto& io) { io(number, name); }
};

struct Everything {
    static constexpr auto kKind = Kind::everything;
    bool flag = false;
    Colour colour = Colour::red;
    double ratio = 0;
    std::string text;
    std::vector<uint8_t> bytes;
    Value value;
    Dictionary dictionary;
    Part part;
    std::vector<Part> parts;
    std::vector<std::string> strings;
    std::vector<uint64_t> numbers;
    void fields(auto& io) {
        io(flag, colour, ratio, text, bytes, value, dictionary, part, parts, strings, numbers);
    }
};

struct Nothing {
    static constexpr auto kKind = Kind::other;
    void fields(auto&) {}
};

Everything sample() {
    return {true,         Colour::green,    0.5,
            "text",       {1, 2, 3},        Value("value"),
            {{"key", 7}}, {-3, "part"},     {{1, "one"}, {2, "two"}},
            {"a", ""},    {1, ~uint64_t{0}}};
}

TEST(FieldsTest, EveryTypeOfFieldComesBack) {
    const Message message = encode(sample(), 42);
    EXPECT_EQ(message.kind, 9u);
    EXPECT_EQ(message.serial, 42u);
    const Result<Everything> decoded = decode<Everything>(message);
    ASSERT_TRUE(decoded.ok()) << decoded.error().text();
    const Everything& got = decoded.value();
    EXPECT_TRUE(got.flag);
    EXPECT_EQ(got.colour, Colour::green);
    EXPECT_EQ(got.ratio, 0.5);
    EXPECT_EQ(got.text, "text");
    EXPECT_EQ(got.bytes, (std::vector<uint8_t>{1, 2, 3}));
    EXPECT_EQ(got.value, Value("value"));
    EXPECT_EQ(got.dictionary, (Dictionary{{"key", 7}}));
    EXPECT_EQ(got.part.number, -3);
    EXPECT_EQ(got.part.name, "part");
    ASSERT_EQ(got.parts.size(), 2u);
    EXPECT_EQ(got.parts[1].name, "two");
    EXPECT_EQ(got.strings, (std::vector<std::string>{"a", ""}));
    EXPECT_EQ(got.numbers, (std::vector<uint64_t>{1, ~uint64_t{0}}));
}

TEST(FieldsTest, AMessageOfAnotherKindIsRefused) {
    const Result<Nothing> decoded = decode<Nothing>(encode(sample()));
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().code, Errc::malformed);
    EXPECT_EQ(decoded.error().text(), "unexpected message kind 9");
}

TEST(FieldsTest, EveryTruncationIsRefused) {
    const Message whole = encode(sample());
    for (size_t size = 0; size < whole.body.size(); ++size) {
        Message cut;
        cut.kind = whole.kind;
        cut.body.assign(whole.body.begin(), whole.body.begin() + static_cast<long>(size));
        const Result<Everything> decoded = decode<Everything>(cut);
        ASSERT_FALSE(decoded.ok()) << size;
        EXPECT_EQ(decoded.error().code, Errc::malformed);
    }
}

TEST(FieldsTest, BytesTooManyAreRefused) {
    Message message = encode(Nothing{});
    EXPECT_TRUE(decode<Nothing>(message).ok());
    message.body.push_back(0);
    EXPECT_FALSE(decode<Nothing>(message).ok());
}

TEST(FieldsTest, ACountOfStructsThatCannotFollowIsRefused) {
    Message message = encode(protocol::driver::Loaded{{}, {{"A", "B", 1}}});
    // The count of classes follows io_return and the empty reason.
    const size_t count = sizeof(int32_t) + sizeof(uint32_t);
    ASSERT_EQ(message.body[count], 1u);
    message.body[count + 3] = 0xff;
    EXPECT_FALSE(decode<protocol::driver::Loaded>(message).ok());
}

TEST(FieldsTest, OutcomesOfTwoProtocolsAreTheSameBytes) {
    protocol::keeper::Reply keeper;
    keeper.io_return = -5;
    keeper.reason = "why";
    const Message message = encode(keeper, 1);
    const auto driver = decode<protocol::driver::Reply>(message);
    ASSERT_TRUE(driver.ok());
    EXPECT_EQ(driver->io_return, -5);
    EXPECT_EQ(driver->reason, "why");
}

TEST(FieldsTest, AnInvocationWithReferencesComesBack) {
    protocol::driver::Call call;
    call.invocation = {0x100000001, 0xfeed, 3, 16, {}, {1, 2, 3, 4}};
    protocol::Ref memory;
    memory.kind = protocol::RefKind::memory;
    memory.fd_index = 1;
    memory.offset = 4096;
    memory.length = 8192;
    memory.more = {{0, 4096, 100}, {1, 0, 4096}};
    protocol::Ref value;
    value.kind = protocol::RefKind::value;
    value.value = Dictionary{{"x", Array{1, 2}}};
    call.invocation.refs = {memory, value};
    const auto decoded = decode<protocol::driver::Call>(encode(call));
    ASSERT_TRUE(decoded.ok());
    ASSERT_EQ(decoded->invocation.refs.size(), 2u);
    EXPECT_EQ(decoded->invocation.refs[0].length, 8192u);
    ASSERT_EQ(decoded->invocation.refs[0].more.size(), 2u);
    EXPECT_EQ(decoded->invocation.refs[0].more[0].length, 100u);
    EXPECT_EQ(decoded->invocation.refs[0].more[1].fd_index, 1u);
    EXPECT_EQ(decoded->invocation.refs[1].value, value.value);
    EXPECT_EQ(decoded->invocation.plain, (std::vector<uint8_t>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace opendext
