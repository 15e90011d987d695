// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/result.h"

namespace opendext {

/// Owns a file descriptor; closes it in the destructor. Movable, not copyable.
class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    [[nodiscard]] explicit operator bool() const { return valid(); }
    /// Gives the descriptor away; this object is empty afterwards.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1);
    /// A second descriptor (close-on-exec) for the same open file description.
    [[nodiscard]] Result<UniqueFd> duplicate() const;

  private:
    int fd_ = -1;
};

/// A memory mapping of a file descriptor; unmapped in the destructor.
class Mapping {
  public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { reset(); }

    enum class Access { read_only, read_write };
    /// Maps `size` bytes from `offset` (a multiple of the page size), shared.
    static Result<Mapping> map(int fd, size_t offset, size_t size, Access access);

    [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(address_); }
    [[nodiscard]] size_t size() const { return size_; }
    template <typename T>
    [[nodiscard]] T* at(size_t offset) const {
        return reinterpret_cast<T*>(data() + offset);
    }
    void reset();

  private:
    void* address_ = nullptr;
    size_t size_ = 0;
};

/// Makes a memfd of `size` bytes, zeroed, close-on-exec, sealed against growing, shrinking and
/// further seals: a peer that holds it can never make our access to it fault.
Result<UniqueFd> make_sealed_memory(std::string_view name, size_t size);
/// The size of `fd` if it is a memfd sealed against shrinking, else an error (`malformed`). Every
/// descriptor received from another process goes through this before it is mapped.
Result<size_t> sealed_memory_size(int fd);

}  // namespace opendext
