// SPDX-License-Identifier: Apache-2.0
#include "project/classes.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>

namespace opendext::project {
namespace {

namespace fs = std::filesystem;

// Classes that exist in every realm without a declaration in the SDK: the daemon's own and the
// kernel's side of proxies.
const std::set<std::string> kAlways = {"IORegistryEntry", "IOService",     "IOResources",
                                       "IOUserResources", "IOUserService", "IOUserUserClient",
                                       "IOUserServer"};

std::string without_comments(const std::string& text) {
    std::string result;
    for (size_t i = 0; i < text.size();) {
        if (text.compare(i, 2, "//") == 0) {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.compare(i, 2, "/*") == 0) {
            const size_t end = text.find("*/", i + 2);
            i = end == std::string::npos ? text.size() : end + 2;
            result += ' ';
        } else {
            result += text[i++];
        }
    }
    return result;
}

}  // namespace

ClassMap find_classes(const std::vector<fs::path>& files) {
    static const std::regex kClass(
        R"(\bclass\s+(?:(?:KERNEL|NATIVE|LOCAL|[A-Z_]+\s*\([^)]*\)|\[\[[^\]]*\]\])\s+)*(\w+)\s*(?:final\s*)?:\s*public\s+(\w+))",
        std::regex::optimize);
    ClassMap classes;
    for (const auto& path : files) {
        std::ostringstream raw;
        raw << std::ifstream(path, std::ios::binary).rdbuf();
        const std::string text = without_comments(raw.str());
        for (std::sregex_iterator it(text.begin(), text.end(), kClass), end; it != end; ++it) {
            classes.emplace((*it)[1].str(), (*it)[2].str());
        }
    }
    return classes;
}

ClassMap find_sdk_classes(const fs::path& include) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator it(include, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() == ".iig") files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    return find_classes(files);
}

std::vector<std::string> class_chains(const ClassMap& own) {
    std::vector<std::string> chains;
    for (const auto& [name, super] : own) {
        std::string chain = name;
        std::string next = super;
        for (size_t steps = 0; steps <= own.size(); ++steps) {
            chain += " " + next;
            const auto above = own.find(next);
            if (above == own.end()) break;
            next = above->second;
        }
        chains.push_back(std::move(chain));
    }
    return chains;
}

std::vector<bundle::Problem> check_class_names(const bundle::Plist& info, const ClassMap& own,
                                               const ClassMap& sdk,
                                               const std::set<std::string>& others,
                                               const std::set<std::string>& api) {
    std::vector<bundle::Problem> problems;
    const Dictionary* root = info.root.dictionary();
    const Value* personalities = root != nullptr ? find(*root, "IOKitPersonalities") : nullptr;
    if (personalities == nullptr || personalities->dictionary() == nullptr) return problems;

    std::set<std::string> known = kAlways;
    std::set<std::string> own_names;
    for (const auto& [name, super] : own) own_names.insert(name);
    for (const auto& [name, super] : sdk) known.insert(name);
    known.insert(own_names.begin(), own_names.end());
    known.insert(others.begin(), others.end());

    const auto complain = [&](const std::string& path, const std::string& value,
                              const std::string& what, const std::set<std::string>& candidates,
                              const std::string& otherwise) {
        const std::string near = nearest_name(value, candidates);
        const std::string way_out =
            near.empty() ? otherwise : "did you mean " + near + "? Else " + otherwise;
        problems.push_back(
            {bundle::Problem::Severity::error, path,
             info.where(path) + ": " + path + ": \"" + value + "\" " + what + ": " + way_out});
    };
    for (const auto& [name, personality] : *personalities->dictionary()) {
        if (personality.dictionary() == nullptr) continue;
        const std::string path = "IOKitPersonalities/" + name;
        const std::string* provider = find_string(*personality.dictionary(), "IOProviderClass");
        if (provider != nullptr && !known.contains(*provider) && api.contains(*provider)) {
            const std::string key = path + "/IOProviderClass";
            problems.push_back({bundle::Problem::Severity::warning, key,
                                info.where(key) + ": " + key + ": " + *provider +
                                    " belongs to a framework that this OpenDext does not have yet: "
                                    "nothing here will match"});
        } else if (provider != nullptr && !known.contains(*provider)) {
            complain(path + "/IOProviderClass", *provider,
                     "is no class of the SDK or of this driver", known,
                     "name the class of another dext with --provider-class " + *provider);
        }
        const std::string* driver = find_string(*personality.dictionary(), "IOUserClass");
        if (driver != nullptr && !own_names.contains(*driver) && !sdk.contains(*driver)) {
            complain(path + "/IOUserClass", *driver,
                     "is not declared in any .iig file of this driver", own_names,
                     "declare it: class " + *driver + " : public IOService");
        }
    }
    return problems;
}

}  // namespace opendext::project
