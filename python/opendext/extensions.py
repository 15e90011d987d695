# SPDX-License-Identifier: Apache-2.0
"""Requests about driver extensions, as an application makes them (SystemExtensions: OSSystemExtensionRequest).

    extensions.set_application("/path/Lamp.app")
    extensions.activate("com.example.lamp").wait(timeout=30)
    await extensions.activate("com.example.lamp", on_approval=lambda: print("please approve"))
    for found in extensions.properties("com.example.lamp").wait(): ...
    extensions.deactivate("com.example.lamp").wait()

A request goes on by itself from the moment it is made. wait() and await give its outcome or raise ExtensionError; what a
call-back raised is raised there too."""

import asyncio
import ctypes
import enum
import threading
import weakref
from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeVar

from . import _library as lib
from . import returns
from ._values import CFRelease, Owned, from_object, take_object
from .notifications import add_context, context_of, remove_context

T = TypeVar("T")

_index = ctypes.c_long
_set_application = lib.function("opendext_set_application", None, lib.string_t)
_manager = lib.function("OSSystemExtensionManagerGetSharedManager", lib.pointer_t)
_submit = lib.function("OSSystemExtensionManagerSubmitRequest", None, lib.pointer_t, lib.pointer_t)
_make_queue = lib.function("dispatch_queue_create", lib.pointer_t, lib.string_t, lib.pointer_t)
_error_code = lib.function("CFErrorGetCode", _index, lib.pointer_t)
_error_text = lib.function("CFErrorCopyDescription", lib.pointer_t, lib.pointer_t)
_array_count = lib.function("CFArrayGetCount", _index, lib.pointer_t)
_array_member = lib.function("CFArrayGetValueAtIndex", lib.pointer_t, lib.pointer_t, _index)
_url_path = lib.function("CFURLCopyFileSystemPath", lib.pointer_t, lib.pointer_t, _index)
_POSIX_PATH = 0


def _property(name: str, result: Any) -> Callable[..., Any]:
    return lib.function("OSSystemExtensionProperties" + name, result, lib.pointer_t)


_get_url = _property("GetURL", lib.pointer_t)
_get_identifier = _property("GetBundleIdentifier", lib.pointer_t)
_get_version = _property("GetBundleVersion", lib.pointer_t)
_get_short_version = _property("GetBundleShortVersion", lib.pointer_t)
_is_enabled = _property("IsEnabled", ctypes.c_ubyte)
_is_awaiting = _property("IsAwaitingUserApproval", ctypes.c_ubyte)
_is_uninstalling = _property("IsUninstalling", ctypes.c_ubyte)


class Outcome(enum.IntEnum):
    """How a request ended that did not fail."""
    COMPLETED = 0
    WILL_COMPLETE_AFTER_REBOOT = 1


class ExtensionError(Exception):
    """A request failed. `code` is one of OSSystemExtensionError…, `reason` the cause in words."""

    def __init__(self, code: int, reason: str):
        self.code = code
        self.reason = reason
        super().__init__(code, reason)

    @property
    def name(self) -> str:
        return returns.extension_error_name(self.code) or str(self.code)

    def __str__(self) -> str:
        return f"{self.name} ({self.code}): {self.reason}"


class Properties(NamedTuple):
    """What is known of an extension."""

    path: str
    identifier: str
    version: str
    short_version: str
    enabled: bool
    awaiting_approval: bool
    uninstalling: bool

    @classmethod
    def read(cls, reference: int) -> "Properties":
        def text(borrowed: int | None) -> str:
            return str(from_object(borrowed) or "")

        url = _get_url(reference)
        path = take_object(_url_path(url, _POSIX_PATH)) if url else ""
        return cls(str(path or ""), text(_get_identifier(reference)), text(_get_version(reference)),
                   text(_get_short_version(reference)), bool(_is_enabled(reference)), bool(_is_awaiting(reference)),
                   bool(_is_uninstalling(reference)))


_Replace = ctypes.CFUNCTYPE(ctypes.c_int, lib.pointer_t, lib.pointer_t, lib.pointer_t, lib.pointer_t)
_Approval = ctypes.CFUNCTYPE(None, lib.pointer_t, lib.pointer_t)
_Finish = ctypes.CFUNCTYPE(None, lib.pointer_t, ctypes.c_int, lib.pointer_t)
_Fail = ctypes.CFUNCTYPE(None, lib.pointer_t, lib.pointer_t, lib.pointer_t)
_Found = ctypes.CFUNCTYPE(None, lib.pointer_t, lib.pointer_t, lib.pointer_t)


class _Delegate(ctypes.Structure):
    """OSSystemExtensionRequestDelegate"""
    _fields_ = [("version", _index), ("info", lib.pointer_t), ("retain", lib.pointer_t), ("release", lib.pointer_t),
                ("replace", _Replace), ("approval", _Approval), ("finish", _Finish), ("fail", _Fail), ("found", _Found)]


