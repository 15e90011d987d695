// SPDX-License-Identifier: Apache-2.0
#include "rpc/protocol/snapshots.h"

#include <utility>

namespace opendext::protocol::client {
namespace {

/// What comes next in the message.
enum class Part : uint8_t { chain = 1, parent = 2, entry = 3 };

std::string_view text_of(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

uint32_t SnapshotWriter::chain(const std::vector<std::string>& classes) {
    body_.put(Part::chain).put_strings(classes);
    return chains_++;
}

uint32_t SnapshotWriter::parent(std::string_view path) {
    body_.put(Part::parent).put(path);
    return parents_++;
}

void SnapshotWriter::begin(uint64_t id, uint32_t chain, uint32_t parent, std::string_view name,
                           std::string_view location) {
    body_.put(Part::entry).put(id).put(chain).put(parent).put(name).put(location);
    properties_.clear();
}

void SnapshotWriter::property(std::string_view key, const Value& value) {
    properties_.put(key).put(value);
}

void SnapshotWriter::end() {
    body_.put_blob(properties_.bytes());
}

Message SnapshotWriter::finish(uint64_t serial) {
    Message message;
    message.kind = static_cast<uint32_t>(Kind::snapshots);
    message.serial = serial;
    message.body = body_.take();
    return message;
}

Result<std::optional<Value>> Snapshot::property(std::string_view key) const {
    Reader reader(properties);
    while (reader.remaining() > 0 && !reader.failed()) {
        const bool wanted = text_of(reader.get_blob()) == key;
        if (!wanted) {
            reader.skip_value();
            continue;
        }
        Value value = reader.get_value();
        if (reader.failed()) break;
        return std::optional(std::move(value));
    }
    if (reader.failed()) return Error{Errc::malformed, 0, "properties are cut short or malformed"};
    return std::optional<Value>();
}

Result<Dictionary> Snapshot::all_properties() const {
    Dictionary all;
    Reader reader(properties);
    while (reader.remaining() > 0 && !reader.failed()) {
        std::string key = reader.get_string();
        all.insert_or_assign(std::move(key), reader.get_value());
    }
    OD_TRY(reader.finish("properties"));
    return all;
}

Result<Snapshots> Snapshots::parse(Message message) {
    if (message.kind != static_cast<uint32_t>(Kind::snapshots)) {
        return Error{Errc::malformed, 0, "unexpected message kind " + std::to_string(message.kind)};
    }
    Snapshots made;
    made.body_ = std::move(message.body);
    Reader reader(made.body_);
    while (reader.remaining() > 0 && !reader.failed()) {
        switch (reader.get<Part>()) {
            case Part::chain:
                made.chains_.push_back(
                    std::make_unique<std::vector<std::string>>(reader.get_strings()));
                break;
            case Part::parent:
                made.parents_.push_back(text_of(reader.get_blob()));
                break;
            case Part::entry: {
                Snapshot entry;
                entry.id = reader.get<uint64_t>();
                const auto chain = reader.get<uint32_t>();
                const auto parent = reader.get<uint32_t>();
                entry.name = text_of(reader.get_blob());
                entry.location = text_of(reader.get_blob());
                entry.properties = reader.get_blob();
                if (chain >= made.chains_.size() || made.chains_[chain]->empty() ||
                    parent >= made.parents_.size()) {
                    reader.fail();
                    break;
                }
                entry.classes = made.chains_[chain].get();
                entry.parent = made.parents_[parent];
                made.entries_.push_back(entry);
                break;
            }
            default:
                reader.fail();
        }
    }
    OD_TRY(reader.finish("snapshots"));
    return made;
}

}  // namespace opendext::protocol::client
