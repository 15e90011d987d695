// SPDX-License-Identifier: Apache-2.0
#include "rpc/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace opendext {
namespace {

Result<int> half(int value) {
    if (value % 2 != 0) return Error{Errc::invalid, 0, std::to_string(value) + " is odd"};
    return value / 2;
}
Result<int> quarter(int value) {
    return OD_TRY(half(OD_TRY(half(value))));
}

TEST(ResultTest, HoldsAValueOrAnError) {
    EXPECT_TRUE(half(4).ok());
    EXPECT_EQ(half(4).value(), 2);
    EXPECT_FALSE(half(3).ok());
    EXPECT_EQ(half(3).error().code, Errc::invalid);
}

TEST(ResultTest, TryReturnsTheFirstError) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().message, "3 is odd");
    EXPECT_EQ(quarter(5).error().message, "5 is odd");
}

TEST(ResultTest, CarriesTypesThatOnlyMove) {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    const std::unique_ptr<int> value = std::move(result).value();
    EXPECT_EQ(*value, 7);
}

TEST(ErrorTest, TextNamesErrno) {
    EXPECT_EQ(Error::system("cannot open x", ENOENT).text(),
              "cannot open x: No such file or directory");
    errno = EACCES;
    EXPECT_EQ(Error::system("cannot open x").number, EACCES);
}

TEST(ErrorTest, TextShowsIOReturnAsHex) {
    EXPECT_EQ(Error::kern(static_cast<int32_t>(0xe00002bc), "Start failed").text(),
              "Start failed (0xe00002bc)");
}

TEST(ErrorTest, OtherErrorsAreTheirMessage) {
    EXPECT_EQ((Error{Errc::exists, 17, "cu.x exists"}.text()), "cu.x exists");
}

TEST(ErrorTest, ContextGoesInFront) {
    EXPECT_EQ(Error::system("read", EIO).in("Info.plist").text(),
              "Info.plist: read: Input/output error");
}

TEST(ErrcTest, EveryCodeHasAWordAndTheWordsDiffer) {
    std::string all;
    for (uint32_t code = 0; code <= static_cast<uint32_t>(Errc::kern); ++code) {
        const std::string word = "<" + std::string(to_string(static_cast<Errc>(code))) + ">";
        EXPECT_EQ(all.find(word), std::string::npos) << word;
        all += word;
    }
    EXPECT_EQ(to_string(static_cast<Errc>(4711)), "unknown") << "a code of a later version";
}

}  // namespace
}  // namespace opendext
