// SPDX-License-Identifier: Apache-2.0
#include "crash/taker/symbols.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "crash/limits.h"

namespace opendext::crash {
namespace {

constexpr size_t kLongestMangled = 4096;
constexpr size_t kMostRanges = 1'000'000;

int no_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) {
    return -1;
}
int no_debug_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                  GElf_Word, char**) {
    return -1;
}
constexpr Dwfl_Callbacks kCallbacks{no_file, no_debug_file, nullptr, nullptr};

/// By how much the addresses of the file lie higher in the process.
bool find_bias(int fd, const MappedFile& file, uint64_t& bias) {
    Elf* elf = ::elf_begin(fd, ELF_C_READ_MMAP, nullptr);
    size_t count = 0;
    bool found = false;
    if (elf != nullptr && ::elf_getphdrnum(elf, &count) == 0) {
        for (size_t i = 0; i < std::min<size_t>(count, 64) && !found; ++i) {
            GElf_Phdr segment;
            if (::gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) break;
            if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
            const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) - 1;
            if ((segment.p_offset & ~page) != file.code_offset) continue;
            bias = file.code_begin - (segment.p_vaddr & ~page);
            found = true;
        }
    }
    ::elf_end(elf);
    return found;
}

std::string bounded(const char* text) {
    return text == nullptr ? std::string() : std::string(text, ::strnlen(text, kLongestName));
}

/// The linkage name where there is one: it has the class and the arguments.
std::string function_name(Dwarf_Die* die) {
    Dwarf_Attribute attribute;
    for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
        if (::dwarf_attr_integrate(die, name, &attribute) == nullptr) continue;
        if (const char* text = ::dwarf_formstring(&attribute))
            return readable_name(std::string(text, ::strnlen(text, kLongestMangled + 1)));
    }
    const char* text = ::dwarf_attr_integrate(die, DW_AT_name, &attribute) != nullptr
                           ? ::dwarf_formstring(&attribute)
                           : nullptr;
    return bounded(text);
}

/// Where an inlined function was called.
void set_call_site(Dwarf_Die* unit, Dwarf_Die* inlined, Frame& caller) {
    Dwarf_Attribute attribute;
    Dwarf_Word file = 0;
    Dwarf_Word line = 0;
    Dwarf_Files* files = nullptr;
    size_t count = 0;
    caller.file.clear();
    caller.line = 0;
    if (::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) != 0 ||
        ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) != 0 ||
        ::dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count) {
        return;
    }
    caller.file = bounded(::dwarf_filesrc(files, file, nullptr, nullptr));
    caller.line = static_cast<uint32_t>(line);
}

}  // namespace

std::string readable_name(const std::string& name) {
    if (name.size() > kLongestMangled) return name.substr(0, kLongestName);
    // clang calls the function of a block ___FUNCTION_block_invoke or ___FUNCTION_block_invoke_2.
    constexpr std::string_view kBlock = "_block_invoke";
    std::string mangled = name;
    std::string prefix;
    if (const size_t at = name.rfind(kBlock); name.starts_with("__") && at != std::string::npos) {
        prefix = "block in ";
        mangled = name.substr(2, at - 2);
    }
    int status = 0;
    char* demangled = mangled.starts_with("_Z")
                          ? abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status)
                          : nullptr;
    std::string text = prefix + (demangled == nullptr ? mangled : demangled);
    std::free(demangled);
    if (text.size() > kLongestName) text.resize(kLongestName);
    return text;
}

Symbols::Symbols(std::vector<MappedFile>& files, std::vector<std::string>& notes)
    : dwfl_(::dwfl_begin(&kCallbacks), &::dwfl_end) {
    ::elf_version(EV_CURRENT);
    ::dwfl_report_begin(dwfl_.get());
    for (MappedFile& file : files) {
        uint64_t bias = 0;
        std::string why = file.why_not;
        Dwfl_Module* module = nullptr;
        if (why.empty() && !find_bias(file.file.get(), file, bias)) {
            why = "it is no ELF file that fits its mapping";
        } else if (why.empty()) {
            module = ::dwfl_report_elf(dwfl_.get(), file.path.c_str(), file.path.c_str(),
                                       file.file.get(), bias, false);
            if (module == nullptr) why = ::dwfl_errmsg(-1);
        }
        // libdwfl closes what it was given.
        if (module != nullptr) static_cast<void>(file.file.release());
        if (!why.empty()) notes.push_back(file.path + " has no names: " + why);
        Loaded& loaded = loaded_.emplace_back();
        loaded.file = &file;
        loaded.module = module;
    }
    ::dwfl_report_end(dwfl_.get(), nullptr, nullptr);
}

