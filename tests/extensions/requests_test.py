# SPDX-License-Identifier: Apache-2.0
"""Requests of applications about their extensions (OSSystemExtensionRequest), through C and C++: activation with its
questions, deactivation, properties, the workspace, and every error code that a situation here leads to."""

import os
import plistlib
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
ID = "org.example.plain"
APPLICATION = "org.example.application"
INSTALL = "com.apple.developer.system-extension.install"


def compile_program(source, output):
    compiler = ("clang++-19", "-std=c++17", "-fno-exceptions") if source.endswith(".cpp") else ("clang-19", "-std=c11")
    library = os.path.join(harness.PREFIX, "lib")
    subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-isystem", sources.client_headers(), os.path.join(HERE, source),
                    "-o", output, "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)


class Asked:
    """A request that is under way in a process of its own: its lines as they come."""

    def __init__(self, case, program, arguments, environment):
        self.case = case
        self.process = subprocess.Popen([program, *arguments], env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        case.addCleanup(self.end)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def next(self):
        return self.lines.get(timeout=60 * harness.PATIENCE)

    def expect(self, start):
        line = self.next()
        self.case.assertTrue(line.startswith(start), f"{line!r} where {start!r} is wanted")
        return line

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.reader.join()
        self.process.stdout.close()


class Cases(harness.RealmCase):
    """What holds for every language; `source` is the application."""

    source = None

    @classmethod
    def setUpClass(cls):
        if cls.source is None:
            raise unittest.SkipTest("the cases, for the languages below")
        cls.built = tempfile.mkdtemp(prefix="opendext-requests-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        harness.build_dext(os.path.join(HERE, "plain"), cls.built, ID)
        compile_program(cls.source, os.path.join(cls.built, "program"))

    def setUp(self):
        super().setUp()
        self.application = os.path.join(self.folder, "Plain.app")
        self.extensions = os.path.join(self.application, "Contents", "Library", "SystemExtensions")
        self.program = os.path.join(self.application, "Contents", "MacOS", "program")
        os.makedirs(os.path.dirname(self.program))
        shutil.copy(os.path.join(self.built, "program"), self.program)
        with open(os.path.join(self.application, "Contents", "Info.plist"), "wb") as file:
            plistlib.dump({"CFBundleIdentifier": APPLICATION}, file)
        self.embed("1")

    def embed(self, version, name="Plain.dext", **keys):
        """Puts the dext into the application, with this CFBundleVersion; a key that is None goes."""
        bundle = os.path.join(self.extensions, name)
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(os.path.join(self.built, "Plain.dext"), bundle)
        with open(os.path.join(bundle, "Info.plist"), "rb") as file:
            info = plistlib.load(file)
        info.update({"CFBundleVersion": version, "CFBundleShortVersionString": version + ".0", **keys})
        info = {key: value for key, value in info.items() if value is not None}
        with open(os.path.join(bundle, "Info.plist"), "wb") as file:
            plistlib.dump(info, file)
        return bundle

    def start(self, policy=None):
        """Brings the realm up."""
        if policy:
            os.environ["OPENDEXT_POLICY"] = policy
            self.addCleanup(os.environ.pop, "OPENDEXT_POLICY")
        self.tool("opendext", "start")

    def ask(self, *arguments, where="main", answer="replace", **more):
        return Asked(self, self.program, [where, answer, *arguments], self.realm.environment(**more))

    def lines(self, *arguments, **more):
        """All lines of a request, to its end."""
        asked = self.ask(*arguments, **more)
        found = []
        while not found or not found[-1].startswith(("finished", "failed")):
            found.append(asked.next())
        asked.process.wait(timeout=60 * harness.PATIENCE)
        return found

    def fails(self, code, *arguments, **more):
        """The words of the error that the request ends with."""
        lines = self.lines(*arguments, **more)
        self.assertTrue(lines[-1].startswith(f"failed {code} "), lines)
        return lines[-1].split(" ", 2)[2]

    def state(self):
        return [line.split("[")[1].rstrip("]") for line in self.tool("systemextensionsctl", "list").splitlines() if ID in line]

    def listed(self):
        return self.tool("systemextensionsctl", "list")

    def running(self):
        return self.wait_for(lambda: self.services("Plain") and self.services("Plain")[0]["pid"], "the driver")

    def test_activates_and_deactivates(self):
        self.start()
        self.assertEqual(self.lines("activate", ID), ["finished 0"])
        self.running()
        self.assertEqual(self.state(), ["activated enabled"])
        lines = self.lines("properties", ID, where="own")
        self.assertEqual(lines[0], "count 1")
        self.assertTrue(lines[1].startswith(f"found {ID} 1.0/1 enabled {self.realm.root}"), lines)
        self.assertEqual(lines[2:], ["finished 0"])
        self.assertEqual(self.lines("deactivate", ID, where="loop"), ["finished 0"])
        self.assertEqual(self.services("Plain"), [])
        self.assertEqual(self.lines("properties", ID), ["count 0", "finished 0"])

    def test_asks_before_it_replaces(self):
        self.start()
        self.assertEqual(self.lines("activate", ID), ["finished 0"])
        first = self.running()
        new = self.embed("2")
        lines = self.lines("activate", ID, answer="cancel", where="loop")
        self.assertTrue(lines[0].startswith(f"installed {ID} 1.0/1 enabled"), lines)
        self.assertEqual(lines[1], f"new {ID} 2.0/2 {new}")
        self.assertTrue(lines[2].startswith("failed 11 "), lines)
        self.assertEqual(self.running(), first)
        self.assertEqual(self.lines("activate", ID)[2:], ["finished 0"])
        self.assertIn("(2.0/2)", self.listed())
        self.wait_for(lambda: self.running() != first, "the new copy")

    def test_the_same_version_is_asked_about_in_developer_mode_only(self):
        self.start()
        self.assertEqual(self.lines("activate", ID), ["finished 0"])
        self.assertEqual(len(self.lines("activate", ID)), 3)
        self.tool("systemextensionsctl", "developer", "off")
        self.assertIn("applications are installed", self.fails(3, "activate", ID))

    def test_applications_have_their_places(self):
        home = os.path.join(self.folder, "home")
        os.makedirs(os.path.join(home, "Applications"))
        os.environ["HOME"], before = home, os.environ.get("HOME", "/")
        self.addCleanup(os.environ.__setitem__, "HOME", before)
        self.start()
        self.tool("systemextensionsctl", "developer", "off")
        words = self.fails(3, "activate", ID)
        self.assertIn(self.application, words)
        self.assertIn("developer mode", words)
        moved = os.path.join(home, "Applications", "Plain.app")
        shutil.move(self.application, moved)
        self.program = os.path.join(moved, "Contents", "MacOS", "program")
        self.assertEqual(self.lines("activate", ID), ["finished 0"])
        # A version that is installed is passed over.
        self.assertEqual(self.lines("activate", ID), ["finished 0"])

    def test_waits_for_the_user(self):
        self.start()
        self.tool("systemextensionsctl", "approval", "ask")
        asked = self.ask("activate", ID)
        asked.expect(f"approval {ID}")
        self.assertEqual(self.state(), ["activated waiting for user"])
        self.assertEqual(self.services("Plain"), [])
        self.assertIn(f"{ID} 1.0/1 awaiting ", self.lines("properties", ID)[1])
        self.tool("systemextensionsctl", "approve", ID)
        self.assertEqual(asked.next(), "finished 0")
        self.running()
        self.refused("systemextensionsctl", "approve", ID)
        # An upgrade of what was approved needs no approval.
        self.embed("2")
        self.assertEqual(self.lines("activate", ID)[2:], ["finished 0"])

    def test_what_the_user_denies_is_removed(self):
        self.start()
        self.tool("systemextensionsctl", "approval", "ask")
        asked = self.ask("activate", ID)
        asked.expect("approval")
        self.tool("systemextensionsctl", "deny", ID)
        asked.expect("failed 10 ")
        self.assertEqual(self.state(), [])
        self.tool("systemextensionsctl", "approval", "deny")
        self.assertIn("approval", self.fails(10, "activate", ID))
        self.assertIn("none of automatic", self.refused("systemextensionsctl", "approval", "perhaps"))

    def test_waiting_survives_application_and_daemon(self):
        self.start()
        self.tool("systemextensionsctl", "approval", "ask")
        asked = self.ask("activate", ID)
        asked.expect("approval")
        asked.end()
        self.assertEqual(self.realm.stop(), [])
        self.start()
        self.assertEqual(self.state(), ["activated waiting for user"])
        self.assertEqual(self.services("Plain"), [])
        self.tool("systemextensionsctl", "approve", ID)
        self.running()

    def kill_daemon(self):
        """Kills opendextd and waits for the next one."""
        def daemon():
            found = [pid for pid in harness.children_of(self.realm.keeper_pid())
                     if harness.command_line(pid).split(" ")[0].endswith("/opendextd")]
            return found[0] if found else None
        victim = self.wait_for(daemon, "opendextd")
        os.kill(victim, signal.SIGKILL)
        self.wait_for(lambda: daemon() not in (None, victim), "the next opendextd")

    def test_requests_go_on_when_opendextd_dies(self):
        self.start()
        self.tool("systemextensionsctl", "approval", "ask")
        asked = self.ask("activate", ID)
        asked.expect("approval")
        for _ in range(2):
            self.kill_daemon()
        self.tool("systemextensionsctl", "approve", ID)
        self.assertEqual(asked.next(), "finished 0", "the delegate hears of nothing twice")
        driver = self.running()
        os.kill(driver, signal.SIGSTOP)  # its Stop takes a while
        asked = self.ask("deactivate", ID)
        self.wait_for(lambda: self.state() == ["terminating for uninstall"], "the deactivation to begin")
        self.kill_daemon()
        os.kill(driver, signal.SIGCONT)
        self.assertEqual(asked.next(), "finished 0")
        self.assertEqual(self.state(), [])

    def test_a_later_request_takes_the_place_of_an_earlier_one(self):
        self.start()
        self.tool("systemextensionsctl", "approval", "ask")
        first = self.ask("activate", ID)
        first.expect("approval")
        second = self.ask("activate", ID)
        second.expect("approval")
        first.expect("failed 12 ")
        self.assertEqual(self.lines("deactivate", ID), ["finished 0"])
        second.expect("failed 12 ")
        self.assertEqual(self.state(), [])

    def test_says_what_is_wrong_with_the_application(self):
        self.start()
        self.assertIn(ID, self.fails(4, "activate", "org.example.other"))
        self.assertIn("not installed", self.fails(4, "deactivate", ID))
        self.assertIn("names no extension", self.fails(5, "activate", ""))
        self.embed("1", CFBundleIdentifier=None)
        self.assertIn("Plain.dext/Info.plist", self.fails(5, "activate", ID))
        self.embed("1")
        second = self.embed("2", "Second.dext")
        self.assertIn("Second.dext", self.fails(6, "activate", ID))
        shutil.rmtree(second)
        self.embed("1", CFBundlePackageType="SYSX")
        self.assertIn("SYSX", self.fails(7, "activate", ID))
        self.embed("1", CFBundleVersion="x" * 100)
        self.assertIn("CFBundleVersion", self.fails(9, "activate", ID))
        bundle = self.embed("1")
        os.rename(bundle, os.path.join(self.extensions, ID + ".dext"))
        with open(os.path.join(self.extensions, ID + ".dext", "Info.plist"), "w", encoding="utf-8") as file:
            file.write("<plist><dict>\n<key>CFBundleIdentifier</key <string>x</string></dict></plist>")
        self.assertIn("line 2, column 24", self.fails(9, "activate", ID))
        self.assertEqual(self.state(), [])

    def test_says_that_no_realm_is_up(self):
        self.assertIn("no realm is up", self.fails(1, "activate", ID))
        self.assertIn("no realm is up", self.fails(1, "list", APPLICATION))

    def test_the_strict_policy_asks_for_the_entitlement(self):
        self.start("strict")
        self.tool("systemextensionsctl", "developer", "on")
        self.assertIn(INSTALL, self.fails(2, "activate", ID))
        programs = os.path.join(self.realm.root, "programs")
        os.makedirs(programs, exist_ok=True)
        with open(os.path.join(programs, "plain.plist"), "wb") as file:
            plistlib.dump({"User": os.geteuid(), "Entitlements": {INSTALL: True}}, file)
        asked = self.ask("activate", ID)
        asked.expect("approval")

    @unittest.skipUnless(os.geteuid() == 0, "runs a program as somebody else")
    def test_only_the_owner_activates(self):
        self.start()
        for folder in (self.folder, self.realm.root, os.path.join(self.realm.root, "run")):
            os.chmod(folder, 0o755)
        os.chmod(os.path.join(self.realm.root, "run", "opendextd.sock"), 0o666)
        result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", self.program, "main", "replace",
                                 "activate", ID], env=self.realm.environment(), text=True, capture_output=True, timeout=120,
                                check=False)
        self.assertTrue(result.stdout.startswith("failed 13 "), result.stdout + result.stderr)

    def test_the_workspace_shows_what_changes(self):
        self.start()
        watch = self.ask("watch", "-")
        watch.expect("watching")
        self.assertEqual(self.lines("activate", ID), ["finished 0"])
        self.assertEqual(watch.next(), f"enabled {ID} 1.0/1")
        self.embed("2")
        self.assertEqual(self.lines("activate", ID)[2:], ["finished 0"])
        self.assertEqual(watch.next(), f"disabled {ID} 1.0/1")
        self.assertEqual(watch.next(), f"enabled {ID} 2.0/2")
        self.assertEqual(self.ask("list", APPLICATION).next(), f"has {ID} 2.0/2")
        nobody = self.ask("list", "org.example.nobody")
        nobody.process.wait(timeout=60 * harness.PATIENCE)
        nobody.reader.join()
        self.assertTrue(nobody.lines.empty())
        self.assertEqual(self.lines("deactivate", ID), ["finished 0"])
        self.assertEqual(watch.next(), f"inactive {ID} 2.0/2")
        watch.process.stdin.close()
        self.assertEqual(watch.process.wait(timeout=60 * harness.PATIENCE), 0)

    def test_an_application_can_be_named(self):
        """For interpreters, whose executable lies elsewhere; and a program beside its application finds it itself."""
        self.start()
        beside = os.path.join(self.folder, "beside")
        os.makedirs(beside)
        self.program = shutil.copy(self.program, beside)
        self.assertIn("OPENDEXT_APPLICATION", self.fails(4, "activate", ID))
        self.assertEqual(self.lines("activate", ID, OPENDEXT_APPLICATION=self.application), ["finished 0"])
        self.assertEqual(self.lines("deactivate", ID), ["finished 0"])
        self.program = shutil.copy(self.program, self.folder)
        self.assertEqual(self.lines("activate", ID), ["finished 0"])


class RequestsInC(Cases):
    source = "requests.c"


class RequestsInCpp(Cases):
    source = "requests.cpp"


if __name__ == "__main__":
    harness.main()
