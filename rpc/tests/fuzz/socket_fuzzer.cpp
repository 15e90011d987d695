// SPDX-License-Identifier: Apache-2.0
// Any datagram on a control socket, with none, a good or a bad descriptor (first byte): receive()
// gives a message or an error, and the socket can still be used.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "rpc/fields.h"
#include "rpc/protocol/keeper.h"
#include "rpc/socket.h"

using namespace opendext;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    static const auto ends = new auto(std::move(Socket::pair()).value());
    static const UniqueFd sealed = std::move(make_sealed_memory("fuzz", 4096)).value();
    static const UniqueFd unsealed(::memfd_create("fuzz", MFD_CLOEXEC));

    // The magic number, or no input would get past it; the second byte may spoil it.
    std::vector<uint8_t> bytes{'O', 'D', 'X', 'T'};
    if (data[1] == 0xff) bytes[0] = 0;
    bytes.insert(bytes.end(), data + 2, data + size);
    iovec part{bytes.data(), bytes.size()};
    msghdr datagram{};
    datagram.msg_iov = &part;
    datagram.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    if (data[0] % 3 != 0) {
        datagram.msg_control = control;
        datagram.msg_controllen = sizeof control;
        cmsghdr* head = CMSG_FIRSTHDR(&datagram);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        const int fd = data[0] % 3 == 1 ? sealed.get() : unsealed.get();
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    if (::sendmsg(ends->first.fd(), &datagram, MSG_DONTWAIT) < 0) std::abort();
    const auto received = ends->second.receive(Socket::Wait::dont_block);
    if (received.ok() && !received.value()) std::abort();
    if (received.ok()) static_cast<void>(decode<protocol::keeper::Spawn>(**received).ok());

    if (!ends->first.send(encode(protocol::keeper::Signal{1, 2}, 3)).ok()) std::abort();
    const auto next = ends->second.receive(Socket::Wait::dont_block);
    if (!next.ok() || !next.value() || !decode<protocol::keeper::Signal>(**next).ok()) std::abort();
    return 0;
}
