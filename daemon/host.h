// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/context.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/opens.h"

namespace opendext::daemon {

/// What one family gets of opendextd. See FamilyHost.
class Host final : public FamilyHost {
  public:
    struct Link {
        EntryId user_resources = kNoEntry;
        std::string device_directory;
        std::function<void(EntryId, uint32_t, uint64_t)> message_clients;
        std::function<bool(EntryId)> successor_expected;
        ProviderOpens* opens = nullptr;
        bool adopts = false;  ///< an earlier opendextd's registry is here
        /// What it had the keeper hold; nullptr: there was none.
        const std::map<std::string, KeeperItem>* held = nullptr;
    };
    /// `link` is filled in before the first family hears of anything and outlives this.
    Host(std::string family, Context& context, Lifecycle& lifecycle, const Link& link)
        : family_(std::move(family)), context_(context), lifecycle_(lifecycle), link_(link) {}

    [[nodiscard]] const Entry* entry(EntryId id) const override {
        return context_.registry.find(id);
    }
    [[nodiscard]] EntryId user_resources() const override { return link_.user_resources; }
    [[nodiscard]] std::vector<EntryId> left(std::string_view class_name) const override;
    [[nodiscard]] std::vector<std::pair<std::string, Dictionary>> held_before(
        std::string_view prefix) const override;
    [[nodiscard]] Result<EntryId> publish(NewEntry entry) override;
    void register_entry(EntryId id) override { lifecycle_.register_service(id); }
    void terminate(EntryId id) override;
    void set_property(EntryId id, std::string key, Value value) override;
    void remove_property(EntryId id, std::string_view key) override {
        context_.registry.remove_property(id, key);
    }
    void message_clients(EntryId id, uint32_t message, uint64_t argument) override {
        link_.message_clients(id, message, argument);
    }
    void call(protocol::Invocation invocation, std::vector<UniqueFd> fds,
              std::chrono::milliseconds deadline, std::string_view deadline_name,
              std::function<void(Result<CallAnswer>)> done) override;
    [[nodiscard]] int32_t open_provider(EntryId provider, EntryId client) override {
        return link_.opens->open(provider, client);
    }
    [[nodiscard]] int32_t close_provider(EntryId provider, EntryId client) override {
        return link_.opens->close(provider, client);
    }
    [[nodiscard]] EntryId opener(EntryId provider) const override {
        return link_.opens->opener(provider);
    }
    [[nodiscard]] bool successor_expected(EntryId nub) const override {
        return link_.successor_expected && link_.successor_expected(nub);
    }
    [[nodiscard]] int32_t process_of(EntryId id) const override;
    void open(std::string resource, Dictionary arguments,
              std::function<void(Result<KeeperItem>)> done) override {
        context_.keeper.open(std::move(resource), std::move(arguments), std::move(done));
    }
    void hold(std::string key, Dictionary notes, std::vector<UniqueFd> fds,
              std::function<void(Status)> done) override {
        context_.keeper.hold(std::move(key), std::move(notes), std::move(fds), std::move(done));
    }
    void fetch(std::string key, std::function<void(Result<KeeperItem>)> done) override {
        context_.keeper.fetch(std::move(key), std::move(done));
    }
    void release(std::string key, std::function<void(Status)> done) override {
        context_.keeper.release(std::move(key), std::move(done));
    }
    void publish_node(std::string name, std::string target, std::string group, uint32_t mode,
                      std::function<void(Status)> done) override {
        context_.keeper.publish_node(std::move(name), std::move(target), std::move(group), mode,
                                     std::move(done));
    }
    void remove_node(std::string name, std::function<void(Status)> done) override {
        context_.keeper.remove_node(std::move(name), std::move(done));
    }
    [[nodiscard]] std::string device_directory() const override { return link_.device_directory; }
    [[nodiscard]] std::unique_ptr<Handle> after(std::chrono::milliseconds delay,
                                                std::function<void()> fire) override {
        return context_.loop.after(delay, std::move(fire));
    }
    [[nodiscard]] std::unique_ptr<Handle> watch(int fd, uint32_t events,
                                                std::function<void(uint32_t)> ready) override {
        return context_.loop.watch(fd, events, std::move(ready));
    }
    void log(LogLevel level, EntryId about, std::string_view text) override;

  private:
    std::string family_;
    Context& context_;
    Lifecycle& lifecycle_;
    const Link& link_;
};

}  // namespace opendext::daemon
