// SPDX-License-Identifier: Apache-2.0
#include "bundle/elf_object.h"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

namespace opendext::bundle {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
constexpr const char* kMachineName = "AArch64";
#else
#error "name this architecture's ELF machine here"
#endif

constexpr size_t kMostSegments = 256;
constexpr size_t kMostLibraries = 64;
constexpr size_t kLongestLibrary = 255;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kHighestAddress = uint64_t{1} << 47;  // of user space

Error refused(const std::string& what) {
    return Error{Errc::invalid, 0, what};
}

/// The file was right when it was linked.
Error damaged(const std::string& what) {
    return refused("is a damaged ELF file (" + what + "): build it again with: opendext build");
}

template <typename T>
bool read_at(std::span<const char> bytes, uint64_t offset, T& into) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof into) return false;
    std::memcpy(&into, bytes.data() + offset, sizeof into);
    return true;
}

/// Bytes of a file seen at the addresses where the loader puts them. Addresses are those in the
/// file, whose first segment begins at or near zero.
class Image {
  public:
    static Result<Image> parse(std::span<const char> bytes);

    [[nodiscard]] const Elf64_Phdr& dynamic() const { return dynamic_; }
    /// `size` bytes at `address`, all of them from the file and of one segment.
    [[nodiscard]] std::optional<std::span<const char>> at(uint64_t address, uint64_t size) const;
    /// From `address` to the end of what its segment has in the file; empty if there is none.
    [[nodiscard]] std::span<const char> from(uint64_t address) const;
    /// Memory of a segment that has all of `rights` (PF_W, PF_X), also beyond the file's bytes.
    [[nodiscard]] bool maps(uint64_t address, uint64_t size, Elf64_Word rights) const;

  private:
    Status check_header();
    Status check_load(const Elf64_Phdr& segment, const std::string& name);
    Status check_inside(const Elf64_Phdr& segment, const std::string& name);

    std::span<const char> bytes_;
    std::vector<Elf64_Phdr> segments_;  ///< those that are loaded
    Elf64_Phdr dynamic_{};
};

Status Image::check_header() {
    Elf64_Ehdr header{};
    if (bytes_.size() < SELFMAG || std::memcmp(bytes_.data(), ELFMAG, SELFMAG) != 0) {
        return refused(
            "is not an ELF file (a Mach-O program of macOS cannot be loaded): build the sources "
            "with: opendext build");
    }
    if (!read_at(bytes_, 0, header)) return damaged("it ends within its header");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != kMachine) {
        return refused(std::string("is built for another processor, this one is ") + kMachineName +
                       ": build it on this machine with: opendext build");
    }
    if (header.e_version != EV_CURRENT || header.e_phentsize != sizeof(Elf64_Phdr))
        return damaged("its header names a form that does not exist");
    if (header.e_phnum == 0 || header.e_phnum > kMostSegments)
        return damaged("it has " + std::to_string(header.e_phnum) + " program headers");

    bool interpreter = false;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        const std::string name = "program header " + std::to_string(i);
        if (header.e_phoff > bytes_.size() ||
            !read_at(bytes_, header.e_phoff + i * sizeof segment, segment))
            return damaged(name + " lies beyond its end");
        interpreter |= segment.p_type == PT_INTERP;
        if (segment.p_type == PT_LOAD) OD_TRY(check_load(segment, name));
    }
    if (header.e_type != ET_DYN || interpreter) {
        return refused(
            "is an ELF program, must be a shared object: link it with -shared, or use: opendext "
            "build");
    }
    if (segments_.empty()) return damaged("it has nothing to load");
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        read_at(bytes_, header.e_phoff + i * sizeof segment, segment);
        OD_TRY(check_inside(segment, "program header " + std::to_string(i)));
    }
    if (dynamic_.p_filesz == 0) return damaged("it has no dynamic section");
    return success();
}

