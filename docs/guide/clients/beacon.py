# SPDX-License-Identifier: Apache-2.0
import struct
import sys

import opendext

SET_PERIOD, TURN, FLASH = range(3)

service = opendext.service("Beacon")
if service is None:
    sys.exit("Beacon does not run")

with service.open() as connection:
    # Scalars: at most 16 each way.
    before, = connection.call(SET_PERIOD, [20], scalars_out=1).scalars
    print(f"the period was {before} ms")

    # A structure each way.
    text = struct.pack("I60s", 6, b"drawer")
    length, turned = struct.unpack("I60s", connection.call(TURN, structure=text, structure_out=64).structure)
    print(f"drawer turned is {turned[:length].decode()}")

    # Completions, until the driver lets go of them.
    for completion in connection.call_async(FLASH, scalars=[3]):
        number, period = completion.arguments
        print(f"flash {number} after {period} ms: 0x{completion.status:x}")

    # A call that the driver's table does not know in this form: code, and why.
    try:
        connection.call(SET_PERIOD, scalars_out=1)
    except opendext.DriverError as error:
        print(f"set period without one: {error.name}: {error.reason}")
