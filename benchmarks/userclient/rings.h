// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>

#include "measure.h"

/// The floor: requests and answers of `given.size` bytes in two rings of whole cache lines in
/// shared memory, in bursts, by two processes that spin. No check, no dispatch, no sleep: what is
/// left is the way of the cache lines between the two CPUs.
namespace rings {

constexpr size_t kLine = 64;
constexpr size_t kRing = 64 * 1024;
constexpr uint32_t kBurst = 4;  ///< frames that are told of together; of 1 to 32 the fastest

struct Ring {
    alignas(kLine) std::atomic<uint32_t> head;
    alignas(kLine) unsigned char bytes[kRing];
};

/// One side's place in a ring.
struct Place {
    Ring& ring;
    size_t frame;
    uint32_t count = 0;
    [[nodiscard]] unsigned char* at() const { return ring.bytes + count % (kRing / frame) * frame; }
    void put(const void* from, size_t size) {
        std::memcpy(at() + 16, from, size);
        std::memcpy(at(), &count, sizeof count);
        ++count;
    }
    void publish() const { ring.head.store(count, std::memory_order_release); }
    void wait() const {
        while (ring.head.load(std::memory_order_acquire) == count) __builtin_ia32_pause();
    }
    void take(void* to, size_t size) {
        std::memcpy(to, at() + 16, size);
        ++count;
    }
};

template <typename Start>
void in_flight(const measure::Options& given, int calls, Start start) {
    struct Both {
        Ring there;
        Ring back;
    };
    void* memory = ::mmap(nullptr, sizeof(Both), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) measure::fail("mmap");
    auto& both = *static_cast<Both*>(memory);
    const size_t frame = (given.size + 48 + kLine - 1) / kLine * kLine;
    const int pid = start(given, [&] {
        std::vector<char> own(given.size);
        Place in{both.there, frame};
        Place out{both.back, frame};
        for (;;) {
            in.wait();
            in.take(own.data(), own.size());
            out.put(own.data(), own.size());
            if (out.count % kBurst == 0) out.publish();
        }
    });
    std::vector<char> own(given.size);
    Place out{both.there, frame};
    Place in{both.back, frame};
    measure::run(given, pid, calls, [&] {
        for (int i = 0; i < calls; ++i) {
            out.put(own.data(), own.size());
            if (out.count % kBurst == 0) out.publish();
        }
        out.publish();
        for (int i = 0; i < calls; ++i) {
            in.wait();
            in.take(own.data(), own.size());
        }
    });
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

}  // namespace rings
