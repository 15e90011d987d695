// SPDX-License-Identifier: Apache-2.0
#include "project/lint/sources.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>

#include "project/classes.h"
#include "project/commands.h"
#include "project/lint/capture.h"
#include "project/lint/parse.h"

namespace opendext::lint {
namespace {

namespace fs = std::filesystem;

// Longer lines, of generated code perhaps, are not searched: regular expressions recurse.
constexpr size_t kLongestLine = 4096;

/// A folder that goes with the object.
class WorkFolder {
  public:
    WorkFolder() {
        std::error_code error;
        path_ = (fs::temp_directory_path(error) / "opendext-lint-XXXXXX").string();
        if (::mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder() {
        std::error_code error;
        if (!path_.empty()) fs::remove_all(path_, error);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// iig says what is wrong as a compiler does, and the way out in a note.
void add_iig_findings(const std::string& text, Findings& findings) {
    static const std::regex kError(R"(^(.+?):(\d+):(\d+): (?:fatal )?error: (.*)$)");
    static const std::regex kFix(R"(^.+?:\d+:\d+: note: fix: (.*)$)");
    Finding open;
    const auto flush = [&] {
        if (open.message.empty()) return;
        std::string_view rule = "interface-refused";
        if (open.message.ends_with("file not found"))
            rule = "source-incomplete";
        else if (open.message.find("bound") != std::string::npos)
            rule = "message-unbounded";
        else if (open.message.find("sent") != std::string::npos)
            rule = "message-type";
        if (rule == "source-incomplete" && open.fix.empty())
            open.fix = "build it first: opendext build says which step or framework is missing";
        findings.add(rule, open.place, open.message, open.fix);
        open = {};
    };
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (line.size() > kLongestLine) continue;
        if (std::regex_match(line, match, kError)) {
            flush();
            open.place = {match[1], static_cast<uint32_t>(std::stoul(match[2])),
                          static_cast<uint32_t>(std::stoul(match[3]))};
            open.message = match[4];
        } else if (std::regex_match(line, match, kFix)) {
            open.fix = match[1];
        }
    }
    flush();
}

/// Classes of a file that could not be parsed to its end, by their words.
void add_by_words(const fs::path& file, std::vector<DeclaredClass>& classes) {
    const project::ClassMap found = project::find_classes({file});
    for (const auto& [name, superclass] : found) {
        if (std::ranges::find(classes, name, &DeclaredClass::name) != classes.end()) continue;
        DeclaredClass declared{name, superclass, {file, 0, 0}};
        const std::regex declaration("\\bclass\\b[^;]*\\b(" + name + ")\\b");
        std::ifstream stream(file);
        uint32_t number = 0;
        std::smatch match;
        for (std::string line; declared.place.line == 0 && std::getline(stream, line);) {
            ++number;
            if (line.size() <= kLongestLine && std::regex_search(line, match, declaration))
                declared.place = {file, number, static_cast<uint32_t>(match.position(1) + 1)};
        }
        classes.push_back(std::move(declared));
    }
}

/// The compiler's arguments for libclang: without what names inputs and outputs, and with
/// exceptions and RTTI, so that the constructs are seen instead of refused.
std::vector<std::string> parse_arguments(const std::vector<std::string>& command,
                                         const fs::path& source) {
    std::vector<std::string> arguments;
    for (size_t i = 1; i < command.size(); ++i) {
        const std::string& word = command[i];
        if (word == "-MF" || word == "-MT" || word == "-o") {
            ++i;
        } else if (word != "-MD" && word != "-c" && word != "-fno-exceptions" &&
                   word != "-fno-rtti" && word != "-Werror" && word != source.string()) {
            arguments.push_back(word);
        }
    }
    if (source.extension() != ".c")
        arguments.insert(arguments.end(), {"-fcxx-exceptions", "-fexceptions", "-frtti"});
    return arguments;
}

/// Calls `work` for each of `count` indexes, on as many threads as there are processors.
template <typename Work>
void in_parallel(size_t count, const Work& work) {
    std::atomic<size_t> next = 0;
    const auto run = [&] {
        for (size_t i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::jthread> threads;
    const size_t wanted =
        std::min<size_t>(count, std::max(1U, std::thread::hardware_concurrency()));
    for (size_t i = 1; i < wanted; ++i) threads.emplace_back(run);
    run();
}

}  // namespace

Result<SourceFacts> read_sources(const project::Target& target, const project::Toolchain& toolchain,
                                 Findings& findings) {
    const WorkFolder work;
    if (work.path().empty()) return Error::system("cannot make a temporary folder");
    project::Commands commands(target, toolchain, work.path(), false);
    OD_TRY(commands.prepare());

    SourceFacts facts;
    std::mutex mutex;
    const std::vector<project::Job> interfaces = commands.interfaces();
    in_parallel(interfaces.size(), [&](size_t i) {
        for (const fs::path& output : interfaces[i].outputs) {
            std::error_code error;
            fs::create_directories(output.parent_path(), error);
        }
        const auto ran = capture(interfaces[i].command);
        const InterfaceFacts read =
            read_interface(interfaces[i].inputs.front(), interfaces[i].command, target.interfaces);
        const std::lock_guard lock(mutex);
        if (ran.ok()) add_iig_findings(ran->text, findings);
        if (!ran.ok() || ran->status != 0) facts.complete = false;
        facts.classes.insert(facts.classes.end(), read.classes.begin(), read.classes.end());
        if (!ran.ok() || ran->status != 0)
            add_by_words(interfaces[i].inputs.front(), facts.classes);
    });
    std::ranges::sort(facts.classes, {}, &DeclaredClass::name);

    std::vector<project::Job> compilations = commands.compilations();
    std::erase_if(compilations, [&](const project::Job& job) {
        return job.inputs.front().string().starts_with(work.path());
    });
    in_parallel(compilations.size(), [&](size_t i) {
        const fs::path& source = compilations[i].inputs.front();
        ParsedSource parsed =
            parse_source(source, parse_arguments(compilations[i].command, source), work.path());
        const std::lock_guard lock(mutex);
        for (Finding& finding : parsed.findings)
            findings.add(finding.rule->id, finding.place, finding.message, finding.fix);
        facts.creates.insert(facts.creates.end(), parsed.creates.begin(), parsed.creates.end());
        facts.complete = facts.complete && parsed.complete;
    });
    return facts;
}

}  // namespace opendext::lint
