// SPDX-License-Identifier: Apache-2.0
// What our client program and the peers' programs share: arguments, the clock, processor time, and
// the line of JSON that each prints.
#ifndef MEASURE_H
#define MEASURE_H

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace measure {

inline int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

/// MODE --size N --seconds S --gap-us N --cpu N --peer-cpu N --pid N
struct Options {
    std::string mode;
    size_t size = 64;
    double seconds = 0.3;
    int gap_us = 0;
    int cpu = -1;       ///< -1: wherever the scheduler likes
    int peer_cpu = -1;  ///< of the other process
    int pid = 0;        ///< of the other process, where the program has not started it
};

inline Options options(int argc, char** argv) {
    Options given;
    if (argc > 1) given.mode = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const char* value = argv[i + 1];
        if (name == "--size") given.size = std::strtoul(value, nullptr, 10);
        if (name == "--seconds") given.seconds = std::strtod(value, nullptr);
        if (name == "--gap-us") given.gap_us = std::atoi(value);
        if (name == "--cpu") given.cpu = std::atoi(value);
        if (name == "--peer-cpu") given.peer_cpu = std::atoi(value);
        if (name == "--pid") given.pid = std::atoi(value);
    }
    return given;
}

inline void pin(int cpu) {
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) std::perror("sched_setaffinity");
}

[[noreturn]] inline void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

/// What all threads of a process have run, in nanoseconds.
inline int64_t cpu_ns(int pid) {
    int64_t total = 0;
    const std::string folder = "/proc/" + std::to_string(pid) + "/task";
    DIR* tasks = ::opendir(folder.c_str());
    if (tasks == nullptr) return 0;
    while (const dirent* task = ::readdir(tasks)) {
        if (task->d_name[0] == '.') continue;
        std::FILE* file = std::fopen((folder + "/" + task->d_name + "/schedstat").c_str(), "r");
        if (file == nullptr) continue;
        long long ran = 0;
        if (std::fscanf(file, "%lld", &ran) == 1) total += ran;
        std::fclose(file);
    }
    ::closedir(tasks);
    return total;
}

/// Runs `step` (which does `batch` calls) over and over, and prints the line.
template <typename Step>
void run(const Options& given, int other, int batch, Step step) {
    const auto end_of = [](double seconds) {
        return now_ns() + static_cast<int64_t>(seconds * 1e9);
    };
    for (const int64_t end = end_of(given.seconds / 5); now_ns() < end;) {
        step();
        if (given.gap_us > 0) ::usleep(static_cast<useconds_t>(given.gap_us));
    }
    std::vector<float> times;
    times.reserve(1 << 20);
    const int64_t cpu = cpu_ns(::getpid()) + cpu_ns(other);
    const int64_t begin = now_ns();
    const int64_t end = end_of(given.seconds);
    int64_t at = begin;
    while (at < end && times.size() < times.capacity()) {
        if (given.gap_us > 0) {
            ::usleep(static_cast<useconds_t>(given.gap_us));
            at = now_ns();
        }
        step();
        const int64_t after = now_ns();
        times.push_back(static_cast<float>(after - at));
        at = after;
    }
    const double total = static_cast<double>(at - begin);
    const int64_t used = cpu_ns(::getpid()) + cpu_ns(other) - cpu;
    std::sort(times.begin(), times.end());
    const double calls = static_cast<double>(times.size()) * batch;
    std::printf("{\"p50\": %.4f, \"p99\": %.4f, \"rate\": %.1f, \"cpu\": %.4f}\n",
                times[times.size() / 2] / 1e3 / batch, times[times.size() * 99 / 100] / 1e3 / batch,
                calls / total * 1e9, static_cast<double>(used) / 1e3 / calls);
}

}  // namespace measure

#endif
