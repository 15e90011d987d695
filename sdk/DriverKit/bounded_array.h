/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_BOUNDED_ARRAY_H
#define DRIVERKIT_BOUNDED_ARRAY_H

/* An array of fixed size whose accesses are checked: docs/facts/driverkit-api.csv, class
 * bounded_array. Drivers use it as OSBoundedArray. C++14. */
#include <DriverKit/bounded_ptr.h>

namespace libkern {

/** An aggregate: `OSBoundedArray<int, 3> a = {1, 2, 3};`. An index outside of it traps. */
template <typename T, size_t N, typename TrappingPolicy>
struct bounded_array {
    static_assert(N > 0 && N <= UINT32_MAX / sizeof(T), "a range has fewer than 4 GiB");

    using iterator = bounded_ptr<T, TrappingPolicy>;
    using const_iterator = bounded_ptr<T const, TrappingPolicy>;

    iterator begin() noexcept { return iterator(data_, data_, data_ + N); }
    const_iterator begin() const noexcept { return const_iterator(data_, data_, data_ + N); }
    iterator end() noexcept { return iterator(data_ + N, data_, data_ + N); }
    const_iterator end() const noexcept { return const_iterator(data_ + N, data_, data_ + N); }

    constexpr size_t size() const noexcept { return N; }
    constexpr size_t length() const noexcept { return N; }
    constexpr T* data() noexcept { return data_; }
    constexpr T const* data() const noexcept { return data_; }

    T& operator[](ptrdiff_t n) { return data_[checked(n)]; }
    T const& operator[](ptrdiff_t n) const { return data_[checked(n)]; }

    static ptrdiff_t checked(ptrdiff_t n) {
        if (__builtin_expect(n < 0 || static_cast<size_t>(n) >= N, 0))
            TrappingPolicy::trap("bounded_array<T, N>::operator[]: the index is out of bounds");
        return n;
    }

    T data_[N];
};

}  // namespace libkern

#endif /* DRIVERKIT_BOUNDED_ARRAY_H */
