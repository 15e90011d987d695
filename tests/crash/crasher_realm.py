# SPDX-License-Identifier: Apache-2.0
"""What the tests here share: the driver of crasher/, built once for a test program, and what its reports say."""

import atexit
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
BUNDLE = "org.example.crasher"

ORDER = """
import sys, opendext
service = opendext.services("Crasher")[0]
try:
    service.set_property("CrasherOrder", sys.argv[1])
except opendext.Error as error:
    print(f"{error.code & 0xffffffff:#x} {error}")
"""


@functools.cache
def built():
    folder = tempfile.mkdtemp(prefix="opendext-crasher-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return harness.build_dext(os.path.join(HERE, "crasher"), folder, BUNDLE)


def line_of(mark, file="Crasher.cpp"):
    """The number of the line of the driver's source that ends with this comment."""
    with open(os.path.join(HERE, "crasher", file), encoding="utf-8") as source:
        [number] = [number for number, line in enumerate(source, 1) if line.rstrip().endswith("// " + mark)]
    return number


class CrasherCase(harness.RealmCase):
    # A driver that has closed its control socket may take its time to die: a machine may be slow.
    realm_settings = {**harness.KILLED_OFTEN, "deadline.hang-up": "60 s"}

    def install(self, personalities=None, bundle_id=BUNDLE):
        """Installs the driver with these personalities: by name, what they say beside the usual."""
        bundle = os.path.join(self.folder, bundle_id + ".dext")
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(built(), bundle)
        path = os.path.join(bundle, "Info.plist")
        with open(path, "rb") as file:
            info = plistlib.load(file)
        [usual] = info["IOKitPersonalities"].values()
        usual.update({"CFBundleIdentifier": bundle_id, "IOUserServerName": bundle_id})
        info["CFBundleIdentifier"] = bundle_id
        info["CFBundleVersion"] = "4.2"
        info["IOKitPersonalities"] = {
            name: {**usual, "IOMatchCategory": bundle_id + name, **more}
            for name, more in (personalities or {"Crasher": {}}).items()}
        with open(path, "wb") as file:
            plistlib.dump(info, file)
        self.tool("opendext", "install", bundle)

    def up(self, other_than=None):
        """Process id of the driver, of another one than before."""
        def present():
            for each in self.services("Crasher"):
                if each.get("registered") and each.get("pid") and each["pid"] != other_than:
                    return each["pid"]
            return None
        return self.wait_for(present, "the driver to be up")

    def order(self, what):
        """Has the driver do it. The answer, if it gave none as it should."""
        path = os.pathsep.join((os.path.join(harness.SOURCE, "python"), os.environ.get("PYTHONPATH", "")))
        done = subprocess.run([sys.executable, "-B", "-c", ORDER, what], text=True, capture_output=True, check=True,
                              env=self.realm.environment(PYTHONPATH=path), timeout=60 * harness.PATIENCE)
        return done.stdout.strip()

    def reports(self):
        return json.loads(self.tool("opendext", "crash", "ls", "--json"))

    def report_of(self, pid):
        """The complete report of a process, as the tool shows it."""
        self.wait_for(lambda: any(each["pid"] == pid for each in self.reports()), f"a report of process {pid}")
        return json.loads(self.tool("opendext", "crash", "show", str(pid), "--json"))

    def crash(self, how, where=""):
        """Has the driver die like this; the report, once the next instance is there."""
        pid = self.up()
        self.order(how + where)
        report = self.report_of(pid)
        self.up(pid)
        return report


def places(report):
    """(function, file name, line) of the frames of the thread that crashed."""
    thread = report["threads"][0]
    return [(frame.get("function", ""), os.path.basename(frame.get("file", "")), frame.get("line", 0))
            for frame in thread["frames"]]
