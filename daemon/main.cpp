// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "daemon/adoption/inheritance.h"
#include "daemon/daemon.h"
#include "daemon/supervision/settings.h"

namespace {

using namespace opendext;
using namespace opendext::daemon;

/// For the keeper's answers before anything else begins, and for the end of what is not adopted.
constexpr std::chrono::seconds kInheritDeadline{15};

constexpr const char* kUsage =
    "usage: opendextd --realm DIR --keeper-fd N\n"
    "The matchmaker of a realm. opendext-keeper starts it; see docs/design/protocols.md.\n"
    "OPENDEXT_POLICY=strict|dev|off says what a missing entitlement costs (default dev).\n";

struct CommandLine {
    std::string realm;
    int keeper_fd = -1;
};

std::optional<CommandLine> parse(int argc, char** argv) {
    CommandLine line;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        const std::string_view value = argv[i + 1];
        if (option == "--realm") {
            line.realm = value;
        } else if (option == "--keeper-fd") {
            if (std::from_chars(value.begin(), value.end(), line.keeper_fd).ptr != value.end())
                return {};
        } else {
            return {};
        }
    }
    if (line.realm.empty() || line.keeper_fd < 0 || argc % 2 == 0) return {};
    return line;
}

int fail(const Error& error) {
    std::fprintf(stderr, "opendextd: %s\n", error.text().c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
        std::fputs(kUsage, stdout);
        return 0;
    }
    const std::optional<CommandLine> line = parse(argc, argv);
    if (!line) {
        std::fputs(kUsage, stderr);
        return 2;
    }
    PolicyMode policy = PolicyMode::dev;
    if (const char* name = std::getenv("OPENDEXT_POLICY"); name != nullptr && *name != '\0') {
        const std::optional<PolicyMode> known = policy_mode(name);
        if (!known) {
            std::fprintf(stderr, "opendextd: OPENDEXT_POLICY=%s: write strict, dev or off\n", name);
            return 2;
        }
        policy = *known;
    }
    std::signal(SIGPIPE, SIG_IGN);
    Result<std::unique_ptr<EventLoop>> loop = EventLoop::create();
    if (!loop.ok()) return fail(loop.error());
    Socket keeper{UniqueFd(line->keeper_fd)};
    Result<Inheritance> inherited = inherit(keeper, kInheritDeadline);
    if (!inherited.ok()) return fail(inherited.error());
    Daemon::Options options{
        Realm(line->realm),          {}, {}, policy, {}, ::getppid(), registered_families(),
        std::move(inherited).value()};
    const Status created = options.realm.create();
    if (!created.ok()) return fail(created.error());
    const Status settings =
        read_settings(options.realm.settings(), options.deadlines, options.restart);
    if (!settings.ok()) return fail(settings.error());
    auto daemon = std::make_unique<Daemon>(*loop.value(), std::move(options), std::move(keeper));
    const auto terminate = (*loop)->on_signal(SIGTERM, [&daemon] { daemon->stop({}); });
    const auto interrupt = (*loop)->on_signal(SIGINT, [&daemon] { daemon->stop({}); });
    const Status started = daemon->start();
    if (!started.ok()) return fail(started.error());
    return (*loop)->run();
}
