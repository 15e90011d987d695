// SPDX-License-Identifier: Apache-2.0
#include "tools/doctor/extension.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "rpc/protocol/explain.h"
#include "tools/common/json.h"
#include "tools/common/nearest_name.h"
#include "tools/match/explain.h"
#include "tools/opendext/log_reader.h"

namespace opendext::doctor {

namespace client = protocol::client;
using client::ExtensionInfo;
using tools::text_of_id;

namespace {

std::string text_field(const Dictionary& table, std::string_view key) {
    const std::string* text = find_string(table, key);
    return text == nullptr ? "" : *text;
}

/// Whether two personalities are the same in what tells personalities of a bundle apart.
bool same_personality(const Dictionary& a, const Dictionary& b) {
    for (const char* key :
         {"CFBundleIdentifier", "IOUserClass", "IOProviderClass", "IOMatchCategory",
          "IOUserServerName", "IONameMatch", "IOPropertyMatch"}) {
        const Value* of_a = find(a, key);
        const Value* of_b = find(b, key);
        if ((of_a == nullptr) != (of_b == nullptr)) return false;
        if (of_a != nullptr && !(*of_a == *of_b)) return false;
    }
    return true;
}

/// A crash report; empty where the file is none.
Dictionary read_report(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    Result<Value> report = tools::parse_json(text.str());
    return report.ok() && report->dictionary() != nullptr ? std::move(*report->dictionary())
                                                          : Dictionary();
}

/// Whether an object of that class was in the process.
bool was_in(const Dictionary& report, const std::string& user_class) {
    const Value* objects = find(report, "objects");
    if (objects == nullptr || objects->array() == nullptr) return false;
    return std::any_of(objects->array()->begin(), objects->array()->end(), [&](const Value& each) {
        return each.dictionary() != nullptr &&
               text_field(*each.dictionary(), "class") == user_class;
    });
}

}  // namespace

std::string_view to_string(Link link) {
    switch (link) {
        case Link::none:
            return "none";
        case Link::realm:
            return "realm";
        case Link::name:
            return "name";
        case Link::installed:
            return "installed";
        case Link::enabled:
            return "enabled";
        case Link::matched:
            return "matched";
        case Link::started:
            return "started";
        case Link::quarantined:
            return "quarantined";
        case Link::process:
            return "process";
        case Link::registered:
            return "registered";
        case Link::access:
            return "access";
    }
    return "unknown";
}

bool Diagnosis::healthy() const {
    return std::all_of(findings.begin(), findings.end(),
                       [](const Finding& finding) { return finding.broken == Link::none; });
}

Result<Examination> Examination::begin(const Realm& realm, std::optional<uint32_t> try_open) {
    auto daemon = OD_TRY(tools::DaemonClient::connect(realm, "opendext doctor"));
    Examination examination(realm, std::move(daemon), try_open);
    examination.extensions_ =
        OD_TRY(examination.daemon_.request<client::Extensions>(client::ListExtensions{}))
            .extensions;
    examination.image_ = OD_TRY(tools::read_registry(examination.daemon_));
    tools::LogReader log(realm.log());
    // Without a log there are fewer words, not fewer answers.
    (void)log.read([&examination](std::string_view text) { examination.read_log_line(text); });
    return examination;
}

void Examination::read_log_line(std::string_view text) {
    const Result<Value> line = tools::parse_json(text);
    if (!line.ok() || line->dictionary() == nullptr) return;
    const Dictionary& fields = *line->dictionary();
    const std::string bundle = text_field(fields, "bundle");
    if (bundle.empty()) return;
    Notes& notes = notes_[bundle];
    const std::string message = text_field(fields, "message");
    const std::string category = text_field(fields, "category");
    constexpr std::string_view kRegistered = "registered: ";
    if (category == "lifecycle" && message.starts_with(kRegistered)) {
        const std::string name = message.substr(
            kRegistered.size(), message.find(' ', kRegistered.size()) - kRegistered.size());
        notes.error.clear();
        notes.refusal.clear();
        notes.registered[name] = text_field(fields, "time");
    }
    if (text_field(fields, "level") != "error") return;
    (category == "open" ? notes.refusal : notes.error) = message;
}

/// The newest crash of an object of that class since one was registered last.
std::optional<Examination::Crash> Examination::last_crash(const std::string& bundle_id,
                                                          const std::string& user_class) const {
    std::string since;
    if (const auto notes = notes_.find(bundle_id); notes != notes_.end()) {
        const auto registered = notes->second.registered.find(user_class);
        if (registered != notes->second.registered.end()) since = registered->second;
    }
    std::optional<Crash> newest;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(realm_.crashes(), error)) {
        const Dictionary report = read_report(file.path());
        const std::string time = text_field(report, "time");
        if (text_field(report, "bundle") != bundle_id || !was_in(report, user_class) ||
            time <= since || (newest && time <= newest->time))
            continue;
        newest = Crash{file.path().string(), time, text_field(report, "text")};
    }
    return newest;
}

