// SPDX-License-Identifier: Apache-2.0
#include "tools/crash/reports.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "rpc/json.h"

namespace opendext::crash_tool {
namespace {

std::string field(const Dictionary& dictionary, std::string_view key) {
    const std::string* text = find_string(dictionary, key);
    return text == nullptr ? std::string() : *text;
}

bool has_class(const Report& report, const std::string& name) {
    const Value* objects = find(report.all, "objects");
    return objects != nullptr && objects->array() != nullptr &&
           std::ranges::any_of(*objects->array(), [&](const Value& each) {
               return each.dictionary() != nullptr && field(*each.dictionary(), "class") == name;
           });
}

bool means(const Report& report, const std::string& name) {
    return report.id.starts_with(name) || report.bundle == name ||
           report.bundle.substr(report.bundle.rfind('.') + 1) == name ||
           std::to_string(report.pid) == name || has_class(report, name);
}

}  // namespace

bool Report::is_pending() const {
    const Value* stacks = find(all, "stacks");
    return stacks != nullptr && stacks->dictionary() != nullptr &&
           field(*stacks->dictionary(), "state") == "pending";
}

Result<Report> read_report(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) return Error::system("cannot read " + path.string());
    Result<Value> value = parse_json(text.str());
    if (!value.ok()) return std::move(value).error().in(path.string());
    Report report;
    report.path = path;
    if (value->dictionary() == nullptr || find_string(*value->dictionary(), "bundle") == nullptr ||
        find_string(*value->dictionary(), "time") == nullptr) {
        return Error{Errc::malformed, 0, path.string() + ": it is no crash report"};
    }
    report.all = std::move(*value->dictionary());
    report.id = path.stem().string();
    report.time = field(report.all, "time");
    report.bundle = field(report.all, "bundle");
    report.text = field(report.all, "text");
    if (const Number* pid = find_number(report.all, "pid")) report.pid = pid->raw;
    return report;
}

std::vector<Report> read_reports(const std::filesystem::path& folder,
                                 std::vector<std::string>& problems) {
    std::vector<Report> reports;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
        if (file.path().extension() != ".json") continue;
        Result<Report> report = read_report(file.path());
        if (report.ok()) {
            reports.push_back(std::move(report).value());
        } else {
            problems.push_back(report.error().text());
        }
    }
    std::ranges::sort(reports, {}, &Report::time);
    return reports;
}

const Report* choose(const std::vector<Report>& reports, const std::string& name) {
    const auto newest = std::find_if(reports.rbegin(), reports.rend(), [&](const Report& report) {
        return name == "latest" || means(report, name);
    });
    return newest == reports.rend() ? nullptr : &*newest;
}

std::string safe_text(std::string text) {
    for (char& c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < ' ' && c != '\n') || byte == 0x7f) c = ' ';
    }
    return text;
}

}  // namespace opendext::crash_tool
