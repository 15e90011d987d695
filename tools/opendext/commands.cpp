// SPDX-License-Identifier: Apache-2.0
#include "tools/opendext/commands.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bundle/bundle.h"
#include "rpc/protocol/explain.h"
#include "tools/common/daemon_client.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"
#include "tools/opendext/log_reader.h"

namespace opendext::tools {
namespace {

namespace wire = protocol::client;

using Arguments = std::vector<std::string>;

/// A command's line; --realm in front of the command's name works as behind it.
std::optional<int> parse(CommandLine& line, Arguments arguments, const std::string& realm,
                         size_t least, size_t most) {
    if (!realm.empty()) arguments.insert(arguments.begin(), {"--realm", realm});
    return line.parse(arguments, least, most);
}

/// Starting instances and stopping them takes as long as drivers do; opendextd has its own
/// deadlines for each.
constexpr std::chrono::milliseconds kExtensionTimeout = std::chrono::minutes(5);

template <typename Request>
Status ask(const Realm& realm, const char* program, Request request,
           std::chrono::milliseconds timeout) {
    OD_TRY(ensure_realm(realm));
    DaemonClient daemon = OD_TRY(DaemonClient::connect(realm, program));
    OD_TRY(daemon.request<wire::Reply>(std::move(request), timeout));
    return success();
}

bool is_broken(const wire::Standing& standing) {
    switch (standing.state) {
        case wire::StandingState::refused:
        case wire::StandingState::failed:
        case wire::StandingState::crashed:
        case wire::StandingState::barred:
            return true;
        default:
            return false;
    }
}

/// A bundle may be installed and its driver not come up: said at once, not when somebody looks for
/// it. What has no provider yet is no fault.
void tell_broken(const Realm& realm, const std::filesystem::path& path) {
    const auto bundle = bundle::Bundle::open(path);
    auto daemon = DaemonClient::connect(realm, "opendext install");
    if (!bundle.ok() || !daemon.ok()) return;
    wire::Explain question;
    question.personality = bundle->identifier();
    question.nearest = 0;
    const auto explained = daemon->request<wire::Explained>(std::move(question));
    if (!explained.ok()) return;
    for (const wire::Standing& one : explained->standings) {
        if (!is_broken(one)) continue;
        print_error("opendext install", one.personality + " does not run on " + one.provider_name +
                                            ": " + one.reason +
                                            (one.fix.empty() ? "" : "; fix: " + one.fix) +
                                            " (opendext explain " + one.bundle_id + " tells more)");
    }
}

int install(const Arguments& arguments, const std::string& realm) {
    CommandLine line("opendext install", "BUNDLE",
                     "Copies the bundle into the realm and matches its personalities.");
    if (const auto status = parse(line, arguments, realm, 1, 1)) return *status;
    std::error_code error;
    const std::filesystem::path bundle = std::filesystem::canonical(line.operands()[0], error);
    if (error)
        return line.failure(Error::system("cannot install " + line.operands()[0], error.value()));
    const Status done = install_extension(line.realm(), "opendext install", bundle.string());
    if (!done.ok()) return line.failure(done.error());
    // What is typed next expects the driver to be there.
    constexpr uint32_t kMatchingTimeoutMs = 10'000;
    const Status quiet =
        ask(line.realm(), "opendext install",
            wire::WaitQuiet{.entry = 0, .timeout_ms = kMatchingTimeoutMs}, kExtensionTimeout);
    std::printf("installed %s\n", bundle.c_str());
    if (!quiet.ok())
        print_error("opendext install",
                    "drivers are still being started; opendext stuck shows what they wait for");
    tell_broken(line.realm(), bundle);
    return kExitSuccess;
}

int uninstall(const Arguments& arguments, const std::string& realm) {
    CommandLine line("opendext uninstall", "BUNDLE-ID",
                     "Ends the driver's instances, waits for them, and forgets the bundle.");
    if (const auto status = parse(line, arguments, realm, 1, 1)) return *status;
    const std::string& bundle = line.operands()[0];
    const Status done = uninstall_extension(line.realm(), "opendext uninstall", bundle);
    if (!done.ok()) return line.failure(done.error());
    std::printf("uninstalled %s\n", bundle.c_str());
    return kExitSuccess;
}

int start(const Arguments& arguments, const std::string& realm) {
    CommandLine line("opendext start", "",
                     "Starts the realm if it is not up, and prints where it is.");
    if (const auto status = parse(line, arguments, realm, 0, 0)) return *status;
    const Status up = ensure_realm(line.realm());
    if (!up.ok()) return line.failure(up.error());
    std::printf("%s\n", line.realm().root().c_str());
    return kExitSuccess;
}

int stop(const Arguments& arguments, const std::string& realm) {
    CommandLine line("opendext stop", "",
                     "Ends the realm: every driver, the daemon and the keeper.");
    if (const auto status = parse(line, arguments, realm, 0, 0)) return *status;
    const Status down = stop_realm(line.realm());
    return down.ok() ? kExitSuccess : line.failure(down.error());
}

int status(const Arguments& arguments, const std::string& realm_option) {
    bool json = false;
    CommandLine line("opendext status", "[--json]",
                     "Says whether the realm is up, and who runs it. Starts nothing.");
    line.flag("--json", json, "print JSON (docs/schemas/status.json)");
    if (const auto status = parse(line, arguments, realm_option, 0, 0)) return *status;
    const Realm realm = line.realm();
    // Whether it answers is the question.
    const auto daemon = DaemonClient::connect(realm, "opendext status", std::chrono::seconds(15));
    const bool up = daemon.ok();
    const int64_t keeper = keeper_of(realm);
    const int64_t process = up ? daemon->welcome().daemon_pid : 0;
    if (json) {
        const Dictionary object{{"realm", realm.root().string()},
                                {"up", up},
                                {"keeper_pid", keeper},
                                {"daemon_pid", process},
                                {"system", realm.is_system()},
                                {"log", realm.log().string()},
                                {"problem", up || keeper == 0 ? "" : daemon.error().text()}};
        std::printf("%s\n", to_json(object, 2).c_str());
    } else if (up) {
        std::printf("%s is up: opendextd is process %lld, its keeper %lld\n", realm.root().c_str(),
                    static_cast<long long>(process), static_cast<long long>(keeper));
    } else {
        std::printf("%s is not up%s\n", realm.root().c_str(),
                    keeper == 0 ? ""
                                : (", but its keeper runs: " + daemon.error().text() +
                                   "; see 'opendext logs'")
                                      .c_str());
    }
    return up ? kExitSuccess : kExitFailure;
}

int logs(const Arguments& arguments, const std::string& realm) {
    bool follow = false;
    bool json = false;
    CommandLine line("opendext logs", "[-f] [NAME] [--json]",
                     "Prints the realm's log: os_log of the drivers, and what the system did.");
    line.flag("-f,--follow", follow, "go on as lines come")
        .flag("--json", json,
              "print the lines as they are, one JSON object each (docs/schemas/logs.json)")
        .footer("NAME is a bundle identifier or its last part, a process or a subsystem.");
    if (const auto status = parse(line, arguments, realm, 0, 1)) return *status;
    const std::string name = line.operands().empty() ? "" : line.operands()[0];
    LogReader reader(line.realm().log());
    const auto show = [&](std::string_view text) {
        const Result<Value> value = parse_json(text);
        // A line that is cut short, by a full disk perhaps, is shown as it is: it may be the one
        // that is looked for.
        const Dictionary* fields = value.ok() ? value->dictionary() : nullptr;
        if (!name.empty() && (fields == nullptr || !concerns(*fields, name))) return;
        const std::string shown = json || fields == nullptr ? std::string(text) : to_text(*fields);
        std::printf("%s\n", shown.c_str());
    };
    for (;;) {
        const Status read = reader.read(show);
        const bool missing = !read.ok() && read.error().code == Errc::not_found;
        if (!read.ok() && !(follow && missing)) return line.failure(read.error());
        if (std::fflush(stdout) != 0) return kExitFailure;
        if (!follow) return kExitSuccess;
        reader.wait(std::chrono::seconds(1));
    }
}

/// Runs beside the commands but is none.
/// Programs of that name that are nobody's command.
constexpr std::string_view kInternal[] = {"driver", "stacks"};
bool is_internal(std::string_view name) {
    return std::ranges::find(kInternal, name) != std::end(kInternal);
}
constexpr std::string_view kPrefix = "opendext-";

}  // namespace

const std::vector<Builtin>& builtins() {
    static const std::vector<Builtin> list{
        {"install", "copy a bundle into the realm and match it", install},
        {"logs", "print the realm's log", logs},
        {"start", "start the realm, print where it is", start},
        {"status", "say whether the realm is up", status},
        {"stop", "end the realm", stop},
        {"uninstall", "end a driver and forget its bundle", uninstall},
    };
    return list;
}

std::vector<std::string> found_commands() {
    std::vector<std::string> names;
    std::error_code error;
    const std::filesystem::path folder = installation_prefix() / "libexec" / "opendext";
    for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = file.path().filename().string();
        if (!name.starts_with(kPrefix) || ::access(file.path().c_str(), X_OK) != 0) continue;
        if (!is_internal(name.substr(kPrefix.size()))) names.push_back(name.substr(kPrefix.size()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::filesystem::path find_command(const std::string& name) {
    if (name.empty() || is_internal(name) || name.find('/') != std::string::npos) return {};
    const std::string program = std::string(kPrefix) + name;
    std::vector<std::filesystem::path> folders{installation_prefix() / "libexec" / "opendext"};
    const char* variable = std::getenv("PATH");
    const std::string path = variable != nullptr ? variable : "";
    for (size_t begin = 0; begin < path.size();) {
        const size_t end = std::min(path.find(':', begin), path.size());
        if (end > begin) folders.emplace_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    for (const std::filesystem::path& folder : folders) {
        std::error_code error;
        if (std::filesystem::is_regular_file(folder / program, error) &&
            ::access((folder / program).c_str(), X_OK) == 0) {
            return folder / program;
        }
    }
    return {};
}

}  // namespace opendext::tools
