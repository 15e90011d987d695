// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/match.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace opendext::daemon {
namespace {

constexpr size_t kDescriptionLimit = 80;

/// nullopt: goes on; a text: the reason of the mismatch.
using Mismatch = std::optional<std::string>;

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string wrong_type(std::string_view key, std::string_view wanted, const Value& found) {
    return std::string(key) + " must be " + std::string(wanted) + ", it is " +
           std::string(to_string(found.kind())) + " " + describe(found);
}

/// The strings of a value that may be one string or an array of strings; nullopt for anything else.
std::optional<std::vector<std::string>> strings_of(const Value& value) {
    if (const std::string* one = value.string()) return std::vector{*one};
    const Array* array = value.array();
    if (array == nullptr) return std::nullopt;
    std::vector<std::string> strings;
    for (const Value& member : *array) {
        if (member.string() == nullptr) return std::nullopt;
        strings.push_back(*member.string());
    }
    return strings;
}

/// Every name that IONameMatch is compared with: the entry's, its IOName and its compatible list,
/// which a device tree gives as data with zero bytes between.
std::vector<std::string> names_of(const Entry& entry) {
    std::vector<std::string> names{entry.name};
    for (const std::string_view key : {"IOName", "name", "compatible"}) {
        const Value* value = entry.property(key);
        if (value == nullptr) continue;
        if (auto strings = strings_of(*value)) {
            names.insert(names.end(), strings->begin(), strings->end());
        } else if (const Data* data = value->data()) {
            std::string text(data->begin(), data->end());
            for (size_t from = 0; from < text.size();) {
                const size_t end = std::min(text.find('\0', from), text.size());
                if (end > from) names.push_back(text.substr(from, end - from));
                from = end + 1;
            }
        }
    }
    return names;
}

Mismatch test_class(const Entry& entry, const Dictionary& table, Verdict&) {
    const Value* wanted = find(table, "IOProviderClass");
    if (wanted == nullptr) return {};
    if (wanted->string() == nullptr) return wrong_type("IOProviderClass", "a string", *wanted);
    if (entry.is_kind_of(*wanted->string())) return {};
    return "IOProviderClass " + in_quotes(*wanted->string()) + " is neither the class " +
           entry.class_name() + " of the provider nor one of its super classes";
}

Mismatch test_name(const Entry& entry, const Dictionary& table, Verdict& verdict) {
    const Value* wanted = find(table, "IONameMatch");
    if (wanted == nullptr) return {};
    const auto strings = strings_of(*wanted);
    if (!strings) return wrong_type("IONameMatch", "a string or an array of strings", *wanted);
    const std::vector<std::string> names = names_of(entry);
    for (const std::string& string : *strings) {
        if (std::find(names.begin(), names.end(), string) != names.end()) {
            verdict.name_matched = string;
            return {};
        }
    }
    return "IONameMatch " + describe(*wanted) + " is not the name " + in_quotes(entry.name) +
           " of the provider nor in its compatible list";
}

Mismatch test_location_string(const Entry& entry, const Dictionary& table, Verdict&) {
    const Value* wanted = find(table, "IOLocationMatch");
    if (wanted == nullptr || wanted->dictionary() != nullptr) return {};
    if (wanted->string() == nullptr) {
        return wrong_type("IOLocationMatch", "a string or a dictionary", *wanted);
    }
    if (*wanted->string() == entry.location) return {};
    return "IOLocationMatch " + in_quotes(*wanted->string()) + ": the location is " +
           in_quotes(entry.location);
}

Mismatch compare_properties(const Entry& entry, const Dictionary& wanted) {
    for (const auto& [key, value] : wanted) {
        const Value* found = entry.property(key);
        if (found == nullptr) return "IOPropertyMatch: the provider has no property " + key;
        if (!(*found == value)) {
            return "IOPropertyMatch: " + key + " is " + describe(*found) + ", wanted " +
                   describe(value);
        }
    }
    return {};
}

Mismatch test_properties(const Entry& entry, const Dictionary& table, Verdict&) {
    const Value* wanted = find(table, "IOPropertyMatch");
    if (wanted == nullptr) return {};
    if (const Dictionary* one = wanted->dictionary()) return compare_properties(entry, *one);
    const Array* any = wanted->array();
    if (any == nullptr)
        return wrong_type("IOPropertyMatch", "a dictionary or an array of dictionaries", *wanted);
    std::string reasons;
    for (const Value& member : *any) {
        if (member.dictionary() == nullptr) {
            return wrong_type("IOPropertyMatch: each member", "a dictionary", member);
        }
        const Mismatch mismatch = compare_properties(entry, *member.dictionary());
        if (!mismatch) return {};
        reasons += (reasons.empty() ? "" : "; ") + *mismatch;
    }
    return reasons.empty() ? "IOPropertyMatch is an empty array" : reasons;
}

Mismatch test_property_exists(const Entry& entry, const Dictionary& table, Verdict&) {
    const Value* wanted = find(table, "IOPropertyExistsMatch");
    if (wanted == nullptr) return {};
    const auto keys = strings_of(*wanted);
    if (!keys)
        return wrong_type("IOPropertyExistsMatch", "a string or an array of strings", *wanted);
    for (const std::string& key : *keys) {
        if (entry.property(key) != nullptr) return {};
    }
    return "IOPropertyExistsMatch: the provider has no property " + describe(*wanted);
}

Mismatch test_path(const Entry& entry, const Dictionary& table, const Registry& registry) {
    const Value* wanted = find(table, "IOPathMatch");
    if (wanted == nullptr) return {};
    if (wanted->string() == nullptr) return wrong_type("IOPathMatch", "a string", *wanted);
    const std::string path = registry.path(entry.id);
    if (*wanted->string() == path) return {};
    return "IOPathMatch " + in_quotes(*wanted->string()) + ": the path is " + in_quotes(path);
}

Mismatch test_number(const Entry&, const Dictionary& table, std::string_view key, uint64_t found) {
    const Value* wanted = find(table, key);
    if (wanted == nullptr) return {};
    if (wanted->number() == nullptr) return wrong_type(key, "a number", *wanted);
    if (wanted->number()->raw == found) return {};
    return std::string(key) + " " + describe(*wanted) + ": it is " + describe(Value(found));
}

Mismatch test_service_count(const Entry& entry, const Dictionary& table, const Registry& registry) {
    if (find(table, "IOMatchedServiceCountMatch") == nullptr) return {};
    uint64_t count = 0;
    for (const EntryId id : entry.clients) {
        const Entry* client = registry.find(id);
        if (client != nullptr && client->activity == Activity::active &&
            client->property("IOMatchCategory"))
            ++count;
    }
    return test_number(entry, table, "IOMatchedServiceCountMatch", count);
}

Mismatch test_bsd(const Entry& entry, const Dictionary& table, Verdict&) {
    for (const std::string_view key : {"BSD Name", "BSD Major", "BSD Minor", "BSD Unit"}) {
        const Value* wanted = find(table, key);
        if (wanted == nullptr) continue;
        const Value* found = entry.property(key);
        if (found == nullptr) return std::string(key) + ": the provider has no such property";
        if (!(*found == *wanted))
            return std::string(key) + " is " + describe(*found) + ", wanted " + describe(*wanted);
    }
    return {};
}

/// One table against a provider, its provider, … up to the root.
Mismatch test_ancestors(const Entry& entry, const Dictionary& table, const MatchContext& context) {
    const Value* wanted = find(table, "IOParentMatch");
    if (wanted == nullptr) return {};
    if (wanted->dictionary() == nullptr)
        return wrong_type("IOParentMatch", "a dictionary", *wanted);
    std::string nearest;
    for (const Entry* parent = context.registry.find(entry.provider()); parent != nullptr;
         parent = context.registry.find(parent->provider())) {
        const Verdict verdict = match(*parent, *wanted->dictionary(), context);
        if (verdict.matches) return {};
        if (nearest.empty()) nearest = verdict.reason;
    }
    return "IOParentMatch: no entry below fits" +
           (nearest.empty() ? "" : "; the nearest: " + nearest);
}

Mismatch test_location_table(const Entry& entry, const Dictionary& table,
                             const MatchContext& context) {
    const Value* wanted = find(table, "IOLocationMatch");
    if (wanted == nullptr || wanted->dictionary() == nullptr) return {};
    const Entry* provider = context.registry.find(entry.provider());
    if (provider == nullptr) return "IOLocationMatch: the entry has no provider";
    Verdict verdict = match(*provider, *wanted->dictionary(), context);
    if (verdict.matches) return {};
    return "IOLocationMatch: " + verdict.reason;
}

Mismatch probe_score(const Dictionary& table, Verdict& verdict) {
    const Value* score = find(table, "IOProbeScore");
    if (score == nullptr) return {};
    if (score->number() == nullptr) return wrong_type("IOProbeScore", "a number", *score);
    verdict.score = static_cast<int32_t>(score->number()->raw);
    return {};
}

Mismatch first_mismatch(const Entry& entry, const Dictionary& table, const MatchContext& context,
                        Verdict& verdict) {
    if (Mismatch no = test_class(entry, table, verdict)) return no;
    if (Mismatch no = probe_score(table, verdict)) return no;
    if (Mismatch no = test_name(entry, table, verdict)) return no;
    if (Mismatch no = test_location_string(entry, table, verdict)) return no;
    if (Mismatch no = test_properties(entry, table, verdict)) return no;
    if (Mismatch no = test_property_exists(entry, table, verdict)) return no;
    if (Mismatch no = test_path(entry, table, context.registry)) return no;
    if (Mismatch no = test_number(entry, table, "IORegistryEntryID", entry.id)) return no;
    if (Mismatch no = test_service_count(entry, table, context.registry)) return no;
    if (Mismatch no = test_bsd(entry, table, verdict)) return no;
    if (context.family) {
        FamilyVerdict family = context.family(entry, table);
        if (!family.matches) return std::move(family.reason);
        verdict.score += family.score;
    }
    if (Mismatch no = test_ancestors(entry, table, context)) return no;
    return test_location_table(entry, table, context);
}

}  // namespace

