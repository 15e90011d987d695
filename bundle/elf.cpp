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

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "name this architecture's ELF machine here"
#endif

constexpr size_t kMostSegments = 256;

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
    for (unsigned i = 0; i < header.e_phnum && i < kMostSegments; ++i) {
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

Result<std::vector<std::string>> needed_libraries(const std::filesystem::path& path) {
    OD_TRY(check_shared_object(path));
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    const auto damaged = [&] {
        return bad(path, "is a damaged ELF file: build it again with: opendext build");
    };
    Elf64_Ehdr header = {};
    if (!fd || !read_at(fd.get(), &header, sizeof header, 0)) return damaged();
    std::vector<Elf64_Phdr> segments(std::min<size_t>(header.e_phnum, kMostSegments));
    for (size_t i = 0; i < segments.size(); ++i) {
        const uint64_t offset = header.e_phoff + i * header.e_phentsize;
        if (!read_at(fd.get(), &segments[i], sizeof segments[i], offset)) return damaged();
    }
    const auto dynamic = std::ranges::find(segments, Elf64_Word{PT_DYNAMIC}, &Elf64_Phdr::p_type);
    if (dynamic == segments.end()) return std::vector<std::string>{};

    std::vector<uint64_t> names;  // offsets in the string table
    uint64_t strings = 0;
    for (uint64_t i = 0; i < std::min<uint64_t>(dynamic->p_filesz / sizeof(Elf64_Dyn), 4096); ++i) {
        Elf64_Dyn entry = {};
        if (!read_at(fd.get(), &entry, sizeof entry, dynamic->p_offset + i * sizeof entry))
            return damaged();
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag == DT_NEEDED && names.size() < 64) names.push_back(entry.d_un.d_val);
        if (entry.d_tag == DT_STRTAB) strings = entry.d_un.d_ptr;
    }
    for (const Elf64_Phdr& segment : segments) {  // the table is given by its address
        if (segment.p_type != PT_LOAD || strings < segment.p_vaddr ||
            strings - segment.p_vaddr >= segment.p_filesz)
            continue;
        strings = strings - segment.p_vaddr + segment.p_offset;
        break;
    }
    std::vector<std::string> libraries;
    for (const uint64_t name : names) {
        char text[256];
        size_t size = 0;  // the file may end within the 256 bytes
        while (size < sizeof text && read_at(fd.get(), &text[size], 1, strings + name + size) &&
               text[size] != '\0')
            ++size;
        if (size == sizeof text || size == 0) return damaged();
        libraries.emplace_back(text, size);
    }
    return libraries;
}

std::string function_at(const std::filesystem::path& path, uint64_t offset) {
    constexpr uint64_t kLargestTable = 16 << 20;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    Elf64_Ehdr header = {};
    if (!fd || !check_shared_object(path).ok() || !read_at(fd.get(), &header, sizeof header, 0))
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
