// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/adoption/entry_record.h"
#include "daemon/registry/entry.h"
#include "rpc/change_board.h"

namespace opendext::daemon {

class Recorder;

/// What happened to an entry. Each event is announced once, after the registry has changed.
enum class Event : uint8_t {
    attached,          ///< new in the tree, nobody can find it yet
    published,         ///< first RegisterService
    registered_again,  ///< a later RegisterService
    first_matched,     ///< the first round of matching is over
    matched,           ///< any round of matching is over (also the first)
    property_changed,
    inactive,      ///< termination began
    detached,      ///< left the tree; the Entry still exists during the announcement
    busy_changed,  ///< its busy count left or reached zero
};
[[nodiscard]] std::string_view to_string(Event event);

/// The tree of entries. Single-threaded; knows nothing of processes, matching or clients: those
/// observe it.
class Registry {
  public:
    Registry();

    /// Entries of opendextd number `generation` of this realm get ids that no earlier one gave.
    /// Before the first add().
    void start_ids(uint64_t generation);

    struct Spec {
        EntryId provider = kNoEntry;
        std::vector<std::string> classes;  ///< most derived first
        std::string name;
        std::string location;
        Dictionary properties;
        bool service = true;
    };
    /// Adds an entry below its provider (none: below nothing, as Root). Not registered yet.
    Entry& add(Spec spec);

    [[nodiscard]] Entry* find(EntryId id);
    [[nodiscard]] const Entry* find(EntryId id) const;
    /// An entry that left the tree lately; readers that were told of its end can still see what it
    /// was.
    [[nodiscard]] const Entry* find_departed(EntryId id) const;
    [[nodiscard]] EntryId root() const { return root_; }
    /// Every entry, oldest first.
    [[nodiscard]] std::vector<EntryId> all() const;
    /// Calls visit(entry) for every entry, oldest first, until it returns false. Nothing may change
    /// meanwhile.
    template <typename Visit>
    void visit(Visit visit) const {
        for (const auto& [id, held] : entries_) {
            if (!visit(static_cast<const Entry&>(*held.entry))) return;
        }
    }
    /// The same for the entries of a class (Entry::is_kind_of), without looking at the others.
    template <typename Visit>
    void visit_class(std::string_view class_name, Visit visit) const {
        for (const Entry* entry : of_class(class_name)) {
            if (!visit(*entry)) return;
        }
    }

    /// Calls visit(entry) for the entries that can have the name: those that are called so, and
    /// those that have a property with more names (kNameProperties). Oldest first for each.
    template <typename Visit>
    void visit_named(std::string_view name, Visit visit) const {
        for (auto named = names_.lower_bound({name, kNoEntry});
             named != names_.end() && named->first == name; ++named) {
            if (!visit(*find(named->second))) return;
        }
        for (const EntryId id : with_more_names_) {
            const Entry* entry = find(id);
            if (entry->name != name && !visit(*entry)) return;
        }
    }
    /// Properties that hold names beside the entry's own.
    static constexpr std::array<std::string_view, 3> kNameProperties{"IOName", "name",
                                                                     "compatible"};

    // Planes. The root is in each of them.
    // --------------------------------------------------------------------------------------
    [[nodiscard]] bool has_plane(std::string_view plane) const;
    [[nodiscard]] bool in_plane(const Entry& entry, std::string_view plane) const;
    /// Nearest first; empty if the entry is not in the plane.
    [[nodiscard]] const std::vector<EntryId>& relatives(const Entry& entry, std::string_view plane,
                                                        bool parents) const;
    /// "IOService:/OpenDext/IOResources"; locations as name@location.
    [[nodiscard]] std::string path(EntryId id, std::string_view plane = kServicePlane) const;
    /// "name" or "name@location".
    [[nodiscard]] static std::string path_component(const Entry& entry);
    void declare_plane(std::string plane);
    /// Puts the entry below `parent` in a plane that was declared; once.
    void attach(EntryId id, EntryId parent, std::string_view plane);

