// SPDX-License-Identifier: Apache-2.0
#include "bundle/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "rpc/fd.h"

namespace opendext::bundle {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "name this architecture's ELF machine here"
#endif

Error bad(const std::filesystem::path& path, const char* what) {
    return Error{Errc::invalid, 0, path.string() + ": " + what};
}

bool read_at(int fd, void* into, size_t size, uint64_t offset) {
    ssize_t got = 0;
    do {
        got = ::pread(fd, into, size, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return got == static_cast<ssize_t>(size);
}

}  // namespace

Status check_shared_object(const std::filesystem::path& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!fd) {
        if (errno == ENOENT) return bad(path, "is not there: build the dext with: opendext build");
        if (errno == ELOOP)
            return bad(path, "is a symbolic link: put the file itself into the bundle");
        return Error::system(path.string());
    }
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return Error::system(path.string());
    if (!S_ISREG(status.st_mode))
        return bad(path, "is not a regular file: build the dext with: opendext build");

    Elf64_Ehdr header = {};
    if (!read_at(fd.get(), &header, sizeof header, 0) ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return bad(path,
                   "is not an ELF file (a Mach-O program of macOS cannot be loaded): build the "
                   "sources with: opendext build");
    }
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != kMachine) {
        return bad(path,
                   "is built for another processor: build it on this machine with: opendext build");
    }
    bool interpreter = false;
    for (unsigned i = 0; i < header.e_phnum && i < 256; ++i) {
        Elf64_Phdr program = {};
        const uint64_t offset = header.e_phoff + uint64_t{i} * header.e_phentsize;
        if (offset > static_cast<uint64_t>(status.st_size) ||
            !read_at(fd.get(), &program, sizeof program, offset)) {
            return bad(path, "is a damaged ELF file: build it again with: opendext build");
        }
        interpreter |= program.p_type == PT_INTERP;
    }
    if (header.e_type != ET_DYN || interpreter) {
        return bad(path,
                   "is an ELF program, must be a shared object: link it with -shared, or use: "
                   "opendext build");
    }
    return success();
}

}  // namespace opendext::bundle
