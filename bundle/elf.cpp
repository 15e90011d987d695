// SPDX-License-Identifier: Apache-2.0
#include "bundle/elf.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rpc/fd.h"

namespace opendext::bundle {
namespace {

constexpr size_t kMostSegments = 256;

bool read_at(int fd, void* into, size_t size, uint64_t offset) {
    ssize_t got = 0;
    do {
        got = ::pread(fd, into, size, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return got == static_cast<ssize_t>(size);
}

Result<UniqueFd> open_executable(const std::filesystem::path& path) {
    const auto bad = [&](const char* what) {
        return Error{Errc::invalid, 0, path.string() + ": " + what};
    };
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!fd) {
        if (errno == ENOENT) return bad("is not there: build the dext with: opendext build");
        if (errno == ELOOP) return bad("is a symbolic link: put the file itself into the bundle");
        return Error::system("cannot read " + path.string());
    }
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return Error::system(path.string());
    if (!S_ISREG(status.st_mode))
        return bad("is not a regular file: build the dext with: opendext build");
    return fd;
}

/// As much as is read at most: what is larger is refused when a bundle is copied.
uint64_t size_of(const UniqueFd& file) {
    constexpr uint64_t kLargest = uint64_t{512} << 20;
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0) return 0;
    return std::min(static_cast<uint64_t>(status.st_size), kLargest);
}

}  // namespace

Result<ElfObject> read_shared_object(const std::filesystem::path& path) {
    const UniqueFd fd = OD_TRY(open_executable(path));
    Elf64_Ehdr header = {};
    uint64_t end = sizeof header;  // of what is loaded; debug information comes after it
    if (read_at(fd.get(), &header, sizeof header, 0)) {
        end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
        for (size_t i = 0; i < std::min<size_t>(header.e_phnum, kMostSegments); ++i) {
            Elf64_Phdr segment = {};
            if (!read_at(fd.get(), &segment, sizeof segment, header.e_phoff + i * sizeof segment))
                break;
            if (segment.p_type == PT_LOAD)
                end = std::max<uint64_t>(end, segment.p_offset + segment.p_filesz);
        }
    }
    std::vector<char> bytes(std::min(end, size_of(fd)));
    const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
    if (got < 0) return Error::system("cannot read " + path.string());
    bytes.resize(static_cast<size_t>(got));
    Result<ElfObject> object = ElfObject::parse(bytes);
    if (!object.ok()) object.error().message.insert(0, path.string() + ": ");
    return object;
}

std::string function_at(const std::filesystem::path& path, uint64_t offset) {
    constexpr uint64_t kLargestTable = 16 << 20;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    Elf64_Ehdr header = {};
    if (!fd || !read_shared_object(path).ok() || !read_at(fd.get(), &header, sizeof header, 0))
        return {};
    uint64_t address = offset;
    for (size_t i = 0; i < std::min<size_t>(header.e_phnum, kMostSegments); ++i) {
        Elf64_Phdr segment = {};
        if (!read_at(fd.get(), &segment, sizeof segment, header.e_phoff + i * header.e_phentsize))
            return {};
        if (segment.p_type == PT_LOAD && offset >= segment.p_offset &&
            offset - segment.p_offset < segment.p_filesz)
            address = offset - segment.p_offset + segment.p_vaddr;
    }
    std::vector<Elf64_Shdr> sections(std::min<size_t>(header.e_shnum, 1024));
    for (size_t i = 0; i < sections.size(); ++i) {
        if (!read_at(fd.get(), &sections[i], sizeof sections[i],
                     header.e_shoff + i * header.e_shentsize))
            return {};
    }
    for (const Elf64_Word kind : {Elf64_Word{SHT_SYMTAB}, Elf64_Word{SHT_DYNSYM}}) {
        const auto table = std::ranges::find(sections, kind, &Elf64_Shdr::sh_type);
        if (table == sections.end() || table->sh_link >= sections.size() ||
            table->sh_size > kLargestTable)
            continue;
        std::vector<Elf64_Sym> symbols(table->sh_size / sizeof(Elf64_Sym));
        if (!read_at(fd.get(), symbols.data(), symbols.size() * sizeof(Elf64_Sym),
                     table->sh_offset))
            continue;
        for (const Elf64_Sym& symbol : symbols) {
            // The instruction after a call may be the first of the next function.
            if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || address <= symbol.st_value ||
                address - symbol.st_value > symbol.st_size)
                continue;
            char name[1024] = {};
            const ssize_t got =
                ::pread(fd.get(), name, sizeof name - 1,
                        static_cast<off_t>(sections[table->sh_link].sh_offset + symbol.st_name));
            if (got <= 0) continue;
            int status = 0;
            char* readable = abi::__cxa_demangle(name, nullptr, nullptr, &status);
            std::string text = status == 0 ? readable : name;
            std::free(readable);
            return text;
        }
    }
    return {};
}

}  // namespace opendext::bundle
