# SPDX-License-Identifier: Apache-2.0
"""What the tests share that order the driver of glutton/ about. It is built with the test programs, since the guest is slow.
Two instances run in processes of their own: what happens to the first must not be felt by the second."""

import json
import os
import subprocess
import sys

import harness
from lab_case import DEXTS

BUNDLE = "org.example.glutton"

# To the instance of a process. It waits for no answer longer than it has to: the driver may not give one.
ORDER = """
import sys, opendext
for service in opendext.services("Glutton"):
    if service.process == int(sys.argv[1]):
        try:
            service.set_property("GluttonOrder", sys.argv[2])
        except opendext.Error as error:
            print(error)
"""


def line_of(mark):
    """The number of the line of the driver's source that ends with this comment."""
    with open(os.path.join(harness.SOURCE, "tests", "lab", "glutton", "Glutton.cpp"), encoding="utf-8") as source:
        [number] = [number for number, line in enumerate(source, 1) if line.rstrip().endswith("// " + mark)]
    return number


class Gluttons:
    """Mixed into a case with a realm."""

    def install(self):
        """Process ids of the two instances."""
        self.tool("opendext", "install", os.path.join(DEXTS, "Glutton.dext"), timeout=200)
        return self.up()

    def up(self, without=None):
        """Process ids of the two instances, none of which is `without`."""
        def present():
            found = [each["pid"] for each in self.services("Glutton") if each.get("registered") and each.get("pid")]
            return sorted(found) if len(set(found)) == 2 and without not in found else None
        return self.wait_for(present, "both instances to run", 60)

    def order(self, pid, what):
        """The program that gives the order."""
        path = os.pathsep.join((os.path.join(harness.SOURCE, "python"), os.environ.get("PYTHONPATH", "")))
        program = subprocess.Popen([sys.executable, "-B", "-c", ORDER, str(pid), what], text=True, stdin=subprocess.DEVNULL,
                                   env=self.realm.environment(PYTHONPATH=path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: (program.kill(), program.communicate()))
        return program

    def report_of(self, pid):
        """The report of the end of a process, complete."""
        def complete():
            report = json.loads(self.tool("opendext", "crash", "show", str(pid), "--json"))
            return report if report["stacks"]["state"] != "pending" else None
        return self.wait_for(complete, f"a report of process {pid}", 60)

    def opendextd(self):
        """Its process id: the one in whose place none has come."""
        [pid] = [pid for pid in self.realm.processes() if "/opendextd" in harness.command_line(pid).split(" ")[0]]
        return pid
