// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/history.h"

#include "daemon/outcome.h"

namespace opendext::daemon {

void StartHistory::note(EntryId nub, const std::string& label, const Status& outcome, Time now) {
    Record& record = records_[{nub, label}];
    ++record.attempts;
    record.when = now;
    record.io_return = 0;
    record.text.clear();
    if (outcome.ok()) return;
    ++record.failures;
    record.text = outcome.error().text();
    record.io_return = outcome_of(outcome.error()).io_return;
}

void StartHistory::forget(EntryId nub) {
    for (auto place = records_.lower_bound({nub, {}});
         place != records_.end() && place->first.first == nub;)
        place = records_.erase(place);
}

void StartHistory::forget(const std::string& label) {
    std::erase_if(records_, [&](const auto& each) { return each.first.second == label; });
}

const StartHistory::Record* StartHistory::find(EntryId nub, const std::string& label) const {
    const auto place = records_.find({nub, label});
    return place == records_.end() ? nullptr : &place->second;
}

}  // namespace opendext::daemon
