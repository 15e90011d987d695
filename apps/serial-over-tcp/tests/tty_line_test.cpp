// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/serve/tty_line.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace opendext::serial_tcp {
namespace {

using telnet::LineSettings;

class TtyLineTest : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "opendext-line-XXXXXX");
        folder = ::mkdtemp(pattern.data());
        master = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        ASSERT_TRUE(master);
        ASSERT_EQ(0, ::grantpt(master.get()));
        ASSERT_EQ(0, ::unlockpt(master.get()));
        path = ::ptsname(master.get());
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    [[nodiscard]] TtyLine::Options options() const { return {true, folder}; }
    [[nodiscard]] std::filesystem::path lock() const {
        return folder / ("LCK..pts_" + path.substr(9));
    }
    void write_lock(const std::string& text) const { std::ofstream(lock()) << text; }
    [[nodiscard]] termios2 terminal() const {
        termios2 settings{};
        EXPECT_EQ(0, ::ioctl(master.get(), TCGETS2, &settings));
        return settings;
    }
    static std::string refusal(const Result<TtyLine>& line) {
        return line.ok() ? "not refused" : line.error().text();
    }

    std::filesystem::path folder;
    UniqueFd master;
    std::string path;
};

TEST_F(TtyLineTest, BytesPassAsTheyAre) {
    auto line = TtyLine::open(path, options());
    ASSERT_TRUE(line.ok()) << refusal(line);
    const std::string bytes("\x00\x03\x04\r\n\x11\x13\x7f\xff", 9);
    char buffer[64];
    ASSERT_EQ(9, ::write(line->fd(), bytes.data(), bytes.size()));
    ASSERT_EQ(9, ::read(master.get(), buffer, sizeof buffer));
    EXPECT_EQ(bytes, std::string(buffer, 9));
    ASSERT_EQ(9, ::write(master.get(), bytes.data(), bytes.size()));
    ASSERT_EQ(9, ::read(line->fd(), buffer, sizeof buffer));
    EXPECT_EQ(bytes, std::string(buffer, 9));
    EXPECT_EQ(-1, ::read(master.get(), buffer, sizeof buffer)) << "nothing is echoed";
}

TEST_F(TtyLineTest, SettingsAreWhatTheTtyCanDo) {
    auto line = TtyLine::open(path, options());
    ASSERT_TRUE(line.ok()) << refusal(line);
    LineSettings wanted = line->settings();
    wanted.baud_rate = 250000;  // none of the standard ones
    wanted.stop_size = telnet::StopSize::two;
    wanted.flow = telnet::Flow::hardware;
    wanted.dtr = false;
    EXPECT_EQ(wanted, line->set(wanted));
    EXPECT_EQ(250000U, terminal().c_ospeed);
    EXPECT_EQ(static_cast<tcflag_t>(BOTHER), terminal().c_cflag & CBAUD);
    EXPECT_NE(0U, terminal().c_cflag & CSTOPB);
    EXPECT_NE(0U, terminal().c_cflag & CRTSCTS);
    wanted.flow = telnet::Flow::xon_xoff;
    wanted.stop_size = telnet::StopSize::one;
    wanted.baud_rate = 115200;
    EXPECT_EQ(wanted, line->set(wanted));
    EXPECT_EQ(static_cast<tcflag_t>(B115200), terminal().c_cflag & CBAUD);
    EXPECT_NE(0U, terminal().c_iflag & IXON);
    EXPECT_EQ(0U, terminal().c_cflag & CRTSCTS);
    // A pseudo-terminal has neither, and says so.
    wanted.data_size = 7;
    wanted.parity = telnet::Parity::even;
    const LineSettings got = line->set(wanted);
    EXPECT_EQ(8, got.data_size);
    EXPECT_EQ(telnet::Parity::none, got.parity);
    EXPECT_FALSE(line->has_modem_lines());
    EXPECT_NE(0, line->modem_state() & telnet::modem::kCarrierDetect);
    EXPECT_EQ(0, line->line_errors());
}

