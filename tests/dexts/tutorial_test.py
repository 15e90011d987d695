# SPDX-License-Identifier: Apache-2.0
"""The class that the tutorials begin with, as Xcode's template has it: built from its folder, started, found by name (A50)."""

import os

import harness

HERE = os.path.dirname(os.path.abspath(__file__))


class Tutorial(harness.RealmCase):
    def test_first_version_of_the_class(self):
        built = self.realm.run("opendext", "build", os.path.join(HERE, "tutorial"), "-o", self.folder, "--bundle-id",
                               "org.example.tutorial")
        self.assertEqual(built.returncode, 0, built.stderr)
        self.assertNotIn("error", built.stderr)  # the label that nothing jumps to is a warning at most
        self.tool("opendext", "install", os.path.join(self.folder, "DriverExample.dext"))
        entry = self.wait_for(lambda: self.services("DriverExample"), "the driver in the registry")[0]
        self.assertEqual(entry["properties"]["IOUserClasses"], ["DriverExample", "IOService"])
        self.wait_for(lambda: any(line["message"] == "Hello World" for line in self.realm.log()), "the greeting in the log")
        self.assertEqual(len(self.realm.drivers("org.example.tutorial")), 1)


if __name__ == "__main__":
    harness.main()
