# SPDX-License-Identifier: Apache-2.0
"""A HID device that this process plays for the kernel (/dev/uhid), for tests of hidraw."""

import os
import select
import struct
import threading

CREATE2, DESTROY, OUTPUT, INPUT2, GET_REPORT, GET_REPORT_REPLY, SET_REPORT, SET_REPORT_REPLY = 11, 1, 6, 12, 9, 10, 13, 14
EVENT_SIZE = 4380


class UhidDevice(threading.Thread):
    """Answers every request until it is told to stall: a set is kept, a get gives what was kept."""

    def __init__(self, name, descriptor, vendor, product, bus=3):
        super().__init__(daemon=True)
        self.file = os.open("/dev/uhid", os.O_RDWR)
        self.stalls = False
        self.outputs = []
        self.kept = {}
        self._end, self._ended = os.pipe()
        self._write(struct.pack("<I128s64s64sHHIIII", CREATE2, name.encode(), b"", b"", len(descriptor), bus, vendor, product, 0, 0)
                    + descriptor)
        self.start()

    def _write(self, event):
        os.write(self.file, event)

    def send(self, report):
        self._write(struct.pack("<IH", INPUT2, len(report)) + bytes(report))

    def run(self):
        while True:
            readable = select.select([self.file, self._end], [], [])[0]
            if self._end in readable:
                return
            event = os.read(self.file, EVENT_SIZE)
            kind = struct.unpack_from("<I", event)[0]
            if kind == OUTPUT:
                size = struct.unpack_from("<H", event, 4 + 4096)[0]
                self.outputs.append(event[4:4 + size])
            elif kind == GET_REPORT and not self.stalls:
                request, number, _ = struct.unpack_from("<IBB", event, 4)
                data = self.kept.get(number, bytes([number]))
                self._write(struct.pack("<IIHH", GET_REPORT_REPLY, request, 0, len(data)) + data)
            elif kind == SET_REPORT and not self.stalls:
                request, number, _, size = struct.unpack_from("<IBBH", event, 4)
                self.kept[number] = event[12:12 + size]
                self._write(struct.pack("<IIH", SET_REPORT_REPLY, request, 0))

    def close(self):
        os.write(self._ended, b"x")
        self.join()
        for descriptor in (self.file, self._end, self._ended):
            os.close(descriptor)
