// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "iokit/corefoundation/object.h"

namespace opendext::cf {

/// The parts of a URL as RFC 3986 splits them; what is absent is nullopt.
struct UrlParts {
    std::optional<std::string> scheme;
    std::optional<std::string> authority;
    std::string path;
    std::optional<std::string> query;
    std::optional<std::string> fragment;

    static UrlParts split(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// Whether `path` is a path: "mailto:x" has none.
    [[nodiscard]] bool hierarchical() const;
};

class Url final : public Object {
  public:
    static constexpr Type kType = Type::url;
    Url(std::string_view text, Owned<CFURLRef> base);
    [[nodiscard]] bool equals(const Object& other) const override;
    [[nodiscard]] CFHashCode hash() const override;
    [[nodiscard]] std::string describe() const override;

    [[nodiscard]] const Url* base() const;
    /// The parts of the URL that this one stands for, with its base.
    [[nodiscard]] UrlParts resolved() const;

    const UrlParts parts;
    const Owned<CFStringRef> string;
    const Owned<CFURLRef> base_ref;
};

/// A file's URL; a folder's ends with '/'. `path` is absolute.
[[nodiscard]] CFURLRef new_file_url(std::string_view path, bool folder);
/// The path of a file's URL, base included; nullopt for other URLs.
[[nodiscard]] std::optional<std::string> path_of(CFURLRef url);

}  // namespace opendext::cf
