// SPDX-License-Identifier: Apache-2.0
// A family that publishes as many entries as it is told: what ./bench registry measures the
// registry with. It is linked into an opendextd of the benchmark's own, beside everything that
// opendextd is.
//
// $OPENDEXT_BENCH_REGISTRY names a FIFO; "publish N" and "terminate" are written to it, a line
// each.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "daemon/family.h"

namespace {

using namespace opendext;
using namespace opendext::daemon;

/// Devices of one hub.
constexpr uint64_t kHubSize = 256;

class BenchFamily final : public Family {
  public:
    explicit BenchFamily(FamilyHost& host) : host_(host) {}

    [[nodiscard]] std::vector<ClassDeclaration> classes() const override {
        return {{"BenchHub", "IOService", {}, false}, {"BenchDevice", "IOService", {}, false}};
    }

    void realm_started() override {
        const char* path = std::getenv("OPENDEXT_BENCH_REGISTRY");
        if (path == nullptr) return;
        fifo_ = UniqueFd(::open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
        if (!fifo_) return host_.log(LogLevel::error, kNoEntry, "cannot open the benchmark's FIFO");
        watch_ = host_.watch(fifo_.get(), EPOLLIN, [this](uint32_t) { ready(); });
    }

  private:
    void ready() {
        char bytes[256];
        const ssize_t size = ::read(fifo_.get(), bytes, sizeof bytes);
        if (size > 0) said_.append(bytes, static_cast<size_t>(size));
        for (size_t end = said_.find('\n'); end != std::string::npos; end = said_.find('\n')) {
            const std::string line = said_.substr(0, end);
            said_.erase(0, end + 1);
            if (line.starts_with("publish ")) publish(std::strtoull(line.c_str() + 8, nullptr, 10));
            if (line == "terminate" && bus_ != kNoEntry) {
                host_.terminate(bus_);
                bus_ = kNoEntry;
            }
        }
    }

    EntryId add(EntryId provider, const char* class_name, std::string name, std::string location,
                Dictionary properties) {
        Result<EntryId> made = host_.publish(
            {provider, class_name, std::move(name), std::move(location), std::move(properties)});
        if (made.ok()) return *made;
        host_.log(LogLevel::error, provider, made.error().text());
        return kNoEntry;
    }

    void publish(uint64_t count) {
        bus_ = add(host_.user_resources(), "BenchHub", "bench", "",
                   {{"Entries", count}, {"DaemonPid", static_cast<uint64_t>(::getpid())}});
        EntryId hub = kNoEntry;
        for (uint64_t i = 0; i < count; ++i) {
            const std::string number = std::to_string(i);
            if (i % kHubSize == 0)
                hub = add(bus_, "BenchHub", "hub", std::to_string(i / kHubSize), {});
            // About what a USB device has.
            add(hub, "BenchDevice", "device-" + number, std::to_string(i % kHubSize),
                {{"idVendor", 0x1234},
                 {"idProduct", static_cast<uint32_t>(i & 0xffff)},
                 {"bcdDevice", 0x100},
                 {"bDeviceClass", 255},
                 {"bNumConfigurations", 1},
                 {"locationID", static_cast<uint32_t>(i)},
                 {"USB Vendor Name", "Example Instruments"},
                 {"USB Product Name", "Measuring head"},
                 {"USB Serial Number", "SN" + number},
                 {"Device Speed", 3}});
        }
    }

    FamilyHost& host_;
    UniqueFd fifo_;
    std::unique_ptr<Handle> watch_;
    std::string said_;
    EntryId bus_ = kNoEntry;
};

const FamilyRegistration registration("bench", [](FamilyHost& host) -> std::unique_ptr<Family> {
    return std::make_unique<BenchFamily>(host);
});

}  // namespace
