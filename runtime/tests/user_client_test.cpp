// SPDX-License-Identifier: Apache-2.0
// Calls of client programs: docs/facts/semantics.md section 8.
#include <fcntl.h>

#include <atomic>
#include <thread>

#include "rpc/arena.h"
#include "runtime/tests/user_client_fixture.h"

using namespace opendext;
using namespace opendext::protocol;
namespace uc = opendext::protocol::user_client;

namespace {

TEST_F(UserClientTest, ScalarsGoInAndComeBack) {
    const auto result = program_->call(make_call(kSum, {40, 2}, 1));
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.scalars, std::vector<uint64_t>{42});
}

TEST_F(UserClientTest, SixteenScalarsEachWay) {
    Hooks::shared().external = [](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        EXPECT_EQ(arguments->scalarInputCount, 16u);
        EXPECT_EQ(arguments->scalarOutputCount, 16u);
        for (int i = 0; i < 16; ++i) {
            EXPECT_EQ(arguments->scalarOutput[i], 0u) << "not what an earlier call left";
            arguments->scalarOutput[i] = arguments->scalarInput[i] + 1;
        }
        return kIOReturnSuccess;
    };
    std::vector<uint64_t> in(16), out(16);
    for (uint64_t i = 0; i < 16; ++i) {
        in[i] = i * i;
        out[i] = i * i + 1;
    }
    for (int i = 0; i < 2; ++i) EXPECT_EQ(program_->call(make_call(kHook, in, 16)).scalars, out);
}

TEST_F(UserClientTest, AMethodMayReturnFewerScalarsButNotMore) {
    uint32_t count = 1;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        arguments->scalarOutput[0] = 7;
        arguments->scalarOutputCount = count;
        return kIOReturnSuccess;
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 4)).scalars, std::vector<uint64_t>{7});
    count = 5;
    const auto refused = program_->call(make_call(kHook, {}, 4));
    EXPECT_EQ(refused.io_return, kIOReturnBadArgument);
    EXPECT_NE(refused.reason.find("more output scalars"), std::string::npos) << refused.reason;
    EXPECT_TRUE(refused.scalars.empty());
}

// Facts: IOUserClientMethodArguments, kIOUserClientMethodArgumentsCurrentVersion
TEST_F(UserClientTest, ArgumentsAreOfVersionTwo) {
    Hooks::shared().external = [](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        EXPECT_EQ(arguments->version, 2u);
        EXPECT_EQ(arguments->version, uint64_t{kIOUserClientMethodArgumentsCurrentVersion});
        EXPECT_EQ(arguments->selector, kHook + 5);
        EXPECT_EQ(arguments->completion, nullptr);
        EXPECT_EQ(arguments->structureInput, nullptr);
        EXPECT_EQ(arguments->structureInputDescriptor, nullptr);
        EXPECT_EQ(arguments->structureOutput, nullptr);
        EXPECT_EQ(arguments->structureOutputDescriptor, nullptr);
        EXPECT_EQ(arguments->structureOutputMaximumSize, 0u);
        return kIOReturnSuccess;
    };
    EXPECT_EQ(program_->call(make_call(kHook + 5, {}, 0)).io_return, kIOReturnSuccess);
}

/// One call of the super class's ExternalMethod with this dispatch entry.
struct Checked {
    IOUserClientMethodDispatch entry;
    Request request;
    int32_t result;
    const char* reason;
};

