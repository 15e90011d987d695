# SPDX-License-Identifier: Apache-2.0
"""Limits by control group on a real hierarchy (cgroup v2): a driver that eats its share is ended, slowed down or refused, its
report says which limit it was, and others do not feel it."""

import json
import os
import subprocess
import time

import harness
from glutton_case import BUNDLE, Gluttons
from lab_case import ORDINARY, LabCase, read, write

ROOT = "/sys/fs/cgroup"
MIB = 1 << 20


class GroupCase(Gluttons, LabCase):
    """The realm runs in a group of its own, which is delegated as systemd does it."""

    delegated = True
    realm_settings = {**harness.KILLED_OFTEN, "sandbox.memory": "96 MiB", "sandbox.threads": "60", "sandbox.cpu": "25 %"}

    def setUp(self):
        super().setUp()
        write(ROOT + "/cgroup.subtree_control", "+memory +pids +cpu")
        self.group = f"{ROOT}/lab-{os.getpid()}-{'-'.join(self.id().split('.')[1:])[:60]}"
        os.mkdir(self.group)
        owner = ORDINARY if self.ordinary_user else 0
        if self.delegated:
            os.setxattr(self.group, "user.delegate", b"1")
            for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
                os.chown(os.path.join(self.group, name), owner, owner)

    def in_group(self, *command, timeout=120, **options):
        """Runs a program of the realm's user in the group, as a unit of systemd is."""
        who = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--"] if self.ordinary_user else []
        return subprocess.run(["sh", "-c", f'echo $$ > {self.group}/cgroup.procs && exec "$@"', "sh", *who, *command], text=True,
                              env=self.realm.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout * harness.PATIENCE, check=False, **options)

    def start(self):
        started = self.in_group(harness.program("opendext"), "start")
        self.assertEqual(started.returncode, 0, started.stderr)

    def group_of(self, pid):
        return ROOT + read(f"/proc/{pid}/cgroup").removeprefix("0::")

    def doctor(self):
        """What doctor says of control groups, when it runs where the realm would."""
        report = json.loads(self.in_group(harness.program("opendext"), "doctor", "--json").stdout)
        [feature] = [each for each in report["machine"] if each["name"] == "control groups"]
        return feature


class Delegated(GroupCase):
    def test_each_driver_has_a_group_with_its_limits(self):
        self.assertEqual((self.doctor()["present"], self.doctor()["found"]), (True, f"{self.group}: cpu memory pids"))
        self.start()
        pids = self.install()
        groups = [self.group_of(pid) for pid in pids]
        self.assertEqual(len(set(groups)), 2)
        for group in groups:
            self.assertEqual(os.path.dirname(group), self.group)
            self.assertEqual([read(f"{group}/{name}") for name in ("memory.max", "pids.max", "cpu.max")],
                             [str(96 * MIB), "60", "25000 100000"])
        for pid in (self.realm.keeper_pid(), self.opendextd()):
            self.assertEqual(self.group_of(pid), self.group + "/opendext")
        servers = [entry["properties"]["OpenDextRights"] for entry in self.services("IOUserServer")]
        self.assertEqual(len(servers), 2)
        for rights in servers:
            self.assertNotIn("cgroup", [missing["item"] for missing in rights["missing"]])
            self.assertEqual([rights["limits"][key] for key in ("memory", "threads", "cpu percent")], [96 * MIB, 60, 25])
            self.assertIn(rights["control group"], groups)
        self.tool("opendext", "uninstall", BUNDLE)
        self.wait_for(lambda: not any(os.path.exists(group) for group in groups), "the groups to be gone")

    def test_a_driver_that_eats_memory_is_ended_and_nobody_else_feels_it(self):
        self.start()
        first, second = self.install()
        daemon = self.opendextd()
        group = self.group_of(first)
        self.order(first, "memory")
        report = self.report_of(first)
        self.assertEqual((report["signal"], report["killed_for"]), (9, ""))
        self.assertIn(f"memory: all {96 * MIB} bytes of its control group were in use, and the kernel ended it", report["limits_hit"])
        self.assertIn("by the kernel, since it had used up the memory that it may have", report["text"])
        self.assertIn("ran into a limit of its sandbox: memory", self.realm.log_text())
        self.assertIn("Limit hit", self.tool("opendext", "crash", "show", str(first)))
        self.assertIn(second, self.up(without=first))
        self.assertEqual(self.opendextd(), daemon)
        self.assertFalse(os.path.exists(group), "the group of a process that has ended")

    def test_a_driver_gets_no_more_threads_than_it_may_have(self):
        self.start()
        first, second = self.install()
        self.order(first, "threads").communicate(timeout=120 * harness.PATIENCE)
        said = self.wait_for(lambda: [line["message"] for line in self.realm.log() if line["message"].startswith("threads: ")],
                             "the driver's own account")[0]
        self.assertGreater(int(said.split()[1]), 10)
        self.assertLess(int(said.split()[1]), 60)
        self.assertIn(int(read(self.group_of(first) + "/pids.current")), (58, 59, 60))
        self.order(first, "crash")
        report = self.report_of(first)
        self.assertEqual(report["stacks"]["state"], "taken", "it has no thread to spare, and is not asked for one")
        [hit] = [each for each in report["limits_hit"] if each.startswith("threads: 60 in its control group; refused beyond them: ")]
        self.assertGreater(int(hit.rsplit(" ", 1)[1]), 0)
        self.assertIn(second, self.up(without=first))

    def test_a_driver_that_spins_gets_its_share_and_no_more(self):
        self.start()
        first, second = self.install()
        self.order(first, "processor").communicate(timeout=60 * harness.PATIENCE)
        statistics = self.group_of(first) + "/cpu.stat"

        def usage():
            return {name: int(value) for name, value in (line.split() for line in read(statistics).splitlines())}

        self.wait_for(lambda: usage()["nr_throttled"] > 0, "it to be slowed down")
        before, began = usage()["usage_usec"], time.monotonic()
        time.sleep(3)  # how much it gets is a matter of time
        share = (usage()["usage_usec"] - before) / (time.monotonic() - began) / 1e6
        self.assertLess(share, 0.4)
        self.order(first, "crash")
        self.assertTrue([each for each in self.report_of(first)["limits_hit"] if each.startswith("processor time: it had to wait")])
        self.assertIn(second, self.up(without=first))


