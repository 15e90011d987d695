// SPDX-License-Identifier: Apache-2.0
// bounded_ptr, bounded_array, bounded_array_ref, safe_allocation and their traits.
#include <DriverKit/OSAllocation.h>
#include <DriverKit/OSBoundedArray.h>
#include <DriverKit/OSBoundedArrayRef.h>
#include <DriverKit/OSBoundedPtr.h>
#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace {

using libkern::reinterpret_pointer_cast;

struct Range {
    int values[4] = {10, 11, 12, 13};
    OSBoundedPtr<int> at(ptrdiff_t n) { return OSBoundedPtr<int>(values + n, values, values + 4); }
};

// Facts: bounded_ptr.bounded_ptr, bounded_ptr.operator bool, bounded_ptr.get_ptr_
// Facts: bounded_ptr.in_bounds_, bounded_ptr.discard_bounds, bounded_ptr.unsafe_discard_bounds
TEST(BoundedPtrTest, KnowsItsRange) {
    Range range;
    OSBoundedPtr<int> none;
    EXPECT_FALSE(none);
    EXPECT_FALSE(none.in_bounds_());
    EXPECT_FALSE(OSBoundedPtr<int>(nullptr));
    OSBoundedPtr<int> first = range.at(0);
    EXPECT_TRUE(static_cast<bool>(first));
    EXPECT_TRUE(first.in_bounds_());
    EXPECT_EQ(first.get_ptr_(), range.values);
    EXPECT_EQ(first.discard_bounds(), range.values);
    OSBoundedPtr<int> copy(first);
    EXPECT_EQ(copy.get_ptr_(), range.values);
    OSBoundedPtr<int const> constant(first);
    EXPECT_EQ(*constant, 10);
    OSBoundedPtr<int> end = range.at(4);
    EXPECT_FALSE(end.in_bounds_());
    EXPECT_EQ(end.unsafe_discard_bounds(), range.values + 4);
    OSBoundedPtr<void> bytes(first);
    EXPECT_EQ(bytes.discard_bounds(), range.values);
    static_assert(!std::is_convertible_v<OSBoundedPtr<int const>, OSBoundedPtr<int>>);
    static_assert(std::is_same_v<OSBoundedPtr<int const>::CharType, char const>);
}

TEST(BoundedPtrTest, ConvertsToABaseClassThatLiesElsewhere) {
    struct A {
        int a = 1;
    };
    struct B {
        int b = 2;
    };
    struct Both : A, B {};
    Both objects[2];
    OSBoundedPtr<Both> both(objects + 1, objects, objects + 2);
    OSBoundedPtr<B> base = both;
    EXPECT_EQ(base.discard_bounds(), static_cast<B*>(objects + 1));
    EXPECT_EQ(base->b, 2);
    base = OSBoundedPtr<Both>(nullptr);
    EXPECT_TRUE(base == nullptr);
}

// Facts: bounded_ptr.operator=
// Facts: bounded_ptr.operator*
// Facts: bounded_ptr.operator->
// Facts: bounded_ptr.operator[]
TEST(BoundedPtrTest, ReadsAndWritesWithinIt) {
    Range range;
    OSBoundedPtr<int> pointer;
    pointer = range.at(1);
    EXPECT_EQ(*pointer, 11);
    *pointer = 20;
    EXPECT_EQ(range.values[1], 20);
    EXPECT_EQ(pointer[2], 13);
    EXPECT_EQ(pointer[-1], 10);
    OSBoundedPtr<int const> constant;
    constant = pointer;
    EXPECT_EQ(constant[0], 20);
    constant = nullptr;
    EXPECT_FALSE(constant);
    struct Pair {
        int x, y;
    } pair[1] = {{1, 2}};
    OSBoundedPtr<Pair> to_pair(pair, pair, pair + 1);
    EXPECT_EQ(to_pair->y, 2);
}

// Facts: bounded_ptr.operator++, bounded_ptr.operator--, bounded_ptr.operator+=
// Facts: bounded_ptr.operator-=, operator+, operator-
TEST(BoundedPtrTest, MovesAndComesBack) {
    Range range;
    auto pointer = range.at(0);
    EXPECT_EQ(*++pointer, 11);
    EXPECT_EQ(*pointer++, 11);
    EXPECT_EQ(*pointer, 12);
    EXPECT_EQ(*--pointer, 11);
    EXPECT_EQ(*pointer--, 11);
    pointer += 3;
    EXPECT_EQ(*pointer, 13);
    pointer -= 2;
    EXPECT_EQ(*pointer, 11);
    EXPECT_EQ(*(pointer + 1), 12);
    EXPECT_EQ(*(1 + pointer), 12);
    EXPECT_EQ(*(pointer - 1), 10);
    EXPECT_EQ((pointer + 2) - pointer, 2);
    EXPECT_EQ(pointer - range.values, 1);
    EXPECT_EQ(range.values - pointer, -1);
    pointer += 1000;  // outside is no error until it is used
    pointer -= 1000;
    EXPECT_EQ(*pointer, 11);
}

