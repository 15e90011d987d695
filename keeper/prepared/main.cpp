// SPDX-License-Identifier: Apache-2.0
// opendext-driver: the prepared driver process. Has everything loaded that drivers need, and forks
// a driver process for each Spawn of the keeper. Internal: started by opendext-keeper only.
#include <malloc.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "keeper/prepared/cgroup.h"
#include "keeper/prepared/driver_process.h"
#include "keeper/prepared/handover.h"
#include "keeper/prepared/runtime_library.h"
#include "keeper/prepared/sanitized.h"
#include "rpc/fields.h"

namespace opendext::prepared {
namespace {

namespace wire = protocol::keeper;

void complain(const Error& error) {
    std::fprintf(stderr, "opendext-driver: %s\n", error.text().c_str());
}

wire::Reply refusal(const Error& error) {
    wire::Reply refused;
    refused.io_return = static_cast<int32_t>(0xe00002bc);  // kIOReturnError
    refused.reason = error.text();
    return refused;
}

/// Answers one Spawn. In the driver process it does not return.
Message answer(Message& request, Blueprint& blueprint, const Forks& forks) {
    std::vector<UniqueFd> fds = std::move(request.fds);
    const Features& features = blueprint.features;
    Forked forked;
    const auto fork = [&]() -> Result<wire::Spawned> {
        const wire::Spawn spawn = OD_TRY(decode<wire::Spawn>(request));
        if (fds.size() != 2) return Error{Errc::malformed, 0, "Spawn needs two descriptors"};
        if (!features.refused.empty()) return Error{Errc::not_permitted, 0, features.refused};
        if (spawn.bundle_path.empty() && features.refusal == Refusal::silent)
            return Error{Errc::unsupported, 0, "without a listener nobody could open its files"};
        Filters& filters = *OD_TRY(blueprint.filters_for(spawn.libraries));
        DriverGroup group;
        if (!features.cgroup.empty()) {
            group = OD_TRY(make_group(features.cgroup, std::to_string(request.serial),
                                      features.controllers, features.limits));
        }
        OD_TRY(forks.fork(forked, group.fd.get()));
        if (forked.pid == 0) {
            become_driver(blueprint, filters, spawn, Socket(std::move(fds[0])),
                          Socket(std::move(fds[1])));
        }
        wire::Spawned spawned{forked.pid, blueprint.description,
                              features.rights(spawn.bundle_path, filters.lists)};
        if (group.fd) spawned.rights.emplace(wire::kControlGroup, group.folder.string());
        return spawned;
    };
    Result<wire::Spawned> spawned = fork();
    Message reply = spawned.ok() ? encode(std::move(spawned).value(), request.serial)
                                 : encode(refusal(spawned.error()), request.serial);
    if (forked.pidfd) reply.fds.push_back(std::move(forked.pidfd));
    if (forked.init_pidfd) reply.fds.push_back(std::move(forked.init_pidfd));
    return reply;
}

/// What drivers inherit: one heap for all threads, most of which are idle most of the time. Its
/// holes are given away for good: whatever is put into one, here or in a driver, makes a copy of a
/// page that is otherwise shared by all. New things then lie together, behind what there is.
void prepare_heap() {
    if (kSanitized) return;  // the heap is the sanitizer's
    ::mallopt(M_ARENA_MAX, 1);
    const auto end = reinterpret_cast<uintptr_t>(::sbrk(0));
    const auto plug = [](size_t size, uintptr_t from) {
        constexpr int kMost = 100'000;  // not reached: the heap is small
        for (int i = 0; i < kMost; ++i) {
            void* volatile piece = ::malloc(size);
            if (piece == nullptr || reinterpret_cast<uintptr_t>(piece) >= from) return;
        }
    };
    ::malloc_trim(0);
    const auto top = reinterpret_cast<uintptr_t>(::sbrk(0));
    for (size_t size = 64 << 10; size > 1024; size /= 2) plug(size, std::min(top, end));
    for (size_t size = 1016; size >= 24; size -= 16) plug(size, std::min(top, end));
}

/// After prepare_heap(): what is made here and changes in drivers lies where their own things will.
void prepare_runtime(const Libraries& libraries) {
    if (!kSanitized) {
        // What the C library changes when a process gets its first second thread.
        std::thread([] {}).join();
        // That has gone when this succeeds, which does nothing else: namespaces are for processes
        // with one thread. Where unshare() is forbidden there will be no namespaces either.
        while (::unshare(CLONE_THREAD) != 0 && errno == EINVAL) ::sched_yield();
    }
    if (libraries.prepare != nullptr) libraries.prepare();
}

Result<Forks> prepare(const Start& start, Blueprint& blueprint) {
    blueprint.libraries = OD_TRY(load_libraries(start.runtime));
    blueprint.description = blueprint.features.description();
    static_cast<void>(OD_TRY(blueprint.filters_for({})));  // not while the first driver waits
    static_cast<void>(OD_TRY(blueprint.filters_for({"no family's"})));
    return Forks::prepare(blueprint.features, start.link);
}

/// What this machine gives and the realm asks for. Settings that cannot be read are no settings:
/// nothing is started until they can.
Features examine(const Start& start) {
    SandboxSettings settings;
    Result<std::vector<std::string>> without = parse_items(start.without);
    const auto read = [&]() -> Status {
        OD_TRY(read_settings(start.settings, settings));
        for (const std::string& item : OD_TRY(parse_items(start.require)))
            settings.require.push_back(item);
        if (start.layout >= 0) settings.layout = static_cast<unsigned>(start.layout);
        if (!without.ok()) return without.error();
        return success();
    }();
    Features features =
        probe_features(without.ok() ? without.value() : std::vector<std::string>{}, settings);
    if (!read.ok()) features.refused = read.error().text();
    return features;
}

/// The first of a line finds out what this machine gives, enters the namespaces that all drivers
/// share, and leaves everything else to its successor, which is born in them.
Status begin(const Start& start, const Socket& keeper) {
    const Features features = examine(start);
    if (!features.refused.empty())
        std::fprintf(stderr, "opendext-driver: %s\n", features.refused.c_str());
    OD_TRY(enter_namespaces(features));
    if ((features.shared & CLONE_NEWPID) != 0) {
        Message message = encode(wire::Spawned{0, "process id namespace of the drivers"});
        message.fds.push_back(OD_TRY(start_init(start.link)));
        OD_TRY(keeper.send(message));
    }
    static_cast<void>(OD_TRY(Successor::start(start, features, keeper)));
    return success();
}

/// Serves until the keeper is gone or a successor is there. Returns the exit status.
[[gnu::noinline]] int serve(const Start& start, const Socket& keeper, Blueprint& blueprint,
                            const Result<Forks>& forks) {
    const unsigned layout = blueprint.features.layout;
    std::optional<Successor> successor;
    for (unsigned served = 1;; ++served) {
        if (successor) {
            const std::optional<bool> ready = successor->ready_before_request(keeper);
            if (ready.value_or(false)) return 0;
            if (!ready) successor.reset();  // it has said why; the next one comes in its time
        }
        Result<std::optional<Message>> received = keeper.receive();
        if (!received.ok()) return received.error().code == Errc::peer_gone ? 0 : 1;
        Message& request = **received;
        const Message reply =
            forks.ok()
                ? answer(request, blueprint, forks.value())
                : encode(refusal(Error(forks.error()).in("no driver process can be started")),
                         request.serial);
        if (!keeper.send(reply).ok()) return 1;
        if (layout != 0 && served % layout == 0 && !successor) {
            Result<Successor> started = Successor::start(start, blueprint.features, keeper);
            if (started.ok())
                successor = std::move(started).value();
            else
                complain(started.error());
        }
    }
}

/// The same with the stack at the beginning of a page: what a driver has on it while it is idle
/// then lies in that one, and the page above it stays the prepared process's.
[[gnu::noinline]] int serve_on_page(const Start& start, const Socket& keeper, Blueprint& blueprint,
                                    const Result<Forks>& forks) {
    constexpr uintptr_t kPage = 4096;
    const uintptr_t above = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & (kPage - 1);
    void* gap = __builtin_alloca(above);
    asm volatile("" : "+r"(gap));  // it is not to be left out
    return serve(start, keeper, blueprint, forks);
}

/// What processes of this installation may call.
int print_lists(const Start& start) {
    const Result<Libraries> libraries = load_libraries(start.runtime);
    if (!libraries.ok()) {
        complain(libraries.error());
        return 1;
    }
    CallLists lists{runtime_calls()};
    for (const Family& family : libraries->families) lists.push_back(family.calls);
    const bool printed = std::fputs(print_calls(lists).c_str(), stdout) >= 0;
    return printed && std::fflush(stdout) == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
    const Start start = parse(argc, argv);
    if (start.print_calls) return print_lists(start);
    if (start.link < 3) {
        std::fputs(
            "opendext-driver is started by opendext-keeper, not by hand; --print-calls prints the "
            "system "
            "calls that drivers may make\n",
            stderr);
        return 64;
    }
    const Socket keeper((UniqueFd(start.link)));
    if (start.handover < 0) {
        const Status begun = begin(start, keeper);
        if (!begun.ok()) complain(begun.error());
        return begun.ok() ? 0 : 1;
    }
    const Socket predecessor((UniqueFd(start.handover)));
    Result<Features> features = take_over(predecessor);
    if (!features.ok()) {
        complain(features.error());
        return 0;  // the predecessor goes on
    }
    Blueprint blueprint{.features = std::move(features).value(),
                        .description = {},
                        .title = Title(argc, argv),
                        .libraries = {},
                        .filters = {},
                        .boot_arguments = start.variable("OPENDEXT_BOOT_ARGS"),
                        .sanitizer_reports = start.variable("OPENDEXT_SANITIZER_REPORTS")};
    blueprint.title.set("opendext-driver: prepared driver process");
    const Result<Forks> forks = prepare(start, blueprint);
    if (!forks.ok()) complain(forks.error());
    ::clearenv();  // drivers have none, and need no page to note that
    prepare_heap();
    prepare_runtime(blueprint.libraries);
    if (const Status ready = say_ready(predecessor); !ready.ok()) complain(ready.error());
    return serve_on_page(start, keeper, blueprint, forks);
}

}  // namespace
}  // namespace opendext::prepared

int main(int argc, char** argv) {
    // Nothing to tidy up; and what runs at a normal exit would run with every library's leftovers.
    ::_exit(opendext::prepared::run(argc, argv));
}
