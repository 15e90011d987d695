// SPDX-License-Identifier: Apache-2.0
// opendext errno, match and doctor as people run them.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tools/common/json.h"
#include "tools/doctor/device_access.h"
#include "tools/doctor/left_behind.h"
#include "tools/tests/programs.h"
#include "tools/tests/schema.h"

namespace opendext::tools {
namespace {

Value parsed(const Outcome& run, const std::string& schema) {
    Result<Value> value = parse_json(run.output);
    EXPECT_TRUE(value.ok()) << run.output << run.errors;
    if (!value.ok()) return {};
    const Status fits = check_schema(*value, std::move(read_schema(schema)).value());
    EXPECT_TRUE(fits.ok()) << fits.error().text();
    return std::move(*value);
}

const Dictionary& first(const Value& list) {
    return *list.array()->at(0).dictionary();
}

class Explained : public Registry {
  protected:
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder / name) << text;
    }
};

// --- errno

TEST_F(Explained, ErrnoKnowsAllFormsOfANumber) {
    const std::string expected = shell("opendext errno 0xe00002e2").output;
    EXPECT_EQ(0U, expected.find("kIOReturnNotPermitted  0xe00002e2  -536870174  (IOReturn)\n"));
    EXPECT_NE(std::string::npos, expected.find("com.apple.developer.driverkit.userclient-access"));
    EXPECT_NE(std::string::npos,
              expected.find("  system 0x38 (IOKit), subsystem 0x0 (sub_iokit_common), code 0x2e2"));
    for (const char* form :
         {"-536870174", "3758097122", "e00002e2", "E00002E2", "0XE00002E2", "0xffffffffe00002e2",
          "kIOReturnNotPermitted", "NotPermitted", "kioreturnnotpermitted"}) {
        EXPECT_EQ(expected, shell(std::string("opendext errno ") + form).output) << form;
    }
}

TEST_F(Explained, ErrnoExplainsSeveralAndAllThatANumberStandsFor) {
    const Outcome run = shell("opendext errno 4 0xe0000010 0xe0005000 0xc00d 0xe3ff8001");
    EXPECT_EQ(0, run.status) << run.errors;
    compare_golden("errno", run.output);
}

TEST_F(Explained, ErrnoFitsItsSchema) {
    const Value list = parsed(shell("opendext errno --json -536870163 0xc00d 0"), "opendext-errno");
    ASSERT_EQ(3U, list.array()->size());
    const Dictionary& died = first(list);
    EXPECT_EQ(Value("-536870163"), died.at("given"));
    EXPECT_EQ(Value(Number{0xe00002ed, 32}), died.at("unsigned"));
    EXPECT_EQ(Value("kIOReturnNotResponding"), first(died.at("names")).at("name"));
    EXPECT_NE(std::string::npos,
              first(died.at("names")).at("advice").array()->at(0).string()->find("REALM/crash"));
    EXPECT_EQ(Value("EACCES: Permission denied"), list.array()->at(1).dictionary()->at("errno"));
}

TEST_F(Explained, ErrnoRefusesWhatIsNoCodeAndExplainsTheRest) {
    const Outcome run = shell("opendext errno kIOReturnNotPermited 0xe00002d8 12x 0x100000000");
    EXPECT_EQ(1, run.status);
    EXPECT_EQ(0U, run.output.find("kIOReturnNotReady"));
    EXPECT_EQ(
        "opendext errno: there is no code 'kIOReturnNotPermited'; did you mean "
        "kIOReturnNotPermitted?\n"
        "opendext errno: there is no code '12x'\n"
        "opendext errno: '0x100000000' does not fit into the 32 bits of a code\n",
        run.errors);
    for (const char* bad : {"''", "-", "0x", "--", "-0x", "99999999999999999999", "-2147483649",
                            "0xfffffffe00000000"}) {
        const Outcome refused = shell(std::string("opendext errno ") + bad);
        EXPECT_LE(1, refused.status) << bad;
        EXPECT_GE(2, refused.status) << bad;
        EXPECT_NE("", refused.errors) << bad;
    }
    EXPECT_EQ(2, shell("opendext errno").status);
    EXPECT_EQ(2, shell("opendext errno -x").status);
}

// --- match

TEST_F(Explained, MatchShowsWhatADictionarySelects) {
    const Outcome run = this->run("opendext match", "--class TestNub");
    EXPECT_EQ(0, run.status) << run.errors;
    compare_golden("match-selected", run.output);
}

TEST_F(Explained, MatchNamesTheKeyThatFails) {
    const Outcome run = this->run("opendext match", "--class TestNub --name Leav");
    EXPECT_EQ(1, run.status) << run.errors;
    compare_golden("match-nothing", run.output);
}

