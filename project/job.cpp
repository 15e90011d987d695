// SPDX-License-Identifier: Apache-2.0
#include "project/job.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "rpc/fd.h"
#include "rpc/whole_file.h"

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

/// "SIZE MTIME_NS PATH", or "- PATH" for a file that is not there.
std::string stamp(const fs::path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) return "- " + path.string();
    return std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
           std::to_string(status.st_mtim.tv_nsec) + " " + path.string();
}

std::string read_text(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

fs::path record_path(const Job& job) {
    return job.outputs.front().string() + ".job";
}

/// Command and stamps of all inputs; `inputs` is what an earlier run depended on, or what this one
/// did.
std::string make_record(const Job& job, const std::vector<fs::path>& discovered) {
    std::string text = "command";
    for (const auto& word : job.command) text += '\x1f' + word;
    text += '\n';
    for (const auto& path : job.inputs) text += "input " + stamp(path) + '\n';
    for (const auto& path : discovered) text += "found " + stamp(path) + '\n';
    return text;
}

bool is_up_to_date(const Job& job) {
    for (const auto& output : job.outputs) {
        if (::access(output.c_str(), F_OK) != 0) return false;
    }
    const std::string record = read_text(record_path(job));
    if (record.empty()) return false;
    // The discovered inputs are those that the record itself names.
    std::vector<fs::path> discovered;
    std::istringstream lines(record);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("found ")) continue;
        const size_t first = line.find(' ', 6);
        const size_t second = line[6] == '-' ? first : line.find(' ', first + 1);
        if (second == std::string::npos) return false;
        discovered.emplace_back(line.substr(second + 1));
    }
    return make_record(job, discovered) == record;
}

bool same_contents(const fs::path& a, const fs::path& b) {
    std::error_code error;
    const auto size = fs::file_size(a, error);
    if (error || fs::file_size(b, error) != size || error) return false;
    return read_text(a) == read_text(b);
}

void remove_outputs(const Job& job) {
    std::error_code ignored;
    for (const auto& path : job.outputs) fs::remove(path, ignored);
    for (const auto& path : job.temporaries) fs::remove(path, ignored);
    fs::remove(record_path(job), ignored);
}

Status finish(const Job& job) {
    std::error_code error;
    for (size_t i = 0; i < job.temporaries.size(); ++i) {
        if (same_contents(job.temporaries[i], job.outputs[i])) {
            fs::remove(job.temporaries[i], error);
            continue;
        }
        fs::rename(job.temporaries[i], job.outputs[i], error);
        if (error) return Error::system("cannot write " + job.outputs[i].string(), error.value());
    }
    std::vector<fs::path> discovered;
    if (!job.depfile.empty()) discovered = parse_depfile(job.depfile);
    return write_if_changed(record_path(job), make_record(job, discovered));
}

/// A running command and the unlinked file that takes what it prints.
struct Running {
    const Job* job = nullptr;
    UniqueFd output;
};

Result<UniqueFd> unlinked_file() {
    std::string path = (fs::temp_directory_path() / "opendext-build-XXXXXX").string();
    UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
    if (!fd)
        return Error::system("cannot make a temporary file in " +
                             fs::temp_directory_path().string());
    ::unlink(path.c_str());
    return fd;
}

std::string read_back(int fd) {
    std::string text;
    char buffer[1 << 14];
    ::lseek(fd, 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<size_t>(got));
    return text;
}

class Runner {
  public:
    Runner(const RunOptions& options, Progress& progress)
        : options_(options), progress_(progress) {}

    Status run(const std::vector<Job>& jobs) {
        std::vector<const Job*> waiting;
        for (const Job& job : jobs) {
            if (is_up_to_date(job)) {
                ++progress_.done;
            } else {
                waiting.push_back(&job);
            }
        }
        size_t next = 0;
        Status outcome = success();
        while (!running_.empty() || (next < waiting.size() && failed_ == 0 && outcome.ok())) {
            if (next < waiting.size() && failed_ == 0 && outcome.ok() &&
                running_.size() < std::max(1U, options_.parallel)) {
                if (auto started = start(*waiting[next++]); !started.ok()) outcome = started;
                continue;
            }
            if (auto ended = wait_for_one(); !ended.ok() && outcome.ok()) outcome = ended;
        }
        if (outcome.ok() && failed_ > 0) {
            outcome = Error{Errc::invalid, 0,
                            failed_ == 1 ? failure_ : std::to_string(failed_) + " commands failed"};
        }
        return outcome;
    }

