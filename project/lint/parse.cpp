// SPDX-License-Identifier: Apache-2.0
#include "project/lint/parse.h"

#include <clang-c/Index.h>

#include <algorithm>
#include <array>
#include <memory>

#include "iig/parse/translation_unit.h"

namespace opendext::lint {
namespace {

std::string take(CXString text) {
    const char* characters = clang_getCString(text);
    std::string result = characters != nullptr ? characters : "";
    clang_disposeString(text);
    return result;
}

Place place_of(CXSourceLocation location) {
    CXFile file = nullptr;
    unsigned line = 0;
    unsigned column = 0;
    clang_getExpansionLocation(location, &file, &line, &column, nullptr);
    return {file != nullptr ? take(clang_getFileName(file)) : "", line, column};
}

// Headers for what a driver process does not have, and what there is instead.
struct Forbidden {
    std::string_view header;
    std::string_view instead;
};
constexpr std::string_view kLog = "log with os_log of <os/log.h>";
constexpr std::string_view kText = "write into a buffer with snprintf";
constexpr std::string_view kFiles =
    "a driver has no files: map one with OSMappedFile, or pass it through a user client";
constexpr std::string_view kThreads =
    "use an IODispatchQueue; for locks IOLock of <DriverKit/IOLib.h>";
constexpr std::string_view kProcesses =
    "a driver has no other processes or networks: talk to a program through a user client";
constexpr std::array kForbidden = {
    Forbidden{"iostream", kLog},
    Forbidden{"ostream", kLog},
    Forbidden{"istream", kLog},
    Forbidden{"sstream", kText},
    Forbidden{"iomanip", kText},
    Forbidden{"streambuf", kText},
    Forbidden{"locale", kText},
    Forbidden{"codecvt", kText},
    Forbidden{"regex", "take the text apart by hand"},
    Forbidden{"fstream", kFiles},
    Forbidden{"filesystem", kFiles},
    Forbidden{"fcntl.h", kFiles},
    Forbidden{"dirent.h", kFiles},
    Forbidden{"sys/stat.h", kFiles},
    Forbidden{"thread", kThreads},
    Forbidden{"mutex", kThreads},
    Forbidden{"shared_mutex", kThreads},
    Forbidden{"condition_variable", kThreads},
    Forbidden{"future", kThreads},
    Forbidden{"semaphore", kThreads},
    Forbidden{"pthread.h", kThreads},
    Forbidden{"sys/socket.h", kProcesses},
    Forbidden{"netdb.h", kProcesses},
    Forbidden{"spawn.h", kProcesses},
    Forbidden{"sys/wait.h", kProcesses},
    Forbidden{"dlfcn.h", "link what is needed; nothing is loaded at run time"},
    Forbidden{"stdexcept", "return kern_return_t"},
    Forbidden{"typeinfo", "use OSDynamicCast"},
    Forbidden{"typeindex", "use OSDynamicCast"},
    Forbidden{"any", "use a std::variant, or OS collections"}};

template <typename Function>
void visit_children(CXCursor cursor, Function&& function) {
    clang_visitChildren(
        cursor,
        [](CXCursor child, CXCursor, CXClientData data) {
            return (*static_cast<std::remove_reference_t<Function>*>(data))(child);
        },
        &function);
}

/// Whether the class has `root` among its superclasses, or is it.
bool derives_from(CXCursor record, std::string_view root, int depth = 0) {
    if (depth > 32) return false;
    if (take(clang_getCursorSpelling(record)) == root) return true;
    const CXCursor definition = clang_getCursorDefinition(record);
    if (clang_Cursor_isNull(definition) != 0) return false;
    bool found = false;
    visit_children(definition, [&](CXCursor child) {
        if (clang_getCursorKind(child) == CXCursor_CXXBaseSpecifier &&
            derives_from(
                clang_getTypeDeclaration(clang_getCanonicalType(clang_getCursorType(child))), root,
                depth + 1))
            found = true;
        return found ? CXChildVisit_Break : CXChildVisit_Continue;
    });
    return found;
}

/// Where a struct of instance variables stands.
struct IvarsExtent {
    Place begin;
    Place end;
    std::string name;
};

class SourceVisitor {
  public:
    SourceVisitor(ParsedSource& result, const std::string& generated)
        : result_(result), generated_(generated) {}

    void visit(CXTranslationUnit unit) {
        visit_children(clang_getTranslationUnitCursor(unit), [&](CXCursor cursor) {
            const CXSourceLocation location = clang_getCursorLocation(cursor);
            if (clang_Location_isInSystemHeader(location) != 0) return CXChildVisit_Continue;
            const Place place = place_of(location);
            if (place.file.empty() || place.file.starts_with(generated_))
                return CXChildVisit_Continue;
            look(cursor);
            return CXChildVisit_Continue;
        });
    }

    [[nodiscard]] const std::vector<IvarsExtent>& ivars() const { return ivars_; }

