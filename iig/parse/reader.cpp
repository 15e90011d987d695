// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/reader.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include "iig/parse/source.h"
#include "iig/parse/types.h"

namespace opendext::iig {

namespace {

using Annotations = std::vector<std::string>;

void for_children(CXCursor cursor, const std::function<void(CXCursor)>& visit) {
    clang_visitChildren(
        cursor,
        [](CXCursor child, CXCursor, CXClientData data) {
            (*static_cast<const std::function<void(CXCursor)>*>(data))(child);
            return CXChildVisit_Continue;
        },
        const_cast<std::function<void(CXCursor)>*>(&visit));
}

Annotations annotations_of(CXCursor cursor) {
    Annotations result;
    for_children(cursor, [&](CXCursor child) {
        if (clang_getCursorKind(child) == CXCursor_AnnotateAttr)
            result.push_back(take(clang_getCursorSpelling(child)));
    });
    return result;
}

bool has(const Annotations& annotations, std::string_view name) {
    return std::find(annotations.begin(), annotations.end(), name) != annotations.end();
}

/// The argument of `name=…`, or "".
std::string argument(const Annotations& annotations, std::string_view name) {
    for (const std::string& annotation : annotations) {
        if (!annotation.starts_with(name) || annotation.size() <= name.size() ||
            annotation[name.size()] != '=')
            continue;
        std::string value = annotation.substr(name.size() + 1);
        std::erase_if(value, [](char c) { return c == '"' || c == ' '; });
        return value;
    }
    return "";
}

Location location_of(CXCursor cursor) {
    CXFile file = nullptr;
    Location where;
    clang_getFileLocation(clang_getCursorLocation(cursor), &file, &where.line, &where.column,
                          nullptr);
    if (file) where.file = take(clang_getFileName(file));
    return where;
}

/// The name comes out of a macro, so the text of the declaration is not in the file. Words are
/// macros too, but not names.
bool in_macro(CXCursor cursor) {
    unsigned expansion = 0;
    unsigned spelling = 0;
    CXFile expansion_file = nullptr;
    CXFile spelling_file = nullptr;
    const CXSourceLocation location = clang_getCursorLocation(cursor);
    clang_getExpansionLocation(location, &expansion_file, nullptr, nullptr, &expansion);
    clang_getSpellingLocation(location, &spelling_file, nullptr, nullptr, &spelling);
    return expansion != spelling || !clang_File_isEqual(expansion_file, spelling_file);
}

void extent_of(CXCursor cursor, size_t& begin, size_t& end) {
    unsigned from = 0;
    unsigned to = 0;
    const CXSourceRange extent = clang_getCursorExtent(cursor);
    clang_getFileLocation(clang_getRangeStart(extent), nullptr, nullptr, nullptr, &from);
    clang_getFileLocation(clang_getRangeEnd(extent), nullptr, nullptr, nullptr, &to);
    begin = from;
    end = to;
}

struct ClassWords {
    std::string name;  ///< the class whose members these are: EXTENDS seen through
    bool kernel = false;
    bool native = false;
    bool local = false;
    bool local_only = false;
};

ClassWords words_of_class(CXCursor cursor) {
    const Annotations annotations = annotations_of(cursor);
    ClassWords words;
    words.name = take(clang_getCursorSpelling(cursor));
    if (const std::string extended = argument(annotations, "extends"); !extended.empty())
        words.name = extended;
    words.kernel = has(annotations, "kernel");
    words.native = has(annotations, "native");
    words.local = has(annotations, "local");
    words.local_only = has(annotations, "localonly");
    return words;
}

/// What kind of method a first declaration is, and whether its id has the top bit.
struct Root {
    MethodKind kind = MethodKind::dispatched;
    bool kernel = false;
    std::string class_name;
    std::string queue;  ///< QUEUENAME of the first declaration: overrides run there too
};

Root root_of(CXCursor method) {
    const ClassWords parent = words_of_class(clang_getCursorSemanticParent(method));
    const Annotations annotations = annotations_of(method);
    Root root;
    root.class_name = parent.name;
    root.queue = argument(annotations, "queuename");
    if (parent.name == "OSMetaClassBase" || parent.name == "OSMetaClass" || parent.local_only ||
        has(annotations, "localonly")) {
        root.kind = MethodKind::local_only;
        return root;
    }
    if (clang_CXXMethod_isStatic(method)) return root;
    const bool by_class = parent.kernel && !parent.native && !parent.local;
    root.kernel = has(annotations, "kernel") || (by_class && !has(annotations, "local") &&
                                                 !clang_CXXMethod_isPureVirtual(method));
    return root;
}

CXCursor first_declaration(CXCursor method) {
    for (;;) {
        CXCursor* overridden = nullptr;
        unsigned count = 0;
        clang_getOverriddenCursors(method, &overridden, &count);
        if (count == 0) return method;
        method = overridden[0];
        clang_disposeOverriddenCursors(overridden);
    }
}

/// Puts a name into the declaration of a parameter that has none.
std::string with_name(const std::string& declaration, const std::string& name) {
    if (const size_t caret = declaration.find("(^"); caret != std::string::npos) {
        return declaration.substr(0, caret + 2) + name + declaration.substr(caret + 2);
    }
    if (const size_t star = declaration.find("(*"); star != std::string::npos) {
        return declaration.substr(0, star + 2) + name + declaration.substr(star + 2);
    }
    if (const size_t bracket = declaration.find('['); bracket != std::string::npos) {
        return declaration.substr(0, bracket) + " " + name + declaration.substr(bracket);
    }
    return declaration + " " + name;
}

class Reader {
  public:
    Reader(const TranslationUnit& unit, const std::string& path, Diagnostics& diagnostics)
        : unit_(unit.get()),
          file_(clang_getFile(unit_, path.c_str())),
          source_(unit_, file_),
          diagnostics_(diagnostics) {
        result_.name = std::filesystem::path(path).filename().string();
    }

