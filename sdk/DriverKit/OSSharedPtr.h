/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBKERN_OSSHAREDPTR_H
#define LIBKERN_OSSHAREDPTR_H

/* A pointer that retains what it points to. OSNoRetain adopts a reference that the caller owns
 * (results of Create, Copy and with calls), OSRetain adds one:
 *     OSSharedPtr<OSString> name(OSString::withCString("port"), OSNoRetain);
 * docs/facts/driverkit-api.csv, class OSSharedPtr. The object may be used by several threads, one
 * OSSharedPtr by one at a time. C++14. */
#include <stddef.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include <DriverKit/OSPtr.h>

struct OS_no_retain_t {
    explicit OS_no_retain_t() = default;
};
struct OS_retain_t {
    explicit OS_retain_t() = default;
};
static constexpr auto OSNoRetain [[maybe_unused]] = OS_no_retain_t{};
static constexpr auto OSRetain [[maybe_unused]] = OS_retain_t{};

/** Null or one reference to an object, released in the destructor. */
template <typename T>
class OSSharedPtr {
    template <typename U>
    using WhenConvertible = std::enable_if_t<std::is_convertible<U*, T*>::value>;

  public:
    using pointer = T*;
    using element_type = T;
    using retain_t = OS_retain_t;
    using no_retain_t = OS_no_retain_t;

    OSSharedPtr() noexcept = default;
    OSSharedPtr(std::nullptr_t) noexcept {}
    explicit OSSharedPtr(pointer p, no_retain_t) noexcept : ptr_(p) {}
    explicit OSSharedPtr(pointer p, retain_t) noexcept : ptr_(p) { retain(); }
    OSSharedPtr(OSSharedPtr const& other) : ptr_(other.ptr_) { retain(); }
    OSSharedPtr(OSSharedPtr&& other) noexcept : ptr_(other.detach()) {}
    /** From a pointer to a derived class. */
    template <typename U, typename = WhenConvertible<U>>
    OSSharedPtr(OSSharedPtr<U> const& other) : ptr_(other.get()) {
        retain();
    }
    template <typename U, typename = WhenConvertible<U>>
    OSSharedPtr(OSSharedPtr<U>&& other) noexcept : ptr_(other.detach()) {}
    /** Takes the reference of `other`, whose class may be a base of T: the caller knows. */
    template <typename U>
    OSSharedPtr(OSSharedPtr<U>&& other, no_retain_t) noexcept
        : ptr_(static_cast<T*>(other.detach())) {}
    ~OSSharedPtr() { release(); }

    OSSharedPtr& operator=(OSSharedPtr const& other) {
        OSSharedPtr(other).exchange(*this);
        return *this;
    }
    OSSharedPtr& operator=(OSSharedPtr&& other) {
        OSSharedPtr(std::move(other)).exchange(*this);
        return *this;
    }
    template <typename U, typename = WhenConvertible<U>>
    OSSharedPtr& operator=(OSSharedPtr<U> const& other) {
        OSSharedPtr(other).exchange(*this);
        return *this;
    }
    template <typename U, typename = WhenConvertible<U>>
    OSSharedPtr& operator=(OSSharedPtr<U>&& other) {
        OSSharedPtr(std::move(other)).exchange(*this);
        return *this;
    }
    OSSharedPtr& operator=(std::nullptr_t) noexcept { return reset(); }

    /** Releases what was there. */
    OSSharedPtr& reset() noexcept {
        OSSharedPtr().exchange(*this);
        return *this;
    }
    OSSharedPtr& reset(pointer p, no_retain_t) noexcept {
        OSSharedPtr(p, OSNoRetain).exchange(*this);
        return *this;
    }
    OSSharedPtr& reset(pointer p, retain_t) noexcept {
        OSSharedPtr(p, OSRetain).exchange(*this);
        return *this;
    }

