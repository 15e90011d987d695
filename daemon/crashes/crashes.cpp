// SPDX-License-Identifier: Apache-2.0
#include "daemon/crashes/crashes.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

#include "daemon/adoption/recorder.h"
#include "daemon/crashes/crash_report.h"
#include "daemon/deadlines.h"
#include "daemon/lifecycle/process.h"
#include "rpc/probe.h"

namespace opendext::daemon {
namespace {

constexpr size_t kRefusedCalls = 32;
constexpr size_t kRefusingProcesses = 4096;
/// A report takes as long to write as a driver to start: that one goes first.
constexpr std::chrono::milliseconds kWriteDelay{10};

uint64_t realtime_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

struct Crashes::Case {
    std::optional<crash::Fault> fault;
    bool pending = false;  ///< stacks are being taken
    bool spared = false;   ///< they are not, since enough of its bundle were
    std::optional<Result<crash::Stacks>> stacks;
    /// The process is over and this was written, without stacks so far.
    std::optional<CrashReport> written;
    std::vector<std::function<void(const Result<crash::Stacks>&)>> waiting;
    std::unique_ptr<Handle> last_breath, writing;
};

Crashes::Crashes(EventLoop& loop, Log& log, Recorder& recorder, std::filesystem::path folder,
                 uint32_t stacks_per_minute)
    : loop_(loop),
      log_(log),
      recorder_(recorder),
      folder_(std::move(folder)),
      taker_(loop),
      budget_(stacks_per_minute) {
    recorder_.describe(Record::crash, [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
        const auto place = cases_.find(number);
        if (place == cases_.end() || !place->second->written) return {};
        return record_of(*place->second->written);
    });
}

Crashes::~Crashes() {
    for (const auto& [number, one] : cases_) {
        if (!one->written) continue;
        if (one->pending)
            one->stacks = Error{Errc::peer_gone, 0, "opendextd ended before they were there"};
        complete(*one);
    }
}

Crashes::Case& Crashes::case_of(const DriverProcess& process) {
    std::unique_ptr<Case>& one = cases_[process.number()];
    if (!one) one = std::make_unique<Case>();
    return *one;
}

void Crashes::take_stacks(const DriverProcess& process,
                          std::function<void(const Result<crash::Stacks>&)> done) {
    Case& one = case_of(process);
    one.waiting.push_back(std::move(done));
    if (std::exchange(one.pending, true)) return;
    taker_.take({.pid = process.pid(), .deadline = kStacks},
                [this, number = process.number()](Result<crash::Stacks> result) {
                    taken(number, std::move(result));
                });
}

std::optional<std::string> Crashes::crashing(DriverProcess& process, Message message) {
    Result<crash::Fault> fault = decode<crash::Fault>(message);
    if (!fault.ok()) return fault.error().text();
    if (message.fds.size() != 1) return "Crashed without what the process waits for";
    Case& one = case_of(process);
    if (one.fault) return "it crashes a second time";
    constexpr size_t kLongestMessage = 512;
    fault->message.resize(std::min(fault->message.size(), kLongestMessage));
    one.fault = std::move(fault).value();
    // It is over with this process: whatever it does now, it is not served much longer.
    one.last_breath = loop_.after(kLastBreath, [weak = process.weak_from_this()] {
        const ProcessPtr alive = weak.lock();
        if (alive && !is_being_debugged(alive->pid()))
            alive->kill("it said that it crashes and went on");
    });
    if (!budget_.take(process.spec().bundle_id, loop_.now())) {
        // The descriptor goes with the message, and the process dies.
        one.spared = true;
        return std::nullopt;
    }
    one.pending = true;
    taker_.take({.pid = process.pid(),
                 .deadline = kStacks,
                 .fault = one.fault,
                 .release = std::move(message.fds[0])},
                [this, number = process.number()](Result<crash::Stacks> result) {
                    taken(number, std::move(result));
                });
    return std::nullopt;
}

void Crashes::taken(uint64_t number, Result<crash::Stacks> result) {
    const auto place = cases_.find(number);
    if (place == cases_.end()) return;
    Case& one = *place->second;
    one.pending = false;
    // Those of the crash are better than earlier ones, but none are not.
    if (!one.stacks || !one.stacks->ok() || result.ok()) one.stacks = std::move(result);
    for (const auto& waiting : std::exchange(one.waiting, {})) waiting(*one.stacks);
    if (!one.written) return;
    complete(one);
    over(number);
}

void Crashes::complete(Case& one) {
    CrashReport& report = *one.written;
    report.stacks_state = CrashReport::StacksState::missing;
    if (one.stacks && one.stacks->ok()) {
        report.stacks_state = CrashReport::StacksState::taken;
        report.stacks = std::move(*one.stacks).value();
        report.no_stacks.clear();
    } else if (one.stacks) {
        report.no_stacks = one.stacks->error().text();
    }
    write_file(one);
}

void Crashes::write_file(Case& one) {
    one.writing.reset();
    const auto written = write_crash_report(folder_, *one.written);
    if (!written.ok()) log_.write(LogLevel::error, "crash", written.error().text());
}

void Crashes::refused(int32_t pid, const protocol::keeper::Refused& refusal) {
    if (!refused_.contains(pid) && refused_.size() >= kRefusingProcesses) return;
    auto& calls = refused_[pid];
    if (!calls.contains(refusal.call) && calls.size() >= kRefusedCalls) return;
    auto& [count, detail] = calls[refusal.call];
    count += 1 + refusal.suppressed;
    detail = refusal.detail;
}

void Crashes::limits_hit(const protocol::keeper::LimitsHit& hit) {
    limits_hit_ = hit;
}

void Crashes::forget(const DriverProcess& process) {
    over(process.number());
    refused_.erase(process.pid());
    if (limits_hit_.pid == process.pid()) limits_hit_ = {};
}

std::string Crashes::write(const DriverProcess& process, CrashReport report) {
    const LaunchSpec& spec = process.spec();
    report.time_ns = realtime_ns();
    report.bundle = spec.bundle_id;
    report.version = spec.version;
    report.process = spec.server_name;
    report.pid = process.pid();
    report.sandbox = process.sandbox();
    report.executable = spec.executable.starts_with('/') ? spec.executable
                                                         : spec.bundle_path + "/" + spec.executable;
    report.uptime_ms = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(process.age()).count());
    report.recent = process.recent;
    if (const auto refused = refused_.extract(process.pid()); !refused.empty()) {
        for (const auto& [call, each] : refused.mapped())
            report.refused[call] = {each.first, each.second, call};
    }
    if (limits_hit_.pid == process.pid()) report.limits = std::exchange(limits_hit_, {}).limits;
    report.id = crash_id(report);

