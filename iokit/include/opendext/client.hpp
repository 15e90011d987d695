// SPDX-License-Identifier: Apache-2.0
#ifndef OPENDEXT_CLIENT_HPP_
#define OPENDEXT_CLIENT_HPP_

/// Talking to drivers from C++20: owning types over <IOKit/IOKitLib.h> and <opendext/client.h>.
/// Header only, needs no exceptions; links with libIOKit.
///
///     #include <opendext/client.hpp>
///     namespace io = opendext::iokit;
///
///     auto service = io::Matching::by_class("Blinker").first();
///     if (!service) return fail(service.error().text());
///     auto connection = service->open();
///     if (!connection) return fail(connection.error().text());
///     auto sum = connection->call_scalars<1>(kBlinkerCallAdd, {40, 2});
///
/// Ownership: every object owns what it stands for and gives it back when it goes. Errors:
/// Result<T> holds a value or an Error with code, origin and reason. Threads: any function from any
/// thread, except where a class says otherwise; call-backs come where the NotificationPort runs.
/// One part can be included alone: opendext/client/….hpp.

#include <opendext/client/calls.hpp>
#include <opendext/client/connection.hpp>
#include <opendext/client/data_queue.hpp>
#include <opendext/client/notifications.hpp>
#include <opendext/client/registry.hpp>
#include <opendext/client/result.hpp>
#include <opendext/client/value.hpp>

namespace opendext::iokit {

/// Uses the realm in `directory` from now on; "" is the default.
inline Result<void> set_realm(const std::string& directory) {
    return outcome(opendext_set_realm(directory.empty() ? nullptr : directory.c_str()));
}

}  // namespace opendext::iokit

#endif
