// SPDX-License-Identifier: Apache-2.0
// How opendextd leaves a record of itself, and goes on where its predecessor was killed.
#include <csignal>
#include <set>
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/daemon.h"
#include "rpc/probe.h"

namespace opendext::daemon {

bool Daemon::adopts() const {
    return options_.inheritance && options_.inheritance->adopts;
}

void Daemon::begin_records() {
    registry_.record(recorder_);
    if (!options_.inheritance) return;
    Inheritance& left = *options_.inheritance;
    lifecycle_.processes().start_numbers(left.starts << 32 | 1);
    clients_.connections().start_numbers(left.starts << 32 | 1);
    if (!left.why_not.empty()) {
        log_.write(LogLevel::error, "adoption",
                   left.starts > 1 ? "the drivers of the last opendextd were ended: " + left.why_not
                                   : "drivers will not outlive opendextd: " + left.why_not);
    }
    if (!left.ledger) return;
    recorder_.write_to(left.ledger.get());
    keeper_.record_queue(left.starts << 32 | 1, [this](uint64_t message) {
        recorder_.touch(Record::unsent, kKeeper, message);
    });
    loop_.on_settle([this] {
        if (recorder_.commit()) return;
        log_.write(LogLevel::error, "adoption",
                   "the ledger is full: drivers do not outlive this opendextd any more");
        loop_.on_settle(nullptr);
    });
    // Behind what leaves: programs wait for that.
    log_.gather();
    loop_.before_last([this] { log_.flush(); });
    if (left.adopts) return;
    Result<UniqueFd> memory = left.ledger->duplicate();
    if (!memory.ok()) return;
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(memory).value());
    keeper_.hold(std::string(kLedgerKey), {}, std::move(fds), {});
}

Status Daemon::restore() {
    OPENDEXT_PROBE(daemon_restore);
    const Ledger& ledger = *options_.inheritance->ledger;
    // What cannot be put back goes out of the ledger when it is written next.
    for (uint32_t kind = 1; kind <= static_cast<uint32_t>(kLastRecord); ++kind) {
        ledger.visit(kind, [&](const Ledger::Key& key, std::span<const uint8_t>) {
            recorder_.touch(static_cast<Record>(kind), key.first, key.second);
        });
    }
    ledger.visit(static_cast<uint32_t>(Record::entry),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<records::Entry> record = read_record<records::Entry>(bytes);
                     if (record.ok() && !record->classes.empty())
                         registry_.restore(key.first, std::move(record).value());
                 });
    if (!find_roots() && registry_.root() == kNoEntry) {
        return Error{Errc::malformed, 0,
                     "the ledger of the last opendextd has no registry; its drivers are ended"};
    }
    OPENDEXT_PROBE(daemon_restore_processes);
    restore_processes();
    lifecycle_.restore_panic_logs(ledger, options_.inheritance->held);
    lifecycle_.restore_tables(ledger, options_.inheritance->starts << 32 | 1);
    restore_instances();
    opens_.restore(ledger);
    power_.restore(ledger);
    supervisor_.restore(
        ledger,
        [this](EntryId nub, const std::string& bundle_id,
               const std::string& name) -> PersonalityPtr {
            for (const PersonalityPtr& personality : index_.for_nub(*registry_.find(nub))) {
                if (personality->bundle_id == bundle_id && personality->name == name)
                    return personality;
            }
            return nullptr;
        });
    return success();
}

bool Daemon::find_roots() {
    registry_.visit([&](const Entry& entry) {
        const std::string& name = entry.class_name();
        if (name == "IOPlatformExpertDevice" && platform_ == kNoEntry) platform_ = entry.id;
        if (name == "IOResources" && resources_ == kNoEntry) resources_ = entry.id;
        if (name == "IOUserResources" && link_.user_resources == kNoEntry)
            link_.user_resources = entry.id;
        return true;
    });
    lifecycle_.publish_servers_below(resources_);
    return platform_ != kNoEntry && resources_ != kNoEntry && link_.user_resources != kNoEntry;
}

/// Processes that were up are adopted, also those that have ended meanwhile: they end as they would
/// have (resume). The others were on their way up, and are ended by their pid.
void Daemon::restore_processes() {
    const Ledger& ledger = *options_.inheritance->ledger;
    auto& controls = options_.inheritance->controls;
    // A reinstalled or reloaded bundle has another copy number now.
    std::map<uint64_t, uint64_t> copies;
    ledger.visit(static_cast<uint32_t>(Record::instance),
                 [&](const Ledger::Key&, std::span<const uint8_t> bytes) {
                     const auto record = read_record<records::Instance>(bytes);
                     if (!record.ok() || record->created) return;
                     if (const PersonalityPtr personality = find_personality(*record))
                         copies[record->process] = personality->copy;
                 });
    std::map<uint64_t, std::vector<Message>> unsent;
    ledger.visit(static_cast<uint32_t>(Record::unsent), [&](const Ledger::Key& key,
                                                            std::span<const uint8_t> bytes) {
        auto record = read_record<records::Unsent>(bytes);
        if (!record.ok()) return;
        unsent[key.first].push_back({record->kind, record->serial, std::move(record->body), {}});
    });
    ledger.visit(static_cast<uint32_t>(Record::process), [&](const Ledger::Key& key,
                                                             std::span<const uint8_t> bytes) {
        Result<records::Process> record = read_record<records::Process>(bytes);
        // Without a pid: the keeper had not told of it yet.
        if (!record.ok() || record->state < ProcessState::ready || record->pid == 0) return;
        const auto found = ledger.find({static_cast<uint32_t>(Record::classes), key.first, 0});
        Result<records::Classes> classes = read_record<records::Classes>(found);
        if (!classes.ok()) return;
        record->spec.copy = copies[key.first];
        LinkLeft link;
        if (const auto place = controls.find(record->pid); place != controls.end()) {
            link.control = std::move(place->second);
            controls.erase(place);
        }
        const auto handled = ledger.find({static_cast<uint32_t>(Record::handled), key.first, 0});
        if (const auto name = read_record<MessageName>(handled); name.ok()) link.handled = *name;
        link.unsent = std::move(unsent[key.first]);
        lifecycle_.processes().adopt(key.first, std::move(record).value(),
                                     std::move(classes).value(), std::move(link));
    });
    ledger.visit(static_cast<uint32_t>(Record::known),
                 [&](const Ledger::Key& key, std::span<const uint8_t>) {
                     const ProcessPtr process = lifecycle_.processes().find(key.first);
                     if (process && registry_.find(key.second) != nullptr)
                         process->known.insert(key.second);
                 });
    for (Message& message : unsent[kKeeper]) keeper_.send_again(std::move(message));
    for (const auto& [pid, control] : controls) keeper_.signal(pid, SIGKILL);
    controls.clear();
}

