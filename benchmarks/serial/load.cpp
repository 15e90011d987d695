// SPDX-License-Identifier: Apache-2.0
// The programs at both ends of serial links, made to cost little beside what is measured: one
// thread writes to all ports, another reads from all. Every byte that arrives is compared.
//
//   bench_serial_load stream|paced|echo [KEY=VALUE…] TERMINAL:SOCKET…
//
// TERMINAL and SOCKET are inherited descriptors. Keys: direction=out|in (out: from the terminal to
// the network), piece=BYTES, seconds=, warm= (seconds before the measurement), rate= (paced: bytes
// a second on each port), rounds= (echo), cpu-of=PID,PID… (whose CPU time is reported). The result
// is one JSON object; exit status 1 and a message if bytes are wrong or the link is gone.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

/// Longest time without a byte before the link counts as dead.
constexpr int kPatienceMs = 20'000;
constexpr size_t kBuffer = 65536;
/// The stream repeats with a period that no buffer divides, so lost and repeated pieces show.
constexpr size_t kPeriod = 65521;

[[noreturn]] void fail(const std::string& text) {
    std::fprintf(stderr, "bench_serial_load: %s\n", text.c_str());
    std::_Exit(1);
}

double now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// No 0xff in it, which Telnet would double.
const std::vector<uint8_t>& pattern() {
    static const std::vector<uint8_t> bytes = [] {
        std::vector<uint8_t> made(kPeriod + kBuffer);
        uint32_t state = 12345;
        for (size_t i = 0; i < kPeriod; ++i) {
            state = state * 1664525u + 1013904223u;
            made[i] = static_cast<uint8_t>((state >> 24) % 255);
        }
        for (size_t i = kPeriod; i < made.size(); ++i) made[i] = made[i - kPeriod];
        return made;
    }();
    return bytes;
}

const uint8_t* expected(uint64_t position) {
    return pattern().data() + position % kPeriod;
}

struct Port {
    int terminal = -1;
    int socket = -1;
    int source = -1;
    int sink = -1;
    uint64_t written = 0;
    uint64_t read = 0;
};

struct Options {
    bool out = true;
    size_t piece = 4096;
    double seconds = 0.5;
    double warm = 0.2;
    double rate = 11520;
    int rounds = 1000;
    std::vector<pid_t> cpu_of;
};

