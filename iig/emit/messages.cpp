// SPDX-License-Identifier: Apache-2.0
#include "iig/emit/messages.h"

#include "iig/emit/emit.h"

namespace opendext::iig {

namespace {

bool is_bool(const Parameter& parameter) {
    return parameter.plain.kind == Plain::Kind::boolean;
}

bool is_bool_array(const Parameter& parameter) {
    return !parameter.plain.element.empty() &&
           parameter.plain.element[0].kind == Plain::Kind::boolean;
}

bool as_references(const Method& method, const Parameter& parameter) {
    return parameter.is_object() && !as_pointer(method, parameter);
}

bool comes_back(const Method& method, const Parameter& parameter) {
    return parameter.comes_back() && !method.returns_void;
}

size_t request_refs(const Method& method) {
    size_t count = 1;
    for (const Parameter& parameter : method.parameters) {
        if (as_references(method, parameter)) count += parameter.object_count;
    }
    return count;
}

size_t reply_refs(const Method& method) {
    size_t count = 0;
    for (const Parameter& parameter : method.parameters)
        count += parameter.passing == Passing::object_result;
    return count;
}

/// The member that carries a plain parameter. A bool from another process may hold any bits, hence
/// a number.
std::string plain_member(const Parameter& parameter) {
    return member(parameter.plain, parameter.name, is_bool(parameter) ? "uint8_t" : "");
}

/// Both sides are made from the same numbers; the compiler of each checks them.
std::string size_check(const std::string& name, size_t refs, size_t plain) {
    return "static_assert(sizeof(" + name +
           ") == sizeof(IORPCMessageMach) + sizeof(IORPCMessage) + " + std::to_string(8 * refs) +
           " + " + std::to_string(plain) + ", \"the layout has gaps\");\n";
}

}  // namespace

std::string message_structs(const Class& owner, const Method& method) {
    const std::string prefix = owner.name + "_" + method.name;
    std::string text =
        "struct " + prefix +
        "_Msg {\n    IORPCMessageMach mach;\n    struct {\n        IORPCMessage od_hdr;\n"
        "        OSObjectRef od_self;\n";
    for (const Parameter& parameter : method.parameters) {
        if (!as_references(method, parameter)) continue;
        text += "        OSObjectRef " + parameter.name;
        if (parameter.passing == Passing::object_array)
            text += "[" + std::to_string(parameter.object_count) + "]";
        text += ";\n";
    }
    for (const Parameter& parameter : method.parameters) {
        if (as_pointer(method, parameter)) {
            text += "        uint64_t " + parameter.name + ";\n";
        } else if (parameter.plain_in()) {
            text += "        " + plain_member(parameter) + ";\n";
        }
    }
    text += "    } content;\n};\n" +
            size_check(prefix + "_Msg", request_refs(method), request_plain_size(method));
    if (method.returns_void) return text + "\n";
    text += "struct " + prefix +
            "_Rpl {\n    IORPCMessageMach mach;\n    struct {\n        IORPCMessage od_hdr;\n";
    for (const Parameter& parameter : method.parameters) {
        if (parameter.passing == Passing::object_result)
            text += "        OSObjectRef " + parameter.name + ";\n";
    }
    for (const Parameter* parameter : method.plain_results())
        text += "        " + plain_member(*parameter) + ";\n";
    return text + "    } content;\n};\n" +
           size_check(prefix + "_Rpl", reply_refs(method), reply_plain_size(method)) + "\n";
}

namespace {

std::string meta_check(const std::string& reference, const std::string& class_name) {
    return "opendext_ref_is(" + reference + ", g" + class_name + "MetaClass)";
}

// --- The caller's half ---

/// "return CODE;" of the caller's half. A method with another result than a code gives zero of it
/// when it was not reached.
std::string give_up(const Method& method, const std::string& code) {
    if (method.returns_void) return "return;";
    return "return " + (method.value ? "static_cast<" + method.result + ">(0)" : code) + ";";
}

std::string store_argument(const Method& method, const Parameter& parameter) {
    const std::string& name = parameter.name;
    const std::string to = "od_msg.content." + name;
    if (as_pointer(method, parameter))
        return "    __builtin_memcpy(&" + to + ", &" + name + ", sizeof(void *));\n";
    switch (parameter.passing) {
        case Passing::object:
            return "    " + to + " = (OSObjectRef)" + name + ";\n";
        case Passing::object_array:
            return "    for (size_t od_i = 0; " + name + " && od_i < " +
                   std::to_string(parameter.object_count) + "; ++od_i) " + to +
                   "[od_i] = (OSObjectRef)" + name + "[od_i];\n";
        case Passing::value:
            return "    " + to + " = " + name + (is_bool(parameter) ? " ? 1 : 0" : "") + ";\n";
        case Passing::pointer_in:
        case Passing::pointer_inout:
            return "    if (" + name + ") " + to + " = *" + name +
                   (is_bool(parameter) ? " ? 1 : 0" : "") + ";\n";
        case Passing::array_in:
        case Passing::array_inout:
            return "    if (" + name + ") __builtin_memcpy(" + to + ", " + name + ", sizeof " + to +
                   ");\n";
        case Passing::string:
            return "    if (!opendext_put_string(" + to + ", sizeof " + to + ", " + name + ")) " +
                   give_up(method, "kIOReturnOverrun") + "\n";
        default:
            return "";
    }
}

std::string load_results(const Method& method) {
    std::string text;
    for (const Parameter& parameter : method.parameters) {
        const std::string from = "od_rpl.content." + parameter.name;
        if (parameter.passing == Passing::object_result) {
            text += "    if (" + parameter.name + ") *" + parameter.name + " = (" +
                    parameter.object_type + ")" + from + ";\n    else opendext_release(" + from +
                    ");\n";
        } else if (parameter.passing == Passing::pointer_inout) {
            text += "    if (" + parameter.name + ") *" + parameter.name + " = " + from +
                    (is_bool(parameter) ? " != 0" : "") + ";\n";
        } else if (parameter.passing == Passing::array_inout) {
            text += "    if (" + parameter.name + ") __builtin_memcpy(" + parameter.name + ", " +
                    from + ", sizeof " + from + ");\n";
        }
    }
    return text;
}

std::string reply_checks(const Method& method) {
    std::string condition;
    std::string release;
    for (const Parameter& parameter : method.parameters) {
        if (parameter.passing != Passing::object_result) continue;
        const std::string reference = "od_rpl.content." + parameter.name;
        release += "        opendext_release(" + reference + ");\n";
        if (parameter.object_class == "OSObject") continue;
        condition += (condition.empty() ? "" : " || ") +
                     ("!" + meta_check(reference, parameter.object_class));
    }
    if (condition.empty()) return "";
    return "    if (" + condition + ") {\n" + release + "        " +
           give_up(method, "kIOReturnBadArgument") + "\n    }\n";
}

std::string flags_of(const Method& method) {
    std::string flags = "kIORPCMessageObjectRefs";
    if (method.returns_void) flags += " | kIORPCMessageOneway";
    if (method.reply) flags += " | kIORPCMessageSimpleReply";
    if (method.local_host) flags += " | kIORPCMessageLocalHost";
    return flags;
}

}  // namespace

std::string forwarder(const Class& owner, const Method& method) {
    const std::string prefix = owner.name + "_" + method.name;
    const std::string parameters = parameter_list(method);
    const Parameter* target = method.target();
    // Outside of the class its own types need their scope.
    const std::string result = method.value          ? method.value->plain.cxx
                               : method.returns_void ? "void"
                                                     : "kern_return_t";
    std::string text = result + "\n" + owner.name + "::" + method.name + "(" + parameters;
    if (!method.is_static)
        text += std::string(parameters.empty() ? "" : ", ") + "OSDispatchMethod supermethod";
    text += method.is_const ? ") const {\n" : ") {\n";
    if (target)
        text += "    if (!" + target->name + ") " + give_up(method, "kIOReturnBadArgument") + "\n";
    text += "    " + prefix + "_Msg od_msg;\n";
    if (!method.returns_void) text += "    " + prefix + "_Rpl od_rpl;\n";
    text += "    opendext_prepare_request(&od_msg.mach, sizeof od_msg, " + id_name(method) + ", " +
            flags_of(method) + ", " + std::to_string(request_refs(method)) + ");\n";
    const std::string receiver = method.is_static ? "g" + owner.name + "MetaClass"
                                 : target         ? target->name
                                                  : std::string("this");
    text += "    od_msg.content.od_self = (OSObjectRef)" + receiver + ";\n";
    for (const Parameter& parameter : method.parameters) text += store_argument(method, parameter);
    if (method.returns_void) {
        text += "    const IORPC od_rpc = {&od_msg.mach, NULL, sizeof od_msg, 0};\n";
    } else {
        text += "    opendext_prepare_reply(&od_rpl.mach, sizeof od_rpl, " + id_name(method) +
                ", " + std::to_string(reply_refs(method)) + ");\n";
        text +=
            "    const IORPC od_rpc = {&od_msg.mach, &od_rpl.mach, sizeof od_msg, sizeof "
            "od_rpl};\n";
    }
    const std::string invoke =
        "reinterpret_cast<OSMetaClassBase *>(" + receiver + ")->Invoke(od_rpc)";
    // Forwarders may be const, the methods behind them are not.
    const std::string self = method.is_const ? "const_cast<" + owner.name + " *>(this)" : "this";
    const std::string call =
        method.is_static ? "g" + owner.name + "MetaClass->Invoke(od_rpc)"
                         : "supermethod ? supermethod(" + self +
                               ", od_rpc) : " + (target ? invoke : self + "->Invoke(od_rpc)");
    if (method.returns_void) return text + "    (void)(" + call + ");\n}\n\n";
    text += "    kern_return_t od_ret = " + call + ";\n    if (od_ret != kIOReturnSuccess) " +
            give_up(method, "od_ret") + "\n";
    // An action gives its answer the id of the method that it called.
    text += "    if (!opendext_reply_ok(&od_rpl.mach, sizeof od_rpl, " +
            (target ? std::string("0") : id_name(method)) + ", " +
            std::to_string(reply_refs(method)) + ")) " + give_up(method, "kIOReturnIPCError") +
            "\n";
    const std::string answer = !method.value ? "od_ret"
                                             : "od_rpl.content." + method.value->name +
                                                   (is_bool(*method.value) ? " != 0" : "");
    return text + reply_checks(method) + load_results(method) + "    return " + answer + ";\n}\n\n";
}

namespace {

// --- The receiver's half ---

/// Checks and locals for one parameter; `argument` gets the expression that is passed on.
std::string load_argument(const Method& method, const Parameter& parameter, std::string& argument) {
    const std::string& name = parameter.name;
    const std::string from = "od_msg->content." + name;
    if (as_pointer(method, parameter)) {
        const bool array = parameter.passing == Passing::object_array;
        argument = name;
        const std::string declaration =
            array ? parameter.object_type + " const *" + name : parameter.declaration;
        return "    " + declaration + ";\n    __builtin_memcpy(&" + name + ", &" + from +
               ", sizeof(void *));\n";
    }
    const auto class_check = [&](const std::string& reference) {
        if (parameter.object_class == "OSObject") return std::string();
        return "if (!" + meta_check(reference, parameter.object_class) +
               ") return kIOReturnBadArgument;\n";
    };
    switch (parameter.passing) {
        case Passing::object: {
            argument = "(" + parameter.object_type + ")" + from;
            const std::string check = class_check(from);
            return check.empty() ? "" : "    " + check;
        }
        case Passing::object_array: {
            argument = name;
            const std::string count = std::to_string(parameter.object_count);
            const std::string check = class_check(from + "[od_i]");
            return "    " + parameter.object_type + " " + name + "[" + count +
                   "];\n    for (size_t od_i = 0; od_i < " + count + "; ++od_i) {\n" +
                   (check.empty() ? "" : "        " + check) + "        " + name + "[od_i] = (" +
                   parameter.object_type + ")" + from + "[od_i];\n    }\n";
        }
        case Passing::object_result:
            argument = "&" + name;
            return "    " + parameter.object_type + " " + name + " = NULL;\n";
        case Passing::value:
            argument = is_bool(parameter) ? from + " != 0" : from;
            return "";
        case Passing::pointer_in:
        case Passing::pointer_inout:
            argument = "&" + name;
            return "    " + parameter.plain.cxx + " " + name + " = " + from +
                   (is_bool(parameter) ? " != 0" : "") + ";\n";
        case Passing::array_in:
        case Passing::array_inout: {
            argument = from;
            std::string text;
            if (is_bool_array(parameter))
                text += "    opendext_normalise_bools(" + from + ", sizeof " + from + ");\n";
            if (!comes_back(method, parameter)) return text;
            argument = "od_rpl->content." + name;
            return text + "    __builtin_memcpy(" + argument + ", " + from + ", sizeof " + from +
                   ");\n";
        }
        case Passing::string:
            argument = from;
            return "    if (!opendext_is_string(" + from + ", sizeof " + from +
                   ")) return kIOReturnBadArgument;\n";
        default:
            return "";
    }
}

std::string store_results(const Method& method) {
    std::string text;
    for (const Parameter& parameter : method.parameters) {
        const std::string to = "od_rpl->content." + parameter.name;
        if (parameter.passing == Passing::object_result) {
            text += "    " + to + " = (OSObjectRef)" + parameter.name + ";\n";
        } else if (parameter.passing == Passing::pointer_inout) {
            text += "    " + to + " = " + parameter.name + (is_bool(parameter) ? " ? 1 : 0" : "") +
                    ";\n";
        }
    }
    return text;
}

}  // namespace

std::string invoke_function(const Class& owner, const Method& method) {
    const std::string prefix = owner.name + "_" + method.name;
    const Parameter* target = method.target();
    std::string text =
        "kern_return_t\n" + owner.name + "::" + method.name + "_Invoke(const IORPC od_rpc, " +
        (method.is_static ? "" : "OSMetaClassBase *od_target, ") + method.name +
        "_Handler od_func" + (target ? ", const OSMetaClass *od_action_class" : "") + ") {\n";
    const std::string reply_size = method.returns_void ? "0" : "sizeof(" + prefix + "_Rpl)";
    text += "    kern_return_t od_ret = opendext_check_request(od_rpc, sizeof(" + prefix +
            "_Msg), " + std::to_string(request_refs(method)) + ", " + reply_size +
            ");\n    if (od_ret != kIOReturnSuccess) return od_ret;\n";
    text += "    " + prefix + "_Msg *od_msg = reinterpret_cast<" + prefix +
            "_Msg *>(od_rpc.message);\n    (void)od_msg;\n";
    if (!method.returns_void) {
        text += "    " + prefix + "_Rpl *od_rpl = reinterpret_cast<" + prefix +
                "_Rpl *>(od_rpc.reply);\n";
        text +=
            "    opendext_prepare_reply(&od_rpl->mach, sizeof *od_rpl, "
            "od_msg->content.od_hdr.msgid, " +
            std::to_string(reply_refs(method)) + ");\n";
    }
    std::string arguments = method.is_static ? "" : "od_target";
    for (const Parameter& parameter : method.parameters) {
        std::string argument;
        text += load_argument(method, parameter, argument);
        arguments += (arguments.empty() ? "" : ", ") + argument;
    }
    if (target) {
        text += "    if (od_action_class && !opendext_ref_is(od_msg->content." + target->name +
                ", od_action_class)) {\n"
                "        return opendext_wrong_action_type(od_target, \"" +
                owner.name + "::" + method.name +
                "\", reinterpret_cast<OSMetaClassBase *>(od_msg->content." + target->name +
                "), od_action_class->GetClassName());\n    }\n";
    }
    if (method.returns_void)
        return text + "    od_func(" + arguments + ");\n    return kIOReturnSuccess;\n}\n\n";
    if (method.value) {
        text += "    od_rpl->content." + method.value->name + " = od_func(" + arguments + ")" +
                (is_bool(*method.value) ? " ? 1 : 0" : "") + ";\n";
    } else {
        text += "    od_ret = od_func(" + arguments +
                ");\n    if (od_ret != kIOReturnSuccess) return od_ret;\n";
    }
    return text + store_results(method) + "    return kIOReturnSuccess;\n}\n\n";
}

}  // namespace opendext::iig