TEST_F(TtyLineTest, EverythingIsPutBackAtTheEnd) {
    const UniqueFd slave(::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    const termios2 before = terminal();
    {
        auto line = TtyLine::open(path, options());
        ASSERT_TRUE(line.ok()) << refusal(line);
        LineSettings wanted = line->settings();
        wanted.baud_rate = 1200;
        (void)line->set(wanted);
        EXPECT_TRUE(std::filesystem::exists(lock()));
        int pid = 0;
        std::ifstream(lock()) >> pid;
        EXPECT_EQ(::getpid(), pid);
    }
    EXPECT_EQ(before.c_ospeed, terminal().c_ospeed);
    EXPECT_EQ(before.c_lflag, terminal().c_lflag);
    EXPECT_EQ(before.c_iflag, terminal().c_iflag);
    int exclusive = 1;
    EXPECT_EQ(0, ::ioctl(slave.get(), TIOCGEXCL, &exclusive));
    EXPECT_EQ(0, exclusive);
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(TtyLineTest, NoticesOfTheOtherSideStay) {
    termios2 settings = terminal();
    settings.c_lflag |= EXTPROC;
    ASSERT_EQ(0, ::ioctl(master.get(), TCSETS2, &settings));
    const auto line = TtyLine::open(path, options());
    ASSERT_TRUE(line.ok());
    EXPECT_NE(0U, terminal().c_lflag & EXTPROC);
}

TEST_F(TtyLineTest, DeviceInUseIsRefusedAndLeftAlone) {
    auto first = TtyLine::open(path, options());
    ASSERT_TRUE(first.ok());
    // By its lock file, by exclusive mode (also for root), and by an advisory lock.
    EXPECT_NE(std::string::npos,
              refusal(TtyLine::open(path, options())).find(std::to_string(::getpid())));
    EXPECT_NE(std::string::npos, refusal(TtyLine::open(path, {false, {}})).find("is in use"));
    ASSERT_EQ(0, ::ioctl(first->fd(), TIOCNXCL));
    EXPECT_NE(std::string::npos, refusal(TtyLine::open(path, {false, {}})).find("is in use"));
    EXPECT_TRUE(std::filesystem::exists(lock()));
}

TEST_F(TtyLineTest, LockFilesOfOthersCountWhileTheirProcessLives) {
    char text[16];
    std::snprintf(text, sizeof text, "%10d\n", static_cast<int>(::getppid()));
    write_lock(text);
    const std::string message = refusal(TtyLine::open(path, options()));
    EXPECT_NE(std::string::npos, message.find("process " + std::to_string(::getppid())));
    EXPECT_NE(std::string::npos, message.find(lock().string()));
    // As old programs write it: four bytes.
    const int parent = ::getppid();
    write_lock(std::string(reinterpret_cast<const char*>(&parent), sizeof parent));
    EXPECT_NE(std::string::npos, refusal(TtyLine::open(path, options())).find("in use"));

    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(child, ::waitpid(child, nullptr, 0));
    for (const std::string& left :
         {std::to_string(child) + "\n", std::string("nonsense\n"), std::string()}) {
        write_lock(left);
        const auto line = TtyLine::open(path, options());
        EXPECT_TRUE(line.ok()) << refusal(line) << " for a lock file with \"" << left << "\"";
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(TtyLineTest, WithoutAPlaceForLockFilesItGoesOn) {
    const auto line = TtyLine::open(path, {true, folder / "nowhere"});
    ASSERT_TRUE(line.ok()) << refusal(line);
    EXPECT_NE(std::string::npos, line->unlocked().find("nowhere"));
}

TEST_F(TtyLineTest, WhatIsNoTtyIsRefusedWithAReason) {
    std::ofstream(folder / "file") << "x";
    const std::pair<std::string, std::string> cases[] = {
        {"/dev/no-such-tty", "there is no device"},
        {(folder / "file").string(), "is no serial device"},
        {"/dev/null", "is no serial device"},
        {folder.string(), "is no serial device"},
    };
    for (const auto& [device, words] : cases) {
        const std::string message = refusal(TtyLine::open(device, {true, folder}));
        EXPECT_NE(std::string::npos, message.find(words)) << message;
        EXPECT_NE(std::string::npos, message.find(device)) << message;
    }
    master.reset();
    EXPECT_NE(std::string::npos, refusal(TtyLine::open(path, options())).find(path));
    std::filesystem::remove(folder / "file");
    EXPECT_TRUE(std::filesystem::is_empty(folder)) << "no lock file is left";
}

}  // namespace
}  // namespace opendext::serial_tcp