void set_blocking(int descriptor, bool blocking) {
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags < 0) fail("no descriptor " + std::to_string(descriptor));
    ::fcntl(descriptor, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/// Seconds of CPU that the processes have used, ended threads included.
double cpu_seconds(const std::vector<pid_t>& pids) {
    double total = 0;
    for (const pid_t pid : pids) {
        clockid_t clock{};
        timespec time{};
        if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
            fail("process " + std::to_string(pid) + " has ended");
        total += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    }
    return total;
}

int make_epoll(std::vector<Port>& ports, int Port::* end, uint32_t events) {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    for (Port& port : ports) {
        epoll_event event{};
        event.events = events;
        event.data.ptr = &port;
        if (::epoll_ctl(poll, EPOLL_CTL_ADD, port.*end, &event) != 0) fail("epoll_ctl");
    }
    return poll;
}

struct Shared {
    std::atomic<bool> stop{false};
    std::atomic<bool> source_done{false};
    std::atomic<uint64_t> arrived{0};
    std::atomic<uint64_t> sent{0};
};

void write_piece(Port& port, size_t piece, Shared& shared) {
    const ssize_t count = ::write(port.source, expected(port.written), piece);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        fail(std::string("write: ") + std::strerror(errno));
    if (count <= 0) return;
    port.written += static_cast<uint64_t>(count);
    shared.sent.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
}

/// As fast as it goes: a lone port as an ordinary program does it, several with epoll.
void source_at_full_speed(std::vector<Port>& ports, const Options& options, Shared& shared) {
    if (ports.size() == 1) {
        set_blocking(ports[0].source, true);
        while (!shared.stop) write_piece(ports[0], options.piece, shared);
    } else {
        for (Port& port : ports) set_blocking(port.source, false);
        const int poll = make_epoll(ports, &Port::source, EPOLLOUT);
        std::vector<epoll_event> events(ports.size());
        while (!shared.stop) {
            const int ready =
                ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
            for (int i = 0; i < ready; ++i)
                write_piece(*static_cast<Port*>(events[static_cast<size_t>(i)].data.ptr),
                            options.piece, shared);
        }
        ::close(poll);
    }
    shared.source_done = true;
}

/// A piece on each port at every tick.
void source_at_a_pace(std::vector<Port>& ports, const Options& options, Shared& shared) {
    for (Port& port : ports) set_blocking(port.source, true);
    const auto tick = static_cast<int64_t>(static_cast<double>(options.piece) / options.rate * 1e9);
    timespec next{};
    ::clock_gettime(CLOCK_MONOTONIC, &next);
    while (!shared.stop) {
        for (Port& port : ports) write_piece(port, options.piece, shared);
        const int64_t nanoseconds = next.tv_nsec + tick;
        next.tv_sec += nanoseconds / 1'000'000'000;
        next.tv_nsec = nanoseconds % 1'000'000'000;
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
    }
    shared.source_done = true;
}

void sink(std::vector<Port>& ports, Shared& shared) {
    for (Port& port : ports) set_blocking(port.sink, false);
    const int poll = make_epoll(ports, &Port::sink, EPOLLIN);
    std::vector<epoll_event> events(ports.size());
    std::vector<uint8_t> buffer(kBuffer);
    uint64_t total = 0;
    double last = now();
    while (!shared.source_done || total < shared.sent) {
        const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 50);
        if (ready == 0 && now() - last > kPatienceMs / 1e3)
            fail("nothing arrives any more, " + std::to_string(total) + " of " +
                 std::to_string(shared.sent) + " bytes");
        for (int i = 0; i < ready; ++i) {
            Port& port = *static_cast<Port*>(events[static_cast<size_t>(i)].data.ptr);
            const ssize_t count = ::read(port.sink, buffer.data(), buffer.size());
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (count <= 0)
                fail(std::string("read: ") + (count == 0 ? "end" : std::strerror(errno)));
            if (std::memcmp(buffer.data(), expected(port.read), static_cast<size_t>(count)) != 0)
                fail("port " + std::to_string(&port - ports.data()) + ": wrong bytes after " +
                     std::to_string(port.read));
            port.read += static_cast<uint64_t>(count);
            total += static_cast<uint64_t>(count);
            shared.arrived.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
            last = now();
        }
    }
    ::close(poll);
}

