# SPDX-License-Identifier: Apache-2.0
"""The registry: entries, their properties and their places in the planes.

Every Service is one reference that is given back when the object goes, or at once by close() or `with`. Methods may be called
from any thread; an Service that one thread closes raises Closed in the others."""

import ctypes
import math
from collections.abc import Iterator as IteratorOf
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _library as lib
from ._handles import Handle
from ._values import Owned, Value, ValueLike, take_object
from .errors import RegistryChanged, check, fail
from .matching import Matching, reference_of

if TYPE_CHECKING:
    from .connection import Connection

SERVICE_PLANE = "IOService"
_RECURSIVELY, _PARENTS = 1, 2
_Default = TypeVar("_Default")


def _call_with_text(function: Any, operation: str, size: int, *arguments: Any) -> str:
    """Calls a function whose last argument is room for text."""
    room = ctypes.create_string_buffer(size)
    check(function(*arguments, room), operation)
    return room.value.decode("utf-8", "replace")


def _call_with_handle(function: Any, operation: str, *arguments: Any) -> int:
    result = lib.handle_t()
    check(function(*arguments, ctypes.byref(result)), operation)
    return result.value


class Iterator(Handle):
    """A walk over entries (io_iterator_t). Iterating ends at the end, and raises RegistryChanged where the tree changed
    under the walk: reset() and begin again, or use what came."""

    __slots__ = ()

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> "Service":
        number = lib.IOIteratorNext(self.handle)
        if number:
            return Service(number)
        if not self.valid:
            raise RegistryChanged("the registry changed during the walk")
        raise StopIteration

    @property
    def valid(self) -> bool:
        """False once the tree changed under the walk."""
        return bool(lib.IOIteratorIsValid(self.handle))

    def reset(self) -> None:
        """Begins again, with the tree as it is now."""
        lib.IOIteratorReset(self.handle)

    def enter(self) -> None:
        """Goes on with what is below the entry that came last (IORegistryIteratorEnterEntry)."""
        check(lib.IORegistryIteratorEnterEntry(self.handle), "IORegistryIteratorEnterEntry")

    def leave(self) -> None:
        """Goes on where the last enter() left off (IORegistryIteratorExitEntry)."""
        check(lib.IORegistryIteratorExitEntry(self.handle), "IORegistryIteratorExitEntry")

    def snapshot(self) -> list["Service"]:
        """All entries at one moment: begins again when the registry changes meanwhile."""
        for _ in range(1000):
            try:
                return list(self)
            except RegistryChanged:
                self.reset()
        raise RegistryChanged("the registry changed during each of 1000 walks")


