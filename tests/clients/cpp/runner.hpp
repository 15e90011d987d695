// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The runner of cases in C++, over opendext/client.hpp.

#include <opendext/client.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace suite {

namespace io = opendext::iokit;

/// A line of a case: words, and options NAME=VALUE.
struct Line {
    std::vector<std::string> words;
    std::map<std::string, std::string> options;

    explicit Line(const std::string& text);
    [[nodiscard]] std::string option(const std::string& name,
                                     const std::string& otherwise = "") const;
    [[nodiscard]] std::string word(size_t index) const {
        return index < words.size() ? words[index] : "";
    }
    [[nodiscard]] uint64_t number(size_t index) const {
        return std::stoull(word(index), nullptr, 0);
    }
};

/// Prints one line of the result.
void say(const std::string& text);
std::string error_line(const io::Error& error);
/// "ok" or the error.
template <typename T>
void say_outcome(const io::Result<T>& result) {
    say(result ? "ok" : error_line(result.error()));
}
uint32_t checksum(std::span<const std::byte> bytes);
std::string described(std::span<const std::byte> bytes);
std::vector<std::byte> pattern(size_t size, unsigned seed);

/// A notification port and how it is served.
struct Port {
    enum class Kind { loop, queue, descriptor, thread };
    Port(io::NotificationPort opened, Kind kind);
    ~Port();

    Kind kind;
    dispatch_queue_t queue = nullptr;
    io::NotificationPort port;
};

/// What came by call-backs, a line of text each, in order.
class Record {
  public:
    explicit Record(std::shared_ptr<Port> port) : port_(std::move(port)) {}
    void add(std::string line);
    void end();
    [[nodiscard]] Port* port() const { return port_.get(); }
    [[nodiscard]] size_t unread();
    [[nodiscard]] bool ended();
    std::string read();

  private:
    const std::shared_ptr<Port> port_;
    std::mutex mutex_;
    std::vector<std::string> lines_;
    size_t read_ = 0;
    bool ended_ = false;
};

/// A call of a case, with the memory that it uses.
struct Request {
    uint32_t selector = 0;
    std::vector<uint64_t> in;
    std::vector<uint64_t> out;
    std::vector<std::byte> data;
    std::vector<std::byte> room;
    bool variable = false;
    std::vector<std::string> saves;

    [[nodiscard]] io::Input input() const { return {in, data}; }
    [[nodiscard]] io::Room output() { return {out, room}; }
};

/// A call in a thread of its own.
struct Call {
    Request request;
    std::string result;
    std::thread thread;
    ~Call() {
        if (thread.joinable()) thread.join();
    }
};

struct Buffer {
    size_t size = 0;
    std::unique_ptr<std::byte, decltype(&std::free)> memory{nullptr, &std::free};
    [[nodiscard]] std::span<std::byte> bytes() const { return {memory.get(), size}; }
};

struct Flight {
    io::Calls calls;
    std::map<uint64_t, Request> requests;
    uint32_t added = 0;
};

/// What the words of a case name; members go from the last to the first at the end of a case.
class Runner {
  public:
    void run(const std::string& line);

  private:
    using Command = void (Runner::*)(const Line&);
    static const std::map<std::string, Command>& commands();
    template <typename Map>
    auto* find(Map& map, const std::string& name) {
        const auto found = map.find(name);
        if (found == map.end()) say("there is no " + name);
        return found == map.end() ? nullptr : &found->second;
    }
    bool wait_until(Port* port, const std::function<bool()>& done);
    Request read_request(const Line& line, size_t first);
    std::string result_line(const Request& request, std::span<const uint64_t> scalars,
                            std::span<const std::byte> structure);
    std::string call_now(const io::Connection& connection, Request& request);

    // services and connections
    void find_service(const Line& line);
    void open(const Line& line);
    void close(const Line& line);
    void status(const Line& line);
    void kill(const Line& line);
    void died(const Line& line);
    // calls
    void call(const Line& line);
    void same(const Line& line);
    void until(const Line& line);
    void async(const Line& line);
    void start(const Line& line);
    void join(const Line& line);
    void calls(const Line& line);
    void add(const Line& line);
    void submit(const Line& line);
    void take(const Line& line);
    void pending(const Line& line);
    void post(const Line& line);
    // what comes
    void port(const Line& line);
    void completions(const Line& line);
    void events(const Line& line);
    void print_next(Record& record, size_t count);
    void order(const Line& line);
    void unread(const Line& line);
    void ended(const Line& line);
    void watch(const Line& line);
    void interest(const Line& line);
    // memory
    void map(const Line& line);
    void size(const Line& line);
    void peek(const Line& line);
    void poke(const Line& line);
    void fault(const Line& line);
    void unmap(const Line& line);
    void buffer(const Line& line);
    void sum(const Line& line);
    void enqueue(const Line& line);
    void dequeue(const Line& line);
    void available(const Line& line);
    std::optional<std::span<std::byte>> memory(const std::string& name);

    struct Names {
        std::map<std::string, Buffer> buffers;
        std::map<std::string, std::shared_ptr<Record>> records;
        std::map<std::string, std::shared_ptr<Record>> watches;
        std::map<std::string, std::shared_ptr<Port>> ports;
        std::map<std::string, io::Service> services;
        std::map<std::string, pid_t> processes;  ///< of the services
        std::vector<io::MatchingNotification> matching;
        std::vector<io::InterestNotification> interests;
        std::map<std::string, io::Connection> connections;
        std::map<std::string, io::MappedMemory> mappings;
        std::map<std::string, Flight> flights;
        std::map<std::string, std::unique_ptr<Call>> threads;
    };
    std::optional<Names> names_{std::in_place};
    std::map<std::string, uint64_t> saved_;
    pid_t killed_ = 0;
};

}  // namespace suite
