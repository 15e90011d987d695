# SPDX-License-Identifier: Apache-2.0
"""Hundreds of ports in one realm, and what is said when a limit of the system is in the way."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import unittest

import harness
from serial_case import SerialCase, readable

PORTS = int(os.environ.get("OPENDEXT_TEST_PORTS", "200"))
AT_ONCE = 4


class ManyPorts(SerialCase):
    def inotify(self):
        """Which inotify instances opendextd and the keeper have (their watches tell one from another), and how many
        terminals are in them."""
        instances = set()
        for pid in self.realm.processes():
            folder = f"/proc/{pid}/fd"
            for fd in os.listdir(folder):
                try:
                    if os.readlink(f"{folder}/{fd}") != "anon_inode:inotify":
                        continue
                    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as file:
                        instances.add(tuple(sorted(line for line in file if line.startswith("inotify wd:"))))
                except FileNotFoundError:
                    continue
        return instances

    def echo(self, name, peer):
        """A byte each way through a port whose peer is `peer`."""
        port = self.open(os.path.join(self.realm.root, "dev", "cu." + name))
        connection, _ = peer.listener.accept() if peer.connection is None else (peer.connection, None)
        peer.connection = connection
        port.write(b"out")
        self.assertTrue(readable(connection.fileno(), 60), name)
        self.assertEqual(connection.recv(3), b"out")
        connection.sendall(b"in")
        self.assertEqual(port.read(2), b"in")
        port.close()

    def test_hundreds_of_ports_need_one_inotify_instance(self):
        peers = {f"p{number}": self.peer() for number in (0, PORTS // 2, PORTS - 1)}

        def add(number):
            name = f"p{number}"
            place = ("--connect", f"127.0.0.1:{peers[name].port}") if name in peers else ("--listen", "127.0.0.1:0")
            return self.realm.run("opendext-serial", "add", name, *place, timeout=300 * harness.PATIENCE)

        first = add(0)  # the realm starts
        self.assertEqual(first.returncode, 0, first.stderr)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for result in pool.map(add, range(1, PORTS)):
                self.assertEqual(result.returncode, 0, result.stderr)
        ports = self.ports()
        self.assertEqual(len(ports), PORTS)
        self.assertEqual(len({port["device"] for port in ports.values()}), PORTS)
        instances = self.inotify()
        self.assertEqual([len(watches) for watches in instances], [PORTS])
        for name, peer in peers.items():
            self.echo(name, peer)

        # Another opendextd: opens and closes of all of them are told again.
        daemon = next(pid for pid in self.realm.processes() if "opendextd" in harness.command_line(pid))
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: any("opendextd" in harness.command_line(pid) and pid != daemon
                                  for pid in self.realm.processes()), "opendextd to come back")
        self.wait_for(lambda: len(now := self.ports()) == PORTS and all(port["device"] for port in now.values()),
                      "all ports", 300)
        for name, peer in peers.items():
            self.echo(name, peer)
        self.assertEqual([len(watches) for watches in self.inotify()], [PORTS])

        for name in peers:
            self.serial("rm", name)
        self.wait_for(lambda: [len(watches) for watches in self.inotify()] == [PORTS - len(peers)], "the watches to go")


class Limits(SerialCase):
    def test_a_limit_that_is_used_up_is_named_with_the_way_out(self):
        # In a user namespace a user may lower limits for himself.
        inside = ["unshare", "--user", "--map-root-user", "sh", "-c"]
        if shutil.which("unshare") is None or subprocess.run([*inside, "echo 0 > /proc/sys/user/max_inotify_instances"],
                                                             capture_output=True, check=False).returncode != 0:
            self.skipTest("no user namespaces here")
        tool, daemon = harness.program("opendext-serial"), harness.program("opendext")
        script = (f"echo 0 > /proc/sys/user/max_inotify_instances; '{tool}' add line --listen 127.0.0.1:0; status=$?;"
                  f" '{tool}' ls; '{daemon}' stop; exit $status")
        done = subprocess.run([*inside, script], env=self.realm.environment(), capture_output=True, text=True, check=False,
                              timeout=120 * harness.PATIENCE)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in ("port line did not come up and was removed", "cannot watch terminals", "user.max_inotify_instances = 0",
                     "raise it (sysctl -w user.max_inotify_instances=N)"):
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout.strip(), "", "nothing is left of the port")


if __name__ == "__main__":
    unittest.main(verbosity=2)
