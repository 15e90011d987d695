// SPDX-License-Identifier: Apache-2.0
// Match keys of a personality against the rules of its provider (docs/facts/match-sets.csv).
#include <algorithm>
#include <charconv>
#include <regex>
#include <set>

#include "project/lint/subject.h"

namespace opendext::lint {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

/// "bDeviceClass != 255" on the personality: whether the value that is there breaks it. A value
/// that is absent leaves it to the device.
bool breaks(const std::string& condition, const Dictionary& personality) {
    const size_t blank = condition.find(' ');
    if (blank == std::string::npos) return false;
    const Number* number = find_number(personality, condition.substr(0, blank));
    if (number == nullptr) return false;
    const bool unequal = condition[blank + 1] == '!';
    int64_t wanted = 0;
    const std::string text = condition.substr(condition.rfind(' ') + 1);
    std::from_chars(text.data(), text.data() + text.size(), wanted);
    return (number->as_signed() == wanted) == unequal;
}

class MatchChecker {
  public:
    MatchChecker(const bundle::Plist& plist, const Facts& facts, Findings& findings,
                 const Entry& entry, const std::string& provider)
        : plist_(plist), facts_(facts), findings_(findings), entry_(entry), provider_(provider) {
        for (const auto& [key, value] : *entry.values) present_.push_back(key);
    }

    void run() {
        check_sets();
        for (const MatchFact& fact : facts_.match) {
            if (fact.kind == "only for") check_only_for(fact);
            if (!contains(fact.providers, provider_)) continue;
            if (fact.kind == "needs") check_needs(fact);
            if (fact.kind == "range") check_range(fact);
            if (fact.kind == "words") check_words(fact);
            if (fact.kind == "score limit") check_score(fact);
        }
        check_ignored();
        check_shared_provider();
    }

  private:
    [[nodiscard]] Place place(std::string_view key) const {
        return place_of(plist_, key.empty() ? entry_.path : entry_.path + "/" + std::string(key));
    }
    [[nodiscard]] std::string intro() const { return "personality " + entry_.personality + ": "; }

    [[nodiscard]] const MatchFact* reads() const {
        const auto found = std::ranges::find_if(facts_.match, [&](const MatchFact& fact) {
            return fact.kind == "reads" && contains(fact.providers, provider_);
        });
        return found == facts_.match.end() ? nullptr : &*found;
    }

    void check_sets() {
        const MatchFact* listed = reads();
        if (listed == nullptr) return;
        std::set<std::string> given;
        std::string first;
        for (const auto& key : present_) {
            if (!contains(listed->keys, key)) continue;
            if (first.empty()) first = key;
            given.insert(key);
        }
        if (given.empty()) return;
        for (const MatchFact& alias : facts_.match) {
            if (alias.kind != "alias" || !contains(alias.providers, provider_)) continue;
            for (const auto& other : alias.with) {
                if (given.contains(other)) given.insert(alias.keys.front());
            }
        }
        const auto is_given = [&](const std::string& key) { return given.contains(key); };
        const MatchFact* nearest = nullptr;
        size_t nearest_missing = SIZE_MAX;
        for (const MatchFact& set : facts_.match) {
            if (set.kind != "set" || !contains(set.providers, provider_)) continue;
            const size_t missing =
                set.keys.size() - static_cast<size_t>(std::ranges::count_if(set.keys, is_given));
            const bool spoiled =
                std::ranges::any_of(set.without, is_given) || breaks(set.condition, *entry_.values);
            if (missing == 0 && !spoiled) return;
            if (!spoiled && missing < nearest_missing) {
                nearest = &set;
                nearest_missing = missing;
            }
        }
        const std::vector<std::string> shown(given.begin(), given.end());
        std::string fix =
            "see the key sets of " + provider_ + " in the documentation of its family";
        if (nearest != nullptr) {
            std::vector<std::string> missing;
            for (const auto& key : nearest->keys) {
                if (!is_given(key)) missing.push_back(key);
            }
            fix = "add " + joined(missing, " and ") + ": " + joined(nearest->keys, " + ") +
                  " matches, with score " + nearest->score;
        }
        findings_.add("match-never", place(first),
                      intro() + joined(shown, " + ") + " is no set of keys that an " + provider_ +
                          " can match",
                      fix);
    }

    /// Keys that the match of another provider looks at, and not that of this one.
    void check_ignored() {
        const MatchFact* listed = reads();
        if (listed == nullptr) return;
        for (const MatchFact& other : facts_.match) {
            if (other.kind != "reads" || contains(other.providers, provider_)) continue;
            for (const auto& key : other.keys) {
                if (!contains(present_, key) || contains(listed->keys, key)) continue;
                findings_.add("match-ignored-key", place(key),
                              intro() + key + " is not looked at for an " + provider_,
                              "remove it, or match " + joined(other.providers, " or "));
            }
        }
    }

