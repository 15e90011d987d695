// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

// The iig program on files: what it accepts compiles and has the names that driver sources use,
// what it refuses comes with place and fix, and nothing half-made stays behind.

namespace fs = std::filesystem;

namespace {

const fs::path kBuild = OPENDEXT_TEST_BUILD_DIR;
const fs::path kInputs = OPENDEXT_TEST_SOURCE_DIR;

struct Outcome {
    int status = -1;
    std::string output;  ///< stdout and stderr
};

Outcome run(const std::string& command) {
    Outcome result;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (!pipe) return result;
    char buffer[4096];
    for (size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        result.output.append(buffer, count);
    const int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Iig : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "iig-test-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { fs::remove_all(directory_); }

    Outcome generate(const fs::path& input, const std::string& more = "") {
        const std::string name = input.stem().string();
        return run((kBuild / "bin/iig").string() + " --def " + input.string() + " --header " +
                   header(input).string() + " --impl " +
                   (directory_ / (name + ".iig.cpp")).string() + " --system " +
                   (directory_ / (name + ".system.h")).string() + " " + more);
    }
    fs::path header(const fs::path& input) { return directory_ / (input.stem().string() + ".h"); }
    fs::path implementation(const fs::path& input) {
        return directory_ / (input.stem().string() + ".iig.cpp");
    }
    fs::path system(const fs::path& input) {
        return directory_ / (input.stem().string() + ".system.h");
    }

    /// Writes a file into the test's own directory.
    fs::path write(const std::string& name, const std::string& text) {
        std::ofstream(directory_ / name) << text;
        return directory_ / name;
    }

    std::string compile(const fs::path& source, const std::string& more = "") {
        const std::string sdk = (kBuild / "sdk").string();
        const Outcome result =
            run(std::string(OPENDEXT_TEST_COMPILER) +
                " -std=gnu++20 -fblocks -fno-rtti -fno-exceptions -Wall "
                "-Wextra -Werror -fsyntax-only -D__APPLE__=1 -DTARGET_OS_DRIVERKIT=1 -isystem " +
                sdk + "/platform -isystem " + sdk + "/include -I" + directory_.string() + " " +
                more + " " + source.string());
        return result.status == 0 ? "" : result.output;
    }

    fs::path directory_;
};

std::vector<fs::path> files_in(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(kInputs / folder)) {
        if (entry.path().extension() == ".iig") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

TEST_F(Iig, acceptedInputsGiveCodeThatCompiles) {
    const auto inputs = files_in("accepted");
    ASSERT_GE(inputs.size(), 16u);
    std::string system_headers;
    for (const fs::path& input : inputs) {
        SCOPED_TRACE(input.filename().string());
        const Outcome result = generate(input);
        EXPECT_EQ(result.status, 0);
        EXPECT_EQ(result.output, "");
        EXPECT_EQ(compile(implementation(input), "-I" + input.parent_path().string()), "");
        system_headers += "#include \"" + system(input).string() + "\"\n";
    }
    const fs::path user = write("system_user.cpp", system_headers);
    const Outcome system_side = run(std::string(OPENDEXT_TEST_COMPILER) +
                                    " -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I" +
                                    OPENDEXT_TEST_ROOT + " " + user.string());
    EXPECT_EQ(system_side.status, 0) << system_side.output;
}

TEST_F(Iig, refusedInputsNamePlaceReasonAndFix) {
    const auto inputs = files_in("refused");
    ASSERT_GE(inputs.size(), 38u);
    for (const fs::path& input : inputs) {
        SCOPED_TRACE(input.filename().string());
        const Outcome result = generate(input);
        EXPECT_EQ(result.status, 1);
        std::istringstream lines(contents(input));
        size_t expectations = 0;
        for (std::string line; std::getline(lines, line);) {
            for (const std::string kind : {"// expect: ", "// fix: "}) {
                if (!line.starts_with(kind)) continue;
                ++expectations;
                std::string expected = line.substr(kind.size());
                // A place is the file's name and what the line says.
                if (std::isdigit(static_cast<unsigned char>(expected[0])))
                    expected = input.string() + ":" + expected;
                if (kind == "// fix: ") expected = "note: fix: " + expected;
                const bool exact = expected.starts_with(input.string()) || kind == "// expect: ";
                EXPECT_NE(result.output.find(exact ? expected : expected.substr(11)),
                          std::string::npos)
                    << "wanted: " << expected << "\ngot: " << result.output;
            }
        }
        EXPECT_GE(expectations, 1u);
        EXPECT_TRUE(fs::is_empty(directory_)) << "a half-made output was left behind";
    }
}

TEST_F(Iig, anErrorLeavesEarlierOutputsAlone) {
    const fs::path good =
        write("Driver.iig",
              "#include <DriverKit/IOService.iig>\nclass Driver : public IOService {\n  public:\n"
              "    virtual kern_return_t Set(uint32_t value);\n};\n");
    ASSERT_EQ(generate(good).status, 0);
    const std::string before =
        contents(header(good)) + contents(implementation(good)) + contents(system(good));
    write("Driver.iig",
          "#include <DriverKit/IOService.iig>\nclass Driver : public IOService {\n  public:\n"
          "    virtual kern_return_t Set(const char *value);\n};\n");
    EXPECT_EQ(generate(good).status, 1);
    EXPECT_EQ(contents(header(good)) + contents(implementation(good)) + contents(system(good)),
              before);
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) files += entry.is_regular_file();
    EXPECT_EQ(files, 4u);
}

TEST_F(Iig, outputIsTheSameFromAnotherFolderAndRun) {
    const fs::path input = kInputs / "inputs/Everything.iig";
    ASSERT_EQ(generate(input).status, 0);
    const std::string first =
        contents(header(input)) + contents(implementation(input)) + contents(system(input));
    const fs::path copy = write("Everything.iig", contents(input));
    fs::create_directory(directory_ / "second");
    const std::string second_folder = (directory_ / "second").string();
    const Outcome again =
        run("cd / && " + (kBuild / "bin/iig").string() + " --def " + copy.string() + " --header " +
            second_folder + "/Everything.h --impl " + second_folder +
            "/Everything.iig.cpp --system " + second_folder + "/Everything.system.h");
    ASSERT_EQ(again.status, 0) << again.output;
    EXPECT_EQ(first, contents(second_folder + "/Everything.h") +
                         contents(second_folder + "/Everything.iig.cpp") +
                         contents(second_folder + "/Everything.system.h"));
    EXPECT_EQ(first.find(directory_.string()), std::string::npos)
        << "a path of this machine is in the output";
    EXPECT_TRUE(contents(header(input)).starts_with("/* Generated by iig from Everything.iig."));
    EXPECT_TRUE(
        contents(implementation(input)).starts_with("/* Generated by iig from Everything.iig."));
    EXPECT_TRUE(contents(system(input)).starts_with("/* Generated by iig from Everything.iig."));
}

TEST_F(Iig, headerHasTheNamesThatDriversUse) {
    const fs::path input = kInputs / "inputs/Everything.iig";
    ASSERT_EQ(generate(input).status, 0);
    const std::string text = contents(header(input));
    for (const char* wanted :
         {"#define EverythingBase_Add_ID 0x",
          "#define EverythingBase_Add_Args int32_t a, int32_t b, int32_t *sum\n",
          "#define EverythingBase_Nothing_Args",
          "#define EverythingDerived_Remote_Args uint32_t value, uint32_t *doubled\n",
          "#define EverythingBase_Methods",
          "#define EverythingBase_KernelMethods",
          "#define EverythingBase_VirtualMethods",
          "virtual kern_return_t Dispatch(const IORPC rpc) override;",
          "static kern_return_t _Dispatch(EverythingBase *self, const IORPC rpc);",
          "kern_return_t Add(int32_t a, int32_t b, int32_t *sum, OSDispatchMethod supermethod = "
          "NULL);",
          "kern_return_t Nothing(OSDispatchMethod supermethod = NULL);",
          "typedef kern_return_t (*Add_Handler)(OSMetaClassBase *od_target, int32_t a, int32_t b, "
          "int32_t *sum);",
          "static kern_return_t Add_Invoke(const IORPC od_rpc, OSMetaClassBase *od_target, "
          "Add_Handler od_func);",
          "static kern_return_t Done_Invoke(const IORPC od_rpc, OSMetaClassBase *od_target, "
          "Done_Handler od_func, const OSMetaClass *",
          "kern_return_t CreateActionFinished(size_t referenceSize, OSAction **action);",
          "extern OPENDEXT_EXPORT OSMetaClass *gEverythingBaseMetaClass;",
          "extern OPENDEXT_EXPORT OSClassLoadInformation EverythingBase_Class;",
          "class OPENDEXT_EXPORT EverythingBaseMetaClass : public OSMetaClass {",
          "class OPENDEXT_EXPORT EverythingBaseInterface : public OSInterface {\n  public:\n    "
          "virtual int32_t Plain(int32_t value) = 0;",
          "struct EverythingBase_IVars;\nstruct EverythingBase_LocalIVars;",
          "EverythingBase_IVars *ivars;",
          "EverythingBase_LocalIVars *lvars;",
          "using super = OSObject;",
          "class OPENDEXT_EXPORT EverythingDerived : public EverythingKernel, public "
          "EverythingDerivedInterface {",
          "#include <DriverKit/IOService.h>",
          "kern_return_t _Private(uint32_t value, OSDispatchMethod supermethod = NULL);"}) {
        EXPECT_NE(text.find(wanted), std::string::npos) << wanted;
    }
    for (const char* unwanted :
         {"LOCALONLY", "QUEUENAME", "TYPE(", ".iig>", "@iig", "EverythingKernelPrivate",
          "EverythingDerived_Remote_ID", "EverythingBase_Plain_ID"}) {
        EXPECT_EQ(text.find(unwanted), std::string::npos) << unwanted;
    }
    const std::string code = contents(implementation(input));
    EXPECT_NE(code.find("#define EVERYTHING_IMPLEMENTATION 1"), std::string::npos);
    EXPECT_LT(code.find("#define EVERYTHING_IMPLEMENTATION 1"),
              code.find("#include \"Everything.h\""));
    EXPECT_NE(code.find("OSAction_EverythingDerived_Finished"), std::string::npos);
    const std::string system_text = contents(system(input));
    EXPECT_NE(system_text.find("kName = \"EverythingBase::Add\""), std::string::npos);
    EXPECT_EQ(system_text.find("WithBlock"), std::string::npos)
        << "a block cannot leave the process";
}

/// The class that the well-known beginner's tutorial builds, in its three steps. Its family is not
/// there yet: a header with the family's class stands in.
TEST_F(Iig, theTutorialsThreeClassVersionsAreAccepted) {
    fs::create_directory(directory_ / "StandInDriverKit");
    write("StandInDriverKit/IOUserEventService.iig",
          "#pragma once\n#include <DriverKit/IOService.iig>\n"
          "class KERNEL IOUserEventService : public IOService {\n  public:\n"
          "    virtual bool init() override;\n    virtual void free() override;\n"
          "    virtual kern_return_t Start(IOService *provider) override LOCAL;\n"
          "    OSArray *getElements() LOCALONLY;\n};\n");
    const std::string include = "-- -I" + directory_.string();
    ASSERT_EQ(generate(directory_ / "StandInDriverKit/IOUserEventService.iig", include).status, 0);
    fs::rename(directory_ / "IOUserEventService.h",
               directory_ / "StandInDriverKit/IOUserEventService.h");
    const std::string head =
        "#ifndef DriverExample_h\n#define DriverExample_h\n#include <Availability.h>\n"
        "#include <DriverKit/IOService.iig>\n";
    const std::string family = "#include <StandInDriverKit/IOUserEventService.iig>\n";
    const std::string start =
        "    virtual kern_return_t\n    Start(IOService * provider) override;\n};\n"
        "#endif /* DriverExample_h */\n";
    const std::string more =
        "    virtual bool init() override;\n    virtual void free() override;\n";
    for (const std::string& text :
         {head + "class DriverExample: public IOService\n{\npublic:\n" + start,
          head + family + "class DriverExample: public IOUserEventService\n{\npublic:\n" + start,
          head + family + "class DriverExample: public IOUserEventService\n{\npublic:\n" + more +
              start}) {
        const fs::path input = write("DriverExample.iig", text);
        const Outcome result = generate(input, include);
        EXPECT_EQ(result.status, 0) << result.output;
        EXPECT_EQ(compile(implementation(input)), "");
        const fs::path driver =
            write("DriverExample.cpp",
                  "#include <os/log.h>\n#include <DriverKit/IOUserServer.h>\n#include "
                  "<DriverKit/IOLib.h>\n"
                  "#include \"DriverExample.h\"\n"
                  "kern_return_t\nIMPL(DriverExample, Start)\n{\n    kern_return_t ret;\n"
                  "    ret = Start(provider, SUPERDISPATCH);\n"
                  "    os_log(OS_LOG_DEFAULT, \"Hello World\");\n    return ret;\n}\n");
        EXPECT_EQ(compile(driver), "");
    }
}

TEST_F(Iig, everyMethodIsPublicWhateverTheInterfaceSays) {
    const fs::path input = kInputs / "accepted/all_public.iig";
    ASSERT_EQ(generate(input).status, 0);
    const fs::path user =
        write("user.cpp",
              "#include \"all_public.h\"\n"
              "kern_return_t use(AllPublic *object) {\n"
              "    IOUserClientMethodFunction function = &AllPublic::Checked;\n"
              "    object->HiddenVirtual();\n"
              "    return function(object, nullptr, nullptr) + object->Hidden() + "
              "object->NoSpecifier(1);\n"
              "}\n");
    EXPECT_EQ(compile(user), "");
}

/// Value of "#define NAME 0x…" in a header.
uint64_t id_in(const std::string& text, const std::string& name) {
    const size_t at = text.find("#define " + name + " 0x");
    return at == std::string::npos ? 0 : std::stoull(text.substr(text.find("0x", at)), nullptr, 16);
}

TEST_F(Iig, eachCallbackHasAnActionClassOfItsOwn) {
    const fs::path input = kInputs / "accepted/actions.iig";
    ASSERT_EQ(generate(input).status, 0);
    const fs::path user =
        write("user.cpp",
              "#include <DriverKit/OSAction.h>\n#include \"actions.h\"\n"
              "bool ticks(OSAction *action) {\n"
              "    return OSDynamicCast(OSAction_Actions_Tick, action) != nullptr;\n"
              "}\n"
              "kern_return_t make(Actions *object, OSAction **action) {\n"
              "    return object->CreateActionOwnDone(8, action);\n"
              "}\n");
    EXPECT_EQ(compile(user), "");
    const std::string code = contents(implementation(input));
    EXPECT_NE(code.find("IODataQueueDispatchSource::DataAvailable_Invoke(rpc, self"),
              std::string::npos);
    EXPECT_NE(code.find("OSTypeID(OSAction_Actions_Data)"), std::string::npos);
}

/// Both spellings of the words that have an argument do the same: methods of another class, a named
/// queue, the callback that a method implements.
// Facts: EXTENDS, IIG_EXTENDS, QUEUENAME, IIG_QUEUENAME, TYPE, IIG_TYPE
TEST_F(Iig, wordsWithAnArgumentHaveTheirEffectInBothSpellings) {
    const auto text_of = [&](const char* extends, const char* queue_name, const char* type) {
        const fs::path input = write(
            "Driver.iig",
            std::string("#include <DriverKit/IOTimerDispatchSource.iig>\n"
                        "class Driver : public OSObject {\n  public:\n"
                        "    virtual kern_return_t Ask(OSAction *action TARGET) = 0;\n"
                        "    virtual kern_return_t Set(OSAction *action ") +
                type + "(Ask)) " + queue_name +
                "(Slow);\n"
                "    virtual void Tick(OSAction *action, uint64_t time) " +
                type + "(IOTimerDispatchSource::TimerOccurred) " + queue_name +
                "(Ticks);\n};\n"
                "class " +
                extends +
                "(Driver) DriverPrivate {\n    virtual kern_return_t _Hidden(uint32_t a);\n};\n");
        const Outcome result = generate(input);
        EXPECT_EQ(result.output, "");
        return contents(header(input)) + contents(implementation(input));
    };
    const std::string plain = text_of("EXTENDS", "QUEUENAME", "TYPE");
    EXPECT_EQ(plain, text_of("IIG_EXTENDS", "IIG_QUEUENAME", "IIG_TYPE"));
    EXPECT_NE(plain.find("#define Driver__Hidden_ID"), std::string::npos);
    EXPECT_EQ(plain.find("DriverPrivate"), std::string::npos);
    EXPECT_NE(plain.find("\"Slow\\0\"\n        \"Ticks\""), std::string::npos) << "queue names";
    EXPECT_NE(plain.find("Driver_Set_ID, 1,"), std::string::npos);
    EXPECT_NE(plain.find("Driver_Tick_ID, 2,"), std::string::npos);
    EXPECT_NE(plain.find("IOTimerDispatchSource::TimerOccurred_Invoke(rpc, self"),
              std::string::npos);
    EXPECT_NE(plain.find("CreateActionTick("), std::string::npos);
}

TEST_F(Iig, idsStayWhenMethodsAreAddedAndMoved) {
    const auto text_of = [&](const std::string& methods) {
        const fs::path input = write("Driver.iig",
                                     "#include <DriverKit/IOService.iig>\nclass KERNEL Driver : "
                                     "public IOService {\n  public:\n" +
                                         methods + "};\n");
        EXPECT_EQ(generate(input).status, 0);
        return contents(header(input));
    };
    const std::string one = text_of(
        "virtual kern_return_t A(uint32_t v);\nvirtual kern_return_t B(uint32_t v) LOCAL;\n");
    const std::string two = text_of(
        "virtual kern_return_t C(uint32_t v);\nvirtual kern_return_t B(uint32_t v) LOCAL;\n"
        "virtual kern_return_t A(uint32_t v);\n");
    ASSERT_NE(id_in(one, "Driver_A_ID"), 0u);
    EXPECT_EQ(id_in(one, "Driver_A_ID"), id_in(two, "Driver_A_ID"));
    EXPECT_EQ(id_in(one, "Driver_B_ID"), id_in(two, "Driver_B_ID"));
    EXPECT_NE(id_in(one, "Driver_A_ID"), id_in(one, "Driver_B_ID"));
    EXPECT_EQ(id_in(one, "Driver_A_ID") >> 63, 1u) << "the system's side handles it";
    EXPECT_EQ(id_in(one, "Driver_B_ID") >> 63, 0u) << "LOCAL";
}

TEST_F(Iig, headersOfTheSameProjectStandForTheirInterfaces) {
    write("Base.iig",
          "#include <DriverKit/IOService.iig>\nclass Base : public IOService {\n  public:\n"
          "    virtual kern_return_t Set(uint32_t value);\n};\n");
    // Base.h exists, generated, when the second file is read.
    ASSERT_EQ(generate(directory_ / "Base.iig").status, 0);
    fs::create_directory(directory_ / "out");
    fs::rename(directory_ / "Base.h", directory_ / "out" / "Base.h");
    const fs::path derived =
        write("Derived.iig",
              "#include \"Base.iig\"\n#include <Base.h>\nclass Derived : public Base {\n  public:\n"
              "    virtual kern_return_t Set(uint32_t value) override;\n};\n");
    const Outcome result =
        generate(derived, "-- -I" + directory_.string() + " -I" + (directory_ / "out").string());
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_NE(contents(implementation(derived)).find("case Base_Set_ID:"), std::string::npos);
}

TEST_F(Iig, responseFilesGiveClangArguments) {
    const fs::path arguments = write("flags.rsp", "-DEXTRA_METHOD=1\n\"-DWITH_BLANK=1 + 1\"\n");
    const fs::path input =
        write("Driver.iig",
              "#include <DriverKit/IOService.iig>\nclass Driver : public IOService {\n  public:\n"
              "#if EXTRA_METHOD && WITH_BLANK == 2\n    virtual kern_return_t Extra(uint32_t "
              "v);\n#endif\n};\n");
    ASSERT_EQ(generate(input, "-- @" + arguments.string()).status, 0);
    EXPECT_NE(contents(header(input)).find("Driver_Extra_ID"), std::string::npos);
    const Outcome missing = generate(input, "-- @/nonexistent.rsp");
    EXPECT_EQ(missing.status, 1);
    EXPECT_NE(missing.output.find("/nonexistent.rsp"), std::string::npos);
}

TEST_F(Iig, aDepfileNamesWhatWasReadAndBlanksInPathsWork) {
    fs::create_directory(directory_ / "with blank");
    write(
        "with blank/Other.iig",
        "#pragma once\n#include <DriverKit/IOService.iig>\nclass Other : public IOService {\n};\n");
    const fs::path input =
        write("with blank/Driver.iig",
              "#include \"Other.iig\"\nclass Driver : public Other {\n  public:\n"
              "    virtual kern_return_t Set(uint32_t value);\n};\n");
    const std::string folder = (directory_ / "with blank").string();
    const Outcome result = run((kBuild / "bin/iig").string() + " --def '" + input.string() +
                               "' --header '" + folder + "/Driver.h' --impl '" + folder +
                               "/Driver.iig.cpp' --depfile '" + folder + "/Driver.d'");
    ASSERT_EQ(result.status, 0) << result.output;
    const std::string dependencies = contents(folder + "/Driver.d");
    EXPECT_TRUE(dependencies.starts_with(directory_.string() + "/with\\ blank/Driver.h:"));
    for (const char* wanted : {"with\\ blank/Driver.iig", "with\\ blank/Other.iig",
                               "DriverKit/IOService.iig", "DriverKit/IORPC.h"}) {
        EXPECT_NE(dependencies.find(wanted), std::string::npos) << wanted;
    }
    EXPECT_EQ(dependencies.find("/iig-"), dependencies.find("/iig-test"))
        << "a temporary file is named";
    EXPECT_EQ(contents(folder + "/Driver.h").find("with blank"), std::string::npos);
}

TEST_F(Iig, windowsLineEndsAndAByteOrderMarkAreHarmless) {
    std::string text = contents(kInputs / "inputs/Everything.iig");
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
        text.insert(at, "\r");
    const fs::path input = write("Everything.iig", "\xEF\xBB\xBF" + text);
    const Outcome result = generate(input);
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(compile(implementation(input)), "");
    EXPECT_EQ(contents(header(input)).find("\xEF\xBB\xBF"), std::string::npos);
}

TEST_F(Iig, withoutArgumentsTheSdksOwnFlagsHold) {
    const fs::path input =
        write("Driver.iig",
              "#if !__APPLE__ || !TARGET_OS_DRIVERKIT\n#error not a dext\n#endif\n"
              "#include <DriverKit/IOService.iig>\nclass Driver : public IOService {\n};\n");
    const Outcome result = generate(input);
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(generate(input, "--no-sdk").status, 1);
}

TEST_F(Iig, commandLineMistakesAreNamed) {
    const std::string iig = (kBuild / "bin/iig").string();
    Outcome result = run(iig);
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.output.find("'--def' is missing"), std::string::npos);
    result = run(iig + " --def x --header");
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.output.find("'--header' needs a value"), std::string::npos);
    result = run(iig + " --what");
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.output.find("unknown argument '--what'"), std::string::npos);
    result = run(iig + " --def /nonexistent.iig --header " + (directory_ / "a.h").string() +
                 " --impl " + (directory_ / "a.cpp").string());
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("cannot read '/nonexistent.iig'"), std::string::npos);
    result = run(iig + " --def " + (kInputs / "inputs/Tutorial.iig").string() +
                 " --header /proc/none/a.h --impl /proc/none/a.cpp");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.output.find("cannot write '/proc/none/a.h'"), std::string::npos);
    EXPECT_EQ(run(iig + " --help").status, 0);
}

