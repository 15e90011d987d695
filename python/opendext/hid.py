# SPDX-License-Identifier: Apache-2.0
"""HID devices: using those that there are, and playing some of one's own.

    from opendext import hid

    for device in hid.devices(usage_page=1, usage=6):          # keyboards
        print(device.properties().get("Product"))
        with device:
            device.open()
            for report in device.reports(timeout=10):
                print(report.data.hex())

    keyboard = hid.SimulatedDevice(descriptor, {"Product": "Mine", "VendorID": 0x1209})
    keyboard.send_input(bytes([0, 0, 4, 0, 0, 0, 0, 0]))

No driver is needed, and for simulated devices no privilege. Reports are bytes that begin with their id if and only if the
device uses ids. What a device answers, and that it does not, are exceptions as everywhere in this module (opendext.errors)."""

import contextlib
import ctypes
import enum
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _library as lib
from . import returns
from ._handles import Resource
from ._library import function, pointer_t, return_t
from ._values import CFRelease, Owned, Value, ValueLike, from_object
from .errors import Closed, Error, check, fail
from .matching import Matching
from .registry import Service, services

_bytes_p = ctypes.POINTER(ctypes.c_uint8)
_size_p = ctypes.POINTER(ctypes.c_size_t)
_index = ctypes.c_long


class ReportType(enum.IntEnum):
    """IOHIDReportType"""
    INPUT = 0
    OUTPUT = 1
    FEATURE = 2


@dataclass(frozen=True, slots=True)
class Report:
    """An input report. `time` is in nanoseconds of CLOCK_MONOTONIC (time.monotonic_ns())."""
    data: bytes
    id: int
    time: int


@dataclass(frozen=True, slots=True)
class User:
    """A program or driver that has a simulated device open."""
    number: int
    pid: int
    name: str
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Element:
    """A field of a device's reports, or a collection of them; `cookie` names it."""
    cookie: int
    type: int
    usage_page: int
    usage: int
    report_id: int
    bits: int
    count: int
    logical_min: int
    logical_max: int
    reference: int = field(repr=False, compare=False)


_dispatch_queue_create = function("dispatch_queue_create", pointer_t, lib.string_t, pointer_t)
_dispatch_release = function("dispatch_release", None, pointer_t)
_Work = ctypes.CFUNCTYPE(None, pointer_t)
_dispatch_sync_f = function("dispatch_sync_f", None, pointer_t, pointer_t, _Work)
_CFRetain = function("CFRetain", pointer_t, pointer_t)
_CFArrayGetCount = function("CFArrayGetCount", _index, pointer_t)
_CFArrayGetValueAtIndex = function("CFArrayGetValueAtIndex", pointer_t, pointer_t, _index)

_TimedCallback = ctypes.CFUNCTYPE(None, pointer_t, return_t, pointer_t, ctypes.c_int, ctypes.c_uint32, _bytes_p, _index,
                                  ctypes.c_uint64)
_Callback = ctypes.CFUNCTYPE(None, pointer_t, return_t, pointer_t)
_ReportCallback = ctypes.CFUNCTYPE(None, pointer_t, return_t, pointer_t, ctypes.c_int, ctypes.c_uint32, _bytes_p, _index)
_IOHIDDeviceCreate = function("IOHIDDeviceCreate", pointer_t, pointer_t, lib.handle_t)
_IOHIDDeviceOpen = function("IOHIDDeviceOpen", return_t, pointer_t, ctypes.c_uint32)
_IOHIDDeviceClose = function("IOHIDDeviceClose", return_t, pointer_t, ctypes.c_uint32)
_IOHIDDeviceGetProperty = function("IOHIDDeviceGetProperty", pointer_t, pointer_t, pointer_t)
_IOHIDDeviceSetReport = function("IOHIDDeviceSetReport", return_t, pointer_t, ctypes.c_int, _index, lib.string_t, _index)
_IOHIDDeviceGetReport = function("IOHIDDeviceGetReport", return_t, pointer_t, ctypes.c_int, _index, pointer_t,
                                 ctypes.POINTER(_index))
_IOHIDDeviceSetReportWithCallback = function("IOHIDDeviceSetReportWithCallback", return_t, pointer_t, ctypes.c_int, _index,
                                             lib.string_t, _index, ctypes.c_double, _ReportCallback, pointer_t)
