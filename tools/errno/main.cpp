// SPDX-License-Identifier: Apache-2.0
// opendext errno: what a code stands for, and what to do about it.

#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/errno/codes.h"

namespace opendext::errno_tool {
namespace {

int main(int argc, char** argv) {
    bool json = false;
    tools::CommandLine line(
        "opendext errno", "CODE... [--json]",
        "Explains codes: results of calls, errors of requests for system extensions, and messages "
        "of notifications.");
    line.flag("--json", json, "print JSON (docs/schemas/opendext-errno.json)")
        .footer(
            "CODE is decimal with or without sign, hexadecimal with 0x, hexadecimal without it "
            "where a letter shows that it is, or a name: kIOReturnNotPermitted, NotPermitted.");
    if (const auto status = line.parse(argc, argv, 1, SIZE_MAX)) return *status;
    int status = tools::kExitSuccess;
    Array explained;
    std::string text;
    for (const std::string& typed : line.operands()) {
        const Result<uint32_t> number = read_code(typed);
        if (!number.ok()) {
            status = line.failure(number.error());
            continue;
        }
        explained.push_back(to_value(typed, *number));
        text += to_text(*number);
    }
    if (json) text = tools::to_json(explained, 2) + "\n";
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return status;
}

}  // namespace
}  // namespace opendext::errno_tool

int main(int argc, char** argv) {
    return opendext::errno_tool::main(argc, argv);
}
