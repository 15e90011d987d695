// SPDX-License-Identifier: Apache-2.0
#include "iig/parse/types.h"

#include "iig/parse/source.h"

namespace opendext::iig {

namespace {

constexpr size_t kLargestAlignment = 8;  // what a message guarantees

std::string spelling(CXType type) {
    return take(clang_getTypeSpelling(type));
}

bool is_character(CXType type) {
    const CXTypeKind kind = clang_getCanonicalType(type).kind;
    return kind == CXType_Char_S || kind == CXType_Char_U || kind == CXType_SChar ||
           kind == CXType_UChar;
}

bool is_plain_char(CXType type) {
    const CXTypeKind kind = clang_getCanonicalType(type).kind;
    return kind == CXType_Char_S || kind == CXType_Char_U;
}

/// A class of the interface, or one that is only declared: `class OSData;`.
bool is_object_type(CXType type) {
    const CXType canonical = clang_getCanonicalType(type);
    if (canonical.kind != CXType_Record) return false;
    const CXCursor declaration = clang_getTypeDeclaration(canonical);
    if (is_object_class(declaration)) return true;
    return clang_getCursorKind(declaration) == CXCursor_ClassDecl &&
           clang_Cursor_isNull(clang_getCursorDefinition(declaration));
}

std::string unqualified(CXType type);

/// The class that an argument is checked against. The root of objects and classes has no class of
/// its own; like OSObject it is not checked.
std::string checked_class(CXType type) {
    const std::string name = unqualified(clang_getCanonicalType(type));
    return name == "OSMetaClassBase" ? "OSObject" : name;
}

std::string unqualified(CXType type) {
    return spelling(clang_getUnqualifiedType(type));
}

std::optional<Plain> record_type(CXType type, std::string& why) {
    const CXCursor declaration = clang_getCursorDefinition(clang_getTypeDeclaration(type));
    if (clang_Cursor_isNull(declaration)) {
        why = "'" + spelling(type) + "' is not complete here";
        return std::nullopt;
    }
    if (!clang_isPODType(type)) {
        why = "'" + spelling(type) + "' is not a plain struct";
        return std::nullopt;
    }
    Plain plain;
    plain.kind = Plain::Kind::record;
    plain.name = take(clang_getCursorSpelling(declaration));
    bool opaque = clang_getCursorKind(declaration) == CXCursor_UnionDecl;
    struct Context {
        Plain* plain;
        bool* opaque;
        std::string* why;
        bool failed = false;
    } context{&plain, &opaque, &why};
    clang_Type_visitFields(
        type,
        [](CXCursor field, CXClientData data) {
            auto& context = *static_cast<Context*>(data);
            auto type = plain_type(clang_getCursorType(field), *context.why);
            if (!type) {
                context.failed = true;
                *context.why += " (member '" + take(clang_getCursorSpelling(field)) + "')";
                return CXVisit_Break;
            }
            if (clang_Cursor_isBitField(field)) *context.opaque = true;
            context.plain->fields.push_back(
                {take(clang_getCursorSpelling(field)), std::move(*type)});
            return CXVisit_Continue;
        },
        &context);
    if (context.failed) return std::nullopt;
    for (const Plain::Field& field : plain.fields) opaque = opaque || field.name.empty();
    // An unnamed struct has only its typedef's name; nested names need their scope on the driver's
    // side alone.
    if (plain.name.empty() || plain.name.find('(') != std::string::npos)
        plain.name = unqualified(type);
    if (plain.name.find("::") != std::string::npos)
        plain.name = plain.name.substr(plain.name.rfind("::") + 2);
    if (plain.name.find('(') != std::string::npos) opaque = true;  // no name at all
    if (opaque) {
        plain.kind = Plain::Kind::opaque;
        plain.fields.clear();
    }
    return plain;
}

}  // namespace

CXCursor object_base(CXCursor class_cursor) {
    struct Context {
        CXCursor found = clang_getNullCursor();
    } context;
    const CXCursor definition = clang_getCursorDefinition(class_cursor);
    if (clang_Cursor_isNull(definition)) return context.found;
    clang_visitChildren(
        definition,
        [](CXCursor cursor, CXCursor, CXClientData data) {
            if (clang_getCursorKind(cursor) != CXCursor_CXXBaseSpecifier)
                return CXChildVisit_Continue;
            const CXCursor base =
                clang_getTypeDeclaration(clang_getCanonicalType(clang_getCursorType(cursor)));
            if (!is_object_class(base)) return CXChildVisit_Continue;
            static_cast<Context*>(data)->found = base;
            return CXChildVisit_Break;
        },
        &context);
    return context.found;
}

bool is_object_class(CXCursor cursor) {
    const CXCursorKind kind = clang_getCursorKind(cursor);
    if (kind != CXCursor_ClassDecl && kind != CXCursor_StructDecl) return false;
    if (take(clang_getCursorSpelling(cursor)) == "OSMetaClassBase") return true;
    return !clang_Cursor_isNull(object_base(cursor));
}

std::optional<Plain> plain_type(CXType type, std::string& why) {
    const CXType canonical = clang_getUnqualifiedType(clang_getCanonicalType(type));
    std::optional<Plain> plain;
    switch (canonical.kind) {
        case CXType_Bool:
            plain.emplace().kind = Plain::Kind::boolean;
            break;
        case CXType_Float:
        case CXType_Double:
            plain.emplace().kind = Plain::Kind::floating;
            break;
        case CXType_Char_S:
        case CXType_SChar:
        case CXType_Short:
        case CXType_Int:
        case CXType_Long:
        case CXType_LongLong:
            plain.emplace().kind = Plain::Kind::integer;
            plain->is_signed = true;
            break;
        case CXType_Char_U:
        case CXType_UChar:
        case CXType_UShort:
        case CXType_UInt:
        case CXType_ULong:
        case CXType_ULongLong:
        case CXType_WChar:
        case CXType_Char16:
        case CXType_Char32:
            plain.emplace().kind = Plain::Kind::integer;
            break;
        case CXType_Enum: {
            plain =
                plain_type(clang_getEnumDeclIntegerType(clang_getTypeDeclaration(canonical)), why);
            break;
        }
        case CXType_Record:
            plain = record_type(canonical, why);
            break;
        case CXType_ConstantArray: {
            CXType element = canonical;
            std::vector<size_t> dimensions;
            while (element.kind == CXType_ConstantArray) {
                dimensions.push_back(static_cast<size_t>(clang_getArraySize(element)));
                element = clang_getCanonicalType(clang_getArrayElementType(element));
            }
            auto inner = plain_type(element, why);
            if (!inner) return std::nullopt;
            plain.emplace().kind = Plain::Kind::array;
            plain->dimensions = std::move(dimensions);
            plain->element.push_back(std::move(*inner));
            plain->is_char = is_plain_char(element);
            break;
        }
        case CXType_Pointer:
        case CXType_BlockPointer:
        case CXType_ObjCObjectPointer:
        case CXType_MemberPointer:
        case CXType_LValueReference:
        case CXType_RValueReference:
            why = "a pointer means nothing in another process";
            return std::nullopt;
        default:
            why = "'" + spelling(type) + "' cannot be sent";
            return std::nullopt;
    }
    if (!plain) return std::nullopt;
    if (is_plain_char(canonical)) plain->is_char = true;
    plain->cxx = plain->kind == Plain::Kind::array ? plain->element[0].cxx : spelling(canonical);
    plain->size = static_cast<size_t>(clang_Type_getSizeOf(canonical));
    plain->align = static_cast<size_t>(clang_Type_getAlignOf(canonical));
    if (plain->align > kLargestAlignment) {
        why = "'" + spelling(type) + "' needs an alignment of " + std::to_string(plain->align) +
              " bytes; messages have 8";
        return std::nullopt;
    }
    return plain;
}

namespace {

void classify_pointer(CXType type, CXType pointee, Parameter& parameter) {
    const CXType target = clang_getCanonicalType(pointee);
    parameter.object_type = spelling(type);
    if (is_object_type(target)) {
        parameter.passing = Passing::object;
        parameter.object_class = checked_class(target);
        return;
    }
    if (target.kind == CXType_Pointer && is_object_type(clang_getPointeeType(target))) {
        parameter.passing = Passing::object_result;
        parameter.object_class = checked_class(clang_getPointeeType(target));
        parameter.object_type = spelling(pointee);
        return;
    }
    // A `uint8_t *` brings back one byte; a `const uint8_t *` and every `char *` are meant as an
    // array.
    if (is_plain_char(target) || (is_character(target) && clang_isConstQualifiedType(target))) {
        parameter.passing = Passing::unsupported;
        parameter.why = "'" + spelling(type) + "' has no bound, so it cannot be sent in a message";
        parameter.fix = std::string("use a fixed array such as '") +
                        (clang_isConstQualifiedType(target) ? "const " : "") + unqualified(target) +
                        " name[128]', an OSString or OSData, or mark the method LOCALONLY";
        return;
    }
    std::string why;
    auto plain = plain_type(target, why);
    if (!plain || target.kind == CXType_Void) {
        parameter.passing = Passing::raw;
        return;
    }
    parameter.plain = std::move(*plain);
    parameter.passing =
        clang_isConstQualifiedType(target) ? Passing::pointer_in : Passing::pointer_inout;
}

}  // namespace

void classify(CXType type, Parameter& parameter) {
    const CXType canonical = clang_getCanonicalType(type);
    switch (canonical.kind) {
        case CXType_BlockPointer:
        case CXType_MemberPointer:
            parameter.passing = Passing::raw;
            parameter.object_type = spelling(type);
            return;
        case CXType_Pointer:
            classify_pointer(type, clang_getPointeeType(canonical), parameter);
            if (parameter.object_type.empty()) parameter.object_type = spelling(type);
            return;
        case CXType_LValueReference:
        case CXType_RValueReference:
            parameter.why = "a reference cannot be sent in a message";
            parameter.fix =
                "use a pointer for a result and a value for an argument, or mark the method "
                "LOCALONLY";
            return;
        case CXType_IncompleteArray:
        case CXType_VariableArray:
            parameter.why = "an array without a bound cannot be sent in a message";
            parameter.fix = "give it a size, or mark the method LOCALONLY";
            return;
        case CXType_ConstantArray: {
            const CXType element = clang_getCanonicalType(clang_getArrayElementType(canonical));
            const bool is_const =
                clang_isConstQualifiedType(element) || clang_isConstQualifiedType(canonical);
            if (element.kind == CXType_Pointer && is_object_type(clang_getPointeeType(element))) {
                parameter.passing = Passing::object_array;
                parameter.object_count = static_cast<size_t>(clang_getArraySize(canonical));
                parameter.object_class = checked_class(clang_getPointeeType(element));
                parameter.object_type = unqualified(element);
                return;
            }
            auto plain = plain_type(canonical, parameter.why);
            if (!plain) break;
            // `const T x[2][3]`: the const is on the innermost element.
            CXType innermost = element;
            while (innermost.kind == CXType_ConstantArray) {
                innermost = clang_getCanonicalType(clang_getArrayElementType(innermost));
            }
            const bool constant = is_const || clang_isConstQualifiedType(innermost);
            parameter.plain = std::move(*plain);
            parameter.passing = !constant ? Passing::array_inout
                                : parameter.plain.is_char && parameter.plain.dimensions.size() == 1
                                    ? Passing::string
                                    : Passing::array_in;
            return;
        }
        default: {
            auto plain = plain_type(canonical, parameter.why);
            if (!plain) break;
            parameter.plain = std::move(*plain);
            parameter.passing = Passing::value;
            return;
        }
    }
    parameter.why =
        "parameter of type '" + spelling(type) + "' cannot be sent in a message: " + parameter.why;
    parameter.fix =
        "send a plain struct, fixed array or object instead, or mark the method LOCALONLY";
}

}  // namespace opendext::iig
