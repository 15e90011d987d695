// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/stack_taker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "crash/limits.h"
#include "rpc/realm.h"

namespace opendext::daemon {
namespace {

constexpr int kReleaseFd = 3;
constexpr int kFaultFd = 4;

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Error::system("cannot make a pipe");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Descriptors of a program that is about to start: moved out of each other's places first.
class Placement {
  public:
    Placement() {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none;
        sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    ~Placement() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    Placement(const Placement&) = delete;
    Placement& operator=(const Placement&) = delete;

    Status put(const UniqueFd& fd, int place) {
        constexpr int kOutOfTheWay = 64;
        UniqueFd high(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
        if (!high) return Error::system("cannot duplicate a descriptor");
        ::posix_spawn_file_actions_adddup2(&actions_, high.get(), place);
        held_.push_back(std::move(high));
        return success();
    }
    Result<pid_t> start(const std::string& program, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), program);
        std::vector<char*> pointers;
        for (std::string& each : arguments) pointers.push_back(each.data());
        pointers.push_back(nullptr);
        pid_t pid = 0;
        const int error =
            ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, pointers.data(), environ);
        if (error != 0) return Error::system("cannot start " + program, error);
        return pid;
    }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
    std::vector<UniqueFd> held_;
};

}  // namespace

struct StackTaker::Job {
    Request request;
    Done done;  ///< empty once it was called
    pid_t pid = 0;
    UniqueFd pidfd;
    UniqueFd output;
    std::vector<uint8_t> answer;
    std::unique_ptr<IoHandle> readable;
    std::unique_ptr<IoHandle> ended;
    std::unique_ptr<Handle> deadline;
};

StackTaker::StackTaker(EventLoop& loop) : loop_(loop) {}

StackTaker::~StackTaker() {
    // They end by their own clock; nobody reads what they find.
    for (const auto& [number, job] : jobs_) {
        if (job->pid > 0) ::kill(job->pid, SIGKILL);
    }
}

void StackTaker::take(Request request, Done done) {
    const uint64_t number = next_++;
    auto job = std::make_unique<Job>();
    job->request = std::move(request);
    job->done = std::move(done);
    // Counted from here: one that waits for its turn may run out of time.
    job->deadline = loop_.after(job->request.deadline, [this, number] {
        finish(number, Error{Errc::timed_out, 0, "taking the stacks took too long"});
    });
    jobs_.emplace(number, std::move(job));
    loop_.post([this] { start_waiting(); });
}

void StackTaker::start_waiting() {
    size_t running = 0;
    for (const auto& [number, job] : jobs_) running += job->pid > 0 ? 1 : 0;
    std::vector<uint64_t> next;
    for (const auto& [number, job] : jobs_) {
        if (job->pid == 0 && job->done && running + next.size() < kMostAtOnce)
            next.push_back(number);
    }
    for (const uint64_t number : next) {
        if (const Status started = start(number); !started.ok()) finish(number, started.error());
    }
}

Status StackTaker::start(uint64_t number) {
    Job& job = *jobs_.at(number);
    std::vector<std::string> arguments{"--deadline",
                                       std::to_string(job.request.deadline.count() * 3 / 4 + 1),
                                       // The keeper, of whom driver processes are children too.
                                       "--parent", std::to_string(::getppid())};
    Placement placement;
    Pipe output = OD_TRY(make_pipe());
    // The program's end blocks.
    ::fcntl(output.write.get(), F_SETFL, 0);
    OD_TRY(placement.put(output.write, STDOUT_FILENO));
    const UniqueFd release = std::move(job.request.release);
    if (release) {
        OD_TRY(placement.put(release, kReleaseFd));
        arguments.insert(arguments.end(), {"--release", std::to_string(kReleaseFd)});
    }
    Pipe fault;
    if (job.request.fault) {
        const std::vector<uint8_t> bytes = crash::to_bytes(*job.request.fault);
        fault = OD_TRY(make_pipe());
        if (::write(fault.write.get(), bytes.data(), bytes.size()) !=
            static_cast<ssize_t>(bytes.size())) {
            return Error::system("cannot tell why the process crashes");
        }
        fault.write.reset();
        OD_TRY(placement.put(fault.read, kFaultFd));
        arguments.insert(arguments.end(), {"--fault", std::to_string(kFaultFd)});
    }
    arguments.push_back(std::to_string(job.request.pid));
    const auto program = installation_prefix() / "libexec" / "opendext" / "opendext-stacks";
    job.pid = OD_TRY(placement.start(program.string(), std::move(arguments)));
    job.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, job.pid, 0)));
    if (!job.pidfd) {
        const Error error = Error::system("cannot watch opendext-stacks");
        ::kill(job.pid, SIGKILL);
        ::waitpid(std::exchange(job.pid, 0), nullptr, 0);
        return error;
    }
    job.output = std::move(output.read);
    job.readable =
        loop_.watch(job.output.get(), EPOLLIN, [this, number](uint32_t) { readable(number); });
    job.ended = loop_.watch(job.pidfd.get(), EPOLLIN, [this, number](uint32_t) {
        // It has ended and is reaped last. What it wrote last may still be in the pipe.
        readable(number);
        finish(number, Error{Errc::peer_gone, 0, "opendext-stacks ended without an answer"});
        ::waitpid(jobs_.at(number)->pid, nullptr, 0);
        jobs_.erase(number);
        start_waiting();
    });
    return success();
}

void StackTaker::readable(uint64_t number) {
    Job& job = *jobs_.at(number);
    uint8_t buffer[64 * 1024];
    while (job.readable) {
        const ssize_t got = ::read(job.output.get(), buffer, sizeof buffer);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got > 0 && job.answer.size() + static_cast<size_t>(got) <= crash::kLargestAnswer) {
            job.answer.insert(job.answer.end(), buffer, buffer + got);
            continue;
        }
        job.readable.reset();
        if (got > 0)
            return finish(number, Error{Errc::no_space, 0, "opendext-stacks says too much"});
        Result<crash::Answer> answer =
            crash::from_bytes<crash::Answer>(job.answer, "the answer of opendext-stacks");
        if (!answer.ok()) return finish(number, std::move(answer).error());
        if (!answer->error.empty())
            return finish(number, Error{Errc::not_ready, 0, std::move(answer->error)});
        answer->stacks.clean();
        return finish(number, std::move(answer->stacks));
    }
}

/// Tells the outcome once. The program is then of no use any more; the job stays until it is
/// reaped.
void StackTaker::finish(uint64_t number, Result<crash::Stacks> result) {
    Job& job = *jobs_.at(number);
    job.deadline.reset();
    job.readable.reset();
    const Done done = std::exchange(job.done, nullptr);
    if (job.pid > 0) {
        ::kill(job.pid, SIGKILL);
    } else {
        jobs_.erase(number);
    }
    if (done) done(std::move(result));
}

}  // namespace opendext::daemon