    /// Changes whenever the tree does.
    [[nodiscard]] uint64_t generation() const { return generation_; }
    /// Counts on `board`, which outlives the registry, every change of the tree and of an entry's
    /// name, place, classes and properties.
    void count_changes(ChangeBoard* board) { board_ = board; }
    /// Tells `recorder`, which outlives the registry, of every change of an entry.
    void record(Recorder& recorder);
    /// Puts an entry of a predecessor back, with its id; oldest first. Nothing is announced.
    void restore(EntryId id, records::Entry record);
    /// nullptr if nobody counts.
    [[nodiscard]] const ChangeBoard* changes() const { return board_; }

    // Changes. Unknown ids are ignored: the entry went meanwhile.
    // ---------------------------------------------------
    void register_service(EntryId id);
    void set_matched(EntryId id);
    void set_name(EntryId id, std::string name);
    void set_user_classes(EntryId id, std::vector<std::string> classes);
    void set_property(EntryId id, std::string key, Value value);
    void remove_property(EntryId id, std::string_view key);
    /// What SetProperties of the dext stores.
    void merge_user_properties(EntryId id, const Dictionary& properties);
    void remove_user_property(EntryId id, std::string_view key);
    void set_inactive(EntryId id);
    /// Takes the entry, which has no clients any more, out of the tree.
    void detach(EntryId id);
    /// Counts reasons to be busy; a busy entry makes its providers busy.
    void adjust_busy(EntryId id, int delta);

    using Observer = std::function<void(Event, const Entry&)>;
    /// Observers are called in the order of their addition and live as long as the registry. They
    /// may change the registry.
    void observe(Observer observer) { observers_.push_back(std::move(observer)); }

  private:
    /// All entries with the same classes: what a search by class looks at.
    struct Kind {
        std::map<EntryId, const Entry*> entries;
    };
    /// Kernel-side and user class chain.
    using KindKey = std::pair<std::vector<std::string>, std::vector<std::string>>;
    using Kinds = std::map<KindKey, Kind>;
    struct Held {
        std::unique_ptr<Entry> entry;
        Kinds::iterator kind;
    };

    Entry& insert(std::unique_ptr<Entry> entry);
    void touch(EntryId id);
    void announce(Event event, EntryId id);
    /// A reader sees something else in the entry's place in a plane, …
    void changed(EntryId id);
    /// … in its name, classes or properties.
    void changed(const Entry& entry);
    void tree_changed();
    /// `key` was set or removed.
    void property_changed(const Entry& entry, std::string_view key);
    void add_to_kind(Held& held);
    void remove_from_kind(Held& held);
    [[nodiscard]] std::vector<const Entry*> of_class(std::string_view class_name) const;
    [[nodiscard]] Held* held(EntryId id);

    std::map<EntryId, Held> entries_;
    Kinds kinds_;
    /// The text is the entry's own.
    std::set<std::pair<std::string_view, EntryId>> names_;
    std::set<EntryId> with_more_names_;
    std::set<std::string, std::less<>> planes_;
    ChangeBoard* board_ = nullptr;
    Recorder* recorder_ = nullptr;
    std::deque<std::unique_ptr<Entry>> departed_;
    std::vector<Observer> observers_;
    EntryId next_;
    EntryId root_ = kNoEntry;
    uint64_t generation_ = 1;
};

/// Holds an entry busy as long as it lives.
class BusyHold {
  public:
    BusyHold() = default;
    BusyHold(Registry& registry, EntryId id) : registry_(&registry), id_(id) {
        registry.adjust_busy(id, 1);
    }
    BusyHold(BusyHold&& other) noexcept
        : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}
    BusyHold& operator=(BusyHold&& other) noexcept {
        if (this != &other) {
            reset();
            registry_ = std::exchange(other.registry_, nullptr);
            id_ = other.id_;
        }
        return *this;
    }
    BusyHold(const BusyHold&) = delete;
    BusyHold& operator=(const BusyHold&) = delete;
    ~BusyHold() { reset(); }
    void reset() {
        if (registry_ != nullptr) std::exchange(registry_, nullptr)->adjust_busy(id_, -1);
    }
    [[nodiscard]] bool held() const { return registry_ != nullptr; }

  private:
    Registry* registry_ = nullptr;
    EntryId id_ = kNoEntry;
};

}  // namespace opendext::daemon
