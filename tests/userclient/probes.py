# SPDX-License-Identifier: Apache-2.0
"""Ends a process at a named place of a library (rpc/probe.h): a copy of the library is used by the process, and a trap is
put into the copy where the probe's no-op is. The pages of a mapped library are those of its file, so this works on
processes that run already, until the no-op is put back."""

import os
import platform
import shutil
import struct

NOP, TRAP = {"x86_64": (b"\x90", b"\xcc"), "aarch64": (b"\x1f\x20\x03\xd5", b"\x00\x00\x20\xd4")}.get(platform.machine(), (b"", b""))


def find(path):
    """Offsets in the file of each probe of ours, by name: the notes of SystemTap's format in .note.stapsdt."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x7fELF\x02\x01", f"{path} is no 64-bit little-endian ELF file"
    segments_at, sections_at = struct.unpack_from("<QQ", data, 32)
    segment_size, segments, section_size, sections, names = struct.unpack_from("<HHHHH", data, 54)
    loads = []
    for i in range(segments):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, segments_at + i * segment_size)
        if kind == 1:
            loads.append((address, size, offset))
    table = struct.unpack_from("<IIQQQQ", data, sections_at + names * section_size)[4]
    found = {}
    for i in range(sections):
        name, _, _, _, at, size = struct.unpack_from("<IIQQQQ", data, sections_at + i * section_size)
        if data[table + name:].split(b"\0", 1)[0] != b".note.stapsdt":
            continue
        end = at + size
        while at < end:
            name_size, size, kind = struct.unpack_from("<III", data, at)
            at += 12 + (name_size + 3) // 4 * 4
            if kind == 3:
                address = struct.unpack_from("<Q", data, at)[0]
                provider, probe = data[at + 24:at + size].split(b"\0")[:2]
                if provider == b"opendext":
                    offset = next(offset + address - begin for begin, length, offset in loads if begin <= address < begin + length)
                    assert data[offset:offset + len(NOP)] == NOP, f"{probe} of {path} is no no-op"
                    found.setdefault(probe.decode(), []).append(offset)
            at += (size + 3) // 4 * 4
    return found


class Library:
    """A copy of a library below `folder`, whose probes can be armed."""

    def __init__(self, original, folder):
        os.makedirs(folder)
        self.folder = folder
        self.path = os.path.join(folder, os.path.basename(original))
        shutil.copyfile(os.path.realpath(original), self.path)
        self.probes = find(self.path)

    def _write(self, name, code):
        with open(self.path, "r+b", buffering=0) as file:
            for offset in self.probes[name]:
                os.pwrite(file.fileno(), code, offset)

    def arm(self, name):
        """From now on whoever comes to this probe dies of SIGTRAP."""
        self._write(name, TRAP)

    def disarm(self, name):
        self._write(name, NOP)
