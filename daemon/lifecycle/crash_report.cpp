// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/crash_report.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "daemon/log/log.h"

namespace opendext::daemon {

namespace fs = std::filesystem;

namespace {

uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// Lets the newest reports live. Names sort by bundle first, so the files' times decide.
void remove_oldest(const fs::path& folder) {
    std::error_code error;
    std::vector<std::pair<fs::file_time_type, fs::path>> reports;
    for (const fs::directory_entry& file : fs::directory_iterator(folder, error)) {
        if (file.path().extension() == ".json")
            reports.emplace_back(file.last_write_time(error), file.path());
    }
    if (reports.size() < kCrashReportsKept) return;
    std::sort(reports.begin(), reports.end());
    for (size_t i = 0; i + kCrashReportsKept <= reports.size(); ++i)
        fs::remove(reports[i].second, error);
}

bool is_text(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
}

std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += kDigits[static_cast<uint8_t>(c) >> 4];
        text += kDigits[static_cast<uint8_t>(c) & 15];
    }
    return text;
}

}  // namespace

std::optional<CrashReport::Attachment> read_panic_log(const PanicLog& log) {
    namespace driver = protocol::driver;
    driver::PanicLogHead head;
    const int fd = log.memory.get();
    if (::pread(fd, &head, sizeof head, 0) != sizeof head || head.active != 1 ||
        head.used > log.length) {
        return {};
    }
    CrashReport::Attachment attachment;
    attachment.uuid = hex({reinterpret_cast<const char*>(log.uuid.data()), log.uuid.size()});
    attachment.id = log.data_id;
    attachment.bytes.resize(head.used);
    const ssize_t got = ::pread(fd, attachment.bytes.data(), head.used, driver::kPanicLogData);
    attachment.bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return attachment;
}

std::string CrashReport::to_json(uint64_t time_ns) const {
    std::string text = "{\n  \"time\": \"" + iso_time(time_ns) + "\",\n";
    const auto line = [&](std::string_view key, std::string_view value) {
        text += "  \"" + std::string(key) + "\": " + json_string(value) + ",\n";
    };
    line("bundle", bundle);
    line("process", process);
    text += "  \"pid\": " + std::to_string(pid) + ",\n";
    if (end.wait_status && WIFSIGNALED(*end.wait_status)) {
        text += "  \"signal\": " + std::to_string(WTERMSIG(*end.wait_status)) + ",\n";
    } else if (end.wait_status) {
        text += "  \"exit_status\": " + std::to_string(WEXITSTATUS(*end.wait_status)) + ",\n";
    }
    line("text", end.text());
    line("killed_for", end.killed_for);
    line("sandbox", sandbox);
    text += "  \"objects\": [";
    for (const Object& object : objects) {
        text += (&object == objects.data() ? "\n" : ",\n");
        text += "    {\"id\": " + std::to_string(object.id) +
                ", \"class\": " + json_string(object.class_name) +
                ", \"state\": " + json_string(object.state) + "}";
    }
    text += objects.empty() ? "]" : "\n  ]";
    text += ",\n  \"panic_logs\": [";
    for (const Attachment& each : panic_logs) {
        const bool readable = is_text(each.bytes);
        text += (&each == panic_logs.data() ? "\n" : ",\n");
        text += "    {\"uuid\": " + json_string(each.uuid) + ", \"id\": " + json_string(each.id) +
                (readable ? ", \"text\": " + json_string(each.bytes)
                          : ", \"hex\": " + json_string(hex(each.bytes))) +
                "}";
    }
    return text + (panic_logs.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

Result<fs::path> write_crash_report(const fs::path& folder, const CrashReport& report) {
    remove_oldest(folder);
    const uint64_t time_ns = now_ns();
    std::string stamp = iso_time(time_ns);
    std::replace(stamp.begin(), stamp.end(), ':', '.');
    const fs::path path =
        folder / (report.bundle + "-" + stamp + "-" + std::to_string(report.pid) + ".json");
    const fs::path temporary = path.string() + ".new";
    {
        std::ofstream file(temporary);
        file << report.to_json(time_ns);
        if (!file.flush()) return Error::system("cannot write " + temporary.string());
    }
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) return Error::system("cannot write " + path.string(), error.value());
    return path;
}

}  // namespace opendext::daemon