_IOHIDDeviceGetReportWithCallback = function("IOHIDDeviceGetReportWithCallback", return_t, pointer_t, ctypes.c_int, _index,
                                             pointer_t, ctypes.POINTER(_index), ctypes.c_double, _ReportCallback, pointer_t)
_IOHIDDeviceSetDispatchQueue = function("IOHIDDeviceSetDispatchQueue", None, pointer_t, pointer_t)
_IOHIDDeviceActivate = function("IOHIDDeviceActivate", None, pointer_t)
_IOHIDDeviceCancel = function("IOHIDDeviceCancel", None, pointer_t)
_IOHIDDeviceConformsTo = function("IOHIDDeviceConformsTo", ctypes.c_ubyte, pointer_t, ctypes.c_uint32, ctypes.c_uint32)
_IOHIDDeviceRegisterRemovalCallback = function("IOHIDDeviceRegisterRemovalCallback", None, pointer_t, _Callback, pointer_t)
_IOHIDDeviceRegisterInputReportWithTimeStampCallback = function(
    "IOHIDDeviceRegisterInputReportWithTimeStampCallback", None, pointer_t, pointer_t, _index, _TimedCallback, pointer_t)
_IOHIDDeviceCopyMatchingElements = function("IOHIDDeviceCopyMatchingElements", pointer_t, pointer_t, pointer_t, ctypes.c_uint32)
_IOHIDDeviceGetValueWithOptions = function("IOHIDDeviceGetValueWithOptions", return_t, pointer_t, pointer_t,
                                           ctypes.POINTER(pointer_t), ctypes.c_uint32)
_IOHIDDeviceSetValue = function("IOHIDDeviceSetValue", return_t, pointer_t, pointer_t, pointer_t)
_IOHIDValueCreateWithIntegerValue = function("IOHIDValueCreateWithIntegerValue", pointer_t, pointer_t, pointer_t,
                                             ctypes.c_uint64, _index)
_IOHIDValueGetIntegerValue = function("IOHIDValueGetIntegerValue", _index, pointer_t)
_element_u32 = {name: function("IOHIDElementGet" + name, ctypes.c_uint32, pointer_t)
                for name in ("Cookie", "Type", "UsagePage", "Usage", "ReportID", "ReportSize", "ReportCount")}
_element_index = {name: function("IOHIDElementGet" + name, _index, pointer_t) for name in ("LogicalMin", "LogicalMax")}
_opendext_hid_dropped = function("opendext_hid_dropped", ctypes.c_uint64, pointer_t)

_SEIZE = 1
_VALUE_WITH_UPDATE = 0x00020000
_MAX_REPORT = 65535
_QUEUE_LENGTH = 4096


def devices(matching: Matching | None = None, *, vendor: int | None = None, product: int | None = None,
            usage_page: int | None = None, usage: int | None = None) -> "list[Device]":
    """The HID devices that there are and fit: keys of properties (docs/facts/plist-keys.csv), and what the arguments say.
    Nothing is opened; forgotten ones are given back."""
    wanted: dict[str, ValueLike] = {**(matching or {}), "IOProviderClass": "IOHIDDevice"}
    for key, value in (("VendorID", vendor), ("ProductID", product), ("DeviceUsagePage", usage_page), ("DeviceUsage", usage)):
        if value is not None:
            wanted[key] = value
    return [Device(service) for service in services(wanted)]


def device(matching: Matching | None = None, **more: Any) -> "Device | None":
    """The first of devices(), or None."""
    found = devices(matching, **more)
    return found[0] if found else None


_kept: list[object] = []  # what C returns through, where a call-back itself gave it back


