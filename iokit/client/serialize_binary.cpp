// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <utility>

#include "iokit/client/serialize.h"
#include "rpc/codec.h"

namespace opendext::client {
namespace {

/// Each value is a word of kind and length, then its bytes up to a word boundary.
constexpr uint32_t kSignature = 0xd3;
constexpr uint32_t kEndOfCollection = 0x80000000;
constexpr uint32_t kKindMask = 0x7f000000;
constexpr uint32_t kLengthMask = 0x00ffffff;
enum Kind : uint32_t {
    kDictionary = 0x01000000,
    kArray = 0x02000000,
    kSet = 0x03000000,
    kNumber = 0x04000000,
    kSymbol = 0x08000000,  ///< with its zero byte
    kString = 0x09000000,
    kData = 0x0a000000,
    kBoolean = 0x0b000000,
    kReference = 0x0c000000,  ///< to an earlier value, by its place
};

class BinaryWriter {
  public:
    BinaryWriter() { writer_.put(kSignature); }
    void value(const Value& value, bool last) {
        const uint32_t end = last ? kEndOfCollection : 0;
        switch (value.kind()) {
            case Value::Kind::null:
                // There is none in this form; a reader gets an empty string.
                return bytes(kString | end, {});
            case Value::Kind::boolean:
                writer_.put(kBoolean | end | (*value.boolean() ? 1U : 0U));
                return;
            case Value::Kind::number:
                writer_.put(kNumber | end | value.number()->bits).put(value.number()->raw);
                return;
            case Value::Kind::string:
                return bytes(kString | end, *value.string());
            case Value::Kind::data: {
                const Data& data = *value.data();
                return bytes(kData | end,
                             {reinterpret_cast<const char*>(data.data()), data.size()});
            }
            case Value::Kind::array:
            case Value::Kind::set: {
                const bool array = value.array() != nullptr;
                const Array& members = array ? *value.array() : value.set()->members;
                head((array ? kArray : kSet) | end, members.size());
                for (size_t i = 0; i < members.size(); ++i)
                    this->value(members[i], i + 1 == members.size());
                return;
            }
            case Value::Kind::dictionary: {
                const Dictionary& pairs = *value.dictionary();
                head(kDictionary | end, pairs.size());
                size_t left = pairs.size();
                for (const auto& [key, member] : pairs) {
                    bytes(kSymbol, std::string_view(key.c_str(), key.size() + 1));
                    this->value(member, --left == 0);
                }
                return;
            }
        }
    }
    std::vector<uint8_t> take() { return writer_.take(); }

  private:
    void head(uint32_t kind, size_t length) {
        writer_.put(kind | (static_cast<uint32_t>(length) & kLengthMask));
    }
    void bytes(uint32_t kind, std::string_view text) {
        head(kind, text.size());
        writer_.put_bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
        while (writer_.bytes().size() % sizeof(uint32_t) != 0) writer_.put(uint8_t{0});
    }
    Writer writer_;
};

class BinaryReader {
  public:
    explicit BinaryReader(std::span<const uint8_t> bytes) : reader_(bytes) {
        if (reader_.get<uint32_t>() != kSignature) reader_.fail();
    }
    Value value(int depth) {
        const auto head = reader_.get<uint32_t>();
        const uint32_t length = head & kLengthMask;
        if (depth > kMaxValueDepth || ++count_ > kMaxSerializedValues) reader_.fail();
        if (reader_.failed()) return {};
        // A collection has its place before its members have theirs.
        const size_t place = seen_.size();
        if ((head & kKindMask) != kReference) seen_.emplace_back();
        Value made = contents(head, length, depth);
        if ((head & kKindMask) != kReference && !reader_.failed()) seen_[place] = made;
        return made;
    }
    [[nodiscard]] bool failed() const { return reader_.failed(); }

  private:
    Value contents(uint32_t head, uint32_t length, int depth) {
        switch (head & kKindMask) {
            case kBoolean:
                return length != 0;
            case kNumber: {
                const auto raw = reader_.get<uint64_t>();
                if (length == 0 || length > 64) break;
                return Number{length == 64 ? raw : raw & ((uint64_t{1} << length) - 1), length};
            }
            case kString:
                return text(length);
            case kSymbol: {
                std::string symbol = text(length);
                if (!symbol.empty() && symbol.back() == '\0') symbol.pop_back();
                return symbol;
            }
            case kData: {
                const std::string bytes = text(length);
                return Data(bytes.begin(), bytes.end());
            }
            case kArray:
            case kSet: {
                Array members;
                for (uint32_t i = 0; i < length && !reader_.failed(); ++i)
                    members.push_back(value(depth + 1));
                if ((head & kKindMask) == kSet) return Set{std::move(members)};
                return members;
            }
            case kDictionary: {
                Dictionary pairs;
                for (uint32_t i = 0; i < length && !reader_.failed(); ++i) {
                    const Value key = value(depth + 1);
                    Value member = value(depth + 1);
                    if (key.string() == nullptr) break;
                    pairs.insert_or_assign(*key.string(), std::move(member));
                }
                if (pairs.size() > length) break;
                return pairs;
            }
            case kReference:
                if (length >= seen_.size()) break;
                count_ += weight_of(seen_[length]);
                if (count_ > kMaxSerializedValues) break;
                return seen_[length];
            default:
                break;
        }
        reader_.fail();
        return {};
    }
    std::string text(uint32_t length) {
        const auto bytes = reader_.get_bytes(length);
        reader_.get_bytes((sizeof(uint32_t) - length % sizeof(uint32_t)) % sizeof(uint32_t));
        return {bytes.begin(), bytes.end()};
    }
    Reader reader_;
    size_t count_ = 0;
    std::vector<Value> seen_;
};

}  // namespace

size_t weight_of(const Value& value) {
    constexpr size_t kBytes = 64;
    size_t weight = 1;
    if (const std::string* text = value.string()) weight += text->size() / kBytes;
    if (const Data* data = value.data()) weight += data->size() / kBytes;
    if (const Array* members = value.set() != nullptr ? &value.set()->members : value.array()) {
        for (const Value& member : *members) weight += weight_of(member);
    }
    if (const Dictionary* pairs = value.dictionary()) {
        for (const auto& [key, member] : *pairs) weight += key.size() / kBytes + weight_of(member);
    }
    return weight;
}

std::vector<uint8_t> to_binary(const Value& value) {
    BinaryWriter writer;
    writer.value(value, true);
    return writer.take();
}

bool is_binary(std::span<const uint8_t> bytes) {
    uint32_t signature = 0;
    if (bytes.size() < sizeof signature) return false;
    std::memcpy(&signature, bytes.data(), sizeof signature);
    return signature == kSignature;
}

Result<Value> from_binary(std::span<const uint8_t> bytes) {
    BinaryReader reader(bytes);
    Value value = reader.value(0);
    if (reader.failed())
        return Error{Errc::malformed, 0, "the bytes are no serialised value, or are cut short"};
    return value;
}

}  // namespace opendext::client
