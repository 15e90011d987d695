// SPDX-License-Identifier: Apache-2.0
// Stands in for libDriverKit in tests of the keeper: checks in, then does what the test says, one
// word a message.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "keeper/tests/orders.h"
#include "rpc/driver_start.h"
#include "rpc/fields.h"
#include "rpc/protocol/driver.h"

namespace {

using namespace opendext;
using keeper::tests::Order;
namespace wire = protocol::driver;

std::string errno_name(long result) {
    return result >= 0 ? "allowed" : ::strerrorname_np(errno);
}

/// What a driver process can see of itself and of others: one word in, one answer out.
std::string probe(const std::string& what, const opendext_driver_start& start) {
    static std::string bundle = start.bundle_path;
    if (what.starts_with("bundle ")) {  // of a process that was forked without one
        bundle = what.substr(7);
        return "known";
    }
    if (what == "layout") return std::to_string(reinterpret_cast<uintptr_t>(&::getpid));
    if (what == "pid") return std::to_string(::getpid());
    if (what == "environment")
        return environ == nullptr || *environ == nullptr ? "empty" : *environ;
    if (what == "boot arguments") return start.boot_arguments;
    if (what == "read bundle")
        return errno_name(::open((bundle + "/Info.plist").c_str(), O_RDONLY));
    if (what == "write bundle")
        return errno_name(::open((bundle + "/new").c_str(), O_WRONLY | O_CREAT, 0600));
    if (what == "climb")
        return errno_name(::open((bundle + "/../../etc/passwd").c_str(), O_RDONLY));
    if (what.starts_with("read /")) return errno_name(::open(what.c_str() + 5, O_RDONLY));
    if (what == "open") return errno_name(::open("/etc/passwd", O_RDONLY));
    if (what == "relative open") return errno_name(::open("etc/passwd", O_RDONLY));
    if (what == "stat") {
        struct stat status{};
        return errno_name(::stat("/etc/passwd", &status));
    }
    if (what == "stat with the empty-path flag") {
        struct stat status{};
        return errno_name(::fstatat(AT_FDCWD, "/etc/passwd", &status, AT_EMPTY_PATH));
    }
    if (what == "fstat") {
        struct stat status{};
        const int memory = ::memfd_create("probe", MFD_CLOEXEC);
        if (::ftruncate(memory, 4711) != 0 || ::fstat(memory, &status) != 0)
            return ::strerrorname_np(errno);
        return std::to_string(status.st_size);
    }
    if (what == "fstat of nothing") {
        struct stat status{};
        return errno_name(::fstat(999, &status));
    }
    if (what == "socket") return errno_name(::socket(AF_INET, SOCK_STREAM, 0));
    if (what == "socketpair") {
        int ends[2];
        return errno_name(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    }
    if (what == "connect") return errno_name(::connect(start.control_fd, nullptr, 0));
    if (what == "ptrace") return errno_name(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
    if (what == "fork") return errno_name(::fork());
    if (what == "exec") return errno_name(::execl("/bin/true", "true", nullptr));
    if (what == "kill") return errno_name(::kill(1, 0));
    if (what == "kill itself") return errno_name(::kill(::getpid(), SIGTERM));
    if (what == "tgkill other")
        return errno_name(::syscall(SYS_tgkill, ::getpid() + 1, ::getpid() + 1, 0));
    if (what == "io_uring") return errno_name(::syscall(SYS_io_uring_setup, 1, nullptr));
    if (what == "clone3") return errno_name(::syscall(SYS_clone3, nullptr, 0));
    if (what == "seccomp") return errno_name(::syscall(SYS_seccomp, 1, 0, nullptr));
    if (what == "unshare") return errno_name(::unshare(CLONE_NEWUSER));
    if (what == "prctl dumpable") return errno_name(::prctl(PR_SET_DUMPABLE, 0));
    if (what == "map executable") {
        return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                       MAP_FAILED
                   ? ::strerrorname_np(errno)
                   : "allowed";
    }
    if (what == "system") return std::to_string(WEXITSTATUS(::system("true")));
    if (what == "thread") {
        int value = 0;
        std::thread([&] { value = 42; }).join();
        return std::to_string(value);
    }
    if (what == "unwind") {
        try {
            throw 7;
        } catch (int value) {
            return std::to_string(value);
        }
    }
    if (what == "descriptors") {
        int open = 0;
        for (int fd = 0; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return std::to_string(open);
    }
    if (what == "core limit") {
        rlimit limit{};
        ::getrlimit(RLIMIT_CORE, &limit);
        return std::to_string(limit.rlim_max);
    }
    if (what == "capabilities") {
        return errno_name(::setuid(::getuid() + 1)) + " " +
               std::to_string(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    }
    if (what == "allocate 256M") {
        void* memory = ::mmap(nullptr, size_t{256} << 20, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return memory == MAP_FAILED ? ::strerrorname_np(errno) : "allowed";
    }
    if (what == "flood") {
        for (int i = 0; i < 500; ++i) static_cast<void>(::socket(AF_INET, SOCK_STREAM, 0));
        return "done";
    }
    if (what == "load") {
        void* library = ::dlopen((bundle + "/dext.so").c_str(), RTLD_NOW);
        return library != nullptr ? "loaded" : ::dlerror();
    }
    if (what == "attempts") {  // what the static constructor and a later call of the dext tried
        auto* text = reinterpret_cast<const char* (*)()>(::dlsym(RTLD_DEFAULT, "escape_attempts"));
        void* library = ::dlopen((bundle + "/dext.so").c_str(), RTLD_NOW | RTLD_NOLOAD);
        if (library != nullptr)
            text = reinterpret_cast<const char* (*)()>(::dlsym(library, "escape_attempts"));
        return text != nullptr ? text() : "no dext is loaded";
    }
    if (what == "step two")
        return start.close_second_step(start.context) == 0 ? "closed" : "failed";
    return "unknown probe";
}

void obey(const std::string& order) {
    if (order.starts_with("exit ")) ::_exit(std::atoi(order.c_str() + 5));
    if (order == "abort") ::abort();
    if (order == "crash") *reinterpret_cast<volatile int*>(8) = 1;
#ifdef __x86_64__
    if (order == "32-bit call") __asm__ volatile("int $0x80" : : "a"(20) : "memory");  // getpid
    if (order == "x32 call") static_cast<void>(::syscall(0x40000000 + SYS_getpid));
#endif
    if (order == "hang") {
        for (;;) ::pause();
    }
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int opendext_driver_main(
    const opendext_driver_start* start) {
    const Socket control((UniqueFd(start->control_fd)));
    if (!control.send(encode(wire::CheckIn{start->token, start->sandbox})).ok()) return 71;
    for (;;) {
        const auto request = control.receive();
        if (!request.ok()) return 0;
        const std::string order = decode<Order>(**request)->text;
        obey(order);
        if (!control.send(encode(Order{probe(order, *start)})).ok()) return 0;
    }
}
