// SPDX-License-Identifier: Apache-2.0
#include "iig/diagnostics.h"

#include <fstream>

namespace opendext::iig {

namespace {

std::string place(const Location& where) {
    if (where.file.empty()) return "iig: ";
    return where.file + ":" + std::to_string(where.line) + ":" + std::to_string(where.column) +
           ": ";
}

/// The line itself with a caret below the column, or nothing if it cannot be read.
std::string source_line(const Location& where) {
    std::ifstream file(where.file);
    std::string line;
    for (unsigned i = 0; i < where.line; ++i) {
        if (!std::getline(file, line)) return "";
    }
    if (where.line == 0) return "";
    if (line.ends_with('\r')) line.pop_back();
    std::string caret;
    for (unsigned i = 1; i < where.column && i <= line.size(); ++i)
        caret += line[i - 1] == '\t' ? '\t' : ' ';
    return line + "\n" + caret + "^\n";
}

}  // namespace

void Diagnostics::error(const Location& where, const std::string& what, const std::string& fix) {
    ++errors_;
    text_ += place(where) + "error: " + what + "\n" + source_line(where);
    if (!fix.empty()) text_ += place(where) + "note: fix: " + fix + "\n";
}

}  // namespace opendext::iig
