// SPDX-License-Identifier: Apache-2.0
#include "rpc/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace opendext {

void UniqueFd::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Result<UniqueFd> UniqueFd::duplicate() const {
    const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Error::system("cannot duplicate a descriptor");
    return UniqueFd(copy);
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    if (this != &other) {
        reset();
        address_ = std::exchange(other.address_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

Result<Mapping> Mapping::map(int fd, size_t offset, size_t size, Access access) {
    const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
    if (address == MAP_FAILED) return Error::system("cannot map shared memory");
    Mapping mapping;
    mapping.address_ = address;
    mapping.size_ = size;
    return mapping;
}

void Mapping::reset() {
    if (address_ != nullptr) ::munmap(address_, size_);
    address_ = nullptr;
    size_ = 0;
}

Result<UniqueFd> make_sealed_memory(std::string_view name, size_t size) {
    UniqueFd fd(::memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return Error::system("cannot create shared memory");
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
        return Error::system("cannot size shared memory");
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return Error::system("cannot seal shared memory");
    }
    return fd;
}

Result<size_t> sealed_memory_size(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return Error{Errc::malformed, 0,
                     "a received descriptor is not memory sealed against shrinking"};
    }
    // glibc's fstat() is a newfstatat(), which names a path: from a driver's sandbox each would
    // have to be asked of the keeper.
    struct stat status{};
    if (::syscall(SYS_fstat, fd, &status) != 0) return Error::system("cannot stat shared memory");
    return static_cast<size_t>(status.st_size);
}

}  // namespace opendext
