// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "iig/model.h"

namespace opendext::iig {

/// The metaclass pointer, description, load information and registration of a class and of its
/// action types.
[[nodiscard]] std::string class_registration(const Class& owner);

}  // namespace opendext::iig
