/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_BOUNDED_PTR_H
#define DRIVERKIT_BOUNDED_PTR_H

/* A pointer that knows the range it may be used in. Moving it out of the range is allowed; using it
 * there calls TrappingPolicy::trap, which does not return. Signatures:
 * docs/facts/driverkit-api.csv, classes bounded_ptr, copy_cv …; drivers use it as OSBoundedPtr
 * (OSBoundedPtr.h). C++14. */
#include <stddef.h>
#include <stdint.h>

#include <DriverKit/bounded_traits.h>

namespace libkern {

/** `T` may be const and may be void (then it cannot be dereferenced). The range has fewer than 4
 * GiB; offsets count bytes and fit 32 bits. Copies share nothing. Not thread-safe. */
template <typename T, typename TrappingPolicy>
struct bounded_ptr {
    using CharType = detail::copy_cv_t<T, char>;

    /** Null, with an empty range. */
    explicit bounded_ptr() : base_(nullptr), count_(0), offset_(0) {}
    bounded_ptr(detail::nullptr_t) : bounded_ptr() {}

    /** `pointer` within [begin, end); traps where the range is reversed or too large. */
    explicit bounded_ptr(T* pointer, T const* begin, T const* end)
        : base_(chars(const_cast<T*>(begin))) {
        CharType const* const last = chars(const_cast<T*>(end));
        ptrdiff_t const count = last - base_;
        ptrdiff_t const offset = chars(pointer) - base_;
        if (count < 0) TrappingPolicy::trap("bounded_ptr: the end lies before the beginning");
        if (count > static_cast<ptrdiff_t>(UINT32_MAX))
            TrappingPolicy::trap("bounded_ptr: the range is larger than 4 GiB");
        if (offset < INT32_MIN || offset > INT32_MAX)
            TrappingPolicy::trap("bounded_ptr: the pointer is too far from the range");
        count_ = static_cast<uint32_t>(count);
        offset_ = static_cast<int32_t>(offset);
    }

    /** From a pointer to a derived class, or to the same without const. */
    template <typename U, typename Policy,
              typename = detail::enable_if_t<detail::is_convertible_v<U*, T*>>>
    bounded_ptr(bounded_ptr<U, Policy> const& other)
        : base_(chars_of(other)), count_(other.count_), offset_(0) {
        T* const pointer = other.get_ptr_();
        offset_ = base_ == nullptr ? other.offset_ : static_cast<int32_t>(chars(pointer) - base_);
    }
    bounded_ptr(bounded_ptr const& other) = default;

    template <typename U, typename Policy,
              typename = detail::enable_if_t<detail::is_convertible_v<U*, T*>>>
    bounded_ptr& operator=(bounded_ptr<U, Policy> const& other) {
        return *this = bounded_ptr(other);
    }
    bounded_ptr& operator=(bounded_ptr const& other) = default;
    bounded_ptr& operator=(detail::nullptr_t) { return *this = bounded_ptr(); }

    template <typename T_ = T>
    T_& operator*() const {
        require_in_bounds("bounded_ptr<T>::operator*: the pointer is out of its bounds");
        return *get_ptr_();
    }
    template <typename T_ = T>
    T_& operator[](ptrdiff_t n) const {
        bounded_ptr moved = *this;
        moved.move(n, "bounded_ptr<T>::operator[]: the index overflows");
        moved.require_in_bounds("bounded_ptr<T>::operator[]: the index is out of bounds");
        return *moved.get_ptr_();
    }
    T* operator->() const {
        require_in_bounds("bounded_ptr<T>::operator->: the pointer is out of its bounds");
        return get_ptr_();
    }

    /** The plain pointer; traps if it is out of its bounds. */
    T* discard_bounds() const {
        require_in_bounds("bounded_ptr<T>::discard_bounds: the pointer is out of its bounds");
        return get_ptr_();
    }
    /** The plain pointer, wherever it points. */
    T* unsafe_discard_bounds() const { return get_ptr_(); }

    explicit operator bool() const { return get_ptr_() != nullptr; }

    /** By `n` elements; traps where the offset would not fit 32 bits. */
    template <typename T_ = T, typename = detail::enable_if_t<!detail::is_void_v<T_>>>
    bounded_ptr& operator+=(ptrdiff_t n) {
        move(n, "bounded_ptr<T>::operator+=: the offset overflows");
        return *this;
    }
    template <typename T_ = T, typename = detail::enable_if_t<!detail::is_void_v<T_>>>
    bounded_ptr& operator-=(ptrdiff_t n) {
        if (n == PTRDIFF_MIN)
            TrappingPolicy::trap("bounded_ptr<T>::operator-=: the offset overflows");
        move(-n, "bounded_ptr<T>::operator-=: the offset overflows");
        return *this;
    }
    bounded_ptr& operator++() { return *this += 1; }
    bounded_ptr operator++(int) {
        bounded_ptr const old = *this;
        *this += 1;
        return old;
    }
    bounded_ptr& operator--() { return *this -= 1; }
    bounded_ptr operator--(int) {
        bounded_ptr const old = *this;
        *this -= 1;
        return old;
    }

