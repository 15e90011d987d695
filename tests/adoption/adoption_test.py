# SPDX-License-Identifier: Apache-2.0
"""opendextd is killed at rest and under load: drivers, identifiers, connections and notifications stay."""

import os
import signal
import threading
import time

import harness
from adoption_case import LONG, AdoptionCase

NOT_RESPONDING = 0xe00002ed


class Adoption(AdoptionCase):
    def test_at_rest_everything_is_there_again(self):
        driver = self.wait_for_driver()
        program = self.opened()
        before = self.entries()
        self.kill_and_wait()
        self.assertEqual(self.entries(), before, "entries, their ids and processes")
        self.assertEqual(self.wait_for_driver(), driver)
        program.tell("add")
        program.tell("echo 100")
        program.tell("close")
        self.wait_for(lambda: len(self.entries()) == len(before) - 1, "the user client to be gone")
        program.tell("open 0")
        program.tell("add")
        self.wait_for_line("1 driver processes were adopted, 0 had ended")

    def test_calls_and_completions_do_not_notice(self):
        """Completions at 1 kHz and calls without a pause, through three deaths."""
        streaming, calling = self.opened(), self.opened()
        count = 6000
        streaming.tell(f"stream 1000 {count} 16 0")
        stop, slowest, calls = threading.Event(), [0.0], [0]

        def call():
            while not stop.is_set():
                begin = time.monotonic()
                calling.tell("add")
                slowest[0] = max(slowest[0], time.monotonic() - begin)
                calls[0] += 1
        thread = threading.Thread(target=call)
        thread.start()
        try:
            for _ in range(3):
                made = calls[0]
                victim = self.kill_daemon()
                harness.wait_for(lambda made=made: calls[0] > made + 20, "calls while opendextd is away")
                harness.wait_for(lambda victim=victim: self.daemon() not in (None, victim), "the next opendextd")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(streaming.numbers("stream-wait 120", 150), [count, 0], "how many came, how many were wrong")
        print(f"{calls[0]} calls, the slowest {slowest[0] * 1000:.1f} ms")

    def test_a_program_that_goes_meanwhile_is_cleaned_up_after(self):
        staying, going = self.opened(), self.opened()
        self.assertEqual(staying.numbers("counts")[0] - staying.numbers("counts")[3], 2)
        # Both at once: whichever order the deaths have, its user client must end.
        os.kill(self.daemon(), signal.SIGSTOP)
        going.kill()
        self.kill_and_wait()
        self.wait_for_counts(staying, 1, "the user client of the program that ended")
        staying.tell("add")

    def test_a_driver_that_dies_meanwhile_is_started_again(self):
        driver = self.wait_for_driver()
        program = self.opened()
        daemon = self.daemon()
        os.kill(daemon, signal.SIGSTOP)
        os.kill(driver, signal.SIGSEGV)
        harness.wait_for(lambda: harness.start_time(driver) is None, "the driver to die")
        self.kill_and_wait()
        self.wait_for_driver(other_than=driver)
        self.wait_for_line("0 driver processes were adopted, 1 had ended")
        self.wait_for_line("signal 11 (Segmentation fault)")
        code, reason = program.ask("add")
        self.assertEqual(code, NOT_RESPONDING, reason)
        program.tell("close")
        program.tell("open 0")
        program.tell("add")

    def test_questions_during_the_outage_wait_for_the_answer(self):
        program = self.start_program()
        program.tell("open 0")
        program.tell("close")
        for _ in range(3):
            self.kill_daemon()
            program.tell("open 0")
            program.tell("add")
            self.kill_daemon()
            program.tell("close")

    def test_a_program_that_begins_during_the_outage_waits(self):
        for _ in range(3):
            self.kill_daemon()
            program = self.opened()
            program.tell("add")

    def test_a_sleeping_system_sleeps_on(self):
        program = self.opened()
        self.tool("opendext-power", "sleep")
        self.kill_and_wait()
        self.assertIn("the system is asleep", self.tool("opendext-power", "status"))
        program.order("add")
        self.kill_and_wait()
        self.tool("opendext-power", "wake")
        self.assertEqual(program.result("add")[0], 0, "the call was held and then made")
        self.kill_and_wait()
        self.assertIn("the system is awake", self.tool("opendext-power", "status"))

    def test_many_deaths_in_a_row_leave_nothing_behind(self):
        # From the next opendextd on: what there is is known.
        self.realm.configure({**self.realm_settings, "restart.spare-processes": "0"})
        driver = self.wait_for_driver()
        program = self.opened()
        self.kill_and_wait()
        before, processes = self.entries(), self.drivers_now()
        files = {pid: self.files(pid) for pid in (self.keeper.pid, driver, self.daemon())}
        daemon = self.daemon()
        for _ in range(50 if LONG else 12):
            self.kill_and_wait()
            program.tell("add")
        self.assertEqual(self.entries(), before)
        self.assertEqual(self.drivers_now(), processes)
        self.assertEqual(self.files(self.keeper.pid), files[self.keeper.pid], "descriptors of the keeper")
        self.assertEqual(self.files(driver), files[driver], "descriptors of the driver")
        self.wait_for(lambda: self.files(self.daemon()) <= files[daemon], "no more descriptors of opendextd than before")
        self.assertEqual(self.wait_for_driver(), driver)
        program.tell("close")
        self.wait_for_counts(self.opened(), 1, "user clients")

    def test_notifications_come_once(self):
        """What is there is told once, what comes and goes around deaths of opendextd too."""
        watching = self.start_program()
        watching.tell("watch")
        first = watching.expect("published")
        self.kill_and_wait()
        self.tool("opendext", "uninstall", "org.example.strain")
        gone = watching.expect("terminated")
        self.assertEqual(gone, first)
        self.kill_and_wait()
        self.tool("opendext", "install", self.dext)
        second = watching.expect("published")
        self.assertNotEqual(second, first)
        self.kill_daemon()
        driver = self.wait_for_driver()
        os.kill(driver, signal.SIGKILL)
        self.assertEqual(watching.expect("terminated"), second)
        third = watching.expect("published")
        self.kill_and_wait()
        self.wait_for_driver()
        watching.tell("watch")  # answered after whatever is still on its way
        events = [line for line in watching.events if line.split()[0] in ("published", "terminated")]
        self.assertEqual([line for line in events if line != f"published {third}"], [], "nothing is told twice")

    def test_the_end_of_the_realm_is_orderly(self):
        program = self.opened()
        self.kill_and_wait()
        program.tell("add")
        self.tool("opendext", "stop")
        self.assertEqual(self.keeper.wait(60), 0)
        self.wait_for_line("stop: StrainService")

    def test_the_end_of_the_realm_goes_on(self):
        """opendextd dies while it ends the realm: the next one ends it."""
        self.opened()
        daemon = self.daemon()
        os.kill(self.wait_for_driver(), signal.SIGSTOP)  # its Stop takes a while
        os.kill(daemon, signal.SIGTERM)
        self.wait_for_line("the realm ends")
        os.kill(daemon, signal.SIGKILL)
        self.assertEqual(self.keeper.wait(60), 0)
        self.wait_for(lambda: not self.realm.remaining(), "every process of the realm to end")

    def test_with_the_keeper_everything_ends(self):
        self.opened()
        self.kill_and_wait()
        self.realm.note_processes()
        self.assertGreater(len(self.realm.remaining()), 3)
        self.keeper.kill()
        self.keeper.wait()
        self.wait_for(lambda: not self.realm.remaining(), "every process of the realm to end")