class Request(Generic[T]):
    """A request under way. Any thread may wait for it, several at once."""

    def __init__(self, create: str, identifier: str, result: Callable[["Request[T]", Outcome], T],
                 on_approval: Callable[[], Any] | None, replace: Callable[[Properties, Properties], bool] | None):
        self.identifier = identifier
        self.found: list[Properties] = []
        self._result = result
        self._on_approval = on_approval
        self._replace = replace
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        make = lib.function("OSSystemExtensionRequestCreate" + create, lib.pointer_t, lib.pointer_t, lib.pointer_t)
        set_delegate = lib.function("OSSystemExtensionRequestSetDelegate", None, lib.pointer_t, ctypes.POINTER(_Delegate))
        with Owned(identifier) as name:
            request = make(name, _queue())
        if not request:
            raise ExtensionError(returns.OSSystemExtensionErrorUnknown, "the request cannot be made")
        weakref.finalize(self, CFRelease, request).atexit = False
        self._context = add_context(self)  # until it is over
        set_delegate(request, ctypes.byref(_Delegate(0, self._context, None, None, _on_replace, _on_approval, _on_finish,
                                                     _on_fail, _on_found)))
        _submit(_manager(), request)

    # What C calls, on the queue.

    def end(self, outcome: Outcome | None, error: BaseException | None) -> None:
        with self._lock:
            self._outcome = outcome
            self._error = self._error or error
            self._done.set()
            sleepers, self._sleepers = self._sleepers, []
        remove_context(self._context)
        for loop, event in sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def note_error(self, error: BaseException) -> None:
        """What a call-back raised, instead of how the request ended."""
        with self._lock:
            self._error = self._error or error

    def needs_approval(self) -> None:
        if self._on_approval is not None:
            self._on_approval()

    def may_replace(self, existing: Properties, new: Properties) -> bool:
        return True if self._replace is None else bool(self._replace(existing, new))

    # What the program calls.

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def _value(self) -> T:
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._result(self, self._outcome)

    def wait(self, timeout: float | None = None) -> T:
        """The outcome; TimeoutError after `timeout` seconds, and the request goes on."""
        if not self._done.wait(timeout):
            raise TimeoutError(f"the request for {self.identifier} is not over after {timeout} seconds")
        return self._value()

    async def _finished(self) -> T:
        event = asyncio.Event()
        with self._lock:
            if not self._done.is_set():
                self._sleepers.append((asyncio.get_running_loop(), event))
            else:
                event.set()
        await event.wait()
        return self._value()

    def __await__(self) -> Generator[Any, None, T]:
        return self._finished().__await__()


def _guarded(info: int | None, run: Callable[["Request[Any]"], Any]) -> Any:
    """Runs a call-back of the request that C means; keeps what it raises."""
    request = context_of(info)
    if not isinstance(request, Request):
        return None
    try:
        return run(request)
    except BaseException as error:
        request.note_error(error)
        return None


def _replaced(request: int | None, existing: int, new: int, info: int | None) -> int:
    return 1 if _guarded(info, lambda own: own.may_replace(Properties.read(existing), Properties.read(new))) else 0


def _approval(request: int | None, info: int | None) -> None:
    _guarded(info, lambda own: own.needs_approval())


def _finished(request: int | None, result: int, info: int | None) -> None:
    _guarded(info, lambda own: own.end(Outcome(result), None))


def _failed(request: int | None, error: int, info: int | None) -> None:
    failure = ExtensionError(int(_error_code(error)), str(take_object(_error_text(error)) or ""))
    _guarded(info, lambda own: own.end(None, failure))


def _found_properties(request: int | None, properties: int, info: int | None) -> None:
    members = [Properties.read(_array_member(properties, place)) for place in range(_array_count(properties))]
    _guarded(info, lambda own: own.found.extend(members))


_on_replace, _on_approval = _Replace(_replaced), _Approval(_approval)
_on_finish, _on_fail, _on_found = _Finish(_finished), _Fail(_failed), _Found(_found_properties)

_queues: list[int] = []
_queues_lock = threading.Lock()


def _queue() -> int:
    """The queue of all call-backs, made once."""
    with _queues_lock:
        if not _queues:
            _queues.append(int(_make_queue(b"opendext.python.extensions", None) or 0))
        return _queues[0]


def set_application(path: str | None) -> None:
    """The application that this program belongs to: a folder APP.app, or any folder with dexts in it. None:
    $OPENDEXT_APPLICATION, else where the interpreter lies, which says nothing."""
    _set_application(None if path is None else path.encode("utf-8", "surrogateescape"))


def activate(identifier: str, *, on_approval: Callable[[], Any] | None = None,
             replace: Callable[[Properties, Properties], bool] | None = None) -> "Request[Outcome]":
    """Asks for the extension with that bundle identifier to be activated. `on_approval()` runs if somebody has to approve it;
    `replace(existing, new)` decides whether another version is replaced, which it is without. Both run on a thread of the
    library's."""
    return Request("ActivationRequest", identifier, lambda request, outcome: outcome, on_approval, replace)


def deactivate(identifier: str, *, on_approval: Callable[[], Any] | None = None) -> "Request[Outcome]":
    """Asks for the extension to be deactivated."""
    return Request("DeactivationRequest", identifier, lambda request, outcome: outcome, on_approval, None)


def properties(identifier: str) -> "Request[list[Properties]]":
    """Asks what is known of the extension: a list, empty if there is none."""
    return Request("PropertiesRequest", identifier, lambda request, outcome: request.found, None, None)
