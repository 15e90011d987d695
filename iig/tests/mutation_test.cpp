// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "iig/emit/emit.h"
#include "iig/parse/interface_text.h"
#include "iig/parse/reader.h"

// The corpus of accepted and refused inputs, changed at random places: whatever comes out is read
// to an end, refused with a place, or gives the same output every time. OPENDEXT_FUZZ_RUNS=N tries
// more; OPENDEXT_FUZZ_SEED=N others.

namespace {

namespace fs = std::filesystem;
using namespace opendext::iig;

const fs::path kInputs = OPENDEXT_TEST_SOURCE_DIR;

unsigned number_of(const char* variable, unsigned otherwise) {
    const char* text = std::getenv(variable);
    return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> corpus() {
    std::vector<fs::path> paths;
    for (const char* folder : {"accepted", "refused", "inputs"}) {
        for (const auto& entry : fs::directory_iterator(kInputs / folder)) {
            if (entry.path().extension() == ".iig") paths.push_back(entry.path());
        }
    }
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> texts;
    for (const fs::path& path : paths) texts.push_back(contents(path));
    return texts;
}

class Mutator {
  public:
    Mutator(std::vector<std::string> corpus, unsigned seed)
        : corpus_(std::move(corpus)), random_(seed) {}

    std::string next() {
        std::string text = pick(corpus_);
        // Half of the inputs get words alone, so that many are still accepted.
        if (below(2) == 0) {
            add_word(text);
        } else {
            for (size_t changes = 1 + below(3); changes > 0; --changes) change(text);
        }
        return text;
    }

  private:
    size_t below(size_t limit) {
        return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
    }
    const std::string& pick(const std::vector<std::string>& from) {
        return from[below(from.size())];
    }

    /// A word behind the parameters of a method.
    void add_word(std::string& text) {
        static const std::vector<std::string> kEndings = {
            " LOCALONLY", " LOCAL", " QUEUENAME(Added)", " IIG_LOCALONLY", " REPLY", " KERNEL"};
        const std::vector<Lexeme> all = lexemes(text);
        std::vector<size_t> places;
        for (size_t i = 0; i + 1 < all.size(); ++i) {
            if (all[i].text == ")" && all[i + 1].text == ";") places.push_back(all[i].begin + 1);
        }
        if (!places.empty()) text.insert(places[below(places.size())], pick(kEndings));
    }

    void change(std::string& text) {
        static const std::vector<std::string> kPieces = {"LOCALONLY",
                                                         "LOCAL",
                                                         "KERNEL",
                                                         "TYPE(Other)",
                                                         "TARGET",
                                                         "QUEUENAME(Q)",
                                                         "override",
                                                         "final",
                                                         "= 0",
                                                         "const",
                                                         "virtual",
                                                         "static",
                                                         "{",
                                                         "}",
                                                         "(",
                                                         ")",
                                                         ";",
                                                         "class",
                                                         "int",
                                                         "*",
                                                         "&",
                                                         "[3]",
                                                         "#if 0\n",
                                                         "#endif\n",
                                                         "/*",
                                                         "*/",
                                                         "// ",
                                                         "\\\n",
                                                         "EXTENDS(X)",
                                                         "template <typename T>",
                                                         "namespace n {",
                                                         "@iig implementation",
                                                         "\"",
                                                         "-> int"};
        const std::vector<Lexeme> all = lexemes(text);
        if (all.empty()) return;
        const Lexeme& one = all[below(all.size())];
        const Lexeme& other = all[below(all.size())];
        const std::string copied(other.text);
        switch (below(5)) {
            case 0:
                text.erase(one.begin, one.text.size());
                break;
            case 1:
                text.insert(one.begin, copied + " ");
                break;
            case 2:
                text.replace(one.begin, one.text.size(), copied);
                break;
            case 3:
                text.insert(one.begin, " " + pick(kPieces) + " ");
                break;
            default:  // a piece of another file
                text.insert(one.begin, pick(corpus_).substr(0, 40 + below(400)));
                break;
        }
    }

    std::vector<std::string> corpus_;
    std::mt19937 random_;
};

struct Outcome {
    bool refused = false;
    std::string messages;
    std::string output;
};

Outcome run(const std::string& path) {
    const std::string sdk = std::string(OPENDEXT_TEST_BUILD_DIR) + "/sdk";
    Diagnostics diagnostics;
    TranslationUnit unit;
    File file;
    if (unit.parse({path,
                    {"Fuzzed"},
                    {},
                    {"-I", kInputs / "accepted", "-isystem", sdk + "/platform", "-isystem",
                     sdk + "/include"}},
                   diagnostics)) {
        file = read_file(unit, path, diagnostics);
        check(file, diagnostics);
    }
    Outcome outcome = {diagnostics.failed(), diagnostics.text(), ""};
    if (outcome.refused) return outcome;
    const Names names = {"\"Fuzzed.h\"", "FUZZED_H"};
    outcome.output =
        emit_header(file, names) + emit_implementation(file, names) + emit_system(file);
    return outcome;
}

TEST(Mutations, areReadToAnEndAndAlwaysAlike) {
    std::string pattern = (fs::temp_directory_path() / "iig-mutation-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    const fs::path path = fs::path(pattern) / "Fuzzed.iig";
    std::ofstream(path, std::ios::binary) << contents(kInputs / "inputs/Tutorial.iig");
    const Outcome unchanged = run(path.string());
    ASSERT_FALSE(unchanged.refused) << unchanged.messages;
    const unsigned seed = number_of("OPENDEXT_FUZZ_SEED", 1);
    const unsigned runs = number_of("OPENDEXT_FUZZ_RUNS", 150);
    Mutator mutator(corpus(), seed);
    unsigned refused = 0;
    for (unsigned i = 0; i < runs; ++i) {
        const std::string text = mutator.next();
        std::ofstream(path, std::ios::binary) << text;
        SCOPED_TRACE("seed " + std::to_string(seed) + ", run " + std::to_string(i));
        const Outcome outcome = run(path.string());
        refused += outcome.refused;
        if (outcome.refused) {
            EXPECT_NE(outcome.messages.find("error: "), std::string::npos) << text;
            EXPECT_EQ(outcome.messages.find(kKernelAlias), std::string::npos) << text;
        } else if (i % 8 == 0) {
            EXPECT_EQ(run(path.string()).output, outcome.output) << text;
        }
    }
    // Both kinds come up, so both were tried.
    EXPECT_GT(refused, runs / 10);
    EXPECT_LT(refused, runs);
    fs::remove_all(pattern);
}

}  // namespace