std::vector<Module> Symbols::modules() const {
    std::vector<Module> modules;
    for (const Loaded& each : loaded_) {
        Dwfl_Module* loaded = each.module;
        Module module{each.file->path, "", each.file->begin, each.file->end};
        GElf_Addr bias = 0;
        const unsigned char* bits = nullptr;
        GElf_Addr address = 0;
        int size = 0;
        if (loaded != nullptr && ::dwfl_module_getelf(loaded, &bias) != nullptr)
            size = ::dwfl_module_build_id(loaded, &bits, &address);
        static constexpr char kDigits[] = "0123456789abcdef";
        for (int i = 0; i < std::min(size, 64); ++i) {
            module.build_id += kDigits[bits[i] >> 4];
            module.build_id += kDigits[bits[i] & 15];
        }
        modules.push_back(std::move(module));
    }
    return modules;
}

void Symbols::read_ranges(Loaded& loaded) {
    loaded.ranges_read = true;
    Dwarf_Die* unit = nullptr;
    Dwarf_Addr bias = 0;
    while ((unit = ::dwfl_module_nextcu(loaded.module, unit, &bias)) != nullptr) {
        loaded.bias = bias;
        ptrdiff_t next = 0;
        Dwarf_Addr base = 0;
        Dwarf_Addr begin = 0;
        Dwarf_Addr end = 0;
        while ((next = ::dwarf_ranges(unit, next, &base, &begin, &end)) > 0) {
            if (loaded.ranges.size() >= kMostRanges) return;
            if (begin < end) loaded.ranges.push_back({begin, end, *unit});
        }
    }
}

/// Source lines and inlined functions. `frames` has one frame, of which the function is known at
/// best.
void Symbols::add_source(Loaded& loaded, uint64_t inside, std::vector<Frame>& frames) {
    if (!loaded.ranges_read) read_ranges(loaded);
    const uint64_t address = inside - loaded.bias;
    const auto range = std::ranges::find_if(loaded.ranges, [&](const Range& each) {
        return address >= each.begin && address < each.end;
    });
    if (range == loaded.ranges.end()) return;
    Frame frame = frames.front();
    if (Dwarf_Line* source = ::dwarf_getsrc_die(&range->unit, address)) {
        int line = 0;
        ::dwarf_lineno(source, &line);
        frame.file = bounded(::dwarf_linesrc(source, nullptr, nullptr));
        frame.line = line > 0 ? static_cast<uint32_t>(line) : 0;
    }
    frames.clear();
    // The innermost scope at the address, then what that one was compiled into: the first list goes
    // on with where an inlined function stands in the source.
    Dwarf_Die* innermost = nullptr;
    Dwarf_Die* scopes = nullptr;
    int found = ::dwarf_getscopes(&range->unit, address, &innermost);
    if (found > 0) found = ::dwarf_getscopes_die(&innermost[0], &scopes);
    std::free(innermost);
    const std::unique_ptr<Dwarf_Die, decltype(&std::free)> owner(scopes, &std::free);
    for (int i = 0; i < found && frames.size() < kMostFrames; ++i) {
        const int tag = ::dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
        if (std::string name = function_name(&scopes[i]); !name.empty()) frame.function = name;
        frame.inlined = tag == DW_TAG_inlined_subroutine;
        frames.push_back(frame);
        if (!frame.inlined) return;
        set_call_site(&range->unit, &scopes[i], frame);
    }
    frame.inlined = false;
    frames.push_back(frame);
}

std::vector<Frame> Symbols::frames_at(uint64_t address, bool exact) {
    Frame frame;
    frame.address = address;
    // A return address may already belong to the next line, or function.
    const uint64_t inside = exact || address == 0 ? address : address - 1;
    Dwfl_Module* module = ::dwfl_addrmodule(dwfl_.get(), inside);
    const auto loaded =
        std::ranges::find_if(loaded_, [&](const Loaded& each) { return each.module == module; });
    if (module == nullptr || loaded == loaded_.end()) return {frame};
    frame.module = loaded->file->path;

    GElf_Addr bias = 0;
    if (::dwfl_module_getelf(module, &bias) != nullptr) frame.in_module = address - bias;
    GElf_Off offset = 0;
    GElf_Sym symbol;
    if (const char* name =
            ::dwfl_module_addrinfo(module, inside, &offset, &symbol, nullptr, nullptr, nullptr)) {
        frame.function = readable_name(std::string(name, ::strnlen(name, kLongestMangled + 1)));
        frame.offset = offset + (address - inside);
    }
    std::vector<Frame> frames{frame};
    add_source(*loaded, inside, frames);
    return frames;
}

}  // namespace opendext::crash
