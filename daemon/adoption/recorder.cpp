// SPDX-License-Identifier: Apache-2.0
#include "daemon/adoption/recorder.h"
#include "rpc/probe.h"

namespace opendext::daemon {

bool Recorder::commit() {
    if (ledger_ == nullptr) return true;
    OPENDEXT_PROBE(daemon_record);
    for (const Ledger::Key& key : touched_) {
        const auto describer = describers_.find(static_cast<Record>(key.kind));
        if (describer == describers_.end()) continue;
        const std::vector<uint8_t> bytes = describer->second(key.first, key.second);
        if (bytes.empty()) {
            ledger_->erase(key);
        } else {
            ledger_->put(key, bytes);
        }
    }
    touched_.clear();
    OPENDEXT_PROBE(daemon_record_written);
    if (ledger_->commit()) return true;
    ledger_ = nullptr;
    return false;
}

}  // namespace opendext::daemon