TEST_F(Explained, MatchTellsOfAMisspeltClassAndOfADriverThatIsNotRegistered) {
    Outcome run = this->run("opendext match", "--class TestLeav");
    EXPECT_EQ(1, run.status);
    EXPECT_NE(std::string::npos, run.output.find("did you mean TestLeaf?")) << run.output;
    daemon.add(0x100000120, 0x100000110,
               {"Silent", {"SilentDriver", "IOService"}, {}, "", 12, 0, 5, 99, "started"});
    run = this->run("opendext match", "--class SilentDriver");
    EXPECT_EQ(1, run.status);
    EXPECT_NE(std::string::npos,
              run.output.find("Silent (0x100000120) is of class SilentDriver and not registered"))
        << run.output;
}

TEST_F(Explained, MatchTriesTheKeysOfAFamilyOneByOne) {
    write("keys.plist",
          R"(<plist version="1.0"><dict><key>IOProviderClass</key><string>TestNub</string>
             <key>Depth</key><integer>3</integer><key>Width</key><integer>4</integer></dict></plist>)");
    const Outcome run = this->run("opendext match", "keys.plist");
    EXPECT_EQ(1, run.status) << run.errors;
    EXPECT_NE(std::string::npos, run.output.find("hint: without Width it selects 1 service\n"))
        << run.output;
    EXPECT_EQ(std::string::npos, run.output.find("without Depth")) << run.output;
}

TEST_F(Explained, MatchReadsDictionariesPersonalitiesAndStandardInput) {
    write(
        "dictionary.plist",
        R"(<plist version="1.0"><dict><key>IOProviderClass</key><string>TestLeaf</string></dict></plist>)");
    const std::string leaf = this->run("opendext match", "--class TestLeaf").output;
    EXPECT_EQ(leaf, this->run("opendext match", "dictionary.plist").output);
    EXPECT_EQ(leaf,
              this->run("opendext match", "- < " + (folder / "dictionary.plist").string()).output);
    write("Info.plist",
          R"(<plist version="1.0"><dict><key>IOKitPersonalities</key><dict>
             <key>Good</key><dict><key>IOProviderClass</key><string>TestLeaf</string>
               <key>IOUserClass</key><string>Mine</string></dict>
             <key>Bad</key><dict><key>IOProviderClass</key><string>NoSuchThing</string></dict>
             </dict></dict></plist>)");
    const Outcome run = this->run("opendext match", "Info.plist --json");
    EXPECT_EQ(1, run.status) << run.errors;
    const Value list = parsed(run, "opendext-match");
    ASSERT_EQ(2U, list.array()->size());
    EXPECT_EQ(Value("Bad"), first(list).at("personality"));
    EXPECT_TRUE(first(list).at("selected").array()->empty());
    EXPECT_EQ(Value("IOProviderClass"), first(first(list).at("conditions")).at("key"));
}

TEST_F(Explained, MatchRefusesBadInputWithThePlace) {
    write("broken.plist",
          "<plist version=\"1.0\"><dict>\n<key>IOName</key <string>x</string></dict></plist>");
    write("array.plist", "<plist version=\"1.0\"><array/></plist>");
    write(
        "personality.plist",
        R"(<plist version="1.0"><dict><key>IOKitPersonalities</key><dict><key>A</key><string>x</string></dict></dict></plist>)");
    Outcome run = this->run("opendext match", "broken.plist");
    EXPECT_EQ(1, run.status);
    EXPECT_NE(std::string::npos, run.errors.find("broken.plist:2:")) << run.errors;
    for (const char* bad : {"array.plist", "personality.plist", "none.plist", "/", "- </dev/null",
                            "--property =x --class A", "--property x --class A"}) {
        run = this->run("opendext match", bad);
        EXPECT_EQ(1, run.status) << bad;
        EXPECT_EQ(0U, run.errors.find("opendext match: ")) << bad << run.errors;
        EXPECT_EQ("", run.output) << bad;
    }
    EXPECT_EQ(2, this->run("opendext match", "").status);
    EXPECT_EQ(2, this->run("opendext match", "a b").status);
}

// --- doctor

TEST_F(Explained, DoctorExaminesTheMachineWithoutARealm) {
    const Outcome run = shell("opendext doctor --machine --json --realm none");
    const Value report = parsed(run, "opendext-doctor");
    EXPECT_FALSE(*report.dictionary()->at("up").boolean());
    EXPECT_EQ(*report.dictionary()->at("healthy").boolean(), run.status == 0);
    ASSERT_LT(8U, report.dictionary()->at("machine").array()->size());
    for (const Value& feature : *report.dictionary()->at("machine").array()) {
        const Dictionary& fields = *feature.dictionary();
        const bool present = *fields.at("present").boolean();
        EXPECT_EQ(present, fields.at("fix").string()->empty()) << *fields.at("name").string();
        EXPECT_EQ(present, fields.at("cost").string()->empty()) << *fields.at("name").string();
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "none")) << "it starts nothing";
    EXPECT_EQ(2, shell("opendext doctor --machine name").status);
    EXPECT_EQ(2, shell("opendext doctor --open x").status);
}

