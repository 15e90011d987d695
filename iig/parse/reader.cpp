// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/reader.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "iig/parse/chunks.h"
#include "iig/parse/cursors.h"
#include "iig/parse/interface_text.h"
#include "iig/parse/source.h"
#include "iig/parse/types.h"

namespace opendext::iig {

namespace {

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

/// A result that is a number (public drivers have bool, uint32_t …), as it travels in the reply.
std::optional<Parameter> number_result(CXType type) {
    std::string why;
    auto plain = plain_type(type, why);
    if (!plain || (plain->kind != Plain::Kind::boolean && plain->kind != Plain::Kind::integer &&
                   plain->kind != Plain::Kind::floating))
        return std::nullopt;
    Parameter value;
    value.name = "od_value";
    value.passing = Passing::pointer_inout;
    value.plain = std::move(*plain);
    return value;
}

class Reader {
  public:
    Reader(const TranslationUnit& unit, const std::string& path, Diagnostics& diagnostics)
        : unit_(unit.get()),
          file_(clang_getFile(unit_, path.c_str())),
          source_(unit_, file_),
          diagnostics_(diagnostics) {
        result_.name = std::filesystem::path(path).filename().string();
        for (const char* word : {"_Nonnull", "_Nullable", "_Null_unspecified"}) {
            if (source_.text().find(word) != std::string::npos) result_.nullability = true;
        }
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
        split(result_, source_, std::move(cut), take(clang_getFileName(file_)), diagnostics_);
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

        members_.clear();
        for (CXCursor holder = cursor; !clang_Cursor_isNull(holder); holder = object_base(holder))
            add_types_and_constants(holder, members_);
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
        method.returns_code = clang_getCanonicalType(result).kind == CXType_Int;
        if (!method.returns_void && !method.returns_code) method.value = number_result(result);
        method.is_variadic = clang_Cursor_isVariadic(cursor) != 0;
        if (needs_class(owner, result, method.result)) method.names_nested_types = true;
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
            (!method.is_virtual && !method.is_static) || (method.is_static && method.has_body) ||
            (method.is_static && !method.returns_void && !method.returns_code)) {
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

    /// `text` of that type means something only where the members of the class are known.
    bool needs_class(const Class& owner, CXType type, const std::string& text) {
        const std::string canonical = take(clang_getTypeSpelling(clang_getCanonicalType(type)));
        if (canonical.find(owner.name + "::") != std::string::npos) return true;
        for (const Lexeme& lexeme : lexemes(text)) {
            if (members_.contains(std::string(lexeme.text))) return true;
        }
        return false;
    }

    void read_parameter(CXCursor cursor, Method& method, const Class& owner) {
        Parameter parameter;
        const Annotations annotations = annotations_of(cursor);
        parameter.where = location_of(cursor);
        parameter.name = take(clang_getCursorSpelling(cursor));
        parameter.target = has(annotations, "target");
        parameter.callback_type = argument(annotations, "type");
        if (!parameter.callback_type.empty()) {
            const CXCursor method_cursor = clang_getCursorSemanticParent(cursor);
            (void)find_callback(clang_getCursorSemanticParent(method_cursor),
                                parameter.callback_type, clang_getNullCursor(), parameter.where);
        }
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
        if (needs_class(owner, type, parameter.declaration)) method.names_nested_types = true;
        method.parameters.push_back(std::move(parameter));
    }

    /// The callback that TYPE(Class::method) or TYPE(method) means, the latter looked for from
    /// `holder` upwards; a null cursor and a message if there is none.
    CXCursor find_callback(CXCursor holder, const std::string& callback, CXCursor self,
                           const Location& where) {
        const size_t scope = callback.rfind("::");
        const std::string name = scope == std::string::npos ? callback : callback.substr(scope + 2);
        if (scope != std::string::npos) holder = find_class(callback.substr(0, scope));
        for (; !clang_Cursor_isNull(holder); holder = object_base(holder)) {
            CXCursor found = clang_getNullCursor();
            for_children(clang_getCursorDefinition(holder), [&](CXCursor member) {
                if (clang_getCursorKind(member) == CXCursor_CXXMethod &&
                    take(clang_getCursorSpelling(member)) == name &&
                    !clang_equalCursors(member, self)) {
                    found = member;
                }
            });
            if (clang_Cursor_isNull(found)) continue;
            found = first_declaration(found);
            if (root_of(found).kind == MethodKind::dispatched) return found;
            diagnostics_.error(where, "TYPE(" + callback + ") names a method that is not a message",
                               "name a method without LOCALONLY, declared with '= 0'");
            return clang_getNullCursor();
        }
        diagnostics_.error(where, "TYPE(" + callback + ") names no method that is known here",
                           "include the .iig file that declares it");
        return clang_getNullCursor();
    }

    void resolve_callback(CXCursor cursor, const std::string& callback, Method& method) {
        const CXCursor found =
            find_callback(clang_getCursorSemanticParent(cursor), callback, cursor, method.where);
        if (clang_Cursor_isNull(found)) return;
        method.callback_class = root_of(found).class_name;
        method.callback_name = take(clang_getCursorSpelling(found));
        compare_with_callback(cursor, found, callback);
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

    CXTranslationUnit unit_;
    CXFile file_;
    Source source_;
    Diagnostics& diagnostics_;
    std::vector<Class> all_;
    std::set<std::string> members_;  ///< types and constants in the scope of the class being read
    File result_;
};

}  // namespace

File read_file(const TranslationUnit& unit, const std::string& path, Diagnostics& diagnostics) {
    return Reader(unit, path, diagnostics).read();
}

}  // namespace opendext::iig
