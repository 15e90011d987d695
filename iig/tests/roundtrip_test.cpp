// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSCollections.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "Everything.system.h"
#include "iig/tests/everything_driver.h"
#include "rpc/protocol/common.h"

// Generated code at work: calls through the runtime, the same calls as bytes on the way to another
// process and back, and bytes that no peer of ours sends.

namespace {

namespace protocol = opendext::protocol;
namespace wire = opendext::system;
using namespace everything_test;

/// An object that is released at the end of the test.
template <typename T>
struct Owned {
    T* object;
    explicit Owned(T* made) : object(made) {}
    ~Owned() {
        if (object) object->release();
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    T* operator->() const { return object; }
    T* get() const { return object; }
};

constexpr size_t kHead = sizeof(IORPCMessageMach) + sizeof(IORPCMessage);

/// A message as bytes, aligned as on the sender's stack.
struct Bytes {
    std::vector<uint64_t> words;
    size_t size = 0;

    explicit Bytes(size_t bytes) : words((bytes + 7) / 8), size(bytes) {}
    Bytes(const IORPCMessageMach* message, size_t bytes) : Bytes(bytes) {
        std::memcpy(words.data(), message, bytes);
    }
    IORPCMessageMach* mach() { return reinterpret_cast<IORPCMessageMach*>(words.data()); }
    IORPCMessage* content() { return IORPCMessageFromMach(mach(), false); }
    uint8_t* plain() {
        return reinterpret_cast<uint8_t*>(words.data()) + kHead + 8 * content()->objectRefs;
    }
    size_t plain_size() { return size - kHead - 8 * content()->objectRefs; }
};

/// What a call is turned into: set before a call that passes `divert` as its supermethod.
std::function<kern_return_t(const IORPC&)> g_diversion;

kern_return_t divert(OSMetaClassBase*, const IORPC rpc) {
    return g_diversion(rpc);
}

/// Keeps the request and answers with zeros.
Bytes capture(const std::function<void(OSDispatchMethod)>& call) {
    Bytes captured(0);
    g_diversion = [&](const IORPC& rpc) {
        captured = Bytes(rpc.message, rpc.sendSize);
        return kIOReturnSuccess;
    };
    call(&divert);
    return captured;
}

/// The plain part of a message, as an Invocation carries it.
protocol::Invocation to_invocation(Bytes& request, size_t reply_plain) {
    protocol::Invocation call;
    call.object = 1;
    call.msgid = request.content()->msgid;
    call.reply_size = static_cast<uint32_t>(reply_plain);
    call.refs.resize(request.content()->objectRefs - 1);
    call.plain.assign(request.plain(), request.plain() + request.plain_size());
    return call;
}

/// A message for `receiver` from an Invocation: what a runtime does, knowing only sizes and the
/// number of references.
Bytes from_invocation(const protocol::Invocation& call, OSObject* receiver,
                      const std::vector<OSObject*>& objects = {}) {
    Bytes request(kHead + 8 * (1 + objects.size()) + call.plain.size());
    request.mach()->msgh.msgh_size = static_cast<uint32_t>(request.size);
    request.content()->msgid = call.msgid;
    request.content()->flags = kIORPCMessageObjectRefs | kIORPCMessageRemote | call.flags;
    request.content()->objectRefs = 1 + objects.size();
    request.content()->objects[0] = reinterpret_cast<OSObjectRef>(receiver);
    for (size_t i = 0; i < objects.size(); ++i) {
        request.content()->objects[1 + i] = reinterpret_cast<OSObjectRef>(objects[i]);
    }
    if (!call.plain.empty()) std::memcpy(request.plain(), call.plain.data(), call.plain.size());
    return request;
}

struct Answer {
    kern_return_t result = -1;
    protocol::InvocationResult wire;
    std::vector<OSObjectRef> objects;
};

/// Runs a message on an object, with room for any number of references in the reply.
Answer dispatch(OSMetaClassBase* object, Bytes& request, size_t reply_plain) {
    Bytes reply(kHead + 8 * kIORPCMaxObjectRefs + reply_plain);
    Answer answer;
    answer.result =
        object->Dispatch(IORPC{request.mach(), reply.mach(), static_cast<uint32_t>(request.size),
                               static_cast<uint32_t>(reply.size)});
    answer.wire.io_return = answer.result;
    if (answer.result != kIOReturnSuccess || reply.mach()->msgh.msgh_size == 0) return answer;
    reply.size = reply.mach()->msgh.msgh_size;
    answer.objects.assign(reply.content()->objects,
                          reply.content()->objects + reply.content()->objectRefs);
    answer.wire.refs.resize(reply.content()->objectRefs);
    answer.wire.plain.assign(reply.plain(), reply.plain() + reply.plain_size());
    return answer;
}

class RoundTrip : public testing::Test {
  protected:
    Owned<EverythingBase> base{OSTypeAlloc(EverythingBase)};
    Owned<EverythingKernel> kernel{OSTypeAlloc(EverythingKernel)};
    Owned<EverythingDerived> derived{OSTypeAlloc(EverythingDerived)};

