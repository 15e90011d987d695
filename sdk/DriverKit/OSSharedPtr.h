/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBKERN_OSSHAREDPTR_H
#define LIBKERN_OSSHAREDPTR_H

/* A pointer that retains what it points to. OSNoRetain adopts a reference that the caller owns
 * (results of Create and Copy calls), OSRetain adds one. docs/facts/driverkit-api.csv, class
 * OSSharedPtr. */
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
inline constexpr OS_no_retain_t OSNoRetain{};
inline constexpr OS_retain_t OSRetain{};

template <typename T>
class OSSharedPtr {
  public:
    using pointer = T*;
    using element_type = T;

    OSSharedPtr() noexcept = default;
    OSSharedPtr(std::nullptr_t) noexcept {}
    explicit OSSharedPtr(pointer p, OS_no_retain_t) noexcept : ptr_(p) {}
    explicit OSSharedPtr(pointer p, OS_retain_t) noexcept : ptr_(p) { retain(); }
    OSSharedPtr(const OSSharedPtr& other) noexcept : ptr_(other.ptr_) { retain(); }
    OSSharedPtr(OSSharedPtr&& other) noexcept : ptr_(other.detach()) {}
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U*, T*>>>
    OSSharedPtr(const OSSharedPtr<U>& other) noexcept : ptr_(other.get()) {
        retain();
    }
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U*, T*>>>
    OSSharedPtr(OSSharedPtr<U>&& other) noexcept : ptr_(other.detach()) {}
    template <typename U>
    OSSharedPtr(OSSharedPtr<U>&& other, OS_no_retain_t) noexcept
        : ptr_(static_cast<T*>(other.detach())) {}
    ~OSSharedPtr() { release(); }

    OSSharedPtr& operator=(const OSSharedPtr& other) noexcept {
        OSSharedPtr(other).swap(*this);
        return *this;
    }
    OSSharedPtr& operator=(OSSharedPtr&& other) noexcept {
        OSSharedPtr(std::move(other)).swap(*this);
        return *this;
    }
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U*, T*>>>
    OSSharedPtr& operator=(const OSSharedPtr<U>& other) noexcept {
        OSSharedPtr(other).swap(*this);
        return *this;
    }
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U*, T*>>>
    OSSharedPtr& operator=(OSSharedPtr<U>&& other) noexcept {
        OSSharedPtr(std::move(other)).swap(*this);
        return *this;
    }
    OSSharedPtr& operator=(std::nullptr_t) noexcept { return reset(); }

    OSSharedPtr& reset() noexcept {
        release();
        ptr_ = nullptr;
        return *this;
    }
    OSSharedPtr& reset(pointer p, OS_no_retain_t) noexcept {
        OSSharedPtr(p, OSNoRetain).swap(*this);
        return *this;
    }
    OSSharedPtr& reset(pointer p, OS_retain_t) noexcept {
        OSSharedPtr(p, OSRetain).swap(*this);
        return *this;
    }

    [[nodiscard]] constexpr pointer get() const noexcept { return ptr_; }
    /* Gives the reference to the caller; the pointer is null afterwards. */
    [[nodiscard]] constexpr pointer detach() noexcept { return std::exchange(ptr_, nullptr); }
    [[nodiscard]] pointer detachAsOSPtr() noexcept { return detach(); }
    pointer operator->() const noexcept { return ptr_; }
    T& operator*() const noexcept { return *ptr_; }
    explicit operator bool() const { return ptr_ != nullptr; }

    /* For functions that store a retained result: `Create(attach(shared))`. What was there is
     * released first. */
    struct attacher {
        explicit attacher(OSSharedPtr& sp) noexcept : sp(sp) {}
        operator pointer*() const {
            sp.reset();
            return &sp.ptr_;
        }
        operator OSSharedPtr*() const { return &sp; }
        OSSharedPtr& sp;
    };
    attacher attach() noexcept { return attacher(*this); }

    void swap(OSSharedPtr& other) noexcept { std::swap(ptr_, other.ptr_); }
    friend void swap(OSSharedPtr& a, OSSharedPtr& b) noexcept { a.swap(b); }

  private:
    void retain() const noexcept {
        if (ptr_) ptr_->retain();
    }
    void release() const noexcept {
        if (ptr_) ptr_->release();
    }
    pointer ptr_ = nullptr;
};

template <typename T, typename U>
bool operator==(const OSSharedPtr<T>& a, const OSSharedPtr<U>& b) {
    return a.get() == b.get();
}
template <typename T>
bool operator==(const OSSharedPtr<T>& a, std::nullptr_t) {
    return a.get() == nullptr;
}
template <typename T, typename U>
bool operator==(const OSSharedPtr<T>& a, U* b) {
    return a.get() == b;
}

/* Casts; the forms that take an rvalue move the reference. */
template <typename To, typename From>
OSSharedPtr<To> OSStaticPtrCast(const OSSharedPtr<From>& ptr) noexcept {
    return OSSharedPtr<To>(static_cast<To*>(ptr.get()), OSRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSStaticPtrCast(OSSharedPtr<From>&& ptr) noexcept {
    return OSSharedPtr<To>(static_cast<To*>(ptr.detach()), OSNoRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSConstPtrCast(const OSSharedPtr<From>& ptr) noexcept {
    return OSSharedPtr<To>(const_cast<To*>(ptr.get()), OSRetain);
}
template <typename To, typename From>
OSSharedPtr<To> OSConstPtrCast(OSSharedPtr<From>&& ptr) noexcept {
    return OSSharedPtr<To>(const_cast<To*>(ptr.detach()), OSNoRetain);
}

#endif /* LIBKERN_OSSHAREDPTR_H */