    File read() {
        for_children(clang_getTranslationUnitCursor(unit_),
                     [&](CXCursor cursor) { top_level(cursor); });
        std::vector<Class> extensions;
        std::vector<std::pair<size_t, size_t>> cut;
        for (auto it = all_.begin(); it != all_.end();) {
            if (it->extends.empty()) {
                ++it;
                continue;
            }
            cut.emplace_back(it->begin, it->end);
            extensions.push_back(std::move(*it));
            it = all_.erase(it);
        }
        result_.classes = std::move(all_);
        for (Class& extension : extensions) merge(extension);
        make_chunks(cut);
        return std::move(result_);
    }

  private:
    void top_level(CXCursor cursor) {
        CXFile file = nullptr;
        clang_getExpansionLocation(clang_getCursorLocation(cursor), &file, nullptr, nullptr,
                                   nullptr);
        if (!file || !clang_File_isEqual(file, file_)) return;
        const CXCursorKind kind = clang_getCursorKind(cursor);
        if (kind == CXCursor_Namespace || kind == CXCursor_LinkageSpec) {
            for_children(cursor, [&](CXCursor child) {
                if (!is_interface_class(child)) return;
                diagnostics_.error(location_of(child),
                                   "class '" + take(clang_getCursorSpelling(child)) +
                                       "' of the interface stands in a namespace",
                                   "move it out: generated names are global");
            });
            return;
        }
        if (is_interface_class(cursor)) read_class(cursor);
    }

    static bool is_interface_class(CXCursor cursor) {
        const CXCursorKind kind = clang_getCursorKind(cursor);
        if (kind != CXCursor_ClassDecl && kind != CXCursor_StructDecl) return false;
        if (!clang_isCursorDefinition(cursor)) return false;
        return is_object_class(cursor) || !argument(annotations_of(cursor), "extends").empty();
    }

