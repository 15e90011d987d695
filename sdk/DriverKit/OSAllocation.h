/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSALLOCATION_H
#define DRIVERKIT_OSALLOCATION_H

/* Memory of IOMalloc with one owner and checked accesses:
 *     OSAllocation<uint8_t> buffer(1024, OSAllocateMemoryZero);
 *     if (!buffer) return kIOReturnNoMemory; */
#include <DriverKit/IOLib.h>
#include <DriverKit/OSBoundedPtr.h>
#include <DriverKit/safe_allocation.h>

namespace os_detail {
struct IOKit_allocator {
    static void* allocate(size_t bytes) { return IOMalloc(bytes); }
    static void* allocate_zero(size_t bytes) { return IOMallocZero(bytes); }
    static void deallocate(void* p, size_t bytes) { IOFree(p, bytes); }
};
}  // namespace os_detail
using os_detail::IOKit_allocator;

template <typename T>
using OSAllocation =
    libkern::safe_allocation<T, os_detail::IOKit_allocator, os_detail::panic_trapping_policy>;

constexpr auto OSAllocateMemory = libkern::allocate_memory;
constexpr auto OSAllocateMemoryZero = libkern::allocate_memory_zero;
constexpr auto OSAdoptMemory = libkern::adopt_memory;

#endif /* DRIVERKIT_OSALLOCATION_H */
