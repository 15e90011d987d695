// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "apps/serial-over-tcp/agent/link_options.h"
#include "apps/serial-over-tcp/agent/rings.h"
#include "rpc/fd.h"

namespace opendext::serial_tcp {

/// Bytes for the network that wait until somebody is there, in order. They lie in a file, so that
/// they, and their place in the stream of the port, outlive the process: each step is committed by
/// one store. One thread.
class Backlog {
  public:
    enum class Use : uint8_t {
        fresh,  ///< what the file holds belongs to a port that is no more
        keep,   ///< goes on where a predecessor was killed, if there was one
    };
    /// Takes the space for all of `capacity`; the error says so if there is none.
    static Result<Backlog> open(const std::filesystem::path& file, uint64_t capacity,
                                WhenFull when_full, Use use);

    /// Takes bytes of the port's stream that begin at ring position `position`; gives how many it
    /// took: fewer than there are only with WhenFull::block.
    size_t put(const Stretch& bytes, uint32_t position);
    /// The oldest bytes; empty if there are none.
    [[nodiscard]] Stretch front() const;
    /// The oldest are on the network.
    void pop(size_t count);

    [[nodiscard]] uint64_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// Whether put() would take something.
    [[nodiscard]] bool has_room() const {
        return when_full_ == WhenFull::drop_oldest || size() < capacity_;
    }
    /// Bytes that went to make room, ever.
    [[nodiscard]] uint64_t dropped() const;
    /// The ring position behind the last byte that was put here, unless bytes went to the network
    /// on the straight way since: what a successor finds before it in the ring is in here already.
    [[nodiscard]] std::optional<uint32_t> position() const;
    /// Bytes of the stream go past the backlog from now on.
    void passed();

  private:
    struct Header;
    [[nodiscard]] Header& header() const;
    [[nodiscard]] std::byte* bytes() const;
    void copy_in(uint64_t at, const Stretch& bytes, size_t from, size_t count);

    Mapping memory_;
    uint64_t capacity_ = 0;
    WhenFull when_full_ = WhenFull::block;
};

}  // namespace opendext::serial_tcp
