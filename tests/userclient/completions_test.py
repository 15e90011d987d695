# SPDX-License-Identifier: Apache-2.0
"""Asynchronous completions: none lost, none out of order, every word as the driver wrote it; and clients that do not take
them. OPENDEXT_TEST_LONG=1 makes each stream 60 s long."""

import signal
import time

import harness
import strain_realm
from strain_realm import NOT_RESPONDING, SUCCESS, Use

SECONDS = 60 if strain_realm.LONG else 3
# What may pile up for a client that does not take its completions, on either side, with room for the allocator.
BOUND_KIB = 96 * 1024


class Completions(strain_realm.StrainCase):
    def test_one_a_millisecond_comes_in_order_and_none_is_lost(self):
        program = self.opened()
        count = SECONDS * 1000
        begin = time.monotonic()
        program.tell(f"stream 1000 {count} 16 0")
        self.assertEqual(program.numbers(f"stream-wait {SECONDS + 60}", SECONDS + 90), [count, 0], "how many came, how many were wrong")
        took = time.monotonic() - begin
        self.assertGreater(took, SECONDS * 0.95, "they came before their time")
        print(f"{count} completions in {took:.1f} s")

    def test_at_full_speed_they_come_in_order_and_none_is_lost(self):
        """With a window of the driver's own, and with none: then the runtime keeps the driver from outrunning the program."""
        program = self.opened()
        for window in (4096, 0):
            taken, begin = 0, time.monotonic()
            while time.monotonic() < begin + SECONDS / 2:
                for words in (1, 2, 3, 16):  # each has a form of call-back of its own, but for the last two
                    program.tell(f"stream 0 50000 {words} {window}")
                    self.assertEqual(program.numbers("stream-wait 60", 90), [50000, 0], "how many came, how many were wrong")
                    taken += 50000
            print(f"{taken / (time.monotonic() - begin):.0f} completions a second, window {window}")

    def test_more_than_16_words_are_refused(self):
        program = self.opened()
        program.tell("too-many")
        self.assertEqual(program.expect("completed"), "0x0 16 words right, call 1", "the one with 17 words does not come")
        self.wait_for_line("AsyncCompletion with 17 arguments, 16 is the most")
        program.tell("add")

    def flood(self, program, order):
        """The driver completes as fast as it can to a client that takes nothing, while another client is served."""
        other = self.opened()
        driver = self.wait_for_driver()
        before = {pid: Use(pid).rss for pid in (driver, program.pid)}
        order(program)
        peak = dict(before)
        slowest = 0.0

        def over():
            nonlocal slowest
            begin = time.monotonic()
            other.tell("add")
            slowest = max(slowest, time.monotonic() - begin)
            for pid in peak:
                peak[pid] = max(peak[pid], Use(pid).rss)
            return other.numbers("counts")[4] == 0
        harness.wait_for(over, "the driver to be through", 120)
        growth = {pid: peak[pid] - before[pid] for pid in peak}
        for pid, name in ((driver, "driver"), (program.pid, "client")):
            self.assertLess(growth[pid], BOUND_KIB, f"the {name} keeps what nobody takes")
        print(f"driver {growth[driver]} KiB, client {growth[program.pid]} KiB more; slowest call of another {slowest * 1000:.1f} ms")
        self.assertEqual(self.wait_for_driver(), driver, "the driver goes on")
        other.tell("add")
        return other

    def test_a_client_that_does_not_run_its_port_is_told(self):
        program = self.opened()
        other = self.flood(program, lambda each: each.tell("stream-unserved 0 1500000 16 0"))
        code, reason = program.ask("add")
        self.assertEqual(code, NOT_RESPONDING)
        # Whoever is quicker says it: the library whose port is full, or the driver that outruns it.
        self.assertRegex(reason, "notification port|does not read")
        program.tell("close")
        self.wait_for_counts(other, 1, "the user client of the connection to be freed")

    def test_a_client_that_is_stopped_holds_up_nobody_and_is_told(self):
        program = self.opened()

        def stop(each):
            each.tell("stream 20000 3 1 0")
            self.assertEqual(each.numbers("stream-wait 30"), [3, 0])
            each.tell("stream 0 1500000 16 0")
            each.kill(signal.SIGSTOP)
        other = self.flood(program, stop)
        self.wait_for_line("does not read its messages")
        program.kill(signal.SIGCONT)
        code, reason = program.ask("add")
        self.assertEqual(code, NOT_RESPONDING)
        self.assertIn("does not read", reason)
        # It may have been stopped before it took the first one.
        self.assertEqual(program.numbers("stream-so-far")[1], 0, "what came before the end came in order")
        program.tell("close")
        self.wait_for_counts(other, 1, "the user client of the connection to be freed")
        self.assertEqual(program.ask("open 0")[0], SUCCESS, "it may open again")
        program.tell("add")


if __name__ == "__main__":
    harness.main()
