# SPDX-License-Identifier: Apache-2.0
"""What the tests of the module share: the driver of tests/clients/suite in a realm, once for a file of tests."""

import os
import re
import shutil
import sys
import tempfile
import unittest

import harness

sys.path.insert(0, os.path.join(harness.PREFIX, "lib", "python3", "dist-packages"))

import opendext  # noqa: E402
from opendext import matching  # noqa: E402

SUITE = os.path.join(harness.SOURCE, "tests", "clients", "suite")
BUNDLE = "org.example.suite"


def constants():
    """The enumerators that driver and clients agree on."""
    found, value = {}, 0
    with open(os.path.join(SUITE, "SuiteProtocol.h"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    for body in re.findall(r"enum\s*\w*\s*\{(.*?)\}", text, re.S):
        value = 0
        for name, given in re.findall(r"(\w+)\s*(?:=\s*(\w+))?\s*(?:,|$)", body.strip()):
            if given:
                value = int(given, 0)
            found[name] = value
            value += 1
    return found


K = constants()


class DriverCase(unittest.TestCase):
    """A realm with the driver for the whole class; each test finds it running."""

    maxDiff = None
    install = True  # else the realm is up and empty

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="opendext-python-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.realm = harness.Realm(os.path.join(cls.folder, "realm"))
        cls.realm.configure(harness.KILLED_OFTEN)
        cls.addClassCleanup(cls.stop)
        common = os.path.join(harness.SOURCE, "tests", "dexts", "common")
        cls.run_tool("opendext", "build", SUITE, "-o", cls.folder, "--bundle-id", BUNDLE, "-I", common, "--quiet")
        cls.dext = os.path.join(cls.folder, "Suite.dext")
        cls.run_tool("opendext", *(("install", cls.dext) if cls.install else ("start",)))
        opendext.set_realm(cls.realm.root)

    @classmethod
    def stop(cls):
        opendext.set_realm(None)
        left = cls.realm.stop()
        if left:
            raise AssertionError(f"processes were left behind by the realm: {left}")

    @classmethod
    def run_tool(cls, tool, *arguments):
        result = cls.realm.run(tool, *arguments, timeout=300)
        if result.returncode != 0:
            raise AssertionError(f"{tool} {arguments} failed:\n{result.stdout}{result.stderr}\n{cls.realm.log_text()[-8000:]}")
        return result.stdout

    def setUp(self):
        self.addCleanup(self.realm.note_processes)

    @classmethod
    def find(cls, name="suite-main"):
        """The service with that SuiteName, once it is there."""
        def look():
            found = opendext.services(matching.by_class("IOUserService", IOPropertyMatch={"SuiteName": name}))
            return found[0] if found and found[0].process else None
        return harness.wait_for(look, f"the service {name}", 60)

    def open(self, type=0, name="suite-main"):
        connection = self.find(name).open(type)
        self.addCleanup(connection.close)
        return connection

    def log_until(self, text):
        harness.wait_for(lambda: text in self.realm.log_text(), f"{text!r} in the log")


def main():
    unittest.main(verbosity=2)
