// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "iig/model.h"

/// The three outputs. Each is a function of the model and the names only: the same input gives the
/// same bytes.
namespace opendext::iig {

struct Names {
    std::string header_include;  ///< how the implementation includes the header:
                                 ///< "<DriverKit/IOService.h>" or "\"X.h\""
    std::string guard;           ///< include guard of the header
};

[[nodiscard]] std::string emit_header(const File& file, const Names& names);
[[nodiscard]] std::string emit_implementation(const File& file, const Names& names);
[[nodiscard]] std::string emit_system(const File& file);

// Shared by the emitters.

/// "a, b" of the declarations, with default arguments if asked for.
[[nodiscard]] std::string parameter_list(const Method& method, bool with_defaults = false);
/// "a, b" of the names.
[[nodiscard]] std::string argument_list(const Method& method);
/// The parameter goes as the caller's pointer: raw ones, and object arrays of methods that stay in
/// the process, since callers may have fewer objects than the array says.
[[nodiscard]] bool as_pointer(const Method& method, const Parameter& parameter);
/// Bytes of the plain part of a request and of a reply, padded to 8.
[[nodiscard]] size_t request_plain_size(const Method& method);
[[nodiscard]] size_t reply_plain_size(const Method& method);
/// "X_m_ID" of the message that `method` is or overrides.
[[nodiscard]] std::string id_name(const Method& method);
[[nodiscard]] std::string hexadecimal(uint64_t value);
/// First line of every generated file.
[[nodiscard]] std::string generated_note(const File& file);
/// Where the source speaks of nullability, clang wants to hear of it for every pointer of the file:
/// silences that, for generated code speaks of none. To be popped.
[[nodiscard]] std::string complete_nullability(const File& file);
/// "char name[128]": a member with the type of `plain`. `cxx` replaces the element's spelling if
/// not empty.
[[nodiscard]] std::string member(const Plain& plain, const std::string& name,
                                 const std::string& cxx = "");

}  // namespace opendext::iig
