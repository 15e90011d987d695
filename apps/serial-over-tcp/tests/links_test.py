# SPDX-License-Identifier: Apache-2.0
"""Links of serial-over-tcp: callers, allow-lists, Unix sockets, buffers, peers that vanish, ports that are saved."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import termios
import threading
import time
import tty
import unittest

import harness
from serial_case import SerialCase, stream

KIB = 1 << 10
MIB = 1 << 20
# What a port holds beside the buffer: its ring, and the pseudo-terminal's own memory.
PORT_HOLDS = 256 * KIB + 72 * KIB
# How many ports the test of many ports makes. More than about 120 need a larger fs.inotify.max_user_instances.
MANY = int(os.environ.get("OPENDEXT_TEST_MANY_PORTS", "66"))


def call(address, timeout=30):
    """A client of a listening port: (host, port) or the path of a Unix socket."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(timeout * harness.PATIENCE)
    try:
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def read_exactly(read, size):
    """`size` bytes through read(most); fewer at the end of the stream."""
    got = bytearray()
    while len(got) < size:
        piece = read(min(65536, size - len(got)))
        if not piece:
            break
        got += piece
    return bytes(got)


class Links(SerialCase):
    def listen(self, name, *options, where="127.0.0.1:0"):
        """Adds a listening port; gives its device and the address that it listens on."""
        device = self.serial("add", name, "--listen", where, *options).strip()
        remote = self.port(name)["remote"].split(" ", 1)[1]
        if remote.startswith("unix:"):
            return device, remote[5:]
        host, number = remote.rsplit(":", 1)
        return device, (host, int(number))

    def caller(self, address):
        client = call(address)
        self.addCleanup(client.close)
        return client

    def wait_port(self, name, condition, what):
        return self.wait_for(lambda: (port := self.port(name)) and condition(port) and port, what)

    def raw(self, device):
        """A descriptor of the device that does not wait, in raw mode."""
        fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.addCleanup(self.close, fd)
        tty.setraw(fd, termios.TCSANOW)
        return fd

    @staticmethod
    def close(fd):
        with contextlib.suppress(OSError):
            os.close(fd)

    def write_until_full(self, fd, data, quiet=1.0):
        """Writes as much of `data` as the port takes until it takes nothing for `quiet` seconds; gives how much."""
        done = 0
        last = time.monotonic()
        while done < len(data) and time.monotonic() - last < quiet * harness.PATIENCE:
            if not select.select([], [fd], [], 0.05)[1]:
                continue
            try:
                count = os.write(fd, data[done:done + 4096])
            except BlockingIOError:
                time.sleep(0.01)
                continue
            if count:
                done += count
                last = time.monotonic()
        return done

    # --- callers

    def test_several_clients_share_a_port_and_one_too_many_is_turned_away(self):
        device, address = self.listen("shared", "--clients", "2")
        port = self.open(device)
        clients = [self.caller(address), self.caller(address)]
        self.wait_port("shared", lambda p: p["clients"] == 2, "two clients")
        third = self.caller(address)
        self.assertEqual(third.recv(1), b"", "the third is turned away")
        row = self.wait_port("shared", lambda p: p["refused"] == 1, "the refusal to be counted")
        self.assertEqual((row["state"], row["clients"], row["connections"]), ("connected", 2, 2))
        self.assertIn("2 callers already", row["last_error"])
        self.assertIn(", ", row["peer"])
        port.write(b"to all\n")
        for client in clients:
            self.assertEqual(read_exactly(client.recv, 7), b"to all\n")
        clients[0].sendall(b"one")
        self.assertEqual(port.read(3), b"one")
        clients[1].sendall(b"two")
        self.assertEqual(port.read(3), b"two")
        data = stream(2 * MIB, 5)
        got = [b"", b""]

        def gather(number):
            got[number] = read_exactly(clients[number].recv, len(data))

        threads = [threading.Thread(target=gather, args=(number,), daemon=True) for number in range(2)]
        for thread in threads:
            thread.start()
        port.write(data)
        for thread in threads:
            thread.join(60 * harness.PATIENCE)
        self.assertEqual([one == data for one in got], [True, True])
        clients[0].close()
        self.wait_port("shared", lambda p: p["clients"] == 1, "one client to be left")
        fourth = self.caller(address)
        self.wait_port("shared", lambda p: p["clients"] == 2, "a new client in its place")
        port.write(b"again")
        self.assertEqual(read_exactly(fourth.recv, 5), b"again")

    def test_only_allowed_addresses_may_call(self):
        device, address = self.listen("picky", "--allow", "192.0.2.0/24,127.0.0.2")
        self.open(device)
        stranger = self.caller(address)
        self.assertEqual(stranger.recv(1), b"")
        row = self.wait_port("picky", lambda p: p["refused"] == 1, "the refusal to be counted")
        self.assertEqual(row["state"], "listening")
        self.assertRegex(row["last_error"], r"^127\.0\.0\.1:\d+ refused: not allowed to call$")
        self.wait_for(lambda: "refused: not allowed to call" in self.realm.log_text(), "the refusal in the log")
        friend = socket.socket()
        self.addCleanup(friend.close)
        friend.bind(("127.0.0.2", 0))
        friend.connect(address)
        self.wait_port("picky", lambda p: p["state"] == "connected", "the allowed caller")
        self.assertIn("allow=192.0.2.0/24,127.0.0.2", self.port("picky")["options"])

    def test_unix_sockets_at_both_ends(self):
        path = os.path.join(self.folder, "line.sock")
        device, address = self.listen("here", "--mode", "0660", where="unix:" + path)
        self.assertEqual(address, path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        other = self.serial("add", "there", "--connect", "unix:" + path).strip()
        self.wait_port("there", lambda p: p["state"] == "connected", "the connection")
        self.assertEqual(self.port("there")["peer"], "unix:" + path)
        self.wait_port("here", lambda p: re.fullmatch(r"unix, process \d+", p["peer"]), "the caller's process")
        one, two = self.open(device), self.open(other)
        one.write(b"over a file")
        self.assertEqual(two.read(11), b"over a file")
        self.serial("rm", "here")
        self.assertFalse(os.path.exists(path), "the file goes with the port")
        self.wait_port("there", lambda p: "retry" in p["state"], "the other end to try again")

    def test_bad_options_name_option_value_and_fix(self):
        to, here = ("--connect", "127.0.0.1:9"), ("--listen", "127.0.0.1:0")
        path = ("--listen", "unix:" + os.path.join(self.folder, "x"))
        for arguments, words in [
                ((*to, "--timeout", "0"), ("--timeout", "0", "1 to 3600")),
                ((*to, "--timeout", "soon"), ("--timeout", "soon", "1 to 3600")),
                ((*here, "--clients", "0"), ("--clients", "0", "1 to 64")),
                ((*here, "--clients", "many"), ("--clients", "many", "1 to 64")),
                ((*to, "--clients", "2"), ("--clients", "--listen")),
                ((*here, "--allow", "example.org"), ("--allow", "example.org", "ADDRESS")),
                ((*here, "--allow", "10.0.0.0/40"), ("--allow", "40", "0 to 32")),
                ((*to, "--allow", "10.0.0.0/8"), ("--allow", "--listen")),
                ((*path, "--allow", "10.0.0.0/8"), ("--allow", "--mode")),
                ((*path, "--mode", "rw"), ("--mode", "rw", "octal")),
                ((*here, "--mode", "0660"), ("--mode", "unix:PATH")),
                ((*to, "--buffer", "lots"), ("--buffer", "lots", "64k")),
                ((*to, "--buffer", "2G"), ("--buffer", "2G", "1G")),
                ((*to, "--when-full", "panic"), ("--when-full", "panic", "drop-oldest")),
                (("--connect", "unix:"), ("unix:", "PATH")),
                (("--listen", "unix:/" + "x" * 200), ("107",)),
                (("--listen", "unix:/no/such/folder/x"), ("/no/such/folder",)),
        ]:
            with self.subTest(arguments=arguments):
                message = self.refused("opendext-serial", "add", "bad", *arguments)
                for word in words:
                    self.assertIn(word, message)
        self.assertEqual(self.ports(), {})

    # --- buffers

    def test_block_keeps_what_was_written_and_then_holds_the_writer(self):
        size = 256 * KIB
        peer = self.peer()
        peer.stop()
        device = self.serial("add", "kept", "--connect", f"127.0.0.1:{peer.port}", "--buffer", "256k").strip()
        fd = self.raw(device)
        data = stream(2 * MIB, 11)
        taken = self.write_until_full(fd, data)
        self.assertGreaterEqual(taken, size)
        self.assertLessEqual(taken, size + PORT_HOLDS, "the writer is held")
        row = self.wait_port("kept", lambda p: p["bytes_queued"] >= size, "the queue to be told")
        self.assertEqual((row["bytes_dropped"], row["bytes_sent"]), (0, 0))
        peer.start()
        connection = peer.accept()
        self.assertEqual(read_exactly(connection.recv, taken) == data[:taken], True)
        os.write(fd, b"and on")
        self.assertEqual(read_exactly(connection.recv, 6), b"and on")
        self.wait_port("kept", lambda p: (p["bytes_sent"], p["bytes_queued"]) == (taken + 6, 0), "all bytes to be counted")

    def test_drop_oldest_never_holds_the_writer_and_keeps_the_newest(self):
        size = 64 * KIB
        peer = self.peer()
        peer.stop()
        device = self.serial("add", "newest", "--connect", f"127.0.0.1:{peer.port}", "--buffer", "64k",
                             "--when-full", "drop-oldest").strip()
        fd = self.raw(device)
        data = stream(MIB + 12345, 12)
        self.assertEqual(self.write_until_full(fd, data, 20), len(data))
        self.wait_port("newest", lambda p: (p["bytes_dropped"], p["bytes_queued"]) == (len(data) - size, size),
                       "every byte to be kept or counted as dropped")
        peer.start()
        connection = peer.accept()
        self.assertEqual(read_exactly(connection.recv, size) == data[-size:], True)
        os.write(fd, b"and on")
        self.assertEqual(read_exactly(connection.recv, 6), b"and on")

    def test_buffer_outlives_the_agent(self):
        peer = self.peer()
        peer.stop()
        device = self.serial("add", "lasting", "--connect", f"127.0.0.1:{peer.port}", "--buffer", "512k").strip()
        fd = self.raw(device)
        data = stream(300 * KIB, 13)
        half = len(data) // 2
        self.assertEqual(self.write_until_full(fd, data[:half], 20), half)
        agent = self.agent_pids()[0]
        os.kill(agent, signal.SIGKILL)
        self.wait_for(lambda: self.agent_pids() not in ([], [agent]), "the agent to come back by itself")
        self.assertEqual(self.write_until_full(fd, data[half:], 20), len(data) - half)
        peer.start()
        connection = peer.accept()
        self.assertEqual(read_exactly(connection.recv, len(data)) == data, True)

    # --- what is told, and what it costs

    def test_counters_are_told_and_a_resting_port_wakes_nobody(self):
        peer = self.peer()
        device = self.add("told", peer)
        port = self.open(device)
        port.write(b"x" * 5000)
        self.assertEqual(len(read_exactly(peer.connection.recv, 5000)), 5000)
        peer.connection.sendall(b"y" * 700)
        self.assertEqual(len(port.read(700)), 700)
        self.wait_port("told", lambda p: (p["bytes_sent"], p["bytes_received"], p["bytes_queued"]) == (5000, 700, 0),
                       "the counters")
        self.assertEqual(self.port("told")["protocol"], "raw")
        text = self.serial("ls", "told")
        self.assertIn("5000 sent, 700 received", text)
        self.assertIn("1 made", text)

        def switches():
            agent = self.agent_pids()[0]
            for thread in os.listdir(f"/proc/{agent}/task"):
                with open(f"/proc/{agent}/task/{thread}/status", encoding="utf-8") as file:
                    text = file.read()
                if text.startswith("Name:\tport told"):
                    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
            self.fail("the port has no thread")
            return 0

        def rests():
            before = switches()
            time.sleep(3)
            return switches() == before

        self.wait_for(rests, "three seconds without a wake-up")

    def test_watch_prints_changes_as_lines_and_as_json(self):
        peer = self.peer()
        self.add("early", peer)
        for options in ((), ("--json",)):
            with self.subTest(options=options):
                watch = subprocess.Popen([harness.program("opendext-serial"), "watch", *options], text=True,
                                         env=self.realm.environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
                self.addCleanup(watch.wait)
                self.addCleanup(watch.kill)
                self.addCleanup(watch.stdout.close)
                lines = []
                reader = threading.Thread(target=lambda out=watch.stdout, to=lines: to.extend(iter(out.readline, "")), daemon=True)
                reader.start()
                seen = (lambda *words, lines=lines: any(all(word in line for word in words) for line in lines))
                self.wait_for(lambda: seen("early", "connected"), "what there is")
                self.serial("add", "late", "--listen", "127.0.0.1:0")
                self.wait_for(lambda: seen("late", "listening"), "the new port")
                client = call(("127.0.0.1", int(self.port("late")["remote"].rsplit(":", 1)[1])))
                self.wait_for(lambda: seen("late", "connected"), "the caller")
                client.close()
                self.serial("rm", "late")
                self.wait_for(lambda: seen("late", "removed"), "its end")
                if options:
                    for line in lines:
                        self.assertIn("name", json.loads(line))
                watch.kill()

    def test_watch_on_a_terminal_is_a_table_that_is_drawn_in_place(self):
        peer = self.peer()
        device = self.add("drawn", peer)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x0a\x00\x64\x00\x00\x00\x00\x00")
        watch = subprocess.Popen([harness.program("opendext-serial"), "watch"], env=self.realm.environment(),
                                 stdout=slave, stdin=subprocess.DEVNULL)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        self.addCleanup(os.close, master)
        os.close(slave)
        shown = bytearray()

        def screen():
            while select.select([master], [], [], 0)[0]:
                shown.extend(os.read(master, 65536))
            return shown.decode()

        self.wait_for(lambda: re.search(r"PORT +OUT/s +IN/s.*\n.*drawn .*connected to 127", screen()), "the table")
        port = self.open(device)
        sender = threading.Thread(target=lambda: [port.write(b"z" * 1000) and time.sleep(0.01) for _ in range(400)], daemon=True)
        sender.start()
        self.wait_for(lambda: "\x1b[2A" in screen() and re.search(r"drawn +[1-9][0-9]*k? +0 ", screen()), "a rate", 60)
        sender.join()
        self.wait_for(lambda: re.search(r"drawn +0 +0 +400k", screen()), "the rate of a port that rests", 60)

    # --- peers that vanish

    def test_vanished_peer_is_noticed_while_idle_and_while_sending(self):
        if os.geteuid() != 0:
            self.skipTest("a link between network namespaces needs root")
        name = f"od4{os.getpid()}"
        ip = (lambda *words: subprocess.run(["ip", *words], check=False, capture_output=True, text=True))
        made = ip("netns", "add", name)
        if made.returncode != 0:
            self.skipTest(f"no network namespaces here: {made.stderr.strip()}")
        self.addCleanup(ip, "netns", "del", name)
        near, far = f"{name[-10:]}a", f"{name[-10:]}b"
        if ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name).returncode != 0:
            self.skipTest("no veth devices here")
        self.addCleanup(ip, "link", "del", near)
        ip("addr", "add", "198.51.100.1/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", "198.51.100.2/30", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        program = ("import socket,sys\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1)\n"
                   "s.bind(('198.51.100.2',7000))\ns.listen()\nprint('up',flush=True)\nheld=[]\n"
                   "while True: held.append(s.accept())\n")
        peer = subprocess.Popen(["ip", "netns", "exec", name, "/usr/bin/python3", "-c", program], stdout=subprocess.PIPE)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)
        peer.stdout.readline()
        device = self.serial("add", "far", "--connect", "198.51.100.2:7000", "--timeout", "3").strip()
        fd = self.raw(device)
        for sending in (False, True):
            with self.subTest(sending=sending):
                self.wait_port("far", lambda p: p["state"] == "connected", "the connection")
                ip("-n", name, "link", "set", far, "down")
                began = time.monotonic()
                if sending:
                    os.write(fd, b"into the void")
                row = self.wait_port("far", lambda p: p["state"] != "connected", "the peer's end")
                took = time.monotonic() - began
                self.assertLess(took, 3 * 1.34 + 3 * harness.PATIENCE, row)
                self.assertTrue(row["last_error"], row)
                ip("-n", name, "link", "set", far, "up")
        self.wait_port("far", lambda p: p["state"] == "connected", "the connection to heal")

    # --- many

    def test_many_ports_at_once(self):
        # 64 names are a page of the control driver's list.
        self.serial("add", "p0", "--listen", "127.0.0.1:0")
        numbers = iter(range(1, MANY))
        lock = threading.Lock()
        problems = []

        def adder():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                result = self.realm.run("opendext-serial", "add", f"p{number}", "--listen", "127.0.0.1:0")
                if result.returncode != 0:
                    problems.append(result.stderr)

        threads = [threading.Thread(target=adder) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        ports = self.ports()
        self.assertEqual(set(ports), {f"p{number}" for number in range(MANY)})
        agent = self.agent_pids()[0]
        os.kill(agent, signal.SIGKILL)
        self.wait_for(lambda: self.agent_pids() not in ([], [agent]), "the agent to come back")
        for number in (0, MANY // 2, MANY - 1):
            row = ports[f"p{number}"]
            port = self.open(row["device"])

            def connected(row=row):
                client = call(("127.0.0.1", int(row["remote"].rsplit(":", 1)[1])))
                self.addCleanup(client.close)
                return client

            client = self.wait_for(connected, "the port to listen again", 60)
            client.sendall(b"hello")
            self.assertEqual(port.read(5), b"hello")


class SavedPorts(Links):
    """Ports that come back with the realm."""

    def saved_file(self):
        return os.path.join(self.realm.root, "at-start", "serial.json")

    def start(self):
        self.tool("opendext", "start")

    def back(self, name):
        return self.wait_for(lambda: (port := self.port(name)) and port["device"] and os.path.exists(port["device"])
                             and port["state"] not in ("", "its driver is not up") and port, f"port {name} to be back")

    def test_saved_port_comes_back_with_the_realm_and_others_do_not(self):
        device, address = self.listen("gps", "--clients", "3", "--timeout", "5", "--save")
        self.serial("add", "passing", "--listen", "127.0.0.1:0")
        ports = self.ports()
        self.assertEqual((ports["gps"]["saved"], ports["passing"]["saved"]), (True, False))
        self.assertIn("(saved)", self.serial("ls").split("\n")[0])
        with open(self.saved_file(), encoding="utf-8") as file:
            self.assertEqual(json.load(file), [{"name": "gps", "options": "timeout=5 clients=3",
                                                "remote": f"listen 127.0.0.1:{address[1]}"}])
        self.assertEqual(self.realm.stop(), [])
        self.assertEqual(self.ports()["gps"]["state"], "the realm is not up")
        self.start()
        row = self.back("gps")
        self.assertEqual((row["device"], row["remote"], row["saved"]), (device, f"listen 127.0.0.1:{address[1]}", True))
        self.assertNotIn("passing", self.ports())
        port = self.open(device)
        client = self.caller(address)
        client.sendall(b"back")
        self.assertEqual(port.read(4), b"back")
        port.close()
        self.serial("rm", "gps")
        self.assertFalse(os.path.exists(self.saved_file()))
        self.assertEqual(self.realm.stop(), [])
        self.start()
        self.assertEqual(self.ports(), {})

    def line_set(self, name):
        return json.loads(self.serial("set", name, "--json"))["set"]

    def saved_line(self):
        with open(self.saved_file(), encoding="utf-8") as file:
            return json.load(file)[0].get("line")

    def test_line_that_is_set_for_a_saved_port_comes_back_with_the_realm(self):
        self.listen("gps", "--save")
        self.serial("set", "gps", "parity=even", "bits=7", "dtr=0", "break=5ms")
        self.assertEqual(self.saved_line(), "bits=7 parity=even dtr=0")
        self.serial("set", "gps", "dtr=auto")
        self.assertEqual(self.saved_line(), "bits=7 parity=even")
        self.assertEqual(self.realm.stop(), [])
        self.start()
        port = self.open(self.back("gps")["device"])
        self.wait_for(lambda: self.line_set("gps") == "bits=7 parity=even", "the line to be set again")
        line = self.wait_for(lambda: (now := json.loads(self.serial("set", "gps", "--json"))["line"]).get("DataBits") == 7
                             and now, "the driver to have it")
        self.assertEqual(line["Parity"], "even")
        port.close()
        self.serial("set", "gps", "bits=auto", "parity=auto")
        self.assertIsNone(self.saved_line())

        # What is not saved, or is added anew, has nothing of it.
        self.serial("set", "gps", "rts=0")
        self.serial("rm", "gps")
        self.listen("gps", "--save")
        self.assertIsNone(self.saved_line())
        self.serial("add", "passing", "--listen", "127.0.0.1:0")
        self.serial("set", "passing", "rts=0")
        with open(self.saved_file(), encoding="utf-8") as file:
            self.assertEqual([port["name"] for port in json.load(file)], ["gps"])

    def test_line_that_cannot_be_saved_is_set_all_the_same(self):
        self.listen("gps", "--save")
        with open(self.saved_file(), "w", encoding="utf-8") as file:
            json.dump([{"name": "gps", "remote": "connect 127.0.0.1:9", "options": ""}, {"name": "x"}], file)
        result = self.realm.run("opendext-serial", "set", "gps", "dtr=0")
        self.assertEqual(result.returncode, 0)
        self.assertIn("it is set, and not saved", result.stderr)
        self.assertIn("correct the file", result.stderr)
        self.assertEqual(self.line_set("gps"), "dtr=0")

    def test_counters_go_on_when_the_agent_is_killed(self):
        device, address = self.listen("counts")
        port = self.open(device)
        with self.caller(address) as client:
            port.write(b"x" * 1000)
            client.sendall(b"y" * 500)
            self.assertEqual(len(port.read(500)), 500)
            self.wait_port("counts", lambda p: (p["bytes_sent"], p["bytes_received"]) == (1000, 500), "the counters")
            agent = self.agent_pids()[0]
            os.kill(agent, signal.SIGKILL)
        self.wait_for(lambda: self.agent_pids() not in ([], [agent]), "the agent to come back")
        self.wait_port("counts", lambda p: p["state"] == "listening", "the port to listen")
        with self.caller(address) as client:
            client.sendall(b"z" * 10)
            self.assertEqual(port.read(10), b"z" * 10)
            row = self.wait_port("counts", lambda p: p["bytes_received"] == 510, "the counters")
        self.assertEqual((row["bytes_sent"], row["connections"]), (1000, 2))

    def test_saved_port_outlives_agent_and_daemon(self):
        device, address = self.listen("tough", "--save")
        self.assertEqual(self.realm.stop(), [])
        self.start()
        self.back("tough")
        agent = self.agent_pids()[0]
        os.kill(agent, signal.SIGKILL)
        self.wait_for(lambda: self.agent_pids() not in ([], [agent]), "the agent to come back")
        self.wait_port("tough", lambda p: p["state"] == "listening", "the port to listen")
        daemon = next(pid for pid in self.realm.processes() if "opendextd" in harness.command_line(pid))
        os.kill(daemon, signal.SIGKILL)
        self.wait_for(lambda: any("opendextd" in harness.command_line(pid) and pid != daemon
                                  for pid in self.realm.processes()), "opendextd to come back")
        row = self.back("tough")
        self.assertEqual(row["device"], device)
        port = self.open(device)
        self.wait_port("tough", lambda p: p["state"] == "listening", "the port to listen")
        client = self.caller(address)
        client.sendall(b"still")
        self.assertEqual(port.read(5), b"still")

    def test_saved_port_is_removed_while_the_realm_is_down(self):
        self.listen("gone", "--save")
        self.assertEqual(self.realm.stop(), [])
        self.serial("rm", "gone")
        self.assertIn("there is no port gone", self.refused("opendext-serial", "rm", "gone"))
        self.start()
        self.assertEqual(self.ports(), {})

    def test_saved_port_whose_address_is_taken_waits_for_it(self):
        _, address = self.listen("waits", "--save")
        self.assertEqual(self.realm.stop(), [])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(address)
            other.listen()
            self.start()
            row = self.wait_port("waits", lambda p: "retry" in p["state"], "a state")
            self.assertIn("cannot listen on 127.0.0.1", row["state"])
        self.wait_port("waits", lambda p: p["state"] == "listening", "the address to be taken")

    def test_bad_file_of_saved_ports_says_what_is_wrong_and_spoils_nothing_else(self):
        self.listen("good", "--save")
        self.assertEqual(self.realm.stop(), [])
        with open(self.saved_file(), encoding="utf-8") as file:
            good = json.load(file)
        for entry, words in [
                ({"name": "x", "remote": "connect nowhere", "options": ""}, ("entry 2", "remote", "nowhere", "HOST:PORT")),
                ({"name": "x", "remote": "connect a:1", "options": "clients=0"}, ("entry 2", "clients", '"0"', "1 to 64")),
                ({"name": "a/b", "remote": "connect a:1", "options": ""}, ("entry 2", "name", "a/b")),
                ({"name": "x", "remote": "connect a:1"}, ("entry 2", "options", "missing")),
                ({"name": "x", "remote": 5, "options": ""}, ("entry 2", "remote", "number", "string")),
                ({"name": "x", "remote": "connect a:1", "options": "", "colour": ""}, ("entry 2", "colour", "name, remote, options")),
                ({"name": "good", "remote": "connect a:1", "options": ""}, ("entry 2", "good", "twice")),
                ({"name": "x", "remote": "connect a:1", "options": "", "line": "bits=9"}, ("entry 2", "line", "bits=9", "5, 6, 7, 8")),
                ("x", ("entry 2", "string", "object")),
        ]:
            with self.subTest(entry=entry):
                with open(self.saved_file(), "w", encoding="utf-8") as file:
                    json.dump([*good, entry], file)
                result = self.realm.run("opendext-serial", "ls")
                self.assertEqual(result.returncode, 0)
                self.assertIn("good", result.stdout)
                for word in (self.saved_file(), "correct the file", *words):
                    self.assertIn(word, result.stderr)
        with open(self.saved_file(), "w", encoding="utf-8") as file:
            json.dump([*good, {"name": "x", "remote": "connect nowhere", "options": ""}], file)
        self.start()
        self.back("good")
        message = self.refused("opendext-serial", "add", "more", "--listen", "127.0.0.1:0", "--save")
        self.assertIn(self.saved_file(), message)
        self.assertNotIn("more", self.ports())
        with open(self.saved_file(), encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)), 2, "what somebody wrote by hand is still there")
        with open(self.saved_file(), "w", encoding="utf-8") as file:
            file.write("[{")
        self.assertIn(self.saved_file(), self.realm.run("opendext-serial", "ls").stderr)


def load_tests(loader, _tests, _pattern):
    """SavedPorts has the helpers of Links, not its tests."""
    suite = unittest.TestSuite()
    suite.addTests(loader.loadTestsFromTestCase(Links))
    suite.addTests(SavedPorts(name) for name in loader.getTestCaseNames(SavedPorts) if name in vars(SavedPorts))
    return suite


if __name__ == "__main__":
    unittest.main(verbosity=2)
