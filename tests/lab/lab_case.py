# SPDX-License-Identifier: Apache-2.0
"""What the tests in the guest share: the system's realm, QEMU's control socket, and what they do to the machine, which is
theirs alone."""

import json
import os
import select
import subprocess
import sys
import time
import unittest

import harness

IN_LAB = os.environ.get("OPENDEXT_LAB") == "1"
ORDINARY = 1000
DEXTS = os.path.join(harness.PREFIX, "tests", "lab")


def write(path, text):
    """A setting of the kernel."""
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def load(*modules):
    for module in modules:
        subprocess.run(["/lab/modprobe", module], check=True)


class SystemRealm(harness.Realm):
    """The realm of the machine, to which its hardware belongs."""

    def __init__(self):
        super().__init__("/run/opendext")

    def configure(self, settings):
        os.makedirs("/etc/opendext", exist_ok=True)
        with open("/etc/opendext/realm.conf", "w", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def log(self):
        self.root, root = "/var/lib/opendext", self.root
        try:
            return super().log()
        finally:
            self.root = root


class Machine:
    """QEMU's control socket (QMP), which the guest has as a port: plugs, unplugs, types, sends breaks."""

    def __init__(self):
        # Not O_NONBLOCK: the port takes what it is given at once.
        self._port = os.open("/run/lab/machine", os.O_RDWR)
        self._text = b""
        # QEMU greets once. It says that this was said already when an earlier test has done so.
        os.write(self._port, b'{"execute": "qmp_capabilities", "id": "begin"}\n')
        while self._message().get("id") != "begin":
            pass

    def _message(self, timeout=60):
        deadline = time.monotonic() + timeout * harness.PATIENCE
        while b"\n" not in self._text:
            if not select.select([self._port], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError("QEMU does not answer")
            self._text += os.read(self._port, 65536)
        line, _, self._text = self._text.partition(b"\n")
        return json.loads(line)

    def __call__(self, command, **arguments):
        os.write(self._port, json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._message()
            if "error" in message:
                raise AssertionError(f"{command}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def close(self):
        os.close(self._port)


@unittest.skipUnless(IN_LAB, "runs in the lab: lab/run python3 " + os.path.relpath(sys.argv[0], harness.SOURCE))
class LabCase(harness.RealmCase):
    """With a throw-away realm, of root or, with `ordinary_user`, of a user without any privilege."""

    ordinary_user = False

    def setUp(self):
        super().setUp()
        if self.ordinary_user:
            os.chown(self.folder, ORDINARY, ORDINARY)
            self.realm = UserRealm(self.realm.root)
            self.realm.configure(self.realm_settings)

    def set(self, path, value):
        """Changes a setting of the kernel for this test."""
        before = read(path)
        write(path, value)
        self.addCleanup(write, path, before)


class UserRealm(harness.Realm):
    """Everything in it is done by the ordinary user."""

    def configure(self, settings):
        super().configure(settings)
        for path in (self.root, os.path.join(self.root, "realm.conf")):
            os.chown(path, ORDINARY, ORDINARY)

    def environment(self, **more):
        return super().environment(HOME="/home/lab", XDG_RUNTIME_DIR="/run/user/1000", **more)

    def run(self, tool, *arguments, timeout=120, **options):
        options.setdefault("user", ORDINARY)
        options.setdefault("group", ORDINARY)
        options.setdefault("extra_groups", [])
        return super().run(tool, *arguments, timeout=timeout, **options)


class SystemCase(LabCase):
    """With the system's realm."""

    def setUp(self):
        super().setUp()
        self.realm = SystemRealm()
        self.realm.configure(self.realm_settings)
