// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/program_memory.h"

#include <IOKit/IOReturn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

namespace opendext::client {

namespace uc = protocol::user_client;

namespace {

/// Copies from an address that a driver named: an error where a plain copy would crash.
Status copy_from(uint64_t address, std::byte* to, uint64_t length) {
    uint64_t done = 0;
    while (done < length) {
        const iovec here{to + done, length - done};
        const iovec there{reinterpret_cast<void*>(address + done), length - done};
        const ssize_t got = ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0);
        if (got <= 0) {
            return Error::kern(kIOReturnVMError,
                               "the driver asks for memory that the program does not have");
        }
        done += static_cast<uint64_t>(got);
    }
    return success();
}

/// A line of /proc/self/maps.
struct Area {
    uint64_t begin = 0;
    uint64_t end = 0;
    bool read_write = false;
    bool shared = false;
    uint64_t inode = 0;
    std::string name;
};

std::vector<Area> areas_of(uint64_t begin, uint64_t end) {
    std::vector<Area> areas;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        Area area;
        char rights[5] = {};
        int name = 0;
        if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64 " %n",
                        &area.begin, &area.end, rights, &area.inode, &name) < 4) {
            continue;
        }
        if (area.end <= begin || area.begin >= end) continue;
        area.read_write = rights[0] == 'r' && rights[1] == 'w';
        area.shared = rights[3] == 's';
        if (name > 0) area.name = line.substr(static_cast<size_t>(name));
        areas.push_back(std::move(area));
    }
    return areas;
}

/// Whether `test` holds for everything from `begin` to `end`.
template <typename Test>
bool all_of_range(uint64_t begin, uint64_t end, Test test) {
    for (const Area& area : areas_of(begin, end)) {
        if (area.begin > begin || !test(area)) return false;
        begin = area.end;
    }
    return begin >= end;
}

bool is_plain(const Area& area) {
    return area.read_write && !area.shared && area.inode == 0 && !area.name.starts_with("[stack");
}

}  // namespace

ProgramMemory& ProgramMemory::instance() {
    static auto& memory = *new ProgramMemory;
    return memory;
}

Result<UniqueFd> ProgramMemory::copy(const std::vector<Segment>& segments) {
    uint64_t total = 0;
    for (const Segment& segment : segments) total += segment.length;
    UniqueFd memory = OD_TRY(make_sealed_memory("opendext-copied", total));
    const Mapping mapping =
        OD_TRY(Mapping::map(memory.get(), 0, total, Mapping::Access::read_write));
    uint64_t offset = 0;
    for (const Segment& segment : segments) {
        OD_TRY(copy_from(segment.address, mapping.data() + offset, segment.length));
        offset += segment.length;
    }
    return memory;
}

Result<std::pair<UniqueFd, uint64_t>> ProgramMemory::share(const Segment& segment) {
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    if (segment.address % page != 0 || segment.length % page != 0)
        return Error::kern(kIOReturnNotAligned, "only whole pages can be shared");
    const uint64_t end = segment.address + segment.length;
    const std::lock_guard lock(mutex_);
    // A part of what is shared already; unless the program has put other memory there since.
    auto known = shared_.upper_bound(segment.address);
    if (known != shared_.begin() && end <= (--known)->first + known->second.length) {
        const Shared& shared = known->second;
        const bool there = all_of_range(segment.address, end, [&](const Area& area) {
            return area.shared && area.inode == shared.inode;
        });
        if (there) {
            return std::pair{OD_TRY(shared.memory.duplicate()), segment.address - known->first};
        }
        shared_.erase(known);
    }
    if (!all_of_range(segment.address, end, is_plain)) {
        return Error::kern(kIOReturnUnsupported,
                           "memory of a file or of the stack cannot be shared");
    }
    Shared made;
    made.length = segment.length;
    made.memory = OD_TRY(make_sealed_memory("opendext-shared", segment.length));
    struct stat status{};
    if (::fstat(made.memory.get(), &status) != 0) return Error::system("fstat");
    made.inode = status.st_ino;
    {
        const Mapping mapping =
            OD_TRY(Mapping::map(made.memory.get(), 0, segment.length, Mapping::Access::read_write));
        OD_TRY(copy_from(segment.address, mapping.data(), segment.length));
    }
    UniqueFd copy = OD_TRY(made.memory.duplicate());
    if (::mmap(reinterpret_cast<void*>(segment.address), segment.length, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_FIXED, made.memory.get(), 0) == MAP_FAILED) {
        return Error::system("mmap");
    }
    shared_.insert_or_assign(segment.address, std::move(made));
    return std::pair{std::move(copy), uint64_t{0}};
}

Message ProgramMemory::answer(const uc::CopyMemory& request, uint64_t serial) {
    uc::MemoryCopied answer;
    std::vector<UniqueFd> fds;
    const auto refuse = [&](int32_t io_return, std::string reason) {
        uc::MemoryCopied refusal;
        refusal.io_return = io_return;
        refusal.reason = std::move(reason);
        return encode(std::move(refusal), serial);
    };
    const auto failed = [&](const Error& error) {
        return error.code == Errc::kern ? refuse(static_cast<int32_t>(error.number), error.message)
                                        : refuse(kIOReturnNoMemory, error.text());
    };
    uint64_t total = 0;
    for (const Segment& segment : request.segments) {
        uint64_t end = 0;
        if (segment.length == 0 || __builtin_add_overflow(segment.address, segment.length, &end) ||
            __builtin_add_overflow(total, segment.length, &total)) {
            return refuse(kIOReturnBadArgument, "a range that cannot be");
        }
    }
    if (request.segments.empty() || request.segments.size() > uc::kMaxSegments ||
        total > kMaxBytes) {
        return refuse(kIOReturnBadArgument, "too many ranges, too many bytes, or none");
    }
    if (request.share) {
        for (const Segment& segment : request.segments) {
            auto shared = share(segment);
            if (!shared.ok()) return failed(shared.error());
            answer.parts.push_back(
                {static_cast<uint32_t>(fds.size()), shared->second, segment.length});
            fds.push_back(std::move(shared->first));
        }
    } else {
        auto copied = copy(request.segments);
        if (!copied.ok()) return failed(copied.error());
        answer.parts.push_back({0, 0, total});  // one behind the other, so in one piece
        fds.push_back(std::move(copied).value());
    }
    Message message = encode(std::move(answer), serial);
    message.fds = std::move(fds);
    return message;
}

}  // namespace opendext::client