    void read_class(CXCursor cursor) {
        Class result;
        result.name = take(clang_getCursorSpelling(cursor));
        result.where = location_of(cursor);
        if (in_macro(cursor)) {
            diagnostics_.error(result.where, "class '" + result.name + "' is made by a macro",
                               "write the class out");
            return;
        }
        const ClassWords words = words_of_class(cursor);
        result.extends = words.name == result.name ? "" : words.name;
        result.kernel = words.kernel;
        result.native = words.native;
        result.local = words.local;
        result.local_only = words.local_only;
        result.is_struct = clang_getCursorKind(cursor) == CXCursor_StructDecl;
        const CXCursor base = object_base(cursor);
        if (!clang_Cursor_isNull(base)) result.super = take(clang_getCursorSpelling(base));
        extent_of(cursor, result.begin, result.end);
        source_.widen(result.begin, result.end, /*has_body=*/true);

        std::vector<std::pair<size_t, size_t>> cut;
        int bases = 0;
        for_children(cursor, [&](CXCursor member) {
            switch (clang_getCursorKind(member)) {
                case CXCursor_CXXMethod:
                    read_method(member, words, result, cut);
                    break;
                case CXCursor_CXXBaseSpecifier:
                    if (++bases == 2) {
                        diagnostics_.error(location_of(member),
                                           "class '" + result.name + "' has a second base class",
                                           "derive from one class; make the other a member of " +
                                               result.name + "_IVars");
                    }
                    break;
                case CXCursor_Constructor:
                case CXCursor_Destructor:
                    diagnostics_.error(location_of(member),
                                       "objects have no constructors or destructors",
                                       "override init() and free()");
                    break;
                case CXCursor_FieldDecl:
                    diagnostics_.error(location_of(member),
                                       "data member '" + take(clang_getCursorSpelling(member)) +
                                           "' in a class of the interface",
                                       "put it into 'struct " + result.name +
                                           "_IVars' in the .cpp file and use 'ivars->" +
                                           take(clang_getCursorSpelling(member)) + "'");
                    break;
                case CXCursor_CXXFinalAttr:
                    result.is_final = true;
                    break;
                case CXCursor_CXXAccessSpecifier: {
                    // Generated classes have no private parts: drivers use methods that are
                    // declared private or protected, such as IOMemoryDescriptor::Map.
                    size_t begin = 0;
                    size_t end = 0;
                    extent_of(member, begin, end);
                    cut.emplace_back(begin, end);
                    break;
                }
                default:
                    break;
            }
        });
        result.body = body_without(cursor, cut);
        all_.push_back(std::move(result));
    }

    void read_method(CXCursor cursor, const ClassWords& words, Class& owner,
                     std::vector<std::pair<size_t, size_t>>& cut) {
        const Annotations annotations = annotations_of(cursor);
        Method method;
        method.name = take(clang_getCursorSpelling(cursor));
        method.where = location_of(cursor);
        if (in_macro(cursor)) {
            diagnostics_.error(method.where, "method '" + method.name + "' is made by a macro",
                               "write the declaration out");
            return;
        }
        const CXType result = clang_getCursorResultType(cursor);
        method.result = take(clang_getTypeSpelling(result));
        method.returns_void = clang_getCanonicalType(result).kind == CXType_Void;
        // Public drivers also return uint32_t: any number of 32 bits takes the place of the result
        // code.
        const CXTypeKind result_kind = clang_getCanonicalType(result).kind;
        method.returns_code = result_kind == CXType_Int || result_kind == CXType_UInt;
        method.is_static = clang_CXXMethod_isStatic(cursor);
        method.is_virtual = clang_CXXMethod_isVirtual(cursor);
        method.is_pure = clang_CXXMethod_isPureVirtual(cursor);
        method.is_const = clang_CXXMethod_isConst(cursor);
        const int exceptions = clang_getCursorExceptionSpecificationType(cursor);
        method.is_noexcept = exceptions == CXCursor_ExceptionSpecificationKind_BasicNoexcept;
        method.has_body = clang_isCursorDefinition(cursor);
        for_children(cursor, [&](CXCursor child) {
            if (clang_getCursorKind(child) == CXCursor_CXXFinalAttr) method.is_final = true;
            if (clang_getCursorKind(child) == CXCursor_ParmDecl)
                read_parameter(child, method, owner);
        });
        extent_of(cursor, method.begin, method.end);
        source_.widen(method.begin, method.end, method.has_body);

        const CXCursor first = first_declaration(cursor);
        method.is_override = !clang_equalCursors(first, cursor);
        const Root root = root_of(first);
        method.root_class = root.class_name;
        method.root_kernel = root.kernel;
        decide(cursor, annotations, words, root, method);

        method.queue = argument(annotations, "queuename");
        if (method.queue.empty()) method.queue = root.queue;
        method.reply = has(annotations, "reply");
        method.local_host = has(annotations, "localhost");
        method.local_pointers = method.is_static || words.native || words.local;
        if (const std::string callback = argument(annotations, "type");
            !callback.empty() && method.dispatched()) {
            resolve_callback(cursor, callback, method);
        }
        if (method.kind == MethodKind::verbatim) {
            owner.methods.push_back(std::move(method));
            return;
        }
        if (!method.has_body) cut.emplace_back(source_.leading_comment(method.begin), method.end);
        owner.methods.push_back(std::move(method));
    }

