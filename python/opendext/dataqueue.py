# SPDX-License-Identifier: Apache-2.0
"""Data queues: a ring of entries in memory that a driver and a program share (IODataQueue…).

    with connection.data_queue(type) as queue:
        for entry in queue: ...                     bytes, as they come, until the driver or the connection ends
        entry = queue.get(timeout=2)                queue.Empty (of the standard library) when none came
        queue.put(b"...", timeout=2)                queue.Full when there was no room
        async for entry in queue: ...

One thread at a time may take and one may put."""

import asyncio
import ctypes
import queue as standard
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _library as lib
from . import returns
from ._arguments import Input
from .errors import Closed, DriverDied, Origin, Terminated, check, make_error
from .memory import MappedMemory, MemoryPinned

if TYPE_CHECKING:
    from .connection import Connection

_available = lib.function("IODataQueueDataAvailable", ctypes.c_ubyte, lib.pointer_t)
_dequeue = lib.function("IODataQueueDequeue", lib.return_t, lib.pointer_t, lib.pointer_t, ctypes.POINTER(ctypes.c_uint32))
_enqueue = lib.function("IODataQueueEnqueue", lib.return_t, lib.pointer_t, lib.pointer_t, ctypes.c_uint32)
_wait = lib.function("IODataQueueWaitForAvailableData", lib.return_t, lib.pointer_t, lib.handle_t)
_allocate_port = lib.function("IODataQueueAllocateNotificationPort", lib.handle_t)
_deallocate_port = lib.function("mach_port_deallocate", lib.return_t, lib.handle_t, lib.handle_t)


class _Waiter:
    """A wait for data that another thread can end."""

    def __init__(self) -> None:
        self._port = int(_allocate_port())
        self._ended = False
        self._lock = threading.Lock()

    def run(self, address: int) -> int:
        """The code of the wait; kIOReturnAborted if it was ended, also before it began."""
        code = int(_wait(address, self._port)) & 0xffffffff
        return returns.kIOReturnAborted if code == returns.kIOReturnBadArgument and self._ended else code

    def end(self) -> None:
        with self._lock:
            if not self._ended:
                self._ended = True
                _deallocate_port(0, self._port)


class DataQueue:
    """A data queue in mapped memory, from Connection.data_queue(). close() unmaps it, and ends a wait in another thread."""

    def __init__(self, memory: MappedMemory):
        self.memory = memory
        self._room = ctypes.create_string_buffer(4096)
        self._waiters: set[_Waiter] = set()
        self._closing = False

    @classmethod
    def open(cls, connection: "Connection", type: int) -> "DataQueue":
        return cls(MappedMemory.map(connection, type, False))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        with self.memory.pinned() as address:
            return not _available(address)

    def get_nowait(self) -> bytes:
        """The next entry; queue.Empty if there is none."""
        with self.memory.pinned() as address:
            while True:
                size = ctypes.c_uint32(len(self._room))
                code = int(_dequeue(address, self._room, ctypes.byref(size))) & 0xffffffff
                if code == returns.kIOReturnUnderrun:
                    raise standard.Empty
                if code == returns.kIOReturnNoSpace and size.value > len(self._room):
                    self._room = ctypes.create_string_buffer(size.value)
                    continue
                check(code, "IODataQueueDequeue")
                return self._room.raw[: size.value]

    def get(self, timeout: float | None = None) -> bytes:
        """The next entry; waits for one. queue.Empty after `timeout` seconds; DriverDied or Terminated when the driver or
        the connection ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self.get_nowait()
            except standard.Empty:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise
            waiter = self._new_waiter()
            timer = None if left is None else threading.Timer(left, waiter.end)
            if timer is not None:
                timer.daemon = True
                timer.start()
            try:
                self._wait_with(waiter)
            finally:
                if timer is not None:
                    timer.cancel()

    def _new_waiter(self) -> _Waiter:
        if self._closing:
            raise Closed("the data queue is closed") from None
        waiter = _Waiter()
        self._waiters.add(waiter)
        return waiter

    def _wait_with(self, waiter: _Waiter) -> None:
        """Until there is something to take, or the waiter is ended."""
        try:
            with self.memory.pinned() as address:
                code = waiter.run(address)
            if code == returns.kIOReturnNotResponding:
                raise make_error(code, "the driver of the data queue, or its connection, ended",
                                 "IODataQueueWaitForAvailableData", Origin(lib.opendext_last_error_origin()))
            if code != returns.kIOReturnAborted:
                check(code, "IODataQueueWaitForAvailableData")
        finally:
            self._waiters.discard(waiter)
            waiter.end()

    def put_nowait(self, data: Any) -> None:
        """Adds an entry; queue.Full if there is no room now. The driver is told."""
        given = Input((), data)
        with self.memory.pinned() as address:
            code = int(_enqueue(address, given.structure, given.size)) & 0xffffffff
        if code == returns.kIOReturnOverrun:
            raise standard.Full
        check(code, "IODataQueueEnqueue")

    def put(self, data: Any, timeout: float | None = None) -> None:
        """Adds an entry; waits for room by looking again, at most every 5 ms. queue.Full after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.0001
        while True:
            try:
                return self.put_nowait(data)
            except standard.Full:
                if deadline is not None and time.monotonic() >= deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 0.005)

    def __iter__(self) -> Iterator[bytes]:
        """Entries as they come, until the driver or the connection ends."""
        while True:
            try:
                yield self.get()
            except (DriverDied, Terminated, Closed):
                return

    async def next(self) -> bytes:
        """get() for coroutines; give a time-out with asyncio.timeout()."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self.get_nowait()
            except standard.Empty:
                waiter = self._new_waiter()
            waiting = loop.run_in_executor(None, self._wait_with, waiter)
            try:
                await asyncio.shield(waiting)
            except asyncio.CancelledError:
                waiter.end()
                await asyncio.wait([waiting])
                raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                yield await self.next()
            except (DriverDied, Terminated, Closed):
                return

    def close(self) -> None:
        """Unmaps the queue. BufferError while parts of memory.view are in use."""
        self._closing = True
        deadline = time.monotonic() + 10
        while True:
            for waiter in list(self._waiters):
                waiter.end()
            try:
                return self.memory.close()
            except MemoryPinned:
                # A thread is in a call, or on its way out of its wait; get() begins no other.
                if time.monotonic() > deadline:
                    self._closing = False
                    raise
            except BufferError:
                self._closing = False
                raise
            time.sleep(0.001)

    def __enter__(self) -> "DataQueue":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
