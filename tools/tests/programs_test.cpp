// SPDX-License-Identifier: Apache-2.0
#include "tools/tests/programs.h"

#include <unistd.h>

#include "tools/common/json.h"
#include "tools/tests/schema.h"

namespace opendext::tools {
namespace {

TEST_F(Registry, IoregPrintsTheTreeAsItsUsersKnowIt) {
    expect_golden("ioreg-tree", "");
    expect_golden("ioreg-l-w0", "-l -w0");
    expect_golden("ioreg-lx-w60", "-lx -w 60");
    expect_golden("ioreg-n", "-n TestNub@2");
    expect_golden("ioreg-c", "-c TestNub -d 4");
    expect_golden("ioreg-rc", "-rc TestNub");
    expect_golden("ioreg-rlc", "-rlc TestLeaf");
    expect_golden("ioreg-rtn", "-rtn TestNub -i");
    expect_golden("ioreg-rk", "-rk IOUserClass -d1");
    expect_golden("ioreg-p", "-p IOUSB");
    expect_golden("ioreg-a", "-a -l");
    expect_golden("ioreg-ra", "-ra -n Leaf");
    expect_golden("ioreg-r-nothing", "-rc NoSuchClass");
}

TEST_F(Registry, IoregJsonFitsItsSchema) {
    const Value schema = std::move(read_schema("ioreg")).value();
    for (const char* options : {"--json", "--json -l", "--json -r -c TestNub", "--json -d 2 -i"}) {
        const Outcome run = ioreg(options);
        EXPECT_EQ(0, run.status) << run.errors;
        const Result<Value> value = parse_json(run.output);
        ASSERT_TRUE(value.ok()) << value.error().text();
        const Status fits = check_schema(*value, schema);
        EXPECT_TRUE(fits.ok()) << options << ": " << fits.error().text();
    }
    const Value control = std::move(parse_json(ioreg("--json -rn TestControl").output)).value();
    ASSERT_EQ(1U, control.array()->size());
    const Dictionary& entry = *(*control.array())[0].dictionary();
    EXPECT_EQ(Value(uint64_t{4321}), *find(entry, "pid"));
    EXPECT_EQ(Value("started"), *find(entry, "state"));
    EXPECT_EQ(2U, find(entry, "children")->array()->size());
    EXPECT_EQ(5U, find(entry, "properties")->dictionary()->size());
}

TEST_F(Registry, ASchemaCheckThatFindsNothingWouldBeSeen) {
    const Value schema = std::move(read_schema("ioreg")).value();
    const Value value = std::move(parse_json(ioreg("--json").output)).value();
    Dictionary broken = *value.dictionary();
    broken["pid"] = "text";
    EXPECT_FALSE(check_schema(broken, schema).ok());
    broken = *value.dictionary();
    broken["more"] = 1;
    EXPECT_FALSE(check_schema(broken, schema).ok());
    broken = *value.dictionary();
    broken.erase("state");
    EXPECT_FALSE(check_schema(broken, schema).ok());
}

TEST_F(Registry, IoregSurvivesAnEntryThatGoesAndRepliesThatLie) {
    // The entry is in its parent's list but gone when it is asked for.
    daemon.tamper = [](Message reply) {
        auto read = decode<protocol::client::EntriesRead>(reply);
        if (!read.ok()) return reply;
        std::erase_if(read->entries, [](const auto& one) { return one.entry.id == 0x100000112; });
        return encode(std::move(read).value(), reply.serial);
    };
    Outcome run = ioreg("");
    EXPECT_EQ(0, run.status) << run.errors;
    EXPECT_EQ(std::string::npos, run.output.find("TestNub@2"));
    EXPECT_NE(std::string::npos, run.output.find("TestNub@1a"));

    daemon.tamper = [](Message reply) {
        if (reply.kind == static_cast<uint32_t>(protocol::client::Kind::entries_read))
            reply.body.resize(3);
        return reply;
    };
    run = ioreg("");
    EXPECT_EQ(1, run.status);
    EXPECT_EQ("ioreg: message: message is cut short or malformed\n", run.errors);

    // A tree that bites its own tail ends at the depth that is allowed.
    daemon.tamper = [](Message reply) {
        auto read = decode<protocol::client::EntriesRead>(reply);
        if (!read.ok()) return reply;
        for (auto& one : read->entries) one.children = {0x100000101};
        return encode(std::move(read).value(), reply.serial);
    };
    run = ioreg("-d 3");
    EXPECT_EQ(0, run.status) << run.errors;
}

TEST_F(Registry, IoregRefusesWrongOptions) {
    EXPECT_EQ(2, ioreg("-r").status);
    EXPECT_EQ(2, ioreg("-t -c X").status);
    EXPECT_EQ(2, ioreg("-a --json").status);
    EXPECT_EQ(2, ioreg("-w x").status);
    EXPECT_EQ(2, ioreg("operand").status);
}

TEST_F(Registry, SystemextensionsctlListsInItsColumns) {
    const std::string command =
        "systemextensionsctl --realm " + daemon.realm().root().string() + " list";
    EXPECT_EQ("0 extension(s)\n", shell(command).output);
    daemon.extensions = {extension("com.example.one", "activated enabled", true),
                         extension("com.example.two", "terminating for uninstall", false)};
    daemon.extensions[0].team = "ABCDE12345";
    EXPECT_EQ(
        "2 extension(s)\n"
        "--- com.apple.system_extension.driver_extension\n"
        "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]\n"
        "*\t*\tABCDE12345\tcom.example.one (1.0/42)\tName\t[activated enabled]\n"
        "\t\t\tcom.example.two (1.0/42)\tName\t[terminating for uninstall]\n",
        shell(command).output);
    const Outcome json = shell(command + " --json");
    const Result<Value> value = parse_json(json.output);
    ASSERT_TRUE(value.ok()) << value.error().text();
    const Status fits = check_schema(*value, std::move(read_schema("systemextensionsctl")).value());
    EXPECT_TRUE(fits.ok()) << fits.error().text();
    EXPECT_EQ(2, shell("systemextensionsctl frobnicate").status);
    EXPECT_EQ(2, shell("systemextensionsctl").status);
}

TEST_F(Registry, StatusTellsWhetherTheRealmIsUp) {
    const std::string realm = daemon.realm().root().string();
    Outcome run = shell("opendext --realm " + realm + " status");
    EXPECT_EQ(0, run.status);
    EXPECT_EQ(
        realm + " is up: opendextd is process " + std::to_string(::getpid()) + ", its keeper 0\n",
        run.output);
    run = shell("opendext status --json --realm " + realm);
    const Status fits = check_schema(std::move(parse_json(run.output)).value(),
                                     std::move(read_schema("status")).value());
    EXPECT_TRUE(fits.ok()) << fits.error().text();
    run = shell("OPENDEXT_REALM=" + folder.string() + "/none opendext status");
    EXPECT_EQ(1, run.status);
    EXPECT_EQ(folder.string() + "/none is not up\n", run.output);
}

TEST_F(Registry, RefusalsOfTheDaemonReachTheUser) {
    std::filesystem::create_directory(folder / "X.dext");
    const Outcome run = shell("opendext install X.dext --realm " + daemon.realm().root().string());
    EXPECT_EQ(1, run.status);
    EXPECT_EQ("opendext install: the fake daemon does not do that (0xe00002c7)\n", run.errors);
    EXPECT_EQ("", run.output);
    const Outcome missing = shell("opendext install none.dext");
    EXPECT_EQ(1, missing.status);
    EXPECT_EQ("opendext install: cannot install none.dext: No such file or directory\n",
              missing.errors);
}

TEST_F(Registry, LogsFitTheirSchemaAndFilter) {
    std::ofstream(daemon.realm().log())
        << R"({"time":"2026-11-20T12:00:00.000001Z","pid":1,"level":"default","bundle":"","process":"opendextd","subsystem":"opendext","category":"c","message":"one"})"
        << "\nnot json\n"
        << R"({"time":"2026-11-20T12:00:00.000002Z","pid":2,"level":"fault","bundle":"com.example.Foo","process":"p","subsystem":"s","category":"c","message":"two"})"
        << "\n";
    const std::string realm = daemon.realm().root().string();
    EXPECT_EQ(
        "12:00:00.000001 default opendextd[1]: one\nnot json\n12:00:00.000002 fault   "
        "com.example.Foo[2]: two\n",
        shell("opendext --realm " + realm + " logs").output);
    const Outcome run = shell("opendext logs Foo --json --realm " + realm);
    const Value line = std::move(parse_json(run.output)).value();
    const Status fits = check_schema(line, std::move(read_schema("logs")).value());
    EXPECT_TRUE(fits.ok()) << fits.error().text();
    EXPECT_EQ(Value("two"), *find(*line.dictionary(), "message"));
    EXPECT_EQ(1, shell("opendext --realm " + folder.string() + "/none logs").status);
}

TEST_F(Programs, OpendextRunsTheProgramsOfFamiliesAndApplications) {
    write_program(folder / "prefix/libexec/opendext/opendext-hello",
                  "echo \"$OPENDEXT_REALM\" \"$@\"; exit 7\n");
    write_program(folder / "prefix/libexec/opendext/opendext-driver", "echo no\n");
    const std::string prefix = "OPENDEXT_PREFIX=" + folder.string() + "/prefix ";
    Outcome run = shell(prefix + "opendext --realm realm hello --json a 'b c'");
    EXPECT_EQ(7, run.status) << run.errors;
    EXPECT_EQ(folder.string() + "/realm --json a b c\n", run.output);
    run = shell(prefix + "opendext --help");
    EXPECT_EQ(0, run.status);
    EXPECT_NE(std::string::npos, run.output.find("\n  install "));
    EXPECT_NE(std::string::npos, run.output.find("\n  hello\n"));
    EXPECT_EQ(std::string::npos, run.output.find("\n  driver\n"));
    for (const char* words : {"opendext driver", "opendext nonsense", "opendext ../x", "opendext",
                              "opendext --nonsense"}) {
        run = shell(prefix + words);
        EXPECT_EQ(2, run.status) << words;
        EXPECT_NE("", run.errors) << words;
    }
    run = shell("opendext --version");
    EXPECT_EQ(0, run.status);
    EXPECT_EQ(0U, run.output.find("opendext (OpenDext) "));
}

TEST_F(Programs, ARealmThatCannotStartIsReportedWithTheKeepersWords) {
    const std::string prefix = "OPENDEXT_PREFIX=" + folder.string() + "/prefix ";
    Outcome run = shell(prefix + "opendext start --realm realm");
    EXPECT_EQ(1, run.status);
    EXPECT_EQ("opendext start: cannot run " + folder.string() +
                  "/prefix/bin/opendext-keeper: No such file or directory\n",
              run.errors);
    write_program(folder / "prefix/bin/opendext-keeper",
                  "echo \"opendext-keeper: no room for $2\" >&2; exit 1\n");
    run = shell(prefix + "opendext start --realm realm");
    EXPECT_EQ(1, run.status);
    EXPECT_EQ("opendext start: cannot start the realm in " + folder.string() +
                  "/realm: opendext-keeper: no room for " + folder.string() + "/realm\n",
              run.errors);
}

TEST_F(Programs, StopOfARealmThatIsNotUpSucceeds) {
    EXPECT_EQ(0, shell("opendext stop --realm none").status);
}

}  // namespace
}  // namespace opendext::tools
