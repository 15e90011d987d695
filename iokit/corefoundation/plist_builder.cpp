// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "iokit/corefoundation/collections.h"
#include "iokit/corefoundation/data.h"
#include "iokit/corefoundation/date.h"
#include "iokit/corefoundation/number.h"
#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf::plist {

Status Builder::count() {
    if (++objects_ <= kMaxObjects) return success();
    return Error{Errc::malformed, 0, "the property list has more than a million objects"};
}

Result<Node> Builder::string(std::string utf8) {
    OD_TRY(count());
    const bool changeable = mutability_ == kCFPropertyListMutableContainersAndLeaves;
    return Node(new String(std::move(utf8), changeable));
}

Result<Node> Builder::key(std::string utf8) {
    OD_TRY(count());
    return Node(new String(std::move(utf8)));
}

Result<Node> Builder::data(std::vector<UInt8> bytes) {
    OD_TRY(count());
    const bool changeable = mutability_ == kCFPropertyListMutableContainersAndLeaves;
    return Node(new Data(std::move(bytes), changeable));
}

Result<Node> Builder::integer(int64_t value) {
    OD_TRY(count());
    return Node(new Number(kCFNumberSInt64Type, value));
}

Result<Node> Builder::real(double value, bool single) {
    OD_TRY(count());
    return Node(new Number(single ? kCFNumberFloat32Type : kCFNumberFloat64Type, value));
}

Result<Node> Builder::date(CFAbsoluteTime at) {
    OD_TRY(count());
    return Node(new Date(at));
}

Result<Node> Builder::boolean(bool value) {
    OD_TRY(count());
    return Node(value ? kCFBooleanTrue : kCFBooleanFalse);
}

Result<Node> Builder::array(std::vector<Node> members) {
    OD_TRY(count());
    auto* array = new Array(&kCFTypeArrayCallBacks, mutability_ != kCFPropertyListImmutable);
    const Node made(array);
    for (const Node& member : members) array->append(member.get());
    return made;
}

Result<Node> Builder::dictionary(const std::vector<Member>& members) {
    OD_TRY(count());
    auto* dictionary =
        new Dictionary(&kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks,
                       mutability_ != kCFPropertyListImmutable);
    const Node made(dictionary);
    for (const Member& member : members)
        dictionary->put(member.key.get(), member.value.get(), Dictionary::Put::always);
    return made;
}

std::string place(std::string_view text, size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - begin + 1);
}

Result<Node> read(std::string_view bytes, CFOptionFlags mutability, CFPropertyListFormat& format) {
    Builder builder(mutability);
    if (bytes.starts_with("bplist")) {
        format = kCFPropertyListBinaryFormat_v1_0;
        if (!bytes.starts_with("bplist0"))
            return Error{Errc::unsupported, 0,
                         "the binary property list is of a version that is not known, \"" +
                             std::string(bytes.substr(6, 2)) + "\""};
        return read_binary(bytes, builder);
    }
    std::string text;
    if (bytes.starts_with("\xef\xbb\xbf")) {
        bytes.remove_prefix(3);
    } else if (bytes.starts_with("\xfe\xff") || bytes.starts_with("\xff\xfe")) {
        std::optional<std::string> decoded = decode(bytes, kCFStringEncodingUTF16);
        if (!decoded) return Error{Errc::malformed, 0, "the property list is not UTF-16"};
        text = std::move(*decoded);
        bytes = text;
    }
    format = is_xml(bytes) ? kCFPropertyListXMLFormat_v1_0 : kCFPropertyListOpenStepFormat;
    return format == kCFPropertyListXMLFormat_v1_0 ? read_xml(bytes, builder)
                                                   : read_openstep(bytes, builder);
}

}  // namespace opendext::cf::plist
