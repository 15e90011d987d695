// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace opendext::runtime {

/// Work to be run once, on another thread perhaps. Owns what it needs; move-only captures are fine.
class Task {
  public:
    virtual ~Task() = default;
    virtual void run() = 0;
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
