// SPDX-License-Identifier: Apache-2.0
// An application that writes into everything it shares with the driver while it calls: rings,
// positions, sleep words, reasons, structures. The memory is the same on both sides, so what it
// does is what a hostile program can do to the driver, and what a hostile driver can do to the
// client library in here. Neither may crash.
//
// hostile SEED ROUNDS WRITES: prints how many rounds ended the connection, and the reasons.
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <opendext/client.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "strain/StrainProtocol.h"

namespace {

using Random = std::mt19937;

struct Area {
    std::atomic<uint32_t>* words;
    size_t count;
};

/// Second mappings of what this process shares with others by us, the channel first: the library
/// may unmap its own at any time.
class SharedAreas {
  public:
    SharedAreas();
    ~SharedAreas() {
        for (const Area& area : areas_) munmap(area.words, area.count * 4);
    }
    SharedAreas(const SharedAreas&) = delete;
    SharedAreas& operator=(const SharedAreas&) = delete;
    [[nodiscard]] const std::vector<Area>& all() const { return areas_; }

  private:
    std::vector<Area> areas_;
};

SharedAreas::SharedAreas() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("/memfd:opendext") == std::string::npos) continue;
        unsigned long begin = 0;
        unsigned long end = 0;
        char rights[5] = {};
        if (sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[1] != 'w')
            continue;
        void* twin = mremap(reinterpret_cast<void*>(begin), 0, end - begin, MREMAP_MAYMOVE);
        if (twin == MAP_FAILED) continue;
        const Area area{static_cast<std::atomic<uint32_t>*>(twin), (end - begin) / 4};
        const bool channel = line.find("/memfd:opendext-channel") != std::string::npos;
        areas_.insert(channel ? areas_.begin() : areas_.end(), area);
    }
}

uint32_t garbage(Random& random, uint32_t now) {
    switch (random() % 8) {
        case 0:
            return 0;
        case 1:
            return UINT32_MAX;
        case 2:
            return now + 16;
        case 3:
            return now - 16;
        case 4:
            return now ^ (1U << random() % 32);
        case 5:
            return now + (1U << random() % 20);
        case 6:
            return random() % 4096;
        default:
            return static_cast<uint32_t>(random());
    }
}

/// So many writes, or until `stop`. Mostly to where the positions are, and not without a break: a
/// connection has to live for a while to come into states that are worth destroying.
void scribble(Random random, const std::vector<Area>& areas, int writes,
              const std::atomic<bool>& stop) {
    for (int i = 0; i < writes && !stop; ++i) {
        const size_t which = random() % 4 == 0 ? random() % areas.size() : 0;
        const Area& area = areas[which];
        const size_t range = which == 0 && random() % 4 != 0 ? 256 : area.count;
        std::atomic<uint32_t>& word = area.words[random() % range];
        word.store(garbage(random, word.load()));
        if (random() % 4 == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 1000));
    }
}

class Round {
  public:
    Round(Random& random, IONotificationPortRef port, std::mutex& mutex,
          std::set<std::string>& reasons)
        : random_(random), port_(port), mutex_(mutex), reasons_(reasons) {}

    /// Whether the connection was ended meanwhile.
    bool run(int writes) {
        const io_service_t service =
            IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("strain"));
        const kern_return_t opened =
            IOServiceOpen(service, mach_task_self(), kStrainOnOwnQueue, &connection_);
        IOObjectRelease(service);
        if (opened != KERN_SUCCESS) {
            printf("open 0x%x %s\n", opened, opendext_last_error_reason());
            _exit(1);
        }
        exchange(30000);  // so that memory for large structures is shared too
        const SharedAreas areas;
        std::atomic<bool> stop = false;
        std::vector<std::thread> callers;
        callers.emplace_back([&] {
            while (!stop && add()) {
            }
        });
        callers.emplace_back([&, size = Random(random_())]() mutable {
            while (!stop && exchange(size() % 40000)) {
            }
        });
        callers.emplace_back([&] { stream(); });
        scribble(Random(random_()), areas.all(), writes, ended_);
        stop = true;
        // Whatever they wait for, this ends it.
        IOServiceClose(connection_);
        for (std::thread& caller : callers) caller.join();
        return ended_;
    }

  private:
    bool check(kern_return_t ret) {
        if (ret == KERN_SUCCESS) return true;
        const std::lock_guard lock(mutex_);
        reasons_.insert(opendext_last_error_reason());
        if (ret == kIOReturnNotResponding) ended_ = true;
        return !ended_ && ret != kIOReturnNotOpen && ret != kIOReturnBadArgument;
    }
    bool add() {
        const uint64_t in[2] = {40, 2};
        uint64_t sum = 0;
        uint32_t count = 1;
        return check(IOConnectCallScalarMethod(connection_, kStrainAdd, in, 2, &sum, &count));
    }
    bool exchange(size_t size) {
        const std::vector<uint8_t> in(size, 7);
        std::vector<uint8_t> out(size);
        size_t length = size;
        return check(IOConnectCallStructMethod(connection_, kStrainEcho, in.data(), size,
                                               out.data(), &length));
    }
    void stream() {
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(
            static_cast<IOAsyncCallback>([](void*, IOReturn, void**, uint32_t) {}));
        const uint64_t in[4] = {200, 1000000, 3, 0};
        check(IOConnectCallAsyncScalarMethod(connection_, kStrainStream,
                                             IONotificationPortGetMachPort(port_), reference,
                                             kIOAsyncCalloutCount, in, 4, nullptr, nullptr));
    }

    Random& random_;
    IONotificationPortRef port_;
    std::mutex& mutex_;
    std::set<std::string>& reasons_;
    io_connect_t connection_ = IO_OBJECT_NULL;
    std::atomic<bool> ended_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    Random random(static_cast<uint32_t>(std::stoul(argv[1])));
    const int rounds = std::stoi(argv[2]);
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    std::thread([port] {
        CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port),
                           kCFRunLoopDefaultMode);
        CFRunLoopRun();
    }).detach();
    std::mutex mutex;
    std::set<std::string> reasons;
    int ended = 0;
    for (int i = 0; i < rounds; ++i)
        ended += Round(random, port, mutex, reasons).run(std::stoi(argv[3]));
    printf("ended %d\n", ended);
    for (const std::string& reason : reasons) printf("reason %s\n", reason.c_str());
    fflush(stdout);
    _exit(0);
}
