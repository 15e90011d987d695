# SPDX-License-Identifier: Apache-2.0
"""Notifications: services that come and go, what happens to one, and the port through which call-backs come.

Call-backs run only where the port is served, one at a time:

    port.wait(timeout)     here and now, for programs without a loop of their own
    port.start()           on a thread of the port's
    port.attach()          on the event loop of asyncio
    port.fileno()          in any other loop: when it is readable, call port.dispatch()

An exception of a call-back is never lost. wait() and dispatch() raise it (several as an ExceptionGroup) after all call-backs
that were waiting have run; on an event loop it goes to the loop's exception handler; a port's own thread keeps it, and
close() raises it, unless `on_error` takes it as it happens."""

import asyncio
import ctypes
import enum
import itertools
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from . import _library as lib
from . import returns
from ._handles import Handle, Resource
from .errors import Closed, check, fail
from .matching import Matching, reference_of
from .registry import Service, Iterator


class Kind(str, enum.Enum):
    """What a matching notification tells of."""
    PUBLISHED = "IOServicePublish"  # a service was registered
    FIRST_PUBLISHED = "IOServiceFirstPublish"
    MATCHED = "IOServiceMatched"  # its drivers were found and started
    FIRST_MATCHED = "IOServiceFirstMatch"
    TERMINATED = "IOServiceTerminate"  # it is gone
    WILL_TERMINATE = "IOServiceWillTerminate"


class Interest(str, enum.Enum):
    """What an interest notification tells of."""
    GENERAL = "IOGeneralInterest"
    BUSY = "IOBusyInterest"


class Message(NamedTuple):
    """What an interest notification says."""

    type: int
    """kIOMessageServiceIsTerminated and so on, unsigned."""
    argument: int

    @property
    def name(self) -> str:
        return returns.message_name(self.type) or f"0x{self.type:08x}"

    @property
    def driver_died(self) -> bool:
        """The service ended because the process of its driver died, or of one that it stood on (OPENDEXT_END_DRIVER_DIED)."""
        return self.type == returns.kIOMessageServiceIsTerminated and self.argument == 1


# What a call-back from C belongs to, by the number that is its refcon. A number that is no longer here is ignored, so that
# nothing that C still holds can reach an object that is gone.
_contexts: dict[int, Any] = {}
_numbers = itertools.count(1)


def add_context(context: Any) -> int:
    number = next(_numbers)
    _contexts[number] = context
    return number


def remove_context(number: int) -> None:
    _contexts.pop(number, None)


def context_of(number: int | None) -> Any:
    return _contexts.get(number or 0)


class NotificationPort(Resource):
    """Where call-backs wait until they are run (IONotificationPortRef). Any thread may use it; call-backs of one port never run
    at the same time. close() waits for a call-back that is running on another thread; none runs after it."""

    __slots__ = ("_pointer", "_running", "_errors", "_thread", "_stop", "_loop", "_on_error")

    def __init__(self) -> None:
        pointer = lib.IONotificationPortCreate(lib.MAIN_PORT)
        if not pointer:
            raise fail("IONotificationPortCreate")
        self._pointer = int(pointer)
        super().__init__(lib.IONotificationPortDestroy, self._pointer)
        self._running = threading.RLock()  # held while call-backs run
        self._errors: deque[BaseException] = deque()
        self._thread: threading.Thread | None = None
        self._stop = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_error: Callable[[BaseException], None] | None = None

    @property
    def pointer(self) -> int:
        """The IONotificationPortRef itself, for C functions that this module has no form of."""
        self._check_open()
        return self._pointer

    def fileno(self) -> int:
        """A descriptor that is readable while call-backs wait; it stays the port's. For select, poll and event loops."""
        return int(lib.opendext_notification_port_fd(self.pointer))

    @property
    def served(self) -> bool:
        """Whether a thread or an event loop serves the port."""
        return self._thread is not None or self._loop is not None

    def note_error(self, error: BaseException) -> None:
        """Keeps what a call-back raised for whoever serves the port."""
        self._errors.append(error)

    def dispatch(self) -> None:
        """Runs the call-backs that wait, on this thread, and raises what they raised."""
        self._run_callbacks()
        self._raise_errors()

    def _run_callbacks(self) -> None:
        with self._running:
            if not self.closed:
                lib.opendext_notification_port_dispatch(self._pointer)

    def _take_errors(self) -> list[BaseException]:
        errors = []
        while self._errors:
            errors.append(self._errors.popleft())
        return errors

    def _raise_errors(self) -> None:
        errors = self._take_errors()
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("call-backs failed", errors)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until call-backs wait and runs them; False if none came within `timeout` seconds."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
            return False
        self.dispatch()
        return True

    def wait_until(self, condition: Callable[[], Any], timeout: float | None = None) -> bool:
        """Serves the port until condition() is true, asked again after each round of call-backs; False after `timeout`
        seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not condition():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self.wait(left)
        return True

    def start(self, on_error: Callable[[BaseException], None] | None = None) -> "NotificationPort":
        """Serves the port on a thread of its own until close(), which it needs: a port that is served is not collected as
        garbage. `on_error` gets what call-backs raise, on that thread."""
        if self.served:
            raise RuntimeError("the port is served already")
        self._on_error = on_error
        stop, self._stop = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, args=(self.fileno(), stop), name="opendext-port", daemon=True)
        self._thread.start()
        return self

    def _serve(self, port: int, stop: int) -> None:
        poll = select.poll()
        poll.register(port, select.POLLIN)
        poll.register(stop, select.POLLIN)
        try:
            while not any(fd == stop for fd, _ in poll.poll()):
                self._run_callbacks()
                if self._on_error is not None:
                    for error in self._take_errors():
                        self._on_error(error)
        except BaseException as error:  # of on_error itself
            self.note_error(error)
        finally:
            os.close(stop)

    def attach(self, loop: asyncio.AbstractEventLoop | None = None) -> "NotificationPort":
        """Serves the port on an event loop, the running one unless another is given, until detach() or close()."""
        if self.served:
            raise RuntimeError("the port is served already")
        loop = loop if loop is not None else asyncio.get_running_loop()
        loop.add_reader(self.fileno(), self._on_loop)
        self._loop = loop
        return self

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that serves the port."""
        return self._loop

    def detach(self) -> None:
        """Takes the port from its event loop. On the loop's thread."""
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed() and not self.closed:
            loop.remove_reader(self.fileno())

    def _on_loop(self) -> None:
        self._run_callbacks()
        loop = self._loop
        for error in self._take_errors():
            if loop is None or isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise error
            loop.call_exception_handler({"message": "a call-back of opendext failed", "exception": error})

    def close(self) -> None:
        """Ends it: no call-back runs after this. Raises what call-backs on the port's own thread raised and nobody took."""
        if self.closed:
            return
        self.detach()
        thread, self._thread = self._thread, None
        with self._running:
            super().close()
        if thread is not None:
            os.close(self._stop)  # the thread sees a hang-up
            if thread is not threading.current_thread():
                thread.join()
        self._raise_errors()

    # What can be watched.

    def watch(self, kind: Kind, matching: Matching | str, callback: Callable[[Service], Any]) -> "Watch":
        """Calls callback(service) for each service that a matching dictionary selects: at once, on this thread, for those
        that `kind` holds for now, and where the port is served for those that come later."""
        return Watch(self, kind, matching, callback)

    def published(self, matching: Matching | str, callback: Callable[[Service], Any]) -> "Watch":
        """watch() for services that are registered."""
        return self.watch(Kind.PUBLISHED, matching, callback)

    def matched(self, matching: Matching | str, callback: Callable[[Service], Any]) -> "Watch":
        """watch() for services whose drivers are started."""
        return self.watch(Kind.MATCHED, matching, callback)

    def terminated(self, matching: Matching | str, callback: Callable[[Service], Any]) -> "Watch":
        """watch() for services that go. Of an entry that is gone little more than the id can be asked."""
        return self.watch(Kind.TERMINATED, matching, callback)

    def interest(self, service: Service, callback: Callable[[Service, Message], Any],
                 kind: Interest = Interest.GENERAL) -> "InterestWatch":
        """Calls callback(service, message) for what happens to one service."""
        return InterestWatch(self, service, callback, kind)


