// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/cursors.h"

#include <algorithm>

#include "iig/parse/source.h"

namespace opendext::iig {

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

void add_types_and_constants(CXCursor class_cursor, std::set<std::string>& names) {
    for_children(clang_getCursorDefinition(class_cursor), [&](CXCursor member) {
        switch (clang_getCursorKind(member)) {
            case CXCursor_EnumDecl:
                add_types_and_constants(member, names);  // its constants
                [[fallthrough]];
            case CXCursor_EnumConstantDecl:
            case CXCursor_TypedefDecl:
            case CXCursor_TypeAliasDecl:
            case CXCursor_StructDecl:
            case CXCursor_ClassDecl:
            case CXCursor_UnionDecl:
            case CXCursor_ClassTemplate:
            case CXCursor_TypeAliasTemplateDecl:
            case CXCursor_VarDecl:
                if (std::string name = take(clang_getCursorSpelling(member)); !name.empty())
                    names.insert(std::move(name));
                break;
            default:
                break;
        }
    });
}

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

}  // namespace opendext::iig
