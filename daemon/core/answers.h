// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "daemon/family.h"
#include "daemon/io_return.h"

/// What the calls that the core family answers have in common.
namespace opendext::daemon {

inline protocol::Ref value_reference(Value value) {
    protocol::Ref ref;
    ref.kind = protocol::RefKind::value;
    ref.value = std::move(value);
    return ref;
}

inline const Dictionary* dictionary_of(const protocol::Ref& ref) {
    return ref.kind == protocol::RefKind::value ? ref.value.dictionary() : nullptr;
}

inline const std::string* string_of(const protocol::Ref& ref) {
    return ref.kind == protocol::RefKind::value ? ref.value.string() : nullptr;
}

/// If the call is Method: decodes its arguments, runs `handle(in, out)` and answers.
template <typename Method, typename Handle>
bool answer(KernelCall& call, Handle handle) {
    if (call.invocation.msgid != Method::kMsgId) return false;
    const auto in = Method::decode(call.invocation);
    if (!in.ok()) {
        call.respond(kIOReturnIPCError);
        return true;
    }
    typename Method::Out out;
    CallAnswer reply;
    reply.result.io_return = handle(in.value(), out);
    if (reply.result.io_return == kIOReturnSuccess) Method::encode_result(out, reply.result);
    call.respond(std::move(reply));
    return true;
}

}  // namespace opendext::daemon