  private:
    void add(std::string_view rule, CXCursor cursor, std::string message, std::string fix) {
        const CXSourceLocation location = clang_getCursorLocation(cursor);
        result_.findings.push_back(
            {find_rule(rule), place_of(location), std::move(message), std::move(fix)});
    }

    void look(CXCursor cursor) {
        switch (clang_getCursorKind(cursor)) {
            case CXCursor_InclusionDirective:
                look_at_include(cursor);
                break;
            case CXCursor_CXXTryStmt:
                add("cxx-exceptions", cursor, "try: drivers are built without exceptions",
                    "check the result of each call; nothing that DriverKit offers throws");
                break;
            case CXCursor_CXXThrowExpr:
                add("cxx-exceptions", cursor, "throw: drivers are built without exceptions",
                    "return a kern_return_t");
                break;
            case CXCursor_CXXDynamicCastExpr:
                add("cxx-rtti", cursor, "dynamic_cast: drivers are built without RTTI",
                    "use OSDynamicCast for OS objects, else a virtual function");
                break;
            case CXCursor_CXXTypeidExpr:
                add("cxx-rtti", cursor, "typeid: drivers are built without RTTI",
                    "use OSDynamicCast for OS objects, else a virtual function");
                break;
            case CXCursor_StructDecl:
            case CXCursor_ClassDecl:
                look_at_record(cursor);
                break;
            case CXCursor_CallExpr:
                look_at_call(cursor);
                break;
            default:
                break;
        }
        visit_children(cursor, [&](CXCursor child) {
            look(child);
            return CXChildVisit_Continue;
        });
    }

    void look_at_include(CXCursor cursor) {
        const std::string name = take(clang_getCursorSpelling(cursor));
        const auto found = std::ranges::find(kForbidden, name, &Forbidden::header);
        if (found == kForbidden.end()) return;
        // A header of the driver's own may have the name.
        const CXFile file = clang_getIncludedFile(cursor);
        if (file != nullptr) {
            const CXTranslationUnit unit = clang_Cursor_getTranslationUnit(cursor);
            if (clang_Location_isInSystemHeader(clang_getLocationForOffset(unit, file, 0)) == 0)
                return;
        }
        add("cxx-header", cursor, "<" + name + "> is for what a driver process does not have",
            std::string(found->instead));
    }

    void look_at_record(CXCursor cursor) {
        const std::string name = take(clang_getCursorSpelling(cursor));
        if (clang_isCursorDefinition(cursor) == 0 ||
            (!name.ends_with("_IVars") && !name.ends_with("_LocalIVars")))
            return;
        const CXSourceRange extent = clang_getCursorExtent(cursor);
        ivars_.push_back(
            {place_of(clang_getRangeStart(extent)), place_of(clang_getRangeEnd(extent)), name});
        visit_children(cursor, [&](CXCursor field) {
            if (clang_getCursorKind(field) != CXCursor_FieldDecl) return CXChildVisit_Continue;
            CXType type = clang_getCanonicalType(clang_getCursorType(field));
            while (type.kind == CXType_ConstantArray)
                type = clang_getCanonicalType(clang_getArrayElementType(type));
            if (type.kind != CXType_Record) return CXChildVisit_Continue;
            const CXCursor record = clang_getTypeDeclaration(type);
            if (!derives_from(record, "OSMetaClassBase") && !derives_from(record, "OSObject"))
                return CXChildVisit_Continue;
            const std::string object = take(clang_getCursorSpelling(record));
            const std::string member = take(clang_getCursorSpelling(field));
            add("ivars-object", field,
                "member '" + member + "' of " + name + " is an " + object +
                    " by value: OS objects are made by their "
                    "create functions and counted",
                "write " + object + " * " + member + "; and release it in free()");
            return CXChildVisit_Continue;
        });
    }

    /// Create(provider, "KEY", &object) of IOService.
    void look_at_call(CXCursor cursor) {
        if (take(clang_getCursorSpelling(cursor)) != "Create" ||
            clang_Cursor_getNumArguments(cursor) < 3)
            return;
        const CXCursor method = clang_getCursorReferenced(cursor);
        if (clang_Cursor_isNull(method) != 0 ||
            take(clang_getCursorSpelling(clang_getCursorSemanticParent(method))) != "IOService")
            return;
        const CXCursor key = clang_Cursor_getArgument(cursor, 1);
        const std::unique_ptr<void, void (*)(CXEvalResult)> value(
            clang_Cursor_Evaluate(key), [](CXEvalResult result) {
                if (result != nullptr) clang_EvalResult_dispose(result);
            });
        if (value == nullptr || clang_EvalResult_getKind(value.get()) != CXEval_StrLiteral) return;
        result_.creates.push_back(
            {clang_EvalResult_getAsStr(value.get()), place_of(clang_getCursorLocation(key))});
    }

