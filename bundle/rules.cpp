// SPDX-License-Identifier: Apache-2.0
#include "bundle/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <limits>

namespace opendext::bundle {
namespace {

constexpr size_t kMaximumNameLength = 63;  // "fewer than 64 characters"
// Published projects have longer identifiers and are used: told up to this length, refused above.
constexpr size_t kMaximumIdentifierLength = 127;

enum Shape : unsigned {
    kString = 1,
    kNumber = 2,
    kBoolean = 4,
    kDictionary = 8,
    kStrings = 16,       ///< array of string
    kDictionaries = 32,  ///< array of dictionary
    kStringLists = 64,   ///< array of array of string
    kFalse = 128,        ///< the boolean false only
};

struct Rule {
    std::string_view key;
    unsigned shapes;
    std::string_view example;  ///< what a right value looks like
};

// Personalities: the keys whose meaning does not depend on a family.
constexpr std::array kPersonalityRules = {
    Rule{"CFBundleIdentifier", kString, "<string>com.example.driver</string>"},
    Rule{"CFBundleIdentifierKernel", kString, "<string>com.apple.kpi.iokit</string>"},
    Rule{"IOClass", kString, "<string>IOUserService</string>"},
    Rule{"IOUserClass", kString, "<string>MyDriver</string>"},
    Rule{"IOProviderClass", kString, "<string>IOUserResources</string>"},
    Rule{"IOUserServerName", kString, "<string>com.example.driver</string>"},
    Rule{"IOUserServerOneProcess", kBoolean, "<true/>"},
    Rule{"IOUserServerPreserveUserspaceReboot", kBoolean, "<true/>"},
    Rule{"IOProbeScore", kNumber, "<integer>1000</integer>"},
    Rule{"IOMatchCategory", kString, "<string>MyCategory</string>"},
    Rule{"IOPropertyMatch", kDictionary | kDictionaries,
         "<dict><key>NAME</key><string>VALUE</string></dict>"},
    Rule{"IOPropertyExistsMatch", kString | kStrings, "<string>NAME</string>"},
    Rule{"IONameMatch", kString | kStrings, "<string>NAME</string>"},
    Rule{"IOParentMatch", kDictionary,
         "<dict><key>IOProviderClass</key><string>CLASS</string></dict>"},
    Rule{"IOPathMatch", kString, "<string>IOService:/PATH</string>"},
    Rule{"IOLocationMatch", kString | kDictionary, "<string>LOCATION</string>"},
    Rule{"IORegistryEntryID", kNumber, "<integer>4294967552</integer>"},
    Rule{"IOResourceMatch", kString | kStrings, "<string>IOKit</string>"},
    Rule{"IOMatchedServiceCountMatch", kNumber, "<integer>1</integer>"},
    Rule{"IOMatchDefer", kBoolean, "<true/>"},
    Rule{"IOCompatibilityMatch", kDictionary, "<dict>…</dict>"},
    Rule{"IOKitDebug", kNumber, "<integer>0</integer>"},
    Rule{"IOUserClientClass", kString, "<string>CLASS</string>"},
    Rule{"BSD Name", kString, "<string>NAME</string>"},
    Rule{"BSD Major", kNumber, "<integer>1</integer>"},
    Rule{"BSD Minor", kNumber, "<integer>1</integer>"},
    Rule{"BSD Unit", kNumber, "<integer>1</integer>"},
    Rule{"IOServiceDEXTEntitlements", kString | kStrings | kStringLists,
         "<string>ENTITLEMENT</string>"},
};

// Dictionaries inside a personality that a driver names in Create().
constexpr std::array kClientRules = {
    Rule{"IOClass", kString, "<string>IOUserUserClient</string>"},
    Rule{"IOUserClass", kString, "<string>MyUserClient</string>"},
    Rule{"IOServiceDEXTEntitlements", kString | kStrings | kStringLists,
         "<string>ENTITLEMENT</string>"},
    Rule{"IOUserClientEntitlements", kString | kFalse, "<string>ENTITLEMENT</string> or <false/>"},
    Rule{"IOUserClientDefaultLocking", kBoolean, "<true/>"},
    Rule{"IOUserClientDefaultLockingSetProperties", kBoolean, "<true/>"},
    Rule{"IOUserClientDefaultLockingSingleThreadExternalMethod", kBoolean, "<true/>"},
};

constexpr std::array kInfoRules = {
    Rule{"CFBundleName", kString, "<string>NAME</string>"},
    Rule{"CFBundleShortVersionString", kString, "<string>1.0</string>"},
    Rule{"CFBundleInfoDictionaryVersion", kString, "<string>6.0</string>"},
    Rule{"CFBundleDevelopmentRegion", kString, "<string>en</string>"},
    Rule{"CFBundleSupportedPlatforms", kStrings, "<array><string>Linux</string></array>"},
    Rule{"OSBundleUsageDescription", kString, "<string>what the driver does</string>"},
    Rule{"OSRelatedKernelExtension", kString, "<string>com.example.kext</string>"},
    Rule{"OSBundleLibraries", kDictionary,
         "<dict><key>IDENTIFIER</key><string>1.0</string></dict>"},
    Rule{"OSBundleCompatibleVersion", kString, "<string>1.0</string>"},
};

constexpr std::array<std::string_view, 5> kForbidden = {
    "OSKernelResource", "AppleSecurityExtension", "AppleKernelExternalComponent",
    "OSBundleSharedExecutableIdentifier", "OSBundleIsInterface"};

bool all_of_kind(const Value& value, Value::Kind kind) {
    return value.array() != nullptr &&
           std::all_of(value.array()->begin(), value.array()->end(),
                       [kind](const Value& v) { return v.kind() == kind; });
}

bool fits(const Value& value, unsigned shapes) {
    if ((shapes & kString) != 0 && value.string() != nullptr) return true;
    if ((shapes & kNumber) != 0 && value.number() != nullptr) return true;
    if ((shapes & kBoolean) != 0 && value.boolean() != nullptr) return true;
    if ((shapes & kFalse) != 0 && value.boolean() != nullptr && !*value.boolean()) return true;
    if ((shapes & kDictionary) != 0 && value.dictionary() != nullptr) return true;
    if ((shapes & kStrings) != 0 && all_of_kind(value, Value::Kind::string)) return true;
    if ((shapes & kDictionaries) != 0 && all_of_kind(value, Value::Kind::dictionary)) return true;
    if ((shapes & kStringLists) != 0 && value.array() != nullptr) {
        return std::all_of(value.array()->begin(), value.array()->end(),
                           [](const Value& v) { return all_of_kind(v, Value::Kind::string); });
    }
    return false;
}

std::string words(unsigned shapes) {
    static constexpr std::array<std::pair<unsigned, std::string_view>, 8> kWords = {
        {{kString, "a string"},
         {kNumber, "an integer"},
         {kBoolean, "a boolean"},
         {kDictionary, "a dictionary"},
         {kStrings, "an array of strings"},
         {kDictionaries, "an array of dictionaries"},
         {kStringLists, "an array of arrays of strings"},
         {kFalse, "false"}}};
    std::string text;
    for (const auto& [shape, word] : kWords) {
        if ((shapes & shape) == 0) continue;
        if (!text.empty()) text += " or ";
        text += word;
    }
    return text;
}

class Checker {
  public:
    explicit Checker(const Plist& plist) : plist_(plist) {}
    std::vector<Problem> take() { return std::move(problems_); }

