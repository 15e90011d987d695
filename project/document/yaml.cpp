// SPDX-License-Identifier: Apache-2.0
// YAML by libyaml's events: a tree of nodes with their places; anchors, aliases and merge keys.
#include <yaml.h>

#include <map>
#include <memory>

#include "project/document/node.h"

namespace opendext::project {
namespace {

bundle::Position place(const yaml_mark_t& mark) {
    return {static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
}

class YamlParser {
  public:
    YamlParser(std::string_view bytes, const std::string& file) : file_(file) {
        if (yaml_parser_initialize(&parser_) == 0) return;
        ready_ = true;
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(bytes.data()),
                                     bytes.size());
    }
    YamlParser(const YamlParser&) = delete;
    YamlParser& operator=(const YamlParser&) = delete;
    ~YamlParser() {
        if (ready_) yaml_parser_delete(&parser_);
    }

    Result<Node> parse() {
        if (!ready_) return Error{Errc::no_space, 0, file_ + ": no memory to read it"};
        for (;;) {
            const Event event = OD_TRY(next());
            if (event->type == YAML_STREAM_END_EVENT) return Node{};
            if (event->type == YAML_STREAM_START_EVENT || event->type == YAML_DOCUMENT_START_EVENT)
                continue;
            return node(*event, 0);
        }
    }

  private:
    struct Delete {
        void operator()(yaml_event_t* event) const {
            yaml_event_delete(event);
            delete event;
        }
    };
    using Event = std::unique_ptr<yaml_event_t, Delete>;
    // An alias of an alias of an alias … can grow without bound.
    static constexpr size_t kMaximumNodes = 1'000'000;

    Error fail(bundle::Position at, const std::string& message) const {
        return Error{Errc::malformed, 0,
                     file_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                         ": " + message};
    }

    Result<Event> next() {
        Event event(new yaml_event_t{});
        if (yaml_parser_parse(&parser_, event.get()) == 0) {
            return fail(place(parser_.problem_mark),
                        parser_.problem != nullptr ? parser_.problem : "this is not YAML");
        }
        return event;
    }

    static std::string words(const yaml_char_t* text) {
        return text != nullptr ? reinterpret_cast<const char*>(text) : std::string();
    }

    static size_t count(const Node& node) {
        size_t result = 1;
        for (const Node& item : node.items) result += count(item);
        for (const auto& [key, member] : node.members) result += count(member);
        return result;
    }

    Result<Node> node(const yaml_event_t& event, unsigned depth) {
        const bundle::Position position = place(event.start_mark);
        if (depth > kMaximumDocumentDepth) return fail(position, "this is nested too deeply");
        if (++nodes_ > kMaximumNodes) return fail(position, "this file has too many values");
        Node result;
        result.position = position;
        std::string anchor;
        switch (event.type) {
            case YAML_ALIAS_EVENT: {
                const auto found = anchors_.find(words(event.data.alias.anchor));
                if (found == anchors_.end())
                    return fail(position, "*" + words(event.data.alias.anchor) +
                                              " names no anchor before it");
                nodes_ += count(found->second);
                if (nodes_ > kMaximumNodes) return fail(position, "this file has too many values");
                return found->second;
            }
            case YAML_SCALAR_EVENT:
                anchor = words(event.data.scalar.anchor);
                result.text.assign(reinterpret_cast<const char*>(event.data.scalar.value),
                                   event.data.scalar.length);
                result.quoted = event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
                if (!result.quoted && (result.text == "~" || result.text == "null"))
                    result.text.clear();
                break;
            case YAML_SEQUENCE_START_EVENT:
                anchor = words(event.data.sequence_start.anchor);
                result.kind = Node::Kind::array;
                for (;;) {
                    const Event item = OD_TRY(next());
                    if (item->type == YAML_SEQUENCE_END_EVENT) break;
                    result.items.push_back(OD_TRY(node(*item, depth + 1)));
                }
                break;
            case YAML_MAPPING_START_EVENT:
                anchor = words(event.data.mapping_start.anchor);
                result.kind = Node::Kind::dictionary;
                OD_TRY(members(result, depth));
                break;
            default:
                return fail(position, "this is not YAML that a project has");
        }
        if (!anchor.empty()) anchors_.insert_or_assign(anchor, result);
        return result;
    }

    Status members(Node& result, unsigned depth) {
        std::vector<Node> merged;
        for (;;) {
            const Event key = OD_TRY(next());
            if (key->type == YAML_MAPPING_END_EVENT) break;
            const Node name = OD_TRY(node(*key, depth + 1));
            if (name.kind != Node::Kind::text) return fail(name.position, "a key has to be a text");
            const Event value = OD_TRY(next());
            Node member = OD_TRY(node(*value, depth + 1));
            if (name.text == "<<" && !name.quoted) {
                merged.push_back(std::move(member));
            } else {
                result.set(name.text, std::move(member));
            }
        }
        for (const Node& source : merged) {
            const bool list = source.kind == Node::Kind::array;
            for (size_t i = 0; i < (list ? source.items.size() : 1); ++i) {
                for (const auto& [key, member] : (list ? source.items[i] : source).members) {
                    if (result.find(key) == nullptr) result.set(key, member);
                }
            }
        }
        return success();
    }

    const std::string& file_;
    yaml_parser_t parser_ = {};
    bool ready_ = false;
    size_t nodes_ = 0;
    std::map<std::string, Node> anchors_;
};

}  // namespace

Result<Document> parse_yaml(std::string_view bytes, std::string file) {
    Node root = OD_TRY(YamlParser(bytes, file).parse());
    return Document{std::move(file), std::move(root)};
}

}  // namespace opendext::project
