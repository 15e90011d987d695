# SPDX-License-Identifier: Apache-2.0
"""Calls in flight: many small calls from one thread, without waiting for each.

    with connection.calls(depth=32) as calls:
        for number in range(32):
            calls.add(SQUARE, [number], scalars_out=1, user=number)
        calls.submit()                              # wakes the driver once
        while calls.pending:
            for done in calls.wait():
                print(done.user, done.output().scalars)"""

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _library as lib
from . import returns
from ._arguments import Call, CallResult, Input, Output, Room, describe
from ._handles import Resource
from .errors import Error, Origin, check, make_error

if TYPE_CHECKING:
    from .connection import Connection

MAX_DEPTH = 1024
_FOREVER = 0xffffffff

_create = lib.function("opendext_calls_create", lib.return_t, lib.handle_t, ctypes.c_uint32, ctypes.POINTER(ctypes.c_void_p))
_submit = lib.function("opendext_calls_submit", lib.return_t, lib.pointer_t, ctypes.POINTER(Call), ctypes.c_uint32,
                       ctypes.POINTER(ctypes.c_uint32))
_wait = lib.function("opendext_calls_wait", lib.return_t, lib.pointer_t, ctypes.POINTER(CallResult), ctypes.c_uint32,
                     ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))
_pending = lib.function("opendext_calls_pending", ctypes.c_uint32, lib.pointer_t)
_destroy = lib.function("opendext_calls_destroy", None, lib.pointer_t)


class Done:
    """A call that is through. `user` is what was given with it."""

    __slots__ = ("user", "error", "_output")

    def __init__(self, user: Any, error: Error | None, output: Output | None):
        self.user = user
        self.error = error
        self._output = output

    def output(self) -> Output:
        """What the driver gave; raises `error` if there is one."""
        if self._output is None:
            assert self.error is not None
            raise self.error
        return self._output


class Calls(Resource):
    """Up to `depth` calls in flight (1 to 1024). One thread at a time; a connection can have one for each thread. They arrive
    at the driver in the order in which they were submitted and come back in the order in which it answers."""

    __slots__ = ("depth", "_calls", "_row", "_in_flight", "_next", "_results")

    def __init__(self, connection: "Connection", depth: int):
        calls = ctypes.c_void_p()
        check(_create(connection.handle, depth, ctypes.byref(calls)), "opendext_calls_create")
        self.depth = depth
        self._calls = calls.value or 0
        # What each call needs to live: its input until it is submitted, its room until the result was taken.
        self._row: list[tuple[Call, Input, Room, Any]] = []
        self._in_flight: dict[int, tuple[Room, Any]] = {}
        self._next = 0
        self._results = (CallResult * depth)()
        # Nothing is written to a room any more once the queue is destroyed, so the rooms have to live until then.
        super().__init__(_end, self._calls, self._in_flight)

    def add(self, selector: int, scalars: Sequence[int] = (), structure: Any = None, *, scalars_out: int = 0,
            structure_out: int = 0, into: Any = None, user: Any = None) -> None:
        """Puts a call in the row; submit() sends the row. The arguments are those of Connection.call(); `user` comes back
        with the result."""
        self._check_open()
        given, room = Input(scalars, structure), Room(scalars_out, structure_out, into)
        self._row.append((describe(selector, given, room, self._next), given, room, user))
        self._next += 1

    def submit(self) -> int:
        """Sends what was added, wakes the driver once, and tells how many were sent. With an error what was not sent stays in
        the row: kIOReturnNoSpace where more than `depth` would be in flight."""
        self._check_open()
        row = (Call * len(self._row))(*(call for call, _, _, _ in self._row))
        for call, _, room, user in self._row:
            self._in_flight[call.user] = (room, user)
        sent = ctypes.c_uint32()
        code = _submit(self._calls, row, len(self._row), ctypes.byref(sent))
        for call, _, _, _ in self._row[sent.value:]:
            del self._in_flight[call.user]
        del self._row[: sent.value]
        check(code, "opendext_calls_submit")
        return sent.value

    @property
    def unsent(self) -> int:
        """Calls that were added and not sent."""
        return len(self._row)

    def drop_unsent(self) -> None:
        """Forgets them."""
        self._row.clear()

    @property
    def pending(self) -> int:
        """Calls that were sent and whose results were not taken."""
        return len(self._in_flight)

    def wait(self, at_least: int = 1, timeout: float | None = None) -> list[Done]:
        """Takes the results that are there, at least `at_least` unless fewer are in flight; TimedOut if none came within
        `timeout` seconds."""
        self._check_open()
        count = ctypes.c_uint32()
        milliseconds = _FOREVER if timeout is None else min(int(max(0.0, timeout) * 1000), _FOREVER - 1)
        code = _wait(self._calls, self._results, self.depth, at_least, milliseconds, ctypes.byref(count))
        if not (code & 0xffffffff == returns.kIOReturnTimeout and count.value):
            check(code, "opendext_calls_wait")
        return [self._done(result) for result in self._results[: count.value]]

    def _done(self, result: CallResult) -> Done:
        room, user = self._in_flight.pop(result.user)
        if result.result == 0:
            return Done(user, None, room.take(result))
        reason = (result.reason or b"").decode("utf-8", "replace")
        return Done(user, make_error(result.result, reason, "opendext_calls_wait", Origin(result.origin)), None)


def _end(calls: int, in_flight: dict[int, tuple[Room, Any]]) -> None:
    _destroy(calls)
    in_flight.clear()
