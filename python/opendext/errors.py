# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, as exceptions.

    Error                 any call that libIOKit refused: `code`, `name`, `meaning`, `reason`, `origin`, `operation`
      DriverError         the driver answered with this code
      DriverDied          a driver's process died before it answered
      Terminated          the driver's object ended in order before it answered: unplugged, uninstalled, let go
      AccessDenied        a right is missing; `reason` says which (also a PermissionError)
      RealmUnavailable    opendextd cannot be asked (also a ConnectionError)
      TimedOut            the time was over (also a TimeoutError)
    Closed                a handle is used after close() (a ValueError)
    RegistryChanged       the registry changed under a walk; begin again

A code alone does not say who gave it: a driver may answer with any. So DriverError wins over the others for what a driver
answered, and DriverDied is raised for nothing but a death."""

import enum

from . import returns
from ._library import opendext_last_error_origin, opendext_last_error_reason


class Origin(enum.IntEnum):
    """Who refused."""
    NONE = 0
    LIBRARY = 1  # libIOKit: an argument, a handle, a closed connection
    DAEMON = 2  # opendextd: registry, entitlements, opening; or it is away
    DRIVER = 3  # the driver answered with this code
    DRIVER_DIED = 4  # a driver's process died
    TERMINATED = 5  # the driver's object ended in order


class Error(Exception):
    """A call that was refused. `code` is unsigned, as in kIOReturnBadArgument == 0xe00002c2."""

    def __init__(self, code: int, reason: str = "", operation: str = "", origin: Origin = Origin.LIBRARY):
        self.code = code & 0xffffffff
        self.reason = reason
        self.operation = operation
        self.origin = origin
        super().__init__(code, reason, operation, origin)

    @property
    def name(self) -> str:
        """kIOReturnBadArgument and so on, or the number in hexadecimal."""
        return returns.name(self.code) or f"0x{self.code:08x}"

    @property
    def meaning(self) -> str:
        """What the code stands for in general."""
        return returns.meaning(self.code)

    def __str__(self) -> str:
        text = f"{self.name} (0x{self.code:08x})" if returns.name(self.code) else self.name
        detail = self.reason or self.meaning
        # The library's reason may be no more than the code's own text.
        if detail.startswith(self.name + ": "):
            detail = detail[len(self.name) + 2:]
        return ": ".join(part for part in (self.operation, text, detail) if part)


class DriverError(Error):
    """The driver answered the call with this code."""


class DriverDied(Error):
    """A driver's process died before it answered. The connection is of no more use; open again once the service is back."""


class Terminated(Error):
    """The driver's object ended in order before it answered. The connection is of no more use, and the service may never be
    back."""


class AccessDenied(Error, PermissionError):
    """Refused for want of a right or an entitlement, which `reason` names."""


class RealmUnavailable(Error, ConnectionError):
    """opendextd cannot be asked: the realm is not up, or what it says cannot be understood."""


class TimedOut(Error, TimeoutError):
    """The time that was given is over."""


class Closed(ValueError):
    """Something is used after its close()."""


class RegistryChanged(RuntimeError):
    """The tree of the registry changed while it was walked; what came so far may be out of date."""


_BY_CODE: dict[int, type[Error]] = {
    returns.kIOReturnNotPermitted: AccessDenied,
    returns.kIOReturnNotPrivileged: AccessDenied,
    returns.kIOReturnIPCError: RealmUnavailable,
    returns.kIOReturnTimeout: TimedOut,
}


def make_error(code: int, reason: str = "", operation: str = "", origin: Origin = Origin.LIBRARY) -> Error:
    """The exception for a code: of the class that tells most."""
    code &= 0xffffffff
    if origin is Origin.DRIVER:
        kind: type[Error] = DriverError
    elif origin is Origin.DRIVER_DIED:
        kind = DriverDied
    elif origin is Origin.TERMINATED:
        kind = Terminated
    else:
        kind = _BY_CODE.get(code, Error)
    return kind(code, reason, operation, origin)


def last_reason() -> str:
    """Why the last call of this thread that failed did so; "" if none did."""
    text: bytes | None = opendext_last_error_reason()
    return text.decode("utf-8", "replace") if text else ""


def check(code: int, operation: str) -> None:
    """Raises what belongs to `code`, unless it is success. Asked on the thread that made the call."""
    if code != 0:
        raise make_error(code, last_reason(), operation, Origin(opendext_last_error_origin()))


def fail(operation: str) -> Error:
    """For calls that give a null object instead of a code: an exception with the thread's last reason."""
    origin = Origin(opendext_last_error_origin())
    code = returns.kIOReturnIPCError if origin is Origin.DAEMON else returns.kIOReturnError
    return make_error(code, last_reason(), operation, origin)
