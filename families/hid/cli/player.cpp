// SPDX-License-Identifier: Apache-2.0
#include "families/hid/cli/player.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "families/hid/cli/inventory.h"
#include "families/hid/parse/report_descriptor.h"
#include "tools/common/daemon_client.h"
#include "tools/common/registry.h"

namespace opendext::hid {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPatience{30'000};

/// Entry ids are a realm's own, abstract names the machine's.
sockaddr_un address_of(const Realm& realm, uint64_t entry, socklen_t& size) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : realm.root().string())
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const int length = std::snprintf(
        address.sun_path + 1, sizeof address.sun_path - 1, "opendext-hid-%016llx-%llx",
        static_cast<unsigned long long>(hash), static_cast<unsigned long long>(entry));
    size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(length));
    return address;
}

bool is_same_user(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == ::geteuid() || peer.uid == 0 || ::geteuid() == 0);
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

std::string free_name(tools::DaemonClient& daemon, const std::string& wished) {
    const auto image = tools::read_registry(daemon);
    if (!image.ok()) return wished;
    const auto devices = hid_devices(*image);
    const auto taken = [&](const std::string& name) {
        return std::any_of(devices.begin(), devices.end(),
                           [&](const HidDevice& device) { return device.name == name; });
    };
    std::string name = wished;
    for (int number = 2; taken(name); number++) name = wished + "-" + std::to_string(number);
    return name;
}

}  // namespace

struct SimulatedDevice::State {
    What what;
    ReportDescriptor descriptor;
    std::unique_ptr<DeviceSide> side;
    uint64_t entry = 0;
    UniqueFd listener;
    UniqueFd signals;
    std::vector<UniqueFd> clients;  ///< processes that have it send
    std::map<std::pair<ReportType, uint32_t>, std::vector<uint8_t>> reports;

    void meet(const DeviceSide::Request& request);
    [[nodiscard]] Status listen();
    void accept();
    [[nodiscard]] bool serve_client(int socket);
    [[nodiscard]] Status send(std::span<const uint8_t> report);
};

SimulatedDevice::SimulatedDevice(std::unique_ptr<State> state) : state_(std::move(state)) {}
SimulatedDevice::~SimulatedDevice() = default;
uint64_t SimulatedDevice::entry() const {
    return state_->entry;
}
const std::string& SimulatedDevice::name() const {
    return state_->what.name;
}
size_t SimulatedDevice::users() const {
    return state_->side->users().size();
}
Status SimulatedDevice::send(std::span<const uint8_t> report) {
    return state_->send(report);
}

Result<std::unique_ptr<SimulatedDevice>> SimulatedDevice::plug(What what) {
    auto state = std::make_unique<State>(State{std::move(what), {}, {}, 0, {}, {}, {}, {}});
    State& device = *state;
    device.descriptor = OD_TRY(parse_descriptor(device.what.device.descriptor));
    device.side = OD_TRY(DeviceSide::make());
    device.side->on_request([&device](const auto& request) { device.meet(request); });
    if (device.what.tell) {
        device.side->on_user([](const DeviceSide::User& user, bool present) {
            std::printf("%s %s (pid %d)%s\n", present ? "opened by" : "closed by",
                        user.name.c_str(), user.pid, user.exclusive ? ", seized" : "");
            std::fflush(stdout);
        });
    }
    auto daemon = OD_TRY(tools::DaemonClient::connect(device.what.realm, "opendext hid"));
    device.what.name = free_name(daemon, device.what.name);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return Error::system("making a control socket");
    OD_TRY(device.side->take_control(UniqueFd(ends[0])));
    std::vector<UniqueFd> fds;
    fds.emplace_back(ends[1]);
    Dictionary properties = device.what.properties;
    const Recording& recording = device.what.device;
    properties.emplace("ReportDescriptor", Value(Data(recording.descriptor)));
    properties.emplace("VendorID", Value(recording.vendor));
    properties.emplace("ProductID", Value(recording.product));
    if (!recording.name.empty()) properties.emplace("Product", Value(recording.name));
    properties.insert_or_assign(std::string(kNameKey), Value(device.what.name));
    protocol::client::FamilyRequest request;
    request.class_name = "IOHIDUserDevice";
    request.what = "plug";
    request.arguments = {{"properties", Value(std::move(properties))}};
    const auto reply = OD_TRY(daemon.ask_family(std::move(request), std::move(fds)));
    const Number* entry = find_number(reply.result, "entry");
    if (entry == nullptr) return Error{Errc::malformed, 0, "opendextd did not say which entry"};
    device.entry = entry->raw;
    OD_TRY(device.listen());
    return std::unique_ptr<SimulatedDevice>(new SimulatedDevice(std::move(state)));
}

