// SPDX-License-Identifier: Apache-2.0
// opendext serial run: a program with modem lines, data size, parity and break at ports of
// OpenDext.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tools/common/command_line.h"

int main(int argc, char** argv) {
    using namespace opendext;
    tools::CommandLine line("opendext serial run", "PROGRAM [ARGUMENT]…",
                            "Runs a program that wants more of a serial port than a "
                            "pseudo-terminal has.");
    line.stop_at_operand().footer(
        "At ports of the realm the program can set and read modem lines (TIOCMGET and so on), set "
        "5 to 8\n"
        "data bits and parity (tcsetattr), and send a break (tcsendbreak); they reach the driver "
        "as "
        "if\n"
        "`opendext serial set` had said them, until the program ends. Every other terminal is as "
        "before.\n"
        "It works by LD_PRELOAD: not for programs that are linked statically or change their "
        "user.");
    if (const auto status = line.parse(argc, argv, 1, SIZE_MAX)) return *status;
    const std::string library = installation_prefix() / "lib" / "libopendext-tty.so";
    if (::access(library.c_str(), R_OK) != 0)
        return line.failure(Error::system("cannot read " + library));
    const char* before = std::getenv("LD_PRELOAD");
    const std::string preload =
        before == nullptr || *before == '\0' ? library : library + ":" + before;
    ::setenv("LD_PRELOAD", preload.c_str(), 1);
    ::setenv("OPENDEXT_REALM", line.realm().root().c_str(), 1);
    std::vector<char*> words;
    for (const std::string& word : line.operands())
        words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    return line.failure(Error::system("cannot run " + line.operands().front()));
}
