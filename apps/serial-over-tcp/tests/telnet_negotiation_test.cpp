// SPDX-License-Identifier: Apache-2.0
// Option negotiation: the cases of RFC 1143, and that two ends always come to an end.
#include "apps/serial-over-tcp/telnet/negotiation.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace opendext::serial_tcp::telnet {
namespace {

constexpr uint8_t kBinary = static_cast<uint8_t>(Option::binary);

std::string words(const std::string& out) {
    std::string text;
    for (size_t at = 0; at + 2 < out.size(); at += 3) {
        text += to_string(static_cast<Command>(static_cast<uint8_t>(out[at + 1])));
        text += " ";
    }
    return text.substr(0, text.empty() ? 0 : text.size() - 1);
}

struct End {
    std::string changes;
    std::string out;
    Negotiation negotiation{[this](Side side, Option, bool on) {
        changes += side == Side::local ? 'l' : 'r';
        changes += on ? '+' : '-';
    }};
    std::string said() { return words(std::exchange(out, "")); }
};

TEST(Negotiation, RefusesWhatIsNotAllowed) {
    End end;
    end.negotiation.receive(Command::will, kBinary, end.out);
    end.negotiation.receive(Command::do_it, 200, end.out);
    EXPECT_EQ(end.said(), "DONT WONT");
    end.negotiation.receive(Command::wont, kBinary, end.out);
    EXPECT_EQ(end.said(), "");
    EXPECT_EQ(end.changes, "");
}

TEST(Negotiation, GrantsWhatIsAllowedOnce) {
    End end;
    end.negotiation.allow(Side::remote, Option::binary, true);
    end.negotiation.receive(Command::will, kBinary, end.out);
    end.negotiation.receive(Command::will, kBinary, end.out);
    EXPECT_EQ(end.said(), "DO");
    EXPECT_TRUE(end.negotiation.on(Side::remote, Option::binary));
    EXPECT_FALSE(end.negotiation.on(Side::local, Option::binary));
    end.negotiation.receive(Command::wont, kBinary, end.out);
    EXPECT_EQ(end.said(), "DONT");
    EXPECT_EQ(end.changes, "r+r-");
}

TEST(Negotiation, AsksAndIsToldYesOrNo) {
    End end;
    end.negotiation.request(Side::local, Option::binary, true, end.out);
    EXPECT_EQ(end.said(), "WILL");
    EXPECT_TRUE(end.negotiation.pending(Side::local, Option::binary));
    end.negotiation.receive(Command::dont, kBinary, end.out);
    EXPECT_EQ(end.said(), "");
    EXPECT_TRUE(end.negotiation.refused(Side::local, Option::binary));
    end.negotiation.request(Side::local, Option::binary, true, end.out);
    EXPECT_FALSE(end.negotiation.refused(Side::local, Option::binary));
    end.negotiation.receive(Command::do_it, kBinary, end.out);
    EXPECT_EQ(end.said(), "WILL");
    EXPECT_EQ(end.changes, "l+");
    end.negotiation.request(Side::local, Option::binary, true, end.out);
    EXPECT_EQ(end.said(), "");
}

TEST(Negotiation, KeepsAWishThatComesUpMeanwhile) {
    End end;
    end.negotiation.request(Side::remote, Option::binary, true, end.out);
    end.negotiation.request(Side::remote, Option::binary, false, end.out);
    EXPECT_EQ(end.said(), "DO");
    end.negotiation.receive(Command::will, kBinary, end.out);
    EXPECT_EQ(end.said(), "DONT");
    EXPECT_EQ(end.changes, "");
    end.negotiation.receive(Command::wont, kBinary, end.out);
    EXPECT_EQ(end.said(), "");
    EXPECT_FALSE(end.negotiation.pending(Side::remote, Option::binary));

    end.negotiation.request(Side::remote, Option::binary, true, end.out);
    end.negotiation.receive(Command::will, kBinary, end.out);
    end.negotiation.request(Side::remote, Option::binary, false, end.out);
    end.negotiation.request(Side::remote, Option::binary, true, end.out);
    EXPECT_EQ(end.said(), "DO DONT");
    end.negotiation.receive(Command::wont, kBinary, end.out);
    EXPECT_EQ(end.said(), "DO");
    end.negotiation.receive(Command::will, kBinary, end.out);
    EXPECT_EQ(end.changes, "r+r-r+");
}

/// Hands what one end said to the other, until both are silent.
int settle(End& first, End& second) {
    int messages = 0;
    while (!first.out.empty() || !second.out.empty()) {
        for (auto [from, to] : {std::pair{&first, &second}, std::pair{&second, &first}}) {
            const std::string out = std::exchange(from->out, "");
            for (size_t at = 0; at < out.size(); at += 3, ++messages) {
                to->negotiation.receive(static_cast<Command>(static_cast<uint8_t>(out[at + 1])),
                                        static_cast<uint8_t>(out[at + 2]), to->out);
            }
        }
    }
    return messages;
}

TEST(Negotiation, ComesToAnEndWhateverTheWishes) {
    std::minstd_rand random(7);
    for (int round = 0; round < 2000; ++round) {
        End first;
        End second;
        for (End* end : {&first, &second}) {
            for (const Side side : {Side::local, Side::remote})
                end->negotiation.allow(side, Option::binary, random() % 2 == 0);
        }
        for (int wish = 0; wish < 6; ++wish) {
            End& end = random() % 2 == 0 ? first : second;
            end.negotiation.request(random() % 2 == 0 ? Side::local : Side::remote, Option::binary,
                                    random() % 2 == 0, end.out);
        }
        ASSERT_LT(settle(first, second), 100);
        EXPECT_EQ(first.negotiation.on(Side::local, Option::binary),
                  second.negotiation.on(Side::remote, Option::binary));
        EXPECT_EQ(first.negotiation.on(Side::remote, Option::binary),
                  second.negotiation.on(Side::local, Option::binary));
        for (End* end : {&first, &second}) {
            for (const Side side : {Side::local, Side::remote})
                EXPECT_FALSE(end->negotiation.pending(side, Option::binary));
        }
    }
}

}  // namespace
}  // namespace opendext::serial_tcp::telnet