void SimulatedDevice::State::meet(const DeviceSide::Request& request) {
    const bool get = request.kind == PacketKind::get;
    if (what.tell) {
        std::printf("%s of %s report %u%s%s\n", get ? "get" : "set",
                    std::string(to_string(request.type)).c_str(), request.report_id,
                    get ? "" : ": ", in_hex(request.bytes).c_str());
        std::fflush(stdout);
    }
    if (what.manner == Manner::ignore) return;
    const uint32_t bytes =
        descriptor.report_bytes(request.type, static_cast<uint8_t>(request.report_id));
    if (what.manner == Manner::refuse || bytes == 0) return side->answer(request, kUnsupported);
    auto& report = reports[{request.type, request.report_id}];
    if (!get) {
        report.assign(request.bytes.begin(), request.bytes.end());
        return side->answer(request, kSuccess);
    }
    report.resize(bytes);
    if (descriptor.uses_report_ids) report[0] = static_cast<uint8_t>(request.report_id);
    side->answer(request, kSuccess, report);
}

Status SimulatedDevice::State::send(std::span<const uint8_t> report) {
    const uint8_t id = descriptor.id_of(report);
    auto& last = reports[{ReportType::input, id}];
    last.assign(report.begin(), report.end());
    return side->send_input(0, id, report);
}

Status SimulatedDevice::State::listen() {
    listener.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    socklen_t size = 0;
    const sockaddr_un address = address_of(what.realm, entry, size);
    if (!listener ||
        ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener.get(), 16) != 0)
        return Error::system("listening for `opendext hid send`");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return Error::system("signalfd");
    return success();
}

void SimulatedDevice::State::accept() {
    UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client && is_same_user(client.get()) && clients.size() < 64)
        clients.push_back(std::move(client));
}

/// False: it went, or sent what is no report.
bool SimulatedDevice::State::serve_client(int socket) {
    uint8_t bytes[kMaxPacket];
    const ssize_t size = ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    const auto packet = decode_packet(std::span(bytes, static_cast<size_t>(size)));
    if (!packet.ok() || packet->kind != PacketKind::input) return false;
    Packet answer;
    answer.kind = PacketKind::answer;
    answer.serial = packet->serial;
    answer.status = send(packet->bytes).ok() ? kSuccess : kBadArgument;
    answer.timestamp = side->users().size();
    const auto reply = encode_packet(answer);
    return ::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

Status SimulatedDevice::serve(const std::function<bool()>& until, std::chrono::milliseconds limit) {
    State& device = *state_;
    const auto begun = Clock::now();
    while (!until || !until()) {
        int wait = -1;
        if (limit != std::chrono::milliseconds::max()) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(begun + limit - Clock::now());
            if (left.count() <= 0) return success();
            wait = static_cast<int>(std::min<int64_t>(left.count(), 1'000'000));
        }
        std::vector<pollfd> polled{{device.side->fd(), POLLIN, 0},
                                   {device.listener.get(), POLLIN, 0},
                                   {device.signals.get(), POLLIN, 0}};
        for (const UniqueFd& client : device.clients) polled.push_back({client.get(), POLLIN, 0});
        if (::poll(polled.data(), polled.size(), wait) < 0 && errno != EINTR)
            return Error::system("poll");
        if (polled[2].revents != 0) return success();
        if (polled[0].revents != 0) OD_TRY(device.side->process());
        for (size_t i = polled.size(); i-- > 3;) {
            if (polled[i].revents != 0 && !device.serve_client(polled[i].fd))
                device.clients.erase(device.clients.begin() + static_cast<ptrdiff_t>(i - 3));
        }
        if (polled[1].revents != 0) device.accept();
    }
    return success();
}

Result<PlayerClient> PlayerClient::connect(const Realm& realm, uint64_t entry) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket) return Error::system("socket");
    socklen_t size = 0;
    const sockaddr_un address = address_of(realm, entry, size);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        !is_same_user(socket.get())) {
        return Error{Errc::not_found, 0,
                     "only devices that `opendext hid plug` plays, for the same user, take reports "
                     "from here"};
    }
    return PlayerClient(std::move(socket));
}

Result<uint32_t> PlayerClient::send(std::span<const uint8_t> report) {
    Packet packet;
    packet.serial = 1;
    packet.bytes = report;
    const auto bytes = encode_packet(packet);
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
        return Error::system("the program that plays the device is gone");
    pollfd polled{socket_.get(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(kPatience.count())) <= 0)
        return Error{Errc::timed_out, 0, "the program that plays the device does not answer"};
    uint8_t reply[kMaxPacket];
    const ssize_t size = ::recv(socket_.get(), reply, sizeof reply, 0);
    if (size <= 0) return Error{Errc::peer_gone, 0, "the program that plays the device is gone"};
    const auto answer = OD_TRY(decode_packet(std::span(reply, static_cast<size_t>(size))));
    if (answer.status != kSuccess)
        return Error::kern(static_cast<uint32_t>(answer.status), "the device refused the report");
    return static_cast<uint32_t>(answer.timestamp);
}

}  // namespace opendext::hid