Status Image::check_load(const Elf64_Phdr& segment, const std::string& name) {
    if (segment.p_offset > bytes_.size() || segment.p_filesz > bytes_.size() - segment.p_offset) {
        return damaged(name + " names " + std::to_string(segment.p_filesz) + " bytes at " +
                       std::to_string(segment.p_offset) + ", the file has " +
                       std::to_string(bytes_.size()) + ": it was cut short");
    }
    if (segment.p_filesz > segment.p_memsz || segment.p_memsz > kHighestAddress ||
        segment.p_vaddr > kHighestAddress)
        return damaged(name + " is larger than memory");
    if (segment.p_align % kPage != 0 || (segment.p_align & (segment.p_align - 1)) != 0 ||
        (segment.p_align != 0 && (segment.p_vaddr - segment.p_offset) % segment.p_align != 0))
        return damaged(name + " is not aligned");
    const auto end = [](const Elf64_Phdr& s) {
        return (s.p_vaddr + s.p_memsz + kPage - 1) / kPage * kPage;
    };
    if (!segments_.empty() && segment.p_vaddr / kPage * kPage < end(segments_.back()))
        return damaged(name + " overlaps the one before");
    segments_.push_back(segment);
    return success();
}

/// What the loader reads of the others lies in what it has loaded.
Status Image::check_inside(const Elf64_Phdr& segment, const std::string& name) {
    switch (segment.p_type) {
        case PT_DYNAMIC:
            dynamic_ = segment;
            [[fallthrough]];
        case PT_TLS:
        case PT_NOTE:
        case PT_GNU_PROPERTY:
            if (!at(segment.p_vaddr, segment.p_filesz) || segment.p_filesz > segment.p_memsz)
                return damaged(name + " lies outside of what is loaded");
            return success();
        case PT_GNU_RELRO:
            if (!maps(segment.p_vaddr, 1, 0)) return damaged(name + " protects what is not loaded");
            return success();
        default:
            return success();
    }
}

Result<Image> Image::parse(std::span<const char> bytes) {
    Image image;
    image.bytes_ = bytes;
    OD_TRY(image.check_header());
    return image;
}

std::span<const char> Image::from(uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
        const uint64_t offset = address - segment.p_vaddr;
        if (address >= segment.p_vaddr && offset < segment.p_filesz)
            return bytes_.subspan(segment.p_offset + offset, segment.p_filesz - offset);
    }
    return {};
}

std::optional<std::span<const char>> Image::at(uint64_t address, uint64_t size) const {
    const std::span<const char> bytes = from(address);
    if (bytes.size() < size) return std::nullopt;
    return bytes.first(size);
}

bool Image::maps(uint64_t address, uint64_t size, Elf64_Word rights) const {
    return std::ranges::any_of(segments_, [&](const Elf64_Phdr& segment) {
        return (segment.p_flags & rights) == rights && address >= segment.p_vaddr &&
               size <= segment.p_memsz && address - segment.p_vaddr <= segment.p_memsz - size;
    });
}

/// The dynamic section and the tables that it names, in the order in which the loader needs them.
class Dynamic {
  public:
    explicit Dynamic(const Image& image) : image_(image) {}
    Result<ElfObject> check();

  private:
    Status read_entries();
    Status check_strings();
    Status check_hash();
    Status check_versions();
    Status check_relocations();
    Status check_packed_relocations();
    Status check_symbols();
    Status check_functions();
    Result<std::string> string(uint64_t offset, const char* what) const;
    /// Value of an entry; 0 if there is none.
    [[nodiscard]] uint64_t value(int64_t tag) const;
    Result<std::span<const char>> table(int64_t address, int64_t size, const char* what) const;
    /// A list whose items say where the next one is. `visit` gets what follows from an item on.
    template <typename Item, typename Visit>
    Status walk(uint64_t address, uint64_t count, const char* what, Visit visit) const;

    const Image& image_;
    std::vector<Elf64_Dyn> entries_;
    std::span<const char> strings_;
    uint64_t symbols_ = 0;  ///< that somebody names
    Elf64_Word relocatable_ = PF_W;
};

uint64_t Dynamic::value(int64_t tag) const {
    const auto entry = std::ranges::find(entries_, tag, &Elf64_Dyn::d_tag);
    return entry == entries_.end() ? 0 : entry->d_un.d_val;
}

Result<std::string> Dynamic::string(uint64_t offset, const char* what) const {
    if (offset >= strings_.size())
        return damaged(std::string("the name of ") + what + " is not there");
    return std::string(strings_.data() + offset);  // the table ends with a zero
}

Result<std::span<const char>> Dynamic::table(int64_t address, int64_t size,
                                             const char* what) const {
    if (value(address) == 0 || value(size) == 0) return std::span<const char>();
    const auto bytes = image_.at(value(address), value(size));
    if (!bytes) return damaged(std::string(what) + " lies outside of what is loaded");
    return *bytes;
}

