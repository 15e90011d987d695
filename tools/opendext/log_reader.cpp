// SPDX-License-Identifier: Apache-2.0
#include "tools/opendext/log_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace opendext::tools {
namespace {

/// A line longer than this is no line of ours; it is given in pieces instead of being kept.
constexpr size_t kLongestLine = 1 << 20;

std::string text_field(const Dictionary& line, std::string_view key) {
    const std::string* text = find_string(line, key);
    return text == nullptr ? "" : *text;
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

LogReader::LogReader(std::filesystem::path path) : path_(std::move(path)) {
    watch_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (watch_)
        ::inotify_add_watch(watch_.get(), path_.parent_path().c_str(),
                            IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

bool LogReader::replaced() const {
    struct stat ours{};
    struct stat named{};
    return ::fstat(file_.get(), &ours) == 0 && ::stat(path_.c_str(), &named) == 0 &&
           !same_file(ours, named);
}

Status LogReader::drain(const std::function<void(std::string_view)>& line) {
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t count = ::read(file_.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Error::system("cannot read " + path_.string());
        if (count == 0) return success();
        partial_.append(buffer.data(), static_cast<size_t>(count));
        size_t begin = 0;
        for (size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1) {
            line(std::string_view(partial_).substr(begin, end - begin));
        }
        partial_.erase(0, begin);
        if (partial_.size() > kLongestLine) {
            line(partial_);
            partial_.clear();
        }
    }
}

UniqueFd LogReader::following_file() const {
    struct stat ours{};
    struct stat other{};
    ::fstat(file_.get(), &ours);
    // Where the log was renamed twice since we opened ours, the one in between is log.1 now.
    UniqueFd older(::open((path_.string() + ".1").c_str(), O_RDONLY | O_CLOEXEC));
    if (older && ::fstat(older.get(), &other) == 0 && !same_file(ours, other)) return older;
    return UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
}

Status LogReader::read(const std::function<void(std::string_view)>& line) {
    if (!begun_) {
        begun_ = true;
        file_ = UniqueFd(::open((path_.string() + ".1").c_str(), O_RDONLY | O_CLOEXEC));
    }
    if (!file_) {
        file_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file_ && errno == ENOENT)
            return Error{Errc::not_found, 0, "there is no log yet at " + path_.string()};
        if (!file_) return Error::system("cannot open " + path_.string());
    }
    for (;;) {
        // First ask, then read: what was written to the old file before it was replaced is read in
        // this round.
        const bool was_replaced = replaced();
        OD_TRY(drain(line));
        if (!was_replaced) return success();
        UniqueFd next = following_file();
        if (!next) return success();
        file_ = std::move(next);
    }
}

void LogReader::wait(std::chrono::milliseconds timeout) {
    pollfd changed{watch_.get(), POLLIN, 0};
    if (::poll(&changed, 1, static_cast<int>(timeout.count())) <= 0) return;
    std::array<char, 4096> events;
    while (::read(watch_.get(), events.data(), events.size()) > 0) {
    }
}

bool concerns(const Dictionary& line, std::string_view name) {
    const std::string bundle = text_field(line, "bundle");
    const bool last_part = bundle.size() > name.size() && bundle.ends_with(name) &&
                           bundle[bundle.size() - name.size() - 1] == '.';
    return bundle == name || last_part || text_field(line, "process") == name ||
           text_field(line, "subsystem") == name;
}

std::string to_text(const Dictionary& line) {
    // 2026-11-20T12:34:56.123456Z: the day says little to somebody who looks at a running realm.
    std::string time = text_field(line, "time");
    if (time.size() == 27 && time[10] == 'T') time = time.substr(11, 15);
    std::string who = text_field(line, "bundle");
    if (who.empty()) who = text_field(line, "process");
    const Number* pid = find_number(line, "pid");
    std::string level = text_field(line, "level");
    level.resize(std::max<size_t>(level.size(), 7), ' ');
    std::string message;
    for (const char c : text_field(line, "message")) {
        if (c == '\n') {
            message += "\n    ";
        } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
            message += escape;
        } else {
            message += c;
        }
    }
    return time + " " + level + " " + who + "[" +
           (pid == nullptr ? "?" : std::to_string(pid->raw)) + "]: " + message;
}

}  // namespace opendext::tools
