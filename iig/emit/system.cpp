// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "iig/emit/emit.h"

namespace opendext::iig {

namespace {

constexpr const char* kBytes = "std::array<std::uint8_t, ";

std::string number_type(const Plain& plain) {
    if (plain.kind == Plain::Kind::floating) return plain.size == 4 ? "float" : "double";
    return std::string("std::") +
           (plain.is_signed && !plain.is_char ? ""
            : plain.is_char                   ? ""
                                              : "u") +
           "int" + std::to_string(plain.size * 8) + "_t";
}

/// The type of a value inside a message: the same bytes as on the driver's side, any bits valid.
std::string layout_type(const Plain& plain) {
    switch (plain.kind) {
        case Plain::Kind::boolean:
            return "std::uint8_t";
        case Plain::Kind::integer:
        case Plain::Kind::floating:
            return plain.is_char ? "char" : number_type(plain);
        case Plain::Kind::record:
            return plain.name;
        case Plain::Kind::opaque:
            return kBytes + std::to_string(plain.size) + ">";
        case Plain::Kind::array: {
            std::string type = layout_type(plain.element[0]);
            for (auto dimension = plain.dimensions.rbegin(); dimension != plain.dimensions.rend();
                 ++dimension) {
                type = "std::array<" + type + ", " + std::to_string(*dimension) + ">";
            }
            return type;
        }
    }
    return "";
}

bool is_text(const Plain& plain) {
    return plain.kind == Plain::Kind::array && plain.is_char && plain.dimensions.size() == 1;
}

/// The type of the member that callers see.
std::string member_type(const Plain& plain) {
    if (plain.kind == Plain::Kind::boolean) return "bool";
    if (is_text(plain)) return "std::string";
    return layout_type(plain);
}

std::string initial(const Plain& plain) {
    if (plain.kind == Plain::Kind::boolean) return " = false";
    if (plain.kind == Plain::Kind::integer || plain.kind == Plain::Kind::floating) return " = 0";
    return is_text(plain) ? "" : "{}";
}

/// Structs that the arguments use, innermost first.
std::string records(const Plain& plain, std::set<std::string>& seen) {
    std::string text;
    for (const Plain& element : plain.element) text += records(element, seen);
    if (plain.kind != Plain::Kind::record) return text;
    for (const Plain::Field& field : plain.fields) text += records(field.type, seen);
    if (!seen.insert(plain.name).second) return text;
    text += "    struct alignas(" + std::to_string(plain.align) + ") " + plain.name + " {\n";
    for (const Plain::Field& field : plain.fields) {
        text += "        " + layout_type(field.type) + " " + field.name + "{};\n";
    }
    return text + "    };\n    static_assert(sizeof(" + plain.name +
           ") == " + std::to_string(plain.size) + ");\n";
}

struct Part {
    const Parameter* parameter;
    bool plain;
};

std::vector<Part> request_parts(const Method& method) {
    std::vector<Part> parts;
    for (const Parameter& parameter : method.parameters) {
        if (parameter.is_object()) parts.push_back({&parameter, false});
    }
    for (const Parameter& parameter : method.parameters) {
        if (parameter.plain_in()) parts.push_back({&parameter, true});
    }
    return parts;
}

std::vector<Part> reply_parts(const Method& method) {
    std::vector<Part> parts;
    if (method.returns_void) return parts;
    for (const Parameter& parameter : method.parameters) {
        if (parameter.passing == Passing::object_result) parts.push_back({&parameter, false});
    }
    for (const Parameter* parameter : method.plain_results()) parts.push_back({parameter, true});
    return parts;
}

size_t ref_count(const std::vector<Part>& parts) {
    size_t count = 0;
    for (const Part& part : parts) {
        if (!part.plain)
            count +=
                part.parameter->passing == Passing::object_array ? part.parameter->object_count : 1;
    }
    return count;
}

bool has_plain(const std::vector<Part>& parts) {
    return ref_count(parts) != 0 ? parts.back().plain : !parts.empty();
}

/// The struct that callers fill and read, and the layout of its plain part.
std::string structs(const std::string& name, const std::vector<Part>& parts, size_t plain_size) {
    std::string text = "    struct " + name + " {\n";
    std::string layout;
    for (const Part& part : parts) {
        const Parameter& parameter = *part.parameter;
        if (!part.plain) {
            text += parameter.passing == Passing::object_array
                        ? "        std::array<protocol::Ref, " +
                              std::to_string(parameter.object_count) + "> " + parameter.name +
                              "{};\n"
                        : "        protocol::Ref " + parameter.name + ";\n";
            continue;
        }
        text += "        " + member_type(parameter.plain) + " " + parameter.name +
                initial(parameter.plain) + ";\n";
        const bool opaque = parameter.plain.kind == Plain::Kind::opaque;
        layout +=
            "        " +
            (opaque ? "alignas(" + std::to_string(parameter.plain.align) + ") " : std::string()) +
            layout_type(parameter.plain) + " " + parameter.name + "{};\n";
    }
    text += "    };\n";
    if (!layout.empty()) {
        text += "    struct alignas(8) " + name + "Layout {\n" + layout +
                "    };\n    static_assert(sizeof(" + name +
                "Layout) == " + std::to_string(plain_size) + ");\n";
    }
    return text;
}

std::string load(const std::vector<Part>& parts, const std::string& name, const std::string& source,
                 const std::string& method_name) {
    const size_t refs = ref_count(parts);
    const std::string malformed = "return Error{Errc::malformed, 0, \"" + method_name + ": ";
    const std::string what = name == "In" ? "call" : "answer";
    std::string text = "        if (" + source + ".refs.size() != " + std::to_string(refs) +
                       ") {\n            " + malformed + what + " with \" + std::to_string(" +
                       source + ".refs.size()) + \" objects instead of " + std::to_string(refs) +
                       "\"};\n        }\n";
    const std::string size = has_plain(parts) ? "sizeof(" + name + "Layout)" : "0";
    text += "        if (" + source + ".plain.size() != " + size + ") {\n            " + malformed +
            what + " with \" + std::to_string(" + source +
            ".plain.size()) + \" bytes instead of \" + std::to_string(" + size + ")};\n        }\n";
    text += "        " + name + " result;\n";
    if (has_plain(parts)) {
        text += "        " + name + "Layout layout;\n        std::memcpy(&layout, " + source +
                ".plain.data(), sizeof layout);\n";
    }
    size_t index = 0;
    for (const Part& part : parts) {
        const Parameter& parameter = *part.parameter;
        if (!part.plain && parameter.passing == Passing::object_array) {
            text += "        for (std::size_t i = 0; i < " +
                    std::to_string(parameter.object_count) + "; ++i) result." + parameter.name +
                    "[i] = " + source + ".refs[" + std::to_string(index) + " + i];\n";
            index += parameter.object_count;
        } else if (!part.plain) {
            text += "        result." + parameter.name + " = " + source + ".refs[" +
                    std::to_string(index++) + "];\n";
        } else if (is_text(parameter.plain)) {
            text +=
                "        {\n            const auto& field = layout." + parameter.name +
                ";\n            const void* end = std::memchr(field.data(), 0, field.size());\n";
            if (parameter.passing == Passing::string) {
                text += "            if (!end) " + malformed + parameter.name +
                        " does not end with NUL\"};\n";
            }
            text += "            result." + parameter.name +
                    ".assign(field.data(), end ? static_cast<const char*>(end) : field.data() + "
                    "field.size());\n        }\n";
        } else if (parameter.plain.kind == Plain::Kind::boolean) {
            text += "        result." + parameter.name + " = layout." + parameter.name + " != 0;\n";
        } else {
            text += "        result." + parameter.name + " = layout." + parameter.name + ";\n";
        }
    }
    return text + "        return result;\n";
}

std::string store(const std::vector<Part>& parts, const std::string& name, const std::string& to) {
    std::string text;
    for (const Part& part : parts) {
        if (part.plain) continue;
        text += part.parameter->passing == Passing::object_array
                    ? "        for (const protocol::Ref& ref : value." + part.parameter->name +
                          ") " + to + ".refs.push_back(ref);\n"
                    : "        " + to + ".refs.push_back(value." + part.parameter->name + ");\n";
    }
    if (!has_plain(parts)) return text;
    text += "        " + to + ".plain.assign(sizeof(" + name + "Layout), 0);\n        " + name +
            "Layout layout;\n"
            "        std::memset(static_cast<void*>(&layout), 0, sizeof layout);\n";
    for (const Part& part : parts) {
        const Parameter& parameter = *part.parameter;
        if (!part.plain) continue;
        if (is_text(parameter.plain)) {
            text += "        std::memcpy(layout." + parameter.name + ".data(), value." +
                    parameter.name + ".data(), std::min<std::size_t>(value." + parameter.name +
                    ".size(), " + std::to_string(parameter.plain.dimensions[0] - 1) + "));\n";
        } else if (parameter.plain.kind == Plain::Kind::boolean) {
            text +=
                "        layout." + parameter.name + " = value." + parameter.name + " ? 1 : 0;\n";
        } else {
            text += "        layout." + parameter.name + " = value." + parameter.name + ";\n";
        }
    }
    return text + "        std::memcpy(" + to + ".plain.data(), &layout, sizeof layout);\n";
}

std::string method_struct(const Class& owner, const Method& method) {
    const std::string full = owner.name + "::" + method.name;
    const std::vector<Part> in = request_parts(method);
    const std::vector<Part> out = reply_parts(method);
    std::set<std::string> seen;
    std::string text = "struct " + owner.name + "_" + method.name + " {\n";
    text += "    static constexpr std::uint64_t kMsgId = " +
            hexadecimal(message_id(owner.name, method.name, method.root_kernel)) +
            ";\n    static constexpr std::string_view kName = \"" + full +
            "\";\n    static constexpr bool kOneway = " + (method.returns_void ? "true" : "false") +
            ";\n\n";
    for (const auto& parts : {in, out}) {
        for (const Part& part : parts)
            text += part.plain ? records(part.parameter->plain, seen) : "";
    }
    text += structs("In", in, request_plain_size(method)) +
            structs("Out", out, reply_plain_size(method));
    text +=
        "\n    [[nodiscard]] static Result<In> decode(const protocol::Invocation& call) {\n"
        "        if (call.msgid != kMsgId) return Error{Errc::malformed, 0, \"" +
        full + ": another method's message\"};\n" + load(in, "In", "call", full) + "    }\n";
    text +=
        "\n    static void encode_result([[maybe_unused]] const Out& value, "
        "protocol::InvocationResult& answer) {\n"
        "        answer.refs.clear();\n        answer.plain.clear();\n" +
        store(out, "Out", "answer") + "    }\n";
    text +=
        "\n    [[nodiscard]] static protocol::Invocation encode(std::uint64_t object, "
        "[[maybe_unused]] const In& value) {\n"
        "        protocol::Invocation call;\n        call.object = object;\n        call.msgid = "
        "kMsgId;\n        call.flags = " +
        std::string(method.returns_void ? "0x08" : "0") +
        ";\n        call.reply_size = " + (has_plain(out) ? "sizeof(OutLayout)" : "0") + ";\n" +
        store(in, "In", "call") + "        return call;\n    }\n";
    text +=
        "\n    [[nodiscard]] static Result<Out> decode_result(const protocol::InvocationResult& "
        "answer) {\n"
        "        if (answer.io_return != 0) return Error::kern(answer.io_return, \"" +
        full + "\");\n" + load(out, "Out", "answer", full) + "    }\n};\n\n";
    return text;
}

}  // namespace

std::string emit_system(const File& file) {
    std::string text = generated_note(file);
    text +=
        "#pragma once\n\n#include <algorithm>\n#include <array>\n#include <cstdint>\n#include "
        "<cstring>\n#include <string>\n"
        "#include <string_view>\n\n#include \"rpc/protocol/common.h\"\n\n/// Calls as the system's "
        "side sees them: docs/design/generated-code.md, \"The daemon's side\".\n"
        "namespace opendext::system {\n\n";
    for (const Class& owner : file.classes) {
        for (const Method& method : owner.methods) {
            if (method.is_new() && method.can_leave()) text += method_struct(owner, method);
        }
    }
    return text + "}  // namespace opendext::system\n";
}

}  // namespace opendext::iig
