// SPDX-License-Identifier: Apache-2.0
// Simulated devices: plug, unplug, send, keys, play.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>

#include "families/hid/cli/commands.h"
#include "families/hid/cli/models.h"
#include "families/hid/cli/player.h"
#include "families/hid/cli/recording.h"
#include "families/hid/cli/typing.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::hid {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Transports by the kernel's numbers for buses, as recordings have them.
const char* transport_of(uint32_t bus) {
    switch (bus) {
        case 0x03:
            return "USB";
        case 0x05:
            return "Bluetooth";
        case 0x18:
            return "I2C";
        case 0x1c:
            return "SPI";
        default:
            return "Virtual";
    }
}

std::string models_in_words() {
    std::string words;
    for (const Model& model : models())
        words += (words.empty() ? "" : ", ") + std::string(model.name);
    return words;
}

/// A model by its name, else a file.
Result<SimulatedDevice::What> device_of(const Realm& realm, const std::string& operand,
                                        uint32_t number) {
    SimulatedDevice::What what{realm, {}, {}, {}, Manner::answer, false};
    if (const Model* model = find_model(operand); model != nullptr) {
        what.device.name = model->product;
        what.device.vendor = kModelVendor;
        what.device.product = model->product_id;
        what.device.descriptor = model->descriptor;
        what.name = operand;
        what.properties = {{"Transport", Value("Virtual")}, {"Manufacturer", Value("OpenDext")}};
        return what;
    }
    std::error_code error;
    if (!std::filesystem::exists(operand, error)) {
        return Error{Errc::not_found, 0,
                     operand + " is neither a file nor one of " + models_in_words()};
    }
    what.device = OD_TRY(read_device_file(operand, number));
    what.name = std::filesystem::path(operand).stem().string();
    what.properties = {{"Transport", Value(transport_of(what.device.bus))}};
    return what;
}

/// KEY=VALUE, a number if it is one.
Status add_property(Dictionary& properties, const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
        return Error{Errc::invalid, 0,
                     "--property " + text +
                         ": give KEY=VALUE, such as SerialNumber=42A or "
                         "VendorID=0x46d"};
    }
    const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
    char* end = nullptr;
    const uint64_t number = std::strtoull(value.c_str(), &end, 0);
    const bool is_number = !value.empty() && *end == '\0' && key != "SerialNumber";
    properties.insert_or_assign(key, is_number ? Value(number) : Value(value));
    return success();
}

std::optional<Manner> manner_of(const std::string& word) {
    if (word == "answer") return Manner::answer;
    if (word == "refuse") return Manner::refuse;
    if (word == "ignore") return Manner::ignore;
    return std::nullopt;
}

std::string plugged_text(const SimulatedDevice& device, bool json) {
    if (json) {
        return tools::to_json(
                   Dictionary{{"name", Value(device.name())}, {"id", Value(device.entry())}}, 0) +
               "\n";
    }
    return "plugged " + device.name() + " (" + tools::text_of_id(device.entry()) + ")\n";
}

/// In a process of its own, which stays; what it says about the beginning is printed here.
int plug_in_background(const tools::CommandLine& line, SimulatedDevice::What what, bool json) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return line.failure(Error::system("pipe"));
    UniqueFd from_child(ends[0]), to_parent(ends[1]);
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) return line.failure(Error::system("fork"));
    if (child == 0) {
        ::setsid();
        // Its end is nobody's to wait for.
        if (::fork() != 0) ::_exit(0);
        from_child.reset();
        const auto say = [&](char kind, const std::string& text) {
            const std::string all = kind + text;
            (void)!::write(to_parent.get(), all.data(), all.size());
            to_parent.reset();
        };
        auto device = SimulatedDevice::plug(std::move(what));
        if (!device.ok()) {
            say('!', device.error().text());
            ::_exit(1);
        }
        const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
        for (int fd = 0; fd < 3; fd++) ::dup2(null.get(), fd);
        (void)!::chdir("/");
        say('+', plugged_text(**device, json));
        (void)(*device)->serve();
        ::_exit(0);
    }
    to_parent.reset();
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    std::string said;
    char part[512];
    for (ssize_t size = 0; (size = ::read(from_child.get(), part, sizeof part)) > 0;)
        said.append(part, static_cast<size_t>(size));
    if (said.empty())
        return line.failure(Error{Errc::peer_gone, 0, "the process that plays the device ended"});
    if (said[0] == '!') return line.failure(Error{Errc::unknown, 0, said.substr(1)});
    std::fputs(said.c_str() + 1, stdout);
    return tools::kExitSuccess;
}

