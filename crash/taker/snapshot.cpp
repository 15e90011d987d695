// SPDX-License-Identifier: Apache-2.0
#include "crash/taker/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "crash/limits.h"
#include "crash/taker/stopped_process.h"

namespace opendext::crash {
namespace {

constexpr size_t kLongestMaps = 8 * 1024 * 1024;
constexpr uint64_t kLargestFile = uint64_t{1} << 30;
constexpr uint64_t kLargestVdso = 64 * 1024;
/// Below the stack pointer a function that calls no other may keep its things.
constexpr uint64_t kRedZone = 128;
constexpr std::chrono::seconds kStopTime{2};

struct Mapped {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t offset = 0;
    uint64_t inode = 0;
    bool readable = false;
    bool executable = false;
    std::string path;
};

std::vector<Mapped> read_maps(pid_t pid) {
    const std::string text = read_proc("/proc/" + std::to_string(pid) + "/maps", kLongestMaps);
    std::vector<Mapped> maps;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        Mapped map;
        char rights[5] = {};
        int name = 0;
        if (std::sscanf(line.c_str(),
                        "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n",
                        &map.begin, &map.end, rights, &map.offset, &map.inode, &name) < 5) {
            continue;
        }
        map.readable = rights[0] == 'r';
        map.executable = rights[2] == 'x';
        if (name > 0) map.path = line.substr(static_cast<size_t>(name));
        maps.push_back(std::move(map));
    }
    return maps;
}

/// The file that is mapped, not another one that has its name by now. `pid`: the process may see
/// other files under the same names (its mount namespace).
Result<UniqueFd> open_mapped(pid_t pid, const Mapped& map) {
    for (const std::string& root : {std::string(), "/proc/" + std::to_string(pid) + "/root"}) {
        UniqueFd file(::open((root + map.path).c_str(),
                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
        struct stat status{};
        if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
            status.st_ino != map.inode) {
            continue;
        }
        if (static_cast<uint64_t>(status.st_size) > kLargestFile)
            return Error{Errc::no_space, 0, "the file is too large"};
        return file;
    }
    return Error{Errc::not_found, 0, "the file is not there any more"};
}

/// The kernel's own library has no file: its bytes are in the process.
Result<UniqueFd> copy_to_file(const UniqueFd& memory, const Mapped& map) {
    if (map.end - map.begin > kLargestVdso) return Error{Errc::no_space, 0, "too large"};
    std::vector<uint8_t> bytes(map.end - map.begin);
    UniqueFd file(::memfd_create("vdso", MFD_CLOEXEC));
    if (!file ||
        ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(map.begin)) !=
            static_cast<ssize_t>(bytes.size()) ||
        ::pwrite(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        return Error::system("cannot copy it");
    }
    return file;
}

std::vector<MappedFile> open_files(pid_t pid, const std::vector<Mapped>& maps,
                                   const UniqueFd& memory) {
    std::vector<MappedFile> files;
    for (size_t i = 0; i < maps.size();) {
        // The mappings of one file lie one behind the other, with nameless ones in between.
        size_t last = i;
        for (size_t next = i + 1; next < maps.size(); ++next) {
            if (maps[next].path == maps[i].path) {
                last = next;
            } else if (!maps[next].path.empty()) {
                break;
            }
        }
        const size_t first = i;
        i = last + 1;
        const bool kernel = maps[first].path == "[vdso]";
        if (!kernel && !maps[first].path.starts_with('/')) continue;
        const auto code =
            std::find_if(maps.begin() + static_cast<ptrdiff_t>(first),
                         maps.begin() + static_cast<ptrdiff_t>(last) + 1,
                         [](const Mapped& map) { return map.executable && !map.path.empty(); });
        if (code == maps.begin() + static_cast<ptrdiff_t>(last) + 1) continue;
        MappedFile file;
        file.path = maps[first].path;
        file.begin = maps[first].begin;
        file.end = maps[last].end;
        file.code_begin = code->begin;
        file.code_offset = code->offset;
        Result<UniqueFd> opened =
            kernel ? copy_to_file(memory, maps[first]) : open_mapped(pid, *code);
        if (opened.ok()) {
            file.file = std::move(opened).value();
        } else {
            file.why_not = opened.error().text();
        }
        files.push_back(std::move(file));
        if (files.size() >= kMostModules) break;
    }
    return files;
}

void copy_stack(uint64_t pointer, const std::vector<Mapped>& maps, const UniqueFd& memory,
                Snapshot& snapshot) {
    if (!snapshot.read(pointer, 1).empty()) return;  // on the stack of another context
    const auto map = std::ranges::find_if(maps, [&](const Mapped& each) {
        return each.readable && pointer >= each.begin && pointer < each.end;
    });
    size_t copied = 0;
    for (const Piece& piece : snapshot.memory) copied += piece.bytes.size();
    if (map == maps.end() || copied >= kStackBytesInAll) return;
    Piece piece;
    piece.begin = std::max(map->begin, pointer - std::min(pointer, kRedZone));
    piece.bytes.resize(std::min<uint64_t>(map->end - piece.begin, kStackBytes));
    const ssize_t got = ::pread(memory.get(), piece.bytes.data(), piece.bytes.size(),
                                static_cast<off_t>(piece.begin));
    piece.bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    if (!piece.bytes.empty()) snapshot.memory.push_back(std::move(piece));
}

/// The soft limit in a line of /proc/PID/limits; 0: none.
uint64_t limit_of(const std::string& text, const char* name) {
    const size_t at = text.find(name);
    if (at == std::string::npos) return 0;
    return std::strtoull(text.c_str() + at + std::char_traits<char>::length(name), nullptr, 10);
}

Usage read_usage(pid_t pid, size_t threads) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/";
    const std::string status = read_proc(folder + "status");
    const std::string limits = read_proc(folder + "limits");
    const auto kilobytes = [&](const char* key) {
        return std::strtoull(status_field(status, key).c_str(), nullptr, 10) * 1024;
    };
    Usage usage;
    usage.address_space = kilobytes("VmSize");
    usage.resident = kilobytes("VmRSS");
    usage.threads = static_cast<uint32_t>(threads);
    usage.address_space_limit = limit_of(limits, "Max address space");
    usage.descriptors_limit = static_cast<uint32_t>(limit_of(limits, "Max open files"));
    if (DIR* descriptors = ::opendir((folder + "fd").c_str())) {
        while (const dirent* entry = ::readdir(descriptors)) {
            if (entry->d_name[0] != '.') ++usage.descriptors;
        }
        ::closedir(descriptors);
    }
    return usage;
}

}  // namespace