// Facts: IOUserClient.ExternalMethod, IOUserClientMethodDispatch
TEST_F(UserClientTest, EachCheckOfADispatchEntryHasItsErrorAndReason) {
    constexpr uint32_t kAny = kIOUserClientVariableStructureSize;
    const auto ran = [](OSObject* target, void* reference,
                        IOUserClientMethodArguments*) -> kern_return_t {
        EXPECT_EQ(reference, target);
        return kIOReturnStillOpen;  // a result of the function's own
    };
    Request plain = make_call(kHook, {1, 2}, 1);
    Request structures = make_call(kHook, {}, 0);
    structures.structure = {1, 2, 3};
    structures.room = 8;
    Request asynchronous = make_call(kHook, {}, 0);
    asynchronous.completion = 1;
    const Checked checks[] = {
        {{ran, kAny, kAny, kAny, kAny, kAny}, plain, kIOReturnStillOpen, ""},
        {{ran, kAny, kAny, kAny, kAny, kAny}, structures, kIOReturnStillOpen, ""},
        {{ran, kAny, kAny, kAny, kAny, kAny}, asynchronous, kIOReturnStillOpen, ""},
        {{ran, 0, 2, 0, 1, 0}, plain, kIOReturnStillOpen, ""},
        {{ran, 0, 0, 3, 0, 8}, structures, kIOReturnStillOpen, ""},
        {{ran, 1, 0, 0, 0, 0}, asynchronous, kIOReturnStillOpen, ""},
        {{ran, 1, 2, 0, 1, 0}, plain, kIOReturnBadArgument, "completion is 0, the driver wants 1"},
        {{ran, 0, 0, 0, 0, 0},
         asynchronous,
         kIOReturnBadArgument,
         "completion is 1, the driver wants 0"},
        {{ran, 0, 3, 0, 1, 0},
         plain,
         kIOReturnBadArgument,
         "input scalars is 2, the driver wants 3"},
        {{ran, 0, 2, 1, 1, 0},
         plain,
         kIOReturnBadArgument,
         "input structure is 0, the driver wants 1"},
        {{ran, 0, 0, 4, 0, 8},
         structures,
         kIOReturnBadArgument,
         "input structure is 3, the driver wants 4"},
        {{ran, 0, 2, 0, 0, 0},
         plain,
         kIOReturnBadArgument,
         "output scalars is 1, the driver wants 0"},
        {{ran, 0, 2, 0, 1, 1},
         plain,
         kIOReturnBadArgument,
         "output structure is 0, the driver wants 1"},
        {{ran, 0, 0, 3, 0, 9},
         structures,
         kIOReturnBadArgument,
         "output structure is 8, the driver wants 9"},
        {{nullptr, 0, 2, 0, 1, 0}, plain, kIOReturnNoCompletion, "no function"},
        {{nullptr, 0, 1, 0, 1, 0}, plain, kIOReturnBadArgument, "input scalars"},
    };
    const IOUserClientMethodDispatch* entry = nullptr;
    Hooks::shared().external = [&](IOUserClient* client, IOUserClientMethodArguments* arguments) {
        return client->IOUserClient::ExternalMethod(arguments->selector, arguments, entry, client,
                                                    client);
    };
    for (const Checked& check : checks) {
        entry = &check.entry;
        const Answer answer = program_->call(check.request);
        EXPECT_EQ(answer.io_return, check.result) << check.reason;
        EXPECT_NE(answer.reason.find(check.reason), std::string::npos) << answer.reason;
        EXPECT_EQ(answer.reason.empty(), *check.reason == '\0') << answer.reason;
    }
    entry = nullptr;
    const Answer unknown = program_->call(plain);
    EXPECT_EQ(unknown.io_return, kIOReturnUnsupported);
    EXPECT_NE(unknown.reason.find("selector 100"), std::string::npos) << unknown.reason;
}

TEST_F(UserClientTest, ADriverMayDoTheWorkOfAnEntryWithoutFunction) {
    Hooks::shared().external = [](IOUserClient* client,
                                  IOUserClientMethodArguments* arguments) -> int {
        const IOUserClientMethodDispatch entry{nullptr, 0, 0, 0, 1, 0};
        const kern_return_t checked = client->IOUserClient::ExternalMethod(
            arguments->selector, arguments, &entry, client, nullptr);
        EXPECT_EQ(checked, kIOReturnNoCompletion);
        arguments->scalarOutput[0] = 5;
        return kIOReturnSuccess;
    };
    const Answer answer = program_->call(make_call(kHook, {}, 1));
    EXPECT_EQ(answer.io_return, kIOReturnSuccess);
    EXPECT_TRUE(answer.reason.empty()) << "no reason of a check that the driver made up for";
    EXPECT_EQ(answer.scalars, std::vector<uint64_t>{5});
}