/// A device that this user's `opendext hid plug` plays.
Result<std::pair<HidDevice, PlayerClient>> simulated(const Realm& realm, const std::string& name) {
    const auto devices = OD_TRY(devices_of(realm));
    HidDevice device = OD_TRY(find_device(devices, name));
    auto player = PlayerClient::connect(realm, device.id);
    if (!player.ok()) {
        const std::string who = device.player == "kernel"
                                    ? "the kernel"
                                    : device.player + " " + std::to_string(device.pid);
        return std::move(player).error().in(device.name + " is played by " + who);
    }
    return std::pair(std::move(device), std::move(*player));
}

void tell_unheard(const char* program, const std::string& name, uint32_t users) {
    if (users == 0) tools::print_error(program, "nobody has " + name + " open, so nobody got it");
}

}  // namespace

Result<std::vector<HidDevice>> devices_of(const Realm& realm) {
    OD_TRY(tools::ensure_realm(realm));
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext hid"));
    return hid_devices(OD_TRY(tools::read_registry(daemon)));
}

int plug_device(const Arguments& arguments) {
    std::string name, manner_word = "answer";
    std::vector<std::string> properties;
    int64_t number = 0;
    bool stay = false, json = false;
    tools::CommandLine line(
        "opendext hid plug", "DEVICE|FILE",
        "Plugs in a simulated HID device. DEVICE is one of " + models_in_words() +
            ". FILE is a recording of hid-tools (hid-recorder, `opendext hid record`), of which "
            "the identity and the report descriptor are taken, or the bytes of a report descriptor "
            "(/sys/class/hidraw/hidrawN/device/report_descriptor). The device stays until "
            "`opendext "
            "hid unplug`, or the end of the realm.");
    line.option("--name", "NAME", name,
                "its name for the other commands; else that of DEVICE or FILE")
        .option("--property", "KEY=VALUE", properties,
                "a property of the device, such as VendorID=0x46d or SerialNumber=42A")
        .option("--requests", "HOW", manner_word,
                "what becomes of set and get requests: answer (keeps what is set and gives it "
                "back), refuse, ignore (as a device that stalls)")
        .number("--device", "N", number, 0, 65535, "of a recording of several devices, which")
        .flag("--stay", stay, "plays the device in the foreground and prints users and requests")
        .flag("--json", json, "print the name and the entry id as JSON");
    if (const auto status = line.parse(arguments, 1, 1)) return *status;
    const auto manner = manner_of(manner_word);
    if (!manner)
        return line.usage_error("--requests " + manner_word + ": give answer, refuse or ignore");
    auto what = device_of(line.realm(), line.operands()[0], static_cast<uint32_t>(number));
    if (!what.ok()) return line.failure(what.error());
    for (const std::string& property : properties) {
        if (const Status added = add_property(what->properties, property); !added.ok())
            return line.usage_error(added.error().message);
    }
    what->manner = *manner;
    what->tell = stay;
    if (!name.empty()) what->name = name;
    if (const Status up = tools::ensure_realm(what->realm); !up.ok())
        return line.failure(up.error());
    if (!stay) return plug_in_background(line, std::move(*what), json);
    auto device = SimulatedDevice::plug(std::move(*what));
    if (!device.ok()) return line.failure(device.error());
    std::fputs(plugged_text(**device, json).c_str(), stdout);
    std::fflush(stdout);
    const Status end = (*device)->serve();
    return end.ok() || end.error().code == Errc::peer_gone ? tools::kExitSuccess
                                                           : line.failure(end.error());
}