void Examination::note_crash(Finding& finding, const Crash& crash, const std::string& bundle_id) {
    finding.broken = Link::process;
    finding.report = crash.report;
    finding.text += "its process ended: " + crash.text;
    finding.fix = "read the report, and opendext logs " + bundle_id;
}

const client::Entry* Examination::instance_of(const Dictionary& personality) const {
    for (const auto& [id, entry] : image_.entries) {
        const Value* matched = find(entry.properties, "IOMatchedPersonality");
        if (matched != nullptr && matched->dictionary() != nullptr &&
            same_personality(*matched->dictionary(), personality)) {
            return &entry;
        }
    }
    return nullptr;
}

void Examination::check_access(Finding& finding, const client::Entry& entry,
                               const std::string& bundle_id) {
    const auto refused = [&](const std::string& reason) {
        finding.broken = Link::access;
        finding.text = reason;
        finding.fix = "grant the entitlement that is named in " + realm_.programs().string() +
                      "/NAME.plist, or let the dext have "
                      "com.apple.developer.driverkit.allow-any-userclient-access";
    };
    if (try_open_) {
        const auto opened = daemon_.request<client::Opened>(client::Open{entry.id, *try_open_});
        if (opened.ok()) {
            (void)daemon_.request<client::Reply>(client::Close{opened->connection});
            finding.text += "; opened and closed";
            return;
        }
        refused("IOServiceOpen of " + entry.name + ": " + opened.error().text());
        constexpr uint32_t kNotPrivileged = 0xe00002c1;
        constexpr uint32_t kNotPermitted = 0xe00002e2;
        const auto code = static_cast<uint32_t>(opened.error().number);
        if (code != kNotPrivileged && code != kNotPermitted)
            finding.fix = "see: opendext errno " + std::to_string(code);
        return;
    }
    const auto notes = notes_.find(bundle_id);
    if (notes == notes_.end() || notes->second.refusal.empty()) return;
    if (notes->second.refusal.find("IOServiceOpen of " + entry.name + " is refused") ==
        std::string::npos)
        return;
    refused("since it was registered an application was refused: " + notes->second.refusal);
}

Finding Examination::running(Finding finding, const client::Entry& entry,
                             const std::string& bundle_id) {
    finding.entry = entry.id;
    finding.pid = entry.server_pid;
    const bool has_driver = find(entry.properties, "IOUserServerName") != nullptr &&
                            find(entry.properties, "IOUserClass") != nullptr;
    const std::string who = entry.name + " (" + text_of_id(entry.id) + ")";
    const bool registered = (entry.flags & client::kEntryRegistered) != 0;
    if (has_driver && (entry.server_pid == 0 || !registered)) {
        if (const auto crash = last_crash(bundle_id, text_field(entry.properties, "IOUserClass"))) {
            finding.text = who + " is " + entry.state + ", and ";
            note_crash(finding, *crash, bundle_id);
            return finding;
        }
    }
    if (!registered) {
        finding.broken = Link::registered;
        finding.text = who + " is " + (entry.state.empty() ? "not registered" : entry.state) +
                       ": programs do not find it";
        finding.fix =
            entry.state == "started" || entry.state.empty()
                ? "its Start has to call RegisterService when it is ready"
                : "it may hang; see opendext logs" + (bundle_id.empty() ? "" : " " + bundle_id);
        return finding;
    }
    finding.text = who + " is registered";
    if (entry.server_pid != 0) finding.text += ", process " + std::to_string(entry.server_pid);
    check_access(finding, entry, bundle_id);
    return finding;
}