TEST_F(UserClientTest, CountsThatTheTableDoesNotAllowAreBadArguments) {
    EXPECT_EQ(program_->call(make_call(kSum, {40}, 1)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(program_->call(make_call(kSum, {40, 2, 3}, 1)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(program_->call(make_call(kSum, {40, 2}, 0)).io_return, kIOReturnBadArgument);
    EXPECT_EQ(program_->call(make_call(kNoFunction, {}, 0)).io_return, kIOReturnNoCompletion);
    EXPECT_EQ(program_->call(make_call(kUnknown, {}, 0)).io_return, kIOReturnUnsupported);
    EXPECT_TRUE(program_->works());
}

TEST_F(UserClientTest, SmallStructuresTravelInTheFrame) {
    auto request = make_call(kReverse, {}, 0);
    request.structure = {1, 2, 3, 4};
    request.room = 4;
    const auto result = program_->call(request);
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.structure, (std::vector<uint8_t>{4, 3, 2, 1}));
    request.structure->clear();  // zero bytes: the driver sees NULL
    EXPECT_EQ(program_->call(request).io_return, kIOReturnUnderrun);
    request.structure = std::vector<uint8_t>(uc::kMaxInbandStructure, 9);
    request.room = uc::kMaxInbandStructure;
    EXPECT_EQ(program_->call(request).structure, *request.structure);
}

TEST_F(UserClientTest, InputThatTheDriverKeepsStaysAsItWas) {
    std::vector<OSData*> kept;
    std::vector<std::vector<uint8_t>> seen;
    bool keep = true;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        OSData* input = arguments->structureInput;
        const auto* bytes = static_cast<const uint8_t*>(input->getBytesNoCopy());
        seen.emplace_back(bytes, bytes + input->getLength());
        input->appendBytes("changed", 7);  // it is the driver's
        if (!keep) return kIOReturnSuccess;
        input->retain();
        kept.push_back(input);
        return kIOReturnSuccess;
    };
    auto request = make_call(kHook, {}, 0);
    std::vector<std::vector<uint8_t>> sent;
    for (const bool keeps : {true, true, false, false, false, true}) {
        keep = keeps;
        for (const size_t size : {size_t{64}, size_t{1}, uc::kMaxInbandStructure, size_t{20}}) {
            sent.emplace_back(size, static_cast<uint8_t>(sent.size() + 1));
            request.structure = sent.back();
            EXPECT_EQ(program_->call(request).io_return, kIOReturnSuccess);
        }
    }
    EXPECT_EQ(seen, sent);
    ASSERT_EQ(kept.size(), 12u);
    for (size_t i = 0; i < kept.size(); ++i) {
        const std::vector<uint8_t>& was = sent[i < 8 ? i : i + 12];
        EXPECT_EQ(kept[i]->getLength(), was.size() + 7);
        EXPECT_EQ(memcmp(kept[i]->getBytesNoCopy(), was.data(), was.size()), 0);
        EXPECT_EQ(kept[i]->getRetainCount(), 1u);
        kept[i]->release();
    }
}

TEST_F(UserClientTest, OutputThatTheDriverKeepsStaysAsItWas) {
    enum class Kind { fresh, kept, input, grown, borrowed };
    std::vector<OSData*> kept;
    static uint8_t own[] = {1, 2, 3};
    Kind kind = Kind::fresh;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        OSData* input = arguments->structureInput;
        const void* bytes = input->getBytesNoCopy();
        OSData*& output = arguments->structureOutput;
        switch (kind) {
            case Kind::fresh:
            case Kind::kept:
                output = OSData::withBytes(bytes, input->getLength());
                break;
            case Kind::input:
                output = input;
                output->retain();
                break;
            case Kind::grown:
                output = OSData::withCapacity(1U << 20);
                output->appendBytes(input);
                break;
            case Kind::borrowed:
                output = OSData::withBytesNoCopy(own, sizeof own);
                break;
        }
        if (kind != Kind::kept) return kIOReturnSuccess;
        output->retain();
        kept.push_back(output);
        return kIOReturnSuccess;
    };
    auto request = make_call(kHook, {}, 0);
    request.room = uc::kMaxInbandStructure;
    std::vector<std::vector<uint8_t>> expected;
    for (int round = 0; round < 3; ++round) {
        for (const Kind next :
             {Kind::fresh, Kind::kept, Kind::input, Kind::grown, Kind::borrowed, Kind::fresh}) {
            kind = next;
            request.structure = std::vector<uint8_t>(20 + kept.size(), static_cast<uint8_t>(round));
            const Answer answer = program_->call(request);
            EXPECT_EQ(answer.io_return, kIOReturnSuccess);
            EXPECT_EQ(answer.structure, kind == Kind::borrowed ? std::vector<uint8_t>({1, 2, 3})
                                                               : *request.structure);
            if (kind == Kind::kept) expected.push_back(*request.structure);
        }
    }
    ASSERT_EQ(kept.size(), expected.size());
    for (size_t i = 0; i < kept.size(); ++i) {
        EXPECT_TRUE(kept[i]->isEqualTo(expected[i].data(), expected[i].size()));
        EXPECT_EQ(kept[i]->getRetainCount(), 1u);
        kept[i]->release();
    }
}

TEST_F(UserClientTest, InputIsNoOutputWithoutAReferenceOfItsOwn) {
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        arguments->structureOutput = arguments->structureInput;
        return kIOReturnSuccess;
    };
    auto request = make_call(kHook, {}, 0);
    request.structure = {1, 2, 3};
    request.room = 3;
    const Answer refused = program_->call(request);
    EXPECT_EQ(refused.io_return, kIOReturnBadArgument);
    EXPECT_NE(refused.reason.find("without a reference of its own"), std::string::npos);
    EXPECT_TRUE(program_->works());
}

