// SPDX-License-Identifier: Apache-2.0
#include "daemon/matching/history.h"

#include <charconv>
#include <optional>

#include "daemon/outcome.h"

namespace opendext::daemon {
namespace {

/// The code that Error::text() put into the words: the end of an instance passes words on, not the
/// error that it failed with.
std::optional<int32_t> code_in(const std::string& text) {
    const size_t place = text.rfind("(0x");
    if (place == std::string::npos) return std::nullopt;
    uint32_t code = 0;
    const char* begin = text.data() + place + 3;
    const auto [stop, error] = std::from_chars(begin, text.data() + text.size(), code, 16);
    if (error != std::errc{} || stop == begin) return std::nullopt;
    return static_cast<int32_t>(code);
}

}  // namespace

void StartHistory::note(EntryId nub, const std::string& label, const Status& outcome, Time now) {
    Record& record = records_[{nub, label}];
    ++record.attempts;
    record.when = now;
    record.io_return = 0;
    record.text.clear();
    if (outcome.ok()) return;
    ++record.failures;
    record.text = outcome.error().text();
    record.io_return = code_in(record.text).value_or(outcome_of(outcome.error()).io_return);
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
