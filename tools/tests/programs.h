// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "iokit/tests/fake_daemon.h"

/// The programs as people run them, against a scripted registry. Golden files: set
/// OPENDEXT_UPDATE_GOLDEN=1 to write them anew, then read the difference.
namespace opendext::tools {

struct Outcome {
    int status = -1;
    std::string output;
    std::string errors;
};

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

class Programs : public ::testing::Test {
  protected:
    Programs() {
        std::string name = "/tmp/opendext-programs-XXXXXX";
        EXPECT_NE(nullptr, ::mkdtemp(name.data()));
        folder = name;
    }
    ~Programs() override { std::filesystem::remove_all(folder); }

    /// Runs a shell line with the built programs in $PATH.
    Outcome shell(const std::string& line) const {
        const std::string command = "cd " + folder.string() +
                                    " && PATH=" OPENDEXT_BUILD "/bin:$PATH " + line + " 2>" +
                                    (folder / "errors").string();
        Outcome run;
        FILE* pipe = ::popen(command.c_str(), "r");
        char buffer[4096];
        for (size_t count; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
            run.output.append(buffer, count);
        const int status = ::pclose(pipe);
        run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        run.errors = read_file(folder / "errors");
        return run;
    }
    void write_program(const std::filesystem::path& path, const std::string& text) const {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << "#!/bin/sh\n" << text;
        ASSERT_EQ(0, ::chmod(path.c_str(), 0755));
    }
    std::filesystem::path folder;
};

/// An extension as opendextd lists it.
inline protocol::client::ExtensionInfo extension(const std::string& bundle_id,
                                                 const std::string& state, bool enabled) {
    protocol::client::ExtensionInfo info;
    info.bundle_id = bundle_id;
    info.version = "42";
    info.short_version = "1.0";
    info.name = "Name";
    info.path = "/none";
    info.state = state;
    info.enabled = info.active = enabled;
    return info;
}

class Registry : public Programs {
  protected:
    Registry() {
        daemon.add(
            0x100000101, 0,
            {"OpenDext", {"IOPlatformExpertDevice", "IOService"}, {{"model", Data{'v', '1', 0}}}});
        daemon.add(0x100000102, 0x100000101,
                   {"IOResources",
                    {"IOResources", "IOService"},
                    {{"IOKit", "IOService"}, {"Empty", Dictionary{}}}});
        daemon.add(0x100000103, 0x100000101, {"IOUserResources", {"IOUserResources", "IOService"}});
        daemon.add(0x100000110, 0x100000103,
                   {"TestControl",
                    {"IOUserService", "IOService", "IORegistryEntry"},
                    {{"IOUserClass", "TestControl"},
                     {"IOPropertyMatch", Dictionary{{"a", 1}, {"b", Array{"x", true}}}},
                     {"Key", Data{0x0a, 0x0b}},
                     {"Set", Set{{7, 8}}},
                     {"Text", "line\nnext \"quoted\""}},
                    "",
                    15,
                    1,
                    7,
                    4321,
                    "started"});
        daemon.add(0x100000111, 0x100000110,
                   {"TestNub", {"TestNub", "IOService"}, {{"Big", 0xffffffffU}}, "1a", 12});
        daemon.add(0x100000112, 0x100000110,
                   {"TestNub", {"TestNub", "IOService"}, {{"Big", uint64_t{1} << 40}}, "2"});
        daemon.add(0x100000113, 0x100000112,
                   {"Leaf", {"TestLeaf", "TestNub", "IOService"}, {{"Depth", 3}}});
    }
    /// Runs a tool (`command`: its name and what comes with it) in the scripted realm.
    Outcome run(const std::string& command, const std::string& options) const {
        return shell(command + " --realm " + daemon.realm().root().string() + " " + options);
    }
    Outcome ioreg(const std::string& options) const { return run("ioreg", options); }
    static void compare_golden(const std::string& name, const std::string& output) {
        const std::filesystem::path golden =
            std::filesystem::path(OPENDEXT_GOLDEN) / (name + ".txt");
        if (::getenv("OPENDEXT_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << output;
        EXPECT_EQ(read_file(golden), output) << name;
    }
    void expect_golden(const std::string& name, const std::string& options) const {
        const Outcome run = ioreg(options);
        EXPECT_EQ(0, run.status) << run.errors;
        compare_golden(name, run.output);
    }
    fakes::FakeDaemon daemon;
};

}  // namespace opendext::tools
