/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_BOUNDED_TRAITS_H
#define DRIVERKIT_BOUNDED_TRAITS_H

/* The type traits behind bounded_ptr and its relatives, under the names of
 * docs/facts/driverkit-api.csv. The C++ library's own where it has them in C++14. */
#include <stddef.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace libkern {
namespace detail {

using std::declval;
using std::enable_if;
using std::enable_if_t;
using std::nullptr_t;
using std::remove_const;
using std::remove_const_t;

/* C++17's, for drivers in C++14. */
template <typename...>
using void_t = void;
template <typename From, typename To>
constexpr bool is_convertible_v = std::is_convertible<From, To>::value;
template <typename T>
constexpr bool is_empty_v = std::is_empty<T>::value;
template <typename T>
constexpr bool is_nothrow_default_constructible_v = std::is_nothrow_default_constructible<T>::value;
template <typename T>
constexpr bool is_trivially_destructible_v = std::is_trivially_destructible<T>::value;
template <typename T>
constexpr bool is_void_v = std::is_void<T>::value;

/** `To`, const if `From` is. */
template <typename From, typename To>
struct copy_const {
    using type = To;
};
template <typename From, typename To>
struct copy_const<From const, To> {
    using type = To const;
};
template <typename From, typename To>
using copy_const_t = typename copy_const<From, To>::type;

/** `To` with the const and volatile of `From`. */
template <typename From, typename To>
struct copy_cv {
    using type = To;
};
template <typename From, typename To>
struct copy_cv<From const, To> {
    using type = To const;
};
template <typename From, typename To>
struct copy_cv<From volatile, To> {
    using type = To volatile;
};
template <typename From, typename To>
struct copy_cv<From const volatile, To> {
    using type = To const volatile;
};
template <typename From, typename To>
using copy_cv_t = typename copy_cv<From, To>::type;

/** sizeof, and 0 for void: a pointer to void needs no room behind it. */
template <typename T, bool = is_void_v<T>>
struct size_of {
    static constexpr size_t value = sizeof(T);
};
template <typename T>
struct size_of<T, true> {
    static constexpr size_t value = 0;
};
template <typename T>
constexpr size_t sizeof_v = size_of<T>::value;

/** void where objects of the types can be compared with == and !=, else no type. */
template <typename T, typename U>
using WhenComparable =
    void_t<decltype(declval<T>() == declval<U>()), decltype(declval<T>() != declval<U>())>;
/** The same for <, >, <= and >=. */
template <typename T, typename U>
using WhenOrderable =
    void_t<decltype(declval<T>() < declval<U>()), decltype(declval<T>() > declval<U>()),
           decltype(declval<T>() >= declval<U>()), decltype(declval<T>() <= declval<U>())>;

template <typename T>
void generic_swap(T& a, T& b) {
    T kept = std::move(a);
    a = std::move(b);
    b = std::move(kept);
}

/** Runs the destructors of [first, last), the last element first. */
template <typename T, enable_if_t<is_trivially_destructible_v<T>>* = nullptr>
void destroy(T*, T*) {}
template <typename T, enable_if_t<!is_trivially_destructible_v<T>>* = nullptr>
void destroy(T* first, T* last) {
    while (last != first) (--last)->~T();
}

/** Makes value-initialised elements in the raw memory [first, last). */
template <typename T>
void uninitialized_value_construct(T* first, T* last) {
    for (; first != last; ++first) new (static_cast<void*>(first)) T();
}

}  // namespace detail
namespace bar_detail = detail;
namespace sa_detail = detail;
}  // namespace libkern

#endif /* DRIVERKIT_BOUNDED_TRAITS_H */
