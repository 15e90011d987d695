// SPDX-License-Identifier: Apache-2.0
#include "apps/serial-over-tcp/agent/saved_ports.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "families/serial/driver/line_control.h"
#include "families/serial/system/port_name.h"
#include "rpc/fd.h"
#include "rpc/whole_file.h"
#include "tools/common/json.h"

namespace opendext::serial_tcp {
namespace {

constexpr size_t kLargestFile = size_t{4} << 20;
constexpr const char* kFix = "; correct the file, or remove it";

Result<std::string> text_of(const Dictionary& entry, const char* key) {
    const auto found = entry.find(key);
    if (found == entry.end())
        return Error{Errc::malformed, 0, std::string("key \"") + key + "\" is missing"};
    if (found->second.string() == nullptr) {
        return Error{Errc::malformed, 0,
                     std::string("key \"") + key + "\" is a " +
                         std::string(to_string(found->second.kind())) + ", not a string"};
    }
    return *found->second.string();
}

}  // namespace

SavedPorts::SavedPorts(const Realm& realm)
    : path_(realm.log().parent_path() / "at-start" / "serial.json") {}

Result<SavedPort> SavedPorts::read(const Value& value) const {
    const Dictionary* entry = value.dictionary();
    if (entry == nullptr) {
        return Error{Errc::malformed, 0,
                     "it is a " + std::string(to_string(value.kind())) + ", not an object"};
    }
    for (const auto& [key, unused] : *entry) {
        if (key != "name" && key != "remote" && key != "options" && key != "line") {
            return Error{Errc::malformed, 0,
                         "there is no key \"" + key + "\": use name, remote, options, line"};
        }
    }
    SavedPort port;
    const std::string name = OD_TRY(text_of(*entry, "name"));
    auto checked = serial::make_port_name(name, "");
    if (!checked.ok()) return Error{Errc::invalid, 0, "name: \"" + name + "\" is not allowed"};
    port.name = *checked;
    auto remote = Remote::parse(OD_TRY(text_of(*entry, "remote")));
    if (!remote.ok()) return std::move(remote).error().in("remote");
    port.remote = *remote;
    auto options = LinkOptions::parse(OD_TRY(text_of(*entry, "options")));
    if (!options.ok()) return std::move(options).error().in("options");
    port.options = *options;
    port.options.saved = true;
    if (!entry->contains("line")) return port;
    port.line = OD_TRY(text_of(*entry, "line"));
    uint32_t break_ms = 0;
    if (const Status line = serial::LineControl{}.apply(port.line, break_ms); !line.ok())
        return Error{line.error()}.in("line");
    return port;
}

SavedPorts::Loaded SavedPorts::load() const {
    Loaded loaded;
    const auto problem = [&](const std::string& text) {
        loaded.problems.push_back(path_.string() + ": " + text + kFix);
        return loaded;
    };
    std::ifstream file(path_);
    if (!file) {
        // Of the system's realm only root may read it.
        if (errno == ENOENT || errno == EACCES) return loaded;
        return problem(Error::system("cannot be read").text());
    }
    std::string text(kLargestFile + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    if (text.size() > kLargestFile) return problem("is larger than 4 MiB");
    const auto json = tools::parse_json(text);
    if (!json.ok()) return problem(json.error().text());
    if (json->array() == nullptr) return problem("is not an array of objects");
    std::set<std::string> names;
    size_t number = 0;
    for (const Value& value : *json->array()) {
        ++number;
        auto port = read(value);
        const std::string entry = "entry " + std::to_string(number);
        if (!port.ok()) {
            problem(entry + ": " + port.error().text());
        } else if (!names.insert(port->name).second) {
            problem(entry + ": name: \"" + port->name + "\" stands there twice");
        } else {
            loaded.ports.push_back(std::move(*port));
        }
    }
    return loaded;
}

Status SavedPorts::change(const std::function<void(std::vector<SavedPort>&)>& how) const {
    const std::filesystem::path folder = path_.parent_path();
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return Error::system("cannot create " + folder.string());
    const UniqueFd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) return Error::system(folder.string());
    Loaded loaded = load();
    if (!loaded.problems.empty()) return Error{Errc::malformed, 0, loaded.problems.front()};
    how(loaded.ports);
    if (loaded.ports.empty()) {
        if (::unlink(path_.c_str()) != 0 && errno != ENOENT)
            return Error::system("cannot remove " + path_.string());
        return success();
    }
    Array entries;
    for (const SavedPort& port : loaded.ports) {
        LinkOptions options = port.options;
        options.saved = false;  // that it stands here says it
        Dictionary entry{
            {"name", port.name}, {"remote", port.remote.text()}, {"options", options.text()}};
        if (!port.line.empty()) entry["line"] = port.line;
        entries.push_back(std::move(entry));
    }
    return write_whole_file(path_, tools::to_json(entries, 2) + "\n", 0600, Keep::over_power_loss);
}

Status SavedPorts::add(const SavedPort& port) const {
    return change([&](std::vector<SavedPort>& ports) {
        std::erase_if(ports, [&](const SavedPort& other) { return other.name == port.name; });
        ports.push_back(port);
    });
}

Status SavedPorts::set_line(const std::string& name, const std::string& line) const {
    // Most ports are not saved, and who sets a line may have no right to write here.
    const auto is_it = [&](const SavedPort& port) { return port.name == name; };
    const Loaded loaded = load();
    const auto now = std::find_if(loaded.ports.begin(), loaded.ports.end(), is_it);
    if (now == loaded.ports.end() || now->line == line) return success();
    return change([&](std::vector<SavedPort>& ports) {
        const auto port = std::find_if(ports.begin(), ports.end(), is_it);
        if (port != ports.end()) port->line = line;
    });
}

Result<bool> SavedPorts::remove(const std::string& name) const {
    std::error_code error;
    if (!std::filesystem::exists(path_, error)) return false;
    bool found = false;
    OD_TRY(change([&](std::vector<SavedPort>& ports) {
        found = std::erase_if(ports, [&](const SavedPort& port) { return port.name == name; }) != 0;
    }));
    return found;
}

}  // namespace opendext::serial_tcp
