// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "rpc/codec.h"
#include "rpc/socket.h"

/// How a struct becomes a message body: it names its fields once, in `fields`, and is written and
/// read through that.
///
///     struct Terminate {
///         static constexpr auto kKind = Kind::terminate;
///         uint64_t entry = 0;
///         std::string reason;
///         void fields(auto& io) { io(entry, reason); }
///     };
///     Message message = encode(Terminate{7, "unplugged"}, serial);
///     Terminate request = OD_TRY(decode<Terminate>(message));
namespace opendext {

class FieldWriter {
  public:
    explicit FieldWriter(Writer& writer) : writer_(writer) {}
    template <typename... T>
    void operator()(T&... fields) {
        (one(fields), ...);
    }

  private:
    template <typename T>
    void one(T& field) {
        if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> ||
                      std::same_as<T, std::string> || std::same_as<T, Value> ||
                      std::same_as<T, Dictionary>) {
            writer_.put(field);
        } else if constexpr (std::same_as<T, std::vector<uint8_t>>) {
            writer_.put_blob(field);
        } else if constexpr (requires { field.fields(*this); }) {
            field.fields(*this);
        } else {  // std::vector<T>
            using Element = typename T::value_type;
            writer_.put(static_cast<uint32_t>(field.size()));
            if constexpr (std::is_integral_v<Element> && !std::same_as<Element, bool>) {
                writer_.put_bytes({reinterpret_cast<const uint8_t*>(field.data()),
                                   field.size() * sizeof(Element)});
            } else {
                for (auto& element : field) one(element);
            }
        }
    }
    Writer& writer_;
};

class FieldReader {
  public:
    explicit FieldReader(Reader& reader) : reader_(reader) {}
    template <typename... T>
    void operator()(T&... fields) {
        (one(fields), ...);
    }

  private:
    template <typename T>
    void one(T& field) {
        if constexpr (std::same_as<T, bool>) {
            field = reader_.get_bool();
        } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
            field = reader_.get<T>();
        } else if constexpr (std::same_as<T, std::string>) {
            field = reader_.get_string();
        } else if constexpr (std::same_as<T, Value>) {
            field = reader_.get_value();
        } else if constexpr (std::same_as<T, Dictionary>) {
            field = reader_.get_dictionary();
        } else if constexpr (std::same_as<T, std::vector<uint8_t>>) {
            const auto bytes = reader_.get_blob();
            field.assign(bytes.begin(), bytes.end());
        } else if constexpr (requires { field.fields(*this); }) {
            field.fields(*this);
        } else {  // std::vector<T>; every element takes at least a byte
            using Element = typename T::value_type;
            if constexpr (std::is_integral_v<Element> && !std::same_as<Element, bool>) {
                field.resize(reader_.get_count(sizeof(Element)));
                const auto bytes = reader_.get_bytes(field.size() * sizeof(Element));
                if (!bytes.empty()) std::memcpy(field.data(), bytes.data(), bytes.size());
            } else {
                const uint32_t count = reader_.get_count(1);
                for (uint32_t i = 0; i < count && !reader_.failed(); ++i) one(field.emplace_back());
            }
        }
    }
    Reader& reader_;
};

/// The message that carries `content`. Add descriptors to `fds` afterwards.
template <typename T>
[[nodiscard]] Message encode(T content, uint64_t serial = 0) {
    Writer writer;
    FieldWriter io(writer);
    content.fields(io);
    Message message;
    message.kind = static_cast<uint32_t>(T::kKind);
    message.serial = serial;
    message.body = writer.take();
    return message;
}

/// The content of `message`, which must be of T's kind; Errc::malformed otherwise or if the bytes
/// do not parse. Enumerators are not range-checked here: a switch over one needs a default.
template <typename T>
[[nodiscard]] Result<T> decode(const Message& message) {
    if (message.kind != static_cast<uint32_t>(T::kKind)) {
        return Error{Errc::malformed, 0, "unexpected message kind " + std::to_string(message.kind)};
    }
    Reader reader(message.body);
    FieldReader io(reader);
    T content;
    content.fields(io);
    OD_TRY(reader.finish("message"));
    return content;
}

}  // namespace opendext
