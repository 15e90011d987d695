// SPDX-License-Identifier: Apache-2.0
#include "runtime/tests/fake_daemon.h"

#include <DriverKit/IOReturn.h>
#include <DriverKit/IOService.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

#include "rpc/driver_start.h"

using namespace opendext;
using namespace opendext::protocol;

extern "C" int opendext_driver_main(const opendext_driver_start* start);

namespace {
constexpr auto kPatience = std::chrono::seconds(30);
}

protocol::Ref object_ref(uint64_t id, const std::string& class_name) {
    Ref ref;
    ref.kind = RefKind::object;
    ref.id = id;
    ref.class_name = class_name;
    return ref;
}

FakeDaemon::FakeDaemon() {
    auto pair = Socket::pair();
    if (!pair) abort();
    socket_ = std::move(pair->first);
    const int fd = pair->second.take_fd().release();
    runtime_ = std::thread([this, fd] {
        opendext_driver_start start{};
        start.size = sizeof start;
        start.control_fd = fd;
        start.token = kToken;
        start.bundle_path = "/nowhere/Test.dext";
        start.bundle_id = "org.example.test";
        start.sandbox = "none (test)";
        start.close_second_step = [](void* context) {
            ++static_cast<FakeDaemon*>(context)->second_step_calls;
            return 0;
        };
        start.context = this;
        const int status = opendext_driver_main(&start);
        const std::lock_guard lock(mutex_);
        status_ = status;
        ended_ = true;
        changed_.notify_all();
    });
    receiver_ = std::thread([this] { receive(); });
}

FakeDaemon::~FakeDaemon() {
    (void)finish();
}

template <typename Predicate>
bool FakeDaemon::wait(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, predicate);
}

