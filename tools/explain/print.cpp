// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "bundle/plist.h"
#include "tools/explain/subject.h"

namespace opendext::explain {

namespace client = protocol::client;
using client::StandingState;
using tools::text_of_id;

namespace {

std::string_view word_of(StandingState state) {
    switch (state) {
        case StandingState::mismatched:
            return "mismatched";
        case StandingState::disabled:
            return "disabled";
        case StandingState::refused:
            return "refused";
        case StandingState::runs:
            return "runs";
        case StandingState::starting:
            return "starting";
        case StandingState::outranked:
            return "outranked";
        case StandingState::failed:
            return "failed";
        case StandingState::crashed:
            return "crashed";
        case StandingState::barred:
            return "barred";
        case StandingState::fits:
            return "fits";
    }
    return "unknown";
}

std::string code_text(int32_t io_return) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(io_return));
    return text;
}

std::string check_text(const client::MatchCheck& check) {
    std::string text = std::string(check.fits ? "      ok     " : "      wrong  ") + check.key +
                       ": wanted " + bundle::describe(check.wanted) + ", there is " +
                       (check.there ? bundle::describe(check.found)
                                    : std::string(check.fits ? "what it asks for" : "nothing"));
    if (!check.hint.empty()) text += "; " + check.hint;
    return text + "\n";
}

std::string entitlement_text(const client::EntitlementCheck& check) {
    return std::string(check.missing.empty() ? "      ok     " : "      lacks  ") +
           (check.missing.empty() ? bundle::describe(check.required) : check.missing) + ", which " +
           check.asked_by + " asks for\n";
}

std::string standing_text(const client::Standing& one, bool all_keys) {
    std::string text =
        "  " + std::string(word_of(one.state)) + "  " + one.bundle_id + "/" + one.personality;
    if (one.provider != 0)
        text += " on " + one.provider_name + " (" + text_of_id(one.provider) + ")";
    if (one.rank > 0) {
        text += ", number " + std::to_string(one.rank) + " of category " + one.category +
                " with score " + std::to_string(one.score);
    }
    text += "\n";
    if (one.driver != 0 && one.state == StandingState::runs)
        text += "      its driver: " + text_of_id(one.driver) + "\n";
    if (!one.reason.empty()) text += "      " + one.reason + "\n";
    if (!one.fix.empty()) text += "      fix: " + one.fix + "\n";
    for (const std::string& note : one.notes) text += "      note: " + note + "\n";
    const bool running = one.state == StandingState::runs && !all_keys;
    for (const client::MatchCheck& check : one.checks) {
        if (all_keys || (!running && !check.fits)) text += check_text(check);
    }
    for (const client::EntitlementCheck& check : one.entitlements) {
        if (all_keys || (!running && !check.missing.empty())) text += entitlement_text(check);
    }
    if (one.last.attempts > 0 && (all_keys || one.last.failures > 0 || one.last.crashes > 0)) {
        text += "      started " + std::to_string(one.last.attempts) + " times, " +
                std::to_string(one.last.failures) + " failed, " + std::to_string(one.last.crashes) +
                " crashes, last " + duration_text(one.last.age_ms) + " ago";
        if (!one.last.text.empty()) text += ": " + one.last.text;
        text += "\n";
    }
    return text;
}

std::string value_lines(const Value& value, const std::string& indent) {
    if (const Dictionary* table = value.dictionary()) {
        std::string text = "\n";
        for (const auto& [key, member] : *table)
            text += indent + key + ": " + value_lines(member, indent + "  ");
        return text;
    }
    if (const Array* list = value.array()) {
        std::string text;
        for (const Value& member : *list) {
            if (member.string() == nullptr) return bundle::describe(value) + "\n";
            text += "\n" + indent + *member.string();
        }
        return text + "\n";
    }
    if (value.string() != nullptr) return *value.string() + "\n";
    return bundle::describe(value) + "\n";
}

