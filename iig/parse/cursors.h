// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang-c/Index.h>

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "iig/diagnostics.h"
#include "iig/model.h"

/// What cursors say, in the terms of the interface language: words, places, where a method was
/// declared first.
namespace opendext::iig {

/// The words on a declaration as IORPC.h spells them: "local", "type=Class::method" …
using Annotations = std::vector<std::string>;

void for_children(CXCursor cursor, const std::function<void(CXCursor)>& visit);
[[nodiscard]] Annotations annotations_of(CXCursor cursor);
[[nodiscard]] bool has(const Annotations& annotations, std::string_view name);
/// The argument of `name=…`, or "".
[[nodiscard]] std::string argument(const Annotations& annotations, std::string_view name);

[[nodiscard]] Location location_of(CXCursor cursor);
/// The name comes out of a macro, so the text of the declaration is not in the file. Words are
/// macros too, but not names.
[[nodiscard]] bool in_macro(CXCursor cursor);
/// Offsets of a declaration in its file; words before and after it are not all part of it.
void extent_of(CXCursor cursor, size_t& begin, size_t& end);

/// Names of the types and constants that a class declares in its body.
void add_types_and_constants(CXCursor class_cursor, std::set<std::string>& names);

struct ClassWords {
    std::string name;  ///< the class whose members these are: EXTENDS seen through
    bool kernel = false;
    bool native = false;
    bool local = false;
    bool local_only = false;
};

[[nodiscard]] ClassWords words_of_class(CXCursor cursor);

/// What kind of method a first declaration is, and whether its id has the top bit.
struct Root {
    MethodKind kind = MethodKind::dispatched;
    bool kernel = false;
    std::string class_name;
    std::string queue;  ///< QUEUENAME of the first declaration: overrides run there too
};

[[nodiscard]] Root root_of(CXCursor method);
/// The method itself, or what it overrides in the topmost class.
[[nodiscard]] CXCursor first_declaration(CXCursor method);

}  // namespace opendext::iig
