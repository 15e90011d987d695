# SPDX-License-Identifier: Apache-2.0
"""What this machine does not give for closing drivers in is in the realm's log, once, and is what `opendext doctor` says."""

import json
import os
import shutil
import signal
import tempfile

import harness

BUNDLE_ID = "org.example.plain"
# Parts of the sandbox (keeper/prepared/features.h) that doctor looks for by itself, under its name for them.
KNOWN_TO_DOCTOR = {"namespaces": "namespaces", "landlock": "Landlock", "cgroup": "control groups"}


class MissingParts(harness.RealmCase):
    realm_settings = harness.KILLED_OFTEN

    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-missing-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        cls.dext = harness.build_dext(os.path.join(harness.SOURCE, "tests", "extensions", "plain"), cls.built, BUNDLE_ID)

    def told(self):
        return [line for line in self.realm.log() if "are closed in without" in line["message"]]

    def driver(self, other_than=None):
        return self.wait_for(lambda: [pid for pid in self.realm.drivers(BUNDLE_ID) if pid != other_than], "the driver")[0]

    def test_a_part_that_is_missing_is_told_once(self):
        self.tool("opendext-keeper", "--without", "landlock")
        self.tool("opendext", "install", self.dext)
        driver = self.driver()
        self.wait_for(self.told, "the line in the log")
        os.kill(driver, signal.SIGKILL)
        driver = self.driver(other_than=driver)
        daemon = next(pid for pid in self.realm.processes() if harness.command_line(pid).split(" ")[0].endswith("/opendextd"))
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: "opendextd died and is back" in self.realm.log_text(), "the next opendextd")
        os.kill(driver, signal.SIGKILL)
        self.driver(other_than=driver)
        [line] = self.told()
        self.assertEqual((line["category"], line["level"]), ("sandbox", "default"))
        self.assertRegex(line["message"], r"without .*landlock \(.+\): .+; opendext doctor says how to get what is missing")

    def test_doctor_agrees(self):
        self.tool("opendext", "install", self.dext)
        self.driver()
        server = self.wait_for(lambda: [each for each in self.services("IOUserServer") if BUNDLE_ID in str(each)], "its server")[0]
        missing = {part["item"] for part in server["properties"]["OpenDextRights"]["missing"]}
        text = self.told()[0]["message"] if missing else ""
        for item in missing:
            self.assertIn(item + " (", text)
        if not missing:
            self.assertEqual(self.told(), [])
        doctor = json.loads(self.realm.run("opendext", "doctor", "--json").stdout)
        features = {each["name"]: each["present"] for each in doctor["machine"]}
        for item, name in KNOWN_TO_DOCTOR.items():
            self.assertEqual(features[name], item not in missing, f"{item}: {text}")


if __name__ == "__main__":
    harness.main()
