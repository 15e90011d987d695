// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "iokit/corefoundation/plist.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf::plist {
namespace {

constexpr size_t kHeader = 8;  // "bplist00"
/// 6 unused bytes, size of an offset, size of a reference, number of objects, index of the root,
/// offset of the table.
constexpr size_t kTrailer = 32;

class Reader {
  public:
    Reader(std::string_view bytes, Builder& builder)
        : bytes_(bytes), left_(kSpare + 4 * bytes.size()), builder_(builder) {}

    Result<Node> run() {
        if (bytes_.size() < kHeader + kTrailer) return error(bytes_.size(), "it is cut short");
        const size_t trailer = bytes_.size() - kTrailer;
        offset_size_ = byte(trailer + 6);
        reference_size_ = byte(trailer + 7);
        count_ = number(trailer + 8, 8);
        const uint64_t root = number(trailer + 16, 8);
        table_ = number(trailer + 24, 8);
        if (offset_size_ < 1 || offset_size_ > 8 || reference_size_ < 1 || reference_size_ > 8)
            return error(trailer + 6, "the trailer has impossible sizes");
        if (table_ < kHeader || table_ > trailer || count_ == 0 ||
            count_ > (trailer - table_) / offset_size_) {
            return error(trailer + 8, "the offset table lies outside the file");
        }
        return object(root, trailer + 16, 0);
    }

  private:
    [[nodiscard]] static Error error(size_t offset, const std::string& what) {
        return Error{Errc::malformed, 0, "offset " + std::to_string(offset) + ": " + what};
    }
    [[nodiscard]] uint8_t byte(size_t at) const { return static_cast<uint8_t>(bytes_[at]); }
    /// Big-endian; the caller has checked the bounds.
    [[nodiscard]] uint64_t number(size_t at, size_t size) const {
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i) value = value << 8 | byte(at + i);
        return value;
    }

    /// What an object says of itself, with its bounds checked.
    struct Head {
        size_t at = 0;  ///< of its marker
        int kind = 0;
        uint64_t size = 0;  ///< in units of its kind
        size_t body = 0;
    };

    /// The object `index`, which is named at offset `from`.
    Result<Head> head(uint64_t index, size_t from) {
        if (index >= count_) return error(from, "there is no object " + std::to_string(index));
        const uint64_t at = number(table_ + index * offset_size_, offset_size_);
        if (at < kHeader || at >= table_)
            return error(table_ + index * offset_size_, "the object lies outside the file");
        Head head{at, byte(at) >> 4, byte(at) & 0x0fU, at + 1};
        const bool counted = head.kind >= 4 && head.kind != 8;
        if (counted && head.size == 0x0f) {
            if (head.body >= table_ || byte(head.body) >> 4 != 1 || (byte(head.body) & 0x0f) > 3)
                return error(at, "the object has no valid size");
            const size_t width = size_t{1} << (byte(head.body) & 0x0f);
            if (width > table_ - head.body - 1)
                return error(at, "the object lies outside the file");
            head.size = number(head.body + 1, width);
            head.body += 1 + width;
        }
        size_t unit = 1;
        if (head.kind >= 1 && head.kind <= 3) {
            if (head.size > 4) return error(at, "the number has an impossible width");
            head.size = uint64_t{1} << head.size;
        } else if (head.kind == 0) {
            return head;  // the size is the value
        } else if (head.kind == 6) {
            unit = 2;
        } else if (head.kind == 0xa) {
            unit = reference_size_;
        } else if (head.kind == 0xd) {
            unit = 2 * reference_size_;
        }
        if (head.size > (table_ - head.body) / unit)
            return error(at, "the object lies outside the file");
        // What is referred to often is made often: the whole must stay in proportion to the bytes.
        const uint64_t cost = head.size * unit + 1;
        if (cost > left_) return error(at, "the property list unfolds to too much data");
        left_ -= cost;
        return head;
    }

