// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace opendext::runtime {

/// What is put in first comes out first. Unlike std::deque one that has never had anything has no
/// memory: most queues of most drivers are empty for ever.
template <typename T>
class Fifo {
  public:
    void push_back(T item) { items_.push_back(std::move(item)); }
    /// Not of an empty one.
    [[nodiscard]] T& front() { return items_[first_]; }
    [[nodiscard]] const T& front() const { return items_[first_]; }
    void pop_front() {
        items_[first_] = T{};
        if (++first_ == items_.size()) {
            items_.clear();
            first_ = 0;
        } else if (first_ >= kMostGone && first_ * 2 >= items_.size()) {
            // One move at most for each that has gone.
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }
    [[nodiscard]] bool empty() const { return items_.empty(); }
    [[nodiscard]] size_t size() const { return items_.size() - first_; }
    [[nodiscard]] auto begin() const {
        return items_.begin() + static_cast<std::ptrdiff_t>(first_);
    }
    [[nodiscard]] auto end() const { return items_.end(); }

  private:
    static constexpr size_t kMostGone = 16;

    std::vector<T> items_;
    size_t first_ =
        0;  ///< before it are those that have gone; below items_.size() if there are any
};

}  // namespace opendext::runtime
