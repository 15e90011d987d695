# SPDX-License-Identifier: Apache-2.0
"""What goes into a call and what comes out of it, in the form for C."""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

MAX_SCALARS = 16
VARIABLE_SIZE = (1 << 64) - 3  # kIOConnectMethodVarOutputSize


class Output(NamedTuple):
    """What a driver gave."""

    scalars: tuple[int, ...]
    structure: bytes
    structure_size: int = 0
    """How many bytes the driver wrote; with `into` they are there and `structure` is empty."""


class Call(ctypes.Structure):
    """opendext_call"""
    _fields_ = [
        ("user", ctypes.c_uint64), ("selector", ctypes.c_uint32), ("inputCount", ctypes.c_uint32),
        ("outputCount", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("input", ctypes.c_void_p),
        ("inputStruct", ctypes.c_void_p), ("inputStructCnt", ctypes.c_size_t), ("output", ctypes.c_void_p),
        ("outputStruct", ctypes.c_void_p), ("outputStructCnt", ctypes.c_size_t),
    ]


class CallResult(ctypes.Structure):
    """opendext_call_result"""
    _fields_ = [
        ("user", ctypes.c_uint64), ("result", ctypes.c_int), ("origin", ctypes.c_int), ("outputCount", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32), ("outputStructCnt", ctypes.c_size_t), ("reason", ctypes.c_char_p),
    ]


def _address(block: Any) -> int | None:
    return None if block is None else ctypes.cast(block, ctypes.c_void_p).value


class Input:
    """Scalars and a structure, usable as long as this object lives."""

    __slots__ = ("count", "scalars", "structure", "size")

    def __init__(self, scalars: Sequence[int], structure: Any):
        self.count = len(scalars)
        if self.count > MAX_SCALARS:
            raise ValueError(f"{self.count} scalars; a call takes at most {MAX_SCALARS}")
        for value in scalars:
            if not -(1 << 63) <= value < 1 << 64:
                raise OverflowError(f"the scalar {value} does not fit into 64 bits")
        self.scalars = (ctypes.c_uint64 * self.count)(*scalars) if self.count else None
        self.structure, self.size = _readable(structure)


def _readable(data: Any) -> tuple[Any, int]:
    """(what to pass as a pointer, number of bytes) of something with the buffer interface."""
    if data is None:
        return None, 0
    if isinstance(data, bytes):
        return data, len(data)
    view = memoryview(data)
    if not view.contiguous:
        raise BufferError("the structure is not contiguous in memory")
    if view.nbytes == 0:
        return None, 0
    if view.readonly:
        return view.tobytes(), view.nbytes
    return (ctypes.c_char * view.nbytes).from_buffer(data), view.nbytes


class Room:
    """Room for what a driver gives, as long as this object lives."""

    __slots__ = ("scalar_count", "scalars", "structure", "structure_size", "_given")

    def __init__(self, scalars: int, structure: int, into: Any):
        if not 0 <= scalars <= MAX_SCALARS:
            raise ValueError(f"room for {scalars} scalars; a call gives at most {MAX_SCALARS}")
        if structure < 0:
            raise ValueError(f"room for {structure} bytes")
        if into is not None and structure:
            raise ValueError("give structure_out or into, not both")
        self.scalar_count = ctypes.c_uint32(scalars)
        self.scalars = (ctypes.c_uint64 * scalars)() if scalars else None
        self._given = into is not None
        self.structure: Any = None
        size = structure
        if self._given:
            view = memoryview(into)
            if view.readonly or not view.contiguous:
                raise BufferError("the room for output must be writable and contiguous in memory")
            size = view.nbytes
            if size:
                self.structure = (ctypes.c_char * size).from_buffer(into)
        elif size:
            self.structure = (ctypes.c_char * size)()
        self.structure_size = ctypes.c_size_t(size)

    def output(self) -> Output:
        """What is in it, once the call has set the sizes."""
        scalars = tuple(self.scalars[: self.scalar_count.value]) if self.scalars is not None else ()
        size = self.structure_size.value
        structure = bytes(self.structure[:size]) if self.structure is not None and not self._given else b""
        return Output(scalars, structure, size)

    def take(self, result: CallResult) -> Output:
        """The same with the sizes of a CallResult."""
        self.scalar_count.value, self.structure_size.value = result.outputCount, result.outputStructCnt
        return self.output()


def describe(selector: int, given: Input, room: Room, user: int = 0) -> Call:
    """The C form of a call. `given` and `room` have to live as long as it is used."""
    return Call(user=user, selector=selector, inputCount=given.count, outputCount=room.scalar_count.value,
                input=_address(given.scalars), inputStruct=_address(given.structure), inputStructCnt=given.size,
                output=_address(room.scalars), outputStruct=_address(room.structure),
                outputStructCnt=room.structure_size.value)
