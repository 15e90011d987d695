// SPDX-License-Identifier: Apache-2.0
// How state items and what drivers watch pass from one opendextd to the next.
#include <algorithm>
#include <utility>

#include "daemon/adoption/records.h"
#include "daemon/lifecycle/state_items.h"
#include "daemon/lifecycle/watches.h"

namespace opendext::daemon {

void StateItems::record(Recorder& recorder) {
    recorder_ = &recorder;
    recorder.describe(Record::item, [this](uint64_t number, uint64_t) -> std::vector<uint8_t> {
        for (const auto& [name, item] : items_) {
            if (item.number != number) continue;
            return record_of(records::Item{name, item.schema, item.bundle_id,
                                           item.value.has_value(),
                                           item.value.value_or(Dictionary{}), item.generation});
        }
        return {};
    });
}

void StateItems::touch(const Item& item) {
    if (recorder_ != nullptr) recorder_->touch(Record::item, item.number);
}

void StateItems::restore(const Ledger& ledger) {
    ledger.visit(static_cast<uint32_t>(Record::item),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<records::Item> record = read_record<records::Item>(bytes);
                     if (!record.ok()) return;
                     Item item{std::move(record->schema), std::move(record->bundle_id),
                               std::nullopt, record->generation, key.first};
                     if (record->set) item.value = std::move(record->value);
                     next_ = std::max(next_, key.first + 1);
                     items_.insert_or_assign(std::move(record->name), std::move(item));
                 });
}

void DriverWatches::describe_records() {
    context_.recorder.describe(
        Record::watch, [this](uint64_t process, uint64_t source) -> std::vector<uint8_t> {
            const auto place = watches_.find({process, source});
            if (place == watches_.end()) return {};
            const Watch& watch = place->second;
            records::Watch record{watch.kind, watch.matching, {}, watch.told, {}, watch.armed};
            for (const auto& [type, entry] : watch.waiting) record.waiting.push_back({type, entry});
            for (const auto& [name, told] : watch.items) record.items.push_back({name, told});
            return record_of(std::move(record));
        });
}

void DriverWatches::restore(const Ledger& ledger) {
    ledger.visit(static_cast<uint32_t>(Record::watch),
                 [&](const Ledger::Key& key, std::span<const uint8_t> bytes) {
                     Result<records::Watch> record = read_record<records::Watch>(bytes);
                     if (!record.ok() || !hooks_.process(key.first)) return;
                     Watch watch;
                     watch.kind = record->kind;
                     watch.matching = std::move(record->matching);
                     watch.told = record->told;
                     watch.armed = record->armed;
                     for (const auto& each : record->waiting)
                         watch.waiting.emplace_back(each.type, each.entry);
                     for (auto& each : record->items)
                         watch.items.emplace(std::move(each.item), each.generation);
                     watches_.emplace(Key{key.first, key.second}, std::move(watch));
                 });
}

}  // namespace opendext::daemon
