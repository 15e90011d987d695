// SPDX-License-Identifier: Apache-2.0
// Calls in flight and one-way calls: <opendext/client.h>.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "iokit/tests/client_fixture.h"

namespace opendext::fakes {
namespace {

class CallQueue : public Connected {
  protected:
    void make(uint32_t depth) {
        ASSERT_EQ(kIOReturnSuccess, opendext_calls_create(connect, depth, &calls))
            << opendext_last_error_reason();
    }
    ~CallQueue() override { opendext_calls_destroy(calls); }

    /// A call that sums two numbers; the queue has it as `user`.
    opendext_call sum(uint64_t user, uint32_t selector = 1) {
        inputs.push_back({user, 1000});
        outputs.push_back(0);
        opendext_call call{};
        call.user = user;
        call.selector = selector;
        call.input = inputs.back().data();
        call.inputCount = 2;
        call.output = &outputs.back();
        call.outputCount = 1;
        return call;
    }
    std::vector<opendext_call_result> take(uint32_t at_least, uint32_t timeout = 60'000) {
        std::vector<opendext_call_result> results(64);
        uint32_t count = 0;
        EXPECT_EQ(kIOReturnSuccess,
                  opendext_calls_wait(calls, results.data(), 64, at_least, timeout, &count));
        results.resize(count);
        return results;
    }

    opendext_calls_t calls = nullptr;
    std::deque<std::array<uint64_t, 2>> inputs;
    std::deque<uint64_t> outputs;
};

TEST_F(CallQueue, ManyCallsInFlightAreAnsweredInOrder) {
    make(32);
    uint64_t next = 0;
    uint64_t expected = 0;
    while (expected < 3200) {
        std::vector<opendext_call> batch;
        while (batch.size() + opendext_calls_pending(calls) < 32) batch.push_back(sum(next++));
        uint32_t submitted = 0;
        ASSERT_EQ(kIOReturnSuccess,
                  opendext_calls_submit(calls, batch.data(), static_cast<uint32_t>(batch.size()),
                                        &submitted));
        ASSERT_EQ(batch.size(), submitted);
        EXPECT_EQ(32U, opendext_calls_pending(calls));
        const auto results = take(20);
        ASSERT_GE(results.size(), 20U);
        for (const opendext_call_result& result : results) {
            ASSERT_EQ(expected, result.user);
            ASSERT_EQ(kIOReturnSuccess, result.result);
            ASSERT_EQ(1U, result.outputCount);
            ASSERT_EQ(expected + 1000, outputs[expected]);
            ++expected;
        }
    }
}

TEST_F(CallQueue, ArgumentsAreCheckedAndAFullQueueSaysSo) {
    EXPECT_EQ(kIOReturnBadArgument, opendext_calls_create(connect, 0, &calls));
    EXPECT_EQ(kIOReturnBadArgument,
              opendext_calls_create(connect, OPENDEXT_CALLS_DEPTH_MAX + 1, &calls));
    EXPECT_EQ(kIOReturnBadArgument, opendext_calls_create(12345, 8, &calls));
    EXPECT_EQ(nullptr, calls);
    make(2);
    std::vector<opendext_call> batch = {sum(1), sum(2), sum(3)};
    uint32_t submitted = 0;
    EXPECT_EQ(kIOReturnNoSpace, opendext_calls_submit(calls, batch.data(), 3, &submitted));
    EXPECT_EQ(2U, submitted);
    EXPECT_EQ(2U, take(2).size());
    batch[1].input = nullptr;
    EXPECT_EQ(kIOReturnBadArgument, opendext_calls_submit(calls, batch.data(), 2, &submitted));
    EXPECT_EQ(1U, submitted) << "what was submitted before stays";
    EXPECT_EQ(1U, take(64).size()) << "more than are submitted counts as all that are";
    EXPECT_TRUE(take(0).empty());
    EXPECT_EQ(0U, opendext_calls_pending(calls));
}

TEST_F(CallQueue, FailuresCarryTheirReasonAndTheOthersGoOn) {
    make(8);
    const opendext_call batch[] = {sum(1), sum(2, 2), sum(3, 12), sum(4)};
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, batch, 4, nullptr));
    const auto results = take(4);
    ASSERT_EQ(4U, results.size());
    EXPECT_EQ(kIOReturnSuccess, results[0].result);
    EXPECT_STREQ("", results[0].reason);
    EXPECT_EQ(kIOReturnUnsupported, results[1].result);
    EXPECT_EQ(OPENDEXT_ORIGIN_DRIVER, results[1].origin);
    EXPECT_STREQ("no such selector", results[1].reason);
    EXPECT_EQ(kIOReturnNotReady, results[2].result);
    EXPECT_EQ(kIOReturnSuccess, results[3].result);
}

