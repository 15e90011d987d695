// SPDX-License-Identifier: Apache-2.0
// Round trips through a Channel beside the same through a Unix seqpacket socket, in one run,
// interleaved. Two processes; "same": both on one CPU, "cross": on two, "cold": where the scheduler
// puts them, after a millisecond of rest. Prints one JSON object a line: bench, case, metric, unit,
// ours, peer, peer_name, ratio (ours / peer; lower is better).
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "rpc/channel.h"

namespace opendext {
namespace {

using Clock = std::chrono::steady_clock;

enum class Placement { same, cross, cold };

const char* to_string(Placement placement) {
    switch (placement) {
        case Placement::same:
            return "same";
        case Placement::cross:
            return "cross";
        case Placement::cold:
            return "cold";
    }
    return "";
}

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

template <typename T>
T must(Result<T> result) {
    if (result.ok()) return std::move(result).value();
    std::fprintf(stderr, "%s\n", result.error().text().c_str());
    std::exit(1);
}

/// Median of `rounds` round trips in microseconds.
double measure(bool channel, Placement placement, size_t size, int rounds) {
    UniqueFd memory = must(Channel::create_memory());
    auto ends = must(Socket::pair());
    const pid_t child = ::fork();
    if (placement != Placement::cold) pin(child == 0 && placement == Placement::cross ? 1 : 0);
    if (child == 0) {
        ends.first.close();
        if (channel) {
            auto driver = must(
                Channel::attach(std::move(memory), std::move(ends.second), Channel::Side::driver));
            for (;;) {
                const auto request = driver->receive();
                if (!request.ok() || !driver->send(*request).ok()) ::_exit(0);
            }
        }
        for (;;) {
            const auto request = ends.second.receive();
            if (!request.ok() || !ends.second.send(**request).ok()) ::_exit(0);
        }
    }
    ends.second.close();
    std::unique_ptr<Channel> client;
    if (channel)
        client =
            must(Channel::attach(std::move(memory), std::move(ends.first), Channel::Side::client));
    Message request;
    request.kind = 1;
    request.body.resize(size);
    std::vector<double> times;
    for (int i = -rounds / 10; i < rounds; ++i) {
        if (placement == Placement::cold) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const auto begin = Clock::now();
        if (channel) {
            if (!client->send(request).ok() || !client->receive().ok()) std::exit(1);
        } else {
            if (!ends.first.send(request).ok() || !ends.first.receive().ok()) std::exit(1);
        }
        const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
        if (i >= 0) times.push_back(time.count());
    }
    if (client != nullptr) client->close("done");
    ends.first.close();
    ::waitpid(child, nullptr, 0);
    std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2),
                     times.end());
    return times[times.size() / 2];
}

int main(bool quick) {
    cpu_set_t all;
    ::sched_getaffinity(0, sizeof all, &all);
    for (const Placement placement : {Placement::same, Placement::cross, Placement::cold}) {
        if (placement == Placement::cross && CPU_COUNT(&all) < 2) continue;
        for (const size_t size : {size_t{64}, size_t{4096}}) {
            std::vector<double> ours;
            std::vector<double> peer;
            for (int repeat = 0; repeat < 5; ++repeat) {
                const int rounds = (placement == Placement::cold ? 100 : 4000) / (quick ? 10 : 1);
                ours.push_back(measure(true, placement, size, rounds));
                peer.push_back(measure(false, placement, size, rounds));
                ::sched_setaffinity(0, sizeof all, &all);
            }
            std::sort(ours.begin(), ours.end());
            std::sort(peer.begin(), peer.end());
            std::printf(
                "{\"bench\": \"channel\", \"case\": \"%s %zu bytes\", \"metric\": \"round trip "
                "p50\", \"unit\": "
                "\"us\", \"ours\": %.2f, \"peer\": %.2f, \"peer_name\": \"Unix seqpacket\", "
                "\"ratio\": %.3f}\n",
                to_string(placement), size, ours[2], peer[2], ours[2] / peer[2]);
        }
    }
    return 0;
}

}  // namespace
}  // namespace opendext

int main(int argc, char** argv) {
    return opendext::main(argc > 1 && std::string_view(argv[1]) == "--quick");
}
