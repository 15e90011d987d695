# SPDX-License-Identifier: Apache-2.0
"""What the tests here share: the driver of unruly/, built once for a test program and given the personalities that a test
wants, and orders for it."""

import atexit
import contextlib
import functools
import json
import os
import plistlib
import shutil
import subprocess
import sys
import tempfile

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = "org.example.unruly"
CLASSES = ("Unruly", "UnrulyInit", "UnrulyPause")

# Sets the property on the first service of the class; says the code in which it ends.
ORDER = """
import sys, opendext
service = opendext.service(sys.argv[1])
try:
    service.set_property("UnrulyOrder", sys.argv[2])
    print("ok")
except opendext.Error as error:
    print(f"{error.code & 0xffffffff:#x} {error}")
"""


@functools.cache
def built():
    folder = tempfile.mkdtemp(prefix="opendext-unruly-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return harness.build_dext(os.path.join(HERE, "unruly"), folder, BUNDLE)


class UnrulyCase(harness.RealmCase):
    def bundle(self, personalities, version="1"):
        """The driver with these personalities: by name, what they say beside the usual."""
        bundle = os.path.join(self.folder, "Unruly.dext")
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(built(), bundle)
        path = os.path.join(bundle, "Info.plist")
        with open(path, "rb") as file:
            info = plistlib.load(file)
        [usual] = info["IOKitPersonalities"].values()
        info["IOKitPersonalities"] = {name: {**usual, **more} for name, more in personalities.items()}
        info["CFBundleVersion"] = version
        with open(path, "wb") as file:
            plistlib.dump(info, file)
        return bundle

    def install(self, personalities, version="1"):
        self.tool("opendext", "install", self.bundle(personalities, version))

    @contextlib.contextmanager
    def installing(self, personalities):
        """What happens while the drivers come up: `opendext install` waits until nothing does any more."""
        program = subprocess.Popen([harness.program("opendext"), "install", self.bundle(personalities)],
                                   env=self.realm.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            program.kill()
            program.communicate()

    def present(self):
        """Drivers that run: process id by the name of their personality."""
        found = {}
        for name in CLASSES:
            for each in self.services(name):
                properties = each.get("properties") or {}
                if each.get("registered") and each.get("pid"):
                    found[properties.get("UnrulyName", name)] = each["pid"]
        return found

    def up(self, name, other_than=None):
        """Process id of the driver of a personality (its UnrulyName), of another one than before."""
        return self.wait_for(lambda: (pid := self.present().get(name)) and pid != other_than and pid,
                             f"the driver {name} to be up")

    def gone(self, pid):
        self.wait_for(lambda: harness.start_time(pid) is None, f"process {pid} to end")

    def order(self, what):
        """A program that gives the driver an order; `communicate()` tells how that ended."""
        path = os.pathsep.join((os.path.join(harness.SOURCE, "python"), os.environ.get("PYTHONPATH", "")))
        program = subprocess.Popen([sys.executable, "-B", "-c", ORDER, "Unruly", what], text=True,
                                   env=self.realm.environment(PYTHONPATH=path), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(lambda: (program.kill(), program.communicate()))
        return program

    def ordered(self, what, timeout=60):
        """The answer that the program got."""
        answer, _ = self.order(what).communicate(timeout=timeout * harness.PATIENCE)
        return answer.strip()

    def quarantine(self, *options):
        """Supervision by the name of the personality."""
        answer = json.loads(self.tool("opendext", "quarantine", "ls", "--json", *options))
        return {each["personality"]: each for each in answer["drivers"]}

    def wait_for_state(self, name, state):
        return self.wait_for(lambda: (each := self.quarantine("--all").get(name)) and each["state"] == state and each,
                             f"{name} to be {state}")

    def said(self, text):
        """Lines of the log with this text."""
        return [line["message"] for line in self.realm.log() if text in line["message"]]

    def wait_for_line(self, text):
        return self.wait_for(lambda: self.said(text), f"the log to say: {text}")[0]


def candidates(*behaviours):
    """Personalities of one category in this order: First, Second, Third, each with its properties."""
    return {name: {"UnrulyName": name, "IOProbeScore": 100 - place, **more}
            for place, (name, more) in enumerate(zip(("First", "Second", "Third"), behaviours))}
