// SPDX-License-Identifier: Apache-2.0
// Queues and transactions.
#include "families/hid/client/tests/pad.h"

namespace hid_test {
namespace {

IOHIDElementRef axis(IOHIDDeviceRef device, int usage) {
    return element(device, {{kIOHIDElementUsagePageKey, kHIDPage_GenericDesktop},
                            {kIOHIDElementUsageKey, usage}});
}

CFIndex next(IOHIDQueueRef queue) {
    const auto value = io::CF<IOHIDValueRef>::adopt(IOHIDQueueCopyNextValue(queue));
    return value ? IOHIDValueGetIntegerValue(value.get()) : -1000;
}

CFIndex next_within(IOHIDQueueRef queue) {
    const auto value =
        io::CF<IOHIDValueRef>::adopt(IOHIDQueueCopyNextValueWithTimeout(queue, patience()));
    return value ? IOHIDValueGetIntegerValue(value.get()) : -1000;
}

// Facts: IOHIDQueueGetTypeID, IOHIDQueueCreate, IOHIDQueueGetDevice, IOHIDQueueGetDepth,
// Facts: IOHIDQueueSetDepth, IOHIDQueueAddElement, IOHIDQueueRemoveElement,
// Facts: IOHIDQueueContainsElement, IOHIDQueueStart, IOHIDQueueStop, IOHIDQueueCopyNextValue,
// Facts: IOHIDQueueCopyNextValueWithTimeout
TEST(HidQueue, KeepsTheValuesOfItsElementsInTheirOrder) {
    Pad pad;
    const auto device = pad.open();
    IOHIDElementRef x = axis(device.get(), kHIDUsage_GD_X);
    IOHIDElementRef y = axis(device.get(), kHIDUsage_GD_Y);
    const auto queue = io::CF<IOHIDQueueRef>::adopt(
        IOHIDQueueCreate(kCFAllocatorDefault, device.get(), 3, kIOHIDQueueOptionsTypeNone));
    ASSERT_TRUE(queue);
    EXPECT_EQ(CFGetTypeID(queue.get()), IOHIDQueueGetTypeID());
    EXPECT_EQ(IOHIDQueueGetDevice(queue.get()), device.get());
    EXPECT_EQ(IOHIDQueueGetDepth(queue.get()), 3);
    IOHIDQueueAddElement(queue.get(), x);
    IOHIDQueueAddElement(queue.get(), y);
    EXPECT_TRUE(IOHIDQueueContainsElement(queue.get(), y));
    IOHIDQueueRemoveElement(queue.get(), y);
    EXPECT_FALSE(IOHIDQueueContainsElement(queue.get(), y));
    pad.send(1, 1, 0, 0);
    // Nothing is taken before it is started; the value tells that the report came.
    IOHIDValueRef value = nullptr;
    ASSERT_TRUE(wait_until([&] {
        return IOHIDDeviceGetValue(device.get(), x, &value) == kIOReturnSuccess &&
               IOHIDValueGetIntegerValue(value) == 1;
    }));
    EXPECT_EQ(next(queue.get()), -1000);
    IOHIDQueueStart(queue.get());
    pad.send(2, 5, 0, 0);
    pad.send(2, 6, 0, 0);
    pad.send(3, 6, 0, 0);
    EXPECT_EQ(next_within(queue.get()), 2);
    EXPECT_EQ(next_within(queue.get()), 3) << "X did not change in between";
    EXPECT_EQ(next(queue.get()), -1000);
    for (int8_t i = 10; i < 15; ++i) pad.send(i, 0, 0, 0);
    ASSERT_TRUE(wait_until([&] {
        return IOHIDDeviceGetValue(device.get(), x, &value) == kIOReturnSuccess &&
               IOHIDValueGetIntegerValue(value) == 14;
    }));
    EXPECT_EQ(next(queue.get()), 12) << "the three newest";
    IOHIDQueueSetDepth(queue.get(), 1);
    EXPECT_EQ(IOHIDQueueGetDepth(queue.get()), 1);
    EXPECT_EQ(next(queue.get()), 14);
    IOHIDQueueStop(queue.get());
    const auto nothing =
        io::CF<IOHIDValueRef>::adopt(IOHIDQueueCopyNextValueWithTimeout(queue.get(), 0.01));
    EXPECT_FALSE(nothing);
    EXPECT_EQ(IOHIDQueueCreate(kCFAllocatorDefault, device.get(), 0, 0), nullptr);
    Pad other;
    const auto stranger = other.find();
    IOHIDQueueAddElement(queue.get(), axis(stranger.get(), kHIDUsage_GD_Y));
    EXPECT_FALSE(IOHIDQueueContainsElement(queue.get(), axis(stranger.get(), kHIDUsage_GD_Y)));
}

// Facts: IOHIDQueueRegisterValueAvailableCallback, IOHIDQueueScheduleWithRunLoop,
// Facts: IOHIDQueueUnscheduleFromRunLoop
TEST(HidQueue, TellsOnARunLoopThatValuesCame) {
    Pad pad;
    const auto device = pad.open();
    IOHIDElementRef x = axis(device.get(), kHIDUsage_GD_X);
    const auto queue = io::CF<IOHIDQueueRef>::adopt(
        IOHIDQueueCreate(kCFAllocatorDefault, device.get(), 10, kIOHIDQueueOptionsTypeEnqueueAll));
    IOHIDQueueAddElement(queue.get(), x);
    struct Told {
        int calls = 0;
        std::vector<CFIndex> values;
    } told;
    IOHIDQueueRegisterValueAvailableCallback(
        queue.get(),
        [](void* context, IOReturn result, void* sender) {
            EXPECT_EQ(result, kIOReturnSuccess);
            auto& own = *static_cast<Told*>(context);
            ++own.calls;
            for (CFIndex value = 0; (value = next(static_cast<IOHIDQueueRef>(sender))) != -1000;)
                own.values.push_back(value);
        },
        &told);
    IOHIDQueueScheduleWithRunLoop(queue.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    IOHIDQueueStart(queue.get());
    pad.send(4, 0, 0, 0);
    pad.send(4, 0, 0, 0);
    ASSERT_TRUE(run_until([&] { return told.values.size() == 2; })) << "unchanged ones, too";
    EXPECT_LE(told.calls, 2);
    IOHIDQueueUnscheduleFromRunLoop(queue.get(), CFRunLoopGetCurrent(), kCFRunLoopDefaultMode);
    pad.send(5, 0, 0, 0);
    EXPECT_EQ(next_within(queue.get()), 5);
    EXPECT_EQ(told.values.size(), 2U);
}

// Facts: IOHIDQueueSetDispatchQueue, IOHIDQueueActivate, IOHIDQueueCancel,
// Facts: IOHIDQueueSetCancelHandler
TEST(HidQueue, TellsOnADispatchQueueUntilItIsCancelled) {
    Pad pad;
    const auto device = pad.open();
    const auto queue = io::CF<IOHIDQueueRef>::adopt(
        IOHIDQueueCreate(kCFAllocatorDefault, device.get(), 10, kIOHIDQueueOptionsTypeNone));
    IOHIDQueueAddElement(queue.get(), axis(device.get(), kHIDUsage_GD_X));
    std::atomic<int> told = 0;
    std::atomic<bool> cancelled = false;
    std::atomic<bool>* const end = &cancelled;
    IOHIDQueueRegisterValueAvailableCallback(
        queue.get(),
        [](void* context, IOReturn, void*) { ++*static_cast<std::atomic<int>*>(context); }, &told);
    dispatch_queue_t work = dispatch_queue_create("test", DISPATCH_QUEUE_SERIAL);
    IOHIDQueueSetDispatchQueue(queue.get(), work);
    IOHIDQueueSetCancelHandler(queue.get(), ^{
      *end = true;
    });
    IOHIDQueueActivate(queue.get());
    IOHIDQueueStart(queue.get());
    pad.send(4, 0, 0, 0);
    EXPECT_TRUE(wait_until([&] { return told == 1; }));
    IOHIDQueueCancel(queue.get());
    EXPECT_TRUE(wait_until([&] { return cancelled.load(); }));
    dispatch_release(work);
}

IOHIDElementRef light(IOHIDDeviceRef device, int usage) {
    return element(device,
                   {{kIOHIDElementUsagePageKey, kHIDPage_LEDs}, {kIOHIDElementUsageKey, usage}});
}
IOHIDElementRef vendor(IOHIDDeviceRef device, int usage) {
    return element(device, {{kIOHIDElementUsagePageKey, 0xff00}, {kIOHIDElementUsageKey, usage}});
}

// Facts: IOHIDTransactionGetTypeID, IOHIDTransactionCreate, IOHIDTransactionGetDevice,
// Facts: IOHIDTransactionGetDirection, IOHIDTransactionSetDirection, IOHIDTransactionAddElement,
// Facts: IOHIDTransactionRemoveElement, IOHIDTransactionContainsElement, IOHIDTransactionSetValue,
// Facts: IOHIDTransactionGetValue, IOHIDTransactionCommit, IOHIDTransactionClear
TEST(HidTransaction, SendsItsValuesInOneReportAndItsDefaultsEachTime) {
    Pad pad;
    const auto device = pad.open();
    const auto transaction = io::CF<IOHIDTransactionRef>::adopt(
        IOHIDTransactionCreate(kCFAllocatorDefault, device.get(),
                               kIOHIDTransactionDirectionTypeOutput, kIOHIDTransactionOptionsNone));
    ASSERT_TRUE(transaction);
    EXPECT_EQ(CFGetTypeID(transaction.get()), IOHIDTransactionGetTypeID());
    EXPECT_EQ(IOHIDTransactionGetDevice(transaction.get()), device.get());
    IOHIDElementRef lights[] = {light(device.get(), 1), light(device.get(), 2),
                                light(device.get(), 3)};
    for (IOHIDElementRef one : lights) IOHIDTransactionAddElement(transaction.get(), one);
    IOHIDTransactionRemoveElement(transaction.get(), lights[2]);
    EXPECT_TRUE(IOHIDTransactionContainsElement(transaction.get(), lights[1]));
    EXPECT_FALSE(IOHIDTransactionContainsElement(transaction.get(), lights[2]));
    IOHIDTransactionSetValue(transaction.get(), lights[0], number(lights[0], 1).get(),
                             kIOHIDTransactionOptionDefaultOutputValue);
    IOHIDTransactionSetValue(transaction.get(), lights[1], number(lights[1], 1).get(), 0);
    IOHIDTransactionSetValue(transaction.get(), lights[2], number(lights[2], 1).get(), 0);
    EXPECT_EQ(IOHIDTransactionGetValue(transaction.get(), lights[2], 0), nullptr)
        << "not of the transaction";
    ASSERT_EQ(IOHIDTransactionCommit(transaction.get()), kIOReturnSuccess)
        << opendext_last_error_reason();
    EXPECT_EQ(pad.outputs(), (std::vector<Bytes>{{2, 3}}));
    EXPECT_EQ(IOHIDTransactionGetValue(transaction.get(), lights[1], 0), nullptr) << "it was sent";
    EXPECT_NE(IOHIDTransactionGetValue(transaction.get(), lights[0],
                                       kIOHIDTransactionOptionDefaultOutputValue),
              nullptr);
    IOHIDTransactionSetValue(transaction.get(), lights[1], number(lights[1], 0).get(), 0);
    IOHIDTransactionSetValue(transaction.get(), lights[0], number(lights[0], 0).get(), 0);
    ASSERT_EQ(IOHIDTransactionCommit(transaction.get()), kIOReturnSuccess);
    ASSERT_EQ(IOHIDTransactionCommit(transaction.get()), kIOReturnSuccess);
    EXPECT_EQ(pad.outputs(), (std::vector<Bytes>{{2, 3}, {2, 0}, {2, 1}})) << "the default again";
    IOHIDTransactionSetValue(transaction.get(), lights[1], number(lights[1], 1).get(), 0);
    IOHIDTransactionClear(transaction.get());
    EXPECT_EQ(IOHIDTransactionGetValue(transaction.get(), lights[1], 0), nullptr);

    EXPECT_EQ(IOHIDTransactionGetDirection(transaction.get()),
              kIOHIDTransactionDirectionTypeOutput);
    IOHIDTransactionSetDirection(transaction.get(), kIOHIDTransactionDirectionTypeInput);
    for (IOHIDElementRef one : lights) IOHIDTransactionRemoveElement(transaction.get(), one);
    IOHIDElementRef first = vendor(device.get(), 0x20);
    IOHIDElementRef second = vendor(device.get(), 0x21);
    IOHIDTransactionAddElement(transaction.get(), first);
    IOHIDTransactionAddElement(transaction.get(), second);
    ASSERT_EQ(IOHIDTransactionCommit(transaction.get()), kIOReturnSuccess);
    EXPECT_EQ(IOHIDValueGetIntegerValue(IOHIDTransactionGetValue(transaction.get(), first, 0)),
              0x1234);
    EXPECT_EQ(IOHIDValueGetIntegerValue(IOHIDTransactionGetValue(transaction.get(), second, 0)),
              0x5678);
}

// Facts: IOHIDTransactionCommitWithCallback, IOHIDTransactionScheduleWithRunLoop,
// Facts: IOHIDTransactionUnscheduleFromRunLoop
TEST(HidTransaction, TellsByCallBackWhatBecameOfIt) {
    Pad pad;
    const auto device = pad.open();
    const auto transaction = io::CF<IOHIDTransactionRef>::adopt(
        IOHIDTransactionCreate(kCFAllocatorDefault, device.get(),
                               kIOHIDTransactionDirectionTypeInput, kIOHIDTransactionOptionsNone));
    IOHIDElementRef first = vendor(device.get(), 0x20);
    IOHIDTransactionAddElement(transaction.get(), first);
    IOHIDTransactionScheduleWithRunLoop(transaction.get(), CFRunLoopGetCurrent(),
                                        kCFRunLoopDefaultMode);
    struct Told {
        bool done = false;
        IOReturn result = 0;
        void* sender = nullptr;
    };
    const IOHIDCallback take = [](void* context, IOReturn result, void* sender) {
        *static_cast<Told*>(context) = {true, result, sender};
    };
    Told told;
    ASSERT_EQ(IOHIDTransactionCommitWithCallback(transaction.get(), 10, take, &told),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return told.done; }));
    EXPECT_EQ(told.result, kIOReturnSuccess);
    EXPECT_EQ(told.sender, transaction.get());
    EXPECT_EQ(IOHIDValueGetIntegerValue(IOHIDTransactionGetValue(transaction.get(), first, 0)),
              0x1234);
    pad.silent = true;
    Told late;
    ASSERT_EQ(IOHIDTransactionCommitWithCallback(transaction.get(), 0.05, take, &late),
              kIOReturnSuccess);
    ASSERT_TRUE(run_until([&] { return late.done; }));
    EXPECT_EQ(late.result, kIOReturnTimeout);
    IOHIDTransactionUnscheduleFromRunLoop(transaction.get(), CFRunLoopGetCurrent(),
                                          kCFRunLoopDefaultMode);
}

// Facts: IOHIDTransactionCreate, IOHIDTransactionGetDevice
TEST(HidTransaction, NeedNotKeepItsDevice) {
    Pad pad;
    io::CF<IOHIDTransactionRef> transaction;
    {
        const auto device = pad.find();
        transaction = io::CF<IOHIDTransactionRef>::adopt(IOHIDTransactionCreate(
            kCFAllocatorDefault, device.get(), kIOHIDTransactionDirectionTypeOutput,
            kIOHIDTransactionOptionsWeakDevice));
        EXPECT_EQ(CFGetRetainCount(device.get()), 1);
        EXPECT_EQ(IOHIDTransactionGetDevice(transaction.get()), device.get());
    }
    EXPECT_EQ(IOHIDTransactionGetDevice(transaction.get()), nullptr);
    EXPECT_EQ(IOHIDTransactionCommit(transaction.get()), kIOReturnNoDevice);
}

}  // namespace
}  // namespace hid_test