Status Dynamic::read_entries() {
    const auto bytes = image_.at(image_.dynamic().p_vaddr, image_.dynamic().p_filesz);
    Elf64_Dyn entry{};
    for (uint64_t at = 0; bytes && read_at(*bytes, at, entry); at += sizeof entry) {
        if (entry.d_tag == DT_NULL) return success();
        entries_.push_back(entry);
    }
    return damaged("its dynamic section has no end");
}

Status Dynamic::check_strings() {
    strings_ = OD_TRY(table(DT_STRTAB, DT_STRSZ, "the table of strings"));
    if (strings_.empty() || strings_.back() != '\0')
        return damaged("the table of strings is not there or has no end");
    for (const Elf64_Dyn& entry : entries_) {
        if (entry.d_tag == DT_SONAME || entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH)
            OD_TRY(string(entry.d_un.d_val, "a path"));
    }
    return success();
}

/// The loader follows chains of numbers up to one that is odd.
Status Dynamic::check_hash() {
    struct Header {
        uint32_t buckets, first, words, shift;
    } header{};
    const std::span<const char> bytes = image_.from(value(DT_GNU_HASH));
    if (value(DT_GNU_HASH) == 0) {
        return refused(
            "has no table DT_GNU_HASH: link it with -Wl,--hash-style=gnu, or use: opendext build");
    }
    const Error wrong = damaged("the hash table of its symbols does not fit");
    if (!read_at(bytes, 0, header) || header.words == 0 || (header.words & (header.words - 1)) != 0)
        return wrong;
    const uint64_t buckets = sizeof header + uint64_t{header.words} * 8;
    const uint64_t chains = buckets + uint64_t{header.buckets} * 4;
    if (chains > bytes.size()) return wrong;
    // The chain that ends last has the last symbol; those before end at its end at the latest.
    uint32_t last = 0;
    for (uint64_t at = buckets; at < chains; at += 4) {
        uint32_t symbol = 0;
        read_at(bytes, at, symbol);
        if (symbol != 0 && symbol < header.first) return wrong;
        last = std::max(last, symbol);
    }
    if (last == 0) return success();
    for (uint64_t symbol = last;; ++symbol) {
        uint32_t hash = 0;
        if (!read_at(bytes, chains + (symbol - header.first) * 4, hash)) return wrong;
        if ((hash & 1) == 0) continue;
        symbols_ = symbol + 1;
        return success();
    }
}

template <typename Item, typename Visit>
Status Dynamic::walk(uint64_t address, uint64_t count, const char* what, Visit visit) const {
    for (uint64_t i = 0; i < count; ++i) {
        Item item{};
        if (!read_at(image_.from(address), 0, item))
            return damaged(std::string(what) + " lie outside of what is loaded");
        const uint64_t next = OD_TRY(visit(item, address));
        if (next == 0) return success();
        address += next;
    }
    return success();
}

Status Dynamic::check_versions() {
    constexpr const char* kWhat = "the versions of its symbols";
    if (const uint64_t versions = value(DT_VERSYM);
        versions != 0 && !image_.at(versions, symbols_ * sizeof(Elf64_Half)))
        return damaged(std::string(kWhat) + " lie outside of what is loaded");
    using Next = Result<uint64_t>;
    if (value(DT_VERNEED) != 0) {
        OD_TRY(walk<Elf64_Verneed>(value(DT_VERNEED), value(DT_VERNEEDNUM), kWhat,
                                   [&](const Elf64_Verneed& need, uint64_t address) -> Next {
                                       OD_TRY(string(need.vn_file, "a library"));
                                       OD_TRY(walk<Elf64_Vernaux>(
                                           address + need.vn_aux, need.vn_cnt, kWhat,
                                           [&](const Elf64_Vernaux& item, uint64_t) -> Next {
                                               OD_TRY(string(item.vna_name, "a version"));
                                               return uint64_t{item.vna_next};
                                           }));
                                       return uint64_t{need.vn_next};
                                   }));
    }
    if (value(DT_VERDEF) == 0) return success();
    return walk<Elf64_Verdef>(
        value(DT_VERDEF), value(DT_VERDEFNUM), kWhat,
        [&](const Elf64_Verdef& defined, uint64_t address) -> Next {
            OD_TRY(walk<Elf64_Verdaux>(address + defined.vd_aux, defined.vd_cnt, kWhat,
                                       [&](const Elf64_Verdaux& item, uint64_t) -> Next {
                                           OD_TRY(string(item.vda_name, "a version"));
                                           return uint64_t{item.vda_next};
                                       }));
            return uint64_t{defined.vd_next};
        });
}