class _CalledBack:
    """Call-backs of C, and which thread is in one."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.thread: int | None = None

    def run(self, callback: Callable[..., Any], *arguments: Any) -> Any:
        """What the call-back gives; None if it raised, which is raised again where the program closes the device."""
        self.thread = threading.get_ident()
        try:
            return callback(*arguments)
        except BaseException as error:
            self.errors.append(error)
            return None
        finally:
            self.thread = None

    def raise_errors(self) -> None:
        errors, self.errors = self.errors, []
        if errors:
            raise errors[0] if len(errors) == 1 else BaseExceptionGroup("call-backs failed", errors)


class _Events(_CalledBack):
    """Takes the call-backs of a device, which run on a thread of the library, one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: queue.Queue[Report | None] = queue.Queue(_QUEUE_LENGTH)
        self.removed = threading.Event()
        self.dropped = 0
        self.on_input: Callable[[Report], Any] | None = None
        self.on_removal: Callable[[], Any] | None = None
        self.buffer = ctypes.create_string_buffer(_MAX_REPORT)
        self.input_callback = _TimedCallback(self._input)
        self.removal_callback = _Callback(self._removal)

    def _input(self, _context: Any, _result: int, _sender: Any, _type: int, number: int, data: Any, length: int,
               time: int) -> None:
        report = Report(ctypes.string_at(data, length), number, time)
        if self.on_input is not None:
            self.run(self.on_input, report)
            return
        try:
            self.reports.put_nowait(report)
        except queue.Full:
            self.dropped += 1

    def _removal(self, _context: Any, _result: int, _sender: Any) -> None:
        self.removed.set()
        with contextlib.suppress(queue.Full):
            self.reports.put_nowait(None)
        if self.on_removal is not None:
            self.run(self.on_removal)


_no_work = _Work(lambda _context: None)


def _release_device(reference: int, work: int, events: _Events) -> None:
    _IOHIDDeviceCancel(reference)
    if events.thread == threading.get_ident():
        _kept.append(events)
    else:
        _dispatch_sync_f(work, None, _no_work)  # what still ran has ended
    CFRelease(reference)
    _dispatch_release(work)


