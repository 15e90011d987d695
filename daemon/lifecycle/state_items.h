// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/adoption/recorder.h"
#include "daemon/entitlements/guard.h"
#include "rpc/value.h"

namespace opendext::daemon {

/// Named items of the system that drivers create, set and watch (IOService::StateNotificationItem…,
/// docs/facts/semantics.md section 11). An item stays until the realm ends. Results are kIOReturn…
/// codes.
class StateItems {
  public:
    /// Who asks.
    struct Caller {
        std::string bundle_id;
        const Dictionary& entitlements;
    };
    explicit StateItems(PolicyGuard& guard) : guard_(guard) {}

    /// `schema` may name, under kIOStateNotificationEntitlementGetKey and …SetKey, what a reader
    /// and a writer need. Of an item of another bundle: kIOReturnExclusiveAccess; of the own one
    /// (the driver was started again): the schema is replaced.
    int32_t create(const std::string& name, Dictionary schema, const Caller& caller);
    int32_t set(const std::string& name, Dictionary value, const Caller& caller);
    /// kIOReturnNotReady: created and never set.
    int32_t copy(const std::string& name, const Caller& caller, Dictionary& value);
    /// Whether the caller may know of changes; an item that does not exist yet may be watched.
    [[nodiscard]] bool may_watch(const std::string& name, const Caller& caller);
    /// How often the item was set; 0 if it never was.
    [[nodiscard]] uint64_t generation(const std::string& name) const;

    /// Called after each change of an item.
    void on_change(std::function<void(const std::string& name)> changed) {
        changed_ = std::move(changed);
    }

    /// For a successor of opendextd: tells `recorder` of every change, and puts items back.
    void record(Recorder& recorder);
    void restore(const Ledger& ledger);

    static constexpr size_t kMaxItems = 1024;
    static constexpr size_t kMaxItemBytes = 64 * 1024;

  private:
    struct Item {
        Dictionary schema;
        std::string bundle_id;
        std::optional<Dictionary> value;
        uint64_t generation = 0;
        uint64_t number = 0;  ///< of its record
    };
    void touch(const Item& item);
    [[nodiscard]] bool permitted(const std::string& name, const Item& item, std::string_view key,
                                 const Caller& caller);

    PolicyGuard& guard_;
    std::map<std::string, Item> items_;
    uint64_t next_ = 1;
    Recorder* recorder_ = nullptr;
    std::function<void(const std::string&)> changed_;
};

}  // namespace opendext::daemon
