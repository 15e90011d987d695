// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.hpp"

namespace suite {

Port::Port(io::NotificationPort opened, Kind kind) : kind(kind), port(std::move(opened)) {
    switch (kind) {
        case Kind::loop:
            port.run_on_loop();
            break;
        case Kind::queue:
            queue = dispatch_queue_create("suite", DISPATCH_QUEUE_SERIAL);
            port.run_on_queue(queue);
            break;
        case Kind::thread:
            port.run_on_thread();
            break;
        case Kind::descriptor:
            break;
    }
}

Port::~Port() {
    if (queue != nullptr) dispatch_release(queue);
}

void Record::add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
}
void Record::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
}
size_t Record::unread() {
    const std::lock_guard lock(mutex_);
    return lines_.size() - read_;
}
bool Record::ended() {
    const std::lock_guard lock(mutex_);
    return ended_;
}
std::string Record::read() {
    const std::lock_guard lock(mutex_);
    return lines_[read_++];
}

void Runner::port(const Line& line) {
    static const std::map<std::string, Port::Kind> kinds = {{"loop", Port::Kind::loop},
                                                            {"queue", Port::Kind::queue},
                                                            {"descriptor", Port::Kind::descriptor},
                                                            {"thread", Port::Kind::thread}};
    io::Result<io::NotificationPort> port = io::NotificationPort::create();
    say_outcome(port);
    if (port) {
        names_->ports.insert_or_assign(
            line.word(1), std::make_shared<Port>(std::move(*port), kinds.at(line.word(2))));
    }
}

void Runner::print_next(Record& record, size_t count) {
    if (!wait_until(record.port(), [&] { return record.unread() >= count; }))
        say("only " + std::to_string(record.unread()) + " came");
    for (size_t i = 0; i < count && record.unread() > 0; ++i) say(record.read());
}

void Runner::completions(const Line& line) {
    if (auto* record = find(names_->records, line.word(1))) print_next(**record, line.number(2));
}
void Runner::events(const Line& line) {
    if (auto* record = find(names_->watches, line.word(1))) print_next(**record, line.number(2));
}

void Runner::order(const Line& line) {
    auto* found = find(names_->records, line.word(1));
    if (found == nullptr) return;
    Record& record = **found;
    const uint64_t count = line.number(2);
    if (!wait_until(record.port(), [&] { return record.unread() >= count; }))
        say("only " + std::to_string(record.unread()) + " came");
    uint64_t good = 0;
    for (uint64_t i = 0; i < count && record.unread() > 0; ++i) {
        const std::string text = record.read();
        if (text.substr(text.rfind(' ') + 1) == std::to_string(i)) ++good;
    }
    say(std::to_string(good) + " in order");
}

void Runner::unread(const Line& line) {
    if (auto* record = find(names_->records, line.word(1)))
        say(std::to_string((*record)->unread()));
}

void Runner::ended(const Line& line) {
    auto* record = find(names_->records, line.word(1));
    if (record == nullptr) return;
    say(wait_until((*record)->port(), [&] { return (*record)->ended(); }) ? "ended" : "not ended");
}

void Runner::watch(const Line& line) {
    std::shared_ptr<Port>* port = find(names_->ports, line.word(2));
    if (port == nullptr) return;
    const auto record = std::make_shared<Record>(*port);
    names_->watches.insert_or_assign(line.word(1), record);
    const std::string label = line.words[0];
    auto notification = io::notify_matching(
        (*port)->port, label == "published" ? kIOPublishNotification : kIOTerminatedNotification,
        io::Matching::by_name(line.word(3)),
        [record, label](const io::Service& service) { record->add(label + " " + service.name()); });
    say_outcome(notification);
    if (notification) names_->matching.push_back(std::move(*notification));
}

void Runner::interest(const Line& line) {
    std::shared_ptr<Port>* port = find(names_->ports, line.word(2));
    io::Service* service = find(names_->services, line.word(3));
    if (port == nullptr || service == nullptr) return;
    const auto record = std::make_shared<Record>(*port);
    names_->watches.insert_or_assign(line.word(1), record);
    auto notification =
        io::notify_interest((*port)->port, *service, [record](uint32_t type, void*) {
            if (type == kIOMessageServiceIsTerminated) record->add("is terminated");
        });
    say_outcome(notification);
    if (notification) names_->interests.push_back(std::move(*notification));
}