class Device(Resource):
    """A HID device that a driver or program plays, or the kernel has (IOHIDDevice). close() gives it back and closes it.

    Input goes to `on_input(report)` on a thread of the library if one is given to open(), else it is kept for read() and
    reports(), up to 4096 reports. Any thread may ask. One whose call-backs refer to it needs close()."""

    __slots__ = ("service", "_reference", "_work", "_events")

    def __init__(self, service: Service):
        reference = _IOHIDDeviceCreate(None, service.handle)
        if not reference:
            raise fail("IOHIDDeviceCreate")
        self.service = service
        self._reference = int(reference)
        self._work = int(_dispatch_queue_create(b"opendext.hid", None))
        self._events = _Events()
        _IOHIDDeviceSetDispatchQueue(self._reference, self._work)
        super().__init__(_release_device, self._reference, self._work, self._events)
        events = self._events
        _IOHIDDeviceRegisterRemovalCallback(self._reference, events.removal_callback, None)
        _IOHIDDeviceActivate(self._reference)

    def __repr__(self) -> str:
        return f"<opendext.hid.Device {self.service.name}>" if not self.closed else "<opendext.hid.Device, closed>"

    @property
    def reference(self) -> int:
        """The IOHIDDeviceRef, for C functions that this module has no form of. It stays ours."""
        self._check_open()
        return self._reference

    def properties(self) -> dict[str, Value]:
        """What the device says of itself."""
        self._check_open()
        return self.service.properties()

    def get(self, key: str) -> Value:
        """One of its properties, also after it is gone; None if it has none."""
        with Owned(key) as name:
            reference = _IOHIDDeviceGetProperty(self.reference, name)
        return from_object(reference) if reference else None

    def conforms_to(self, usage_page: int, usage: int) -> bool:
        """Whether one of its application or physical collections has this usage."""
        return bool(_IOHIDDeviceConformsTo(self.reference, usage_page, usage))

    @property
    def removed(self) -> bool:
        """Whether it is gone."""
        return self._events.removed.is_set()

    def wait_removed(self, timeout: float | None = None) -> bool:
        """Waits until it is gone; False after `timeout` seconds."""
        return self._events.removed.wait(timeout)

    @property
    def dropped(self) -> int:
        """Input reports that nobody took in time."""
        return int(_opendext_hid_dropped(self.reference)) + self._events.dropped

    def open(self, *, seize: bool = False, on_input: Callable[[Report], Any] | None = None,
             on_removal: Callable[[], Any] | None = None) -> "Device":
        """Opens it; with `seize` nobody else gets input meanwhile. What the call-backs raise is raised by close()."""
        events = self._events
        events.on_input, events.on_removal = on_input, on_removal
        _IOHIDDeviceRegisterInputReportWithTimeStampCallback(self.reference, events.buffer, len(events.buffer),
                                                             events.input_callback, None)
        check(_IOHIDDeviceOpen(self.reference, _SEIZE if seize else 0), "IOHIDDeviceOpen")
        return self

    def close_device(self) -> None:
        """Closes it, so that others may seize it; it can be opened again."""
        check(_IOHIDDeviceClose(self.reference, 0), "IOHIDDeviceClose")

    def close(self) -> None:
        """Gives it back. Raises what call-backs raised."""
        super().close()
        self._events.raise_errors()

    def read(self, timeout: float | None = None) -> Report | None:
        """The next input report; None if none came within `timeout` seconds, or the device went."""
        self._check_open()
        if self._events.removed.is_set() and self._events.reports.empty():
            return None
        try:
            return self._events.reports.get(timeout=timeout)
        except queue.Empty:
            return None

    def reports(self, timeout: float | None = None) -> Iterator[Report]:
        """Input reports as they come, until none came for `timeout` seconds or the device went."""
        while (report := self.read(timeout)) is not None:
            yield report

    def _room(self, type: ReportType) -> int:
        key = f"Max{ReportType(type).name.capitalize()}ReportSize"
        size = self.get(key)
        return size if isinstance(size, int) and 0 < size <= _MAX_REPORT else _MAX_REPORT

    def get_report(self, type: ReportType, id: int = 0, length: int | None = None, timeout: float | None = None) -> bytes:
        """Asks for a report of at most `length` bytes (the longest of its type). TimedOut after `timeout` seconds, or the
        device's own time."""
        room = length if length is not None else self._room(type)
        buffer = ctypes.create_string_buffer(max(room, 1))
        size = _index(room)
        if timeout is None:
            check(_IOHIDDeviceGetReport(self.reference, type, id, buffer, ctypes.byref(size)), "IOHIDDeviceGetReport")
        else:
            self._wait(lambda done: _IOHIDDeviceGetReportWithCallback(self.reference, type, id, buffer, ctypes.byref(size), timeout,
                                                                      done, None), "IOHIDDeviceGetReportWithCallback")
        data: bytes = buffer.raw
        return data[:size.value]

    def set_report(self, type: ReportType, data: bytes, id: int = 0, timeout: float | None = None) -> None:
        """Sends a report and waits until the device took it."""
        data = bytes(data)
        if timeout is None:
            check(_IOHIDDeviceSetReport(self.reference, type, id, data, len(data)), "IOHIDDeviceSetReport")
        else:
            self._wait(lambda done: _IOHIDDeviceSetReportWithCallback(self.reference, type, id, data, len(data), timeout, done,
                                                                      None), "IOHIDDeviceSetReportWithCallback")

    def _wait(self, begin: Callable[[Any], Any], operation: str) -> None:
        """The form with a call-back, whose reason is that of the thread which it runs on."""
        over = threading.Event()
        raised: list[Error] = []

        def done(_context: Any, result: int, *_rest: Any) -> None:
            try:
                check(result, operation)
            except Error as error:
                raised.append(error)
            over.set()

        if self._events.thread == threading.get_ident():
            raise RuntimeError("a call-back of the device cannot wait for another one: leave the time-out out")
        callback = _ReportCallback(done)
        check(begin(callback), operation)
        while not over.wait(0.2):
            self._check_open()
        if raised:
            raise raised[0]

    def elements(self, matching: Mapping[str, ValueLike] | None = None) -> list[Element]:
        """What is in its reports: elements that fit keys as "UsagePage", "Usage", "Type", "ReportID", "ElementCookie"."""
        if matching is None:
            array = _IOHIDDeviceCopyMatchingElements(self.reference, None, 0)
        else:
            with Owned(dict(matching)) as wanted:
                array = _IOHIDDeviceCopyMatchingElements(self.reference, wanted, 0)
        if not array:
            raise fail("IOHIDDeviceCopyMatchingElements")
        found = []
        for number in range(_CFArrayGetCount(array)):
            one = _CFArrayGetValueAtIndex(array, number)  # as long as the device lives
            cookie, type, page, usage, report, size, count = (int(get(one)) for get in _element_u32.values())
            low, high = (get(one) for get in _element_index.values())
            found.append(Element(cookie, type, page, usage, report, size, count, low, high, int(one)))
        CFRelease(array)
        return found

    def value(self, element: Element, update: bool = False) -> int:
        """The element's value: of an input that of the last report, of a feature the device is asked; with `update` in any
        case."""
        value = pointer_t()
        check(_IOHIDDeviceGetValueWithOptions(self.reference, element.reference, ctypes.byref(value),
                                              _VALUE_WITH_UPDATE if update else 0), "IOHIDDeviceGetValueWithOptions")
        return int(_IOHIDValueGetIntegerValue(value))

    def set_value(self, element: Element, value: int) -> None:
        """Sends the report that the element is in with this value, the others as they were."""
        made = _IOHIDValueCreateWithIntegerValue(None, element.reference, 0, value)
        try:
            check(_IOHIDDeviceSetValue(self.reference, element.reference, made), "IOHIDDeviceSetValue")
        finally:
            CFRelease(made)


