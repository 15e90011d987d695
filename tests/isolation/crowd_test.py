# SPDX-License-Identifier: Apache-2.0
"""Many driver processes of one realm at once: all start, all answer, all end in order, and what each costs the keeper does
not grow with how many there are. OPENDEXT_CROWD: how many (default: 100)."""

import json
import os
import subprocess
import sys
import tempfile

import harness

sys.path.insert(0, os.path.join(harness.SOURCE, "benchmarks", "isolation"))
import bench  # noqa: E402 pylint: disable=wrong-import-position

COUNT = int(os.environ.get("OPENDEXT_CROWD", "100"))
# A driver's end costs the keeper well below a millisecond of processor time; it was above 100 ms of it at 300 drivers when
# those that were ending kept it awake.
MOST_PER_END = 0.010


def processor_time(pid):
    """Seconds that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class CrowdTest(harness.RealmCase):
    """A realm with one driver that publishes nubs, and a driver process for each of them."""

    def test_many_at_once_start_answer_and_end(self):
        folder = tempfile.TemporaryDirectory(prefix="opendext-")
        self.addCleanup(folder.cleanup)
        client, _ = bench.build(folder.name)
        self.realm.configure({"restart.spare-processes": "0"})  # what there is afterwards is known
        bench.tool(self.realm, "opendext", "install", os.path.join(folder.name, "Swarm.dext"))
        harness.wait_for(lambda: self.realm.drivers(bench.BUNDLE), "the driver that publishes the nubs")
        before = set(self.realm.processes())

        program = subprocess.Popen([client, "crowd", str(COUNT)], env=self.realm.environment(), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        with program.stdin, program.stdout:
            started = json.loads(program.stdout.readline())
            self.assertEqual(started["answered"], COUNT)
            self.assertEqual(len(self.realm.drivers(bench.BUNDLE)), COUNT + 1)
            used = processor_time(self.realm.keeper_pid())
            program.stdin.write("\n")
            program.stdin.flush()
            self.assertIn("ended", json.loads(program.stdout.readline()))
        # A prepared process that served its number has handed over to another one.
        harness.wait_for(lambda: len(self.realm.processes()) <= len(before) + 1, "the processes to end")
        used = processor_time(self.realm.keeper_pid()) - used
        self.assertEqual(len(self.realm.drivers(bench.BUNDLE)), 1)
        self.assertLess(used / COUNT, MOST_PER_END * harness.PATIENCE)
        self.assertNotIn("died", self.realm.log_text())


if __name__ == "__main__":
    harness.main()
