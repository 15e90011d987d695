# SPDX-License-Identifier: Apache-2.0
"""Memory of a driver in this process."""

import contextlib
import ctypes
import functools
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from . import _library as lib
from .errors import Closed, check

if TYPE_CHECKING:
    from .connection import Connection

_ANYWHERE: Final = 1
_READ_ONLY: Final = 0x1000


def _unmap(connection: int, type: int, address: int) -> None:
    # Refused once the connection is closed, which has unmapped everything.
    lib.IOConnectUnmapMemory64(connection, type, 0, address)


def _is_writable(address: int) -> bool:
    """Whether this process may write there: what the driver allowed, which no result of the call tells."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            bounds, rights = line.split(" ", 2)[:2]
            first, last = (int(bound, 16) for bound in bounds.split("-"))
            if first <= address < last:
                return "w" in rights
    raise OSError(f"nothing is mapped at 0x{address:x}")


class MemoryPinned(BufferError):
    """A call of another thread is at work in the memory."""


class MappedMemory:
    """Memory that the driver and this process share, until close(). `view` is a memoryview of it, read-only where the driver
    says so; the object itself can be indexed and sliced. What two processes write at once is theirs to agree about.

    While a part of `view` is used elsewhere (a slice, a cast, an array over it) the memory stays: close() raises BufferError
    and changes nothing, as mmap does."""

    __slots__ = ("_block", "_view", "address", "size", "type", "read_only", "_lock", "_pins", "__weakref__")

    def __init__(self, connection: "Connection", type: int, address: int, size: int):
        self.type = type
        self.address = address
        self.size = size
        self.read_only = not _is_writable(address)
        self._lock = threading.Lock()  # pinned() in one thread, close() in another
        self._pins = 0
        # Every view keeps the block, the block keeps the connection: nothing is unmapped that is still looked at.
        Block: Any = type_of_block(size)
        block = Block.from_address(address)
        block.connection = connection
        weakref.finalize(block, _unmap, connection.handle, type, address).atexit = False
        self._block: Any = block
        connection.note_mapping(self, block)
        self._view: memoryview | None = self._make_view()

    @classmethod
    def map(cls, connection: "Connection", type: int, read_only: bool) -> "MappedMemory":
        address, size = ctypes.c_uint64(), ctypes.c_uint64()
        check(lib.IOConnectMapMemory64(connection.handle, type, 0, ctypes.byref(address), ctypes.byref(size),
                                       _ANYWHERE | (_READ_ONLY if read_only else 0)), "IOConnectMapMemory64")
        return cls(connection, type, address.value, size.value)

    def _make_view(self) -> memoryview:
        view = memoryview(self._block).cast("B")
        return view.toreadonly() if self.read_only else view

    @property
    def view(self) -> memoryview:
        """The memory as unsigned bytes. Cast it for wider ones: `memory.view.cast("I")`."""
        if self._view is None:
            raise Closed("this memory is unmapped")
        return self._view

    @contextlib.contextmanager
    def pinned(self) -> Iterator[int]:
        """Its address; meanwhile close() raises BufferError, also in another thread."""
        with self._lock:
            if self._view is None:
                raise Closed("this memory is unmapped")
            self._pins += 1
        try:
            yield self.address
        finally:
            with self._lock:
                self._pins -= 1

    @property
    def closed(self) -> bool:
        return self._view is None

    def close(self) -> None:
        """Unmaps it. BufferError while a part of `view` is in use elsewhere."""
        with self._lock:
            if self._view is None:
                return
            if self._pins > 0:
                raise MemoryPinned("the memory cannot be unmapped: a call is at work in it")
            self._view.release()
            block = weakref.ref(self._block)
            self._block = None
            still_used = block()
            if still_used is not None:
                self._block = still_used
                self._view = self._make_view()
                raise BufferError("the memory cannot be unmapped: parts of its view are in use")
            self._view = None

    def __enter__(self) -> "MappedMemory":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, where: int | slice) -> int | bytes:
        part = self.view[where]
        return part if isinstance(part, int) else bytes(part)

    def __setitem__(self, where: int | slice, value: Any) -> None:
        """TypeError where the memory is read-only."""
        self.view[where] = value

    def __repr__(self) -> str:
        if self.closed:
            return "<opendext.MappedMemory, closed>"
        rights = "read-only" if self.read_only else "writable"
        return f"<opendext.MappedMemory type {self.type}, {self.size} bytes at 0x{self.address:x}, {rights}>"


@functools.lru_cache(maxsize=64)
def type_of_block(size: int) -> Any:
    """The ctypes array of that many bytes, as a class whose objects take attributes and weak references."""
    array: Any = ctypes.c_ubyte * size

    class Block(array):  # type: ignore[misc]
        pass

    return Block
