// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>

#include "daemon/adoption/recorder.h"
#include "daemon/registry/registry.h"

namespace opendext::daemon {

/// Who has which provider open: the bookkeeping behind Open and Close of every family
/// (docs/facts/semantics.md section 6). A driver that closes in the middle of its life gives up
/// exclusive access and goes on; one that ends without closing is closed by force.
class ProviderOpens {
  public:
    /// A provider is not open any more; `forced`: its client ended without closing it.
    using Closed = std::function<void(const Entry& provider, EntryId client, bool forced)>;
    ProviderOpens(Registry& registry, Recorder& recorder, Closed closed);

    /// Who had what open when an earlier opendextd died.
    void restore(const Ledger& ledger);

    /// Exclusive access of `client` to `provider`, which it stands on. Open by the same client
    /// already: success. kIOReturnExclusiveAccess: another one has it; kIOReturnBadArgument: one of
    /// them is being terminated, or `client` is no client of it.
    [[nodiscard]] int32_t open(EntryId provider, EntryId client);
    /// kIOReturnNotOpen if `client` does not have it open.
    [[nodiscard]] int32_t close(EntryId provider, EntryId client);
    /// kNoEntry: nobody.
    [[nodiscard]] EntryId opener(EntryId provider) const;

  private:
    void client_gone(EntryId client);
    void forget(EntryId provider);

    Registry& registry_;
    Recorder& recorder_;
    Closed closed_;
    std::map<EntryId, EntryId> openers_;  ///< client by provider
};

}  // namespace opendext::daemon
