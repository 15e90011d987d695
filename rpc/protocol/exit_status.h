// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a driver process ends with when its runtime ends it, in the numbers of sysexits.h. 0: it
/// was told to exit.
namespace opendext::protocol::driver {

/// Its control socket is closed, and nobody had told it to exit.
inline constexpr int kExitHungUp = 69;
/// opendextd said something that makes no sense.
inline constexpr int kExitNonsense = 70;

}  // namespace opendext::protocol::driver