void Runner::map(const Line& line) {
    io::Connection* connection = find(names_->connections, line.word(2));
    if (connection == nullptr) return;
    io::Result<io::MappedMemory> mapped = connection->map(static_cast<uint32_t>(line.number(3)),
                                                          line.option("options") == "read-only");
    say_outcome(mapped);
    if (mapped) names_->mappings.insert_or_assign(line.word(1), std::move(*mapped));
}

std::optional<std::span<std::byte>> Runner::memory(const std::string& name) {
    if (name[0] == 'b') {  // names of buffers begin so
        const Buffer* buffer = find(names_->buffers, name);
        return buffer != nullptr ? std::optional(buffer->bytes()) : std::nullopt;
    }
    const io::MappedMemory* mapped = find(names_->mappings, name);
    return mapped != nullptr ? std::optional(mapped->bytes()) : std::nullopt;
}

void Runner::size(const Line& line) {
    if (const auto bytes = memory(line.word(1))) say(std::to_string(bytes->size()));
}

void Runner::peek(const Line& line) {
    const auto bytes = memory(line.word(1));
    if (!bytes) return;
    say(std::to_string(*reinterpret_cast<volatile uint32_t*>(bytes->data() + line.number(2))));
}

void Runner::poke(const Line& line) {
    const auto bytes = memory(line.word(1));
    if (!bytes) return;
    *reinterpret_cast<volatile uint32_t*>(bytes->data() + line.number(2)) =
        static_cast<uint32_t>(line.number(3));
    say("ok");
}

void Runner::fault(const Line& line) {
    const auto bytes = memory(line.word(1));
    if (!bytes) return;
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would catch it
        *reinterpret_cast<volatile std::byte*>(bytes->data()) = std::byte{1};
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    say(WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                            : "exit " + std::to_string(WEXITSTATUS(status)));
}

void Runner::unmap(const Line& line) {
    if (io::MappedMemory* mapped = find(names_->mappings, line.word(1)))
        say_outcome(mapped->unmap());
}

void Runner::buffer(const Line& line) {
    Buffer buffer;
    buffer.size = line.number(2);
    buffer.memory.reset(
        static_cast<std::byte*>(std::aligned_alloc(4096, (buffer.size + 4095) & ~size_t{4095})));
    const auto bytes = pattern(buffer.size, static_cast<unsigned>(line.number(3)));
    std::copy(bytes.begin(), bytes.end(), buffer.memory.get());
    names_->buffers.insert_or_assign(line.word(1), std::move(buffer));
    say("ok");
}

void Runner::sum(const Line& line) {
    const auto bytes = memory(line.word(1));
    if (!bytes) return;
    char text[16];
    std::snprintf(text, sizeof text, "%08x", checksum(*bytes));
    say(text);
}

void Runner::enqueue(const Line& line) {
    io::MappedMemory* mapped = find(names_->mappings, line.word(1));
    if (mapped == nullptr) return;
    const Request request = read_request(Line("enqueue 0 0 data=" + line.option("data")), 2);
    say_outcome(io::DataQueue(*mapped).enqueue(request.data));
}

void Runner::dequeue(const Line& line) {
    io::MappedMemory* mapped = find(names_->mappings, line.word(1));
    if (mapped == nullptr) return;
    io::DataQueue queue(*mapped);
    if (line.option("wait") == "yes") {
        if (const io::Result<void> waited = queue.wait(); !waited) return say_outcome(waited);
    }
    std::vector<std::byte> room(std::stoul(line.option("room", "8192")));
    const auto entry = queue.dequeue(room);
    say(entry ? "ok data=" + described(*entry) : error_line(entry.error()));
}

void Runner::available(const Line& line) {
    io::MappedMemory* mapped = find(names_->mappings, line.word(1));
    if (mapped != nullptr) say(io::DataQueue(*mapped).available() ? "yes" : "no");
}

}  // namespace suite