    Result<Node> object(uint64_t index, size_t from, unsigned depth) {
        const Head head = OD_TRY(this->head(index, from));
        // An object that contains itself shows as depth.
        if (depth > kMaxDepth) return error(head.at, "nested too deeply, or within itself");
        switch (head.kind) {
            case 0x0:
                if (head.size == 8 || head.size == 9) return builder_.boolean(head.size == 9);
                break;
            case 0x1:
                return integer(head);
            case 0x2:
                if (head.size == 4) {
                    const auto bits = static_cast<uint32_t>(number(head.body, 4));
                    return builder_.real(static_cast<double>(std::bit_cast<float>(bits)), true);
                }
                if (head.size == 8)
                    return builder_.real(std::bit_cast<double>(number(head.body, 8)));
                return error(head.at, "the number has an impossible width");
            case 0x3:
                if (head.size != 8) return error(head.at, "the date has an impossible width");
                return builder_.date(std::bit_cast<double>(number(head.body, 8)));
            case 0x4: {
                const auto body = bytes_.substr(head.body, head.size);
                return builder_.data(std::vector<UInt8>(body.begin(), body.end()));
            }
            case 0x5:
            case 0x6:
                return builder_.string(OD_TRY(text(head)));
            case 0xa:
                return array(head, depth);
            case 0xd:
                return dictionary(head, depth);
            default:
                break;
        }
        char marker[8];
        std::snprintf(marker, sizeof marker, "0x%02x", byte(head.at));
        return error(head.at, std::string("an object of the kind ") + marker +
                                  " is none of a property list");
    }

    Result<Node> integer(const Head& head) {
        // 1, 2 and 4 bytes are unsigned, 8 are signed, 16 are written for what is beyond these.
        if (head.size <= 8)
            return builder_.integer(static_cast<int64_t>(number(head.body, head.size)));
        const uint64_t high = number(head.body, 8);
        if (high != 0 && high != UINT64_MAX)
            return error(head.at, "the integer has more than 64 bits");
        return builder_.integer(static_cast<int64_t>(number(head.body + 8, 8)));
    }

    Result<std::string> text(const Head& head) {
        if (head.kind == 0x5) {
            const std::string_view ascii = bytes_.substr(head.body, head.size);
            for (const char c : ascii) {
                if (static_cast<unsigned char>(c) >= 0x80)
                    return error(head.at, "the string is not ASCII");
            }
            return std::string(ascii);
        }
        std::u16string units;
        for (uint64_t i = 0; i < head.size; ++i)
            units += static_cast<char16_t>(number(head.body + 2 * i, 2));
        return to_utf8(units);
    }

    Result<Node> array(const Head& head, unsigned depth) {
        std::vector<Node> members;
        for (uint64_t i = 0; i < head.size; ++i) {
            const size_t at = head.body + i * reference_size_;
            members.push_back(OD_TRY(object(number(at, reference_size_), at, depth + 1)));
        }
        return builder_.array(std::move(members));
    }

    Result<Node> dictionary(const Head& head, unsigned depth) {
        std::vector<Builder::Member> members;
        for (uint64_t i = 0; i < head.size; ++i) {
            const size_t key_at = head.body + i * reference_size_;
            const size_t value_at = key_at + head.size * reference_size_;
            const Head key = OD_TRY(this->head(number(key_at, reference_size_), key_at));
            if (key.kind != 0x5 && key.kind != 0x6) return error(key.at, "a key is not a string");
            Node name = OD_TRY(builder_.key(OD_TRY(text(key))));
            members.push_back({std::move(name), OD_TRY(object(number(value_at, reference_size_),
                                                              value_at, depth + 1))});
        }
        return builder_.dictionary(members);
    }

    static constexpr uint64_t kSpare = uint64_t{16} << 20;
    std::string_view bytes_;
    size_t offset_size_ = 0;
    size_t reference_size_ = 0;
    uint64_t count_ = 0;
    uint64_t table_ = 0;
    uint64_t left_;
    Builder& builder_;
};

}  // namespace

Result<Node> read_binary(std::string_view bytes, Builder& builder) {
    return Reader(bytes, builder).run();
}

}  // namespace opendext::cf::plist
