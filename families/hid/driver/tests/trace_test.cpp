// SPDX-License-Identifier: Apache-2.0
#include "families/hid/driver/trace.h"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace opendext::hid {
namespace {

TraceReader reader_of(const TraceWriter& writer,
                      TraceReader::From from = TraceReader::From::oldest) {
    auto memory = writer.duplicate();
    EXPECT_TRUE(memory.ok());
    auto reader = TraceReader::open(std::move(*memory), from);
    EXPECT_TRUE(reader.ok()) << reader.error().text();
    return std::move(*reader);
}

TEST(Trace, RecordsComeOutAsTheyWentIn) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    const uint8_t report[] = {2, 0, 4, 0, 0, 0, 0, 0};
    const int64_t values[] = {7, 4, 1, 1};
    writer->report(1000, 0, 3, report);
    writer->element(1000, 0, 3, 7, 0xe0, 12, -5);
    writer->event(1001, EventKind::keyboard, true, values);

    TraceReader reader = reader_of(*writer);
    auto first = reader.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->kind, TraceKind::report);
    EXPECT_EQ(first->number, 0U);
    EXPECT_EQ(first->timestamp, 1000U);
    EXPECT_EQ(first->report_id, 3);
    EXPECT_EQ(first->length, 8U);
    EXPECT_TRUE(std::ranges::equal(first->kept_bytes(), report));
    auto second = reader.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->kind, TraceKind::element);
    EXPECT_EQ(second->page, 7U);
    EXPECT_EQ(second->usage, 0xe0U);
    EXPECT_EQ(second->cookie, 12U);
    EXPECT_EQ(second->value, -5);
    auto third = reader.next();
    ASSERT_TRUE(third);
    EXPECT_EQ(third->kind, TraceKind::event);
    EXPECT_EQ(third->event, EventKind::keyboard);
    EXPECT_TRUE(third->delivered);
    EXPECT_EQ(third->values[1], 4);
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.lost(), 0U);
}

TEST(Trace, ALongReportKeepsItsLengthAndItsFirstBytes) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    std::vector<uint8_t> report(1000, 0xab);
    writer->report(1, 0, 0, report);
    auto record = reader_of(*writer).next();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->length, 1000U);
    EXPECT_EQ(record->kept_bytes().size(), 64U);
    EXPECT_EQ(record->kept_bytes()[63], 0xab);
}

TEST(Trace, WhatWasOverwrittenIsCountedAsLost) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    TraceReader early = reader_of(*writer);
    for (uint64_t i = 0; i < kTraceRecords + 10; ++i) writer->report(i, 0, 0, {});
    auto first = early.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->number, 10U);
    EXPECT_EQ(early.lost(), 10U);
    uint64_t rest = 0;
    while (early.next()) ++rest;
    EXPECT_EQ(rest, kTraceRecords - 1);
    // One that comes later has lost nothing.
    TraceReader late = reader_of(*writer);
    EXPECT_EQ(late.next()->number, 10U);
    EXPECT_EQ(late.lost(), 0U);
    EXPECT_FALSE(reader_of(*writer, TraceReader::From::now).next());
}

TEST(Trace, AReaderThatWaitsIsWoken) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    TraceReader reader = reader_of(*writer);
    std::thread driver([&] {
        for (uint64_t i = 0; i < 200; ++i) {
            writer->report(i, 0, 0, {});
            writer->flush();
        }
    });
    uint64_t seen = 0;
    while (seen < 200) {
        while (auto record = reader.next()) EXPECT_EQ(record->number, seen++);
        if (seen < 200) reader.wait(std::chrono::seconds(30));
    }
    driver.join();
    EXPECT_EQ(reader.lost(), 0U);
}

TEST(Trace, AReaderBesideAFastWriterNeverSeesAMixture) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    TraceReader reader = reader_of(*writer);
    std::atomic<bool> done = false;
    std::thread driver([&] {
        for (uint64_t i = 0; i < 200'000; ++i) {
            const std::array<int64_t, kTraceValues> values = {int64_t(i), int64_t(i), int64_t(i),
                                                              int64_t(i), int64_t(i), int64_t(i),
                                                              int64_t(i), int64_t(i)};
            writer->event(i, EventKind::stylus, false, values);
        }
        done = true;
    });
    uint64_t seen = 0;
    uint64_t last = 0;
    for (bool more = true; more;) {
        more = !done;
        while (auto record = reader.next()) {
            ++seen;
            last = record->number;
            EXPECT_EQ(record->timestamp, record->number);
            for (const int64_t value : record->values)
                ASSERT_EQ(value, static_cast<int64_t>(record->number));
            more = true;
        }
    }
    driver.join();
    EXPECT_EQ(last, 199'999U);
    EXPECT_EQ(seen + reader.lost(), 200'000U);
}

TEST(Trace, OtherMemoryIsRefused) {
    auto small = make_sealed_memory("small", 4096);
    ASSERT_TRUE(small.ok());
    EXPECT_FALSE(TraceReader::open(std::move(*small)).ok());
    auto zeros = make_sealed_memory("zeros", kTraceBytes);
    ASSERT_TRUE(zeros.ok());
    EXPECT_FALSE(TraceReader::open(std::move(*zeros)).ok());
    UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(unsealed.get(), kTraceBytes), 0);
    EXPECT_FALSE(TraceReader::open(std::move(unsealed)).ok());
}

TEST(Trace, AWriterThatLiesCannotHoldTheReader) {
    auto writer = TraceWriter::make();
    ASSERT_TRUE(writer.ok());
    auto memory = writer->duplicate();
    ASSERT_TRUE(memory.ok());
    auto raw = Mapping::map(memory->get(), 0, kTraceBytes, Mapping::Access::read_write);
    ASSERT_TRUE(raw.ok());
    TraceReader reader = reader_of(*writer);
    *raw->at<uint64_t>(16) = ~uint64_t{0};  // so many were written
    for (int i = 0; i < 100; ++i) {
        const auto record = reader.next();
        if (record) EXPECT_LE(record->kept_bytes().size(), 64U);
    }
    *raw->at<uint64_t>(16) = 0;  // fewer than before
    EXPECT_FALSE(reader.next());
    std::memset(raw->data() + kTraceHeaderBytes, 0xff, kTraceBytes - kTraceHeaderBytes);
    *raw->at<uint64_t>(16) = ~uint64_t{0};
    for (int i = 0; i < 100; ++i) {
        const auto record = reader.next();
        if (record) {
            EXPECT_EQ(to_string(record->kind), "unknown");
            EXPECT_TRUE(value_names(record->event).empty());
        }
    }
}

}  // namespace
}  // namespace opendext::hid
