// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/telnet/telnet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace opendext::serial_tcp::telnet {
namespace {

Bytes bytes(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// What came, in order, as text: data in quotes, the rest as words.
class Listing final : public Sink {
  public:
    void on_data(Bytes data) override {
        if (!in_data_) text_ += "'";
        in_data_ = true;
        text_.append(data.begin(), data.end());
    }
    void on_option(Command verb, uint8_t option) override {
        word(std::string(to_string(verb)) + " " + std::to_string(option));
    }
    void on_subnegotiation(uint8_t option, Bytes body) override {
        std::string text = "SB " + std::to_string(option);
        for (const uint8_t byte : body) text += " " + std::to_string(byte);
        word(text);
    }
    void on_command(Command command) override { word(to_string(command)); }
    std::string take() {
        if (in_data_) text_ += "'";
        in_data_ = false;
        while (text_.ends_with(' ')) text_.pop_back();
        return std::exchange(text_, "");
    }

  private:
    void word(const std::string& text) {
        if (in_data_) text_ += "' ";
        in_data_ = false;
        text_ += text + " ";
    }
    std::string text_;
    bool in_data_ = false;
};

std::string decode(const std::string& stream, bool binary, size_t piece) {
    Decoder decoder;
    decoder.set_binary(binary);
    Listing listing;
    for (size_t at = 0; at < stream.size(); at += piece)
        decoder.feed(bytes(stream.substr(at, piece)), listing);
    return listing.take();
}

class Pieces : public testing::TestWithParam<size_t> {};

TEST_P(Pieces, TakeApartWhateverTheirSize) {
    const std::string text(
        "ab\xff\xff"
        "c\xff\xfd\x2c\xff\xfa\x2c\x01\0\0\xff\xff\x80\xff\xf0"
        "d\xff\xf3",
        22);
    EXPECT_EQ(decode(text, true, GetParam()),
              "'ab\xff"
              "c' DO 44 SB 44 1 0 0 255 128 'd' BRK");
}

TEST_P(Pieces, GiveCarriageReturnsBack) {
    const std::string text("a\r\0b\r\nc\r\r\0\0", 11);
    EXPECT_EQ(decode(text, false, GetParam()), std::string("'a\rb\r\nc\r\r\0'", 11));
    EXPECT_EQ(decode(text, true, GetParam()), std::string("'a\r\0b\r\nc\r\r\0\0'", 13));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Pieces, testing::Values(1, 2, 3, 7, 100));

TEST(Decoder, GoesOnAfterABrokenSubnegotiation) {
    // IAC SB 44 1 IAC WILL 0: the end is missing.
    EXPECT_EQ(decode("\xff\xfa\x2c\x01\xff\xfb" + std::string(1, '\0') + "x", true, 100),
              "WILL 0 'x'");
}

TEST(Decoder, LeavesOutWhatIsTooLongOrEmpty) {
    Decoder decoder;
    Listing listing;
    const std::string long_one =
        "\xff\xfa\x2c" + std::string(Decoder::kMaxSubnegotiation + 1, 'x') + "\xff\xf0";
    decoder.feed(bytes(long_one + "\xff\xfa\xff\xf0" + "ok"), listing);
    EXPECT_EQ(listing.take(), "'ok'");
    EXPECT_EQ(decoder.dropped(), 2u);
    // One of exactly the limit is whole.
    decoder.feed(bytes("\xff\xfa\x2c" + std::string(Decoder::kMaxSubnegotiation, 'x') + "\xff\xf0"),
                 listing);
    EXPECT_EQ(listing.take().substr(0, 9), "SB 44 120");
    EXPECT_EQ(decoder.dropped(), 2u);
}

TEST(Decoder, ForgetsAllWithReset) {
    Decoder decoder;
    Listing listing;
    decoder.feed(bytes("\xff\xfa\x2c\x01"), listing);
    decoder.reset();
    decoder.feed(bytes("plain"), listing);
    EXPECT_EQ(listing.take(), "'plain'");
}

TEST(Encoder, GivesWhatADecoderGivesBack) {
    std::string all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
    all += "\r\r\n\xff\xff\r";
    for (const bool binary : {false, true}) {
        std::string wire;
        append_data(wire, bytes(all), binary);
        Decoder decoder;
        decoder.set_binary(binary);
        Listing listing;
        decoder.feed(bytes(wire), listing);
        EXPECT_EQ(listing.take(), "'" + all + "'") << binary;
    }
}

TEST(Encoder, DoublesIacInSubnegotiations) {
    std::string out;
    const std::vector<uint8_t> body{1, 255, 240};
    append_subnegotiation(out, Option::com_port, body);
    EXPECT_EQ(out, "\xff\xfa\x2c\x01\xff\xff\xf0\xff\xf0");
}

}  // namespace
}  // namespace opendext::serial_tcp::telnet
