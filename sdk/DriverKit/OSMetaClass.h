/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSMETACLASS_H
#define DRIVERKIT_OSMETACLASS_H

/*
 * The two roots of every DriverKit class, casts, and the macros of driver sources. The bodies are
 * in the runtime; docs/facts/driverkit-api.csv, classes OSMetaClassBase and OSMetaClass.
 */
#include <DriverKit/IORPC.h>
#include <DriverKit/IOReturn.h>

struct OSMetaClassPrivate;

/* What a declaration says about references, for clang's static analyzer: the result is the caller's
 * to release, or is not; an argument or the object itself is released by the callee; a result
 * parameter is filled if the function returns 0, or not 0. */
#define DRIVERKIT_RETURNS_RETAINED __attribute__((os_returns_retained))
#define DRIVERKIT_RETURNS_NOT_RETAINED __attribute__((os_returns_not_retained))
#define DRIVERKIT_CONSUMED __attribute__((os_consumed))
#define DRIVERKIT_CONSUMES_THIS __attribute__((os_consumes_this))
#define DRIVERKIT_RETURNS_RETAINED_ON_ZERO __attribute__((os_returns_retained_on_zero))
#define DRIVERKIT_RETURNS_RETAINED_ON_NONZERO __attribute__((os_returns_retained_on_non_zero))
#define LIBKERN_RETURNS_RETAINED DRIVERKIT_RETURNS_RETAINED
#define LIBKERN_RETURNS_NOT_RETAINED DRIVERKIT_RETURNS_NOT_RETAINED
#define LIBKERN_CONSUMED DRIVERKIT_CONSUMED
#define LIBKERN_CONSUMES_THIS DRIVERKIT_CONSUMES_THIS
#define LIBKERN_RETURNS_RETAINED_ON_ZERO DRIVERKIT_RETURNS_RETAINED_ON_ZERO
#define LIBKERN_RETURNS_RETAINED_ON_NONZERO DRIVERKIT_RETURNS_RETAINED_ON_NONZERO
/* Code that only the analyzer sees. */
#ifdef __clang_analyzer__
#define IO_FOR_ANALYZER(x) x
#else
#define IO_FOR_ANALYZER(x)
#endif
/* Sources that are shared with kernel extensions. */
#define DRIVERKIT_FRAMEWORK_INCLUDE 1
#define APPLE_KEXT_OVERRIDE override
/* Not visible to other libraries. */
#ifndef HIDDEN
#define HIDDEN __attribute__((visibility("hidden")))
#endif

/**
 * Root of objects and of classes: reference count, class, message dispatch. It lies at offset 0 of
 * every object. Objects start with one reference; retain and release may be called from any thread.
 */
class OPENDEXT_EXPORT OSMetaClassBase {
  public:
    /** Runs a message on this object, on the calling thread, with its own class's methods first. */
    virtual kern_return_t Dispatch(const IORPC rpc);
    virtual void retain() const;
    virtual void release() const;
    virtual const OSMetaClass* getMetaClass() const;
    virtual bool isEqualTo(const OSMetaClassBase* anObject) const;

    /** Runs a message wherever it belongs: the owner of a proxy, the system's side, the method's
     * queue. */
    kern_return_t Invoke(const IORPC rpc);
    /** True for a stand-in of an object that lives in another process or on the system's side. */
    bool IsRemote();
    const OSMetaClass* GetClass();
    const char* GetClassName();
    const char* GetClassName() const;
    uint32_t getRetainCount() const;

    /** `anObject` if it is a `toMeta` or of a class derived from it, else NULL. NULL gives NULL. */
    static OSMetaClassBase* safeMetaCast(const OSMetaClassBase* anObject,
                                         const OSMetaClass* toMeta);
    /** The same, but ends the process with a message where safeMetaCast gives NULL for an object.
     */
    static OSMetaClassBase* requiredMetaCast(const OSMetaClassBase* anObject,
                                             const OSMetaClass* toMeta);

    static void* operator new(size_t, void* placed) { return placed; }
    static void operator delete(void*, void*) {}
    static void operator delete(void*) {}

    /* For the runtime alone; it sets `meta` and `refcount` after OSMetaClass::New. */
    mutable _Atomic(int) refcount;
    int32_t reserved;
    OSMetaClass* meta;
};

/** A class at run time. Generated code derives one from it for every class, without members of its
 * own. */
class OPENDEXT_EXPORT OSMetaClass : public OSMetaClassBase {
  public:
    /** Constructs an object, all members zero, in description()->instanceSize bytes at `instance`.
     */
    virtual kern_return_t New(OSObject* instance);
    /** Static methods arrive here. */
    kern_return_t Dispatch(const IORPC rpc) override;

    OSMetaClassPrivate* metaClassPrivate; /* the runtime's */
};

/** Base of every XInterface, which declares the LOCALONLY methods that class X adds. */
class OPENDEXT_EXPORT OSInterface{public : };

typedef OSObject* OSObjectPtr;

/** Allocates an object of `meta`, calls init(); *pObject has one reference. kIOReturnError if
 * init() gives false. */
extern "C" OPENDEXT_EXPORT kern_return_t OSObjectAllocate(OSMetaClass* meta, OSObject** pObject);

/** SUPERDISPATCH as the last argument of a method runs the super class's implementation, on this
 * thread. */
template <typename Class>
kern_return_t OSDispatchAs(OSMetaClassBase* self, const IORPC rpc) {
    return Class::_Dispatch(static_cast<Class*>(self), rpc);
}
#define SUPERDISPATCH (&OSDispatchAs<super>)

/** Heads the definition of a method: `kern_return_t IMPL(MyDriver, Start) { … }`; DEFN its
 * declaration inside the class. */
#define DEFN(classname, name) name##_Impl(classname##_##name##_Args)
#define IMPL(classname, name) classname::DEFN(classname, name)

/** The OSMetaClass of a class. */
#define OSTypeID(type) (g##type##MetaClass)
#define OSMTypeID(type) (g##type##MetaClass)
/** The OSMetaClass of an object. */
#define OSTypeIDInst(inst) ((inst)->getMetaClass())
#define OSDynamicCast(type, inst) ((type*)OSMetaClassBase::safeMetaCast((inst), OSTypeID(type)))
#define OSRequiredCast(type, inst) \
    ((type*)OSMetaClassBase::requiredMetaCast((inst), OSTypeID(type)))

/** A new object of `type` after init(), or NULL. */
template <typename Class>
Class* OSAllocateAs(OSMetaClass* meta) {
    OSObject* object = NULL;
    (void)OSObjectAllocate(meta, &object);
    return reinterpret_cast<Class*>(object);
}
#define OSTypeAlloc(type) OSAllocateAs<type>(OSTypeID(type))

#define OSSafeReleaseNULL(inst) \
    do {                        \
        if (inst) {             \
            (inst)->release();  \
            (inst) = NULL;      \
        }                       \
    } while (0)
/** The same through the C functions of OSCollections.h. */
#define OSObjectSafeReleaseNULL(ptr) OSSafeReleaseNULL(ptr)

#endif /* DRIVERKIT_OSMETACLASS_H */