Result<Finding> Examination::not_running(const bundle::Bundle& bundle, Finding finding,
                                         const Dictionary& personality) {
    client::Explain request;
    request.personality = bundle.identifier() + "/" + finding.subject;
    const auto explained = OD_TRY(daemon_.request<client::Explained>(std::move(request)));
    if (explained.standings.empty() ||
        explained.standings.front().state == client::StandingState::mismatched) {
        finding.broken = Link::matched;
        finding.text = match::to_text(OD_TRY(match::explain(daemon_, image_, personality)));
        finding.fix = "plug the device in, or correct the keys named above in Info.plist";
        return finding;
    }
    const client::Standing& standing = explained.standings.front();
    finding.text = "it matches " + standing.provider_name + ", and ";
    const auto crash = last_crash(bundle.identifier(), text_field(personality, "IOUserClass"));
    if (standing.state == client::StandingState::barred) {
        finding.broken = Link::quarantined;
        finding.text += "it is not started again: " + standing.reason;
        finding.fix = standing.fix;
        if (crash) finding.report = crash->report;
        return finding;
    }
    if (crash) {
        note_crash(finding, *crash, bundle.identifier());
        return finding;
    }
    finding.broken = Link::started;
    finding.text += "no driver runs" + (standing.reason.empty() ? "" : ": " + standing.reason);
    finding.fix = standing.fix.empty() ? "see opendext logs " + bundle.identifier() : standing.fix;
    const auto notes = notes_.find(bundle.identifier());
    if (standing.reason.empty() && notes != notes_.end() && !notes->second.error.empty())
        finding.text += "; the last error in the log: " + notes->second.error;
    return finding;
}

Result<Finding> Examination::personality(const bundle::Bundle& bundle, const std::string& name,
                                         const Dictionary& personality) {
    Finding finding;
    finding.subject = name;
    if (const client::Entry* entry = instance_of(personality))
        return running(std::move(finding), *entry, bundle.identifier());
    return not_running(bundle, std::move(finding), personality);
}

Result<Diagnosis> Examination::extension(const ExtensionInfo& info) {
    Diagnosis diagnosis{info.bundle_id, info.version, info.state, {}};
    const auto broken = [&](Link link, std::string text, std::string fix) {
        Finding finding;
        finding.subject = info.bundle_id;
        finding.broken = link;
        finding.text = std::move(text);
        finding.fix = std::move(fix);
        diagnosis.findings.push_back(std::move(finding));
        return diagnosis;
    };
    if (info.awaiting_approval) {
        return broken(Link::enabled, "it waits for approval: " + info.state,
                      "systemextensionsctl approve " + info.bundle_id);
    }
    if (!info.enabled) {
        return broken(Link::enabled, "it is not enabled: " + info.state,
                      "install it again: opendext install BUNDLE");
    }
    const Result<bundle::Bundle> bundle = bundle::Bundle::open(info.path);
    if (!bundle.ok())
        return broken(Link::installed, bundle.error().text(), "opendext install BUNDLE again");
    for (const auto& [name, dictionary] : bundle->personalities())
        diagnosis.findings.push_back(OD_TRY(personality(*bundle, name, dictionary)));
    return diagnosis;
}

