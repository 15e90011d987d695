// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace {

OSSharedPtr<OSString> text(const char* content = "x") {
    return OSSharedPtr<OSString>(OSString::withCString(content), OSNoRetain);
}

kern_return_t copy_text(OSString** result) {
    *result = OSString::withCString("copied");
    return kIOReturnSuccess;
}
kern_return_t copy_shared(OSSharedPtr<OSString>* result) {
    *result = text("shared");
    return kIOReturnSuccess;
}

// Facts: OSSharedPtr.OSSharedPtr, OSSharedPtr.~OSSharedPtr, OSSharedPtr.get
// Facts: OSSharedPtr.operator bool
TEST(OSSharedPtrTest, HoldsOneReference) {
    const OSSharedPtr<OSString> empty;
    EXPECT_FALSE(empty);
    EXPECT_EQ(OSSharedPtr<OSString>(nullptr).get(), nullptr);
    OSString* string = OSString::withCString("x");
    {
        OSSharedPtr<OSString> adopted(string, OSNoRetain);
        EXPECT_EQ(string->getRetainCount(), 1u);
        OSSharedPtr<OSString> retained(string, OSRetain);
        EXPECT_EQ(string->getRetainCount(), 2u);
        OSSharedPtr<OSString> copy(retained);
        EXPECT_EQ(string->getRetainCount(), 3u);
        OSSharedPtr<OSString> moved(std::move(copy));
        EXPECT_EQ(string->getRetainCount(), 3u);
        EXPECT_FALSE(copy);  // NOLINT: what was moved from is null
        EXPECT_TRUE(static_cast<bool>(moved));
        OSSharedPtr<OSObject> base(moved);
        EXPECT_EQ(base.get(), string);
        OSSharedPtr<OSObject> moved_base(std::move(moved));
        EXPECT_EQ(string->getRetainCount(), 4u);
        OSSharedPtr<OSString> back(std::move(moved_base), OSNoRetain);
        EXPECT_EQ(back.get(), string);
        EXPECT_FALSE(moved_base);  // NOLINT
        EXPECT_EQ(string->getRetainCount(), 4u);
        string->retain();
    }
    EXPECT_EQ(string->getRetainCount(), 1u);
    string->release();
}

// Facts: OSSharedPtr.operator=
TEST(OSSharedPtrTest, AssignmentReleasesWhatWasThere) {
    auto first = text(), second = text();
    OSString* one = first.get();
    one->retain();
    first = second;
    EXPECT_EQ(one->getRetainCount(), 1u);
    EXPECT_EQ(second->getRetainCount(), 2u);
    first = *&first;  // itself
    EXPECT_EQ(second->getRetainCount(), 2u);
    first = std::move(second);
    EXPECT_EQ(first->getRetainCount(), 1u);
    EXPECT_FALSE(second);  // NOLINT
    OSSharedPtr<OSObject> base = text();
    base = first;
    EXPECT_EQ(first->getRetainCount(), 2u);
    base = text("moved in");
    EXPECT_EQ(first->getRetainCount(), 1u);
    base = nullptr;
    EXPECT_FALSE(base);
    one->release();
}

// Facts: OSSharedPtr.reset, OSSharedPtr.detach, OSSharedPtr.detachAsOSPtr
// Facts: OSSharedPtr.operator*
// Facts: OSSharedPtr.operator->
TEST(OSSharedPtrTest, GivesAndTakesReferences) {
    auto pointer = text();
    OSString* string = pointer.get();
    EXPECT_EQ(pointer->getLength(), 1u);
    EXPECT_EQ(&*pointer, string);
    EXPECT_EQ(pointer.detach(), string);
    EXPECT_FALSE(pointer);
    EXPECT_EQ(string->getRetainCount(), 1u);
    pointer.reset(string, OSRetain);
    EXPECT_EQ(string->getRetainCount(), 2u);
    pointer.reset();
    EXPECT_EQ(string->getRetainCount(), 1u);
    pointer.reset(string, OSNoRetain).reset(string, OSRetain);
    EXPECT_FALSE(string == nullptr);
    EXPECT_EQ(string->getRetainCount(), 1u);
    OSPtr<OSString> plain = pointer.detachAsOSPtr();
    EXPECT_EQ(plain, string);
    OSSafeReleaseNULL(plain);
}

// Facts: OSSharedPtr.attach, attacher.attacher, attacher.operator OSSharedPtr *
// Facts: attacher.operator type-parameter-0-0 **
TEST(OSSharedPtrTest, AttachTakesARetainedResult) {
    auto pointer = text();
    OSString* old = pointer.get();
    old->retain();
    EXPECT_EQ(copy_text(pointer.attach()), kIOReturnSuccess);
    EXPECT_EQ(old->getRetainCount(), 1u) << "what was there is released";
    EXPECT_TRUE(pointer->isEqualTo("copied"));
    EXPECT_EQ(pointer->getRetainCount(), 1u);
    EXPECT_EQ(copy_shared(pointer.attach()), kIOReturnSuccess);
    EXPECT_TRUE(pointer->isEqualTo("shared"));
    EXPECT_EQ(pointer->getRetainCount(), 1u);
    const OSSharedPtr<OSString>::attacher attacher(pointer);
    EXPECT_EQ(copy_text(attacher), kIOReturnSuccess);
    EXPECT_TRUE(pointer->isEqualTo("copied"));
    old->release();
}

