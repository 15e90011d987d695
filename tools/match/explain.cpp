// SPDX-License-Identifier: Apache-2.0
#include "tools/match/explain.h"

#include <algorithm>
#include <map>
#include <set>

#include "bundle/plist.h"
#include "tools/common/nearest_name.h"

namespace opendext::match {
namespace {

namespace client = protocol::client;
using tools::DaemonClient;
using tools::RegistryImage;
using tools::text_of_id;

constexpr size_t kMostCandidates = 3;

/// Keys of a personality that are for the driver, not for the match.
const std::set<std::string, std::less<>> kNoCondition{
    "CFBundleIdentifier", "CFBundleIdentifierKernel", "IOClass", "IOUserClass", "IOUserServerName",
    "IOProbeScore",       "IOMatchCategory"};
/// Keys that opendextd tests for every entry; the others are its family's, which reads them
/// together.
const std::set<std::string, std::less<>> kGeneral{"IOProviderClass",
                                                  "IONameMatch",
                                                  "IOLocationMatch",
                                                  "IOPropertyMatch",
                                                  "IOPropertyExistsMatch",
                                                  "IOPathMatch",
                                                  "IORegistryEntryID",
                                                  "IOMatchedServiceCountMatch",
                                                  "IOParentMatch",
                                                  "IOResourceMatch",
                                                  "BSD Name",
                                                  "BSD Major",
                                                  "BSD Minor",
                                                  "BSD Unit"};

Result<std::vector<uint64_t>> ask(DaemonClient& daemon, const Dictionary& matching) {
    return OD_TRY(daemon.request<client::Entries>(client::Match{matching, 0})).ids;
}

std::string services(size_t count) {
    return std::to_string(count) + (count == 1 ? " service" : " services");
}

/// What the entry has where the condition wants something else.
std::string reason(const client::Entry& entry, const Condition& condition) {
    const auto& [key, wanted] = *condition.part.begin();
    const auto compare = [&](const std::string& name, const Value& value) {
        const auto found = entry.properties.find(name);
        if (found == entry.properties.end()) return "it has no property " + name;
        return "its " + name + " is " + bundle::describe(found->second) + ", not " +
               bundle::describe(value);
    };
    if (key == "IOProviderClass") {
        return "its class is " + entry.class_name + ", not " + bundle::describe(wanted) +
               " or derived from it";
    }
    if (key == "IONameMatch")
        return "its name is \"" + entry.name + "\", not " + bundle::describe(wanted);
    if (key == "IORegistryEntryID") return "its id is " + text_of_id(entry.id);
    if (key == "IOPropertyMatch" && wanted.dictionary() != nullptr &&
        wanted.dictionary()->size() == 1) {
        const auto& [name, value] = *wanted.dictionary()->begin();
        return compare(name, value);
    }
    if (key.starts_with("BSD ")) return compare(key, wanted);
    if (key == "IOPropertyExistsMatch" && wanted.string() != nullptr)
        return "it has no property " + *wanted.string();
    return condition.key + " does not fit";
}

/// What may be wrong with the dictionary itself.
void add_hints(Answer& answer, const std::map<uint64_t, client::Entry>& entries) {
    std::set<std::string> classes;
    std::set<std::string> names;
    for (const auto& [id, entry] : entries) {
        classes.merge(tools::classes_of(entry));
        names.insert(entry.name);
    }
    const auto misspelt = [&](const Condition& condition, const std::set<std::string>& known,
                              const char* what) {
        const std::string* wanted = condition.part.begin()->second.string();
        if (condition.selected > 0 || wanted == nullptr) return;
        const std::string near = tools::nearest_name(*wanted, known);
        answer.hints.push_back("no service has the " + std::string(what) + " " + *wanted +
                               (near.empty() ? "" : "; did you mean " + near + "?"));
    };
    for (const Condition& condition : answer.conditions) {
        if (condition.key == "IOProviderClass") {
            const std::string* wanted = condition.part.begin()->second.string();
            misspelt(condition, classes, "class");
            for (const auto& [id, entry] : entries) {
                const bool of_class =
                    wanted != nullptr && tools::classes_of(entry).contains(*wanted);
                if (!of_class || (entry.flags & client::kEntryRegistered) != 0) continue;
                answer.hints.push_back(entry.name + " (" + text_of_id(id) + ") is of class " +
                                       *wanted +
                                       " and not registered: its driver has not called "
                                       "RegisterService" +
                                       (entry.state.empty() ? "" : "; it is " + entry.state));
            }
        }
        if (condition.key == "IONameMatch") misspelt(condition, names, "name");
    }
    if (answer.conditions.empty())
        answer.hints.emplace_back("the dictionary has no key that selects anything");
}

}  // namespace

std::vector<Condition> conditions_of(const Dictionary& matching) {
    std::vector<Condition> conditions;
    Dictionary of_family;
    std::string family_keys;
    for (const auto& [key, value] : matching) {
        if (kNoCondition.contains(key)) continue;
        if (!kGeneral.contains(key)) {
            of_family.emplace(key, value);
            family_keys += (family_keys.empty() ? "" : ", ") + key;
            continue;
        }
        const Dictionary* properties = key == "IOPropertyMatch" ? value.dictionary() : nullptr;
        if (properties == nullptr || properties->empty()) {
            conditions.push_back({key, {{key, value}}});
            continue;
        }
        for (const auto& [name, wanted] : *properties)
            conditions.push_back({key + "/" + name, {{key, Dictionary{{name, wanted}}}}});
    }
    if (!of_family.empty()) conditions.push_back({family_keys, std::move(of_family)});
    return conditions;
}

Result<Answer> explain(DaemonClient& daemon, const RegistryImage& image,
                       const Dictionary& matching) {
    Answer answer;
    answer.matching = matching;
    const std::vector<uint64_t> selected = OD_TRY(ask(daemon, matching));
    const auto candidate = [&](uint64_t id) {
        return Candidate{image.entries.at(id), image.path(id), {}};
    };
    for (const uint64_t id : selected) {
        if (image.entries.contains(id)) answer.selected.push_back(candidate(id));
    }
    if (!selected.empty()) return answer;

    answer.conditions = conditions_of(matching);
    std::map<uint64_t, std::vector<const Condition*>> failed;
    for (const uint64_t id : OD_TRY(ask(daemon, {}))) failed[id];
    for (Condition& condition : answer.conditions) {
        const std::vector<uint64_t> fulfil = OD_TRY(ask(daemon, condition.part));
        const std::set<uint64_t> those(fulfil.begin(), fulfil.end());
        condition.selected = those.size();
        for (auto& [id, list] : failed) {
            if (!those.contains(id)) list.push_back(&condition);
        }
    }
    size_t fewest = answer.conditions.size();
    for (const auto& [id, list] : failed) fewest = std::min(fewest, list.size());
    // Who fails all of them is near to nothing.
    const bool near = fewest < answer.conditions.size() || answer.conditions.size() == 1;
    for (const auto& [id, list] : failed) {
        if (!near || list.size() != fewest || !image.entries.contains(id)) continue;
        if (answer.conditions.size() == 1 && answer.nearest.size() >= kMostCandidates) break;
        Candidate next = candidate(id);
        for (const Condition* condition : list)
            next.failed.push_back(condition->key + ": " + reason(next.entry, *condition));
        answer.nearest.push_back(std::move(next));
        if (answer.nearest.size() == kMostCandidates) break;
    }
    add_hints(answer, image.entries);
    // A family reads its keys together, so each is tried by leaving it out.
    for (const auto& [key, value] : matching) {
        if (kNoCondition.contains(key) || kGeneral.contains(key)) continue;
        Dictionary rest = matching;
        rest.erase(key);
        const size_t count = OD_TRY(ask(daemon, rest)).size();
        if (count > 0) answer.hints.push_back("without " + key + " it selects " + services(count));
    }
    return answer;
}

namespace {

std::string line_of(const Candidate& candidate) {
    const client::Entry& entry = candidate.entry;
    std::string text = entry.name + "  <" + entry.class_name + ">  id " + text_of_id(entry.id);
    if (entry.server_pid != 0) text += "  process " + std::to_string(entry.server_pid);
    return text + "  " + candidate.path + "\n";
}

Value value_of(const Candidate& candidate) {
    const client::Entry& entry = candidate.entry;
    Array failed(candidate.failed.begin(), candidate.failed.end());
    return Dictionary{{"id", entry.id},
                      {"name", entry.name},
                      {"class", entry.class_name},
                      {"path", candidate.path},
                      {"pid", static_cast<int64_t>(entry.server_pid)},
                      {"failed", std::move(failed)}};
}

}  // namespace

std::string to_text(const Answer& answer) {
    std::string text;
    for (const Candidate& candidate : answer.selected) text += line_of(candidate);
    if (!answer.selected.empty()) return text;
    text = "no service matches\n";
    for (const Condition& condition : answer.conditions) {
        const char* verb = condition.selected == 1 ? " fulfils it\n" : " fulfil it\n";
        text += "  " + condition.key + ": " +
                (condition.selected == 0 ? "no service fulfils it\n"
                                         : services(condition.selected) + verb);
    }
    for (const Candidate& candidate : answer.nearest) {
        text += "nearest: " + line_of(candidate);
        for (const std::string& sentence : candidate.failed) text += "  " + sentence + "\n";
    }
    for (const std::string& hint : answer.hints) text += "hint: " + hint + "\n";
    return text;
}

Value to_value(const Answer& answer) {
    Array selected;
    for (const Candidate& candidate : answer.selected) selected.push_back(value_of(candidate));
    Array conditions;
    for (const Condition& condition : answer.conditions) {
        conditions.push_back(Dictionary{{"key", condition.key},
                                        {"selected", static_cast<uint64_t>(condition.selected)}});
    }
    Array nearest;
    for (const Candidate& candidate : answer.nearest) nearest.push_back(value_of(candidate));
    return Dictionary{{"matching", answer.matching},
                      {"selected", std::move(selected)},
                      {"conditions", std::move(conditions)},
                      {"nearest", std::move(nearest)},
                      {"hints", Array(answer.hints.begin(), answer.hints.end())}};
}

}  // namespace opendext::match
