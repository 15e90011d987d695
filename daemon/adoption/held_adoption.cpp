// SPDX-License-Identifier: Apache-2.0
// How what has descriptors passes from one opendextd to the next: panic logs and interrupts. The
// ledger says what there is, and the keeper holds the descriptors.
#include <algorithm>
#include <utility>

#include "daemon/adoption/inheritance.h"
#include "daemon/adoption/records.h"
#include "daemon/io_return.h"
#include "daemon/lifecycle/lifecycle.h"

namespace opendext::daemon {
namespace {

struct PanicLogRecord {
    std::vector<uint8_t> uuid;
    std::string data_id;
    uint64_t length = 0;
    void fields(auto& io) { io(uuid, data_id, length); }
};

struct InterruptRecord {
    uint64_t process = 0;
    uint64_t nub = 0;
    uint32_t index = 0;
    uint64_t serial = 0;
    void fields(auto& io) { io(process, nub, index, serial); }
};

std::string panic_log_key(uint64_t process, uint64_t number) {
    return std::string(kOwnKeys) + "panic/" + std::to_string(process) + "/" +
           std::to_string(number);
}

std::string interrupt_key(uint64_t handle) {
    return std::string(kOwnKeys) + "interrupt/" + std::to_string(handle);
}

const UniqueFd kNoDescriptor;

InterruptLine line_of(std::vector<UniqueFd> fds) {
    InterruptLine line;
    if (!fds.empty()) line.events = std::move(fds[0]);
    if (fds.size() > 1) line.unmask = std::move(fds[1]);
    return line;
}

/// What the keeper holds under the key, once.
std::vector<UniqueFd> take(std::map<std::string, KeeperItem>& held, const std::string& key) {
    const auto place = held.find(key);
    if (place == held.end()) return {};
    std::vector<UniqueFd> fds = std::move(place->second.fds);
    held.erase(place);
    return fds;
}

/// Duplicates; fewer than given if there is no room for one.
std::vector<UniqueFd> duplicates(std::initializer_list<const UniqueFd*> fds) {
    std::vector<UniqueFd> copies;
    for (const UniqueFd* fd : fds) {
        if (!*fd) continue;
        Result<UniqueFd> copy = fd->duplicate();
        if (!copy.ok()) return {};
        copies.push_back(std::move(copy).value());
    }
    return copies;
}

}  // namespace

void Lifecycle::record_panic_log(const DriverProcess& process, const PanicLog& log) {
    context_.recorder.touch(Record::panic_log, process.number(), log.number);
    std::vector<UniqueFd> fds = duplicates({&log.memory});
    if (!fds.empty())
        context_.keeper.hold(panic_log_key(process.number(), log.number), {}, std::move(fds), {});
}

void Lifecycle::forget_panic_logs(const DriverProcess& process) {
    for (const PanicLog& log : process.panic_logs) {
        context_.recorder.touch(Record::panic_log, process.number(), log.number);
        context_.keeper.release(panic_log_key(process.number(), log.number), {});
    }
}

void Lifecycle::describe_panic_logs() {
    context_.recorder.describe(Record::panic_log,
                               [this](uint64_t number, uint64_t log) -> std::vector<uint8_t> {
                                   const ProcessPtr process = processes_.find(number);
                                   if (!process || log >= process->panic_logs.size()) return {};
                                   const PanicLog& of = process->panic_logs[log];
                                   return record_of(PanicLogRecord{of.uuid, of.data_id, of.length});
                               });
}

void Lifecycle::restore_panic_logs(const Ledger& ledger, std::map<std::string, KeeperItem>& held) {
    ledger.visit(static_cast<uint32_t>(Record::panic_log), [&](const Ledger::Key& key,
                                                               std::span<const uint8_t> bytes) {
        Result<PanicLogRecord> record = read_record<PanicLogRecord>(bytes);
        std::vector<UniqueFd> fds = take(held, panic_log_key(key.first, key.second));
        const ProcessPtr process = processes_.find(key.first);
        if (!record.ok() || !process) {
            if (!fds.empty()) context_.keeper.release(panic_log_key(key.first, key.second), {});
            return;
        }
        // One whose memory was not held yet keeps its number, and has no text.
        process->panic_logs.push_back({process->panic_logs.size(), std::move(record->uuid),
                                       std::move(record->data_id), record->length,
                                       fds.empty() ? UniqueFd() : std::move(fds.front())});
    });
}

Interrupts::Interrupts(Context& context, const Families& families,
                       std::function<ProcessPtr(uint64_t number)> process)
    : context_(context),
      registry_(context.registry),
      families_(families),
      process_(std::move(process)) {
    context_.recorder.describe(
        Record::interrupt, [this](uint64_t handle, uint64_t) -> std::vector<uint8_t> {
            const auto line = lines_.find(handle);
            if (line == lines_.end() || !line->second.attached) return {};
            return record_of(InterruptRecord{line->second.process, line->second.nub,
                                             line->second.index, line->second.serial});
        });
}

void Interrupts::answer_again(DriverProcess& process, uint64_t serial, uint64_t type,
                              uint64_t handle, const InterruptLine& line) {
    std::vector<UniqueFd> fds = duplicates({&line.events, &line.unmask});
    const int32_t result = fds.empty() ? kIOReturnNoResources : kIOReturnSuccess;
    process.send(protocol::driver::Interrupt{{result, ""}, type, handle}, serial, std::move(fds));
}

void Interrupts::keep(uint64_t handle, const InterruptLine& line) {
    context_.recorder.touch(Record::interrupt, handle);
    std::vector<UniqueFd> fds = duplicates({&line.events, &line.unmask});
    if (!fds.empty()) context_.keeper.hold(interrupt_key(handle), {}, std::move(fds), {});
}

void Interrupts::forget(uint64_t handle, const Line& line) {
    if (!line.attached) return;
    context_.recorder.touch(Record::interrupt, handle);
    context_.keeper.release(interrupt_key(handle), {});
}

void Interrupts::restore(const Ledger& ledger, uint64_t first_handle,
                         std::map<std::string, KeeperItem>& held) {
    next_ = first_handle;
    ledger.visit(static_cast<uint32_t>(Record::interrupt), [&](const Ledger::Key& key,
                                                               std::span<const uint8_t> bytes) {
        const Result<InterruptRecord> record = read_record<InterruptRecord>(bytes);
        std::vector<UniqueFd> fds = take(held, interrupt_key(key.first));
        if (fds.empty()) return;
        const Entry* nub = record.ok() ? registry_.find(record->nub) : nullptr;
        const auto [family, type] = nub == nullptr ? Families::InterruptOwner{}
                                                   : families_.interrupt_owner(*nub, record->index);
        if (family == nullptr || !process_(record->process)) {
            context_.keeper.release(interrupt_key(key.first), {});
            return;
        }
        Line line{record->process, nub->id, record->index, family, record->serial, true};
        line.adopted = std::make_shared<const InterruptLine>(
            line_of(duplicates({&fds[0], fds.size() > 1 ? &fds[1] : &kNoDescriptor})));
        lines_.emplace(key.first, std::move(line));
        family->interrupt_adopted(*nub, record->index, line_of(std::move(fds)));
    });
}

}  // namespace opendext::daemon
