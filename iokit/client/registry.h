// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOKitLib.h>

#include <memory>
#include <string>
#include <vector>

#include "iokit/client/daemon.h"
#include "iokit/client/handles.h"
#include "iokit/client/snapshots.h"

/// What the registry calls of the library share.
namespace opendext::client {

/// What changes too often to be kept: busy state, counts, process.
[[nodiscard]] Result<wire::Entry> get_entry(uint64_t id);
/// Name, place, classes and properties.
[[nodiscard]] Result<EntrySnapshot> read_entry(uint64_t id);
[[nodiscard]] Result<wire::Entries> get_relatives(uint64_t id, const std::string& plane,
                                                  bool parents);
[[nodiscard]] Result<wire::Located> locate(uint64_t id, const std::string& plane);
/// The entry that a handle stands for, also of a connection (its user client); Errc::invalid for
/// other handles.
[[nodiscard]] Result<uint64_t> entry_id(io_object_t handle);

/// Entries known beforehand; stays valid whatever happens to the registry.
class ListIterator final : public Iterator {
  public:
    explicit ListIterator(std::vector<uint64_t> ids)
        : ids_(std::make_shared<const std::vector<uint64_t>>(std::move(ids))) {}
    uint64_t next() override;
    void reset() override;

  private:
    std::mutex mutex_;
    const EntryList ids_;
    size_t position_ = 0;
};

/// Walks a plane, depth first where it recurses, an entry with two providers once. It is invalid as
/// soon as the tree has changed since it began: what it would give could be a mixture of two trees.
class PlaneIterator final : public Iterator {
  public:
    /// `start` 0: the root, whatever its id is by then.
    PlaneIterator(uint64_t start, std::string plane, IOOptionBits options)
        : start_(start), plane_(std::move(plane)), options_(options) {}
    uint64_t next() override;
    void reset() override;
    bool valid() override;
    /// Goes on with the relatives of the entry that next() gave last, or back to where it came
    /// from.
    kern_return_t enter();
    kern_return_t exit();

  private:
    /// Entries, each with its depth; where recursion is not wanted, all of depth 1.
    struct Level {
        EntryList ids;
        std::shared_ptr<const std::vector<uint16_t>> depths;
        size_t position = 0;
        /// Entries above this depth are not the level's any more.
        uint16_t floor = 1;
    };
    [[nodiscard]] bool recursive() const { return (options_ & kIORegistryIterateRecursively) != 0; }
    [[nodiscard]] bool parents() const { return (options_ & kIORegistryIterateParents) != 0; }
    /// Puts the relatives of `id`, with theirs if it recurses, on top; false if the tree changed or
    /// opendextd cannot be asked.
    bool push(uint64_t id);
    bool begin();
    bool still_valid();

    std::mutex mutex_;
    const uint64_t start_;
    const std::string plane_;
    const IOOptionBits options_;
    uint64_t from_ = 0;  ///< where the walk began
    std::vector<Level> levels_;
    uint64_t last_ = 0;
    uint64_t generation_ = 0;
    std::shared_ptr<const ChangeView> changes_;
    uint64_t tree_ = 0;  ///< what changes_ said when it began
    bool begun_ = false;
    bool valid_ = true;
};

}  // namespace opendext::client