class Service(Handle):
    """An entry of the registry; a service where it is one. Two are equal when they stand for the same entry, whatever
    handles they hold."""

    __slots__ = ("_id",)

    def __init__(self, handle: int):
        """Takes over one reference to `handle`."""
        super().__init__(handle)
        self._id = 0

    # What it is.

    @property
    def id(self) -> int:
        """The registry entry id: never used again in a realm."""
        if not self._id:
            number = ctypes.c_uint64()
            check(lib.IORegistryEntryGetRegistryEntryID(self.handle, ctypes.byref(number)), "IORegistryEntryGetRegistryEntryID")
            self._id = number.value
        return self._id

    @property
    def name(self) -> str:
        return _call_with_text(lib.IORegistryEntryGetName, "IORegistryEntryGetName", lib.NAME_SIZE, self.handle)

    @property
    def class_name(self) -> str:
        """The class of the entry (IOObjectGetClass)."""
        return _call_with_text(lib.IOObjectGetClass, "IOObjectGetClass", lib.NAME_SIZE, self.handle)

    def conforms_to(self, class_name: str) -> bool:
        """Whether it is of that class or of one derived from it."""
        return bool(lib.IOObjectConformsTo(self.handle, class_name.encode()))

    def name_in_plane(self, plane: str = SERVICE_PLANE) -> str:
        """The name that it has in that plane."""
        return _call_with_text(lib.IORegistryEntryGetNameInPlane, "IORegistryEntryGetNameInPlane", lib.NAME_SIZE, self.handle,
                               plane.encode())

    def location(self, plane: str = SERVICE_PLANE) -> str:
        """What stands behind the @ of its path. Error where it has none."""
        return _call_with_text(lib.IORegistryEntryGetLocationInPlane, "IORegistryEntryGetLocationInPlane", lib.NAME_SIZE,
                               self.handle, plane.encode())

    def path(self, plane: str = SERVICE_PLANE) -> str:
        """Plane and names down to the entry, for at_path()."""
        reference = lib.IORegistryEntryCopyPath(self.handle, plane.encode())
        if not reference:
            raise fail("IORegistryEntryCopyPath")
        return str(take_object(reference))

    @property
    def process(self) -> int:
        """The process that runs the driver; 0 if none does."""
        return int(lib.opendext_service_process(self.handle))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Service):
            return NotImplemented
        return self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        if self.closed:
            return "<opendext.Service, closed>"
        try:
            return f"<opendext.Service {self.name} of {self.class_name}, id 0x{self.id:x}>"
        except Exception as error:  # a repr must not raise; the entry may be gone
            return f"<opendext.Service that cannot be asked: {error}>"

    # Properties.

    def properties(self) -> dict[str, Value]:
        """All properties, as they are now."""
        table = ctypes.c_void_p()
        check(lib.IORegistryEntryCreateCFProperties(self.handle, ctypes.byref(table), None, 0),
              "IORegistryEntryCreateCFProperties")
        value = take_object(table.value)
        return value if isinstance(value, dict) else {}

    @overload
    def get(self, key: str) -> Value: ...

    @overload
    def get(self, key: str, default: _Default) -> Value | _Default: ...

    def get(self, key: str, default: Any = None) -> Any:
        """One property, `default` where the entry has none of that name."""
        with Owned(key) as name:
            reference = lib.IORegistryEntryCreateCFProperty(self.handle, name, None, 0)
        return take_object(reference) if reference else default

    def __getitem__(self, key: str) -> Value:
        with Owned(key) as name:
            reference = lib.IORegistryEntryCreateCFProperty(self.handle, name, None, 0)
        if not reference:
            raise KeyError(key)
        return take_object(reference)

    def __contains__(self, key: str) -> bool:
        missing = object()
        return self.get(key, missing) is not missing

    def search_property(self, key: str, *, plane: str = SERVICE_PLANE, parents: bool = True, default: Any = None) -> Any:
        """The property of the entry, or of the nearest entry above it (`parents`) or below it that has one."""
        options = _RECURSIVELY | (_PARENTS if parents else 0)
        with Owned(key) as name:
            reference = lib.IORegistryEntrySearchCFProperty(self.handle, plane.encode(), name, None, options)
        return take_object(reference) if reference else default

    def set_properties(self, properties: ValueLike) -> None:
        """Asks the driver to take the properties (its SetProperties). What it does with them is the driver's choice."""
        with Owned(properties) as table:
            check(lib.IORegistryEntrySetCFProperties(self.handle, table), "IORegistryEntrySetCFProperties")

    def set_property(self, key: str, value: ValueLike) -> None:
        """The same for one property."""
        with Owned(key) as name, Owned(value) as given:
            check(lib.IORegistryEntrySetCFProperty(self.handle, name, given), "IORegistryEntrySetCFProperty")

    # Its place.

    def in_plane(self, plane: str) -> bool:
        """Whether it is part of that plane."""
        return bool(lib.IORegistryEntryInPlane(self.handle, plane.encode()))

    def children(self, plane: str = SERVICE_PLANE) -> list["Service"]:
        """The entries right below it."""
        with Iterator(_call_with_handle(lib.IORegistryEntryGetChildIterator, "IORegistryEntryGetChildIterator", self.handle,
                                        plane.encode())) as found:
            return found.snapshot()

    def parents(self, plane: str = SERVICE_PLANE) -> list["Service"]:
        """The entries right above it: several where it joins several."""
        with Iterator(_call_with_handle(lib.IORegistryEntryGetParentIterator, "IORegistryEntryGetParentIterator", self.handle,
                                        plane.encode())) as found:
            return found.snapshot()

    def parent(self, plane: str = SERVICE_PLANE) -> "Service":
        """The entry above it. Error at the root."""
        return Service(_call_with_handle(lib.IORegistryEntryGetParentEntry, "IORegistryEntryGetParentEntry", self.handle,
                                       plane.encode()))

    def descendants(self, plane: str = SERVICE_PLANE, *, recursive: bool = True) -> Iterator:
        """An iterator over everything below the entry."""
        options = _RECURSIVELY if recursive else 0
        return Iterator(_call_with_handle(lib.IORegistryEntryCreateIterator, "IORegistryEntryCreateIterator", self.handle,
                                          plane.encode(), options))

    def ancestors(self, plane: str = SERVICE_PLANE) -> Iterator:
        """An iterator over everything above the entry."""
        return Iterator(_call_with_handle(lib.IORegistryEntryCreateIterator, "IORegistryEntryCreateIterator", self.handle,
                                          plane.encode(), _RECURSIVELY | _PARENTS))

    # As a service.

    def matches(self, matching: Matching | str) -> bool:
        """Whether a matching dictionary selects it (IOServiceMatchPropertyTable)."""
        result = ctypes.c_uint32()
        table = reference_of(matching)
        try:
            check(lib.IOServiceMatchPropertyTable(self.handle, table, ctypes.byref(result)), "IOServiceMatchPropertyTable")
        finally:
            _release(table)
        return bool(result.value)

    @property
    def busy_state(self) -> int:
        """How many things are being started or stopped on it and below it."""
        state = ctypes.c_uint32()
        check(lib.IOServiceGetBusyState(self.handle, ctypes.byref(state)), "IOServiceGetBusyState")
        return state.value

    def wait_quiet(self, timeout: float | None = None) -> None:
        """Waits until it is not busy; TimedOut after `timeout` seconds."""
        check(lib.IOServiceWaitQuiet(self.handle, _timespec(timeout)), "IOServiceWaitQuiet")

    def open(self, type: int = 0) -> "Connection":
        """Makes the driver create a user client of that type (IOServiceOpen). Use it in a `with` block."""
        from .connection import Connection

        return Connection.open(self, type)


