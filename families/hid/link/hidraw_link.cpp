// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/hidraw.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <thread>

#include "families/hid/link/link_base.h"
#include "rpc/futex.h"
#include "rpc/plain_calls.h"

namespace opendext::hid {
namespace {

/// The largest report of hid-core (HID_MAX_BUFFER_SIZE).
constexpr size_t kMaxKernelReport = 16384;
constexpr unsigned char kHidrawType = 'H';

struct Calls {
    unsigned get, set;
};
/// Numbers of the ioctls by type of report; an output report is set by a write.
constexpr std::array<Calls, 3> kCalls{{{0x0a, 0x09}, {0x0c, 0}, {0x07, 0x06}}};

unsigned long request_number(unsigned number, size_t size) {
    return _IOC(_IOC_WRITE | _IOC_READ, kHidrawType, number, size);
}

constexpr uint32_t without_size(unsigned number) {
    return _IOC(_IOC_WRITE | _IOC_READ, kHidrawType, number, 0);
}
constexpr std::array<uint32_t, 5> kIoctls{without_size(0x06), without_size(0x07),
                                          without_size(0x09), without_size(0x0a),
                                          without_size(0x0c)};

/// What lies in the memory of a gate.
struct GateLayout {
    uint32_t exclusive_user;
    uint32_t bare_gets;
};

/// Where a program plays the device, the kernel puts no byte before a report without id.
bool has_bare_gets(int fd) {
    struct stat node{};
    if (::fstat(fd, &node) != 0) return false;
    std::error_code error;
    const auto place =
        std::filesystem::canonical("/sys/dev/char/" + std::to_string(major(node.st_rdev)) + ":" +
                                       std::to_string(minor(node.st_rdev)),
                                   error);
    return !error && place.string().find("/misc/uhid/") != std::string::npos;
}

struct Job {
    uint32_t serial = 0;
    PacketKind kind = PacketKind::get;
    ReportType type = ReportType::input;
    uint32_t report_id = 0;
    size_t room = 0;
    std::vector<uint8_t> bytes;
};

/// Makes the calls that block, one after the other. It lives on with a thread that the kernel does
/// not let go, after the link has ended.
class Worker {
  public:
    Worker(UniqueFd node, bool numbered, bool bare_gets, UniqueFd ready)
        : node_(std::move(node)),
          numbered_(numbered),
          prefixed_gets_(!bare_gets),
          ready_(std::move(ready)) {}

    [[nodiscard]] int node() const { return node_.get(); }
    [[nodiscard]] int ready() const { return ready_.get(); }

    void add(Job job) {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        changed_.notify_one();
    }

    /// What it still waited for.
    std::string abandon(uint32_t serial) {
        const std::lock_guard lock(mutex_);
        if (at_work_ && at_work_->serial == serial) return "the kernel still waits for the device";
        const auto job = std::find_if(jobs_.begin(), jobs_.end(),
                                      [&](const Job& other) { return other.serial == serial; });
        if (job == jobs_.end()) return "it came at this moment";
        jobs_.erase(job);
        if (!at_work_) return "it was not begun yet";
        const auto since =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun_);
        return "it was not begun, for the kernel waits since " + std::to_string(since.count()) +
               " ms for the device's answer to a " +
               describe(at_work_->kind, at_work_->type, at_work_->report_id);
    }

    std::optional<std::pair<uint32_t, Answer>> take() {
        const std::lock_guard lock(mutex_);
        if (finished_.empty()) {
            uint64_t count = 0;
            (void)!::read(ready_.get(), &count, sizeof count);
            return std::nullopt;
        }
        auto first = std::move(finished_.front());
        finished_.pop_front();
        return first;
    }