// Facts: operator==
// Facts: operator!=
TEST(BoundedPtrTest, ComparesForEquality) {
    Range range;
    const auto a = range.at(1), b = range.at(2);
    EXPECT_TRUE(a == range.at(1));
    EXPECT_FALSE(a == b);
    EXPECT_TRUE(a != b);
    EXPECT_TRUE(a == range.values + 1);
    EXPECT_TRUE(range.values + 1 == a);
    EXPECT_TRUE(a != range.values);
    EXPECT_TRUE(range.values != a);
    EXPECT_FALSE(a == nullptr);
    EXPECT_FALSE(nullptr == a);
    EXPECT_TRUE(a != nullptr);
    EXPECT_TRUE(nullptr != a);
    EXPECT_TRUE(OSBoundedPtr<int>() == nullptr);
    EXPECT_TRUE(a == OSBoundedPtr<int const>(a));

    OSBoundedArrayRef<int> none, some(range.values);
    EXPECT_TRUE(none == nullptr);
    EXPECT_TRUE(nullptr == none);
    EXPECT_TRUE(some != nullptr);
    EXPECT_TRUE(nullptr != some);
    OSAllocation<int> empty, full(1, OSAllocateMemory);
    EXPECT_TRUE(empty == nullptr);
    EXPECT_TRUE(nullptr == empty);
    EXPECT_TRUE(full != nullptr);
    EXPECT_TRUE(nullptr != full);
}

// Facts: operator
// Facts: operator>
// Facts: operator>=
TEST(BoundedPtrTest, ComparesByAddress) {
    Range range;
    const auto a = range.at(1), b = range.at(2);
    int* const first = range.values;
    EXPECT_TRUE(a < b && a <= b && a <= a && !(b < a) && !(b <= a));
    EXPECT_TRUE(b > a && b >= a && a >= a && !(a > b) && !(a >= b));
    EXPECT_TRUE(first < a && first <= a && !(first > a) && !(first >= a));
    EXPECT_TRUE(a > first && a >= first && !(a < first) && !(a <= first));
}

// Facts: reinterpret_pointer_cast
TEST(BoundedPtrTest, KeepsItsRangeInACast) {
    Range range;
    const auto bytes = reinterpret_pointer_cast<unsigned char>(range.at(1));
    EXPECT_EQ(bytes.discard_bounds(), reinterpret_cast<unsigned char*>(range.values + 1));
    EXPECT_EQ(bytes[-4], 10);
    EXPECT_TRUE((bytes + 11).in_bounds_());
    EXPECT_FALSE((bytes + 12).in_bounds_());
    EXPECT_EQ(*reinterpret_pointer_cast<int>(bytes), 11);
    const OSBoundedPtr<int const> constant = range.at(0);
    EXPECT_EQ(*reinterpret_pointer_cast<unsigned char const>(constant), 10);
    EXPECT_EQ(reinterpret_pointer_cast<unsigned char>(range.values)[0], 10);
}

