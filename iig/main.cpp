// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <string>
#include <vector>

#include "iig/diagnostics.h"
#include "iig/emit/emit.h"
#include "iig/parse/reader.h"

namespace opendext::iig {

namespace fs = std::filesystem;

namespace {

constexpr const char* kUsage =
    "usage: iig --def FILE.iig --header FILE.h --impl FILE.iig.cpp [--system FILE.system.h]\n"
    "           [--framework-name NAME] [--depfile FILE] [--no-sdk] [-- clang arguments]\n"
    "\n"
    "Reads the interface of driver classes and writes the header and the code that carries their "
    "methods.\n"
    "  --system          the same methods as the system's side sees them\n"
    "  --framework-name  the header is included as <NAME/FILE.h> by the generated code\n"
    "  --depfile         writes what was read, in the form of make\n"
    "  --no-sdk          does not look into the SDK beside this program\n";

struct Options {
    std::string definition;
    std::string header;
    std::string implementation;
    std::string system;
    std::string framework;
    std::string depfile;
    bool sdk = true;
    std::vector<std::string> clang_arguments;
};

bool parse_options(int argc, char** argv, Options& options, std::string& problem) {
    const std::pair<const char*, std::string*> with_value[] = {
        {"--def", &options.definition},           {"--header", &options.header},
        {"--impl", &options.implementation},      {"--system", &options.system},
        {"--framework-name", &options.framework}, {"--depfile", &options.depfile}};
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--") {
            options.clang_arguments.assign(argv + i + 1, argv + argc);
            break;
        }
        if (argument == "--no-sdk") {
            options.sdk = false;
            continue;
        }
        std::string* value = nullptr;
        for (const auto& [name, place] : with_value) {
            if (argument == name) value = place;
        }
        if (!value || i + 1 >= argc) {
            problem =
                value ? "'" + argument + "' needs a value" : "unknown argument '" + argument + "'";
            return false;
        }
        *value = argv[++i];
    }
    for (const char* name : {"--def", "--header", "--impl"}) {
        for (const auto& [known, place] : with_value) {
            if (std::strcmp(name, known) == 0 && place->empty()) {
                problem = std::string("'") + name + "' is missing";
                return false;
            }
        }
    }
    return true;
}

/// "@FILE" stands for the words in FILE, as for a compiler; quotes keep blanks together.
bool expand_response_files(std::vector<std::string>& arguments, std::string& problem) {
    std::vector<std::string> expanded;
    for (const std::string& argument : arguments) {
        if (!argument.starts_with("@")) {
            expanded.push_back(argument);
            continue;
        }
        std::ifstream file(argument.substr(1));
        if (!file) {
            problem = "cannot read '" + argument.substr(1) + "'";
            return false;
        }
        for (std::string word; file >> std::quoted(word);) expanded.push_back(word);
    }
    arguments = std::move(expanded);
    return true;
}

/// Flags and include directories of the SDK that lies beside this program (PREFIX/bin/iig,
/// PREFIX/sdk), around the user's own arguments.
void add_sdk(std::vector<std::string>& arguments) {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (error) return;
    const fs::path sdk = self.parent_path().parent_path() / "sdk";
    if (const fs::path flags = sdk / "dext-flags.rsp"; fs::is_regular_file(flags))
        arguments.insert(arguments.begin(), "@" + flags.string());
    for (const char* directory : {"platform", "include"}) {
        if (fs::is_directory(sdk / directory))
            arguments.insert(arguments.end(), {"-isystem", (sdk / directory).string()});
    }
}

bool has_content(const std::string& path, const std::string& content) {
    std::ifstream file(path, std::ios::binary);
    return file && std::string(std::istreambuf_iterator<char>(file), {}) == content;
}

/// Files that appear together or not at all: each is written beside its place and renamed when all
/// are complete. A file that would not change is left alone, so that nothing is compiled again for
/// it.
class Outputs {
  public:
    ~Outputs() {
        for (const auto& [temporary, path] : files_) unlink(temporary.c_str());
    }