TEST_F(Iig, leavesNoTemporaryFilesBehind) {
    const std::string own = (directory_ / "tmp").string();
    fs::create_directory(own);
    const std::string iig = "TMPDIR=" + own + " " + (kBuild / "bin/iig").string();
    const std::string outputs =
        " --header " + (directory_ / "a.h").string() + " --impl " + (directory_ / "a.cpp").string();
    EXPECT_EQ(run(iig + " --def " + (kInputs / "inputs/Tutorial.iig").string() + outputs).status,
              0);
    EXPECT_EQ(run(iig + " --def " + (kInputs / "refused/reference.iig").string() + outputs).status,
              1);
    EXPECT_TRUE(fs::is_empty(own));
}

TEST_F(Iig, leavesNoTemporaryFilesBehindWhenKilled) {
    const std::string own = (directory_ / "tmp").string();
    fs::create_directory(own);
    const fs::path input = kInputs / "inputs/Tutorial.iig";
    // From before the start to after the end, whatever the machine's speed.
    for (int delay = 0; delay < 40; ++delay) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            setenv("TMPDIR", own.c_str(), 1);
            const std::string iig = (kBuild / "bin/iig").string();
            execl(iig.c_str(), iig.c_str(), "--def", input.c_str(), "--header",
                  header(input).c_str(), "--impl", implementation(input).c_str(), nullptr);
            _exit(127);
        }
        usleep(static_cast<useconds_t>(delay) * 2000);
        kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
    }
    EXPECT_TRUE(fs::is_empty(own));
    for (const auto& entry : fs::directory_iterator(directory_)) {
        EXPECT_TRUE(entry.path() == own || entry.path() == header(input) ||
                    entry.path() == implementation(input))
            << entry.path();
    }
    EXPECT_EQ(generate(input).status, 0);
}

