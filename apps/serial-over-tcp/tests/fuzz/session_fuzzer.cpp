// SPDX-License-Identifier: Apache-2.0
// Bytes of a peer against both roles. The first byte chooses role, protocol and the size of pieces.
#include <cstdlib>
#include <string>

#include "apps/serial-over-tcp/telnet/session.h"

using namespace opendext::serial_tcp::telnet;

namespace {

struct Owner final : SessionOwner {
    void on_data(Bytes bytes) override { data += bytes.size(); }
    void on_mode(Mode) override {}
    LineSettings on_settings(const LineSettings& settings) override { return settings; }
    void on_modem_state(uint8_t) override {}
    void on_line_state(uint8_t) override {}
    void on_suspend(bool) override {}
    void on_purge(Purge) override {}
    void on_break() override {}
    void on_signature(const std::string& text) override {
        if (text.size() > Decoder::kMaxSubnegotiation) std::abort();
    }
    size_t data = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size == 0) return 0;
    const uint8_t choice = bytes[0];
    const size_t piece = 1 + (choice >> 3);
    Owner owner;
    Session session(static_cast<Protocol>(choice & 3),
                    (choice & 4) != 0 ? Session::Role::server : Session::Role::client, owner,
                    "fuzz");
    std::string out;
    session.start({}, out);
    for (size_t at = 1; at < size; at += piece)
        session.feed({bytes + at, std::min(piece, size - at)}, out);
    LineSettings settings;
    settings.break_on = true;
    session.set(settings, out);
    session.ask_for_com_port(out);
    session.append({bytes, size}, out);
    // What a peer says is never worth more than a bounded answer to each of its bytes.
    if (owner.data > size || out.size() > 512 + 64 * size) std::abort();
    return 0;
}
