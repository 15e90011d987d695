// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/clang_errors.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "iig/parse/interface_text.h"
#include "iig/parse/source.h"
#include "iig/parse/virtual_files.h"

namespace opendext::iig {

namespace {

/// A file with an error in it, and its words in wrong places.
struct BadFile {
    std::string text;
    std::map<unsigned, std::vector<std::pair<Location, Misplaced>>> misplaced;  ///< by line
    std::set<unsigned> told;          ///< lines whose words have been told of
    unsigned misunderstood_from = 0;  ///< from this line on clang's errors mean nothing; 0 = none
};

constexpr unsigned kDeclarationLines = 4;  // from a word to where clang noticed it

/// Tells of the words that explain an error on `line`; true if there are any.
bool explain(BadFile& file, unsigned line, Diagnostics& diagnostics) {
    bool explained = file.misunderstood_from != 0 && line >= file.misunderstood_from;
    const unsigned first = line < kDeclarationLines ? 0 : line - kDeclarationLines + 1;
    for (auto at = file.misplaced.lower_bound(first);
         at != file.misplaced.end() && at->first < line + kDeclarationLines; ++at) {
        explained = true;
        if (!file.told.insert(at->first).second) continue;
        for (const auto& [place, word] : at->second) {
            diagnostics.error(place, word.what, word.fix);
            if (word.breaks_class) file.misunderstood_from = at->first;
        }
    }
    return explained;
}

BadFile look_into(const std::string& name) {
    BadFile file;
    file.text = read_text(name);
    if (!name.ends_with(".iig")) return file;
    for (const Misplaced& word : misplaced_words(file.text)) {
        const auto begin = file.text.begin();
        const auto at = begin + static_cast<long>(word.offset);
        const auto line = static_cast<unsigned>(std::count(begin, at, '\n')) + 1;
        const size_t start = word.offset == 0 ? 0 : file.text.rfind('\n', word.offset - 1) + 1;
        const Location where = {name, line, static_cast<unsigned>(word.offset - start) + 1};
        file.misplaced[line].emplace_back(where, word);
    }
    return file;
}

std::string line_of(const std::string& text, unsigned line) {
    size_t begin = 0;
    for (unsigned i = 1; i < line; ++i) {
        begin = text.find('\n', begin);
        if (begin == std::string::npos) return "";
        ++begin;
    }
    std::string result = text.substr(begin, text.find('\n', begin) - begin);
    if (result.ends_with('\r')) result.pop_back();
    return result;
}

std::string formatted(CXDiagnostic diagnostic, const Location& where, const std::string& text) {
    const std::string place = where.file.empty() ? "iig: "
                                                 : where.file + ":" + std::to_string(where.line) +
                                                       ":" + std::to_string(where.column) + ": ";
    const bool fatal = clang_getDiagnosticSeverity(diagnostic) == CXDiagnostic_Fatal;
    std::string result = place + (fatal ? "fatal error: " : "error: ") +
                         take(clang_getDiagnosticSpelling(diagnostic)) + "\n";
    const std::string source = line_of(text, where.line);
    if (!source.empty())
        result += source + "\n" + std::string(where.column ? where.column - 1 : 0, ' ') + "^\n";
    for (unsigned i = 0; i < clang_getDiagnosticNumFixIts(diagnostic); ++i) {
        CXSourceRange range;
        const std::string replacement = take(clang_getDiagnosticFixIt(diagnostic, i, &range));
        result += place + "note: fix: " +
                  (replacement.empty() ? "remove it" : "write '" + replacement + "'") + "\n";
    }
    return without_kernel_alias(std::move(result));
}

}  // namespace

void report_clang_errors(CXTranslationUnit unit, Diagnostics& diagnostics) {
    std::map<std::string, BadFile> files;
    for (unsigned i = 0; i < clang_getNumDiagnostics(unit); ++i) {
        CXDiagnostic diagnostic = clang_getDiagnostic(unit, i);
        if (clang_getDiagnosticSeverity(diagnostic) < CXDiagnostic_Error) {
            clang_disposeDiagnostic(diagnostic);
            continue;
        }
        CXFile handle = nullptr;
        Location where;
        // Where a word was used, not where its macro is defined.
        clang_getFileLocation(clang_getDiagnosticLocation(diagnostic), &handle, &where.line,
                              &where.column, nullptr);
        where.file = handle ? take(clang_getFileName(handle)) : "";
        const auto [at, fresh] = files.try_emplace(where.file);
        BadFile& file = at->second;
        if (fresh && handle) file = look_into(where.file);
        if (!explain(file, where.line, diagnostics))
            diagnostics.formatted(formatted(diagnostic, where, file.text));
        clang_disposeDiagnostic(diagnostic);
    }
}

}  // namespace opendext::iig
