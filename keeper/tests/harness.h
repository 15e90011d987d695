// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "keeper/tests/orders.h"
#include "rpc/fields.h"
#include "rpc/protocol/keeper.h"
#include "rpc/realm.h"
#include "rpc/socket.h"

namespace opendext::keeper::tests {

namespace wire = protocol::keeper;
using namespace std::chrono_literals;

constexpr auto kPatience = 30s;  ///< for what must come; nothing waits so long unless it fails

/// A real opendext-keeper over a realm in a fresh folder, with stand-ins for opendextd and for the
/// runtime. The test speaks for opendextd.
class KeeperTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// A driver process whose runtime is the stand-in.
    struct Driver {
        pid_t pid = 0;
        std::string sandbox;
        Dictionary rights;
        UniqueFd pidfd;
        Socket control;
        /// Sends an order, gives the answer.
        std::string ask(const std::string& order) const;
        void tell(const std::string& order) const;
    };

    /// Starts the keeper in the foreground and waits for its opendextd. Says Ready for it.
    void start_keeper(std::vector<std::string> options = {});
    /// Runs opendext-keeper as a user does; gives exit status and stderr.
    struct Ended {
        int status = -1;
        std::string messages;
    };
    Ended run_keeper(std::vector<std::string> options = {}) const;
    /// The end of the keeper socket that the next opendextd hands us.
    void accept_daemon();

    template <typename T>
    Message request(T content, UniqueFd fd = {}) {
        Message message = encode(std::move(content), ++serial_);
        if (fd) message.fds.push_back(std::move(fd));
        EXPECT_TRUE(link_.send(message).ok());
        return await_serial(serial_);
    }
    /// The reason of a Reply; "" for success.
    static std::string reason(const Message& reply);
    /// The next event of this type.
    template <typename T>
    T event() {
        for (;;) {
            const Message message = await_serial(0);
            if (testing::Test::HasFatalFailure()) return {};
            if (auto content = decode<T>(message); content.ok()) return std::move(content).value();
        }
    }
    Driver spawn(const std::string& bundle_id = "com.example.Tester", uint64_t memory_limit = 0);
    /// One that has no bundle yet.
    Driver spawn_bare();
    /// Says which bundle it is for. What the keeper says to that, "" for success.
    std::string furnish(const Driver& driver, const std::string& bundle);
    /// What the keeper says when the process cannot be made.
    Message spawn_message(const std::string& bundle_id, uint64_t memory_limit, UniqueFd control);

    /// Processes that descend from the keeper, the keeper itself first.
    std::vector<pid_t> family() const;
    void shut_down();
    int wait_for_keeper();

    std::filesystem::path folder_;  ///< everything of the test
    std::filesystem::path root_;    ///< the realm
    std::filesystem::path bundle_;
    std::vector<std::string> libraries_;  ///< that the next driver's executable names
    pid_t keeper_ = 0;                    ///< in the foreground, child of the test
    pid_t daemon_ = 0;
    Socket link_;
    Socket daemon_orders_;

  private:
    Message await_serial(uint64_t serial);
    std::vector<std::string> command(std::vector<std::string> options) const;

    UniqueFd listener_;
    uint64_t serial_ = 0;
    std::deque<Message> events_;
};

/// Neither running nor a zombie that somebody else has yet to reap.
bool is_alive(pid_t pid);
/// Waits for `condition` up to kPatience.
template <typename F>
bool eventually(F condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        const timespec pause{0, 5'000'000};
        ::nanosleep(&pause, nullptr);
    }
    return true;
}
std::string read_file(const std::filesystem::path& path);

}  // namespace opendext::keeper::tests
