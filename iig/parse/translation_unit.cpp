// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/translation_unit.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "iig/parse/source.h"

namespace opendext::iig {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> include_directories(const std::vector<std::string>& arguments) {
    std::vector<std::string> directories;
    for (size_t i = 0; i < arguments.size(); ++i) {
        for (const char* option : {"-isystem", "-iquote", "-I"}) {
            if (!arguments[i].starts_with(option)) continue;
            std::string directory = arguments[i].substr(std::strlen(option));
            if (directory.empty() && i + 1 < arguments.size()) directory = arguments[i + 1];
            directories.push_back(directory);
            break;
        }
    }
    return directories;
}

/// One line of a file, for messages and for looking at words.
std::string line_of(const std::string& file, unsigned line) {
    std::ifstream stream(file);
    std::string text;
    for (unsigned i = 0; i < line; ++i) {
        if (!std::getline(stream, text)) return "";
    }
    return text;
}

/// The first word of the interface language on the line, if there is one.
std::string word_on(const std::string& line) {
    size_t begin = 0;
    while (begin < line.size()) {
        const auto is_identifier = [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
        };
        if (!is_identifier(line[begin])) {
            ++begin;
            continue;
        }
        size_t end = begin;
        while (end < line.size() && is_identifier(line[end])) ++end;
        if (is_word(line.substr(begin, end - begin))) return line.substr(begin, end - begin);
        begin = end;
    }
    return "";
}

/// What to do about a word that clang met where it takes none, or "".
std::string word_fix(const std::string& what, const std::string& source) {
    const std::string word = word_on(source);
    if (word.empty()) return "";
    if (what.find("is not defined") != std::string::npos) {
        return "'" + word + "' is a word of the interface language here; write '#ifdef __IIG'";
    }
    const bool syntax = what.find("expected") != std::string::npos ||
                        what.find("attribute") != std::string::npos ||
                        what.find("pure-specifier") != std::string::npos;
    if (!syntax) return "";
    if (source.find("class ") != std::string::npos)
        return "'" + word + "' stands before the class name: 'class " + word + " Name'";
    return "'" + word +
           "' stands after the last of 'const', 'override' and 'final', before '= 0' and ';'";
}

void append(std::string& text, CXDiagnostic diagnostic, std::set<std::string>& hinted) {
    CXFile file = nullptr;
    unsigned line = 0;
    unsigned column = 0;
    // Where a word was used, not where its macro is defined.
    clang_getFileLocation(clang_getDiagnosticLocation(diagnostic), &file, &line, &column, nullptr);
    const std::string name = file ? take(clang_getFileName(file)) : "";
    const std::string place =
        file ? name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " : "iig: ";
    const std::string what = take(clang_getDiagnosticSpelling(diagnostic));
    text += place +
            (clang_getDiagnosticSeverity(diagnostic) == CXDiagnostic_Fatal ? "fatal error: "
                                                                           : "error: ") +
            what + "\n";
    const std::string source = file ? line_of(name, line) : "";
    if (!source.empty())
        text += source + "\n" + std::string(column > 0 ? column - 1 : 0, ' ') + "^\n";
    if (const std::string fix = word_fix(what, source); !fix.empty()) {
        if (hinted.insert(name + ":" + std::to_string(line)).second)
            text += place + "note: fix: " + fix + "\n";
        return;
    }
    for (unsigned i = 0; i < clang_getDiagnosticNumFixIts(diagnostic); ++i) {
        CXSourceRange range;
        const std::string replacement = take(clang_getDiagnosticFixIt(diagnostic, i, &range));
        text += place + "note: fix: " +
                (replacement.empty() ? "remove it" : "write '" + replacement + "'") + "\n";
    }
}

}  // namespace

Shims::~Shims() {
    std::error_code ignored;
    if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

bool Shims::make(const std::vector<std::string>& include_directories, Diagnostics& diagnostics) {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "iig-XXXXXX").string();
    if (error || !mkdtemp(pattern.data())) {
        diagnostics.error(
            {}, "cannot make a temporary directory '" + pattern + "': " + std::strerror(errno));
        return false;
    }
    directory_ = pattern;
    const auto add = [&](const fs::path& interface, const fs::path& relative) {
        fs::path shim = fs::path(directory_) / relative;
        shim.replace_extension(".h");
        if (fs::exists(shim)) return;  // the first include directory wins
        fs::create_directories(shim.parent_path(), error);
        // Imported, so that a file without an include guard is read once, whether by its own name
        // or as header.
        std::ofstream(shim) << "#import \"" << fs::absolute(interface).string() << "\"\n";
    };
    for (const std::string& directory : include_directories) {
        for (const auto& entry : fs::directory_iterator(directory, error)) {
            if (entry.path().extension() == ".iig") add(entry.path(), entry.path().filename());
            if (!entry.is_directory(error)) continue;
            std::error_code inner;
            for (const auto& file : fs::directory_iterator(entry.path(), inner)) {
                if (file.path().extension() == ".iig")
                    add(file.path(), entry.path().filename() / file.path().filename());
            }
        }
    }
    return true;
}

TranslationUnit::~TranslationUnit() {
    if (unit_) clang_disposeTranslationUnit(unit_);
    if (index_) clang_disposeIndex(index_);
}

bool TranslationUnit::parse(const std::string& file, const std::vector<std::string>& arguments,
                            Diagnostics& diagnostics) {
    if (!shims_.make(include_directories(arguments), diagnostics)) return false;
    std::vector<std::string> all = {
        "-x",        "c++",       "-std=gnu++20",           "-fblocks", "-fno-exceptions",
        "-fno-rtti", "-D__IIG=1", "-I" + shims_.directory()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"-Wno-everything", "-Werror=ignored-attributes"});
    std::vector<const char*> pointers;
    for (const std::string& argument : all) pointers.push_back(argument.c_str());

    index_ = clang_createIndex(/*excludeDeclarationsFromPCH=*/0, /*displayDiagnostics=*/0);
    const CXErrorCode code = clang_parseTranslationUnit2(
        index_, file.c_str(), pointers.data(), static_cast<int>(pointers.size()), nullptr, 0,
        CXTranslationUnit_DetailedPreprocessingRecord, &unit_);
    if (code != CXError_Success || !unit_) {
        diagnostics.error({},
                          "clang cannot read '" + file + "' (code " + std::to_string(code) + ")",
                          "check that the file exists and the arguments after '--'");
        return false;
    }
    std::set<std::string> hinted;
    for (unsigned i = 0; i < clang_getNumDiagnostics(unit_); ++i) {
        CXDiagnostic diagnostic = clang_getDiagnostic(unit_, i);
        if (clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error) {
            std::string text;
            append(text, diagnostic, hinted);
            diagnostics.formatted(text);
        }
        clang_disposeDiagnostic(diagnostic);
    }
    return !diagnostics.failed();
}

std::vector<std::string> TranslationUnit::inclusions() const {
    std::set<std::string> files;
    clang_getInclusions(
        unit_,
        [](CXFile file, CXSourceLocation*, unsigned, CXClientData data) {
            static_cast<std::set<std::string>*>(data)->insert(take(clang_getFileName(file)));
        },
        &files);
    std::vector<std::string> result;
    for (const std::string& file : files) {
        if (!file.starts_with(shims_.directory())) result.push_back(file);
    }
    return result;
}

}  // namespace opendext::iig
