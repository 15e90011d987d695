// SPDX-License-Identifier: Apache-2.0
#include "project/header_map.h"

#include <gtest/gtest.h>

#include "project/job.h"
#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

/// The reader that counts is clang's.
TEST(HeaderMap, ClangFindsWhatIsInIt) {
    const TemporaryFolder folder;
    std::map<std::string, std::string> headers;
    std::string source;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "Header" + std::to_string(i) + ".h";
        headers.emplace(name, folder.write("far away/" + std::to_string(i) + "/" + name,
                                           "#define H" + std::to_string(i) + "\n"));
        source += "#include \"" + name + "\"\n#ifndef H" + std::to_string(i) +
                  "\n#error missing\n#endif\n";
    }
    headers.emplace("Product/Inner.h", folder.write("x/Inner.h", "#define INNER\n"));
    source += "#include \"Product/Inner.h\"\n#ifndef INNER\n#error missing\n#endif\n";
    const auto map = folder.write("headers.hmap", make_header_map(headers));
    const auto file = folder.write("source.cpp", source);
    const auto compile = [&](const std::vector<std::string>& more) {
        std::vector<std::string> command = {"clang++-19", "-fsyntax-only", file};
        command.insert(command.end(), more.begin(), more.end());
        const auto printed = output_of(command);
        return printed.ok() ? *printed : printed.error().text();
    };
    EXPECT_EQ(compile({"-iquote", map}), "");
    EXPECT_EQ(compile({"-I", map}), "");
    EXPECT_NE(compile({}).find("'Header0.h' file not found"), std::string::npos);
}

TEST(HeaderMap, EmptyAndRepeatedKeysAreFine) {
    EXPECT_GT(make_header_map({}).size(), 24U);
    EXPECT_EQ(make_header_map({{"A.h", "/1/A.h"}, {"a.h", "/2/a.h"}}).find("/2/"),
              std::string::npos)
        << "of keys that differ in case the first one counts";
}

}  // namespace
}  // namespace opendext::project
