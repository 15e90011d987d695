// SPDX-License-Identifier: Apache-2.0
#include "daemon/lifecycle/processes.h"

#include <utility>

#include "bundle/elf.h"
#include "daemon/adoption/recorder.h"
#include "daemon/adoption/records.h"

namespace opendext::daemon {
namespace {
constexpr const char* kDriverKit = "com.apple.developer.driverkit";
}

std::string first_two_components(std::string_view dotted) {
    const size_t first = dotted.find('.');
    if (first == std::string_view::npos) return std::string(dotted);
    return std::string(dotted.substr(0, dotted.find('.', first + 1)));
}

Processes::Processes(Context& context, Hooks hooks)
    : context_(context),
      hooks_(std::move(hooks)),
      spares_(context.loop, context.restart.spare_processes,
              [this](LaunchSpec spec) { return make(next_++, std::move(spec)); }) {
    context_.recorder.describe(Record::process,
                               [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
                                   const ProcessPtr process = find(number);
                                   if (!process) return {};
                                   return record_of(process->record());
                               });
    context_.recorder.describe(Record::classes,
                               [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
                                   const ProcessPtr process = find(number);
                                   if (!process) return {};
                                   return record_of(process->record_classes());
                               });
    context_.recorder.describe(Record::known,
                               [this](uint64_t number, uint64_t entry) -> std::vector<uint8_t> {
                                   const ProcessPtr process = find(number);
                                   if (!process || !process->known.contains(entry)) return {};
                                   return record_of(records::Mark{});
                               });
    context_.recorder.describe(
        Record::unsent, [this](uint64_t number, uint64_t message) -> std::vector<uint8_t> {
            if (number == kKeeper) return records::unsent_record(context_.keeper.unsent(message));
            const ProcessPtr process = find(number);
            if (!process) return {};
            return records::unsent_record(process->unsent(message));
        });
    context_.recorder.describe(Record::handled,
                               [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
                                   const ProcessPtr process = find(number);
                                   if (!process) return {};
                                   return record_of(process->handled());
                               });
}

void Processes::log(const DriverProcess& process, LogLevel level, const std::string& text) {
    LogLine line;
    line.level = level;
    line.pid = process.pid();
    line.bundle = process.spec().bundle_id;
    line.process = process.spec().server_name;
    line.subsystem = "opendext";
    line.category = "process";
    line.message = text;
    context_.log.write(std::move(line));
}

Result<ProcessPtr> Processes::acquire(const Personality& personality, EntryId object,
                                      const std::string* provider_server) {
    if (personality.one_process) {
        for (const auto& [number, process] : processes_) {
            if (process->spec().server_name != personality.server_name || !process->usable())
                continue;
            if (process->spec().copy != personality.copy) continue;
            if (first_two_components(personality.server_name) !=
                first_two_components(personality.bundle_id)) {
                log(*process, LogLevel::error,
                    "IOUserServerOneProcess of " + personality.label() + ": server name " +
                        personality.server_name +
                        " and bundle identifier do not begin alike; it gets a process of its own");
                break;
            }
            process->objects.insert(object);
            return process;
        }
        if (provider_server != nullptr && *provider_server == personality.server_name) {
            return Error{Errc::not_ready, 0,
                         "the provider lives in server " + personality.server_name +
                             " and IOUserServerOneProcess asks for it, but there is no such "
                             "process any more"};
        }
    }
    return launch(personality, object);
}

Result<ProcessPtr> Processes::launch(const Personality& personality, EntryId object) {
    LaunchSpec spec;
    spec.server_name = personality.server_name;
    spec.bundle_id = personality.bundle_id;
    spec.bundle_path = personality.bundle_path;
    spec.version = personality.version;
    spec.executable = personality.executable;
    spec.copy = personality.copy;
    spec.tag = object;
    spec.entitlements = personality.entitlements;
    spec.stamp = personality.executable_stamp;
    spec.libraries = personality.libraries;
    OD_TRY(check_executable(spec));
    // A debugger is to be there before anything of the dext has run.
    ProcessPtr process = context_.debugging.waits_for(spec) ? nullptr : spares_.take(spec);
    const bool spare = process != nullptr;
    if (!spare) process = make(next_++, std::move(spec));
    process->objects.insert(object);
    processes_.emplace(process->number(), process);
    context_.recorder.touch(Record::process, process->number());
    if (!spare) {
        process->launch();
        return process;
    }
    context_.recorder.touch(Record::handled, process->number());
    if (process->state() == ProcessState::bare) {
        process->furnish(std::move(spec));
        return process;
    }
    process->assign(object);
    if (process->state() == ProcessState::ready) {
        context_.recorder.touch(Record::classes, process->number());
        came_up(*process);
    }
    return process;
}

ProcessPtr Processes::adopt(uint64_t number, records::Process record, records::Classes classes,
                            LinkLeft link) {
    missing_told_ = true;  // by the opendextd that started it
    const ProcessPtr process = make(number, record.spec);
    processes_.emplace(number, process);
    context_.recorder.touch(Record::process, number);
    process->adopt(std::move(record), std::move(classes), std::move(link));
    return process;
}

ProcessPtr Processes::make(uint64_t number, LaunchSpec spec) {
    DriverProcess::Hooks hooks;
    hooks.message = hooks_.message;
    hooks.check_in = [this](DriverProcess& process) -> std::optional<std::string> {
        if (context_.policy == PolicyMode::off || process.spec().entitlements.contains(kDriverKit))
            return {};
        const std::string text = std::string(kDriverKit) + " entitlement check failed for " +
                                 process.spec().server_name + "[" + std::to_string(process.pid()) +
                                 "]";
        if (context_.policy == PolicyMode::strict) return text;
        log(process, LogLevel::notice, text + " (allowed in dev mode)");
        return {};
    };
    hooks.ready = [this](DriverProcess& process) {
        if (!spares_.find(process.number())) came_up(process);
    };
    hooks.gone = [this](DriverProcess& process, const ExitReport& report) {
        ended(process, report);
    };
    hooks.changed = [this](const DriverProcess& process) {
        tell_missing(process);
        context_.recorder.touch(Record::process, process.number());
        if (process.state() == ProcessState::ready)
            context_.recorder.touch(Record::classes, process.number());
    };
    hooks.unsent_changed = [this, number](uint64_t message) {
        context_.recorder.touch(Record::unsent, number, message);
    };
    hooks.handled_changed = [this, number] { context_.recorder.touch(Record::handled, number); };
    hooks.log = [this, number](LogLevel level, const std::string& text) {
        if (const ProcessPtr process = find(number) ?: spares_.find(number))
            log(*process, level, text);
    };
    hooks.hold = [this](DriverProcess& process, std::function<void()> go) {
        return !spares_.find(process.number()) && context_.debugging.hold(process, std::move(go));
    };
    hooks.autopsy = [this](DriverProcess& process, std::function<void()> done) {
        context_.crashes.take_stacks(
            process, [this, self = process.shared_from_this(),
                      done = std::move(done)](const Result<crash::Stacks>& stacks) {
                if (stacks.ok()) {
                    for (const std::string& line : stacks->summary(self->spec().bundle_path))
                        log(*self, LogLevel::error, "while it hangs: " + line);
                } else {
                    log(*self, LogLevel::error, "no stacks: " + stacks.error().text());
                }
                done();
            });
    };
    auto process =
        std::make_shared<DriverProcess>(number, context_.loop, context_.clock, context_.keeper,
                                        context_.deadlines, std::move(spec), std::move(hooks));
    process->start_serials(first_);
    process->known.observe(
        [this, number](EntryId entry) { context_.recorder.touch(Record::known, number, entry); });
    return process;
}

/// Once in a realm's life, with its first driver: what this machine does not give for closing
/// drivers in, and what that means.
void Processes::tell_missing(const DriverProcess& process) {
    if (process.rights().empty() || std::exchange(missing_told_, true)) return;
    const Value* missing = opendext::find(process.rights(), "missing");
    if (missing == nullptr || missing->array() == nullptr || missing->array()->empty()) return;
    std::string text;
    for (const Value& part : *missing->array()) {
        const Dictionary* words = part.dictionary();
        if (words == nullptr) continue;
        const auto word = [&](const char* key) {
            const std::string* found = find_string(*words, key);
            return found == nullptr ? std::string("?") : *found;
        };
        text +=
            (text.empty() ? "" : "; ") + word("item") + " (" + word("why") + "): " + word("price");
    }
    context_.log.write(LogLevel::notice, "sandbox",
                       "drivers of this realm are closed in without " + text +
                           "; opendext doctor says how to get what is missing");
}

/// Nobody is to change an installed file. Who does so gets a reason, not a driver that dies of it.
Status Processes::check_executable(LaunchSpec& spec) {
    const std::filesystem::path file = std::filesystem::path(spec.bundle_path) / spec.executable;
    const bundle::FileStamp now = bundle::stamp_of(file);
    if (spec.stamp == now) return success();
    Result<bundle::ElfObject> object = bundle::read_shared_object(file);
    if (!object.ok()) {
        return std::move(object).error().in(
            "the executable was changed after " + spec.bundle_id +
            " was installed; install it again: opendext install BUNDLE");
    }
    spec.stamp = now;
    spec.libraries = std::move(object->libraries);
    return success();
}

void Processes::came_up(DriverProcess& process) {
    hooks_.ready(process);
    spares_.refill(process.spec());
}

void Processes::ended(DriverProcess& process, const ExitReport& report) {
    const ProcessPtr keep = process.shared_from_this();
    if (spares_.ended(process.number())) {
        context_.crashes.forget(process);
        if (!report.clean())
            log(process, LogLevel::notice, "a spare process ended: " + report.text());
        return;
    }
    processes_.erase(process.number());
    context_.recorder.touch(Record::classes, process.number());
    context_.recorder.touch(Record::handled, process.number());
    process.known.clear();
    hooks_.gone(process, report);
}

void Processes::exited(int32_t pid, int wait_status) {
    if (const ProcessPtr process = of_pid(pid)) process->exited(wait_status);
}

ProcessPtr Processes::of_pid(int32_t pid) const {
    for (const auto& [number, process] : processes_) {
        if (process->pid() == pid) return process;
    }
    return spares_.of_pid(pid);
}

ProcessPtr Processes::find(uint64_t number) const {
    const auto process = processes_.find(number);
    return process == processes_.end() ? nullptr : process->second;
}

std::vector<ProcessPtr> Processes::of_bundle(const std::string& bundle_id) const {
    std::vector<ProcessPtr> found;
    for (const auto& [number, process] : processes_) {
        if (process->spec().bundle_id == bundle_id) found.push_back(process);
    }
    return found;
}

void Processes::release(DriverProcess& process, EntryId object) {
    process.objects.erase(object);
    if (process.objects.empty()) process.exit_in_order("no object is left");
}

}  // namespace opendext::daemon
