// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/translation_unit.h"

#include <cstring>
#include <filesystem>
#include <set>

#include "iig/parse/clang_errors.h"
#include "iig/parse/interface_text.h"
#include "iig/parse/source.h"
#include "iig/parse/virtual_files.h"

namespace opendext::iig {

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

CXErrorCode parse_once(CXIndex index, const std::string& file,
                       const std::vector<std::string>& arguments, const VirtualFiles& files,
                       CXTranslationUnit* unit) {
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    std::vector<CXUnsavedFile> unsaved;
    for (const auto& [path, text] : files.texts())
        unsaved.push_back({path.c_str(), text.c_str(), text.size()});
    return clang_parseTranslationUnit2(
        index, file.c_str(), pointers.data(), static_cast<int>(pointers.size()), unsaved.data(),
        static_cast<unsigned>(unsaved.size()), CXTranslationUnit_None, unit);
}

}  // namespace

TranslationUnit::~TranslationUnit() {
    if (unit_) clang_disposeTranslationUnit(unit_);
    if (index_) clang_disposeIndex(index_);
}

bool TranslationUnit::parse(const ParseRequest& request, Diagnostics& diagnostics) {
    VirtualFiles files(request.file, request.interfaces, request.names,
                       include_directories(request.arguments));
    std::vector<std::string> arguments = {
        "-x", "c++", "-std=gnu++20", "-fblocks", "-fno-exceptions", "-fno-rtti", "-D__IIG=1"};
    arguments.push_back("-D" + std::string(kKernelAlias) +
                        "=__attribute__((annotate(\"kernel\")))");
    arguments.push_back(std::string("-I") + VirtualFiles::kDirectory);
    arguments.insert(arguments.end(), request.arguments.begin(), request.arguments.end());
    arguments.insert(arguments.end(), {"-Wno-everything", "-Werror=ignored-attributes"});

    index_ = clang_createIndex(/*excludeDeclarationsFromPCH=*/0, /*displayDiagnostics=*/0);
    // Again only if an interface file with KERNEL in it was included in a way that no name tells.
    for (bool again = true; again;) {
        if (unit_) clang_disposeTranslationUnit(unit_);
        unit_ = nullptr;
        const CXErrorCode code = parse_once(index_, request.file, arguments, files, &unit_);
        if (code != CXError_Success || !unit_) {
            diagnostics.error(
                {}, "clang cannot read '" + request.file + "' (code " + std::to_string(code) + ")",
                "check that the file exists and the arguments after '--'");
            return false;
        }
        again = false;
        for (const std::string& path : inclusions())
            again = (path.ends_with(".iig") && files.look_at(path)) || again;
    }
    report_clang_errors(unit_, diagnostics);
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
        if (!file.starts_with(VirtualFiles::kDirectory)) result.push_back(file);
    }
    return result;
}

}  // namespace opendext::iig
