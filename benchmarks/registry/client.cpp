// SPDX-License-Identifier: Apache-2.0
// Matching, iterating and reading N registry entries through libIOKit, beside libudev doing the
// same with the devices of this machine; both in turns, best of several rounds, per entry.
//
//     bench_registry FIFO N[,N…] [--quick]       with OPENDEXT_REALM
#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>
#include <libudev.h>
#include <opendext/client.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "bench_registry: %s: %s\n", what, opendext_last_error_reason());
    std::exit(1);
}

double now_us() {
    return std::chrono::duration<double, std::micro>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// The least of several rounds of both, in turns: what others do on the machine only adds.
struct Pair {
    double ours = 1e18;
    double peer = 1e18;
};
Pair in_turns(int rounds, const std::function<double()>& ours,
              const std::function<double()>& peer) {
    Pair best;
    for (int i = 0; i < rounds; ++i) {
        best.ours = std::min(best.ours, ours());
        if (peer) best.peer = std::min(best.peer, peer());
    }
    if (!peer) best.peer = 0;
    return best;
}

void tell(const std::string& what, const char* metric, const char* unit, Pair pair,
          const char* peer_name) {
    std::printf(
        "{\"bench\":\"registry\",\"case\":\"%s\",\"metric\":\"%s\",\"unit\":\"%s\",\"ours\":%.4f,"
        "\"peer\":%.4f,\"peer_name\":\"%s\"}\n",
        what.c_str(), metric, unit, pair.ours, pair.peer, peer_name);
    std::fflush(stdout);
}

// Ours
// -------------------------------------------------------------------------------------------------

io_iterator_t matching(CFMutableDictionaryRef dictionary) {
    io_iterator_t iterator = IO_OBJECT_NULL;
    if (IOServiceGetMatchingServices(kIOMainPortDefault, dictionary, &iterator) != kIOReturnSuccess)
        give_up("IOServiceGetMatchingServices");
    return iterator;
}

size_t count_of(io_iterator_t iterator) {
    size_t count = 0;
    while (const io_object_t entry = IOIteratorNext(iterator)) {
        ++count;
        IOObjectRelease(entry);
    }
    IOObjectRelease(iterator);
    return count;
}

double match_class(size_t expected) {
    const double start = now_us();
    IOObjectRelease(matching(IOServiceMatching("BenchDevice")));
    const double took = now_us() - start;
    static_cast<void>(expected);
    return took;
}

double read_all(size_t expected) {
    CFStringRef key = CFSTR("USB Serial Number");
    const double start = now_us();
    const io_iterator_t iterator = matching(IOServiceMatching("BenchDevice"));
    size_t count = 0;
    while (const io_object_t entry = IOIteratorNext(iterator)) {
        io_string_t path;
        CFTypeRef serial = IORegistryEntryCreateCFProperty(entry, key, kCFAllocatorDefault, 0);
        if (serial == nullptr ||
            IORegistryEntryGetPath(entry, kIOServicePlane, path) != kIOReturnSuccess)
            give_up("reading an entry");
        CFRelease(serial);
        IOObjectRelease(entry);
        ++count;
    }
    const double took = now_us() - start;
    IOObjectRelease(iterator);
    if (count != expected) give_up("not every entry was found");
    return took;
}

double find_one(CFMutableDictionaryRef dictionary) {
    const double start = now_us();
    const io_service_t found = IOServiceGetMatchingService(kIOMainPortDefault, dictionary);
    const double took = now_us() - start;
    if (found == IO_OBJECT_NULL) give_up("no entry fits");
    IOObjectRelease(found);
    return took;
}

CFMutableDictionaryRef with_property(size_t number) {
    CFMutableDictionaryRef dictionary = IOServiceMatching("BenchDevice");
    CFMutableDictionaryRef wanted = CFDictionaryCreateMutable(
        nullptr, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    CFStringRef text = CFStringCreateWithCString(nullptr, ("SN" + std::to_string(number)).c_str(),
                                                 kCFStringEncodingUTF8);
    CFDictionarySetValue(wanted, CFSTR("USB Serial Number"), text);
    CFDictionarySetValue(dictionary, CFSTR(kIOPropertyMatchKey), wanted);
    CFRelease(text);
    CFRelease(wanted);
    return dictionary;
}

double walk(size_t expected) {
    const double start = now_us();
    io_iterator_t iterator = IO_OBJECT_NULL;
    if (IORegistryCreateIterator(kIOMainPortDefault, kIOServicePlane, kIORegistryIterateRecursively,
                                 &iterator) != kIOReturnSuccess)
        give_up("IORegistryCreateIterator");
    if (count_of(iterator) < expected) give_up("the walk is incomplete");
    return now_us() - start;
}

// libudev's
// -------------------------------------------------------------------------------------------------

struct Udev {
    udev* context = udev_new();
    size_t devices = 0;

    udev_enumerate* scan(const std::function<void(udev_enumerate*)>& narrow = nullptr) const {
        udev_enumerate* all = udev_enumerate_new(context);
        if (narrow) narrow(all);
        udev_enumerate_scan_devices(all);
        return all;
    }
    double enumerate() {
        const double start = now_us();
        udev_enumerate* all = scan();
        const double took = now_us() - start;
        devices = 0;
        udev_list_entry* entry = nullptr;
        udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(all))++ devices;
        udev_enumerate_unref(all);
        return took / static_cast<double>(devices);
    }
    double read_all() {
        const double start = now_us();
        udev_enumerate* all = scan();
        size_t read = 0;
        udev_list_entry* entry = nullptr;
        udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(all)) {
            udev_device* device =
                udev_device_new_from_syspath(context, udev_list_entry_get_name(entry));
            if (device == nullptr) continue;
            if (udev_device_get_property_value(device, "SUBSYSTEM") != nullptr &&
                udev_device_get_syspath(device) != nullptr)
                ++read;
            udev_device_unref(device);
        }
        const double took = now_us() - start;
        udev_enumerate_unref(all);
        return took / static_cast<double>(read);
    }
    double one(const std::function<void(udev_enumerate*)>& narrow) const {
        const double start = now_us();
        udev_enumerate_unref(scan(narrow));
        return (now_us() - start) / static_cast<double>(devices);
    }
};

