// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include "iig/parse/reader.h"

namespace opendext::iig {

namespace {

constexpr size_t kMaxObjectRefs = 64;  // kIORPCMaxObjectRefs

void check_parameter(const Method& method, const Parameter& parameter, Diagnostics& diagnostics) {
    switch (parameter.passing) {
        case Passing::unsupported:
            diagnostics.error(parameter.where, parameter.why, parameter.fix);
            return;
        case Passing::raw:
            if (method.local_pointers) return;
            diagnostics.error(
                parameter.where,
                "parameter '" + parameter.name + "' of type '" + parameter.object_type +
                    "' means nothing in another process, so '" + method.name + "' cannot be sent",
                "mark the method LOCALONLY, or send an IOMemoryDescriptor, an OSData or a plain "
                "struct");
            return;
        case Passing::object_result:
        case Passing::pointer_inout:
            if (!method.returns_void) return;
            diagnostics.error(parameter.where,
                              "'" + method.name +
                                  "' returns void and is therefore sent one way: '" +
                                  parameter.name + "' cannot bring anything back",
                              "return kern_return_t, or pass a value");
            return;
        default:
            return;
    }
}

void check_method(const Class& owner, const Method& method, Diagnostics& diagnostics) {
    if (!method.returns_void && !method.returns_code && !method.value) {
        diagnostics.error(method.where,
                          "'" + method.name + "' returns '" + method.result +
                              "': a message returns kern_return_t, void, or a number",
                          "return kern_return_t and add a parameter for the result, or mark the "
                          "method LOCALONLY");
    }
    if (method.is_variadic) {
        diagnostics.error(method.where,
                          "'" + method.name + "' takes any number of arguments: a message cannot",
                          "declare each of them, or mark the method LOCALONLY");
    }
    if (method.has_body) {
        diagnostics.error(method.where,
                          "'" + method.name + "' is a message and cannot have a body here",
                          "define '" + owner.name + "::" + method.name +
                              "_Impl' in the .cpp file, or mark the method LOCALONLY");
    }
    size_t in = 1;
    size_t out = 0;
    std::set<std::string> names;
    for (const Parameter& parameter : method.parameters) {
        if (!names.insert(parameter.name).second) {
            diagnostics.error(parameter.where, "two parameters are named '" + parameter.name + "'");
        }
        check_parameter(method, parameter, diagnostics);
        if (parameter.is_object()) in += parameter.object_count;
        if (parameter.passing == Passing::object_result) ++out;
        if (parameter.target && (parameter.passing != Passing::object)) {
            diagnostics.error(parameter.where, "TARGET stands on a parameter that is not an object",
                              "put it on the 'OSAction *' parameter");
        }
    }
    if (in > kMaxObjectRefs || out > kMaxObjectRefs) {
        diagnostics.error(method.where,
                          "'" + method.name + "' has more than " + std::to_string(kMaxObjectRefs) +
                              " object arguments",
                          "send an OSArray");
    }
}

}  // namespace

void check(const File& file, Diagnostics& diagnostics) {
    std::map<uint64_t, std::string> ids;
    for (const Class& owner : file.classes) {
        std::set<std::string> names;
        for (const Method& method : owner.methods) {
            if (!method.dispatched()) continue;
            check_method(owner, method, diagnostics);
            if (!names.insert(method.name).second) {
                diagnostics.error(
                    method.where,
                    "a second message named '" + method.name + "' in class '" + owner.name + "'",
                    "give it another name, or mark one of them LOCALONLY");
            }
            if (!method.is_new()) continue;
            const std::string full = owner.name + "::" + method.name;
            const auto [at, fresh] = ids.emplace(message_id(owner.name, method.name, false), full);
            if (!fresh && at->second != full) {
                diagnostics.error(method.where,
                                  "'" + full + "' and '" + at->second + "' have the same id",
                                  "rename one of them");
            }
        }
    }
}

}  // namespace opendext::iig
