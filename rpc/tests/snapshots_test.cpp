// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>

#include "rpc/change_board.h"
#include "rpc/protocol/snapshots.h"

namespace opendext {
namespace {

using protocol::client::Snapshots;
using protocol::client::SnapshotWriter;

Message sample() {
    SnapshotWriter writer;
    const uint32_t chain = writer.chain({"TestHead", "IOService"});
    const uint32_t parent = writer.parent("IOService:/bus");
    for (uint64_t id = 7; id < 10; ++id) {
        writer.begin(id, chain, parent, "head", id == 8 ? "2" : "");
        writer.property("Rate", Value(9600));
        writer.property("List", Value(Array{"a", Dictionary{{"b", true}}, Data{1, 2, 3}}));
        writer.property("Serial", Value("S" + std::to_string(id)));
        writer.end();
    }
    return writer.finish(1);
}

TEST(SnapshotMessage, GivesWhatWasWritten) {
    const Result<Snapshots> read = Snapshots::parse(sample());
    ASSERT_TRUE(read.ok()) << read.error().text();
    ASSERT_EQ(3U, read->entries().size());
    const auto& entry = read->entries()[1];
    EXPECT_EQ(8U, entry.id);
    EXPECT_EQ("TestHead", entry.classes->front());
    EXPECT_EQ("IOService:/bus", entry.parent);
    EXPECT_EQ("head", entry.name);
    EXPECT_EQ("2", entry.location);
    EXPECT_EQ(Value("S8"), **entry.property("Serial"));
    EXPECT_FALSE(entry.property("Missing")->has_value());
    const Result<Dictionary> all = entry.all_properties();
    ASSERT_TRUE(all.ok());
    EXPECT_EQ(3U, all->size());
    EXPECT_EQ(3U, all->at("List").array()->size());
}

TEST(SnapshotMessage, WhateverBytesComeItIsAnErrorOrAnAnswer) {
    std::mt19937 random(4);
    size_t refused = 0;
    for (int i = 0; i < 20000; ++i) {
        Message message = sample();
        for (uint32_t n = 1 + random() % 4; n > 0; --n)
            message.body[random() % message.body.size()] = static_cast<uint8_t>(random());
        if (random() % 4 == 0) message.body.resize(random() % message.body.size());
        const Result<Snapshots> read = Snapshots::parse(std::move(message));
        if (!read.ok()) {
            EXPECT_EQ(Errc::malformed, read.error().code);
            ++refused;
            continue;
        }
        for (const auto& entry : read->entries()) {
            EXPECT_FALSE(entry.classes->empty());
            (void)entry.property("Serial");
            (void)entry.all_properties();
        }
    }
    EXPECT_GT(refused, 1000U);
    // An entry that names a chain or a parent that was not given.
    SnapshotWriter writer;
    writer.begin(1, 0, 0, "x", "");
    writer.end();
    EXPECT_FALSE(Snapshots::parse(writer.finish(1)).ok());
}

TEST(ChangeCounters, AReaderSeesEveryChangeAndCanMakeNone) {
    auto board = ChangeBoard::create();
    ASSERT_TRUE(board.ok()) << board.error().text();
    const UniqueFd memory = std::move((*board)->duplicate()).value();
    const auto view = ChangeView::map(memory);
    ASSERT_TRUE(view.ok()) << view.error().text();
    const uint64_t entry = (*view)->entry(77);
    const uint64_t other = (*view)->entry(78);
    (*board)->entry_changed(77);
    EXPECT_NE(entry, (*view)->entry(77));
    EXPECT_EQ(other, (*view)->entry(78));
    const uint64_t tree = (*view)->tree();
    const uint64_t names = (*view)->names();
    (*board)->tree_changed();
    EXPECT_NE(tree, (*view)->tree());
    EXPECT_EQ(names, (*view)->names());
    (*board)->names_changed();
    EXPECT_NE(names, (*view)->names());

    constexpr size_t kSize = sizeof(ChangeCounters);
    EXPECT_EQ(MAP_FAILED,
              ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0));
    const char byte = 1;
    EXPECT_EQ(-1, ::pwrite(memory.get(), &byte, 1, 0));
    EXPECT_EQ(-1, ::ftruncate(memory.get(), 0));
    EXPECT_EQ(-1, ::ftruncate(memory.get(), static_cast<off_t>(2 * kSize)));
}

TEST(ChangeCounters, MemoryOfAnotherKindIsRefused) {
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_FALSE(ChangeView::map(file).ok());
    const UniqueFd small = std::move(make_sealed_memory("small", 4096)).value();
    EXPECT_FALSE(ChangeView::map(small).ok());
}

}  // namespace
}  // namespace opendext