TEST_F(CallQueue, LargeStructuresGoAlong) {
    make(32);
    constexpr size_t kSize = 100'000;
    std::vector<std::vector<uint8_t>> in(32), out(32);
    std::vector<opendext_call> batch;
    for (uint8_t i = 0; i < 32; ++i) {
        in[i].assign(kSize, i);
        out[i].assign(kSize, 0xff);
        opendext_call call = sum(i);
        call.inputStruct = in[i].data();
        call.inputStructCnt = kSize;
        call.outputStruct = out[i].data();
        call.outputStructCnt = kSize;
        batch.push_back(call);
    }
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, batch.data(), 32, nullptr))
        << opendext_last_error_reason();
    // Inputs are copied.
    for (auto& bytes : in) std::memset(bytes.data(), 0xee, bytes.size());
    for (const opendext_call_result& result : take(32)) {
        EXPECT_EQ(kIOReturnSuccess, result.result) << result.reason;
        EXPECT_EQ(kSize, result.outputStructCnt);
        EXPECT_EQ(result.user, out[result.user][0]);
        EXPECT_EQ(result.user, out[result.user][kSize - 1]);
    }
}

TEST_F(CallQueue, WaitsNoLongerThanItIsAllowedTo) {
    make(8);
    const opendext_call stuck[] = {sum(1), sum(2, 6)};  // the second is never answered
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, stuck, 2, nullptr));
    opendext_call_result results[8];
    uint32_t count = 0;
    EXPECT_EQ(kIOReturnTimeout, opendext_calls_wait(calls, results, 8, 2, 200, &count));
    EXPECT_EQ(1U, count);
    EXPECT_EQ(1U, results[0].user);
    EXPECT_EQ(1U, opendext_calls_pending(calls));
    // Synchronous calls of the same thread go on meanwhile, and others of the queue.
    uint64_t output = 0;
    uint32_t one = 1;
    EXPECT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 1, nullptr, 0, &output, &one));
    const opendext_call more[] = {sum(3)};
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, more, 1, nullptr));
    EXPECT_EQ(kIOReturnSuccess, opendext_calls_wait(calls, results, 8, 1, 60'000, &count));
    EXPECT_EQ(1U, count);
    EXPECT_EQ(3U, results[0].user);
}

TEST_F(CallQueue, TheEndOfTheDriverIsTheResultOfEveryCallInFlight) {
    make(8);
    const opendext_call stuck[] = {sum(1, 6), sum(2, 6), sum(3, 6)};
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, stuck, 3, nullptr));
    std::thread killer([&] { daemon.kill_drivers("the driver was killed by signal 9"); });
    const auto results = take(3);
    killer.join();
    ASSERT_EQ(3U, results.size());
    for (const opendext_call_result& result : results) {
        EXPECT_EQ(kIOReturnNotResponding, result.result);
        EXPECT_EQ(OPENDEXT_ORIGIN_DRIVER_DIED, result.origin);
        EXPECT_STREQ("the driver was killed by signal 9", result.reason);
    }
    EXPECT_EQ(kIOReturnNotResponding, opendext_calls_submit(calls, stuck, 1, nullptr));
}

TEST_F(CallQueue, AnEndInOrderIsToldFromADeath) {
    make(8);
    const opendext_call stuck[] = {sum(1, 6)};
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, stuck, 1, nullptr));
    std::thread end([&] {
        daemon.kill_drivers("the driver ended the user client",
                            protocol::client::RefusedBy::terminated);
    });
    const auto results = take(1);
    end.join();
    ASSERT_EQ(1U, results.size());
    EXPECT_EQ(kIOReturnNotResponding, results[0].result);
    EXPECT_EQ(OPENDEXT_ORIGIN_TERMINATED, results[0].origin);
    EXPECT_EQ(kIOReturnNotResponding, opendext_connect_status(connect));
    EXPECT_EQ(OPENDEXT_ORIGIN_TERMINATED, opendext_last_error_origin());
    EXPECT_STREQ("the driver ended the user client", opendext_last_error_reason());
}

TEST_F(CallQueue, ClosingTheConnectionEndsThem) {
    make(8);
    const opendext_call stuck[] = {sum(1, 6)};
    ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, stuck, 1, nullptr));
    EXPECT_EQ(kIOReturnSuccess, IOServiceClose(connect));
    const auto results = take(1);
    ASSERT_EQ(1U, results.size());
    EXPECT_EQ(kIOReturnNotOpen, results[0].result);
    EXPECT_EQ(OPENDEXT_ORIGIN_LIBRARY, results[0].origin);
}