TEST_F(Iig, interfacesOfTheProjectAreFoundByNameAndByProduct) {
    write("Base.iig",
          "#include <DriverKit/IOService.iig>\nclass Base : public IOService {\n  public:\n"
          "    virtual kern_return_t Set(uint32_t value);\n};\n");
    write("user.h",
          "#pragma once\n#include <Product/Base.h>\n#include \"Base.iig\"\n#include \"Derived.h\"\n"
          "class Derived;\n");
    fs::create_directory(directory_ / "deeper");
    write("deeper/Kernel.iig",
          "#include \"../Base.iig\"\nclass KERNEL Kernel : public Base {\n};\n");
    const fs::path derived =
        write("Derived.iig",
              "#include <Product/Base.iig>\n#include \"Base.h\"\n#include \"user.h\"\n#include "
              "\"deeper/Kernel.iig\"\n"
              "class KERNEL Derived : public Kernel {\n  public:\n"
              "    virtual kern_return_t Set(uint32_t value) override LOCAL;\n};\n");
    fs::create_directory(directory_ / "elsewhere");
    write("elsewhere/Far.iig",
          "#include <DriverKit/IOService.iig>\nclass KERNEL Far : public IOService {\n};\n");
    write("user.h",
          contents(directory_ / "user.h") + "#include \"Far.h\"\n#import <Other/Far.iig>\n");
    const Outcome result = generate(derived,
                                    "--framework-name Product --also-name Other "
                                    "--interface " +
                                        (directory_ / "elsewhere/Far.iig").string());
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_NE(contents(implementation(derived)).find("case Base_Set_ID:"), std::string::npos);
}

}  // namespace
