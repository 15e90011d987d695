// SPDX-License-Identifier: Apache-2.0
// opendext serial watch: changes as they come. libIOKit tells of them; nothing is polled.
#include <opendext/client.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "apps/serial-over-tcp/cli/commands.h"
#include "rpc/fd.h"
#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"

namespace opendext::serial_tcp::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Ports = std::map<std::string, PortInfo>;

/// What comes together is shown together; many busy ports are not asked more often.
constexpr milliseconds kGather{200};
/// How long a rate is an average of, and how soon it falls to 0 when nothing comes any more.
constexpr milliseconds kRate{1000};

/// Hears of ports that come and go and of drivers whose properties change.
class Changes {
  public:
    Changes() : notifications_(IONotificationPortCreate(kIOMainPortDefault)) {
        for (const char* type : {kIOFirstMatchNotification, kIOTerminatedNotification}) {
            IOHandle& iterator = iterators_.emplace_back();
            if (IOServiceAddMatchingNotification(notifications_, type,
                                                 IOServiceMatching("IOSerialBSDClient"), &on_match,
                                                 this, iterator.out()) == KERN_SUCCESS)
                empty(iterator.get());
        }
        follow_drivers();
    }
    Changes(const Changes&) = delete;
    Changes& operator=(const Changes&) = delete;
    ~Changes() {
        drivers_.clear();
        iterators_.clear();
        IONotificationPortDestroy(notifications_);
    }

    [[nodiscard]] int fd() const { return opendext_notification_port_fd(notifications_); }
    /// True if something has changed since the last call.
    bool dispatch() {
        opendext_notification_port_dispatch(notifications_);
        if (std::exchange(ports_changed_, false)) follow_drivers();
        return std::exchange(changed_, false);
    }

  private:
    static void on_match(void* self, io_iterator_t iterator) {
        empty(iterator);
        static_cast<Changes*>(self)->changed_ = true;
        static_cast<Changes*>(self)->ports_changed_ = true;
    }
    static void on_interest(void* self, io_service_t, uint32_t, void*) {
        static_cast<Changes*>(self)->changed_ = true;
    }
    /// Emptying the iterator arms the notification.
    static void empty(io_iterator_t iterator) {
        while (const io_object_t service = IOIteratorNext(iterator)) IOObjectRelease(service);
    }
    void follow_drivers() {
        std::map<uint64_t, IOHandle> now;
        for_each_driver([&](io_service_t driver, uint64_t id) {
            if (const auto known = drivers_.find(id); known != drivers_.end()) {
                now[id] = std::move(known->second);
                return;
            }
            (void)IOServiceAddInterestNotification(notifications_, driver, kIOGeneralInterest,
                                                   &on_interest, this, now[id].out());
        });
        drivers_ = std::move(now);
    }

    IONotificationPortRef notifications_;
    std::vector<IOHandle> iterators_;
    std::map<uint64_t, IOHandle> drivers_;  ///< interest by registry entry
    bool changed_ = false;
    bool ports_changed_ = false;
};

/// How the changes are shown.
class View {
  public:
    View() = default;
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    virtual ~View() = default;
    virtual void show(const Ports& ports) = 0;
    /// When show() is wanted although nothing has changed; the epoch: never.
    [[nodiscard]] virtual Clock::time_point due() const { return {}; }
};

/// A line for each port that changed.
class Lines final : public View {
  public:
    explicit Lines(bool json) : json_(json) {}
    void show(const Ports& ports) override {
        for (const auto& [name, port] : ports) {
            const std::string text = line(port);
            if (std::exchange(shown_[name], text) != text) std::printf("%s\n", text.c_str());
        }
        for (auto at = shown_.begin(); at != shown_.end();) {
            if (ports.contains(at->first)) {
                ++at;
                continue;
            }
            std::printf("%s\n", removed(at->first).c_str());
            at = shown_.erase(at);
        }
        std::fflush(stdout);
    }

  private:
    [[nodiscard]] std::string line(const PortInfo& port) const {
        if (json_) return tools::to_json(to_value(port));
        return port.name + "  " + port.device + "  " + port.remote + "  " + port.state +
               (port.peer.empty() ? "" : " to " + port.peer);
    }
    [[nodiscard]] std::string removed(const std::string& name) const {
        if (json_) return tools::to_json(Dictionary{{"name", name}, {"removed", true}});
        return name + "  removed";
    }

    const bool json_;
    std::map<std::string, std::string> shown_;
};

/// A table that is drawn in place, with rates.
class Table final : public View {
  public:
    void show(const Ports& ports) override {
        const auto now = Clock::now();
        for (const auto& [name, port] : ports) measure(rates_[name], port, now);
        std::erase_if(rates_, [&](const auto& rate) { return !ports.contains(rate.first); });
        moving_ = std::any_of(rates_.begin(), rates_.end(),
                              [](const auto& rate) { return rate.second.moves(); });
        shown_at_ = now;
        draw(ports);
    }
    [[nodiscard]] Clock::time_point due() const override {
        return moving_ ? shown_at_ + kRate : Clock::time_point{};
    }

