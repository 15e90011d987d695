# SPDX-License-Identifier: Apache-2.0
"""Every wait for a driver that can pass does so here, in real time: the driver is reported with what it was asked and its
stacks, ended, and restarted or replaced. Deadlines under a debugger stand still."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import harness
from unruly_realm import BUNDLE, UnrulyCase, candidates

# Traces a process until its standard input ends.
TRACER = """
import ctypes, os, sys
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None) != 0:
    print(os.strerror(ctypes.get_errno()), flush=True)
else:
    print("traces", flush=True)
sys.stdin.read()
"""


class Deadlines(UnrulyCase):
    def reported(self, what, name="First"):
        """The driver was reported as hanging for `what`, with its stacks, and its end was counted as a crash."""
        self.wait_for_line("it hangs and is going to be ended: " + what)
        crashed = self.wait_for(lambda: (each := self.quarantine("--all").get(name)) and each["crashes"] and each,
                                "the crash to be counted")
        self.assertIn("killed by opendextd: " + what, crashed["last_reason"])
        if self.said("no stacks:"):
            print("this machine gives no stacks: " + self.said("no stacks:")[0], flush=True)
            return ""
        return "\n".join(self.said("while it hangs: "))

    def test_init(self):
        self.realm.configure({"deadline.init": "1 s"})
        self.install(candidates({"IOUserClass": "UnrulyPause"}, {}))
        self.up("Second")
        stacks = self.reported("init: no answer within 1000 ms")
        self.assertTrue(not stacks or "init" in stacks, stacks)

    def test_start_and_its_stacks(self):
        self.realm.configure({"deadline.start": "1 s"})
        self.install(candidates({"UnrulyStart": "hang"}, {}))
        self.up("Second")
        stacks = self.reported("Start: no answer within 1000 ms")
        self.assertTrue(not stacks or "UnrulyHang" in stacks, stacks)

    def test_start_in_an_endless_loop(self):
        self.realm.configure({"deadline.start": "1 s"})
        self.install(candidates({"UnrulyStart": "loop"}, {}))
        self.up("Second")
        stacks = self.reported("Start: no answer within 1000 ms")
        self.assertTrue(not stacks or "UnrulyLoop" in stacks, stacks)

    @contextlib.contextmanager
    def slow_processes(self):
        """New driver processes get next to no time of a processor."""
        self.tool("ioreg")  # the realm is up
        prepared = self.wait_for(
            lambda: [pid for pid in self.realm.processes() if "opendext-driver" in harness.command_line(pid)],
            "the prepared process")
        processor = min(os.sched_getaffinity(0))
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            os.sched_setaffinity(burner.pid, {processor})
            for pid in prepared:
                # One that tries out what the machine can do ends while this goes on.
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(pid, {processor})
                    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
            yield
        finally:
            burner.kill()
            burner.wait()

    def test_check_in(self):
        # A process checks in within a millisecond or two of being reported. One that was in time is killed and has to
        # begin again, until one is late.
        self.realm.configure({"deadline.check-in": "0 ms", "restart.policy": "driverkit", "restart.spare-processes": "0"})
        what = "user server timeout: " + BUNDLE + " did not check in"
        with self.slow_processes(), self.installing(candidates({})):
            def overdue():
                for pid in self.present().values():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return self.said("it hangs and is going to be ended: " + what)
            self.wait_for(overdue, "a process to be late", 90)
        self.wait_for_line("died: signal 9 (Killed), killed by opendextd: " + what)

    def test_stop(self):
        self.realm.configure({"deadline.stop": "1 s"})
        self.install(candidates({"UnrulyStop": "hang"}, {}))
        first = self.up("First")
        self.assertEqual(self.ordered("terminate"), "ok")
        self.up("Second")
        self.gone(first)
        self.wait_for_line("it hangs and is going to be ended: Stop of Unruly did not finish in time")
        self.assertEqual(self.quarantine("--all")["First"]["state"], "left", "it had decided to go")

    def test_power(self):
        self.realm.configure({"deadline.power": "1 s"})
        self.install(candidates({"UnrulyPower": "hang"}))
        first = self.up("First")
        self.tool("opendext", "power", "sleep")
        self.gone(first)
        self.reported("SetPowerState(off) of Unruly was not acknowledged in time (super's SetPowerState)")
        self.tool("opendext", "power", "wake")
        self.up("First", first)

    def test_a_call(self):
        self.realm.configure({"deadline.set-properties": "1 s"})
        self.install(candidates({}))
        first = self.up("First")
        answer = self.ordered("hang")
        self.assertNotEqual(answer, "ok")
        stacks = self.reported("SetProperties: no answer within 1000 ms")
        self.assertTrue(not stacks or "UnrulyHang" in stacks, stacks)
        self.up("First", first)

    def test_the_defaults_when_the_realm_ends(self):
        self.install(candidates({"UnrulyStop": "hang"}))
        first = self.up("First")
        begin = time.monotonic()
        self.tool("opendext", "stop")
        self.gone(first)
        self.assertGreaterEqual(time.monotonic() - begin, 4.9, "Stop after unplug has 5 s")
        self.assertTrue(self.said("Stop after unplug of Unruly did not finish in time; detached without it"))

    def test_a_deadline_stands_still_under_a_debugger(self):
        self.realm.configure({"deadline.start": "6 s", "restart.quarantine-after": "1"})
        with self.installing(candidates({"UnrulyStart": "hang"})):
            [pid] = self.wait_for(lambda: self.realm.drivers(BUNDLE), "the driver's process")
            tracer = subprocess.Popen([sys.executable, "-B", "-c", TRACER, str(pid)], text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            self.addCleanup(lambda: (tracer.kill(), tracer.communicate()))
            answer = tracer.stdout.readline().strip()
            if answer != "traces":
                self.skipTest(f"this machine lets nobody trace the driver: {answer}")
            time.sleep(9)
            self.assertIsNotNone(harness.start_time(pid), "it was ended while it was traced")
            self.assertEqual(self.said("it hangs"), [])
            tracer.communicate("")
            self.gone(pid)
        self.wait_for_line("it hangs and is going to be ended: Start: no answer within 6000 ms")

    def test_a_stopped_driver_does_not_get_out_of_its_deadlines(self):
        self.realm.configure({"deadline.set-properties": "1 s"})
        self.install(candidates({}))
        first = self.up("First")
        os.kill(first, signal.SIGSTOP)
        self.assertNotEqual(self.ordered("nothing"), "ok")
        self.gone(first)
        self.up("First", first)

    def test_settings_that_cannot_be_read_keep_the_realm_from_coming_up(self):
        self.realm.configure({"deadline.strat": "1 s"})
        self.assertIn("daemon.err", self.refused("opendext", "power", "status"))
        with open(os.path.join(self.realm.root, "daemon.err"), encoding="utf-8") as file:
            self.assertIn("realm.conf:1: there is no setting \"deadline.strat\"; the settings are: crash.", file.read())


if __name__ == "__main__":
    harness.main()
