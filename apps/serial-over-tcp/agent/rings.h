// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "apps/serial-over-tcp/dext/SerialOverTCPProtocol.h"

namespace opendext::serial_tcp {

/// A stretch of a ring: one or two pieces.
struct Stretch {
    std::array<iovec, 2> pieces{};
    int count = 0;
    size_t size = 0;
};

/// The application's side of a port's link memory (SerialOverTCPProtocol.h tells the rules). It
/// remembers where both streams stand, so that a new driver instance goes on exactly there. One
/// thread. The driver is not trusted: indexes are copied once and checked, a wrong one counts as
/// "nothing there".
class Rings {
  public:
    /// Memory of a new driver instance, at least kSerialOverTCPLinkSize bytes, valid until
    /// detach().
    void attach(void* memory);
    /// Saves what the driver may not have taken. The memory is not touched after this.
    void detach();
    [[nodiscard]] bool attached() const { return link_ != nullptr; }

    /// Whether a program has the port open; does the handshake of a new opening. Bytes move only
    /// while true.
    bool refresh();
    /// Whether that would change nothing.
    [[nodiscard]] bool unchanged() const;
    /// Number of the opening that refresh() saw, 0 = closed.
    [[nodiscard]] uint32_t opening() const { return opening_; }

    /// Bytes for the network that were not taken yet.
    [[nodiscard]] Stretch transmit();
    void transmit_done(size_t count);
    /// Position in the stream of the first byte that transmit() gives.
    [[nodiscard]] uint32_t transmit_position() const { return transmit_at_; }
    /// Room for bytes from the network.
    [[nodiscard]] Stretch receive_room() const;
    void receive_done(size_t count);

    /// Says that this side is about to sleep; false if there is something to do after all.
    bool sleep_transmit();
    bool sleep_receive_room();
    /// Whether the driver has to be rung now for what was done since the last call. With
    /// `acknowledge` it also learns of the last bytes taken.
    bool doorbell_due(bool acknowledge);
    /// Whether the driver may not know of all bytes that were taken.
    [[nodiscard]] bool unacknowledged() const { return transmit_at_ != told_taken_; }

  private:
    [[nodiscard]] std::byte* transmit_ring() const;
    [[nodiscard]] std::byte* receive_ring() const;
    void skip_what_was_had();

    SerialOverTCPLink* link_ = nullptr;
    uint32_t opening_ = 0;
    bool known_ = false;           ///< the positions below mean something
    bool current_ = false;         ///< the ring of this link holds what was written last
    uint32_t transmit_taken_ = 0;  ///< end of what this side has
    uint32_t transmit_at_ =
        0;  ///< where it reads in this driver's stream; behind transmit_taken_ after a restart
    uint32_t receive_put_ = 0;  ///< end of what this side wrote
    uint32_t told_taken_ = 0;   ///< transmit_at_ when the driver was rung last
    bool receive_news_ = false;
    bool must_ring_ = false;  ///< a new opening: whatever the flags say
    /// What lay in the receive ring of the driver that died and had not been taken.
    std::vector<std::byte> saved_;
    uint32_t saved_from_ = 0;  ///< position in the stream of its first byte
};

}  // namespace opendext::serial_tcp
