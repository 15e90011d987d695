// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/match.h"

#include <algorithm>
#include <array>
#include <utility>

namespace opendext::daemon {
namespace {

constexpr size_t kDescriptionLimit = 80;

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

/// Calls visit(text) for each string of a value that is one or an array of them, until it returns
/// true. False for a value of another kind.
template <typename Visit>
bool visit_strings(const Value& value, Visit visit) {
    if (const std::string* one = value.string()) {
        visit(*one);
        return true;
    }
    const Array* array = value.array();
    if (array == nullptr || std::any_of(array->begin(), array->end(), [](const Value& member) {
            return member.string() == nullptr;
        }))
        return false;
    for (const Value& member : *array) {
        if (visit(*member.string())) break;
    }
    return true;
}

/// Whether `name` is one of the names that IONameMatch looks at: the entry's, its IOName and its
/// compatible list, which a device tree gives as data with zero bytes between.
bool has_name(const Entry& entry, std::string_view name) {
    if (entry.name == name) return true;
    for (const std::string_view key : Registry::kNameProperties) {
        const Value* value = entry.property(key);
        if (value == nullptr) continue;
        bool found = false;
        visit_strings(*value, [&](const std::string& text) { return found = text == name; });
        if (const Data* data = value->data()) {
            const std::string_view text(reinterpret_cast<const char*>(data->data()), data->size());
            for (size_t from = 0; from < text.size() && !found;) {
                const size_t end = std::min(text.find('\0', from), text.size());
                found = end > from && text.substr(from, end - from) == name;
                from = end + 1;
            }
        }
        if (found) return true;
    }
    return false;
}

constexpr std::array<std::string_view, 4> kBsdKeys{"BSD Name", "BSD Major", "BSD Minor",
                                                   "BSD Unit"};
constexpr std::array<std::string_view, 11> kKnownKeys{
    "IOProviderClass",       "IOProbeScore", "IONameMatch",       "IOLocationMatch",
    "IOPropertyMatch",       "IOPathMatch",  "IORegistryEntryID", "IOMatchedServiceCountMatch",
    "IOPropertyExistsMatch", "IOClass",      "IOParentMatch"};

bool is_known(std::string_view key) {
    return std::find(kKnownKeys.begin(), kKnownKeys.end(), key) != kKnownKeys.end() ||
           std::find(kBsdKeys.begin(), kBsdKeys.end(), key) != kBsdKeys.end();
}

}  // namespace

struct MatchQuery::Answer {
    int64_t score = 0;
    std::string* name_matched = nullptr;
    std::string* reason = nullptr;

