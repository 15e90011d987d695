// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOTypes.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "iokit/client/daemon.h"
#include "iokit/client/handles.h"

/// What the registry calls of the library share.
namespace opendext::client {

[[nodiscard]] Result<wire::Entry> get_entry(uint64_t id, bool with_properties = false);
[[nodiscard]] Result<wire::Entries> get_relatives(uint64_t id, const std::string& plane,
                                                  bool parents);
/// The entry that a handle stands for, also of a connection (its user client); Errc::invalid for
/// other handles.
[[nodiscard]] Result<uint64_t> entry_id(io_object_t handle);
/// "name" or "name@location".
[[nodiscard]] std::string path_component(const wire::Entry& entry);
/// "IOService:/A/B@1"
[[nodiscard]] Result<std::string> path_of(uint64_t id, const std::string& plane);
/// Errc::not_found with the component that is not there.
[[nodiscard]] Result<uint64_t> entry_at(const std::string& path);

/// Entries known beforehand; stays valid whatever happens to the registry.
class ListIterator final : public Iterator {
  public:
    explicit ListIterator(std::vector<uint64_t> ids) : ids_(std::move(ids)) {}
    uint64_t next() override;
    void reset() override;

  private:
    std::mutex mutex_;
    const std::vector<uint64_t> ids_;
    size_t position_ = 0;
};

/// Walks a plane, depth first where it recurses. It is invalid as soon as the tree has changed
/// since it began: what it would give could be a mixture of two trees.
class PlaneIterator final : public Iterator {
  public:
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
    struct Level {
        std::vector<uint64_t> ids;
        size_t position = 0;
    };
    /// Puts the relatives of `id` on top; false if the tree changed or opendextd cannot be asked.
    bool push(uint64_t id);
    bool begin();

    std::mutex mutex_;
    const uint64_t start_;
    const std::string plane_;
    const IOOptionBits options_;
    std::vector<Level> levels_;
    std::set<uint64_t> visited_;  ///< an entry with two providers comes once
    uint64_t last_ = 0;
    uint64_t generation_ = 0;
    bool begun_ = false;
    bool valid_ = true;
};

}  // namespace opendext::client