    void SetUp() override {
        ASSERT_NE(base.get(), nullptr);
        ASSERT_NE(kernel.get(), nullptr);
        ASSERT_NE(derived.get(), nullptr);
    }
};

TEST_F(RoundTrip, callsReachTheImplementationAndBringResultsBack) {
    int32_t sum = 0;
    EXPECT_EQ(base->Add(2, 3, &sum), kIOReturnSuccess);
    EXPECT_EQ(sum, 5);
    uint32_t length = 0;
    EXPECT_EQ(base->Name("four", &length), kIOReturnSuccess);
    EXPECT_EQ(length, 4u);
    uint8_t bytes[16] = {1, 2, 3};
    EXPECT_EQ(base->Fill(10, bytes), kIOReturnSuccess);
    EXPECT_EQ(bytes[0], 11);
    EXPECT_EQ(bytes[2], 13);
    EXPECT_EQ(bytes[15], 10);
    const uint64_t words[4] = {1, 2, 3, 5};
    uint64_t total = 0;
    bool odd = false;
    EXPECT_EQ(base->Sum(words, &total, &odd), kIOReturnSuccess);
    EXPECT_EQ(total, 11u);
    EXPECT_TRUE(odd);
    Shape shape = {{{1, 1}, {2, 2}, {3, 3}}, Colour::red, true, 1.5};
    const Point by = {10, -1};
    EXPECT_EQ(base->Move(&by, &shape), kIOReturnSuccess);
    EXPECT_EQ(shape.corners[2].x, 13);
    EXPECT_EQ(shape.corners[2].y, 2);
    Shape scaled = {};
    EXPECT_EQ(base->Scaled(shape, 2.0f, Colour::green, &scaled), kIOReturnSuccess);
    EXPECT_EQ(scaled.scale, 3.0);
    EXPECT_EQ(scaled.colour, Colour::green);
    EXPECT_EQ(scaled.corners[0].x, 11);
    EXPECT_EQ(base->Scaled(shape, -1.0f, Colour::green, &scaled), kIOReturnBadArgument);
    EXPECT_EQ(scaled.scale, 3.0) << "a failed call leaves results alone";
    EXPECT_EQ(base->Nothing(), kIOReturnSuccess);
}

TEST_F(RoundTrip, numbersAreResultsOfTheirOwn) {
    EXPECT_TRUE(base->IsOdd(3));
    EXPECT_FALSE(base->IsOdd(4));
    bool exact = true;
    EXPECT_EQ(base->Halve(0x200000001, &exact), 0x100000000u) << "more than a result code holds";
    EXPECT_FALSE(exact);
    OSObject* same = nullptr;
    EXPECT_EQ(base->Mixed("red", &same), Colour::red);
    EXPECT_EQ(same, base.get());
    OSSafeReleaseNULL(same);
    // What does not get there gives zero.
    EXPECT_EQ(base->Mixed("twenty-four characters..", &same), Colour(0));
    EXPECT_EQ(same, nullptr);
    g_diversion = [](const IORPC&) { return kIOReturnNotReady; };
    EXPECT_FALSE(base->IsOdd(3, &divert));

    wire::EverythingBase_Halve::In in;
    in.value = 9;
    const protocol::Invocation call = wire::EverythingBase_Halve::encode(1, in);
    Bytes request = from_invocation(call, base.get());
    const Answer answer = dispatch(base.get(), request, call.reply_size);
    ASSERT_EQ(answer.result, kIOReturnSuccess);
    const auto out = wire::EverythingBase_Halve::decode_result(answer.wire);
    ASSERT_TRUE(out.ok()) << out.error().text();
    EXPECT_EQ(out->od_value, 4u);
    EXPECT_FALSE(out->exact);
}

TEST_F(RoundTrip, resultsThatNobodyWantsAreDropped) {
    EXPECT_EQ(base->Add(2, 3, nullptr), kIOReturnSuccess);
    EXPECT_EQ(base->Fill(10, nullptr), kIOReturnSuccess);
    EXPECT_EQ(base->Sum(nullptr, nullptr, nullptr), kIOReturnSuccess);
    const uint32_t before = kernel->getRetainCount();
    EXPECT_EQ(base->Swap(kernel.get(), nullptr), kIOReturnSuccess);
    EXPECT_EQ(kernel->getRetainCount(), before) << "the unwanted object leaked";
}

TEST_F(RoundTrip, objectsComeAndGoWithOneReferenceEach) {
    const uint32_t before = kernel->getRetainCount();
    OSObject* out = nullptr;
    EXPECT_EQ(base->Swap(kernel.get(), &out), kIOReturnSuccess);
    EXPECT_EQ(out, kernel.get());
    EXPECT_EQ(kernel->getRetainCount(), before + 1);
    out->release();
    EverythingBase* const choices[3] = {base.get(), kernel.get(), nullptr};
    EverythingBase* picked = nullptr;
    EXPECT_EQ(base->Pick(choices, 1, &picked), kIOReturnSuccess);
    EXPECT_EQ(picked, kernel.get());
    picked->release();
    EXPECT_EQ(base->Pick(choices, 2, &picked), kIOReturnSuccess);
    EXPECT_EQ(picked, nullptr);
    EXPECT_EQ(kernel->getRetainCount(), before);
}

TEST_F(RoundTrip, theMostDerivedClassRunsAndSuperdispatchReachesTheNext) {
    int32_t sum = 0;
    EXPECT_EQ(kernel->Add(1, 2, &sum), kIOReturnSuccess);
    EXPECT_EQ(sum, 1003);
    EXPECT_EQ(derived->Add(1, 2, &sum), kIOReturnSuccess);
    EXPECT_EQ(sum, 1003) << "inherited";
    EXPECT_EQ(derived->Nothing(), kIOReturnBusy);
    EXPECT_EQ(kernel->Nothing(), kIOReturnSuccess);
    EXPECT_EQ(kernel->_Private(7), kIOReturnSuccess) << "a method of the EXTENDS class";
    uint32_t doubled = 0;
    EXPECT_EQ(kernel->Here(21, &doubled), kIOReturnSuccess);
    EXPECT_EQ(doubled, 42u);
}

TEST_F(RoundTrip, aMethodOfTheSystemsSideIsSentThereUnlessOverridden) {
    uint32_t doubled = 5;
    EXPECT_EQ(derived->Remote(4, &doubled), kIOReturnSuccess);
    EXPECT_EQ(doubled, 8u);
    // These objects have no registry entry, so the system's side is out of reach.
    EXPECT_EQ(kernel->Remote(4, &doubled), kIOReturnUnsupported);
    EXPECT_EQ(derived->Remote(0, &doubled), kIOReturnUnsupported) << "SUPERDISPATCH";
    EXPECT_EQ(doubled, 8u);
}

TEST_F(RoundTrip, localOnlyMethodsAreVirtualFunctions) {
    EXPECT_EQ(base->Plain(1), 2);
    EverythingBase* as_base = derived.get();
    EXPECT_EQ(as_base->Plain(1), 20);
    EXPECT_EQ(static_cast<EverythingBaseInterface*>(as_base)->Plain(2), 30);
    EXPECT_EQ(base->NotVirtual(), 3) << "default argument";
    EXPECT_EQ(EverythingBase::Static(4), -4);
    EXPECT_EQ(base->Twice(4), 8);
    EXPECT_EQ(base->Inline(), 7);
    EXPECT_EQ(base->NestedType(EverythingBase::kNestedA), EverythingBase::kNestedB);
    EXPECT_EQ(EverythingBase::kConstant, 5);
}

TEST_F(RoundTrip, staticMethodsRunOnTheClass) {
    EverythingBase* made = nullptr;
    ASSERT_EQ(EverythingBase::Make(77, &made), kIOReturnSuccess);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(start_of(made), 77u);
    made->release();
}

TEST_F(RoundTrip, blocksAndPointersStayInTheProcess) {
    Owned<EverythingNative> native{OSTypeAlloc(EverythingNative)};
    ASSERT_NE(native.get(), nullptr);
    __block int sum = 0;
    EXPECT_EQ(native->WithBlock(
                  ^(int i) {
                    sum += i;
                  },
                  5),
              kIOReturnSuccess);
    EXPECT_EQ(sum, 10);
    size_t value = 30;
    size_t size = 12;
    EXPECT_EQ(native->WithPointer(&value, &size), kIOReturnSuccess);
    EXPECT_EQ(size, 42u);
}

TEST_F(RoundTrip, castsFollowTheClasses) {
    OSObject* object = derived.get();
    EXPECT_EQ(OSDynamicCast(EverythingBase, object), derived.get());
    EXPECT_EQ(OSDynamicCast(EverythingDerived, static_cast<OSObject*>(kernel.get())), nullptr);
    EXPECT_STREQ(object->GetClassName(), "EverythingDerived");
    EXPECT_EQ(object->GetClass(), gEverythingDerivedMetaClass);
}

TEST_F(RoundTrip, aStringTooLongIsAnOverrunAndNotCut) {
    uint32_t length = 9;
    EXPECT_EQ(base->Name("twenty-three characters", &length), kIOReturnSuccess);
    EXPECT_EQ(length, 23u);
    EXPECT_EQ(base->Name("twenty-four characters..", &length), kIOReturnOverrun);
    EXPECT_EQ(length, 23u);
    base->Note(1, "twenty-four characters..");
    EXPECT_EQ(notes_of(base.get()).sum, 0u) << "a one-way call with such a string is not sent";
    base->Note(3, "short");
    EXPECT_EQ(notes_of(base.get()).sum, 3u);
    EXPECT_STREQ(notes_of(base.get()).text, "short");
}

TEST_F(RoundTrip, theSystemsSideReadsWhatTheDriverSends) {
    uint8_t bytes[16] = {9, 8, 7};
    Bytes request = capture([&](OSDispatchMethod divert) { base->Fill(4, bytes, divert); });
    auto fill = wire::EverythingBase_Fill::decode(to_invocation(request, 16));
    ASSERT_TRUE(fill.ok()) << fill.error().text();
    EXPECT_EQ(fill->value, 4);
    EXPECT_EQ(fill->bytes[0], 9);
    EXPECT_EQ(fill->bytes[2], 7);

    uint32_t length = 0;
    request = capture([&](OSDispatchMethod divert) { base->Name("a name", &length, divert); });
    const auto name = wire::EverythingBase_Name::decode(to_invocation(request, 8));
    ASSERT_TRUE(name.ok()) << name.error().text();
    EXPECT_EQ(name->name, "a name");

    Shape shape = {{{1, 2}, {3, 4}, {5, 6}}, Colour::green, true, 0.25};
    request = capture(
        [&](OSDispatchMethod divert) { base->Scaled(shape, 0.5f, Colour::red, &shape, divert); });
    const auto scaled = wire::EverythingBase_Scaled::decode(to_invocation(request, 40));
    ASSERT_TRUE(scaled.ok()) << scaled.error().text();
    EXPECT_EQ(scaled->shape.corners[2].y, 6);
    EXPECT_EQ(scaled->shape.filled, 1);
    EXPECT_EQ(scaled->shape.scale, 0.25);
    EXPECT_EQ(scaled->factor, 0.5f);
    EXPECT_EQ(scaled->colour, 1);
    // And writes the same bytes.
    const protocol::Invocation again = wire::EverythingBase_Scaled::encode(1, *scaled);
    EXPECT_EQ(again.plain, to_invocation(request, 40).plain);
    EXPECT_EQ(again.msgid, EverythingBase_Scaled_ID);
    EXPECT_EQ(again.reply_size, sizeof(Shape));
}

TEST_F(RoundTrip, theDriverRunsWhatTheSystemsSideSends) {
    wire::EverythingBase_Sum::In in;
    in.words = {1, 2, 3, 4};
    protocol::Invocation call = wire::EverythingBase_Sum::encode(1, in);
    Bytes request = from_invocation(call, base.get());
    Answer answer = dispatch(base.get(), request, call.reply_size);
    ASSERT_EQ(answer.result, kIOReturnSuccess);
    auto out = wire::EverythingBase_Sum::decode_result(answer.wire);
    ASSERT_TRUE(out.ok()) << out.error().text();
    EXPECT_EQ(out->sum, 10u);
    EXPECT_FALSE(out->odd);

    wire::EverythingBase_Pick::In pick;
    pick.index = 2;
    call = wire::EverythingBase_Pick::encode(1, pick);
    EXPECT_EQ(call.refs.size(), 3u);
    request = from_invocation(call, base.get(), {nullptr, kernel.get(), derived.get()});
    answer = dispatch(base.get(), request, call.reply_size);
    ASSERT_EQ(answer.result, kIOReturnSuccess);
    ASSERT_EQ(answer.objects.size(), 1u);
    EXPECT_EQ(answer.objects[0], reinterpret_cast<OSObjectRef>(derived.get()));
    derived->release();  // the reference of the answer

    wire::EverythingBase_Note::In note;
    note.value = 5;
    note.text = "from outside";
    call = wire::EverythingBase_Note::encode(1, note);
    EXPECT_TRUE(wire::EverythingBase_Note::kOneway);
    EXPECT_EQ(call.flags, static_cast<uint64_t>(kIORPCMessageOneway));
    request = from_invocation(call, base.get());
    EXPECT_EQ(
        base->Dispatch(IORPC{request.mach(), nullptr, static_cast<uint32_t>(request.size), 0}),
        kIOReturnSuccess);
    EXPECT_EQ(notes_of(base.get()).sum, 5u);
    EXPECT_STREQ(notes_of(base.get()).text, "from outside");
}

TEST_F(RoundTrip, errorsOfTheMethodReachTheSystemsSide) {
    wire::EverythingBase_Scaled::In in;
    in.factor = -1;
    const protocol::Invocation call = wire::EverythingBase_Scaled::encode(1, in);
    Bytes request = from_invocation(call, base.get());
    const Answer answer = dispatch(base.get(), request, call.reply_size);
    const auto out = wire::EverythingBase_Scaled::decode_result(answer.wire);
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().code, opendext::Errc::kern);
    EXPECT_EQ(static_cast<int32_t>(out.error().number), kIOReturnBadArgument);
}

TEST_F(RoundTrip, malformedRequestsAreRefusedByTheDriver) {
    uint32_t length = 0;
    const Bytes good =
        capture([&](OSDispatchMethod divert) { base->Name("a name", &length, divert); });
    Bytes sound = good;
    ASSERT_EQ(dispatch(base.get(), sound, 8).result, kIOReturnSuccess);

    for (const size_t size : {kHead, kHead + 8, good.size - 8, good.size + 8}) {
        Bytes bad = good;
        bad.words.resize((good.size + 16) / 8);
        bad.size = size;
        EXPECT_EQ(dispatch(base.get(), bad, 8).result, kIOReturnIPCError) << size;
    }
    for (const uint64_t refs : {uint64_t{0}, uint64_t{2}, ~uint64_t{0}}) {
        Bytes bad = good;
        bad.content()->objectRefs = refs;
        EXPECT_EQ(dispatch(base.get(), bad, 8).result, -304) << refs;  // MIG_BAD_ARGUMENTS
    }
    Bytes unterminated = good;
    std::memset(unterminated.plain(), 'x', EVERYTHING_NAME_SIZE);
    EXPECT_EQ(dispatch(base.get(), unterminated, 8).result, kIOReturnBadArgument);

    Bytes unknown = good;
    unknown.content()->msgid = 0x1234;
    EXPECT_EQ(dispatch(base.get(), unknown, 8).result, kIOReturnUnsupported);

    Bytes request = good;
    Bytes small(kHead);
    EXPECT_EQ(base->Dispatch(
                  IORPC{request.mach(), small.mach(), static_cast<uint32_t>(request.size), kHead}),
              kIOReturnIPCError)
        << "no room for the reply";
    EXPECT_EQ(
        base->Dispatch(IORPC{request.mach(), nullptr, static_cast<uint32_t>(request.size), 0}),
        kIOReturnIPCError);
}

TEST_F(RoundTrip, objectsOfAnotherClassAreRefused) {
    wire::EverythingBase_Pick::In pick;
    const protocol::Invocation call = wire::EverythingBase_Pick::encode(1, pick);
    Owned<OSString> string{OSString::withCString("not an EverythingBase")};
    Bytes request = from_invocation(call, base.get(), {string.get(), nullptr, nullptr});
    EXPECT_EQ(dispatch(base.get(), request, call.reply_size).result, kIOReturnBadArgument);

    // As a result: the caller gets an error and the object is released.
    const uint32_t before = string->getRetainCount();
    EverythingBase* picked = nullptr;
    EverythingBase* const choices[3] = {};
    g_diversion = [&](const IORPC& rpc) {
        string->retain();
        IORPCMessageFromMach(rpc.reply, true)->objects[0] =
            reinterpret_cast<OSObjectRef>(string.get());
        return kIOReturnSuccess;
    };
    EXPECT_EQ(base->Pick(choices, 0, &picked, &divert), kIOReturnBadArgument);
    EXPECT_EQ(picked, nullptr);
    EXPECT_EQ(string->getRetainCount(), before);
}

TEST_F(RoundTrip, aReplyOfAnotherShapeIsAnIpcError) {
    int32_t sum = 1;
    const std::vector<std::function<void(IORPCMessageMach*)>> damages = {
        [](IORPCMessageMach* reply) { reply->msgh.msgh_size -= 8; },
        [](IORPCMessageMach* reply) { IORPCMessageFromMach(reply, true)->objectRefs = 1; },
        [](IORPCMessageMach* reply) {
            IORPCMessageFromMach(reply, true)->msgid = EverythingBase_Name_ID;
        },
        [](IORPCMessageMach* reply) {
            IORPCMessageFromMach(reply, true)->flags |= kIORPCMessageError;
        }};
    for (const auto& damage : damages) {
        g_diversion = [&](const IORPC& rpc) {
            damage(rpc.reply);
            return kIOReturnSuccess;
        };
        EXPECT_EQ(base->Add(1, 1, &sum, &divert), kIOReturnIPCError);
    }
    EXPECT_EQ(sum, 1);
}

TEST_F(RoundTrip, boolsFromOutsideAreBools) {
    const uint64_t words[4] = {};
    bool odd = false;
    uint64_t sum = 0;
    g_diversion = [&](const IORPC& rpc) {
        Bytes reply(rpc.reply, rpc.replySize);
        reinterpret_cast<uint8_t*>(IORPCMessageFromMach(rpc.reply, true) + 1)[8] =
            0xfe;  // after the sum
        return kIOReturnSuccess;
    };
    EXPECT_EQ(base->Sum(words, &sum, &odd, &divert), kIOReturnSuccess);
    EXPECT_TRUE(odd);
    uint8_t bits = 0;
    std::memcpy(&bits, &odd, 1);
    EXPECT_EQ(bits, 1);
}

TEST_F(RoundTrip, malformedCallsAreRefusedByTheSystemsSide) {
    wire::EverythingBase_Name::In in;
    in.name = "name";
    const protocol::Invocation good = wire::EverythingBase_Name::encode(1, in);
    ASSERT_TRUE(wire::EverythingBase_Name::decode(good).ok());
    const auto refused = [](const protocol::Invocation& call) {
        const auto result = wire::EverythingBase_Name::decode(call);
        EXPECT_FALSE(result.ok());
        if (result.ok()) return std::string();
        EXPECT_EQ(result.error().code, opendext::Errc::malformed);
        return result.error().message;
    };
    for (const size_t size :
         {size_t{0}, good.plain.size() - 1, good.plain.size() + 1, size_t{4096}}) {
        protocol::Invocation bad = good;
        bad.plain.resize(size);
        EXPECT_NE(
            refused(bad).find("EverythingBase::Name: call with " + std::to_string(size) + " bytes"),
            std::string::npos);
    }
    protocol::Invocation bad = good;
    bad.refs.resize(1);
    EXPECT_NE(refused(bad).find("1 objects instead of 0"), std::string::npos);
    bad = good;
    bad.msgid ^= 1;
    EXPECT_NE(refused(bad).find("another method's message"), std::string::npos);
    bad = good;
    std::fill(bad.plain.begin(), bad.plain.end(), 'x');
    EXPECT_NE(refused(bad).find("name does not end with NUL"), std::string::npos);

    protocol::InvocationResult answer;
    wire::EverythingBase_Name::Out out;
    out.length = 6;
    wire::EverythingBase_Name::encode_result(out, answer);
    ASSERT_TRUE(wire::EverythingBase_Name::decode_result(answer).ok());
    EXPECT_EQ(wire::EverythingBase_Name::decode_result(answer)->length, 6u);
    answer.plain.pop_back();
    EXPECT_FALSE(wire::EverythingBase_Name::decode_result(answer).ok());
}

/// Random bytes in every place: no crash (a sanitizer build looks closer), and whatever is accepted
/// has the right sizes.
TEST_F(RoundTrip, randomBytesAreRefusedOrHarmless) {
    std::mt19937_64 random(20241120);  // the same bytes every time
    const uint64_t ids[] = {EverythingBase_Add_ID, EverythingBase_Name_ID, EverythingBase_Fill_ID,
                            EverythingBase_Sum_ID, EverythingBase_Move_ID, EverythingBase_Scaled_ID,
                            EverythingBase_Note_ID};
    for (int round = 0; round < 20000; ++round) {
        protocol::Invocation call;
        call.msgid = ids[random() % std::size(ids)];
        call.plain.resize(random() % 16 * 8);
        for (auto& byte : call.plain) byte = static_cast<uint8_t>(random());
        Bytes request = from_invocation(call, base.get());
        const Answer answer = dispatch(base.get(), request, 256);
        if (answer.result == kIOReturnSuccess) {
            EXPECT_TRUE(answer.objects.empty());
        }
        for (const auto accepted : {wire::EverythingBase_Add::decode(call).ok(),
                                    wire::EverythingBase_Name::decode(call).ok(),
                                    wire::EverythingBase_Fill::decode(call).ok(),
                                    wire::EverythingBase_Sum::decode(call).ok(),
                                    wire::EverythingBase_Move::decode(call).ok(),
                                    wire::EverythingBase_Scaled::decode(call).ok(),
                                    wire::EverythingBase_Note::decode(call).ok()}) {
            // What one side takes, the other takes too.
            if (accepted) {
                EXPECT_NE(answer.result, kIOReturnIPCError);
            }
        }
    }
}

TEST_F(RoundTrip, paddingCarriesNothingOfTheStack) {
    Shape shape = {{{1, 2}, {3, 4}, {5, 6}}, Colour::green, true, 0.25};
    std::memset(static_cast<void*>(&shape), 0, sizeof shape);
    const auto volatile_noise = [] {
        volatile uint8_t noise[2048];
        for (auto& byte : noise) byte = 0xaa;
    };
    volatile_noise();
    Bytes request = capture(
        [&](OSDispatchMethod divert) { base->Scaled(shape, 0, Colour::red, &shape, divert); });
    size_t count = 0;
    for (size_t i = 0; i < request.plain_size(); ++i) count += request.plain()[i] == 0xaa;
    EXPECT_EQ(count, 0u);
}

TEST_F(RoundTrip, anActionCallsTheMethodThatItWasMadeFor) {
    OSAction* action = nullptr;
    ASSERT_EQ(derived->CreateActionFinished(16, &action), kIOReturnSuccess);
    ASSERT_NE(action, nullptr);
    EXPECT_STREQ(action->GetClassName(), "OSAction_EverythingDerived_Finished");
    ASSERT_NE(action->GetReference(), nullptr);
    EXPECT_EQ(*static_cast<uint64_t*>(action->GetReference()), 0u);
    EXPECT_EQ(base->Submit(41, action), kIOReturnSuccess);
    const Finished finished = finished_of(derived.get());
    EXPECT_EQ(finished.calls, 1u);
    EXPECT_EQ(finished.count, 42u);
    EXPECT_EQ(finished.status, kIOReturnSuccess);
    base->Done(nullptr, kIOReturnSuccess, 1);  // nobody to tell
    EXPECT_EQ(finished_of(derived.get()).calls, 1u);
    action->release();
}

TEST_F(RoundTrip, aCallbackMayAnswer) {
    OSAction* action = nullptr;
    ASSERT_EQ(derived->CreateActionAnswer(0, &action), kIOReturnSuccess);
    uint32_t answer = 40;
    EXPECT_EQ(base->Ask(action, 2, &answer), kIOReturnSuccess);
    EXPECT_EQ(answer, 42u);
    EXPECT_EQ(base->Ask(action, 0, &answer), kIOReturnBadArgument);
    EXPECT_EQ(base->Ask(nullptr, 2, &answer), kIOReturnBadArgument);
    EXPECT_EQ(answer, 42u);
    action->release();
}

TEST_F(RoundTrip, anActionOfAnotherTypeIsDropped) {
    OSAction* action = nullptr;
    ASSERT_EQ(OSAction::Create(derived.get(), EverythingDerived_Finished_ID, EverythingBase_Done_ID,
                               0, &action),
              kIOReturnSuccess);
    base->Done(action, kIOReturnSuccess, 1);
    EXPECT_EQ(finished_of(derived.get()).calls, 0u);
    action->release();
}

/// The strings of a table that end with NUL.
std::vector<std::string> strings(const OSClassDescription* description, uint32_t offset,
                                 uint32_t size) {
    std::vector<std::string> result;
    const char* at = reinterpret_cast<const char*>(description) + offset;
    for (const char* end = at + size; at < end; at += result.back().size() + 1)
        result.emplace_back(at);
    return result;
}

TEST(ClassDescription, namesMethodsQueuesAndFlags) {
    const OSClassDescription* base = EverythingBase_Class.description;
    EXPECT_STREQ(base->name, "EverythingBase");
    EXPECT_STREQ(base->superName, "OSObject");
    EXPECT_EQ(EverythingBase_Class.instanceSize, sizeof(EverythingBase));
    EXPECT_EQ(*EverythingBase_Class.metaPointer, gEverythingBaseMetaClass);
    EXPECT_EQ(strings(base, base->queueNamesOffset, base->queueNamesSize),
              (std::vector<std::string>{"", "Drawing"}));
    const auto* options = reinterpret_cast<const uint64_t*>(reinterpret_cast<const char*>(base) +
                                                            base->methodOptionsOffset);
    const size_t count = base->methodOptionsSize / (2 * sizeof(uint64_t));
    const auto names = strings(base, base->methodNamesOffset, base->methodNamesSize);
    ASSERT_EQ(names.size(), count);
    bool found = false;
    for (size_t i = 0; i < count; ++i) {
        EXPECT_NE(options[2 * i], EverythingBase_Done_ID)
            << "a callback has no implementation here";
        if (options[2 * i] != EverythingBase_Move_ID) continue;
        found = true;
        EXPECT_EQ(options[2 * i + 1] & 0xff, 1u);
        EXPECT_EQ(names[i], "EverythingBase::Move");
    }
    EXPECT_TRUE(found);

    const OSClassDescription* kernel = EverythingKernel_Class.description;
    const auto kernel_names = strings(kernel, kernel->methodNamesOffset, kernel->methodNamesSize);
    EXPECT_EQ(std::count(kernel_names.begin(), kernel_names.end(), "EverythingKernel::Remote"), 0)
        << "the system's side";
    EXPECT_EQ(std::count(kernel_names.begin(), kernel_names.end(), "EverythingBase::Add"), 1);
    EXPECT_EQ(kernel->flags, kOSClassCanRemote);
    EXPECT_EQ(EverythingNative_Class.description->flags, 0u);
    EXPECT_EQ(EverythingDerived_Class.description->flags, 0u) << "adds no message of its own";
}

}  // namespace