// Facts: swap
TEST(OSSharedPtrTest, SwapExchangesReferences) {
    auto first = text("1"), second = text("2");
    swap(first, second);
    EXPECT_TRUE(first->isEqualTo("2"));
    EXPECT_TRUE(second->isEqualTo("1"));
    first.swap(second);
    EXPECT_TRUE(first->isEqualTo("1"));
    EXPECT_EQ(first->getRetainCount(), 1u);

    OSAllocation<int> left(1, OSAllocateMemory), right;
    left[0] = 5;
    swap(left, right);
    EXPECT_FALSE(left);
    EXPECT_EQ(right[0], 5);
}

// Facts: OSStaticPtrCast, OSConstPtrCast
TEST(OSSharedPtrTest, CastsCopyOrMoveTheReference) {
    OSSharedPtr<OSObject> object = text();
    auto string = OSStaticPtrCast<OSString>(object);
    EXPECT_EQ(string->getRetainCount(), 2u);
    string = OSStaticPtrCast<OSString>(std::move(object));
    EXPECT_EQ(string->getRetainCount(), 1u);
    EXPECT_FALSE(object);  // NOLINT
    OSSharedPtr<const OSString> constant = string;
    auto plain = OSConstPtrCast<OSString>(constant);
    EXPECT_EQ(plain->getRetainCount(), 3u);
    plain = OSConstPtrCast<OSString>(std::move(constant));
    EXPECT_EQ(plain->getRetainCount(), 2u);
}

TEST(OSSharedPtrTest, FindsItsArgumentInTheConstructor) {
    auto adopted = OSSharedPtr(OSString::withCString("x"), OSNoRetain);
    static_assert(std::is_same_v<decltype(adopted), OSSharedPtr<OSString>>);
    EXPECT_EQ(adopted->getRetainCount(), 1u);
    const auto retained = OSSharedPtr(adopted.get(), OSRetain);
    EXPECT_EQ(adopted->getRetainCount(), 2u);
    // As members of ivars, which IONewZero makes and IODelete ends.
    struct Driver_IVars {
        OSSharedPtr<OSString> name;
        OSSharedPtr<OSObject> object;
    };
    auto* ivars = IONewZero(Driver_IVars, 1);
    ivars->name = adopted;
    ivars->object = retained;
    EXPECT_EQ(adopted->getRetainCount(), 4u);
    IOSafeDeleteNULL(ivars, Driver_IVars, 1);
    EXPECT_EQ(adopted->getRetainCount(), 2u);
    {
        // The block on the stack holds a reference, its copy another.
        const auto block = Block_copy(^{
          return adopted.get();
        });
        EXPECT_EQ(adopted->getRetainCount(), 4u);
        EXPECT_EQ(block(), adopted.get());
        Block_release(block);
        EXPECT_EQ(adopted->getRetainCount(), 3u);
    }
    EXPECT_EQ(adopted->getRetainCount(), 2u);
}

TEST(OSSharedPtrTest, ComparesByIdentity) {
    const auto one = text(), two = text();
    const OSSharedPtr<OSObject> base = one;
    EXPECT_TRUE(one == base);
    EXPECT_TRUE(one != two);
    EXPECT_TRUE(one == one.get());
    EXPECT_TRUE(one.get() == one);
    EXPECT_TRUE(one != two.get());
    EXPECT_TRUE(two.get() != one);
    EXPECT_TRUE(one != nullptr);
    EXPECT_TRUE(nullptr != one);
    EXPECT_TRUE(OSSharedPtr<OSString>() == nullptr);
    EXPECT_TRUE(nullptr == OSSharedPtr<OSString>());
}

// Facts: OS_retain_t.OS_retain_t, OS_no_retain_t.OS_no_retain_t
TEST(OSSharedPtrTest, TagsAreNeverMadeByAccident) {
    static_assert(std::is_same_v<OSSharedPtr<OSString>::retain_t, OS_retain_t>);
    static_assert(std::is_same_v<OSSharedPtr<OSString>::no_retain_t, OS_no_retain_t>);
    static_assert(std::is_same_v<OSSharedPtr<OSString>::pointer, OSString*>);
    static_assert(std::is_same_v<OSSharedPtr<OSString>::element_type, OSString>);
    static_assert(!std::is_constructible_v<OSSharedPtr<OSString>, OSString*>);
    static_assert(!std::is_convertible_v<OSString*, OSSharedPtr<OSString>>);
    OSString* string = OSString::withCString("x");
    const OSSharedPtr<OSString> adopted(string, OS_no_retain_t());
    const OSSharedPtr<OSString> retained(string, OS_retain_t());
    EXPECT_EQ(string->getRetainCount(), 2u);
}

}  // namespace