class _User(ctypes.Structure):
    """opendext_hid_user"""
    _fields_ = [("number", ctypes.c_uint32), ("pid", ctypes.c_int32), ("name", ctypes.c_char_p), ("exclusive", ctypes.c_uint32),
                ("present", ctypes.c_uint32)]


_GetReport = ctypes.CFUNCTYPE(return_t, pointer_t, ctypes.c_uint64, ctypes.c_int, ctypes.c_uint32, pointer_t, _size_p)
_SetReport = ctypes.CFUNCTYPE(return_t, pointer_t, ctypes.c_uint64, ctypes.c_int, ctypes.c_uint32, pointer_t, ctypes.c_size_t)
_UserChanged = ctypes.CFUNCTYPE(None, pointer_t, ctypes.POINTER(_User))
_Unplugged = ctypes.CFUNCTYPE(None, pointer_t)


class _Callbacks(ctypes.Structure):
    """opendext_hid_device_callbacks"""
    _fields_ = [("context", pointer_t), ("get_report", _GetReport), ("set_report", _SetReport), ("user", _UserChanged),
                ("unplugged", _Unplugged)]


_hid_device_create = function("opendext_hid_device_create", return_t, lib.string_t, ctypes.c_size_t, pointer_t,
                              ctypes.POINTER(_Callbacks), ctypes.c_uint32, ctypes.POINTER(pointer_t))
_hid_device_destroy = function("opendext_hid_device_destroy", None, pointer_t)
_hid_device_entry = function("opendext_hid_device_entry", ctypes.c_uint64, pointer_t)
_hid_device_send = function("opendext_hid_device_send", return_t, pointer_t, ctypes.c_uint64, lib.string_t, ctypes.c_size_t)
_hid_device_answer = function("opendext_hid_device_answer", return_t, pointer_t, ctypes.c_uint64, return_t, lib.string_t,
                              ctypes.c_size_t)
_hid_device_users = function("opendext_hid_device_users", ctypes.c_uint32, pointer_t)
_LATER = 1


class Later:
    """The type of LATER, which a call-back of a SimulatedDevice returns to answer at another time."""

    __slots__ = ()


LATER = Later()


@dataclass(frozen=True, slots=True)
class Request:
    """A report that somebody asks for, or sends."""
    type: ReportType
    id: int
    data: bytes
    """Of a set; empty for a get."""
    room: int
    """Of a get: at most so many bytes."""
    number: int
    """For SimulatedDevice.answer()."""


_GetFunction = Callable[[Request], bytes | Later]
_SetFunction = Callable[[Request], Later | None]


def _signed(code: int) -> int:
    return ctypes.c_int32(code & 0xffffffff).value