    [[nodiscard]] constexpr pointer get() const noexcept { return ptr_; }
    /** Gives the reference to the caller; the pointer is null afterwards. */
    [[nodiscard]] constexpr pointer detach() noexcept {
        pointer const detached = ptr_;
        ptr_ = nullptr;
        return detached;
    }
    [[nodiscard]] pointer detachAsOSPtr() noexcept { return detach(); }
    pointer operator->() const noexcept { return ptr_; }
    T& operator*() const noexcept { return *ptr_; }
    explicit operator bool() const { return ptr_ != nullptr; }

    /** For functions that store a retained result: `CopyName(name.attach())`. What was there is
     * released first. */
    struct attacher {
        attacher(OSSharedPtr& sp) noexcept : sp(sp) {}
        operator pointer*() const {
            sp.reset();
            return &sp.ptr_;
        }
        operator OSSharedPtr*() const {
            sp.reset();
            return &sp;
        }
        OSSharedPtr& sp;
    };
    attacher attach() noexcept { return attacher(*this); }

    void swap(OSSharedPtr& other) noexcept { exchange(other); }
    friend constexpr void swap(OSSharedPtr& a, OSSharedPtr& b) noexcept { a.exchange(b); }

  private:
    constexpr void exchange(OSSharedPtr& other) noexcept {
        pointer const mine = ptr_;
        ptr_ = other.ptr_;
        other.ptr_ = mine;
    }
    void retain() const {
        if (ptr_) ptr_->retain();
    }
    void release() const {
        if (ptr_) ptr_->release();
    }

    pointer ptr_ = nullptr;
};

/* Two are equal when they point to the same object. */
template <typename T, typename U>
bool operator==(OSSharedPtr<T> const& a, OSSharedPtr<U> const& b) {
    return a.get() == b.get();
}
template <typename T, typename U>
bool operator!=(OSSharedPtr<T> const& a, OSSharedPtr<U> const& b) {
    return a.get() != b.get();
}
template <typename T, typename U>
bool operator==(OSSharedPtr<T> const& a, U* b) {
    return a.get() == b;
}
template <typename T, typename U>
bool operator!=(OSSharedPtr<T> const& a, U* b) {
    return a.get() != b;
}
template <typename T, typename U>
bool operator==(T* a, OSSharedPtr<U> const& b) {
    return a == b.get();
}
template <typename T, typename U>
bool operator!=(T* a, OSSharedPtr<U> const& b) {
    return a != b.get();
}
template <typename T>
bool operator==(OSSharedPtr<T> const& a, std::nullptr_t) {
    return a.get() == nullptr;
}
template <typename T>
bool operator!=(OSSharedPtr<T> const& a, std::nullptr_t) {
    return a.get() != nullptr;
}
template <typename T>
bool operator==(std::nullptr_t, OSSharedPtr<T> const& a) {
    return a.get() == nullptr;
}
template <typename T>
bool operator!=(std::nullptr_t, OSSharedPtr<T> const& a) {
    return a.get() != nullptr;
}

/* Casts; the forms that take an rvalue move the reference. There is no checked cast: OSDynamicCast
 * and OSRequiredCast take the plain pointer. */
template <typename To, typename From>
OSSharedPtr<To> OSStaticPtrCast(OSSharedPtr<From> const& ptr) noexcept {
    return OSSharedPtr<To>(static_cast<To*>(ptr.get()), OSRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSStaticPtrCast(OSSharedPtr<From>&& ptr) noexcept {
    return OSSharedPtr<To>(static_cast<To*>(ptr.detach()), OSNoRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSConstPtrCast(OSSharedPtr<From> const& ptr) noexcept {
    return OSSharedPtr<To>(const_cast<To*>(ptr.get()), OSRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSConstPtrCast(OSSharedPtr<From>&& ptr) noexcept {
    return OSSharedPtr<To>(const_cast<To*>(ptr.detach()), OSNoRetain);
}

#endif /* LIBKERN_OSSHAREDPTR_H */
