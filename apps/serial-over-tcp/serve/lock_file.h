// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "rpc/result.h"

namespace opendext::serial_tcp {

/// The lock file that programs for serial devices agree on: LCK..NAME with the process id of who
/// has the device. Goes with this object.
class LockFile {
  public:
    static constexpr const char* kFolder = "/run/lock";

    LockFile() = default;
    LockFile(LockFile&& other) noexcept;
    LockFile& operator=(LockFile&& other) noexcept;
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;
    ~LockFile();

    /// Takes the lock of a device. One that is left of a process that is gone is replaced.
    /// Errc::not_ready names the process that has it; Errc::not_permitted: this user cannot make
    /// lock files.
    static Result<LockFile> take(const std::string& device,
                                 const std::filesystem::path& folder = kFolder);
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    explicit LockFile(std::filesystem::path path) : path_(std::move(path)) {}

    std::filesystem::path path_;
};

}  // namespace opendext::serial_tcp
