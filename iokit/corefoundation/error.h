// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

class ErrorObject final : public Object {
  public:
    static constexpr Type kType = Type::error;
    ErrorObject(Owned<CFStringRef> domain, CFIndex code, Owned<CFDictionaryRef> info)
        : Object(kType), domain(std::move(domain)), code(code), info(std::move(info)) {}
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override;
    [[nodiscard]] std::string describe() const override;

    const Owned<CFStringRef> domain;
    const CFIndex code;
    const Owned<CFDictionaryRef> info;  ///< never NULL
};

/// An error with a description in words.
[[nodiscard]] CFErrorRef new_error(CFStringRef domain, CFIndex code, const std::string& words);
/// errno and what could not be done: "cannot read /x: No such file or directory".
[[nodiscard]] CFErrorRef new_posix_error(int number, const std::string& what);
/// Gives `made` to a caller who may not want it.
void hand_out(CFErrorRef* error, CFErrorRef made);

}  // namespace opendext::cf
