// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

class OSAction;
class OSMetaClassBase;
class OSObject;

namespace opendext::runtime {

/// Adds a reference unless the object is being freed. For tables that hold objects without
/// retaining them: free() takes the object out under the same lock.
[[nodiscard]] bool try_retain(const OSMetaClassBase* object);

/// Which C++ object stands for which registry entry or action number in this process. Any thread.
/// What `copy…` gives is retained for the caller.
class ObjectTable {
  public:
    ~ObjectTable();

    /// Binds an object of this process to its entry; retains it until `drop`. False if the entry is
    /// bound already.
    bool bind(uint64_t entry, OSObject* object);
    /// Forgets an own object; the caller gets the reference that the table held. nullptr if there
    /// is none.
    [[nodiscard]] OSObject* take(uint64_t entry);
    [[nodiscard]] OSObject* copy_own(uint64_t entry);
    /// Own objects, each retained for the caller.
    [[nodiscard]] std::vector<OSObject*> copy_all_own();

    /// The own object of the entry, or its proxy: of `class_name` if that class is here and may be
    /// remote, else of the first such class that `set_classes` named for the entry, else an
    /// IOService.
    [[nodiscard]] OSObject* copy(uint64_t entry, std::string_view class_name);
    /// A proxy is being freed.
    void forget_proxy(uint64_t entry, const OSObject* proxy);
    /// Class chain of an entry of elsewhere, most derived first.
    void set_classes(uint64_t entry, std::vector<std::string> classes);
    /// The most derived class of an entry of elsewhere; empty if it was not told.
    [[nodiscard]] std::string class_of(uint64_t entry);

    /// Number under which others know an own action. The table retains the action until
    /// `drop_action`.
    uint64_t export_action(OSAction* action);
    /// Own action by number (retained), or nullptr.
    [[nodiscard]] OSAction* copy_own_action(uint64_t number);
    /// Nobody else holds the action any more; the caller gets the table's reference, or nullptr.
    [[nodiscard]] OSAction* take_action(uint64_t number);
    /// A stand-in for an action of elsewhere.
    [[nodiscard]] OSAction* copy_foreign_action(uint64_t number, std::string_view class_name,
                                                uint64_t msgid);
    void forget_action(uint64_t number, const OSAction* action);

  private:
    std::mutex mutex_;
    std::map<uint64_t, OSObject*> own_;
    std::map<uint64_t, OSObject*> proxies_;  // not retained
    std::map<uint64_t, std::vector<std::string>> classes_;
    std::map<uint64_t, OSAction*> own_actions_;
    std::map<uint64_t, OSAction*> foreign_actions_;  // not retained
    uint64_t next_action_ = 1;
};

/// Numbers of actions made by a driver process have this bit, those made by opendextd the top bit:
/// neither is ever a registry entry id.
inline constexpr uint64_t kDriverActionBit = uint64_t{1} << 62;
inline constexpr uint64_t kDaemonActionBit = uint64_t{1} << 63;

}  // namespace opendext::runtime