int unplug_device(const Arguments& arguments) {
    bool all = false;
    tools::CommandLine line("opendext hid unplug", "NAME… | --all",
                            "Takes simulated devices away. Drivers and programs see the unplug.");
    line.flag("--all", all, "every simulated device of the realm");
    if (const auto status = line.parse(arguments, 0, 1000)) return *status;
    if (all != line.operands().empty())
        return line.usage_error(all ? "give names or --all, not both" : "give a NAME, or --all");
    const auto devices = devices_of(line.realm());
    if (!devices.ok()) return line.failure(devices.error());
    std::vector<HidDevice> wanted;
    for (const std::string& name : line.operands()) {
        auto device = find_device(*devices, name);
        if (!device.ok()) return line.failure(device.error());
        wanted.push_back(std::move(*device));
    }
    for (const HidDevice& device : *devices) {
        if (all && device.player == "program") wanted.push_back(device);
    }
    auto daemon = tools::DaemonClient::connect(line.realm(), "opendext hid");
    if (!daemon.ok()) return line.failure(daemon.error());
    for (const HidDevice& device : wanted) {
        protocol::client::FamilyRequest request;
        request.entry = device.id;
        request.what = "unplug";
        const auto reply = daemon->ask_family(std::move(request));
        if (!reply.ok()) return line.failure(reply.error());
        std::printf("unplugged %s\n", device.name.c_str());
    }
    return tools::kExitSuccess;
}