    void decide(CXCursor cursor, const Annotations& annotations, const ClassWords& words,
                const Root& root, Method& method) {
        const bool marked = has(annotations, "localonly") || words.local_only;
        if (root.kind == MethodKind::local_only || marked ||
            (!method.is_virtual && !method.is_static) || (method.is_static && method.has_body)) {
            const bool stays = !method.is_virtual || method.has_body;
            method.kind = method.is_virtual ? MethodKind::local_only : MethodKind::verbatim;
            if (stays && !method.is_virtual) return;
            if (method.is_override && root.kind == MethodKind::dispatched) {
                diagnostics_.error(
                    location_of(cursor),
                    "'" + method.name + "' is LOCALONLY here but a message in '" + root.class_name +
                        "'",
                    "remove LOCALONLY and define '" + words.name + "::" + method.name + "_Impl'");
            }
            return;
        }
        method.kind = MethodKind::dispatched;
        const bool by_class =
            words.kernel && !words.native && !words.local && !has(annotations, "local");
        if (method.is_static) {
            method.side = Side::process;
        } else if (method.is_pure) {
            method.side = Side::callback;
        } else if (method.is_override) {
            const bool system = (by_class && root.kernel) || has(annotations, "kernel");
            method.side = system ? Side::system : Side::process;
        } else {
            method.side = root.kernel ? Side::system : Side::process;
        }
    }

    void read_parameter(CXCursor cursor, Method& method, const Class& owner) {
        Parameter parameter;
        const Annotations annotations = annotations_of(cursor);
        parameter.where = location_of(cursor);
        parameter.name = take(clang_getCursorSpelling(cursor));
        parameter.target = has(annotations, "target");
        parameter.callback_type = argument(annotations, "type");
        const CXType type = clang_getCursorType(cursor);
        classify(type, parameter);
        size_t begin = 0;
        size_t end = 0;
        extent_of(cursor, begin, end);
        parameter.declaration = in_macro(cursor)
                                    ? take(clang_getTypeSpelling(type))
                                    : source_.one_line(begin, end, &parameter.default_value);
        if (parameter.name.empty() || in_macro(cursor)) {
            if (parameter.name.empty())
                parameter.name = "arg" + std::to_string(method.parameters.size());
            parameter.declaration = with_name(parameter.declaration, parameter.name);
        }
        const std::string canonical = take(clang_getTypeSpelling(clang_getCanonicalType(type)));
        if (canonical.find(owner.name + "::") != std::string::npos)
            method.names_nested_types = true;
        method.parameters.push_back(std::move(parameter));
    }

