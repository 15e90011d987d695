// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace opendext::serial_tcp {

/// What one attempt to move bytes did.
struct Moved {
    enum class Outcome : uint8_t {
        moved,        ///< `bytes` went, perhaps 0: try again at once
        would_block,  ///< wait for the descriptor
        gone,         ///< the connection is over, `reason` says why
    };
    Outcome outcome = Outcome::would_block;
    size_t bytes = 0;
    std::string reason;

    static Moved some(size_t bytes) { return {Outcome::moved, bytes, {}}; }
    static Moved block() { return {}; }
    static Moved over(std::string reason) { return {Outcome::gone, 0, std::move(reason)}; }
    [[nodiscard]] bool moved() const { return outcome == Outcome::moved; }
    [[nodiscard]] bool blocked() const { return outcome == Outcome::would_block; }
    [[nodiscard]] bool gone() const { return outcome == Outcome::gone; }
};

/// Why a connection is over when its peer just went.
inline constexpr const char* kPeerGone = "peer gone";

/// Bytes over a connected socket, as they are or encrypted. One thread; nothing blocks.
class Transport {
  public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    /// What has to be agreed on before bytes can move; `moved` when that is done.
    virtual Moved handshake() = 0;
    virtual Moved send(std::span<const iovec> bytes) = 0;
    virtual Moved receive(std::span<const iovec> room) = 0;
    /// Sends what send() took and could not pass on; `moved` when nothing is left.
    virtual Moved flush() = 0;
    /// What to poll for, for the caller that wants to receive or send.
    [[nodiscard]] virtual short events(bool receive, bool send) const = 0;
    /// Whether received bytes wait in here, so that the socket tells nothing of them.
    [[nodiscard]] virtual bool buffered() const = 0;
};

/// Bytes as they are, straight between the socket and the caller's memory.
class PlainTransport final : public Transport {
  public:
    /// The socket stays the caller's.
    explicit PlainTransport(int socket) : socket_(socket) {}

    Moved handshake() override { return Moved::some(0); }
    Moved send(std::span<const iovec> bytes) override;
    Moved receive(std::span<const iovec> room) override;
    Moved flush() override { return Moved::some(0); }
    [[nodiscard]] short events(bool receive, bool send) const override;
    [[nodiscard]] bool buffered() const override { return false; }

  private:
    const int socket_;
};

}  // namespace opendext::serial_tcp