    void stop() {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        jobs_.clear();
        changed_.notify_one();
    }

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
            if (stopped_) return;
            Job job = std::move(jobs_.front());
            jobs_.pop_front();
            at_work_ = {job.serial, job.kind, job.type, job.report_id, 0, {}};
            begun_ = Clock::now();
            lock.unlock();
            Answer answer = work(job);
            lock.lock();
            at_work_.reset();
            if (stopped_) return;
            finished_.emplace_back(job.serial, std::move(answer));
            const uint64_t one = 1;
            (void)!::write(ready_.get(), &one, sizeof one);
        }
    }

  private:
    [[nodiscard]] Answer work(Job& job) const {
        return job.kind == PacketKind::get ? get(job) : set(job);
    }

    [[nodiscard]] Answer get(const Job& job) const {
        // Byte 0 is the id on the way in; on the way back too, except as said above.
        const bool extra = !numbered_ && prefixed_gets_;
        std::vector<uint8_t> buffer(std::min(job.room + (extra ? 1 : 0), kMaxKernelReport));
        if (buffer.empty()) buffer.resize(1);
        buffer[0] = static_cast<uint8_t>(job.report_id);
        const auto number = kCalls[static_cast<size_t>(job.type)].get;
        int count = 0;
        do {
            count = ::ioctl(node_.get(), request_number(number, buffer.size()), buffer.data());
        } while (count < 0 && errno == EINTR);
        if (count < 0) return failed(job, errno);
        buffer.resize(std::min(static_cast<size_t>(count), buffer.size()));
        if (extra && !buffer.empty()) buffer.erase(buffer.begin());
        if (buffer.size() > job.room) buffer.resize(job.room);
        return {kSuccess, std::move(buffer), {}};
    }

    [[nodiscard]] Answer set(Job& job) const {
        if (!numbered_) job.bytes.insert(job.bytes.begin(), 0);
        if (job.bytes.empty()) {
            return {kBadArgument,
                    {},
                    describe(job.kind, job.type, job.report_id) +
                        ": the device uses report ids, the first byte has to be the id"};
        }
        const auto number = kCalls[static_cast<size_t>(job.type)].set;
        ssize_t count = 0;
        do {
            count = number == 0 ? ::write(node_.get(), job.bytes.data(), job.bytes.size())
                                : ::ioctl(node_.get(), request_number(number, job.bytes.size()),
                                          job.bytes.data());
        } while (count < 0 && errno == EINTR);
        if (count < 0) return failed(job, errno);
        return {};
    }

    static Answer failed(const Job& job, int number) {
        Answer answer{kIoError, {}, describe(job.kind, job.type, job.report_id) + ": "};
        switch (number) {
            case ENODEV:
            case ENXIO:
            case ESHUTDOWN:
                answer.status = kNoDevice;
                answer.reason += "the device is gone";
                return answer;
            case EINVAL:
            case ENOTTY:
            case ENOSYS:
            case EOPNOTSUPP:
                answer.status = kUnsupported;
                answer.reason +=
                    "the device has no such report, or the kernel's driver for it "
                    "does not know the request";
                break;
            case ETIMEDOUT:
                answer.status = kTimeout;
                answer.reason += "the device did not answer the kernel";
                break;
            case EPIPE:
                answer.status = kNotResponding;
                answer.reason += "the device refused it (stall)";
                break;
            default:
                answer.reason += "the kernel reports an error of the device";
                break;
        }
        answer.reason = Error::system(answer.reason, number).text();
        return answer;
    }

    const UniqueFd node_;
    const bool numbered_;
    const bool prefixed_gets_;
    const UniqueFd ready_;  ///< eventfd
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    std::deque<Job> jobs_;
    std::optional<Job> at_work_;  ///< without its bytes
    Clock::time_point begun_;
    std::deque<std::pair<uint32_t, Answer>> finished_;
};

class HidrawLink final : public LinkBase {
  public:
    HidrawLink(std::shared_ptr<Worker> worker, Hidraw options, Mapping gate)
        : worker_(std::move(worker)), options_(std::move(options)), gate_(std::move(gate)) {}
    ~HidrawLink() override { close(); }

    Status start() {
        OD_TRY(prepare());
        OD_TRY(watch(worker_->ready(), EPOLLIN));
        return watch(worker_->node(), EPOLLIN);
    }

  private:
    Status submit(const Packet& request) override {
        worker_->add({request.serial,
                      request.kind,
                      request.type,
                      request.report_id,
                      request.length,
                      {request.bytes.begin(), request.bytes.end()}});
        if (!std::exchange(started_, true)) {
            auto run = [worker = worker_] { worker->run(); };
            if (options_.start_thread) {
                options_.start_thread("hid-requests", std::move(run));
            } else {
                std::thread(std::move(run)).detach();
            }
        }
        return success();
    }

    std::string abandon(uint32_t serial) override { return worker_->abandon(serial); }

    Received receive_answer(std::span<uint8_t>) override {
        Received received;
        if (auto finished = worker_->take()) {
            received.what = Received::What::answer;
            received.serial = finished->first;
            received.answer = std::move(finished->second);
        }
        return received;
    }

