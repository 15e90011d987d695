# SPDX-License-Identifier: Apache-2.0
"""Who may look into a driver where the kernel restricts tracing (Yama). In a realm of an ordinary user drivers have user
namespaces that belong to that user, so the user may trace them also where others' processes are out of reach (1), and where only
who has the capability for it may trace (2). With 3 nobody may, and that is said."""

import os
import shutil

import harness
from glutton_case import Gluttons, line_of
from lab_case import IN_LAB, LabCase, read, write

SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
AT_BOOT = int(read(SCOPE)) if IN_LAB else 0
GDB = shutil.which("gdb") is not None


def places(report):
    """(file name, line) of the frames of all threads."""
    return [(os.path.basename(frame.get("file", "")), frame.get("line", 0))
            for thread in report["threads"] for frame in thread["frames"]]


class Tracing(Gluttons, LabCase):
    ordinary_user = True
    realm_settings = {**harness.KILLED_OFTEN, "deadline.set-properties": "3 s"}

    def debug(self, pid):
        result = self.realm.run("opendext", "debug", str(pid), "--with", "gdb", "--", "-batch", "-ex", "info threads", "-ex", "detach",
                                timeout=150)
        return result.stdout + result.stderr

    def look_into_drivers(self, debugger):
        first, second = self.up()
        self.order(first, "crash")
        report = self.report_of(first)
        self.assertEqual((report["signal"], report["stacks"]["state"]), (11, "taken"), report["stacks"])
        self.assertIn(("Glutton.cpp", line_of("crash")), places(report))
        pids = self.up(without=first)
        self.assertIn(second, pids)
        self.order(second, "hang")
        report = self.report_of(second)
        self.assertEqual(report["stacks"]["state"], "taken", report["stacks"])
        self.assertIn(("Glutton.cpp", line_of("hang")), places(report))
        if debugger:
            pid = self.up(without=second)[0]
            self.assertRegex(self.debug(pid), r"(?m)^\* 1 +.*\(", "gdb shows a thread and where it is")

    if AT_BOOT < 3:
        def test_stacks_and_the_debugger(self):
            self.install()
            for scope in (1, 2):
                with self.subTest(scope=scope):
                    write(SCOPE, scope)
                    # Once is enough: gdb takes long here, and what it may is what the taker of stacks may.
                    self.look_into_drivers(debugger=GDB and scope == 1)

    else:  # sysctl.kernel.yama.ptrace_scope=3, which is for as long as the machine runs
        def test_where_nobody_may_trace_that_is_said(self):
            first, second = self.install()
            self.order(first, "crash")
            report = self.report_of(first)
            self.assertEqual((report["signal"], report["stacks"]["state"]), (11, "missing"))
            self.assertIn("ptrace_scope", report["stacks"]["reason"])
            self.assertIn(second, self.up(without=first))
            if GDB:
                self.assertIn("ptrace_scope", self.debug(second))
            doctor = self.realm.run("opendext", "doctor").stdout
            self.assertIn("ptrace_scope", doctor)


if __name__ == "__main__":
    harness.main()
