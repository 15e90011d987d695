// SPDX-License-Identifier: Apache-2.0
// A shared object tries everything by raw system calls, first from a static constructor: each call
// is refused, and the keeper reports each by its name. Below the keeper everything is real but the
// runtime and opendextd; isolation_test.py does the same with all parts and a real dext.
#include <unistd.h>

#include <set>
#include <sstream>

#include "keeper/tests/harness.h"

namespace opendext::keeper::tests {
namespace {

class IsolationTest : public KeeperTest, public testing::WithParamInterface<const char*> {};

TEST_P(IsolationTest, EveryWayOutIsClosedAndNamed) {
    const std::filesystem::path tests =
        std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::filesystem::copy_file(tests / "libisolation_escape.so", bundle_ / "dext.so");
    const bool bare = std::string(GetParam()) == "bare";
    start_keeper({"--without", bare ? "" : GetParam()});
    const Driver driver = bare ? spawn_bare() : spawn("com.example.Escape");
    if (bare) {
        EXPECT_EQ(furnish(driver, bundle_), "");
        EXPECT_EQ(driver.ask("bundle " + bundle_.string()), "known");
    }
    EXPECT_EQ(driver.ask("load"), "loaded");
    EXPECT_EQ(driver.ask("step two"), "closed");
    std::istringstream lines(driver.ask("attempts"));

    const bool reports = driver.sandbox.find("refusals reported") != std::string::npos;
    std::multiset<std::string> expected;
    int rounds = 1;
    for (std::string line; std::getline(lines, line);) {
        if (line == "---") {
            ++rounds;
            continue;
        }
        const size_t space = line.find(' ');
        const std::string call = line.substr(0, space);
        // Without a keeper to ask, loading leaves openat to Landlock and seccomp to the second
        // step.
        if (!reports && rounds == 1 && (call == "seccomp" || line == "openat gave -13")) continue;
        EXPECT_EQ(line.substr(space + 1), "refused") << line << " in round " << rounds;
        expected.insert(call);
    }
    EXPECT_EQ(rounds, 2) << "once while loading, once afterwards";
    ASSERT_GE(expected.size(), 320u);
    for (const char* call : {"openat", "socket", "connect", "ptrace", "clone", "execve", "kill"}) {
        EXPECT_GE(expected.count(call), call == std::string("openat") ? 1u : 2u) << call;
    }

#if __has_feature(thread_sanitizer)
    // Asked when the dext is loaded, and refused as everything else.
    expected.insert({"readlinkat", "readlinkat"});
#endif
    if (reports) {
        // More than the keeper reports in a second are summed up, never lost.
        std::multiset<std::string> reported;
        size_t suppressed = 0;
        EXPECT_TRUE(eventually([&] {
            EXPECT_EQ(driver.ask("socket"), "EPERM");
            expected.insert("socket");
            while (auto message = link_.receive(Socket::Wait::dont_block).value()) {
                const auto refused = decode<wire::Refused>(*message);
                if (!refused.ok()) continue;
                EXPECT_EQ(refused->pid, driver.pid);
                reported.insert(refused->call);
                suppressed += refused->suppressed;
            }
            return reported.size() + suppressed >= expected.size();
        }));
        EXPECT_EQ(reported.size() + suppressed, expected.size());
        for (const std::string& call : std::set<std::string>(expected.begin(), expected.end())) {
            EXPECT_GE(reported.count(call), 1u) << call << " is not in the log";
        }
    }
    EXPECT_EQ(driver.ask("thread"), "42") << "the driver itself is well";
}

INSTANTIATE_TEST_SUITE_P(Sandboxes, IsolationTest,
                         testing::Values("", "bare", "landlock", "namespaces", "listener",
                                         "namespaces,landlock"),
                         [](const auto& info) {
                             const std::string param = info.param;
                             std::string name = param.empty()     ? "all"
                                                : param == "bare" ? param
                                                                  : "without_" + param;
                             for (char& c : name) c = c == ',' ? '_' : c;
                             return name;
                         });

}  // namespace
}  // namespace opendext::keeper::tests