class Quarantine(AdoptionCase):
    realm_settings = {"restart.quarantine-after": "2"}

    def test_a_quarantine_goes_on(self):
        driver = self.wait_for_driver()
        os.kill(driver, signal.SIGKILL)
        second = self.wait_for_driver(other_than=driver)
        self.kill_and_wait()
        os.kill(second, signal.SIGKILL)
        self.wait_for(lambda: "org.example.strain" in self.tool("opendext-quarantine", "ls"), "the quarantine")
        self.kill_and_wait()
        self.assertIn("org.example.strain", self.tool("opendext-quarantine", "ls"))
        self.assertFalse([each for each in self.services("strain") if each.get("pid")])
        self.tool("opendext-quarantine", "lift", "org.example.strain")
        self.wait_for_driver()


class Limit(AdoptionCase):
    def start_realm(self):
        self.start_keeper("--most-crashes", "2")

    def test_the_keeper_gives_up_in_the_end(self):
        self.kill_and_wait()
        self.kill_and_wait()
        self.kill_daemon()
        self.assertEqual(self.keeper.wait(60), 1)
        self.assertIn("the 3th time within a minute; giving up", self.keeper_messages())
        self.wait_for(lambda: not self.realm.remaining(), "every process of the realm to end")


if __name__ == "__main__":
    harness.main()