    /// TYPE(Class::method) or TYPE(method), the latter looked for in the class and its super
    /// classes.
    void resolve_callback(CXCursor cursor, const std::string& callback, Method& method) {
        const size_t scope = callback.rfind("::");
        const std::string name = scope == std::string::npos ? callback : callback.substr(scope + 2);
        CXCursor holder = clang_getCursorSemanticParent(cursor);
        if (scope != std::string::npos) holder = find_class(callback.substr(0, scope));
        for (; !clang_Cursor_isNull(holder); holder = object_base(holder)) {
            CXCursor found = clang_getNullCursor();
            for_children(clang_getCursorDefinition(holder), [&](CXCursor member) {
                if (clang_getCursorKind(member) == CXCursor_CXXMethod &&
                    take(clang_getCursorSpelling(member)) == name &&
                    !clang_equalCursors(member, cursor)) {
                    found = member;
                }
            });
            if (clang_Cursor_isNull(found)) continue;
            const CXCursor first = first_declaration(found);
            method.callback_class = root_of(first).class_name;
            method.callback_name = name;
            compare_with_callback(cursor, first, callback);
            return;
        }
        diagnostics_.error(method.where,
                           "TYPE(" + callback + ") names no method that is known here",
                           "include the .iig file that declares it");
    }

    void compare_with_callback(CXCursor cursor, CXCursor callback, const std::string& name) {
        const int count = clang_Cursor_getNumArguments(callback);
        bool same = count == clang_Cursor_getNumArguments(cursor) &&
                    (clang_getCanonicalType(clang_getCursorResultType(callback)).kind ==
                     clang_getCanonicalType(clang_getCursorResultType(cursor)).kind);
        for (int i = 0; same && i < count; ++i) {
            const auto type = [&](CXCursor of) {
                return take(clang_getTypeSpelling(clang_getCanonicalType(
                    clang_getCursorType(clang_Cursor_getArgument(of, static_cast<unsigned>(i))))));
            };
            same = type(cursor) == type(callback);
        }
        if (same) return;
        std::string parameters;
        for (int i = 0; i < count; ++i) {
            const CXCursor argument = clang_Cursor_getArgument(callback, static_cast<unsigned>(i));
            parameters += (i ? ", " : "") +
                          take(clang_getTypeSpelling(clang_getCursorType(argument))) + " " +
                          take(clang_getCursorSpelling(argument));
        }
        diagnostics_.error(location_of(cursor),
                           "'" + take(clang_getCursorSpelling(cursor)) +
                               "' does not have the parameters of " + name,
                           "declare it as 'virtual " +
                               take(clang_getTypeSpelling(clang_getCursorResultType(callback))) +
                               " " + take(clang_getCursorSpelling(cursor)) + "(" + parameters +
                               ") TYPE(" + name + ");'");
    }

    CXCursor find_class(const std::string& name) {
        CXCursor found = clang_getNullCursor();
        for_children(clang_getTranslationUnitCursor(unit_), [&](CXCursor cursor) {
            const CXCursorKind kind = clang_getCursorKind(cursor);
            if ((kind == CXCursor_ClassDecl || kind == CXCursor_StructDecl) &&
                clang_isCursorDefinition(cursor) && take(clang_getCursorSpelling(cursor)) == name) {
                found = cursor;
            }
        });
        return found;
    }

    /// The text between the braces of a class, without the ranges of `cut` and without words.
    std::string body_without(CXCursor cursor, std::vector<std::pair<size_t, size_t>> cut) {
        size_t begin = 0;
        size_t end = 0;
        extent_of(cursor, begin, end);
        size_t open = source_.token_from(begin);
        while (open < source_.tokens().size() && source_.tokens()[open].text != "{") ++open;
        if (open >= source_.tokens().size()) return "";
        const size_t from = source_.tokens()[open].end;
        const size_t to = end - 1;
        std::sort(cut.begin(), cut.end());
        std::string body;
        size_t position = from;
        for (const auto& [cut_begin, cut_end] : cut) {
            if (cut_begin > position) body += source_.without_words(position, cut_begin);
            position = std::max(position, cut_end);
        }
        if (position < to) body += source_.without_words(position, to);
        return without_empty_lines(body);
    }

