# SPDX-License-Identifier: Apache-2.0
"""The same as main.cpp, for test benches: PYTHONPATH=PREFIX/lib/python3/dist-packages python3 Client/client.py"""
import struct
import sys

import opendext

ADD, REVERSE = 0, 1  # @NAME@Calls.h
TEXT = "I60s"

driver = opendext.service("@NAME@")
if driver is None:
    sys.exit("@NAME@ does not run: opendext install @NAME@.dext")
try:
    with driver.open() as connection:
        for number in (40, 2):
            print("total", connection.call(ADD, [number], scalars_out=1).scalars[0])
        given = struct.pack(TEXT, 6, b"drawer")
        length, turned = struct.unpack(TEXT, connection.call(REVERSE, structure=given, structure_out=len(given)).structure)
        print("drawer turned is", turned[:length].decode())
except opendext.Error as error:
    sys.exit(str(error))
