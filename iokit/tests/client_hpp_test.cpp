// SPDX-License-Identifier: Apache-2.0
// What of opendext/client.hpp needs no driver; the rest is in tests/clients.
#include <gtest/gtest.h>

#include <memory>
#include <opendext/client.hpp>

namespace opendext::iokit {
namespace {

TEST(ClientHeaderResult, HoldsAValueOrAnError) {
    Result<int> good = 7;
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 7);
    EXPECT_EQ(std::move(good).transform([](int value) { return value * 6; }).value(), 42);

    Result<int> bad = Error{kIOReturnBusy, OPENDEXT_ORIGIN_DRIVER, "later"};
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.error().text(), "kIOReturnBusy: later");
    EXPECT_EQ(bad.value_or(3), 3);
    const Result<std::string> still_bad = std::move(bad).and_then(
        [](int value) -> Result<std::string> { return std::to_string(value); });
    EXPECT_EQ(still_bad.error().code, kIOReturnBusy);

    Result<std::unique_ptr<int>> moved = std::make_unique<int>(1);
    EXPECT_EQ(**moved, 1);
    EXPECT_EQ(*std::move(moved).value(), 1);
    EXPECT_TRUE(Result<void>());
}

TEST(ClientHeaderResult, TellsADeathFromAnAnswer) {
    const Error answer{kIOReturnNotResponding, OPENDEXT_ORIGIN_DRIVER, "the driver said so"};
    EXPECT_TRUE(answer.is_driver_answer());
    EXPECT_FALSE(answer.is_driver_death());
    const Error death{kIOReturnNotResponding, OPENDEXT_ORIGIN_DRIVER_DIED, "killed"};
    EXPECT_FALSE(death.is_driver_answer());
    EXPECT_TRUE(death.is_driver_death());
    EXPECT_EQ((Error{0x12345678, OPENDEXT_ORIGIN_DRIVER, ""}.text()), "0x12345678");
}

TEST(ClientHeaderResultDeathTest, UsingAFailureSaysWhich) {
    EXPECT_DEATH((void)*Result<int>(Error{kIOReturnBusy, OPENDEXT_ORIGIN_DRIVER, "later"}),
                 "kIOReturnBusy: later");
}

TEST(ClientHeaderValue, ConvertsEveryKindBothWays) {
    const Dictionary dictionary = {
        {"boolean", true},
        {"number", -5},
        {"large", uint64_t{1} << 62},
        {"float", 1.5},
        {"text", "gr\xc3\xbc\xc3\x9f"},
        {"data", Data{std::byte{1}, std::byte{0}, std::byte{255}}},
        {"array", Array{1, "two", Array{}}},
        {"dictionary", Dictionary{{"", Value("empty key")}}},
    };
    const CF<CFTypeRef> object = Value(dictionary).to_cf();
    ASSERT_EQ(CFGetTypeID(object.get()), CFDictionaryGetTypeID());
    EXPECT_EQ(CFDictionaryGetCount(static_cast<CFDictionaryRef>(object.get())), 8);
    const Value back = Value::from_cf(object.get());
    EXPECT_EQ(back, Value(dictionary));
    EXPECT_EQ(back.find("number")->number_or(0), -5);
    EXPECT_EQ(back.find("text")->string_or(""), "gr\xc3\xbc\xc3\x9f");
    EXPECT_TRUE(back.find("boolean")->boolean_or(false));
    EXPECT_EQ(back.find("number")->string_or("none"), "none") << "it is of another type";
    EXPECT_EQ(back.find("nothing"), nullptr);
    EXPECT_EQ(Value(1).find("key"), nullptr);
}

TEST(ClientHeaderValue, ReadsSetsAsArraysAndNothingAsNothing) {
    const void* member = CFSTR("one");
    const auto set =
        CF<CFSetRef>::adopt(CFSetCreate(kCFAllocatorDefault, &member, 1, &kCFTypeSetCallBacks));
    EXPECT_EQ(Value::from_cf(set.get()), Value(Array{"one"}));
    EXPECT_TRUE(Value::from_cf(nullptr).empty());
    EXPECT_TRUE(Value::from_cf(kCFNull).empty());
    EXPECT_EQ(Value().to_cf().get(), static_cast<CFTypeRef>(kCFNull));
}

TEST(ClientHeaderValue, OwnersCountReferences) {
    const CF<CFStringRef> text = cf_string("a string that is not constant");
    EXPECT_EQ(CFGetRetainCount(text.get()), 1);
    {
        const CF<CFStringRef> copy = text;  // NOLINT: the copy is the point
        EXPECT_EQ(CFGetRetainCount(text.get()), 2);
        const CF<CFStringRef> shared = CF<CFStringRef>::retain(text.get());
        EXPECT_EQ(CFGetRetainCount(text.get()), 3);
    }
    EXPECT_EQ(CFGetRetainCount(text.get()), 1);
    EXPECT_EQ(to_string(text.get()), "a string that is not constant");
    EXPECT_EQ(to_string(cf_string("\xff").get()), "") << "no UTF-8";
}

TEST(ClientHeaderMatching, BuildsOneDictionary) {
    const Matching matching = Matching::by_class("Beacon")
                                  .property("Color", "red")
                                  .property("Size", 3)
                                  .set("IONameMatch", "x");
    const auto copy = CF<CFDictionaryRef>::adopt(matching.copy());
    const Value value = Value::from_cf(copy.get());
    EXPECT_EQ(value.find(kIOProviderClassKey)->string_or(""), "Beacon");
    EXPECT_EQ(value.find("IONameMatch")->string_or(""), "x");
    ASSERT_NE(value.find(kIOPropertyMatchKey), nullptr);
    EXPECT_EQ(*value.find(kIOPropertyMatchKey), Value(Dictionary{{"Color", "red"}, {"Size", 3}}));
    const auto own = CF<CFDictionaryRef>::adopt(Matching::from({{"a", 1}}).copy());
    EXPECT_EQ(Value::from_cf(own.get()), Value(Dictionary{{"a", 1}}));
}

TEST(ClientHeaderCalls, TakeWhatProgramsHave) {
    const std::vector<uint64_t> numbers = {1, 2, 3};
    EXPECT_EQ(Scalars(numbers).span().size(), 3u);
    EXPECT_EQ(Scalars(std::array<uint64_t, 2>{4, 5}).span()[1], 5u);
    EXPECT_EQ(Scalars().span().size(), 0u);
    EXPECT_EQ(Bytes("text").span().size(), 4u) << "without the end of the string";
    EXPECT_EQ(Bytes(std::string("text")).span().size(), 4u);
    EXPECT_EQ(Bytes(numbers).span().size(), 24u);
    uint32_t value = 0x01020304;
    EXPECT_EQ(bytes_of(value)[0], std::byte{4});
    room_for(value)[0] = std::byte{9};
    EXPECT_EQ(value, 0x01020309u);
}

TEST(ClientHeaderErrors, ComeWithCodeOriginAndReason) {
    ASSERT_TRUE(set_realm("/nonexistent"));
    const Result<Service> none = Matching::by_class("Nothing").first();
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().reason, "");
    const Result<Connection> refused = Service().open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, kIOReturnBadArgument);
    EXPECT_EQ(refused.error().origin, OPENDEXT_ORIGIN_LIBRARY);
    EXPECT_NE(refused.error().reason, "");
    EXPECT_FALSE(refused.error().is_driver_death());
}

}  // namespace
}  // namespace opendext::iokit
