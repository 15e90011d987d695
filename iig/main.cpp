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
    "           [--framework-name NAME] [--also-name NAME]… [--interface FILE]… [--depfile FILE]\n"
    "           [--no-sdk] [-- clang arguments]\n"
    "\n"
    "Reads the interface of driver classes and writes the header and the code that carries their "
    "methods.\n"
    "  --system          the same methods as the system's side sees them\n"
    "  --framework-name  the header is included as <NAME/FILE.h> by the generated code\n"
    "  --also-name       <NAME/FILE.h> is found too\n"
    "  --interface       another interface of the same project: found by its name, wherever it "
    "lies\n"
    "  --depfile         writes what was read, in the form of make\n"
    "  --no-sdk          does not look into the SDK beside this program\n";

struct Options {
    std::string definition;
    std::string header;
    std::string implementation;
    std::string system;
    std::string framework;
    std::string depfile;
    std::vector<std::string> further_names;
    std::vector<std::string> interfaces;
    bool sdk = true;
    std::vector<std::string> clang_arguments;
};

bool parse_options(int argc, char** argv, Options& options, std::string& problem) {
    const std::pair<const char*, std::string*> with_value[] = {
        {"--def", &options.definition},           {"--header", &options.header},
        {"--impl", &options.implementation},      {"--system", &options.system},
        {"--framework-name", &options.framework}, {"--depfile", &options.depfile}};
    const std::pair<const char*, std::vector<std::string>*> with_values[] = {
        {"--also-name", &options.further_names}, {"--interface", &options.interfaces}};
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
        for (const auto& [name, list] : with_values) {
            if (argument == name) value = &list->emplace_back();
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

/// Files that appear together or not at all: each is written without a name and gets its place when
/// all are complete, so that nothing is left behind by a run that was killed. A file that would not
/// change is left alone, so that nothing is compiled again for it.
class Outputs {
  public:
    ~Outputs() {
        for (const Output& output : outputs_) close(output.descriptor);
    }

    bool write(const std::string& path, const std::string& content, std::string& problem) {
        if (has_content(path, content)) return true;
        std::error_code error;
        const fs::path folder = fs::path(path).parent_path();
        if (!folder.empty()) fs::create_directories(folder, error);
        const std::string place = folder.empty() ? "." : folder.string();
        Output output = {-1, path, path + "." + std::to_string(getpid()) + ".tmp", false};
        output.descriptor = open(place.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
        if (output.descriptor < 0) {  // a file system that has no files without a name
            output.named = true;
            output.descriptor =
                open(output.temporary.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
        }
        if (output.descriptor < 0) return failed(path, problem);
        outputs_.push_back(output);
        for (size_t done = 0; done < content.size();) {
            const ssize_t count =
                ::write(output.descriptor, content.data() + done, content.size() - done);
            if (count < 0) return failed(path, problem);
            done += static_cast<size_t>(count);
        }
        return true;
    }

    bool commit(std::string& problem) {
        for (const Output& output : outputs_) {
            const std::string self = "/proc/self/fd/" + std::to_string(output.descriptor);
            if (!output.named && linkat(AT_FDCWD, self.c_str(), AT_FDCWD, output.temporary.c_str(),
                                        AT_SYMLINK_FOLLOW) != 0)
                return failed(output.path, problem);
            if (std::rename(output.temporary.c_str(), output.path.c_str()) != 0)
                return failed(output.path, problem);
        }
        return true;
    }

  private:
    struct Output {
        int descriptor;
        std::string path;
        std::string temporary;
        bool named;
    };

    bool failed(const std::string& path, std::string& problem) {
        problem = "cannot write '" + path + "': " + std::strerror(errno);
        for (const Output& output : outputs_) unlink(output.temporary.c_str());
        return false;
    }

    std::vector<Output> outputs_;
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

ParseRequest request_of(const Options& options) {
    ParseRequest request;
    request.file = options.definition;
    request.names = options.further_names;
    if (!options.framework.empty()) request.names.push_back(options.framework);
    request.interfaces = options.interfaces;
    request.arguments = options.clang_arguments;
    return request;
}

int run(const Options& options) {
    Diagnostics diagnostics;
    TranslationUnit unit;
    File file;
    if (!fs::is_regular_file(options.definition)) {
        diagnostics.error({}, "cannot read '" + options.definition + "'",
                          "check the path after --def");
    } else if (unit.parse(request_of(options), diagnostics)) {
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
