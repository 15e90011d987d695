// SPDX-License-Identifier: Apache-2.0
// Plays a device: a dial whose position is an input report, and whose brightness is a feature.
#include <cstdio>
#include <opendext/hid_device.hpp>
#include <string>

namespace io = opendext::iokit;

int main() {
    const uint8_t descriptor[] = {0x05, 0x01, 0x09, 0x37, 0xa1, 0x01,  // Generic Desktop, Dial
                                  0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95,
                                  0x01, 0x09, 0x37, 0x81, 0x06,  // its turns: 8 bits, relative
                                  0x06, 0x00, 0xff, 0x09, 0x01, 0x15, 0x00,
                                  0x25, 0x64, 0xb1, 0x02,  // its brightness: a feature, 0 to 100
                                  0xc0};
    uint8_t brightness = 50;
    io::HidDevice::Functions functions;
    functions.get_report = [&](const io::HidRequest&) {
        return io::HidAnswer::report({brightness});
    };
    functions.set_report = [&](const io::HidRequest& request) {
        if (request.report[0] > 100) return io::HidAnswer::refused(kIOReturnBadArgument);
        brightness = request.report[0];
        return io::HidAnswer::taken();
    };
    const auto dial = io::HidDevice::create(descriptor, {{"Product", "Dial"}, {"VendorID", 0xf0de}},
                                            std::move(functions));
    if (!dial) {
        std::fprintf(stderr, "%s\n", dial.error().text().c_str());
        return 1;
    }
    std::puts("plugged in; a number turns it, the end of the input unplugs it");
    std::fflush(stdout);
    for (int turn = 0; std::scanf("%d", &turn) == 1;) {
        const uint8_t report[] = {static_cast<uint8_t>(turn)};
        if (const auto sent = dial->send(report); !sent)
            std::fprintf(stderr, "%s\n", sent.error().text().c_str());
    }
}
