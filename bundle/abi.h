// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace opendext::bundle {

/// The binary interface between a dext and libDriverKit: layout of the classes, the generated
/// code's contract with the runtime, sonames. Raised by each change after which an older dext
/// binary would not work.
inline constexpr int64_t kDextAbi = 2;
/// Written into Info.plist by `opendext build`.
inline constexpr const char* kAbiKey = "OpenDextABI";
/// Written by `opendext build`: the classes that the dext defines, each with the names of its
/// superclasses as far as the dext's own sources tell them, nearest first: "MyNub IOService".
inline constexpr const char* kClassesKey = "OpenDextClasses";

}  // namespace opendext::bundle
