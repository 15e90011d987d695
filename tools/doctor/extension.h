// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/bundle.h"
#include "rpc/realm.h"
#include "tools/common/registry.h"

namespace opendext::doctor {

/// The links of the chain from an extension to an application, in their order.
enum class Link : uint8_t {
    none,         ///< nothing is broken
    realm,        ///< opendextd does not answer
    name,         ///< there is nothing of that name
    installed,    ///< the bundle cannot be read any more
    enabled,      ///< not approved, or on its way out
    matched,      ///< no service fits the personality
    started,      ///< a service fits, and no driver stands on it
    quarantined,  ///< the driver crashed too often and is not started again
    process,      ///< the driver's process ended
    registered,   ///< the driver has not called RegisterService
    access,       ///< applications are refused
};
[[nodiscard]] std::string_view to_string(Link link);

/// How far one personality, or one service, got.
struct Finding {
    std::string subject;
    Link broken = Link::none;
    std::string text;    ///< what is there, or what is broken
    std::string fix;     ///< what to do; empty if nothing is broken
    std::string report;  ///< path of the crash report that belongs to it
    uint64_t entry = 0;  ///< the driver's entry, 0 if there is none
    int64_t pid = 0;
};

struct Diagnosis {
    std::string subject;  ///< bundle identifier, or the name of a service
    std::string version;
    std::string state;
    std::vector<Finding> findings;
    [[nodiscard]] bool healthy() const;
};

/// Looks at extensions and services of a realm that is up.
class Examination {
  public:
    /// `try_open`: also opens a user client of that type, as an application does.
    static Result<Examination> begin(const Realm& realm, std::optional<uint32_t> try_open);

    [[nodiscard]] const std::vector<protocol::client::ExtensionInfo>& extensions() const {
        return extensions_;
    }
    Result<Diagnosis> extension(const protocol::client::ExtensionInfo& info);
    /// A bundle identifier or its last part, a class or a name of a service, or a class of an
    /// installed driver.
    Result<Diagnosis> named(const std::string& word);

  private:
    Examination(const Realm& realm, tools::DaemonClient daemon, std::optional<uint32_t> try_open)
        : realm_(realm), daemon_(std::move(daemon)), try_open_(try_open) {}
    Result<Finding> personality(const bundle::Bundle& bundle, const std::string& name,
                                const Dictionary& personality);
    Result<Finding> not_running(const bundle::Bundle& bundle, Finding finding,
                                const Dictionary& personality);
    Finding running(Finding finding, const protocol::client::Entry& entry,
                    const std::string& bundle_id);
    void check_access(Finding& finding, const protocol::client::Entry& entry,
                      const std::string& bundle_id);
    [[nodiscard]] const protocol::client::Entry* instance_of(const Dictionary& personality) const;
    struct Crash {
        std::string report;  ///< path
        std::string time;
        std::string text;
    };
    [[nodiscard]] std::optional<Crash> last_crash(const std::string& bundle_id,
                                                  const std::string& user_class) const;
    static void note_crash(Finding& finding, const Crash& crash, const std::string& bundle_id);
    void read_log_line(std::string_view text);
    Finding wrong_name(const std::string& word) const;

    Realm realm_;
    tools::DaemonClient daemon_;
    std::optional<uint32_t> try_open_;
    std::vector<protocol::client::ExtensionInfo> extensions_;
    tools::RegistryImage image_;
    /// What the realm's log says of a bundle since it was registered last: the newest of each.
    struct Notes {
        std::string error;
        std::string refusal;                            ///< of an application's IOServiceOpen
        std::map<std::string, std::string> registered;  ///< time, by class of the driver
    };
    std::map<std::string, Notes> notes_;
};

[[nodiscard]] std::string to_text(const Diagnosis& diagnosis);
[[nodiscard]] Value to_value(const Diagnosis& diagnosis);

}  // namespace opendext::doctor