    Case& one = case_of(process);
    one.last_breath.reset();
    report.fault = one.fault;
    report.no_stacks =
        one.spared
            ? "those of " + std::to_string(budget_.limit()) + " crashes of " + spec.bundle_id +
                  " within a minute were taken (crash.stacks-per-minute of the realm)"
        : report.end.wait_status && WIFSIGNALED(*report.end.wait_status) &&
                WTERMSIG(*report.end.wait_status) != SIGKILL
            ? "it ended before it could tell of its crash, or has a handler of its own for it"
            : "it was not in a state in which they can be taken";
    std::string id = report.id;
    one.written = std::move(report);
    write_soon(process.number());
    return id;
}

void Crashes::write_soon(uint64_t number) {
    recorder_.touch(Record::crash, number);
    cases_.at(number)->writing = loop_.after(kWriteDelay, [this, number] { write_now(number); });
}

/// Reports that a predecessor had to write.
void Crashes::restore(const Ledger& ledger) {
    ledger.visit(static_cast<uint32_t>(Record::crash),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<CrashReport> report = read_record<CrashReport>(bytes);
                     if (!report.ok()) return;
                     if (report->fault) report->no_stacks = "opendextd died before they were there";
                     auto& one = cases_[key.first] = std::make_unique<Case>();
                     one->written = std::move(report).value();
                     write_soon(key.first);
                 });
}

/// The report of the process is complete on disk, or nobody wants one.
void Crashes::over(uint64_t number) {
    cases_.erase(number);
    recorder_.touch(Record::crash, number);
}

void Crashes::write_now(uint64_t number) {
    OPENDEXT_PROBE(daemon_crash_report);
    const auto place = cases_.find(number);
    if (place == cases_.end()) return;
    Case& one = *place->second;
    if (!one.pending) {
        complete(one);
        OPENDEXT_PROBE(daemon_crash_written);
        return over(number);
    }
    one.written->stacks_state = CrashReport::StacksState::pending;
    write_file(one);
}

}  // namespace opendext::daemon
