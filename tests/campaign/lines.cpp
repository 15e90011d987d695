// SPDX-License-Identifier: Apache-2.0
// Programs of the campaign that use serial ports: streams that never end, at a pace, every byte
// compared. A line is a terminal and a socket at its far end, or a terminal that loops bytes back.
//
// lines [MS]: looks so often whether something is to be sent (default 2); while somebody waits,
// every 2 ms at least.
//
// Standard input, one answer a line:
//   listen NAME              "ok PORT": TCP port of the loopback interface for the far end
//   open NAME TERMINAL [loop]   begins; waits for the far end
//   check NAME MS            what is sent from now on arrives, both ways: "ok OUT IN TIME"
//   say NAME BYTE BYTE MS    these bytes (hexadecimal) to the terminal, in between; waits until a
//   driver
//                            that loops bytes has taken them
//   speed NAME               changes the speed of the terminal, without waiting
//   frame NAME               the same with its stop bits
//   reopen NAME              closes the terminal and opens it again
//   quit
#include <arpa/inet.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using std::chrono::milliseconds;

constexpr uint64_t kPerSecond = 100'000;  ///< bytes each way
constexpr uint64_t kAhead = 8192;         ///< at most so many on the way
constexpr uint8_t kOrdinary = 0xe0;       ///< content is below: port/PortProtocol.h

constexpr int kHurry = 2;  ///< ms
int rest = kHurry;         ///< ms

uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

/// Byte `position` of a stream: different at every position, so that lost, repeated and changed
/// ones are told apart.
uint8_t content(uint64_t seed, uint64_t position) {
    uint64_t word = (position / 8 + seed) * 0x9e3779b97f4a7c15;
    word ^= word >> 29;
    word *= 0xbf58476d1ce4e5b9;
    return static_cast<uint8_t>((word >> (position % 8 * 8) & 0xff) % kOrdinary);
}

/// One direction.
struct Direction {
    uint64_t seed = 0;
    uint64_t sent = 0;
    uint64_t received = 0;
};

