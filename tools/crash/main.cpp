// SPDX-License-Identifier: Apache-2.0
// opendext crash: the reports about driver processes that died.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/crash/reports.h"

namespace opendext::crash_tool {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kStacksTime{12};
constexpr std::chrono::milliseconds kPause{50};

int print(const tools::CommandLine& line, const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return tools::kExitSuccess;
}

int list(const tools::CommandLine& line, const std::vector<Report>& reports, bool json) {
    if (json) {
        Array all;
        for (const Report& report : reports) all.emplace_back(report.all);
        return print(line, tools::to_json(all, 2) + "\n");
    }
    std::string text;
    for (const Report& report : reports) text += report.id + "  " + safe_text(report.text) + "\n";
    if (reports.empty()) text = "no driver of this realm has died\n";
    return print(line, text);
}

/// The report once its stacks are there, as it is if that takes too long.
Report completed(Report report) {
    const auto deadline = steady_clock::now() + kStacksTime;
    while (report.is_pending() && steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kPause);
        Result<Report> again = read_report(report.path);
        if (again.ok()) report = std::move(again).value();
    }
    return report;
}

int show(const tools::CommandLine& line, const std::vector<Report>& reports,
         const std::string& name, bool json) {
    const Report* chosen = choose(reports, name);
    if (chosen == nullptr) {
        return line.failure(Error{Errc::not_found, 0,
                                  reports.empty()
                                      ? "no driver of this realm has died"
                                      : "there is no crash report of " + name +
                                            "; `opendext crash ls` lists those that are there"});
    }
    const Report report = completed(*chosen);
    if (json) return print(line, tools::to_json(report.all, 2) + "\n");
    std::filesystem::path path = report.path;
    path.replace_extension(".txt");
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) return line.failure(Error::system("cannot read " + path.string()));
    return print(line, safe_text(text.str()));
}

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line("opendext crash", "ls | show [ID|NAME|latest]",
                            "Lists and shows the reports about driver processes that died: where "
                            "each thread was, what the driver had said, its device, its limits.");
    line.flag("--json", json, "print JSON (docs/schemas/opendext-crash.json)")
        .footer(
            "NAME is a bundle identifier or its last part, the class of an object, or a process "
            "id; of several reports the newest is shown. The reports are files in the realm: "
            "`opendext crash` needs no opendextd.");
    if (const auto status = line.parse(argc, argv, 1, 2)) return *status;
    const std::vector<std::string>& words = line.operands();
    if (words[0] != "ls" && words[0] != "show")
        return line.usage_error("'" + words[0] + "' is neither ls nor show");
    if (words[0] == "ls" && words.size() > 1) return line.usage_error("ls takes no name");
    std::vector<std::string> problems;
    const std::vector<Report> reports = read_reports(line.realm().crashes(), problems);
    for (const std::string& problem : problems) tools::print_error("opendext crash", problem);
    if (words[0] == "ls") return list(line, reports, json);
    return show(line, reports, words.size() > 1 ? words[1] : "latest", json);
}

}  // namespace
}  // namespace opendext::crash_tool

int main(int argc, char** argv) {
    return opendext::crash_tool::main(argc, argv);
}
