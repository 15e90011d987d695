// SPDX-License-Identifier: Apache-2.0
#include "daemon/heap_trim.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace opendext::daemon {
namespace {

constexpr bool kOwnAllocator =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

/// Bytes of this process in memory.
size_t resident() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * 4096;
}

class HeapTrimTest : public ::testing::Test {
  protected:
    HeapTrimTest() : loop(std::move(EventLoop::create()).value()), trim(*loop, registry, {}) {
        root = registry.add({kNoEntry, {"IORegistryEntry"}, "Root", "", {}, false}).id;
    }
    std::vector<EntryId> add(size_t count) {
        std::vector<EntryId> ids;
        for (size_t i = 0; i < count; ++i) {
            ids.push_back(registry
                              .add({root,
                                    {"IOService", "IORegistryEntry"},
                                    "device-" + std::to_string(i),
                                    "",
                                    {{"Serial Number", "SN of a device " + std::to_string(i)},
                                     {"Product Name", "A name that takes some memory"},
                                     {"locationID", static_cast<uint32_t>(i)}}})
                              .id);
        }
        return ids;
    }
    void detach(const std::vector<EntryId>& ids) {
        for (auto id = ids.rbegin(); id != ids.rend(); ++id) registry.detach(*id);
    }
    bool trimmed(size_t times) {
        return loop->run_until([&] { return trim.count() == times; }, std::chrono::seconds(20));
    }
    std::unique_ptr<EventLoop> loop;
    Registry registry;
    HeapTrim trim;
    EntryId root = kNoEntry;
};

TEST_F(HeapTrimTest, WhatALargeRegistryTookIsGivenBackWhenItsEntriesAreGone) {
    const size_t before = resident();
    const std::vector<EntryId> ids = add(40000);
    add(1);  // stays, at the end of the heap
    const size_t full = resident();
    detach(ids);
    ASSERT_TRUE(trimmed(1));
    if (kOwnAllocator) GTEST_SKIP() << "a sanitizer keeps freed memory";
    ASSERT_GT(full - before, size_t{20} << 20);
    EXPECT_LT(resident() - before, (full - before) / 5);
}

TEST_F(HeapTrimTest, AFewEntriesAreNotWorthIt) {
    detach(add(HeapTrim::kWorthIt - 1));
    while (loop->turn()) {
    }
    EXPECT_EQ(trim.count(), 0u);
    detach(add(1));
    EXPECT_TRUE(trimmed(1)) << "they add up";
    detach(add(HeapTrim::kWorthIt - 1));
    while (loop->turn()) {
    }
    EXPECT_EQ(trim.count(), 1u) << "counted anew";
    detach(add(HeapTrim::kWorthIt));
    EXPECT_TRUE(trimmed(2));
}

}  // namespace
}  // namespace opendext::daemon
