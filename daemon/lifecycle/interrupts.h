// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/adoption/ledger.h"
#include "daemon/context.h"
#include "daemon/families.h"
#include "daemon/lifecycle/process.h"
#include "daemon/registry/registry.h"
#include "rpc/protocol/driver.h"

namespace opendext::daemon {

/// Which driver process has attached which interrupt of which nub. The interrupts themselves go
/// straight from the family's eventfd to the process.
class Interrupts {
  public:
    /// Interrupts that one process may have attached; MSI-X has no more on one device.
    static constexpr size_t kMaxOfProcess = 2048;

    Interrupts(Context& context, const Families& families,
               std::function<ProcessPtr(uint64_t number)> process);

    /// For a successor of opendextd: what its predecessor had attached goes on, if the keeper holds
    /// the descriptors.
    void restore(const Ledger& ledger, uint64_t first_handle,
                 std::map<std::string, KeeperItem>& held);

    /// Answers the request, at once or later.
    void attach(DriverProcess& process, const protocol::driver::AttachInterrupt& request,
                uint64_t serial);
    /// False if the process has no such attachment.
    [[nodiscard]] bool detach(const DriverProcess& process, uint64_t handle);
    void process_gone(const DriverProcess& process);
    /// The nub has ended: its attachments are void.
    void entry_gone(EntryId nub);
    [[nodiscard]] size_t size() const { return lines_.size(); }

  private:
    struct Line {
        uint64_t process = 0;
        EntryId nub = kNoEntry;
        uint32_t index = 0;
        Family* family = nullptr;
        uint64_t serial = 0;    ///< of the request that attached it
        bool attached = false;  ///< the family has said so
        /// Of one that a predecessor attached, whose answer may not have arrived.
        std::shared_ptr<const InterruptLine> adopted = nullptr;
    };
    using Lines = std::map<uint64_t, Line>;

    [[nodiscard]] Status allowed(const DriverProcess& process, EntryId nub) const;
    void attached(const std::weak_ptr<DriverProcess>& process, uint64_t serial, uint64_t handle,
                  uint64_t type, Result<InterruptLine> line);
    Lines::iterator end(Lines::iterator line);

    void forget(uint64_t handle, const Line& line);
    void keep(uint64_t handle, const InterruptLine& line);
    static void answer_again(DriverProcess& process, uint64_t serial, uint64_t type,
                             uint64_t handle, const InterruptLine& line);

    Context& context_;
    const Registry& registry_;
    const Families& families_;
    const std::function<ProcessPtr(uint64_t)> process_;
    uint64_t next_ = 1;
    Lines lines_;  ///< by handle
};

}  // namespace opendext::daemon
