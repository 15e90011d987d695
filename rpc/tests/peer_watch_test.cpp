// SPDX-License-Identifier: Apache-2.0
#include "rpc/peer_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "rpc/socket.h"

namespace opendext {
namespace {

using namespace std::chrono_literals;

/// Threads of this process that watch peers.
size_t watching() {
    size_t count = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        count += name == "od-peers" ? 1 : 0;
    }
    return count;
}

/// A socket that is watched, and its other end.
class Watched {
  public:
    Watched() : ends_(Socket::pair().value()) {
        auto number = PeerWatch::instance().add(ends_.first.fd(), [this] { gone_.set_value(); });
        EXPECT_TRUE(number.ok());
        if (number.ok()) number_ = *number;
    }
    ~Watched() { PeerWatch::instance().remove(number_, ends_.first.fd()); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    void close_the_other_end() { ends_.second.close(); }
    [[nodiscard]] bool hears_of_it() { return heard_.wait_for(60s) == std::future_status::ready; }
    [[nodiscard]] bool has_heard() { return heard_.wait_for(0s) == std::future_status::ready; }

  private:
    std::pair<Socket, Socket> ends_;
    std::promise<void> gone_;
    std::future<void> heard_ = gone_.get_future();
    uint64_t number_ = 0;
};

/// The name of a thread is its own work: it may come a moment after the thread is there.
void expect_watching(size_t wanted) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (watching() != wanted) ASSERT_LT(std::chrono::steady_clock::now(), end);
}

TEST(PeerWatch, TellsWhoseOtherEndIsGoneAndNobodyElse) {
    Watched one;
    Watched other;
    one.close_the_other_end();
    EXPECT_TRUE(one.hears_of_it());
    EXPECT_FALSE(other.has_heard());
    other.close_the_other_end();
    EXPECT_TRUE(other.hears_of_it());
}

TEST(PeerWatch, HearsOfAnEndThatWasGoneBefore) {
    auto ends = Socket::pair().value();
    ends.second.close();
    std::promise<void> gone;
    auto number = PeerWatch::instance().add(ends.first.fd(), [&] { gone.set_value(); });
    ASSERT_TRUE(number.ok());
    EXPECT_EQ(gone.get_future().wait_for(60s), std::future_status::ready);
    PeerWatch::instance().remove(*number, ends.first.fd());
}

TEST(PeerWatch, RefusesWhatIsNoDescriptor) {
    EXPECT_FALSE(PeerWatch::instance().add(-1, [] {}).ok());
}

TEST(PeerWatch, TellsNobodyWhoHasBeenRemoved) {
    auto ends = Socket::pair().value();
    auto told = std::make_shared<bool>(false);
    auto number = PeerWatch::instance().add(ends.first.fd(), [told] { *told = true; });
    ASSERT_TRUE(number.ok());
    PeerWatch::instance().remove(*number, ends.first.fd());
    ends.second.close();
    Watched later;  // whoever hears of this has heard of all before it
    later.close_the_other_end();
    EXPECT_TRUE(later.hears_of_it());
    EXPECT_FALSE(*told);
}

#if !__has_feature(thread_sanitizer)  // there the thread stays
TEST(PeerWatch, RestsOnlyWhenNothingIsWatched) {
    {
        Watched one;
        expect_watching(1);
        PeerWatch::instance().rest();
        expect_watching(1);
        one.close_the_other_end();
        EXPECT_TRUE(one.hears_of_it()) << "it is watched still";
    }
    PeerWatch::instance().rest();
    EXPECT_EQ(watching(), 0u) << "the thread has been joined";
    PeerWatch::instance().rest();
}
#endif

TEST(PeerWatch, WatchesAgainAfterARest) {
    for (int i = 0; i < 200; ++i) {
        {
            Watched one;
            if (i % 2 == 0) {  // else it rests from a thread that may not have begun
                one.close_the_other_end();
                ASSERT_TRUE(one.hears_of_it());
            }
        }
        PeerWatch::instance().rest();
    }
}

}  // namespace
}  // namespace opendext
