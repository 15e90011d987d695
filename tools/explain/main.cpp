// SPDX-License-Identifier: Apache-2.0
// opendext explain: why a driver runs or does not, what a process has and may, what a program was
// refused.

#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/explain/examine.h"

namespace opendext::explain {
namespace {

/// kIOReturnNotFound (docs/facts/ioreturn.csv): opendextd knows no such entry.
constexpr uint32_t kNotFound = 0xe00002f0;

struct Options {
    std::vector<std::string> bundles;
    std::string registry;
    std::string on;
    bool all = false;
    bool json = false;
};

Result<Answer> offline(const Options& options, const std::vector<std::string>& words) {
    Answer answer;
    answer.source = options.registry;
    const auto saved = OD_TRY(SavedRegistry::read(options.registry));
    answer.policy = "strict";
    for (const std::string& bundle : options.bundles) {
        if (words.empty() && options.on.empty())
            answer.subjects.push_back(OD_TRY(explain_saved(*saved, bundle, "")));
        if (!options.on.empty())
            answer.subjects.push_back(OD_TRY(explain_saved(*saved, bundle, options.on)));
        for (const std::string& word : words)
            answer.subjects.push_back(OD_TRY(explain_saved(*saved, bundle, word)));
    }
    return answer;
}

Result<Answer> live(const Options& options, const Realm& realm,
                    const std::vector<std::string>& words) {
    Answer answer;
    answer.source = realm.root().string();
    Examiner examiner = OD_TRY(Examiner::begin(realm));
    const uint64_t provider = options.on.empty() ? 0 : OD_TRY(examiner.entry_named(options.on));
    for (const std::string& bundle : options.bundles)
        answer.subjects.push_back(OD_TRY(examiner.bundle(bundle, provider)));
    for (const std::string& word : words) {
        for (Subject& subject : OD_TRY(examiner.explain(word)))
            answer.subjects.push_back(std::move(subject));
    }
    answer.policy = examiner.policy();
    return answer;
}

/// What was read of the realm may be gone before it is asked about, as with a driver that crashes
/// all the time: then once more, a few times.
Result<Answer> live_though_it_changes(const Options& options, const Realm& realm,
                                      const std::vector<std::string>& words) {
    constexpr int kTries = 5;
    for (int i = 1;; ++i) {
        Result<Answer> answer = live(options, realm, words);
        const bool gone = !answer.ok() && answer.error().code == Errc::kern &&
                          static_cast<uint32_t>(answer.error().number) == kNotFound;
        if (!gone || i == kTries) return answer;
    }
}

/// Exit status 1: something that was asked about does not run.
int status_of(const Answer& answer) {
    using protocol::client::StandingState;
    for (const Subject& subject : answer.subjects) {
        if (subject.kind != SubjectKind::personality && subject.kind != SubjectKind::bundle)
            continue;
        for (const auto& one : subject.standings) {
            if (one.state == StandingState::runs || one.state == StandingState::fits)
                return tools::kExitSuccess;
        }
        return tools::kExitFailure;
    }
    return tools::kExitSuccess;
}

int main(int argc, char** argv) {
    Options options;
    tools::CommandLine line(
        "opendext explain", "[WORD...] [--bundle X.dext]... [--on ENTRY] [--registry FILE]",
        "Says why: of a personality or a registry entry, key by key, what was wanted and what is "
        "there, scores and their order, entitlements, what came of starting it; of a driver's "
        "process, what it has, may and waits for; of a program, what it has open and was refused.");
    line.option("--bundle", "X.dext", options.bundles,
                "a bundle that need not be installed; may be given several times")
        .option("--on", "ENTRY", options.on, "ask about bundles on that provider only")
        .option("--registry", "FILE", options.registry,
                "ask a saved registry (ioreg -l --json) in place of the realm")
        .flag("-a,--all", options.all, "show keys that fit too")
        .flag("--json", options.json, "print JSON (docs/schemas/opendext-explain.json)")
        .footer(
            "WORD is a registry id (0x...), a path, a name or a class of an entry, a bundle "
            "identifier or its last part, BUNDLE/PERSONALITY, a process id, or a program's name. "
            "Exit status 1: a personality that was asked about neither runs nor could.");
    if (const auto status = line.parse(argc, argv, 0, SIZE_MAX)) return *status;
    if (line.operands().empty() && options.bundles.empty())
        return line.usage_error("give WORD or --bundle X.dext");
    if (!options.registry.empty() && options.bundles.empty())
        return line.usage_error("--registry needs --bundle X.dext");
    const Result<Answer> answer =
        options.registry.empty() ? live_though_it_changes(options, line.realm(), line.operands())
                                 : offline(options, line.operands());
    if (!answer.ok()) return line.failure(answer.error());
    const std::string text =
        options.json ? tools::to_json(to_value(*answer), 2) + "\n" : to_text(*answer, options.all);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return status_of(*answer);
}

}  // namespace
}  // namespace opendext::explain

int main(int argc, char** argv) {
    return opendext::explain::main(argc, argv);
}
