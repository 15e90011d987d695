# SPDX-License-Identifier: Apache-2.0
"""Talking to drivers of OpenDext from Python: libIOKit with Python's values, exceptions, context managers and event loops.

    import opendext

    for service in opendext.services("MyDriver"):
        print(service.name, service.properties())
        with service.open() as connection:
            print(connection.call(0, [1, 2], scalars_out=1).scalars)

Needs Python 3.11 and nothing besides libIOKit. Which realm is asked: set_realm(), else $OPENDEXT_REALM, else the system's if
it is up, else the user's. Everything that holds something of the system has close() and works in `with`; what is forgotten is
given back by the garbage collector. Any function may be called from any thread, except where a class says otherwise."""

from . import errors, extensions, hid, matching, returns
from ._arguments import Output
from ._values import Value, ValueLike
from .asynchronous import AsyncCall, Completion, CompletionsLost
from .calls import Calls, Done
from .connection import Connection
from .dataqueue import DataQueue
from .errors import (AccessDenied, Closed, DriverDied, DriverError, Error, Origin, RealmUnavailable, RegistryChanged, Terminated,
                     TimedOut)
from .memory import MappedMemory
from .notifications import Interest, InterestWatch, Kind, Message, NotificationPort, Watch
from .registry import (SERVICE_PLANE, Iterator, Service, at_path, busy_state, iterate_services, root, service, services,
                       set_realm, wait_quiet, walk)
from .returns import *

__version__ = "0.1.0"

__all__ = [
    "AccessDenied", "AsyncCall", "Calls", "Closed", "Completion", "CompletionsLost", "Connection", "DataQueue", "Done", "DriverDied",
    "DriverError", "Error", "Interest", "InterestWatch", "Iterator", "Kind", "MappedMemory", "Message", "NotificationPort",
    "Origin", "Output", "RealmUnavailable", "RegistryChanged", "SERVICE_PLANE", "Service", "Terminated", "TimedOut", "Value", "ValueLike",
    "Watch", "at_path", "busy_state", "errors", "extensions", "hid", "iterate_services", "matching", "returns", "root", "service", "services",
    "set_realm", "wait_quiet", "walk", *returns.__all__,
]
