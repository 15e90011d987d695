// SPDX-License-Identifier: Apache-2.0
#include "keeper/origin.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <vector>

#include "rpc/fd.h"

namespace opendext::keeper {
namespace {

struct Code {
    uint64_t from, to, offset;
    std::string file;
};

std::vector<Code> code_of(pid_t thread, const std::string& bundle) {
    std::vector<Code> all;
    std::ifstream maps("/proc/" + std::to_string(thread) + "/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long long from = 0, to = 0, offset = 0;
        char rights[5] = {};
        int path = 0;
        if (std::sscanf(line.c_str(), "%llx-%llx %4s %llx %*s %*s %n", &from, &to, rights, &offset,
                        &path) != 4 ||
            rights[2] != 'x' || line.compare(path, bundle.size(), bundle) != 0)
            continue;
        all.push_back({from, to, offset, line.substr(static_cast<size_t>(path))});
    }
    return all;
}

uint64_t stack_pointer(pid_t thread) {
    const std::string path = "/proc/" + std::to_string(thread) + "/syscall";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[256] = {};
    unsigned long long stack = 0;
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0 ||
        std::sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %llx", &stack) != 1)
        return 0;
    return stack;
}

}  // namespace

Origin origin_of_call(pid_t thread, uint64_t instruction, const std::string& bundle) {
    const std::vector<Code> code = code_of(thread, bundle + "/");
    if (code.empty()) return {};
    std::array<uint64_t, 129> places{instruction};
    iovec local{&places[1], (places.size() - 1) * sizeof(uint64_t)};
    const iovec remote{reinterpret_cast<void*>(stack_pointer(thread)), local.iov_len};
    static_cast<void>(::process_vm_readv(thread, &local, 1, &remote, 1, 0));  // else zeros
    for (const uint64_t place : places) {
        for (const Code& part : code) {
            if (place >= part.from && place < part.to)
                return {part.file.substr(bundle.size() + 1), place - part.from + part.offset};
        }
    }
    return {};
}

}  // namespace opendext::keeper
