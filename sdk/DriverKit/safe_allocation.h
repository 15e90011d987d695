/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_SAFE_ALLOCATION_H
#define DRIVERKIT_SAFE_ALLOCATION_H

/* Memory with one owner whose accesses are checked: docs/facts/driverkit-api.csv, class
 * safe_allocation. Drivers use it as OSAllocation (OSAllocation.h). C++14. */
#include <DriverKit/bounded_ptr.h>

namespace libkern {

struct allocate_memory_t {
    explicit allocate_memory_t() = default;
};
struct allocate_memory_zero_t {
    explicit allocate_memory_zero_t() = default;
};
struct adopt_memory_t {
    explicit adopt_memory_t() = default;
};
/** Ask for new memory with value-initialised elements, … */
constexpr allocate_memory_t allocate_memory{};
/** … for new memory that is zero, … */
constexpr allocate_memory_zero_t allocate_memory_zero{};
/** … or hand over memory of the same allocator with constructed elements. */
constexpr adopt_memory_t adopt_memory{};

/** Owns `size()` elements; destroys and frees them in its destructor. Empty (false, data() NULL)
 * where there was no memory or no element was asked for. An index outside of it traps. */
template <typename T, typename Allocator, typename TrappingPolicy>
struct safe_allocation {
    using iterator = bounded_ptr<T, TrappingPolicy>;
    using const_iterator = bounded_ptr<T const, TrappingPolicy>;

    explicit safe_allocation() noexcept : data_(nullptr), size_(0) {}
    safe_allocation(sa_detail::nullptr_t) noexcept : safe_allocation() {}
    explicit safe_allocation(T* data, size_t n, adopt_memory_t) : data_(data), size_(0) {
        if (n > UINT32_MAX / sizeof(T)) TrappingPolicy::trap("safe_allocation: too many elements");
        size_ = static_cast<uint32_t>(n);
    }
    explicit safe_allocation(size_t n, allocate_memory_t) : safe_allocation() {
        take(n, Allocator::allocate(bytes(n)));
        sa_detail::uninitialized_value_construct(data_, data_ + size_);
    }
    explicit safe_allocation(size_t n, allocate_memory_zero_t) : safe_allocation() {
        take(n, Allocator::allocate_zero(bytes(n)));
        if (!std::is_trivially_default_constructible<T>::value)
            sa_detail::uninitialized_value_construct(data_, data_ + size_);
    }
    safe_allocation(safe_allocation const&) = delete;
    safe_allocation& operator=(safe_allocation const&) = delete;
    safe_allocation(safe_allocation&& other) noexcept : data_(other.data_), size_(other.size_) {
        other.data_ = nullptr;
        other.size_ = 0;
    }
    ~safe_allocation() { destroy_dealloc_(data_, size_); }

    safe_allocation& operator=(safe_allocation&& other) {
        safe_allocation taken(static_cast<safe_allocation&&>(other));
        swap(*this, taken);
        return *this;
    }
    safe_allocation& operator=(sa_detail::nullptr_t) {
        safe_allocation none;
        swap(*this, none);
        return *this;
    }

    explicit operator bool() const { return data_ != nullptr; }

    T& operator[](ptrdiff_t n) { return data_[checked(n)]; }
    T const& operator[](ptrdiff_t n) const { return data_[checked(n)]; }
    T* data() noexcept { return data_; }
    T const* data() const noexcept { return data_; }
    size_t size() const { return size_; }

    iterator begin() noexcept { return iterator(data_, data_, data_ + size_); }
    const_iterator begin() const noexcept { return const_iterator(data_, data_, data_ + size_); }
    iterator end() noexcept { return iterator(data_ + size_, data_, data_ + size_); }
    const_iterator end() const noexcept {
        return const_iterator(data_ + size_, data_, data_ + size_);
    }

    friend void swap(safe_allocation& a, safe_allocation& b) noexcept {
        sa_detail::generic_swap(a.data_, b.data_);
        sa_detail::generic_swap(a.size_, b.size_);
    }

    /** What the destructor does; `ptr` may be NULL. */
    static void destroy_dealloc_(T* ptr, size_t size) {
        if (ptr == nullptr) return;
        sa_detail::destroy(ptr, ptr + size);
        Allocator::deallocate(const_cast<sa_detail::remove_const_t<T>*>(ptr), size * sizeof(T));
    }

    T* data_;
    uint32_t size_;

  private:
    static size_t bytes(size_t n) {
        if (n > UINT32_MAX / sizeof(T)) TrappingPolicy::trap("safe_allocation: too many elements");
        return n * sizeof(T);
    }
    void take(size_t n, void* memory) {
        data_ = static_cast<T*>(memory);
        size_ = memory == nullptr ? 0 : static_cast<uint32_t>(n);
    }
    ptrdiff_t checked(ptrdiff_t n) const {
        if (__builtin_expect(n < 0 || static_cast<size_t>(n) >= size_, 0))
            TrappingPolicy::trap("safe_allocation<T>::operator[]: the index is out of bounds");
        return n;
    }
};

template <typename T, typename A, typename P>
bool operator==(safe_allocation<T, A, P> const& x, sa_detail::nullptr_t) {
    return !x;
}
template <typename T, typename A, typename P>
bool operator!=(safe_allocation<T, A, P> const& x, sa_detail::nullptr_t) {
    return static_cast<bool>(x);
}
template <typename T, typename A, typename P>
bool operator==(sa_detail::nullptr_t, safe_allocation<T, A, P> const& x) {
    return !x;
}
template <typename T, typename A, typename P>
bool operator!=(sa_detail::nullptr_t, safe_allocation<T, A, P> const& x) {
    return static_cast<bool>(x);
}

}  // namespace libkern

#endif /* DRIVERKIT_SAFE_ALLOCATION_H */