TEST_F(UserClientTest, OutputLargerThanTheClientsRoomIsABadArgument) {
    auto request = make_call(kTooMuch, {}, 0);
    request.room = 15;
    const auto refused = program_->call(request);
    EXPECT_EQ(refused.io_return, kIOReturnBadArgument);
    EXPECT_NE(refused.reason.find("16 bytes, the client has room for 15"), std::string::npos)
        << refused.reason;
    EXPECT_TRUE(refused.structure.empty());
    request.room = 16;
    EXPECT_EQ(program_->call(request).structure.size(), 16u);
}

TEST_F(UserClientTest, AClientMayTakeOutputOfAnySize) {
    size_t size = 0;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        EXPECT_EQ(arguments->structureOutputMaximumSize, 0xffffffffu);
        EXPECT_EQ(arguments->structureOutputDescriptor, nullptr);
        const std::vector<uint8_t> bytes(size, 0x5a);
        arguments->structureOutput = OSData::withBytes(bytes.data(), bytes.size());
        return kIOReturnSuccess;
    };
    auto request = make_call(kHook, {}, 0);
    request.flags = uc::call_flags::any_size;
    for (const size_t wanted : {size_t{0}, size_t{1}, uc::kMaxInbandStructure}) {
        size = wanted;
        const Answer answer = program_->call(request);
        EXPECT_EQ(answer.structure, std::vector<uint8_t>(size, 0x5a));
        EXPECT_EQ(answer.flags, 0);
    }
    for (const size_t wanted : {uc::kMaxInbandStructure + 1, size_t{3} << 20}) {
        size = wanted;
        const Answer answer = program_->call(request);
        EXPECT_EQ(answer.flags, uc::outcome_flags::structure_memory);
        EXPECT_EQ(answer.output_used, size);
        ASSERT_EQ(answer.fds.size(), 1u);
        EXPECT_GE(sealed_memory_size(answer.fds[0].get()).value(), size);
        auto view = Mapping::map(answer.fds[0].get(), 0, size, Mapping::Access::read_only);
        ASSERT_TRUE(view.ok());
        EXPECT_EQ(static_cast<uint8_t>(view->data()[size - 1]), 0x5a);
    }
    EXPECT_TRUE(program_->works());
}

