# SPDX-License-Identifier: Apache-2.0
"""An idle driver process has little memory of its own: most of it is shared with the process that it was forked from
(docs/benchmarks.md, isolation, says what the rest is). Private pages are counted, not the share (PSS), which depends on how
many drivers there are."""

import json
import os
import statistics
import subprocess
import sys
import tempfile

import harness

sys.path.insert(0, os.path.join(harness.SOURCE, "benchmarks", "isolation"))
import bench  # noqa: E402 pylint: disable=wrong-import-position

COUNT = 8
MOST = 128  # KiB; 108 to 116 where this was written, and a page is easily had or lost


class IdleMemoryTest(harness.RealmCase):
    """A realm with one driver that publishes nubs, and a driver process for each of them, whose clients come and go."""

    def idle_memory(self, settings):
        """Median of the private KiB of the leaves' processes, when they have given back what they do not need."""
        folder = tempfile.TemporaryDirectory(prefix="opendext-")
        self.addCleanup(folder.cleanup)
        client, _ = bench.build(folder.name)
        self.realm.configure(settings)
        bench.tool(self.realm, "opendext", "install", os.path.join(folder.name, "Swarm.dext"))
        harness.wait_for(lambda: self.realm.drivers(bench.BUNDLE), "the driver that publishes the nubs")
        program = subprocess.Popen([client, "crowd", str(COUNT)], env=self.realm.environment(), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        with program.stdin, program.stdout:
            self.assertEqual(json.loads(program.stdout.readline())["answered"], COUNT)
            last = []

            def median():
                last[:] = [bench.memory(pid)[1] for pid in self.realm.drivers(bench.BUNDLE)]
                self.assertGreaterEqual(len(last), COUNT)
                return statistics.median(last) <= MOST
            try:
                harness.wait_for(median, f"drivers with at most {MOST} KiB of their own", timeout=10)
            except AssertionError as error:
                raise AssertionError(f"{error}: they have {sorted(last)}") from None
            program.stdin.write("\n")
            program.stdin.flush()
            self.assertIn("ended", json.loads(program.stdout.readline()))

    @harness.not_sanitized("shadow memory is private")
    def test_of_a_driver_that_is_started_anew(self):
        self.idle_memory({"restart.spare-processes": "0"})

    @harness.not_sanitized("shadow memory is private")
    def test_of_drivers_that_were_spare_processes(self):
        self.idle_memory({"restart.spare-processes": "4"})


if __name__ == "__main__":
    harness.main()
