// SPDX-License-Identifier: Apache-2.0
#include "daemon/entitlements/programs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "daemon/adoption/program_watch.h"
#include "rpc/socket.h"

namespace opendext::daemon {
namespace {

namespace fs = std::filesystem;

class Programs : public testing::Test {
  protected:
    Programs() {
        char name[] = "/tmp/opendext-programs-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    ~Programs() override { fs::remove_all(folder_); }
    /// A list of these keys in XML.
    void write(const std::string& name, const std::string& keys) {
        std::ofstream(folder_ / name)
            << "<plist version=\"1.0\"><dict>" << keys << "</dict></plist>";
    }
    static std::string grants(const std::string& entitlement,
                              const std::string& value = "<true/>") {
        return "<key>Entitlements</key><dict><key>" + entitlement + "</key>" + value + "</dict>";
    }
    Dictionary of(const ProgramIdentity& program) {
        return entitlements().of(program).entitlements;
    }
    ProgramIdentity someone() { return {1, 1234, {50, 60}, "/usr/bin/some"}; }

    fs::path folder_;
    std::vector<std::string> complaints_;
    ProgramEntitlements& entitlements() {
        if (!entitlements_) {
            entitlements_.emplace(folder_,
                                  [this](const std::string& text) { complaints_.push_back(text); });
        }
        return *entitlements_;
    }
    std::optional<ProgramEntitlements> entitlements_;
};

TEST_F(Programs, WithoutAFolderNothingIsGranted) {
    fs::remove_all(folder_);
    EXPECT_TRUE(of(someone()).empty());
    EXPECT_TRUE(complaints_.empty());
}

TEST_F(Programs, EveryConditionOfAListHasToFit) {
    write("a.plist", "<key>User</key><integer>1234</integer>" + grants("user"));
    write("b.plist", "<key>Group</key><string>60</string>" + grants("group"));
    write("c.plist", "<key>Program</key><string>/usr/bin/some</string>" + grants("program"));
    write("d.plist", "<key>User</key><string>1234</string><key>Group</key><integer>61</integer>" +
                         grants("other group"));
    write("e.plist", "<key>User</key><string>root</string>" + grants("root"));
    write("f.plist", "<key>Program</key><string>/usr/bin/another</string>" + grants("another"));
    write("g.txt", "<key>User</key><integer>1234</integer>" + grants("no list"));
    EXPECT_EQ(of(someone()), (Dictionary{{"user", true}, {"group", true}, {"program", true}}));
    EXPECT_EQ(of({1, 0, {0}, "/sbin/init"}), (Dictionary{{"root", true}}));
    EXPECT_TRUE(complaints_.empty()) << complaints_.front();
}

TEST_F(Programs, WhatSeveralListsGrantAddsUp) {
    write("a.plist", "<key>User</key><integer>1234</integer>" +
                         grants("access", "<array><string>one</string></array>"));
    write("b.plist", "<key>Group</key><integer>50</integer>" +
                         grants("access", "<array><string>two</string></array>"));
    EXPECT_EQ(of(someone()), (Dictionary{{"access", Array{"one", "two"}}}));
}

TEST_F(Programs, AChangeCountsFromThenOn) {
    EXPECT_TRUE(of(someone()).empty());
    write("a.plist", "<key>User</key><integer>1234</integer>" + grants("user"));
    EXPECT_EQ(of(someone()).count("user"), 1u);
    fs::remove(folder_ / "a.plist");
    EXPECT_TRUE(of(someone()).empty());
}

TEST_F(Programs, AListThatCannotBeUsedGrantsNothingAndIsNamedOnce) {
    const std::pair<std::string, std::string> bad[] = {
        {"write User, Group or Program", grants("x")},
        {"must be there, and a dictionary", "<key>User</key><integer>1234</integer>"},
        {"must be a name or a number", "<key>User</key><true/>" + grants("x")},
        {"\"nobody-of-that-name\" does not exist",
         "<key>User</key><string>nobody-of-that-name</string>" + grants("x")},
        {"must be an absolute path", "<key>Program</key><string>some</string>" + grants("x")},
        {"unknown; known are", "<key>Users</key><integer>1234</integer>" + grants("x")},
    };
    for (const auto& [reason, keys] : bad) {
        complaints_.clear();
        write("bad.plist", keys);
        EXPECT_TRUE(of(someone()).empty()) << reason;
        EXPECT_TRUE(of(someone()).empty()) << reason;
        ASSERT_EQ(complaints_.size(), 1u) << reason;
        EXPECT_NE(complaints_.front().find(reason), std::string::npos) << complaints_.front();
        EXPECT_NE(complaints_.front().find("bad.plist"), std::string::npos) << complaints_.front();
    }
    std::ofstream(folder_ / "bad.plist") << "no plist";
    EXPECT_TRUE(of(someone()).empty());
}

TEST_F(Programs, AProgramThatCannotBeSeenIsToldWhichListDoesNotCount) {
    write("a.plist", "<key>Program</key><string>/usr/bin/some</string>" + grants("by program"));
    write("b.plist", "<key>User</key><integer>1234</integer>" + grants("by user"));
    write("c.plist",
          "<key>User</key><integer>7</integer><key>Program</key><string>/bin/a</string>" +
              grants("of another user"));
    const Grants granted = entitlements().of({1, 1234, {50}, ""});
    EXPECT_EQ(granted.entitlements, (Dictionary{{"by user", true}}));
    EXPECT_NE(granted.unseen.find("a.plist"), std::string::npos) << granted.unseen;
    EXPECT_NE(granted.unseen.find("cannot see what programs of user 1234 run"), std::string::npos)
        << granted.unseen;
    EXPECT_NE(granted.unseen.find("write User or Group instead"), std::string::npos);
    (void)entitlements().of({2, 1234, {50}, ""});
    EXPECT_EQ(complaints_, std::vector<std::string>{granted.unseen}) << "once, not for each";
    EXPECT_EQ(entitlements().of(someone()).unseen, "");
    EXPECT_EQ(entitlements().of({3, 7, {}, "/bin/b"}).unseen, "");
}

TEST_F(Programs, TheKernelSaysWhoIsThere) {
    const auto pair = std::move(Socket::pair()).value();
    const ProgramIdentity program = identify_program(pair.first);
    EXPECT_EQ(program.pid, ::getpid());
    EXPECT_EQ(program.uid, ::geteuid());
    EXPECT_NE(std::find(program.groups.begin(), program.groups.end(), ::getegid()),
              program.groups.end());
    EXPECT_EQ(program.executable, fs::read_symlink("/proc/self/exe"));
    EXPECT_EQ(program.start_time, process_start_time(::getpid()));
}

TEST_F(Programs, OneThatHasEndedIsNobodyElse) {
    const fs::path path = folder_ / "socket";
    const Listener listener = std::move(Listener::bind(path, 0600)).value();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t connecting = ::fork();
    if (connecting == 0) {
        const auto socket = Socket::connect(path);
        if (::fork() == 0) {  // has the connection as long as the test wants
            write_end.reset();
            char byte = 0;
            (void)!::read(read_end.get(), &byte, 1);
        }
        ::_exit(socket.ok() ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(connecting, &status, 0), connecting);
    ASSERT_EQ(status, 0);
    const auto accepted = listener.accept();
    ASSERT_TRUE(accepted.ok() && accepted->has_value());
    const ProgramIdentity program = identify_program(**accepted);
    EXPECT_EQ(program.pid, connecting);
    EXPECT_EQ(program.executable, "");
    EXPECT_EQ(program.start_time, 0U);
}

}  // namespace
}  // namespace opendext::daemon
