// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/value.h"

namespace opendext::testing {

/// An opendextd on a thread of its own. Every change has been made when the function returns.
class LiveRegistry {
  public:
    LiveRegistry();
    ~LiveRegistry();
    LiveRegistry(const LiveRegistry&) = delete;
    LiveRegistry& operator=(const LiveRegistry&) = delete;

    [[nodiscard]] std::string realm() const;

    struct Spec {
        std::string name;
        std::vector<std::string> classes;  ///< most derived first
        Dictionary properties = {};
        std::string location = {};
        bool registered = true;
    };
    /// A service below `provider` (0: the platform); its id.
    uint64_t add(uint64_t provider, Spec spec);
    void publish(uint64_t id);
    /// With all that is above it.
    void terminate(uint64_t id);
    void set_property(uint64_t id, const std::string& key, Value value);
    void rename(uint64_t id, const std::string& name);
    void set_user_classes(uint64_t id, std::vector<std::string> classes);
    void join_power(uint64_t id);
    void adjust_busy(uint64_t id, int delta);
    void message(uint64_t id, uint32_t message, uint64_t argument);

    /// opendextd is gone from one moment to the next, or there again, as a keeper restarts it: with
    /// an empty registry.
    void kill();
    void start();

  private:
    struct Running;
    void run(const std::function<void(Running&)>& work);
    std::string directory_;
    std::unique_ptr<Running> running_;
};

}  // namespace opendext::testing