TEST_F(CallQueue, WhatIsDroppedIsNotWrittenToAnyMore) {
    for (int round = 0; round < 20; ++round) {
        make(16);
        std::vector<uint8_t> large(50'000, 1);
        auto room = std::make_unique<std::vector<uint8_t>>(50'000);
        std::vector<opendext_call> batch;
        for (uint64_t i = 0; i < 16; ++i) {
            opendext_call call = sum(i);
            call.inputStruct = large.data();
            call.inputStructCnt = large.size();
            call.outputStruct = room->data();
            call.outputStructCnt = room->size();
            batch.push_back(call);
        }
        ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(calls, batch.data(), 16, nullptr))
            << opendext_last_error_reason();
        if (round % 2 == 0) (void)take(1);
        opendext_calls_destroy(std::exchange(calls, nullptr));
        room.reset();  // AddressSanitizer sees a late write
        uint64_t output = 0;
        uint32_t one = 1;
        ASSERT_EQ(kIOReturnSuccess,
                  IOConnectCallScalarMethod(connect, 1, nullptr, 0, &output, &one));
    }
}

TEST_F(CallQueue, EachThreadMayHaveItsOwnBesideSynchronousCalls) {
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            opendext_calls_t own = nullptr;
            ASSERT_EQ(kIOReturnSuccess, opendext_calls_create(connect, 16, &own));
            uint64_t input[16][2];
            uint64_t output[16];
            for (uint64_t round = 0; round < 50; ++round) {
                opendext_call batch[16] = {};
                for (uint64_t i = 0; i < 16; ++i) {
                    input[i][0] = t * 1'000'000 + round * 1000 + i;
                    input[i][1] = 1;
                    batch[i] = {.user = i,
                                .selector = 1,
                                .inputCount = 2,
                                .outputCount = 1,
                                .reserved = 0,
                                .input = input[i],
                                .inputStruct = nullptr,
                                .inputStructCnt = 0,
                                .output = &output[i],
                                .outputStruct = nullptr,
                                .outputStructCnt = 0};
                }
                ASSERT_EQ(kIOReturnSuccess, opendext_calls_submit(own, batch, 16, nullptr));
                opendext_call_result results[16];
                uint32_t count = 0;
                ASSERT_EQ(kIOReturnSuccess,
                          opendext_calls_wait(own, results, 16, 16, 60'000, &count));
                ASSERT_EQ(16U, count);
                for (uint64_t i = 0; i < 16; ++i) ASSERT_EQ(input[i][0] + 1, output[i]);
            }
            opendext_calls_destroy(own);
        });
    }
    for (int i = 0; i < 300; ++i) {
        const uint64_t input = 5;
        uint64_t output = 0;
        uint32_t one = 1;
        ASSERT_EQ(kIOReturnSuccess,
                  IOConnectCallScalarMethod(connect, 1, &input, 1, &output, &one));
        ASSERT_EQ(5U, output);
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(CallQueue, OneWayCallsArriveInOrderAndBringNothingBack) {
    uint64_t seen = 0;
    uint32_t one = 1;
    ASSERT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 9, nullptr, 0, &seen, &one));
    std::vector<opendext_call> batch(1000);
    const std::vector<uint8_t> large(10'000);
    for (opendext_call& call : batch) call.selector = 1;
    batch[10].inputStruct = large.data();
    batch[10].inputStructCnt = 100;
    batch[20].inputStruct = large.data();
    batch[20].inputStructCnt = large.size();
    uint32_t posted = 0;
    ASSERT_EQ(kIOReturnSuccess, opendext_connect_post(connect, batch.data(), 1000, 0, &posted))
        << opendext_last_error_reason();
    EXPECT_EQ(1000U, posted);
    // A call of this thread comes after them.
    ASSERT_EQ(kIOReturnSuccess, IOConnectCallScalarMethod(connect, 9, nullptr, 0, &seen, &one));
    EXPECT_EQ(1000U + 100 + 10'000, seen);
    batch[1].outputCount = 1;
    batch[1].output = &seen;
    EXPECT_EQ(kIOReturnBadArgument, opendext_connect_post(connect, batch.data(), 2, 0, &posted));
    EXPECT_EQ(1U, posted);
    EXPECT_EQ(kIOReturnBadArgument, opendext_connect_post(12345, batch.data(), 1, 0, &posted));
}

}  // namespace
}  // namespace opendext::fakes