std::string client_text(const client::ClientActivity& one) {
    std::string text = "  program " + one.program + ", process " + std::to_string(one.pid) +
                       ", user " + std::to_string(one.uid) + (one.connected ? "" : ", gone") + "\n";
    for (const client::ConnectionActivity& open : one.connections) {
        text += "      has " + text_of_id(open.service) + " open, type " +
                std::to_string(open.type) + ", user client " + text_of_id(open.user_client) + ", " +
                open.state + " for " + duration_text(open.age_ms) + "\n";
    }
    for (const client::RefusedOpen& open : one.refused) {
        text += "      was refused " + open.service + " (" + text_of_id(open.entry) + "), type " +
                std::to_string(open.type) + ", " + duration_text(open.age_ms) +
                " ago: " + code_text(open.io_return) + " " + open.reason + "\n";
    }
    if (!one.unseen.empty()) text += "      note: " + one.unseen + "\n";
    return text;
}

}  // namespace

std::string_view to_string(SubjectKind kind) {
    switch (kind) {
        case SubjectKind::entry:
            return "entry";
        case SubjectKind::personality:
            return "personality";
        case SubjectKind::driver:
            return "driver";
        case SubjectKind::client:
            return "client";
        case SubjectKind::bundle:
            return "bundle";
    }
    return "unknown";
}

std::string duration_text(uint64_t milliseconds) {
    char text[32];
    if (milliseconds < 1000) {
        std::snprintf(text, sizeof text, "%" PRIu64 " ms", milliseconds);
    } else if (milliseconds < 120'000) {
        std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(milliseconds) / 1000);
    } else {
        std::snprintf(text, sizeof text, "%" PRIu64 " min", milliseconds / 60'000);
    }
    return text;
}

std::string to_text(const client::Wait& wait) {
    std::string text = wait.who + " waits for " + wait.what + " of " + wait.on;
    if (wait.entry != 0) text += " (" + text_of_id(wait.entry) + ")";
    text += " since " + duration_text(wait.age_ms);
    if (wait.limited) text += ", " + duration_text(wait.left_ms) + " left";
    if (wait.frozen) text += " (stands still: the process is being debugged)";
    return text;
}

std::string to_text(const Answer& answer, bool all_keys) {
    std::string text;
    for (const Subject& subject : answer.subjects) {
        text += subject.title + "\n";
        for (const std::string& fact : subject.facts) text += "  " + fact + "\n";
        for (const client::Standing& one : subject.standings) text += standing_text(one, all_keys);
        if (subject.truncated) text += "  and more that come less near\n";
        for (const client::DriverActivity& one : subject.drivers) {
            text += "  process " + std::to_string(one.pid) + " of " + one.server_name + " (" +
                    one.bundle_id + ") is " + one.state + ", " +
                    std::to_string(one.objects.size()) + " objects, " +
                    std::to_string(one.pending) + " calls not answered" +
                    (one.debugged ? ", being debugged" : "") + "\n";
            if (!one.sandbox.empty()) text += "      closed in by: " + one.sandbox + "\n";
        }
        for (const auto& [key, value] : subject.rights)
            text += "  " + key + ": " + value_lines(value, "      ");
        for (const client::ClientActivity& one : subject.clients) text += client_text(one);
        for (const client::Wait& wait : subject.waits) text += "  " + to_text(wait) + "\n";
        for (const Crash& crash : subject.crashes) {
            text += "  crash at " + crash.time + ": " + crash.text +
                    "\n      report: " + crash.path + "\n";
        }
        if (!subject.lacking.empty()) {
            text += "  this machine lacks:\n";
            for (const doctor::Feature& feature : subject.lacking)
                text += "      " + feature.name + ": " + feature.cost + "\n";
        }
    }
    return text;
}

