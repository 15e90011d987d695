// SPDX-License-Identifier: Apache-2.0
// What a serial path through two processes costs at least: one process has the master of a
// pseudo-terminal, the other the socket, rings in shared memory lie between. No checks, no
// protocol, no settings, no recovery. What our link costs more than this is ours; what this costs
// more than socat is the price of two processes on this kernel and machine.
//
//   bench_serial_floor PORT LINK [exact]
//
// Connects to PORT on 127.0.0.1 and makes LINK, a link to the terminal. `exact`: reads and writes
// of the terminal as the ports' driver makes them (packet mode, FIONREAD and readv, sendfile).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr uint32_t kRing = 256 * 1024;
constexpr uint32_t kBulk = 2048;
constexpr uint32_t kAnnounce = 64 * 1024;
constexpr int64_t kHotGap = 300'000;
constexpr int64_t kHotTime = 100'000;
constexpr int64_t kLongYield = 5'000;

struct Ring {
    alignas(64) std::atomic<uint32_t> head;
    alignas(64) std::atomic<uint32_t> tail;
    alignas(64) std::atomic<uint32_t> waits_for_bytes;
    std::atomic<uint32_t> waits_for_room;
};
struct Shared {
    Ring out;  ///< terminal to network
    Ring in;
    alignas(64) std::atomic<uint32_t> cpu;  ///< 1 + where the socket's process runs
};
constexpr size_t kOutBytes = 4096;
constexpr size_t kInBytes = kOutBytes + kRing;
constexpr size_t kMemory = kInBytes + kRing;
static_assert(sizeof(Shared) <= kOutBytes);

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void ring_bell(int bell) {
    const uint64_t one = 1;
    (void)!::write(bell, &one, sizeof one);
}
void hear(int bell) {
    uint64_t count = 0;
    (void)!::read(bell, &count, sizeof count);
}

/// The stretch of the ring from `at` on, at most `count` bytes.
int pieces(char* ring, uint32_t at, uint32_t count, iovec* to) {
    const uint32_t first = std::min(count, kRing - at % kRing);
    to[0] = {ring + at % kRing, first};
    to[1] = {ring, count - first};
    return count == 0 ? 0 : first < count ? 2 : 1;
}

struct Path {
    char* memory = nullptr;
    int memory_fd = -1;
    Shared* shared = nullptr;
    int master = -1;
    int socket = -1;
    int terminal_bell = -1;  ///< wakes the process with the terminal
    int socket_bell = -1;
    bool exact = false;

    char* out() const { return memory + kOutBytes; }
    char* in() const { return memory + kInBytes; }
};

/// Runs on that CPU only; 0: anywhere.
void follow(uint32_t cpu) {
    static uint32_t bound = 0;
    if (cpu == bound) return;
    bound = cpu;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu != 0) {
        CPU_SET(cpu - 1, &set);
    } else {
        for (int i = 0; i < CPU_SETSIZE; ++i) CPU_SET(i, &set);
    }
    ::sched_setaffinity(0, sizeof set, &set);
}

/// The process with the terminal.
class TerminalSide {
  public:
    explicit TerminalSide(const Path& path)
        : path_(path), out_(path.shared->out), in_(path.shared->in) {}

    [[noreturn]] void run() {
        for (;;) {
            const uint32_t read = out_full() ? 0 : read_terminal();
            const uint32_t written = write_terminal();
            const int64_t time = now();
            if (read >= kBulk) {
                hot_ = time - last_bulk_ < kHotGap;
                last_bulk_ = time;
            }
            if (read > 0) last_byte_ = time;
            unannounced_ += read;
            if (unannounced_ > 0 && (!hot_ || unannounced_ >= kAnnounce)) announce();
            if (read > 0 || (written > 0 && !blocked_)) continue;
            if (hot_ && stay(time)) continue;
            hot_ = false;
            if (unannounced_ > 0) announce();
            if (written == 0) sleep();
        }
    }