  private:
    struct Rate {
        Clock::time_point since{};
        uint64_t sent = 0, received = 0;          ///< at `since`
        double sent_rate = 0, received_rate = 0;  ///< bytes a second
        [[nodiscard]] bool moves() const { return sent_rate != 0 || received_rate != 0; }
    };

    static void measure(Rate& rate, const PortInfo& port, Clock::time_point now) {
        const double seconds = std::chrono::duration<double>(now - rate.since).count();
        if (rate.since != Clock::time_point{}) {
            if (now - rate.since < kRate / 2) return;
            // An agent that was started again counts from 0.
            const auto per_second = [&](uint64_t then, uint64_t value) {
                return value < then ? 0.0 : static_cast<double>(value - then) / seconds;
            };
            rate.sent_rate = per_second(rate.sent, port.bytes_sent);
            rate.received_rate = per_second(rate.received, port.bytes_received);
        }
        rate.since = now;
        rate.sent = port.bytes_sent;
        rate.received = port.bytes_received;
    }

    static std::string amount(double bytes) {
        const char* units[] = {"", "k", "M", "G", "T"};
        size_t unit = 0;
        for (; bytes >= 9999.5 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
        char text[32];
        std::snprintf(text, sizeof text, "%.0f%s", bytes, units[unit]);
        return text;
    }

    void draw(const Ports& ports) {
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 3 || size.ws_col < 20)
            size = {24, 80, 0, 0};
        std::vector<std::string> lines;
        char row[512];
        std::snprintf(row, sizeof row, "%-16s %8s %8s %7s %7s %7s %7s %5s  %s", "PORT", "OUT/s",
                      "IN/s", "OUT", "IN", "WAITING", "DROPPED", "CONN", "STATE");
        lines.emplace_back(row);
        for (const auto& [name, port] : ports) {
            const Rate& rate = rates_[name];
            const auto bytes = [](uint64_t value) { return amount(static_cast<double>(value)); };
            std::snprintf(row, sizeof row, "%-16s %8s %8s %7s %7s %7s %7s %5s  %s%s%s",
                          name.c_str(), amount(rate.sent_rate).c_str(),
                          amount(rate.received_rate).c_str(), bytes(port.bytes_sent).c_str(),
                          bytes(port.bytes_received).c_str(), bytes(port.bytes_queued).c_str(),
                          bytes(port.bytes_dropped).c_str(), bytes(port.connections).c_str(),
                          port.state.c_str(), port.peer.empty() ? "" : " to ", port.peer.c_str());
            lines.emplace_back(row);
        }
        const size_t room = size.ws_row - 1U;
        if (lines.size() > room) {
            const size_t more = lines.size() - room + 1;
            lines.resize(room - 1);
            lines.push_back("… and " + std::to_string(more) + " more");
        }
        // Up to where the last table began, and down again over it.
        if (drawn_ != 0) std::printf("\x1b[%zuA", drawn_);
        for (const std::string& line : lines)
            std::printf("\r%s\x1b[K\n", line.substr(0, size.ws_col).c_str());
        std::printf("\x1b[J");
        std::fflush(stdout);
        drawn_ = lines.size();
    }

    std::map<std::string, Rate> rates_;
    bool moving_ = false;
    Clock::time_point shown_at_{};
    size_t drawn_ = 0;
};

Ports ports_by_name() {
    Ports ports;
    for (PortInfo& port : list_ports()) ports[port.name] = std::move(port);
    return ports;
}

}  // namespace

int watch(const Words& arguments) {
    bool json = false;
    tools::CommandLine line("opendext serial watch", "",
                            "Shows the ports and what changes about them, until Ctrl-C: on a "
                            "terminal a table with bytes a second, else a line for each change.");
    line.flag("--json", json, "a JSON object for each change, as in ls --json, one a line");
    if (const auto status = line.parse(arguments)) return *status;
    const Realm realm = line.realm();
    const pid_t keeper = tools::keeper_of(realm);
    const UniqueFd realm_end(keeper > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, keeper, 0))
                                        : -1);
    if (!realm_end) return line.failure(Error{Errc::not_found, 0, "the realm is not up"});
    opendext_set_realm(realm.root().c_str());

    std::unique_ptr<View> view;
    if (!json && ::isatty(STDOUT_FILENO) != 0) {
        view = std::make_unique<Table>();
    } else {
        view = std::make_unique<Lines>(json);
    }
    Changes changes;
    Ports ports = ports_by_name();
    view->show(ports);
    for (;;) {
        int timeout = -1;
        if (const auto due = view->due(); due != Clock::time_point{}) {
            const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
            timeout = static_cast<int>(std::max<int64_t>(left.count(), 0));
        }
        pollfd fds[2] = {{changes.fd(), POLLIN, 0}, {realm_end.get(), POLLIN, 0}};
        ::poll(fds, 2, timeout);
        if (fds[1].revents != 0) break;
        if (fds[0].revents != 0) {
            if (!changes.dispatch()) continue;
            pollfd end{realm_end.get(), POLLIN, 0};
            ::poll(&end, 1, static_cast<int>(kGather.count()));
            (void)changes.dispatch();
            ports = ports_by_name();
        }
        view->show(ports);
    }
    view->show({});
    return tools::kExitSuccess;
}

}  // namespace opendext::serial_tcp::cli
