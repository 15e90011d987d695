// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "iokit/corefoundation/object.h"
#include "rpc/result.h"

/// Property lists as bytes. The bytes may come from anybody. Written here and not left to libplist:
/// a client needs dates, reals, the OpenStep form, and errors that say what is wrong and where.
namespace opendext::cf::plist {

using Node = Owned<CFTypeRef>;

/// Deeper nesting is refused, before any recursive code sees it.
inline constexpr unsigned kMaxDepth = 64;
/// Objects of one list, counted as often as they are referred to.
inline constexpr size_t kMaxObjects = 1'000'000;

/// Makes the objects of a list that is being read: mutable or not, and not more than allowed.
class Builder {
  public:
    explicit Builder(CFOptionFlags mutability) : mutability_(mutability) {}

    Result<Node> string(std::string utf8);
    /// A string that never changes.
    Result<Node> key(std::string utf8);
    Result<Node> data(std::vector<UInt8> bytes);
    Result<Node> integer(int64_t value);
    Result<Node> real(double value, bool single = false);
    Result<Node> date(CFAbsoluteTime at);
    Result<Node> boolean(bool value);
    Result<Node> array(std::vector<Node> members);
    struct Member {
        Node key;  ///< a string
        Node value;
    };
    /// Of members with equal keys the last one counts.
    Result<Node> dictionary(const std::vector<Member>& members);

  private:
    Status count();
    const CFOptionFlags mutability_;
    size_t objects_ = 0;
};

[[nodiscard]] Result<Node> read_xml(std::string_view bytes, Builder& builder);
[[nodiscard]] Result<Node> read_binary(std::string_view bytes, Builder& builder);
[[nodiscard]] Result<Node> read_openstep(std::string_view bytes, Builder& builder);
/// Whether the bytes begin as an XML property list does.
[[nodiscard]] bool is_xml(std::string_view bytes);

/// Errc::unsupported: a binary list of an unknown version. Everything else: broken.
[[nodiscard]] Result<Node> read(std::string_view bytes, CFOptionFlags mutability,
                                CFPropertyListFormat& format);

/// Whether `list` can be written in that form; the error says which part cannot.
[[nodiscard]] Status check(CFTypeRef list, CFPropertyListFormat format);
/// Of lists that check() has passed.
[[nodiscard]] std::string write_xml(CFTypeRef list);
[[nodiscard]] std::string write_binary(CFTypeRef list);
/// nullptr for what is no property list.
[[nodiscard]] CFTypeRef deep_copy(CFTypeRef list, CFOptionFlags mutability);

/// A place in a text: "line 3, column 7".
[[nodiscard]] std::string place(std::string_view text, size_t offset);

}  // namespace opendext::cf::plist
