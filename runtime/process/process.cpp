// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/process.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "rpc/age.h"
#include "rpc/protocol/driver.h"
#include "rpc/protocol/exit_status.h"
#include "runtime/crash/crash_handler.h"
#include "runtime/dispatch/thread_pool.h"
#include "runtime/library/boot_arguments.h"
#include "runtime/process/tidy.h"
#include "runtime/user_client/connections.h"

namespace opendext::runtime {
namespace {

namespace driver = protocol::driver;

constexpr auto kPatience =
    std::chrono::seconds(3);  // with code of the driver when the process ends
/// A driver that opendextd has not spoken to for so long keeps no thread but the main one for it,
/// and no memory that it does not use.
constexpr int kQuietMs = 500;
constexpr int kAllLeftMs = 6000;  // longer than an idle thread of the pool stays
/// A process that has got no object after this time is a spare one, with nothing to do.
constexpr int kSpareMs = 20;
constexpr size_t kIdleFollowers = 2;  // more threads than that leave when they have nothing to do

std::mutex g_current_mutex;
std::shared_ptr<Process>& current_slot() {
    static auto& slot = *new std::shared_ptr<Process>;
    return slot;
}

bool is_reply(const Message& message) {
    return (message.serial & driver::kDaemonSerial) == 0 && message.serial != 0;
}

}  // namespace

std::shared_ptr<Process> Process::current() {
    const std::lock_guard lock(g_current_mutex);
    return current_slot();
}

void Process::set_current(std::shared_ptr<Process> process) {
    const std::lock_guard lock(g_current_mutex);
    current_slot() = std::move(process);
}

Process::Process(const opendext_driver_start& start)
    : token_(start.token),
      sandbox_(start.sandbox ? start.sandbox : ""),
      close_second_step_(start.close_second_step),
      step_context_(start.context),
      set_title_(start.size >= sizeof(opendext_driver_start) ? start.set_title : nullptr),
      socket_(UniqueFd(start.control_fd)),
      connections_(std::make_unique<Connections>()),
      bundle_path_(start.bundle_path ? start.bundle_path : "") {}

Process::~Process() = default;

std::string Process::bundle_path() {
    const std::lock_guard lock(mutex_);
    return bundle_path_;
}
bool Process::is_loaded() {
    const std::lock_guard lock(mutex_);
    return executable_there_;
}

/// Not in run(), which has what it has for as long as the process lives.
void Process::check_in() {
    driver::CheckIn check_in;
    check_in.token = token_;
    check_in.sandbox = sandbox_;
    check_in.classes = classes_to_tell();
    if (auto sent = socket_.send(encode(check_in)); !sent) {
        end(71, "check-in: " + sent.error().text());
    }
}

int Process::run() {
    set_log_sink(this);
    check_in();
    serve(true);
    connections_->close_all("the driver process ends");
    // The other threads hold a reference to this object and leave when they see the end.
    std::unique_lock lock(mutex_);
    follower_wanted_.wait(lock, [this] { return threads_serving_ == 0 && pending_.empty(); });
    set_log_sink(nullptr);
    finished_ = true;
    follower_wanted_.notify_all();
    return status_;
}

bool Process::ending() {
    const std::lock_guard lock(mutex_);
    return ending_;
}

void Process::end(int status, std::string reason) {
    {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        ending_ = true;
        status_ = status;
    }
    if (status != 0 && status != driver::kExitHungUp) {
        write({LogType::fault, 0, 0, "org.opendext.runtime", "",
               "the driver process ends: " + reason});
        // Standard error too: opendextd may be what is broken.
        const std::string line = "opendext-driver: " + reason + "\n";
        [[maybe_unused]] const ssize_t written = ::write(2, line.data(), line.size());
    }
    shutdown(socket_.fd(), SHUT_RD);  // wakes the leader
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [serial, pending] : pending_) pending->changed.notify_all();
        follower_wanted_.notify_all();
    }
    // Code of the driver that never returns, on the main thread perhaps, must not keep the process.
    start_thread("end", make_task([self = shared_from_this()] { self->end_by_force(); }));
}

