#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration of ./run: a serial driver in a process of its own, its port carried over TCP.

Everything happens in a throw-away realm; every value that is printed is measured. The "remote computer" is socat on the
loopback interface. With a terminal the port stays open at the end until Ctrl-C.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

MEBI = 1 << 20
BULK = 10 * MEBI
PORT_NAME = "demo"


class Failure(Exception):
    """The demonstration cannot go on; the message says why."""


def bold(text):
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def step(text):
    print("\n" + bold("== " + text), flush=True)


def say(text=""):
    print("   " + text if text else "", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, timeout=60.0):
    """The first true value of condition(), or a Failure after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.02)


class Remote:
    """The remote computer: socat, listening on a port of the loopback interface, with our pipes as its data."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            ["socat", "-b", "65536", "-t", "3600", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,nodelay", "STDIO"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self, size):
        return os.read(self.process.stdout.fileno(), size)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


class Port:
    """A terminal program on the serial port: opens it raw, keeps it open."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd, termios.TCSANOW)

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view[:65536]):]

    def read(self, size):
        return os.read(self.fd, size)

    def end(self):
        os.close(self.fd)


def transfer(write, read, data, middle=None):
    """Writes `data` on one side while reading as much on the other; gives seconds and what arrived. `middle` is called
    when half has arrived."""
    problem = []

    def send():
        try:
            write(data)
        except OSError as error:
            problem.append(error)

    received = bytearray()
    started = time.monotonic()
    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def receive():
        nonlocal middle
        while len(received) < len(data):
            try:
                part = read(65536)
            except OSError as error:
                problem.append(error)
                return
            if not part:
                break
            received.extend(part)
            if middle is not None and len(received) >= len(data) // 2:
                middle()
                middle = None

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    receiver.join(120)
    seconds = time.monotonic() - started
    if problem:
        raise Failure(f"the transfer failed after {len(received)} bytes: {problem[0]}")
    if receiver.is_alive():
        raise Failure(f"{len(received)} of {len(data)} bytes arrived within 120 s")
    sender.join(10)
    return seconds, bytes(received)


def compare(what, data, received, seconds):
    sent, got = hashlib.sha256(data).hexdigest(), hashlib.sha256(received).hexdigest()
    say(f"{what}: {len(received):,} bytes in {seconds:.2f} s ({len(received) / seconds / 1e6:.1f} MB/s)")
    say(f"    sent     {sent}")
    say(f"    received {got}  {'equal' if sent == got else 'DIFFERENT'}")
    if sent != got:
        raise Failure("the bytes that arrived are not those that were sent")


class Demonstration:
    def __init__(self, prefix):
        self.prefix = prefix
        self.source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.folder = tempfile.mkdtemp(prefix="opendext-demo-")
        self.realm = os.path.join(self.folder, "realm")
        self.environment = dict(os.environ, OPENDEXT_REALM=self.realm, OPENDEXT_PREFIX=prefix)
        self.remote = None
        self.port = None
        self.echo = None
        self.tcp = free_port()

    def tool(self, name, *arguments, check=True, quiet=True):
        """Runs a built program in the realm; gives its standard output."""
        if not quiet:
            say("$ " + " ".join([name, *arguments]).replace(self.folder, "…"))
        result = subprocess.run([os.path.join(self.prefix, "bin", name), *arguments], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if check and result.returncode != 0:
            raise Failure(f"{name} {' '.join(arguments)}:\n{result.stdout}{result.stderr}".rstrip())
        if not quiet:
            for line in (result.stderr + result.stdout).splitlines():
                say("  " + line.replace(self.folder, "…"))
        return result.stdout

    def status(self):
        """The port as `opendext serial ls --json` tells it."""
        for port in json.loads(self.tool("opendext", "serial", "ls", "--json")):
            if port["name"] == PORT_NAME:
                return port
        return None

    def run(self):
        self.build()
        self.start()
        self.show()
        self.move_bytes()
        self.kill_driver()
        self.measure_socat()

    def build(self):
        step("A driver as its author writes it: .iig, .cpp, Info.plist, .entitlements")
        sources = os.path.join(self.source, "apps", "serial-over-tcp", "dext")
        say(", ".join(sorted(name for name in os.listdir(sources) if not name.startswith("build"))))
        self.tool("opendext", "build", sources, "--name", "SerialOverTCP", "--bundle-id", "org.opendext.SerialOverTCP",
                  "-o", os.path.join(self.folder, "built"), quiet=False)
        self.bundle = os.path.join(self.folder, "built", "SerialOverTCP.dext")
        for name in sorted(os.listdir(self.bundle)):
            say(f"    {name:32} {os.path.getsize(os.path.join(self.bundle, name)):>9,} bytes")

    def start(self):
        step("A realm, the driver, and a port whose other end is a remote computer")
        self.remote = Remote(self.tcp)
        self.tool("opendext", "install", self.bundle, quiet=False)
        self.tool("opendext", "serial", "add", PORT_NAME, "--connect", f"127.0.0.1:{self.tcp}", quiet=False)
        self.device = wait_for(lambda: (self.status() or {}).get("device"), "the serial node")
        self.port = Port(self.device)
        wait_for(lambda: (self.status() or {}).get("state") == "connected", "the connection to the remote computer")
        self.tool("opendext", "serial", "ls", quiet=False)

    def show(self):
        step("The registry: control driver, nub, port and serial node")
        self.tool("ioreg", "-w0", quiet=False)
        for line in self.tool("ioreg", "-w0", "-r", "-l", "-c", "IOSerialBSDClient").rstrip().splitlines():
            if line.strip():
                say("  " + line.replace(self.folder, "…"))
        step("The processes")
        listing = subprocess.run(["ps", "-ww", "-o", "pid,ppid,rss,args", "--sort", "pid", "--pid", ",".join(self.processes())], text=True,
                                 capture_output=True, check=False).stdout
        for line in listing.splitlines():
            say("  " + line.replace(self.folder, "…"))

    def move_bytes(self):
        step(f"{BULK // MEBI} MiB of random bytes each way")
        self.rates = {}
        data = os.urandom(BULK)
        seconds, received = transfer(self.port.write, self.remote.read, data)
        compare("port -> remote", data, received, seconds)
        self.rates["port -> remote"] = BULK / seconds
        data = os.urandom(BULK)
        seconds, received = transfer(self.remote.write, self.port.read, data)
        compare("remote -> port", data, received, seconds)
        self.rates["remote -> port"] = BULK / seconds

    def kill_driver(self):
        step("The driver is killed with -9 in the middle; the port stays open, traffic goes on")
        before = self.status()["pid"]

        def kill():
            say(f"kill -9 {before}, with the port open and half of the bytes through")
            os.kill(before, signal.SIGKILL)

        data = os.urandom(BULK)
        seconds, received = transfer(self.port.write, self.remote.read, data, kill)
        compare("port -> remote", data, received, seconds)
        after = wait_for(lambda: (pid := (self.status() or {}).get("pid")) and pid != before and pid, "the new driver process")
        say(f"the driver's new process is {after}; the same descriptor of the same application is still open")
        data = os.urandom(MEBI)
        seconds, received = transfer(self.remote.write, self.port.read, data)
        compare("remote -> port", data, received, seconds)

    def measure_socat(self):
        step("The same work by socat, in the same run: pty to TCP in one process, no driver, no isolation")
        tcp = free_port()
        link = os.path.join(self.folder, "socat-port")
        remote = Remote(tcp)
        proxy = None
        port = None
        try:
            proxy = subprocess.Popen(["socat", "-b", "65536", f"PTY,link={link},rawer", f"TCP:127.0.0.1:{tcp},nodelay,retry=50,interval=0.1"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            wait_for(lambda: os.path.exists(link), "socat's port")
            port = Port(link)
            data = os.urandom(BULK)
            for name, write, read in (("port -> remote", port.write, remote.read), ("remote -> port", remote.write, port.read)):
                seconds, received = transfer(write, read, data)
                if received != data:
                    raise Failure("socat's bytes differ")
                rate = BULK / seconds
                say(f"{name}: OpenDext {self.rates[name] / 1e6:6.1f} MB/s, socat {rate / 1e6:6.1f} MB/s, ratio {self.rates[name] / rate:.2f}")
        finally:
            if port is not None:
                port.end()
            if proxy is not None:
                proxy.kill()
                proxy.wait()
            remote.end()

    def stay(self):
        """With a terminal: the remote computer becomes an echo, and the port is the user's until Ctrl-C."""
        self.port.end()
        self.port = None
        self.remote.end()
        self.echo = subprocess.Popen(["socat", f"TCP-LISTEN:{self.tcp},bind=127.0.0.1,reuseaddr,fork,nodelay", "EXEC:cat"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        step("The port is yours. The remote computer now sends back what it gets")
        say("in another terminal:   " + bold(f"picocom {self.device}") + "     (leave it with Ctrl-A Ctrl-X)")
        say("look at the registry:  " + bold(f"OPENDEXT_REALM={self.realm} {os.path.join(self.prefix, 'bin', 'ioreg')} -l"))
        say("end everything here:   Ctrl-C")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                signal.pause()
        say()

    def end(self):
        """Ends everything and says whether a process is left; that is part of the demonstration."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for thing in (self.port, self.remote):
            if thing is not None:
                with contextlib.suppress(OSError):
                    thing.end()
        if self.echo is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.echo.pid, signal.SIGKILL)
            self.echo.wait()
        before = self.processes()
        self.tool("opendext", "stop", check=False)
        with contextlib.suppress(Failure):
            wait_for(lambda: not self.alive(before), "the processes to end", 10)
        left = self.alive(set(before) | set(self.processes()))
        shutil.rmtree(self.folder, ignore_errors=True)
        if left:
            raise Failure("processes are left: " + " ".join(left))
        say("the realm is ended, no process is left")

    def processes(self):
        """Every process of the realm: those that carry its path, and the keeper's children."""
        own = [name for name in os.listdir("/proc") if name.isdigit() and self.belongs(name)]
        try:
            with open(os.path.join(self.realm, "run", "keeper.pid"), encoding="utf-8") as file:
                keeper = file.read().strip()
        except OSError:
            return own
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", keeper or "0"], text=True, capture_output=True, check=False).stdout.split()
        return sorted(set(own) | set(children), key=int)

    @staticmethod
    def alive(pids):
        """Those of `pids` that are still there; a zombie is not."""
        left = []
        for pid in pids:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                    left.append(pid)
        return left

    def belongs(self, pid):
        """Whether a process has the realm's path in its command or environment."""
        needle = self.folder.encode()
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
                if needle in file.read() and int(pid) != os.getpid():
                    return True
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", required=True, help="the build folder")
    parser.add_argument("--no-wait", action="store_true", help="end after the demonstration, also with a terminal")
    options = parser.parse_args()
    # A terminate request ends the realm as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))

    demonstration = Demonstration(os.path.abspath(options.prefix))
    status = 0
    try:
        demonstration.run()
        if sys.stdin.isatty() and sys.stdout.isatty() and not options.no_wait:
            demonstration.stay()
        else:
            say()
            say(f"in a terminal ./run keeps the port open now; picocom {demonstration.device} would open it")
    except KeyboardInterrupt:
        status = 130
    except (Failure, OSError, subprocess.SubprocessError) as error:
        print(f"\nrun: {error}", file=sys.stderr)
        log = demonstration.tool("opendext", "logs", check=False) if os.path.isdir(demonstration.realm) else ""
        if log:
            print("the end of the realm's log:\n" + "\n".join(log.splitlines()[-15:]), file=sys.stderr)
        status = 1
    try:
        demonstration.end()
    except Failure as error:
        print(f"run: {error}", file=sys.stderr)
        status = status or 1
    return status


if __name__ == "__main__":
    sys.exit(main())
