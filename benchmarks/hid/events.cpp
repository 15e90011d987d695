// SPDX-License-Identifier: Apache-2.0
// Keyboards made by uhid, and how long a report of each takes to the event that a program reads.
//
//   events PRODUCT… REPORTS GAP_US   one keyboard for each product id; says "node PRODUCT
//                                    /dev/hidrawN" for each; for each line on standard input so
//                                    many reports of each in turn, and the times as a line of JSON
//   events loop NODE PRODUCT         the peer: reports of that node to an input device of its own
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/uhid.h>
#include <linux/uinput.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kVendor = 0x1209;
constexpr uint8_t kKeyA = 4;
constexpr auto kPatience = std::chrono::seconds(60);
// A boot keyboard without lights: eight modifiers, a reserved byte, six keys.
constexpr std::array<uint8_t, 45> kDescriptor{
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25,
    0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x75, 0x08, 0x95, 0x01, 0x81, 0x01, 0x05, 0x07,
    0x19, 0x00, 0x29, 0x65, 0x15, 0x00, 0x25, 0x65, 0x75, 0x08, 0x95, 0x06, 0x81, 0x00, 0xc0};
using Report = std::array<uint8_t, 8>;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "events: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

int opened(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) fail(path);
    return fd;
}

template <typename T>
void put(int fd, const T& what, size_t size = sizeof(T)) {
    if (::write(fd, &what, size) != static_cast<ssize_t>(size)) fail("write");
}

// -- The keyboards

int keyboard(unsigned product) {
    const int fd = opened("/dev/uhid", O_RDWR);
    uhid_event event{};
    event.type = UHID_CREATE2;
    uhid_create2_req& create = event.u.create2;
    std::snprintf(reinterpret_cast<char*>(create.name), sizeof create.name, "bench %u", product);
    std::copy(kDescriptor.begin(), kDescriptor.end(), create.rd_data);
    create.rd_size = kDescriptor.size();
    create.bus = BUS_USB;
    create.vendor = kVendor;
    create.product = product;
    put(fd, event);
    return fd;
}

void send(int uhid, bool pressed) {
    uhid_event event{};
    event.type = UHID_INPUT2;
    event.u.input2.size = sizeof(Report);
    event.u.input2.data[2] = pressed ? kKeyA : 0;
    put(uhid, event);
}

std::vector<std::string> names_in(const std::string& folder, const std::string& prefix) {
    std::vector<std::string> names;
    DIR* opened_folder = ::opendir(folder.c_str());
    if (opened_folder == nullptr) return names;
    while (const dirent* entry = ::readdir(opened_folder)) {
        if (std::string(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
    }
    ::closedir(opened_folder);
    return names;
}

std::string real_path(const std::string& path) {
    std::array<char, PATH_MAX> resolved{};
    return ::realpath(path.c_str(), resolved.data()) == nullptr ? "" : resolved.data();
}

template <typename Find>
std::string wait_for(const std::string& what, Find find) {
    for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
        if (std::string found = find(); !found.empty()) return found;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    errno = ETIMEDOUT;
    fail(what);
}

std::string hex(unsigned number, int width) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%0*x", width, number);
    return text.data();
}

/// The hidraw node of the keyboard of this product.
std::string hidraw_of(unsigned product) {
    std::string wanted = ":" + hex(kVendor, 4) + ":" + hex(product, 4) + ".";
    std::ranges::transform(wanted, wanted.begin(), ::toupper);
    return wait_for("the hidraw node of " + std::to_string(product), [&]() -> std::string {
        for (const std::string& name : names_in("/sys/class/hidraw", "hidraw")) {
            if (real_path("/sys/class/hidraw/" + name).find(wanted) != std::string::npos)
                return "/dev/" + name;
        }
        return "";
    });
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
}

/// The event node of that product which the kernel made of the keyboard, or which a program made;
/// empty: there is none yet.
std::string event_node(unsigned product, bool of_kernel) {
    for (const std::string& name : names_in("/sys/class/input", "event")) {
        const std::string folder = "/sys/class/input/" + name;
        if ((real_path(folder).find("/uhid/") != std::string::npos) != of_kernel) continue;
        if (first_line(folder + "/device/id/vendor") == hex(kVendor, 4) &&
            first_line(folder + "/device/id/product") == hex(product, 4))
            return "/dev/input/" + name;
    }
    return "";
}

// -- Measuring

struct Measured {
    unsigned product;
    int uhid;
    int events = -1;
    bool pressed = false;
    std::vector<double> us;
};

/// True: the key's event; false: something else, or nothing in time.
bool key_event(int events, bool pressed, Clock::duration patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd waited{events, POLLIN, 0};
        if (left < 0 || ::poll(&waited, 1, static_cast<int>(left) + 1) <= 0) return false;
        std::array<input_event, 64> read{};
        const ssize_t size = ::read(events, read.data(), sizeof read);
        for (ssize_t i = 0; i < size / static_cast<ssize_t>(sizeof(input_event)); ++i) {
            const input_event& event = read[static_cast<size_t>(i)];
            if (event.type == EV_KEY && event.code == KEY_A && event.value == (pressed ? 1 : 0))
                return true;
        }
    }
}