std::span<const uint8_t> Snapshot::read(uint64_t address, size_t size) const {
    for (const Piece& piece : memory) {
        if (address < piece.begin) continue;
        const uint64_t offset = address - piece.begin;
        if (offset < piece.bytes.size() && size <= piece.bytes.size() - offset)
            return {piece.bytes.data() + offset, size};
    }
    return {};
}

Result<Snapshot> take_snapshot(pid_t pid, pid_t parent, const std::optional<Fault>& fault,
                               Time deadline) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/";
    StoppedProcess process = OD_TRY(StoppedProcess::stop(
        pid, parent, std::min(deadline, std::chrono::steady_clock::now() + kStopTime)));
    Snapshot snapshot;
    const UniqueFd memory(::open((folder + "mem").c_str(), O_RDONLY | O_CLOEXEC));
    if (!memory) return Error::system("cannot read the memory of process " + std::to_string(pid));
    const std::vector<Mapped> maps = read_maps(pid);
    // Who crashed comes first: the room for copies is bounded.
    if (fault && fault->registers.size() == std::tuple_size_v<machine::Registers>)
        copy_stack(fault->registers[machine::kStackPointer], maps, memory, snapshot);
    for (const StoppedThread& thread : process.threads) {
        if (thread.stopped)
            copy_stack(thread.registers[machine::kStackPointer], maps, memory, snapshot);
    }
    snapshot.files = open_files(pid, maps, memory);
    snapshot.usage = read_usage(pid, process.threads.size());
    snapshot.threads = std::move(process.threads);
    snapshot.notes = std::move(process.notes);
    return snapshot;
}

}  // namespace opendext::crash
