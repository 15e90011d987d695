// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/remote.h"
#include "rpc/realm.h"
#include "rpc/value.h"

namespace opendext::serial_tcp {

struct SavedPort {
    std::string name;
    Remote remote;
    LinkOptions options;
    std::string line =
        {};  ///< what `opendext serial set` says of its line, serial::LineControl::text()
};

/// The ports that come back with the realm: `at-start/serial.json` in the realm's state, an array
/// of objects with name, remote, options and, where something is set, line. The keeper starts
/// `opendext-NAME --realm DIR at-start` for each `at-start/NAME.json` when the realm is up.
///
/// Any process may use it at any time: changes lock the folder and replace the file as a whole.
class SavedPorts {
  public:
    explicit SavedPorts(const Realm& realm);

    struct Loaded {
        std::vector<SavedPort> ports;
        std::vector<std::string> problems;  ///< each names file, entry, value and fix
    };
    /// No file: no ports. What is wrong with one entry costs the others nothing.
    [[nodiscard]] Loaded load() const;
    /// Both refuse to replace a file with problems: it may hold what somebody wrote by hand.
    Status add(const SavedPort& port) const;
    /// Nothing happens if the port is not saved.
    Status set_line(const std::string& name, const std::string& line) const;
    /// False: there was none of this name.
    Result<bool> remove(const std::string& name) const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    Status change(const std::function<void(std::vector<SavedPort>&)>& how) const;
    Result<SavedPort> read(const Value& entry) const;

    std::filesystem::path path_;
};

}  // namespace opendext::serial_tcp