Finding Examination::wrong_name(const std::string& word) const {
    std::set<std::string> known;
    for (const ExtensionInfo& info : extensions_) known.insert(info.bundle_id);
    for (const auto& [id, entry] : image_.entries) {
        known.insert(entry.name);
        known.merge(tools::classes_of(entry));
    }
    for (const ExtensionInfo& info : extensions_) {
        const Result<bundle::Bundle> bundle = bundle::Bundle::open(info.path);
        if (!bundle.ok()) continue;
        for (const auto& [name, personality] : bundle->personalities())
            known.insert(text_field(personality, "IOUserClass"));
    }
    const std::string near = tools::nearest_name(word, known);
    Finding finding;
    finding.subject = word;
    finding.broken = Link::name;
    std::error_code error;
    if (std::filesystem::is_directory(word, error)) {
        finding.text = "it is a bundle on disk; doctor looks at what is installed, by its name";
        finding.fix = "opendext explain --bundle " + word +
                      " tells what would come of it; opendext install " + word;
        return finding;
    }
    finding.text = "nothing that is installed or in the registry has this name";
    finding.fix = near.empty() ? "opendext install BUNDLE; systemextensionsctl list and ioreg show "
                                 "what is there"
                               : "did you mean " + near + "?";
    return finding;
}

Result<Diagnosis> Examination::named(const std::string& word) {
    for (const ExtensionInfo& info : extensions_) {
        if (info.bundle_id == word || info.bundle_id.ends_with("." + word)) return extension(info);
    }
    Diagnosis diagnosis{word, "", "", {}};
    for (const auto& [id, entry] : image_.entries) {
        const bool fits = entry.name == word || tools::classes_of(entry).contains(word);
        if (!fits) continue;
        const Value* matched = find(entry.properties, "IOMatchedPersonality");
        const Dictionary* personality = matched == nullptr ? nullptr : matched->dictionary();
        Finding finding;
        finding.subject = image_.path(id);
        diagnosis.findings.push_back(
            running(std::move(finding), entry,
                    personality == nullptr ? "" : text_field(*personality, "CFBundleIdentifier")));
    }
    if (!diagnosis.findings.empty()) return diagnosis;
    // A driver's class: then the question is why it does not run.
    for (const ExtensionInfo& info : extensions_) {
        const Result<bundle::Bundle> bundle = bundle::Bundle::open(info.path);
        if (!bundle.ok()) continue;
        for (const auto& [name, dictionary] : bundle->personalities()) {
            if (text_field(dictionary, "IOUserClass") != word) continue;
            if (!info.enabled) return extension(info);
            diagnosis.findings.push_back(OD_TRY(personality(*bundle, name, dictionary)));
        }
    }
    if (diagnosis.findings.empty()) diagnosis.findings.push_back(wrong_name(word));
    return diagnosis;
}

std::string to_text(const Diagnosis& diagnosis) {
    std::string text = diagnosis.subject;
    if (!diagnosis.version.empty()) text += " (" + diagnosis.version + ")";
    if (!diagnosis.state.empty()) text += " [" + diagnosis.state + "]";
    text += "\n";
    for (const Finding& finding : diagnosis.findings) {
        const bool good = finding.broken == Link::none;
        std::string words = finding.text;
        while (!words.empty() && words.back() == '\n') words.pop_back();
        for (size_t at = 0; (at = words.find('\n', at)) != std::string::npos; ++at)
            words.replace(at, 1, "\n          ");
        text += "  " + std::string(good ? "ok      " : "broken  ") + finding.subject +
                (good ? ": " : " at '" + std::string(to_string(finding.broken)) + "': ") + words +
                "\n";
        if (!finding.report.empty()) text += "          report: " + finding.report + "\n";
        if (!finding.fix.empty()) text += "          fix: " + finding.fix + "\n";
    }
    return text;
}

Value to_value(const Diagnosis& diagnosis) {
    Array findings;
    for (const Finding& finding : diagnosis.findings) {
        findings.push_back(Dictionary{{"subject", finding.subject},
                                      {"broken", std::string(to_string(finding.broken))},
                                      {"text", finding.text},
                                      {"fix", finding.fix},
                                      {"report", finding.report},
                                      {"entry", finding.entry},
                                      {"pid", finding.pid}});
    }
    return Dictionary{{"subject", diagnosis.subject},
                      {"version", diagnosis.version},
                      {"state", diagnosis.state},
                      {"healthy", diagnosis.healthy()},
                      {"findings", std::move(findings)}};
}

}  // namespace opendext::doctor