    void info() {
        if (plist_.root.dictionary() == nullptr) {
            problem("", describe(plist_.root) +
                            " is the root, must be a dictionary: put it into <dict>");
            return;
        }
        const Dictionary& root = *plist_.root.dictionary();
        if (const std::string* type =
                required(root, "", "CFBundlePackageType", "<string>DEXT</string>");
            type != nullptr && *type != "DEXT") {
            problem("CFBundlePackageType",
                    describe(*type) +
                        ", must be DEXT for a driver extension: write <string>DEXT</string>");
        }
        const std::string* identifier =
            required(root, "", "CFBundleIdentifier", "<string>com.example.driver</string>");
        if (identifier != nullptr && expanded("CFBundleIdentifier", *identifier)) {
            if (!is_identifier(*identifier)) {
                problem("CFBundleIdentifier", describe(*identifier) +
                                                  " is no reverse-DNS name: use letters, digits, "
                                                  "'.' and '-', as in com.example.driver");
            }
            short_enough("CFBundleIdentifier", *identifier,
                         identifier->size() > kMaximumIdentifierLength
                             ? Problem::Severity::error
                             : Problem::Severity::warning);
        }
        if (const std::string* version =
                required(root, "", "CFBundleVersion", "<string>1</string>");
            version != nullptr && expanded("CFBundleVersion", *version)) {
            short_enough("CFBundleVersion", *version);
        }
        if (const std::string* executable =
                required(root, "", "CFBundleExecutable", "<string>$(EXECUTABLE_NAME)</string>");
            executable != nullptr && expanded("CFBundleExecutable", *executable) &&
            !is_file_name(*executable)) {
            problem("CFBundleExecutable", describe(*executable) +
                                              " is no plain file name: give the name of the file "
                                              "in the bundle, without a folder");
        }
        if (find(root, "CFBundleShortVersionString") == nullptr) {
            problem("CFBundleShortVersionString",
                    "is missing: add <key>CFBundleShortVersionString</key><string>1.0</string>",
                    Problem::Severity::warning);
        }
        for (const auto& key : kForbidden) {
            if (find(root, key) != nullptr)
                problem(std::string(key),
                        "belongs to kernel extensions and makes a dext invalid: remove it");
        }
        for (const Rule& rule : kInfoRules) shape(root, "", rule);
        personalities(root, identifier);
    }

