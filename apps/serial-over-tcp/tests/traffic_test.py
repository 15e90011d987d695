# SPDX-License-Identifier: Apache-2.0
"""Bytes through a port, with programs that are not ours at both ends, and what happens when either end goes."""

import os
import signal
import subprocess
import termios
import threading
import time
import unittest

import harness
import pexpect
import serial
from serial_case import Peer, SerialCase, Stream, reader, socat, stream

MIB = 1 << 20


class Traffic(SerialCase):
    def test_ten_mebibytes_each_way_arrive_unchanged(self):
        peer = self.peer()
        device = self.add("bulk", peer)
        port = self.open(device)
        for name, write, read in (("out", port.write, lambda: peer.connection.recv(65536)),
                                  ("in", peer.connection.sendall, reader(port))):
            one = Stream(name, stream(10 * MIB, len(name)), write, read, piece=65536)
            one.start()
            one.finish(self)
        for one in self.both_ways(port, peer.connection, 4 * MIB, seed=7):
            one.finish(self)

    def test_picocom_talks_to_a_socat_echo(self):
        tcp = harness.free_port()
        echo = socat(f"TCP-LISTEN:{tcp},bind=127.0.0.1,reuseaddr,fork", "EXEC:cat")
        self.addCleanup(lambda: (echo.kill(), echo.wait()))
        device = self.serial("add", "term", "--connect", f"127.0.0.1:{tcp}").strip()
        self.wait_for(lambda: self.port("term")["state"] == "connected", "the connection")
        child = pexpect.spawn("picocom", ["-q", "-b", "57600", device], timeout=30 * harness.PATIENCE, encoding="utf-8")
        self.addCleanup(child.close, force=True)
        child.send("hello over there\r")
        child.expect("hello over there")
        child.sendcontrol("a")
        child.sendcontrol("x")
        child.expect(pexpect.EOF)

    def test_pyserial_settings_are_taken_and_refused_as_a_pty_does(self):
        peer = self.peer()
        port = self.open(self.add("set", peer), baudrate=19200, stopbits=serial.STOPBITS_TWO)
        port.baudrate = 250000
        port.rtscts = True
        port.write(b"x")
        self.assertEqual(peer.connection.recv(1), b"x")
        with self.assertRaises((termios.error, OSError, ValueError)):
            port.bytesize = serial.SEVENBITS
        with self.assertRaises(OSError):
            port.rts = True

    def test_port_survives_stop_and_restart_of_its_peer(self):
        peer = self.peer()
        device = self.add("heal", peer)
        port = self.open(device)
        port.write(b"first")
        self.assertEqual(peer.connection.recv(5), b"first")
        peer.stop()
        state = self.wait_for(lambda: (s := self.port("heal")["state"]).startswith(("peer gone", "Connection refused"))
                              and s, "the state of a lost peer")
        self.assertIn("retry in", state)
        port.write(b"second")
        peer.start()
        connection = peer.accept()
        self.assertEqual(connection.recv(6), b"second")
        connection.sendall(b"third")
        self.assertEqual(port.read(5), b"third")
        self.wait_for(lambda: self.port("heal")["state"] == "connected", "the state of a connected port")
        self.assertEqual(self.port("heal")["connections"], 2)

    def test_what_the_peer_sent_before_it_closed_is_still_delivered(self):
        peer = self.peer()
        device = self.add("late", peer)
        data = stream(300_000, 5)
        sender = threading.Thread(target=lambda: (peer.connection.sendall(data), peer.connection.close()), daemon=True)
        sender.start()
        port = self.open(device)
        # pyserial flushes its input at open: what the terminal held by then is gone, what waits behind it is not.
        got = bytearray()
        port.timeout = 3 * harness.PATIENCE
        read = reader(port)
        while piece := read():
            got += piece
        self.assertTrue(data.endswith(bytes(got)))
        self.assertGreater(len(got), 200_000)

    def test_listening_port_serves_socat_and_turns_a_second_caller_away(self):
        tcp = harness.free_port()
        device = self.serial("add", "ear", "--listen", f"127.0.0.1:{tcp}").strip()
        self.assertEqual(self.port("ear")["state"], "listening")
        port = self.open(device)
        caller = subprocess.Popen(["socat", "-t5", "-", f"TCP:127.0.0.1:{tcp}"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(lambda: (caller.kill(), caller.communicate()))
        caller.stdin.write(b"from socat")
        caller.stdin.flush()
        self.assertEqual(port.read(10), b"from socat")
        second = subprocess.run(["socat", "-t1", "-", f"TCP:127.0.0.1:{tcp}"], input=b"x", capture_output=True,
                                timeout=30 * harness.PATIENCE, check=False)
        self.assertEqual(second.stdout, b"")
        port.write(b"to socat")
        self.assertEqual(caller.stdout.read(8), b"to socat")

    def test_slow_reader_holds_the_peer_back(self):
        peer = self.peer()
        device = self.add("slow", peer)
        port = self.open(device)
        peer.connection.settimeout(1)
        sent = 0
        try:
            while sent < 64 * MIB:
                sent += peer.connection.send(b"z" * 65536)
        except TimeoutError:
            pass
        self.assertLess(sent, 32 * MIB, "nothing bounds the sender")
        got = 0
        read = reader(port)
        while got < sent:
            piece = read()
            self.assertTrue(piece, f"{got} of {sent} bytes")
            got += len(piece)

    def test_quick_writer_that_closes_at_once_is_heard(self):
        peer = self.peer()
        device = self.add("echo", peer)
        for number in range(20):
            text = f"line {number}\n".encode()
            with open(device, "wb", buffering=0) as file:
                file.write(text)
            got = b""
            while len(got) < len(text):
                got += peer.connection.recv(100)
            self.assertEqual(got, text)


class Faults(SerialCase):
    realm_settings = harness.KILLED_OFTEN

    def kill_driver(self, name, last):
        """Kills the driver of a port, once there is another than `last`; gives its pid."""
        def other():
            pid = self.ports().get(name, {}).get("pid")
            return pid if pid and pid != last else None
        pid = self.wait_for(other, f"a driver of {name}")
        os.kill(pid, signal.SIGKILL)
        return pid

    def test_killing_one_of_several_drivers_loses_and_repeats_no_byte(self):
        ends = {}
        for name in ("one", "two", "three"):
            peer = self.peer()
            ends[name] = (self.open(self.add(name, peer)), peer.connection)
        pids = {port["pid"] for port in self.ports().values()}
        self.assertEqual(len(pids), 3, "a process for each port")
        streams = [one for seed, (port, connection) in enumerate(ends.values())
                   for one in self.both_ways(port, connection, 2 * MIB, seed=seed, piece=2048, pause=0.001)]
        kills, last = 0, None
        while any(one.is_alive() for one in streams[:2]) and kills < 40:
            last = self.kill_driver("one", last)
            kills += 1
        for one in streams:
            one.finish(self)
        self.assertGreater(kills, 3, "the streams were over too soon to show anything")
        print(f"{kills} kills under traffic", flush=True)

    def test_killed_control_driver_gets_its_ports_back_and_applications_keep_theirs(self):
        peer = self.peer()
        port = self.open(self.add("kept", peer))
        port.write(b"before")
        self.assertEqual(peer.connection.recv(6), b"before")
        control = [entry for entry in self.services("SerialOverTCPControl")]
        self.assertEqual(len(control), 1)
        old = self.port("kept")["pid"]
        drivers = set(self.realm.drivers("org.opendext.SerialOverTCP")) - {old}
        self.assertEqual(len(drivers), 1)
        os.kill(drivers.pop(), signal.SIGKILL)
        self.wait_for(lambda: self.ports().get("kept", {}).get("pid") not in (None, 0, old), "the port's new driver")
        port.write(b"after")
        self.assertEqual(peer.connection.recv(5), b"after")
        peer.connection.sendall(b"answer")
        self.assertEqual(port.read(6), b"answer")

    def test_killed_daemon_comes_back_and_applications_keep_their_ports(self):
        peer = self.peer()
        port = self.open(self.add("daemon", peer))
        port.write(b"before")
        self.assertEqual(peer.connection.recv(6), b"before")
        old = self.port("daemon")["pid"]
        daemons = self.realm.drivers("opendextd --realm")
        self.assertEqual(len(daemons), 1)
        os.kill(daemons[0], signal.SIGKILL)
        self.wait_for(lambda: daemons != self.realm.drivers("opendextd --realm") != [], "opendextd's successor")
        self.wait_for(lambda: self.ports().get("daemon", {}).get("pid") == old, "the port's driver, adopted")
        port.write(b"after")
        self.assertEqual(peer.connection.recv(5), b"after")
        peer.connection.sendall(b"answer")
        self.assertEqual(port.read(6), b"answer")

    def test_stopped_driver_holds_up_nobody_else(self):
        stuck_peer, peer = self.peer(), self.peer()
        stuck = self.open(self.add("stuck", stuck_peer))
        port = self.open(self.add("fine", peer))
        pid = self.port("stuck")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            stuck_peer.connection.sendall(b"waits")
            for one in self.both_ways(port, peer.connection, MIB):
                one.finish(self)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(stuck.read(5), b"waits")

    def test_killed_agent_is_replaced_at_the_next_command_and_takes_its_ports_up(self):
        peer = self.peer()
        port = self.open(self.add("orphan", peer))
        agent = self.agent_pids()
        self.assertEqual(len(agent), 1)
        os.kill(agent[0], signal.SIGKILL)
        other = self.peer()
        self.add("second", other)
        connection = peer.accept()
        port.write(b"again")
        self.assertEqual(connection.recv(5), b"again")

    def test_removal_hangs_up_an_open_port(self):
        peer = self.peer()
        port = self.open(self.add("gone", peer))
        self.serial("rm", "gone")
        deadline = time.monotonic() + 10 * harness.PATIENCE
        with self.assertRaises((OSError, serial.SerialException)):
            while time.monotonic() < deadline:
                port.write(b"x")
                port.read(1)
        self.assertEqual(self.ports(), {})
        self.assertEqual(os.listdir(os.path.join(self.realm.root, "dev")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
