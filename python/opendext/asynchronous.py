# SPDX-License-Identifier: Apache-2.0
"""Asynchronous calls: the driver keeps the completion of a call and sends results when it has them.

    call = connection.call_async(4, [1000])
    for completion in call: ...                     until the driver lets go of it
    completion = call.wait(timeout=2)               the next one

    completion = await connection.call_async(4)     one
    async for completion in connection.call_async(4): ...

    connection.call_async(4, print)                 each one to a call-back

Completions come in the order in which the driver sent them. A program that does not take them is told: beyond `limit` that
wait the newest are dropped and CompletionsLost is raised in their place."""

import asyncio
import ctypes
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from . import _library as lib
from . import returns
from ._arguments import Call, CallResult, Input, Output, Room, describe
from .errors import Error, Origin, check, last_reason, make_error
from .notifications import NotificationPort, add_context, context_of, remove_context

if TYPE_CHECKING:
    from .connection import Connection

LIMIT = 256 * 1024


class Completion(NamedTuple):
    """One result that a driver sent."""

    status: int
    """What the driver gave, unsigned: 0 is success."""
    arguments: tuple[int, ...]
    """Up to 16 words."""

    def check(self) -> "Completion":
        """The completion itself; DriverError if its status is an error."""
        if self.status != 0:
            raise make_error(self.status, "", "asynchronous completion", Origin.DRIVER)
        return self

    @property
    def name(self) -> str:
        return returns.name(self.status) or f"0x{self.status:08x}"


Callback: TypeAlias = Callable[[Completion], Any]


class CompletionsLost(RuntimeError):
    """The program did not take its completions: so many (`count`) were dropped."""

    def __init__(self, count: int):
        super().__init__(f"{count} completions were dropped: the program did not take them")
        self.count = count


_CompletionCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_uint64), ctypes.c_uint32)
_EndedCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_call_async = lib.function("opendext_connect_call_async", lib.return_t, lib.handle_t, ctypes.POINTER(Call), lib.pointer_t,
                           _CompletionCallback, _EndedCallback, lib.pointer_t, ctypes.POINTER(CallResult))


class AsyncCall:
    """An asynchronous call that was accepted by the driver. `output` is what the call itself gave."""

    def __init__(self, connection: "Connection", port: NotificationPort, callback: Callback | None):
        self.connection = connection
        self.port = port
        self.limit = LIMIT
        self.output: Output
        self._callback = callback
        self._waiting: deque[Completion] = deque()
        self._lost = 0
        self._error: Error | None = None
        self._ended = False
        self._changed = threading.Condition()
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._context = add_context(self)

    @property
    def ended(self) -> bool:
        """No completion comes any more: the driver let go, it died, or the connection or this call was closed."""
        return self._ended

    def close(self) -> None:
        """Takes no more completions. The driver is not told; what it sends is dropped."""
        self._end(None)

    def _end(self, error: Error | None) -> None:
        remove_context(self._context)
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
            self._wake()

    def _wake(self) -> None:
        """Wakes who waits; with the lock."""
        self._changed.notify_all()
        for loop, event in self._sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
        self._sleepers.clear()

    # What C calls, where the port is served.

    def completed(self, completion: Completion) -> None:
        """One more came."""
        if self._callback is not None:
            try:
                self._callback(completion)
            except BaseException as error:
                self.port.note_error(error)
            return
        with self._changed:
            if len(self._waiting) < self.limit:
                self._waiting.append(completion)
            else:
                self._lost += 1
            self._wake()

    # What the program calls.

    def _take(self) -> Completion | None:
        """The next one that is there; raises what has to be told once those before it are taken. With the lock."""
        if self._waiting:
            return self._waiting.popleft()
        if self._lost:
            lost, self._lost = self._lost, 0
            raise CompletionsLost(lost)
        if self._ended and self._error is not None:
            raise self._error
        return None

    def wait(self, timeout: float | None = None) -> Completion | None:
        """The next completion; None after the last one. TimeoutError after `timeout` seconds; DriverDied if the driver died.
        Serves the port unless a thread or a loop does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._changed:
                found = self._take()
                if found is not None or self._ended:
                    return found
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"no completion within {timeout} seconds")
                if self.port.served:
                    self._changed.wait(left)
                    continue
            # A short turn: another thread may serve the port meanwhile and take what would wake this one.
            self.port.wait(0.05 if left is None else min(left, 0.05))

    def __iter__(self) -> Iterator[Completion]:
        while (completion := self.wait()) is not None:
            yield completion

    async def next(self) -> Completion | None:
        """wait() for coroutines; give a time-out with asyncio.timeout()."""
        loop = asyncio.get_running_loop()
        while True:
            with self._changed:
                found = self._take()
                if found is not None or self._ended:
                    return found
                event = asyncio.Event()
                self._sleepers.append((loop, event))
            try:
                await event.wait()
            finally:
                with self._changed:
                    self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[1] is not event]

    async def __aiter__(self) -> AsyncIterator[Completion]:
        while (completion := await self.next()) is not None:
            yield completion

    def __await__(self) -> Generator[Any, None, Completion]:
        """The first completion; the call is closed then. DriverError if its status is an error."""
        return self._first().__await__()

    async def _first(self) -> Completion:
        try:
            completion = await self.next()
        finally:
            self.close()
        if completion is None:
            raise make_error(returns.kIOReturnAborted, "the driver let go of the completion without sending one",
                             "asynchronous completion", Origin.LIBRARY)
        return completion.check()

    def __enter__(self) -> "AsyncCall":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _completed(refcon: int | None, status: int, arguments: Any, count: int) -> None:
    call = context_of(refcon)
    if isinstance(call, AsyncCall):
        call.completed(Completion(status & 0xffffffff, tuple(arguments[:count]) if count else ()))


def _ended(refcon: int | None) -> None:
    call = context_of(refcon)
    if isinstance(call, AsyncCall):
        error = None
        try:
            error = call.connection.death()
        except BaseException as problem:
            call.port.note_error(problem)
        call._end(error)


_on_completion = _CompletionCallback(_completed)
_on_ended = _EndedCallback(_ended)


def _port_for(connection: "Connection", callback: Callback | None, port: NotificationPort | None) -> NotificationPort:
    """The caller's port, or the connection's own, served as is fit."""
    if port is not None:
        return port
    own = connection.own_port()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if own.loop is not None and own.loop.is_closed():
        own.detach()
    if not own.served and loop is not None:
        own.attach(loop)
    elif not own.served and callback is not None:
        own.start()
    return own


def start(connection: "Connection", selector: int, callback: Callback | None, given: Input, room: Room,
          port: NotificationPort | None) -> AsyncCall:
    """Connection.call_async()."""
    served = _port_for(connection, callback, port)
    call = AsyncCall(connection, served, callback)
    description, outcome = describe(selector, given, room), CallResult()
    try:
        check(_call_async(connection.handle, ctypes.byref(description), served.pointer, _on_completion, _on_ended, call._context,
                          ctypes.byref(outcome)), "opendext_connect_call_async")
    except BaseException:
        call.close()
        raise
    call.output = room.take(outcome)
    return call
