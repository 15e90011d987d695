# SPDX-License-Identifier: Apache-2.0
"""Finds libIOKit and declares its functions.

ctypes lets go of the interpreter's lock while a function of the library runs, so that other Python threads go on. Every
function here has the name and the arguments of its C form (docs/facts/iokit-client-api.csv)."""

import ctypes
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

NAME = "libIOKit.so.0"


def _candidates() -> Iterator[str]:
    """Where the library may be, the most particular place first."""
    prefix = os.environ.get("OPENDEXT_PREFIX")
    if prefix:
        yield os.path.join(prefix, "lib", NAME)
    # Installed, and in a build tree: PREFIX/lib/python3/dist-packages/opendext/_library.py.
    parents = pathlib.Path(__file__).resolve().parents
    if len(parents) > 3:
        yield str(parents[3] / NAME)
    yield NAME  # where the dynamic loader looks: LD_LIBRARY_PATH, ld.so.conf
    yield os.path.join("/opt/opendext/lib", NAME)


def _load() -> ctypes.CDLL:
    problems = []
    for candidate in _candidates():
        if "/" in candidate and not os.path.exists(candidate):
            problems.append(f"{candidate}: not there")
            continue
        try:
            return ctypes.CDLL(candidate, use_errno=True)
        except OSError as error:
            problems.append(str(error))
    raise ImportError("OpenDext's client library was not found; set OPENDEXT_PREFIX to where OpenDext is installed "
                      "(a build tree will do). Tried: " + "; ".join(problems))


library = _load()


def _missing(name: str) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        raise NotImplementedError(f"{getattr(library, '_name', NAME)} has no function {name}: it is older than this module; "
                                  "rebuild or reinstall OpenDext")

    return call


def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """The C function `name` with its types. Where an older library lacks it, calling it raises NotImplementedError."""
    try:
        found = getattr(library, name)
    except AttributeError:
        return _missing(name)
    found.restype = result
    found.argtypes = list(arguments)
    declared: Callable[..., Any] = found
    return declared


# Handles are mach_port_t, 32 bits; kern_return_t is a signed int; references to objects are pointers.
handle_t = ctypes.c_uint32
return_t = ctypes.c_int
pointer_t = ctypes.c_void_p
string_t = ctypes.c_char_p
_u32 = ctypes.c_uint32
_u64 = ctypes.c_uint64
_size = ctypes.c_size_t
_handle_p = ctypes.POINTER(handle_t)
_u32_p = ctypes.POINTER(_u32)
_u64_p = ctypes.POINTER(_u64)
_size_p = ctypes.POINTER(_size)

MAIN_PORT = 0
NAME_SIZE = 128  # io_name_t
PATH_SIZE = 512  # io_string_t

# Objects and iterators.
IOObjectRelease = function("IOObjectRelease", return_t, handle_t)
IOObjectRetain = function("IOObjectRetain", return_t, handle_t)
IOObjectGetClass = function("IOObjectGetClass", return_t, handle_t, pointer_t)
IOObjectConformsTo = function("IOObjectConformsTo", ctypes.c_uint32, handle_t, string_t)
IOObjectIsEqualTo = function("IOObjectIsEqualTo", ctypes.c_uint32, handle_t, handle_t)
IOObjectGetUserRetainCount = function("IOObjectGetUserRetainCount", _u32, handle_t)
IOIteratorNext = function("IOIteratorNext", handle_t, handle_t)
IOIteratorReset = function("IOIteratorReset", None, handle_t)
IOIteratorIsValid = function("IOIteratorIsValid", ctypes.c_uint32, handle_t)

# Services.
IOServiceMatching = function("IOServiceMatching", pointer_t, string_t)
IOServiceNameMatching = function("IOServiceNameMatching", pointer_t, string_t)
IOBSDNameMatching = function("IOBSDNameMatching", pointer_t, handle_t, _u32, string_t)
IORegistryEntryIDMatching = function("IORegistryEntryIDMatching", pointer_t, _u64)
IOServiceGetMatchingService = function("IOServiceGetMatchingService", handle_t, handle_t, pointer_t)
IOServiceGetMatchingServices = function("IOServiceGetMatchingServices", return_t, handle_t, pointer_t, _handle_p)
IOServiceMatchPropertyTable = function("IOServiceMatchPropertyTable", return_t, handle_t, pointer_t, _u32_p)


class Timespec(ctypes.Structure):
    """mach_timespec_t"""
    _fields_ = [("tv_sec", ctypes.c_uint32), ("tv_nsec", ctypes.c_int32)]


IOServiceGetBusyState = function("IOServiceGetBusyState", return_t, handle_t, _u32_p)
IOServiceWaitQuiet = function("IOServiceWaitQuiet", return_t, handle_t, ctypes.POINTER(Timespec))
IOKitGetBusyState = function("IOKitGetBusyState", return_t, handle_t, _u32_p)
IOKitWaitQuiet = function("IOKitWaitQuiet", return_t, handle_t, ctypes.POINTER(Timespec))

