// SPDX-License-Identifier: Apache-2.0
#include "tools/explain/examine.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "bundle/bundle.h"
#include "bundle/plist.h"
#include "tools/common/nearest_name.h"

namespace opendext::explain {

namespace client = protocol::client;
using tools::text_of_id;

namespace {

constexpr size_t kMostCrashes = 3;

std::string text_field(const Dictionary& table, std::string_view key) {
    const std::string* text = find_string(table, key);
    return text == nullptr ? "" : *text;
}

std::optional<uint64_t> number(std::string_view text, int base) {
    uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || stop != text.data() + text.size() || error != std::errc{})
        return std::nullopt;
    return value;
}

std::vector<doctor::Feature> lacking_features() {
    std::vector<doctor::Feature> features = doctor::examine_machine();
    std::erase_if(features, [](const doctor::Feature& feature) {
        return feature.present || feature.need == doctor::Need::reach;
    });
    return features;
}

}  // namespace

Result<std::vector<client::LoosePersonality>> read_bundle(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(path, error);
    const bundle::Bundle bundle = OD_TRY(bundle::Bundle::open(whole));
    std::vector<client::LoosePersonality> all;
    for (const auto& [name, table] : bundle.personalities()) {
        client::LoosePersonality loose{bundle.identifier(), name, table, bundle.entitlements(), {}};
        for (const auto& chain : bundle.classes()) loose.classes.push_back(chain.front());
        all.push_back(std::move(loose));
    }
    return all;
}

Result<Examiner> Examiner::begin(const Realm& realm) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext explain"));
    Examiner examiner(realm, std::move(daemon));
    examiner.activity_ =
        OD_TRY(examiner.daemon_.request<client::ActivityIs>(client::GetActivity{}));
    examiner.image_ = OD_TRY(tools::read_registry(examiner.daemon_));
    return examiner;
}

Result<client::Explained> Examiner::ask(client::Explain request) {
    auto explained = OD_TRY(daemon_.request<client::Explained>(std::move(request)));
    policy_ = explained.policy;
    return explained;
}

std::vector<Crash> Examiner::crashes_of(const std::string& bundle_id) {
    if (!reports_) {
        std::vector<std::string> problems;  // `opendext crash ls` tells of them
        reports_ = crash_tool::read_reports(realm_.crashes(), problems);
    }
    std::vector<Crash> crashes;
    for (auto report = reports_->rbegin(); report != reports_->rend(); ++report) {
        if (crashes.size() == kMostCrashes) break;
        if (report->bundle == bundle_id)
            crashes.push_back({report->path.string(), report->time, report->text});
    }
    return crashes;
}

void Examiner::add_holders(Subject& subject, uint64_t service) const {
    for (const client::ClientActivity& one : activity_.clients) {
        client::ClientActivity of_service = one;
        std::erase_if(of_service.connections,
                      [&](const auto& open) { return open.service != service; });
        std::erase_if(of_service.refused, [&](const auto& open) { return open.entry != service; });
        if (!of_service.connections.empty() || !of_service.refused.empty())
            subject.clients.push_back(std::move(of_service));
    }
    for (const client::Wait& wait : activity_.waits) {
        if (wait.entry == service) subject.waits.push_back(wait);
    }
}

void Examiner::add_facts(Subject& subject, const client::Entry& entry) const {
    const bool registered = (entry.flags & client::kEntryRegistered) != 0;
    subject.facts.push_back("it is " + (entry.state.empty() ? "there" : entry.state) +
                            (registered ? "" : ": programs do not find it") +
                            ((entry.flags & client::kEntryActive) != 0 ? "" : "; it is going") +
                            (entry.busy == 0 ? "" : ", busy " + std::to_string(entry.busy)));
    const Value* matched = find(entry.properties, "IOMatchedPersonality");
    if (matched != nullptr && matched->dictionary() != nullptr) {
        const auto parent = image_.parents.find(entry.id);
        const client::Entry* below =
            parent == image_.parents.end() ? nullptr : image_.find(parent->second);
        subject.facts.push_back(
            "it drives " +
            (below == nullptr ? "nothing" : below->name + " (" + text_of_id(below->id) + ")") +
            " for " + text_field(*matched->dictionary(), "CFBundleIdentifier") + ", class " +
            text_field(entry.properties, "IOUserClass") + ", category " +
            text_field(entry.properties, "IOMatchCategory"));
    }
    if (entry.server_pid != 0)
        subject.facts.push_back("its process is " + std::to_string(entry.server_pid));
    for (const auto& [key, value] : entry.properties) {
        if (key.starts_with("OpenDext")) subject.rights.emplace(key, value);
    }
}

