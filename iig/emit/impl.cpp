// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "iig/emit/class_description.h"
#include "iig/emit/emit.h"
#include "iig/emit/messages.h"

namespace opendext::iig {

namespace {

std::string dispatch_case(const Class& owner, const Method& method) {
    if (method.side == Side::callback) return "";
    std::string text = "        case " + id_name(method) + ":\n";
    if (method.side == Side::system)
        return text + "            return opendext_invoke_system(self, rpc);\n";
    const std::string invoker = method.implements_callback()
                                    ? method.callback_class + "::" + method.callback_name
                                    : method.root_class + "::" + method.name;
    const std::string parameters = parameter_list(method);
    text += "            return " + invoker + "_Invoke(rpc, self, [](OSMetaClassBase *od_target" +
            (parameters.empty() ? "" : ", " + parameters) + ") -> " + method.result +
            " {\n                return static_cast<" + owner.name + " *>(od_target)->" +
            method.name + "_Impl(" + argument_list(method) + ");\n            }";
    if (method.implements_callback())
        text += ", OSTypeID(OSAction_" + method.root_class + "_" + method.name + ")";
    return text + ");\n";
}

std::string dispatch_functions(const Class& owner) {
    const std::string& name = owner.name;
    std::string text = "kern_return_t\n" + name +
                       "::Dispatch(const IORPC rpc) {\n    return _Dispatch(this, rpc);\n}\n\n";
    text += "kern_return_t\n" + name + "::_Dispatch(" + name + " *self, const IORPC rpc) {\n";
    text += "    switch (IORPCMessageFromMach(rpc.message, false)->msgid) {\n";
    std::string statics;
    for (const Method& method : owner.methods) {
        if (!method.dispatched()) continue;
        if (!method.is_static) {
            text += dispatch_case(owner, method);
            continue;
        }
        statics += "        case " + id_name(method) + ":\n            return " + name +
                   "::" + method.name + "_Invoke(rpc, &" + name + "::" + method.name + "_Impl);\n";
    }
    text += "        default:\n            break;\n    }\n";
    text += owner.super.empty() || owner.super == "OSMetaClassBase"
                ? "    return self->OSMetaClassBase::Dispatch(rpc);\n}\n\n"
                : "    return " + owner.super + "::_Dispatch(self, rpc);\n}\n\n";
    text += "kern_return_t\n" + name + "MetaClass::Dispatch(const IORPC rpc) {\n";
    if (!statics.empty()) {
        text += "    switch (IORPCMessageFromMach(rpc.message, false)->msgid) {\n" + statics +
                "        default:\n            break;\n    }\n";
    }
    return text + "    return OSMetaClass::Dispatch(rpc);\n}\n\n";
}

std::string create_action(const Class& owner, const Method& method) {
    const std::string type = "OSAction_" + owner.name + "_" + method.name;
    return "kern_return_t\n" + owner.name + "::CreateAction" + method.name +
           "(size_t referenceSize, OSAction **action) {\n" +
           "    OSString *od_type = OSString::withCString(\"" + type +
           "\");\n    if (!od_type) return kIOReturnNoMemory;\n" +
           "    const kern_return_t od_ret = OSAction::CreateWithTypeName(this, " +
           id_name(method) + ", " + method.callback_class + "_" + method.callback_name +
           "_ID, referenceSize, od_type, action);\n" +
           "    od_type->release();\n    return od_ret;\n}\n\n";
}

std::string class_implementation(const Class& owner) {
    std::string text = "/* " + owner.name + " */\n\n" + class_registration(owner);
    for (const Method& method : owner.methods) {
        if (!method.is_new()) continue;
        text += message_structs(owner, method) + forwarder(owner, method);
        if (!method.implements_callback()) text += invoke_function(owner, method);
        if (method.implements_callback()) text += create_action(owner, method);
    }
    return text + dispatch_functions(owner);
}

}  // namespace

std::string emit_implementation(const File& file, const Names& names) {
    std::string text = generated_note(file);
    text += complete_nullability(file);
    text += file.implementation;
    text += "#include " + names.header_include + "\n#include <DriverKit/IORPCGenerated.h>\n";
    bool actions = false;
    std::set<std::string> classes;
    for (const Class& owner : file.classes) {
        for (const Method& method : owner.methods) {
            if (!method.dispatched()) continue;
            actions = actions || (method.is_new() && method.implements_callback());
            for (const Parameter& parameter : method.parameters) {
                if (!parameter.object_class.empty() && parameter.object_class != "OSObject")
                    classes.insert(parameter.object_class);
            }
        }
    }
    if (actions) text += "#include <DriverKit/OSAction.h>\n#include <DriverKit/OSString.h>\n";
    text += "\n";
    for (const std::string& name : classes)
        text += "extern OPENDEXT_EXPORT OSMetaClass *g" + name + "MetaClass;\n";
    text += "\n";
    for (const Class& owner : file.classes) text += class_implementation(owner);
    if (file.nullability) text += "#pragma clang diagnostic pop\n";
    return text;
}

}  // namespace opendext::iig