    Received receive(std::span<uint8_t> buffer) override {
        if (started_) {
            Received received = receive_answer(buffer);
            if (received.what != Received::What::nothing) return received;
        }
        Received received;
        for (;;) {
            const ssize_t count = plain::read(worker_->node(), buffer.data(), kMaxReport);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return received;
            if (count <= 0) {
                received.what = Received::What::end;
                received.error = count == 0 || errno == EIO || errno == ENODEV
                                     ? Error{Errc::peer_gone, 0, "the device is gone"}
                                     : Error::system("reading from hidraw");
                return received;
            }
            if (is_shut_out()) {
                ++dropped_;
                continue;
            }
            received.what = Received::What::input;
            received.input = {static_cast<uint64_t>(now_ns()),
                              options_.numbered ? buffer[0] : uint32_t{0},
                              buffer.first(static_cast<size_t>(count))};
            return received;
        }
    }

    [[nodiscard]] bool is_shut_out() const {
        if (gate_.size() == 0) return false;
        const uint32_t user = std::atomic_ref(gate_.at<GateLayout>(0)->exclusive_user)
                                  .load(std::memory_order_acquire);
        return user != 0 && user != options_.user;
    }

    std::pair<int, short> answers_come_at() const override { return {worker_->ready(), POLLIN}; }

    void end() override { worker_->stop(); }

    const std::shared_ptr<Worker> worker_;
    const Hidraw options_;
    const Mapping gate_;
    bool started_ = false;
};

Result<Mapping> map_gate(int fd, Mapping::Access access) {
    const size_t size = OD_TRY(sealed_memory_size(fd));
    if (size < sizeof(GateLayout))
        return Error{Errc::malformed, 0, "the memory of a gate has at least 8 bytes"};
    return Mapping::map(fd, 0, size, access);
}

}  // namespace

std::span<const uint32_t> ReportLink::hidraw_ioctls() {
    return kIoctls;
}

Result<std::unique_ptr<ReportLink>> ReportLink::open_hidraw(UniqueFd node, Hidraw options) {
    const int flags = ::fcntl(node.get(), F_GETFL);
    if (flags < 0 || ::fcntl(node.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return Error::system("making a hidraw node non-blocking");
    Mapping gate;
    if (options.gate) gate = OD_TRY(map_gate(options.gate.get(), Mapping::Access::read_only));
    UniqueFd ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!ready) return Error::system("eventfd");
    const bool bare_gets =
        gate.size() != 0 ? gate.at<GateLayout>(0)->bare_gets != 0 : has_bare_gets(node.get());
    auto worker =
        std::make_shared<Worker>(std::move(node), options.numbered, bare_gets, std::move(ready));
    auto link =
        std::make_unique<HidrawLink>(std::move(worker), std::move(options), std::move(gate));
    OD_TRY(link->start());
    return std::unique_ptr<ReportLink>(std::move(link));
}

Result<InputGate> InputGate::make(bool bare_gets) {
    InputGate gate = OD_TRY(adopt(OD_TRY(make_sealed_memory("hid-gate", sizeof(GateLayout)))));
    gate.words_.at<GateLayout>(0)->bare_gets = bare_gets ? 1 : 0;
    return gate;
}

Result<InputGate> InputGate::adopt(UniqueFd memory) {
    InputGate gate;
    // What a user has is for reading, and opening it anew is refused to others.
    if (::fchmod(memory.get(), 0400) != 0) return Error::system("rights of a gate");
    gate.words_ = OD_TRY(map_gate(memory.get(), Mapping::Access::read_write));
    gate.memory_ = std::move(memory);
    return gate;
}

void InputGate::set_exclusive_user(uint32_t user) {
    std::atomic_ref(words_.at<GateLayout>(0)->exclusive_user)
        .store(user, std::memory_order_release);
}

uint32_t InputGate::exclusive_user() const {
    return std::atomic_ref(words_.at<GateLayout>(0)->exclusive_user)
        .load(std::memory_order_acquire);
}

Result<UniqueFd> InputGate::for_user() const {
    UniqueFd fd(
        ::open(("/proc/self/fd/" + std::to_string(memory_.get())).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error::system("opening a gate for reading");
    return fd;
}

}  // namespace opendext::hid
