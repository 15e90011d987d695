# SPDX-License-Identifier: Apache-2.0
"""The measure of the architecture: a driver that nothing in the repository names builds, matches, starts, has its own nub
matched by a second driver of its own in another process, and answers a client program."""

import contextlib
import contextlib
import os
import subprocess

import harness
import sources


class UnnamedDext(harness.RealmCase):
    def build(self, prefix, *options):
        self.bundle_id = "org.example." + prefix.lower()
        folder = sources.write_dext(self.folder, prefix)
        output = os.path.join(self.folder, "out")
        self.tool("opendext", "build", folder, "-o", output, "--bundle-id", self.bundle_id, "--quiet", *options, timeout=300)
        bundle = os.path.join(output, prefix + ".dext")
        self.assertEqual(sorted(os.listdir(bundle)), sorted(["Info.plist", prefix, prefix + ".entitlements"]))
        return bundle

    def call(self, client, *arguments):
        return subprocess.run([client, *arguments], env=self.realm.environment(), text=True, capture_output=True, timeout=120,
                              check=False)

    def test_builds_matches_starts_and_answers(self):
        prefix = sources.random_prefix()
        bundle = self.build(prefix)
        self.tool("opendext", "install", bundle)
        reader = self.wait_for(lambda: self.services(prefix + "Reader"), "the second personality on the driver's own nub")
        self.assertEqual(len(reader), 1)
        self.assertEqual(len(self.services(prefix + "Control")), 1)
        self.assertEqual(len(self.services(prefix + "Page")), 1)

        tree = self.tool("ioreg", "-w0", "-l")
        control, page, its_reader = (tree.index(f"+-o {prefix}{name}") for name in ("Control", "Page", "Reader"))
        self.assertLess(control, page)
        self.assertLess(page, its_reader)
        self.assertIn(f'"{prefix}Kind" = "parchment"', tree)

        drivers = self.realm.drivers(self.bundle_id)
        self.assertEqual(len(drivers), 2, "control driver and reader have a process each: " +
                         repr([harness.command_line(pid) for pid in self.realm.processes()]))

        client = sources.build_client(self.folder)
        answer = self.call(client, prefix + "Reader", "0")
        self.assertEqual((answer.returncode, answer.stdout), (0, "call 0x00000000\nsum 42, turned reward\n"), answer.stderr)
        answer = self.call(client, prefix + "Reader", "5")
        self.assertEqual(answer.stdout, "call 0xe00002c7\n", "kIOReturnUnsupported comes back as the driver gave it")

        self.assertIn(self.bundle_id, self.tool("systemextensionsctl", "list"))
        self.tool("opendext", "uninstall", self.bundle_id)
        self.wait_for(lambda: not self.realm.drivers(self.bundle_id), "the driver's processes to end")
        self.assertEqual(self.services(prefix + "Reader"), [])
        self.assertNotIn(self.bundle_id, self.tool("ioreg", "-w0", "-l"))

    def test_killed_driver_is_matched_again(self):
        prefix = sources.random_prefix()
        self.tool("opendext", "install", self.build(prefix))
        self.wait_for(lambda: self.services(prefix + "Reader"), "the reader")
        before = set(self.realm.drivers(self.bundle_id))
        for pid in before:
            with contextlib.suppress(ProcessLookupError):  # the reader ends with the control driver, whose nub it is on
                os.kill(pid, 9)
        after = self.wait_for(lambda: (now := set(self.realm.drivers(self.bundle_id))) and len(now) == 2 and not now & before and now,
                              "two new processes")
        self.assertFalse(after & before)
        client = sources.build_client(self.folder)
        self.wait_for(lambda: self.call(client, prefix + "Reader", "0").returncode == 0, "an answer of the new instance")

    def test_crash_in_a_callback_is_reported_and_the_driver_comes_back(self):
        prefix = sources.random_prefix()
        self.tool("opendext", "install", self.build(prefix))
        self.wait_for(lambda: self.services(prefix + "Reader"), "the reader")
        client = sources.build_client(self.folder)
        answer = self.call(client, prefix + "Reader", "9")
        self.assertEqual(answer.returncode, 5, answer.stdout + answer.stderr)
        self.assertRegex(answer.stdout, r"call 0xe00002|call 0x10000003", "an error, not a hang")
        self.wait_for(lambda: self.call(client, prefix + "Reader", "0").returncode == 0, "an answer of the new instance")
        self.assert_reported()

    def assert_reported(self):
        """The log names the dext and the signal, and a report lies in crash/."""
        self.wait_for(lambda: [line for line in self.realm.log_text().splitlines()
                               if self.bundle_id in line and ("SIGILL" in line or "SIGTRAP" in line or "Illegal" in line or "signal" in line)],
                      "the crash in the log")
        self.wait_for(lambda: os.listdir(os.path.join(self.realm.root, "crash")), "a crash report")

    def test_crash_in_init_is_reported_and_harms_nobody(self):
        self.crashing("CRASH_IN_INIT")

    def test_crash_in_start_is_reported_and_harms_nobody(self):
        self.crashing("CRASH_IN_START")

    def crashing(self, where):
        good = sources.random_prefix()
        self.tool("opendext", "install", self.build(good))
        good_id = self.bundle_id
        self.wait_for(lambda: self.services(good + "Reader"), "the good driver")
        untouched = set(self.realm.drivers(good_id))

        bad = sources.random_prefix()
        self.tool("opendext", "install", self.build(bad, "-D", where))
        self.assert_reported()
        self.wait_for(lambda: len([name for name in os.listdir(os.path.join(self.realm.root, "crash")) if name.endswith(".json")]) >= 2, "the driver to be tried again")
        self.tool("opendext", "uninstall", self.bundle_id)
        self.assertEqual(set(self.realm.drivers(good_id)), untouched, "the good driver's processes are the same")
        self.assertEqual(len(self.services(good + "Reader")), 1)

    def test_error_from_start_gives_the_nub_back(self):
        prefix = sources.random_prefix()
        self.tool("opendext", "install", self.build(prefix, "-D", "FAIL_IN_START"))
        self.wait_for(lambda: self.bundle_id in self.realm.log_text(), "the driver in the log")
        self.wait_for(lambda: not self.realm.drivers(self.bundle_id), "its process to end")
        self.assertEqual(self.services(prefix + "Control"), [])
        self.assertEqual(self.services(prefix + "Page"), [])


if __name__ == "__main__":
    harness.main()
