// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/family.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// One key of a matching dictionary, put to one entry.
struct Check {
    std::string key;  ///< as people write it: "IONameMatch", "IOPropertyMatch/Color"
    bool fits = false;
    Value wanted;
    std::optional<Value> found;  ///< what the entry has to compare
    std::string text;            ///< of a mismatch: key, wanted and found value
    std::string hint;            ///< what may be meant instead; empty if nothing comes near
};

/// Whether an entry fits a matching dictionary, and why not. The code that decides is the code that
/// explains.
struct Verdict {
    bool matches = false;
    int64_t score = 0;          ///< IOProbeScore plus what the family added
    std::string reason;         ///< of a mismatch: key, wanted and found value
    std::string name_matched;   ///< the string that IONameMatch hit
    std::vector<Check> checks;  ///< only of examine(): every key, in the order of the tests
};

/// What a match needs besides entry and table.
struct MatchContext {
    const Registry& registry;
    /// The family test of the entry; absent in tests without families.
    std::function<FamilyVerdict(const Entry&, const Dictionary&)> family;
};

/// A matching dictionary, read once to be put to many entries: a personality or a client's, in the
/// order of docs/facts/semantics.md section 3; the first mismatch decides. IOProviderClass is
/// tested here too, so that clients and the index of personalities agree. A family is asked only
/// where keys are left that are not tested here.
class MatchQuery {
  public:
    /// `table` must outlive it, at the same place.
    explicit MatchQuery(const Dictionary& table);

    /// Whether the entry fits, with the reason if not.
    [[nodiscard]] Verdict verdict(const Entry& entry, const MatchContext& context) const;
    /// The same with every key tested, whatever became of those before it.
    [[nodiscard]] Verdict examine(const Entry& entry, const MatchContext& context) const;
    /// How many keys do not fit.
    [[nodiscard]] size_t mismatches(const Entry& entry, const MatchContext& context) const;
    /// The same without words.
    [[nodiscard]] bool fits(const Entry& entry, const MatchContext& context) const;

    /// Calls visit(entry) for every registered, active service that fits, oldest first, until it
    /// returns false. Looks only at entries that the id, the name or the class leaves
    /// possible.
    template <typename Visit>
    void visit(const MatchContext& context, Visit visit) const {
        const auto possible = [&](const Entry& entry) {
            return entry.service && entry.registered && entry.activity == Activity::active &&
                   fits(entry, context);
        };
        const auto look = [&](const Entry& entry) { return !possible(entry) || visit(entry); };
        if (entry_id_ != nullptr && entry_id_->number() != nullptr) {
            const Entry* entry = context.registry.find(entry_id_->number()->raw);
            if (entry != nullptr) (void)look(*entry);
        } else if (name_ != nullptr && name_->string() != nullptr) {
            // They come from two lists.
            std::map<EntryId, const Entry*> found;
            context.registry.visit_named(*name_->string(), [&](const Entry& entry) {
                if (possible(entry)) found.emplace(entry.id, &entry);
                return true;
            });
            for (const auto& [id, entry] : found) {
                if (!visit(*entry)) return;
            }
        } else if (provider_class_ != nullptr && provider_class_->string() != nullptr) {
            context.registry.visit_class(*provider_class_->string(), look);
        } else {
            context.registry.visit(look);
        }
    }

  private:
    /// What the tests write to: the score, and reason and checks where they are wanted.
    struct Answer;
    [[nodiscard]] bool ask(const Entry& entry, const MatchContext& context, Answer& answer) const;
    [[nodiscard]] bool test_class(const Entry& entry, Answer& answer) const;
    [[nodiscard]] bool read_score(Answer& answer) const;
    [[nodiscard]] bool test_name(const Entry& entry, Answer& answer) const;
    [[nodiscard]] bool test_location(const Entry& entry, Answer& answer) const;
    [[nodiscard]] bool test_properties(const Entry& entry, Answer& answer) const;
    static bool test_property(const Entry& entry, const std::string& key, const Value& wanted,
                              Answer& answer);
    [[nodiscard]] bool test_property_exists(const Entry& entry, Answer& answer) const;
    [[nodiscard]] bool test_path(const Entry& entry, const Registry& registry,
                                 Answer& answer) const;
    [[nodiscard]] bool test_service_count(const Entry& entry, const Registry& registry,
                                          Answer& answer) const;
    [[nodiscard]] bool test_bsd(const Entry& entry, Answer& answer) const;
    [[nodiscard]] bool test_family(const Entry& entry, const MatchContext& context,
                                   Answer& answer) const;
    [[nodiscard]] bool test_ancestors(const Entry& entry, const MatchContext& context,
                                      Answer& answer) const;
    [[nodiscard]] bool test_provider(const Entry& entry, const MatchContext& context,
                                     Answer& answer) const;

    const Dictionary& table_;
    // The values of the keys; nullptr where the table has none.
    const Value* provider_class_;
    const Value* score_;
    const Value* name_;
    const Value* location_;
    const Value* properties_;
    const Value* property_exists_;
    const Value* path_;
    const Value* entry_id_;
    const Value* service_count_;
    const Value* ancestors_;
    std::vector<std::pair<std::string_view, const Value*>> bsd_;
    std::string family_keys_;  ///< those that are not tested here; of one: its name
    bool keys_left_ = false;
    std::unique_ptr<MatchQuery> ancestor_query_;
    std::unique_ptr<MatchQuery> provider_query_;
};

/// One question: MatchQuery(table).verdict(entry, context).
[[nodiscard]] Verdict match(const Entry& entry, const Dictionary& table,
                            const MatchContext& context);

/// A value as a message shows it: short, on one line.
[[nodiscard]] std::string describe(const Value& value);

}  // namespace opendext::daemon
