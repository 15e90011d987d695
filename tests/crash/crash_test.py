# SPDX-License-Identifier: Apache-2.0
"""A driver dies in every way there is: its report says how, where (function, file and line), and what was before; its exit
status stays what it was; others and opendextd go on."""

import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
import schema
from crasher_realm import BUNDLE, CrasherCase, built, line_of, places


class CrashTest(CrasherCase):
    def check(self, report, name, mark, *functions, code=None):
        """The report names the signal, and the stack of the thread that crashed the marked line and the functions."""
        number = getattr(signal, name)
        self.assertEqual((report["signal"], report["fault"]["signal"], report["stacks"]),
                         (number, name, {"state": "taken", "reason": ""}), report["text"])
        if code:
            self.assertEqual(report["fault"]["code"], code)
        self.assertTrue(report["threads"][0]["faulting"])
        self.assertEqual(report["threads"][0]["id"] > 0, True)
        found = places(report)
        self.assertIn(("Crasher.cpp", line_of(mark)), [place[1:] for place in found], found)
        for function in functions:
            self.assertTrue(any(function in place[0] for place in found), f"{function} in {found}")
        self.assertIn("Hello World", [line["message"] for line in report["log"]])

    def test_each_signal_has_its_line(self):
        self.install()
        first_frame = {"segv", "ill", "fpe"}
        for how, name, code, words in (
                ("segv", "SIGSEGV", "SEGV_MAPERR", "it used the address 0x10, where nothing is mapped"),
                ("bus", "SIGBUS", "BUS_ADRERR", "which is mapped beyond the end of its file"),
                ("ill", "SIGILL", "ILL_ILLOPN", "does not exist"),
                ("fpe", "SIGFPE", "FPE_INTDIV", "it divided an integer by zero"),
                ("abort", "SIGABRT", "SI_TKILL", "it called abort()"),
                ("trap", "SIGTRAP", "SI_KERNEL", "it ran into a breakpoint instruction"),
                ("sys", "SIGSYS", "SI_TKILL", "a thread of it sent itself the signal")):
            with self.subTest(how):
                report = self.crash(how)
                self.check(report, name, how, "Die(", "Crasher::UserSetProperties_Impl", code=code)
                self.assertIn(words, report["text"])
                if how in first_frame:
                    self.assertEqual(places(report)[0][1:], ("Crasher.cpp", line_of(how)))

    def test_a_report_says_what_there_is_to_say(self):
        self.install({"Crasher": {"CrasherColour": "green"}})
        report = self.crash("segv")
        self.assertEqual(schema.problems([report], schema.read("opendext-crash")), [])
        self.assertEqual((report["bundle"], report["version"], report["process"]), (BUNDLE, "4.2", BUNDLE))
        self.assertTrue(report["executable"].endswith("/Crasher.dext/Crasher") or
                        report["executable"].endswith("/Crasher"), report["executable"])
        notes = subprocess.run(["readelf", "-n", report["executable"]], capture_output=True, text=True, check=True).stdout
        if found := re.search(r"Build ID: (\w+)", notes):
            self.assertEqual(report["build_id"], found[1])
        [own] = report["objects"]
        self.assertEqual((own["class"], own["state"], own["personality"]), ("Crasher", "registered", "Crasher"))
        self.assertEqual(own["provider"]["class"], "IOUserResources")
        self.assertGreater(report["uptime_ms"], 0)
        self.assertIn("dies: segv", [line["message"] for line in report["log"]])
        self.assertIn("Call of IOService::RegisterService", " ".join(each["message"] for each in report["messages"]))
        self.assertIn("SetProperties", report["messages"][-2]["message"] + report["messages"][-1]["message"] +
                      " ".join(each["message"] for each in report["messages"][-4:]))
        registers = report["threads"][0]["registers"]
        self.assertTrue({"rip", "rsp"} <= registers.keys() or {"pc", "sp"} <= registers.keys(), registers)
        self.assertGreater(len(report["threads"]), 1)
        self.assertTrue(any("libDriverKit" in each["path"] for each in report["modules"]))
        self.assertIn("seccomp", report["sandbox"])
        self.assertGreater(report["usage"]["descriptors_limit"], report["usage"]["descriptors"])
        text = self.tool("opendext", "crash", "show")
        for part in (report["id"], "Crasher.cpp:" + str(line_of("segv")), "which crashed", "dies: segv",
                     "Registers of thread", "where nothing is mapped", "IOUserResources"):
            self.assertIn(part, text)
        [death] = [line["message"] for line in self.realm.log() if " died: " in line["message"]]
        self.assertIn(f"opendext crash show {report['id']}", death)

    def test_inlined_functions_are_frames(self):
        self.install()
        found = places(self.crash("inlined"))
        self.assertEqual([place[1:] for place in found[:2]],
                         [("Crasher.cpp", line_of("inlined")), ("Crasher.cpp", line_of("call of inlined"))])
        self.assertEqual([place[0].split("(")[0] for place in found[:2]], ["Inlined", "Die"])

    def test_what_abort_was_called_for_is_in_the_report(self):
        self.install()
        report = self.crash("assert")
        self.check(report, "SIGABRT", "assert")
        self.assertIn('Assertion `gZero == 1 && "the world is upside down"\' failed', report["text"])
        report = self.crash("heap")
        self.check(report, "SIGABRT", "heap")
        self.assertIn("free(): double free", report["text"])
        report = self.crash("panic")
        self.check(report, "SIGABRT", "panic", "panic")
        self.assertIn("panic: the paper is on fire, tray 3", [line["message"] for line in report["log"]])
        self.check(self.crash("terminate"), "SIGABRT", "terminate", "terminate")

    def test_on_other_queues_and_in_actions(self):
        self.install()
        self.check(self.crash("segv", " in queue"), "SIGSEGV", "block", "block in Crasher::UserSetProperties_Impl")
        self.check(self.crash("segv", " in action"), "SIGSEGV", "action", "Crasher::Tick_Impl")

    def test_in_start_and_init(self):
        self.install({"Crasher": {"CrasherStart": "segv"}})
        report = self.wait_for(self.reports, "a report")[0]
        report = json.loads(self.tool("opendext", "crash", "show", report["id"], "--json"))
        found = [place[1:] for place in places(report)]
        self.assertIn(("Crasher.cpp", line_of("start")), found)
        self.assertIn(report["objects"][0]["state"], ("starting", "failed"))
        self.tool("opendext", "uninstall", BUNDLE)
        other = "org.example.crasher.init"
        self.install({"Init": {"IOUserClass": "CrasherInit"}}, other)
        self.wait_for(lambda: [each for each in self.reports() if each["bundle"] == other], "a report")
        report = json.loads(self.tool("opendext", "crash", "show", other, "--json"))
        self.assertIn(("CrasherInit.cpp", line_of("init", "CrasherInit.cpp")), [place[1:] for place in places(report)])
        self.assertEqual(report["fault"]["address"], "0x40")
        self.assertIn(report["objects"][0]["state"], ("instantiating", "failed"))

    def test_what_cannot_tell_of_its_crash_has_a_report_all_the_same(self):
        self.install()
        for how, end in (("exit", "exit status 7"), ("handled", "exit status 3"), ("smashed", "signal 11"),
                         ("closed", "signal 11"), ("hangs up", "exit status 69 (its control socket was closed)")):
            with self.subTest(how):
                report = self.crash(how)
                self.assertTrue(report["text"].startswith(end), report["text"])
                self.assertEqual((report["stacks"]["state"], report["threads"]), ("missing", []))
                self.assertTrue(report["stacks"]["reason"])
                self.assertIn(f"dies: {how}", [line["message"] for line in report["log"]])
        pid = self.up()
        os.kill(pid, signal.SIGKILL)
        report = self.report_of(pid)
        self.assertEqual((report["signal"], report["stacks"]["state"]), (9, "missing"))
        self.assertIn("for want of memory", report["text"])

    def test_a_driver_that_closes_its_control_socket_and_lives_on_is_ended_and_the_report_says_by_whom(self):
        self.realm.configure({**self.realm_settings, "deadline.hang-up": "1 s"})
        self.install()
        report = self.crash("hangs up and stays")
        reason = "it closed its control socket and went on"
        self.assertEqual((report["signal"], report["killed_for"]), (9, reason))
        self.assertEqual(report["text"], f"signal 9 (Killed), killed by opendextd: {reason}")
        self.assertEqual(report["stacks"]["state"], "taken", report["stacks"])
        self.assertIn("Die(", report["text"] + str(report["threads"]))

    def test_a_process_without_free_descriptors_tells_of_its_crash(self):
        self.install()
        report = self.crash("descriptors")
        self.check(report, "SIGSEGV", "descriptors")
        self.assertTrue(any(each.startswith("descriptors: ") for each in report["limits_hit"]), report["limits_hit"])

    def test_a_signal_that_somebody_sends_names_the_sender(self):
        self.install()
        pid = self.up()
        os.kill(pid, signal.SIGSEGV)
        report = self.report_of(pid)
        self.assertEqual((report["signal"], report["fault"]["code"]), (11, "SI_USER"))
        self.assertEqual(report["stacks"]["state"], "taken")

    def test_two_drivers_that_crash_at_once(self):
        self.install()
        pid = self.up()
        names = [f"org.example.crasher.{number}" for number in range(2)]
        for name in names:
            self.install({"Start": {"CrasherStart": "abort"}}, name)
        self.wait_for(lambda: {each["bundle"] for each in self.reports()} >= set(names), "both reports")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            shown = list(pool.map(lambda name: json.loads(self.tool("opendext", "crash", "show", name, "--json")), names))
        for name, report in zip(names, shown):
            self.assertEqual((report["bundle"], report["signal"], report["stacks"]["state"]), (name, 6, "taken"))
            self.assertIn(("Crasher.cpp", line_of("abort")), [place[1:] for place in places(report)])
        self.assertEqual(self.up(), pid, "the third one goes on")


