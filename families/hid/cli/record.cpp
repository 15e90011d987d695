// SPDX-License-Identifier: Apache-2.0
// What devices report and drivers make of it: record, trace.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "families/hid/cli/commands.h"
#include "families/hid/cli/recording.h"
#include "families/hid/driver/trace.h"
#include "families/hid/link/report_link.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::hid {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

UniqueFd end_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

uint32_t bus_of(const std::string& transport) {
    if (transport == "USB") return 3;
    if (transport == "Bluetooth") return 5;
    if (transport == "I2C") return 0x18;
    if (transport == "SPI") return 0x1c;
    return 6;
}

struct OpenDevice {
    UniqueFd lease;  ///< the device is open as long as this is
    std::unique_ptr<ReportLink> link;
};

Result<OpenDevice> open_device(tools::DaemonClient& daemon, const HidDevice& device) {
    protocol::client::FamilyRequest request;
    request.entry = device.id;
    request.what = "open";
    auto reply = OD_TRY(daemon.ask_family(std::move(request)));
    if (reply.fds.size() != 2)
        return Error{Errc::malformed, 0, "opendextd gave no link to " + device.name};
    OpenDevice open;
    open.lease = std::move(reply.fds[0]);
    const std::string* node = find_string(reply.result, "hidraw");
    if (node == nullptr) {
        open.link = OD_TRY(ReportLink::open_socket(std::move(reply.fds[1])));
        return open;
    }
    UniqueFd fd(::open(node->c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) {
        return Error::system("cannot open " + *node +
                             " (`opendext doctor` shows the udev rule for ordinary users)");
    }
    ReportLink::Hidraw options;
    const Value* numbered = opendext::find(reply.result, "numbered");
    const Number* user = find_number(reply.result, "user");
    options.numbered =
        numbered != nullptr && numbered->boolean() != nullptr && *numbered->boolean();
    options.user = user != nullptr ? static_cast<uint32_t>(user->raw) : 0;
    options.gate = std::move(reply.fds[1]);
    open.link = OD_TRY(ReportLink::open_hidraw(std::move(fd), std::move(options)));
    return open;
}

Status record(OpenDevice& device, std::FILE* file, int64_t most, int64_t seconds) {
    const UniqueFd signals = end_signals();
    const auto deadline = Clock::now() + std::chrono::seconds(seconds);
    std::optional<uint64_t> first;
    int64_t count = 0;
    for (;;) {
        const auto input = device.link->next_input();
        if (!input.ok()) {
            if (input.error().code == Errc::peer_gone) return success();  // unplugged
            return input.error();
        }
        if (*input) {
            const auto& report = **input;
            if (!first) first = report.timestamp;
            const uint64_t since = report.timestamp > *first ? report.timestamp - *first : 0;
            const std::string line =
                recording_line(since / 1000, report.bytes.data(), report.bytes.size());
            if (std::fputs(line.c_str(), file) < 0 || std::fflush(file) != 0)
                return Error::system("cannot write");
            if (most > 0 && ++count >= most) return success();
            continue;
        }
        int wait = -1;
        if (seconds > 0) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
            if (left.count() <= 0) return success();
            wait = static_cast<int>(left.count());
        }
        pollfd polled[2] = {{device.link->fd(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
        ::poll(polled, 2, wait);
        if (polled[1].revents != 0) return success();
    }
}

std::string in_hex(std::span<const uint8_t> bytes) {
    std::string text;
    for (const uint8_t byte : bytes) {
        char two[4];
        std::snprintf(two, sizeof two, "%s%02x", text.empty() ? "" : " ", byte);
        text += two;
    }
    return text;
}

/// Written here, since values have signs, which the numbers of properties have not.
std::string to_json_line(const TraceRecord& record, uint64_t lost) {
    std::string line = "{";
    const auto put = [&](std::string_view key, const std::string& value) {
        line += (line.size() > 1 ? ", " : "") + tools::quote_json(key) + ": " + value;
    };
    const auto quoted = [](std::string_view text) { return tools::quote_json(text); };
    put("kind", quoted(to_string(record.kind)));
    put("number", std::to_string(record.number));
    put("lost", std::to_string(lost));
    put("timestamp_ns", std::to_string(record.timestamp));
    if (record.kind != TraceKind::event) {
        put("type", quoted(to_string(static_cast<ReportType>(record.report_type))));
        put("report_id", std::to_string(record.report_id));
    }
    switch (record.kind) {
        case TraceKind::report:
            put("length", std::to_string(record.length));
            put("bytes", quoted(in_hex(record.kept_bytes())));
            break;
        case TraceKind::element:
            put("page", std::to_string(record.page));
            put("usage", std::to_string(record.usage));
            put("cookie", std::to_string(record.cookie));
            put("value", std::to_string(record.value));
            break;
        case TraceKind::event: {
            put("event", quoted(to_string(record.event)));
            put("delivered", record.delivered ? "true" : "false");
            std::string values;
            size_t i = 0;
            for (const std::string_view name : value_names(record.event)) {
                if (name.empty() || i >= kTraceValues) break;
                values +=
                    (i > 0 ? ", " : "") + quoted(name) + ": " + std::to_string(record.values[i]);
                ++i;
            }
            put("values", "{" + values + "}");
            break;
        }
    }
    return line + "}";
}

std::string to_text(const TraceRecord& record) {
    char time[48];
    std::snprintf(time, sizeof time, "%llu.%06llu  ",
                  static_cast<unsigned long long>(record.timestamp / 1'000'000'000),
                  static_cast<unsigned long long>(record.timestamp / 1000 % 1'000'000));
    std::string text = time;
    switch (record.kind) {
        case TraceKind::report:
            text += std::string(to_string(static_cast<ReportType>(record.report_type))) +
                    " report " + std::to_string(record.report_id) + ": " +
                    in_hex(record.kept_bytes());
            if (record.length > record.kept_bytes().size())
                text += " … (" + std::to_string(record.length) + " bytes)";
            return text;
        case TraceKind::element: {
            char words[80];
            std::snprintf(words, sizeof words,
                          "  element %u  page 0x%02x usage 0x%02x = ", record.cookie, record.page,
                          record.usage);
            return text + words + std::to_string(record.value);
        }
        case TraceKind::event: {
            text += "    event " + std::string(to_string(record.event));
            size_t i = 0;
            for (const std::string_view name : value_names(record.event)) {
                if (name.empty() || i >= kTraceValues) break;
                text += " " + std::string(name) + "=" + std::to_string(record.values[i++]);
            }
            return text + (record.delivered ? "  -> kernel" : "");
        }
    }
    return text;
}

/// The event service that is meant: of a device, by its own id, or the only one.
Result<HidDriver> event_service(const std::vector<HidDevice>& devices, const std::string& name) {
    std::vector<HidDriver> found;
    std::string names;
    for (const HidDevice& device : devices) {
        for (const HidDriver& driver : device.drivers) {
            if (!driver.event_service) continue;
            names += (names.empty() ? "" : ", ") + driver.name + " on " + device.name;
            if (name.empty() || name == device.name || name == driver.name ||
                name == driver.bundle_id || name == tools::text_of_id(device.id) ||
                name == tools::text_of_id(driver.id))
                found.push_back(driver);
        }
    }
    if (found.size() == 1) return found[0];
    if (names.empty()) {
        return Error{Errc::not_found, 0,
                     "no driver of the realm is a HID event service (opendext hid ls shows the "
                     "drivers of each device)"};
    }
    return Error{found.empty() ? Errc::not_found : Errc::invalid, 0,
                 (found.empty() ? "there is no event service " + name
                                : std::string("there are several event services, name one")) +
                     ": " + names};
}

}  // namespace

int record_device(const Arguments& arguments) {
    std::string output;
    int64_t most = 0, seconds = 0;
    tools::CommandLine line("opendext hid record", "NAME",
                            "Records what a device reports, in the format of hid-tools, until "
                            "it is unplugged or Ctrl-C is pressed.");
    line.option("-o,--output", "FILE", output, "writes to this file, not to standard output")
        .number("--count", "N", most, 1, INT64_MAX, "ends after so many reports")
        .number("--time", "S", seconds, 1, 1'000'000, "ends after so many seconds");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const auto devices = devices_of(line.realm());
    if (!devices.ok()) return line.failure(devices.error());
    const auto device = find_device(*devices, line.operands()[0]);
    if (!device.ok()) return line.failure(device.error());
    auto daemon = tools::DaemonClient::connect(line.realm(), "opendext hid");
    if (!daemon.ok()) return line.failure(daemon.error());
    auto open = open_device(*daemon, *device);
    if (!open.ok()) return line.failure(open.error());
    std::FILE* file = output.empty() ? stdout : std::fopen(output.c_str(), "we");
    if (file == nullptr) return line.failure(Error::system("cannot write " + output));
    Recording head;
    head.name = device->text("Product");
    head.bus = bus_of(device->text("Transport"));
    head.vendor = static_cast<uint32_t>(device->number("VendorID"));
    head.product = static_cast<uint32_t>(device->number("ProductID"));
    head.descriptor = device->descriptor;
    std::fputs(recording_head(head).c_str(), file);
    std::fflush(file);
    const Status done = record(*open, file, most, seconds);
    if (file != stdout && std::fclose(file) != 0)
        return line.failure(Error::system("cannot write " + output));
    return done.ok() ? tools::kExitSuccess : line.failure(done.error());
}

int trace_events(const Arguments& arguments) {
    bool json = false, now = false, stop = false;
    int64_t most = 0, seconds = 0;
    tools::CommandLine line(
        "opendext hid trace", "[NAME]",
        "Shows what a driver that is an event service does: each report that came, the elements "
        "that it changed, the events that the driver made of them. NAME is a device, its driver or "
        "the driver's bundle identifier; it may be left out if there is one event service only.");
    line.flag("--json", json, "one JSON object a line (docs/schemas/opendext-hid-trace.json)")
        .flag("--new", now, "only what happens from now on")
        .flag("--stop", stop, "ends where nothing more is there, instead of waiting for it")
        .number("--count", "N", most, 1, INT64_MAX, "ends after so many records")
        .number("--time", "S", seconds, 1, 1'000'000, "ends after so many seconds");
    if (const auto status = line.parse(arguments, 0, 1)) return *status;
    const auto devices = devices_of(line.realm());
    if (!devices.ok()) return line.failure(devices.error());
    const auto service = event_service(*devices, line.operands().empty() ? "" : line.operands()[0]);
    if (!service.ok()) return line.failure(service.error());
    auto daemon = tools::DaemonClient::connect(line.realm(), "opendext hid");
    if (!daemon.ok()) return line.failure(daemon.error());
    protocol::client::FamilyRequest request;
    request.entry = service->id;
    request.what = "trace";
    auto reply = daemon->ask_family(std::move(request));
    if (!reply.ok()) return line.failure(reply.error());
    if (reply->fds.size() != 1)
        return line.failure({Errc::malformed, 0, "opendextd gave no trace"});
    auto reader = TraceReader::open(std::move(reply->fds[0]),
                                    now ? TraceReader::From::now : TraceReader::From::oldest);
    if (!reader.ok()) return line.failure(reader.error());
    const UniqueFd signals = end_signals();
    const auto deadline = Clock::now() + std::chrono::seconds(seconds);
    int64_t count = 0;
    uint64_t lost = 0;
    for (;;) {
        if (const auto record = reader->next()) {
            if (!json && reader->lost() != lost)
                std::printf("(%llu records were lost)\n",
                            static_cast<unsigned long long>(reader->lost() - lost));
            lost = reader->lost();
            const std::string text = json ? to_json_line(*record, lost) : to_text(*record);
            if (std::printf("%s\n", text.c_str()) < 0)
                return line.failure(Error::system("cannot write"));
            if (most > 0 && ++count >= most) return tools::kExitSuccess;
            continue;
        }
        if (std::fflush(stdout) != 0) return line.failure(Error::system("cannot write"));
        pollfd polled{signals.get(), POLLIN, 0};
        if (stop || ::poll(&polled, 1, 0) > 0 || (seconds > 0 && Clock::now() >= deadline))
            return tools::kExitSuccess;
        // An end by a signal or by the clock is seen in time.
        reader->wait(milliseconds(100));
        if (::kill(service->pid, 0) != 0 && errno == ESRCH) stop = true;
    }
}

}  // namespace opendext::hid
