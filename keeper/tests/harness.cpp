// SPDX-License-Identifier: Apache-2.0
#include "keeper/tests/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "rpc/protocol/driver.h"

namespace opendext::keeper::tests {
namespace {

pid_t start(std::vector<std::string> command, int standard_error) {
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (standard_error >= 0) ::dup2(standard_error, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

std::vector<pid_t> children(pid_t parent) {
    std::vector<pid_t> result;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid <= 0) continue;
        const std::string stat = read_file(entry.path() / "stat");
        const size_t name_end = stat.rfind(')');
        if (name_end == std::string::npos) continue;
        std::istringstream rest(stat.substr(name_end + 2));
        char state = 0;
        pid_t its_parent = 0;
        rest >> state >> its_parent;
        if (its_parent == parent) result.push_back(pid);
    }
    return result;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

bool is_alive(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    const size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat[name_end + 2] != 'Z' && stat[name_end + 2] != 'X';
}

void KeeperTest::SetUp() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // what loses its parent becomes our child
    char name[] = "/tmp/opendext-keeper-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    root_ = folder_ / "realm";
    bundle_ = folder_ / "Tester.dext";
    std::filesystem::create_directory(bundle_);
    std::ofstream(bundle_ / "Info.plist") << "<plist/>";
    Result<Listener> listener = Listener::bind(folder_ / "test.sock", 0600);
    ASSERT_TRUE(listener.ok());
    listener_ = listener->take_fd();
    ::setenv("OPENDEXT_TEST_SOCKET", (folder_ / "test.sock").c_str(), 1);
    ::unsetenv("OPENDEXT_TEST_DAEMON");
}

void KeeperTest::TearDown() {
    if (keeper_ > 0) {
        ::kill(keeper_, SIGKILL);
        ::waitpid(keeper_, nullptr, 0);
    } else if (std::filesystem::exists(root_ / "run" / "keeper.pid")) {
        ::kill(std::atoi(read_file(root_ / "run" / "keeper.pid").c_str()), SIGKILL);
    }
    const bool all_gone = eventually([] {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        return children(::getpid()).empty();
    });
    EXPECT_TRUE(all_gone) << "a process outlives its realm: " << [] {
        std::string text;
        for (const pid_t pid : children(::getpid()))
            text += read_file("/proc/" + std::to_string(pid) + "/cmdline") + "; ";
        return text;
    }();
    std::filesystem::remove_all(folder_);
}

std::vector<std::string> KeeperTest::command(std::vector<std::string> options) const {
    const std::filesystem::path tests =
        std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<std::string> result{(installation_prefix() / "bin" / "opendext-keeper").string(),
                                    "--realm",
                                    root_.string(),
                                    "--daemon",
                                    (tests / "keeper_fake_daemon").string(),
                                    "--runtime",
                                    (tests / "libkeeper_fake_runtime.so").string()};
    result.insert(result.end(), options.begin(), options.end());
    return result;
}

void KeeperTest::start_keeper(std::vector<std::string> options) {
    options.emplace_back("--foreground");
    keeper_ = start(command(std::move(options)), -1);
    ASSERT_GT(keeper_, 0);
    accept_daemon();
    ASSERT_TRUE(link_.send(encode(wire::Ready{})).ok());
}

KeeperTest::Ended KeeperTest::run_keeper(std::vector<std::string> options) const {
    const std::filesystem::path messages = folder_ / "messages";
    const UniqueFd file(::open(messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const pid_t child = start(command(std::move(options)), file.get());
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(messages)};
}

void KeeperTest::accept_daemon() {
    const Listener listener((UniqueFd(::fcntl(listener_.get(), F_DUPFD_CLOEXEC, 3))));
    std::optional<Socket> daemon;
    ASSERT_TRUE(eventually([&] {
        Result<std::optional<Socket>> accepted = listener.accept();
        if (accepted.ok() && accepted.value()) daemon = std::move(*accepted);
        return daemon.has_value();
    }));
    Result<Message> hello = daemon->receive_within(kPatience);
    ASSERT_TRUE(hello.ok());
    ASSERT_EQ(hello->fds.size(), 1u);
    daemon_ = std::atoi(decode<Order>(*hello)->text.c_str());
    link_ = Socket(std::move(hello->fds[0]));
    daemon_orders_ = std::move(*daemon);
    events_.clear();
}

Message KeeperTest::await_serial(uint64_t serial) {
    if (serial == 0 && !events_.empty()) {
        Message message = std::move(events_.front());
        events_.pop_front();
        return message;
    }
    for (;;) {
        Result<Message> message = link_.receive_within(kPatience);
        if (!message.ok()) {
            ADD_FAILURE() << "nothing comes from the keeper: " << message.error().text();
            throw std::runtime_error("no message");
        }
        if (message->serial == serial) return std::move(message).value();
        events_.push_back(std::move(message).value());
    }
}

std::string KeeperTest::reason(const Message& reply) {
    const auto content = decode<wire::Reply>(reply);
    if (!content.ok()) return "message of kind " + std::to_string(reply.kind);
    EXPECT_EQ(content->io_return != 0, !content->reason.empty());
    return content->reason;
}

Message KeeperTest::spawn_message(const std::string& bundle_id, uint64_t memory_limit,
                                  UniqueFd control) {
    wire::Spawn spawn;
    spawn.token = 0x1234567890abcdef;
    spawn.server_name = bundle_id;
    spawn.bundle_id = bundle_id;
    spawn.bundle_path = bundle_;
    spawn.title = bundle_.string() + " " + bundle_id + " 0x100000123";
    spawn.memory_limit = memory_limit;
    spawn.libraries = libraries_;
    return request(spawn, std::move(control));
}

KeeperTest::Driver KeeperTest::spawn(const std::string& bundle_id, uint64_t memory_limit) {
    auto ends = Socket::pair();
    Driver driver;
    driver.control = std::move(ends->first);
    Message reply = spawn_message(bundle_id, memory_limit, ends->second.take_fd());
    const auto spawned = decode<wire::Spawned>(reply);
    EXPECT_TRUE(spawned.ok()) << reason(reply);
    if (!spawned.ok()) return driver;
    EXPECT_EQ(reply.fds.size(), 1u);
    driver.pid = spawned->pid;
    driver.sandbox = spawned->sandbox;
    driver.rights = spawned->rights;
    driver.pidfd = std::move(reply.fds.at(0));
    const Result<Message> first = driver.control.receive_within(kPatience);
    EXPECT_TRUE(first.ok());
    if (!first.ok()) return driver;
    const auto check_in = decode<protocol::driver::CheckIn>(*first);
    EXPECT_TRUE(check_in.ok());
    EXPECT_EQ(check_in->token, 0x1234567890abcdefu);
    EXPECT_EQ(check_in->sandbox, driver.sandbox);
    return driver;
}

KeeperTest::Driver KeeperTest::spawn_bare() {
    const std::filesystem::path bundle = std::exchange(bundle_, {});
    Driver driver = spawn();
    bundle_ = bundle;
    return driver;
}

std::string KeeperTest::furnish(const Driver& driver, const std::string& bundle) {
    return reason(request(wire::Furnish{driver.pid, "com.example.Late", bundle}));
}

void KeeperTest::Driver::tell(const std::string& order) const {
    EXPECT_TRUE(control.send(encode(Order{order})).ok());
}

std::string KeeperTest::Driver::ask(const std::string& order) const {
    tell(order);
    const Result<Message> answer = control.receive_within(kPatience);
    if (!answer.ok()) return answer.error().text();
    return decode<Order>(*answer)->text;
}

std::vector<pid_t> KeeperTest::family() const {
    const std::string text = read_file(root_ / "run" / "keeper.pid");
    std::vector<pid_t> result{std::atoi(text.c_str())};
    for (size_t i = 0; i < result.size(); ++i) {
        const std::vector<pid_t> more = children(result[i]);
        result.insert(result.end(), more.begin(), more.end());
    }
    return result;
}

void KeeperTest::shut_down() {
    ASSERT_TRUE(link_.send(encode(wire::ShutDown{})).ok());
    ASSERT_TRUE(daemon_orders_.send(encode(Order{"exit 0"})).ok());
}

int KeeperTest::wait_for_keeper() {
    int status = -1;
    const bool ended = eventually([&] { return ::waitpid(keeper_, &status, WNOHANG) == keeper_; });
    EXPECT_TRUE(ended) << "the keeper does not end";
    if (ended) keeper_ = 0;
    return status;
}

}  // namespace opendext::keeper::tests
