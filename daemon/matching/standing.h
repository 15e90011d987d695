// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "daemon/entitlements/policy.h"
#include "daemon/matching/personality.h"
#include "daemon/registry/classes.h"
#include "rpc/protocol/explain.h"

namespace opendext::daemon {

/// What standings depend on beside the registry.
struct StandingContext {
    MatchContext match;
    const ClassTable& classes;
    PolicyMode policy = PolicyMode::dev;
};

/// How a personality stands on a nub as far as registry, classes and entitlements tell: every key
/// put to it by the code that decides (MatchQuery), and what would keep it from being started.
/// `state` is mismatched, refused or fits.
[[nodiscard]] protocol::client::Standing stand(const Entry& nub, const Personality& personality,
                                               const StandingContext& context);

/// A personality that is not installed; errors as those of Personality::read().
[[nodiscard]] Result<Personality> read_loose(const protocol::client::LoosePersonality& loose);
/// The standing of one that cannot be read: on no provider.
[[nodiscard]] protocol::client::Standing unreadable(const protocol::client::LoosePersonality& loose,
                                                    const Error& error);

/// Gives those that fit their rank in the category of their provider, and orders all: by provider
/// as they came, then those that fit, best first, then those with the fewest keys that do not.
void rank(std::vector<protocol::client::Standing>& standings);

/// The services that the personality fits; if there is none, up to `nearest` that it comes nearest
/// to, least wrong first.
[[nodiscard]] std::vector<const Entry*> providers_for(const Personality& personality,
                                                      const MatchContext& context, size_t nearest);

/// What IOServiceDEXTEntitlements asks of a driver of `personality` on `nub`, of whom, and what is
/// missing.
[[nodiscard]] std::vector<protocol::client::EntitlementCheck> entitlement_checks(
    const Entry& nub, const Personality& personality, const ClassTable& classes);

}  // namespace opendext::daemon
