# SPDX-License-Identifier: Apache-2.0
"""What the tests here share: the dext of strain/ and its application, built once for a test program; the application as
a process that does what it is told line by line; and what the processes of a realm use of the machine."""

import atexit
import functools
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import harness
import sources

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = "org.example.strain"

# Points of the driver's own code where whoever comes there next is held: strain/StrainProtocol.h.
(NOWHERE, IN_NEW_USER_CLIENT, IN_START, IN_CALL, IN_OUTPUT, IN_MEMORY, IN_READ, AFTER_ASYNC, IN_STOP) = range(9)
# Types of user clients.
OWN_QUEUE, SHARED_QUEUE, ALONE = range(3)

SUCCESS = 0
NOT_RESPONDING = 0xe00002ed
LONG = bool(os.environ.get("OPENDEXT_TEST_LONG"))


def compile_program(source, output, *options):
    """Compiles an application as its author does, C or C++ by its name."""
    compiler = ("clang++-19", "-std=c++20") if source.endswith(".cpp") else ("clang-19", "-std=gnu17")
    library = os.path.join(harness.PREFIX, "lib")
    subprocess.run([*compiler, "-fblocks", "-O2", "-Wall", "-Wextra", "-Werror", "-isystem", sources.client_headers(),
                    os.path.join(HERE, source), "-o", output, "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library, "-pthread",
                    *options], check=True)


@functools.cache
def built():
    """Where the driver of strain/ and its application are: built for the first test that wants them."""
    folder = tempfile.mkdtemp(prefix="opendext-strain-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    harness.build_dext(os.path.join(HERE, "strain"), folder, BUNDLE)
    compile_program("program.cpp", os.path.join(folder, "program"))
    return folder


class Program:
    """The application in a process of its own. `tell` gives an order and waits for its answer."""

    def __init__(self, case, **environment):
        self.case = case
        self.process = subprocess.Popen([case.program], env=case.realm.environment(**environment), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self.lines = queue.Queue()
        self.events = []  # what came that nobody waited for
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        self.expect("ready")

    def _collect(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, name, timeout=60):
        """The next line that begins with `name`, without it. None if the process ended instead."""
        for at, line in enumerate(self.events):
            if line.split(" ", 1)[0] == name:
                return self.events.pop(at)[len(name) + 1:]
        while True:
            try:
                line = self.lines.get(timeout=timeout * harness.PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no answer to {name!r}, only {self.events}") from None
            if line is None:
                self.lines.put(None)
                return None
            if line.split(" ", 1)[0] == name:
                return line[len(name) + 1:]
            self.events.append(line)

    def result(self, name, timeout=60):
        """The answer to an order as (code, text)."""
        line = self.expect(name, timeout)
        self.case.assertIsNotNone(line, f"the program ended during {name}: {self.process.poll()}")
        code, _, text = line.partition(" ")
        return int(code, 0), text

    def ask(self, line, timeout=60):
        self.order(line)
        return self.result(line.lstrip("& ").split(" ", 1)[0], timeout)

    def tell(self, line, timeout=60):
        """An order that has to succeed; gives what the answer says."""
        code, text = self.ask(line, timeout)
        self.case.assertEqual(code, SUCCESS, f"{line}: 0x{code:x} {text}")
        return text

    def numbers(self, line, timeout=60):
        return [int(word) for word in self.tell(line, timeout).split()]

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdin.close()
        self.thread.join()
        self.process.stdout.close()


class StrainCase(harness.RealmCase):
    """A realm in which the driver of strain/ is up."""

    @classmethod
    def setUpClass(cls):
        if cls is StrainCase:
            raise unittest.SkipTest("only a base")
        cls.built = built()
        cls.dext = os.path.join(cls.built, "Strain.dext")
        cls.program = os.path.join(cls.built, "program")

    def setUp(self):
        super().setUp()
        self.start_realm()
        self.tool("opendext", "install", self.dext)
        self.wait_for_driver()

    def start_realm(self):
        """For tests that want a realm of a kind; else the first tool starts it."""

    def wait_for_driver(self, other_than=None):
        """The process id of the driver, which can be opened; of another one than before."""
        def driver():
            found = [each["pid"] for each in self.services("strain") if each.get("registered", True) and each.get("pid")]
            return found and found[0] != other_than and found[0]
        return self.wait_for(driver, "the driver to be registered")

    def start_program(self, **environment):
        program = Program(self, **environment)
        self.addCleanup(program.end)
        return program

    def opened(self, kind=OWN_QUEUE):
        program = self.start_program()
        program.tell(f"open {kind}")
        return program

    def lines(self):
        return [line["message"] for line in self.realm.log()]

    def wait_for_line(self, text, times=1):
        self.wait_for(lambda: sum(text in line for line in self.lines()) >= times, f"{text!r} in the log, {times} times")

    def wait_for_counts(self, observer, alive, what):
        """Until the driver has so many user clients, all others stopped and freed."""
        def settled():
            made, started, stopped, freed, streams = observer.numbers("counts")
            return made - freed == alive and started - stopped == alive and streams == 0
        self.wait_for(settled, what)


class Use:
    """What a process uses: resident kilobytes, descriptors, threads, mappings."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        self.rss = int(status["VmRSS"].split()[0])
        self.threads = int(status["Threads"])
        self.files = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            self.maps = sum(1 for _ in file)

    def __repr__(self):
        return f"{self.rss} KiB, {self.threads} threads, {self.files} files, {self.maps} maps"


