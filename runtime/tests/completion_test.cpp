// SPDX-License-Identifier: Apache-2.0
// Asynchronous calls and their completions: docs/facts/semantics.md section 8.
#include <atomic>
#include <thread>

#include "runtime/tests/user_client_fixture.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

namespace {

class CompletionTest : public UserClientTest {
  protected:
    Request keep(uint64_t word) {
        Request request = make_call(kKeepCompletion, {}, 0);
        request.completion = word;
        return request;
    }
    /// Has the driver keep the completion of a call in `kept_`.
    void keep_in_test(uint64_t word) {
        Hooks::shared().external = [this](IOUserClient* client,
                                          IOUserClientMethodArguments* arguments) -> int {
            client_ = client;
            kept_ = OSSharedPtr(arguments->completion, OSRetain);
            return kIOReturnSuccess;
        };
        Request request = make_call(kHook, {}, 0);
        request.completion = word;
        EXPECT_EQ(program_->call(request).io_return, kIOReturnSuccess);
        ASSERT_TRUE(kept_);
    }
    IOUserClient* client_ = nullptr;
    OSSharedPtr<OSAction> kept_;
};

TEST_F(CompletionTest, ComeLaterAndRepeatedlyInOrder) {
    EXPECT_EQ(program_->call(keep(11)).io_return, kIOReturnSuccess);
    const uint64_t serial = program_->send(make_call(kComplete, {500}, 0));
    for (uint64_t i = 0; i < 500; ++i) {
        const Unasked event = program_->next_event();
        ASSERT_EQ(event.kind, uc::Kind::completion);
        EXPECT_EQ(event.completion, 11u);
        EXPECT_EQ(event.status, kIOReturnSuccess);
        EXPECT_EQ(event.arguments, (std::vector<uint64_t>{i, 42}));
    }
    EXPECT_EQ(program_->receive(serial).io_return, kIOReturnSuccess);
}

// Facts: IOUserClient.AsyncCompletion
TEST_F(CompletionTest, HaveNoneToSixteenWordsAndAStatus) {
    keep_in_test(3);
    IOUserClientAsyncArgumentsArray data{};
    for (uint64_t i = 0; i < 16; ++i) data[i] = i + 100;
    for (uint32_t count = 0; count <= 16; ++count)
        client_->AsyncCompletion(kept_.get(), kIOReturnAborted - static_cast<int>(count), data,
                                 count);
    for (uint32_t count = 0; count <= 16; ++count) {
        const Unasked event = program_->next_event();
        EXPECT_EQ(event.status, kIOReturnAborted - static_cast<int>(count));
        EXPECT_EQ(event.arguments, std::vector<uint64_t>(data, data + count));
    }
    // 17 cannot be: dropped, told, and no harm done.
    client_->AsyncCompletion(kept_.get(), kIOReturnSuccess, data, 17);
    client_->AsyncCompletion(kept_.get(), kIOReturnBusy, data, 1);
    EXPECT_EQ(program_->next_event().status, kIOReturnBusy);
    kept_.reset();
}

TEST_F(CompletionTest, MayBeSentDuringTheCallItself) {
    Hooks::shared().external = [](IOUserClient* client,
                                  IOUserClientMethodArguments* arguments) -> int {
        const IOUserClientAsyncArgumentsArray data = {9};
        client->AsyncCompletion(arguments->completion, kIOReturnSuccess, data, 1);
        return kIOReturnSuccess;
    };
    Request request = make_call(kHook, {}, 0);
    request.completion = 8;
    EXPECT_EQ(program_->call(request).io_return, kIOReturnSuccess);
    const Unasked event = program_->next_event();
    EXPECT_EQ(event.completion, 8u);
    EXPECT_EQ(event.arguments, std::vector<uint64_t>{9});
    EXPECT_EQ(program_->next_event().kind, uc::Kind::completion_released) << "nobody kept it";
}

TEST_F(CompletionTest, ComeFromAnyThreadAndQueue) {
    keep_in_test(3);
    constexpr uint64_t kEach = 2000;
    constexpr uint64_t kThreads = 4;
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (uint64_t i = 0; i < kEach; ++i) {
                const IOUserClientAsyncArgumentsArray data = {thread, i};
                client_->AsyncCompletion(kept_.get(), kIOReturnSuccess, data, 2);
            }
        });
    }
    std::vector<uint64_t> next(kThreads);
    for (uint64_t i = 0; i < kEach * kThreads; ++i) {
        const Unasked event = program_->next_event();
        ASSERT_EQ(event.arguments.size(), 2u);
        ASSERT_EQ(event.arguments[1], next[event.arguments[0]]++) << "in order for each thread";
    }
    for (auto& thread : threads) thread.join();
    IODispatchQueue* made = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Other", 0, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> other(made, OSNoRetain);
    other->DispatchAsync(^{
      const IOUserClientAsyncArgumentsArray data = {77};
      client_->AsyncCompletion(kept_.get(), kIOReturnSuccess, data, 1);
      Hooks::pass_through_channel();
    });
    EXPECT_EQ(program_->next_event().arguments, std::vector<uint64_t>{77});
    kept_.reset();
}

