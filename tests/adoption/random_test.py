# SPDX-License-Identifier: Apache-2.0
"""opendextd is killed between any two instructions: while drivers are matched, started, stopped and terminated, while
programs open and close, install and uninstall. OPENDEXT_SEED=N repeats a run; OPENDEXT_TEST_LONG=1 makes it longer."""

import os
import random
import threading
import time

import harness
from adoption_case import LONG, AdoptionCase, seed

KILLS = 200 if LONG else 12


class RandomKills(AdoptionCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(seed())

    def kill_meanwhile(self, work, kills=KILLS):
        """Runs `work` again and again while opendextd is killed at random moments."""
        stop, problems, rounds = threading.Event(), [], [0]

        def run():
            while not stop.is_set():
                try:
                    work()
                    rounds[0] += 1
                except BaseException as problem:  # pylint: disable=broad-exception-caught
                    problems.append(problem)
                    return
        thread = threading.Thread(target=run)
        thread.start()
        killed = 0
        try:
            while killed < kills and not problems:
                # 0.3 ms to 0.3 s: also before the last one has found its feet. The moment is the test.
                time.sleep(10 ** self.random.uniform(-3.5, -0.5) * harness.PATIENCE)
                self.kill_daemon()
                killed += 1
        finally:
            stop.set()
            thread.join()
        if problems:
            raise problems[0]
        print(f"{killed} kills, {rounds[0]} rounds")

    def settled(self):
        """Until the realm rests; gives its entries."""
        def quiet():
            self.tool("ioreg")
            first = self.entries()
            time.sleep(0.2)
            return first if first == self.entries() else None
        return self.wait_for(quiet, "the registry to rest", 60)

    def test_open_and_close(self):
        """Each round opens, calls and closes; what a program is told is either success or a reason it can repeat after."""
        driver = self.wait_for_driver()
        program, staying = self.start_program(), self.opened()
        before = self.settled()

        def round_of_calls():
            program.tell("open 0", 120)
            program.tell("add", 120)
            program.tell("close", 120)
        self.kill_meanwhile(round_of_calls)
        staying.tell("add")
        self.wait_for_counts(staying, 1, "every other user client to be gone")
        self.wait_for(lambda: self.settled() == before, "the entries from before", 60)
        self.assertEqual(self.wait_for_driver(), driver, "the driver was adopted every time")

    def test_install_and_uninstall(self):
        """Matching, Start, Stop and termination are interrupted: in the end there is one driver, and it works."""
        def exchange():
            for order in (("uninstall", "org.example.strain"), ("install", self.dext)):
                # opendextd may go while the tool waits for its answer: that is said, and asking again is right.
                harness.wait_for(lambda order=order: self.realm.run("opendext", *order).returncode == 0 or self.is_done(order),
                                 f"opendext {order[0]}", 60)
        self.kill_meanwhile(exchange, max(KILLS // 2, 6))
        self.realm.run("opendext", "install", self.dext)
        driver = self.wait_for_driver()
        self.settled()
        found = [each for each in self.services("strain") if each.get("pid")]
        self.assertEqual([each["pid"] for each in found], [driver], "one driver")
        self.assertEqual(len(self.realm.drivers("org.example.strain")), 1, "one process of it")
        program = self.opened()
        program.tell("add")
        self.assertEqual(program.numbers("counts")[0] - program.numbers("counts")[3], 1)

    def is_done(self, order):
        listed = "org.example.strain" in self.realm.run("systemextensionsctl", "list").stdout
        return listed == (order[0] == "install")

    def test_programs_and_drivers_that_die_at_the_same_time(self):
        for _ in range(max(KILLS // 3, 4)):
            driver = self.wait_for_driver()
            program = self.opened()
            deaths = [lambda program=program: program.kill(), self.kill_daemon]
            if self.random.random() < 0.5:
                deaths.append(lambda driver=driver: os.kill(driver, 9))
            self.random.shuffle(deaths)
            for death in deaths:
                death()
                time.sleep(self.random.uniform(0, 0.05))  # the moment is the test
            self.tool("ioreg")
        self.settled()
        watcher = self.opened()
        self.wait_for_counts(watcher, 1, "no user client of a program that is gone")
        watcher.tell("add")


if __name__ == "__main__":
    harness.main()
