// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/link_options.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace opendext::serial_tcp {
namespace {

sockaddr_storage address(const std::string& text) {
    sockaddr_storage storage{};
    auto* four = reinterpret_cast<sockaddr_in*>(&storage);
    auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
        storage.ss_family = AF_INET;
    } else {
        EXPECT_EQ(1, ::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr)) << text;
        storage.ss_family = AF_INET6;
    }
    return storage;
}

bool allows(const AllowList& list, const std::string& text) {
    const sockaddr_storage from = address(text);
    return list.allows(reinterpret_cast<const sockaddr*>(&from));
}

TEST(LinkOptions, DefaultsAreNoText) {
    EXPECT_EQ("", LinkOptions{}.text());
    EXPECT_EQ(LinkOptions{}, *LinkOptions::parse(""));
}

TEST(LinkOptions, EveryOptionSurvivesItsText) {
    LinkOptions options;
    for (const auto& [key, value] : {std::pair{"timeout", "2.5"},
                                     {"clients", "4"},
                                     {"allow", "10.0.0.0/8,::1,192.0.2.7"},
                                     {"mode", "0660"},
                                     {"buffer", "64k"},
                                     {"when-full", "drop-oldest"},
                                     {"saved", "yes"}}) {
        EXPECT_TRUE(options.set(key, value).ok()) << key;
    }
    EXPECT_EQ(
        "timeout=2.5 clients=4 allow=10.0.0.0/8,::1,192.0.2.7 mode=0660 buffer=65536 "
        "when-full=drop-oldest saved=yes",
        options.text());
    const auto read = LinkOptions::parse(options.text());
    ASSERT_TRUE(read.ok()) << read.error().text();
    EXPECT_EQ(options, *read);
}

TEST(LinkOptions, BadValuesNameKeyValueAndFix) {
    for (const auto& [key, value, fix] : {
             std::tuple{"timeout", "0", "1 to 3600"},
             {"timeout", "4000", "1 to 3600"},
             {"timeout", "soon", "1 to 3600"},
             {"timeout", "nan", "1 to 3600"},
             {"timeout", "5 ", "1 to 3600"},
             {"clients", "0", "1 to 64"},
             {"clients", "65", "1 to 64"},
             {"clients", "-1", "1 to 64"},
             {"clients", "99999999999999999999", "1 to 64"},
             {"allow", "example.org", "ADDRESS"},
             {"allow", "10.0.0.0/33", "0 to 32"},
             {"allow", "::1/129", "0 to 128"},
             {"allow", "10.0.0.1,", "ADDRESS"},
             {"allow", "10.0.0.1/", "0 to 32"},
             {"allow", "", "ADDRESS"},
             {"mode", "0888", "octal"},
             {"mode", "1777", "octal"},
             {"buffer", "0", "64k"},
             {"buffer", "2G", "1G"},
             {"buffer", "64kB", "64k"},
             {"buffer", "18446744073709551615G", "64k"},
             {"when-full", "drop", "drop-oldest"},
             {"saved", "no", "yes"},
             {"colour", "red", "timeout"},
         }) {
        LinkOptions options;
        const auto status = options.set(key, value);
        ASSERT_FALSE(status.ok()) << key << " " << value;
        const std::string text = status.error().text();
        EXPECT_NE(std::string::npos, text.find(key)) << text;
        EXPECT_NE(std::string::npos, text.find(fix)) << text;
        EXPECT_EQ(LinkOptions{}, options) << key << " " << value;
    }
}

TEST(LinkOptions, BrokenTextIsRefused) {
    for (const char* text : {"timeout", "=5", "timeout=5 timeout=6", "clients=%4", "clients=%zz",
                             "clients=%", "x=1", "timeout=5  clients=2"}) {
        EXPECT_FALSE(LinkOptions::parse(text).ok()) << text;
    }
}

TEST(LinkOptions, SizesHaveUnits) {
    EXPECT_EQ(4096U, *parse_size("4096"));
    EXPECT_EQ(65536U, *parse_size("64k"));
    EXPECT_EQ(65536U, *parse_size("64K"));
    EXPECT_EQ(uint64_t{2} << 20, *parse_size("2M"));
    EXPECT_EQ(uint64_t{1} << 30, *parse_size("1G"));
    for (const char* text : {"", "k", "-1", "1 M", "1m", "1.5M"})
        EXPECT_FALSE(parse_size(text).ok()) << text;
}

TEST(AllowList, ComparesPrefixesOfBothFamilies) {
    const auto list = *AllowList::parse("10.1.0.0/17,192.0.2.5,2001:db8::/33,0.0.0.0/32");
    for (const char* in : {"10.1.0.1", "10.1.127.255", "192.0.2.5", "2001:db8:7fff::1",
                           "::ffff:192.0.2.5", "::ffff:10.1.2.3"})
        EXPECT_TRUE(allows(list, in)) << in;
    for (const char* out :
         {"10.1.128.0", "10.2.0.1", "192.0.2.4", "2001:db8:8000::1", "::1", "::ffff:192.0.2.6"})
        EXPECT_FALSE(allows(list, out)) << out;
    EXPECT_TRUE(allows(*AllowList::parse("0.0.0.0/0"), "203.0.113.9"));
    EXPECT_FALSE(allows(*AllowList::parse("0.0.0.0/0"), "2001:db8::1"));
    EXPECT_TRUE(allows(*AllowList::parse("::/0"), "2001:db8::1"));
}

TEST(AllowList, EmptyAllowsEverybodyAndUnixIsAlwaysAllowed) {
    EXPECT_TRUE(allows(AllowList{}, "203.0.113.9"));
    sockaddr_un file{};
    file.sun_family = AF_UNIX;
    EXPECT_TRUE(AllowList::parse("10.0.0.1")->allows(reinterpret_cast<sockaddr*>(&file)));
}

}  // namespace
}  // namespace opendext::serial_tcp
