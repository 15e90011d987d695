// SPDX-License-Identifier: Apache-2.0
// OSMetaClassBase, OSObject, OSMetaClass, and the macros around them.
#include <DriverKit/DriverKit.h>
#include <DriverKit/macro_help.h>
#include <gtest/gtest.h>

#include <cstring>
#include <type_traits>

#include "runtime/tests/owned.h"

namespace {

// Facts: OSMetaClassBase.retain, OSMetaClassBase.release, OSMetaClassBase.getRetainCount
// Facts: OSObject.retain, OSObject.release, OSObject.free, OSObject.init
TEST(OSObjectTest, LivesAsLongAsItsReferences) {
    OSObject* queue = nullptr;
    ASSERT_EQ(OSObjectAllocate(OSTypeID(IODispatchQueue), &queue), kIOReturnSuccess);
    EXPECT_EQ(queue->getRetainCount(), 1u) << "init() has run, nobody else has it";
    queue->retain();
    queue->OSMetaClassBase::retain();
    EXPECT_EQ(queue->getRetainCount(), 3u);
    queue->release();
    queue->OSMetaClassBase::release();
    EXPECT_EQ(queue->getRetainCount(), 1u);
    const auto holder = owned(OSArray::withCapacity(1));
    holder->setObject(queue);
    queue->release();
    EXPECT_EQ(queue->getRetainCount(), 1u) << "the array's";
    holder->flushCollection();  // free()
}

TEST(OSObjectDeathTest, AReferenceTooFewEndsTheProcess) {
    auto* string = OSString::withCString("x");
    EXPECT_DEATH(
        {
            string->refcount = 0;
            string->release();
        },
        "release of a OSString without a reference");
    EXPECT_DEATH(
        {
            string->refcount = 0;
            string->retain();
        },
        "retain of a OSString that is being freed");
    string->release();
}

// Facts: OSMetaClassBase.getMetaClass, OSMetaClassBase.GetClass, OSMetaClassBase.GetClassName
// Facts: OSMetaClassBase.isEqualTo, OSMetaClassBase.IsRemote
TEST(OSMetaClassBaseTest, KnowsItsClass) {
    const auto string = owned(OSString::withCString("x"));
    OSMetaClassBase* object = string.get();
    const OSMetaClassBase* constant = object;
    EXPECT_EQ(constant->getMetaClass(), gOSStringMetaClass);
    EXPECT_EQ(object->GetClass(), gOSStringMetaClass);
    EXPECT_STREQ(object->GetClassName(), "OSString");
    EXPECT_STREQ(constant->GetClassName(), "OSString");
    EXPECT_STREQ(static_cast<const OSMetaClassBase*>(gOSStringMetaClass)->GetClassName(),
                 "OSString");
    EXPECT_FALSE(object->IsRemote());
    // Without an override two objects are equal only if they are one.
    EXPECT_TRUE(object->OSMetaClassBase::isEqualTo(string.get()));
    EXPECT_FALSE(
        object->OSMetaClassBase::isEqualTo(owned(OSString::withString(string.get())).get()));
}

// Facts: OSMetaClassBase.safeMetaCast, OSDynamicCast, OSTypeID, OSMTypeID, OSTypeIDInst
TEST(Casts, FollowTheClassChain) {
    const auto set = owned(OSSet::withCapacity(0));
    OSObject* object = set.get();
    EXPECT_EQ(OSDynamicCast(OSArray, object), set.get());
    EXPECT_EQ(OSDynamicCast(OSCollection, object), set.get());
    EXPECT_EQ(OSDynamicCast(OSContainer, object), set.get());
    EXPECT_EQ(OSDynamicCast(OSOrderedSet, object), nullptr);
    EXPECT_EQ(OSDynamicCast(OSString, static_cast<OSObject*>(nullptr)), nullptr);
    EXPECT_EQ(OSMetaClassBase::safeMetaCast(object, OSTypeID(OSSet)), object);
    EXPECT_EQ(OSMetaClassBase::safeMetaCast(object, nullptr), nullptr);
    EXPECT_EQ(OSMTypeID(OSSet), gOSSetMetaClass);
    EXPECT_EQ(OSTypeIDInst(object), OSTypeID(OSSet));
}

// Facts: OSMetaClassBase.requiredMetaCast, OSRequiredCast
TEST(CastsDeathTest, ARequiredCastEndsTheProcess) {
    const auto set = owned(OSSet::withCapacity(0));
    OSObject* object = set.get();
    EXPECT_EQ(OSRequiredCast(OSArray, object), set.get());
    EXPECT_EQ(OSMetaClassBase::requiredMetaCast(object, gOSArrayMetaClass), object);
    EXPECT_EQ(OSRequiredCast(OSArray, static_cast<OSObject*>(nullptr)), nullptr);
    EXPECT_DEATH((void)OSRequiredCast(OSString, object),
                 "OSRequiredCast: a OSSet is not a OSString");
}

// Facts: OSMetaClassBase.Dispatch, OSMetaClassBase.Invoke
TEST(OSMetaClassBaseTest, RefusesMessagesThatItDoesNotKnow) {
    const auto string = owned(OSString::withCString("x"));
    struct {
        IORPCMessageMach mach;
        IORPCMessage content;
        OSObjectRef self;
    } message{};
    message.mach.msgh.msgh_size = sizeof message;
    message.content.msgid = 0x1234;
    message.content.objectRefs = 1;
    message.self = reinterpret_cast<OSObjectRef>(string.get());
    const IORPC rpc = {&message.mach, nullptr, sizeof message, 0};
    EXPECT_EQ(string->Dispatch(rpc), kIOReturnUnsupported);
    EXPECT_EQ(string->OSMetaClassBase::Dispatch(rpc), kIOReturnUnsupported);
    EXPECT_EQ(string->Invoke(rpc), kIOReturnUnsupported);
}

// Facts: OSMetaClass.New, OSMetaClassBase.operator new
TEST(OSMetaClassTest, MakesObjectsOfItsClass) {
    EXPECT_EQ(gOSContainerMetaClass->New(nullptr), kIOReturnUnsupported) << "an abstract class";
    EXPECT_EQ(gOSCollectionMetaClass->New(nullptr), kIOReturnUnsupported);
    alignas(16) char storage[sizeof(OSString)] = {};
    auto* object = reinterpret_cast<OSObject*>(storage);
    EXPECT_EQ(gOSStringMetaClass->New(object), kIOReturnSuccess);
    EXPECT_EQ(static_cast<OSString*>(object)->ivars, nullptr) << "all members are zero";
    struct Plain : OSMetaClassBase {};
    alignas(Plain) char other[sizeof(Plain)];
    auto* plain = new (other) Plain;
    EXPECT_EQ(static_cast<void*>(plain), static_cast<void*>(other));
    EXPECT_EQ(OSMetaClassBase::operator new(sizeof(Plain), static_cast<void*>(other)), other);
}

// Facts: OSObjectAllocate, OSTypeAlloc
TEST(OSObjectTest, IsAllocatedByClass) {
    OSObject* object = nullptr;
    EXPECT_EQ(OSObjectAllocate(gIODispatchQueueMetaClass, &object), kIOReturnSuccess);
    EXPECT_STREQ(object->GetClassName(), "IODispatchQueue");
    object->release();
    EXPECT_EQ(OSObjectAllocate(nullptr, &object), kIOReturnBadArgument);
    EXPECT_EQ(object, nullptr);
    EXPECT_EQ(OSObjectAllocate(gIODispatchQueueMetaClass, nullptr), kIOReturnBadArgument);
    EXPECT_NE(OSObjectAllocate(gOSCollectionMetaClass, &object), kIOReturnSuccess);
    EXPECT_EQ(object, nullptr);
    IOService* service = OSTypeAlloc(IOService);
    ASSERT_NE(service, nullptr);
    EXPECT_EQ(service->getRetainCount(), 1u);
    OSSafeReleaseNULL(service);
}

// Facts: OSObject.SetDispatchQueue, OSObject.CopyDispatchQueue
TEST(OSObjectTest, HasQueuesIfItsClassHas) {
    const auto service = owned(OSTypeAlloc(IOService));
    IODispatchQueue* queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    const auto made = owned(queue);
    OSObject* object = service.get();
    EXPECT_EQ(object->SetDispatchQueue("Default", queue), kIOReturnSuccess);
    OSSharedPtr<IODispatchQueue> copy;
    EXPECT_EQ(object->CopyDispatchQueue("Default", copy.attach()), kIOReturnSuccess);
    EXPECT_EQ(copy.get(), queue);
    // A queue is an object without queues.
    object = queue;
    EXPECT_EQ(object->SetDispatchQueue("Default", queue), kIOReturnUnsupported);
    EXPECT_EQ(object->CopyDispatchQueue("Default", copy.attach()), kIOReturnUnsupported);
    EXPECT_FALSE(copy);
}

// Facts: IORPCMessageFromMach
TEST(OSMetaClassBaseTest, TheContentOfAMessageFollowsItsHead) {
    struct {
        IORPCMessageMach mach;
        IORPCMessage content;
    } message{};
    message.content.msgid = 5;
    EXPECT_EQ(IORPCMessageFromMach(&message.mach, false), &message.content);
    EXPECT_EQ(IORPCMessageFromMach(&message.mach, true)->msgid, 5u);
}

// Facts: OSSafeReleaseNULL, OSObjectSafeReleaseNULL
TEST(OSObjectTest, SafeReleaseTakesNullAndForgets) {
    const auto string = owned(OSString::withCString("x"));
    OSString* reference = string.get();
    reference->retain();
    OSSafeReleaseNULL(reference);
    EXPECT_EQ(reference, nullptr);
    EXPECT_EQ(string->getRetainCount(), 1u);
    OSSafeReleaseNULL(reference);
    reference = string.get();
    reference->retain();
    OSObjectSafeReleaseNULL(reference);
    EXPECT_EQ(reference, nullptr);
    EXPECT_EQ(string->getRetainCount(), 1u);
    OSObjectSafeReleaseNULL(reference);
    EXPECT_EQ(string->getRetainCount(), 1u);
}

TEST(Classes, ASecondClassOfANameIsRefused) {
    static OSClassDescription description{};
    strcpy(description.name, "OSString");
    strcpy(description.superName, "OSObject");
    static OSMetaClass* meta = nullptr;
    static OSClassLoadInformation info{};
    info.description = &description;
    info.metaPointer = &meta;
    info.version = kOSClassLoadInformationVersion;
    info.instanceSize = sizeof(OSString);
    info.New = [](OSMetaClass*) -> kern_return_t { return kIOReturnSuccess; };
    EXPECT_EQ(opendext_register_class(&info), kIOReturnBadArgument);
    EXPECT_EQ(meta, nullptr);
    EXPECT_EQ(opendext_register_class(nullptr), kIOReturnBadArgument);
    EXPECT_TRUE(owned(OSString::withCString("still works"))->isEqualTo("still works"));
}

extern "C" void opendext_driver_prepare();

/// The result of registering a class of this name below OSObject.
template <int kNumber>
kern_return_t register_as(const char* name) {
    class Late final : public OSMetaClass {
        kern_return_t New(OSObject*) override { return kIOReturnUnsupported; }
    };
    static OSClassDescription description{};
    strlcpy(description.name, name, sizeof description.name);
    strlcpy(description.superName, "OSObject", sizeof description.superName);
    static OSMetaClass* meta = nullptr;
    static OSClassLoadInformation info{};
    info.description = &description;
    info.metaPointer = &meta;
    info.version = kOSClassLoadInformationVersion;
    info.instanceSize = sizeof(OSObject);
    info.New = [](OSMetaClass* instance) -> kern_return_t {
        new (static_cast<void*>(instance)) Late;
        return kIOReturnSuccess;
    };
    return opendext_register_class(&info);
}

TEST(ClassesDeathTest, ThoseOfAPreparedProcessAreKnownBesideLaterOnes) {
    // In a process of its own: what the prepared process shares stays shared.
    const auto register_late = [] {
        opendext_driver_prepare();
        const bool right = register_as<0>("LateClass") == kIOReturnSuccess &&
                           register_as<1>("LateClass") == kIOReturnBadArgument &&
                           register_as<2>("OSString") == kIOReturnBadArgument &&
                           register_as<3>("LaterClass") == kIOReturnSuccess &&
                           owned(OSString::withCString("works"))->isEqualTo("works") &&
                           OSDynamicCast(OSObject, owned(OSString::withCString("x")).get());
        std::_Exit(right ? 0 : 1);
    };
    EXPECT_EXIT(register_late(), testing::ExitedWithCode(0), "LateClass.*OSString");
}

#define Definitions_Twice_Args int number
// Facts: DEFN
struct Definitions {
    int DEFN(Definitions, Twice);
};
// Facts: IMPL
int IMPL(Definitions, Twice) {
    return 2 * number;
}
TEST(Macros, DefineTheImplementationOfAMethod) {
    EXPECT_EQ(Definitions().Twice_Impl(4), 8);
}

int sign(int number) {
#define RETURN_IF_NEGATIVE(n) \
    MACRO_BEGIN               \
    if ((n) < 0) {            \
        MACRO_RETURN - 1;     \
    }                         \
    MACRO_END
    if (number != 0)
        RETURN_IF_NEGATIVE(number);
    else
        return 0;
    return 1;
}

// Facts: IO_FOR_ANALYZER
TEST(Macros, ExpandToWhatTheySay) {
    int seen = 1;
    IO_FOR_ANALYZER(seen = 2);
    EXPECT_EQ(seen, 1) << "only the static analyzer sees it";
    EXPECT_EQ(sign(-5), -1);
    EXPECT_EQ(sign(0), 0);
    EXPECT_EQ(sign(5), 1);
    EXPECT_TRUE(ALWAYS && !NEVER);
    EXPECT_EQ(DRIVERKIT_FRAMEWORK_INCLUDE, 1);
    struct Base {
        virtual int value() { return 1; }
        virtual ~Base() = default;
    };
    struct Derived : Base {
        int value() APPLE_KEXT_OVERRIDE { return 2; }
    };
    Derived derived;
    EXPECT_EQ(static_cast<Base&>(derived).value(), 2);
}

struct Attributed {
    OSString* made() DRIVERKIT_RETURNS_RETAINED;
    OSString* got() DRIVERKIT_RETURNS_NOT_RETAINED;
    void take(OSString* DRIVERKIT_CONSUMED string);
    void finish() DRIVERKIT_CONSUMES_THIS;
    int copy(OSString** DRIVERKIT_RETURNS_RETAINED_ON_ZERO string);
    bool find(OSString** DRIVERKIT_RETURNS_RETAINED_ON_NONZERO string);
    OSString* kernel_made() LIBKERN_RETURNS_RETAINED;
    OSString* kernel_got() LIBKERN_RETURNS_NOT_RETAINED;
    void kernel_take(OSString* LIBKERN_CONSUMED string);
    void kernel_finish() LIBKERN_CONSUMES_THIS;
    int kernel_copy(OSString** LIBKERN_RETURNS_RETAINED_ON_ZERO string);
    bool kernel_find(OSString** LIBKERN_RETURNS_RETAINED_ON_NONZERO string);
};
static_assert(std::is_class_v<Attributed>, "the words are attributes that the compiler knows");

}  // namespace