Result<Subject> Examiner::entry(uint64_t id) {
    const client::Entry* entry = image_.find(id);
    if (entry == nullptr)
        return Error{Errc::not_found, 0, "there is no registry entry " + text_of_id(id)};
    Subject subject;
    subject.kind = SubjectKind::entry;
    subject.title = entry->name + "  <" + entry->class_name + ">  id " + text_of_id(id) + "  " +
                    image_.path(id);
    add_facts(subject, *entry);
    if ((entry->flags & client::kEntryService) != 0) {
        client::Explain request;
        request.provider = id;
        auto explained = OD_TRY(ask(std::move(request)));
        subject.standings = std::move(explained.standings);
        subject.truncated = explained.truncated;
        if (subject.standings.empty())
            subject.facts.emplace_back("no personality that is installed names a class of it");
    }
    for (const client::DriverActivity& one : activity_.drivers) {
        if (one.pid == entry->server_pid && one.pid != 0) {
            subject.drivers.push_back(one);
            subject.crashes = crashes_of(one.bundle_id);
            subject.lacking = lacking_features();
        }
    }
    add_holders(subject, id);
    return subject;
}

Subject Examiner::driver(const client::DriverActivity& driver) {
    Subject subject;
    subject.kind = SubjectKind::driver;
    subject.title = driver.server_name + "[" + std::to_string(driver.pid) + "]";
    subject.drivers.push_back(driver);
    for (const uint64_t id : driver.objects) {
        const client::Entry* entry = image_.find(id);
        if (entry == nullptr) continue;
        subject.facts.push_back("hosts " + entry->name + " (" + text_of_id(id) + "), " +
                                entry->state);
        for (const auto& [key, value] : entry->properties) {
            if (key.starts_with("OpenDext")) subject.rights.insert_or_assign(key, value);
        }
        add_holders(subject, id);
    }
    // What the process as a whole may do stands at its IOUserServer.
    for (const auto& [id, entry] : image_.entries) {
        if (entry.server_pid != driver.pid || entry.class_name != "IOUserServer") continue;
        for (const auto& [key, value] : entry.properties) {
            if (key.starts_with("OpenDext")) subject.rights.insert_or_assign(key, value);
        }
    }
    for (const client::Wait& wait : activity_.waits) {
        const bool told =
            std::any_of(subject.waits.begin(), subject.waits.end(), [&](const client::Wait& one) {
                return one.entry == wait.entry && one.what == wait.what;
            });
        if (wait.pid == driver.pid && !told) subject.waits.push_back(wait);
    }
    subject.crashes = crashes_of(driver.bundle_id);
    subject.lacking = lacking_features();
    return subject;
}

Subject Examiner::program(const client::ClientActivity& client) const {
    Subject subject;
    subject.kind = SubjectKind::client;
    subject.title = client.program + "[" + std::to_string(client.pid) + "]";
    if (client.connections.empty()) subject.facts.emplace_back("it has nothing open");
    for (const auto& open : client.connections) {
        const client::Entry* entry = image_.find(open.service);
        if (entry != nullptr) {
            subject.facts.push_back("has " + entry->name + " (" + text_of_id(entry->id) +
                                    ") open, whose process is " +
                                    std::to_string(entry->server_pid));
        }
    }
    std::string entitlements;
    for (const auto& [key, value] : client.entitlements)
        entitlements += (entitlements.empty() ? "" : ", ") + key;
    subject.facts.push_back(entitlements.empty() ? "no list of the realm grants it an entitlement"
                                                 : "the realm grants it " + entitlements);
    subject.clients.push_back(client);
    const std::string who = client.program + "[" + std::to_string(client.pid) + "]";
    for (const client::Wait& wait : activity_.waits) {
        if (wait.who == who) subject.waits.push_back(wait);
    }
    return subject;
}

std::vector<uint64_t> Examiner::entries_named(const std::string& word) {
    std::vector<uint64_t> found;
    if (word.starts_with("0x")) {
        const auto id = number(word.substr(2), 16);
        if (id && image_.find(*id) != nullptr) found.push_back(*id);
        return found;
    }
    if (word.find(":/") != std::string::npos || word.starts_with("/")) {
        const auto resolved = daemon_.request<client::Resolved>(
            client::Resolve{word.starts_with("/") ? "IOService:" + word : word});
        if (resolved.ok()) found.push_back(resolved->id);
        return found;
    }
    for (const auto& [id, entry] : image_.entries) {
        const Value* own = find(entry.properties, "IOUserClass");
        const bool of_class =
            entry.class_name == word ||
            (own != nullptr && own->string() != nullptr && *own->string() == word);
        if (entry.name == word || of_class) found.push_back(id);
    }
    return found;
}

