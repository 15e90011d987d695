// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/serial_system.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "SerialDriverKit/IOUserSerial.system.h"
#include "families/serial/system/port_name.h"

namespace opendext::serial {
namespace {

using daemon::Entry;
using daemon::EntryId;
using daemon::kNoEntry;

/// What a client asks for when every serial port is meant; ports say IORS232SerialStream.
constexpr std::string_view kAllTypes = "IOSerialStream";

/// Ttys with hardware appear by themselves in the system's realm, to which the hardware belongs.
/// OPENDEXT_SERIAL_SCAN=DEVICES:SYSFS, such as /dev:/sys, makes any other realm look there.
const daemon::FamilyRegistration registration(
    "serial", [](daemon::FamilyHost& host) -> std::unique_ptr<daemon::Family> {
        TtyPlaces places;
        bool scan = host.device_directory() == "/dev";
        if (const char* text = std::getenv("OPENDEXT_SERIAL_SCAN"); text != nullptr) {
            const std::string_view folders = text;
            const size_t colon = folders.find(':');
            scan = colon != std::string_view::npos;
            if (scan) {
                places.devices = folders.substr(0, colon);
                places.sysfs = folders.substr(colon + 1);
            }
        }
        return std::make_unique<SerialSystem>(host, std::move(places), scan);
    });

}  // namespace

SerialSystem::SerialSystem(daemon::FamilyHost& host, TtyPlaces places, bool scan)
    : host_(host),
      watch_(host),
      adoption_(host, std::move(places), scan,
                {[this](const std::string& name) { return owner_of_name(name); },
                 [this](const std::string& path) { return port_at(path); }}) {}

std::vector<daemon::ClassDeclaration> SerialSystem::classes() const {
    std::vector<daemon::ClassDeclaration> classes{
        {"IOUserSerial",
         "IOService",
         {{"IOServiceDEXTEntitlements", Value("com.apple.developer.driverkit.family.serial")}},
         true,
         "com.apple.driver.driverkit.serial"},
        {"IOSerialBSDClient", "IOService", {}, false, "com.apple.driver.driverkit.serial"},
    };
    for (auto& declaration : Adoption::classes()) classes.push_back(std::move(declaration));
    return classes;
}

daemon::FamilyVerdict SerialSystem::match(const Entry& nub, const Dictionary& table) {
    if (!nub.is_kind_of("IOSerialBSDClient")) return {};
    const std::string* wanted = find_string(table, "IOSerialBSDClientType");
    if (wanted == nullptr || *wanted == kAllTypes) return {};
    const Value* type = nub.property("IOSerialBSDClientType");
    const std::string found = type != nullptr && type->string() != nullptr ? *type->string() : "";
    if (*wanted == found) return {};
    return {false, 0, "IOSerialBSDClientType is \"" + found + "\", wanted \"" + *wanted + "\""};
}

std::string SerialSystem::text_property(const Entry& object, std::string_view key) const {
    const Entry* provider = host_.entry(object.provider());
    for (const Entry* entry : {&object, provider}) {
        const Value* value = entry != nullptr ? entry->property(key) : nullptr;
        if (value != nullptr && value->string() != nullptr) return *value->string();
    }
    return {};
}

Result<PortIdentity> SerialSystem::identify(const Entry& object) const {
    PortIdentity identity;
    identity.base_name = text_property(object, "IOTTYBaseName");
    identity.suffix = text_property(object, "IOTTYSuffix");
    identity.bundle_id = text_property(object, "CFBundleIdentifier");
    identity.name = OD_TRY(make_port_name(identity.base_name, identity.suffix));
    return identity;
}

void SerialSystem::object_started(const Entry& object, std::function<void(Status)> done) {
    auto identity = identify(object);
    if (!identity.ok()) return done(std::move(identity).error());
    const std::string name = identity->name;
    if (adoption_.has(name)) {
        return done(Error{Errc::exists, 0,
                          "port name " + name +
                              " is taken by an adopted device; choose another IOTTYBaseName or "
                              "IOTTYSuffix, or release it (`opendext serial release " +
                              name + "`)"});
    }

    auto found = endpoints_.find(name);
    if (found != endpoints_.end()) {
        const Endpoint& present = *found->second;
        if (present.state() == Endpoint::State::releasing ||
            (present.identity().bundle_id == identity->bundle_id && !present.in_use())) {
            // Its own, left by a predecessor; or the last of another that is just going.
        } else {
            return done(Error{Errc::exists, 0,
                              "port name " + name + " is taken by " + present.identity().bundle_id +
                                  "; choose another IOTTYBaseName or IOTTYSuffix"});
        }
        if (present.state() == Endpoint::State::releasing) {
            endpoints_.erase(
                found);  // its answers find nobody; the keeper works off requests in order
            found = endpoints_.end();
        }
    }
    Endpoint& endpoint = found == endpoints_.end() ? make_endpoint(*identity) : *found->second;
    names_[object.id] = name;
    endpoint.serve(object.id, std::move(done));
}

Endpoint& SerialSystem::make_endpoint(const PortIdentity& identity) {
    std::unique_ptr<Endpoint>& place = endpoints_[identity.name];
    place = std::make_unique<Endpoint>(host_, watch_, identity,
                                       [this, name = identity.name] { endpoints_.erase(name); });
    return *place;
}

/// Terminals that wait for a driver, or had one a moment ago, as an earlier opendextd left them.
/// Those that a driver serves are adopted with it.
void SerialSystem::realm_started() {
    for (const auto& [key, notes] : host_.held_before(PortIdentity::kKey)) {
        const auto identity = PortIdentity::from_notes(notes);
        if (identity.ok() && identity->key() == key) {
            make_endpoint(*identity).await_driver(notes);
        } else {
            host_.release(key, {});
        }
    }
    adoption_.start();
}

void SerialSystem::object_adopted(const Entry& object) {
    const auto identity = identify(object);
    if (!identity.ok())
        return host_.log(daemon::LogLevel::error, object.id, identity.error().text());
    const auto left = host_.left("IOSerialBSDClient");
    const auto client = std::find_if(left.begin(), left.end(), [&](EntryId id) {
        const Entry* entry = host_.entry(id);
        return entry != nullptr && entry->provider() == object.id;
    });
    names_[object.id] = identity->name;
    const auto known = endpoints_.find(identity->name);
    Endpoint& endpoint =
        known != endpoints_.end() && known->second->identity().key() == identity->key()
            ? *known->second
            : make_endpoint(*identity);
    endpoint.adopt(object.id, client != left.end() ? *client : kNoEntry);
}

std::optional<Status> SerialSystem::set_properties(const Entry& entry, const Dictionary& properties,
                                                   const daemon::ClientProgram& program) {
    if (entry.is_kind_of(Adoption::kClass)) return adoption_.request(properties, program);
    const Value* name = entry.property("IOTTYDevice");
    if (name == nullptr || name->string() == nullptr) return std::nullopt;
    const auto endpoint = endpoints_.find(*name->string());
    if (endpoint == endpoints_.end()) return std::nullopt;
    return endpoint->second->control_line(properties, program);
}

std::string SerialSystem::owner_of_name(const std::string& name) const {
    const auto endpoint = endpoints_.find(name);
    return endpoint == endpoints_.end() ? "" : endpoint->second->identity().bundle_id;
}

std::string SerialSystem::port_at(const std::string& path) const {
    for (const auto& [name, endpoint] : endpoints_) {
        if (endpoint->path() == path) return name;
    }
    return {};
}

Endpoint* SerialSystem::endpoint_of(EntryId object) {
    const auto name = names_.find(object);
    if (name == names_.end()) return nullptr;
    const auto endpoint = endpoints_.find(name->second);
    if (endpoint == endpoints_.end() || endpoint->second->object() != object) return nullptr;
    return endpoint->second.get();
}

void SerialSystem::object_terminating(const Entry& object) {
    const Endpoint* endpoint = endpoint_of(object.id);
    if (endpoint == nullptr || host_.process_of(object.id) == 0) return;
    // Before the driver's own Stop takes its things apart.
    host_.call(system::IOUserSerial__DetachTerminal::encode(object.id, {}), {},
               std::chrono::seconds{5}, "serial port deactivated",
               [](const Result<daemon::CallAnswer>&) {});
}

/// Whether the object ends because the process of the object it stands on died: then that process
/// is started again, and the terminal waits for what comes of it.
bool SerialSystem::provider_process_died(const Entry& object) const {
    const Entry* provider = host_.entry(object.provider());
    return provider != nullptr && !provider->user_classes.empty() &&
           host_.process_of(provider->id) == 0;
}

void SerialSystem::driver_given_up(EntryId nub, const std::string& bundle_id) {
    std::vector<Endpoint*> all;  // one that is released is taken out of the map
    for (const auto& [name, endpoint] : endpoints_) all.push_back(endpoint.get());
    for (Endpoint* endpoint : all) endpoint->driver_given_up(nub, bundle_id);
}

void SerialSystem::object_ended(const Entry& object, daemon::End end) {
    Endpoint* endpoint = endpoint_of(object.id);
    names_.erase(object.id);
    if (endpoint == nullptr) return;
    if (end == daemon::End::process_died || provider_process_died(object)) {
        endpoint->orphan();
    } else {
        endpoint->release();
    }
}

}  // namespace opendext::serial
