// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "families/hid/link/device_side.h"
#include "families/hid/link/report_link.h"

// Bytes of a hostile peer, at both ends: the first byte says which end gets them, then datagrams,
// each with one byte of length before it.
using namespace opendext;
using namespace opendext::hid;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    UniqueFd ours(fds[0]), theirs(fds[1]);
    const bool device = (data[0] & 1) != 0, control = (data[0] & 2) != 0;
    for (size_t at = 1; at < size;) {
        const size_t length = std::min<size_t>(data[at], size - at - 1);
        ++at;
        if (length != 0) (void)::send(theirs.get(), data + at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        at += length;
    }
    if (!device) {
        auto link = std::move(ReportLink::open_socket(std::move(ours))).value();
        int answered = 0;
        for (uint32_t id = 1; id <= 4; id++)
            link->get(ReportType::feature, id, 16, kDefaultTimeout, [&](Answer answer) {
                if (answer.bytes.size() > kMaxReport) std::abort();
                ++answered;
            });
        for (;;) {
            const auto input = link->next_input();
            if (!input.ok() || !*input) break;
            if ((*input)->bytes.size() > kMaxReport) std::abort();
        }
        link->close();
        if (answered != 4) std::abort();
        return 0;
    }
    auto side = std::move(DeviceSide::make()).value();
    side->on_request([&](const DeviceSide::Request& request) {
        if (request.bytes.size() > kMaxReport || request.room > kMaxReport) std::abort();
        side->answer(request, kSuccess, request.bytes);
    });
    if (control) {
        (void)side->take_control(std::move(ours));
    } else {
        (void)side->add_user({1, 0, false, "fuzzer"}, std::move(ours));
    }
    for (int turn = 0; turn < 4; turn++) (void)side->process();
    (void)side->send_input(1, 1, std::span(data, std::min<size_t>(size, 64)));
    return 0;
}
