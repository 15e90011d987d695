// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "runner.hpp"

namespace suite {

Line::Line(const std::string& text) {
    std::istringstream rest(text);
    for (std::string word; rest >> word;) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos) {
            words.push_back(word);
        } else {
            options[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
}

std::string Line::option(const std::string& name, const std::string& otherwise) const {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
}

void say(const std::string& text) {
    std::cout << text << std::endl;
}

std::string error_line(const io::Error& error) {
    static constexpr const char* kOrigins[] = {"nobody", "library", "daemon", "driver", "died"};
    return "error " + error.name() + " " + kOrigins[error.origin] + ": " + error.reason;
}

uint32_t checksum(std::span<const std::byte> bytes) {  // Adler-32
    uint32_t a = 1;
    uint32_t b = 0;
    for (const std::byte byte : bytes) {
        a = (a + static_cast<uint8_t>(byte)) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

std::string described(std::span<const std::byte> bytes) {
    char text[40];
    std::snprintf(text, sizeof text, "%zu:%08x", bytes.size(), checksum(bytes));
    return text;
}

std::vector<std::byte> pattern(size_t size, unsigned seed) {
    std::vector<std::byte> bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + seed + (i >> 8));
    return bytes;
}

const std::map<std::string, Runner::Command>& Runner::commands() {
    static const std::map<std::string, Command> known = {
        {"find", &Runner::find_service},
        {"walk", &Runner::find_service},
        {"open", &Runner::open},
        {"close", &Runner::close},
        {"status", &Runner::status},
        {"kill", &Runner::kill},
        {"died", &Runner::died},
        {"call", &Runner::call},
        {"same", &Runner::same},
        {"until", &Runner::until},
        {"async", &Runner::async},
        {"start", &Runner::start},
        {"join", &Runner::join},
        {"calls", &Runner::calls},
        {"add", &Runner::add},
        {"submit", &Runner::submit},
        {"take", &Runner::take},
        {"pending", &Runner::pending},
        {"post", &Runner::post},
        {"port", &Runner::port},
        {"completions", &Runner::completions},
        {"events", &Runner::events},
        {"order", &Runner::order},
        {"unread", &Runner::unread},
        {"ended", &Runner::ended},
        {"published", &Runner::watch},
        {"terminated", &Runner::watch},
        {"interest", &Runner::interest},
        {"map", &Runner::map},
        {"size", &Runner::size},
        {"peek", &Runner::peek},
        {"poke", &Runner::poke},
        {"fault", &Runner::fault},
        {"unmap", &Runner::unmap},
        {"buffer", &Runner::buffer},
        {"sum", &Runner::sum},
        {"enqueue", &Runner::enqueue},
        {"dequeue", &Runner::dequeue},
        {"available", &Runner::available},
    };
    return known;
}

void Runner::run(const std::string& text) {
    if (text.starts_with("case ")) {
        names_.emplace();
        say(text);
        return;
    }
    const Line line(text);
    if (line.words.empty()) return;
    const auto found = commands().find(line.words[0]);
    if (found == commands().end()) return say("there is no command " + line.words[0]);
    (this->*found->second)(line);
}

bool Runner::wait_until(Port* port, const std::function<bool()>& done) {
    const char* patience = std::getenv("OPENDEXT_TEST_PATIENCE");
    const auto end =
        std::chrono::steady_clock::now() +
        std::chrono::duration<double>(60 * (patience != nullptr ? std::atof(patience) : 1));
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        if (port != nullptr && port->kind == Port::Kind::loop) {
            CFRunLoopRunInMode(kCFRunLoopDefaultMode, 0.05, true);
        } else if (port != nullptr && port->kind == Port::Kind::descriptor) {
            pollfd wait = {port->port.descriptor(), POLLIN, 0};
            if (::poll(&wait, 1, 50) > 0) port->port.dispatch();
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    return true;
}

void Runner::find_service(const Line& line) {
    std::optional<io::Service> service;
    const auto look = [&] {
        if (line.words[0] == "find") {
            io::Result<io::Service> found = io::Matching::by_name(line.word(2)).first();
            if (found) service = *found;
        } else if (io::Result<io::Service> root = io::Service::root()) {
            io::Result<io::Services> all = root->descendants();
            if (!all) return false;
            for (const io::Service& entry : *all) {
                if (entry.name() == line.word(2)) service = entry;
            }
        }
        return service && service->process() != 0 && service->process() != killed_;
    };
    if (!wait_until(nullptr, look)) return say("not found");
    names_->services.insert_or_assign(line.word(1), *service);
    names_->processes[line.word(1)] = service->process();
    say("found");
}

void Runner::open(const Line& line) {
    io::Service* service = find(names_->services, line.word(2));
    if (service == nullptr) return;
    io::Result<io::Connection> connection = service->open(static_cast<uint32_t>(line.number(3)));
    say_outcome(connection);
    if (connection) names_->connections.insert_or_assign(line.word(1), std::move(*connection));
}

void Runner::close(const Line& line) {
    if (io::Connection* connection = find(names_->connections, line.word(1)))
        say_outcome(connection->close());
}

void Runner::status(const Line& line) {
    if (io::Connection* connection = find(names_->connections, line.word(1)))
        say_outcome(connection->status());
}

void Runner::kill(const Line& line) {
    const pid_t* process = find(names_->processes, line.word(1));
    if (process == nullptr) return;
    killed_ = *process;
    if (killed_ <= 0 || ::kill(killed_, SIGKILL) != 0) return say("there is nothing to kill");
    say(wait_until(nullptr, [&] { return ::kill(killed_, 0) != 0; }) ? "killed"
                                                                     : "it does not end");
}

void Runner::died(const Line& line) {
    const pid_t* process = find(names_->processes, line.word(1));
    if (process == nullptr) return;
    killed_ = *process;
    say(wait_until(nullptr, [&] { return ::kill(killed_, 0) != 0; }) ? "gone" : "it does not end");
}

}  // namespace suite

int main() {
    suite::Runner runner;
    for (std::string line; std::getline(std::cin, line);) runner.run(line);
    return 0;
}
