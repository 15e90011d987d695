// SPDX-License-Identifier: Apache-2.0
// What the checks in handwritten.cpp and templates.py share: one instance of each class template,
// and where the facts' nameless namespaces are.
namespace detail = libkern::detail;
using namespace libkern;
using namespace libkern::detail;
using SharedPtr = OSSharedPtr<OSString>;
using BoundedPtr = OSBoundedPtr<int>;
using BoundedArray = OSBoundedArray<int, 3>;
using BoundedArrayRef = OSBoundedArrayRef<int>;
using Allocation = OSAllocation<int>;
namespace bar_detail = libkern::detail;
namespace sa_detail = libkern::detail;
struct NotTrivial {
    ~NotTrivial();
};
struct Empty {};
// Whether `left OP right` gives a bool.
template <typename A, typename B>
concept less = requires(A a, B b) {
    { a < b } -> std::same_as<bool>;
    { a <= b } -> std::same_as<bool>;
};
template <typename A, typename B>
concept greater = requires(A a, B b) {
    { a > b } -> std::same_as<bool>;
};
template <typename A, typename B>
concept not_less = requires(A a, B b) {
    { a >= b } -> std::same_as<bool>;
};
template <typename A, typename B>
concept equal = requires(A a, B b) {
    { a == b } -> std::same_as<bool>;
};
template <typename A, typename B>
concept not_equal = requires(A a, B b) {
    { a != b } -> std::same_as<bool>;
};
