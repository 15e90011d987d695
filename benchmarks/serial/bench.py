# SPDX-License-Identifier: Apache-2.0
"""A serial port over TCP on the loopback interface: our port beside socat between a pseudo-terminal and a socket.

Both sides get the same programs at both ends (this file's writer and reader processes), take turns, and are given as the
median of the rounds. CPU is that of the processes in between: keeper, daemon, drivers and agent, or socat.
"""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import tty

MIB = 1 << 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pids):
    """Time that all threads of the processes have run."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def wait_for(condition, what, timeout=20):
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
    return value


class Link:
    """Ports with a connected socket each: pairs of (terminal descriptor, socket)."""

    def __init__(self, count):
        self.listeners = []
        self.ends = []
        self.count = count

    def listen(self):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        self.listeners.append(listener)
        return listener.getsockname()[1]

    def open(self, path, listener):
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(terminal, termios.TCSANOW)
        listener.settimeout(20)
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(None)
        self.ends.append((terminal, connection))

    def close(self):
        for terminal, connection in self.ends:
            os.close(terminal)
            connection.close()
        for listener in self.listeners:
            listener.close()


class Ours(Link):
    name = "opendext"

    def __init__(self, count):
        super().__init__(count)
        self.folder = tempfile.mkdtemp(prefix="opendext-bench-")
        self.realm = os.path.join(self.folder, "realm")
        prefix = os.environ["OPENDEXT_PREFIX"]
        self.environment = dict(os.environ, OPENDEXT_REALM=self.realm)
        self.tool = os.path.join(prefix, "libexec/opendext/opendext-serial")
        self.stop_tool = os.path.join(prefix, "bin/opendext")
        for number in range(count):
            tcp = self.listen()
            device = self.run(self.tool, "add", f"bench{number}", "--connect", f"127.0.0.1:{tcp}").strip()
            self.open(device, self.listeners[-1])

    def run(self, *command):
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    def pids(self):
        with open(os.path.join(self.realm, "run/keeper.pid"), encoding="ascii") as file:
            keeper = int(file.read())
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if int(name) == keeper or parent == keeper or self.realm in command:
                found.append(int(name))
        return found

    def close(self):
        super().close()
        subprocess.run([self.stop_tool, "stop"], env=self.environment, check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


class Socat(Link):
    name = "socat"

    def __init__(self, count):
        super().__init__(count)
        self.folder = tempfile.mkdtemp(prefix="opendext-bench-")
        self.processes = []
        for number in range(count):
            tcp = self.listen()
            path = os.path.join(self.folder, f"pty{number}")
            self.processes.append(subprocess.Popen(
                ["socat", f"PTY,link={path},rawer", f"TCP:127.0.0.1:{tcp},nodelay"]))
            wait_for(lambda p=path: os.path.exists(p), "socat's terminal")
            self.open(path, self.listeners[-1])

    def pids(self):
        return [process.pid for process in self.processes]

    def close(self):
        super().close()
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def child(work):
    """Runs `work` in a process of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def write_all(descriptor, size, piece):
    data = memoryview(os.urandom(piece))
    left = size
    while left:
        left -= os.write(descriptor, data[:min(piece, left)])


def read_all(descriptor, size):
    left = size
    while left:
        got = os.read(descriptor, min(65536, left))
        if not got:
            raise EOFError
        left -= len(got)


def throughput(link, outward, size):
    """(MB/s, CPU seconds per GB) with `size` bytes on each port at the same time."""
    before, start = cpu_seconds(link.pids()), time.perf_counter()
    readers, writers = [], []
    for terminal, connection in link.ends:
        source, sink = (terminal, connection.fileno()) if outward else (connection.fileno(), terminal)
        readers.append(child(lambda s=sink: read_all(s, size)))
        writers.append(child(lambda s=source: write_all(s, size, 4096 if outward else 65536)))
    for pid in readers + writers:
        os.waitpid(pid, 0)
    took = time.perf_counter() - start
    total = size * len(link.ends)
    return total / took / 1e6, (cpu_seconds(link.pids()) - before) / (total / 1e9)


def echo(link, rounds):
    """Microseconds from writing a byte to the terminal until its echo from the network has been read: p50, p99."""
    terminal, connection = link.ends[0]
    def answer():
        while byte := connection.recv(64):
            connection.send(byte)
    pid = child(answer)
    times = []
    try:
        for _ in range(rounds):
            start = time.perf_counter()
            os.write(terminal, b"x")
            os.read(terminal, 1)
            times.append((time.perf_counter() - start) * 1e6)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def measure(kind, count, size, rounds):
    link = kind(count)
    try:
        result = {}
        if count == 1:
            result["echo p50"], result["echo p99"] = echo(link, rounds)
        result["out"], result["out cpu"] = throughput(link, True, size)
        result["in"], result["in cpu"] = throughput(link, False, size)
        return result
    finally:
        link.close()


def run(options, row):
    repeats = 1 if options.quick else 3
    for count in (1, 16):
        size = (8 if options.quick else 32) * MIB // (1 if count == 1 else 8)
        results = {Ours: [], Socat: []}
        for _ in range(repeats):
            for kind in (Socat, Ours):
                results[kind].append(measure(kind, count, size, 300 if options.quick else 2000))
        def median(kind, key):
            return statistics.median(result[key] for result in results[kind])
        ports = f"{count} port" + ("s" if count > 1 else "")
        cases = [("out", f"{ports}, terminal to network", "throughput", "MB/s"),
                 ("out cpu", f"{ports}, terminal to network", "CPU", "s/GB"),
                 ("in", f"{ports}, network to terminal", "throughput", "MB/s"),
                 ("in cpu", f"{ports}, network to terminal", "CPU", "s/GB")]
        if count == 1:
            cases += [("echo p50", f"{ports}, echo of a byte", "time p50", "us"),
                      ("echo p99", f"{ports}, echo of a byte", "time p99", "us")]
        for key, case, metric, unit in cases:
            yield row("serial", case, metric, unit, median(Ours, key), median(Socat, key), "socat")


if __name__ == "__main__":
    sys.exit("run it with ./bench serial")