/// Memory of the client's library for large structures.
class LargeStructures : public UserClientTest {
  protected:
    LargeStructures() {
        memory_ = std::move(make_sealed_memory("arena", kArena)).value();
        view_ =
            std::move(Mapping::map(memory_.get(), 0, kArena, Mapping::Access::read_write)).value();
        Message message = encode(uc::Arena{0, kArena});
        message.fds.push_back(std::move(memory_.duplicate()).value());
        EXPECT_TRUE(program_->channel().send(message).ok());
    }
    std::byte* at(const uc::Slot& slot) { return view_.data() + slot.offset; }
    /// A call that adds the bytes of the input and fills the output.
    Request large() {
        Request request = make_call(kLarge, {}, 1);
        request.flags = uc::call_flags::structure | uc::call_flags::input_memory |
                        uc::call_flags::output_memory;
        request.input = {0, 0, 0, 10000};
        request.output = {0, 0, 64 * 1024, 10000};
        memset(at(request.input), 3, 10000);
        return request;
    }
    static constexpr uint64_t kArena = 1024 * 1024;
    UniqueFd memory_;
    Mapping view_;
};

TEST_F(LargeStructures, LieInSharedSlots) {
    const Request request = large();
    for (int i = 0; i < 3; ++i) {
        const auto result = program_->call(request);
        EXPECT_EQ(result.io_return, kIOReturnSuccess) << result.reason;
        EXPECT_EQ(result.scalars, std::vector<uint64_t>{30000});
        EXPECT_EQ(result.output_used, 10000u);
        EXPECT_EQ(result.flags, 0) << "the driver has let go of both slots";
        EXPECT_EQ(static_cast<uint8_t>(at(request.output)[9999]), 30000 & 0xff);
        EXPECT_EQ(static_cast<uint8_t>(at(request.output)[10000]), 0) << "not a byte beyond";
    }
}

TEST_F(LargeStructures, OrInMemoryOfTheirOwn) {
    Request request = large();
    auto input = std::move(make_sealed_memory("input", 10000)).value();
    auto output = std::move(make_sealed_memory("output", 10000)).value();
    auto in = std::move(Mapping::map(input.get(), 0, 10000, Mapping::Access::read_write)).value();
    auto out = std::move(Mapping::map(output.get(), 0, 10000, Mapping::Access::read_only)).value();
    memset(in.data(), 2, 10000);
    request.input = {uc::Slot::kOwnMemory, 0, 0, 10000};
    request.output = {uc::Slot::kOwnMemory, 0, 0, 10000};
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(input));
    fds.push_back(std::move(output));
    const auto result = program_->call(request, std::move(fds));
    EXPECT_EQ(result.scalars, std::vector<uint64_t>{20000});
    EXPECT_EQ(static_cast<uint8_t>(out.data()[9999]), 20000 & 0xff);
}

TEST_F(LargeStructures, ADriverThatWritesLessSaysSo) {
    Hooks::shared().external = [](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        EXPECT_EQ(arguments->structureOutputMaximumSize, 10000u);
        auto* memory =
            OSDynamicCast(IOBufferMemoryDescriptor, arguments->structureOutputDescriptor);
        EXPECT_NE(memory, nullptr);
        IOAddressSegment range{};
        EXPECT_EQ(memory->GetAddressRange(&range), kIOReturnSuccess);
        strlcpy(reinterpret_cast<char*>(range.address), "short", range.length);
        return memory->SetLength(6);
    };
    Request request = large();
    request.selector = kHook;
    const auto result = program_->call(request);
    EXPECT_EQ(result.io_return, kIOReturnSuccess);
    EXPECT_EQ(result.output_used, 6u);
    EXPECT_STREQ(reinterpret_cast<const char*>(at(request.output)), "short");
}

