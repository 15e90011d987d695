# SPDX-License-Identifier: Apache-2.0
"""`opendext debug`: gdb on a running driver, and on the next one before any of its code runs; no deadline ends a driver
that is being debugged or waits for it."""

import os
import shutil
import subprocess
import unittest

import harness
from crasher_realm import BUNDLE, CrasherCase, line_of


def lldb():
    """Where lldb is, as opendext debug finds it; None if it is not installed."""
    names = ["lldb", *(f"lldb-{version}" for version in range(25, 12, -1))]
    return next(filter(None, map(shutil.which, names)), None)


class DebugCase(CrasherCase):
    # Shorter than gdb needs to start on a loaded machine: they fire if they are not frozen.
    realm_settings = {**harness.KILLED_OFTEN, "deadline.load": "2 s", "deadline.start": "2 s", "deadline.check-in": "5 s"}

    def debug(self, *arguments):
        """opendext debug with a debugger in batch mode."""
        program = subprocess.Popen([harness.program("opendext"), "debug", *arguments], env=self.realm.environment(), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: (program.kill(), program.communicate()))
        return program

    def is_traced(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return "TracerPid:\t0\n" not in file.read()


class Cases:
    """What holds with either debugger, in whose words it is said."""

    chosen = also_chosen = ()  # options of opendext debug
    batch = command = ""  # options of the debugger: end without a question; a command follows
    at_function = at_line = listed = shown = slept = deleted = ""  # its commands
    seven = ""  # what it prints for an int

    def in_batch(self, *commands):
        return ["--", self.batch, *(word for each in commands for word in (self.command, each))]

    def test_a_breakpoint_in_a_static_constructor_and_in_start_of_the_next_instance(self):
        self.tool("ioreg")  # the realm is there
        program = self.debug(BUNDLE, "--wait", *self.chosen, *self.in_batch(
            self.at_function.format("Early::Early"), self.at_line.format(line_of("start") - 1), "continue", "bt 1",
            "continue", "bt 1", self.shown, self.slept, self.deleted, "detach"))
        self.assertIn("waiting for the next process", program.stdout.readline())
        self.install()
        output, _ = program.communicate(timeout=180 * harness.PATIENCE)
        self.assertIn("Early::Early", output)
        self.assertRegex(output, r"Start_Impl ?\(.*at .*Crasher\.cpp:")
        self.assertRegex(output, self.seven)
        self.up()
        self.assertEqual(self.reports(), [], "no deadline ended it")

    def test_a_running_driver_with_a_breakpoint_in_a_call(self):
        self.install()
        pid = self.up()
        program = self.debug("Crasher", *self.also_chosen, *self.in_batch(
            self.at_function.format("Crasher::Tick_Impl"), self.listed, "detach"))
        output, _ = program.communicate(timeout=120 * harness.PATIENCE)
        self.assertRegex(output, rf"Crasher\.cpp(:|, line )({line_of('action')}|{line_of('action') - 1})", output)
        self.assertEqual(self.up(), pid)
        self.assertRegex(self.tool("opendext", "debug", str(pid), *self.chosen, "--print"), rf"-?-p(id)? {pid}\b")


@unittest.skipUnless(shutil.which("gdb"), "gdb is not installed (apt install gdb)")
class DebugTest(Cases, DebugCase):
    chosen = ("--with", "gdb")
    batch, command = "-batch", "-ex"
    at_function, at_line, listed = "break {}", "break Crasher.cpp:{}", "info breakpoints"
    shown, slept, deleted = "print gSeven", "shell sleep 4", "delete"
    seven = r"\$1 = 7"

    def test_a_driver_that_crashes_under_the_debugger_dies_with_its_signal(self):
        self.install()
        pid = self.up()
        program = self.debug("Crasher", "--", "-batch", "-ex", "handle SIGSEGV nostop noprint pass", "-ex", "continue")
        self.wait_for(lambda: self.is_traced(pid), "gdb to have it", 90)
        self.order("segv")
        program.communicate(timeout=120 * harness.PATIENCE)
        report = self.report_of(pid)
        self.assertEqual((report["signal"], report["stacks"]["state"]), (11, "missing"))
        self.assertIn("is being debugged", report["stacks"]["reason"])

    def test_a_driver_whose_debugger_goes_without_attaching_goes_on(self):
        self.tool("ioreg")
        idle = os.path.join(self.folder, "gdb-idle")
        with open(idle, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexec sleep 1000\n")
        os.chmod(idle, 0o755)
        program = self.debug("crasher", "--wait", "--with", idle)
        self.assertIn("waiting for the next process", program.stdout.readline())
        self.install()
        [pid] = self.wait_for(lambda: self.realm.drivers(BUNDLE), "the process")
        self.wait_for(lambda: harness.command_line(program.pid).startswith("sleep"), "the debugger to run")
        self.assertEqual([each["registered"] for each in self.services("Crasher")], [False], "it waits")
        program.kill()
        self.assertEqual(self.up(), pid)

    def test_bad_input(self):
        self.assertIn("neither gdb nor lldb", self.refused("opendext", "debug", "x", "--with", "cat"))
        self.assertIn("not installed", self.refused("opendext", "debug", "x", "--with", "gdb-99"))
        self.tool("ioreg")
        self.assertIn("--wait", self.refused("opendext", "debug", "nobody"))
        self.assertIn("timed out", self.refused("opendext", "debug", "nobody", "--wait", "--timeout", "1").lower()
                      .replace("no answer", "timed out"))
        for arguments in ([], ["x", "--timeout", "0"], ["x", "--wait", "--print"]):
            self.assertEqual(self.realm.run("opendext", "debug", *arguments).returncode, 2, arguments)


@unittest.skipUnless(lldb(), "lldb is not installed (apt install lldb)")
class LldbTest(Cases, DebugCase):
    chosen, also_chosen = ("--debugger", "lldb"), ("--with", lldb())
    batch, command = "--batch", "-o"
    at_function, at_line = "breakpoint set --name {}", "breakpoint set --file Crasher.cpp --line {}"
    listed = "breakpoint list"
    shown, slept, deleted = "p gSeven", "platform shell sleep 4", "breakpoint delete --force"
    seven = r"\(.*int.*\) (\$0 = )?7"


if __name__ == "__main__":
    harness.main()