    /// Where methods stood, blank lines are left: one is enough.
    static std::string without_empty_lines(const std::string& text) {
        std::string result;
        bool blank = false;
        for (size_t begin = 0; begin <= text.size();) {
            size_t end = text.find('\n', begin);
            if (end == std::string::npos) end = text.size();
            const std::string line = text.substr(begin, end - begin);
            const bool empty = line.find_first_not_of(" \t\r") == std::string::npos;
            if (!empty || !blank) result += (empty ? "" : line) + "\n";
            blank = empty;
            begin = end + 1;
        }
        return result;
    }

    void merge(Class& extension) {
        for (Class& owner : result_.classes) {
            if (owner.name != extension.extends) continue;
            owner.body += extension.body;
            for (Method& method : extension.methods) owner.methods.push_back(std::move(method));
            return;
        }
        diagnostics_.error(extension.where,
                           "EXTENDS(" + extension.extends + "): no such class in this file",
                           "declare the methods in the file of '" + extension.extends + "'");
    }

    /// Cuts the file into text and classes, takes the `@iig implementation` blocks out, turns .iig
    /// includes into .h.
    void make_chunks(std::vector<std::pair<size_t, size_t>> cut) {
        for (const Token& token : source_.tokens()) {
            if (token.kind != CXToken_Comment) continue;
            const size_t start = token.text.find("@iig implementation");
            if (start == std::string::npos) continue;
            const size_t stop = token.text.find("@iig end", start);
            if (stop == std::string::npos) {
                const auto lines = static_cast<unsigned>(
                    std::count(source_.text().begin(),
                               source_.text().begin() + static_cast<long>(token.begin), '\n'));
                diagnostics_.error({take(clang_getFileName(file_)), lines + 1, 1},
                                   "'@iig implementation' without '@iig end'",
                                   "put '@iig end' before the end of the comment");
                continue;
            }
            const size_t content = start + std::string_view("@iig implementation").size();
            result_.implementation += token.text.substr(content, stop - content) + "\n";
            cut.emplace_back(token.begin, token.end);
        }
        for (size_t i = 0; i < result_.classes.size(); ++i) {
            cut.emplace_back(result_.classes[i].begin, result_.classes[i].end);
        }
        std::sort(cut.begin(), cut.end());
        size_t position = 0;
        for (const auto& [begin, end] : cut) {
            add_text(position, begin);
            for (size_t i = 0; i < result_.classes.size(); ++i) {
                if (result_.classes[i].begin == begin)
                    result_.chunks.push_back({"", static_cast<int>(i)});
            }
            position = end;
        }
        add_text(position, source_.text().size());
    }

    void add_text(size_t begin, size_t end) {
        if (begin >= end) return;
        std::string text = source_.text().substr(begin, end - begin);
        for (size_t line = 0; line < text.size();) {
            size_t next = text.find('\n', line);
            if (next == std::string::npos) next = text.size();
            std::string content = text.substr(line, next - line);
            const size_t hash = content.find_first_not_of(" \t");
            if (hash != std::string::npos && content[hash] == '#' &&
                (content.find("include") != std::string::npos ||
                 content.find("import") != std::string::npos)) {
                for (const char* ending : {".iig>", ".iig\""}) {
                    if (const size_t at = content.find(ending); at != std::string::npos)
                        content.replace(at, 4, ".h");
                }
                text.replace(line, next - line, content);
                next = line + content.size();
            }
            line = next + 1;
        }
        result_.chunks.push_back({std::move(text), -1});
    }

    CXTranslationUnit unit_;
    CXFile file_;
    Source source_;
    Diagnostics& diagnostics_;
    std::vector<Class> all_;
    File result_;
};

}  // namespace

File read_file(const TranslationUnit& unit, const std::string& path, Diagnostics& diagnostics) {
    return Reader(unit, path, diagnostics).read();
}

}  // namespace opendext::iig
