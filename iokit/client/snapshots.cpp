// SPDX-License-Identifier: Apache-2.0
#include "iokit/client/snapshots.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace opendext::client {
namespace {

/// What is read after one entry was read alone.
constexpr size_t kFirstAhead = 16;
/// So many times what was used of the last answer comes with the next.
constexpr size_t kGrowth = 8;

std::atomic<uint64_t> forks{0};

/// An entry that is not in the registry any more: opendextd remembers some.
Result<EntrySnapshot> departed(uint64_t id) {
    const auto entry = OD_TRY(Daemon::instance().request<wire::Entry>(wire::GetEntry{id, true}));
    wire::SnapshotWriter writer;
    writer.begin(
        id, writer.chain(entry.classes.empty() ? std::vector{entry.class_name} : entry.classes),
        writer.parent(""), entry.name, entry.location);
    for (const auto& [key, value] : entry.properties) writer.property(key, value);
    writer.end();
    auto made = std::make_shared<wire::Snapshots>(OD_TRY(wire::Snapshots::parse(writer.finish(0))));
    const wire::Snapshot& snapshot = made->entries().front();
    return EntrySnapshot(std::move(made), snapshot);
}

/// Differs between a process and its children, without a system call.
uint64_t this_process() {
    [[maybe_unused]] static const int registered =
        ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
    return forks.load(std::memory_order_relaxed);
}

}  // namespace

Result<std::string> EntrySnapshot::path() const {
    if (entry_->parent.empty())
        return Error{Errc::not_found, 0, "the entry is not in the plane IOService"};
    std::string path;
    path.reserve(entry_->parent.size() + entry_->name.size() + entry_->location.size() + 2);
    path = entry_->parent;
    if (path.back() != '/') path += '/';
    path += entry_->name;
    if (!entry_->location.empty()) (path += '@') += entry_->location;
    return path;
}

ReadAhead& ReadAhead::of_thread() {
    thread_local ReadAhead own;
    return own;
}

void ReadAhead::at(EntryList list, size_t position) {
    if (list_ != list) {
        list_ = std::move(list);
        ahead_end_ = 0;
    }
    position_ = position;
}

std::optional<EntrySnapshot> ReadAhead::find(Answer& answer, uint64_t id) {
    if (answer.entries == nullptr || answer.changes->ended() || answer.process != this_process())
        return std::nullopt;
    const std::vector<wire::Snapshot>& entries = answer.entries->entries();
    size_t place = answer.next;
    if (place >= entries.size() || entries[place].id != id) {
        const auto found =
            std::find_if(entries.begin(), entries.end(),
                         [&](const wire::Snapshot& entry) { return entry.id == id; });
        if (found == entries.end()) return std::nullopt;
        place = static_cast<size_t>(found - entries.begin());
    }
    if (answer.changes->names() != answer.names ||
        answer.changes->entry(id) != answer.counters[place])
        return std::nullopt;
    // The same entry is mostly asked for several things, then the next one.
    answer.next = place;
    if (place >= answer.used) answer.used = place + 1;
    return EntrySnapshot(answer.entries, entries[place]);
}

std::optional<size_t> ReadAhead::place_of(uint64_t id) const {
    if (list_ == nullptr) return std::nullopt;
    // What the iterator gave last, or, in a program that gathered the entries first, what comes
    // after those that it has read.
    for (const size_t place : {position_, ahead_end_, size_t{0}}) {
        if (place < list_->size() && (*list_)[place] == id) return place;
    }
    return std::nullopt;
}

Result<ReadAhead::Answer> ReadAhead::ask(std::span<const uint64_t> ids) {
    Answer answer;
    answer.process = this_process();
    wire::GetSnapshots request;
    request.ids.assign(ids.begin(), ids.end());
    request.max_bytes = kMostBytes;
    // Counters first: what changes between them and the answer makes the answer look old, not new.
    answer.changes = OD_TRY(Daemon::instance().changes());
    std::vector<uint64_t> before;
    if (answer.changes != nullptr) {
        answer.names = answer.changes->names();
        before.reserve(ids.size());
        for (const uint64_t id : ids) before.push_back(answer.changes->entry(id));
    }
    Message message = OD_TRY(Daemon::instance().request_message(encode(std::move(request))));
    auto entries =
        std::make_shared<wire::Snapshots>(OD_TRY(wire::Snapshots::parse(std::move(message))));
    // They come in the order of the request; those that are gone are left out.
    size_t place = 0;
    for (const wire::Snapshot& entry : entries->entries()) {
        while (place < ids.size() && ids[place] != entry.id) ++place;
        if (place == ids.size())
            return Error{Errc::malformed, 0, "opendextd told of entries that were not asked for"};
        if (answer.changes != nullptr) answer.counters.push_back(before[place]);
        answer.covered = ++place;
    }
    answer.entries = std::move(entries);
    return answer;
}

Result<EntrySnapshot> ReadAhead::get(uint64_t id) {
    if (auto found = find(ahead_, id)) return std::move(*found);
    if (auto found = find(single_, id)) return std::move(*found);
    const std::optional<size_t> place = place_of(id);
    Answer& slot = place ? ahead_ : single_;
    size_t count = 1;
    if (place) {
        const bool goes_on = *place == ahead_end_ && *place > 0;
        count = goes_on ? std::clamp(ahead_.used * kGrowth, kFirstAhead, kMostEntries) : 1;
        count = std::min(count, list_->size() - *place);
    }
    const std::span<const uint64_t> ids =
        place ? std::span(*list_).subspan(*place, count) : std::span(&id, 1);
    Answer answer = OD_TRY(ask(ids));
    const auto& entries = answer.entries->entries();
    if (entries.empty() || entries.front().id != id) return departed(id);
    if (place) ahead_end_ = *place + answer.covered;
    const EntrySnapshot result(answer.entries, entries.front());
    answer.used = 1;
    // Without counters nothing says how long it holds.
    if (answer.changes == nullptr) answer.entries = nullptr;
    slot = std::move(answer);
    return result;
}

}  // namespace opendext::client