void Process::end_by_force() {
    std::unique_lock lock(mutex_);
    if (follower_wanted_.wait_for(lock, kPatience, [this] { return finished_; })) return;
    static constexpr char kLine[] =
        "opendext-driver: code of the driver does not return; the process ends by force\n";
    [[maybe_unused]] const ssize_t written = ::write(2, kLine, sizeof kLine - 1);
    _exit(status_);
}

void Process::write(const LogLine& line) {
    driver::Log log;
    log.type = static_cast<uint8_t>(line.type);
    log.time_ns = line.time_ns;
    log.thread = line.thread;
    log.subsystem = line.subsystem;
    log.category = line.category;
    log.text = line.text;
    if (socket_.send(encode(std::move(log), next_serial_++))) return;
    const std::string text = std::string(line.text) + "\n";
    [[maybe_unused]] const ssize_t written = ::write(2, text.data(), text.size());
}

void Process::post(Message message) {
    // Every message has a serial: so an opendextd that adopts the process knows what its
    // predecessor has seen to.
    if (message.serial == 0) message.serial = next_serial_++;
    send(message);
}

void Process::send(const Message& message) {
    if (auto sent = socket_.send(message); !sent && sent.error().code != Errc::peer_gone) {
        log(LogType::error, "message of kind %u to opendextd is lost: %s", message.kind,
            sent.error().text().c_str());
    }
}

Result<Message> Process::request(Message message) {
    const auto self = shared_from_this();
    Pending pending;
    std::unique_lock lock(mutex_);
    if (ending_) return Error{Errc::peer_gone, 0, "the driver process is ending"};
    message.serial = next_serial_++;
    pending.request = &message;
    pending.since = begun_now();
    pending_[message.serial] = &pending;
    lock.unlock();
    auto sent = socket_.send(message);
    lock.lock();
    pending.sent = true;
    const auto forget = [&] {
        pending_.erase(message.serial);
        // Another thread may be needed for the place of the leader; or run() waits for the last
        // request.
        follower_wanted_.notify_all();
    };
    if (!sent) {
        forget();
        return std::move(sent).error();
    }
    while (!pending.done && !ending_) {
        if (leader_present_) {
            pending.changed.wait(lock);
        } else {
            lead(lock, false);
        }
    }
    forget();
    if (!leader_present_ && !pending_.empty()) pending_.begin()->second->changed.notify_one();
    if (!pending.done) return Error{Errc::peer_gone, 0, "the driver process is ending"};
    return std::move(pending.reply);
}

/// Leads until there is a message or has been none for a while.
void Process::await_quiet(std::unique_lock<std::mutex>& lock) {
    leader_present_ = true;
    lock.unlock();
    pollfd socket{socket_.fd(), POLLIN, 0};
    const bool nothing = ::poll(&socket, 1, kQuietMs) == 0;
    lock.lock();
    leader_present_ = false;
    if (!nothing) return;
    quiet_ = true;
    follower_wanted_.notify_all();
}

/// Receives one message and sees to it. The thread leads during that, unless `handle` lets another
/// one take over.
void Process::lead(std::unique_lock<std::mutex>& lock, bool may_run_here) {
    leader_present_ = true;
    lock.unlock();
    if (main_leads_) {  // what receive() has on the stack is there when there is something for it
        pollfd socket{socket_.fd(), POLLIN, 0};
        // Other threads have heard that they may leave, those of the pool leave after some seconds.
        for (const int patience : {kQuietMs, kAllLeftMs, -1}) {
            if (::poll(&socket, 1, patience) != 0) break;
            tidy_memory();
        }
    }
    if (!used_ && !waited_) {
        pollfd socket{socket_.fd(), POLLIN, 0};
        waited_ = ::poll(&socket, 1, kSpareMs) == 0;
        if (waited_) map_code();
    }
    auto message = socket_.receive();
    quiet_ = false;
    main_leads_ = false;
    if (!message || !*message) {
        const bool gone = !message && message.error().code == Errc::peer_gone;
        if (gone) {
            end(driver::kExitHungUp, "the control socket is closed");
        } else {
            end(driver::kExitNonsense,
                message ? "no message from opendextd" : message.error().text());
        }
        lock.lock();
        leader_present_ = false;
        return;
    }
    handle(std::move(**message), may_run_here);
    lock.lock();
}

