// SPDX-License-Identifier: Apache-2.0
#include "keeper/gate.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>

#include "keeper/origin.h"

namespace opendext::keeper {
namespace {

constexpr unsigned kReportedPerSecond = 100;
constexpr unsigned kAnsweredPerSecond = 1000;
/// Linux 6.6, which Debian 12's header does not know: caller and keeper run in turns on one
/// processor, which is quicker than waking up another.
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, __u64);
constexpr unsigned long kSyncWakeUp = 1;

/// The string at `address` of the process, or nullopt. It may change right after: what it says is
/// good for a message and for choosing whom to ask next (Landlock, the mount namespace), not for a
/// decision by itself.
std::optional<std::string> read_string(pid_t pid, uint64_t address) {
    std::string text(PATH_MAX, '\0');
    const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    size_t done = 0;
    while (done < text.size()) {  // page by page: the string may end right before an unmapped one
        const size_t size = std::min(text.size() - done, page - (address + done) % page);
        const iovec local{text.data() + done, size};
        const iovec remote{reinterpret_cast<void*>(address + done), size};
        if (::process_vm_readv(pid, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(size))
            return std::nullopt;
        const size_t end = text.find('\0', done);
        if (end < done + size) return text.substr(0, end);
        done += size;
    }
    return std::nullopt;
}

/// For a log line: the driver chose these bytes.
std::string printable(std::string text) {
    constexpr size_t kLongest = 256;
    if (text.size() > kLongest) text.resize(kLongest);
    for (char& c : text) c = c >= 0x20 && c < 0x7f ? c : '?';
    return text;
}

std::string call_name(int number) {
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    std::string text = name != nullptr ? name : "system call " + std::to_string(number);
    std::free(name);
    return text;
}

}  // namespace

Gate::Gate(EventLoop& loop, UniqueFd listener, pid_t pid, const UniqueFd& pidfd,
           const std::string& bundle, Hooks hooks)
    : loop_(loop),
      listener_(std::move(listener)),
      pid_(pid),
      pidfd_(pidfd),
      bundle_(bundle),
      hooks_(std::move(hooks)),
      watch_(loop.readable(listener_.get(), [this] { answer_one(); })) {
    // A kernel that has not got it does without.
    ::ioctl(listener_.get(), kSetFlags, kSyncWakeUp);
}

void Gate::answer_one() {
    seccomp_notif request{};
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
        // ENOENT, EINTR: the caller died or got a signal meanwhile. Anything else, or no process
        // left: nothing to do.
        const bool broken = errno != ENOENT && errno != EINTR;
        pollfd state{listener_.get(), POLLIN, 0};
        const bool over = ::poll(&state, 1, 0) == 1 && (state.revents & POLLIN) == 0;
        if (broken || over) watch_ = {};
        if (over) hooks_.over();
        return;
    }
    const Verdict verdict = judge(request.data);
    seccomp_notif_resp response{};
    response.id = request.id;
    bool sent = false;
    if (verdict.kind == Verdict::Kind::opened) {
        seccomp_notif_addfd given{request.id, SECCOMP_ADDFD_FLAG_SEND,
                                  static_cast<__u32>(verdict.file.get()), 0, O_CLOEXEC};
        sent = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &given) >= 0;
        response.error = -errno;
    } else if (verdict.kind == Verdict::Kind::let_through) {
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    } else {
        response.error = verdict.kind == Verdict::Kind::refuse ? -EPERM : -verdict.error;
    }
    // The report goes first: a process that the refusal ends is then known by its last act.
    if (verdict.kind == Verdict::Kind::refuse) refused(request, verdict.detail);
    if (!sent) ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
    if (!window_) {
        window_ = loop_.after(std::chrono::seconds(1), [this] {
            in_window_ = 0;
            window_ = {};
            watch_.enable(true);
        });
    }
    if (++in_window_ >= kAnsweredPerSecond) watch_.enable(false);
}

Gate::Verdict Gate::judge(const seccomp_data& call) const {
    using Kind = Verdict::Kind;
    switch (call.nr) {
        case SYS_newfstatat:
            return stat_descriptor(call);
#ifdef SYS_open
        case SYS_open:
#endif
        case SYS_openat:
            return judge_open(call);
        case SYS_mmap:
        case SYS_mprotect:
            return {loading_ ? Kind::let_through : Kind::refuse, 0, "executable memory"};
        default:
            return {};
    }
}

Gate::Verdict Gate::judge_open(const seccomp_data& call) const {
    const bool relative = call.nr == SYS_openat;
    const std::optional<std::string> path = read_string(pid_, call.args[relative ? 1 : 0]);
    const uint64_t flags = call.args[relative ? 2 : 1];
    const bool reads = (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == 0;
    if (loading_ && reads && path && !bundle_.empty() && path->starts_with(bundle_ + "/"))
        return open_in_bundle(*path);
    return {Verdict::Kind::refuse, 0, path.value_or("")};
}

/// Opened here, and not let through: the path could become another one between our look and the
/// kernel's, and a process that was forked without a bundle may open nothing by itself.
Gate::Verdict Gate::open_in_bundle(const std::string& path) const {
    using Kind = Verdict::Kind;
    const UniqueFd folder(::open(bundle_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    // O_NONBLOCK: a FIFO must not hold us up.
    open_how how{O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0,
                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    UniqueFd file(static_cast<int>(
        ::syscall(SYS_openat2, folder.get(), path.c_str() + bundle_.size() + 1, &how, sizeof how)));
    struct stat status{};
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return {Kind::answered, errno, {}};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return {Kind::refuse, 0, path};
    return {Kind::opened, 0, {}, std::move(file)};
}

/// newfstatat with an empty path is how glibc spells fstat. Carried out here, on the caller's
/// descriptor: let through, the path could become another one between our look and the kernel's.
Gate::Verdict Gate::stat_descriptor(const seccomp_data& call) const {
    using Kind = Verdict::Kind;
    const std::optional<std::string> path = read_string(pid_, call.args[1]);
    if (!path || !path->empty() || (call.args[3] & AT_EMPTY_PATH) == 0)
        return {Kind::refuse, 0, path.value_or("")};
    const UniqueFd file(static_cast<int>(
        ::syscall(SYS_pidfd_getfd, pidfd_.get(), static_cast<int>(call.args[0]), 0)));
    if (!file) return {Kind::answered, errno == EBADF ? EBADF : EPERM, {}};
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return {Kind::answered, errno, {}};
    const iovec local{&status, sizeof status};
    const iovec remote{reinterpret_cast<void*>(call.args[2]), sizeof status};
    const bool written =
        ::process_vm_writev(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(sizeof status);
    return {Kind::answered, written ? 0 : EFAULT, {}};
}

void Gate::refused(const seccomp_notif& request, std::string detail) {
    if (in_window_ >= kReportedPerSecond) {
        ++suppressed_;
        return;
    }
    Origin origin =
        origin_of_call(static_cast<pid_t>(request.pid), request.data.instruction_pointer, bundle_);
    hooks_.report({pid_, call_name(request.data.nr), printable(std::move(detail)),
                   std::exchange(suppressed_, 0), printable(std::move(origin.file)),
                   origin.offset});
}

}  // namespace opendext::keeper