TEST_F(CompletionTest, TheClientIsToldWhenOneIsGone) {
    EXPECT_EQ(program_->call(keep(11)).io_return, kIOReturnSuccess);
    EXPECT_EQ(program_->call(keep(12)).io_return, kIOReturnSuccess);  // the first one is let go
    const Unasked event = program_->next_event();
    EXPECT_EQ(event.kind, uc::Kind::completion_released);
    EXPECT_EQ(event.completion, 11u);
}

TEST_F(CompletionTest, TheLastOfSeveralHoldersReleasesIt) {
    keep_in_test(21);
    OSSharedPtr<OSAction> second = kept_;
    kept_.reset();
    const IOUserClientAsyncArgumentsArray data = {};
    client_->AsyncCompletion(second.get(), kIOReturnSuccess, data, 0);
    EXPECT_EQ(program_->next_event().kind, uc::Kind::completion);
    second.reset();
    const Unasked event = program_->next_event();
    EXPECT_EQ(event.kind, uc::Kind::completion_released);
    EXPECT_EQ(event.completion, 21u);
}

TEST_F(CompletionTest, AFailedCallIsNeverCompleted) {
    auto failing = keep(1);
    failing.scalars = {1};  // keeps the completion and fails
    EXPECT_EQ(program_->call(failing).io_return, kIOReturnAborted);
    EXPECT_EQ(program_->call(make_call(kComplete, {3}, 0)).io_return, kIOReturnSuccess);
    // What comes first is of the next call: neither a completion nor a release of the failed one.
    EXPECT_EQ(program_->call(keep(2)).io_return, kIOReturnSuccess);
    EXPECT_EQ(program_->call(make_call(kComplete, {1}, 0)).io_return, kIOReturnSuccess);
    EXPECT_EQ(program_->next_event().completion, 2u);
}

TEST_F(CompletionTest, AClientThatDoesNotReadStopsNobody) {
    EXPECT_EQ(program_->call(keep(1)).io_return, kIOReturnSuccess);
    const uint64_t serial = program_->send(make_call(kComplete, {20000}, 0));  // several rings full
    EXPECT_EQ(program_->receive(serial).io_return, kIOReturnSuccess)
        << "it has not waited for long";
    EXPECT_TRUE(program_->works());
    for (uint64_t i = 0; i < 20000; ++i)
        ASSERT_EQ(program_->next_event().arguments, (std::vector<uint64_t>{i, 42}));
}

TEST_F(CompletionTest, ADriverDoesNotOutrunAClientThatReads) {
    EXPECT_EQ(program_->call(keep(1)).io_return, kIOReturnSuccess);
    constexpr uint64_t kMany = 200000;  // far more than may pile up
    const uint64_t serial = program_->send(make_call(kComplete, {kMany}, 0));
    for (uint64_t i = 0; i < kMany; ++i)
        ASSERT_EQ(program_->next_event().arguments, (std::vector<uint64_t>{i, 42}));
    EXPECT_EQ(program_->receive(serial).io_return, kIOReturnSuccess);
}

TEST_F(CompletionTest, AClientThatLetsTooMuchPileUpLosesTheConnectionAndIsTold) {
    const auto other = open();
    EXPECT_EQ(program_->call(keep(1)).io_return, kIOReturnSuccess);
    program_->send(make_call(kComplete, {200000}, 0));
    EXPECT_TRUE(daemon_.wait_for_log("the client does not read its messages"));
    EXPECT_NE(program_->closed_because().find("does not read its messages"), std::string::npos);
    EXPECT_TRUE(other->works());
    end(kClient + 1);
}

TEST_F(CompletionTest, MayOutliveTheClient) {
    keep_in_test(5);
    program_->channel().close("the program was killed");
    const IOUserClientAsyncArgumentsArray data = {};
    for (int i = 0; i < 100; ++i) client_->AsyncCompletion(kept_.get(), kIOReturnSuccess, data, 0);
    client_->retain();
    const OSSharedPtr<IOUserClient> client(client_, OSNoRetain);
    daemon_.send(encode(driver::DetachClient{kClient}));
    for (int i = 0; i < 100; ++i) client_->AsyncCompletion(kept_.get(), kIOReturnSuccess, data, 0);
    kept_.reset();
}

}  // namespace
