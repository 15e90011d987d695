// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/family.h"
#include "daemon/lifecycle/process.h"
#include "daemon/matching/personality.h"

namespace opendext::daemon {

/// Life of a driver's object as opendextd sees it (docs/design/protocols.md).
enum class InstanceState : uint8_t {
    attached,             ///< in the registry, nothing asked of anybody
    waiting_for_process,  ///< its process is being launched
    instantiating,        ///< the process makes the object
    starting,             ///< Start runs
    started,              ///< Start succeeded; nobody can find it yet
    registered,           ///< RegisterService has been carried out
    stopping,             ///< Stop was sent; super::Stop has not come
    failed,               ///< Start or what comes before it failed; on its way out
    dead,                 ///< its process is gone; on its way out
    detached,             ///< out of the registry
};
[[nodiscard]] std::string_view to_string(InstanceState state);

/// One object that lives in a driver process.
struct Instance {
    EntryId entry = kNoEntry;
    EntryId provider = kNoEntry;
    InstanceState state = InstanceState::attached;
    /// That it was matched with; for objects of Create(), that of their creator.
    PersonalityPtr personality;
    bool created = false;  ///< by Create(): never re-matched, counts as started
    ProcessPtr process;
    bool registration_pending = false;  ///< RegisterService came before Start had succeeded
    bool stop_requested = false;        ///< termination waits for the outcome of Start
    bool stop_replied = false;          ///< the driver's Stop returned success
    bool super_stopped = false;         ///< super::Stop came: "I am done"
    bool start_returned = false;        ///< the driver's Start succeeded; the families are next
    bool family_started = false;        ///< the families were told of the start
    bool start_finished = false;        ///< Start had succeeded at some time
    End end = End::terminated;
    std::optional<Error> failure;  ///< why it failed, or how it ended
    [[nodiscard]] std::string failure_text() const { return failure ? failure->text() : ""; }
    bool left = false;  ///< it ends by its driver's own decision
    /// Tells the matcher, once.
    std::function<void(Status)> outcome;
    std::unique_ptr<Countdown> countdown;  ///< of Stop, or of the families' start

    [[nodiscard]] bool running() const {
        return state == InstanceState::started || state == InstanceState::registered;
    }
};

}  // namespace opendext::daemon
