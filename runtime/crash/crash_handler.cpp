// SPDX-License-Identifier: Apache-2.0
// Runs in a process whose memory may be in any state: no allocation, no lock, nothing of the
// runtime's objects, and every pointer that is not our own is read by the kernel.
#include "runtime/crash/crash_handler.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "rpc/datagram.h"
#include "rpc/machine_registers.h"
#include "rpc/protocol/driver.h"

namespace opendext::runtime {
namespace {

namespace driver = protocol::driver;

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
/// opendextd answers within milliseconds, or is not there.
constexpr int kLongestWait = 15000;
constexpr int kLongestSend = 1000;
constexpr size_t kLongestMessage = 512;

/// What abort() was called for, as glibc keeps it for whoever looks at a dead process.
struct AbortMessage {
    unsigned size;
    char text[];
};

std::atomic<int> g_socket{0};  ///< 0, which is no socket, before there is one
std::atomic<int> g_first{0};   ///< the thread that crashed first
AbortMessage* const* g_abort_message = nullptr;

/// The bytes of a driver::Crashed, as FieldWriter would write them.
class Body {
  public:
    template <typename T>
    void put(T value) {
        put(&value, sizeof value);
    }
    void put(const void* bytes, size_t size) {
        if (size == 0 || size > sizeof bytes_ - size_) return;  // no text has no address either
        std::memcpy(bytes_ + size_, bytes, size);
        size_ += size;
    }
    void put(std::string_view text) {
        put(static_cast<uint32_t>(text.size()));
        put(text.data(), text.size());
    }
    char* data() { return bytes_; }
    [[nodiscard]] size_t size() const { return size_; }

  private:
    char bytes_[1024];
    size_t size_ = 0;
};

/// Copies bytes that may not be there: the kernel refuses instead of faulting. `pipe` is empty.
size_t read_carefully(const int pipe[2], const void* from, char* to, size_t size) {
    if (::write(pipe[1], from, size) < 0) return 0;
    const ssize_t got = ::read(pipe[0], to, size);
    return got < 0 ? 0 : static_cast<size_t>(got);
}

std::string_view abort_message(const int pipe[2], char (&room)[kLongestMessage]) {
    const AbortMessage* message = nullptr;
    if (g_abort_message == nullptr ||
        read_carefully(pipe, g_abort_message, reinterpret_cast<char*>(&message), sizeof message) !=
            sizeof message ||
        message == nullptr) {
        return {};
    }
    // What lies behind the text may be the end of the mapping; the kernel then gives a part.
    size_t size = read_carefully(pipe, message->text, room, sizeof room);
    size = ::strnlen(room, size);
    while (size > 0 && room[size - 1] == '\n') --size;
    return {room, size};
}

void describe(Body& body, int number, const siginfo_t& info, const void* context,
              std::string_view message) {
    const bool sent = info.si_code <= 0;
    body.put(static_cast<int32_t>(::syscall(SYS_gettid)));
    body.put(static_cast<int32_t>(number));
    body.put(static_cast<int32_t>(info.si_code));
    body.put(sent ? uint64_t{0} : reinterpret_cast<uint64_t>(info.si_addr));
    body.put(sent ? static_cast<int32_t>(info.si_pid) : 0);
    machine::Registers registers;
    machine::read(static_cast<const ucontext_t*>(context)->uc_mcontext, registers);
    body.put(static_cast<uint32_t>(registers.size()));
    body.put(registers.data(), sizeof registers);
    body.put(message);
}

/// Whether opendextd has the message, and with it `release`.
bool send(Body& body, int release) {
    DatagramHeader header{kDatagramMagic, static_cast<uint32_t>(driver::Kind::crashed), 0, 0,
                          static_cast<uint32_t>(body.size())};
    iovec parts[2] = {{&header, sizeof header}, {body.data(), body.size()}};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr datagram{};
    datagram.msg_iov = parts;
    datagram.msg_iovlen = 2;
    datagram.msg_control = control;
    datagram.msg_controllen = sizeof control;
    cmsghdr* part = CMSG_FIRSTHDR(&datagram);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(part), &release, sizeof release);
    const int socket = g_socket;
    for (int attempt = 0; attempt < 10; ++attempt) {
        if (::sendmsg(socket, &datagram, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
        if (errno != EAGAIN && errno != EINTR) return false;
        pollfd room{socket, POLLOUT, 0};
        ::poll(&room, 1, kLongestSend / 10);
    }
    return false;
}

void wait_for_hang_up(int fd) {
    timespec begin{};
    ::clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int left = kLongestWait; left > 0;) {
        pollfd closed{fd, 0, 0};
        if (::poll(&closed, 1, left) > 0) return;
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        left = kLongestWait - static_cast<int>((now.tv_sec - begin.tv_sec) * 1000 +
                                               (now.tv_nsec - begin.tv_nsec) / 1'000'000);
    }
}

void tell(int number, const siginfo_t& info, const void* context) {
    // Of a process that has too many descriptors, what leads to /dev/null is dispensable.
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return;
    char room[kLongestMessage];
    Body body;
    describe(body, number, info, context,
             number == SIGABRT ? abort_message(pipe, room) : std::string_view());
    const bool sent = send(body, pipe[1]);
    ::close(pipe[1]);
    if (sent) wait_for_hang_up(pipe[0]);
}

void on_signal(int number, siginfo_t* info, void* context) {
    int none = 0;
    const int self = static_cast<int>(::syscall(SYS_gettid));
    if (g_first.compare_exchange_strong(none, self)) {
        tell(number, *info, context);
    } else {
        // The first one tells for all, and its end is everybody's.
        ::poll(nullptr, 0, kLongestWait + kLongestSend);
    }
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
    // Taken when this returns. Not by running into the fault again: a trap, and a signal that
    // somebody sent, would not come again.
    ::syscall(SYS_tgkill, ::getpid(), self, number);
}

}  // namespace

void set_crash_socket(int control_socket) {
    g_socket = control_socket;
}

void install_crash_handler(int control_socket) {
    set_crash_socket(control_socket);
    g_abort_message = reinterpret_cast<AbortMessage* const*>(::dlsym(RTLD_DEFAULT, "__abort_msg"));
    struct sigaction action{};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    // Another of these signals within the handler ends the process at once, as it should.
    sigfillset(&action.sa_mask);
    for (const int number : kSignals) ::sigaction(number, &action, nullptr);
}

AlternateStack::AlternateStack(Room& room) {
    const stack_t stack{room.bytes, 0, sizeof room.bytes};
    ::sigaltstack(&stack, nullptr);
}

AlternateStack::~AlternateStack() {
    const stack_t none{nullptr, SS_DISABLE, 0};
    ::sigaltstack(&none, nullptr);
}

}  // namespace opendext::runtime