int send_report(const Arguments& arguments) {
    tools::CommandLine line("opendext hid send", "NAME BYTES…",
                            "Has a simulated device send an input report.");
    line.footer(
        "BYTES are hexadecimal: \"00 00 04\", 000004 or 0x00,0x00,0x04. The first is the report's "
        "id if the device uses ids.\nExample, the key A on the keyboard, down and up:\n"
        "  opendext hid send keyboard 00 00 04 00 00 00 00 00\n"
        "  opendext hid send keyboard 00 00 00 00 00 00 00 00");
    if (const auto status = line.parse(arguments, 2, 70'000)) return *status;
    std::string text;
    for (size_t i = 1; i < line.operands().size(); i++) text += line.operands()[i] + " ";
    const auto bytes = parse_hex(text, "BYTES");
    if (!bytes.ok()) return line.usage_error(bytes.error().message);
    auto device = simulated(line.realm(), line.operands()[0]);
    if (!device.ok()) return line.failure(device.error());
    auto& [about, player] = *device;
    const auto parsed = parse_descriptor(about.descriptor);
    if (parsed.ok()) {
        const uint8_t id = parsed->id_of(*bytes);
        const uint32_t wanted = parsed->report_bytes(ReportType::input, id);
        if (wanted != bytes->size()) {
            return line.failure({Errc::invalid, 0,
                                 wanted == 0
                                     ? about.name + " has no input report " + std::to_string(id)
                                     : "input report " + std::to_string(id) + " of " + about.name +
                                           " has " + std::to_string(wanted) + " bytes, " +
                                           std::to_string(bytes->size()) + " were given"});
        }
    }
    const auto sent = player.send(*bytes);
    if (!sent.ok()) return line.failure(sent.error());
    tell_unheard("opendext hid send", about.name, *sent);
    return tools::kExitSuccess;
}

int type_keys(const Arguments& arguments) {
    int64_t interval = 4;
    tools::CommandLine line("opendext hid keys", "NAME TEXT",
                            "Types a text on a simulated keyboard, as on a US layout.");
    line.number("--interval", "MS", interval, 0, 10'000, "between two reports, milliseconds");
    line.footer("`$'\\n'` and `$'\\t'` of the shell are Return and Tab.");
    if (const auto status = line.parse(arguments, 2, 2)) return *status;
    auto device = simulated(line.realm(), line.operands()[0]);
    if (!device.ok()) return line.failure(device.error());
    auto& [about, player] = *device;
    const auto parsed = parse_descriptor(about.descriptor);
    if (!parsed.ok()) return line.failure(parsed.error());
    const auto reports = type_text(*parsed, line.operands()[1]);
    if (!reports.ok()) return line.failure(reports.error());
    uint32_t users = 1;
    for (const KeyReport& report : *reports) {
        const auto sent = player.send(report.bytes);
        if (!sent.ok()) return line.failure(sent.error());
        users = *sent;
        if (interval > 0) ::usleep(static_cast<useconds_t>(interval * 1000));
    }
    tell_unheard("opendext hid keys", about.name, users);
    return tools::kExitSuccess;
}

namespace {

/// Sends the reports of a recording in its own time.
template <typename Send>
Status play(const Recording& recording, bool fast, Send send) {
    const auto begun = Clock::now();
    const uint64_t first = recording.reports.empty() ? 0 : recording.reports[0].microseconds;
    for (const RecordedReport& report : recording.reports) {
        if (!fast)
            OD_TRY(send(report.bytes, begun + microseconds(report.microseconds - first)));
        else
            OD_TRY(send(report.bytes, Clock::time_point{}));
    }
    return success();
}

void sleep_until(Clock::time_point when) {
    const auto since = when.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    timespec time{static_cast<time_t>(seconds.count()),
                  static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
    }
}

}  // namespace

int play_recording(const Arguments& arguments) {
    bool fast = false;
    int64_t number = 0, wait = 10;
    tools::CommandLine line(
        "opendext hid play", "FILE [NAME]",
        "Plays a recording of hid-tools. With NAME its reports go to that simulated device; else "
        "its device is plugged in, and unplugged when it is over.");
    line.flag("--fast", fast, "without the pauses of the recording")
        .number("--device", "N", number, 0, 65535, "of a recording of several devices, which")
        .number("--wait", "S", wait, 0, 3600,
                "without NAME: for a driver or program that opens the device, seconds");
    if (const auto status = line.parse(arguments, 1, 2)) return *status;
    const std::string& file = line.operands()[0];
    auto what = device_of(line.realm(), file, static_cast<uint32_t>(number));
    if (!what.ok()) return line.failure(what.error());
    const Recording recording = what->device;
    if (recording.reports.empty()) {
        return line.failure({Errc::invalid, 0,
                             file + ": there is no E: line (a report: its time, "
                                    "its length, its bytes)"});
    }
    const auto finish = [&](const Status& played) {
        if (!played.ok()) return line.failure(played.error());
        std::printf("played %zu reports\n", recording.reports.size());
        return tools::kExitSuccess;
    };
    if (line.operands().size() == 2) {
        auto device = simulated(line.realm(), line.operands()[1]);
        if (!device.ok()) return line.failure(device.error());
        uint32_t users = 0;
        const Status played =
            play(recording, fast, [&](const auto& bytes, Clock::time_point when) -> Status {
                if (when != Clock::time_point{}) sleep_until(when);
                const auto sent = device->second.send(bytes);
                if (!sent.ok()) return Status(sent.error());
                users = *sent;
                return success();
            });
        if (played.ok()) tell_unheard("opendext hid play", device->first.name, users);
        return finish(played);
    }
    if (const Status up = tools::ensure_realm(what->realm); !up.ok())
        return line.failure(up.error());
    auto device = SimulatedDevice::plug(std::move(*what));
    if (!device.ok()) return line.failure(device.error());
    SimulatedDevice& simulated = **device;
    const Status opened =
        simulated.serve([&] { return simulated.users() > 0; }, std::chrono::seconds(wait));
    if (!opened.ok()) return line.failure(opened.error());
    if (simulated.users() == 0) tell_unheard("opendext hid play", simulated.name(), 0);
    const Status played =
        play(recording, fast, [&](const auto& bytes, Clock::time_point when) -> Status {
            // Requests are met meanwhile.
            const auto left = when == Clock::time_point{}
                                  ? milliseconds{0}
                                  : std::chrono::duration_cast<milliseconds>(when - Clock::now());
            if (left.count() > 0) OD_TRY(simulated.serve({}, left));
            if (when != Clock::time_point{}) sleep_until(when);
            return simulated.send(bytes);
        });
    return finish(played);
}

}  // namespace opendext::hid