    void entitlements() {
        if (plist_.root.dictionary() != nullptr) return;
        problem("",
                describe(plist_.root) + " is the root, must be a dictionary: put it into <dict>");
    }

  private:
    void personalities(const Dictionary& root, const std::string* identifier) {
        const Value* all = find(root, "IOKitPersonalities");
        if (all == nullptr) {
            problem("IOKitPersonalities",
                    "is missing, so the driver would never start: add a dictionary with one "
                    "dictionary per device to match");
            return;
        }
        if (all->dictionary() == nullptr) {
            problem("IOKitPersonalities", describe(*all) +
                                              ", must be a dictionary of dictionaries: write "
                                              "<dict><key>NAME</key><dict>…</dict></dict>");
            return;
        }
        if (all->dictionary()->empty()) {
            problem("IOKitPersonalities",
                    "has no personality, so the driver would never start: add a dictionary with "
                    "what to match");
        }
        for (const auto& [name, value] : *all->dictionary()) {
            const std::string path = "IOKitPersonalities/" + name;
            if (value.dictionary() == nullptr) {
                problem(path, describe(value) +
                                  ", must be a dictionary: write <dict> with IOClass, IOUserClass, "
                                  "IOProviderClass and IOUserServerName");
                continue;
            }
            personality(path, *value.dictionary(), identifier);
        }
    }

    void personality(const std::string& path, const Dictionary& p, const std::string* identifier) {
        // Wrong types are told by the loop below; here only what is absent or has a wrong content.
        for (const std::string_view key :
             {"IOClass", "IOUserClass", "IOProviderClass", "IOUserServerName"}) {
            const auto rule = std::find_if(kPersonalityRules.begin(), kPersonalityRules.end(),
                                           [&](const Rule& r) { return r.key == key; });
            const Value* value = find(p, key);
            if (value == nullptr) {
                problem(path + "/" + std::string(key), "is missing: add <key>" + std::string(key) +
                                                           "</key>" + std::string(rule->example));
            } else if (value->string() != nullptr && value->string()->empty()) {
                problem(path + "/" + std::string(key),
                        "is empty: write " + std::string(rule->example));
            } else if (value->string() != nullptr) {
                expanded(path + "/" + std::string(key), *value->string());
            }
        }
        for (const Rule& rule : kPersonalityRules) shape(p, path, rule);
        if (const std::string* provider = find_string(p, "IOProviderClass");
            provider != nullptr && *provider == "IOResources") {
            problem(path + "/IOProviderClass",
                    "\"IOResources\" takes no driver extensions: use IOUserResources");
        }
        if (const std::string* own = find_string(p, "CFBundleIdentifier");
            own != nullptr && identifier != nullptr && *own != *identifier &&
            expanded(path + "/CFBundleIdentifier", *own)) {
            problem(path + "/CFBundleIdentifier",
                    describe(*own) + " is not the bundle's own identifier \"" + *identifier +
                        "\": write that, or remove the key");
        }
        if (const Number* score = find_number(p, "IOProbeScore"); score != nullptr) {
            const int64_t value = score->as_signed();
            if (value < std::numeric_limits<int32_t>::min() ||
                value > std::numeric_limits<int32_t>::max()) {
                problem(path + "/IOProbeScore", describe(*find(p, "IOProbeScore")) +
                                                    " does not fit into 32 bits: use a number "
                                                    "between -2147483648 and 2147483647");
            }
        }
        for (const auto& [key, value] : p) {
            if (value.dictionary() != nullptr)
                client_dictionary(path + "/" + key, *value.dictionary(), 0);
        }
    }

