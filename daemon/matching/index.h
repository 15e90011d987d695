// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/matching/personality.h"

namespace opendext::daemon {

/// All personalities that may be matched: by provider class, and within a class by a name that
/// IONameMatch asks for or a value that IOPropertyMatch asks for, where they do. So a nub is put
/// only to those personalities that one look into a table does not rule out.
class PersonalityIndex {
  public:
    void add(PersonalityPtr personality);
    /// Takes out every personality of the bundle and returns them.
    std::vector<PersonalityPtr> remove(const std::string& bundle_id);
    /// Those that the nub may fit, in the order of installation: all others differ from it in
    /// IOProviderClass, IONameMatch or IOPropertyMatch.
    [[nodiscard]] std::vector<PersonalityPtr> for_nub(const Entry& nub) const;
    /// Every one whose IOProviderClass is a class of the nub, whatever else it asks for.
    [[nodiscard]] std::vector<PersonalityPtr> of_classes(const Entry& nub) const;
    /// Every one, in the order of installation.
    [[nodiscard]] std::vector<PersonalityPtr> all() const;
    [[nodiscard]] bool contains(const PersonalityPtr& personality) const;

  private:
    struct Numbered {
        uint64_t order;
        PersonalityPtr personality;
    };
    using List = std::vector<Numbered>;
    struct ValueHash {
        size_t operator()(const Value& value) const;
    };
    struct NameHash {
        using is_transparent = void;
        size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>{}(name);
        }
    };
    template <typename T>
    using ByName = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;
    /// The personalities of one provider class.
    struct Class {
        List all;
        // Each is in one of these; where several values will do for it, below each of them.
        List anything;
        ByName<List> by_name;
        std::map<std::string, std::unordered_map<Value, List, ValueHash>, std::less<>> by_property;
    };
    static void file(Class& of_class, const Numbered& numbered);
    static bool file_by_property(Class& of_class, const Numbered& numbered);
    template <typename Collect>
    void visit_classes(const Entry& nub, Collect collect) const;

    uint64_t next_ = 0;
    ByName<Class> by_class_;
};

}  // namespace opendext::daemon