class DelegatedToUser(GroupCase):
    ordinary_user = True

    def test_an_ordinary_users_drivers_have_groups_and_memory_limits(self):
        self.assertTrue(self.doctor()["present"], self.doctor()["found"])
        self.start()
        first, second = self.install()
        self.assertEqual(read(self.group_of(first) + "/memory.max"), str(96 * MIB))
        self.order(first, "memory")
        self.assertTrue(any(each.startswith("memory: all") for each in self.report_of(first)["limits_hit"]))
        self.assertIn(second, self.up(without=first))


class NotDelegated(GroupCase):
    delegated = False

    def test_what_was_not_delegated_is_left_alone_and_the_price_is_told(self):
        feature = self.doctor()
        self.assertEqual((feature["present"], feature["found"]), (False, f"the control group {self.group} is not delegated"))
        self.assertIn("Delegate=yes", feature["fix"])
        self.start()
        [first, _] = self.install()
        self.assertEqual(self.group_of(first), self.group)
        self.assertEqual(read(self.group + "/cgroup.subtree_control"), "")
        rights = self.services("IOUserServer")[0]["properties"]["OpenDextRights"]
        [missing] = [each for each in rights["missing"] if each["item"] == "cgroup"]
        self.assertIn("is not delegated", missing["why"])
        self.assertNotIn("memory", rights["limits"])

    def test_a_folder_that_the_administrator_names_needs_no_mark(self):
        self.realm.configure({**self.realm_settings, "sandbox.cgroup": self.group, "sandbox.require": "cgroup"})
        self.tool("opendext", "start")
        [first, _] = self.install()
        self.assertEqual(os.path.dirname(self.group_of(first)), self.group)

    def test_strict_mode_refuses_drivers_without_one(self):
        self.realm.configure({**self.realm_settings, "sandbox.require": "cgroup"})
        self.start()
        self.realm.run("opendext", "install", os.path.join(harness.PREFIX, "tests", "lab", "Glutton.dext"))
        self.wait_for(lambda: "this realm asks for cgroup (sandbox.require) and this machine does not give it" in self.realm.log_text(),
                      "the refusal")
        self.assertEqual(self.services("Glutton"), [])


if __name__ == "__main__":
    harness.main()