  private:
    bool out_full() const { return out_.head.load() - out_.tail.load() == kRing; }

    uint32_t read_terminal() {
        const uint32_t room = kRing - (out_.head.load() - out_.tail.load());
        int available = static_cast<int>(room);
        if (hot_ || path_.exact) {
            if (::ioctl(path_.master, FIONREAD, &available) != 0) std::_Exit(0);
            if (available <= 0 && (hot_ || !readable_)) return 0;
        } else if (!readable_) {
            return 0;
        }
        readable_ = false;
        uint8_t flag = 0xff;
        iovec parts[3] = {{&flag, 1}};
        const uint32_t count = std::min(room, static_cast<uint32_t>(std::max(available, 1)));
        const int used = pieces(path_.out(), out_.head, count, parts + 1);
        const ssize_t got = path_.exact ? ::readv(path_.master, parts, used + 1) - 1
                                        : ::readv(path_.master, parts + 1, used);
        if (got <= 0) return 0;
        out_.head += static_cast<uint32_t>(got);
        return static_cast<uint32_t>(got);
    }

    uint32_t write_terminal() {
        uint32_t total = 0;
        blocked_ = false;
        while (const uint32_t there = in_.head - in_.tail) {
            const uint32_t at = in_.tail % kRing;
            const uint32_t count = std::min({there, kRing - at, uint32_t{12288}});
            if (there >= kBulk) follow(0);
            off_t position = static_cast<off_t>(kInBytes + at);
            const ssize_t took = path_.exact
                                     ? ::sendfile(path_.master, path_.memory_fd, &position, count)
                                     : ::write(path_.master, path_.in() + at, count);
            if (took > 0) {
                in_.tail += static_cast<uint32_t>(took);
                total += static_cast<uint32_t>(took);
            }
            if (took < static_cast<ssize_t>(count)) {
                blocked_ = true;
                break;
            }
        }
        if (in_.head - in_.tail <= kRing / 4 && in_.waits_for_room.load() != 0 &&
            in_.waits_for_room.exchange(0) != 0)
            ring_bell(path_.socket_bell);
        return total;
    }

    void announce() {
        if (unannounced_ < kBulk) follow(path_.shared->cpu);
        unannounced_ = 0;
        if (out_.waits_for_bytes.load() != 0 && out_.waits_for_bytes.exchange(0) != 0)
            ring_bell(path_.socket_bell);
    }

    bool stay(int64_t time) {
        if (time - last_byte_ > kHotTime) return false;
        ::sched_yield();
        if (now() - time <= kLongYield) return true;
        if (++long_yields_ < 2) return true;
        long_yields_ = 0;
        return false;
    }

    void sleep() {
        pollfd fds[2] = {{path_.master, 0, 0}, {path_.terminal_bell, POLLIN, 0}};
        if (!out_full()) fds[0].events |= POLLIN;
        if (blocked_) fds[0].events |= POLLOUT;
        in_.waits_for_bytes = 1;
        if (out_full()) out_.waits_for_room = 1;
        if ((!blocked_ && in_.head != in_.tail) || ((fds[0].events & POLLIN) == 0 && !out_full()))
            return;
        ::poll(fds, 2, -1);
        readable_ = (fds[0].revents & POLLIN) != 0;
        if (fds[1].revents != 0) hear(path_.terminal_bell);
    }

    const Path& path_;
    Ring& out_;
    Ring& in_;
    bool hot_ = false;
    bool readable_ = true;
    bool blocked_ = false;
    uint32_t unannounced_ = 0;
    int long_yields_ = 0;
    int64_t last_bulk_ = 0;
    int64_t last_byte_ = 0;
};