    friend bounded_ptr operator+(bounded_ptr p, ptrdiff_t n) { return p += n; }
    friend bounded_ptr operator+(ptrdiff_t n, bounded_ptr p) { return p += n; }
    friend bounded_ptr operator-(bounded_ptr p, ptrdiff_t n) { return p -= n; }
    /** In elements. */
    friend ptrdiff_t operator-(bounded_ptr const& a, bounded_ptr const& b) {
        return a.get_ptr_() - b.get_ptr_();
    }
    friend ptrdiff_t operator-(bounded_ptr const& a, T const* b) { return a.get_ptr_() - b; }
    friend ptrdiff_t operator-(T const* a, bounded_ptr const& b) { return a - b.get_ptr_(); }

    /* What the names say; they end with an underscore because drivers do not use them. */
    bool in_bounds_() const {
        return base_ != nullptr && offset_ >= 0 &&
               static_cast<uint64_t>(offset_) + detail::sizeof_v<T> <= count_;
    }
    T* get_ptr_() const {
        /* Computed on integers: the pointer may lie outside of its object. */
        return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(base_) +
                                    static_cast<uintptr_t>(static_cast<intptr_t>(offset_)));
    }

    CharType* base_; /* start of the range */
    uint32_t count_; /* bytes in it */
    int32_t offset_; /* bytes from its start */

  private:
    template <typename, typename>
    friend struct bounded_ptr;

    template <typename U>
    static CharType* chars(U* pointer) {
        return reinterpret_cast<CharType*>(pointer);
    }
    template <typename U, typename Policy>
    static CharType* chars_of(bounded_ptr<U, Policy> const& other) {
        return reinterpret_cast<CharType*>(other.base_);
    }
    void require_in_bounds(char const* message) const {
        if (__builtin_expect(!in_bounds_(), 0)) TrappingPolicy::trap(message);
    }
    void move(ptrdiff_t n, char const* message) {
        ptrdiff_t bytes = 0;
        int32_t moved = 0;
        if (__builtin_mul_overflow(n, static_cast<ptrdiff_t>(detail::sizeof_v<T>), &bytes) ||
            __builtin_add_overflow(static_cast<ptrdiff_t>(offset_), bytes, &moved)) {
            TrappingPolicy::trap(message);
        }
        offset_ = moved;
    }
};

/* Pointers into the same range compare by address. */
#define OPENDEXT_BOUNDED_COMPARISON(op, when)                                                  \
    template <typename T, typename U, typename P, typename Q, typename = detail::when<T*, U*>> \
    bool operator op(bounded_ptr<T, P> const& a, bounded_ptr<U, Q> const& b) {                 \
        return a.get_ptr_() op b.get_ptr_();                                                   \
    }                                                                                          \
    template <typename T, typename U, typename P, typename = detail::when<T*, U*>>             \
    bool operator op(bounded_ptr<T, P> const& a, U* b) {                                       \
        return a.get_ptr_() op b;                                                              \
    }                                                                                          \
    template <typename T, typename U, typename P, typename = detail::when<T*, U*>>             \
    bool operator op(U* a, bounded_ptr<T, P> const& b) {                                       \
        return a op b.get_ptr_();                                                              \
    }
OPENDEXT_BOUNDED_COMPARISON(==, WhenComparable)
OPENDEXT_BOUNDED_COMPARISON(!=, WhenComparable)
OPENDEXT_BOUNDED_COMPARISON(<, WhenOrderable)
OPENDEXT_BOUNDED_COMPARISON(<=, WhenOrderable)
OPENDEXT_BOUNDED_COMPARISON(>, WhenOrderable)
OPENDEXT_BOUNDED_COMPARISON(>=, WhenOrderable)
#undef OPENDEXT_BOUNDED_COMPARISON

template <typename T, typename P>
bool operator==(detail::nullptr_t, bounded_ptr<T, P> const& p) {
    return p.get_ptr_() == nullptr;
}
template <typename T, typename P>
bool operator==(bounded_ptr<T, P> const& p, detail::nullptr_t) {
    return p.get_ptr_() == nullptr;
}
template <typename T, typename P>
bool operator!=(detail::nullptr_t, bounded_ptr<T, P> const& p) {
    return p.get_ptr_() != nullptr;
}
template <typename T, typename P>
bool operator!=(bounded_ptr<T, P> const& p, detail::nullptr_t) {
    return p.get_ptr_() != nullptr;
}

/** The same bytes as objects of another type; the range stays. */
template <typename T, typename U, typename P>
bounded_ptr<T, P> reinterpret_pointer_cast(bounded_ptr<U, P> const& p) noexcept {
    bounded_ptr<T, P> result;
    result.base_ = reinterpret_cast<decltype(result.base_)>(p.base_);
    result.count_ = p.count_;
    result.offset_ = p.offset_;
    return result;
}
template <typename T, typename U>
T* reinterpret_pointer_cast(U* p) noexcept {
    return reinterpret_cast<T*>(p);
}

}  // namespace libkern

#endif /* DRIVERKIT_BOUNDED_PTR_H */
