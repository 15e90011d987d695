# SPDX-License-Identifier: Apache-2.0
"""What the tests of programs share: the recording port, and ports of serial-over-tcp with their far end."""

import os
import subprocess
import sys

import harness

sys.path[:0] = [os.path.join(harness.SOURCE, "families", "serial", "tests")]

import loop_line_case  # noqa: E402
from loop_line_case import WAIT, LoopLineCase, set_any_speed  # noqa: E402,F401


KINDS = ("activate", "deactivate", "uart", "baud", "flow", "fifo", "mcr")


class ProgramCase(LoopLineCase):
    """A test of programs at the recording port; `self.device` is its path."""

    def expect_call(self, *wanted):
        """Waits until the driver has got each of these calls since the last that was waited for, in any order, among others."""
        def found():
            calls = self.calls(*KINDS)
            places = [calls.index(call, self.since) for call in wanted]  # ValueError: not yet
            return max(places) + 1
        self.since = self.wait_for(found, f"the calls {wanted}")

    def expect_speed(self, speed):
        """Waits until the driver was told this speed: at its opening (then with all settings) or later."""
        self.wait_for(lambda: any(call.split()[1] == str(speed) for call in self.calls("uart", "baud")), f"the speed {speed}")
        self.assertEqual([call.split()[2:] for call in self.calls("uart")][-1][0], "8")

    def setUp(self):
        super().setUp()
        self.since = 0

    def keep_open(self):
        """The port stays open, so that a program's settings stay to be looked at after its end."""
        descriptor = self.open()
        self.addCleanup(os.close, descriptor)
        self.expect_call(*loop_line_case.OPENED)
        return descriptor

    def run_program(self, command, environment=None, timeout=60, **options):
        """Runs a program to its end; gives the CompletedProcess, whatever its status."""
        return subprocess.run(command, env=environment, capture_output=True, timeout=timeout * harness.PATIENCE, check=False, **options)

    def start(self, command, environment=None, **options):
        """Starts a program; it ends with the test."""
        process = subprocess.Popen(command, env=environment, **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        try:
            process.wait(10 * harness.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