/// Each is written through: what lies outside would end the process, or change another part of it.
Status Dynamic::check_relocations() {
    for (const auto& [address, size] :
         {std::pair{DT_RELA, DT_RELASZ}, std::pair{DT_JMPREL, DT_PLTRELSZ}}) {
        const std::span<const char> bytes = OD_TRY(table(address, size, "the relocation table"));
        Elf64_Rela each{};
        for (uint64_t at = 0; read_at(bytes, at, each); at += sizeof each) {
            if (ELF64_R_TYPE(each.r_info) == 0) continue;
            if (!image_.maps(each.r_offset, sizeof(uint64_t), relocatable_))
                return damaged("a relocation changes what is not loaded for writing");
            symbols_ = std::max(symbols_, uint64_t{ELF64_R_SYM(each.r_info)} + 1);
        }
    }
    return check_packed_relocations();
}

Status Dynamic::check_packed_relocations() {
    const std::span<const char> bytes = OD_TRY(table(DT_RELR, DT_RELRSZ, "the relocation table"));
    uint64_t word = 0, where = 0;
    for (uint64_t at = 0; read_at(bytes, at, word); at += sizeof word) {
        const bool bits = (word & 1) != 0;
        if (!bits) where = word;
        for (uint64_t i = 0; i < (bits ? 63 : 1); ++i) {
            if ((!bits || (word >> (i + 1) & 1) != 0) &&
                !image_.maps(where + i * sizeof word, sizeof word, relocatable_))
                return damaged("a relocation changes what is not loaded for writing");
        }
        where += (bits ? 63 : 1) * sizeof word;
    }
    return success();
}

Status Dynamic::check_symbols() {
    const auto bytes = image_.at(value(DT_SYMTAB), symbols_ * sizeof(Elf64_Sym));
    if (!bytes) return damaged("the table of symbols lies outside of what is loaded");
    Elf64_Sym symbol{};
    for (uint64_t at = 0; read_at(*bytes, at, symbol); at += sizeof symbol) {
        OD_TRY(string(symbol.st_name, "a symbol"));
    }
    return success();
}

/// Those that run when it is loaded. Arrays of them are filled in by relocations.
Status Dynamic::check_functions() {
    for (const int64_t tag : {DT_INIT, DT_FINI}) {
        if (value(tag) != 0 && !image_.maps(value(tag), 1, PF_X))
            return damaged("its first or last function is no code");
    }
    for (const auto& [address, size] :
         {std::pair{DT_INIT_ARRAY, DT_INIT_ARRAYSZ}, std::pair{DT_FINI_ARRAY, DT_FINI_ARRAYSZ}}) {
        if (value(address) != 0 && !image_.maps(value(address), value(size), 0))
            return damaged("its list of constructors or destructors is not loaded");
    }
    return success();
}

Result<ElfObject> Dynamic::check() {
    OD_TRY(read_entries());
    if (value(DT_TEXTREL) != 0 || (value(DT_FLAGS) & DF_TEXTREL) != 0) relocatable_ = 0;
    OD_TRY(check_strings());
    OD_TRY(check_hash());
    OD_TRY(check_relocations());
    OD_TRY(check_symbols());
    OD_TRY(check_versions());
    OD_TRY(check_functions());
    ElfObject object;
    for (const Elf64_Dyn& entry : entries_) {
        if (entry.d_tag != DT_NEEDED) continue;
        std::string name = OD_TRY(string(entry.d_un.d_val, "a library"));
        if (name.empty() || name.size() > kLongestLibrary ||
            object.libraries.size() == kMostLibraries)
            return damaged("the libraries that it names");
        object.libraries.push_back(std::move(name));
    }
    return object;
}

}  // namespace

FileStamp stamp_of(const std::filesystem::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return {};
    constexpr int64_t kSecond = 1'000'000'000;
    return {static_cast<uint64_t>(status.st_size),
            status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec, status.st_ino};
}

Result<ElfObject> ElfObject::parse(const std::vector<char>& bytes) {
    const Image image = OD_TRY(Image::parse(bytes));
    return Dynamic(image).check();
}

}  // namespace opendext::bundle