    /// False, with the text that `say` makes if anybody wants to read it.
    template <typename Say>
    bool no(Say say) {
        if (reason != nullptr) *reason = say();
        return false;
    }
    bool wrong_type(std::string_view key, std::string_view wanted, const Value& found) {
        return no([&] {
            return std::string(key) + " must be " + std::string(wanted) + ", it is " +
                   std::string(to_string(found.kind())) + " " + describe(found);
        });
    }
    bool equal_number(std::string_view key, const Value* wanted, uint64_t found) {
        if (wanted == nullptr) return true;
        if (wanted->number() == nullptr) return wrong_type(key, "a number", *wanted);
        return wanted->number()->raw == found || no([&] {
                   return std::string(key) + " " + describe(*wanted) + ": it is " +
                          describe(Value(found));
               });
    }
};

MatchQuery::MatchQuery(const Dictionary& table)
    : table_(table),
      provider_class_(find(table, "IOProviderClass")),
      score_(find(table, "IOProbeScore")),
      name_(find(table, "IONameMatch")),
      location_(find(table, "IOLocationMatch")),
      properties_(find(table, "IOPropertyMatch")),
      property_exists_(find(table, "IOPropertyExistsMatch")),
      path_(find(table, "IOPathMatch")),
      entry_id_(find(table, "IORegistryEntryID")),
      service_count_(find(table, "IOMatchedServiceCountMatch")),
      ancestors_(find(table, "IOParentMatch")) {
    for (const std::string_view key : kBsdKeys) {
        if (const Value* value = find(table, key)) bsd_.emplace_back(key, value);
    }
    keys_left_ = std::any_of(table.begin(), table.end(),
                             [](const auto& pair) { return !is_known(pair.first); });
    if (ancestors_ != nullptr && ancestors_->dictionary() != nullptr)
        ancestor_query_ = std::make_unique<MatchQuery>(*ancestors_->dictionary());
    if (location_ != nullptr && location_->dictionary() != nullptr)
        provider_query_ = std::make_unique<MatchQuery>(*location_->dictionary());
}

bool MatchQuery::test_class(const Entry& entry, Answer& answer) const {
    if (provider_class_ == nullptr) return true;
    const std::string* wanted = provider_class_->string();
    if (wanted == nullptr)
        return answer.wrong_type("IOProviderClass", "a string", *provider_class_);
    return entry.is_kind_of(*wanted) || answer.no([&] {
        return "IOProviderClass " + in_quotes(*wanted) + " is neither the class " +
               entry.class_name() + " of the provider nor one of its super classes";
    });
}

bool MatchQuery::read_score(Answer& answer) const {
    if (score_ == nullptr) return true;
    if (score_->number() == nullptr) return answer.wrong_type("IOProbeScore", "a number", *score_);
    answer.score = static_cast<int32_t>(score_->number()->raw);
    return true;
}

bool MatchQuery::test_name(const Entry& entry, Answer& answer) const {
    if (name_ == nullptr) return true;
    bool found = false;
    const bool strings = visit_strings(*name_, [&](const std::string& text) {
        found = has_name(entry, text);
        if (found && answer.name_matched != nullptr) *answer.name_matched = text;
        return found;
    });
    if (!strings)
        return answer.wrong_type("IONameMatch", "a string or an array of strings", *name_);
    return found || answer.no([&] {
        return "IONameMatch " + describe(*name_) + " is not the name " + in_quotes(entry.name) +
               " of the provider nor in its compatible list";
    });
}

bool MatchQuery::test_location(const Entry& entry, Answer& answer) const {
    if (location_ == nullptr || location_->dictionary() != nullptr) return true;
    const std::string* wanted = location_->string();
    if (wanted == nullptr)
        return answer.wrong_type("IOLocationMatch", "a string or a dictionary", *location_);
    return *wanted == entry.location || answer.no([&] {
        return "IOLocationMatch " + in_quotes(*wanted) + ": the location is " +
               in_quotes(entry.location);
    });
}

bool MatchQuery::test_properties(const Entry& entry, Answer& answer) const {
    if (properties_ == nullptr) return true;
    const auto equal = [&](const Dictionary& wanted) {
        for (const auto& [key, value] : wanted) {
            const Value* found = entry.property(key);
            if (found == nullptr) {
                return answer.no(
                    [&] { return "IOPropertyMatch: the provider has no property " + key; });
            }
            if (!(*found == value)) {
                return answer.no([&] {
                    return "IOPropertyMatch: " + key + " is " + describe(*found) + ", wanted " +
                           describe(value);
                });
            }
        }
        return true;
    };
    if (const Dictionary* one = properties_->dictionary()) return equal(*one);
    const Array* any = properties_->array();
    if (any == nullptr) {
        return answer.wrong_type("IOPropertyMatch", "a dictionary or an array of dictionaries",
                                 *properties_);
    }
    std::string reasons;
    for (const Value& member : *any) {
        if (member.dictionary() == nullptr)
            return answer.wrong_type("IOPropertyMatch: each member", "a dictionary", member);
        if (equal(*member.dictionary())) return true;
        if (answer.reason != nullptr) reasons += (reasons.empty() ? "" : "; ") + *answer.reason;
    }
    return answer.no(
        [&] { return any->empty() ? "IOPropertyMatch is an empty array" : std::move(reasons); });
}

bool MatchQuery::test_property_exists(const Entry& entry, Answer& answer) const {
    if (property_exists_ == nullptr) return true;
    bool found = false;
    const bool strings = visit_strings(*property_exists_, [&](const std::string& key) {
        return found = entry.property(key) != nullptr;
    });
    if (!strings) {
        return answer.wrong_type("IOPropertyExistsMatch", "a string or an array of strings",
                                 *property_exists_);
    }
    return found || answer.no([&] {
        return "IOPropertyExistsMatch: the provider has no property " + describe(*property_exists_);
    });
}

bool MatchQuery::test_path(const Entry& entry, const Registry& registry, Answer& answer) const {
    if (path_ == nullptr) return true;
    if (path_->string() == nullptr) return answer.wrong_type("IOPathMatch", "a string", *path_);
    // In whichever plane the path is given.
    const std::string& wanted = *path_->string();
    const std::string plane = wanted.substr(0, wanted.find(':'));
    const std::string path =
        registry.path(entry.id, registry.has_plane(plane) ? plane : kServicePlane);
    return wanted == path || answer.no([&] {
        return "IOPathMatch " + in_quotes(wanted) + ": the path is " + in_quotes(path);
    });
}

bool MatchQuery::test_service_count(const Entry& entry, const Registry& registry,
                                    Answer& answer) const {
    if (service_count_ == nullptr) return true;
    uint64_t count = 0;
    for (const EntryId id : entry.clients) {
        const Entry* client = registry.find(id);
        if (client != nullptr && client->activity == Activity::active &&
            client->property("IOMatchCategory"))
            ++count;
    }
    return answer.equal_number("IOMatchedServiceCountMatch", service_count_, count);
}

bool MatchQuery::test_bsd(const Entry& entry, Answer& answer) const {
    for (const auto& [key, wanted] : bsd_) {
        const Value* found = entry.property(key);
        if (found != nullptr && *found == *wanted) continue;
        return answer.no([&, key = key, wanted = wanted] {
            return found == nullptr ? std::string(key) + ": the provider has no such property"
                                    : std::string(key) + " is " + describe(*found) + ", wanted " +
                                          describe(*wanted);
        });
    }
    return true;
}

bool MatchQuery::test_family(const Entry& entry, const MatchContext& context,
                             Answer& answer) const {
    if (!keys_left_ || !context.family) return true;
    FamilyVerdict family = context.family(entry, table_);
    if (!family.matches) return answer.no([&] { return std::move(family.reason); });
    answer.score += family.score;
    return true;
}

/// One table against a provider, its provider, … up to the root.
bool MatchQuery::test_ancestors(const Entry& entry, const MatchContext& context,
                                Answer& answer) const {
    if (ancestors_ == nullptr) return true;
    if (ancestor_query_ == nullptr)
        return answer.wrong_type("IOParentMatch", "a dictionary", *ancestors_);
    std::string nearest;
    for (const Entry* parent = context.registry.find(entry.provider()); parent != nullptr;
         parent = context.registry.find(parent->provider())) {
        std::string reason;
        Answer inner{0, nullptr, answer.reason == nullptr ? nullptr : &reason};
        if (ancestor_query_->ask(*parent, context, inner)) return true;
        if (nearest.empty()) nearest = std::move(reason);
    }
    return answer.no([&] {
        return "IOParentMatch: no entry below fits" +
               (nearest.empty() ? "" : "; the nearest: " + nearest);
    });
}

bool MatchQuery::test_provider(const Entry& entry, const MatchContext& context,
                               Answer& answer) const {
    if (provider_query_ == nullptr) return true;
    const Entry* provider = context.registry.find(entry.provider());
    if (provider == nullptr)
        return answer.no([] { return "IOLocationMatch: the entry has no provider"; });
    std::string reason;
    Answer inner{0, nullptr, answer.reason == nullptr ? nullptr : &reason};
    return provider_query_->ask(*provider, context, inner) ||
           answer.no([&] { return "IOLocationMatch: " + reason; });
}

bool MatchQuery::ask(const Entry& entry, const MatchContext& context, Answer& answer) const {
    return test_class(entry, answer) && read_score(answer) && test_name(entry, answer) &&
           test_location(entry, answer) && test_properties(entry, answer) &&
           test_property_exists(entry, answer) && test_path(entry, context.registry, answer) &&
           answer.equal_number("IORegistryEntryID", entry_id_, entry.id) &&
           test_service_count(entry, context.registry, answer) && test_bsd(entry, answer) &&
           test_family(entry, context, answer) && test_ancestors(entry, context, answer) &&
           test_provider(entry, context, answer);
}

Verdict MatchQuery::verdict(const Entry& entry, const MatchContext& context) const {
    Verdict verdict;
    Answer answer{0, &verdict.name_matched, &verdict.reason};
    verdict.matches = ask(entry, context, answer);
    // An alternative that did not fit may have left its reason.
    if (verdict.matches) verdict.reason.clear();
    verdict.score = answer.score;
    return verdict;
}

bool MatchQuery::fits(const Entry& entry, const MatchContext& context) const {
    Answer answer;
    return ask(entry, context, answer);
}

Verdict match(const Entry& entry, const Dictionary& table, const MatchContext& context) {
    return MatchQuery(table).verdict(entry, context);
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
