// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bundle/plist.h"
#include "project/lint/facts.h"
#include "project/lint/finding.h"

namespace opendext::lint {

/// A class that the driver's sources declare.
struct DeclaredClass {
    std::string name;
    std::string superclass;
    Place place;
};

/// A call of Create() with a name that is known.
struct CreateCall {
    std::string key;
    Place place;
};

/// What the sources say, as far as the property lists depend on it.
struct SourceFacts {
    std::vector<DeclaredClass> classes;
    std::vector<CreateCall> creates;
    /// False: something could not be read, so that what is absent here may be there.
    bool complete = true;
};

/// What is looked at.
struct Subject {
    std::optional<bundle::Plist> info;          ///< build variables replaced
    std::optional<bundle::Plist> entitlements;  ///< build variables replaced
    /// False: it is not known whether there are any (a single Info.plist).
    bool entitlements_known = false;
    std::optional<SourceFacts> sources;  ///< none: not known

    /// The class and its superclasses, nearest first, as far as sources and facts tell.
    [[nodiscard]] std::vector<std::string> chain(const Facts& facts, const std::string& name) const;
    [[nodiscard]] const DeclaredClass* declared(std::string_view name) const;
};

/// One dictionary that makes an object: a personality, or one for Create().
struct Entry {
    std::string path;         ///< in Info.plist
    std::string personality;  ///< name of the personality that it is or lies in
    bool is_personality = false;
    const Dictionary* values = nullptr;
};
/// Every personality and every dictionary in it that has an IOUserClass.
[[nodiscard]] std::vector<Entry> entries(const Dictionary& info);

/// Keys of Info.plist: present, known, of the right type. `as_written`: before what a build adds.
void check_info_keys(const bundle::Plist& info, const Dictionary& as_written, const Facts& facts,
                     Findings& findings);
/// Entitlements: known, for drivers, of the right type.
void check_entitlement_keys(const bundle::Plist& entitlements, const Facts& facts,
                            Findings& findings);
/// Match keys of each personality.
void check_matching(const Subject& subject, const Facts& facts, Findings& findings);
/// Classes of the property list against those of the sources, and against their families.
void check_classes(const Subject& subject, const Facts& facts, Findings& findings);
/// Entitlements that personalities and classes need.
void check_needed_entitlements(const Subject& subject, const Facts& facts, Findings& findings);

/// The member of `names` that may have been meant, in quotes behind "did you mean "; else "".
[[nodiscard]] std::string meant(std::string_view name, const std::vector<std::string>& names);

}  // namespace opendext::lint
