// SPDX-License-Identifier: Apache-2.0
#include "tools/tests/schema.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tools/common/json.h"

namespace opendext::tools {
namespace {

Error wrong(const std::string& where, const std::string& what) {
    return Error{Errc::invalid, 0, (where.empty() ? "/" : where) + ": " + what};
}

class Checker {
  public:
    explicit Checker(const Dictionary& document) : document_(document) {}

    Status check(const Value& value, const Dictionary& schema, const std::string& where) {
        for (const auto& [keyword, rule] : schema)
            OD_TRY(check_keyword(value, schema, keyword, rule, where));
        return success();
    }

  private:
    static bool is_type(const Value& value, const std::string& type) {
        if (type == "object") return value.dictionary() != nullptr;
        if (type == "array") return value.array() != nullptr;
        if (type == "string") return value.string() != nullptr;
        if (type == "boolean") return value.boolean() != nullptr;
        if (type == "integer") return value.number() != nullptr;
        return false;
    }
    Status check_keyword(const Value& value, const Dictionary& schema, const std::string& keyword,
                         const Value& rule, const std::string& where) {
        const Dictionary* object = value.dictionary();
        if (keyword == "type") {
            return is_type(value, *rule.string()) ? success()
                                                  : wrong(where, "is no " + *rule.string());
        }
        if (keyword == "enum") {
            const Array& members = *rule.array();
            return std::find(members.begin(), members.end(), value) != members.end()
                       ? success()
                       : wrong(where, "is none of the values that are allowed");
        }
        if (keyword == "required") {
            for (const Value& key : *rule.array()) {
                if (object != nullptr && !object->contains(*key.string()))
                    return wrong(where, "has no " + *key.string());
            }
            return success();
        }
        if (keyword == "properties") return check_properties(value, *rule.dictionary(), where);
        if (keyword == "additionalProperties") {
            const Dictionary* known = find(schema, "properties")->dictionary();
            if (*rule.boolean() || object == nullptr) return success();
            for (const auto& [key, member] : *object) {
                if (!known->contains(key))
                    return wrong(where, "has a key that the schema does not know: " + key);
            }
            return success();
        }
        if (keyword == "items") {
            if (value.array() == nullptr) return success();
            for (size_t i = 0; i < value.array()->size(); ++i) {
                OD_TRY(check((*value.array())[i], *rule.dictionary(),
                             where + "/" + std::to_string(i)));
            }
            return success();
        }
        if (keyword == "anyOf") {
            std::string reasons;
            for (const Value& choice : *rule.array()) {
                const Status fits = check(value, *choice.dictionary(), where);
                if (fits.ok()) return success();
                reasons += "; " + fits.error().message;
            }
            return wrong(where, "fits none" + reasons);
        }
        if (keyword == "$ref") {
            const std::string name = rule.string()->substr(std::string("#/$defs/").size());
            return check(value, *find(*find(document_, "$defs")->dictionary(), name)->dictionary(),
                         where);
        }
        constexpr std::string_view kWords[] = {"$schema", "$comment", "$defs", "title",
                                               "description"};
        if (std::find(std::begin(kWords), std::end(kWords), keyword) != std::end(kWords))
            return success();
        return wrong(where, "the schema has a keyword that this check does not know: " + keyword);
    }
    Status check_properties(const Value& value, const Dictionary& properties,
                            const std::string& where) {
        if (value.dictionary() == nullptr) return success();
        for (const auto& [key, rule] : properties) {
            if (const Value* member = find(*value.dictionary(), key)) {
                OD_TRY(check(*member, *rule.dictionary(), where + "/" + key));
            }
        }
        return success();
    }
    const Dictionary& document_;
};

}  // namespace

Status check_schema(const Value& value, const Value& schema) {
    return Checker(*schema.dictionary()).check(value, *schema.dictionary(), "");
}

Result<Value> read_schema(const std::string& name) {
    std::ifstream file(OPENDEXT_SCHEMAS "/" + name + ".json");
    std::stringstream text;
    text << file.rdbuf();
    if (!file) return Error{Errc::not_found, 0, "no schema " + name};
    return parse_json(text.str());
}

}  // namespace opendext::tools
