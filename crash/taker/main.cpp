// SPDX-License-Identifier: Apache-2.0
// opendext-stacks: what every thread of a driver process is doing, in functions and lines.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "crash/limits.h"
#include "crash/taker/confine.h"
#include "crash/taker/snapshot.h"
#include "crash/taker/unwind.h"
#include "rpc/fd.h"

namespace opendext::crash {
namespace {

constexpr char kHelp[] =
    "usage: opendext-stacks [--text] [--deadline MS] [--fault FD] [--release FD] [--parent PID] "
    "PID\n"
    "Stops a process for some milliseconds and writes what each of its threads is doing.\n"
    "  --text         for people; otherwise for opendextd\n"
    "  --deadline MS  give up what is not found by then (default 5000)\n"
    "  --fault FD     read from there why the process crashes\n"
    "  --parent PID   whose child the process must be\n"
    "  --release FD   close this as soon as the process is not needed any more\n";

struct Options {
    pid_t pid = 0;
    bool text = false;
    int deadline = 5000;
    int fault = -1;
    int release = -1;
    int parent = 0;
};

bool parse_number(const char* text, int& number) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > INT32_MAX) return false;
    number = static_cast<int>(value);
    return true;
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        int* number = argument == "--deadline"  ? &options.deadline
                      : argument == "--fault"   ? &options.fault
                      : argument == "--release" ? &options.release
                      : argument == "--parent"  ? &options.parent
                                                : nullptr;
        if (argument == "--text") {
            options.text = true;
        } else if (number != nullptr) {
            if (i + 1 >= argc || !parse_number(argv[++i], *number)) return false;
        } else if (options.pid != 0 || !parse_number(argv[i], options.pid)) {
            return false;
        }
    }
    return options.pid != 0;
}

Result<std::optional<Fault>> read_fault(int fd) {
    if (fd < 0) return std::optional<Fault>();
    const UniqueFd file(fd);
    std::vector<uint8_t> bytes;
    uint8_t buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got < 0) return Error::system("cannot read why the process crashes");
        if (got == 0) break;
        bytes.insert(bytes.end(), buffer, buffer + got);
    }
    return std::optional<Fault>(OD_TRY(from_bytes<Fault>(bytes, "the fault")));
}

Result<Stacks> take(const Options& options) {
    const auto fault = OD_TRY(read_fault(options.fault));
    const Time deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(options.deadline);
    Snapshot snapshot = OD_TRY(take_snapshot(options.pid, options.parent, fault, deadline));
    if (options.release >= 0) ::close(options.release);
    OD_TRY(confine());
    return unwind(std::move(snapshot), fault, deadline);
}

bool write_all(const void* bytes, size_t size) {
    const auto* from = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t written = ::write(STDOUT_FILENO, from, size);
        if (written <= 0) return false;
        from += written;
        size -= static_cast<size_t>(written);
    }
    return true;
}

int run(const Options& options) {
    Result<Stacks> stacks = take(options);
    if (options.text) {
        if (!stacks.ok()) {
            const std::string text = "opendext-stacks: " + stacks.error().text() + "\n";
            return ::write(STDERR_FILENO, text.data(), text.size()) < 0 ? 2 : 1;
        }
        const std::string text = stacks->to_text();
        return write_all(text.data(), text.size()) ? 0 : 1;
    }
    Answer answer;
    if (stacks.ok()) {
        answer.stacks = std::move(stacks).value();
    } else {
        answer.error = stacks.error().text();
    }
    const std::vector<uint8_t> bytes = to_bytes(std::move(answer));
    return write_all(bytes.data(), bytes.size()) ? 0 : 1;
}

}  // namespace
}  // namespace opendext::crash

int main(int argc, char** argv) {
    using namespace opendext::crash;
    if (argc == 2 && std::strcmp(argv[1], "--help") == 0) return std::fputs(kHelp, stdout) < 0;
    Options options;
    if (!parse(argc, argv, options)) {
        std::fputs(kHelp, stderr);
        return 64;
    }
    // Nobody waits for more than that, whatever the files make the library do.
    const itimerval limit{{}, {options.deadline / 1000 + 1, 0}};
    ::signal(SIGALRM, SIG_DFL);
    ::setitimer(ITIMER_REAL, &limit, nullptr);
    // Nothing is tidied up: the libraries' leftovers may be broken by what they read.
    ::_exit(run(options));
}