    /// A dictionary with a class in it is one for Create(); it may hold further ones.
    void client_dictionary(const std::string& path, const Dictionary& d, int depth) {
        if (depth > 8) return;
        if (find(d, "IOUserClass") != nullptr) {
            for (const std::string_view key : {"IOClass", "IOUserClass"}) {
                if (find(d, key) == nullptr) {
                    problem(path + "/" + std::string(key),
                            "is missing: add <key>IOClass</key><string>IOUserUserClient</string> "
                            "(IOUserService for an object that is no user client)");
                }
            }
            for (const Rule& rule : kClientRules) shape(d, path, rule);
        }
        for (const auto& [key, value] : d) {
            if (value.dictionary() != nullptr)
                client_dictionary(path + "/" + key, *value.dictionary(), depth + 1);
        }
    }

    void shape(const Dictionary& d, const std::string& path, const Rule& rule) {
        const Value* value = find(d, rule.key);
        if (value == nullptr || fits(*value, rule.shapes)) return;
        const std::string below =
            path.empty() ? std::string(rule.key) : path + "/" + std::string(rule.key);
        problem(below, describe(*value) + ", must be " + words(rule.shapes) + ": write " +
                           std::string(rule.example));
    }

    const std::string* required(const Dictionary& d, const std::string& path, std::string_view key,
                                std::string_view example) {
        const Value* value = find(d, key);
        const std::string below = path.empty() ? std::string(key) : path + "/" + std::string(key);
        if (value == nullptr) {
            problem(below,
                    "is missing: add <key>" + std::string(key) + "</key>" + std::string(example));
            return nullptr;
        }
        if (value->string() == nullptr) {
            problem(below, describe(*value) + ", must be a string: write " + std::string(example));
            return nullptr;
        }
        if (value->string()->empty()) {
            problem(below, "is empty: write " + std::string(example));
            return nullptr;
        }
        return value->string();
    }

    bool expanded(const std::string& path, const std::string& text) {
        if (text.find("$(") == std::string::npos && text.find("${") == std::string::npos)
            return true;
        problem(
            path,
            describe(text) +
                " has a build variable that was not replaced: build the dext with: opendext build");
        return false;
    }

    void short_enough(const std::string& path, const std::string& text,
                      Problem::Severity severity = Problem::Severity::error) {
        if (text.size() <= kMaximumNameLength) return;
        problem(
            path,
            describe(text) + " has " + std::to_string(text.size()) + " characters: use at most 63",
            severity);
    }

    void problem(const std::string& path, const std::string& what,
                 Problem::Severity severity = Problem::Severity::error) {
        const std::string shown = path.empty() ? what : path + ": " + what;
        problems_.push_back({severity, path, plist_.where(path) + ": " + shown});
    }

    const Plist& plist_;
    std::vector<Problem> problems_;
};

}  // namespace

std::string_view to_string(Problem::Severity severity) {
    return severity == Problem::Severity::error ? "error" : "warning";
}

bool is_file_name(std::string_view text) {
    constexpr size_t kLongest = 200;  // what is derived from it has to be a file name, too
    return !text.empty() && text.size() <= kLongest && text.front() != '.' &&
           text.find('/') == std::string_view::npos &&
           std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

bool is_identifier(std::string_view text) {
    return !text.empty() && text.front() != '.' && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
           });
}

std::vector<Problem> check_info(const Plist& info) {
    Checker checker(info);
    checker.info();
    return checker.take();
}

std::vector<Problem> check_entitlements(const Plist& entitlements) {
    Checker checker(entitlements);
    checker.entitlements();
    return checker.take();
}

Status first_error(const std::vector<Problem>& problems) {
    for (const Problem& problem : problems) {
        if (problem.severity == Problem::Severity::error)
            return Error{Errc::invalid, 0, problem.message};
    }
    return success();
}

}  // namespace opendext::bundle