TEST_F(Explained, DoctorSaysThatTheRealmOfANamedServiceIsNotUp) {
    const Outcome run = shell("opendext doctor MyDriver --realm none");
    EXPECT_EQ(1, run.status);
    EXPECT_NE(std::string::npos, run.output.find("none is not up: no program finds anything there"))
        << run.output;
}

TEST_F(Explained, DoctorFindsServicesByClassAndNameAndTellsTheNearestName) {
    Outcome run = this->run("opendext doctor", "TestLeaf");
    EXPECT_NE(std::string::npos,
              run.output.find("ok      /OpenDext/IOUserResources/TestControl/"
                              "TestNub@2/Leaf: Leaf (0x100000113) is registered"))
        << run.output;
    run = this->run("opendext doctor", "TestLeav");
    EXPECT_EQ(1, run.status);
    EXPECT_NE(std::string::npos, run.output.find("broken  TestLeav at 'name': ")) << run.output;
    EXPECT_NE(std::string::npos, run.output.find("fix: did you mean TestLeaf?")) << run.output;
}

TEST_F(Explained, DoctorNamesExtensionsThatAreNotEnabledOrCannotBeRead) {
    daemon.extensions = {extension("com.example.waiting", "activated waiting for user", false),
                         extension("com.example.gone", "activated enabled", true)};
    daemon.extensions[0].awaiting_approval = true;
    const Outcome run = this->run("opendext doctor", "--json");
    EXPECT_EQ(1, run.status);
    const Value report = parsed(run, "opendext-doctor");
    const Array& diagnoses = *report.dictionary()->at("diagnoses").array();
    ASSERT_EQ(2U, diagnoses.size());
    EXPECT_EQ(Value("enabled"), first(diagnoses[0].dictionary()->at("findings")).at("broken"));
    EXPECT_EQ(Value("installed"), first(diagnoses[1].dictionary()->at("findings")).at("broken"));
    EXPECT_NE(std::string::npos,
              this->run("opendext doctor", "gone").output.find("at 'installed'"));
}

TEST(DeviceAccess, SaysWhichNodesAUserMayOpenAndTheRuleThatHelps) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("opendext-access-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "rules");
    std::filesystem::create_directories(folder / "dev");
    std::ofstream(folder / "rules/x.json")
        << R"({"name": "Knobs", "folder": "/dev", "begins": "knob", "cost": "no knobs",
              "rule": "KERNEL==\"knob*\"", "file": "/etc/x.rules"})";
    std::ofstream(folder / "rules/broken.json") << "{";
    auto found = doctor::examine_device_access(folder / "rules", folder);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].present);
    EXPECT_EQ(found[0].found, "/dev/knob*: there are none");
    std::ofstream(folder / "dev/knob0") << "";
    // Nobody may open what is not there, root neither.
    std::filesystem::create_symlink("nowhere", folder / "dev/knob1");
    found = doctor::examine_device_access(folder / "rules", folder);
    EXPECT_FALSE(found[0].present);
    EXPECT_EQ(found[0].found, "/dev/knob*: this user may open 1 of 2");
    EXPECT_NE(found[0].fix.find("put this line into /etc/x.rules: KERNEL==\"knob*\""),
              std::string::npos)
        << found[0].fix;
    std::filesystem::remove_all(folder);
}

TEST(LeftBehind, NamesWhatAKilledRealmHasChangedAndNotChangedBack) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("opendext-left-" + std::to_string(::getpid()));
    for (const char* name : {"input3", "input4"})
        std::filesystem::create_directories(folder / "sys" / name);
    std::filesystem::create_directories(folder / "rules");
    std::ofstream(folder / "rules/x.json")
        << R"({"name": "knobs given back", "notes": "/notes", "attribute": "/sys/%/inhibited",
              "cost": "no knobs", "fix": "turn them"})";
    std::ofstream(folder / "rules/broken.json") << "{";
    const auto examine = [&](bool realm_is_up) {
        return doctor::examine_left_behind(folder / "rules", realm_is_up, folder);
    };
    auto found = examine(false);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].present) << found[0].found;
    // One that is on again, one that is unplugged, one that is no name, and one that is left.
    std::ofstream(folder / "notes") << "input3\ninput4\ninput5\n../sys/input4\n";
    std::ofstream(folder / "sys/input3/inhibited") << "0\n";
    std::ofstream(folder / "sys/input4/inhibited") << "1\n";
    found = examine(false);
    EXPECT_FALSE(found[0].present);
    EXPECT_EQ(found[0].found, "a realm that was killed has left input4");
    EXPECT_EQ(found[0].cost, "no knobs");
    EXPECT_EQ(found[0].fix, "turn them");
    EXPECT_TRUE(examine(true)[0].present);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace opendext::tools
