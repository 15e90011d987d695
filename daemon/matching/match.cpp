// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/match.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/matching/hints.h"
#include "daemon/matching/names.h"

namespace opendext::daemon {
namespace {

constexpr size_t kDescriptionLimit = 80;

/// Whether `name` is one of the names that IONameMatch looks at.
bool has_name(const Entry& entry, std::string_view name) {
    bool found = false;
    visit_names(entry, [&](std::string_view other) { return found = other == name; });
    return found;
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

/// Keys of a personality that say what to do with a match.
constexpr std::array<std::string_view, 9> kDriverKeys{"CFBundleIdentifier",
                                                      "CFBundleIdentifierKernel",
                                                      "IOUserClass",
                                                      "IOUserServerName",
                                                      "IOUserServerOneProcess",
                                                      "IOMatchCategory",
                                                      "IOServiceDEXTEntitlements",
                                                      "IOMatchDefer",
                                                      "IOUserServerCDHash"};

bool is_of_driver(std::string_view key) {
    return std::find(kDriverKeys.begin(), kDriverKeys.end(), key) != kDriverKeys.end();
}

/// All names that IONameMatch looks at.
std::vector<std::string> names_of(const Entry& entry) {
    std::vector<std::string> names;
    visit_names(entry, [&](std::string_view name) {
        names.emplace_back(name);
        return false;
    });
    return names;
}

}  // namespace

struct MatchQuery::Answer {
    int64_t score = 0;
    std::string* name_matched = nullptr;
    std::string* reason = nullptr;
    // With one of these every key is tested.
    std::vector<Check>* checks = nullptr;
    size_t* mismatches = nullptr;  ///< counts

    [[nodiscard]] bool all() const { return checks != nullptr || mismatches != nullptr; }
    /// Anybody wants to know why.
    [[nodiscard]] bool asks_why() const { return reason != nullptr || checks != nullptr; }

