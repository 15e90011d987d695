// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "iokit/corefoundation/object.h"
#include "rpc/utf8.h"

namespace opendext::cf {

/// Kept as UTF-8; where it is not plain ASCII, as UTF-16 too, which is what lengths and ranges
/// count.
class String final : public Object {
  public:
    static constexpr Type kType = Type::string;
    explicit String(std::string text, bool is_mutable = false,
                    Lifetime lifetime = Lifetime::counted);

    [[nodiscard]] const std::string& text() const { return text_; }
    void set_text(std::string text);
    /// The UTF-16 units; computed for ASCII, so ask length() for the length.
    [[nodiscard]] std::u16string units() const;
    [[nodiscard]] CFIndex length() const;
    /// The units where they are kept, else NULL.
    [[nodiscard]] const UniChar* kept_units() const {
        return ascii_ ? nullptr : reinterpret_cast<const UniChar*>(units_.data());
    }
    [[nodiscard]] bool ascii() const { return ascii_; }

    [[nodiscard]] bool equals(const Object& other) const override {
        return text_ == static_cast<const String&>(other).text_;
    }
    [[nodiscard]] CFHashCode hash() const override { return std::hash<std::string>{}(text_); }
    [[nodiscard]] std::string describe() const override { return text_; }

    const bool is_mutable;

  private:
    std::string text_;
    bool ascii_ = true;
    std::u16string units_;
};

/// A new string with these bytes; bytes that are not UTF-8 are taken as Latin-1, so that nothing is
/// lost or refused.
[[nodiscard]] CFStringRef new_string(std::string_view text);
/// The UTF-8 text of a CFString; "" for NULL and for objects of other types.
[[nodiscard]] std::string_view text_of(CFTypeRef ref);

/// The units of a part of the string; a range that is not in it is misuse.
[[nodiscard]] std::u16string units_in(const String& string, CFRange range, const char* function);

// Conversions; nullopt where the input is not valid in the encoding or cannot be expressed in it.
[[nodiscard]] bool is_utf8(std::string_view bytes);
[[nodiscard]] std::optional<std::string> decode(std::string_view bytes, CFStringEncoding encoding);
/// `loss`: put for characters that the encoding does not have; 0: they make the conversion fail.
[[nodiscard]] std::optional<std::string> encode(const std::u16string& units,
                                                CFStringEncoding encoding, char loss);
[[nodiscard]] std::u16string to_utf16(std::string_view utf8);
/// Lone surrogates become U+FFFD.
[[nodiscard]] std::string to_utf8(std::u16string_view units);

}  // namespace opendext::cf