class HostileFileTest(CrasherCase):
    def test_a_dext_with_senseless_debugging_information_harms_nobody(self):
        """The driver's file is as its author made it; what reads it has bounds and no rights, and opendextd goes on."""
        original = built()
        headers = subprocess.run(["readelf", "-SW", os.path.join(original, "Crasher")], capture_output=True, text=True,
                                 check=True).stdout
        sections = re.findall(r"\s(\.debug_\w+|\.symtab|\.strtab)\s+\w+\s+\w+\s+(\w+)\s+(\w+)", headers)
        self.assertGreater(len(sections), 4, headers)
        for seed in range(4):
            with self.subTest(seed=seed):
                chance = random.Random(seed)
                folder = os.path.join(self.folder, f"seed{seed}")
                bundle = shutil.copytree(original, os.path.join(folder, "Crasher.dext"))
                with open(os.path.join(bundle, "Crasher"), "r+b") as file:
                    for _, offset, size in sections:
                        offset, size = int(offset, 16), int(size, 16)
                        for _ in range(max(1, size // (8 if seed % 2 else 200))):
                            file.seek(offset + chance.randrange(size))
                            file.write(chance.randbytes(1))
                self.tool("opendext", "install", bundle)
                report = self.crash("segv")
                self.assertEqual(report["fault"]["signal"], "SIGSEGV")
                self.assertIn(report["stacks"]["state"], ("taken", "missing"))
                self.assertEqual(schema.problems([report], schema.read("opendext-crash")), [])
                self.tool("opendext", "uninstall", BUNDLE)


class OverflowTest(CrasherCase):
    def test_a_stack_overflow_has_its_stack(self):
        self.install()
        for where in ("", " in queue"):
            with self.subTest(where):
                report = self.crash("overflow", where)
                self.assertEqual((report["signal"], report["stacks"]["state"]), (11, "taken"))
                self.assertIn("its stack overflowed", report["text"])
                found = places(report)
                self.assertTrue(all(place[0].startswith("Recurse") for place in found[:50]), found[:3])
                self.assertEqual(report["threads"][0]["end"], "more frames follow")


class EarlyTest(CrasherCase):
    def test_in_a_static_constructor(self):
        os.environ["OPENDEXT_BOOT_ARGS"] = "crasher_early=segv"
        self.addCleanup(os.environ.pop, "OPENDEXT_BOOT_ARGS")
        self.install()
        report = self.wait_for(self.reports, "a report")[0]
        report = json.loads(self.tool("opendext", "crash", "show", report["id"], "--json"))
        self.assertEqual((report["signal"], report["stacks"]["state"]), (11, "taken"), report["stacks"])
        self.assertIn(("Crasher.cpp", line_of("early")), [place[1:] for place in places(report)])


class ReportsTest(CrasherCase):
    def test_the_number_of_reports_is_bounded_and_they_outlive_the_realm(self):
        # Died again and again: many reports, one opendextd.
        rounds = 3
        folder = os.path.join(self.realm.root, "crash")
        os.makedirs(folder, mode=0o700)
        for number in range(120):
            name = f"org.example.old-2020-01-01T00.00.00.{number:06}Z-{number + 1}"
            with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
                json.dump({"bundle": "org.example.old", "time": f"2020-01-01T00:00:00.{number:06}Z", "pid": number + 1}, file)
            os.utime(file.name, (number, number))
        self.install({"Crasher": {"CrasherStart": "exit"}})
        self.wait_for(lambda: len([each for each in self.reports() if each["bundle"] == BUNDLE]) >= rounds,
                      f"{rounds} reports", 120)
        self.tool("opendext", "uninstall", BUNDLE)
        reports = self.reports()
        self.assertLessEqual(len(reports), 100)
        old = [each["pid"] for each in reports if each["bundle"] == "org.example.old"]
        self.assertEqual(old, list(range(121 - len(old), 121)), "the oldest go first")
        names = {name.rsplit(".", 1)[0] for name in os.listdir(folder) if name.endswith(".txt")}
        self.assertTrue(names <= {each.rsplit(".", 1)[0] for each in os.listdir(folder) if each.endswith(".json")})
        self.assertFalse([name for name in os.listdir(folder) if not name.endswith((".json", ".txt"))])
        self.realm.stop()
        again = self.reports()
        self.assertGreaterEqual(len(again), rounds)
        self.assertIn("exit status 7", self.tool("opendext", "crash", "show", BUNDLE))

    def test_bad_input(self):
        self.assertIn("no driver of this realm has died", self.tool("opendext", "crash", "ls"))
        self.assertIn("no driver of this realm has died", self.refused("opendext", "crash", "show"))
        folder = os.path.join(self.realm.root, "crash")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for name, content in (("a.json", "{"), ("b.json", "[1]"), ("c.json", '{"time": 3, "bundle": "x"}'), ("d.json", ""),
                              ("e.json", '{"time": "2020", "bundle": "x.y", "text": "\\u001b[31mred", "pid": 5}')):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        os.mkdir(os.path.join(folder, "f.json"))
        done = self.realm.run("opendext", "crash", "ls")
        self.assertEqual((done.returncode, done.stdout), (0, "e   [31mred\n"))
        for name in "abcdf":
            self.assertIn(name + ".json", done.stderr)
        self.assertIn("no crash report of nobody", self.refused("opendext", "crash", "show", "nobody"))
        self.assertIn("e.txt", self.refused("opendext", "crash", "show", "y"))
        for arguments in (["dance"], ["ls", "x"], [], ["show", "a", "b"], ["--what"]):
            done = self.realm.run("opendext", "crash", *arguments)
            self.assertEqual(done.returncode, 2, arguments)


class FindingTest(CrasherCase):
    def test_ps_and_logs_find_the_driver(self):
        self.install()
        pid = self.up()
        shown = subprocess.run(["ps", "-ax", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
        lines = [line for line in shown.splitlines() if BUNDLE in line and int(line.split()[0]) == pid]
        self.assertEqual(len(lines), 1, shown)
        with subprocess.Popen([harness.program("opendext"), "logs", "-f", BUNDLE], env=self.realm.environment(), text=True,
                              stdout=subprocess.PIPE) as follow:
            try:
                for line in follow.stdout:
                    if "Hello World" in line:
                        break
                else:
                    self.fail("the first line of the first load is not there")
            finally:
                follow.kill()


class OrdinaryUserTest(unittest.TestCase):
    """The same without privilege: the stacks of a process are anybody's whose realm it is."""

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become somebody else")
    def test_signals_and_overflows(self):
        with tempfile.TemporaryDirectory(prefix="opendext-user-") as home:
            os.chown(home, 65534, 65534)
            done = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-B", __file__,
                 "CrashTest.test_each_signal_has_its_line", "CrashTest.test_on_other_queues_and_in_actions", "OverflowTest"],
                env=dict(os.environ, HOME=home, TMPDIR=home), text=True, capture_output=True, check=False,
                timeout=300 * harness.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr[-5000:])


if __name__ == "__main__":
    harness.main()
