// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The IOReturn values that opendextd itself answers with (docs/facts/ioreturn.csv).
namespace opendext::daemon {

inline constexpr int32_t kIOReturnSuccess = 0;
inline constexpr int32_t kIOReturnError = static_cast<int32_t>(0xe00002bc);
inline constexpr int32_t kIOReturnNoMemory = static_cast<int32_t>(0xe00002bd);
inline constexpr int32_t kIOReturnNoResources = static_cast<int32_t>(0xe00002be);
inline constexpr int32_t kIOReturnIPCError = static_cast<int32_t>(0xe00002bf);
inline constexpr int32_t kIOReturnNoDevice = static_cast<int32_t>(0xe00002c0);
inline constexpr int32_t kIOReturnNotPrivileged = static_cast<int32_t>(0xe00002c1);
inline constexpr int32_t kIOReturnBadArgument = static_cast<int32_t>(0xe00002c2);
inline constexpr int32_t kIOReturnExclusiveAccess = static_cast<int32_t>(0xe00002c5);
inline constexpr int32_t kIOReturnUnsupported = static_cast<int32_t>(0xe00002c7);
inline constexpr int32_t kIOReturnIOError = static_cast<int32_t>(0xe00002ca);
inline constexpr int32_t kIOReturnNotOpen = static_cast<int32_t>(0xe00002cd);
inline constexpr int32_t kIOReturnNotWritable = static_cast<int32_t>(0xe00002cf);
inline constexpr int32_t kIOReturnBusy = static_cast<int32_t>(0xe00002d5);
inline constexpr int32_t kIOReturnTimeout = static_cast<int32_t>(0xe00002d6);
inline constexpr int32_t kIOReturnOffline = static_cast<int32_t>(0xe00002d7);
inline constexpr int32_t kIOReturnNotReady = static_cast<int32_t>(0xe00002d8);
inline constexpr int32_t kIOReturnNotPermitted = static_cast<int32_t>(0xe00002e2);
inline constexpr int32_t kIOReturnNoInterrupt = static_cast<int32_t>(0xe00002df);
inline constexpr int32_t kIOReturnAborted = static_cast<int32_t>(0xe00002eb);
inline constexpr int32_t kIOReturnNotResponding = static_cast<int32_t>(0xe00002ed);
inline constexpr int32_t kIOReturnNotFound = static_cast<int32_t>(0xe00002f0);

// Messages to clients that watch an entry.
inline constexpr uint32_t kIOMessageServiceIsTerminated = 0xe0000010;
inline constexpr uint32_t kIOMessageServiceBusyStateChange = 0xe0000120;
inline constexpr uint32_t kIOMessageServicePropertyChange = 0xe0000130;

}  // namespace opendext::daemon
