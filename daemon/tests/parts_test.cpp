// SPDX-License-Identifier: Apache-2.0
// Entitlement rules, the log, requests with deadlines, the action table.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/entitlements/policy.h"
#include "daemon/event_loop.h"
#include "daemon/lifecycle/actions.h"
#include "daemon/log/log.h"
#include "daemon/requests.h"

namespace opendext::daemon {
namespace {

TEST(Requirement, FollowsTheThreeForms) {
    const Dictionary none;
    const Dictionary a{{"a", false}};  // presence counts, not the value
    const Dictionary ab{{"a", true}, {"b", true}};
    struct Case {
        Value required;
        bool with_none, with_a, with_ab;
    };
    const Case cases[] = {
        {Value("a"), false, true, true},
        {Value("b"), false, false, true},
        {Array{"x", "a"}, false, true, true},
        {Array{Value(Array{"a", "b"})}, false, false, true},
        {Array{Array{"a", "b"}, Array{"a"}}, false, true, true},
        {Array{Value(Array{})}, true, true, true},
        {Array{}, false, false, false},
        {Value(7), false, false, false},
        {Array{Value(7), Value("a")}, false, true, true},
        {Array{Value(Array{Value(7)})}, false, false, false},
    };
    for (const Case& each : cases) {
        EXPECT_EQ(!missing_entitlement(&each.required, none), each.with_none);
        EXPECT_EQ(!missing_entitlement(&each.required, a), each.with_a);
        EXPECT_EQ(!missing_entitlement(&each.required, ab), each.with_ab);
    }
    EXPECT_FALSE(missing_entitlement(nullptr, none)) << "no requirement passes";
    const Value both = Array{Value(Array{"a", "b"})};
    EXPECT_EQ(*missing_entitlement(&both, a), "b") << "the text names what is missing";
}

TEST(ClientAccessRules, AreTriedInOrder) {
    const Dictionary open_dext{{"com.apple.developer.driverkit.allow-any-userclient-access", true}};
    const Dictionary dext;
    const Dictionary program{
        {"com.apple.developer.driverkit.userclient-access", Array{"com.example.a"}}};
    const Dictionary nobody;
    EXPECT_FALSE(refuse_client({open_dext, nobody, "com.example.a"}));
    EXPECT_FALSE(refuse_client({dext, program, "com.example.a"}));
    EXPECT_TRUE(refuse_client({dext, program, "com.example.b"}));
    EXPECT_NE(
        refuse_client({dext, nobody, "com.example.a"})->find("needed bundle ID com.example.a"),
        std::string::npos);
    const Value administrator = "com.apple.developer.driverkit.administrator";
    EXPECT_TRUE(refuse_client({open_dext, nobody, "com.example.a", &administrator, false}));
    EXPECT_FALSE(refuse_client({open_dext, nobody, "com.example.a", &administrator, true}));
}

class LogTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "opendext-log-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::string read(const std::string& name) const {
        std::ifstream file(folder / name);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::filesystem::path folder;
};

TEST_F(LogTest, WritesOneJsonObjectALine) {
    LogLine line;
    line.time_ns = 1'700'000'000'123'456'789;
    line.pid = 42;
    line.level = LogLevel::error;
    line.bundle = "com.example";
    line.message = "say \"hi\"\\\n\tbell\x07 \xc3\xa9 \xff\xc3 end";
    EXPECT_EQ(Log::to_json(line),
              "{\"time\":\"2023-11-14T22:13:20.123456Z\",\"pid\":42,\"level\":\"error\",\"bundle\":"
              "\"com.example\","
              "\"process\":\"\",\"subsystem\":\"\",\"category\":\"\",\"message\":\"say "
              "\\\"hi\\\"\\\\\\n\\tbell\\u0007 "
              "\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd end\"}");
}

TEST_F(LogTest, TheOlderHalfIsKeptOnce) {
    Log log(folder / "log", 1000);
    for (int i = 0; i < 30; ++i) log.write(LogLevel::info, "test", "line " + std::to_string(i));
    const std::string now = read("log");
    const std::string older = read("log.1");
    EXPECT_LE(now.size(), 1000U);
    EXPECT_LE(older.size(), 1000U);
    EXPECT_NE(now.find("line 29"), std::string::npos);
    EXPECT_FALSE(older.empty());
    EXPECT_FALSE(std::filesystem::exists(folder / "log.2"));
}

TEST_F(LogTest, GatheredLinesWaitUntilTheyAreFlushed) {
    {
        Log log(folder / "log", 1000);
        log.gather();
        log.write(LogLevel::info, "test", "line 1");
        log.write(LogLevel::info, "test", "line 2");
        EXPECT_FALSE(std::filesystem::exists(folder / "log"));
        log.flush();
        const std::string now = read("log");
        EXPECT_LT(now.find("line 1"), now.find("line 2"));
        EXPECT_EQ(std::count(now.begin(), now.end(), '\n'), 2);
        log.flush();
        EXPECT_EQ(read("log"), now);
        log.write(LogLevel::info, "test", "last words");
    }
    EXPECT_NE(read("log").find("last words"), std::string::npos) << "at the end, too";
}

TEST_F(LogTest, GatheredLinesAreBoundedAndFillFilesAsOthersDo) {
    Log log(folder / "log", 1000);
    log.gather();
    for (int i = 0; i < 100; ++i) log.write(LogLevel::info, "test", "line " + std::to_string(i));
    EXPECT_TRUE(std::filesystem::exists(folder / "log")) << "not more than some dozens wait";
    log.flush();
    EXPECT_LE(read("log").size(), 1000U);
    EXPECT_LE(read("log.1").size(), 1000U);
    EXPECT_NE(read("log").find("line 99"), std::string::npos);
    EXPECT_NE((read("log.1") + read("log")).find("line 95"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "log.2"));
}

TEST(LogBudget, LetsABurstThroughAndCountsTheRest) {
    LogBudget budget(3, 1);
    uint64_t skipped = 0;
    uint64_t now = 1'000'000'000;
    int through = 0;
    for (int i = 0; i < 10; ++i) through += budget.take(now, skipped) ? 1 : 0;
    EXPECT_EQ(through, 3);
    now += 1'000'000'000;
    ASSERT_TRUE(budget.take(now, skipped));
    EXPECT_EQ(skipped, 7U);
    EXPECT_FALSE(budget.take(now, skipped));
}

TEST(RequestsTest, EachEndsExactlyOnce) {
    auto loop = std::move(EventLoop::create()).value();
    bool debugged = true;
    int asked = 0;
    Requests requests(*loop, uint64_t{1} << 63, [&] {
        ++asked;
        return debugged;
    });
    std::vector<std::string> ends;
    const auto note = [&](const Result<Message>& result) {
        ends.emplace_back(result.ok() ? "answer" : to_string(result.error().code));
    };
    Message answer;
    answer.serial = requests.add(std::chrono::hours(1), "a", note);
    EXPECT_NE(answer.serial & uint64_t{1} << 63, 0U);
    EXPECT_TRUE(requests.complete(answer));
    EXPECT_FALSE(requests.complete(answer)) << "a second reply is nobody's";
    requests.add(std::chrono::milliseconds(5), "b", note);
    ASSERT_TRUE(loop->run_until([&] { return asked >= 2; }, std::chrono::seconds(20)));
    EXPECT_EQ(ends.size(), 1U) << "a deadline waits while the process is being debugged";
    debugged = false;
    ASSERT_TRUE(loop->run_until([&] { return ends.size() == 2; }, std::chrono::seconds(20)));
    requests.add(std::chrono::hours(1), "c", [&](const Result<Message>& result) {
        note(result);
        requests.add(std::chrono::hours(1), "d", note);
    });
    requests.fail_all(Error{Errc::peer_gone, 0, "gone"});
    EXPECT_EQ(ends, (std::vector<std::string>{"answer", "timed out", "peer gone", "peer gone"}));
    EXPECT_EQ(requests.size(), 0U);
}

TEST(ActionTableTest, TellsTheOwnerWhenTheLastHolderLetsGo) {
    std::vector<std::pair<uint64_t, uint64_t>> aborted;
    ActionTable table(
        [&](uint64_t owner, uint64_t number) { aborted.emplace_back(owner, number); });
    const uint64_t own = ActionTable::kDriverAction | 1;
    const uint64_t foreign = table.import(1, own);
    EXPECT_EQ(table.import(1, own), foreign) << "one action, one number";
    EXPECT_NE(table.import(2, own), foreign) << "numbers belong to their process";
    table.hand_out(foreign, 2);
    table.hand_out(foreign, 3);
    EXPECT_TRUE(table.holds(2, foreign));
    table.drop(4, foreign);
    table.drop(2, foreign);
    EXPECT_TRUE(aborted.empty());
    table.process_gone(3);
    ASSERT_EQ(aborted.size(), 1U);
    EXPECT_EQ(aborted[0], (std::pair<uint64_t, uint64_t>{1, own}));
    EXPECT_EQ(table.find(foreign), nullptr);
    table.process_gone(2);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(aborted.size(), 1U) << "a dead owner is told nothing";
}

}  // namespace
}  // namespace opendext::daemon
