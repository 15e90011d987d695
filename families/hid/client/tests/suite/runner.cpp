// SPDX-License-Identifier: Apache-2.0
// The runner in C++: devices that it plays by <opendext/hid_device.hpp>.
#include <atomic>
#include <map>
#include <opendext/hid_device.hpp>
#include <string>

#include "client_side.h"

namespace {

namespace io = opendext::iokit;

/// A device that keeps what is set and gives it back.
struct Played {
    std::atomic<bool> silent = false;
    std::atomic<IOReturn> refuses = 0;
    std::map<std::pair<int, uint32_t>, std::vector<uint8_t>> kept;  ///< of the device's thread
    std::optional<io::HidDevice> device;  ///< ends before what its functions use

    io::HidAnswer get(const io::HidRequest& request) {
        if (silent) return io::HidAnswer::later();
        if (refuses != 0) return io::HidAnswer::refused(refuses);
        const auto found = kept.find({request.type, request.id});
        if (found == kept.end()) return io::HidAnswer::refused(kIOReturnUnsupported);
        return io::HidAnswer::report(found->second);
    }
    io::HidAnswer set(const io::HidRequest& request) {
        if (silent) return io::HidAnswer::later();
        if (refuses != 0) return io::HidAnswer::refused(refuses);
        kept[{request.type, request.id}].assign(request.report.begin(), request.report.end());
        return io::HidAnswer::taken();
    }
};

std::map<std::string, Played, std::less<>> all_played;

std::vector<uint8_t> bytes_in(const char* text) {
    uint8_t bytes[kRoom];
    return {bytes, bytes + bytes_of(text, bytes, sizeof bytes)};
}

io::Result<void> plug(char** words, int count) {
    Played& own = all_played[words[1]];
    io::HidDevice::Functions functions;
    functions.get_report = [&own](const io::HidRequest& request) { return own.get(request); };
    functions.set_report = [&own](const io::HidRequest& request) { return own.set(request); };
    const auto properties = io::CF<CFDictionaryRef>::adopt(dictionary_of(words + 3, count - 3));
    const io::Value value = io::Value::from_cf(properties.get());
    auto made = io::HidDevice::create(bytes_in(words[2]), *value.as<io::Dictionary>(),
                                      std::move(functions));
    if (!made) {
        all_played.erase(words[1]);
        return made.error();
    }
    own.device.emplace(std::move(made).value());
    return {};
}

void play(char** words, int count) {
    const std::string_view step = words[0];
    io::Result<void> done;
    if (step == "plug") {
        done = plug(words, count);
    } else if (const auto found = all_played.find(words[1]); found == all_played.end()) {
        std::printf("no such device\n");
        return;
    } else if (step == "send") {
        done = found->second.device->send(bytes_in(words[2]));
    } else if (step == "users") {
        const double end = now() + patience();
        while (found->second.device->users() != std::stoul(words[2]) && now() < end) usleep(1000);
        std::printf("%u users\n", found->second.device->users());
        return;
    } else if (step == "silent") {
        found->second.silent = std::stoi(words[2]) != 0;
    } else if (step == "refuse") {
        found->second.refuses = static_cast<IOReturn>(std::stoul(words[2], nullptr, 0));
    } else if (step == "unplug") {
        all_played.erase(found);
    } else {
        std::printf("no such step\n");
        return;
    }
    if (done) {
        std::printf("ok\n");
    } else {
        std::printf("error %s %s\n", done.error().name().c_str(), done.error().reason.c_str());
    }
}

}  // namespace

int main() {
    char line[2048];
    char* words[kWords];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        const int count = words_of(line, words);
        if (count > 0 && use(words, count) == 0) play(words, count);
        std::fflush(stdout);
    }
}