/// Lets another thread lead: one that waits for an answer, an idle one, or a new one.
void Process::stop_leading() {
    std::unique_lock lock(mutex_);
    leader_present_ = false;
    if (ending_) return;
    if (idle_followers_ > 0) {
        follower_wanted_.notify_one();
    } else if (!pending_.empty()) {
        pending_.begin()->second->changed.notify_one();
    } else {
        lock.unlock();
        add_follower();
    }
}

void Process::add_follower() {
    {
        const std::lock_guard lock(mutex_);
        ++threads_serving_;
    }
    start_thread("server", make_task([self = shared_from_this()] { self->serve(false); }));
}

void Process::serve(bool main_thread) {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        if (!main_thread && main_thread_suffices()) break;
        if (!leader_present_) {
            if (used_ && !quiet_) await_quiet(lock);
            if (quiet_ && main_thread) {
                main_leads_ = true;
                tidy_memory();
            }
            if (!main_thread && main_thread_suffices()) continue;
            lead(lock, true);
            continue;
        }
        if (!main_thread && idle_followers_ >= kIdleFollowers) break;
        ++idle_followers_;
        main_is_idle_ = main_is_idle_ || main_thread;
        follower_wanted_.wait(lock);
        if (main_thread) main_is_idle_ = false;
        --idle_followers_;
    }
    if (!main_thread) --threads_serving_;
    follower_wanted_.notify_all();
}

/// A reply goes to the thread that waits for it.
void Process::complete(Message message) {
    const std::lock_guard lock(mutex_);
    leader_present_ = false;
    const auto found = pending_.find(message.serial);
    if (found == pending_.end()) return;  // nobody waits any more
    found->second->reply = std::move(message);
    found->second->done = true;
    found->second->changed.notify_one();
}

/// An opendextd that adopts the process sends again what its predecessor may not have sent.
bool Process::is_repeated(const Message& message) {
    if ((message.serial & driver::kDaemonSerial) == 0) return false;
    const std::lock_guard lock(mutex_);
    if (driver::is_named(message.serial)) return !named_serials_.insert(message.serial).second;
    if (message.serial <= last_serial_) return true;
    last_serial_ = message.serial;
    return false;
}

void Process::handle(Message message, bool may_run_here) {
    if (is_repeated(message)) {
        const std::lock_guard lock(mutex_);
        leader_present_ = false;
        return;
    }
    if (is_reply(message)) {
        complete(std::move(message));
        return;
    }
    if (message.kind == static_cast<uint32_t>(driver::Kind::call)) {
        handle_call(std::move(message), may_run_here);
        return;
    }
    if (handle_at_once(message)) {
        const std::lock_guard lock(mutex_);
        leader_present_ = false;
        return;
    }
    stop_leading();  // what follows runs code of the driver
    if (may_run_here) {
        handle_other(std::move(message));
    } else {
        ThreadPool::shared().submit(
            make_task([self = shared_from_this(), message = std::move(message)]() mutable {
                self->handle_other(std::move(message));
            }));
    }
}

void Process::reply(uint64_t serial, int32_t io_return, std::string reason) {
    driver::Reply reply;
    reply.io_return = io_return;
    reply.reason = std::move(reason);
    post(encode(std::move(reply), serial));
}

}  // namespace opendext::runtime

extern "C" __attribute__((visibility("default"))) int opendext_driver_main(
    const opendext_driver_start* start) {
    using opendext::runtime::AlternateStack;
    using opendext::runtime::Process;
    if (start == nullptr || start->size < offsetof(opendext_driver_start, boot_arguments))
        return 71;
    if (start->size >= offsetof(opendext_driver_start, set_title))
        opendext::runtime::set_boot_arguments(start->boot_arguments);
    // Not on the stack, of which an idle process would have a page on either side of it.
    void* room = ::mmap(nullptr, sizeof(AlternateStack::Room), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return 71;
    const AlternateStack stack(*static_cast<AlternateStack::Room*>(room));
    opendext::runtime::install_crash_handler(start->control_fd);
    const auto process = std::make_shared<Process>(*start);
    Process::set_current(process);
    const int status = process->run();
    Process::set_current(nullptr);
    return status;
}
