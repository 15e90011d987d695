/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSBOUNDEDARRAYREF_H
#define DRIVERKIT_OSBOUNDEDARRAYREF_H

#include <DriverKit/OSBoundedPtr.h>
#include <DriverKit/bounded_array_ref.h>

/** Elements of somebody else, with checked accesses. */
template <typename T>
using OSBoundedArrayRef = libkern::bounded_array_ref<T, os_detail::panic_trapping_policy>;

#endif /* DRIVERKIT_OSBOUNDEDARRAYREF_H */
