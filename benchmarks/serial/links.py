# SPDX-License-Identifier: Apache-2.0
"""Serial ports with a TCP connection each, made by OpenDext, socat or ser2net. A link's `ends` are pairs of descriptors
(the program's end of the terminal, the network's end), its `pids` the processes in between."""

import contextlib
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "e2e"))
import harness  # noqa: E402 pylint: disable=wrong-import-position

# Telnet: WILL BINARY, DO BINARY, WILL COM-PORT-OPTION.
RFC2217_HELLO = bytes([255, 251, 0, 255, 253, 0, 255, 251, 44])


class Link:
    name = ""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-bench-")
        self.ends = []

    def make(self, count):
        raise NotImplementedError

    def pids(self):
        raise NotImplementedError

    def end(self):
        """Ends the processes in between."""
        raise NotImplementedError

    def close(self):
        for terminal, connection in self.ends:
            os.close(terminal)
            connection.close()
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def listener():
    end = socket.socket()
    end.bind(("127.0.0.1", 0))
    end.listen(1)
    end.settimeout(30)
    return end


def open_terminal(path):
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal, tty.TCSANOW)
    return terminal


def ready(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(None)
    return connection


def call(port, rfc2217):
    """Calls a server until it is there; in RFC 2217 mode its offers are read away, so that what follows is data."""
    deadline = time.monotonic() + 20
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if rfc2217:
        connection.sendall(RFC2217_HELLO)
        while select.select([connection], [], [], 0.3)[0]:
            connection.recv(4096)
    return ready(connection)


class Ours(Link):
    """A realm of its own. `one_process` and `plain` add IOUserServerOneProcess and OpenDextSerialPlainTransfers to the
    driver's personality."""

    def __init__(self, one_process=False, rfc2217=False, plain=False):
        super().__init__()
        self.name = ("opendext" + (" one process" if one_process else "") + (" plain" if plain else "")
                     + (" RFC 2217" if rfc2217 else ""))
        self.added = {key: True for key, wanted in (("IOUserServerOneProcess", one_process),
                                                    ("OpenDextSerialPlainTransfers", plain)) if wanted}
        self.realm = harness.Realm(os.path.join(self.folder, "realm"))
        self.rfc2217 = rfc2217

    def tool(self, name, *arguments):
        done = self.realm.run(name, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{name} {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def make(self, count):
        if self.added:
            self.tool("opendext", "install", harness.changed_dext("SerialOverTCP", self.folder, "Port", self.added))
        for number in range(count):
            if self.rfc2217:
                tcp = harness.free_port()
                device = self.tool("opendext-serial", "add", f"bench{number}", "--listen", f"127.0.0.1:{tcp}",
                                   "--protocol", "rfc2217")
                self.ends.append((open_terminal(device), call(tcp, True)))
            else:
                with listener() as network:
                    device = self.tool("opendext-serial", "add", f"bench{number}", "--connect",
                                       f"127.0.0.1:{network.getsockname()[1]}")
                    self.ends.append((open_terminal(device), ready(network.accept()[0])))

    def pids(self):
        agents = [int(name) for name in os.listdir("/proc") if name.isdigit()
                  and harness.command_line(int(name)).endswith(f"--realm {self.realm.root} agent")]
        return self.realm.processes() + agents

    def end(self):
        self.realm.stop()


class Programs(Link):
    """A program for each port, which makes a link to its terminal."""

    def __init__(self):
        super().__init__()
        self.processes = []

    def command(self, path, port):
        """Its command line; the terminal's link is to be `path`."""
        raise NotImplementedError

    def make(self, count):
        for number in range(count):
            path = os.path.join(self.folder, f"pty{number}")
            with listener() as network:
                self.processes.append(subprocess.Popen(self.command(path, network.getsockname()[1])))
                harness.wait_for(lambda p=path: os.path.exists(p), f"the terminal of {self.name}")
                self.ends.append((open_terminal(path), ready(network.accept()[0])))

    def pids(self):
        return [process.pid for process in self.processes]

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Socat(Programs):
    name = "socat"

    def command(self, path, port):
        return ["socat", f"PTY,link={path},rawer", f"TCP:127.0.0.1:{port},nodelay"]


class Floor(Programs):
    """Two processes and a ring between them, and nothing else (floor.cpp)."""

    def __init__(self, exact):
        super().__init__()
        self.name = "floor" + (" exact" if exact else "")
        self.options = ["exact"] if exact else []

    def command(self, path, port):
        return [os.path.join(harness.PREFIX, "benchmarks", "bench_serial_floor"), str(port), path, *self.options]

    def pids(self):
        return [pid for one in super().pids() for pid in (one, *harness.children_of(one))]


class Ser2net(Link):
    """ser2net has the slave of a pseudo-terminal as its serial device, the measuring program the master."""

    def __init__(self, program, environment, rfc2217=False):
        super().__init__()
        self.name = "ser2net" + (" RFC 2217" if rfc2217 else "")
        self.program, self.environment, self.rfc2217 = program, environment, rfc2217
        self.process = None

    def make(self, count):
        accepter = "telnet(rfc2217=true),tcp" if self.rfc2217 else "tcp"
        terminals, ports, lines = [], [], []
        for number in range(count):
            master, slave = os.openpty()
            tty.setraw(slave, tty.TCSANOW)
            terminals.append(master)
            ports.append(harness.free_port())
            lines += [f"connection: &bench{number}", f"    accepter: {accepter},127.0.0.1,{ports[-1]}",
                      f"    connector: serialdev,{os.ttyname(slave)},115200n81,local"]
        configuration = os.path.join(self.folder, "ser2net.yaml")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([self.program, "-n", "-d", "-u", "-c", configuration], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for terminal, port in zip(terminals, ports):
            try:
                self.ends.append((terminal, call(port, self.rfc2217)))
            except OSError as error:
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"ser2net does not answer: {error}\n{log.read()}") from error

    def pids(self):
        return [self.process.pid]

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def made(links, count):
    """Links with `count` ports each, closed at the end."""
    try:
        for link in links:
            link.make(count)
        yield
    finally:
        for link in links:
            link.close()