/// The personality that an object was matched with, if it is still installed as it was.
PersonalityPtr Daemon::find_personality(const records::Instance& record) const {
    const Entry* nub = registry_.find(record.provider);
    if (nub == nullptr) return nullptr;
    for (const PersonalityPtr& personality : index_.for_nub(*nub)) {
        if (personality->bundle_id == record.bundle_id && personality->name == record.personality &&
            personality->bundle_path == record.bundle_path && personality->table == record.table) {
            return personality;
        }
    }
    return nullptr;
}

void Daemon::restore_instances() {
    const Ledger& ledger = *options_.inheritance->ledger;
    ledger.visit(static_cast<uint32_t>(Record::instance), [&](const Ledger::Key& key,
                                                              std::span<const uint8_t> bytes) {
        Result<records::Instance> record = read_record<records::Instance>(bytes);
        if (!record.ok() || registry_.find(key.first) == nullptr) return;
        PersonalityPtr personality;
        bool replaced = false;
        if (record->created) {
            const Instance* creator = std::as_const(lifecycle_).find(record->provider);
            if (creator == nullptr) return;
            personality = creator->personality;
        } else {
            personality = find_personality(*record);
            replaced = personality == nullptr;
        }
        if (replaced) {
            Result<Personality> old =
                Personality::read(record->bundle_id, record->personality, record->table);
            if (!old.ok()) return;
            old->bundle_path = record->bundle_path;
            old->executable = record->executable;
            old->entitlements = record->entitlements;
            personality = std::make_shared<const Personality>(std::move(old).value());
        }
        const EntryId nub = record->provider;
        auto busy = std::make_shared<BusyHold>();
        if (!record->start_finished) *busy = BusyHold(registry_, nub);
        const bool wait = replaced || !record->start_finished;
        lifecycle_.restore(
            key.first, std::move(record).value(), personality,
            !wait ? std::function<void(Status)>{} : [this, nub, busy](const Status& status) {
                busy->reset();
                if (!status.ok()) matcher_.match(nub);
            });
        if (replaced) {
            log_.write(LogLevel::notice, "adoption",
                       personality->label() +
                           " is not installed any more as it was; what "
                           "runs of it is ended");
            loop_.post([this, id = key.first] { lifecycle_.terminate(id); });
        }
    });
}

void Daemon::resume() {
    OPENDEXT_PROBE(daemon_resume);
    Inheritance& left = *options_.inheritance;
    for (const EntryId id : registry_.all()) {
        const Instance* instance = std::as_const(lifecycle_).find(id);
        if (instance == nullptr) continue;
        const bool served = instance->running() && instance->family_started;
        if (served && instance->process && instance->process->usable()) {
            if (const Entry* entry = registry_.find(id)) families_.adopted(*entry);
        }
        lifecycle_.resume(id);
    }
    lifecycle_.restore_interrupts(*left.ledger, left.starts << 32 | 1, left.held);
    lifecycle_.resume_terminations();
    clients_.connections().restore(*left.ledger);
    size_t adopted = 0;
    const std::map<uint64_t, ProcessPtr> processes = lifecycle_.processes().all();
    for (const auto& [number, process] : processes) {
        if (process->connected()) {
            ++adopted;
            continue;
        }
        std::optional<int> status;
        for (const auto& end : left.ended) {
            if (end.pid == process->pid()) status = end.wait_status;
        }
        process->exited(status);
    }
    left.ledger->visit(static_cast<uint32_t>(Record::round),
                       [&](const Ledger::Key& key, std::span<const uint8_t>) {
                           const Entry* nub = registry_.find(key.first);
                           if (nub != nullptr && nub->activity == Activity::active)
                               matcher_.match(nub->id);
                       });
    catalogue_.resume(*left.ledger);
    crashes_.restore(*left.ledger);
    OPENDEXT_PROBE(daemon_resumed);
    left.ledger->attempt_succeeded();
    log_.write(LogLevel::notice, "adoption",
               "opendextd died and is back, start " + std::to_string(left.starts) + "; " +
                   std::to_string(adopted) + " driver processes were adopted, " +
                   std::to_string(processes.size() - adopted) + " had ended");
}

}  // namespace opendext::daemon
