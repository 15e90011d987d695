// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "families/serial/driver/indexes.h"
#include "families/serial/sdk/SerialPortInterface.h"
#include "rpc/fd.h"
#include "rpc/result.h"

namespace opendext::serial {

using driverkit::serial::SerialPortInterface;

/// Sizes of the parts of a port's kept memory. The system half makes the memory, the driver half
/// lays it out.
inline constexpr uint32_t kPageSize = 4096;
inline constexpr uint32_t kRingSize = 256 * 1024;
/// What super::ConnectQueues allocates when the driver brings no memory of its own.
inline constexpr uint8_t kDefaultQueueLog2 = 14;
inline constexpr uint32_t kDefaultQueueSize = 1U << kDefaultQueueLog2;

inline constexpr uint32_t kInterfaceOffset = kPageSize;
inline constexpr uint32_t kOutRingOffset = 2 * kPageSize;
inline constexpr uint32_t kInRingOffset = kOutRingOffset + kRingSize;
inline constexpr uint32_t kTransmitQueueOffset = kInRingOffset + kRingSize;
inline constexpr uint32_t kReceiveQueueOffset = kTransmitQueueOffset + kDefaultQueueSize;
inline constexpr uint32_t kKeptSize = kReceiveQueueOffset + kDefaultQueueSize;

/// First page of the kept memory. Every step that moves bytes is committed by one store (or, for
/// the two system calls, by what the kernel itself leaves behind), so a SIGKILL at any instruction
/// loses and repeats nothing.
struct KeptHeader {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;
    // Terminal -> driver ("out"). Bytes [consumed, out_head) lie in the out ring. How far they were
    // copied into the driver's transmit queue is said by txPI alone, how far they were consumed by
    // txCI.
    alignas(64) uint64_t out_head;
    uint64_t read_position;  ///< journal of the read that may be under way: out_head before it …
    uint32_t read_length;    ///< … and how many bytes it will bring
    uint32_t tx_bias;        ///< low 32 bits of the stream position = txPI + tx_bias
    uint8_t read_flag;  ///< the packet-mode byte, written by the kernel in the read itself; 0xff
                        ///< before it
    // Driver -> terminal ("in"). Bytes [in_tail, in_head) lie in the in ring; in_head follows from
    // rxCI. The kernel moves the file position of the memory in the call that hands bytes to the
    // terminal.
    alignas(64) uint64_t in_tail;
    uint32_t rx_bias;  ///< low 32 bits of in_head = rxCI + rx_bias
};
inline constexpr uint64_t kKeptMagic = 0x314c4952'4553444fULL;
inline constexpr uint32_t kKeptVersion = 2;
enum KeptFlags : uint32_t {
    /// The receive queue is the one in this memory: its bytes survive the driver.
    kKeptReceiveQueue = 1,
    /// The file position says nothing: the last instance wrote without it.
    kKeptPlainWrites = 2,
};

/// What a kill in the middle of a system call may do to the stream.
enum class Transfers : uint8_t {
    exact,  ///< nothing: each call is journalled by the kernel itself
    plain,  ///< lose or repeat up to one batch; each batch costs a call or a copy less
};

/// A terminal's master and the memory that outlives drivers, with the exact moves between them. Not
/// thread-safe: the owner holds a lock. All that is read from the memory was written by an earlier
/// instance of an untrusted driver: it is copied once and checked; what cannot be is counted as
/// lost and said, never followed.
class KeptPort {
  public:
    /// Takes over the endpoint: lays out fresh memory, or recovers what a killed predecessor left.
    /// `master` is non-blocking and in packet mode.
    static Result<KeptPort> attach(UniqueFd master, UniqueFd memory,
                                   Transfers transfers = Transfers::exact);

    struct Recovery {
        bool fresh = true;
        uint32_t read_recovered =
            0;  ///< bytes the kernel had handed over before the predecessor published them
        uint32_t write_recovered = 0;  ///< bytes the terminal had taken before that was published
        uint32_t offered_again =
            0;  ///< bytes the predecessor's driver had been given and had not consumed
        std::string
            damage;  ///< non-empty: the memory was inconsistent; what that means for the data
    };
    [[nodiscard]] const Recovery& recovery() const { return recovery_; }

