// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include <optional>
#include <string>

#include "iig/model.h"

namespace opendext::iig {

/// True if `cursor` is a class whose chain of bases reaches OSMetaClassBase.
[[nodiscard]] bool is_object_class(CXCursor cursor);
/// The base class of a class that leads to OSMetaClassBase, or a null cursor.
[[nodiscard]] CXCursor object_base(CXCursor class_cursor);
/// The layout of a type that can be sent, or nothing and the reason in `why`.
[[nodiscard]] std::optional<Plain> plain_type(CXType type, std::string& why);
/// Decides how a parameter of `type` travels; fills everything but names, texts and annotations.
void classify(CXType type, Parameter& parameter);

}  // namespace opendext::iig
