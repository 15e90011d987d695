# SPDX-License-Identifier: Apache-2.0
"""opendext stuck: what waits inside drivers, for each kind a driver that really hangs (waits/)."""

import atexit
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import harness
import schema

BUNDLE = "org.example.waits"
FOLDER = os.path.join(harness.SOURCE, "tests", "why", "waits")
MODULE = os.path.join(harness.PREFIX, "lib", "python3", "dist-packages")
with open(os.path.join(FOLDER, "WaitsProtocol.h"), encoding="utf-8") as header:
    SELECTORS = {name: int(value) for name, value in re.findall(r"kWaits(\w+) = (\d+)", header.read())}

# A program that opens a service and makes one call after the other.
PROGRAM = """
import sys, opendext
sys.stdin.readline()
name, _, kind = sys.argv[1].partition("/")
with opendext.service(opendext.matching.by_name(name)).open(int(kind or 0)) as connection:
    for word in sys.argv[2:]:
        if word == "pause":
            sys.stdin.readline()
        elif word.startswith("async:"):
            kept = connection.call_async(int(word.split(":")[1]))
        else:
            connection.call(*map(int, word.split(":")[:1]), scalars=[int(each) for each in word.split(":")[1:]])
        print("done", word, flush=True)
"""


@functools.cache
def built():
    folder = tempfile.mkdtemp(prefix="opendext-waits-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return harness.build_dext(FOLDER, folder, BUNDLE)


class Waits(harness.RealmCase):
    # Nothing here is to be ended for hanging while it is looked at.
    realm_settings = {"deadline.relayed-call": "600 s"}

    def setUp(self):
        super().setUp()
        self.tool("opendext", "start")
        self.realm.note_processes()
        self.tool("opendext", "install", built())
        self.wait_for(lambda: self.pid_of("waits-below") and self.pid_of("waits-above"), "both drivers")

    def pid_of(self, name):
        """Of the process of the service that is called so, once it is registered."""
        if not [one for one in self.services("IOUserService") if one["name"] == name and one["registered"]]:
            return 0
        server = BUNDLE + (".above" if name == "waits-above" else "")
        return [one["pid"] for one in self.stuck()["drivers"] if one["server"] == server][0]

    def stuck(self, *arguments):
        result = self.realm.run("opendext", "stuck", "--json", *arguments)
        answer = json.loads(result.stdout)
        self.assertEqual(schema.problems(answer, schema.read("opendext-stuck")), [])
        self.assertEqual(result.returncode, 1 if answer["waits"] or answer["busy"] else 0, result.stderr)
        return answer

    def program(self, name, *words):
        """A program that opens the service and does that; it is gone after the test."""
        program = subprocess.Popen([sys.executable, "-B", "-c", PROGRAM, name, *map(str, words)], text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, env=self.realm.environment(PYTHONPATH=MODULE))

        def end():
            program.kill()
            program.communicate()
        self.addCleanup(end)
        program.stdin.write("go\n")
        program.stdin.flush()
        return program

    def did(self, program, word):
        self.assertEqual(program.stdout.readline().strip(), f"done {word}")

    def wait(self, what, fits):
        """The wait that fits, and how people are told of it."""
        def found():
            return [one for one in self.stuck()["waits"] if fits(one) and one["age_ms"] > 300]
        wait = self.wait_for(found, what)[0]
        lines = self.realm.run("opendext", "stuck").stdout.splitlines()
        told = [line for line in lines if line.startswith(f"{wait['who']} waits for {wait['what']}".split(" (")[0])]
        self.assertTrue(told, f"{wait} is not among\n" + "\n".join(lines))
        return wait, told[0]

    def test_a_program_in_a_call_that_does_not_return(self):
        hang, later = SELECTORS["Hang"], SELECTORS["Return"]
        first = self.program("waits-below", later, hang)
        self.did(first, later)
        wait, line = self.wait("the call that hangs", lambda one: one.get("selector") == hang)
        driver = self.pid_of("waits-below")
        self.assertEqual((wait["who"], wait["on"], wait["pid"]), (f"{harness_name(first.pid)}[{first.pid}]", f"{BUNDLE}[{driver}]", driver))
        self.assertTrue(wait["queue"])
        self.assertEqual(len([one for one in self.services("IOUserUserClient") if one["id"] == wait["entry"]]), 1)
        self.assertRegex(line, rf'\[{first.pid}\] waits for its call with selector {hang}, which runs on queue ".+", of .*\[{driver}\] .* since ')
        age = wait["age_ms"]
        self.assertGreater(self.wait("it a moment later", lambda one: one.get("selector") == hang and one["age_ms"] > age)[0]["age_ms"], age)
        # The stacks of the driver are those of the one that hangs.
        stacks = self.stuck("--stacks")["stacks"]
        self.assertTrue("SleepForEver" in stacks[str(driver)] or "not known: " in stacks[str(driver)], stacks)
        # explain tells it of the program.
        subjects = self.explained(str(first.pid))
        self.assertIn(hang, [one.get("selector") for subject in subjects for one in subject["waits"]])
        first.kill()
        first.wait()
        self.wait_for(lambda: not [one for one in self.stuck()["waits"] if one.get("selector") == hang], "the program's end")

    def explained(self, word):
        result = self.realm.run("opendext", "explain", "--json", word)
        answer = json.loads(result.stdout)
        self.assertEqual(schema.problems(answer, schema.read("opendext-explain")), [])
        return answer["subjects"]

    def test_a_call_in_line_behind_another_program_s(self):
        hang, later = SELECTORS["Hang"], SELECTORS["Return"]
        first = self.program("waits-below/1", later, hang)
        self.did(first, later)
        hanging, _ = self.wait("the call that hangs", lambda one: one.get("selector") == hang)
        self.assertEqual(hanging["queue"], "waits.shared")
        second = self.program("waits-below/1", later)
        wait, line = self.wait("the call in line", lambda one: one.get("selector") == later)
        self.assertEqual((wait["queue"], wait["pid"]), ("waits.shared", hanging["pid"]))
        self.assertIn(f'[{second.pid}] waits for its call with selector {later}, which is in line for queue "waits.shared", of {BUNDLE}', line)
        # Nobody knows the age of the work on a queue that a call has claimed; that of the first in line is known.
        queue = [one for one in self.stuck()["waits"] if one["who"] == 'queue "waits.shared"'][0]
        self.assertRegex(queue["what"], r"\(1 more in line, the first for [\d.]+ m?s\)")

    def test_a_queue_whose_work_does_not_end_and_what_is_behind_it(self):
        program = self.program("waits-below", SELECTORS["Busy"], "pause")
        self.did(program, SELECTORS["Busy"])
        wait, line = self.wait("the queue", lambda one: one["queue"] == "waits.worker")
        self.assertEqual((wait["on"], wait.get("selector"), wait["circle"]), (f"{BUNDLE}[{self.pid_of('waits-below')}]", None, []))
        self.assertRegex(line, r'queue "waits\.worker" waits for the end of the work that it runs \(2 more in line, the first for [\d.]+ m?s\)')

    def test_queues_that_wait_for_each_other_are_a_circle(self):
        program = self.program("waits-below", SELECTORS["Circle"], "pause")
        self.did(program, SELECTORS["Circle"])
        wait, line = self.wait("the circle", lambda one: one["circle"])
        self.assertEqual(sorted(wait["circle"]), ["waits.left", "waits.right"])
        self.assertEqual(wait["circle"][-1], wait["queue"])
        self.assertIn("a deadlock (", line)
        self.assertRegex(line, r'"waits\.(left|right)" -> "waits\.(left|right)" -> "waits\.(left|right)"')
        both = [one["queue"] for one in self.stuck()["waits"] if one["circle"]]
        self.assertEqual(sorted(both), ["waits.left", "waits.right"])

    def test_a_driver_that_waits_for_another_driver(self):
        program = self.program("waits-above", SELECTORS["AskBelow"])
        above, below = self.pid_of("waits-above"), self.pid_of("waits-below")
        wait, line = self.wait("the driver above", lambda one: one["who"] == f"{BUNDLE}.above[{above}]")
        self.assertEqual((wait["on"], wait["pid"]), (f"{BUNDLE}[{below}]", below))
        self.assertIn("Call of ", line)
        # And its own client for it.
        self.assertIn(f"[{program.pid}]", "".join(one["who"] for one in self.stuck()["waits"] if one.get("selector") == SELECTORS["AskBelow"]))

    def test_a_program_that_does_not_take_its_completions(self):
        keep = f"async:{SELECTORS['Keep']}"
        program = self.program("waits-below", keep, "pause")
        self.did(program, keep)
        os.kill(program.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, program.pid, signal.SIGCONT)
        # Less than what costs a program its connection.
        other = self.program("waits-below", f"{SELECTORS['Flood']}:20000", "pause")
        self.did(other, f"{SELECTORS['Flood']}:20000")
        wait, line = self.wait("the program that does not read", lambda one: "completions" in one["what"])
        self.assertEqual(wait["who"], f"{BUNDLE}[{self.pid_of('waits-below')}]")
        self.assertTrue(wait["on"].endswith(f"[{program.pid}]"), wait)
        self.assertRegex(line, r"waits for room for completions \(\d+ bytes not taken, \d+ messages? kept\)")

    def test_a_process_that_is_stopped_is_said_to_be(self):
        driver = self.pid_of("waits-below")
        os.kill(driver, signal.SIGSTOP)
        try:
            wait, _ = self.wait("the process that is stopped", lambda one: "the process is stopped" in one["what"])
            self.assertEqual((wait["who"], wait["pid"]), ("opendextd", driver))
        finally:
            os.kill(driver, signal.SIGCONT)
        self.wait_for(lambda: not [one for one in self.stuck()["waits"] if one["pid"] == driver], "it to go on")


def harness_name(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


if __name__ == "__main__":
    harness.main()