// Facts: panic_trapping_policy.trap
TEST(BoundedDeathTest, APolicyOfPanicNamesTheClass) {
    Range range;
    EXPECT_DEATH(panic_trapping_policy::trap("reason"), "panic: reason");
    EXPECT_DEATH((void)*range.at(4), "bounded_ptr<T>::operator\\*");
    EXPECT_DEATH((void)range.at(0)[-1], "bounded_ptr<T>::operator\\[\\]");
    EXPECT_DEATH((void)range.at(0)[4], "out of bounds");
    EXPECT_DEATH((void)range.at(0)[PTRDIFF_MAX], "overflows");
    EXPECT_DEATH((void)*OSBoundedPtr<int>(), "bounded_ptr");
    EXPECT_DEATH((void)range.at(4).discard_bounds(), "discard_bounds");
    EXPECT_DEATH(
        {
            auto pointer = range.at(0);
            pointer += INT32_MAX;
        },
        "operator\\+=: the offset overflows");
    EXPECT_DEATH(
        {
            auto pointer = range.at(0);
            pointer -= PTRDIFF_MIN;
        },
        "operator-=");
    EXPECT_DEATH(OSBoundedPtr<int>(range.values, range.values + 1, range.values), "before");
    const auto bytes = reinterpret_pointer_cast<uint64_t>(range.at(0)) + 1;
    EXPECT_EQ(bytes[0], 13ull << 32 | 12);
    EXPECT_DEATH((void)bytes[1], "out of bounds") << "the last bytes of it are outside";

    OSBoundedArray<int, 2> array = {{1, 2}};
    EXPECT_DEATH((void)array[2], "bounded_array<T, N>");
    EXPECT_DEATH((void)array[-1], "bounded_array<T, N>");
    OSBoundedArrayRef<int> ref(array);
    EXPECT_DEATH((void)ref[2], "bounded_array_ref<T>");
    EXPECT_DEATH((void)ref[-1], "bounded_array_ref<T>");
    EXPECT_DEATH((void)ref.slice(1, 2), "slice");
    EXPECT_DEATH((void)ref.slice(3, 0), "slice");
    EXPECT_DEATH((void)ref.slice(1, SIZE_MAX), "slice");
    EXPECT_DEATH(OSBoundedArrayRef<int>(range.at(1), 4), "bounded_array_ref");
    EXPECT_DEATH(OSBoundedArrayRef<int>(range.values, SIZE_MAX), "too many");
    OSAllocation<int> allocation(2, OSAllocateMemory);
    EXPECT_DEATH((void)allocation[2], "safe_allocation<T>");
    EXPECT_DEATH((void)allocation[-1], "safe_allocation<T>");
    EXPECT_DEATH((void)*allocation.end(), "bounded_ptr");
    EXPECT_DEATH(OSAllocation<int>(size_t{1} << 32, OSAllocateMemory), "too many");
}

// Facts: bounded_array.begin, bounded_array.end, bounded_array.data, bounded_array.size
// Facts: bounded_array.length
// Facts: bounded_array.operator[]
TEST(BoundedArrayTest, IsAnAggregateWithItsOwnElements) {
    OSBoundedArray<int, 3> array = {{1, 2, 3}};
    const auto& constant = array;
    static_assert(OSBoundedArray<int, 3>{}.size() == 3);
    EXPECT_EQ(array.size(), 3u);
    EXPECT_EQ(array.length(), 3u);
    EXPECT_EQ(array.data(), &array[0]);
    EXPECT_EQ(constant.data(), array.data());
    array[1] = 20;
    EXPECT_EQ(constant[1], 20);
    int sum = 0;
    for (const int value : constant) sum += value;
    EXPECT_EQ(sum, 24);
    for (int& value : array) value = 0;
    EXPECT_EQ(constant[2], 0);
    EXPECT_EQ(array.end() - array.begin(), 3);
    EXPECT_EQ(constant.end() - constant.begin(), 3);
}

// Facts: bounded_array_ref.bounded_array_ref, bounded_array_ref.~bounded_array_ref
// Facts: bounded_array_ref.operator bool, bounded_array_ref.data, bounded_array_ref.size
// Facts: bounded_array_ref.length
TEST(BoundedArrayRefTest, RefersToElementsOfOthers) {
    Range range;
    using Ref = OSBoundedArrayRef<int>;
    const Ref none;
    EXPECT_FALSE(none);
    EXPECT_EQ(none.data(), nullptr);
    EXPECT_EQ(none.size(), 0u);
    const Ref of_array(range.values);
    EXPECT_TRUE(static_cast<bool>(of_array));
    EXPECT_EQ(of_array.data(), range.values);
    EXPECT_EQ(of_array.length(), 4u);
    EXPECT_EQ(Ref(range.values, size_t{2}).size(), 2u);
    EXPECT_EQ(Ref(range.values + 1, range.values + 4).size(), 3u);
    EXPECT_EQ(Ref(range.at(1), 3).data(), range.values + 1);
    EXPECT_EQ(Ref(range.at(4), 0).size(), 0u);
    OSBoundedArray<int, 2> bounded = {{1, 2}};
    Ref of_bounded(bounded);
    EXPECT_EQ(of_bounded.data(), bounded.data());
    const Ref copy(of_bounded);
    EXPECT_EQ(copy.data(), bounded.data());
    const Ref moved(std::move(of_bounded));
    EXPECT_EQ(moved.size(), 2u);
    EXPECT_FALSE(of_bounded);  // NOLINT: what was moved from refers to nothing
    {
        const Ref ends(bounded);
    }
    EXPECT_EQ(bounded[0], 1) << "the elements are not its own";
}

