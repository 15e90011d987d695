// SPDX-License-Identifier: Apache-2.0
#include "bundle/plist_binary.h"

#include <cstdint>
#include <string>

#include "bundle/plist.h"

namespace opendext::bundle {
namespace {

constexpr size_t kHeader = 8;  // "bplist00"
constexpr size_t kTrailer =
    32;  // 6 unused, offset size, reference size, count, top, offset of the table

class Walker {
  public:
    Walker(std::string_view bytes, std::string_view file) : bytes_(bytes), file_(file) {}

    Status run() {
        if (bytes_.size() < kHeader + kTrailer) return broken("it is cut short");
        const size_t trailer = bytes_.size() - kTrailer;
        offset_size_ = byte(trailer + 6);
        reference_size_ = byte(trailer + 7);
        count_ = number(trailer + 8, 8);
        const uint64_t top = number(trailer + 16, 8);
        table_ = number(trailer + 24, 8);
        if (offset_size_ < 1 || offset_size_ > 8 || reference_size_ < 1 || reference_size_ > 8) {
            return broken("its trailer has impossible sizes");
        }
        if (table_ < kHeader || table_ > trailer || count_ == 0 ||
            count_ > (trailer - table_) / offset_size_) {
            return broken("its offset table lies outside the file");
        }
        return visit(top, 0);
    }

  private:
    [[nodiscard]] Error broken(std::string_view why) const {
        return Error{Errc::malformed, 0,
                     std::string(file_) + ": broken binary property list, " + std::string(why) +
                         ": write it again, for example as XML"};
    }
    [[nodiscard]] uint8_t byte(size_t at) const { return static_cast<uint8_t>(bytes_[at]); }
    /// Big-endian; the caller has checked the bounds.
    [[nodiscard]] uint64_t number(size_t at, size_t size) const {
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i) value = value << 8 | byte(at + i);
        return value;
    }

    /// One copy of object `index`, as libplist will make it.
    Status visit(uint64_t index, unsigned depth) {
        if (index >= count_) return broken("it refers to an object that is not there");
        // A cycle shows as depth, a bomb of shared objects as nodes.
        if (depth > kMaximumPlistDepth) return broken("it is nested too deeply or contains itself");
        if (++nodes_ > kMaximumPlistNodes) return broken("it has too many objects");
        const uint64_t at = number(table_ + index * offset_size_, offset_size_);
        if (at < kHeader || at >= table_) return broken("an object lies outside the file");
        const uint8_t marker = byte(at);
        uint64_t size = marker & 0x0f;
        uint64_t body = at + 1;
        const int kind = marker >> 4;
        const bool counted = kind == 4 || kind == 5 || kind == 6 || kind >= 0xa;
        if (counted && size == 0x0f) {
            if (body >= table_ || byte(body) >> 4 != 1 || (byte(body) & 0x0f) > 3) {
                return broken("an object has no valid size");
            }
            const size_t width = size_t{1} << (byte(body) & 0x0f);
            if (width > table_ - body - 1) return broken("an object lies outside the file");
            size = number(body + 1, width);
            body += 1 + width;
        }
        uint64_t unit = 1;
        switch (kind) {
            case 0x0:
                size = 0;
                break;  // null, booleans
            case 0x1:
            case 0x2:
            case 0x3:
                if (size > 4) return broken("a number has an impossible width");
                size = uint64_t{1} << size;
                break;
            case 0x4:
            case 0x5:
                break;
            case 0x6:
                unit = 2;
                break;
            case 0x8:
                size += 1;
                break;
            case 0xa:
            case 0xc:
                unit = reference_size_;
                break;
            case 0xd:
                unit = 2 * reference_size_;
                break;
            default:
                return broken("it has an object of an unknown kind");
        }
        if (body > table_ || size > (table_ - body) / unit)
            return broken("an object lies outside the file");
        // An empty container could be repeated at no cost in bytes; a large string costs its size
        // in each copy.
        copied_ += size;
        if (copied_ > 4 * kMaximumPlistSize) return broken("it unfolds to too much data");
        if (kind == 0x4 || kind == 0x5 || kind == 0x6) return check_text(kind, body, size);
        if (kind < 0xa) return success();
        const uint64_t references = kind == 0xd ? 2 * size : size;
        for (uint64_t i = 0; i < references; ++i) {
            const uint64_t target = number(body + i * reference_size_, reference_size_);
            if (kind == 0xd && i < size) OD_TRY(check_key(target));
            OD_TRY(visit(target, depth + 1));
        }
        return success();
    }

    /// libplist ends the process at a key that is no string, or has a zero in it.
    Status check_key(uint64_t index) {
        if (index >= count_) return broken("it refers to an object that is not there");
        const uint64_t at = number(table_ + index * offset_size_, offset_size_);
        if (at < kHeader || at >= table_) return broken("an object lies outside the file");
        const int kind = byte(at) >> 4;
        if (kind != 0x5 && kind != 0x6) return broken("a key is not a string");
        return success();
    }
    /// Strings: no zeros, and no half of a surrogate pair. (Data passes.)
    Status check_text(int kind, uint64_t body, uint64_t size) {
        if (kind == 0x4) return success();
        for (uint64_t i = 0; i < size; ++i) {
            if (kind == 0x5) {
                if (byte(body + i) == 0 || byte(body + i) > 0x7f)
                    return broken("a string is not ASCII");
                continue;
            }
            const uint64_t unit = number(body + 2 * i, 2);
            if (unit == 0) return broken("a string has a zero in it");
            if (unit < 0xd800 || unit > 0xdfff) continue;
            const bool paired = unit < 0xdc00 && i + 1 < size &&
                                number(body + 2 * (i + 1), 2) >> 10 == 0xdc00 >> 10;
            if (!paired) return broken("a string is not UTF-16");
            ++i;
        }
        return success();
    }

    std::string_view bytes_;
    std::string_view file_;
    size_t offset_size_ = 0;
    size_t reference_size_ = 0;
    uint64_t count_ = 0;
    uint64_t table_ = 0;
    size_t nodes_ = 0;
    uint64_t copied_ = 0;
};

}  // namespace

Status check_binary_plist(std::string_view bytes, std::string_view file) {
    return Walker(bytes, file).run();
}

}  // namespace opendext::bundle
