# SPDX-License-Identifier: Apache-2.0
"""A realm of the campaign: its programs, its drivers, what it uses of the machine, and the means to hurt processes."""

import contextlib
import ctypes
import errno
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import harness  # noqa: E402 pylint: disable=wrong-import-position

# Within this time what was hurt is back, and what was not hurt goes on, on any machine.
DEADLINE = 30.0
SPARES = 4  # restart.spare-processes
_LIBC = ctypes.CDLL(None, use_errno=True)
_PIDFD_GETFD = 438


class Violation(Exception):
    """Something that must not happen did."""


def build(folder):
    """The programs and dexts of the campaign, once for all realms; gives the folder."""
    library = os.path.join(harness.PREFIX, "lib")
    compiler = ["clang++-19", "-std=c++20", "-fblocks", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    jobs = [
        [*compiler, "-isystem", os.path.join(harness.SOURCE, "iokit", "include"), os.path.join(HERE, "load.cpp"), "-o",
         os.path.join(folder, "load"), "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library],
        [*compiler, os.path.join(HERE, "lines.cpp"), "-o", os.path.join(folder, "lines")],
        [*compiler, "-I", harness.SOURCE, os.path.join(HERE, "hostile.cpp"),
         os.path.join(harness.PREFIX, "archive", "libopendext_rpc.a"), "-o", os.path.join(folder, "hostile")],
        *([*compiler, "-isystem", os.path.join(harness.PREFIX, "sdk", "client", "include"), os.path.join(HERE, name + ".cpp"), "-o",
           os.path.join(folder, name), "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library] for name in ("player", "reader")),
        *([harness.program("opendext"), "build", os.path.join(HERE, name), "-o", os.path.join(folder, name), "--bundle-id",
           f"org.example.{name}", "--quiet"] for name in ("subject", "port", "input")),
    ]
    environment = harness.Realm(os.path.join(folder, "no-realm")).environment()
    # Two at a time: the machine may be small.
    for first in range(0, len(jobs), 2):
        running = [subprocess.Popen(words, env=environment) for words in jobs[first:first + 2]]
        for words, process in zip(jobs[first:first + 2], running):
            if process.wait() != 0:
                raise RuntimeError(f"{' '.join(words)} failed")
    return folder


class Helper:
    """A program that answers one line to each line."""

    def __init__(self, words, environment):
        self.words = words
        self.process = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.unread = b""

    def order(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, line):
        while b"\n" not in self.unread:
            # Every order has a deadline of its own in there; this is for a helper that hangs.
            if not select.select([self.process.stdout], [], [], 4 * DEADLINE * harness.PATIENCE)[0]:
                raise Violation(f"{os.path.basename(self.words[0])} does not answer {line!r}")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Violation(f"{os.path.basename(self.words[0])} ended with {self.process.wait()} at {line!r}")
            self.unread += more
        text, _, self.unread = self.unread.partition(b"\n")
        text = text.decode().strip()
        word, _, rest = text.partition(" ")
        if word != "ok":
            raise Violation(f"{line}: {text}")
        return rest

    def ask(self, line):
        try:
            self.order(line)
        except BrokenPipeError:
            raise Violation(f"{os.path.basename(self.words[0])} ended with {self.process.wait()}") from None
        return self.answer(line)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class World:
    """One realm, from its start to the check that nothing of it is left."""

    def __init__(self, built, folder, settings, pace_us=300, patient=False):
        """patient: the keeper rides out any number of deaths of opendextd."""
        self.built, self.folder, self.pace_us = built, folder, pace_us
        self.realm = harness.Realm(os.path.join(folder, "realm"))
        # Drivers die more often than anybody gives up on them, and giving names to stacks is most of what that costs.
        self.realm.configure({"restart.policy": "driverkit", "restart.relaunches": "1000000", "crash.stacks-per-minute": "6",
                              # One that crashes on its way up does so until it is told to stop.
                              "restart.start-crash-retries": "1000", "restart.longest-wait": "1 s",
                              # So that a driver that is left to opendextd does not hold a batch up.
                              "deadline.set-properties": "3 s",
                              # So that "all threads" are some that a small machine has.
                              "sandbox.threads": "256", **settings})
        self.installed = set()
        self.daemon_ends = []
        self.limit_ms = int(DEADLINE * 1000 * harness.PATIENCE)
        self.helpers = []
        self.scenarios = []
        self.keeper = self.keeper_start = None
        self.patient = self.start_patient_keeper() if patient else None

    def start_patient_keeper(self):
        keeper = subprocess.Popen(
            [harness.program("opendext-keeper"), "--realm", self.realm.root, "--foreground", "--most-crashes", "1000000",
             "--longest-pause", "0"],
            env=self.realm.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_for(self.realm.keeper_pid, "the keeper", DEADLINE)
        return keeper

    def tool(self, name, *words):
        done = self.realm.run(name, *words)
        if done.returncode != 0:
            raise RuntimeError(f"{name} {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def daemon_may_end(self):
        """Waits until one more crash of opendextd is not too many: the sixth within a minute ends the realm."""
        if self.patient is not None:
            return
        while len(self.daemon_ends) >= 4 and time.monotonic() - self.daemon_ends[-4] < 62:
            time.sleep(0.2)
        self.daemon_ends.append(time.monotonic())

    def replace_daemon(self):
        self.daemon_may_end()
        old = self.daemon()
        kill(old)
        wait_for_end(old)
        self.daemon()  # the next one

    def install(self, name):
        """Once: another time would replace it, and its drivers."""
        if name in self.installed:
            return
        self.installed.add(name)
        path = harness.dext(name) if os.path.exists(harness.dext(name)) else os.path.join(self.built, name.lower(), name + ".dext")
        self.tool("opendext", "install", path)

    def helper(self, name, *words):
        helper = Helper([os.path.join(self.built, name), *words], self.realm.environment())
        self.helpers.append(helper)
        return helper

    def started(self):
        """From now on the keeper must not change."""
        self.keeper = self.realm.keeper_pid()
        self.keeper_start = harness.start_time(self.keeper)

    def check_keeper(self):
        if harness.start_time(self.keeper) != self.keeper_start:
            raise Violation("the keeper ended")

    def check_processes(self):
        """Bystanders are served by the processes of before, where their programs would not notice."""
        for scenario in self.scenarios:
            scenario.check_processes()

    def story(self, pid):
        """What the realm's log tells of a process, last."""
        lines = [line for line in self.realm.log() if line.get("pid") == pid or f"[{pid}]" in line.get("message", "")]
        return "; ".join(f"{line.get('time', '')[11:23]} {line.get('category', '')}: {line.get('message', '')}" for line in lines[-8:])

    def check_bystanders(self):
        """All at the same time."""
        for scenario in self.scenarios:
            scenario.begin_check()
        for scenario in self.scenarios:
            scenario.end_check()
        self.check_keeper()

    def drivers_come_back(self):
        """Kills a driver, and waits until another one is in its place: the first that can."""
        for scenario in self.scenarios:
            outcome = scenario.kill_one()
            if outcome is not None:
                return outcome
        return None

    def processes(self, key, value):
        """Process ids of the drivers of entries that have this property."""
        found, todo = [], [json.loads(self.tool("ioreg", "-l", "--json"))]
        while todo:
            one = todo.pop()
            if isinstance(one, list):
                todo += one
                continue
            if one.get("pid") and one.get("properties", {}).get(key) == value:
                found.append(Process(one["pid"]))
            todo += one.get("children") or []
        return found

    def daemon(self):
        """Process id of opendextd."""
        return self.one("opendextd")

    def prepared(self):
        return self.one("opendext-driver: prepared")

    def one(self, text):
        """The child of the keeper whose command has these words."""
        def found():
            with open(f"/proc/{self.keeper}/task/{self.keeper}/children", encoding="utf-8") as file:
                return [Process(pid) for pid in map(int, file.read().split()) if text in command(pid)]
        return harness.wait_for(found, text, DEADLINE)[0]

    def end(self):
        for helper in self.helpers:
            helper.end()
        left = self.realm.stop()
        if self.patient is not None:
            self.patient.wait(DEADLINE)
        if left:
            raise Violation(f"processes were left behind by the realm: {left}")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # What the realm uses.

    def use(self):
        """Counts by name. What must not grow over a batch."""
        use = {}
        for pid in self.realm.processes():
            name = command(pid)
            use[f"processes {name}"] = use.get(f"processes {name}", 0) + 1
            if name in ("opendextd", "opendext-keeper", "opendext-driver: prepared driver process"):
                use[f"descriptors {name}"] = len(os.listdir(f"/proc/{pid}/fd"))
            if name == "opendextd":
                self.daemon_descriptors = descriptors(pid)
                # The watch of terminals begins with the first one that is closed, and stays.
                use["descriptors opendextd"] -= min(1, self.daemon_descriptors.get("anon_inode:inotify", 0))
        # A driver has an init of its own, and those of one prepared process, as long as one of them lives, one in common. The keeper
        # has a descriptor of each.
        # How many spare processes there are is opendextd's choice; it has a socket of each, the keeper three descriptors.
        spares = use.pop("processes opendext-driver: spare driver process", 0)
        bare = use.pop("processes opendext-driver: bare driver process", 0)
        use["spare processes too many"] = max(0, spares - SPARES) + max(0, bare - 1)
        spares += bare
        use["descriptors opendextd"] -= spares
        use["descriptors opendext-keeper"] -= 3 * spares
        inits = use.pop("processes driver-init", 0)
        drivers = sum(count for name, count in use.items() if name.startswith("processes ") and name.endswith(".dext"))
        use["descriptors opendext-keeper"] -= inits
        use["inits too many"] = max(0, inits - 2 * drivers)
        tree = self.tool("ioreg", "-l", "--json")
        use["registry entries"] = tree.count('"id":')
        for folder in ("dev", "run", "extensions"):
            use[f"files {folder}"] = sum(len(files) + len(folders) for _, folders, files in os.walk(os.path.join(self.realm.root, folder)))
        return use

    def memory(self):
        """KiB of what lives as long as the realm."""
        found = {}
        for pid in self.realm.processes():
            if command(pid) in ("opendextd", "opendext-keeper", "opendext-driver: prepared driver process"):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
                    found[command(pid)] = next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty:"))
        return found


def command(pid):
    text = harness.command_line(pid)
    # Process 1 of a driver's process id namespace shares the memory of the prepared process, its command line too.
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        if file.read() == "driver-init\n":
            return "driver-init"
    return text if text.startswith("opendext-driver:") else os.path.basename(text.split(" ")[0])


def descriptors(pid):
    """What they are of: {kind: how many}."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            kind = os.readlink(f"/proc/{pid}/fd/{number}").split(":[")[0]
            found[kind] = found.get(kind, 0) + 1
    return found


# Means to hurt.

class Process(int):
    """A process id, and whose it is: the kernel gives the number away again when the process has ended, and what was meant for a
    driver that had just died of something else would hit another one."""

    def __new__(cls, pid):
        own = super().__new__(cls, pid)
        own.started = harness.start_time(own)
        return own


def is_same(pid):
    """Whether the process is still the one of which this was the id; of a plain number nothing is known."""
    return not isinstance(pid, Process) or pid.started is not None and harness.start_time(pid) == pid.started


def open_process(pid):
    """A pidfd of it; ProcessLookupError if it has ended."""
    process = os.pidfd_open(pid)
    if is_same(pid):
        return process
    os.close(process)
    raise ProcessLookupError(errno.ESRCH, f"process {pid} is another one now")


def kill(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        process = open_process(pid)
        try:
            signal.pidfd_send_signal(process, number)
        finally:
            os.close(process)


def wait_for_end(pid):
    """Until the process is dead."""
    try:
        process = open_process(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([process], [], [], DEADLINE * harness.PATIENCE)[0]:
            raise Violation(f"process {pid} does not die: {harness.command_line(pid)}")
    finally:
        os.close(process)


def steal(pid, number):
    """A duplicate of a descriptor of another process."""
    process = open_process(pid)
    try:
        got = _LIBC.syscall(_PIDFD_GETFD, process, number, 0)
        if got < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return got
    finally:
        os.close(process)


def socket_numbers(pid):
    """Descriptors that are sockets: {inode: number}."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found[int(target[8:-1])] = int(name)
    return found


def peers():
    """Which Unix socket is connected to which, by inode: sock_diag(7)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xffffffff, 0, 4, 0xffffffff, 0xffffffff)
        link.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
        found = {}
        while True:
            data = link.recv(1 << 20)
            at = 0
            while at < len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind in (2, 3):
                    return found
                own = struct.unpack_from("=I", data, at + 20)[0]
                attribute = at + 32
                while attribute < at + length:
                    size, name = struct.unpack_from("=HH", data, attribute)
                    if name == 2 and size >= 8:
                        found[own] = struct.unpack_from("=I", data, attribute + 4)[0]
                    attribute += max(4, size + 3 & ~3)
                at += length + 3 & ~3


def far_end(pid, number, holder):
    """A duplicate of the end that `holder` has of the socket `number` of `pid`; None if there is none any more."""
    with contextlib.suppress(OSError):
        own = os.stat(f"/proc/{pid}/fd/{number}").st_ino
        if not is_same(pid):
            return None
        there = socket_numbers(holder).get(peers().get(own))
        return None if there is None else steal(holder, there)
    return None


def message(kind, body, serial=0, flags=0, magic=0x5458444f, size=None):
    """A control message as rpc/socket.cpp has it."""
    return struct.pack("<IIQII", magic, kind, serial, flags, len(body) if size is None else size) + body


def garbage(random, kinds):
    """A message that nobody wrote: mostly of a right form and a random content."""
    body = random.randbytes(random.choice((0, 1, 4, 8, 12, 16, 24, 40, 64, 200, 3000)))
    if random.random() < 0.5:
        # Small numbers look like lengths and indexes that are right.
        body = b"".join(struct.pack("<I", random.choice((0, 1, 2, 3, 8, 255, 65536, 0x7fffffff, 0xffffffff)))
                        for _ in range(len(body) // 4))
    serial = random.choice((0, 1, random.randrange(1 << 10), random.getrandbits(64), 1 << 63 | random.randrange(64)))
    form = random.random()
    if form < 0.08:
        return random.randbytes(random.randrange(64))
    kind = random.choice(kinds) if random.random() < 0.9 else random.getrandbits(32)
    if form < 0.16:
        return message(kind, body, serial, flags=random.getrandbits(32))
    if form < 0.24:
        return message(kind, body, serial, size=random.choice((0, len(body) + 1, 0xffffffff, random.getrandbits(32))))
    return message(kind, body, serial)


def pour(descriptor, messages, random, with_descriptors=True):
    """Sends messages over a duplicate of somebody's socket, without waiting, some with descriptors."""
    with socket.socket(fileno=descriptor) as end:
        for text in messages:
            fds = []
            if with_descriptors and random.random() < 0.1:
                fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(random.randrange(1, 4))]
            try:
                socket.send_fds(end, [text], fds, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                return
            finally:
                for fd in fds:
                    os.close(fd)


def lie(pid, number, messages, random):
    """Sends messages as the process would. Nothing if it has just died of what was sent before."""
    with contextlib.suppress(OSError):
        pour(steal(pid, number), messages, random)


def scribble(pid, name, random, writes, mostly):
    """Random words into the memory that a process shares with others under `name`: mostly into the first `mostly` bytes.
    How many areas there were."""
    areas = []
    if not is_same(pid):
        return 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) > 5 and name in words[5] and words[1][1] == "w":
                first, last = (int(number, 16) for number in words[0].split("-"))
                areas.append((first, last - first))
    if not areas:
        return 0
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for _ in range(writes):
            first, size = random.choice(areas)
            at = random.randrange(min(size, mostly) if random.random() < 0.75 else size) & ~3
            word = random.choice((0, 0xffffffff, random.getrandbits(32), random.randrange(4096)))
            with contextlib.suppress(OSError):
                os.pwrite(memory.fileno(), struct.pack("<I", word), first + at)
    return len(areas)


def now_ns():
    return time.monotonic_ns()