double one(Measured& keyboard) {
    keyboard.pressed = !keyboard.pressed;
    const auto begin = Clock::now();
    send(keyboard.uhid, keyboard.pressed);
    if (!key_event(keyboard.events, keyboard.pressed, kPatience)) {
        errno = ETIMEDOUT;
        fail("the event of a report of " + std::to_string(keyboard.product));
    }
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// The first reports may come before everybody listens, and a driver may make its input device when
/// it has the first event.
void warm_up(Measured& keyboard, bool of_kernel) {
    for (const auto end = Clock::now() + kPatience; Clock::now() < end;) {
        keyboard.pressed = !keyboard.pressed;
        send(keyboard.uhid, keyboard.pressed);
        if (const std::string node = event_node(keyboard.product, of_kernel);
            keyboard.events < 0 && !node.empty())
            keyboard.events = opened(node, O_RDONLY);
        if (keyboard.events < 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        } else if (key_event(keyboard.events, keyboard.pressed, std::chrono::milliseconds(200))) {
            return;
        }
    }
    errno = ETIMEDOUT;
    fail("no event of " + std::to_string(keyboard.product));
}

/// One turn: so many reports of each keyboard. Who comes first changes with each turn, and the
/// first reports after a change of keyboards do not count: where they are new to a processor, they
/// are slow.
void measure(std::vector<Measured>& keyboards, int reports, int gap_us) {
    constexpr int kUncounted = 4;
    static bool backwards = true;
    backwards = !backwards;
    for (size_t turn = 0; turn < keyboards.size(); ++turn) {
        Measured& each = keyboards[backwards ? keyboards.size() - 1 - turn : turn];
        each.us.clear();
        for (int i = -kUncounted; i < reports; ++i) {
            const double us = one(each);
            if (i >= 0) each.us.push_back(us);
            if (gap_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(gap_us));
        }
    }
    std::printf("{");
    for (size_t i = 0; i < keyboards.size(); ++i) {
        std::vector<double>& us = keyboards[i].us;
        std::ranges::sort(us);
        // Half of the reports press a key and half let go of it, which may take longer or shorter.
        const double middle = (us[(us.size() - 1) / 2] + us[us.size() / 2]) / 2;
        std::printf("%s\"%u\": {\"p50\": %.2f, \"p99\": %.2f}", i == 0 ? "" : ", ",
                    keyboards[i].product, middle, us[us.size() * 99 / 100]);
    }
    std::printf("}\n");
    std::fflush(stdout);
}

// -- The peer

void event(int uinput, uint16_t type, uint16_t code, int value, std::vector<input_event>& events) {
    input_event made{};
    made.type = type;
    made.code = code;
    made.value = value;
    events.push_back(made);
    if (type != EV_SYN) return;
    if (::write(uinput, events.data(), events.size() * sizeof made) < 0) fail("write to uinput");
    events.clear();
}

void loop(const std::string& node, unsigned product) {
    const int uinput = opened("/dev/uinput", O_RDWR);
    // What the kernel gives an input device that it makes of this keyboard, and a driver's has too.
    ::ioctl(uinput, UI_SET_EVBIT, EV_KEY);
    ::ioctl(uinput, UI_SET_EVBIT, EV_REP);
    for (int code = 1; code < 128; ++code) ::ioctl(uinput, UI_SET_KEYBIT, code);
    uinput_setup setup{};
    setup.id = {BUS_USB, kVendor, static_cast<uint16_t>(product), 1};
    std::strcpy(setup.name, "loop");  // NOLINT: it fits
    if (::ioctl(uinput, UI_DEV_SETUP, &setup) != 0 || ::ioctl(uinput, UI_DEV_CREATE) != 0)
        fail("uinput");
    // As a driver has it: nobody but us gets the keyboard's keys.
    const int kernel = opened(
        wait_for("the kernel's event node", [&] { return event_node(product, true); }), O_RDONLY);
    if (::ioctl(kernel, EVIOCGRAB, 1) != 0) fail("EVIOCGRAB");
    // Usages 4 to 29 are the letters; more are not sent here.
    constexpr std::string_view kLetters = "\x1e\x30\x2e\x20\x12\x21\x22\x23\x17\x24\x25\x26\x32";
    const int hidraw = opened(node, O_RDONLY);
    Report before{};
    std::vector<input_event> events;
    for (;;) {
        pollfd waited{hidraw, POLLIN, 0};
        if (::poll(&waited, 1, -1) <= 0) continue;
        Report report{};
        if (::read(hidraw, report.data(), report.size()) <= 0) return;
        const auto keys = [&](const Report& from, const Report& other, int value) {
            for (size_t i = 2; i < from.size(); ++i) {
                const size_t letter = from[i] - size_t{kKeyA};
                if (from[i] == 0 || letter >= kLetters.size() ||
                    std::find(other.begin() + 2, other.end(), from[i]) != other.end())
                    continue;
                event(uinput, EV_KEY, static_cast<uint16_t>(kLetters[letter]), value, events);
            }
        };
        keys(before, report, 0);
        keys(report, before, 1);
        event(uinput, EV_SYN, SYN_REPORT, 0, events);
        before = report;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::strcmp(argv[1], "loop") == 0) {
        loop(argv[2], static_cast<unsigned>(std::atoi(argv[3])));
        return 0;
    }
    if (argc < 4) return 2;
    std::vector<Measured> keyboards;
    for (int i = 1; i < argc - 2; ++i) {
        const auto product = static_cast<unsigned>(std::atoi(argv[i]));
        keyboards.push_back({product, keyboard(product), -1, false, {}});
        std::printf("node %u %s\n", product, hidraw_of(product).c_str());
    }
    std::fflush(stdout);
    bool warm = false;
    for (std::string line; std::getline(std::cin, line);) {
        // The last one is the kernel's own.
        for (Measured& each : keyboards) {
            if (!warm) warm_up(each, &each == &keyboards.back());
        }
        warm = true;
        measure(keyboards, std::atoi(argv[argc - 2]), std::atoi(argv[argc - 1]));
    }
    return 0;
}
