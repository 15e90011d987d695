// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervision/queries.h"

#include "daemon/outcome.h"

namespace opendext::daemon {

namespace client = protocol::client;

namespace {

constexpr size_t kMostDrivers = 4096;

client::SupervisedDriver tell(const Supervised& one, const Supervisor& supervisor,
                              const Registry& registry) {
    client::SupervisedDriver driver;
    driver.nub = one.nub;
    driver.nub_path = registry.path(one.nub);
    driver.bundle_id = one.personality->bundle_id;
    driver.personality = one.personality->name;
    driver.policy = to_string(one.policy);
    driver.state = to_string(one.standing);
    driver.crashes = one.history.total();
    driver.recent_crashes = one.history.recent(supervisor.rules(), supervisor.now());
    driver.last_crash_ns = one.last_crash_ns;
    driver.last_reason = one.last_reason;
    driver.next_restart_ns = one.next_restart_ns;
    driver.since_ns = one.since_ns;
    driver.reason = one.reason;
    return driver;
}

}  // namespace

client::SupervisionIs supervision_is(const Supervisor& supervisor, const Registry& registry) {
    client::SupervisionIs answer;
    answer.policy = to_string(supervisor.rules().policy);
    for (const Supervised* one : supervisor.all()) {
        if (answer.drivers.size() == kMostDrivers) break;
        answer.drivers.push_back(tell(*one, supervisor, registry));
    }
    return answer;
}

client::QuarantineLifted lift_quarantine(Supervisor& supervisor, const Registry& registry,
                                         std::string_view name) {
    client::QuarantineLifted answer;
    const Result<std::vector<Supervised>> lifted = supervisor.lift(name);
    if (!lifted.ok()) {
        answer.outcome = outcome_of(lifted.error());
        return answer;
    }
    for (const Supervised& one : lifted.value())
        answer.lifted.push_back(tell(one, supervisor, registry));
    return answer;
}

}  // namespace opendext::daemon
