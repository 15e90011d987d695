// SPDX-License-Identifier: Apache-2.0
// The other side of a data queue writes what it likes into the shared memory between any two
// operations of ours: no operation may touch a byte outside the ring, nor give an entry that does
// not lie in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "rpc/data_queue_ring.h"

using opendext::DataQueueRing;

namespace {

/// Takes numbers off the input; 0 when it is used up.
class Input {
  public:
    Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
    uint32_t word() {
        uint32_t value = 0;
        for (int i = 0; i < 4; ++i) value |= uint32_t{byte()} << (8 * i);
        return value;
    }
    [[nodiscard]] bool empty() const { return at_ >= size_; }

  private:
    const uint8_t* data_;
    size_t size_;
    size_t at_ = 0;
};

void check(bool right) {
    if (!right) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input(data, size);
    const bool padded = (input.byte() & 1) != 0;
    const size_t ring_size = padded ? (size_t{input.byte()} & ~size_t{3}) : input.byte();
    // Of the exact size, so that AddressSanitizer sees the first byte beyond.
    const size_t header = padded ? DataQueueRing::kHeaderSize : 2 * sizeof(uint32_t);
    const std::unique_ptr<std::byte[]> storage(new std::byte[header + ring_size]());
    std::byte* memory = storage.get();
    auto* words = reinterpret_cast<uint32_t*>(memory);
    auto* bytes = memory + header;
    const DataQueueRing ring = padded ? DataQueueRing(memory, header + ring_size)
                                      : DataQueueRing::unpadded(&words[0], &words[1], bytes,
                                                                static_cast<uint32_t>(ring_size));
    const auto inside = [&](const DataQueueRing::Place& place) {
        return place.data >= bytes && place.data <= bytes + ring_size &&
               place.size <= static_cast<size_t>(bytes + ring_size - place.data);
    };
    while (!input.empty()) {
        switch (input.byte() % 8) {
            case 0:
                words[0] = input.word();
                break;
            case 1:
                words[1] = input.word();
                break;
            case 2:
                words[0] = input.byte();
                break;
            case 3:
                words[1] = input.byte();
                break;
            case 4:
                if (ring_size > 0) bytes[input.byte() % ring_size] = std::byte{input.byte()};
                break;
            case 5: {
                const uint32_t length = input.byte() < 250 ? input.byte() : input.word();
                const auto place = ring.reserve(length);
                if (place.status != DataQueueRing::Status::ok) break;
                check(inside(place));
                memset(place.data, 0x5a, place.size);
                (void)ring.publish(place);
                break;
            }
            case 6: {
                const auto place = ring.first();
                if (place.status != DataQueueRing::Status::ok) break;
                check(inside(place));
                uint8_t sum = 0;
                for (uint32_t i = 0; i < place.size; ++i)
                    sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(place.data[i]));
                (void)*const_cast<volatile uint8_t*>(&sum);  // the reads are not left out
                ring.consume(place);
                break;
            }
            default:
                (void)ring.can_enqueue(input.byte(), 3);
                (void)ring.take_want_serviced();
                ring.want_serviced();
                (void)ring.ring_bell(input.byte());
                (void)ring.take_bell();
        }
    }
    return 0;
}
