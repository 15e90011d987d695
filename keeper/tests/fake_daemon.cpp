// SPDX-License-Identifier: Apache-2.0
// Stands in for opendextd in tests of the keeper: listens on the realm's socket, hands its end of
// the keeper socket to the test (over the socket named by OPENDEXT_TEST_SOCKET), and then does as
// the test says: "exit N", "abort".
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "keeper/tests/orders.h"
#include "rpc/fields.h"
#include "rpc/realm.h"

int main(int argc, char** argv) {
    using namespace opendext;
    using keeper::tests::Order;
    if (argc != 5 || std::strcmp(argv[1], "--realm") != 0 ||
        std::strcmp(argv[3], "--keeper-fd") != 0)
        return 64;
    const char* behaviour = std::getenv("OPENDEXT_TEST_DAEMON");
    if (behaviour != nullptr && std::strcmp(behaviour, "exit 3") == 0) return 3;
    if (behaviour != nullptr && std::strcmp(behaviour, "hang") == 0) {
        for (;;) ::pause();
    }
    const Realm realm((std::filesystem::path(argv[2])));
    const Result<Listener> listener = Listener::bind(realm.socket(), 0600);
    if (!listener.ok()) return 65;
    const char* path = std::getenv("OPENDEXT_TEST_SOCKET");
    const Result<Socket> test = path != nullptr ? Socket::connect(path) : Error{};
    if (!test.ok()) return 66;
    Message hello = encode(Order{std::to_string(::getpid())});
    hello.fds.emplace_back(std::atoi(argv[4]));
    if (!test->send(hello).ok()) return 67;
    for (;;) {
        const Result<std::optional<Message>> message = test->receive();
        if (!message.ok()) return 0;
        const std::string order = decode<Order>(**message)->text;
        if (order == "abort") ::abort();
        if (order.starts_with("exit ")) return std::atoi(order.c_str() + 5);
    }
}
