# SPDX-License-Identifier: Apache-2.0
"""Open user clients: calls into a driver and its memory.

    with opendext.service("MyDriver").open() as connection:
        output = connection.call(3, [1, 2], b"structure", scalars_out=1, structure_out=64)
        output.scalars, output.structure

Calls may be made from several threads at once; the interpreter's lock is not held while one waits. close() while another
thread is in a call ends that call with an Error."""

import ctypes
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _library as lib
from ._arguments import VARIABLE_SIZE, Call, Input, Output, Room, describe
from ._handles import Handle
from .errors import Closed, DriverDied, Error, Terminated, check
from .memory import MappedMemory

if TYPE_CHECKING:
    from .asynchronous import AsyncCall, Callback
    from .calls import Calls
    from .dataqueue import DataQueue
    from .notifications import NotificationPort
    from .registry import Service

_post = lib.function("opendext_connect_post", lib.return_t, lib.handle_t, ctypes.POINTER(Call), ctypes.c_uint32,
                     ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))
_deallocate = lib.function("vm_deallocate", lib.return_t, lib.handle_t, ctypes.c_uint64, ctypes.c_uint64)
_status = lib.function("opendext_connect_status", lib.return_t, lib.handle_t)
_POST_NO_WAIT = 1


class Connection(Handle):
    """An open user client (io_connect_t). close() ends it in the driver too, and returns when the driver has stopped it; it
    takes mapped memory away and ends asynchronous calls."""

    __slots__ = ("_mappings", "_port")

    def __init__(self, handle: int):
        """Takes over the connection `handle`."""
        super().__init__(handle, lib.IOServiceClose)
        # Weak, so that neither keeps the other: mapped memory keeps the connection.
        self._mappings: list[tuple[weakref.ref[MappedMemory], weakref.ref[Any]]] = []
        self._port: "NotificationPort | None" = None

    @classmethod
    def open(cls, service: "Service", type: int = 0) -> "Connection":
        """IOServiceOpen. AccessDenied without a right to, else Error with the reason of the driver or of the system."""
        handle = lib.handle_t()
        check(lib.IOServiceOpen(service.handle, 0, type, ctypes.byref(handle)), "IOServiceOpen")
        return cls(handle.value)

    def close(self) -> None:
        """Closes mapped memory and the connection. BufferError, and nothing is closed, while views of the memory are in
        use."""
        for mapping, _ in self._mappings:
            if (memory := mapping()) is not None:
                memory.close()
        if any(block() is not None for _, block in self._mappings):
            raise BufferError("the connection cannot be closed: views of its memory are in use")
        self._mappings.clear()
        super().close()
        port, self._port = self._port, None
        if port is not None:
            port.close()

    @property
    def service(self) -> "Service":
        """The service that was opened."""
        from .registry import Service

        number = lib.handle_t()
        check(lib.IOConnectGetService(self.handle, ctypes.byref(number)), "IOConnectGetService")
        return Service(number.value)

    def call(self, selector: int, scalars: Sequence[int] = (), structure: Any = None, *, scalars_out: int = 0,
             structure_out: int = 0, into: Any = None) -> Output:
        """Calls the driver's ExternalMethod and waits for the answer (IOConnectCallMethod).

        scalars        at most 16 numbers of 64 bits
        structure      bytes or anything with the buffer interface; above 4096 bytes it travels as memory
        scalars_out    how many scalars the driver is to give, as its dispatch table says
        structure_out  room in bytes for its structure, or
        into           memory to write it to without a further copy: a bytearray, a writable memoryview, an array

        DriverError: the driver answered with an error; DriverDied, Terminated: it ended before it
        answered."""
        given = Input(scalars, structure)
        room = Room(scalars_out, structure_out, into)
        check(lib.IOConnectCallMethod(self.handle, selector, given.scalars, given.count, given.structure, given.size,
                                      room.scalars, ctypes.byref(room.scalar_count), room.structure,
                                      ctypes.byref(room.structure_size)), "IOConnectCallMethod")
        return room.output()

    def call_data(self, selector: int, scalars: Sequence[int] = (), structure: Any = None) -> bytes:
        """A call whose structure comes back in the size that the driver chooses (kIOConnectMethodVarOutputSize)."""
        given = Input(scalars, structure)
        found, size, no_scalars = ctypes.c_void_p(), ctypes.c_size_t(VARIABLE_SIZE), ctypes.c_uint32()
        check(lib.IOConnectCallMethod(self.handle, selector, given.scalars, given.count, given.structure, given.size, None,
                                      ctypes.byref(no_scalars), ctypes.byref(found), ctypes.byref(size)), "IOConnectCallMethod")
        if not found.value:
            return b""
        try:
            return ctypes.string_at(found.value, size.value)
        finally:
            _deallocate(0, found.value, size.value)

    def call_async(self, selector: int, callback: "Callback | None" = None, scalars: Sequence[int] = (), structure: Any = None,
                   *, scalars_out: int = 0, structure_out: int = 0, into: Any = None,
                   port: "NotificationPort | None" = None) -> "AsyncCall":
        """Starts an asynchronous call: the driver keeps the completion and sends as many results as it likes.

        `callback(completion)` runs where `port` is served. Without a port of the caller's the connection has one of its own:
        on the event loop if one runs on this thread, else on a thread of its own. Without a callback the result is iterated
        over: `for completion in call`, `async for completion in call`. See opendext.asynchronous."""
        from .asynchronous import start

        return start(self, selector, callback, Input(scalars, structure), Room(scalars_out, structure_out, into), port)

    def post(self, selector: int, scalars: Sequence[int] = (), structure: Any = None, *, wait: bool = True) -> None:
        """A one-way call: the driver gets it, in order with the other calls of this thread, and nothing comes back. Waits
        only while the channel is full; with wait=False that is an Error with kIOReturnNoSpace."""
        given = Input(scalars, structure)
        description = describe(selector, given, Room(0, 0, None))
        check(_post(self.handle, ctypes.byref(description), 1, 0 if wait else _POST_NO_WAIT, None), "opendext_connect_post")

    def calls(self, depth: int = 32) -> "Calls":
        """Many calls in flight from one thread; see opendext.calls."""
        from .calls import Calls

        return Calls(self, depth)

    def map(self, type: int = 0, *, read_only: bool = False) -> MappedMemory:
        """The driver's memory of that type in this process (IOConnectMapMemory64). What the driver says is read-only is
        read-only here; `read_only` makes it so anyway."""
        return MappedMemory.map(self, type, read_only)

    def data_queue(self, type: int) -> "DataQueue":
        """The data queue that the driver shares as memory of that type; see opendext.dataqueue."""
        from .dataqueue import DataQueue

        return DataQueue.open(self, type)

    def note_mapping(self, memory: MappedMemory, block: Any) -> None:
        """Called by MappedMemory: what has to be gone before the connection is."""
        self._mappings = [known for known in self._mappings if known[1]() is not None]
        self._mappings.append((weakref.ref(memory), weakref.ref(block)))

    def death(self) -> Error | None:
        """Why the connection is of no more use, without asking the driver: DriverDied once the driver died, Terminated once
        it or its user client ended in order. None while all is well, and after close()."""
        if self.closed:
            return None
        try:
            check(_status(self.handle), "opendext_connect_status")
        except Closed:
            return None
        except Error as error:
            return error if isinstance(error, (DriverDied, Terminated)) else None
        return None

    def own_port(self) -> "NotificationPort":
        """The port of asynchronous calls that name none."""
        from .notifications import NotificationPort

        self._check_open()
        if self._port is None:
            self._port = NotificationPort()
            # A connection that is forgotten takes its port with it: a thread serves that, and would keep it.
            weakref.finalize(self, _close_forgotten, self._port).atexit = False
        return self._port

    def __repr__(self) -> str:
        return "<opendext.Connection, closed>" if self.closed else f"<opendext.Connection {self._number:#x}>"


def _close_forgotten(port: "NotificationPort") -> None:
    """Closes the port of a connection that the garbage collector found, on whatever thread that runs."""
    loop = port.loop
    if loop is None or loop.is_closed():
        port.close()
    else:
        loop.call_soon_threadsafe(port.close)