void FakeDaemon::receive() {
    for (;;) {
        auto message = socket_.receive();
        if (!message || !*message) break;
        handle(std::move(**message));
    }
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

void FakeDaemon::handle(Message message) {
    std::unique_lock lock(mutex_);
    if ((message.serial & driver::kDaemonSerial) != 0) {
        replies_.emplace(message.serial, std::move(message));
        changed_.notify_all();
        return;
    }
    switch (static_cast<driver::Kind>(message.kind)) {
        case driver::Kind::check_in:
            check_in = decode<driver::CheckIn>(message).value();
            checked_in_ = true;
            break;
        case driver::Kind::log:
            logs_.push_back(decode<driver::Log>(message).value());
            break;
        case driver::Kind::drop:
            drops_.push_back(decode<driver::Drop>(message).value().entry);
            break;
        case driver::Kind::attach_interrupt: {
            const auto asked = decode<driver::AttachInterrupt>(message).value();
            std::vector<UniqueFd> fds;
            driver::Interrupt answer;
            answer.outcome = {kIOReturnNoInterrupt, "no interrupts here"};
            if (interrupt_answer_) answer = interrupt_answer_(asked, fds);
            Message reply = encode(std::move(answer), message.serial);
            reply.fds = std::move(fds);
            lock.unlock();
            send(reply);
            lock.lock();
            break;
        }
        case driver::Kind::detach_interrupt:
            detached_.push_back(decode<driver::DetachInterrupt>(message).value().handle);
            break;
        case driver::Kind::open_file: {
            const auto asked = decode<driver::OpenFile>(message).value();
            std::vector<UniqueFd> fds;
            driver::FileOpened answer;
            answer.outcome = {kIOReturnNotFound, "no files here"};
            if (file_answer_) answer = file_answer_(asked.path, fds);
            Message reply = encode(std::move(answer), message.serial);
            reply.fds = std::move(fds);
            lock.unlock();
            send(reply);
            lock.lock();
            break;
        }
        case driver::Kind::create: {
            const auto made = create_(decode<driver::Create>(message).value());
            lock.unlock();
            send(encode(made, message.serial));
            lock.lock();
            break;
        }
        case driver::Kind::call: {
            const auto call = decode<driver::Call>(message).value();
            calls_.push_back(call.invocation);
            if (const auto held = held_.find(call.invocation.msgid); held != held_.end()) {
                held->second = message.serial;
                break;
            }
            InvocationResult result;
            result.io_return = kIOReturnUnsupported;
            const auto answer = answers_.find(call.invocation.msgid);
            if (answer != answers_.end()) result = answer->second(call.invocation);
            const bool oneway = (call.invocation.flags & kIORPCMessageOneway) != 0;
            lock.unlock();
            if (!oneway) send(encode(driver::CallResult{result}, message.serial));
            lock.lock();
            break;
        }
        default: {
            const auto other = others_.find(message.kind);
            if (other == others_.end()) {
                ADD_FAILURE() << "unexpected message kind " << message.kind;
                break;
            }
            const auto answer = other->second(message);
            lock.unlock();
            if (answer) send(*answer);
            lock.lock();
        }
    }
    changed_.notify_all();
}

void FakeDaemon::send(const Message& message) {
    (void)socket_.send(message);
}

Message FakeDaemon::request(Message message) {
    {
        const std::lock_guard lock(mutex_);
        message.serial = driver::kDaemonSerial | next_serial_++;
    }
    send(message);
    const uint64_t serial = message.serial;
    if (!wait([&] { return replies_.contains(serial) || closed_; }) || !replies_.contains(serial)) {
        ADD_FAILURE() << "no reply to message kind " << message.kind;
        return {};
    }
    const std::lock_guard lock(mutex_);
    Message reply = std::move(replies_.at(serial));
    replies_.erase(serial);
    return reply;
}

driver::Loaded FakeDaemon::load() {
    EXPECT_TRUE(wait([&] { return checked_in_; }));
    auto loaded = decode<driver::Loaded>(request(encode(driver::Load{"/nowhere/Test.dext", ""})));
    EXPECT_TRUE(loaded.ok());
    return loaded.ok() ? *loaded : driver::Loaded{};
}

int32_t FakeDaemon::instantiate(uint64_t entry, const std::string& class_name) {
    const auto reply =
        decode<driver::Reply>(request(encode(driver::Instantiate{entry, class_name})));
    return reply.ok() ? reply->io_return : -1;
}

InvocationResult FakeDaemon::call(Invocation invocation, std::vector<UniqueFd> fds) {
    Message message = encode(driver::Call{std::move(invocation)});
    message.fds = std::move(fds);
    Message reply = request(std::move(message));
    auto result = decode<driver::CallResult>(reply);
    EXPECT_TRUE(result.ok());
    const std::lock_guard lock(mutex_);
    result_fds = std::move(reply.fds);
    return result.ok() ? result->result : InvocationResult{};
}

void FakeDaemon::call_oneway(Invocation invocation) {
    invocation.flags |= kIORPCMessageOneway;
    send(encode(driver::Call{std::move(invocation)}));
}

int32_t FakeDaemon::start(uint64_t entry, uint64_t provider, const std::string& provider_class) {
    Invocation invocation;
    invocation.object = entry;
    invocation.msgid = IOService_Start_ID;
    invocation.refs = {object_ref(provider, provider_class)};
    return call(std::move(invocation)).io_return;
}

int32_t FakeDaemon::stop(uint64_t entry, uint64_t provider) {
    Invocation invocation;
    invocation.object = entry;
    invocation.msgid = IOService_Stop_ID;
    invocation.refs = {object_ref(provider, "IOService")};
    return call(std::move(invocation)).io_return;
}

int FakeDaemon::finish() {
    if (runtime_.joinable()) {
        shutdown(socket_.fd(), SHUT_RDWR);
        runtime_.join();
        receiver_.join();
    }
    return status_;
}

int FakeDaemon::wait_for_end() {
    EXPECT_TRUE(wait([&] { return ended_; }));
    return finish();
}

void FakeDaemon::on(uint64_t msgid, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[msgid] = std::move(answer);
}

void FakeDaemon::on_create(std::function<driver::Created(const driver::Create&)> make) {
    const std::lock_guard lock(mutex_);
    create_ = std::move(make);
}

void FakeDaemon::on_interrupt(InterruptAnswer answer) {
    const std::lock_guard lock(mutex_);
    interrupt_answer_ = std::move(answer);
}

bool FakeDaemon::wait_for_detach(uint64_t handle) {
    return wait([&] { return std::count(detached_.begin(), detached_.end(), handle) > 0; });
}

void FakeDaemon::hold(uint64_t msgid) {
    const std::lock_guard lock(mutex_);
    held_[msgid] = 0;
}

bool FakeDaemon::wait_for_call(uint64_t msgid) {
    return wait([&] {
        return std::any_of(calls_.begin(), calls_.end(),
                           [&](const Invocation& call) { return call.msgid == msgid; });
    });
}

bool FakeDaemon::let_go(uint64_t msgid, InvocationResult result) {
    if (!wait([&] { return held_.contains(msgid) && held_.at(msgid) != 0; })) return false;
    uint64_t serial = 0;
    {
        const std::lock_guard lock(mutex_);
        serial = held_.at(msgid);
        held_.erase(msgid);
    }
    send(encode(driver::CallResult{std::move(result)}, serial));
    return true;
}

std::vector<Invocation> FakeDaemon::calls_of(uint64_t msgid) {
    const std::lock_guard lock(mutex_);
    std::vector<Invocation> found;
    for (const auto& call : calls_) {
        if (call.msgid == msgid) found.push_back(call);
    }
    return found;
}

bool FakeDaemon::wait_for_log(const std::string& part) {
    return wait([&] {
        for (const auto& line : logs_) {
            if (line.text.find(part) != std::string::npos) return true;
        }
        return false;
    });
}

std::vector<driver::Log> FakeDaemon::logs() {
    const std::lock_guard lock(mutex_);
    return logs_;
}

bool FakeDaemon::wait_for_drop(uint64_t entry) {
    return wait([&] { return std::find(drops_.begin(), drops_.end(), entry) != drops_.end(); });
}

void FakeDaemon::on_open_file(FileAnswer answer) {
    const std::lock_guard lock(mutex_);
    file_answer_ = std::move(answer);
}
