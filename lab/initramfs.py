# SPDX-License-Identifier: Apache-2.0
"""The guest's first file system: a static busybox, the modules that reach the host's folders, and `init`. It is a cpio
archive of the kind "newc", a few megabytes, made for each start."""

import lzma
import os
import stat


class Archive:
    def __init__(self):
        self._parts = []
        self._number = 0

    def _add(self, name, mode, data=b"", device=(0, 0)):
        self._number += 1
        encoded = name.encode() + b"\0"
        fields = [self._number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, name):
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        self._add("TRAILER!!!", 0)
        return b"".join(self._parts)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def build(scripts, busybox, modules):
    """The archive's bytes. `modules` are files, in the order in which they are to be loaded."""
    archive = Archive()
    for folder in ("bin", "dev", "modules", "proc", "sys", "new"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", read(busybox), 0o755)
    archive.file("init", read(os.path.join(scripts, "init")), 0o755)
    archive.file("guest", read(os.path.join(scripts, "guest")), 0o755)
    for index, path in enumerate(modules):
        data = read(path)
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        archive.file(f"modules/{index:02}-{os.path.basename(path).split('.ko')[0]}.ko", data)
    return archive.bytes()