class _Player(_CalledBack):
    """Takes the call-backs of a simulated device, on its thread."""

    def __init__(self, get_report: _GetFunction | None, set_report: _SetFunction | None,
                 on_user: Callable[[User, bool], Any] | None, on_unplugged: Callable[[], Any] | None):
        super().__init__()
        self.get_report, self.set_report = get_report, set_report
        self.on_user, self.on_unplugged = on_user, on_unplugged
        self.table = _Callbacks(None, _GetReport(self._get), _SetReport(self._set), _UserChanged(self._user),
                                _Unplugged(self._unplugged))

    def _answer(self, callback: Callable[[], int]) -> int:
        """The result of a request. An opendext.Error is the device's answer; anything else that is raised is a fault of the
        program."""
        def answer() -> int:
            try:
                return callback()
            except Error as error:
                return _signed(error.code)

        result = self.run(answer)
        return _signed(returns.kIOReturnError) if result is None else int(result)

    def _get(self, _context: Any, number: int, type: int, id: int, report: Any, length: Any) -> int:
        def get() -> int:
            if self.get_report is None:
                return _signed(returns.kIOReturnUnsupported)
            room = int(length[0])
            answer = self.get_report(Request(ReportType(type), id, b"", room, number))
            if isinstance(answer, Later):
                return _LATER
            answer = bytes(answer)[:room]
            ctypes.memmove(report, answer, len(answer))
            length[0] = len(answer)
            return 0

        return self._answer(get)

    def _set(self, _context: Any, number: int, type: int, id: int, report: Any, length: int) -> int:
        def set() -> int:
            if self.set_report is None:
                return _signed(returns.kIOReturnUnsupported)
            answer = self.set_report(Request(ReportType(type), id, ctypes.string_at(report, length), 0, number))
            return _LATER if isinstance(answer, Later) else 0

        return self._answer(set)

    def _user(self, _context: Any, user: Any) -> None:
        if self.on_user is not None:
            one = user[0]
            told = User(one.number, one.pid, (one.name or b"").decode("utf-8", "replace"), bool(one.exclusive))
            self.run(self.on_user, told, bool(one.present))

    def _unplugged(self, _context: Any) -> None:
        if self.on_unplugged is not None:
            self.run(self.on_unplugged)


def _unplug(pointer: int, player: _Player) -> None:
    if player.thread == threading.get_ident():
        _kept.append(player)
    _hid_device_destroy(pointer)


class SimulatedDevice(Resource):
    """A HID device that this program plays, as long as it is not closed: drivers and programs see it as they see one that is
    plugged in. `properties`: "Product", "VendorID", "ProductID", "Transport", ... as devices have them.

    The call-backs run on a thread of the device, one at a time. get_report(request) gives the report, set_report(request)
    takes one; either may raise an opendext.Error (make_error(code)) as the device's answer, or return LATER and have answer()
    called at another time, from any thread. What else they raise is raised by close(), which a device needs whose call-backs
    refer to it."""

    __slots__ = ("_pointer", "_player")

    def __init__(self, descriptor: bytes, properties: Mapping[str, ValueLike] | None = None, *,
                 get_report: _GetFunction | None = None, set_report: _SetFunction | None = None,
                 on_user: Callable[[User, bool], Any] | None = None, on_unplugged: Callable[[], Any] | None = None):
        self._player = _Player(get_report, set_report, on_user, on_unplugged)
        made = pointer_t()
        with Owned(dict(properties or {})) as own:
            check(_hid_device_create(bytes(descriptor), len(descriptor), own, ctypes.byref(self._player.table), 0,
                                     ctypes.byref(made)), "opendext_hid_device_create")
        self._pointer = made.value
        super().__init__(_unplug, self._pointer, self._player)

    @property
    def pointer(self) -> int:
        """The opendext_hid_device_t, for C functions. It stays ours."""
        self._check_open()
        if self._pointer is None:
            raise Closed("the device is closed")
        return self._pointer

    @property
    def entry(self) -> int:
        """The id of its registry entry."""
        return int(_hid_device_entry(self.pointer))

    @property
    def users(self) -> int:
        """How many have it open."""
        return int(_hid_device_users(self.pointer))

    def send_input(self, report: bytes, time: int = 0) -> None:
        """An input report to everybody who has it open; `time` in nanoseconds of CLOCK_MONOTONIC, 0: now. Never waits."""
        check(_hid_device_send(self.pointer, time, bytes(report), len(report)), "opendext_hid_device_send")

    def answer(self, request: Request, report: bytes = b"", code: int = 0) -> None:
        """Answers a request for which a call-back gave LATER."""
        check(_hid_device_answer(self.pointer, request.number, _signed(code), bytes(report), len(report)),
              "opendext_hid_device_answer")

    def close(self) -> None:
        """Unplugs it. Raises what call-backs raised."""
        super().close()
        self._player.raise_errors()