// Facts: bounded_array_ref.operator=, bounded_array_ref.begin, bounded_array_ref.end
// Facts: bounded_array_ref.slice
// Facts: bounded_array_ref.operator[]
TEST(BoundedArrayRefTest, IsAssignedIteratedAndSliced) {
    Range range;
    OSBoundedArrayRef<int> ref;
    ref = OSBoundedArrayRef<int>(range.values);
    OSBoundedArrayRef<int> other;
    other = ref;
    EXPECT_EQ(other.data(), ref.data());
    other = std::move(ref);
    EXPECT_FALSE(ref);  // NOLINT
    other[3] = 30;
    EXPECT_EQ(range.values[3], 30);
    int sum = 0;
    for (const int value : other) sum += value;
    EXPECT_EQ(sum, 63);
    const auto slice = other.slice(1, 2);
    EXPECT_EQ(slice.size(), 2u);
    EXPECT_EQ(slice[0], 11);
    EXPECT_EQ(other.slice(4, 0).size(), 0u);
    EXPECT_EQ(other.end() - other.begin(), 4);
}

/// Counts objects; every second one is made by the default constructor.
struct Counted {
    static inline int alive = 0;
    int value = 7;
    Counted() { ++alive; }
    ~Counted() { --alive; }
};

struct FailingAllocator {
    static void* allocate(size_t) { return nullptr; }
    static void* allocate_zero(size_t) { return nullptr; }
    static void deallocate(void*, size_t) { ADD_FAILURE(); }
};

// Facts: safe_allocation.safe_allocation, safe_allocation.~safe_allocation
// Facts: safe_allocation.operator bool, safe_allocation.size, safe_allocation.destroy_dealloc_
// Facts: allocate_memory_t.allocate_memory_t, allocate_memory_zero_t.allocate_memory_zero_t
// Facts: adopt_memory_t.adopt_memory_t
TEST(SafeAllocationTest, OwnsItsElements) {
    OSAllocation<int> none, null(nullptr);
    EXPECT_FALSE(none);
    EXPECT_FALSE(null);
    EXPECT_EQ(none.size(), 0u);
    {
        OSAllocation<Counted> some(3, libkern::allocate_memory_t());
        EXPECT_EQ(Counted::alive, 3);
        EXPECT_EQ(some.size(), 3u);
        OSAllocation<Counted> moved(std::move(some));
        EXPECT_FALSE(some);  // NOLINT
        EXPECT_EQ(Counted::alive, 3);
    }
    EXPECT_EQ(Counted::alive, 0);
    const OSAllocation<uint8_t> zeroed(1000, libkern::allocate_memory_zero_t());
    for (size_t i = 0; i < zeroed.size(); ++i) EXPECT_EQ(zeroed[static_cast<ptrdiff_t>(i)], 0);
    auto* memory = static_cast<Counted*>(IOMalloc(2 * sizeof(Counted)));
    new (static_cast<void*>(memory)) Counted;
    new (static_cast<void*>(memory + 1)) Counted;
    {
        const OSAllocation<Counted> adopted(memory, 2, libkern::adopt_memory_t());
    }
    EXPECT_EQ(Counted::alive, 0);
    const OSAllocation<int> nothing(0, OSAllocateMemoryZero);
    EXPECT_FALSE(nothing);
    using Failing = libkern::safe_allocation<int, FailingAllocator, panic_trapping_policy>;
    EXPECT_FALSE(Failing(5, OSAllocateMemory));
    EXPECT_EQ(Failing(5, OSAllocateMemoryZero).size(), 0u);
    auto* single = static_cast<Counted*>(IOMalloc(sizeof(Counted)));
    new (static_cast<void*>(single)) Counted;
    OSAllocation<Counted>::destroy_dealloc_(single, 1);
    OSAllocation<Counted>::destroy_dealloc_(nullptr, 1);
    EXPECT_EQ(Counted::alive, 0);
    static_assert(!std::is_copy_constructible_v<OSAllocation<int>>);
}

