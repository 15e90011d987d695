// SPDX-License-Identifier: Apache-2.0
#include "iig/emit/class_description.h"

#include <algorithm>

#include "iig/emit/emit.h"

namespace opendext::iig {

namespace {

/// A table of strings that end with NUL, as one initialiser; `size` gets its bytes.
std::string string_table(const std::vector<std::string>& strings, size_t& size) {
    size = 0;
    std::string text;
    for (size_t i = 0; i < strings.size(); ++i) {
        size += strings[i].size() + 1;
        text += "\n        \"" + strings[i] + (i + 1 < strings.size() ? "\\0\"" : "\"");
    }
    return text.empty() ? "{}" : text;
}

struct Tables {
    std::string options;
    size_t count = 0;
    std::vector<std::string> names;
};

Tables tables_of(const Class& owner, bool statics) {
    Tables tables;
    const std::vector<std::string> queues = owner.queues();
    for (const Method& method : owner.methods) {
        if (!method.dispatched() || method.side != Side::process || method.is_static != statics)
            continue;
        const auto queue = std::find(queues.begin(), queues.end(), method.queue) - queues.begin();
        tables.options += "\n        " + id_name(method) + ", " + std::to_string(queue) + ",";
        tables.names.push_back(method.root_class + "::" + method.name);
        tables.count += 2;
    }
    return tables;
}

std::string registration(const std::string& name, const std::string& super,
                         const std::string& flags, const Tables& methods, const Tables& statics,
                         const std::vector<std::string>& queues) {
    size_t queue_bytes = 0;
    size_t name_bytes = 0;
    size_t static_name_bytes = 0;
    const std::string queue_table = string_table(queues, queue_bytes);
    const std::string name_table = string_table(methods.names, name_bytes);
    const std::string static_name_table = string_table(statics.names, static_name_bytes);
    const std::string type = name + "_Description_t";
    const auto size = [&](const char* what, const char* member) {
        return std::string("        .") + what + "Size = sizeof(" + type + "::" + member +
               "),\n        ." + what + "Offset = offsetof(" + type + ", " + member + "),\n";
    };
    std::string text = "OSMetaClass *g" + name + "MetaClass;\n\n";
    text += "struct " + type + " {\n    OSClassDescription base;\n    uint64_t methodOptions[" +
            std::to_string(methods.count) + "];\n    uint64_t metaMethodOptions[" +
            std::to_string(statics.count) + "];\n    char queueNames[" +
            std::to_string(queue_bytes) + "];\n    char methodNames[" + std::to_string(name_bytes) +
            "];\n    char metaMethodNames[" + std::to_string(static_name_bytes) + "];\n};\n\n";
    text += "static const " + type + " " + name +
            "_Description = {\n    .base = {\n        .descriptionSize = sizeof(" + type +
            "),\n        .name = \"" + name + "\",\n        .superName = \"" + super + "\",\n" +
            size("methodOptions", "methodOptions") +
            size("metaMethodOptions", "metaMethodOptions") + size("queueNames", "queueNames") +
            size("methodNames", "methodNames") + size("metaMethodNames", "metaMethodNames") +
            "        .flags = " + flags +
            ",\n        .resv1 = {},\n        .methodOptions = {},\n        .metaMethodOptions = "
            "{},\n        .dispatchNames = {},\n"
            "        .methodNames = {},\n        .metaMethodNames = {},\n    },\n";
    text += "    .methodOptions = {" + methods.options + "},\n    .metaMethodOptions = {" +
            statics.options + "},\n    .queueNames = " + queue_table +
            ",\n    .methodNames = " + name_table +
            ",\n    .metaMethodNames = " + static_name_table + ",\n};\n\n";
    text += "static kern_return_t\n" + name + "_New(OSMetaClass *instance) {\n    new (instance) " +
            name + "MetaClass();\n    return kIOReturnSuccess;\n}\n\n";
    text +=
        "OSClassLoadInformation " + name + "_Class = {\n    .description = &" + name +
        "_Description.base,\n    .metaPointer = &g" + name +
        "MetaClass,\n    .version = kOSClassLoadInformationVersion,\n    .instanceSize = sizeof(" +
        name + "),\n    .New = &" + name + "_New,\n    .resv2 = {},\n    .resv3 = {},\n};\n\n";
    text += "__attribute__((constructor)) static void\n" + name +
            "_Register() {\n    (void)opendext_register_class(&" + name + "_Class);\n}\n\n";
    return text;
}

}  // namespace

std::string class_registration(const Class& owner) {
    std::string text =
        registration(owner.name, owner.super == "OSMetaClassBase" ? "" : owner.super,
                     owner.can_be_remote() ? "kOSClassCanRemote" : "0", tables_of(owner, false),
                     tables_of(owner, true), owner.queues());
    // Only a LOCALONLY method can be pure in the generated class.
    const bool abstract =
        std::any_of(owner.methods.begin(), owner.methods.end(), [](const Method& method) {
            return method.kind == MethodKind::local_only && method.is_pure;
        });
    text += "kern_return_t\n" + owner.name + "MetaClass::New(OSObject *instance) {\n";
    text += abstract
                ? "    (void)instance; /* abstract */\n    return kIOReturnUnsupported;\n}\n\n"
                : "    new (instance) " + owner.name + "();\n    return kIOReturnSuccess;\n}\n\n";
    for (const Method& method : owner.methods) {
        if (!method.is_new() || !method.implements_callback()) continue;
        const std::string action = "OSAction_" + owner.name + "_" + method.name;
        text += "class " + action + " final : public OSAction {};\n\nclass " + action +
                "MetaClass final : public OSMetaClass {\n  public:\n    kern_return_t New(OSObject "
                "*instance) override {\n" +
                "        new (instance) " + action +
                "();\n        return kIOReturnSuccess;\n    }\n};\n\n";
        text += registration(action, "OSAction", "0", {}, {}, {""});
    }
    return text;
}

}  // namespace opendext::iig
