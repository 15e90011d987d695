# SPDX-License-Identifier: Apache-2.0
"""The demonstration of ./run, without and with a terminal."""

import os
import re
import subprocess
import sys
import unittest

import pexpect

import harness

DEMO = [sys.executable, "-B", os.path.join(harness.SOURCE, "scripts", "demo.py"), "--prefix", harness.PREFIX]


def processes_below(folder):
    """Processes whose command names a path below `folder`."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and folder in harness.command_line(pid)]


class Demonstration(unittest.TestCase):
    def check(self, text):
        self.assertIn("built …/built/SerialOverTCP.dext", text)
        for name in ("SerialOverTCPControl", "SerialOverTCPNub", "SerialOverTCPPort", "IOSerialBSDClient", "IOCalloutDevice"):
            self.assertIn(name, text)
        sums = re.findall(r"sent +([0-9a-f]{64})\s+received ([0-9a-f]{64})", text)
        self.assertEqual(len(sums), 4, "each way before and after the kill")
        for sent, received in sums:
            self.assertEqual(sent, received)
        killed = re.search(r"kill -9 (\d+)", text)[1]
        self.assertNotEqual(re.search(r"new process is (\d+)", text)[1], killed)
        self.assertEqual(len(re.findall(r"OpenDext +[\d.]+ MB/s, socat +[\d.]+ MB/s, ratio [\d.]+", text)), 2)

    def test_without_a_terminal_it_ends_by_itself(self):
        result = subprocess.run(DEMO, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=300 * harness.PATIENCE, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.check(result.stdout)
        self.assertIn("no process is left", result.stdout)

    def test_with_a_terminal_the_port_stays_until_control_c(self):
        child = pexpect.spawn(DEMO[0], DEMO[1:], encoding="utf-8", timeout=300 * harness.PATIENCE, dimensions=(50, 200))
        self.addCleanup(child.close, force=True)
        child.expect("The port is yours")
        text = re.sub(r"\x1b\[[0-9;]*m|\r", "", child.before)
        self.check(text)
        child.expect(r"picocom (/\S+/realm/dev/cu\.demo)")
        device = child.match[1]
        folder = device[:device.index("/realm/")]
        self.assertTrue(processes_below(folder))

        # A terminal program has the port, and the remote computer sends back what it gets.
        terminal = pexpect.spawn("picocom", ["--quiet", "--noreset", device], encoding="utf-8", timeout=60 * harness.PATIENCE)
        self.addCleanup(terminal.close, force=True)
        # The connection to the new peer comes up with a pause; until then nothing comes back.
        terminal.send("hello over tcp")
        terminal.expect("hello over tcp")
        terminal.send("\x01\x18")
        terminal.expect(pexpect.EOF)

        child.sendcontrol("c")
        child.expect("no process is left")
        child.expect(pexpect.EOF)
        child.wait()
        self.assertEqual(child.exitstatus, 0)
        self.assertEqual(processes_below(folder), [])
        self.assertFalse(os.path.exists(folder))


if __name__ == "__main__":
    harness.main()