    void check_needs(const MatchFact& fact) {
        const std::string& key = fact.keys.front();
        const bool alone = std::ranges::none_of(
            fact.with, [&](const auto& other) { return contains(present_, other); });
        if (contains(present_, key) && alone) {
            findings_.add("match-ignored-key", place(key),
                          intro() + key + " counts only together with " + joined(fact.with, " or "),
                          "add " + fact.with.front() + ", or remove " + key);
        }
    }

    void check_range(const MatchFact& fact) {
        const std::string& key = fact.keys.front();
        const Number* number = find_number(*entry_.values, key);
        if (number == nullptr) return;
        const int64_t value = number->as_signed();
        int64_t most = 0;
        const std::string bound = fact.condition.substr(fact.condition.rfind(' ') + 1);
        std::from_chars(bound.data(), bound.data() + bound.size(), most);
        if (value >= 0 && value <= most) return;
        findings_.add("match-value", place(key),
                      intro() + key + " is " + std::to_string(value) + ", which no device has",
                      "write a number from 0 to " + bound + "; property lists count in decimal");
    }

    void check_words(const MatchFact& fact) {
        const std::string& key = fact.keys.front();
        const std::string* text = find_string(*entry_.values, key);
        if (text == nullptr) return;
        const std::regex word(fact.condition);
        size_t begin = 0;
        size_t count = 0;
        while (begin < text->size()) {
            const size_t end = std::min(text->find(' ', begin), text->size());
            const std::string one = text->substr(begin, end - begin);
            begin = end + 1;
            if (one.empty()) continue;
            ++count;
            if (std::regex_match(one, word)) continue;
            findings_.add("match-value", place(key),
                          intro() + key + ": \"" + one + "\" is no VALUE or VALUE&MASK",
                          "write hexadecimal numbers of 32 bits, such as 0xcafe1234 or "
                          "0x00001234&0x0000ffff");
        }
        if (count == 0)
            findings_.add("match-value", place(key),
                          intro() + key + " is empty, so that nothing matches", "name a device");
    }

    void check_score(const MatchFact& fact) {
        const Number* score = find_number(*entry_.values, "IOProbeScore");
        int64_t limit = 0;
        const std::string text = fact.condition.substr(fact.condition.rfind(' ') + 1);
        std::from_chars(text.data(), text.data() + text.size(), limit);
        if (score == nullptr || score->as_signed() < limit) return;
        findings_.add(
            "match-probe-score", place("IOProbeScore"),
            intro() + "an IOProbeScore of " + text + " or more is cut to " + fact.score +
                " for an " + provider_,
            "write " + fact.score + " or less; a more specific set of keys wins in any case");
    }

    void check_only_for(const MatchFact& fact) {
        const std::string& key = fact.keys.front();
        const bool here = contains(fact.providers, provider_);
        if (here == contains(present_, key)) return;
        if (here) {
            findings_.add(
                "match-resource", place("IOProviderClass"),
                intro() + key + " is missing: the driver may start before what it needs is there",
                "add <key>" + key + "</key><string>IOKit</string>");
        } else {
            findings_.add("match-resource", place(key),
                          intro() + key + " has no meaning for an " + provider_ +
                              ": left over from a driver for " + fact.providers.front() + "?",
                          "remove it");
        }
    }

    /// One winner for each category and nub: on a provider that everybody shares, a driver needs a
    /// category of its own.
    void check_shared_provider() {
        if (provider_ != "IOUserResources" || contains(present_, "IOMatchCategory")) return;
        findings_.add(
            "match-category", place("IOProviderClass"),
            intro() +
                "without an IOMatchCategory of its own the driver competes with every other one on "
                "IOUserResources",
            "add <key>IOMatchCategory</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>");
    }

    const bundle::Plist& plist_;
    const Facts& facts_;
    Findings& findings_;
    const Entry& entry_;
    const std::string& provider_;
    std::vector<std::string> present_;
};

}  // namespace

void check_matching(const Subject& subject, const Facts& facts, Findings& findings) {
    if (!subject.info || subject.info->root.dictionary() == nullptr) return;
    for (const Entry& entry : entries(*subject.info->root.dictionary())) {
        const std::string* provider = find_string(*entry.values, "IOProviderClass");
        if (entry.is_personality && provider != nullptr)
            MatchChecker(*subject.info, facts, findings, entry, *provider).run();
    }
}

}  // namespace opendext::lint