    /// A key that fits, for who wants to see all of them. `found` makes the value.
    template <typename Found>
    bool yes(std::string_view key, const Value& wanted, Found found) {
        if (checks != nullptr) checks->push_back({std::string(key), true, wanted, found(), {}, {}});
        return true;
    }
    /// One that does not; the first is the reason. `say` makes a Mismatch.
    struct Mismatch {
        std::optional<Value> found;
        std::string text;
        std::string hint;
    };
    template <typename Say>
    bool no(std::string_view key, const Value& wanted, Say say) {
        if (mismatches != nullptr) ++*mismatches;
        if (!asks_why()) return false;
        Mismatch mismatch = say();
        if (reason != nullptr && reason->empty()) *reason = mismatch.text;
        if (checks != nullptr) {
            checks->push_back({std::string(key), false, wanted, std::move(mismatch.found),
                               std::move(mismatch.text), std::move(mismatch.hint)});
        }
        return false;
    }
    bool wrong_type(std::string_view key, std::string_view expected, const Value& wanted) {
        return no(key, wanted, [&] {
            return Mismatch{std::nullopt,
                            std::string(key) + " must be " + std::string(expected) + ", it is " +
                                std::string(to_string(wanted.kind())) + " " + describe(wanted),
                            "write " + std::string(expected)};
        });
    }
    bool equal_number(std::string_view key, const Value* wanted, uint64_t found) {
        if (wanted == nullptr) return true;
        if (wanted->number() == nullptr) return wrong_type(key, "a number", *wanted);
        if (wanted->number()->raw == found) return yes(key, *wanted, [&] { return Value(found); });
        return no(key, *wanted, [&] {
            return Mismatch{
                Value(found),
                std::string(key) + " " + describe(*wanted) + ": it is " + describe(Value(found)),
                {}};
        });
    }
    /// For one of several tables that one key holds: its reason, no checks of its own.
    [[nodiscard]] Answer inner(std::string& why) const {
        Answer answer;
        answer.reason = asks_why() ? &why : nullptr;
        return answer;
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
    for (const auto& [key, value] : table) {
        if (is_known(key)) continue;
        keys_left_ = true;
        if (!is_of_driver(key)) family_keys_ += (family_keys_.empty() ? "" : ", ") + key;
    }
    if (ancestors_ != nullptr && ancestors_->dictionary() != nullptr)
        ancestor_query_ = std::make_unique<MatchQuery>(*ancestors_->dictionary());
    if (location_ != nullptr && location_->dictionary() != nullptr)
        provider_query_ = std::make_unique<MatchQuery>(*location_->dictionary());
}

bool MatchQuery::test_class(const Entry& entry, Answer& answer) const {
    constexpr std::string_view kKey = "IOProviderClass";
    if (provider_class_ == nullptr) return true;
    const std::string* wanted = provider_class_->string();
    if (wanted == nullptr) return answer.wrong_type(kKey, "a string", *provider_class_);
    if (entry.is_kind_of(*wanted))
        return answer.yes(kKey, *provider_class_, [&] { return Value(entry.class_name()); });
    return answer.no(kKey, *provider_class_, [&] {
        std::vector<std::string> classes = entry.classes;
        classes.insert(classes.end(), entry.user_classes.begin(), entry.user_classes.end());
        return Answer::Mismatch{Value(entry.class_name()),
                                "IOProviderClass " + in_quotes(*wanted) + " is neither the class " +
                                    entry.class_name() +
                                    " of the provider nor one of its super classes",
                                hint_for_text(*wanted, classes)};
    });
}

bool MatchQuery::read_score(Answer& answer) const {
    if (score_ == nullptr) return true;
    if (score_->number() == nullptr) return answer.wrong_type("IOProbeScore", "a number", *score_);
    answer.score = static_cast<int32_t>(score_->number()->raw);
    return true;
}

bool MatchQuery::test_name(const Entry& entry, Answer& answer) const {
    constexpr std::string_view kKey = "IONameMatch";
    if (name_ == nullptr) return true;
    bool found = false;
    const bool strings = visit_strings(*name_, [&](const std::string& text) {
        found = has_name(entry, text);
        if (found && answer.name_matched != nullptr) *answer.name_matched = text;
        return found;
    });
    if (!strings) return answer.wrong_type(kKey, "a string or an array of strings", *name_);
    const auto names = [&] {
        const std::vector<std::string> all = names_of(entry);
        return all.size() == 1 ? Value(all.front()) : Value(Array(all.begin(), all.end()));
    };
    if (found) return answer.yes(kKey, *name_, names);
    return answer.no(kKey, *name_, [&] {
        const std::vector<std::string> all = names_of(entry);
        std::string hint;
        visit_strings(*name_, [&](const std::string& text) {
            hint = hint_for_text(text, all);
            return !hint.empty();
        });
        return Answer::Mismatch{names(),
                                "IONameMatch " + describe(*name_) + " is not the name " +
                                    in_quotes(entry.name) +
                                    " of the provider nor in its compatible list",
                                std::move(hint)};
    });
}

bool MatchQuery::test_location(const Entry& entry, Answer& answer) const {
    constexpr std::string_view kKey = "IOLocationMatch";
    if (location_ == nullptr || location_->dictionary() != nullptr) return true;
    const std::string* wanted = location_->string();
    if (wanted == nullptr) return answer.wrong_type(kKey, "a string or a dictionary", *location_);
    if (*wanted == entry.location)
        return answer.yes(kKey, *location_, [&] { return Value(entry.location); });
    return answer.no(kKey, *location_, [&] {
        return Answer::Mismatch{Value(entry.location),
                                "IOLocationMatch " + in_quotes(*wanted) + ": the location is " +
                                    in_quotes(entry.location),
                                hint_for_text(*wanted, {entry.location})};
    });
}

bool MatchQuery::test_property(const Entry& entry, const std::string& key, const Value& wanted,
                               Answer& answer) {
    constexpr std::string_view kKey = "IOPropertyMatch";
    const Value* found = entry.property(key);
    const auto shown = [&] { return "IOPropertyMatch/" + key; };
    if (found != nullptr && *found == wanted) {
        return answer.checks == nullptr || answer.yes(shown(), wanted, [&] { return *found; });
    }
    if (!answer.asks_why()) return answer.no(kKey, wanted, [] { return Answer::Mismatch{}; });
    return answer.no(shown(), wanted, [&]() -> Answer::Mismatch {
        if (found == nullptr)
            return {std::nullopt, "IOPropertyMatch: the provider has no property " + key,
                    hint_for_key(entry, key)};
        return {*found,
                "IOPropertyMatch: " + key + " is " + with_kind(*found, wanted) + ", wanted " +
                    with_kind(wanted, *found),
                hint_for_value(wanted, *found)};
    });
}

bool MatchQuery::test_properties(const Entry& entry, Answer& answer) const {
    constexpr std::string_view kKey = "IOPropertyMatch";
    if (properties_ == nullptr) return true;
    const auto equal = [&](const Dictionary& wanted, Answer& into) {
        bool all = true;
        for (const auto& [key, value] : wanted) {
            all = test_property(entry, key, value, into) && all;
            if (!all && !into.all()) return false;
        }
        return all;
    };
    if (const Dictionary* one = properties_->dictionary()) return equal(*one, answer);
    const Array* any = properties_->array();
    if (any == nullptr)
        return answer.wrong_type(kKey, "a dictionary or an array of dictionaries", *properties_);
    std::string reasons;
    for (const Value& member : *any) {
        if (member.dictionary() == nullptr)
            return answer.wrong_type("IOPropertyMatch: each member", "a dictionary", member);
        std::string reason;
        Answer inner = answer.inner(reason);
        if (equal(*member.dictionary(), inner))
            return answer.yes(kKey, *properties_, [&] { return member; });
        reasons += (reasons.empty() ? "" : "; ") + reason;
    }
    return answer.no(kKey, *properties_, [&] {
        return Answer::Mismatch{
            std::nullopt,
            any->empty() ? "IOPropertyMatch is an empty array" : std::move(reasons),
            {}};
    });
}

bool MatchQuery::test_property_exists(const Entry& entry, Answer& answer) const {
    constexpr std::string_view kKey = "IOPropertyExistsMatch";
    if (property_exists_ == nullptr) return true;
    const Value* found = nullptr;
    std::string first;
    const bool strings = visit_strings(*property_exists_, [&](const std::string& key) {
        found = entry.property(key);
        if (first.empty() && answer.asks_why()) first = key;
        return found != nullptr;
    });
    if (!strings)
        return answer.wrong_type(kKey, "a string or an array of strings", *property_exists_);
    if (found != nullptr) return answer.yes(kKey, *property_exists_, [&] { return *found; });
    return answer.no(kKey, *property_exists_, [&] {
        return Answer::Mismatch{
            std::nullopt,
            "IOPropertyExistsMatch: the provider has no property " + describe(*property_exists_),
            hint_for_key(entry, first)};
    });
}

bool MatchQuery::test_path(const Entry& entry, const Registry& registry, Answer& answer) const {
    constexpr std::string_view kKey = "IOPathMatch";
    if (path_ == nullptr) return true;
    if (path_->string() == nullptr) return answer.wrong_type(kKey, "a string", *path_);
    // In whichever plane the path is given.
    const std::string& wanted = *path_->string();
    const std::string plane = wanted.substr(0, wanted.find(':'));
    const std::string path =
        registry.path(entry.id, registry.has_plane(plane) ? plane : kServicePlane);
    if (wanted == path) return answer.yes(kKey, *path_, [&] { return Value(path); });
    return answer.no(kKey, *path_, [&] {
        return Answer::Mismatch{
            Value(path), "IOPathMatch " + in_quotes(wanted) + ": the path is " + in_quotes(path),
            wanted.find(':') == std::string::npos ? "write the plane too, as in " + in_quotes(path)
                                                  : ""};
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
    bool all = true;
    for (const auto& [key, wanted] : bsd_) {
        const Value* found = entry.property(key);
        if (found != nullptr && *found == *wanted) {
            (void)answer.yes(key, *wanted, [&] { return *found; });
            continue;
        }
        all = answer.no(key, *wanted, [&, key = key, wanted = wanted] {
            if (found == nullptr)
                return Answer::Mismatch{
                    std::nullopt, std::string(key) + ": the provider has no such property", {}};
            return Answer::Mismatch{*found,
                                    std::string(key) + " is " + with_kind(*found, *wanted) +
                                        ", wanted " + with_kind(*wanted, *found),
                                    hint_for_value(*wanted, *found)};
        });
        if (!answer.all()) break;
    }
    return all;
}

bool MatchQuery::test_family(const Entry& entry, const MatchContext& context,
                             Answer& answer) const {
    if (!keys_left_ || !context.family) return true;
    FamilyVerdict family = context.family(entry, table_);
    const auto value = [&] {
        Dictionary wanted;
        for (const auto& [key, of_key] : table_) {
            if (!is_known(key) && !is_of_driver(key)) wanted.emplace(key, of_key);
        }
        return wanted.size() == 1 ? std::move(wanted.begin()->second) : Value(std::move(wanted));
    };
    if (family.matches) {
        answer.score += family.score;
        if (answer.checks != nullptr && !family_keys_.empty())
            (void)answer.yes(family_keys_, value(), [] { return std::nullopt; });
        return true;
    }
    if (!answer.asks_why() && !answer.all()) return false;
    const std::string& keys = family_keys_.empty() ? entry.class_name() : family_keys_;
    return answer.no(keys, value(), [&] {
        const Value* found = entry.property(family_keys_);
        return Answer::Mismatch{found == nullptr ? std::nullopt : std::optional<Value>(*found),
                                std::move(family.reason),
                                {}};
    });
}

/// One table against a provider, its provider, … up to the root.
bool MatchQuery::test_ancestors(const Entry& entry, const MatchContext& context,
                                Answer& answer) const {
    constexpr std::string_view kKey = "IOParentMatch";
    if (ancestors_ == nullptr) return true;
    if (ancestor_query_ == nullptr) return answer.wrong_type(kKey, "a dictionary", *ancestors_);
    std::string nearest;
    for (const Entry* parent = context.registry.find(entry.provider()); parent != nullptr;
         parent = context.registry.find(parent->provider())) {
        std::string reason;
        Answer inner = answer.inner(reason);
        if (ancestor_query_->ask(*parent, context, inner))
            return answer.yes(kKey, *ancestors_, [&] { return Value(parent->name); });
        if (nearest.empty()) nearest = std::move(reason);
    }
    return answer.no(kKey, *ancestors_, [&] {
        const Entry* below = context.registry.find(entry.provider());
        return Answer::Mismatch{below == nullptr ? std::nullopt : std::optional<Value>(below->name),
                                "IOParentMatch: no entry below fits" +
                                    (nearest.empty() ? "" : "; the nearest: " + nearest),
                                {}};
    });
}

bool MatchQuery::test_provider(const Entry& entry, const MatchContext& context,
                               Answer& answer) const {
    constexpr std::string_view kKey = "IOLocationMatch";
    if (provider_query_ == nullptr) return true;
    const Entry* provider = context.registry.find(entry.provider());
    if (provider == nullptr) {
        return answer.no(kKey, *location_, [] {
            return Answer::Mismatch{std::nullopt, "IOLocationMatch: the entry has no provider", {}};
        });
    }
    std::string reason;
    Answer inner = answer.inner(reason);
    if (provider_query_->ask(*provider, context, inner))
        return answer.yes(kKey, *location_, [&] { return Value(provider->name); });
    return answer.no(kKey, *location_, [&] {
        return Answer::Mismatch{Value(provider->name), "IOLocationMatch: " + reason, {}};
    });
}

bool MatchQuery::ask(const Entry& entry, const MatchContext& context, Answer& answer) const {
    bool fits = true;
    // The first mismatch decides; who wants all checks gets those behind it too.
    const auto go_on = [&](bool one) {
        fits = fits && one;
        return one || answer.all();
    };
    return go_on(test_class(entry, answer)) && go_on(read_score(answer)) &&
           go_on(test_name(entry, answer)) && go_on(test_location(entry, answer)) &&
           go_on(test_properties(entry, answer)) && go_on(test_property_exists(entry, answer)) &&
           go_on(test_path(entry, context.registry, answer)) &&
           go_on(answer.equal_number("IORegistryEntryID", entry_id_, entry.id)) &&
           go_on(test_service_count(entry, context.registry, answer)) &&
           go_on(test_bsd(entry, answer)) && go_on(test_family(entry, context, answer)) &&
           go_on(test_ancestors(entry, context, answer)) &&
           go_on(test_provider(entry, context, answer)) && fits;
}

Verdict MatchQuery::verdict(const Entry& entry, const MatchContext& context) const {
    Verdict verdict;
    Answer answer;
    answer.name_matched = &verdict.name_matched;
    answer.reason = &verdict.reason;
    verdict.matches = ask(entry, context, answer);
    verdict.score = answer.score;
    return verdict;
}

Verdict MatchQuery::examine(const Entry& entry, const MatchContext& context) const {
    Verdict verdict;
    Answer answer;
    answer.name_matched = &verdict.name_matched;
    answer.reason = &verdict.reason;
    answer.checks = &verdict.checks;
    verdict.matches = ask(entry, context, answer);
    verdict.score = answer.score;
    return verdict;
}

size_t MatchQuery::mismatches(const Entry& entry, const MatchContext& context) const {
    size_t count = 0;
    Answer answer;
    answer.mismatches = &count;
    (void)ask(entry, context, answer);
    return count;
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
