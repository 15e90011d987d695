# SPDX-License-Identifier: Apache-2.0
"""An endless stream of bytes that is the same for the same seed and different at every position, and a checker that says
where a received stream differs from it, and how: bytes lost, repeated, or changed."""

import random

CHUNK = 65536
LANES = CHUNK // 8
# So many bytes occur at one position only.
WINDOW = 48


class Content:
    """Chunks of 64 KiB: in chunk n each word of 64 bits is a random number plus n times a large constant, all words computed
    at once as one long number."""

    STEP = int.from_bytes((0x9E3779B97F5).to_bytes(8, "little") * LANES, "little")
    NO_CARRY = int.from_bytes((b"\xff" * 7 + b"\x7f") * LANES, "little")

    def __init__(self, seed):
        self.first = int.from_bytes(random.Random(seed).randbytes(CHUNK), "little") & self.NO_CARRY
        self.chunks = {}

    def _chunk(self, number):
        chunk = self.chunks.get(number)
        if chunk is None:
            if len(self.chunks) > 8:
                self.chunks.clear()
            chunk = self.chunks[number] = (self.first + number * self.STEP).to_bytes(CHUNK, "little")
        return chunk

    def at(self, position, size):
        number, offset = divmod(position, CHUNK)
        piece = self._chunk(number)[offset:offset + size]
        while len(piece) < size:
            number += 1
            piece += self._chunk(number)[:size - len(piece)]
        return piece

    def find(self, window, start, end):
        """The first position in [start, end) at which the stream reads `window`, or None."""
        start = max(start, 0)
        while start < end:
            size = min(16 * CHUNK, end - start + len(window) - 1)
            found = self.at(start, size).find(window)
            if found >= 0:
                return start + found
            start += size - len(window) + 1
        return None


class Mismatch(Exception):
    """The received stream is not the sent one; the text says where and how."""


class Checker:
    """Takes a received stream piece by piece. `lost` and `repeated` (bytes) say what is allowed at the places that
    `expect_gap` announces; what really was is gathered in `gaps` as (position, bytes), negative where bytes came again."""

    def __init__(self, content, position=0, lost=0, repeated=0):
        self.content = content
        self.position = position
        self.lost, self.repeated = lost, repeated
        self.gaps = []
        self.gaps_ahead = 0
        self.held = b""  # bytes after a gap, too few yet to see where they belong

    def expect_gap(self):
        """From here on the stream may go on elsewhere, once more."""
        if self.lost > 0 or self.repeated > 0:
            self.gaps_ahead += 1

    def take(self, data):
        data = self.held + data
        self.held = b""
        expected = self.content.at(self.position, len(data))
        if data == expected:
            self.position += len(data)
            return
        same = first_difference(data, expected)
        # Bytes before a gap may equal those after it by chance.
        start = self.position + same
        rest = data[same:]
        if len(rest) < WINDOW:
            if self.gaps_ahead:
                self.position += same
                self.held = rest
                return
            raise Mismatch(f"byte {start} is wrong (too few follow to say how)")
        window = rest[:WINDOW]
        if not self.gaps_ahead:
            raise Mismatch(self.describe(window, start))
        found = self.content.find(window, start - self.repeated, start + self.lost + 1)
        if found is None:
            raise Mismatch(self.describe(window, start) + f"; allowed were {self.lost} lost, {self.repeated} repeated")
        self.gaps.append((start, found - start))
        self.gaps_ahead -= 1
        self.position = found
        self.take(rest)

    def describe(self, window, start):
        reach = 64 << 20
        ahead = self.content.find(window, start, start + reach)
        if ahead is not None:
            return f"{ahead - start} bytes lost at {start}"
        behind = self.content.find(window, start - min(reach, start), start)
        if behind is not None:
            return f"{start - behind} bytes repeated at {start}"
        expected = self.content.at(start, WINDOW)
        return f"changed bytes at {start}: {window[:16].hex()}… instead of {expected[:16].hex()}…"


def first_difference(one, other):
    """Number of bytes at the beginning that are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
