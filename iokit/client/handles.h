// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <IOKit/IOTypes.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace opendext::client {

/// What a handle (io_object_t) stands for.
class HandleObject {
  public:
    enum class Kind { entry, iterator, connection, interest, port };
    explicit HandleObject(Kind kind) : kind(kind) {}
    HandleObject(const HandleObject&) = delete;
    HandleObject& operator=(const HandleObject&) = delete;
    virtual ~HandleObject() = default;
    /// The last reference of the handle went. Called without locks; others may still hold the
    /// object for a call.
    virtual void released() {}
    const Kind kind;
};

/// A registry entry by its id: everything else is asked for.
class EntryHandle final : public HandleObject {
  public:
    static constexpr Kind kKind = Kind::entry;
    explicit EntryHandle(uint64_t id) : HandleObject(kKind), id(id) {}
    const uint64_t id;
};

/// A walk over entries.
class Iterator : public HandleObject {
  public:
    static constexpr Kind kKind = Kind::iterator;
    Iterator() : HandleObject(kKind) {}
    /// The next entry's id, 0 at the end.
    virtual uint64_t next() = 0;
    virtual void reset() = 0;
    virtual bool valid() { return true; }
};

/// The handles of this process with their reference counts. Any thread.
class HandleTable {
  public:
    static HandleTable& instance();

    /// A new handle with one reference.
    io_object_t add(std::shared_ptr<HandleObject> object);
    /// A handle of the registry entry `id` with one more reference: the one that there is, or a new
    /// one. 0 for id 0.
    io_object_t entry(uint64_t id);

    [[nodiscard]] std::shared_ptr<HandleObject> find(io_object_t handle);
    /// The object if the handle is of that kind, else nullptr.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> find_as(io_object_t handle) {
        std::shared_ptr<HandleObject> object = find(handle);
        if (object == nullptr || object->kind != T::kKind) return nullptr;
        return std::static_pointer_cast<T>(object);
    }

    bool retain(io_object_t handle);
    bool release(io_object_t handle);
    /// Takes the handle away whatever its count (IOServiceClose).
    void remove(io_object_t handle);
    [[nodiscard]] uint32_t references(io_object_t handle);
    /// Changes with every connection that is closed: a handle of one that was found before means
    /// the same as long as it has not.
    [[nodiscard]] uint64_t closed_connections() const {
        return closed_connections_.load(std::memory_order_acquire);
    }

  private:
    struct Slot {
        std::shared_ptr<HandleObject> object;
        uint32_t references = 1;
    };
    io_object_t insert(std::shared_ptr<HandleObject> object);

    std::mutex mutex_;
    std::unordered_map<io_object_t, Slot> slots_;
    std::unordered_map<uint64_t, io_object_t> entries_;
    io_object_t next_ = 0x1003;
    std::atomic<uint64_t> closed_connections_ = 0;
};

}  // namespace opendext::client
