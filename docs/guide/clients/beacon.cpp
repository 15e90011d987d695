// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <opendext/client.hpp>

#include "BeaconCalls.h"

namespace io = opendext::iokit;

static int failed(const char* what, const io::Error& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", what, error.text().c_str());
    return 1;
}

int main() {
    const auto service = io::Matching::by_class("Beacon").first();
    if (!service) return failed("Beacon", service.error());
    auto connection = service->open();
    if (!connection) return failed("open", connection.error());

    // Scalars: at most 16 each way, here one in and one out.
    const auto before = connection->call_scalars<1>(kBeaconSetPeriod, {20});
    if (!before) return failed("set period", before.error());
    std::printf("the period was %lu ms\n", (*before)[0]);

    // A structure each way.
    const BeaconText text = {6, "drawer"};
    const auto turned = connection->call_struct<BeaconText>(kBeaconTurn, text);
    if (!turned) return failed("turn", turned.error());
    std::printf("%s turned is %.*s\n", text.bytes, static_cast<int>(turned->length), turned->bytes);

    // Completions come through a notification port, here to the run loop of this thread. The
    // callable lives until the driver lets go of the completion.
    auto port = io::NotificationPort::create();
    if (!port) return failed("port", port.error());
    port->run_on_loop();
    const uint64_t flashes = 3;
    const auto started = connection->call_async(
        *port, kBeaconFlash, {{flashes}, {}}, [](const io::Completion& flash) {
            std::printf("flash %lu after %lu ms: 0x%x\n", flash.arguments[0], flash.arguments[1],
                        static_cast<unsigned>(flash.status));
            if (flash.arguments[0] == flashes) CFRunLoopStop(CFRunLoopGetCurrent());
        });
    if (!started) return failed("flash", started.error());
    CFRunLoopRun();

    // A call that the driver's table does not know in this form: code, and why.
    const auto refused = connection->call_scalars<1>(kBeaconSetPeriod);
    if (!refused) failed("set period without one", refused.error());
    return 0;
}
