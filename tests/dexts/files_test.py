# SPDX-License-Identifier: Apache-2.0
"""A driver reads the files of its own bundle, which are resources of its project, and no others."""

import os
import re
import shutil
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE_ID = "org.example.files"
NOT_FOUND, NOT_PERMITTED = "0xe00002f0", "0xe00002e2"


class Files(harness.RealmCase):
    def lines(self):
        return [line["message"] for line in self.realm.log() if line["bundle"] == BUNDLE_ID]

    def wait_for_checks(self, times):
        pattern = re.compile(r"files: (\d+) checks passed, (\d+) failed")
        done = self.wait_for(lambda: len(found := [m for line in self.lines() if (m := pattern.fullmatch(line))]) >= times and found,
                             f"run {times} of the driver to say that its checks are done")
        self.assertEqual([line for line in self.lines() if ": failed: " in line], [])
        self.assertGreaterEqual(int(done[-1].group(1)), 19, "checks were left out")
        return [line.split()[-2:] for line in self.lines() if line.startswith("files: links ")][-1]

    def test_resources_and_what_is_none(self):
        project = os.path.join(self.folder, "project")
        shutil.copytree(os.path.join(HERE, "files"), project)
        os.makedirs(os.path.join(project, "Resources"))
        with open(os.path.join(project, "Resources", "firmware.bin"), "wb") as file:
            file.write(bytes(i * 7 & 255 for i in range(10000)))
        with open(os.path.join(project, "Resources", "empty.txt"), "w", encoding="utf-8"):
            pass
        self.tool("opendext", "build", project, "-I", os.path.join(HERE, "common"), "-o", self.folder, "--quiet", timeout=300)
        bundle = os.path.join(self.folder, "Files.dext")
        self.assertEqual(os.path.getsize(os.path.join(bundle, "firmware.bin")), 10000, "opendext build copies resources")
        os.mkdir(os.path.join(bundle, "nested"))
        with open(os.path.join(bundle, "nested", "inner.txt"), "w", encoding="utf-8") as file:
            file.write("inside")

        self.tool("opendext", "install", bundle)
        # What the driver relies on: OSBundle::mainBundle, loadResource, createFromPath (see files/FilesDriver.cpp).
        self.assertEqual(self.wait_for_checks(1), [NOT_FOUND, NOT_FOUND])

        # Links that turn up later in the installed copy lead nowhere either.
        installed = [where for where, _, names in os.walk(self.realm.root) if "firmware.bin" in names]
        self.assertEqual(len(installed), 1, "the realm has one copy of the bundle")
        os.chmod(installed[0], 0o755)
        os.symlink("/etc/passwd", os.path.join(installed[0], "link.txt"))
        os.symlink("/etc", os.path.join(installed[0], "linked"))
        os.kill(self.services("FilesDriver")[0]["pid"], 9)
        self.assertEqual(self.wait_for_checks(2), [NOT_PERMITTED, NOT_PERMITTED])


if __name__ == "__main__":
    unittest.main(verbosity=2)
