// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "iig/model.h"

/// The code that carries one method as a message.
namespace opendext::iig {

/// The layout of request and reply.
[[nodiscard]] std::string message_structs(const Class& owner, const Method& method);
/// X::m: the caller's half.
[[nodiscard]] std::string forwarder(const Class& owner, const Method& method);
/// X::m_Invoke: the receiver's half.
[[nodiscard]] std::string invoke_function(const Class& owner, const Method& method);

}  // namespace opendext::iig