// The daemon
// -------------------------------------------------------------------------------------------------

/// Resident memory and CPU time of a process.
struct Usage {
    double bytes = 0;
    double cpu_us = 0;
};
Usage usage_of(long pid) {
    Usage usage;
    std::ifstream memory("/proc/" + std::to_string(pid) + "/statm");
    double pages = 0;
    memory >> pages >> pages;
    usage.bytes = pages * 4096;
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    long user = 0;
    long system = 0;
    std::sscanf(text.c_str() + text.rfind(')') + 2,
                "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
    usage.cpu_us = static_cast<double>(user + system) * 1e4;
    return usage;
}

/// What the process keeps when it has done nothing for a while: it gives memory back later.
double settled_memory(long pid) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return usage_of(pid).bytes;
}

void say(const char* fifo, const std::string& line) {
    std::ofstream(fifo) << line << std::endl;
}

/// Waits until the registry has so many entries of the class and nothing goes on.
double settled(size_t count, double start) {
    for (;;) {
        const bool there = count_of(matching(IOServiceMatching("BenchDevice"))) == count;
        if (there && IOKitWaitQuiet(kIOMainPortDefault, nullptr) == kIOReturnSuccess)
            return now_us() - start;
    }
}

long daemon_pid() {
    const io_service_t bus =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("bench"));
    long pid = 0;
    if (CFTypeRef number =
            IORegistryEntryCreateCFProperty(bus, CFSTR("DaemonPid"), kCFAllocatorDefault, 0)) {
        CFNumberGetValue(static_cast<CFNumberRef>(number), kCFNumberLongType, &pid);
        CFRelease(number);
    }
    IOObjectRelease(bus);
    return pid;
}

void measure(const char* fifo, size_t count, bool quick, Udev& udev) {
    const std::string of = std::to_string(count);
    const auto entries = static_cast<double>(count);
    const int rounds = quick ? 3 : 7;
    say(fifo, "publish 0");
    settled(0, 0);
    const long pid = daemon_pid();
    say(fifo, "terminate");
    settled(0, 0);
    const Usage before = usage_of(pid);
    double start = now_us();
    say(fifo, "publish " + of);
    const double published = settled(count, start);
    const Usage full = usage_of(pid);
    tell(of + " entries: publish, with matching", "each", "us", {published / entries, 0}, "-");
    tell(of + " entries: memory of opendextd", "each", "B",
         {(full.bytes - before.bytes) / entries, 0}, "-");

    const auto per_entry = [&](auto measured) { return [=] { return measured() / entries; }; };
    tell(of + " entries: match, property, path", "each", "us",
         in_turns(rounds, per_entry([&] { return read_all(count); }),
                  [&] { return udev.read_all(); }),
         "libudev");
    tell(of + " entries: match by class", "each", "us",
         in_turns(rounds, per_entry([&] { return match_class(count); }),
                  [&] { return udev.enumerate(); }),
         "libudev");
    tell("one of " + of + " by name", "each", "us",
         in_turns(rounds, per_entry([&] {
                      const std::string name = "device-" + std::to_string(count - 1);
                      return find_one(IOServiceNameMatching(name.c_str()));
                  }),
                  [&] {
                      return udev.one([](udev_enumerate* all) {
                          udev_enumerate_add_match_sysname(all, "null");
                      });
                  }),
         "libudev");
    tell("one of " + of + " by property", "each", "us",
         in_turns(rounds, per_entry([&] { return find_one(with_property(count - 1)); }),
                  [&] {
                      return udev.one([](udev_enumerate* all) {
                          udev_enumerate_add_match_property(all, "DEVNAME", "/dev/null");
                      });
                  }),
         "libudev");
    tell(of + " entries: walk of the plane", "each", "us",
         in_turns(rounds, per_entry([&] { return walk(count); }), [&] { return udev.enumerate(); }),
         "libudev");

    start = now_us();
    say(fifo, "terminate");
    const double terminated = settled(0, start);
    tell(of + " entries: terminate", "each", "us", {terminated / entries, 0}, "-");
    tell(of + " entries: memory kept after terminate", "each", "B",
         {std::max(settled_memory(pid) - before.bytes, 0.0) / entries, 0}, "-");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: bench_registry FIFO N[,N...] [--quick]\n", stderr);
        return 2;
    }
    const bool quick = argc > 3 && std::strcmp(argv[3], "--quick") == 0;
    Udev udev;
    udev.enumerate();
    for (char* count = std::strtok(argv[2], ","); count != nullptr;
         count = std::strtok(nullptr, ","))
        measure(argv[1], std::strtoul(count, nullptr, 10), quick, udev);
    return 0;
}