class Line {
  public:
    Line(std::string name, uint64_t seed) : name_(std::move(name)) {
        out_.seed = seed * 2;
        in_.seed = seed * 2 + 1;
    }
    int listen() {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(listener_, 8) != 0 ||
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            return -1;
        }
        return ntohs(address.sin_port);
    }
    std::string open(const std::string& path, bool loops) {
        path_ = path;
        loops_ = loops;
        if (!open_terminal()) return "cannot open " + path + ": " + std::strerror(errno);
        if (!loops) {
            pollfd ready{listener_, POLLIN, 0};
            if (::poll(&ready, 1, 60'000) != 1) return "nobody connects to the far end";
            far_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        begin_ = now_ns();
        std::thread([this] { run(); }).detach();
        return "ok";
    }
    std::string check(milliseconds limit) {
        std::unique_lock lock(mutex_);
        // What is sent from now on: the next byte of each direction.
        const uint64_t out = out_.sent + 1;
        const uint64_t in = in_.sent + 1;
        const Watching watching(*this);
        const bool ok = changed_.wait_for(lock, limit, [&] {
            return !problem_.empty() || (out_.received >= out && (loops_ || in_.received >= in));
        });
        if (!problem_.empty()) return problem_;
        if (ok) {
            return "ok " + std::to_string(out_.received) + " " + std::to_string(in_.received) +
                   " " + std::to_string(now_ns());
        }
        return "it stands still: out " + std::to_string(out_.received) + " of " +
               std::to_string(out_.sent) + ", in " + std::to_string(in_.received) + " of " +
               std::to_string(in_.sent);
    }
    std::string say(const std::vector<uint8_t>& bytes, milliseconds limit) {
        std::unique_lock lock(mutex_);
        between_.insert(between_.end(), bytes.begin(), bytes.end());
        const uint64_t before = taken_;
        const Watching watching(*this);
        const bool ok =
            changed_.wait_for(lock, limit, [&] { return !problem_.empty() || taken_ != before; });
        if (!problem_.empty()) return problem_;
        return ok ? "ok" : "what was said is not taken";
    }
    std::string reopen() {
        const std::lock_guard lock(mutex_);
        ::close(terminal_);
        return open_terminal() ? "ok" : "cannot open " + path_ + ": " + std::strerror(errno);
    }
    [[nodiscard]] int terminal() const { return terminal_; }

  private:
    bool open_terminal() {
        terminal_ = ::open(path_.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        termios2 settings{};
        if (terminal_ < 0 || ::ioctl(terminal_, TCGETS2, &settings) != 0) return false;
        settings.c_iflag = settings.c_oflag = settings.c_lflag = 0;
        settings.c_cflag =
            (settings.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8 | CREAD | CLOCAL;
        settings.c_cc[VMIN] = 1;
        settings.c_cc[VTIME] = 0;
        return ::ioctl(terminal_, TCSETS2, &settings) == 0;
    }
    /// Somebody waits for bytes; made and destroyed under the lock.
    struct Watching {
        explicit Watching(Line& owner) : line(owner) {
            ++line.watchers_;
            ::eventfd_write(line.wake_, 1);
        }
        ~Watching() { --line.watchers_; }
        Watching(const Watching&) = delete;
        Watching& operator=(const Watching&) = delete;
        Line& line;
    };
    void run() {
        int timeout = kHurry;
        for (;;) {
            std::array<pollfd, 3> ends{
                {{terminal_, POLLIN, 0}, {loops_ ? -1 : far_, POLLIN, 0}, {wake_, POLLIN, 0}}};
            ::poll(ends.data(), ends.size(), timeout);
            const std::lock_guard lock(mutex_);
            if (!problem_.empty()) return;
            eventfd_t woken = 0;
            if (ends[2].revents != 0) ::eventfd_read(wake_, &woken);
            timeout = watchers_ != 0 ? kHurry : rest;
            // What is due is sent at its time, not whenever something arrives.
            const uint64_t now = now_ns();
            const bool turn = watchers_ != 0 || !between_.empty() ||
                              now - last_turn_ >= static_cast<uint64_t>(timeout) * 1'000'000;
            if (turn) last_turn_ = now;
            Direction& inward = loops_ ? out_ : in_;
            if (ends[0].revents != 0) receive(terminal_, inward, "terminal");
            if (!loops_ && ends[1].revents != 0) receive(far_, out_, "far end");
            if (turn) send(terminal_, out_, true);
            if (turn && !loops_) send(far_, in_, false);
            changed_.notify_all();
        }
    }
    void receive(int from, Direction& direction, const char* where) {
        std::array<uint8_t, 4096> bytes{};
        const ssize_t count = ::read(from, bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) {
            problem_ =
                std::string(where) + ": " + (count == 0 ? "end of file" : std::strerror(errno));
            return;
        }
        for (ssize_t i = 0; i < count; ++i) {
            if (bytes[static_cast<size_t>(i)] >= kOrdinary && loops_) {
                ++taken_;
                continue;
            }
            const uint8_t expected = content(direction.seed, direction.received);
            if (bytes[static_cast<size_t>(i)] != expected)
                return differs(where, direction, bytes, i, count);
            ++direction.received;
        }
    }
    void differs(const char* where, const Direction& direction,
                 const std::array<uint8_t, 4096>& bytes, ssize_t at, ssize_t count) {
        problem_ = std::string(where) + ": byte " + std::to_string(direction.received) + " of " +
                   std::to_string(direction.sent) + " sent is another one";
        // Lost or repeated? The next bytes tell where in the stream they are.
        const ssize_t length = std::min<ssize_t>(count - at, 16);
        if (length < 8) return;
        const uint64_t from = direction.received > 1 << 20 ? direction.received - (1 << 20) : 0;
        for (uint64_t position = from; position + static_cast<uint64_t>(length) <= direction.sent;
             ++position) {
            ssize_t i = 0;
            while (i < length && bytes[static_cast<size_t>(at + i)] ==
                                     content(direction.seed, position + static_cast<uint64_t>(i)))
                ++i;
            if (i < length) continue;
            problem_ += "; the stream goes on at " + std::to_string(position) +
                        (position < direction.received ? " (repeated)" : " (lost)");
            return;
        }
    }
    void send(int to, Direction& direction, bool terminal) {
        if (terminal && !between_.empty()) {
            const ssize_t count = ::write(to, between_.data(), between_.size());
            if (count > 0) between_.erase(between_.begin(), between_.begin() + count);
            return;
        }
        const uint64_t due = (now_ns() - begin_) / 1000 * kPerSecond / 1'000'000;
        if (direction.sent - direction.received >= kAhead || direction.sent >= due) {
            // What could not be sent in time is not made up for.
            if (direction.sent - direction.received >= kAhead && due > direction.sent)
                begin_ =
                    std::max(begin_, now_ns() - direction.sent * 1'000'000 / kPerSecond * 1000);
            return;
        }
        std::array<uint8_t, 1024> bytes{};
        const uint64_t wanted = std::min({bytes.size() * uint64_t{1}, due - direction.sent,
                                          kAhead - (direction.sent - direction.received)});
        for (uint64_t i = 0; i < wanted; ++i)
            bytes[i] = content(direction.seed, direction.sent + i);
        const ssize_t count = ::write(to, bytes.data(), wanted);
        if (count > 0) {
            direction.sent += static_cast<uint64_t>(count);
        } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
            problem_ =
                std::string(terminal ? "terminal" : "far end") + ": write: " + std::strerror(errno);
        }
    }

    std::string name_;
    std::string path_;
    bool loops_ = false;
    int listener_ = -1;
    int terminal_ = -1;
    int far_ = -1;
    uint64_t begin_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    Direction out_;  ///< from the terminal
    Direction in_;   ///< to the terminal
    int wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int watchers_ = 0;
    uint64_t last_turn_ = 0;  ///< when something was sent last
    std::vector<uint8_t> between_;
    uint64_t taken_ = 0;  ///< answers to what was said
    std::string problem_;
};

void change(int terminal, bool speed) {
    termios2 settings{};
    if (::ioctl(terminal, TCGETS2, &settings) != 0) return;
    if (speed) {
        settings.c_cflag = (settings.c_cflag & ~static_cast<tcflag_t>(CBAUD)) | BOTHER;
        settings.c_ispeed = settings.c_ospeed = settings.c_ospeed == 12345 ? 54321 : 12345;
    } else {
        settings.c_cflag ^= CSTOPB;
    }
    ::ioctl(terminal, TCSETS2, &settings);
}

class Program {
  public:
    void run() {
        for (std::string text; std::getline(std::cin, text);) {
            std::istringstream words(text);
            std::string order;
            std::string name;
            words >> order >> name;
            if (order == "quit") break;
            std::cout << carry_out(order, name, words) << std::endl;
        }
        std::_Exit(0);
    }

  private:
    std::string carry_out(const std::string& order, const std::string& name,
                          std::istringstream& words) {
        std::unique_ptr<Line>& place = lines_[name];
        if (!place) place = std::make_unique<Line>(name, lines_.size());
        Line& line = *place;
        std::string word;
        if (order == "listen") {
            const int port = line.listen();
            return port > 0 ? "ok " + std::to_string(port) : "cannot listen";
        }
        if (order == "open") {
            std::string loop;
            words >> word >> loop;
            return line.open(word, loop == "loop");
        }
        if (order == "check") {
            int64_t ms = 0;
            words >> ms;
            return line.check(milliseconds(ms));
        }
        if (order == "reopen") return line.reopen();
        if (order == "say") {
            std::vector<uint8_t> bytes;
            for (int i = 0; i < 2 && words >> word; ++i)
                bytes.push_back(static_cast<uint8_t>(std::stoul(word, nullptr, 16)));
            int64_t ms = 0;
            words >> ms;
            return line.say(bytes, milliseconds(ms));
        }
        // The driver may hang in what this causes.
        std::thread([speed = order == "speed", terminal = line.terminal()] {
            change(terminal, speed);
        }).detach();
        return "ok";
    }
    std::map<std::string, std::unique_ptr<Line>> lines_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) rest = std::max(kHurry, std::atoi(argv[1]));
    signal(SIGPIPE, SIG_IGN);
    Program().run();
}
