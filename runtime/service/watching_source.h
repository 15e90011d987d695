// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/protocol/driver.h"
#include "runtime/dispatch/sources.h"
#include "runtime/service/watches.h"

namespace opendext::runtime {

/// What the two sources that opendextd reports to have in common: a number, a handler, and what
/// came while it could not be delivered.
class WatchingSource {
  public:
    ~WatchingSource();

    /// Registers `source` here and at opendextd. kIOReturn… codes.
    kern_return_t begin(OSObject* source, IODispatchQueue* queue, protocol::driver::Watch watch,
                        Watches::Ready ready);
    [[nodiscard]] uint64_t number() const { return number_; }
    [[nodiscard]] bool cancelled() const;
    void set_handler(OSAction* action);
    /// Something came: calls `callback` (the source's method, which calls the handler), now or when
    /// there is an enabled handler.
    template <typename Callback>
    void ready(Callback callback) {
        call_out(true, callback);
    }
    /// What has waited can perhaps be delivered now.
    template <typename Callback>
    void deliver_pending(Callback callback) {
        call_out(false, callback);
    }
    kern_return_t cancel(OSObject* source, void (^handler)(void));
    kern_return_t set_enabled(OSObject* source, bool enable, void (^handler)(void));

  private:
    struct State final : SourceState {
        OSAction* handler = nullptr;  // retained
        bool pending = false;
        ~State() override;
    };
    class Call;

    template <typename Callback>
    void call_out(bool came, Callback callback) {
        OSAction* action = nullptr;
        SourceCallPtr call = take_call(came, action);
        if (call == nullptr) return;
        const SourceCallScope scope(std::move(call));
        callback(action);
        action->release();
    }
    /// The call to make and its retained action; nullptr if it has to wait, or nothing does.
    SourceCallPtr take_call(bool came, OSAction*& action);
    void end();

    const std::shared_ptr<State> state_ = std::make_shared<State>();
    uint64_t number_ = 0;
};

}  // namespace opendext::runtime
