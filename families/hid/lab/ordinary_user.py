#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens HID devices through libIOKit as whoever runs this: ordinary_user.py ENTRY-ID. Prints one JSON object with what IOHIDManagerOpen
of all devices and IOHIDDeviceOpen of this one (also with kIOHIDOptionsTypeSeizeDevice) give, each as [IOReturn, reason in words]."""

import ctypes
import json
import os
import sys

IOKIT = ctypes.CDLL(os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "libIOKit.so.0"))


def function(name, result, *arguments):
    found = getattr(IOKIT, name)
    found.restype, found.argtypes = result, arguments
    return found


REFERENCE, NUMBER = ctypes.c_void_p, ctypes.c_uint32
create_manager = function("IOHIDManagerCreate", REFERENCE, REFERENCE, NUMBER)
match = function("IOHIDManagerSetDeviceMatching", None, REFERENCE, REFERENCE)
open_manager = function("IOHIDManagerOpen", NUMBER, REFERENCE, NUMBER)
matching_id = function("IORegistryEntryIDMatching", REFERENCE, ctypes.c_uint64)
service_of = function("IOServiceGetMatchingService", NUMBER, NUMBER, REFERENCE)
create_device = function("IOHIDDeviceCreate", REFERENCE, REFERENCE, NUMBER)
open_device = function("IOHIDDeviceOpen", NUMBER, REFERENCE, NUMBER)
reason = function("opendext_last_error_reason", ctypes.c_char_p)


def outcome(code):
    return [code, (reason() or b"").decode() if code else ""]


def main():
    manager = create_manager(None, 0)
    match(manager, None)
    found = {"manager": outcome(open_manager(manager, 0))}
    device = create_device(None, service_of(0, matching_id(int(sys.argv[1]))))
    found["device"] = outcome(open_device(device, 0))
    found["seized"] = outcome(open_device(device, 1))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
