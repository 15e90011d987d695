# SPDX-License-Identifier: Apache-2.0
"""opendextd is stopped (SIGSTOP): every tool ends soon, and says which process is stopped and how to let it go on."""

import json
import os
import signal
import socket
import time

import harness

TOOLS = (("opendext", "status"), ("opendext", "explain", "IOResources"), ("opendext", "install", harness.dext("SerialOverTCP")),
         ("ioreg",), ("systemextensionsctl", "list"))


class Stopped(harness.RealmCase):
    def stopped_daemon(self):
        self.tool("opendext", "start")
        daemon = next(pid for pid in self.realm.processes() if harness.command_line(pid).split(" ")[0].endswith("/opendextd"))
        os.kill(daemon, signal.SIGSTOP)
        self.addCleanup(os.kill, daemon, signal.SIGCONT)
        return daemon

    def test_every_tool_says_so_and_ends(self):
        daemon = self.stopped_daemon()
        for tool in TOOLS:
            with self.subTest(tool=tool):
                began = time.monotonic()
                result = self.realm.run(*tool)
                self.assertEqual(result.returncode, 1, result)
                message = result.stdout + result.stderr
                self.assertIn(f"opendextd (process {daemon}) is stopped; kill -CONT {daemon} has it go on", message)
                self.assertLess(time.monotonic() - began, 20 * harness.PATIENCE)
        status = json.loads(self.realm.run("opendext", "status", "--json").stdout)
        self.assertEqual(status["up"], False)
        self.assertIn("is stopped", status["problem"])
        os.kill(daemon, signal.SIGCONT)
        status = json.loads(self.tool("opendext", "status", "--json"))
        self.assertEqual((status["up"], status["daemon_pid"], status["problem"]), (True, daemon, ""))

    def test_a_queue_that_is_full_holds_nobody_up(self):
        self.stopped_daemon()
        path = os.path.join(self.realm.root, "run", "opendextd.sock")
        waiting = []
        self.addCleanup(lambda: [each.close() for each in waiting])
        while len(waiting) < 10000:
            one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            one.setblocking(False)
            waiting.append(one)
            try:
                one.connect(path)
            except BlockingIOError:
                break
        began = time.monotonic()
        self.assertIn("takes no more connections: its process is stopped, or has too much to do", self.refused("ioreg"))
        self.assertLess(time.monotonic() - began, 40 * harness.PATIENCE)


if __name__ == "__main__":
    harness.main()