    // --- terminal -> out ring
    // ---------------------------------------------------------------------------------
    enum class Read {
        data,     ///< bytes were read
        control,  ///< a packet-mode notice: `control()`
        empty,    ///< nothing there now
        full,     ///< the out ring has no room
        hung_up,  ///< no process has the terminal open, and nothing is left to read
        failed,   ///< `error()`
    };
    /// One batch: asks how much there is, journals, reads. Never sleeps for the kernel's worker
    /// unless `settle`.
    Read read_terminal(bool settle);
    /// Reads a notice without touching data (works with a full ring): control or empty.
    Read read_control();
    [[nodiscard]] uint8_t control() const { return control_; }
    [[nodiscard]] int error() const { return error_; }

    // --- out ring -> transmit queue
    // ---------------------------------------------------------------------------
    /// Bytes read from the terminal and not consumed by the driver.
    [[nodiscard]] uint32_t out_pending(uint32_t queue_size) const;
    /// Copies what fits into the driver's queue and advances txPI; gives the number of bytes.
    uint32_t fill_transmit(const RingView& queue);
    /// Forgets the bytes that were not yet given to the driver (the application flushed its
    /// output); what lies in the transmit queue is the driver's to drop. Gives the number of bytes.
    uint32_t discard_out();

    // --- receive queue -> in ring -> terminal
    // -----------------------------------------------------------------
    /// Copies what fits from the driver's queue and advances rxCI; gives the number of bytes.
    uint32_t drain_receive(const RingView& queue);
    [[nodiscard]] uint32_t in_pending() const;
    /// What the driver has produced and has not been taken yet.
    [[nodiscard]] uint32_t receive_pending(const RingView& queue) const;
    enum class Write { idle, progress, blocked, failed };
    /// Hands bytes of the in ring to the terminal until it takes no more.
    Write write_terminal();

    /// Call after every call into the driver: takes note of indexes that the driver changed
    /// although they are not its own (some reset all four).
    void follow_indexes();
    /// A new pair of queues: txPI := txCI and, unless the receive queue is the kept one again, rxPI
    /// := rxCI.
    void connect(uint8_t tx_log2, uint8_t rx_log2, uint32_t tx_offset, uint32_t rx_offset,
                 bool kept_receive_queue);

    [[nodiscard]] SerialPortInterface& interface() const { return *interface_; }
    [[nodiscard]] int master() const { return master_.get(); }
    [[nodiscard]] int memory() const { return memory_.get(); }
    [[nodiscard]] RingView default_transmit_queue() const;
    [[nodiscard]] RingView default_receive_queue() const;
    [[nodiscard]] uint64_t bytes_out() const { return header_->out_head; }
    [[nodiscard]] uint64_t bytes_in() const { return header_->in_tail; }

  private:
    KeptPort() = default;
    void lay_out();
    void recover();
    void rewind_transmit(uint32_t queue_size);
    [[nodiscard]] uint64_t copied() const;

    [[nodiscard]] ssize_t hand_over(uint32_t count);

    Transfers transfers_ = Transfers::exact;
    UniqueFd master_;
    UniqueFd memory_;
    Mapping mapping_;
    KeptHeader* header_ = nullptr;
    SerialPortInterface* interface_ = nullptr;
    RingView out_;
    RingView in_;
    // Our own copies of what only this side may change. The memory is the truth for a successor,
    // these are for us.
    uint64_t out_head_ = 0;
    uint64_t in_head_ = 0;
    uint64_t in_tail_ = 0;
    uint32_t tx_produced_ = 0;  ///< txPI as we stored it
    uint32_t rx_consumed_ = 0;  ///< rxCI as we stored it
    uint64_t copied_ = 0;       ///< stream position of txPI
    uint8_t control_ = 0;
    int error_ = 0;
    Recovery recovery_;
};

/// A sealed memory for one port, as the system half makes it.
Result<UniqueFd> make_kept_memory(std::string_view port_name);

}  // namespace opendext::serial
