// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/rings.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>

namespace opendext::serial_tcp {
namespace {

uint8_t byte_at(uint64_t position) {
    return static_cast<uint8_t>(position * 167 + (position >> 8) * 31);
}

/// The driver's side, as dext/SerialOverTCPPort.cpp plays it, with the serial port behind it: what
/// the port knows outlives the driver, what the driver knows does not.
struct FakeDriver {
    struct PortState {
        uint32_t txPI = 0, txCI = 0, rxPI = 0, rxCI = 0;  // in kept memory
        uint64_t produced = 0;                            ///< stream position of txPI
        uint64_t taken = 0;                               ///< stream position of rxCI
        uint64_t wrong = 0;
    };
    PortState& port;
    std::unique_ptr<std::byte[]> memory = std::make_unique<std::byte[]>(kSerialOverTCPLinkSize);
    SerialOverTCPLink* link = reinterpret_cast<SerialOverTCPLink*>(memory.get());
    uint32_t openings = 0;

    explicit FakeDriver(PortState& state) : port(state) {
        link->magic = kSerialOverTCPLinkMagic;
        // The system offers again what was not consumed, and takes receive bytes only from this
        // instance.
        port.produced -= port.txPI - port.txCI;
        port.txPI = port.txCI;
        port.rxPI = port.rxCI;
    }
    void open() {
        link->txStart = link->txConsumed = port.txCI;
        link->txProduced = port.txPI;
        link->rxStart = link->rxConsumed = port.rxCI;
        if (openings == 0) link->rxProduced = port.rxCI;
        link->open = ++openings;
    }
    void close() { link->open = 0; }
    /// The terminal writes.
    void produce(uint32_t count) {
        if (link->open == 0) return;
        count = std::min(count, kSerialOverTCPRingSize - 1 - (port.txPI - port.txCI));
        for (uint32_t i = 0; i < count; ++i) {
            memory[kSerialOverTCPTransmitOffset +
                   ((port.txPI + i) & (kSerialOverTCPRingSize - 1))] =
                static_cast<std::byte>(byte_at(port.produced + i));
        }
        port.txPI += count;
        port.produced += count;
        link->txProduced = port.txPI;
    }
    /// A doorbell, or a call of the system.
    void look() {
        if (link->open == 0) return;
        const uint32_t taken = link->txConsumed - port.txCI;
        if (taken <= link->txProduced - port.txCI) port.txCI += taken;
        port.rxPI = link->rxProduced;
    }
    /// The terminal reads.
    void consume(uint32_t count) {
        if (link->open == 0) return;
        count = std::min(count, port.rxPI - port.rxCI);
        for (uint32_t i = 0; i < count; ++i) {
            const auto byte = memory[kSerialOverTCPReceiveOffset +
                                     ((port.rxCI + i) & (kSerialOverTCPRingSize - 1))];
            if (static_cast<uint8_t>(byte) != byte_at(port.taken + i)) ++port.wrong;
        }
        port.rxCI += count;
        port.taken += count;
        link->rxConsumed = port.rxCI;
    }
};

TEST(Rings, StreamsGoOnExactlyOverManyDriversAndOpenings) {
    std::mt19937 random(11);
    FakeDriver::PortState port;
    // Near the wrap of the 32-bit indexes.
    port.txPI = port.txCI = port.rxPI = port.rxCI = 0xffff'0000U;
    auto driver = std::make_unique<FakeDriver>(port);
    Rings rings;
    rings.attach(driver->memory.get());
    driver->open();
    uint64_t sent = 0, received = 0, wrong = 0;
    int restarts = 0, reopenings = 0;
    for (int step = 0; step < 200'000; ++step) {
        switch (random() % 10) {
            case 0:
            case 1:
                driver->produce(random() % 40'000);
                break;
            case 2:
                driver->look();
                break;
            case 3:
                driver->consume(random() % 40'000);
                break;
            case 4:
            case 5:
                if (rings.refresh()) {
                    const Stretch bytes = rings.transmit();
                    size_t take = bytes.size == 0 ? 0 : random() % (bytes.size + 1);
                    size_t at = 0;
                    for (int piece = 0; piece < bytes.count; ++piece) {
                        for (size_t i = 0; i < bytes.pieces[piece].iov_len && at < take;
                             ++i, ++at) {
                            if (static_cast<uint8_t*>(bytes.pieces[piece].iov_base)[i] !=
                                byte_at(sent + at))
                                ++wrong;
                        }
                    }
                    rings.transmit_done(take);
                    sent += take;
                }
                break;
            case 6:
            case 7:
                if (rings.refresh()) {
                    const Stretch room = rings.receive_room();
                    size_t put = room.size == 0 ? 0 : random() % (room.size + 1);
                    size_t at = 0;
                    for (int piece = 0; piece < room.count; ++piece) {
                        for (size_t i = 0; i < room.pieces[piece].iov_len && at < put; ++i, ++at) {
                            static_cast<uint8_t*>(room.pieces[piece].iov_base)[i] =
                                byte_at(received + at);
                        }
                    }
                    rings.receive_done(put);
                    received += put;
                }
                break;
            case 8:
                if (random() % 20 == 0) {  // the driver is killed; sometimes its successor is not
                                           // opened before it dies too
                    rings.detach();
                    driver = std::make_unique<FakeDriver>(port);
                    rings.attach(driver->memory.get());
                    if (random() % 3 != 0) driver->open();
                    ++restarts;
                }
                break;
            default:
                if (driver->link->open == 0) {
                    driver->open();
                } else if (random() % 20 == 0) {
                    driver->look();
                    driver->close();
                    ++reopenings;
                }
        }
        ASSERT_EQ(0U, wrong) << "step " << step;
        ASSERT_EQ(0U, port.wrong) << "step " << step;
    }
    EXPECT_GT(restarts, 500);
    EXPECT_GT(reopenings, 500);
    EXPECT_GT(sent, 10'000'000U);
    EXPECT_GT(port.taken, 10'000'000U);
}

TEST(Rings, AWildDriverGivesNothingRatherThanTooMuch) {
    FakeDriver::PortState port;
    FakeDriver driver(port);
    Rings rings;
    rings.attach(driver.memory.get());
    driver.open();
    ASSERT_TRUE(rings.refresh());
    std::mt19937 random(3);
    for (int i = 0; i < 10'000; ++i) {
        driver.link->txProduced = random();
        driver.link->rxConsumed = random();
        EXPECT_LE(rings.transmit().size, kSerialOverTCPRingSize);
        EXPECT_LE(rings.receive_room().size, kSerialOverTCPRingSize);
    }
}

/// The agent was killed while the port was open, and the next one takes its place.
TEST(Rings, ASuccessorGoesOnInAnOpeningThatHasMovedMuch) {
    FakeDriver::PortState port;
    FakeDriver driver(port);
    driver.open();
    uint64_t received = 0;
    const auto receive = [&](Rings& rings) {
        const Stretch room = rings.receive_room();
        for (int i = 0; i < room.count; ++i) {
            auto* to = static_cast<uint8_t*>(room.pieces[i].iov_base);
            for (size_t at = 0; at < room.pieces[i].iov_len; ++at) to[at] = byte_at(received++);
        }
        rings.receive_done(room.size);
        driver.look();
    };
    {
        Rings first;
        first.attach(driver.memory.get());
        ASSERT_TRUE(first.refresh());
        for (int i = 0; i < 5; ++i) {
            receive(first);
            driver.consume(i < 4 ? kSerialOverTCPRingSize : 1000);
        }
    }
    Rings second;
    second.attach(driver.memory.get());
    ASSERT_TRUE(second.refresh());
    EXPECT_EQ(1000U, second.receive_room().size);
    EXPECT_TRUE(second.doorbell_due(false));
    receive(second);
    driver.consume(kSerialOverTCPRingSize);
    EXPECT_EQ(received, port.taken);
    EXPECT_EQ(0U, port.wrong);
}

TEST(Rings, RingsTheDriverOnlyWhenItWaitsOrIdles) {
    FakeDriver::PortState port;
    FakeDriver driver(port);
    Rings rings;
    rings.attach(driver.memory.get());
    driver.open();
    ASSERT_TRUE(rings.refresh());
    EXPECT_TRUE(rings.doorbell_due(false)) << "a new opening: a predecessor may have owed a ring";
    EXPECT_FALSE(rings.doorbell_due(false));
    driver.link->driverWaitsForRx = 1;
    rings.receive_done(1);
    EXPECT_TRUE(rings.doorbell_due(false));
    EXPECT_EQ(0U, driver.link->driverWaitsForRx);
    rings.receive_done(1);
    EXPECT_FALSE(rings.doorbell_due(false)) << "it is awake and will look";
    driver.produce(10);
    rings.transmit_done(10);
    EXPECT_FALSE(rings.doorbell_due(false));
    EXPECT_TRUE(rings.doorbell_due(true));
    EXPECT_FALSE(rings.doorbell_due(true));
    EXPECT_TRUE(rings.sleep_transmit());
    driver.produce(1);
    EXPECT_FALSE(rings.sleep_transmit());
}

TEST(Rings, RingADriverThatWaitsForRoomOnceThereIsMuch) {
    FakeDriver::PortState state;
    FakeDriver driver(state);
    Rings rings;
    rings.attach(driver.memory.get());
    driver.open();
    ASSERT_TRUE(rings.refresh());
    EXPECT_TRUE(rings.doorbell_due(false)) << "a new opening";
    driver.produce(kSerialOverTCPRingSize / 2);
    driver.link->driverWaitsForTxRoom = 1;
    EXPECT_FALSE(rings.doorbell_due(false)) << "nothing was taken";
    rings.transmit_done(kSerialOverTCPRingSize / 8);
    EXPECT_FALSE(rings.doorbell_due(false)) << "more than a quarter is left";
    EXPECT_EQ(1U, driver.link->driverWaitsForTxRoom);
    rings.transmit_done(kSerialOverTCPRingSize / 8);
    EXPECT_TRUE(rings.doorbell_due(false));
    EXPECT_EQ(0U, driver.link->driverWaitsForTxRoom);
    EXPECT_FALSE(rings.doorbell_due(false));
    rings.transmit_done(1);
    EXPECT_FALSE(rings.doorbell_due(false)) << "it does not wait";
    EXPECT_TRUE(rings.unacknowledged());
}

}  // namespace
}  // namespace opendext::serial_tcp
