// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "rpc/fd.h"
#include "rpc/result.h"

class IOUserClient;
class OSString;

namespace opendext::runtime {

/// A page of sealed shared memory that event links and work groups keep their state in. Where the
/// original passes a Mach port, a descriptor of such memory is passed: whoever has it takes part.
class SharedState {
  public:
    static Result<std::shared_ptr<SharedState>> make(const char* name);
    /// Duplicates the descriptor. Errc::malformed if it is no sealed memory of a page.
    static Result<std::shared_ptr<SharedState>> from_descriptor(int fd);

    template <typename T>
    [[nodiscard]] T* as() const {
        static_assert(sizeof(T) <= kSize);
        return mapping_.at<T>(0);
    }

  private:
    static constexpr size_t kSize = 4096;
    Mapping mapping_;
};

/// The shared states that have names within a user client. An entry ends with its last user or when
/// it is forgotten.
class NamedStates {
  public:
    /// The state of that name, made if there is none.
    Result<std::shared_ptr<SharedState>> get(const IOUserClient* client, const std::string& name);
    /// The next `get` makes another one.
    void forget(const IOUserClient* client, const std::string& name, const SharedState* state);

  private:
    using Key = std::pair<const IOUserClient*, std::string>;
    std::mutex mutex_;
    std::map<Key, std::weak_ptr<SharedState>> states_;
};

/// The arguments of both classes' Create are legal: a name of 1 to `max` bytes and a user client.
[[nodiscard]] bool name_fits(OSString* name, const IOUserClient* client, size_t max);

}  // namespace opendext::runtime
