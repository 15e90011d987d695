// SPDX-License-Identifier: Apache-2.0
// opendext doctor: the first broken link on the way from a dext to an application, and what this
// machine lacks.

#include <cstdio>

#include "tools/common/command_line.h"
#include "tools/common/json.h"
#include "tools/common/realm_control.h"
#include "tools/doctor/extension.h"
#include "tools/doctor/machine.h"

namespace opendext::doctor {
namespace {

struct Options {
    bool json = false;
    bool machine = false;
    int64_t open = -1;
};

struct Report {
    bool realm_up = false;
    std::string realm_problem;
    std::vector<Feature> machine;
    std::vector<Diagnosis> diagnoses;

    [[nodiscard]] bool healthy() const {
        for (const Feature& feature : machine) {
            if (feature.need == Need::essential && !feature.present) return false;
        }
        for (const Diagnosis& diagnosis : diagnoses) {
            if (!diagnosis.healthy()) return false;
        }
        return realm_problem.empty();
    }
};

Status examine_realm(const Realm& realm, const std::vector<std::string>& names,
                     const Options& options, Report& report) {
    std::optional<uint32_t> try_open;
    if (options.open >= 0) try_open = static_cast<uint32_t>(options.open);
    Examination examination = OD_TRY(Examination::begin(realm, try_open));
    report.realm_up = true;
    if (names.empty()) {
        for (const protocol::client::ExtensionInfo& info : examination.extensions())
            report.diagnoses.push_back(OD_TRY(examination.extension(info)));
    }
    for (const std::string& name : names)
        report.diagnoses.push_back(OD_TRY(examination.named(name)));
    return success();
}

std::string realm_text(const Realm& realm, const Report& report) {
    if (!report.realm_problem.empty()) return report.realm_problem + "\n";
    if (!report.realm_up)
        return realm.root().string() + " is not up; the first command that needs it starts it\n";
    std::string text = realm.root().string() + " is up\n";
    if (report.diagnoses.empty()) text += "nothing is installed; opendext install BUNDLE\n";
    return text;
}

Value to_value(const Realm& realm, const Report& report) {
    Array diagnoses;
    for (const Diagnosis& diagnosis : report.diagnoses) diagnoses.push_back(to_value(diagnosis));
    return Dictionary{{"realm", realm.root().string()},      {"up", report.realm_up},
                      {"problem", report.realm_problem},     {"healthy", report.healthy()},
                      {"machine", to_value(report.machine)}, {"diagnoses", std::move(diagnoses)}};
}

int main(int argc, char** argv) {
    Options options;
    tools::CommandLine line(
        "opendext doctor", "[NAME...] [--open TYPE] [--machine] [--json]",
        "Follows each extension from its bundle to the application and shows the first link that "
        "is broken, with the way out: installed, enabled, matched, started, quarantined, "
        "process, registered, access. Shows too what this machine lacks. Starts nothing.");
    line.number("--open", "TYPE", options.open, 0, 0xffffffff,
                "also open a user client of that type, as an application does, and close it")
        .flag("--machine", options.machine,
              "show all that is asked of the machine, and nothing else")
        .flag("--json", options.json, "print JSON (docs/schemas/opendext-doctor.json)")
        .footer(
            "NAME is a bundle identifier or its last part, or the class or name of a service that "
            "a program looks for. Without NAME: every installed extension. Exit status 1: "
            "something is broken.");
    if (const auto status = line.parse(argc, argv, 0, SIZE_MAX)) return *status;
    if (options.machine && !line.operands().empty())
        return line.usage_error("--machine takes no NAME");
    const Realm realm = line.realm();
    Report report;
    report.machine = examine_machine();
    std::error_code none;
    if (std::filesystem::is_directory(realm.root(), none))
        report.machine.push_back(realm_space(realm.root()));
    if (!options.machine && (tools::realm_is_up(realm) || tools::keeper_of(realm) != 0)) {
        const Status examined = examine_realm(realm, line.operands(), options, report);
        if (!examined.ok()) {
            report.realm_problem = realm.root().string() +
                                   " does not answer: " + examined.error().text() +
                                   "; see opendext logs, then opendext stop";
        }
    } else if (!options.machine && !line.operands().empty()) {
        report.realm_problem = realm.root().string() +
                               " is not up: no program finds anything there; opendext start, or "
                               "--realm and OPENDEXT_REALM if another one is meant";
    }
    std::string text;
    if (options.json) {
        text = tools::to_json(to_value(realm, report), 2) + "\n";
    } else {
        if (!options.machine) text = realm_text(realm, report);
        for (const Diagnosis& diagnosis : report.diagnoses) text += to_text(diagnosis);
        const std::string machine = to_text(report.machine, options.machine);
        if (!machine.empty()) text += "this machine:\n" + machine;
    }
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        return line.failure(Error::system("cannot write"));
    return report.healthy() ? tools::kExitSuccess : tools::kExitFailure;
}

}  // namespace
}  // namespace opendext::doctor

int main(int argc, char** argv) {
    return opendext::doctor::main(argc, argv);
}