def _release(reference: int) -> None:
    from ._values import CFRelease

    CFRelease(reference)


def _timespec(timeout: float | None) -> Any:
    if timeout is None:
        return None
    if not timeout >= 0:
        raise ValueError(f"a time to wait of {timeout} seconds")
    whole = min(math.floor(timeout), 0xffffffff)
    return ctypes.byref(lib.Timespec(whole, min(int((timeout - whole) * 1e9), 999_999_999)))


def root() -> Service:
    """The root of the registry."""
    number = lib.IORegistryGetRootEntry(lib.MAIN_PORT)
    if not number:
        raise fail("IORegistryGetRootEntry")
    return Service(number)


def at_path(path: str) -> Service | None:
    """The entry at "PLANE:/NAME/NAME@LOCATION…"; None if there is none."""
    number = lib.IORegistryEntryFromPath(lib.MAIN_PORT, path.encode())
    return Service(number) if number else None


def walk(plane: str = SERVICE_PLANE, *, recursive: bool = True) -> Iterator:
    """An iterator over everything in a plane (IORegistryCreateIterator)."""
    return Iterator(_call_with_handle(lib.IORegistryCreateIterator, "IORegistryCreateIterator", lib.MAIN_PORT, plane.encode(),
                                      _RECURSIVELY if recursive else 0))


def services(matching: Matching | str) -> list[Service]:
    """The services that a matching dictionary selects, now. A str is a class."""
    return list(iterate_services(matching))


def iterate_services(matching: Matching | str) -> IteratorOf[Service]:
    """The same one after the other, for programs that keep few of many."""
    with Iterator(_call_with_handle(lib.IOServiceGetMatchingServices, "IOServiceGetMatchingServices", lib.MAIN_PORT,
                                    reference_of(matching))) as found:
        yield from found


def service(matching: Matching | str) -> Service | None:
    """The first service that a matching dictionary selects; None if none does."""
    number = lib.IOServiceGetMatchingService(lib.MAIN_PORT, reference_of(matching))
    return Service(number) if number else None


def busy_state() -> int:
    """How busy the whole registry is."""
    state = ctypes.c_uint32()
    check(lib.IOKitGetBusyState(lib.MAIN_PORT, ctypes.byref(state)), "IOKitGetBusyState")
    return state.value


def wait_quiet(timeout: float | None = None) -> None:
    """Waits until nothing is being matched, started or stopped; TimedOut after `timeout` seconds."""
    check(lib.IOKitWaitQuiet(lib.MAIN_PORT, _timespec(timeout)), "IOKitWaitQuiet")


def set_realm(directory: str | None) -> None:
    """Uses the realm in `directory` from now on; None: the default again ($OPENDEXT_REALM, else the system's if it is up,
    else the user's). Holds for the whole process; handles of another realm become stale."""
    check(lib.opendext_set_realm(None if directory is None else directory.encode("utf-8", "surrogateescape")),
          "opendext_set_realm")