TEST_F(LargeStructures, SettingStructureOutputAsWellIsAnError) {
    Hooks::shared().external = [](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        arguments->structureOutput = OSData::withBytes("x", 1);
        return kIOReturnSuccess;
    };
    Request request = large();
    request.selector = kHook;
    const auto refused = program_->call(request);
    EXPECT_EQ(refused.io_return, kIOReturnBadArgument);
    EXPECT_NE(refused.reason.find("structureOutputDescriptor"), std::string::npos)
        << refused.reason;
    EXPECT_EQ(refused.output_used, 0u);
}

TEST_F(LargeStructures, ASlotThatTheDriverKeepsComesBackWhenItLetsGo) {
    OSSharedPtr<IOMemoryDescriptor> kept;
    OSSharedPtr<IOMemoryMap> map;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        kept = OSSharedPtr(arguments->structureInputDescriptor, OSRetain);
        IOMemoryMap* made = nullptr;
        EXPECT_EQ(kept->CreateMapping(0, 0, 5000, 0, 0, &made), kIOReturnSuccess);
        map = OSSharedPtr(made, OSNoRetain);
        return kIOReturnSuccess;
    };
    Request request = large();
    request.selector = kHook;
    const auto result = program_->call(request);
    EXPECT_EQ(result.flags, uc::outcome_flags::keeps_input);
    // It shows what is there, also after the call.
    at(request.input)[9999] = std::byte{77};
    EXPECT_EQ(*reinterpret_cast<uint8_t*>(map->GetAddress() + map->GetLength() - 1), 77);
    kept.reset();
    EXPECT_TRUE(program_->works()) << "the mapping holds it: nothing is freed yet";
    map.reset();
    const Unasked freed = program_->next_event(Lane::replies);
    ASSERT_EQ(freed.kind, uc::Kind::slot_freed);
    EXPECT_EQ(freed.slot.arena, 0u);
    EXPECT_EQ(freed.slot.offset, request.input.offset);
}

TEST_F(LargeStructures, FreedSlotsAreToldAsEventsOnceThereAreEvents) {
    OSSharedPtr<IOMemoryDescriptor> kept;
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments* arguments) -> int {
        kept = OSSharedPtr(arguments->structureOutputDescriptor, OSRetain);
        return kIOReturnSuccess;
    };
    Request request = large();
    request.selector = kHook;
    request.completion = 5;
    EXPECT_EQ(program_->call(request).flags, uc::outcome_flags::keeps_output);
    EXPECT_EQ(program_->next_event().kind, uc::Kind::completion_released);
    kept.reset();
    const Unasked freed = program_->next_event();
    EXPECT_EQ(freed.kind, uc::Kind::slot_freed);
    EXPECT_EQ(freed.slot.offset, request.output.offset);
}

TEST_F(UserClientTest, CallsInFlightAreAnsweredInOrder) {
    std::vector<uint64_t> serials;
    for (uint64_t i = 0; i < 300; ++i)
        serials.push_back(program_->send(make_call(kSum, {i, 1}, 1)));
    for (uint64_t i = 0; i < 300; ++i)
        EXPECT_EQ(program_->receive(serials[i]).scalars, std::vector<uint64_t>{i + 1});
}

TEST_F(UserClientTest, OneWayCallsAreNotAnsweredAndFailuresAreToldAboutRarely) {
    std::atomic<int> ran{0};
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments*) -> int {
        return ++ran % 2 == 0 ? kIOReturnSuccess : kIOReturnBusy;
    };
    auto request = make_call(kHook, {1}, 0);
    request.flags = uc::call_flags::one_way;
    for (int i = 0; i < 200; ++i) program_->send(request);
    EXPECT_TRUE(program_->works()) << "the next answer is that of the next call";
    EXPECT_EQ(ran, 200);
    EXPECT_TRUE(daemon_.wait_for_log("one-way calls of test[1] failed"));
    size_t lines = 0;
    for (const auto& line : daemon_.logs())
        lines += line.text.find("one-way calls") != std::string::npos ? 1 : 0;
    EXPECT_LT(lines, 30u);
}

