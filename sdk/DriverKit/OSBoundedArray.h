/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSBOUNDEDARRAY_H
#define DRIVERKIT_OSBOUNDEDARRAY_H

#include <DriverKit/OSBoundedPtr.h>
#include <DriverKit/bounded_array.h>

/** `N` elements in place, with checked accesses. */
template <typename T, size_t N>
using OSBoundedArray = libkern::bounded_array<T, N, os_detail::panic_trapping_policy>;

#endif /* DRIVERKIT_OSBOUNDEDARRAY_H */
