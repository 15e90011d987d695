# SPDX-License-Identifier: Apache-2.0
"""Runs the program of these tests in a realm of its own, and looks what is left behind."""

import os
import subprocess
import unittest

import harness

PROGRAM = os.path.join(harness.PREFIX, "tests", "hid_client_tests")


class HidClient(harness.RealmCase):
    def run_tests(self, chosen):
        """Runs tests of the program; every device has gone with it."""
        result = subprocess.run([PROGRAM, "--gtest_filter=" + chosen], env=self.realm.environment(), text=True, capture_output=True,
                                timeout=500 * harness.PATIENCE, check=False)
        self.assertEqual(result.returncode, 0, result.stdout[-20000:] + result.stderr[-8000:])
        self.assertRegex(result.stdout, r"\[  PASSED  \] [1-9]")
        self.wait_for(lambda: not self.services("IOHIDDevice"), "all devices unplugged")

    def test_programs_and_the_devices_that_they_play(self):
        self.tool("opendext", "start")
        self.run_tests(os.environ.get("HID_CLIENT_TESTS", "*") + "-HidServiceClient.*")

    def test_the_services_of_drivers(self):
        self.tool("opendext", "install", os.path.join(harness.PREFIX, "tests", "dexts", "KeyEvents.dext"))
        self.run_tests("HidServiceClient.*")


if __name__ == "__main__":
    harness.main()
