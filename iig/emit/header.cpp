// SPDX-License-Identifier: Apache-2.0
#include "iig/emit/emit.h"

namespace opendext::iig {

namespace {

/// A macro whose lines are joined by backslashes.
std::string macro(const std::string& name, const std::string& body) {
    std::string text = "#define " + name;
    size_t begin = 0;
    while (begin < body.size()) {
        size_t end = body.find('\n', begin);
        if (end == std::string::npos) end = body.size();
        text += " \\\n" + body.substr(begin, end - begin);
        begin = end + 1;
    }
    return text + "\n\n";
}

std::string ids(const Class& owner) {
    std::string text;
    for (const Method& method : owner.methods) {
        if (!method.is_new()) continue;
        text += "#define " + owner.name + "_" + method.name + "_ID " +
                hexadecimal(message_id(owner.name, method.name, method.root_kernel)) + "\n";
    }
    return text.empty() ? text : text + "\n";
}

std::string args(const Class& owner) {
    std::string text;
    for (const Method& method : owner.methods) {
        if (!method.dispatched()) continue;
        text +=
            "#define " + owner.name + "_" + method.name + "_Args " + parameter_list(method) + "\n";
    }
    return text.empty() ? text : text + "\n";
}

std::string with_comma(const std::string& list) {
    return list.empty() ? "" : list + ", ";
}

std::string methods_macro(const Class& owner) {
    std::string body =
        "  public:\n    virtual kern_return_t Dispatch(const IORPC rpc) override;\n    static "
        "kern_return_t _Dispatch(" +
        owner.name + " *self, const IORPC rpc);\n";
    for (const Method& method : owner.methods) {
        if (!method.is_new()) continue;
        const std::string parameters = parameter_list(method, /*with_defaults=*/true);
        body += method.is_static
                    ? "    static " + method.result + " " + method.name + "(" + parameters + ");\n"
                    : "    " + method.result + " " + method.name + "(" + with_comma(parameters) +
                          "OSDispatchMethod supermethod = NULL)" +
                          (method.is_const ? " const" : "") + ";\n";
    }
    for (const Method& method : owner.methods) {
        if (!method.is_new() || !method.implements_callback()) continue;
        body += "    kern_return_t CreateAction" + method.name +
                "(size_t referenceSize, OSAction **action);\n";
    }
    for (const Method& method : owner.methods) {
        if (!method.is_new() || method.implements_callback()) continue;
        const std::string parameters = parameter_list(method);
        if (method.is_static) {
            body += "    typedef " + method.result + " (*" + method.name + "_Handler)(" +
                    parameters + ");\n";
            body += "    static kern_return_t " + method.name + "_Invoke(const IORPC od_rpc, " +
                    method.name + "_Handler od_func);\n";
            continue;
        }
        body += "    typedef " + method.result + " (*" + method.name +
                "_Handler)(OSMetaClassBase *od_target" +
                (parameters.empty() ? "" : ", " + parameters) + ");\n";
        body += "    static kern_return_t " + method.name +
                "_Invoke(const IORPC od_rpc, OSMetaClassBase *od_target, " + method.name +
                "_Handler od_func" +
                (method.target() ? ", const OSMetaClass *od_action_class = NULL" : "") + ");\n";
    }
    return macro(owner.name + "_Methods", body);
}

std::string kernel_methods_macro(const Class& owner) {
    std::string body;
    for (const Method& method : owner.methods) {
        if (!method.dispatched() || method.side != Side::process) continue;
        body += std::string("    ") + (method.is_static ? "static " : "") + method.result + " " +
                method.name + "_Impl(" + parameter_list(method) + ");\n";
    }
    return macro(owner.name + "_KernelMethods", body.empty() ? body : "  protected:\n" + body);
}

std::string qualifiers(const Method& method) {
    return std::string(method.is_const ? " const" : "") + (method.is_noexcept ? " noexcept" : "");
}

/// LOCALONLY methods that XInterface declares: new ones that do not need the class to be complete.
bool in_interface(const Method& method) {
    return method.kind == MethodKind::local_only && !method.is_override &&
           !method.names_nested_types && !method.is_final;
}

std::string virtual_methods_macro(const Class& owner) {
    std::string body;
    for (const Method& method : owner.methods) {
        if (method.kind != MethodKind::local_only || method.has_body) continue;
        const bool overrides = method.is_override || in_interface(method);
        body += "    virtual " + method.result + " " + method.name + "(" +
                parameter_list(method, true) + ")" + qualifiers(method) +
                (overrides ? " override" : "") + (method.is_final ? " final" : "") +
                (method.is_pure ? " = 0" : "") + ";\n";
    }
    return macro(owner.name + "_VirtualMethods", body.empty() ? body : "  public:\n" + body);
}

std::string interface_class(const Class& owner) {
    std::string text =
        "class OPENDEXT_EXPORT " + owner.name + "Interface : public OSInterface {\n  public:\n";
    for (const Method& method : owner.methods) {
        if (!in_interface(method)) continue;
        text += "    virtual " + method.result + " " + method.name + "(" + parameter_list(method) +
                ")" + qualifiers(method) + " = 0;\n";
    }
    return text + "};\n\n";
}

std::string action_classes(const Class& owner) {
    std::string text;
    for (const Method& method : owner.methods) {
        if (!method.is_new() || !method.implements_callback()) continue;
        const std::string action = "OSAction_" + owner.name + "_" + method.name;
        text += "class " + action + ";\nextern OPENDEXT_EXPORT OSMetaClass *g" + action +
                "MetaClass;\n";
    }
    return text.empty() ? text : text + "\n";
}

std::string class_text(const Class& owner) {
    const std::string& name = owner.name;
    const std::string super = owner.super.empty() ? "OSMetaClassBase" : owner.super;
    std::string text = "\nclass OSAction;\n" + ids(owner) + args(owner) + methods_macro(owner) +
                       kernel_methods_macro(owner) + virtual_methods_macro(owner);
    text += "extern OPENDEXT_EXPORT OSMetaClass *g" + name +
            "MetaClass;\nextern OPENDEXT_EXPORT OSClassLoadInformation " + name + "_Class;\n\n";
    text += action_classes(owner);
    text += "class OPENDEXT_EXPORT " + name +
            "MetaClass : public OSMetaClass {\n  public:\n    kern_return_t New(OSObject "
            "*instance) override;\n" +
            "    kern_return_t Dispatch(const IORPC rpc) override;\n};\n\n";
    text += interface_class(owner);
    text += "struct " + name + "_IVars;\nstruct " + name + "_LocalIVars;\n\n";
    text +=
        "#pragma clang diagnostic push\n#pragma clang diagnostic ignored "
        "\"-Winconsistent-missing-override\"\n"
        "#pragma clang diagnostic ignored \"-Woverloaded-virtual\"\n";
    text += std::string(owner.is_struct ? "struct OPENDEXT_EXPORT " : "class OPENDEXT_EXPORT ") +
            name + (owner.is_final ? " final" : "") + " : public " + super + ", public " + name +
            "Interface {\n    friend class " + name + "MetaClass;\n    friend class " + name +
            "Interface;\n\n  public:\n#ifdef " + name + "_DECLARE_IVARS\n    " + name +
            "_DECLARE_IVARS\n#else\n    union {\n        " + name + "_IVars *ivars;\n        " +
            name + "_LocalIVars *lvars;\n    };\n#endif\n    using super = " + super + ";\n";
    text += owner.body;
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
    if (text.back() != '\n') text += "\n";
    text += "\n    " + name + "_Methods\n    " + name + "_KernelMethods\n    " + name +
            "_VirtualMethods\n};\n";
    return text + "#pragma clang diagnostic pop\n";
}

}  // namespace

std::string emit_header(const File& file, const Names& names) {
    std::string text = generated_note(file);
    text += "#ifndef " + names.guard + "\n#define " + names.guard + "\n\n";
    text += "#include <DriverKit/IORPC.h>\n#include <DriverKit/OSMetaClass.h>\n\n";
    text += complete_nullability(file);
    for (const Chunk& chunk : file.chunks) {
        text += chunk.class_index < 0
                    ? chunk.text
                    : class_text(file.classes[static_cast<size_t>(chunk.class_index)]);
    }
    if (text.back() != '\n') text += "\n";
    if (file.nullability) text += "#pragma clang diagnostic pop\n";
    return text + "\n#endif /* " + names.guard + " */\n";
}

}  // namespace opendext::iig