    ParsedSource& result_;
    const std::string& generated_;
    std::vector<IvarsExtent> ivars_;
};

/// An array of OS objects in instance variables: clang drops the member, so that only its message
/// tells.
bool is_object_array(const std::string& text, const Place& place,
                     const std::vector<IvarsExtent>& ivars, ParsedSource& result) {
    static const std::string kStart = "array of abstract class type '";
    if (!text.starts_with(kStart)) return false;
    const auto inside = std::ranges::find_if(ivars, [&](const IvarsExtent& extent) {
        return extent.begin.file == place.file && extent.begin.line <= place.line &&
               place.line <= extent.end.line;
    });
    if (inside == ivars.end()) return false;
    const std::string object = text.substr(kStart.size(), text.rfind('\'') - kStart.size());
    result.findings.push_back({find_rule("ivars-object"), place,
                               "a member of " + inside->name + " is an array of " + object +
                                   " by value: OS objects are made by their create functions and "
                                   "counted",
                               "write an array of " + object + " *, or keep an OSArray"});
    return true;
}

/// The first error that kept the source from being read, if there is one.
void add_errors(CXTranslationUnit unit, const std::filesystem::path& source,
                const std::vector<IvarsExtent>& ivars, ParsedSource& result) {
    const unsigned count = clang_getNumDiagnostics(unit);
    for (unsigned i = 0; i < count; ++i) {
        const CXDiagnostic diagnostic = clang_getDiagnostic(unit, i);
        const bool error = clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error;
        const Place place = place_of(clang_getDiagnosticLocation(diagnostic));
        const std::string text = take(clang_getDiagnosticSpelling(diagnostic));
        clang_disposeDiagnostic(diagnostic);
        if (!error) continue;
        const bool told = is_object_array(text, place, ivars, result);
        if (!result.complete) continue;
        result.complete = false;
        if (told) continue;
        result.findings.push_back({find_rule("source-incomplete"),
                                   place.file.empty() ? Place{source, 0, 0} : place,
                                   "clang: " + text + "; what depends on it was not looked at",
                                   "build it first: opendext build"});
    }
}

}  // namespace

InterfaceFacts read_interface(const std::filesystem::path& file,
                              const std::vector<std::string>& iig_command,
                              const std::vector<std::filesystem::path>& interfaces) {
    InterfaceFacts facts;
    iig::ParseRequest request;
    request.file = file;
    const auto separator = std::ranges::find(iig_command, "--");
    if (separator != iig_command.end()) request.arguments.assign(separator + 1, iig_command.end());
    for (size_t i = 0; i + 1 < iig_command.size(); ++i) {
        if (iig_command[i] == "--framework-name") request.names.push_back(iig_command[i + 1]);
    }
    for (const auto& other : interfaces) {
        if (other != file) request.interfaces.push_back(other);
    }
    iig::TranslationUnit unit;
    iig::Diagnostics ignored;  // iig itself has told of them
    unit.parse(request, ignored);
    if (unit.get() == nullptr) return facts;
    visit_children(clang_getTranslationUnitCursor(unit.get()), [&](CXCursor cursor) {
        const CXSourceLocation location = clang_getCursorLocation(cursor);
        if (clang_getCursorKind(cursor) != CXCursor_ClassDecl ||
            clang_isCursorDefinition(cursor) == 0 || clang_Location_isFromMainFile(location) == 0)
            return CXChildVisit_Continue;
        DeclaredClass declared{take(clang_getCursorSpelling(cursor)), "", place_of(location)};
        declared.place.file = file;
        visit_children(cursor, [&](CXCursor child) {
            if (clang_getCursorKind(child) != CXCursor_CXXBaseSpecifier)
                return CXChildVisit_Continue;
            declared.superclass = take(clang_getCursorSpelling(clang_getCursorDefinition(child)));
            return CXChildVisit_Break;
        });
        if (!declared.superclass.empty()) facts.classes.push_back(std::move(declared));
        return CXChildVisit_Continue;
    });
    return facts;
}

ParsedSource parse_source(const std::filesystem::path& source,
                          const std::vector<std::string>& arguments, const std::string& generated) {
    ParsedSource result;
    std::vector<const char*> words;
    for (const auto& argument : arguments) words.push_back(argument.c_str());
    const std::unique_ptr<void, void (*)(CXIndex)> index(clang_createIndex(0, 0),
                                                         clang_disposeIndex);
    CXTranslationUnit unit = nullptr;
    // KeepGoing: a header that is not there hides nothing of what follows.
    clang_parseTranslationUnit2(
        index.get(), source.c_str(), words.data(), static_cast<int>(words.size()), nullptr, 0,
        CXTranslationUnit_DetailedPreprocessingRecord | CXTranslationUnit_KeepGoing, &unit);
    if (unit == nullptr) {
        result.complete = false;
        result.findings.push_back({find_rule("source-incomplete"),
                                   {source, 0, 0},
                                   "it could not be read",
                                   "build it first: opendext build"});
        return result;
    }
    SourceVisitor visitor(result, generated);
    visitor.visit(unit);
    add_errors(unit, source, visitor.ivars(), result);
    clang_disposeTranslationUnit(unit);
    return result;
}

}  // namespace opendext::lint
