/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_BOUNDED_ARRAY_REF_H
#define DRIVERKIT_BOUNDED_ARRAY_REF_H

/* Somebody else's array whose accesses are checked: docs/facts/driverkit-api.csv, class
 * bounded_array_ref. Drivers use it as OSBoundedArrayRef. C++14. */
#include <DriverKit/bounded_array.h>
#include <DriverKit/bounded_ptr.h>

namespace libkern {

/** Does not own the elements: they must outlive it. Copies refer to the same elements; what was
 * moved from refers to none. An index outside of it traps. */
template <typename T, typename TrappingPolicy>
struct bounded_array_ref {
    using iterator = bounded_ptr<T, TrappingPolicy>;

    explicit bounded_array_ref() noexcept : data_(nullptr), size_(0) {}
    /** `n` elements from where `data` points; traps where they are not all in its range. */
    explicit bounded_array_ref(bounded_ptr<T, TrappingPolicy> data, size_t n)
        : bounded_array_ref(data.unsafe_discard_bounds(), n) {
        if (n == 0) return;
        /* The constructor above has seen that n * sizeof(T) fits 32 bits. */
        bounded_ptr<T, TrappingPolicy> const last = data + static_cast<ptrdiff_t>(n - 1);
        if (!data.in_bounds_() || !last.in_bounds_())
            TrappingPolicy::trap("bounded_array_ref: the elements are out of the pointer's bounds");
    }
    explicit bounded_array_ref(T* data, size_t n) : data_(data) {
        if (n > UINT32_MAX / sizeof(T))
            TrappingPolicy::trap("bounded_array_ref: too many elements");
        size_ = static_cast<uint32_t>(n);
    }
    /** [first, last) */
    explicit bounded_array_ref(T* first, T* last)
        : bounded_array_ref(first, static_cast<size_t>(last - first)) {}
    template <size_t N>
    bounded_array_ref(T (&array)[N]) : bounded_array_ref(array, N) {}
    template <size_t N>
    bounded_array_ref(bounded_array<T, N, TrappingPolicy>& data)
        : bounded_array_ref(data.data(), N) {}
    bounded_array_ref(bounded_array_ref const&) = default;
    bounded_array_ref(bounded_array_ref&& other) noexcept : data_(other.data_), size_(other.size_) {
        other.data_ = nullptr;
        other.size_ = 0;
    }
    ~bounded_array_ref() = default;

    bounded_array_ref& operator=(bounded_array_ref const&) = default;
    bounded_array_ref& operator=(bounded_array_ref&& other) {
        bounded_array_ref taken(static_cast<bounded_array_ref&&>(other));
        data_ = taken.data_;
        size_ = taken.size_;
        return *this;
    }

    explicit operator bool() const { return data_ != nullptr; }

    iterator begin() const noexcept { return iterator(data_, data_, data_ + size_); }
    iterator end() const noexcept { return iterator(data_ + size_, data_, data_ + size_); }
    constexpr size_t size() const noexcept { return size_; }
    constexpr size_t length() const noexcept { return size_; }
    constexpr T* data() const noexcept { return data_; }

    T& operator[](ptrdiff_t n) const {
        if (__builtin_expect(n < 0 || static_cast<size_t>(n) >= size_, 0))
            TrappingPolicy::trap("bounded_array_ref<T>::operator[]: the index is out of bounds");
        return data_[n];
    }

    /** `m` elements from index `n` on; traps where they are not all within it. */
    bounded_array_ref slice(size_t n, size_t m) const {
        if (n > size_ || m > size_ - n)
            TrappingPolicy::trap("bounded_array_ref<T>::slice: the slice is out of bounds");
        return bounded_array_ref(data_ + n, m);
    }

    T* data_;
    uint32_t size_;
};

template <typename T, typename P>
bool operator==(bounded_array_ref<T, P> const& x, bar_detail::nullptr_t) {
    return !x;
}
template <typename T, typename P>
bool operator!=(bounded_array_ref<T, P> const& x, bar_detail::nullptr_t) {
    return static_cast<bool>(x);
}
template <typename T, typename P>
bool operator==(bar_detail::nullptr_t, bounded_array_ref<T, P> const& x) {
    return !x;
}
template <typename T, typename P>
bool operator!=(bar_detail::nullptr_t, bounded_array_ref<T, P> const& x) {
    return static_cast<bool>(x);
}

}  // namespace libkern

#endif /* DRIVERKIT_BOUNDED_ARRAY_REF_H */
