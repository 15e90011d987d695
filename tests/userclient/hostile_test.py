# SPDX-License-Identifier: Apache-2.0
"""A program that writes garbage into the memory it shares with the driver, while it calls and others call too: neither
process crashes, the connection ends with a reason, and nothing else happens. OPENDEXT_TEST_LONG=1 tries many more seeds."""

import os
import signal
import subprocess

import harness
import strain_realm
from strain_realm import Use

SEEDS = range(1, 101 if strain_realm.LONG else 3)
ROUNDS, WRITES = 4, 400


class Hostile(strain_realm.StrainCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hostile = os.path.join(cls.built, "hostile")
        strain_realm.compile_program("hostile.cpp", cls.hostile)

    def test_garbage_in_shared_memory_ends_the_connection_and_no_process(self):
        driver = self.wait_for_driver()
        observer = self.opened()
        observer.tell("stream 1000 2 1 0")
        observer.numbers("stream-wait 30")
        before = Use(driver)
        ended, reasons = 0, set()
        for seed in SEEDS:
            with self.subTest(seed=seed):
                program = subprocess.Popen([self.hostile, str(seed), str(ROUNDS), str(WRITES)], env=self.realm.environment(),
                                           text=True, stdout=subprocess.PIPE)
                self.addCleanup(program.kill)
                while program.poll() is None:
                    observer.tell("add")
                out = program.stdout.read()
                program.stdout.close()
                self.assertEqual(program.returncode, 0, f"the program: {signal.strsignal(-program.returncode) if program.returncode < 0 else ''} {out}")
                lines = out.splitlines()
                ended += int(lines[0].split()[1])
                reasons.update(line.removeprefix("reason ") for line in lines[1:])
                self.assertEqual(self.wait_for_driver(), driver, "the driver goes on")
                self.wait_for_counts(observer, 1, "all user clients of the hostile program to be freed")
        print(f"{ended} of {len(SEEDS) * ROUNDS} connections were ended: {sorted(reasons)}")
        self.assertGreater(ended, 0)
        self.assertNotIn("", reasons)
        self.wait_for(lambda: Use(driver).files <= before.files and Use(driver).threads <= before.threads + 4, "the driver to let all go")
        self.assertNotIn(" died: ", self.realm.log_text())
        observer.tell("echo 100000")


if __name__ == "__main__":
    harness.main()