/// The process with the socket. It keeps no time.
[[noreturn]] void run_socket_side(const Path& path) {
    Ring& out = path.shared->out;
    Ring& in = path.shared->in;
    bool sends_blocked = false;
    bool receives = true;
    for (;;) {
        uint32_t moved = 0;
        iovec parts[2];
        msghdr message{};
        message.msg_iov = parts;
        if (const uint32_t there = out.head - out.tail; there > 0) {
            message.msg_iovlen = static_cast<size_t>(pieces(path.out(), out.tail, there, parts));
            const ssize_t sent = ::sendmsg(path.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            sends_blocked = sent < 0;
            if (sent > 0) {
                moved += static_cast<uint32_t>(sent);
                out.tail += static_cast<uint32_t>(sent);
            }
            if (out.head - out.tail <= kRing / 4 && out.waits_for_room.load() != 0 &&
                out.waits_for_room.exchange(0) != 0)
                ring_bell(path.terminal_bell);
        }
        const uint32_t room = kRing - (in.head - in.tail);
        if (receives && room > 0) {
            message.msg_iovlen = static_cast<size_t>(pieces(path.in(), in.head, room, parts));
            const ssize_t got = ::recvmsg(path.socket, &message, MSG_DONTWAIT);
            if (got == 0) std::_Exit(0);
            receives = got == static_cast<ssize_t>(room);
            if (got > 0) {
                moved += static_cast<uint32_t>(got);
                in.head += static_cast<uint32_t>(got);
                path.shared->cpu = 1 + static_cast<uint32_t>(::sched_getcpu());
                if (in.waits_for_bytes.load() != 0 && in.waits_for_bytes.exchange(0) != 0)
                    ring_bell(path.terminal_bell);
            }
        }
        if (moved > 0) continue;
        const bool full = kRing - (in.head - in.tail) == 0;
        pollfd fds[2] = {{path.socket, 0, 0}, {path.socket_bell, POLLIN, 0}};
        if (!full) fds[0].events |= POLLIN;
        if (sends_blocked) fds[0].events |= POLLOUT;
        if (!sends_blocked) out.waits_for_bytes = 1;
        if (full) in.waits_for_room = 1;
        if ((!sends_blocked && out.head != out.tail) || (full && in.head - in.tail < kRing))
            continue;
        ::poll(fds, 2, -1);
        sends_blocked = false;
        receives = (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
        path.shared->cpu = 1 + static_cast<uint32_t>(::sched_getcpu());
        if (fds[1].revents != 0) hear(path.socket_bell);
        if (full) receives = true;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: bench_serial_floor PORT LINK [exact]\n");
        return 2;
    }
    Path path;
    path.exact = argc > 3;
    path.memory_fd = ::memfd_create("floor", MFD_CLOEXEC);
    if (path.memory_fd < 0 || ::ftruncate(path.memory_fd, kMemory) != 0) fail("memory");
    path.memory = static_cast<char*>(
        ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, path.memory_fd, 0));
    if (path.memory == MAP_FAILED) fail("mmap");
    path.shared = reinterpret_cast<Shared*>(path.memory);
    path.terminal_bell = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    path.socket_bell = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    path.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(path.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        fail("connect");
    const int on = 1;
    ::setsockopt(path.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    path.master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (path.master < 0 || ::grantpt(path.master) != 0 || ::unlockpt(path.master) != 0)
        fail("terminal");
    const int slave = ::open(::ptsname(path.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios settings{};
    if (::tcgetattr(slave, &settings) != 0) fail("settings");
    ::cfmakeraw(&settings);
    if (path.exact) settings.c_lflag |= EXTPROC;
    if (::tcsetattr(slave, TCSANOW, &settings) != 0) fail("settings");
    if (path.exact && ::ioctl(path.master, TIOCPKT, &on) != 0) fail("packet mode");
    ::fcntl(path.master, F_SETFL, O_RDWR | O_NONBLOCK);
    if (::symlink(::ptsname(path.master), argv[2]) != 0) fail(argv[2]);

    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) return 1;
        run_socket_side(path);
    }
    TerminalSide(path).run();
}