// Facts: safe_allocation.operator=, safe_allocation.data, safe_allocation.begin
// Facts: safe_allocation.end
// Facts: safe_allocation.operator[]
TEST(SafeAllocationTest, IsMovedIndexedAndIterated) {
    OSAllocation<int> allocation(4, OSAllocateMemoryZero);
    const auto& constant = allocation;
    allocation[2] = 5;
    EXPECT_EQ(constant[2], 5);
    EXPECT_EQ(allocation.data()[2], 5);
    EXPECT_EQ(constant.data(), allocation.data());
    for (int& value : allocation) ++value;
    int sum = 0;
    for (const int value : constant) sum += value;
    EXPECT_EQ(sum, 9);
    EXPECT_EQ(allocation.end() - allocation.begin(), 4);
    EXPECT_EQ(constant.end() - constant.begin(), 4);
    OSAllocation<int> other(1, OSAllocateMemory);
    other = std::move(allocation);
    EXPECT_EQ(other.size(), 4u);
    EXPECT_FALSE(allocation);  // NOLINT
    other = nullptr;
    EXPECT_FALSE(other);
    static_assert(!std::is_copy_assignable_v<OSAllocation<int>>);
    int* memory = static_cast<int*>(IOMallocZero(sizeof(int)));
    other = OSAllocation<int>(memory, 1, OSAdoptMemory);
    EXPECT_EQ(other.data(), memory);
}

// Facts: IOKit_allocator.allocate, IOKit_allocator.allocate_zero, IOKit_allocator.deallocate
TEST(SafeAllocationTest, TakesItsMemoryFromIOMalloc) {
    void* memory = IOKit_allocator::allocate(16);
    ASSERT_NE(memory, nullptr);
    memset(memory, 1, 16);
    IOKit_allocator::deallocate(memory, 16);
    auto* zeroed = static_cast<uint64_t*>(IOKit_allocator::allocate_zero(16));
    EXPECT_EQ(zeroed[0] | zeroed[1], 0u);
    IOKit_allocator::deallocate(zeroed, 16);
    EXPECT_EQ(IOKit_allocator::allocate(0), nullptr);
    IOKit_allocator::deallocate(nullptr, 16);
}

// Facts: generic_swap, destroy, uninitialized_value_construct, declval, operator new
TEST(BoundedTraits, MakeAndEndElements) {
    namespace detail = libkern::detail;
    int a = 1, b = 2;
    detail::generic_swap(a, b);
    EXPECT_EQ(a, 2);
    EXPECT_EQ(b, 1);
    auto* objects = static_cast<Counted*>(IOMallocZero(3 * sizeof(Counted)));
    detail::uninitialized_value_construct(objects, objects + 3);
    EXPECT_EQ(Counted::alive, 3);
    EXPECT_EQ(objects[2].value, 7);
    detail::destroy(objects, objects + 3);
    EXPECT_EQ(Counted::alive, 0);
    Counted* again = ::new (static_cast<void*>(objects)) Counted;
    EXPECT_EQ(again, objects) << "operator new in given memory";
    detail::destroy(again, again + 1);
    IOFree(objects, 3 * sizeof(Counted));
    int numbers[2] = {1, 2};
    detail::destroy(numbers, numbers + 2);  // nothing to do
    EXPECT_EQ(numbers[0], 1);
    static_assert(std::is_same_v<decltype(detail::declval<int>()), int&&>);
}

TEST(BoundedTraits, AnswerAboutTypes) {
    using namespace libkern::detail;
    static_assert(std::is_same_v<copy_const<int const, char>::type, char const>);
    static_assert(std::is_same_v<copy_const_t<int, char>, char>);
    static_assert(std::is_same_v<copy_cv_t<int const volatile, char>, char const volatile>);
    static_assert(std::is_same_v<copy_cv<int volatile, char>::type, char volatile>);
    static_assert(std::is_same_v<enable_if_t<true, int>, int>);
    static_assert(std::is_same_v<remove_const_t<int const>, int>);
    static_assert(is_void_v<void const> && !is_void_v<int>);
    static_assert(sizeof_v<int> == 4 && sizeof_v<void> == 0 && sizeof_v<void const> == 0);
    static_assert(is_convertible_v<int*, void*> && !is_convertible_v<void*, int*>);
    static_assert(is_empty_v<panic_trapping_policy> && is_trivially_destructible_v<int>);
    static_assert(is_nothrow_default_constructible_v<int>);
    static_assert(std::is_void_v<WhenComparable<int*, int*>>);
    static_assert(std::is_void_v<WhenOrderable<int*, int*>>);
    static_assert(std::is_void_v<void_t<int>>);
}

}  // namespace
