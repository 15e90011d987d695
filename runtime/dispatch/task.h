// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace opendext::runtime {

/// Work to be run once, on another thread perhaps. Owns what it needs; move-only captures are fine.
class Task {
  public:
    virtual ~Task() = default;
    virtual void run() = 0;

    /// A call of a client program, for whoever asks what waits.
    struct Call {
        std::string client;  ///< empty: it is none
        uint64_t entry = 0;  ///< of the user client
        uint64_t selector = 0;
    };
    /// From any thread, before it runs.
    [[nodiscard]] virtual Call call() const { return {}; }
};
using TaskPtr = std::unique_ptr<Task>;

template <typename Function>
TaskPtr make_task(Function function) {
    class Closure final : public Task {
      public:
        explicit Closure(Function&& function) : function_(std::move(function)) {}
        void run() override { function_(); }

      private:
        Function function_;
    };
    return std::make_unique<Closure>(std::move(function));
}

}  // namespace opendext::runtime