// Facts: IOService.SetDispatchQueue, IODispatchQueue.OnQueue
TEST_F(UserClientTest, CallsRunOnTheQueueOfExternalMethodIfThereIsOne) {
    IODispatchQueue* made = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Calls", 0, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> calls(made, OSNoRetain);
    bool on_calls = true;
    Hooks::shared().external = [&](IOUserClient* client,
                                   IOUserClientMethodArguments* arguments) -> int {
        on_calls = calls->OnQueue();
        if (arguments->selector == kHook)
            EXPECT_EQ(client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, calls.get()),
                      kIOReturnSuccess);
        return kIOReturnSuccess;
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnSuccess);
    EXPECT_FALSE(on_calls);
    EXPECT_EQ(program_->call(make_call(kHook + 1, {}, 0)).io_return, kIOReturnSuccess);
    EXPECT_TRUE(on_calls);
    // A busy queue: the calls wait for it.
    std::atomic<bool> go{false};
    std::atomic<bool>* const gate = &go;  // a block copies what it names
    calls->DispatchAsync(^{
      while (!*gate) IOSleep(1);
    });
    const uint64_t serial = program_->send(make_call(kHook + 1, {}, 0));
    go = true;
    EXPECT_EQ(program_->receive(serial).io_return, kIOReturnSuccess);
    EXPECT_TRUE(on_calls);
}

// Facts: IODispatchQueue.Sleep, IODispatchQueue.Wakeup
TEST_F(UserClientTest, ACallThatSleepsOnItsQueueLetsOthersIn) {
    IODispatchQueue* made = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Calls", kIODispatchQueueReentrant, 0, &made),
              kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> calls(made, OSNoRetain);
    int event = 0;
    Hooks::shared().external = [&](IOUserClient* client,
                                   IOUserClientMethodArguments* arguments) -> int {
        if (arguments->selector == kHook + 1) return calls->Sleep(&event, 0);
        if (arguments->selector == kHook + 2) return calls->Wakeup(&event);
        return client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, calls.get());
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnSuccess);
    const uint64_t sleeper = program_->send(make_call(kHook + 1, {}, 0));
    const uint64_t waker = program_->send(make_call(kHook + 2, {}, 0));
    EXPECT_EQ(program_->receive(waker).io_return, kIOReturnSuccess);
    EXPECT_EQ(program_->receive(sleeper).io_return, kIOReturnSuccess);
    EXPECT_TRUE(program_->works());
}

// Facts: IODispatchQueue.Cancel
TEST_F(UserClientTest, CallsToACancelledQueueAreRefusedWithTheReason) {
    IODispatchQueue* made = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("Calls", 0, 0, &made), kIOReturnSuccess);
    const OSSharedPtr<IODispatchQueue> calls(made, OSNoRetain);
    Hooks::shared().external = [&](IOUserClient* client, IOUserClientMethodArguments*) {
        return client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, calls.get());
    };
    EXPECT_EQ(program_->call(make_call(kHook, {}, 0)).io_return, kIOReturnSuccess);
    EXPECT_EQ(calls->Cancel(^{
      Events::shared().add("cancelled");
    }),
              kIOReturnSuccess);
    EXPECT_TRUE(Events::shared().wait_for("cancelled"));
    auto request = make_call(kSum, {1, 2}, 1);
    request.completion = 9;
    const Answer answer = program_->call(request);
    EXPECT_EQ(answer.io_return, kIOReturnOffline);
    EXPECT_NE(answer.reason.find("cancelled the queue"), std::string::npos) << answer.reason;
}

TEST_F(UserClientTest, DetachClosesTheChannel) {
    daemon_.send(encode(driver::DetachClient{kClient}));
    EXPECT_FALSE(program_->closed_because().empty());
}