    bool write(const std::string& path, const std::string& content, std::string& problem) {
        if (has_content(path, content)) return true;
        const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
        std::error_code error;
        if (fs::path(path).has_parent_path())
            fs::create_directories(fs::path(path).parent_path(), error);
        FILE* file = std::fopen(temporary.c_str(), "we");
        if (!file) {
            problem = "cannot write '" + path + "': " + std::strerror(errno);
            return false;
        }
        files_.emplace_back(temporary, path);
        const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
        if (std::fclose(file) != 0 || !written) {
            problem = "cannot write '" + path + "': " + std::strerror(errno);
            return false;
        }
        return true;
    }

    bool commit(std::string& problem) {
        for (const auto& [temporary, path] : files_) {
            if (std::rename(temporary.c_str(), path.c_str()) != 0) {
                problem = "cannot write '" + path + "': " + std::strerror(errno);
                return false;
            }
        }
        files_.clear();
        return true;
    }

  private:
    std::vector<std::pair<std::string, std::string>> files_;
};

std::string guard_of(const Options& options) {
    std::string guard = "IIG_" + (options.framework.empty() ? "" : options.framework + "_") +
                        fs::path(options.header).filename().string();
    for (char& c : guard) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return guard;
}

std::string depfile_of(const Options& options, const std::vector<std::string>& inputs) {
    const auto escaped = [](const std::string& path) {
        std::string text;
        for (const char c : path) text += c == ' ' ? std::string("\\ ") : std::string(1, c);
        return text;
    };
    std::string text = escaped(options.header) + ":";
    for (const std::string& input : inputs) text += " \\\n  " + escaped(input);
    return text + "\n";
}

int run(const Options& options) {
    Diagnostics diagnostics;
    TranslationUnit unit;
    File file;
    if (!fs::is_regular_file(options.definition)) {
        diagnostics.error({}, "cannot read '" + options.definition + "'",
                          "check the path after --def");
    } else if (unit.parse({options.definition, options.framework, options.clang_arguments},
                          diagnostics)) {
        file = read_file(unit, options.definition, diagnostics);
        check(file, diagnostics);
        if (!diagnostics.failed() && file.classes.empty()) {
            diagnostics.error({options.definition, 1, 1}, "no class of the interface in this file",
                              "derive a class from OSObject or IOService");
        }
    }
    if (diagnostics.failed()) {
        std::fputs(diagnostics.text().c_str(), stderr);
        std::fprintf(stderr, "iig: %zu error%s in '%s', nothing written\n", diagnostics.errors(),
                     diagnostics.errors() == 1 ? "" : "s", options.definition.c_str());
        return 1;
    }

    const std::string base = fs::path(options.header).filename().string();
    Names names;
    names.header_include =
        options.framework.empty() ? "\"" + base + "\"" : "<" + options.framework + "/" + base + ">";
    names.guard = guard_of(options);
    Outputs outputs;
    std::string problem;
    const bool good =
        outputs.write(options.header, emit_header(file, names), problem) &&
        outputs.write(options.implementation, emit_implementation(file, names), problem) &&
        (options.system.empty() || outputs.write(options.system, emit_system(file), problem)) &&
        (options.depfile.empty() ||
         outputs.write(options.depfile, depfile_of(options, unit.inclusions()), problem)) &&
        outputs.commit(problem);
    if (!good) std::fprintf(stderr, "iig: error: %s\n", problem.c_str());
    return good ? 0 : 1;
}

}  // namespace

}  // namespace opendext::iig

int main(int argc, char** argv) {
    opendext::iig::Options options;
    std::string problem;
    if (argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
        std::fputs(opendext::iig::kUsage, stdout);
        return 0;
    }
    if (!opendext::iig::parse_options(argc, argv, options, problem)) {
        std::fprintf(stderr, "iig: error: %s\n%s", problem.c_str(), opendext::iig::kUsage);
        return 2;
    }
    if (options.sdk) opendext::iig::add_sdk(options.clang_arguments);
    if (!opendext::iig::expand_response_files(options.clang_arguments, problem)) {
        std::fprintf(stderr, "iig: error: %s\n", problem.c_str());
        return 1;
    }
    return opendext::iig::run(options);
}