  private:
    Status start(const Job& job) {
        show(job);
        std::error_code error;
        for (const auto* paths : {&job.outputs, &job.temporaries}) {
            for (const auto& path : *paths) fs::create_directories(path.parent_path(), error);
        }
        fs::remove(record_path(job), error);
        UniqueFd output = OD_TRY(unlinked_file());

        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
        ::posix_spawn_file_actions_adddup2(&actions, output.get(), 2);
        std::vector<char*> words;
        for (const auto& word : job.command) words.push_back(const_cast<char*>(word.c_str()));
        for (const auto& word : job.unrecorded)
            words.insert(words.begin() + 1, const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        pid_t pid = -1;
        const int result = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        if (result != 0) return Error::system("cannot run " + job.command.front(), result);
        running_.emplace(pid, Running{&job, std::move(output)});
        return success();
    }

    Status wait_for_one() {
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, 0);
        if (pid < 0)
            return errno == EINTR ? success() : Status(Error::system("cannot wait for a command"));
        const auto found = running_.find(pid);
        if (found == running_.end()) return success();
        const Job& job = *found->second.job;
        const std::string printed = read_back(found->second.output.get());
        running_.erase(found);
        ++progress_.done;
        ++progress_.ran;
        const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!printed.empty()) {
            clear_line();
            std::fwrite(printed.data(), 1, printed.size(), stderr);
            if (printed.back() != '\n') std::fputc('\n', stderr);
        }
        if (good) return finish(job);
        ++failed_;
        progress_.printed += printed;
        failure_ = "failed to " + job.title;
        if (WIFSIGNALED(status))
            failure_ += std::string(" (") + ::strsignal(WTERMSIG(status)) + ")";
        remove_outputs(job);
        return success();
    }

    void show(const Job& job) {
        if (options_.verbose) {
            std::string line;
            for (const auto& word : job.command) line += (line.empty() ? "" : " ") + word;
            std::fprintf(stderr, "%s\n", line.c_str());
            return;
        }
        if (options_.quiet) return;
        const size_t number = std::min(progress_.done + running_.size() + 1, progress_.total);
        if (options_.terminal) {
            std::fprintf(stderr, "\r\033[K[%zu/%zu] %s", number, progress_.total,
                         job.title.c_str());
            line_open_ = true;
        } else {
            std::fprintf(stderr, "[%zu/%zu] %s\n", number, progress_.total, job.title.c_str());
        }
        std::fflush(stderr);
    }
    void clear_line() {
        if (options_.terminal) std::fputs("\r\033[K", stderr);
        line_open_ = false;
    }

    const RunOptions& options_;
    Progress& progress_;
    std::map<pid_t, Running> running_;
    size_t failed_ = 0;
    std::string failure_;
    bool line_open_ = false;
};

}  // namespace

std::vector<fs::path> parse_depfile(const fs::path& path) {
    const std::string text = read_text(path);
    std::vector<fs::path> result;
    std::string word;
    bool target = true;
    const auto flush = [&] {
        if (word.empty()) return;
        if (target && word.back() == ':') {
            target = false;
        } else if (!target) {
            result.emplace_back(word);
        }
        word.clear();
    };
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            if (text[i + 1] == '\n') {
                ++i;
                flush();
                continue;
            }
            if (text[i + 1] == ' ' || text[i + 1] == '#' || text[i + 1] == '\\')
                word += text[++i];
            else
                word += text[i];
        } else if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '$') {
            word += text[i++];
        } else if (text[i] == '\n') {
            flush();
            target = true;
        } else if (text[i] == ' ' || text[i] == '\t') {
            flush();
        } else {
            word += text[i];
        }
    }
    flush();
    std::ranges::sort(result);
    const auto repeated = std::ranges::unique(result);
    result.erase(repeated.begin(), repeated.end());
    return result;
}

Status write_if_changed(const fs::path& path, const std::string& text) {
    std::error_code error;
    if (fs::exists(path, error) && read_text(path) == text) return success();
    fs::create_directories(path.parent_path(), error);
    return write_whole_file(path, text);
}

Result<std::string> output_of(const std::vector<std::string>& command) {
    UniqueFd output = OD_TRY(unlinked_file());
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, output.get(), 2);
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_t pid = -1;
    const int result = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (result != 0) return Error::system("cannot run " + command.front(), result);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return Error::system("cannot wait for " + command.front());
    }
    return read_back(output.get());
}

Status run_jobs(const std::vector<Job>& jobs, const RunOptions& options, Progress& progress) {
    return Runner(options, progress).run(jobs);
}

}  // namespace opendext::project