_Watch = TypeVar("_Watch", bound="_Subscription")


class _Subscription(Resource):
    """What both kinds of notification share: it ends by close(), by the end of its `with` block, or with its port. As long as
    the port lives it need not be kept."""

    __slots__ = ("port", "_context", "_callback")

    def __init__(self, port: NotificationPort, callback: Callable[..., Any]):
        self.port = port
        self._callback = callback
        self._context = add_context(self)
        super().__init__(lambda: None)

    def _begin(self, start: Callable[..., Any], operation: str, *arguments: Any) -> int:
        """Subscribes; the handle is given back by close()."""
        number = lib.handle_t()
        try:
            check(start(self.port.pointer, *arguments, self._context, ctypes.byref(number)), operation)
        except BaseException:
            self.close()
            raise
        Resource.__init__(self, lib.IOObjectRelease, number.value)
        return number.value

    def run(self, *arguments: Any) -> None:
        """Runs the call-back from C: what it raises is kept by the port."""
        try:
            if not self.closed:
                self._callback(*arguments)
        except BaseException as error:
            self.port.note_error(error)

    def close(self) -> None:
        """No call-back begins after this."""
        remove_context(self._context)
        super().close()


class Watch(_Subscription):
    """A matching notification; see NotificationPort.watch()."""

    __slots__ = ("kind", "_iterator")

    def __init__(self, port: NotificationPort, kind: Kind, matching: Matching | str, callback: Callable[[Service], Any]):
        super().__init__(port, callback)
        self.kind = kind
        self._iterator = self._begin(lib.IOServiceAddMatchingNotification, "IOServiceAddMatchingNotification",
                                     kind.value.encode(), reference_of(matching), _on_matched)
        for service in self._drain():
            callback(service)

    def _drain(self) -> list[Service]:
        """What the iterator holds. Reaching its end arms the notification again."""
        found = []
        while not self.closed and (number := lib.IOIteratorNext(self._iterator)):
            found.append(Service(number))
        return found

    def on_matched(self) -> None:
        """Called from C when there is more."""
        for service in self._drain():
            self.run(service)


class InterestWatch(_Subscription):
    """An interest notification; see NotificationPort.interest()."""

    __slots__ = ("service", "kind")

    def __init__(self, port: NotificationPort, service: Service, callback: Callable[[Service, Message], Any], kind: Interest):
        super().__init__(port, callback)
        self.service = service
        self.kind = kind
        self._begin(lib.IOServiceAddInterestNotification, "IOServiceAddInterestNotification", service.handle,
                    kind.value.encode(), _on_interest)


def _matched(refcon: int | None, iterator: int) -> None:
    watch = context_of(refcon)
    if isinstance(watch, Watch):
        watch.on_matched()


def _interest(refcon: int | None, service: int, message: int, argument: int | None) -> None:
    watch = context_of(refcon)
    if isinstance(watch, InterestWatch):
        watch.run(watch.service, Message(message, argument or 0))


_on_matched = lib.MatchingCallback(_matched)
_on_interest = lib.InterestCallback(_interest)
