// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bundle/rules.h"
#include "tools/common/nearest_name.h"

namespace opendext::project {

/// Class name to the name of its superclass.
using ClassMap = std::map<std::string, std::string, std::less<>>;

/// Reads the class declarations (`class KERNEL X : public Y`) of .iig and header files, comments
/// left out. Good enough for names; what is wrong in them is for iig and clang to say.
[[nodiscard]] ClassMap find_classes(const std::vector<std::filesystem::path>& files);

/// Every class that the SDK below `include` declares.
[[nodiscard]] ClassMap find_sdk_classes(const std::filesystem::path& include);

/// "X Y Z": the class and its superclasses as far as `own` tells, for the bundle's record
/// (bundle/abi.h).
[[nodiscard]] std::vector<std::string> class_chains(const ClassMap& own);

/// IOProviderClass of each personality has to be a class that exists (in the SDK, in these sources,
/// or in `others`; a class that only `api` has belongs to a framework that is not there yet, which
/// is a warning), and IOUserClass one of these sources: a misspelt name would never match, and
/// never say so.
[[nodiscard]] std::vector<bundle::Problem> check_class_names(const bundle::Plist& info,
                                                             const ClassMap& own,
                                                             const ClassMap& sdk,
                                                             const std::set<std::string>& others,
                                                             const std::set<std::string>& api = {});

using tools::nearest_name;

}  // namespace opendext::project
