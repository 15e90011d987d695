// SPDX-License-Identifier: Apache-2.0
// The peer: as little as a dynamically linked C++ program can do. Says when its main began.
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>

int main() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    const uint64_t now =
        static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
    if (write(STDOUT_FILENO, &now, sizeof now) != sizeof now) std::cerr << "no pipe\n";
}
