// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/event_loop.h"
#include "daemon/lifecycle/process.h"

namespace opendext::daemon {

/// Driver processes that are up before anybody needs them: closed in like all others, with the
/// executable of a bundle loaded, and without an object. One is made for the driver that came up
/// last, a moment later, so that its next start (another device, a restart after its death) finds a
/// process that is there. Nobody but this knows of them: they are in no list, belong to no entry,
/// are not recorded for a successor, and the end of one is no crash of a driver.
/// One more is bare: closed in, and for no bundle yet. The first start of a driver takes it. Its
/// filter is made when it is forked, so it is for drivers of one set of families: the set of the
/// last driver that started for the first time.
class Spares {
  public:
    /// Makes the object of a process, and does not launch it.
    using Make = std::function<ProcessPtr(LaunchSpec)>;
    /// `most`: so many at a time, of different drivers; 0: none.
    Spares(EventLoop& loop, size_t most, Make make);

    /// The realm is up: there is to be a bare process.
    void begin();
    /// The spare process for that driver, perhaps still on its way up; else a bare one that fits;
    /// or nullptr. It is the caller's.
    [[nodiscard]] ProcessPtr take(const LaunchSpec& wanted);
    /// A process for that driver has come up: there is to be a spare one. The spare that has waited
    /// longest goes for it if there are too many.
    void refill(const LaunchSpec& like);
    [[nodiscard]] ProcessPtr find(uint64_t number) const;
    [[nodiscard]] ProcessPtr of_pid(int32_t pid) const;
    /// It has ended; false if it was none.
    bool ended(uint64_t number);
    /// Spares of that bundle are of no use any more.
    void discard(std::string_view bundle_id);
    /// The realm ends.
    void stop();

  private:
    void launch_later();
    void launch_wanted();
    void launch_bare();
    void launch(LaunchSpec spec);

    EventLoop& loop_;
    size_t most_;
    Make make_;
    std::map<uint64_t, ProcessPtr> spares_;  ///< by number, so the oldest first; also leaving ones
    std::vector<LaunchSpec> wanted_;
    std::vector<std::string> libraries_;  ///< frameworks that the next bare process is for
    unsigned bare_failed_ = 0;            ///< bare ones in a row that could not be made
    std::unique_ptr<Handle> timer_;
};

}  // namespace opendext::daemon