TEST_F(UserClientTest, EachProgramHasItsOwnUserClient) {
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < 8; ++i) programs.push_back(open());
    std::vector<const void*> clients(9);
    Hooks::shared().external = [&](IOUserClient* client,
                                   IOUserClientMethodArguments* arguments) -> int {
        clients[arguments->scalarInput[0]] = client;
        return kIOReturnSuccess;
    };
    for (uint64_t i = 0; i < 8; ++i)
        EXPECT_EQ(programs[i]->call(make_call(kHook, {i}, 0)).io_return, kIOReturnSuccess);
    for (size_t i = 0; i < 8; ++i) {
        for (size_t j = 0; j < i; ++j) EXPECT_NE(clients[i], clients[j]);
        EXPECT_TRUE(programs[i]->works());
    }
    // One ends, the others go on.
    end(kClient + 3);
    for (size_t i = 0; i < 8; ++i) {
        if (i != 2) EXPECT_TRUE(programs[i]->works()) << i;
    }
    for (uint64_t i = 0; i < 8; ++i) {
        if (i != 2) end(kClient + 1 + i);
    }
    EXPECT_EQ(Events::shared().count_of("client stop"), 8u);
    EXPECT_EQ(Events::shared().count_of("client free"), 8u);
    EXPECT_TRUE(program_->works());
}

TEST_F(UserClientTest, AUserClientThatEndsDuringACallIsStoppedAndFreedOnceAfterIt) {
    std::atomic<bool> running{false};
    std::atomic<bool> go{false};
    Hooks::shared().external = [&](IOUserClient*, IOUserClientMethodArguments*) -> int {
        running = true;
        while (!go) IOSleep(1);
        Events::shared().add("call over");
        return kIOReturnSuccess;
    };
    program_->send(make_call(kHook, {}, 0));
    while (!running) IOSleep(1);
    program_->channel().close("the program was killed");
    std::thread ending([&] { end(kClient); });
    go = true;
    ending.join();
    const auto events = Events::shared().all();
    const auto place = [&](const char* what) {
        return std::find(events.begin(), events.end(), what) - events.begin();
    };
    EXPECT_LT(place("call over"), place("client stop")) << "both run on the same queue";
    EXPECT_LT(place("client stop"), place("client free"));
    EXPECT_EQ(Events::shared().count_of("client stop"), 1u);
    EXPECT_EQ(Events::shared().count_of("client free"), 1u);
}

TEST_F(UserClientTest, NothingIsLeftOfTenThousandOpens) {
    const auto descriptors = [] {
        size_t count = 0;
        for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return count;
    };
    const char* many = getenv("OPENDEXT_TEST_LONG");
    const size_t cycles = many != nullptr && *many != '\0' ? 10'000 : 300;
    const auto cycle = [&](size_t number) {
        const uint64_t client = next_client_;
        const auto program = open();
        auto request = make_call(kKeepCompletion, {}, 0);
        request.completion = 1;
        EXPECT_EQ(program->call(request).io_return, kIOReturnSuccess);
        if (number % 2 == 0) program->channel().close("closed by the program");
        end(client);
    };
    for (size_t i = 0; i < 10; ++i) cycle(i);
    const size_t before = descriptors();
    Events::shared().clear();
    for (size_t i = 0; i < cycles; ++i) cycle(i);
    EXPECT_EQ(Events::shared().count_of("client init"), cycles);
    EXPECT_EQ(Events::shared().count_of("client start"), cycles);
    EXPECT_EQ(Events::shared().count_of("client stop"), cycles);
    EXPECT_EQ(Events::shared().count_of("client free"), cycles);
    // The threads that served the last ones may still be on their way out.
    for (int i = 0; i < 3000 && descriptors() > before; ++i) IOSleep(10);
    EXPECT_LE(descriptors(), before);
    EXPECT_TRUE(program_->works());
}

}  // namespace
