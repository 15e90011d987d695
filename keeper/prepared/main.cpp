// SPDX-License-Identifier: Apache-2.0
// opendext-driver: the prepared driver process. Has everything loaded that drivers need, and forks
// a driver process for each Spawn of the keeper. Internal: started by opendext-keeper only.
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "keeper/prepared/driver_process.h"
#include "keeper/prepared/runtime_library.h"
#include "rpc/fields.h"

namespace opendext::prepared {
namespace {

namespace wire = protocol::keeper;

/// Answers one Spawn. In the driver process it does not return.
Message answer(const Message& request, Blueprint& blueprint, std::vector<UniqueFd>& fds) {
    const auto fork = [&]() -> Result<Message> {
        const wire::Spawn spawn = OD_TRY(decode<wire::Spawn>(request));
        if (fds.size() != 2) return Error{Errc::malformed, 0, "Spawn needs two descriptors"};
        Forked forked = OD_TRY(fork_sibling(blueprint.features.mount_namespace ? CLONE_NEWNS : 0));
        if (forked.pid == 0) {
            become_driver(blueprint, spawn, Socket(std::move(fds[0])), Socket(std::move(fds[1])));
        }
        Message reply = encode(wire::Spawned{forked.pid, blueprint.features.description});
        reply.fds.push_back(std::move(forked.pidfd));
        return reply;
    };
    Result<Message> reply = fork();
    if (reply.ok()) return std::move(reply).value();
    wire::Reply refused;
    refused.io_return = static_cast<int32_t>(0xe00002bc);  // kIOReturnError
    refused.reason = reply.error().text();
    return encode(refused);
}

/// The first process of the new process id namespace must be one that lives as long as the drivers.
/// The keeper gets one end of a socket that tells that process of its death.
Status start_namespace_init(const Socket& keeper, const Blueprint& blueprint) {
    auto ends = OD_TRY(Socket::pair());
    Forked init = OD_TRY(fork_sibling(0));
    if (init.pid == 0) become_namespace_init(blueprint, std::move(ends.first));
    Message message = encode(wire::Spawned{init.pid, "process id namespace"});
    message.fds.push_back(std::move(init.pidfd));
    message.fds.push_back(ends.second.take_fd());
    return keeper.send(message);
}

Status prepare(const Socket& keeper, Blueprint& blueprint, const std::string& runtime,
               const std::string& without) {
    blueprint.entry = OD_TRY(load_libraries(runtime));
    blueprint.features = probe_features(without);
    blueprint.filter = OD_TRY(build_program(blueprint.features.refusal, Step::loading));
    if (blueprint.features.refusal == Refusal::silent) {
        blueprint.second_filter = OD_TRY(build_program(Refusal::silent, Step::closed));
    }
    OD_TRY(enter_namespaces(blueprint.features));
    if (blueprint.features.namespaces) OD_TRY(start_namespace_init(keeper, blueprint));
    return success();
}

int serve(const Socket& keeper, Blueprint& blueprint, const Status& prepared) {
    for (;;) {
        Result<std::optional<Message>> received = keeper.receive();
        if (!received.ok()) return received.error().code == Errc::peer_gone ? 0 : 1;
        Message request = std::move(**received);
        std::vector<UniqueFd> fds = std::move(request.fds);
        Message reply;
        if (prepared.ok()) {
            reply = answer(request, blueprint, fds);
        } else {
            wire::Reply refused;
            refused.io_return = static_cast<int32_t>(0xe00002bc);
            refused.reason = "no driver process can be started: " + prepared.error().text();
            reply = encode(refused);
        }
        reply.serial = request.serial;
        if (!keeper.send(reply).ok()) return 1;
    }
}

}  // namespace
}  // namespace opendext::prepared

int main(int argc, char** argv) {
    using namespace opendext;
    using namespace opendext::prepared;
    // opendext-driver --link FD [--runtime FILE] [--without LIST] ROOM-FOR-THE-TITLE
    int link = -1;
    std::string runtime;
    std::string without;
    for (int i = 1; i + 2 < argc; i += 2) {
        if (std::strcmp(argv[i], "--link") == 0) link = std::atoi(argv[i + 1]);
        if (std::strcmp(argv[i], "--runtime") == 0) runtime = argv[i + 1];
        if (std::strcmp(argv[i], "--without") == 0) without = argv[i + 1];
    }
    if (link < 3) {
        std::fputs("opendext-driver is started by opendext-keeper, not by hand\n", stderr);
        return 64;
    }
    const Socket keeper((UniqueFd(link)));
    Blueprint blueprint{.features = {},
                        .title = Title(argc, argv),
                        .entry = nullptr,
                        .filter = {},
                        .second_filter = {}};
    blueprint.title.set("opendext-driver: prepared driver process");
    const Status prepared = prepare(keeper, blueprint, runtime, without);
    if (!prepared.ok())
        std::fprintf(stderr, "opendext-driver: %s\n", prepared.error().text().c_str());
    // Nothing to tidy up; and what runs at a normal exit would run with every library's leftovers.
    ::_exit(serve(keeper, blueprint, prepared));
}