void sleep_for(double seconds) {
    timespec time{
        static_cast<time_t>(seconds),
        static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void stream(std::vector<Port>& ports, const Options& options, bool paced) {
    for (Port& port : ports) {
        port.source = options.out ? port.terminal : port.socket;
        port.sink = options.out ? port.socket : port.terminal;
    }
    Shared shared;
    std::thread reader([&] { sink(ports, shared); });
    std::thread writer(
        [&] { (paced ? source_at_a_pace : source_at_full_speed)(ports, options, shared); });
    sleep_for(options.warm);
    const double cpu_before = cpu_seconds(options.cpu_of);
    const uint64_t bytes_before = shared.arrived;
    const double before = now();
    sleep_for(options.seconds);
    const double cpu = cpu_seconds(options.cpu_of) - cpu_before;
    const uint64_t bytes = shared.arrived - bytes_before;
    const double took = now() - before;
    shared.stop = true;
    writer.join();
    reader.join();
    for (Port& port : ports) {
        if (port.read != port.written)
            fail("port " + std::to_string(&port - ports.data()) + ": " + std::to_string(port.read) +
                 " of " + std::to_string(port.written) + " bytes arrived");
    }
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    const double gigabytes = static_cast<double>(bytes) / 1e9;
    std::printf("{\"mb_s\": %.3f, \"cpu_s_gb\": %.4f, \"cpu_ms_s\": %.4f, \"bytes\": %llu}\n",
                gigabytes * 1e3 / took, gigabytes > 0 ? cpu / gigabytes : 0.0, cpu * 1e3 / took,
                static_cast<unsigned long long>(bytes));
}

/// Sends back what comes.
void answer(std::vector<Port>& ports) {
    for (Port& port : ports) set_blocking(port.socket, false);
    const int poll = make_epoll(ports, &Port::socket, EPOLLIN);
    std::vector<epoll_event> events(ports.size());
    uint8_t buffer[4096];
    for (;;) {
        const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < ready; ++i) {
            const Port& port = *static_cast<Port*>(events[static_cast<size_t>(i)].data.ptr);
            const ssize_t count = ::read(port.socket, buffer, sizeof buffer);
            if (count == 0) fail("echo: the network end is closed");
            if (count > 0 && ::write(port.socket, buffer, static_cast<size_t>(count)) != count)
                fail("echo: write");
        }
    }
}

/// Time from writing a byte to a terminal until its echo has been read there; ports take turns.
void echo(std::vector<Port>& ports, const Options& options) {
    for (Port& port : ports) set_blocking(port.terminal, true);
    std::thread([&] { answer(ports); }).detach();
    ::alarm(static_cast<unsigned>(kPatienceMs / 1000 + options.rounds / 100));
    std::vector<double> times;
    const int warm = std::min(options.rounds / 10, 100);
    double cpu_before = 0;
    for (int round = -warm; round < options.rounds; ++round) {
        if (round == 0) cpu_before = cpu_seconds(options.cpu_of);
        const Port& port = ports[static_cast<size_t>(round + warm) % ports.size()];
        const auto byte = static_cast<uint8_t>('a' + (round & 15));
        uint8_t back = 0;
        const double before = now();
        if (::write(port.terminal, &byte, 1) != 1 || ::read(port.terminal, &back, 1) != 1)
            fail(std::string("echo: ") + std::strerror(errno));
        const double took = now() - before;
        if (back != byte) fail("echo: another byte came back");
        if (round >= 0) times.push_back(took * 1e6);
    }
    const double cpu = cpu_seconds(options.cpu_of) - cpu_before;
    std::sort(times.begin(), times.end());
    std::printf("{\"p50\": %.2f, \"p99\": %.2f, \"cpu_us\": %.2f}\n", times[times.size() / 2],
                times[times.size() * 99 / 100], cpu * 1e6 / options.rounds);
    std::fflush(stdout);
    std::_Exit(0);  // the answering thread waits for ever
}

bool set_option(Options& options, std::string_view key, const std::string& value) {
    if (key == "direction") {
        options.out = value == "out";
    } else if (key == "piece") {
        options.piece = std::clamp<size_t>(std::stoul(value), 1, kBuffer);
    } else if (key == "seconds") {
        options.seconds = std::stod(value);
    } else if (key == "warm") {
        options.warm = std::stod(value);
    } else if (key == "rate") {
        options.rate = std::stod(value);
    } else if (key == "rounds") {
        options.rounds = std::max(10, std::stoi(value));
    } else if (key == "cpu-of") {
        for (size_t at = 0; at < value.size();) {
            const size_t end = std::min(value.find(',', at), value.size());
            options.cpu_of.push_back(std::stoi(value.substr(at, end - at)));
            at = end + 1;
        }
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    std::vector<Port> ports;
    for (int i = 2; i < argc; ++i) {
        const std::string word = argv[i];
        const size_t equals = word.find('=');
        const size_t colon = word.find(':');
        if (equals != std::string::npos) {
            if (!set_option(options, word.substr(0, equals), word.substr(equals + 1)))
                fail("unknown option " + word);
        } else if (colon != std::string::npos) {
            Port port;
            port.terminal = std::stoi(word.substr(0, colon));
            port.socket = std::stoi(word.substr(colon + 1));
            ports.push_back(port);
        } else {
            fail("cannot use " + word);
        }
    }
    if (argc < 3 || ports.empty()) fail("usage: stream|paced|echo [KEY=VALUE…] TERMINAL:SOCKET…");
    const std::string_view mode = argv[1];
    if (mode == "stream" || mode == "paced") {
        stream(ports, options, mode == "paced");
    } else if (mode == "echo") {
        echo(ports, options);
    } else {
        fail("unknown mode " + std::string(mode));
    }
    return 0;
}
