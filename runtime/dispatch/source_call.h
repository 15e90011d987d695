// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace opendext::runtime {

/// A call that a dispatch source makes through an action: asked right before the method starts,
/// destroyed when the call is over, whether the method ran or not.
class SourceCall {
  public:
    virtual ~SourceCall() = default;
    /// On the thread that is about to run the method. False drops the call: the source was
    /// disabled, cancelled or armed anew since it was made.
    [[nodiscard]] virtual bool start() = 0;
};
using SourceCallPtr = std::unique_ptr<SourceCall>;

/// The next call of an action that this thread makes within the scope belongs to a source.
class SourceCallScope {
  public:
    explicit SourceCallScope(SourceCallPtr call);
    ~SourceCallScope();
    SourceCallScope(const SourceCallScope&) = delete;
    SourceCallScope& operator=(const SourceCallScope&) = delete;

    /// What the call that is being made belongs to; null if it is no source's. Once for each scope.
    [[nodiscard]] static SourceCallPtr take();

  private:
    SourceCallPtr call_;
    SourceCallScope* previous_;
};

}  // namespace opendext::runtime
