# SPDX-License-Identifier: Apache-2.0
"""What the tests here share: a realm whose keeper rides out any number of deaths of opendextd, and kills of it."""

import contextlib
import os
import random
import signal
import subprocess
import sys

import harness

sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "userclient"))
from strain_realm import LONG, StrainCase  # noqa: E402 pylint: disable=wrong-import-position,unused-import


def seed():
    """Of what is random in this run: OPENDEXT_SEED repeats one."""
    chosen = int(os.environ.get("OPENDEXT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"OPENDEXT_SEED={chosen}", flush=True)
    return chosen


class Killer:
    """For a harness.RealmCase: starts its realm, kills its opendextd and waits for the next one."""

    def start_keeper(self, *options):
        """The realm's keeper, which does not give up."""
        with open(os.path.join(self.folder, "keeper.err"), "wb") as messages:
            keeper = subprocess.Popen(
                [harness.program("opendext-keeper"), "--realm", self.realm.root, "--foreground", "--most-crashes", "100000",
                 "--longest-pause", "0", *options],
                env=self.realm.environment(), stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        self.keeper = keeper

        def reap():
            self.realm.stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(30)
        self.addCleanup(reap)
        harness.wait_for(self.daemon, "the realm's opendextd")
        self.tool("ioreg")

    def keeper_messages(self):
        with open(os.path.join(self.folder, "keeper.err"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def daemon(self):
        """Process id of opendextd, None while there is none."""
        for pid in harness.children_of(self.keeper.pid):
            if harness.command_line(pid).split(" ")[0].endswith("/opendextd"):
                return pid
        return None

    def kill_daemon(self):
        """Kills it and gives its pid; does not wait for another."""
        victim = harness.wait_for(self.daemon, "an opendextd to kill")
        self.realm.note_processes()
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        return victim

    def kill_and_wait(self):
        """Kills it and waits until another serves."""
        victim = self.kill_daemon()
        harness.wait_for(lambda: self.daemon() not in (None, victim), "the next opendextd")
        self.tool("ioreg")
        return victim

    def entries(self):
        """Every registry entry as {id: (name, class, pid)}."""
        found = {}

        def walk(entry):
            found[entry["id"]] = (entry.get("name"), entry.get("class"), entry.get("pid"))
            for child in entry.get("children") or []:
                walk(child)
        tree = self.registry()
        for entry in tree if isinstance(tree, list) else [tree]:
            walk(entry)
        return found

    def drivers_now(self):
        """Process ids of everything that the keeper forked but opendextd and programs: drivers, the prepared process."""
        return sorted(pid for pid in harness.children_of(self.keeper.pid) if pid != self.daemon())

    def files(self, pid):
        return len(os.listdir(f"/proc/{pid}/fd"))


class AdoptionCase(Killer, StrainCase):
    """The driver of tests/userclient/strain is up in a realm whose opendextd is killed."""

    realm_settings = harness.KILLED_OFTEN

    @classmethod
    def setUpClass(cls):
        if cls is not AdoptionCase:
            super().setUpClass()

    def start_realm(self):
        self.start_keeper()
