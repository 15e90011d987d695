// SPDX-License-Identifier: Apache-2.0
// The peers: the same round trips between two processes over a Unix seqpacket socket, over futexes
// in shared memory (always blocking), and over sd-bus from one to the other without a daemon.
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>

#include "measure.h"
#include "rings.h"
#ifdef WITH_SD_BUS
#include <systemd/sd-bus.h>
#endif

namespace {

constexpr int kInFlight = 32;
constexpr int kOneWay = 16384;

/// A child process that runs `serve` and dies with us. In a session of its own, as every service
/// is and our drivers are: the kernel shares a CPU out among sessions first (autogroup), and to
/// wake somebody in another one costs it more.
template <typename Serve>
int start(const measure::Options& given, Serve serve) {
    const int pid = ::fork();
    if (pid < 0) measure::fail("fork");
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::setsid();
        measure::pin(given.peer_cpu);
        serve();
        ::_exit(0);
    }
    measure::pin(given.cpu);
    return pid;
}

void seqpacket(const measure::Options& given) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) measure::fail("socketpair");
    const int room = 1 << 20;
    for (const int end : ends) {
        ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        ::setsockopt(end, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    std::vector<char> message(given.size);
    const bool one_way = given.mode == "seqpacket-one-way";
    const int pid = start(given, [&] {
        ::close(ends[0]);
        for (int received = 0;;) {
            const ssize_t size = ::recv(ends[1], message.data(), message.size(), 0);
            if (size <= 0) return;
            if (one_way && ++received % kOneWay != 0) continue;
            if (::send(ends[1], message.data(), static_cast<size_t>(size), 0) != size) return;
        }
    });
    ::close(ends[1]);
    const auto send = [&] {
        if (::send(ends[0], message.data(), message.size(), 0) < 0) measure::fail("send");
    };
    const auto receive = [&] {
        if (::recv(ends[0], message.data(), message.size(), 0) < 0) measure::fail("recv");
    };
    if (one_way) {
        measure::run(given, pid, kOneWay, [&] {
            for (int i = 0; i < kOneWay; ++i) send();
            receive();
        });
    } else if (given.mode == "seqpacket-in-flight") {
        measure::run(given, pid, kInFlight, [&] {
            for (int i = 0; i < kInFlight; ++i) send();
            for (int i = 0; i < kInFlight; ++i) receive();
        });
    } else {
        measure::run(given, pid, 1, [&] {
            send();
            receive();
        });
    }
    ::close(ends[0]);
    ::waitpid(pid, nullptr, 0);
}

void futex(const measure::Options& given) {
    struct Words {
        alignas(64) std::atomic<uint32_t> request;
        alignas(64) std::atomic<uint32_t> answer;
    };
    const size_t pages = (given.size + 8191) / 4096 * 4096;
    auto* memory = static_cast<char*>(
        ::mmap(nullptr, 2 * pages, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (memory == MAP_FAILED) measure::fail("mmap");
    auto* words = reinterpret_cast<Words*>(memory);
    char* there = memory + 256;
    char* back = memory + pages + 256;
    const auto wait_for = [](std::atomic<uint32_t>& word, uint32_t value) {
        for (uint32_t seen; (seen = word.load()) != value;)
            ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, nullptr, nullptr, 0L);
    };
    const auto set = [](std::atomic<uint32_t>& word, uint32_t value) {
        word.store(value);
        ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0L);
    };
    std::vector<char> own(given.size);
    const int pid = start(given, [&] {
        for (uint32_t i = 1;; ++i) {
            wait_for(words->request, i);
            std::memcpy(own.data(), there, own.size());
            std::memcpy(back, own.data(), own.size());
            set(words->answer, i);
        }
    });
    uint32_t round = 0;
    measure::run(given, pid, 1, [&] {
        std::memcpy(there, own.data(), own.size());
        set(words->request, ++round);
        wait_for(words->answer, round);
        std::memcpy(own.data(), back, own.size());
    });
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

#ifdef WITH_SD_BUS
void must(int code, const char* what) {
    if (code < 0) measure::fail(std::string(what) + ": " + std::strerror(-code));
}

int echo(sd_bus_message* request, void*, sd_bus_error*) {
    const void* bytes = nullptr;
    size_t size = 0;
    must(sd_bus_message_read_array(request, 'y', &bytes, &size), "read");
    sd_bus_message* answer = nullptr;
    must(sd_bus_message_new_method_return(request, &answer), "answer");
    must(sd_bus_message_append_array(answer, 'y', bytes, size), "append");
    must(sd_bus_send(nullptr, answer, nullptr), "send");
    sd_bus_message_unref(answer);
    return 1;
}

const sd_bus_vtable kTable[] = {SD_BUS_VTABLE_START(0),
                                SD_BUS_METHOD("Echo", "ay", "ay", echo, SD_BUS_VTABLE_UNPRIVILEGED),
                                SD_BUS_VTABLE_END};

sd_bus* bus(int fd, bool server) {
    sd_bus* made = nullptr;
    must(sd_bus_new(&made), "sd_bus_new");
    must(sd_bus_set_fd(made, fd, fd), "sd_bus_set_fd");
    if (server)
        must(sd_bus_set_server(made, 1,
                               SD_ID128_MAKE(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)),
             "server");
    must(sd_bus_set_anonymous(made, 1), "anonymous");
    must(sd_bus_start(made), "sd_bus_start");
    return made;
}

void sd_bus_peer(const measure::Options& given) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) measure::fail("socketpair");
    const int pid = start(given, [&] {
        ::close(ends[0]);
        sd_bus* server = bus(ends[1], true);
        must(sd_bus_add_object_vtable(server, nullptr, "/bench", "org.example.bench", kTable,
                                      nullptr),
             "vtable");
        for (;;) {
            const int handled = sd_bus_process(server, nullptr);
            if (handled < 0) return;
            if (handled == 0 && sd_bus_wait(server, UINT64_MAX) < 0) return;
        }
    });
    ::close(ends[1]);
    sd_bus* client = bus(ends[0], false);
    std::vector<char> bytes(given.size, 1);
    measure::run(given, pid, 1, [&] {
        sd_bus_message* request = nullptr;
        sd_bus_message* answer = nullptr;
        must(sd_bus_message_new_method_call(client, &request, nullptr, "/bench",
                                            "org.example.bench", "Echo"),
             "call");
        must(sd_bus_message_append_array(request, 'y', bytes.data(), bytes.size()), "append");
        must(sd_bus_call(client, request, 0, nullptr, &answer), "sd_bus_call");
        const void* back = nullptr;
        size_t size = 0;
        must(sd_bus_message_read_array(answer, 'y', &back, &size), "read");
        if (size != bytes.size()) measure::fail("the answer is another one");
        sd_bus_message_unref(answer);
        sd_bus_message_unref(request);
    });
    sd_bus_flush_close_unref(client);
    ::waitpid(pid, nullptr, 0);
}
#endif

}  // namespace

int main(int argc, char** argv) {
    const measure::Options given = measure::options(argc, argv);
    if (given.mode.starts_with("seqpacket")) seqpacket(given);
    if (given.mode == "futex") futex(given);
    if (given.mode == "rings-in-flight")
        rings::in_flight(given, kInFlight,
                         [](const auto& how, auto serve) { return start(how, serve); });
#ifdef WITH_SD_BUS
    if (given.mode == "sd-bus") sd_bus_peer(given);
#endif
    if (given.mode == "burn") {
        measure::pin(given.cpu);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (volatile uint64_t i = 0;;) i = i + 1;
    }
    return 0;
}