# The registry.
IORegistryGetRootEntry = function("IORegistryGetRootEntry", handle_t, handle_t)
IORegistryEntryFromPath = function("IORegistryEntryFromPath", handle_t, handle_t, string_t)
IORegistryCreateIterator = function("IORegistryCreateIterator", return_t, handle_t, string_t, _u32, _handle_p)
IORegistryEntryCreateIterator = function("IORegistryEntryCreateIterator", return_t, handle_t, string_t, _u32, _handle_p)
IORegistryIteratorEnterEntry = function("IORegistryIteratorEnterEntry", return_t, handle_t)
IORegistryIteratorExitEntry = function("IORegistryIteratorExitEntry", return_t, handle_t)
IORegistryEntryGetName = function("IORegistryEntryGetName", return_t, handle_t, pointer_t)
IORegistryEntryGetNameInPlane = function("IORegistryEntryGetNameInPlane", return_t, handle_t, string_t, pointer_t)
IORegistryEntryGetLocationInPlane = function("IORegistryEntryGetLocationInPlane", return_t, handle_t, string_t, pointer_t)
IORegistryEntryGetPath = function("IORegistryEntryGetPath", return_t, handle_t, string_t, pointer_t)
IORegistryEntryCopyPath = function("IORegistryEntryCopyPath", pointer_t, handle_t, string_t)
IORegistryEntryGetRegistryEntryID = function("IORegistryEntryGetRegistryEntryID", return_t, handle_t, _u64_p)
IORegistryEntryCreateCFProperties = function("IORegistryEntryCreateCFProperties", return_t, handle_t,
                                             ctypes.POINTER(pointer_t), pointer_t, _u32)
IORegistryEntryCreateCFProperty = function("IORegistryEntryCreateCFProperty", pointer_t, handle_t, pointer_t, pointer_t, _u32)
IORegistryEntrySearchCFProperty = function("IORegistryEntrySearchCFProperty", pointer_t, handle_t, string_t, pointer_t,
                                           pointer_t, _u32)
IORegistryEntryGetChildIterator = function("IORegistryEntryGetChildIterator", return_t, handle_t, string_t, _handle_p)
IORegistryEntryGetParentIterator = function("IORegistryEntryGetParentIterator", return_t, handle_t, string_t, _handle_p)
IORegistryEntryGetParentEntry = function("IORegistryEntryGetParentEntry", return_t, handle_t, string_t, _handle_p)
IORegistryEntryInPlane = function("IORegistryEntryInPlane", ctypes.c_uint32, handle_t, string_t)
IORegistryEntrySetCFProperties = function("IORegistryEntrySetCFProperties", return_t, handle_t, pointer_t)
IORegistryEntrySetCFProperty = function("IORegistryEntrySetCFProperty", return_t, handle_t, pointer_t, pointer_t)

# Notifications. A call-back's context is a number of ours, never a pointer.
MatchingCallback = ctypes.CFUNCTYPE(None, pointer_t, handle_t)
InterestCallback = ctypes.CFUNCTYPE(None, pointer_t, handle_t, _u32, pointer_t)
IONotificationPortCreate = function("IONotificationPortCreate", pointer_t, handle_t)
IONotificationPortDestroy = function("IONotificationPortDestroy", None, pointer_t)
IONotificationPortGetMachPort = function("IONotificationPortGetMachPort", handle_t, pointer_t)
IOServiceAddMatchingNotification = function("IOServiceAddMatchingNotification", return_t, pointer_t, string_t, pointer_t,
                                            MatchingCallback, pointer_t, _handle_p)
IOServiceAddInterestNotification = function("IOServiceAddInterestNotification", return_t, pointer_t, handle_t, string_t,
                                            InterestCallback, pointer_t, _handle_p)

# User clients.
IOServiceOpen = function("IOServiceOpen", return_t, handle_t, handle_t, _u32, _handle_p)
IOServiceClose = function("IOServiceClose", return_t, handle_t)
IOConnectGetService = function("IOConnectGetService", return_t, handle_t, _handle_p)
IOConnectMapMemory64 = function("IOConnectMapMemory64", return_t, handle_t, _u32, handle_t, _u64_p, _u64_p, _u32)
IOConnectUnmapMemory64 = function("IOConnectUnmapMemory64", return_t, handle_t, _u32, handle_t, _u64)
IOConnectCallMethod = function("IOConnectCallMethod", return_t, handle_t, _u32, pointer_t, _u32, pointer_t, _size, pointer_t,
                               _u32_p, pointer_t, _size_p)
IOConnectCallAsyncMethod = function("IOConnectCallAsyncMethod", return_t, handle_t, _u32, handle_t, pointer_t, _u32, pointer_t,
                                    _u32, pointer_t, _size, pointer_t, _u32_p, pointer_t, _size_p)

# What the library has beyond IOKit.
opendext_last_error_reason = function("opendext_last_error_reason", string_t)
opendext_last_error_origin = function("opendext_last_error_origin", ctypes.c_int)
opendext_set_realm = function("opendext_set_realm", return_t, string_t)
opendext_service_process = function("opendext_service_process", ctypes.c_int32, handle_t)
opendext_notification_port_fd = function("opendext_notification_port_fd", ctypes.c_int, pointer_t)
opendext_notification_port_dispatch = function("opendext_notification_port_dispatch", None, pointer_t)
