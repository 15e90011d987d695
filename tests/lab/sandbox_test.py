# SPDX-License-Identifier: Apache-2.0
"""The sandbox where the kernel lacks a part of it: without Landlock (boot parameter lsm=), without user namespaces for ordinary
users, without any. What is left out is named with its price, strict mode refuses, and doctor says the same beforehand."""

import json
import os

import harness
from glutton_case import Gluttons
from lab_case import DEXTS, IN_LAB, LabCase, read

LANDLOCK = IN_LAB and "landlock" in read("/sys/kernel/security/lsm").split(",")
CLONE = "/proc/sys/kernel/unprivileged_userns_clone"
MOST = "/proc/sys/user/max_user_namespaces"
REFUSED = "this realm asks for {} (sandbox.require) and this machine does not give it"


class SandboxCase(Gluttons, LabCase):
    realm_settings = harness.KILLED_OFTEN

    def doctor(self, name):
        report = json.loads(self.realm.run("opendext", "doctor", "--json").stdout)
        [feature] = [each for each in report["machine"] if each["name"] == name]
        return feature

    def rights(self):
        """Of a driver that runs: what it has, and what is missing by name."""
        self.install()
        rights = self.services("IOUserServer")[0]["properties"]["OpenDextRights"]
        for missing in rights["missing"]:
            self.assertTrue(missing["why"] and missing["price"], missing)
        return rights, {missing["item"] for missing in rights["missing"]} - {"cgroup"}

    def assert_refused(self, item):
        self.realm.stop()
        self.realm.configure({**self.realm_settings, "sandbox.require": item})
        self.realm.run("opendext", "install", os.path.join(DEXTS, "Glutton.dext"))
        self.wait_for(lambda: REFUSED.format(item) in self.realm.log_text(), "the refusal")
        self.assertEqual(self.services("Glutton"), [])

    def assert_given(self, items):
        self.realm.stop()
        self.realm.configure({**self.realm_settings, "sandbox.require": items})
        self.install()


class Root(SandboxCase):
    def test_files_are_closed_off_by_what_there_is(self):
        self.assertEqual(self.doctor("Landlock")["present"], LANDLOCK)
        rights, missing = self.rights()
        self.assertEqual(missing, set() if LANDLOCK else {"landlock"})
        if LANDLOCK:
            self.assertRegex(self.doctor("Landlock")["found"], r"^version \d$")
            self.assertRegex(rights["files"]["by"], r"^landlock \d$")
            self.assertNotIn("mount", rights["namespaces"]["own"])
            self.assert_given("namespaces, users, landlock, mount, listener")
        else:
            self.assertEqual(rights["files"]["by"], "mount namespace")
            self.assertIn("mount", rights["namespaces"]["own"])
            self.assertIn("lsm=", self.doctor("Landlock")["fix"])
            self.assert_refused("landlock")
            self.assert_given("namespaces, users, mount, listener")

    def test_without_user_namespaces_root_makes_the_others(self):
        self.set(MOST, 0)
        self.assertTrue(self.doctor("namespaces")["present"])
        rights, missing = self.rights()
        self.assertEqual(missing, {"users"} if LANDLOCK else {"users", "landlock"})
        self.assertEqual([name for name in ("user", "pid", "ipc") if name in rights["namespaces"]["own"]], ["pid", "ipc"])
        self.assert_refused("users")


class OrdinaryUser(SandboxCase):
    ordinary_user = True

    def test_an_ordinary_users_drivers_have_the_same(self):
        rights, missing = self.rights()
        self.assertEqual(missing, set() if LANDLOCK else {"landlock"})
        self.assertTrue({"user", "pid", "ipc"} <= set(rights["namespaces"]["own"]))
        self.assertEqual(rights["namespaces"]["shared"], ["network"])
        self.assertTrue(self.doctor("namespaces")["present"])

    def without_namespaces(self, setting):
        self.set(setting, 0)
        feature = self.doctor("namespaces")
        self.assertFalse(feature["present"])
        self.assertIn("sysctl -w " + os.path.relpath(setting, "/proc/sys").replace("/", "."), feature["fix"])
        rights, missing = self.rights()
        self.assertEqual(missing, {"namespaces", "users"} | (set() if LANDLOCK else {"landlock", "mount"}))
        self.assertEqual(rights["namespaces"], {"own": [], "shared": []})
        self.assertTrue(rights["files"]["by"].startswith("landlock ") if LANDLOCK else rights["files"]["by"] == "list of calls")
        self.assertEqual(rights["calls"]["refusals"], "reported")
        self.assertIn("NO namespaces", self.tool("opendext", "explain", str(self.up()[0])))

    def test_without_namespaces_for_ordinary_users(self):
        self.without_namespaces(CLONE)
        self.assert_refused("namespaces")

    def test_without_any_user_namespace(self):
        self.without_namespaces(MOST)
        self.assert_refused("users" if LANDLOCK else "mount")

    def test_crashes_are_looked_into_all_the_same_or_the_report_says_why_not(self):
        """Without a namespace of its own a driver is a process of this user like any other: where Yama lets nobody trace but
        parents, its stacks cannot be taken."""
        self.set(CLONE, 0)
        self.set("/proc/sys/kernel/yama/ptrace_scope", 1)
        first, second = self.install()
        self.order(first, "crash")
        report = self.report_of(first)
        self.assertEqual(report["signal"], 11)
        if report["stacks"]["state"] != "taken":
            self.assertIn("ptrace_scope", report["stacks"]["reason"])
        self.assertIn(second, self.up(without=first))


if __name__ == "__main__":
    harness.main()
