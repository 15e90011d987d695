// SPDX-License-Identifier: Apache-2.0
#include "tests/registry/live_registry.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "daemon/tests/testbed.h"

namespace opendext::testing {

using namespace opendext::daemon;

struct LiveRegistry::Running {
    std::thread thread;
    std::unique_ptr<daemon::testing::Testbed> bed;
    UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::mutex mutex;
    std::vector<std::packaged_task<void()>> work;

    void serve(const std::string& directory, std::promise<void> ready) {
        bed = std::make_unique<daemon::testing::Testbed>();
        bed->options.realm = Realm(directory);
        bed->start();
        const auto watch = bed->loop->watch(wake.get(), EPOLLIN, [this](uint32_t) {
            uint64_t count = 0;
            (void)!::read(wake.get(), &count, sizeof count);
            std::vector<std::packaged_task<void()>> now;
            {
                const std::lock_guard lock(mutex);
                now.swap(work);
            }
            for (auto& task : now) task();
        });
        ready.set_value();
        bed->loop->run();
    }
};

LiveRegistry::LiveRegistry() {
    std::string name =
        (std::filesystem::temp_directory_path() / "opendext-registry-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
    start();
}

LiveRegistry::~LiveRegistry() {
    if (running_ != nullptr) kill();
    std::filesystem::remove_all(directory_);
}

std::string LiveRegistry::realm() const {
    return directory_ + "/realm";
}

void LiveRegistry::start() {
    running_ = std::make_unique<Running>();
    std::promise<void> ready;
    std::future<void> up = ready.get_future();
    running_->thread = std::thread(
        [this, ready = std::move(ready)]() mutable { running_->serve(realm(), std::move(ready)); });
    up.wait();
}

void LiveRegistry::kill() {
    run([](Running& running) { running.bed->loop->exit(0); });
    running_->thread.join();
    running_->bed.reset();
    running_.reset();
}

void LiveRegistry::run(const std::function<void(Running&)>& work) {
    std::packaged_task<void()> task([&] { work(*running_); });
    std::future<void> done = task.get_future();
    {
        const std::lock_guard lock(running_->mutex);
        running_->work.push_back(std::move(task));
    }
    const uint64_t one = 1;
    (void)!::write(running_->wake.get(), &one, sizeof one);
    done.wait();
}

uint64_t LiveRegistry::add(uint64_t provider, Spec spec) {
    uint64_t id = 0;
    run([&](Running& running) {
        Daemon& daemon = *running.bed->daemon;
        Registry::Spec made;
        made.provider = provider != 0 ? provider : running.bed->find("OpenDext");
        made.name = spec.name;
        made.classes = spec.classes;
        made.location = spec.location;
        made.properties = spec.properties;
        id = daemon.registry().add(std::move(made)).id;
        if (spec.registered) daemon.lifecycle().register_service(id);
    });
    return id;
}

void LiveRegistry::publish(uint64_t id) {
    run([&](Running& running) { running.bed->daemon->lifecycle().register_service(id); });
}

void LiveRegistry::terminate(uint64_t id) {
    run([&](Running& running) { running.bed->daemon->lifecycle().terminate(id); });
}

void LiveRegistry::set_property(uint64_t id, const std::string& key, Value value) {
    run([&](Running& running) { running.bed->daemon->registry().set_property(id, key, value); });
}

void LiveRegistry::rename(uint64_t id, const std::string& name) {
    run([&](Running& running) { running.bed->daemon->registry().set_name(id, name); });
}

void LiveRegistry::set_user_classes(uint64_t id, std::vector<std::string> classes) {
    run([&](Running& running) {
        running.bed->daemon->registry().set_user_classes(id, std::move(classes));
    });
}

void LiveRegistry::join_power(uint64_t id) {
    run([&](Running& running) { running.bed->daemon->power().join(id); });
}

void LiveRegistry::adjust_busy(uint64_t id, int delta) {
    run([&](Running& running) { running.bed->daemon->registry().adjust_busy(id, delta); });
}

void LiveRegistry::message(uint64_t id, uint32_t message, uint64_t argument) {
    run([&](Running& running) {
        running.bed->daemon->clients().message_clients(id, message, argument);
    });
}

}  // namespace opendext::testing
