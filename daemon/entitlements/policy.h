// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/value.h"

namespace opendext::daemon {

/// What a missing entitlement costs.
enum class PolicyMode : uint8_t {
    strict,  ///< refused
    dev,     ///< allowed, and what strict would refuse is logged once
    off,     ///< allowed silently
};
[[nodiscard]] std::string_view to_string(PolicyMode mode);
[[nodiscard]] std::optional<PolicyMode> policy_mode(std::string_view name);

/// A requirement as IOServiceDEXTEntitlements states it: one of the groups, and all of a group.
class Requirement {
  public:
    /// A string (that one), an array of strings (any one), an array of arrays (all of any one inner
    /// array). Members of another kind make a group that nobody fulfils: a requirement that cannot
    /// be read is not a permission.
    static Requirement read(const Value& property);
    /// Presence of a key counts, not its value. The text says what is missing; nullopt: fulfilled.
    [[nodiscard]] std::optional<std::string> missing_from(const Dictionary& granted) const;

  private:
    std::vector<std::vector<std::string>> groups_;
    bool malformed_ = false;
};

/// nullopt if `required` (the property's value, or nullptr where there is none) is fulfilled by
/// `granted`.
[[nodiscard]] std::optional<std::string> missing_entitlement(const Value* required,
                                                             const Dictionary& granted);

/// The rules for opening a user client of a dext, in the order of docs/facts/semantics.md
/// section 5. nullopt: allowed. `user_client_required` is the user client's own
/// IOServiceDEXTEntitlements or nullptr.
struct ClientAccess {
    const Dictionary& dext;     ///< entitlements of the dext
    const Dictionary& program;  ///< entitlements of the client program
    std::string_view bundle_id;
    const Value* user_client_required = nullptr;
    bool administrator = false;
};
[[nodiscard]] std::optional<std::string> refuse_client(const ClientAccess& access);

}  // namespace opendext::daemon
