// SPDX-License-Identifier: Apache-2.0
// How what is known of crashed drivers passes from one opendextd to the next.
#include "daemon/supervision/supervisor.h"

#include <ctime>
#include <utility>

#include "daemon/adoption/recorder.h"

namespace opendext::daemon {
namespace {

struct SupervisedRecord {
    std::string bundle_id;
    std::string name;
    Standing standing = Standing::running;
    CrashHistory history;
    uint64_t last_crash_ns = 0;
    std::string last_reason;
    uint64_t next_restart_ns = 0;
    uint64_t since_ns = 0;
    std::string reason;
    void fields(auto& io) {
        io(bundle_id, name, standing, history, last_crash_ns, last_reason, next_restart_ns,
           since_ns, reason);
    }
};

struct NubRecord {
    std::vector<SupervisedRecord> supervised;
    void fields(auto& io) { io(supervised); }
};

uint64_t realtime_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

void Supervisor::describe_records() {
    context_.recorder.describe(
        opendext::daemon::Record::deaths, [this](uint64_t nub, uint64_t) -> std::vector<uint8_t> {
            NubRecord record;
            for (auto place = records_.lower_bound({nub, {}});
                 place != records_.end() && place->first.first == nub; ++place) {
                const Supervised& one = place->second;
                record.supervised.push_back({one.personality->bundle_id, one.personality->name,
                                             one.standing, one.history, one.last_crash_ns,
                                             one.last_reason, one.next_restart_ns, one.since_ns,
                                             one.reason});
            }
            if (record.supervised.empty()) return {};
            return record_of(std::move(record));
        });
}

void Supervisor::touch(EntryId nub) {
    context_.recorder.touch(opendext::daemon::Record::deaths, nub);
}

void Supervisor::restore(
    const Ledger& ledger,
    const std::function<PersonalityPtr(EntryId nub, const std::string& bundle_id,
                                       const std::string& name)>& find) {
    ledger.visit(
        static_cast<uint32_t>(opendext::daemon::Record::deaths),
        [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
            Result<NubRecord> nub = read_record<NubRecord>(bytes);
            if (!nub.ok() || context_.registry.find(key.first) == nullptr) return;
            for (SupervisedRecord& one : nub->supervised) {
                const PersonalityPtr personality = find(key.first, one.bundle_id, one.name);
                if (personality == nullptr) continue;
                Record& record = this->record(key.first, personality);
                record.standing = one.standing;
                record.history = std::move(one.history);
                record.last_crash_ns = one.last_crash_ns;
                record.last_reason = std::move(one.last_reason);
                record.since_ns = one.since_ns;
                record.reason = std::move(one.reason);
                if (one.standing == Standing::quarantined) await_end_of_kept(record);
                if (one.standing != Standing::waiting) continue;
                const uint64_t now = realtime_ns();
                const uint64_t left = one.next_restart_ns > now ? one.next_restart_ns - now : 0;
                restart_after(key.first, personality, std::chrono::milliseconds(left / 1'000'000));
            }
        });
}

}  // namespace opendext::daemon
