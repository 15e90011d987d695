// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "keeper/prepared/rules.h"
#include "keeper/prepared/settings.h"
#include "rpc/fd.h"
#include "rpc/result.h"

/// The single measures that close a driver process in. Each acts on the calling process; the order
/// in which they are taken is in driver_process.cpp.
namespace opendext::prepared {

/// Version of the Landlock ABI, 0 if the kernel has none.
int landlock_version();
/// From now on files can be read and executed only below `bundle`, or nowhere if it is empty; TCP,
/// abstract sockets and signals to others are refused too where the version has them.
Status restrict_files(int version, const std::string& bundle);
/// In a fresh user namespace below one where we are root: gives us a number there, without which
/// nothing can be created, not even in a file system of our own.
Status keep_user();
/// The same as restrict_files by a mount namespace (the process is in a fresh one): a root
/// directory that holds nothing but `bundle`, if that is not empty.
Status mount_only(const std::string& bundle);

Status drop_capabilities();
/// What limits of the process itself can hold. `address_space`: bytes above what the process has
/// now; 0: as `limits` says. `count_threads`: the process is in a user namespace of its own, where
/// its threads are the only ones that count.
Status limit_resources(const Limits& limits, bool count_threads, uint64_t address_space);

Result<UniqueFd> install_listening(const Program& program);
/// For all threads of the process.
Status install_silent(const Program& program);

}  // namespace opendext::prepared
