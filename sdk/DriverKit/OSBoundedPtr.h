/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSBOUNDEDPTR_H
#define DRIVERKIT_OSBOUNDEDPTR_H

/* bounded_ptr as drivers use it: leaving the bounds is panic(). */
#include <DriverKit/IOLib.h>
#include <DriverKit/bounded_ptr.h>

namespace os_detail {
/** Ends the process with `message` and a call stack in the log. */
struct panic_trapping_policy {
    [[noreturn]] static void trap(char const* message) { panic("%s", message); }
};
}  // namespace os_detail
using os_detail::panic_trapping_policy;

template <typename T>
using OSBoundedPtr = libkern::bounded_ptr<T, os_detail::panic_trapping_policy>;

#endif /* DRIVERKIT_OSBOUNDEDPTR_H */
