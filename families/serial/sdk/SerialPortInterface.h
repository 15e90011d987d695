// SPDX-License-Identifier: Apache-2.0
#ifndef SERIALDRIVERKIT_SERIALPORTINTERFACE_H
#define SERIALDRIVERKIT_SERIALPORTINTERFACE_H

#include <stdint.h>

namespace driverkit {  // not in one: drivers may be C++14
namespace serial {

/// What the system and a serial driver share about their two queues. It lies at the start of the
/// `ifmd` memory that IOUserSerial::ConnectQueues returns. Facts: docs/facts/semantics.md
/// section 14.
///
/// PI is where the producer of a queue writes next, CI where its consumer reads next. The system
/// owns txPI and rxCI, the driver owns txCI and rxPI. Each side changes its own indexes only, with
/// a release store after the bytes are in place (or taken), and reads those of the other side with
/// an acquire load.
///
/// Indexes run freely over 32 bits: the place in the queue is `index & ((1 << logsz) - 1)` and the
/// fill is PI - CI. A driver may also store its own indexes masked; the system then never holds a
/// queue completely full.
///
/// The indexes outlive the driver. After a crash the new instance finds txPI == txCI where the old
/// one stopped to consume (the system offers the bytes after that again), and rxPI == rxCI where
/// the system stopped to take.
struct SerialPortInterface {
    mutable uint32_t txPI;  ///< system: bytes for the line, produced
    uint32_t txqoffset;     ///< start of the transmit queue within its memory, bytes
    uint32_t reserved0[14];
    mutable uint32_t txCI;  ///< driver: bytes for the line, consumed
    uint32_t reserved1[15];
    mutable uint32_t rxPI;  ///< driver: bytes from the line, produced
    uint32_t reserved2[15];
    mutable uint32_t rxCI;  ///< system: bytes from the line, consumed
    uint32_t rxqoffset;     ///< start of the receive queue within its memory, bytes
    uint8_t txqlogsz;       ///< log2 of the transmit queue's size in bytes
    uint8_t rxqlogsz;       ///< log2 of the receive queue's size in bytes
    uint8_t reserved3[54];
};

static_assert(sizeof(SerialPortInterface) == 256,
              "each side's indexes have a cache line of their own");

}  // namespace serial
}  // namespace driverkit

#endif /* SERIALDRIVERKIT_SERIALPORTINTERFACE_H */
