// SPDX-License-Identifier: Apache-2.0
#include "tools/explain/saved_registry.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "bundle/plist.h"
#include "daemon/adoption/entry_record.h"
#include "daemon/core/core_rules.h"
#include "daemon/matching/standing.h"
#include "tools/common/json.h"
#include "tools/common/registry.h"

namespace opendext::explain {

using daemon::Entry;
using daemon::EntryId;
namespace client = protocol::client;

namespace {

Error not_here() {
    return Error{Errc::not_ready, 0, "a saved registry has no realm"};
}

/// The built-in family as far as matching goes.
class CoreRules final : public daemon::Family {
  public:
    [[nodiscard]] std::vector<daemon::ClassDeclaration> classes() const override {
        return daemon::core_classes();
    }
    [[nodiscard]] daemon::FamilyVerdict match(const Entry& nub, const Dictionary& table) override {
        return daemon::match_resources(nub, table);
    }
};

const std::string* text(const Dictionary& node, std::string_view key) {
    return find_string(node, key);
}

bool flag(const Dictionary& node, std::string_view key, bool otherwise) {
    const Value* value = find(node, key);
    return value == nullptr || value->boolean() == nullptr ? otherwise : *value->boolean();
}

std::vector<std::string> strings(const Value* value) {
    std::vector<std::string> all;
    if (value == nullptr || value->array() == nullptr) return all;
    for (const Value& member : *value->array()) {
        if (member.string() != nullptr) all.push_back(*member.string());
    }
    return all;
}

}  // namespace

/// Families are made for a host; nothing of what they ask it for is here.
class SavedRegistry::NoHost final : public daemon::FamilyHost {
  public:
    explicit NoHost(const daemon::Registry& registry) : registry_(registry) {}
    const Entry* entry(EntryId id) const override { return registry_.find(id); }
    EntryId user_resources() const override { return daemon::kNoEntry; }
    Result<EntryId> publish(daemon::NewEntry) override { return not_here(); }
    void register_entry(EntryId) override {}
    void terminate(EntryId) override {}
    void set_property(EntryId, std::string, Value) override {}
    void remove_property(EntryId, std::string_view) override {}
    void message_clients(EntryId, uint32_t, uint64_t) override {}
    void call(protocol::Invocation, std::vector<UniqueFd>, std::chrono::milliseconds,
              std::string_view, std::function<void(Result<daemon::CallAnswer>)>) override {}
    int32_t process_of(EntryId) const override { return 0; }
    void open(std::string, Dictionary, std::function<void(Result<daemon::KeeperItem>)>) override {}
    void hold(std::string, Dictionary, std::vector<UniqueFd>,
              std::function<void(Status)>) override {}
    void fetch(std::string, std::function<void(Result<daemon::KeeperItem>)>) override {}
    void release(std::string, std::function<void(Status)>) override {}
    void publish_node(std::string, std::string, std::string, uint32_t,
                      std::function<void(Status)>) override {}
    void remove_node(std::string, std::function<void(Status)>) override {}
    std::vector<EntryId> left(std::string_view) const override { return {}; }
    std::string device_directory() const override { return {}; }
    std::unique_ptr<daemon::Handle> after(std::chrono::milliseconds,
                                          std::function<void()>) override {
        return nullptr;
    }
    std::unique_ptr<daemon::Handle> watch(int, uint32_t, std::function<void(uint32_t)>) override {
        return nullptr;
    }
    void log(daemon::LogLevel, EntryId, std::string_view) override {}

  private:
    const daemon::Registry& registry_;
};

SavedRegistry::SavedRegistry() = default;
SavedRegistry::~SavedRegistry() = default;

Result<std::unique_ptr<SavedRegistry>> SavedRegistry::read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    if (!file) return Error::system("cannot read " + path.string());
    const std::string content = bytes.str();
    Value root;
    if (content.find_first_not_of(" \t\r\n") != std::string::npos &&
        content[content.find_first_not_of(" \t\r\n")] == '{') {
        Result<Value> json = tools::parse_json(content);
        if (!json.ok()) return std::move(json).error().in(path.string());
        root = std::move(json).value();
    } else {
        root = OD_TRY(bundle::parse_plist(content, path.string())).root;
    }
    std::unique_ptr<SavedRegistry> saved(new SavedRegistry);
    OD_TRY(saved->families_.add(std::make_unique<CoreRules>()));
    for (const daemon::RegisteredFamily& family : daemon::registered_families()) {
        saved->hosts_.push_back(std::make_unique<NoHost>(saved->registry_));
        OD_TRY(saved->families_.add(family.make(*saved->hosts_.back())));
    }
    Status added = saved->add(root, daemon::kNoEntry);
    if (!added.ok()) return std::move(added).error().in(path.string());
    return saved;
}

