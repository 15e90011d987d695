#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Uses the virtual keyboard of typing_keyboard/ from both of its ends: virtual_keyboard_client.py WHAT [ARGUMENT…]

The driver's client program (its user client): type HEX…, lights, behave NUMBER.
A program that uses the device (IOHIDDevice): read COUNT HEX… (types these, and reads what arrives), get, set HEX, many COUNT."""

import os
import sys

sys.path.insert(0, os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "python3", "dist-packages"))

import opendext  # pylint: disable=wrong-import-position
import opendext.hid  # pylint: disable=wrong-import-position
from opendext.hid import ReportType  # pylint: disable=wrong-import-position


def keyboard():
    return opendext.service({"IOProviderClass": "AppleUserHIDDevice"})


def type_reports(reports):
    with keyboard().open() as connection:
        for report in reports:
            connection.call(0, structure=bytes.fromhex(report))


def device():
    return opendext.hid.Device(keyboard())


def main(what, *arguments):
    if what == "type":
        type_reports(arguments)
    elif what == "lights":
        with keyboard().open() as connection:
            print(*connection.call(1, scalars_out=2).scalars)
    elif what == "behave":
        with keyboard().open() as connection:
            connection.call(2, [int(arguments[0])])
    elif what == "read":
        with device() as opened:
            opened.open()
            type_reports(arguments[1:])
            for _ in range(int(arguments[0])):
                print(opened.read(timeout=60).data.hex())
    elif what in ("get", "set"):
        with device() as opened:
            opened.open()
            try:
                if what == "get":
                    print(opened.get_report(ReportType.FEATURE).hex())
                else:
                    opened.set_report(ReportType.OUTPUT, bytes.fromhex(arguments[0]))
                    print("set")
            except opendext.Error as error:
                print(f"{error.code & 0xffffffff:#x}")
    elif what == "many":
        with device() as opened:
            opened.open()
            for number in range(int(arguments[0])):
                opened.set_report(ReportType.OUTPUT, bytes([number & 0x1F]))
                answer = opened.get_report(ReportType.FEATURE)
                if answer != bytes([0xA5, number & 0x1F]):
                    raise SystemExit(f"round {number}: {answer.hex()}")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