Verdict match(const Entry& entry, const Dictionary& table, const MatchContext& context) {
    Verdict verdict;
    if (Mismatch mismatch = first_mismatch(entry, table, context, verdict)) {
        verdict.reason = std::move(*mismatch);
    } else {
        verdict.matches = true;
    }
    return verdict;
}

std::string describe(const Value& value) {
    std::string text;
    switch (value.kind()) {
        case Value::Kind::null:
            text = "null";
            break;
        case Value::Kind::boolean:
            text = *value.boolean() ? "true" : "false";
            break;
        case Value::Kind::number:
            text = std::to_string(value.number()->as_signed());
            break;
        case Value::Kind::string:
            text = in_quotes(*value.string());
            break;
        case Value::Kind::data:
            text = "<" + std::to_string(value.data()->size()) + " bytes>";
            break;
        case Value::Kind::array:
        case Value::Kind::set: {
            const Array& members = value.array() != nullptr ? *value.array() : value.set()->members;
            for (const Value& member : members) {
                if (text.size() > kDescriptionLimit) break;
                text += (text.empty() ? "" : ", ") + describe(member);
            }
            text = "(" + text + ")";
            break;
        }
        case Value::Kind::dictionary:
            for (const auto& [key, member] : *value.dictionary()) {
                if (text.size() > kDescriptionLimit) break;
                text += (text.empty() ? "" : ", ") + key + " = " + describe(member);
            }
            text = "{" + text + "}";
            break;
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    if (text.size() > kDescriptionLimit) text = text.substr(0, kDescriptionLimit) + "…";
    return text;
}

}  // namespace opendext::daemon