Result<uint64_t> Examiner::entry_named(const std::string& word) {
    const std::vector<uint64_t> found = entries_named(word);
    if (found.size() == 1) return found.front();
    std::string ids;
    for (const uint64_t id : found) ids += (ids.empty() ? ": " : ", ") + text_of_id(id);
    return Error{Errc::not_found, 0,
                 found.empty() ? "there is no registry entry " + word
                               : "several entries are called " + word + ids};
}

Error Examiner::unknown(const std::string& word) const {
    std::set<std::string> known;
    for (const auto& [id, entry] : image_.entries) {
        known.insert(entry.name);
        known.merge(tools::classes_of(entry));
    }
    for (const client::ClientActivity& one : activity_.clients) known.insert(one.program);
    for (const client::DriverActivity& one : activity_.drivers) known.insert(one.server_name);
    const std::string near = tools::nearest_name(word, known);
    const bool process = number(word, 10).has_value();
    return Error{Errc::not_found, 0,
                 process ? "process " + word + " is neither a driver nor a program of this realm"
                         : word + " is no entry, personality, program or process of this realm" +
                               (near.empty() ? "; ioreg and systemextensionsctl list show what "
                                               "there is, opendext explain --bundle BUNDLE.dext "
                                               "explains one that is not installed"
                                             : "; did you mean " + near + "?")};
}

Result<Subject> Examiner::personality(const std::string& name) {
    client::Explain request;
    request.personality = name;
    auto explained = OD_TRY(ask(std::move(request)));
    Subject subject;
    subject.kind = SubjectKind::personality;
    subject.title = name;
    subject.truncated = explained.truncated;
    subject.standings = std::move(explained.standings);
    std::set<std::string> bundles;
    for (const client::Standing& one : subject.standings) bundles.insert(one.bundle_id);
    for (const std::string& bundle : bundles) {
        for (Crash& crash : crashes_of(bundle)) subject.crashes.push_back(std::move(crash));
    }
    return subject;
}

Result<std::vector<Subject>> Examiner::explain(const std::string& word) {
    std::vector<Subject> subjects;
    const auto pid = number(word, 10);
    std::string meant;
    if (!pid) {
        Result<Subject> named = personality(word);
        if (named.ok()) {
            subjects.push_back(std::move(named).value());
        } else {
            meant = named.error().message;
        }
        for (const uint64_t id : entries_named(word)) subjects.push_back(OD_TRY(entry(id)));
    }
    const auto is_meant = [&](int32_t its_pid, const std::string& name) {
        return (pid && static_cast<uint64_t>(its_pid) == *pid) || name == word;
    };
    for (const client::DriverActivity& one : activity_.drivers) {
        if (is_meant(one.pid, one.server_name)) subjects.push_back(driver(one));
    }
    for (const client::ClientActivity& one : activity_.clients) {
        if (is_meant(one.pid, one.program)) subjects.push_back(program(one));
    }
    if (!subjects.empty()) return subjects;
    Error error = unknown(word);
    const bool guessed = error.message.find("did you mean") != std::string::npos;
    if (!guessed && meant.find("did you mean") != std::string::npos) error.message = meant;
    return error;
}

Result<Subject> Examiner::bundle(const std::filesystem::path& path, uint64_t provider) {
    Subject subject;
    subject.kind = SubjectKind::bundle;
    subject.title = path.string();
    client::Explain request;
    request.provider = provider;
    request.loose = OD_TRY(read_bundle(path));
    auto explained = OD_TRY(ask(std::move(request)));
    subject.standings = std::move(explained.standings);
    subject.truncated = explained.truncated;
    return subject;
}

Result<Subject> explain_saved(const SavedRegistry& saved, const std::filesystem::path& bundle,
                              const std::string& provider) {
    Subject subject;
    subject.kind = SubjectKind::bundle;
    subject.title = bundle.string();
    client::Explain request;
    request.loose = OD_TRY(read_bundle(bundle));
    if (!provider.empty()) {
        const auto found = saved.named(provider);
        if (found.empty())
            return Error{Errc::not_found, 0, "the saved registry has no entry " + provider};
        request.provider = found.front()->id;
    }
    auto explained = saved.explain(request);
    subject.standings = std::move(explained.standings);
    return subject;
}

}  // namespace opendext::explain
