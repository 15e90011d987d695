// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// What a report about a process contains at most, whatever the process did to its memory, its
/// threads and its files.
namespace opendext::crash {

inline constexpr size_t kMostThreads = 256;
inline constexpr size_t kMostFrames = 100;  ///< of one thread, inlined ones included
inline constexpr size_t kMostFramesInAll = 4000;
inline constexpr size_t kMostModules = 256;
inline constexpr size_t kLongestName = 600;        ///< of a function, a file, a module
inline constexpr size_t kStackBytes = 256 * 1024;  ///< that are copied of one thread
inline constexpr size_t kStackBytesInAll = 16 * 1024 * 1024;
inline constexpr size_t kLargestAnswer = 8 * 1024 * 1024;     ///< of opendext-stacks
inline constexpr uint64_t kAddressSpace = uint64_t{4} << 30;  ///< of opendext-stacks

}  // namespace opendext::crash
