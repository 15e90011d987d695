// SPDX-License-Identifier: Apache-2.0
#include "daemon/log/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

namespace opendext::daemon {
namespace {

constexpr size_t kMostGathered = 64;

/// Bytes that are no UTF-8 become U+FFFD: the file is JSON whatever a driver logs.
size_t utf8_length(std::string_view text, size_t at) {
    const auto first = static_cast<unsigned char>(text[at]);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : (first & 0xf0) == 0xe0        ? 3
                          : first >= 0xf0 && first < 0xf5 ? 4
                                                          : 0;
    if (length == 0 || at + length > text.size()) return 0;
    for (size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
    }
    // Overlong forms and surrogates are no UTF-8 either.
    const auto second = length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
        return 0;
    }
    return length;
}

void append_json(std::string& out, std::string_view text) {
    out += '"';
    for (size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
            ++i;
        } else if (c == '\n') {
            out += "\\n";
            ++i;
        } else if (c == '\t') {
            out += "\\t";
            ++i;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
            ++i;
        } else if (const size_t length = utf8_length(text, i)) {
            out.append(text, i, length);
            i += length;
        } else {
            out += "\xef\xbf\xbd";
            ++i;
        }
    }
    out += '"';
}

}  // namespace

std::string iso_time(uint64_t time_ns) {
    const auto seconds = static_cast<time_t>(time_ns / 1'000'000'000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[48];
    const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + size, sizeof text - size, ".%06uZ",
                  static_cast<unsigned>(time_ns / 1000 % 1'000'000));
    return text;
}

std::string json_string(std::string_view text) {
    std::string out;
    append_json(out, text);
    return out;
}

std::string Log::to_json(const LogLine& line) {
    std::string out =
        "{\"time\":\"" + iso_time(line.time_ns) + "\",\"pid\":" + std::to_string(line.pid);
    const std::pair<const char*, std::string_view> fields[] = {
        {"level", to_string(line.level)}, {"bundle", line.bundle},     {"process", line.process},
        {"subsystem", line.subsystem},    {"category", line.category}, {"message", line.message}};
    for (const auto& [name, text] : fields) {
        out += ",\"" + std::string(name) + "\":";
        append_json(out, text);
    }
    return out + "}";
}

bool Log::open_file() {
    file_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file_) return false;
    struct stat status{};
    size_ = ::fstat(file_.get(), &status) == 0 ? static_cast<size_t>(status.st_size) : 0;
    return true;
}

void Log::write(LogLine line) {
    if (line.time_ns == 0) {
        timespec now{};
        clock_gettime(CLOCK_REALTIME, &now);
        line.time_ns =
            static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    }
    if (line.pid == 0) line.pid = ::getpid();
    if (echo_) std::fprintf(stderr, "%s: %s\n", line.process.c_str(), line.message.c_str());
    gathered_.push_back(std::move(line));
    if (!gathers_ || gathered_.size() >= kMostGathered) flush();
}

bool Log::make_room(size_t size) {
    if (!file_ && !open_file()) return false;
    const size_t there = size_ + text_.size();
    if (there + size <= limit_ || there == 0) return true;
    write_text();
    ::rename(path_.c_str(), (path_.string() + ".1").c_str());
    return open_file();
}

void Log::write_text() {
    if (text_.empty()) return;
    if (::write(file_.get(), text_.data(), text_.size()) == static_cast<ssize_t>(text_.size()))
        size_ += text_.size();
    text_.clear();
}

void Log::flush() {
    for (const LogLine& line : gathered_) {
        const std::string text = to_json(line) + "\n";
        if (!make_room(text.size())) break;
        text_ += text;
    }
    if (file_) write_text();
    text_.clear();
    gathered_.clear();
}

void Log::write(LogLevel level, std::string_view category, std::string_view message) {
    LogLine line;
    line.level = level;
    line.process = "opendextd";
    line.subsystem = "opendext";
    line.category = std::string(category);
    line.message = std::string(message);
    write(std::move(line));
}

bool LogBudget::take(uint64_t now_ns, uint64_t& skipped) {
    if (last_ns_ != 0 && now_ns > last_ns_) {
        tokens_ =
            std::min(burst_, tokens_ + static_cast<double>(now_ns - last_ns_) / 1e9 * per_second_);
    }
    last_ns_ = now_ns;
    if (tokens_ < 1) {
        ++skipped_;
        return false;
    }
    tokens_ -= 1;
    skipped = std::exchange(skipped_, 0);
    return true;
}

}  // namespace opendext::daemon