std::vector<std::string> SavedRegistry::classes_of(const Dictionary& node,
                                                   const std::string& class_name) const {
    std::vector<std::string> classes = strings(find(node, "classes"));
    if (classes.empty()) classes = strings(find(node, "IOObjectInheritance"));
    // An archive without -i has the class alone; the rest is known of classes that are known here.
    if (classes.empty()) classes = classes_.chain(class_name);
    if (classes.empty()) classes = {class_name, "IOService", "IORegistryEntry"};
    return classes;
}

Status SavedRegistry::add(const Value& value, EntryId provider) {
    const Dictionary* node = value.dictionary();
    if (node == nullptr)
        return Error{
            Errc::malformed, 0,
            "an entry must be a dictionary, it is " + std::string(to_string(value.kind()))};
    const bool json = text(*node, "class") != nullptr;
    const std::string* class_name = text(*node, json ? "class" : "IOObjectClass");
    const std::string* name = text(*node, json ? "name" : "IORegistryEntryName");
    if (class_name == nullptr || name == nullptr) {
        return Error{Errc::malformed, 0,
                     "this is no saved registry: an entry has no class or no name; write one with "
                     "ioreg -l --json or ioreg -ali"};
    }
    daemon::records::Entry record;
    record.name = *name;
    const std::string* location = text(*node, json ? "location" : "IORegistryEntryLocation");
    if (location != nullptr) record.location = *location;
    record.classes = classes_of(*node, *class_name);
    const Value* properties = json ? find(*node, "properties") : &value;
    if (properties != nullptr && properties->dictionary() != nullptr)
        record.properties = *properties->dictionary();
    record.user_classes = strings(find(record.properties, "IOUserClasses"));
    record.properties.erase("IOUserClasses");
    for (const char* of_archive :
         {"IORegistryEntryChildren", "IORegistryEntryName", "IORegistryEntryLocation",
          "IORegistryEntryID", "IOObjectClass", "IOObjectInheritance", "IOObjectRetainCount",
          "IOServiceBusyState", "IOServiceBusyTime", "IOServiceState"}) {
        if (!json) record.properties.erase(of_archive);
    }
    record.service =
        flag(*node, "service", json ? false : find(*node, "IOServiceState") != nullptr);
    // kIOServiceRegisteredState of the archive's IOServiceState.
    constexpr uint64_t kRegisteredState = 2;
    const Number* state = find_number(*node, "IOServiceState");
    record.registered =
        flag(*node, "registered", state == nullptr || (state->raw & kRegisteredState) != 0);
    record.matched = flag(*node, "matched", true);
    if (provider != daemon::kNoEntry) record.providers.push_back(provider);
    const Number* number = find_number(*node, json ? "id" : "IORegistryEntryID");
    EntryId id = number == nullptr ? daemon::kNoEntry : number->raw;
    while (id == daemon::kNoEntry || registry_.find(id) != nullptr) id = next_made_up_++;
    registry_.restore(id, std::move(record));
    const Value* children = find(*node, json ? "children" : "IORegistryEntryChildren");
    if (children == nullptr) return success();
    if (children->array() == nullptr)
        return Error{Errc::malformed, 0, "the children of " + *name + " are no array"};
    for (const Value& child : *children->array()) OD_TRY(add(child, id));
    return success();
}

std::vector<const Entry*> SavedRegistry::named(const std::string& word) const {
    std::vector<const Entry*> found;
    const std::string path = word.starts_with("/") ? "IOService:" + word : word;
    registry_.visit([&](const Entry& entry) {
        const bool meant = entry.name == word || entry.is_kind_of(word) ||
                           registry_.path(entry.id) == path || word == tools::text_of_id(entry.id);
        if (meant) found.push_back(&entry);
        return true;
    });
    return found;
}

client::Explained SavedRegistry::explain(const client::Explain& request) const {
    client::Explained answer;
    answer.policy = "strict";  // what a missing entitlement costs at most
    const daemon::StandingContext context{
        {registry_,
         [this](const Entry& nub, const Dictionary& table) { return families_.match(nub, table); }},
        classes_,
        daemon::PolicyMode::strict};
    const Entry* nub = request.provider == 0 ? nullptr : registry_.find(request.provider);
    for (const client::LoosePersonality& loose : request.loose) {
        Result<daemon::Personality> personality = daemon::read_loose(loose);
        if (!personality.ok()) {
            answer.standings.push_back(daemon::unreadable(loose, personality.error()));
            continue;
        }
        std::vector<const Entry*> providers{nub};
        if (nub == nullptr)
            providers = daemon::providers_for(*personality, context.match, request.nearest);
        for (const Entry* provider : providers)
            answer.standings.push_back(daemon::stand(*provider, *personality, context));
    }
    daemon::rank(answer.standings);
    return answer;
}

}  // namespace opendext::explain
