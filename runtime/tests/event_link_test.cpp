// SPDX-License-Identifier: Apache-2.0
// IOEventLink and IOWorkGroup.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "rpc/fd.h"
#include "runtime/tests/sources_fixture.h"

namespace {

OSSharedPtr<OSString> string(const std::string& text) {
    return OSSharedPtr<OSString>(OSString::withCString(text.c_str()), OSNoRetain);
}

class WithClient : public testing::Test {
  protected:
    WithClient() { client_ = OSTypeAlloc(RuntimeTestClient); }
    ~WithClient() override {
        EXPECT_EQ(client_->getRetainCount(), 1u) << "the user client is still retained";
        client_->release();
    }
    RuntimeTestClient* client_ = nullptr;
};

class EventLink : public WithClient {
  protected:
    OSSharedPtr<IOEventLink> make(const std::string& name) {
        IOEventLink* link = nullptr;
        EXPECT_EQ(IOEventLink::Create(string(name).get(), client_, &link), kIOReturnSuccess);
        return OSSharedPtr<IOEventLink>(link, OSNoRetain);
    }
    OSSharedPtr<IOEventLink> make_active(const std::string& name) {
        auto link = make(name);
        EXPECT_EQ(link->Activate(), kIOReturnSuccess);
        return link;
    }
};

// Facts: IOEventLink.Create, IOEventLink.init
TEST_F(EventLink, NamesAreBounded) {
    IOEventLink* link = nullptr;
    const auto longest = string(std::string(kIOEventLinkMaxNameLength, 'x'));
    const auto too_long = string(std::string(kIOEventLinkMaxNameLength + 1, 'x'));
    EXPECT_EQ(IOEventLink::Create(too_long.get(), client_, &link), kIOReturnBadArgument);
    EXPECT_EQ(link, nullptr);
    EXPECT_EQ(IOEventLink::Create(string("").get(), client_, &link), kIOReturnBadArgument);
    EXPECT_EQ(IOEventLink::Create(nullptr, client_, &link), kIOReturnBadArgument);
    EXPECT_EQ(IOEventLink::Create(longest.get(), nullptr, &link), kIOReturnBadArgument);
    EXPECT_EQ(IOEventLink::Create(longest.get(), client_, &link), kIOReturnSuccess);
    link->release();
    link = OSTypeAlloc(IOEventLink);  // init() alone: a link without memory
    EXPECT_EQ(link->Activate(), kIOReturnNotReady);
    link->release();
}

// Facts: IOEventLink.Activate
TEST_F(EventLink, HasTwoEnds) {
    const auto first = make("two ends");
    EXPECT_EQ(first->Signal(), kIOReturnNotReady);
    EXPECT_EQ(first->Associate(0), kIOReturnNotReady);
    EXPECT_EQ(first->Activate(), kIOReturnSuccess);
    EXPECT_EQ(first->Activate(), kIOReturnBusy);
    const auto second = make_active("two ends");
    const auto third = make("two ends");
    EXPECT_EQ(third->Activate(), kIOReturnNoResources);
    const auto other = make_active("another link");
}

// Facts: IOEventLink.Signal, IOEventLink.Wait
TEST_F(EventLink, SignalsAreCountedUntilTheyAreConsumed) {
    const auto first = make_active("count");
    const auto second = make_active("count");
    ASSERT_EQ(second->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(first->Signal(), kIOReturnSuccess);
    uint64_t consumed = 0;
    EXPECT_EQ(second->Wait(&consumed), kIOReturnSuccess);
    EXPECT_EQ(consumed, 3u);
    EXPECT_EQ(first->Signal(), kIOReturnSuccess);
    EXPECT_EQ(second->Wait(nullptr), kIOReturnSuccess);
}

// Facts: IOEventLink.WaitUntil
TEST_F(EventLink, AWaitEndsAtItsTime) {
    const auto first = make_active("time");
    const auto second = make_active("time");
    ASSERT_EQ(second->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
    uint64_t consumed = 9;
    const uint64_t deadline = mach_absolute_time() + 5 * kMillisecond;
    EXPECT_EQ(second->WaitUntil(kIOEventLinkClockMachAbsoluteTime, deadline, &consumed),
              kIOReturnTimeout);
    EXPECT_GE(mach_absolute_time(), deadline);
    EXPECT_EQ(consumed, 0u);
    EXPECT_EQ(second->WaitUntil(7, deadline, &consumed), kIOReturnBadArgument);
    EXPECT_EQ(first->Signal(), kIOReturnSuccess);
    EXPECT_EQ(second->WaitUntil(kIOEventLinkClockMachAbsoluteTime, deadline, &consumed),
              kIOReturnSuccess);  // a signal counts even when the time is over
    EXPECT_EQ(consumed, 1u);
}

// Facts: IOEventLink.Associate, IOEventLink.Disassociate
TEST_F(EventLink, OnlyTheAssociatedThreadWaits) {
    const auto first = make_active("thread");
    const auto second = make_active("thread");
    IOEventLink* end = second.get();
    EXPECT_EQ(end->Wait(nullptr), kIOReturnNotAttached);
    EXPECT_EQ(end->Disassociate(), kIOReturnNotAttached);
    EXPECT_EQ(end->Associate(5), kIOReturnBadArgument);
    ASSERT_EQ(end->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
    EXPECT_EQ(end->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnBusy);
    ASSERT_EQ(first->Signal(), kIOReturnSuccess);
    std::thread([end] { EXPECT_EQ(end->Wait(nullptr), kIOReturnNotPermitted); }).join();
    EXPECT_EQ(end->Disassociate(), kIOReturnSuccess);
    // The thread that waits first becomes the one.
    ASSERT_EQ(end->Associate(kIOEventLinkAssociateOnWait), kIOReturnSuccess);
    std::thread([end] { EXPECT_EQ(end->Wait(nullptr), kIOReturnSuccess); }).join();
    EXPECT_EQ(end->Wait(nullptr), kIOReturnNotPermitted);
}

// Facts: IOEventLink.SignalAndWait, IOEventLink.SignalAndWaitUntil
TEST_F(EventLink, TwoThreadsTakeTurns) {
    constexpr int kRounds = 2000;
    const auto first = make_active("turns");
    const auto second = make_active("turns");
    IOEventLink* there = second.get();
    auto value = std::make_shared<int>(0);  // no lock: the turns are the exclusion
    std::thread partner([there, value] {
        ASSERT_EQ(there->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
        uint64_t consumed = 0;
        ASSERT_EQ(there->Wait(&consumed), kIOReturnSuccess);
        for (int i = 0; i < kRounds; ++i) {
            EXPECT_EQ(*value, 2 * i + 1);
            ++*value;
            if (i + 1 == kRounds) break;
            ASSERT_EQ(there->SignalAndWait(&consumed), kIOReturnSuccess);
            EXPECT_EQ(consumed, 1u);
        }
        EXPECT_EQ(there->Signal(), kIOReturnSuccess);
    });
    ASSERT_EQ(first->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
    EXPECT_EQ(first->SignalAndWaitUntil(3, 0, nullptr), kIOReturnBadArgument);
    for (int i = 0; i < kRounds; ++i) {
        EXPECT_EQ(*value, 2 * i);
        ++*value;
        uint64_t consumed = 0;
        const uint64_t far = mach_absolute_time() + 30000 * kMillisecond;
        ASSERT_EQ(first->SignalAndWaitUntil(kIOEventLinkClockMachAbsoluteTime, far, &consumed),
                  kIOReturnSuccess);
        EXPECT_EQ(consumed, 1u);
    }
    partner.join();
    EXPECT_EQ(*value, 2 * kRounds);
}

/// Until the thread that puts its id there sleeps in the kernel.
void wait_until_asleep(const std::atomic<pid_t>& tid) {
    const uint64_t end = mach_absolute_time() + 60000 * kMillisecond;
    for (char state = 0; state != 'S'; IOSleep(1)) {
        ASSERT_LT(mach_absolute_time(), end);
        std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
        std::string word;
        if (tid != 0) file >> word >> word >> state;
    }
}

// Facts: IOEventLink.Cancel
TEST_F(EventLink, CancelWakesTheWaiterOfTheOtherEnd) {
    const auto first = make_active("cancel");
    const auto second = make_active("cancel");
    IOEventLink* there = second.get();
    EXPECT_EQ(there->Associate(kIOEventLinkAssociateOnWait), kIOReturnSuccess);
    std::atomic<pid_t> tid{0};
    std::thread waiter([there, &tid] {
        tid = gettid();
        uint64_t consumed = 1;
        EXPECT_EQ(there->Wait(&consumed), kIOReturnAborted);
        EXPECT_EQ(consumed, 0u);
    });
    wait_until_asleep(tid);
    EXPECT_EQ(first->Cancel(), kIOReturnSuccess);
    waiter.join();
    EXPECT_EQ(first->Signal(), kIOReturnAborted);
    EXPECT_EQ(second->Cancel(), kIOReturnAborted);
}

// Facts: IOEventLink.Invalidate, IOEventLink.InvalidateKernel, IOEventLink.free
TEST_F(EventLink, InvalidateGivesUpTheNameAndEndsTheLink) {
    const auto first = make_active("invalid");
    const auto second = make_active("invalid");
    EXPECT_EQ(first->Invalidate(), kIOReturnSuccess);
    EXPECT_EQ(first->Invalidate(), kIOReturnAborted);
    EXPECT_EQ(first->Activate(), kIOReturnAborted);
    EXPECT_EQ(second->Signal(), kIOReturnAborted);
    // A new link of that name has nothing to do with the old one.
    {
        const auto again = make_active("invalid");
        EXPECT_EQ(again->Signal(), kIOReturnSuccess);
        EXPECT_EQ(again->InvalidateKernel(nullptr), kIOReturnBadArgument);
        EXPECT_EQ(again->InvalidateKernel(client_), kIOReturnSuccess);
        const auto fresh = make_active("invalid");
        EXPECT_EQ(fresh->Associate(kIOEventLinkAssociateCurrentThread), kIOReturnSuccess);
        EXPECT_EQ(fresh->WaitUntil(0, 1, nullptr), kIOReturnTimeout) << "no signal of the other";
    }
    // free() of an end ends the link for the other one.
    auto one = make_active("freed");
    const auto other = make_active("freed");
    one.reset();
    EXPECT_EQ(other->Signal(), kIOReturnAborted);
}

// Facts: IOEventLink.SetEventlinkPort
TEST_F(EventLink, APortIsADescriptorOfTheLinksMemory) {
    auto memory = opendext::make_sealed_memory("link", 4096);
    ASSERT_TRUE(memory.ok());
    const auto port = static_cast<mach_port_t>(memory->get());
    OSSharedPtr<IOEventLink> ends[2];
    for (auto& end : ends) {
        end = OSSharedPtr<IOEventLink>(OSTypeAlloc(IOEventLink), OSNoRetain);
        ASSERT_EQ(end->SetEventlinkPort(port), kIOReturnSuccess);
        ASSERT_EQ(end->Activate(), kIOReturnSuccess);
        EXPECT_EQ(end->SetEventlinkPort(port), kIOReturnBusy);
        ASSERT_EQ(end->Associate(kIOEventLinkAssociateOnWait), kIOReturnSuccess);
    }
    EXPECT_EQ(ends[0]->Signal(), kIOReturnSuccess);
    uint64_t consumed = 0;
    EXPECT_EQ(ends[1]->Wait(&consumed), kIOReturnSuccess);
    EXPECT_EQ(consumed, 1u);

    const auto link = OSSharedPtr<IOEventLink>(OSTypeAlloc(IOEventLink), OSNoRetain);
    testing::internal::CaptureStderr();
    EXPECT_EQ(link->SetEventlinkPort(MACH_PORT_NULL), kIOReturnBadArgument);
    EXPECT_EQ(link->SetEventlinkPort(0xffffff), kIOReturnBadArgument);
    testing::internal::GetCapturedStderr();
}

class WorkGroup : public WithClient {
  protected:
    OSSharedPtr<IOWorkGroup> make(const std::string& name) {
        IOWorkGroup* group = nullptr;
        EXPECT_EQ(IOWorkGroup::Create(string(name).get(), client_, &group), kIOReturnSuccess);
        return OSSharedPtr<IOWorkGroup>(group, OSNoRetain);
    }
    template <typename Work>
    static std::string log_of(Work work) {
        testing::internal::CaptureStderr();
        work();
        return testing::internal::GetCapturedStderr();
    }
};

// Facts: IOWorkGroup.Create, IOWorkGroup.init, IOWorkGroup.free
TEST_F(WorkGroup, NamesAreBounded) {
    IOWorkGroup* group = nullptr;
    const auto longest = string(std::string(kIOWorkGroupMaxNameLength, 'x'));
    const auto too_long = string(std::string(kIOWorkGroupMaxNameLength + 1, 'x'));
    EXPECT_EQ(IOWorkGroup::Create(too_long.get(), client_, &group), kIOReturnBadArgument);
    EXPECT_EQ(group, nullptr);
    EXPECT_EQ(IOWorkGroup::Create(longest.get(), nullptr, &group), kIOReturnBadArgument);
    EXPECT_EQ(IOWorkGroup::Create(longest.get(), client_, &group), kIOReturnSuccess);
    EXPECT_EQ(client_->getRetainCount(), 2u);
    group->release();  // free() lets the user client go
    EXPECT_EQ(client_->getRetainCount(), 1u);
    group = OSTypeAlloc(IOWorkGroup);  // init() alone: a group without memory
    std::vector<uint8_t> token(group->GetTokenSize());
    EXPECT_EQ(group->Join(token.data()), kIOReturnNotReady);
    group->release();
}

// Facts: IOWorkGroup.Join, IOWorkGroup.Leave, IOWorkGroup.GetTokenSize
TEST_F(WorkGroup, AThreadIsInOneGroupAtATime) {
    const auto group = make("one");
    const auto other = make("other");
    ASSERT_GT(group->GetTokenSize(), 0u);
    std::vector<uint8_t> token(group->GetTokenSize());
    std::vector<uint8_t> second(group->GetTokenSize());
    EXPECT_EQ(group->Join(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(group->Leave(nullptr), kIOReturnBadArgument);
    const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
    ASSERT_EQ(group->Join(token.data()), kIOReturnSuccess);
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1) << "timed waits have no slack";
    const std::string log = log_of([&] {
        EXPECT_EQ(other->Join(second.data()), kIOReturnBusy);
        EXPECT_EQ(other->Leave(token.data()), kIOReturnBadArgument);
        IOWorkGroup* raw = group.get();
        std::thread([&] { EXPECT_EQ(raw->Leave(token.data()), kIOReturnNotPermitted); }).join();
    });
    EXPECT_NE(log.find("in a work group already"), std::string::npos) << log;
    EXPECT_EQ(group->Leave(token.data()), kIOReturnSuccess);
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), slack);
    (void)log_of([&] { EXPECT_EQ(group->Leave(token.data()), kIOReturnBadArgument); });
    EXPECT_EQ(other->Join(second.data()), kIOReturnSuccess);
    EXPECT_EQ(other->Leave(second.data()), kIOReturnSuccess);
}

// Facts: IOWorkGroup.Invalidate, IOWorkGroup.InvalidateKernel
TEST_F(WorkGroup, NobodyJoinsAnInvalidGroupThroughWhicheverObject) {
    const auto group = make("shared");
    const auto same = make("shared");
    std::vector<uint8_t> token(group->GetTokenSize());
    ASSERT_EQ(same->Join(token.data()), kIOReturnSuccess);
    EXPECT_EQ(group->Invalidate(), kIOReturnSuccess);
    EXPECT_EQ(group->Invalidate(), kIOReturnAborted);
    EXPECT_EQ(same->Leave(token.data()), kIOReturnSuccess) << "members may still leave";
    EXPECT_EQ(same->Join(token.data()), kIOReturnAborted);
    const auto fresh = make("shared");
    EXPECT_EQ(fresh->Join(token.data()), kIOReturnSuccess);
    EXPECT_EQ(fresh->Leave(token.data()), kIOReturnSuccess);
    EXPECT_EQ(fresh->InvalidateKernel(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(fresh->InvalidateKernel(client_), kIOReturnSuccess);
}

// Facts: IOWorkGroup.SetWorkGroupPort
TEST_F(WorkGroup, APortIsADescriptorOfTheGroupsMemory) {
    auto memory = opendext::make_sealed_memory("group", 4096);
    ASSERT_TRUE(memory.ok());
    auto view =
        opendext::Mapping::map(memory->get(), 0, 4096, opendext::Mapping::Access::read_write);
    ASSERT_TRUE(view.ok());
    uint32_t* members = view->at<uint32_t>(0);
    const auto group = OSSharedPtr<IOWorkGroup>(OSTypeAlloc(IOWorkGroup), OSNoRetain);
    ASSERT_EQ(group->SetWorkGroupPort(static_cast<mach_port_t>(memory->get())), kIOReturnSuccess);
    std::vector<uint8_t> token(group->GetTokenSize());
    ASSERT_EQ(group->Join(token.data()), kIOReturnSuccess);
    EXPECT_EQ(__atomic_load_n(members, __ATOMIC_ACQUIRE), 1u);
    EXPECT_EQ(group->SetWorkGroupPort(static_cast<mach_port_t>(memory->get())), kIOReturnBusy);
    ASSERT_EQ(group->Leave(token.data()), kIOReturnSuccess);
    EXPECT_EQ(__atomic_load_n(members, __ATOMIC_ACQUIRE), 0u);
    __atomic_store_n(members + 1, 1, __ATOMIC_RELEASE);  // the other side has ended it
    EXPECT_EQ(group->Join(token.data()), kIOReturnAborted);
    (void)log_of([&] { EXPECT_EQ(group->SetWorkGroupPort(MACH_PORT_NULL), kIOReturnBadArgument); });
}

}  // namespace