static Value to_value(const client::Standing& one) {
    Array checks;
    for (const client::MatchCheck& check : one.checks) {
        checks.push_back(Dictionary{{"key", check.key},
                                    {"fits", check.fits},
                                    {"wanted", check.wanted},
                                    {"wanted_type", std::string(to_string(check.wanted.kind()))},
                                    {"there", check.there},
                                    {"found", check.found},
                                    {"found_type", std::string(to_string(check.found.kind()))},
                                    {"text", check.text},
                                    {"hint", check.hint}});
    }
    Array entitlements;
    for (const client::EntitlementCheck& check : one.entitlements) {
        entitlements.push_back(Dictionary{{"asked_by", check.asked_by},
                                          {"required", check.required},
                                          {"missing", check.missing}});
    }
    return Dictionary{
        {"state", std::string(word_of(one.state))},
        {"bundle", one.bundle_id},
        {"personality", one.personality},
        {"class", one.user_class},
        {"category", one.category},
        {"provider",
         Dictionary{
             {"id", one.provider}, {"name", one.provider_name}, {"class", one.provider_class}}},
        {"score", one.score},
        {"rank", one.rank},
        {"checks", std::move(checks)},
        {"entitlements", std::move(entitlements)},
        {"driver", Dictionary{{"id", one.driver}, {"label", one.driver_label}}},
        {"last",
         Dictionary{{"attempts", one.last.attempts},
                    {"failures", one.last.failures},
                    {"crashes", one.last.crashes},
                    {"code", static_cast<uint64_t>(static_cast<uint32_t>(one.last.io_return))},
                    {"text", one.last.text},
                    {"age_ms", one.last.age_ms}}},
        {"reason", one.reason},
        {"fix", one.fix},
        {"notes", Array(one.notes.begin(), one.notes.end())}};
}

template <typename List>
static Array values_of(const List& list) {
    Array values;
    for (const auto& one : list) values.push_back(to_value(one));
    return values;
}

Value to_value(const client::Wait& wait) {
    Dictionary value{{"who", wait.who},
                     {"what", wait.what},
                     {"on", wait.on},
                     {"entry", wait.entry},
                     {"pid", int64_t{wait.pid}},
                     {"age_ms", wait.age_ms},
                     {"limited", wait.limited},
                     {"left_ms", wait.left_ms},
                     {"frozen", wait.frozen},
                     {"queue", wait.queue},
                     {"circle", Array(wait.circle.begin(), wait.circle.end())}};
    if (wait.call) value.emplace("selector", wait.selector);
    return value;
}

Value to_value(const client::DriverActivity& driver) {
    return Dictionary{{"pid", int64_t{driver.pid}},
                      {"server", driver.server_name},
                      {"bundle", driver.bundle_id},
                      {"state", driver.state},
                      {"sandbox", driver.sandbox},
                      {"objects", Array(driver.objects.begin(), driver.objects.end())},
                      {"pending", driver.pending},
                      {"debugged", driver.debugged}};
}

Value to_value(const client::ClientActivity& client) {
    Array connections;
    for (const client::ConnectionActivity& open : client.connections) {
        connections.push_back(Dictionary{{"service", open.service},
                                         {"user_client", open.user_client},
                                         {"type", open.type},
                                         {"state", open.state},
                                         {"age_ms", open.age_ms}});
    }
    Array refused;
    for (const client::RefusedOpen& open : client.refused) {
        refused.push_back(
            Dictionary{{"service", open.service},
                       {"entry", open.entry},
                       {"type", open.type},
                       {"code", static_cast<uint64_t>(static_cast<uint32_t>(open.io_return))},
                       {"reason", open.reason},
                       {"age_ms", open.age_ms}});
    }
    return Dictionary{{"pid", int64_t{client.pid}},
                      {"uid", client.uid},
                      {"program", client.program},
                      {"connected", client.connected},
                      {"entitlements", client.entitlements},
                      {"unseen", client.unseen},
                      {"waits", client.waits},
                      {"connections", std::move(connections)},
                      {"refused", std::move(refused)}};
}

Value to_value(const Answer& answer) {
    Array subjects;
    for (const Subject& subject : answer.subjects) {
        Array crashes;
        for (const Crash& crash : subject.crashes) {
            crashes.push_back(
                Dictionary{{"path", crash.path}, {"time", crash.time}, {"text", crash.text}});
        }
        subjects.push_back(Dictionary{{"kind", std::string(to_string(subject.kind))},
                                      {"title", subject.title},
                                      {"facts", Array(subject.facts.begin(), subject.facts.end())},
                                      {"standings", values_of(subject.standings)},
                                      {"truncated", subject.truncated},
                                      {"drivers", values_of(subject.drivers)},
                                      {"clients", values_of(subject.clients)},
                                      {"waits", values_of(subject.waits)},
                                      {"rights", subject.rights},
                                      {"crashes", std::move(crashes)},
                                      {"lacking", doctor::to_value(subject.lacking)}});
    }
    return Dictionary{
        {"source", answer.source}, {"policy", answer.policy}, {"subjects", std::move(subjects)}};
}

}  // namespace opendext::explain
